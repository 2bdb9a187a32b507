"""Stable Diffusion 1.5's own configuration on the meta device: the shapes that method.md states."""

import gantoolkit.core.compat  # noqa: F401

import pytest
import torch

from gantoolkit.bridges.absm import AbSM
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel
from gantoolkit.encoders.frozen_unet import FrozenControlNet, FrozenUNet, Told
from gantoolkit.encoders.recorder import UNetRecorder
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model

UNET = dict(
    sample_size=64,
    in_channels=4,
    out_channels=4,
    block_out_channels=(320, 640, 1280, 1280),
    layers_per_block=2,
    cross_attention_dim=768,
    attention_head_dim=8,
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
)


@pytest.fixture(scope="module")
def sd15():
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    tokenizer = train_tokenizer(["a face"], vocab_size=520, max_length=77)
    with torch.device("meta"):
        unet, vae = (
            UNet2DConditionModel(**UNET),
            AutoencoderKL(
                latent_channels=4,
                block_out_channels=(128, 256, 512, 512),
                layers_per_block=2,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
            ),
        )
        controlnet = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        text = text_model(tokenizer, 768, 1, 12)
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return DiffusionModel(unet, controlnet, vae, text, tokenizer, scheduler)


def test_parameter_counts(sd15):
    assert round(sum(p.numel() for p in sd15.unet.parameters()) / 1e6, 1) == 859.5
    assert round(sum(p.numel() for p in sd15.controlnet.parameters()) / 1e6, 1) == 361.3


def test_shapes_from_the_configuration(sd15):
    encoder = ControlNetEncoder(sd15, palette="ade20k", steps=20, guidance=9.0)
    assert encoder.resolution == 512 and encoder.latent_shape == (4, 64, 64)
    assert encoder.shapes.h == (1280, 8, 8)
    assert encoder.shapes.f == ((1280, 16, 16), (640, 32, 32), (320, 64, 64))
    assert encoder.shapes.tokens == 77
    assert (
        encoder.timesteps[0] == 951 and encoder.timesteps[-1] == 1 and len(encoder.timesteps) == 20
    )
    block = ControlNetEncoder(sd15, tap="block").shapes
    assert block.f == ((1280, 32, 32), (640, 64, 64), (320, 64, 64))


def test_a_forward_pass_gives_those_shapes(sd15):
    with torch.device("meta"):
        z, x = torch.empty(1, 4, 64, 64), torch.empty(1, 3, 512, 512)
        told = Told(torch.empty(1, 77, 768))
    unet, controlnet = FrozenUNet(sd15.unet), FrozenControlNet(sd15.controlnet)
    with UNetRecorder(unet) as recorder, torch.no_grad():
        prepared = controlnet.prepare((500,), told)
        down, mid = controlnet(z, 500, prepared, controlnet.embed(x))
        unet(z, 500, unet.prepare((500,), told), (down, mid))
        h, f, outputs, probabilities = recorder.read()
        assert [len(level.transformers) for level in recorder.levels] == [3, 3, 3]
    assert len(down) == 12 and h.shape[1:] == (1280, 8, 8)
    for n, (channels, size) in enumerate(((1280, 16), (640, 32), (320, 64))):
        assert f[n].shape[1:] == outputs[n].shape[1:] == (channels, size, size)
        assert probabilities[n].shape[1:] == (77, size, size)


def test_a_full_scale_bridge_fits(sd15):
    shapes = ControlNetEncoder(sd15, steps=20).shapes
    with torch.device("meta"):
        bridge = AbSM(shapes, 14, 512, torch.zeros(512), width=512)
    assert bridge.size == (64, 64)
    assert round(sum(p.numel() for p in bridge.mapping_parameters()) / 1e6, 1) == 14.3
    assert round(sum(p.numel() for p in bridge.styles.parameters()) / 1e6, 1) == 35.7
