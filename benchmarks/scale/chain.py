"""The whole chain of a config with random weights: seconds and peak memory of each part, no download.

    python benchmarks/scale/chain.py [CONFIG] [--device cuda] [--batch 8] [--out record.json] [key=value …]

Diffusion U-Net and ControlNet, bridge, generator, IR-SE50 and LPIPS are built in full size, as
`gantoolkit run CONFIG --dry-run` plans them. Measured: one guided denoising step (the cache's work), one
training iteration with a cached z_t, and an image from noise. `naive` is what an iteration costs without
the cache, all denoising steps anew, and without the recorder, every attention by a full softmax.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from torch import nn

from gantoolkit.bench.draw_row import resident
from gantoolkit.config import loader
from gantoolkit.core import files
from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.types import Condition, Target
from gantoolkit.core.types import Sample as Pair
from gantoolkit.encoders.published import build_meta_encoder
from gantoolkit.planning import dry_run, meta_models
from gantoolkit.tasks.bridge.trajectories import TimestepBatch


def randomise(module: nn.Module, device: torch.device) -> nn.Module:
    """From the meta device to `device`, with small random weights and statistics that keep numbers finite."""
    module.to_empty(device=device)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        with torch.no_grad():
            if not tensor.is_floating_point():
                tensor.zero_()
            elif (
                name.endswith(("running_var", "alphas_cumprod"))
                or tensor.ndim == 1
                and name.endswith("weight")
            ):
                tensor.fill_(1.0)
            elif tensor.ndim > 1:
                tensor.normal_(0, 0.02)
            else:
                tensor.zero_()
    return module


def build(values: dict, device: torch.device):
    """What a config trains, without data: everything real but the numbers."""
    encoder, _ = build_meta_encoder(values["encoder"])
    task = dry_run.build(values, encoder, notes=[])
    for module in (encoder, task.generator, task.bridge, *task.terms.values()):
        randomise(module, device)
    task.device, task.mean_w = device, task.generator.mean_w
    for term in task.terms.values():
        if term.compares == "identity":
            term.recognizer.eval()
    task.embeddings = meta_models.Embeddings(task.terms, device)
    return task


def condition(task, batch: int) -> Condition:
    size, device = task.encoder.resolution, task.device
    labels = torch.randint(19, (batch, size, size), device=device)
    mask = nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2).float()
    camera = orbit_camera(torch.zeros(batch)).to(device) if task.generator.is_3d else None
    return Condition(
        ("a face",) * batch,
        mask,
        torch.rand(batch, 1, size, size, device=device),
        camera,
        torch.arange(batch),
    )


def iteration(task, given: Condition, bf16: bool, turn: str = "T") -> None:
    """One turn of T, or of M alone, with a z_t that lies there, and its backward pass."""
    batch, size, device = len(given), task.encoder.resolution, task.device
    image = torch.rand(batch, 3, size, size, device=device) * 2 - 1
    moment = TimestepBatch(
        Pair(given, Target(image)),
        torch.randn(batch, *task.encoder.latent_shape, device=device),
        torch.full((batch,), task.encoder.timesteps[-1], device=device),
        image,
        torch.arange(batch),
        torch.zeros(batch),
    )
    features = task.encoder.features(moment.latents, moment.t, given, only_h=task.only_h(turn))
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        latent = task.bridge(features, mapping_only=turn == "M")
        losses = task.losses(turn, latent, task.render(latent, given.camera), moment)
    sum(losses.values()).float().backward()
    task.bridge.zero_grad(set_to_none=True)


def naive(task, given: Condition, bf16: bool) -> None:
    """What an iteration is without cache and recorder: the whole denoising run, all attention maps written out."""
    from diffusers.models.attention_processor import AttnProcessor

    networks = [task.encoder.unet, *(one.network for one in task.encoder.controlnets)]
    kept = [dict(network.attn_processors) for network in networks]
    for network in networks:
        network.set_attn_processor(AttnProcessor())
    try:
        task.encoder.trajectory(given)
        iteration(task, given, bf16)
    finally:
        for network, processors in zip(networks, kept):
            network.set_attn_processor(processors)


@torch.no_grad()
def image(task, given: Condition, steps: int | None, bf16: bool) -> None:
    """From noise to a picture, through `steps` denoising steps (None: all)."""
    for number, features in enumerate(task.encoder.trace(given, x0=False), 1):
        if number == steps:
            break
    with torch.autocast(task.device.type, torch.bfloat16, enabled=bf16):
        task.render(task.bridge(features), given.camera)


def timed(work, device: torch.device, repeats: int) -> float:
    """Seconds of one call, the least of `repeats` after one to warm up (none where one is asked for)."""
    seconds = []
    for _ in range(repeats if repeats == 1 else repeats + 1):
        began = time.monotonic()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - began)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="configs/full/absm_eg3d.py")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", metavar="FILE")
    args = parser.parse_args()
    values, device = (
        loader.load_config(args.config, args.overrides).to_dict(),
        torch.device(args.device),
    )
    bf16 = values["schedule"]["precision"] == "bf16"
    task = build(values, device)
    given, one = condition(task, args.batch), condition(task, 1)
    steps = len(task.encoder.timesteps)
    found = {
        "trajectory": timed(lambda: task.encoder.trajectory(given), device, args.repeats)
        / args.batch
    }
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found["iteration"] = (
        timed(lambda: iteration(task, given, bf16), device, args.repeats) / args.batch
    )
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    found["iteration of M"] = (
        timed(lambda: iteration(task, given, bf16, "M"), device, args.repeats) / args.batch
    )
    found["naive iteration"] = (
        timed(lambda: naive(task, given, bf16), device, args.repeats) / args.batch
    )
    found["image, all steps"] = timed(lambda: image(task, one, None, bf16), device, args.repeats)
    found["image, one step"] = timed(lambda: image(task, one, 1, bf16), device, args.repeats)
    record = dict(
        config=args.config,
        overrides=args.overrides,
        batch=args.batch,
        steps=steps,
        torch=torch.__version__,
        device=torch.cuda.get_device_name()
        if device.type == "cuda"
        else platform.processor() or "cpu",
        threads=torch.get_num_threads(),
        seconds_per_sample={k: round(v, 5) for k, v in found.items()},
        images_per_second=round(1 / found["iteration"], 3),
        naive_over_cached=round(found["naive iteration"] / found["iteration"], 2),
        peak_training_bytes=peak,
        peak_process_bytes=resident("VmHWM") * 1024,
    )
    print(json.dumps(record, indent=1))
    if args.out:
        files.write_json(args.out, record)


if __name__ == "__main__":
    main()
