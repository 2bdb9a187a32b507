"""Stable Diffusion XL on a tiny random model: diffusers' own pipelines give the same pictures."""

import json

import pytest
import tiny
import tiny_sdxl
import torch
from tiny_sdxl import wanted

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.encoders import load_encoder
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.sdxl import SDXLEncoder

SHARED = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")


@pytest.fixture(scope="module")
def model():
    return tiny_sdxl.parts()


@pytest.fixture(scope="module")
def union():
    return tiny_sdxl.parts(union=True)


def run_pipeline(name, model, condition, latents, pictures, **options):
    """Run a pipeline of diffusers with 4 DDIM steps; returns z_0 and the images in −1..1."""
    import diffusers

    components = {key: getattr(model, key) for key in SHARED}
    pipeline = getattr(diffusers, name)(
        **components,
        controlnet=model.controlnet,
        scheduler=model.scheduler,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    key = "control_image" if "Union" in name else "image"
    clean = pipeline(
        list(condition.text),
        **{key: pictures},
        num_inference_steps=4,
        guidance_scale=4.0,
        height=32,
        width=32,
        latents=latents,
        output_type="latent",
        **options,
    ).images
    with torch.no_grad():
        decoded = model.vae.decode(clean / model.vae.config.scaling_factor, return_dict=False)[0]
    return clean, decoded.clamp(-1, 1)


def check_equal(found, expected):
    """Within 1e-4 of the scale."""
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("negative", ["", "blond hair and a hat"])
def test_a_trajectory_ends_where_diffusers_ends(model, negative):
    """Without a negative prompt the pipeline reads zeros; our "" means the same."""
    encoder = SDXLEncoder(
        model, steps=4, guidance=4.0, negative_prompt=negative, conditioning_scale=0.7
    )
    condition = wanted()
    clean, expected = run_pipeline(
        "StableDiffusionXLControlNetPipeline",
        model,
        condition,
        encoder.initial_latents(condition),
        encoder.encode_condition(condition)[0],
        negative_prompt=[negative] * 2 if negative else None,
        controlnet_conditioning_scale=0.7,
    )
    check_equal(encoder.trajectory(condition)[1], expected)
    *_, last = encoder.trace(condition)  # the recorder changes nothing
    check_equal(last.x0, expected)
    encoder.decode = lambda latents: latents
    check_equal(encoder.trajectory(condition)[1], clean)


@pytest.mark.parametrize("kind,modes", [("mask", [5]), ("scribble", [2]), ("both", [5, 2])])
def test_a_union_is_told_what_it_is_shown(union, kind, modes):
    encoder = SDXLEncoder(union, condition=kind, steps=4, guidance=4.0, conditioning_scale=0.7)
    assert encoder.condition == kind
    condition = wanted()
    clean, expected = run_pipeline(
        "StableDiffusionXLControlNetUnionPipeline",
        union,
        condition,
        encoder.initial_latents(condition),
        list(encoder.encode_condition(condition)[0].split(3, 1)),
        control_mode=modes,
        controlnet_conditioning_scale=[0.7] * len(modes) if len(modes) > 1 else 0.7,
    )
    check_equal(encoder.trajectory(condition)[1], expected)
    encoder.decode = lambda latents: latents
    check_equal(encoder.trajectory(condition)[1], clean)


def test_types_of_a_union_can_be_chosen(union):
    condition, z = wanted(), torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def h(control_type, condition_kind="scribble"):
        encoder = SDXLEncoder(union, condition=condition_kind, control_type=control_type)
        return encoder.features(z, 500, condition, only_h=True).h

    assert torch.equal(h(None), h("scribble"))
    assert not torch.allclose(h("lineart"), h("scribble"), atol=1e-4)
    assert torch.equal(h(["segment", "scribble"], "both"), h(None, "both"))
    with pytest.raises(UsageError, match="control_type='sketch' is unknown"):
        h("sketch")
    with pytest.raises(UsageError, match="names 1 types for 2 picture"):
        h("scribble", "both")


def test_features_are_those_of_the_trace_and_fit_their_shapes(model):
    encoder, condition = SDXLEncoder(model, steps=3), wanted(3)
    shapes = encoder.shapes
    assert shapes.h == (32, 2, 2) and shapes.f == ((32, 2, 2), (24, 4, 4))
    for step in encoder.trace(condition):
        features = encoder.features(step.latents, step.t, condition)
        assert tuple(features.h.shape[1:]) == shapes.h
        assert tuple(tuple(f.shape[1:]) for f in features.f) == shapes.f
        assert features.attn_prob[1].shape[1] == shapes.tokens == 24
        torch.testing.assert_close(features.attn_prob[0], step.attn_prob[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(features.f[1], step.f[1], atol=1e-4, rtol=1e-4)
        assert torch.equal(features.words, step.words)
    assert features.words[0].sum() > 0 and not features.words[2].any()  # the last is empty


def test_another_resolution_is_another_grid(model):
    encoder = SDXLEncoder(model, steps=2, resolution=64)
    assert encoder.latent_shape == (4, 16, 16) and encoder.resolution == 64
    assert encoder.trajectory(wanted(1))[1].shape == (1, 3, 64, 64)
    with pytest.raises(UsageError, match="resolution=40 should be a multiple of 16"):
        SDXLEncoder(model, resolution=40)


# -- folders -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory, model):
    return tiny_sdxl.write(tmp_path_factory.mktemp("sdxl"), model)


def test_folders_on_disk_give_the_same(root, model):
    loaded = SDXLEncoder(str(root / "sdxl"), str(root / "controlnet"), steps=2)
    expected = SDXLEncoder(model, steps=2).trajectory(wanted())
    check_equal(loaded.trajectory(wanted())[1], expected[1])


def test_a_union_is_known_by_its_types(tmp_path, union):
    """As diffusers does, whatever class its config.json names."""
    made = tiny_sdxl.write(tmp_path, union)
    config = made / "controlnet/config.json"
    values = json.loads(config.read_text())
    for name in ("ControlNetModel_Union", "ControlNetModel"):
        config.write_text(json.dumps({**values, "_class_name": name}))
        loaded = SDXLEncoder(str(made / "sdxl"), str(made / "controlnet"), condition="both")
        assert loaded.condition == "both" and loaded.controlnets[0].types == (5, 2)


def test_an_index_says_whether_an_empty_prompt_is_zeros(root, model):
    index = root / "sdxl/model_index.json"
    before = index.read_text()
    index.write_text(json.dumps({**json.loads(before), "force_zeros_for_empty_prompt": False}))
    plain = SDXLEncoder(str(root / "sdxl"), steps=2)
    index.write_text(before)
    zeros = SDXLEncoder(str(root / "sdxl"), steps=2)
    assert not zeros.encode_negative(2).embedding.any()
    empty = plain.text_encoder(["", ""])
    assert torch.equal(plain.encode_negative(2).embedding, empty.embedding)
    assert not torch.equal(plain.encode_negative(2).pooled, zeros.encode_negative(2).pooled)


def test_wrong_folders_name_the_right_encoder(root, tmp_path):
    small = tiny.write(tmp_path, tiny.parts())
    sdxl, sd15 = str(root / "sdxl"), str(small / "diffusion")
    with pytest.raises(WeightsError, match="is Stable Diffusion XL, which SDXLEncoder reads"):
        ControlNetEncoder(sdxl)
    with pytest.raises(
        WeightsError, match="is Stable Diffusion 1 or 2-base, which ControlNetEncoder reads"
    ):
        SDXLEncoder(sd15)
    with pytest.raises(WeightsError, match="is a ControlNet of Stable Diffusion XL"):
        ControlNetEncoder(sd15, str(root / "controlnet"))
    with pytest.raises(WeightsError, match="is a ControlNet of Stable Diffusion 1 or 2-base"):
        SDXLEncoder(sdxl, str(small / "controlnet"))


def test_a_folder_alone_picks_the_class(root, tmp_path):
    small = tiny.write(tmp_path, tiny.parts())
    xl = load_encoder(str(root / "sdxl"), controlnet=str(root / "controlnet"), steps=2)
    assert type(xl) is SDXLEncoder and xl.condition == "mask" and xl.timesteps == (999, 499)
    sd15 = load_encoder(dict(weights=str(small / "diffusion")))
    assert type(sd15) is ControlNetEncoder and sd15.condition == "none"
    with pytest.raises(WeightsError, match="is read by no encoder"):
        load_encoder(str(tmp_path))
    with pytest.raises(UsageError, match="needs type='NAME', or weights='FOLDER'"):
        load_encoder(dict(steps=2))
