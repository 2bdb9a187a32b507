"""The plan of a `bridge` config: networks, caches, and the cost of its iterations."""

from __future__ import annotations

import math
from dataclasses import fields
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.types import Camera, Condition, Latent, Sample, Target
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.family import complete_spec
from gantoolkit.inference import load
from gantoolkit.planning import meta_models
from gantoolkit.planning.peak_memory import flops, peak
from gantoolkit.planning.plan import CacheSize, Plan
from gantoolkit.tasks.bridge.config import CacheConfig, ObjectiveConfig, SamplingConfig
from gantoolkit.tasks.bridge.objective import Objective
from gantoolkit.tasks.bridge.systems import BATCH
from gantoolkit.tasks.bridge.trajectories import TimestepBatch, row_bytes

ASSUMED_SAMPLES = dict(train=24000, val=2000)  # CelebAMask-HQ's, where a zip is not here
BUILDERS = {  # type of an encoder → the function that builds it on the meta device
    "ControlNetEncoder": "gantoolkit.encoders.published:build_meta_encoder",
    "DiffusionEncoder": "gantoolkit.encoders.published:build_meta_encoder",
    "SDXLEncoder": "gantoolkit.encoders.published_sdxl:build_meta_sdxl",
    "SD3Encoder": "gantoolkit.encoders.published_transformers:build_meta_sd3",
    "FluxEncoder": "gantoolkit.encoders.published_transformers:build_meta_flux",
    "MMFaceEncoder": "gantoolkit.encoders.published_mmface:build_meta_mmface",
}


def plan_bridge(config: dict[str, Any], plan: Plan) -> None:
    """Fill in the plan of a `bridge` config."""
    config = config | {"encoder": complete_spec(config["encoder"])}
    encoder_type = config["encoder"]["type"]
    if encoder_type not in BUILDERS:
        raise UsageError(f"--dry-run knows no architecture of the encoder '{encoder_type}'.")
    module, _, function = BUILDERS[encoder_type].partition(":")
    encoder, notes = getattr(import_module(module), function)(config["encoder"])
    plan.notes += notes
    objective = build_objective(config, encoder, plan.notes)
    _add_encoder(config, encoder, plan)
    plan.add(f"generator {config['generator']}", objective.generator, "frozen, fp32")
    _add_trained(config, objective, plan)
    for name, term in objective.terms.items():
        if any(True for _ in term.parameters()):
            plan.add(f"loss {name}", term, "frozen, fp32")
    _add_caches(config, objective, plan)
    _measure(config, objective, plan)


def build_objective(config: dict[str, Any], encoder, notes: list[str]) -> Objective:
    """Build what a config's bridge is trained by, on the meta device; assumptions go to `notes`."""
    generator = meta_models.generator(config["generator"], notes)
    bridge = load.build_bridge(config["bridge"], encoder, generator).to("meta").train()
    terms = {name: meta_models.loss(name, spec, notes) for name, spec in config["losses"].items()}
    own_keys = {field.name for field in fields(ObjectiveConfig)} & config.keys()
    objective_config = ObjectiveConfig(**{key: config[key] for key in own_keys})
    objective = Objective(encoder, bridge, generator, terms, objective_config)
    objective.embeddings = meta_models.Embeddings(terms)
    return objective


def _add_encoder(config: dict[str, Any], encoder, plan: Plan) -> None:
    """Note the networks of the encoder, which take no device memory while they wait on the CPU."""
    precision = "bf16" if encoder.dtype == torch.bfloat16 else "fp32"
    where, size = "", None
    if config["encoder"].get("offload"):
        where, size = ", waits in the CPU's memory", 0
    main = encoder.denoisers[0]
    name = "U-Net" if main == "unet" else "transformer"
    plan.add(name, encoder.get_submodule(main), f"frozen, {precision}{where}", size)
    for control in getattr(encoder, "controlnets", ()):
        remark = f"frozen, {precision}, sees a {control.kind}{where}"
        plan.add("ControlNet", control, remark, size)
    plan.add("VAE", encoder.vae, f"frozen, fp32, while caches are filled{where}", size)
    text_model = encoder.text_encoder.model
    is_fp32 = next(text_model.parameters()).dtype == torch.float32
    text_precision = "fp32" if is_fp32 else "bf16"
    plan.add("text model", text_model, f"frozen, {text_precision}{where}", size)


def _add_trained(config: dict[str, Any], objective: Objective, plan: Plan) -> None:
    bridge = objective.bridge
    plan.add_trained("bridge M", bridge.mapping_parameters())
    if config.get("training") != "M only":
        plan.add_trained("bridge T", bridge.modulation_parameters())
    if config.get("ema") is not None:
        plan.add("bridge, moving average", bridge, "fp32")


