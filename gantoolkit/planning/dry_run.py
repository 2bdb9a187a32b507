"""`gantoolkit run CONFIG --dry-run`: parameters, memory per process, cache size; nothing is fetched.

All networks are built on the meta device (standins.py). One training iteration and one step of the cache
run there, while a ledger counts what is alive at the peak.
"""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import torch

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.types import Camera, Condition, Latent, Target
from gantoolkit.core.types import Sample as Pair
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.inference import load
from gantoolkit.planning import meta_models
from gantoolkit.planning.peak_memory import flops, peak
from gantoolkit.planning.plan import Plan, lines
from gantoolkit.tasks.bridge.config import CacheConfig, ObjectiveConfig, SamplingConfig
from gantoolkit.tasks.bridge.objective import Objective
from gantoolkit.tasks.bridge.systems import BATCH
from gantoolkit.tasks.bridge.trajectories import TimestepBatch, row_bytes

ASSUMED = dict(train=24000, val=2000, resolution=512)  # CelebAMask-HQ, where a zip is not here
TRAINED = 16  # bytes per trained parameter: weight, gradient and two moments of Adam in fp32


def main(config: dict[str, Any], processes: int | None = None) -> int:
    """Print the plan of a resolved config."""
    found = lines(plan(config, processes))
    if os.environ.get("RANK", "0") == "0":  # under torchrun once
        print("\n".join(found))
    return 0


