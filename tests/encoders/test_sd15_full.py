"""Stable Diffusion 1.5 and a ControlNet at full size, random weights: what the recorder reads.

About 6 GB of memory and minutes on two cores: `pytest -m slow tests/encoders/test_sd15_full.py`.
$GANTOOLKIT_FULL_LATENT (default 64) sets the latents' size; 32 takes a quarter of the time.
"""

from __future__ import annotations

import os

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch

from gantoolkit.encoders.published import SD15
from gantoolkit.encoders.recorder import FeatureRecorder

pytestmark = pytest.mark.slow
SIZE = int(os.environ.get("GANTOOLKIT_FULL_LATENT") or 64)


def spread(module: torch.nn.Module, seed: int, scale: float = 0.02) -> torch.nn.Module:
    """Random weights everywhere, also where training starts from zero."""
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, scale, generator=stream)
            elif name.endswith("weight"):
                parameter.fill_(1.0)
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def networks():
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    unet = spread(UNet2DConditionModel(**SD15["unet"]), 0)
    return unet, spread(ControlNetModel.from_unet(unet, load_weights_from_unet=False), 1)


@torch.no_grad()
def test_taps_of_the_full_networks(networks):
    unet, controlnet = networks
    stream = torch.Generator().manual_seed(2)
    z, words = (
        torch.randn(1, 4, SIZE, SIZE, generator=stream),
        torch.randn(1, 77, 768, generator=stream),
    )
    t, shown = torch.tensor([500]), torch.rand(1, 3, 8 * SIZE, 8 * SIZE, generator=stream)
    down, mid = controlnet(z, t, words, controlnet_cond=shown, return_dict=False)
    residuals = dict(
        down_block_additional_residuals=down, mid_block_additional_residual=mid, return_dict=False
    )
    plain = unet(z, t, words, **residuals)[0]
    seen = {}
    hook = unet.mid_block.register_forward_hook(
        lambda module, args, output: seen.update(mid=output)
    )
    with FeatureRecorder(unet) as recorder:
        recorded = unet(z, t, words, **residuals)[0]
        h, f, outputs, probabilities = recorder.read()
    hook.remove()
    torch.testing.assert_close(
        recorded, plain, atol=1e-5 * float(plain.abs().max()), rtol=1e-5
    )  # on equals off
    assert mid.abs().max() > 1e-3 and torch.equal(
        h, seen["mid"] + mid
    )  # h contains the visual condition
    assert h.shape == (1, 1280, SIZE // 8, SIZE // 8)
    for n, (channels, size) in enumerate(((1280, SIZE // 4), (640, SIZE // 2), (320, SIZE))):
        assert f[n].shape == outputs[n].shape == (1, channels, size, size)
        assert (
            probabilities[n].shape == (1, 77, size, size)
            and probabilities[n].sum(1).min() > 1 - 1e-3
        )
    blank = controlnet(z, t, words, controlnet_cond=torch.zeros_like(shown), return_dict=False)[1]
    assert (blank - mid).abs().max() > 1e-4  # another picture gives another h
