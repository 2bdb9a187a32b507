"""Measure the encoder against diffusers' own ControlNet pipeline, as ratios within one run.

    python benchmarks/speed/encoder.py [--sd15] [--batch N …] [--threads N …] [--out FILE.json]

All draw the same pictures from the same weights and noise: the pipeline without features, the
encoder without (`trajectory`) and with them (`trace`). With --sd15 the networks are those of Stable
Diffusion 1.5 at 256 px with random weights, one picture in bf16: about 8 GB and ten minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import timing
import torch
from run import machine, say
from torch import nn
from universe import Universe

OUT = Path(__file__).parents[1] / "results" / "encoder.json"
SIDES = ("pipeline", "encoder", "features")  # whose time, and of ours with features
TOLERANCE = (
    1e-3  # largest difference of pixels (−1..1) in fp32 at which the pictures count as equal
)
PROMPT = "a woman with blond hair"
SD15_SIZE = 32  # of its latents


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sd15", action="store_true", help="Stable Diffusion 1.5 at 256 px")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--rounds",
        type=int,
        default=6,
        help="3 or more, of which the quieter half counts (default: 6)",
    )
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT, help="record to write or renew")
    return parser.parse_args(argv)


def embedded_model():
    """Load the zoo's diffusion model, or one of its recipe with random weights."""
    from gantoolkit.encoders.diffusion_model import load_diffusion_model

    with tempfile.TemporaryDirectory() as folder:
        universe = Universe(Path(folder))
        names = universe.name("diffusion"), universe.name("controlnet-mask")
        return load_diffusion_model(*names)


def sd15_model(size: int = SD15_SIZE, device: str = "cpu"):
    """Make Stable Diffusion 1.5's networks with random weights in bf16, for latents of `size`."""
    from gantoolkit.encoders.diffusion_model import DiffusionModel
    from gantoolkit.encoders.published import build_meta_encoder
    from gantoolkit.networks.tokenizer import train_tokenizer

    names = dict(weights="stable-diffusion-v1-5", controlnet="sd-controlnet-seg")
    spec = dict(type="ControlNetEncoder", palette="celebamask", **names)
    encoder, _ = build_meta_encoder(spec)
    network = encoder.controlnets[0].network
    parts = [encoder.unet, network, encoder.vae, encoder.text_encoder.model]
    for module in parts:
        randomize(module, device)
    encoder.unet.register_to_config(sample_size=size)
    unet, controlnet, vae, text = parts
    tokenizer = train_tokenizer([PROMPT], vocab_size=520, max_length=77)
    return DiffusionModel(unet, controlnet, vae, text, tokenizer, encoder.schedule.scheduler)


@torch.no_grad()
def randomize(module: nn.Module, device: str) -> None:
    """Move a module from the meta device to `device`, with small random weights in bf16."""
    module.to(torch.bfloat16).to_empty(device=device)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.ndim > 1 and tensor.is_floating_point():
            tensor.normal_(0, 0.02)
        elif name.endswith("position_ids"):
            tensor.copy_(torch.arange(tensor.shape[-1], device=device).expand_as(tensor))
        else:
            tensor.fill_(float(tensor.ndim == 1 and name.endswith("weight")))


