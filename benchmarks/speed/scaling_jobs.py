"""The jobs whose growth scaling.py measures, one sweep or more per question.

Networks have random weights: seconds do not depend on them.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import growth
import timing
import torch
from growth import Sweep

from gantoolkit.config import loader
from gantoolkit.core.camera import orbit_camera
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.training.tensor_cache import Cache

sys.path.insert(0, str(Path(__file__).parents[1] / "scale"))

Job = Callable[[], object]
CONFIG = "configs/absm_eg3d.py"  # the embedded universe
STEPS = 2  # of a trajectory, where something else grows
CHUNK = 1024  # rays rendered at a time
READ, BATCH = 50, 8  # batches that a job reads, and samples of each
ROWS_PER_SHARD = 16  # as tasks/bridge/feature_cache.py has it


@cache
def chain():
    """Build encoder, bridge and generator of the embedded universe with random weights."""
    from chain import Chain

    return Chain.build(loader.load_config(CONFIG).to_dict(), torch.device("cpu"))


# -- pictures and steps --------------------------------------------------------------------------


def encode(count: int, steps: int = STEPS) -> Job:
    """Return a job that denoises `count` pictures with guidance and decodes them."""
    condition = chain().condition(count)
    return lambda: chain().encoder.trajectory(condition, steps)


def encode_steps(steps: int) -> Job:
    """Return a job that denoises one picture in `steps` steps."""
    return encode(1, steps)


def generate(count: int) -> Job:
    """Return a job that maps the features of `count` pictures to codes and renders these."""
    condition = chain().condition(count)
    features = next(iter(chain().encoder.trace(condition, steps=1, x0=False)))
    objective = chain().objective

    @torch.no_grad()
    def run() -> None:
        with chain().autocast():
            objective.render(objective.bridge(features), condition.camera)

    return run


# -- rays and resolution -------------------------------------------------------------------------


def render_rays(rays: int, chunk: int | None) -> Job:
    """Return a job that renders that many rays through planes, with the gradient of the planes.

    Decoder and planes' channels are EG3D's; planes and super-resolution are small, so that the
    rays take the time.
    """
    torch.manual_seed(0)
    generator = EG3D(
        resolution=64,
        channels=(8, 8),
        plane_resolution=64,
        samples=24,
        importance=24,
        superresolution="2X",
        sr_input=32,
        sr_channels=(8, 8),
    )
    generator.eval().requires_grad_(False)
    planes = torch.randn(1, 3, 32, 64, 64, requires_grad=True)
    ws = torch.randn(1, generator.num_ws, generator.w_dim)
    camera = orbit_camera(0.2)

    def run() -> None:
        render = generator.render_planes(
            planes, ws, camera, deterministic=True, rays=math.isqrt(rays), chunk=chunk
        )
        render.image.sum().backward()
        planes.grad = None

    return run


def render_chunks(rays: int) -> Job:
    """Return `render_rays` of CHUNK rays at a time."""
    return render_rays(rays, CHUNK)


def render_at_once(rays: int) -> Job:
    """Return `render_rays` that keeps what the backward pass needs of all rays."""
    return render_rays(rays, None)


@contextmanager
def at_resolution(resolution: int) -> Iterator[None]:
    """Let the encoder draw pictures of `resolution` pixels per side within a block."""
    encoder = chain().encoder
    before = encoder.unet.config.sample_size
    encoder.unet.register_to_config(sample_size=resolution // encoder.vae_downscale)
    yield
    encoder.unet.register_to_config(sample_size=before)


def encode_resolution(resolution: int) -> Job:
    """Return a job that denoises one picture of `resolution` pixels per side."""
    with at_resolution(resolution):
        condition = chain().condition(1)

    def run() -> None:
        with at_resolution(resolution):
            chain().encoder.trajectory(condition, STEPS)

    return run


def generate_resolution(resolution: int) -> Job:
    """Return a job that renders one image of a StyleGAN2 of a quarter of the published widths."""
    torch.manual_seed(0)
    generator = StyleGAN2(resolution=resolution, channel_base=8192, channel_max=128)
    generator.eval().requires_grad_(False)
    ws = torch.randn(1, generator.num_ws, generator.w_dim)
    return torch.no_grad()(lambda: generator.render(ws, noise="const"))


# -- cached samples ------------------------------------------------------------------------------


def make_features(rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Make small features of two steps, [B,2,32], whose numbers are those of their rows."""
    return dict(h=rows[:, None, None].expand(-1, 2, 32).float())


