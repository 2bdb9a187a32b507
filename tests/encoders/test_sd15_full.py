"""Stable Diffusion 1.5 and a ControlNet at full size, random weights: what the recorder reads.

About 6 GB of memory and minutes on two cores: `pytest -m slow tests/encoders/test_sd15_full.py`.
$GANTOOLKIT_FULL_LATENT (default 64) sets the latents' size; 32 takes a quarter of the time.
"""

from __future__ import annotations

import os

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch
from reference_unet import read

from gantoolkit.encoders.frozen_unet import FrozenControlNet, FrozenUNet, Told
from gantoolkit.encoders.published import SD15
from gantoolkit.encoders.recorder import UNetRecorder

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
    """What is evaluated here equals diffusers' own forward pass; h contains the condition."""
    stream = torch.Generator().manual_seed(2)
    z = torch.randn(1, 4, SIZE, SIZE, generator=stream)
    words = torch.randn(1, 77, 768, generator=stream)
    shown = torch.rand(1, 3, 8 * SIZE, 8 * SIZE, generator=stream)
    unet, controlnet = FrozenUNet(networks[0]), FrozenControlNet(networks[1])
    told = Told(words)
    down, mid = networks[1](z, 500, words, controlnet_cond=shown, return_dict=False)
    wanted = read(
        networks[0],
        z,
        500,
        words,
        down_block_additional_residuals=down,
        mid_block_additional_residual=mid,
    )

    embedded = controlnet.embed(shown)
    prepared = controlnet.prepare((500,), told)
    residuals = controlnet(z, 500, prepared, embedded)
    with UNetRecorder(unet) as recorder:
        prediction = unet(z, 500, unet.prepare((500,), told), residuals)
        h, f, outputs, probabilities = recorder.read()
    near(prediction, wanted.prediction)
    near(h, wanted.h)
    assert mid.abs().max() > 1e-3 and h.shape == (1, 1280, SIZE // 8, SIZE // 8)
    for n, (channels, size) in enumerate(((1280, SIZE // 4), (640, SIZE // 2), (320, SIZE))):
        assert f[n].shape == outputs[n].shape == (1, channels, size, size)
        near(f[n], wanted.f["attention"][n])
        near(probabilities[n], wanted.attn_prob[n])
        assert probabilities[n].sum(1).min() > 1 - 1e-3
    blank = controlnet(z, 500, prepared, controlnet.embed(torch.zeros_like(shown)))[1]
    assert (blank - mid).abs().max() > 1e-4  # another picture gives another h


def near(found, expected):
    """Equal but for a part of the largest number."""
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-5)