def plan(config: dict[str, Any], processes: int | None = None) -> Plan:
    """The plan of a `bridge` or `controlnet` config, for `processes` (default: torchrun's, else 1)."""
    if config["task"] not in ("bridge", "controlnet"):
        raise UsageError(
            f"--dry-run plans the tasks bridge and controlnet; '{config['task']}' is small and "
            "just runs."
        )
    schedule = config.get("schedule", {})
    world = processes or int(os.environ.get("WORLD_SIZE", 1))
    if world < 1:
        raise UsageError(f"--processes {world} makes no sense; give 1 or more.")
    batch = -(-schedule.get("batch", 8) // (world * schedule.get("accumulate", 1)))
    found = Plan(world=world, batch=batch)
    (_bridge if config["task"] == "bridge" else _controlnet)(config, found)
    return found


# -- the bridge --------------------------------------------------------------------------------------------


def _bridge(config: dict, found: Plan) -> None:
    from gantoolkit.encoders.published import build_meta_encoder

    if config["encoder"]["type"] not in ("ControlNetEncoder", "DiffusionEncoder"):
        raise UsageError(
            f"--dry-run knows no architecture of the encoder '{config['encoder']['type']}'."
        )
    encoder, notes = build_meta_encoder(config["encoder"])
    found.notes += notes
    objective = build(config, encoder, found.notes)
    precision = "bf16" if encoder.unet.dtype == torch.bfloat16 else "fp32"
    held, waits = (
        (0, ", waits in the CPU's memory") if config["encoder"].get("offload") else (None, "")
    )
    found.add("U-Net", encoder.unet, f"frozen, {precision}{waits}", held)
    for one in encoder.controlnets:
        found.add("ControlNet", one, f"frozen, {precision}, sees a {one.kind}{waits}", held)
    found.add("VAE", encoder.vae, f"frozen, fp32, while caches are filled{waits}", held)
    found.add("text model", encoder.text_encoder.model, f"frozen, fp32{waits}", held)
    found.add(f"generator {config['generator']}", objective.generator, "frozen, fp32")
    _trained(config, objective, found)
    for name, term in objective.terms.items():
        if any(True for _ in term.parameters()):
            found.add(f"loss {name}", term, "frozen, fp32")
    _sizes(config, objective, found)
    _measure(config, objective, found)


def build(config: dict, encoder, notes: list[str]) -> Objective:
    """What a config's bridge would be trained by, on the meta device."""
    generator = meta_models.generator(config["generator"], notes)
    bridge = load.build_bridge(config["bridge"], encoder, generator).to("meta").train()
    terms = {name: meta_models.loss(name, spec, notes) for name, spec in config["losses"].items()}
    known = {field.name for field in fields(ObjectiveConfig)}
    settings = ObjectiveConfig(**{key: config[key] for key in known & config.keys()})
    found = Objective(encoder, bridge, generator, terms, settings)
    found.embeddings = meta_models.Embeddings(terms)
    return found


def _trained(config: dict, objective: Objective, found: Plan) -> None:
    parts = dict(M=list(objective.bridge.mapping_parameters()))
    if config.get("training") != "M only":
        parts["T"] = list(objective.bridge.modulation_parameters())
    for name, parameters in parts.items():
        count = sum(p.numel() for p in parameters)
        found.parts.append(
            (f"bridge {name}", count, TRAINED * count, "trained: weights, gradients, Adam")
        )
    if config.get("ema") is not None:
        found.add("bridge, moving average", objective.bridge, "fp32")


def _sizes(config: dict, objective: Objective, found: Plan) -> None:
    """Rows and bytes of every cache."""
    sampling, keeping = (
        SamplingConfig.of(config.get("sampling") or {}),
        CacheConfig.of(config.get("cache") or {}),
    )
    encoder = objective.encoder
    steps = len(encoder.timesteps)
    one = row_bytes(steps, encoder.latent_shape, encoder.resolution, sampling.noised)
    rows = {}
    for split in ("train", "val"):
        count = _samples(config["data"], split, found) * (
            sampling.captions if split == "train" else 1
        )
        rows[split] = count
        found.cache[f"trajectories of {split}"] = count, one
    if "id_text" in (config.get("metrics") or {}):
        found.cache["trajectories of val without text"] = rows["val"], one
    each = steps if sampling.noised and objective.targets["identity"] == "x0" else 1
    for name, term in objective.terms.items():
        if term.compares == "identity":
            found.cache[f"embeddings ({name})"] = (
                rows["train"],
                4 * term.recognizer.embedding * each,
            )
    features = steps * _feature_bytes(encoder)
    found.cache["features, if cache.max_gb allowed them"] = rows["train"], features
    if keeping.stream:
        found.notes.append(
            "cache.stream: nothing of this is written; every sample's trajectory is computed "
            "when drawn"
        )


def _feature_bytes(encoder) -> int:
    """Bytes of h, f and a of one sample and step as halves."""
    shapes = encoder.shapes
    numbers = torch.Size(shapes.h).numel()
    for channels, height, width in shapes.f:
        numbers += (2 * channels + shapes.tokens) * height * width
    return 2 * numbers + shapes.tokens


def _samples(data: dict, split: str, found: Plan) -> int:
    limit = data.get(f"{split}_limit")
    try:
        count = len(FaceZip(data[split]))
    except GantoolkitError:
        count = min(ASSUMED[split], limit or ASSUMED[split])
        found.notes.append(f"data.{split}={data[split]} is not here: {count:,} samples are assumed")
    return min(count, limit or count)


# -- measuring ---------------------------------------------------------------------------------------------


def _moment(objective: Objective, batch: int) -> TimestepBatch:
    """A batch of the right shapes."""
    encoder, size = objective.encoder, objective.encoder.resolution

    def empty(*shape: int, dtype=torch.float32):
        return torch.empty(batch, *shape, device="meta", dtype=dtype)

    camera = Camera(empty(4, 4), empty(3, 3)) if objective.generator.is_3d else None
    condition = Condition(("",) * batch, empty(19, size, size), empty(1, size, size), camera)
    target = Target(empty(3, size, size), empty(size, size, dtype=torch.int64))
    return TimestepBatch(
        Pair(condition, target),
        empty(*encoder.latent_shape),
        empty(dtype=torch.int64),
        empty(3, size, size),
        empty(dtype=torch.int64),
        empty(dtype=torch.int64),
    )


def _iteration(objective: Objective, batch: int, phase: str) -> None:
    """One turn: features, codes, render, losses, backward."""
    moment = _moment(objective, batch)
    features = objective.encoder.features(
        moment.latents, moment.t, moment.sample.condition, only_h=objective.only_h(phase)
    )
    for parameter in objective.bridge.parameters():
        parameter.requires_grad_(True)
    latent = objective.bridge(features, mapping_only=phase == "M")
    render = objective.render(latent, moment.sample.condition.camera)
    sum(objective.losses(phase, latent, render, moment).values()).backward()


def _measure(config: dict, objective: Objective, found: Plan) -> None:
    """Peaks of live tensors and floating-point work of training and of filling the cache."""
    phases = ("M",) if config.get("training") == "M only" else ("M", "T")
    found.peaks["training"] = peak(
        lambda: _iteration(objective, found.batch, phases[-1])
    )  # T holds more
    for phase in phases:
        found.flops[f"training {phase}"] = flops(lambda: _iteration(objective, 1, phase))
    size = found.cached = SamplingConfig.of(config.get("sampling") or {}).batch
    latents = torch.empty(size, *objective.encoder.latent_shape, device="meta")
    found.peaks["caching"] = max(
        peak(lambda: _denoise(objective.encoder, size)),
        peak(lambda: objective.encoder.decode(latents)),
    )
    found.flops["caching"] = flops(lambda: _denoise(objective.encoder, 1)) * len(
        objective.encoder.timesteps
    )
    found.scored = min(BATCH, size)
    found.peaks["scoring"] = peak(lambda: _score(objective, found.scored))


@torch.no_grad()
def _score(objective: Objective, batch: int) -> None:
    """Pictures of one batch of the validation split (its features take less than a guided step of the cache)."""
    generator = objective.generator
    camera = _moment(objective, batch).sample.condition.camera
    objective.render(
        Latent(torch.empty(batch, generator.num_ws, generator.w_dim, device="meta")), camera
    )


def _denoise(encoder, batch: int) -> None:
    """One guided step."""
    size = encoder.resolution
    condition = Condition(
        ("",) * batch,
        torch.empty(batch, 19, size, size, device="meta"),
        torch.empty(batch, 1, size, size, device="meta"),
    )
    with torch.no_grad(), encoder.on_device("unet", "controlnets"):
        (_, both), pictures = encoder.encode_prompt(condition), encoder.encode_condition(condition)
        encoder.predict_guided(
            torch.empty(batch, *encoder.latent_shape, device="meta"),
            encoder.timesteps[0],
            both,
            pictures,
        )


# -- the ControlNet ----------------------------------------------------------------------------------------


def _controlnet(config: dict, found: Plan) -> None:
    from gantoolkit.encoders.published import build_meta_encoder
    from gantoolkit.tasks.diffusion.controlnet import CHANNELS

    kind, palette = config.get("condition", "mask"), config.get("palette")
    channels = 3 if config.get("init_from") or palette not in (None, "one-hot") else CHANNELS[kind]
    spec = dict(
        weights=config["diffusion"],
        controlnet=config.get("init_from") or "",
        condition=kind,
        palette=palette,
    )
    encoder, notes = build_meta_encoder(spec, channels)
    found.notes += notes
    network = encoder.controlnets[0].network.train().requires_grad_(True)
    found.add("U-Net", encoder.unet, "frozen, fp32")
    found.add("VAE", encoder.vae, "frozen, fp32, while latents are made")
    found.add("text model", encoder.text_encoder.model, "frozen, fp32")
    count = sum(p.numel() for p in network.parameters())
    found.parts.append(("ControlNet", count, TRAINED * count, "trained: weights, gradients, Adam"))
    found.add("ControlNet, moving average", network, "fp32")
    if config.get("recompute"):
        network.enable_gradient_checkpointing()
        encoder.unet.train().enable_gradient_checkpointing()

    def iteration(batch: int) -> None:
        size = encoder.resolution
        z = torch.empty(batch, *encoder.latent_shape, device="meta")
        t = torch.empty(batch, device="meta", dtype=torch.int64)
        shown = torch.empty(batch, network.config.conditioning_channels, size, size, device="meta")
        words = encoder.text_encoder([""] * batch).embedding
        down, mid = network(z, t, words, controlnet_cond=shown, return_dict=False)
        encoder.unet(
            z,
            t,
            words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0].square().mean().backward()

    found.peaks["training"] = peak(lambda: iteration(found.batch))
    found.flops["training"] = flops(lambda: iteration(1))
    rows = _samples(dict(train=config["data"]), "train", found)
    found.cache["latents of the images (in memory too)"] = (
        rows,
        2 * torch.Size(encoder.latent_shape).numel(),
    )
