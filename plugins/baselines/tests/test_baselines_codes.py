"""Encoders into W+ and optimization by text: what each input decides, what a prompt may change."""

import json

import pytest
import torch
from gantoolkit_baselines.codes import CodeEncoder, render_classes
from gantoolkit_baselines.text_optimization import TextOptimization, optimize_text

from gantoolkit import weights
from gantoolkit.bench import systems
from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import ImageTower, Towers, text_model
from gantoolkit.training.runner import run

CAPTIONS = ["a face with black hair", "a face with blond hair"]
SMALL = dict(z_dim=8, w_dim=16, resolution=32, mapping_layers=2)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Files of a flat and a solid generator, and a folder of towers, all untrained."""
    folder = tmp_path_factory.mktemp("zoo")
    torch.manual_seed(0)
    flat = dict(SMALL, channels=[8, 8, 8, 8])
    solid = dict(
        SMALL,
        channels=[8, 8, 8],
        plane_resolution=16,
        plane_channels=4,
        decoder_hidden=8,
        decoder_channels=8,
        rays=16,
        samples=6,
        importance=0,
        superresolution="2X",
        sr_input=16,
        sr_channels=[8, 8],
        c_dim=0,
    )
    weights.save(
        folder / "flat.safetensors", StyleGAN2(**flat).state_dict(), dict(type="StyleGAN2", **flat)
    )
    weights.save(
        folder / "solid.safetensors", EG3D(**solid).state_dict(), dict(type="EG3D", **solid)
    )
    tokenizer = train_tokenizer(CAPTIONS, 560, 24)
    Towers(text_model(tokenizer, 16, 1, 2), tokenizer, ImageTower(32, (8, 8), 12), ["face"]).save(
        folder / "towers"
    )
    return folder


def config(zoo, tiny_zip, generator, **keys):
    return dict(
        task="code_encoder",
        data=str(tiny_zip),
        held_out=4,
        generator=str(zoo / generator),
        device="cpu",
        losses=dict(l2=dict(type="L2"), code=dict(type="LatentNorm", weight=0.005)),
        widths=[8, 8, 8],
        report=False,
        schedule=dict(iterations=3, batch=4, log_every=1),
        **keys,
    )


def masks(count=2):
    g = torch.Generator().manual_seed(1)
    labels = torch.randint(19, (count, 32, 32), generator=g)
    return torch.nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2).float()


def test_untrained_codes_are_the_mean_and_each_input_has_its_codes():
    torch.manual_seed(0)
    encoder = CodeEncoder(32, 8, 16, geometry=3, widths=(8, 8, 8))
    encoder.mean_w.copy_(torch.randn(16))
    mask, image = masks(), torch.rand(2, 3, 32, 32)
    assert torch.equal(encoder(mask, image), encoder.mean_w.expand(2, 8, 16))
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    found = encoder(mask, image)
    assert torch.equal(encoder(mask, image.flip(0))[:, :3], found[:, :3])
    assert torch.equal(encoder(mask.flip(0), image)[:, 3:], found[:, 3:])
    assert (encoder(mask.flip(0), image)[:, :3] - found[:, :3]).abs().max() > 1e-3


class Reds(torch.nn.Module):
    """Towers whose image embedding is the unit mean color; every text wants red."""

    def embed_image(self, images):
        return torch.nn.functional.normalize(images.mean((2, 3)), dim=1)

    def embed_text(self, texts):
        return torch.tensor([[1.0, 0, 0]]).expand(len(texts), 3)


def test_following_moves_only_what_is_free_and_only_rows_with_a_prompt():
    def draw(ws):  # the color is the mean code
        return ws.mean(1)[:, :, None, None].expand(-1, -1, 2, 2)

    ws = torch.tensor([0.1, 0.5, 0.2]).expand(2, 4, 3).clone()
    moved = optimize_text(
        draw, Reds(), ws, ["red", ""], 2, TextOptimization(steps=60, lr=0.1, pixels=0.0, code=0.0)
    )
    assert torch.equal(moved[1], ws[1]) and torch.equal(moved[0, :2], ws[0, :2])
    before, after = (Reds().embed_image(draw(w))[0, 0] for w in (ws, moved))
    assert before < 0.3 and after > 0.95
    kept = optimize_text(
        draw, Reds(), ws, ["red", ""], 2, TextOptimization(steps=60, lr=0.1, pixels=50.0, code=50.0)
    )
    assert (kept - ws).abs().max() < (moved - ws).abs().max() / 4
    assert torch.equal(optimize_text(draw, Reds(), ws, ["", ""], 0, TextOptimization()), ws)


def test_tedigan_style_from_training_to_faces(zoo, tiny_zip, tmp_path):
    run(config(zoo, tiny_zip, "flat.safetensors"), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["scores"]["encoder"]["L1"]["value"] > 0
    spec = dict(
        type="TediGANStyle", encoder=str(tmp_path / "run"), towers=str(zoo / "towers"), steps=3
    )
    system = systems.build(spec)
    assert (
        system.needs == ("text", "mask")
        and system.domain == "2D"
        and system.networks()["text"].endswith("towers")
    )
    condition = Condition((CAPTIONS[0], ""), masks())
    found = system.solve(condition)
    initial = system.encoder(condition.mask)
    layer = system.first_text_layer
    assert torch.equal(found[:, :layer], initial[:, :layer]) and torch.equal(found[1], initial[1])
    assert (found[0, layer:] - initial[0, layer:]).abs().max() > 1e-3
    assert system.render(found, None).image.shape == (2, 3, 32, 32)
    with pytest.raises(UsageError, match="ide3d_hybrid"):
        systems.build(dict(spec, type="IDE3DStyle"))


def test_ide3d_style_from_training_to_faces(zoo, tiny_zip, tmp_path):
    keys = config(zoo, tiny_zip, "solid.safetensors", geometry=3, semantics=0.5)
    keys["schedule"]["precision"] = "bf16"  # as the shipped config has it
    run(keys, tmp_path / "run")
    scores = json.loads((tmp_path / "run" / "record.json").read_text())["scores"]["encoder"]
    assert 0 <= scores["rendered acc"]["value"] <= 1
    spec = dict(
        type="IDE3DStyle", encoder=str(tmp_path / "run"), towers=str(zoo / "towers"), steps=2
    )
    system = systems.build(spec)
    assert (
        system.needs == ("text", "mask", "camera", "image")
        and system.is_3d
        and system.first_text_layer == 3
    )
    camera = orbit_camera(torch.tensor([0.1, -0.2]))
    found = system.solve(
        Condition((CAPTIONS[0], CAPTIONS[1]), masks(), camera=camera),
        torch.rand(2, 3, 32, 32) * 2 - 1,
    )
    render = system.render(found, camera)
    assert render.image.shape == (2, 3, 32, 32) and render.depth is not None


def test_classes_are_composited_as_colors_are(zoo):
    """With the color network in place of the classes, the result is the generator's raw image."""
    from gantoolkit.generators import load_generator

    generator, camera = (
        load_generator(str(zoo / "solid.safetensors")),
        orbit_camera(torch.tensor([0.2])),
    )
    ws = torch.randn(1, generator.num_ws, 16, generator=torch.Generator().manual_seed(3))

    def colors(features):
        return torch.sigmoid(generator.decoder.net(features)[..., 1:4]) * 1.002 - 0.001

    with torch.no_grad():
        found = render_classes(generator, colors, ws, camera)
        expected = generator.render(ws, camera, deterministic=True).image_raw
    torch.testing.assert_close(found * 2 - 1, expected, atol=1e-5, rtol=1e-4)


def test_a_training_step_lowers_the_loss(zoo, tiny_zip, tmp_path):
    keys = config(zoo, tiny_zip, "flat.safetensors", lr=3e-3)
    run(keys | dict(schedule=dict(iterations=30, batch=8, log_every=1)), tmp_path / "run")
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()
    ]
    first, last = (
        sum(row["encoder/l2"] for row in part) / len(part) for part in (rows[:5], rows[-5:])
    )
    assert last < first