def _add_caches(config: dict[str, Any], objective: Objective, plan: Plan) -> None:
    """Note rows and bytes of every cache."""
    sampling = SamplingConfig.of(config.get("sampling") or {})
    cache = CacheConfig.of(config.get("cache") or {})
    encoder = objective.encoder
    steps = len(encoder.timesteps)
    trajectory = row_bytes(steps, encoder.latent_shape, encoder.resolution, sampling.noised)
    train_rows = count_samples(config["data"], "train", plan.notes) * sampling.captions
    val_rows = count_samples(config["data"], "val", plan.notes)

    plan.cache["trajectories of train"] = CacheSize(train_rows, trajectory)
    plan.cache["trajectories of val"] = CacheSize(val_rows, trajectory)
    if "id_text" in (config.get("metrics") or {}):
        plan.cache["trajectories of val without text"] = CacheSize(val_rows, trajectory)

    for name, targets in objective.embedded_targets().items():
        embedding = math.prod(objective.terms[name].embedded_shape)
        numbers = 0
        for target in targets:
            every_step = sampling.noised and target == "x0"
            numbers += embedding * (steps if every_step else 1)
        plan.cache[f"embeddings ({name})"] = CacheSize(train_rows, 4 * numbers)

    features = CacheSize(train_rows, steps * feature_bytes(encoder))
    plan.cache["features, if cache.max_gb allowed them"] = features
    if cache.stream:
        plan.notes.append(
            "cache.stream: nothing of this is written; every sample's trajectory is computed "
            "when it is asked for"
        )


def feature_bytes(encoder) -> int:
    """Count the bytes of h, f and a of one sample and step as halves."""
    shapes = encoder.shapes
    numbers = torch.Size(shapes.h).numel()
    for channels, height, width in shapes.f:
        numbers += (2 * channels + shapes.tokens) * height * width
    return 2 * numbers + shapes.tokens


def count_samples(data: dict[str, Any], split: str, notes: list[str]) -> int:
    """Count the samples of a split; a zip that is not here is assumed to be CelebAMask-HQ's."""
    limit = data.get(f"{split}_limit")
    try:
        count = len(FaceZip(data[split]))
    except GantoolkitError:
        count = ASSUMED_SAMPLES[split]
        if limit:
            count = min(count, limit)
        notes.append(f"data.{split}={data[split]} is not here: {count:,} samples are assumed")
    return min(count, limit or count)


def _measure(config: dict[str, Any], objective: Objective, plan: Plan) -> None:
    """Measure peaks of live tensors, and floating-point work, of training, caching and scoring."""
    encoder = objective.encoder
    phases = ("M",) if config.get("training") == "M only" else ("M", "T")
    costliest = phases[-1]  # T holds more
    plan.peaks["training"] = peak(lambda: _iteration(objective, plan.train_batch, costliest))
    for phase in phases:
        one_sample = partial(_iteration, objective, 1, phase)
        plan.flops[f"training {phase}"] = flops(one_sample)

    batch = SamplingConfig.of(config.get("sampling") or {}).batch
    latents = torch.empty(batch, *encoder.latent_shape, device="meta")
    denoising = peak(lambda: _denoise(encoder, batch))
    decoding = peak(lambda: encoder.decode(latents))
    plan.cache_batch = batch
    plan.peaks["caching"] = max(denoising, decoding)
    plan.flops["caching"] = flops(lambda: _denoise(encoder, 1)) * len(encoder.timesteps)

    plan.score_batch = min(BATCH, batch)
    plan.peaks["scoring"] = peak(lambda: _score(objective, plan.score_batch))


def _iteration(objective: Objective, batch: int, phase: str) -> None:
    """One phase of an iteration: features, codes, render, losses, backward."""
    moment = _timestep_batch(objective, batch)
    condition = moment.sample.condition
    features = objective.encoder.features(
        moment.latents, moment.t, condition, only_h=objective.only_h(phase)
    )
    for parameter in objective.bridge.parameters():
        parameter.requires_grad_(True)
    latent = objective.bridge(features, mapping_only=phase == "M")
    render = objective.render(latent, condition.camera) if objective.needs_render else None
    losses = objective.losses(phase, latent, render, moment)
    sum(losses.values()).backward()


@torch.no_grad()
def _score(objective: Objective, batch: int) -> None:
    """Render one batch of the validation split; its features take less than a step of the cache."""
    generator = objective.generator
    camera = _timestep_batch(objective, batch).sample.condition.camera
    ws = torch.empty(batch, generator.num_ws, generator.w_dim, device="meta")
    objective.render(Latent(ws), camera)


@torch.no_grad()
def _denoise(encoder, batch: int) -> None:
    """One guided step."""
    size = encoder.resolution
    mask = torch.empty(batch, 19, size, size, device="meta")
    scribble = torch.empty(batch, 1, size, size, device="meta")
    condition = Condition(("",) * batch, mask, scribble)
    z = torch.empty(batch, *encoder.latent_shape, device="meta")
    with encoder.on_device(*encoder.denoisers):
        encoder.predict_guided(z, encoder.timesteps[0], encoder.fixed_inputs(condition))


def _timestep_batch(objective: Objective, batch: int) -> TimestepBatch:
    """A training batch of the right shapes."""
    encoder = objective.encoder
    size = encoder.resolution

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(batch, *shape, device="meta", dtype=dtype)

    camera = None
    if objective.generator.is_3d:
        camera = Camera(empty(4, 4), empty(3, 3))
    condition = Condition(("",) * batch, empty(19, size, size), empty(1, size, size), camera)
    target = Target(empty(3, size, size), empty(size, size, dtype=torch.int64))
    return TimestepBatch(
        Sample(condition, target),
        empty(*encoder.latent_shape),
        empty(dtype=torch.int64),
        empty(3, size, size),
        empty(dtype=torch.int64),
        empty(dtype=torch.int64),
    )
