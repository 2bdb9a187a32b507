"""FLUX.1 on a tiny random model: diffusers' own pipeline gives the same pictures."""

from dataclasses import replace

import pytest
import tiny_transformers
import torch
from tiny_sdxl import wanted

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.encoders import load_encoder
from gantoolkit.encoders.flux import FluxEncoder, pack, unpack
from gantoolkit.encoders.sd3 import SD3Encoder
from gantoolkit.inference.attention import prompt_words

PARTS = ("transformer", "vae", "text_encoder", "text_encoder_2")
PARTS += ("tokenizer", "tokenizer_2", "scheduler")
OPTIONS = dict(resolution=64, groups=2)


def check_equal(found, expected):
    """Within 1e-4 of the scale."""
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.fixture
def mean_latents(monkeypatch):
    """Pipelines draw the picture's latent at random; here they take the mean as the encoder."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    monkeypatch.setattr(
        DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode()
    )


@pytest.mark.parametrize("layout", list(tiny_transformers.FLUX_LAYOUTS))
def test_a_trajectory_ends_where_diffusers_ends(mean_latents, layout):
    """Residuals of double and single blocks, fewer than blocks, of a union, and repeated ones."""
    from diffusers import FluxControlNetPipeline

    model = tiny_transformers.flux(layout)
    encoder = FluxEncoder(
        model, steps=4, guidance=2.5, conditioning_scale=0.7, control_type="gray", **OPTIONS
    )
    condition = wanted()
    pipeline = FluxControlNetPipeline(
        **{name: getattr(model, name) for name in PARTS}, controlnet=model.controlnets[0]
    )
    pipeline.set_progress_bar_config(disable=True)
    packed = pipeline(
        list(condition.text),
        control_image=encoder.controlnets[0].picture(condition, (64, 64)),
        control_mode=5 if layout == "union" else None,
        num_inference_steps=4,
        guidance_scale=2.5,
        height=64,
        width=64,
        latents=pack(encoder.initial_latents(condition)),
        output_type="latent",
        controlnet_conditioning_scale=0.7,
    ).images
    expected = unpack(packed, encoder.grid)
    check_equal(encoder.trajectory(condition)[1], encoder.decode(expected))
    *_, last = encoder.trace(condition)  # the recorder changes nothing
    check_equal(last.x0, encoder.decode(expected))
    encoder.decode = lambda latents: latents
    check_equal(encoder.trajectory(condition)[1], expected)


def test_schnell_is_told_no_guidance():
    model = replace(tiny_transformers.flux("double", guided=False), num_tokens=256)
    ends = [
        FluxEncoder(model, steps=2, guidance=guidance, **OPTIONS).trajectory(wanted())[1]
        for guidance in (1.0, 3.5)
    ]
    assert torch.equal(*ends)


def test_packing_is_diffusers():
    from diffusers import FluxControlNetPipeline as pipeline

    z = torch.randn(2, 16, 6, 8)
    assert torch.equal(pack(z), pipeline._pack_latents(z, 2, 16, 6, 8))
    assert torch.equal(unpack(pack(z), (3, 4)), z)


def test_features_are_those_of_the_trace_and_fit_their_shapes():
    encoder = FluxEncoder(tiny_transformers.flux(), steps=3, **OPTIONS)
    condition, shapes = wanted(3), encoder.shapes
    assert shapes.h == (32, 4, 4) and shapes.f == ((32, 4, 4),) * 2 and shapes.tokens == 512
    for step in encoder.trace(condition):
        features = encoder.features(step.latents, step.t, condition)
        assert features.attn_prob[1].shape[1:] == (512, 4, 4)
        for name in ("f", "attn_out", "attn_prob"):
            for one, two in zip(getattr(features, name), getattr(step, name), strict=True):
                check_equal(one, two)
        only_h = encoder.features(step.latents, step.t, condition, only_h=True)
        assert torch.equal(only_h.h, features.h)
    assert not features.words[2].any()  # the last is empty
    words = [word for word, _ in prompt_words(encoder, condition.text[0], features[0])]
    assert " ".join(words) == condition.text[0]


def test_two_controlnets_add_up_if_their_layouts_agree():
    one = tiny_transformers.flux()
    both = replace(one, controlnets=one.controlnets * 2)
    z = torch.randn(2, 16, 8, 8)
    half = FluxEncoder(both, conditioning_scale=0.5, **OPTIONS).features(z, 500, wanted())
    whole = FluxEncoder(one, **OPTIONS).features(z, 500, wanted())
    check_equal(half.f[-1], whole.f[-1])
    mixed = replace(
        one, controlnets=[*one.controlnets, tiny_transformers.flux_controlnet("double")]
    )
    with pytest.raises(UsageError, match="1 and 2 blocks cannot be used together"):
        FluxEncoder(mixed, **OPTIONS).features(z, 500, wanted())


def test_folders_give_the_same_and_tell_the_class(tmp_path):
    model = tiny_transformers.flux()
    made = tiny_transformers.write(tmp_path, model)
    folder, controlnet = str(made / "model"), str(made / "controlnet")
    loaded = load_encoder(folder, controlnet=controlnet, steps=2, **OPTIONS)
    assert type(loaded) is FluxEncoder
    expected = FluxEncoder(model, steps=2, **OPTIONS).trajectory(wanted())[1]
    check_equal(loaded.trajectory(wanted())[1], expected)
    with pytest.raises(WeightsError, match="is FLUX.1, which FluxEncoder reads"):
        SD3Encoder(folder)
    other = tiny_transformers.write(tmp_path / "other", tiny_transformers.sd3())
    with pytest.raises(WeightsError, match="is a ControlNet of FLUX.1, which FluxEncoder reads"):
        SD3Encoder(str(other / "model"), controlnet)
