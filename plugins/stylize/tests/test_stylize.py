"""Stylization: closed forms of mixing and loss, what stays bit-equal, a run from end to end."""

import json

import numpy as np
import pytest
import torch
from gantoolkit_stylize import features, sheet
from gantoolkit_stylize.config import StylizeConfig
from gantoolkit_stylize.mixing import mix, replaced_layers
from gantoolkit_stylize.task import Stylize
from PIL import Image

import gantoolkit
from gantoolkit import weights
from gantoolkit.cli import main
from gantoolkit.convert.rosinality import discriminator_names, to_rosinality
from gantoolkit.core.errors import UsageError
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.discriminators import Discriminator
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.networks.psp import PSPEncoder
from gantoolkit.training.batch import SeededBatch

SMALL = dict(z_dim=16, w_dim=16, resolution=16, channels=[8, 8, 8], mapping_layers=2)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A style, and files of an untrained generator, a trunk, and both GAN networks in one."""
    folder = tmp_path_factory.mktemp("zoo")
    torch.manual_seed(0)
    generator, trunk = StyleGAN2(**SMALL), FaceParser(16, (8, 8))
    discriminator = Discriminator(16, channels=[8, 8, 8])
    generator.mapping.w_avg.copy_(generator.mapping(torch.randn(64, 16)).mean((0, 1)).detach())
    weights.save(folder / "g.safetensors", generator.state_dict(), dict(type="StyleGAN2", **SMALL))
    weights.save(folder / "trunk.safetensors", trunk.state_dict(), trunk.arch)
    theirs = {
        name: discriminator.state_dict()[ours] for ours, name in discriminator_names(2).items()
    }
    state, average = to_rosinality(generator.state_dict())
    torch.save({"g_ema": state, "latent_avg": average, "d": theirs}, folder / "both.pt")
    torch.save(discriminator.state_dict(), folder / "discriminator.state")
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "style.png")
    return folder


def task(zoo, **more) -> Stylize:
    keys = dict(
        style=str(zoo / "style.png"),
        generator=str(zoo / "g.safetensors"),
        trunk=str(zoo / "trunk.safetensors"),
        inversion=dict(steps=2),
    )
    found = Stylize(StylizeConfig(**keys | more))
    found.prepare(zoo, lambda *_: None)
    return found


def test_the_published_layers_at_their_own_depth():
    assert replaced_layers(18) == tuple(range(7, 18)) and replaced_layers(
        18, preserve_color=True
    ) == (
        9,
        11,
        15,
        16,
        17,
    )
    for num_ws in (8, 10, 14):
        every, fewer = replaced_layers(num_ws), replaced_layers(num_ws, preserve_color=True)
        assert set(fewer) < set(every) and every[-1] == num_ws - 1
        assert abs(every[0] / num_ws - 7 / 18) < 1 / num_ws
    assert replaced_layers(8, [5, 2, 5]) == (2, 5)
    for wrong in ([8], [-1], []):
        with pytest.raises(UsageError, match="codes 0 to 7"):
            replaced_layers(8, wrong)
    with pytest.raises(UsageError, match="Give either"):
        replaced_layers(8, [1], preserve_color=True)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_mixing_is_the_closed_form_and_other_codes_are_not_touched(alpha):
    s, f = torch.randn(2, 3, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    m = torch.tensor([0.0, 0, 1, 0, 1, 1]).double()[:, None]
    found = mix(s, f, (2, 4, 5), alpha)
    torch.testing.assert_close(found, (1 - alpha * m) * s + alpha * m * f)
    assert torch.equal(found[:, [0, 1, 3]], s[:, [0, 1, 3]])
    assert alpha < 1 or torch.equal(found[:, [2, 4, 5]], f[:, [2, 4, 5]])


class Twice(torch.nn.Module):
    """Two levels: the image, and the image's mean times 10."""

    def features(self, images):
        return [images, 10 * images.mean((2, 3))]


def test_the_loss_is_the_mean_over_levels_of_absolute_differences():
    a, b = torch.full((2, 3, 4, 4), 0.5), torch.zeros(2, 3, 4, 4)
    matching = features.FeatureMatching(Twice(), pixels=2.0)
    found = matching(a, matching.prepare(b))
    assert found["features"].item() == pytest.approx((0.5 + 5.0) / 2)
    assert found["pixels"].item() == pytest.approx(1.0)
    assert all(value.item() == 0 for value in matching(a, matching.prepare(a)).values())
    assert "pixels" not in features.FeatureMatching(Twice())(a, matching.prepare(b))


def test_the_generators_own_discriminator_is_found_and_else_the_trunk(zoo):
    trunk = str(zoo / "trunk.safetensors")
    found = features.load_features(str(zoo / "both.pt"), "auto", trunk, 16)
    network, name, sentence = found.network, found.name, found.sentence
    own = Discriminator(16, channels=[8, 8, 8])
    own.load_state_dict(torch.load(zoo / "discriminator.state"))
    image = torch.randn(2, 3, 16, 16)
    for a, b in zip(network.features(image), own.features(image), strict=True):
        torch.testing.assert_close(a, b)
    assert "own discriminator" in sentence and name.endswith("both.pt")
    found = features.load_features(str(zoo / "g.safetensors"), "auto", trunk, 16)
    network, name, sentence = found.network, found.name, found.sentence
    assert (
        isinstance(network, FaceParser) and name == trunk and "ships no discriminator" in sentence
    )
    with pytest.raises(UsageError, match="sees 16 px and the generator draws 32 px"):
        features.load_features(trunk, str(zoo / "both.pt"), trunk, 32)


