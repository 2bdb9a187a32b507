"""The diffusion model without a ControlNet: what text alone gives (an ablation)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.folders import Parts


class DiffusionEncoder(ControlNetEncoder):
    """As ControlNetEncoder, but the visual condition is never shown to the U-Net.

    weights, steps, guidance, tap, precision, offload   as there
    """

    def __init__(
        self,
        weights: str | Path | Parts,
        steps: int = 10,
        guidance: float = 3.0,
        tap: Literal["attention", "block"] = "attention",
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
    ):
        if isinstance(weights, Parts):
            weights = Parts(
                weights.unet, None, weights.vae, weights.text, weights.tokenizer, weights.scheduler
            )
        super().__init__(
            weights,
            None,
            steps=steps,
            guidance=guidance,
            tap=tap,
            precision=precision,
            offload=offload,
        )
