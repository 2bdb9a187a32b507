"""What gpu.py times: each part at the embedded and at the published sizes, beside its rival."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import synthesis
import torch
from encoder import Race, embedded_model, sd15_model
from torch import nn
from universe import Universe

from gantoolkit.config import loader

sys.path.insert(0, str(Path(__file__).parents[1] / "scale"))
from chain import Chain

SD15_LATENTS = 64  # pixels per side: 512 px
STEPS = 10
STYLEGAN2_1024 = dict(type="StyleGAN2", resolution=1024, channel_base=32768)
# All samples of a ray in one pass: the port has no importance sampling
EG3D_512 = dict(type="EG3D", resolution=512, samples=96, importance=0)


@dataclass
class Jobs:
    """What is timed of a case; the first run is the rival that others are compared with."""

    runs: dict[str, Callable[[], object]]
    batch: int
    precision: str
    difference: float | None = None  # of pixels in −1..1 from the rival's in fp32, at most
    compilable: dict[str, list[nn.Module]] = field(default_factory=dict)  # variant → its networks


@dataclass(frozen=True)
class Case:
    """A part of the method at one size."""

    part: str
    size: str
    networks: str
    build: Callable[[str, bool], Jobs]  # (device, quick) → what is timed


def encoder_jobs(device: str, quick: bool, paper: bool) -> Jobs:
    """Build diffusers' pipeline, and the encoder without and with features."""
    batch = 1 if quick else (4 if paper else 8)
    model = sd15_model(SD15_LATENTS, device) if paper else embedded_model()
    race = Race(model, "bf16", 2 if quick else STEPS, device=device)
    runs = {
        "diffusers' pipeline": partial(race.draw, "pipeline", batch),
        "encoder": partial(race.draw, "encoder", batch),
        "encoder with features": partial(race.draw, "features", batch),
    }
    networks = [race.pipeline.unet, race.pipeline.controlnet]
    return Jobs(runs, batch, "bf16", compilable={"diffusers' pipeline": networks})


def training_jobs(device: str, quick: bool, config: str) -> Jobs:
    """Build the naive loop, which denoises anew, and iterations of both phases with a cache."""
    batch = 1 if quick else 4
    overrides = ["encoder.steps=2"] if quick else []
    values = loader.load_config(config, overrides).to_dict()
    chain = Chain.build(values, torch.device(device))
    condition = chain.condition(batch)
    runs = {
        "naive loop": partial(chain.naive_iteration, condition),
        "phase M with cache": partial(chain.iteration, condition, "M"),
        "phase T with cache": partial(chain.iteration, condition, "T"),
    }
    trained = [chain.objective.bridge, *parts_of(chain.objective.generator)]
    denoisers = [chain.encoder.unet, *(one.network for one in chain.encoder.controlnets)]
    compilable = {"phase T with cache": trained, "naive loop": denoisers}
    return Jobs(runs, batch, chain.precision, compilable=compilable)


def generation_jobs(device: str, quick: bool, arch: dict | str, backward: bool) -> Jobs:
    """Build a generator, and the port of the official reference operations at its weights.

    arch  a weights name, or an architecture that gets random weights
    """
    batch = 1 if quick else 4
    with tempfile.TemporaryDirectory() as folder:
        pair = synthesis.Pair(synthesis.Case("", arch, batch), Universe(Path(folder)), device)
    names = {"reference operations": "port", "generator": "ours"}
    runs = {name: partial(pair.run, variant, "bf16", backward) for name, variant in names.items()}
    compilable = {"generator": parts_of(pair.generator), "reference operations": [pair.reference]}
    return Jobs(runs, batch, "bf16", pair.compare("fp32")["ours: pixels"], compilable)


def parts_of(generator: nn.Module) -> list[nn.Module]:
    """Return the networks that a generator calls to render."""
    if generator.is_3d:
        return [generator.backbone.synthesis, generator.decoder, generator.superresolution]
    return [generator.synthesis]


def cases(quick: bool) -> list[Case]:
    """List all cases; the quick ones are those of the embedded sizes."""
    listed = []
    for paper in (False, True):
        size = "paper" if paper else "embedded"
        diffusion = "Stable Diffusion 1.5" if paper else "embedded U-Net"
        listed.append(Case("encoder", size, diffusion, partial(encoder_jobs, paper=paper)))
        config = "configs/full/absm_eg3d.py" if paper else "configs/absm_eg3d.py"
        training = partial(training_jobs, config=config)
        listed.append(Case("bridge training", size, f"{diffusion}, EG3D", training))
        generators = {"StyleGAN2": "stylegan2", "EG3D": "eg3d"}
        if paper:
            generators = {"StyleGAN2 1024 px": STYLEGAN2_1024, "EG3D 512 px": EG3D_512}
        for title, arch in generators.items():
            for backward in (False, True):
                networks = f"{title}, {'forward + backward' if backward else 'forward'}"
                build = partial(generation_jobs, arch=arch, backward=backward)
                listed.append(Case("generation", size, networks, build))
    return [case for case in listed if not quick or case.size == "embedded"]