class Race:
    """Pipeline and encoder of one model at one precision; each owns its copy of the weights."""

    def __init__(
        self, model, precision: str, steps: int, guidance: float = 3.0, device: str = "cpu"
    ):
        from gantoolkit.encoders.controlnet import ControlNetEncoder

        self.steps = steps
        self.guidance = guidance
        self.pipeline = diffusers_pipeline(copy.deepcopy(model), precision).to(device)
        own = copy.deepcopy(model)
        own.vae.float()
        own.text_encoder.float()
        for network in (own.unet, *own.controlnets):
            network.to(memory_format=torch.channels_last)
        self.encoder = ControlNetEncoder(own, steps=steps, guidance=guidance, precision=precision)
        self.encoder.to(device)

    def condition(self, batch: int):
        """Return the same mask and prompt with `batch` seeds."""
        from gantoolkit.core.images import one_hot
        from gantoolkit.core.types import Condition

        size = self.encoder.resolution
        labels = (torch.arange(size)[:, None] * 6 // size).expand(batch, size, size)
        return Condition((PROMPT,) * batch, one_hot(labels), seed=torch.arange(batch))

    @torch.no_grad()
    def draw(self, side: str, batch: int) -> torch.Tensor:
        """Draw `batch` pictures in −1..1."""
        condition = self.condition(batch)
        if side == "encoder":
            return self.encoder.trajectory(condition)[1]
        if side == "features":
            *_, last = self.encoder.trace(condition)
            return last.x0
        return self._draw_by_pipeline(condition)

    def _draw_by_pipeline(self, condition) -> torch.Tensor:
        size = self.encoder.resolution
        dtype = self.pipeline.unet.dtype
        picture = self.encoder.controlnets[0].control_image(condition, (size, size))
        images = self.pipeline(
            list(condition.text),
            image=picture.to(dtype),
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            height=size,
            width=size,
            latents=self.encoder.initial_latents(condition).to(dtype),
            output_type="pt",
        ).images
        return 2 * images.float() - 1


def diffusers_pipeline(model, precision: str):
    """Build diffusers' pipeline, with weights as its `from_pretrained` leaves them."""
    import gantoolkit.core.compat  # noqa: F401

    from diffusers import StableDiffusionControlNetPipeline

    pipeline = StableDiffusionControlNetPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        controlnet=model.controlnets[0],
        scheduler=model.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for module in (pipeline.unet, pipeline.controlnet, pipeline.vae):
        module.to(memory_format=torch.contiguous_format)
    pipeline.to(torch.bfloat16 if precision == "bf16" else torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def measure_case(races: dict[str, Race], batch: int, threads: int, rounds: int) -> dict:
    """Time all precisions and sides in turns; returns a row of the record."""
    torch.set_num_threads(threads)
    jobs: dict[str, Callable[[], object]] = {}
    for precision, race in races.items():
        for side in SIDES:
            jobs[f"{precision} {side}"] = job(race, side, batch)
    kept = timing.interleave(jobs, 0, least=rounds)
    seconds = {name: timing.seconds_of(kept, name) for name in jobs}
    ratios = {}
    for precision in races:
        for side in SIDES[1:]:
            name = f"{precision} {side}"
            ratios[name] = timing.ratio(seconds[f"{precision} pipeline"], seconds[name])
    return dict(
        batch=batch,
        threads=threads,
        seconds={name: timing.summary(values) for name, values in seconds.items()},
        ratios=ratios,
        others=timing.median_others(kept),
    )


def job(race: Race, side: str, batch: int) -> Callable[[], None]:
    """Return what draws once; the pictures are dropped at once."""

    def run() -> None:
        race.draw(side, batch)

    return run


def difference(race: Race) -> float:
    """Return the largest difference of pixels between the pipeline and ours."""
    expected = race.draw("pipeline", 1)
    found = [race.draw(side, 1) for side in SIDES[1:]]
    return max(float((one - expected).abs().max()) for one in found)


def measure(options: argparse.Namespace) -> dict:
    """Measure one model; returns its record."""
    model = sd15_model() if options.sd15 else embedded_model()
    precisions = ("bf16",) if options.sd15 else ("fp32", "bf16")
    races = {precision: Race(model, precision, options.steps) for precision in precisions}
    rows = []
    for threads in options.threads:
        for batch in (1,) if options.sd15 else options.batch:
            row = measure_case(races, batch, threads, options.rounds)
            listed = ", ".join(f"{name} {one['median']}" for name, one in row["ratios"].items())
            say(f"batch {batch}, {threads} threads: {listed}; others {row['others']}")
            rows.append(row)
    race = next(iter(races.values()))
    return dict(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        resolution=race.encoder.resolution,
        steps=options.steps,
        guidance=race.guidance,
        difference=timing.significant(difference(race)),
        rows=rows,
    )


def main(argv: list[str] | None = None) -> int:
    """Measure, print and renew the record; fails where the pictures differ in fp32."""
    options = arguments(argv)
    import table

    record = json.loads(options.out.read_text()) if options.out.exists() else {}
    record.setdefault("models", {})
    name = "sd15" if options.sd15 else "embedded"
    record["models"][name] = measure(options)
    table.write(record, options.out)
    found = record["models"][name]["difference"]
    if name == "embedded" and found > TOLERANCE:
        print(f"error: pictures differ by {found:g}, so ratios mean nothing.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