def test_only_unfrozen_blocks_train(zoo):
    found = task(zoo, freeze=(4,), pixels=1.0)
    before = {k: v.clone() for k, v in found.generator.state_dict().items()}
    for iteration in range(2):
        losses = found.losses("G", SeededBatch.of_iteration(0, iteration, 0, 2, 1), iteration)
        sum(losses.values()).backward()
        found.optimizers["G"].step()
    changed = {k for k, v in found.generator.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and not any(k.startswith(("mapping.", "synthesis.b4.")) for k in changed)
    assert {"synthesis.b8.conv0.weight", "synthesis.b16.torgb.weight"} <= changed
    assert all(torch.equal(v, before[k]) for k, v in found.base_generator.state_dict().items())


def test_mixed_codes_keep_the_coarse_codes_of_their_reference(zoo):
    found = task(zoo)
    ws = found.mixed_codes(torch.tensor([0, 0]), found.random_z(2))
    assert found.layers == (2, 3, 4, 5) and torch.equal(
        ws[:, :2], found.codes[:, :2].expand(2, -1, -1)
    )
    assert torch.equal(ws[:, 2:], found.base_generator.mapping(found.random_z(2))[:, 2:])


def test_codes_may_come_from_a_published_encoder(zoo, tmp_path):
    encoder = PSPEncoder(6, "w", units=[[16, 1]] * 4, mean=6)
    torch.nn.init.zeros_(encoder.linear.weight)
    encoder.latent_avg.copy_(torch.randn(6, 16))
    weights.save(tmp_path / "e.safetensors", encoder.state_dict(), encoder.arch)
    found = task(zoo, inversion=dict(encoder=str(tmp_path / "e.safetensors")))
    torch.testing.assert_close(found.codes[0], encoder.latent_avg + encoder.linear.bias.detach())
    with pytest.raises(UsageError, match="does not give 6 codes of 16 numbers"):
        task(zoo, inversion=dict(encoder=str(zoo / "trunk.safetensors")))


@pytest.mark.parametrize(
    "wrong, words",
    [
        (dict(style=""), "style=FILE"),
        (dict(style="nowhere.png"), "nowhere.png"),
        (dict(alpha=0.0), "alpha=0.0"),
        (dict(freeze=(5,)), "block of 5 px"),
        (dict(freeze=(4, 8, 16)), "no block to train"),
        (dict(inversion=dict(stepz=1)), "'stepz'"),
        (dict(generator="eg3d"), "eg3d holds EG3D"),
    ],
)
def test_what_cannot_be_is_said(zoo, wrong, words):
    with pytest.raises(gantoolkit.core.errors.GantoolkitError, match=words):
        task(zoo, **wrong)


def test_a_run_brings_the_reference_nearer_and_exports_a_generator(zoo, tmp_path, capsys):
    out = tmp_path / "run"
    assert (
        main.main(
            [
                "run",
                "configs/stylize.py",
                f"style={zoo / 'style.png'}",
                f"generator={zoo / 'both.pt'}",
                f"trunk={zoo / 'trunk.safetensors'}",
                "freeze=[]",
                "inversion.steps=3",
                "lr=0.02",
                "schedule.iterations=25",
                "device=cpu",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert "own discriminator" in capsys.readouterr().err
    record = json.loads((out / "record.json").read_text())
    score = {system: found["distance"]["value"] for system, found in record["scores"].items()}
    assert score["stylized"] < 0.8 * score["before"]
    assert any("own discriminator" in note for note in record["notes"])
    assert (
        len(list((out / "pictures").glob("*_stylized.png"))) == 1
        and (out / "report.html").is_file()
    )
    before, after = (
        gantoolkit.load_generator(zoo / "both.pt"),
        gantoolkit.load_generator(out / "export/stylized.safetensors"),
    )
    torch.testing.assert_close(after.mean_w, before.mean_w, atol=1e-3, rtol=1e-3)  # kept as float16
    meta = weights.header(out / "export/stylized.safetensors")
    assert meta["base_sha256"] == weights.sha256(zoo / "both.pt") and meta["style"] == "style.png"


def test_the_sheet_has_a_row_per_style(zoo, tmp_path):
    for name, gray in (("plain", 10), ("styled", 200)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (16, 16), (gray,) * 3).save(tmp_path / name / "a.png")
        (tmp_path / name / "manifest.jsonl").write_text('{"file": "a.png", "kind": "image"}\n')
    rows = [f":{tmp_path / 'plain'}", f"{zoo / 'style.png'}:{tmp_path / 'styled'}"]
    assert sheet.main([str(tmp_path / "sheet.png"), *rows]) == 0
    picture = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert picture.shape == (34, 34, 3) and (picture[:16, :16] == 255).all()
    assert (picture[:16, 18:] == 10).all() and (picture[18:, 18:] == 200).all()
    assert sheet.main([str(tmp_path / "sheet.png"), "nothing"]) == 2
