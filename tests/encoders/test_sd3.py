"""Stable Diffusion 3 on a tiny random model: diffusers' own pipeline gives the same pictures."""

import pytest
import tiny_transformers
import torch
from tiny_sdxl import wanted

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.encoders import load_encoder
from gantoolkit.encoders.sd3 import SD3Encoder
from gantoolkit.encoders.sdxl import SDXLEncoder

PARTS = ("transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
PARTS += ("tokenizer", "tokenizer_2", "tokenizer_3", "scheduler")


def check_equal(found, expected):
    """Within 1e-4 of the scale."""
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def clean_of_diffusers(model, condition, latents, pictures, **options):
    """z_0 of diffusers' pipeline after 4 Euler steps."""
    from diffusers import StableDiffusion3ControlNetPipeline

    pipeline = StableDiffusion3ControlNetPipeline(
        **{name: getattr(model, name) for name in PARTS}, controlnet=model.controlnets[0]
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        list(condition.text),
        control_image=pictures,
        num_inference_steps=4,
        guidance_scale=4.0,
        height=32,
        width=32,
        latents=latents,
        output_type="latent",
        controlnet_conditioning_scale=0.7,
        **options,
    ).images


@pytest.fixture
def mean_latents(monkeypatch):
    """Pipelines draw the picture's latent at random; here they take the mean as the encoder."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    monkeypatch.setattr(
        DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode()
    )


@pytest.mark.parametrize(
    "options",
    [dict(), dict(official=True), dict(with_t5=False, dual=False)],
    ids=["instantx", "official", "without T5"],
)
@pytest.mark.parametrize("negative", ["", "blond hair and a hat"])
def test_a_trajectory_ends_where_diffusers_ends(mean_latents, options, negative):
    model = tiny_transformers.sd3(**options)
    encoder = SD3Encoder(
        model,
        resolution=32,
        groups=2,
        steps=4,
        guidance=4.0,
        negative_prompt=negative,
        conditioning_scale=0.7,
    )
    condition = wanted()
    picture = encoder.controlnets[0].picture(condition, (32, 32))
    expected = clean_of_diffusers(
        model,
        condition,
        encoder.initial_latents(condition),
        picture,
        negative_prompt=[negative] * 2,
    )
    image = encoder.decode(expected)
    check_equal(encoder.trajectory(condition)[1], image)
    *_, last = encoder.trace(condition)  # the recorder changes nothing
    check_equal(last.x0, image)
    encoder.decode = lambda latents: latents
    check_equal(encoder.trajectory(condition)[1], expected)


def test_features_are_those_of_the_trace_and_fit_their_shapes():
    encoder = SD3Encoder(tiny_transformers.sd3(), resolution=32, groups=2, steps=3)
    condition, shapes = wanted(3), encoder.shapes
    assert shapes.h == (32, 4, 4) and shapes.f == ((32, 4, 4),) * 2
    assert shapes.tokens == 24 + 256 and encoder.timesteps[0] == 999
    for step in encoder.trace(condition):
        features = encoder.features(step.latents, step.t, condition)
        assert features.attn_prob[1].shape[1:] == (shapes.tokens, 4, 4)
        for name in ("f", "attn_out", "attn_prob"):
            for one, two in zip(getattr(features, name), getattr(step, name), strict=True):
                check_equal(one, two)
        only_h = encoder.features(step.latents, step.t, condition, only_h=True)
        assert torch.equal(only_h.h, features.h)
    assert features.words[0].sum() > 0 and not features.words[2].any()  # the last is empty


def test_the_condition_reaches_h():
    encoder = SD3Encoder(tiny_transformers.sd3(), resolution=32, groups=1, steps=2)
    one, z = wanted(), torch.randn(2, 16, 8, 8)
    other = type(one)(one.text, one.mask.roll(1, 1), seed=one.seed)
    found = [encoder.features(z, 500, each, only_h=True).h for each in (one, other)]
    assert not torch.allclose(*found, atol=1e-4)


def test_wrong_arguments_are_sentences():
    model = tiny_transformers.sd3()
    with pytest.raises(UsageError, match="resolution=36 should be a multiple of 8"):
        SD3Encoder(model, resolution=36)
    with pytest.raises(UsageError, match="groups=3 cannot be: .* has 2 blocks"):
        SD3Encoder(model, resolution=32, groups=3)


def test_folders_give_the_same_and_tell_the_class(tmp_path):
    model = tiny_transformers.sd3()
    made = tiny_transformers.write(tmp_path, model)
    folder, controlnet = str(made / "model"), str(made / "controlnet")
    options = dict(resolution=32, groups=2, steps=2)
    loaded = load_encoder(folder, controlnet=controlnet, **options)
    assert type(loaded) is SD3Encoder
    expected = SD3Encoder(model, **options).trajectory(wanted())[1]
    check_equal(loaded.trajectory(wanted())[1], expected)
    with pytest.raises(WeightsError, match="is Stable Diffusion 3, which SD3Encoder reads"):
        SDXLEncoder(folder)
