"""The plan of a `controlnet` config."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gantoolkit.planning.peak_memory import flops, peak
from gantoolkit.planning.plan import CacheSize, Plan
from gantoolkit.planning.plan_bridge import count_samples


def plan_controlnet(config: dict[str, Any], plan: Plan) -> None:
    """Fill in the plan of a `controlnet` config."""
    encoder, notes = _build_encoder(config)
    plan.notes += notes
    network = encoder.controlnets[0].network.train().requires_grad_(True)
    plan.add("U-Net", encoder.unet, "frozen, fp32")
    plan.add("VAE", encoder.vae, "frozen, fp32, while latents are made")
    plan.add("text model", encoder.text_encoder.model, "frozen, fp32")
    plan.add_trained("ControlNet", network.parameters())
    plan.add("ControlNet, moving average", network, "fp32")

    if config.get("recompute"):
        network.enable_gradient_checkpointing()
        encoder.unet.train().enable_gradient_checkpointing()
    plan.peaks["training"] = peak(lambda: _iteration(encoder, network, plan.train_batch))
    plan.flops["training"] = flops(lambda: _iteration(encoder, network, 1))

    rows = count_samples(dict(train=config["data"]), "train", plan.notes)
    halves = torch.Size(encoder.latent_shape).numel()
    plan.cache["latents of the images (in memory too)"] = CacheSize(rows, 2 * halves)


def _build_encoder(config: dict[str, Any]):
    """Build the U-Net and the ControlNet as one encoder; returns it and what was assumed."""
    from gantoolkit.encoders.published import build_meta_encoder
    from gantoolkit.tasks.diffusion.controlnet import CHANNELS

    kind = config.get("condition", "mask")
    palette = config.get("palette")
    is_rgb = config.get("init_from") or palette not in (None, "one-hot")
    spec = dict(
        weights=config["diffusion"],
        controlnet=config.get("init_from") or "",
        condition=kind,
        palette=palette,
    )
    return build_meta_encoder(spec, 3 if is_rgb else CHANNELS[kind])


def _iteration(encoder, network: nn.Module, batch: int) -> None:
    """One iteration: residuals of the ControlNet, the U-Net's prediction, backward."""
    size = encoder.resolution
    channels = network.config.conditioning_channels
    z = torch.empty(batch, *encoder.latent_shape, device="meta")
    t = torch.empty(batch, device="meta", dtype=torch.int64)
    image = torch.empty(batch, channels, size, size, device="meta")
    prompt = encoder.text_encoder([""] * batch).embedding
    down, mid = network(z, t, prompt, controlnet_cond=image, return_dict=False)
    prediction = encoder.unet(
        z,
        t,
        prompt,
        down_block_additional_residuals=down,
        mid_block_additional_residual=mid,
        return_dict=False,
    )[0]
    prediction.square().mean().backward()