def open_cache(folder: Path, count: int) -> Cache:
    """Return a cache of `count` samples, found whole, of which every shard is open."""
    opened = Cache(folder, "features", dict(about="synthetic"), count, ROWS_PER_SHARD)
    if opened.missing():
        raise RuntimeError(f"{opened.folder} has not been filled")
    opened.read("h", range(0, count, ROWS_PER_SHARD))
    return opened


def fill_cache(folder: Path, counts: tuple[int, ...]) -> dict:
    """Fill a cache of each size once; returns the record of the filling."""
    caches = {
        str(count): Cache(folder, "features", dict(about="synthetic"), count, ROWS_PER_SHARD)
        for count in counts
    }
    fills = {count: partial(one.fill, make_features) for count, one in caches.items()}
    found = timing.run_round(fills)
    rows = [
        growth.make_row(count, [found.seconds[str(count)]], None, shards(count)) for count in counts
    ]
    return growth.make_record("samples", "fill", "shards", rows, round(found.others, 3))


def opener(folder: Path, count: int) -> Job:
    """Return a job that opens a cache."""
    return lambda: open_cache(folder, count)


def read_batches(folder: Path, count: int) -> Job:
    """Return a job that reads READ batches of random samples of an open cache."""
    opened = open_cache(folder, count)
    stream = torch.Generator().manual_seed(0)

    def run() -> None:
        for _ in range(READ):
            rows = torch.randint(count, (BATCH,), generator=stream)
            opened.read("h", rows, torch.randint(2, (BATCH,), generator=stream))

    return run


# -- all of them ---------------------------------------------------------------------------------


def powers(first: int, last: int, factor: int = 2) -> tuple[int, ...]:
    """Return first, first·factor, … up to `last`."""
    values = (first * factor**n for n in itertools.count())
    return tuple(itertools.takewhile(lambda value: value <= last, values))


def sweeps(question: str, quick: bool, folder: Path) -> Iterator[Sweep]:
    """Yield the sweeps of a question; `folder` is for caches, filled already."""
    if question == "batch":
        batches = powers(1, 2 if quick else 64)
        yield Sweep(question, "encoder", batches, encode)
        yield Sweep(question, "bridge and generator", batches, generate)
    if question == "steps":
        yield Sweep(question, "encoder", (1, 2) if quick else (1, 2, 5, 10, 20, 50), encode_steps)
    if question == "rays":
        rays = [side**2 for side in ((32, 64) if quick else (32, 48, 64, 96, 128))]
        yield Sweep(question, f"{CHUNK} at a time", rays, render_chunks)
        yield Sweep(question, "all at once", rays, render_at_once)
    if question == "resolution":
        resolutions = powers(64, 128 if quick else 512)
        yield Sweep(question, "encoder", resolutions, encode_resolution)
        yield Sweep(question, "StyleGAN2", resolutions, generate_resolution)
    if question == "samples":
        opening, reading = partial(opener, folder), partial(read_batches, folder)
        yield Sweep(question, "open", counts(quick), opening, shards, "shards")
        yield Sweep(question, "read", counts(quick), reading, lambda count: READ, "batches")


def counts(quick: bool) -> tuple[int, ...]:
    """Return the numbers of cached samples."""
    return powers(100, 1000, 10) if quick else powers(1000, 100_000, 10)


def shards(count: int) -> float:
    """Return the shards of so many samples, parts of one included."""
    return count / ROWS_PER_SHARD
