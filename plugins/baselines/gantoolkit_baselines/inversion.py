"""Baselines that encode into W+ and then follow the prompt by optimisation: TediGAN's and IDE-3D's ideas."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import networks as rooms
from gantoolkit import weights as zoo
from gantoolkit.bench.systems import System
from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.generators import load_generator
from gantoolkit_baselines import runs
from gantoolkit_baselines.codes import CodeEncoder
from gantoolkit_baselines.optimise import Follow, follow_text


class TediGANStyle(System):
    """A mask encoder gives all codes; those from `mix` on follow the prompt, in the space of text–image towers.

    encoder   run folder or export of the task `code_encoder`; it knows its generator
    towers    run folder or export of the task `towers`
    mix       first code that the prompt may change; None: the finer half
    steps, lr, text, pixels, code, precision   of the optimisation (gantoolkit_baselines.optimise.Follow)
    """

    needs, latent_source = ("text", "mask"), "none: no diffusion model"

    def __init__(
        self,
        encoder: str,
        towers: str = "towers",
        mix: int | None = None,
        steps: int = 40,
        lr: float = 0.03,
        text: float = 1.0,
        pixels: float = 1.0,
        code: float = 0.05,
        precision: str = "fp32",
    ):
        self.file, self.tower_source = (
            runs.exported(encoder, "encoder.safetensors"),
            runs.folder(towers, "towers"),
        )
        state, arch, meta = zoo.load(self.file)
        self.encoder = CodeEncoder(**{k: v for k, v in arch.items() if k != "type"})
        self.encoder.load_state_dict(state)
        self.encoder.eval().requires_grad_(False)
        self.generator, self.trained_with = (
            load_generator(meta["generator"]),
            json.loads(meta["networks"]),
        )
        self.generator_source, self.towers = meta["generator"], rooms.load(self.tower_source)
        self.mix = self.generator.num_ws // 2 if mix is None else mix
        self.how = Follow(steps, lr, text, pixels, code, precision)
        self.is_3d = self.generator.is_3d
        self.frame = frame_of(self.generator)
        self._check()

    def _check(self) -> None:
        """The encoder must be of this system's kind."""
        if self.is_3d or self.encoder.photo is not None:
            raise UsageError(
                "TediGANStyle draws with a 2D generator from the mask alone; give an encoder of "
                "configs/baselines/tedigan_mask.py."
            )

    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            ws = self.encoder(condition.mask, image)
        return follow_text(
            lambda codes: self._draw(codes, condition.camera).image,
            self.towers,
            ws,
            condition.text,
            self.mix,
            self.how,
        )

    def _draw(self, ws: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(ws, camera, noise="const", deterministic=True)

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self._draw(solution, camera)

    def networks(self) -> dict[str, str]:
        return {**self.trained_with, "text": self.tower_source}

    def weights(self) -> dict[str, str]:
        files = {
            "encoder": self.file,
            self.generator_source: zoo.resolve(self.generator_source),
            "towers": Path(self.tower_source),
        }
        return {name: zoo.sha256(Path(file)) for name, file in files.items()}

    def to(self, device):
        for part in (self.encoder, self.generator, self.towers):
            part.to(device)
        return self


class IDE3DStyle(TediGANStyle):
    """The mask gives the codes of geometry, the photo those of appearance, which then follow the prompt.

    It sees the photo, as in the paper, so that its row stands outside the ranking.
    """

    needs = ("text", "mask", "camera", "image")

    def _check(self) -> None:
        if not self.is_3d or self.encoder.photo is None:
            raise UsageError(
                "IDE3DStyle draws with a 3D generator from mask and photo; give an encoder of "
                "configs/baselines/ide3d_hybrid.py."
            )
        self.mix = self.encoder.geometry
