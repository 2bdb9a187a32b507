"""The diffusion model without a ControlNet: what text alone gives (an ablation)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel


class DiffusionEncoder(ControlNetEncoder):
    """A frozen U-Net that never sees the visual condition; else as ControlNetEncoder.

    weights    folder (or name) with unet/ vae/ text_encoder/ tokenizer/ scheduler/
    steps      S, the DDIM steps of a trajectory
    guidance   scale of classifier-free guidance (1 = none)
    tap        f^n at the last 'attention' of an up block or at the 'block' output
    precision  'fp32' or 'bf16' for the U-Net; features and latents are always fp32
    offload    keep networks in the CPU's memory, and on the device only while they work
    negative_prompt  what guidance leads away from; "": the empty prompt

    >>> encoder = DiffusionEncoder("diffusion", steps=2)
    >>> encoder.condition, encoder.timesteps
    ('none', (999, 499))
    """

    def __init__(
        self,
        weights: str | Path | DiffusionModel,
        steps: int = 10,
        guidance: float = 3.0,
        tap: Literal["attention", "block"] = "attention",
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
        negative_prompt: str = "",
    ):
        if isinstance(weights, DiffusionModel):
            weights = replace(weights, controlnet=None, controlnet_names=())
        super().__init__(
            weights,
            controlnet=None,
            steps=steps,
            guidance=guidance,
            tap=tap,
            precision=precision,
            offload=offload,
            negative_prompt=negative_prompt,
        )
