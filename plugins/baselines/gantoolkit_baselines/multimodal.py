"""Baselines of 2024 and later that see text and mask at once: MM2Latent, MMFace-DiT."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from gantoolkit import networks as pretrained
from gantoolkit import weights as weights_files
from gantoolkit.bench.systems import Diffused, System, needs_of
from gantoolkit.bench.trained_by import networks_of_generator, notes_on_generator
from gantoolkit.core.camera import frame_of
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.generators import load_generator
from gantoolkit.registry import registry
from gantoolkit.weights.state_dict import load_state_dict
from gantoolkit_baselines.mm2latent import MM2Latent
from gantoolkit_baselines.runs import exported_file, exported_folder


class MM2LatentStyle(System):
    """Map the embeddings of prompt and mask to one code w by one pass (MM2Latent).

    run     run folder or export of the task `mm2latent`; it knows its generator
    towers  run folder or export of the task `towers` that it was trained with
    """

    needs = ("text", "mask")
    latent_source = "none: no diffusion model"

    def __init__(self, run: str, towers: str = "towers"):
        self.file = exported_file(run, "mm2latent.safetensors")
        state, arch, meta = weights_files.load(self.file)
        arguments = {key: value for key, value in arch.items() if key != "type"}
        self.network = MM2Latent(**arguments)
        load_state_dict(self.network, state, self.file)
        self.network.eval().requires_grad_(False)
        self.trained_with = json.loads(meta["networks"])

        self.generator_name = meta["generator"]
        self.generator = load_generator(self.generator_name)
        self.frame = frame_of(self.generator)
        self.towers_name = exported_folder(towers, "towers")
        self.towers = pretrained.load(self.towers_name)

    @torch.no_grad()
    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        text = self.towers.embed_text(list(condition.text))
        w = self.network(text, self.network.autoencoder.encode(condition.mask))
        return w[:, None].expand(-1, self.generator.num_ws, -1)

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(solution, camera, noise="const", deterministic=True)

    def networks(self) -> dict[str, str]:
        generator = networks_of_generator(self.generator_name)
        return {**self.trained_with, **generator, "text": self.towers_name}

    def weights(self) -> dict[str, str]:
        return {
            "mm2latent": weights_files.sha256(self.file),
            **weights_files.checksums({self.generator_name, self.towers_name}),
        }

    def notes(self) -> list[str]:
        return notes_on_generator(self.generator_name)

    def to(self, device):
        for module in (self.network, self.generator, self.towers):
            module.to(device)
        return self


class MMFaceDiTStyle(Diffused):
    """Draw with a dual-stream diffusion transformer, one for masks and scribbles (MMFace-DiT).

    run        run folder, export or weights of the task `dit`
    vae        folder or name of the VAE that it was trained on
    text       folder or name of its text model
    condition  'mask' or 'scribble'
    steps      of Euler's method
    guidance   scale of classifier-free guidance on the text; 1 is none
    precision  'fp32' or 'bf16'
    """

    def __init__(
        self,
        run: str,
        vae: str = "diffusion",
        text: str = "diffusion",
        condition: str = "mask",
        steps: int = 20,
        guidance: float = 3.0,
        precision: str = "fp32",
    ):
        self.spec = dict(
            type="MMFaceEncoder",
            weights=str(exported_file(run, "dit.safetensors")),
            vae=vae,
            text=text,
            condition=condition,
            steps=steps,
            guidance=guidance,
            precision=precision,
        )
        self.encoder = registry.build("encoder", self.spec)
        self.needs = needs_of(condition)
