"""Baselines that encode into W+ and then follow the prompt by optimization: TediGAN, IDE-3D."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import networks as pretrained
from gantoolkit import weights as weights_files
from gantoolkit.bench.systems import System
from gantoolkit.bench.trained_by import networks_of_generator, notes_on_generator
from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.generators import load_generator
from gantoolkit.weights.state_dict import load_state_dict
from gantoolkit_baselines.codes import CodeEncoder
from gantoolkit_baselines.runs import exported_file, exported_folder
from gantoolkit_baselines.text_optimization import TextOptimization, optimize_text


class TediGANStyle(System):
    """Encode the mask to all codes, then move the fine ones towards the prompt (TediGAN).

    encoder           run folder or export of the task `code_encoder`; it knows its generator
    towers            run folder or export of the task `towers`
    first_text_layer  first code that the prompt may change; None: the finer half
    steps             of the optimization
    lr                learning rate of the codes
    text              weight of the distance between image and prompt
    pixels            weight of the distance to the initial image
    code              weight of the distance to the initial codes
    precision         'fp32' or 'bf16'
    """

    needs = ("text", "mask")
    latent_source = "none: no diffusion model"

    def __init__(
        self,
        encoder: str,
        towers: str = "towers",
        first_text_layer: int | None = None,
        steps: int = 40,
        lr: float = 0.03,
        text: float = 1.0,
        pixels: float = 1.0,
        code: float = 0.05,
        precision: str = "fp32",
    ):
        self.encoder_file = exported_file(encoder, "encoder.safetensors")
        state, arch, meta = weights_files.load(self.encoder_file)
        arguments = {key: value for key, value in arch.items() if key != "type"}
        self.encoder = CodeEncoder(**arguments)
        load_state_dict(self.encoder, state, self.encoder_file)
        self.encoder.eval().requires_grad_(False)
        self.trained_with = json.loads(meta["networks"])

        self.generator_name = meta["generator"]
        self.generator = load_generator(self.generator_name)
        self.towers_name = exported_folder(towers, "towers")
        self.towers = pretrained.load(self.towers_name)
        self.first_text_layer = first_text_layer
        if first_text_layer is None:
            self.first_text_layer = self.generator.num_ws // 2
        self.options = TextOptimization(steps, lr, text, pixels, code, precision)
        self.is_3d = self.generator.is_3d
        self.frame = frame_of(self.generator)
        self._check_encoder()

    def _check_encoder(self) -> None:
        """Refuse an encoder of another kind."""
        if self.is_3d or self.encoder.photo is not None:
            raise UsageError(
                "TediGANStyle draws with a 2D generator from the mask only; give an encoder of "
                "configs/baselines/tedigan_mask.py."
            )

    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            ws = self.encoder(condition.mask, image)

        def render(codes: Tensor) -> Tensor:
            return self._render(codes, condition.camera).image

        return optimize_text(
            render, self.towers, ws, condition.text, self.first_text_layer, self.options
        )

    def _render(self, ws: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(ws, camera, noise="const", deterministic=True)

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self._render(solution, camera)

    def networks(self) -> dict[str, str]:
        generator = networks_of_generator(self.generator_name)
        return {**self.trained_with, **generator, "text": self.towers_name}

    def weights(self) -> dict[str, str]:
        return {
            "encoder": weights_files.sha256(self.encoder_file),
            self.generator_name: weights_files.sha256(weights_files.resolve(self.generator_name)),
            "towers": weights_files.sha256(Path(self.towers_name)),
        }

    def notes(self) -> list[str]:
        return notes_on_generator(self.generator_name)

    def to(self, device):
        for module in (self.encoder, self.generator, self.towers):
            module.to(device)
        return self


class IDE3DStyle(TediGANStyle):
    """Encode the mask to codes of geometry, the photo to codes that follow the prompt (IDE-3D).

    It sees the photo, as in the paper, so that its row stands outside the ranking. Arguments are
    those of TediGANStyle; the first text layer is the encoder's first code of appearance.
    """

    needs = ("text", "mask", "camera", "image")

    def _check_encoder(self) -> None:
        if not self.is_3d or self.encoder.photo is None:
            raise UsageError(
                "IDE3DStyle draws with a 3D generator from mask and photo; give an encoder of "
                "configs/baselines/ide3d_hybrid.py."
            )
        self.first_text_layer = self.encoder.geometry
