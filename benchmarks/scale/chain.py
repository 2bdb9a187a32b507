"""The whole chain of a config with random weights: seconds and peak memory of each part.

    python benchmarks/scale/chain.py [CONFIG] [--device cuda] [--batch 8] [--out record.json]
    [key=value …]

Nothing is downloaded. Diffusion U-Net and ControlNet, bridge, generator, IR-SE50 and LPIPS are
built in full size, as `gantoolkit run CONFIG --dry-run` plans them. Measured are one guided
denoising trajectory (the cache's work), one training iteration with a cached z_t, and an image from
noise. `naive` is what an iteration costs without the cache: all denoising steps anew, by diffusers'
own forward passes with every attention by a full softmax.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from torch import Tensor, nn

from gantoolkit.bench.draw_row import resident
from gantoolkit.config import loader
from gantoolkit.core import files, precision
from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.types import Condition, Sample, Target
from gantoolkit.encoders import sampling
from gantoolkit.encoders.published import build_meta_encoder
from gantoolkit.planning import meta_models, plan_bridge
from gantoolkit.tasks.bridge.trajectories import TimestepBatch

ONES = ("running_var", "alphas_cumprod")  # statistics that keep numbers finite


@torch.no_grad()
def randomize(module: nn.Module, device: torch.device) -> nn.Module:
    """Move a module from the meta device to `device`, with small random weights."""
    module.to_empty(device=device)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        is_scale = tensor.ndim == 1 and name.endswith("weight")
        if tensor.is_floating_point() and (name.endswith(ONES) or is_scale):
            tensor.fill_(1.0)
        elif tensor.is_floating_point() and tensor.ndim > 1:
            tensor.normal_(0, 0.02)
        else:
            tensor.zero_()
    return module


@dataclass
class Chain:
    """What a config trains, without data: only the weights are not real."""

    objective: object  # as gantoolkit.planning.plan_bridge builds it
    device: torch.device
    precision: str

    @classmethod
    def build(cls, config: dict, device: torch.device) -> Chain:
        """Build all networks of a config with random weights."""
        encoder, _ = build_meta_encoder(config["encoder"])
        objective = plan_bridge.build_objective(config, encoder, notes=[])
        terms = objective.terms.values()
        for module in (encoder, objective.generator, objective.bridge, *terms):
            randomize(module, device)
        objective.mean_w = objective.generator.mean_w
        for term in terms:
            if term.compares == "identity":
                term.recognizer.eval()
        objective.embeddings = meta_models.Embeddings(objective.terms, device)
        return cls(objective, device, config["schedule"]["precision"])

    @property
    def encoder(self) -> nn.Module:
        """The diffusion model."""
        return self.objective.encoder

    def autocast(self):
        """Compute in the config's precision."""
        return precision.autocast(self.precision, self.device.type)

    def condition(self, batch: int) -> Condition:
        """Make a random condition [batch]."""
        size = self.encoder.resolution
        labels = torch.randint(19, (batch, size, size), device=self.device)
        camera = None
        if self.objective.generator.is_3d:
            camera = orbit_camera(torch.zeros(batch)).to(self.device)
        return Condition(
            text=("a face",) * batch,
            mask=nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2).float(),
            scribble=torch.rand(batch, 1, size, size, device=self.device),
            camera=camera,
            seed=torch.arange(batch),
        )

    def cached_batch(self, condition: Condition) -> TimestepBatch:
        """Make a random batch at the last step, as the cache gives one."""
        batch, size = len(condition), self.encoder.resolution
        image = torch.rand(batch, 3, size, size, device=self.device) * 2 - 1
        return TimestepBatch(
            sample=Sample(condition, Target(image)),
            latents=torch.randn(batch, *self.encoder.latent_shape, device=self.device),
            t=torch.full((batch,), self.encoder.timesteps[-1], device=self.device),
            x0=image,
            rows=torch.arange(batch),
            steps=torch.zeros(batch),
        )

    def iteration(self, condition: Condition, phase: str = "T") -> None:
        """Run one iteration of phase M or T with a cached z_t, and its backward pass."""
        batch = self.cached_batch(condition)
        objective = self.objective
        features = self.encoder.features(
            batch.latents, batch.t, condition, only_h=objective.only_h(phase)
        )
        with self.autocast():
            latent = objective.bridge(features, mapping_only=phase == "M")
            render = objective.render(latent, condition.camera)
            losses = objective.losses(phase, latent, render, batch)
        sum(losses.values()).float().backward()
        objective.bridge.zero_grad(set_to_none=True)

    def naive_iteration(self, condition: Condition) -> None:
        """Run one iteration without cache, all attention maps written out."""
        from diffusers.models.attention_processor import AttnProcessor

        networks = [self.encoder.unet, *(one.network for one in self.encoder.controlnets)]
        for network in networks:
            network.set_attn_processor(AttnProcessor())
        self.naive_trajectory(condition)
        self.iteration(condition)

    @torch.no_grad()
    def naive_trajectory(self, condition: Condition) -> Tensor:
        """Denoise by diffusers' own forward passes: z_0 [B,4,h,w]."""
        encoder = self.encoder
        inputs = encoder.fixed_inputs(condition)
        text = inputs.prompts.embedding
        images = [torch.cat([image] * (len(text) // len(image))) for image in inputs.images]

        def predict(latents: Tensor, t: int) -> Tensor:
            latents = latents.to(text.dtype)
            down, mid = None, None
            for controlnet, image in zip(encoder.controlnets, images):
                more_down, more_mid = controlnet.network(latents, t, text, image, return_dict=False)
                down = more_down if down is None else [a + b for a, b in zip(down, more_down)]
                mid = more_mid if mid is None else mid + more_mid
            residuals = dict(
                down_block_additional_residuals=down, mid_block_additional_residual=mid
            )
            return encoder.unet(latents, t, text, **residuals, return_dict=False)[0].float()

        def guided(latents: Tensor, t: int) -> Tensor:
            return sampling.predict_guided(predict, latents, t, encoder.guidance)

        noise = encoder.initial_latents(condition)
        return sampling.denoise(encoder.schedule, encoder.timesteps, noise, guided)

    @torch.no_grad()
    def image(self, condition: Condition, steps: int | None) -> Tensor:
        """Render an image from noise, through `steps` denoising steps (None: all)."""
        trace = itertools.islice(self.encoder.trace(condition, x0=False), steps)
        features = collections.deque(trace, maxlen=1).pop()  # of the last step
        with self.autocast():
            latent = self.objective.bridge(features)
            return self.objective.render(latent, condition.camera).image


def least_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the seconds of the fastest call; one call comes before unless `repeats` is 1."""
    seconds = []
    for _ in range(repeats if repeats == 1 else repeats + 1):
        started = time.monotonic()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    return min(seconds)


def measure(chain: Chain, batch: int, repeats: int) -> tuple[dict[str, float], int | None]:
    """Time every part; returns seconds per sample, and the peak of training on a GPU in bytes."""
    condition, one = chain.condition(batch), chain.condition(1)
    on_gpu = chain.device.type == "cuda"

    def timed(work: Callable[[], object], samples: int = batch) -> float:
        return least_seconds(work, chain.device, repeats) / samples

    seconds = {"trajectory": timed(lambda: chain.encoder.trajectory(condition))}
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds["iteration"] = timed(lambda: chain.iteration(condition))
    peak = torch.cuda.max_memory_allocated() if on_gpu else None
    seconds["iteration of M"] = timed(lambda: chain.iteration(condition, "M"))
    seconds["naive iteration"] = timed(lambda: chain.naive_iteration(condition))
    seconds["image, all steps"] = timed(lambda: chain.image(one, None), samples=1)
    seconds["image, one step"] = timed(lambda: chain.image(one, 1), samples=1)
    return seconds, peak


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="configs/full/absm_eg3d.py")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", metavar="FILE")
    return parser.parse_args()


def main() -> None:
    """Measure a config's chain, print the record and write it."""
    args = arguments()
    device = torch.device(args.device)
    config = loader.load_config(args.config, args.overrides).to_dict()
    chain = Chain.build(config, device)
    seconds, peak = measure(chain, args.batch, args.repeats)
    is_gpu = device.type == "cuda"
    record = dict(
        config=args.config,
        overrides=args.overrides,
        batch=args.batch,
        steps=len(chain.encoder.timesteps),
        torch=torch.__version__,
        device=torch.cuda.get_device_name() if is_gpu else platform.processor() or "cpu",
        threads=torch.get_num_threads(),
        seconds_per_sample={part: round(value, 5) for part, value in seconds.items()},
        images_per_second=round(1 / seconds["iteration"], 3),
        naive_over_cached=round(seconds["naive iteration"] / seconds["iteration"], 2),
        peak_training_bytes=peak,
        peak_process_bytes=resident("VmHWM") * 1024,
    )
    print(json.dumps(record, indent=1))
    if args.out:
        files.write_json(args.out, record)


if __name__ == "__main__":
    main()
