"""Checkpoints of every other family: what is found, and that it works as its publisher's."""

from __future__ import annotations

import argparse
from collections import OrderedDict

import numpy as np
import pytest
import torch
from golden_files import close, golden

import gantoolkit
from gantoolkit import convert, networks, weights
from gantoolkit.cli import main
from gantoolkit.convert import recognizers
from gantoolkit.convert.fit import fit_to_network
from gantoolkit.convert.rosinality import to_rosinality
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators import build_generator, load_state
from gantoolkit.generators.mapping_network import MappingNetwork
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.arcface import ArcFace, irse50
from gantoolkit.networks.bisenet import BiSeNet
from gantoolkit.networks.discriminators import Discriminator
from gantoolkit.networks.pidinet import PiDiNet
from gantoolkit.networks.psp import PSPEncoder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.mark.golden
def test_rosinality_checkpoint(golden_dir):
    _, t = golden(golden_dir, "rosinality_ckpt_tiny_expected")
    path = golden_dir / "rosinality_ckpt_tiny.pt"
    parts = {part.name: part for part in convert.read_parts(path)}
    g, z = gantoolkit.load_generator(path), t["in.z"]
    close(g.render(g.mapping(z)).image, t["out.image"])
    close(g.render(g.mapping(z, truncation_psi=0.5)).image, t["out.image_trunc05"])
    raw = build_generator(parts["raw"].arch)
    load_state(raw, parts["raw"].state)
    close(raw.render(raw.mapping(z)).image, t["out.image_from_g_not_ema"])
    arch = {k: v for k, v in parts["discriminator"].arch.items() if k != "type"}
    d = Discriminator(**arch)
    load_state(d, parts["discriminator"].state)
    close(d(t["out.image"]), t["out.d_logits_of_image"])


@pytest.mark.golden
def test_rosinality_discriminator(golden_dir):
    _, t = golden(golden_dir, "rosinality_d32_optional")
    torch.save({"d": {k[6:]: v for k, v in t.items() if k.startswith("state.")}}, "d.pt")
    (part,) = convert.read_parts(weights.resolve("d.pt"))
    assert part.arch["channels"] == [32, 32, 24, 16]
    d = Discriminator(**{k: v for k, v in part.arch.items() if k != "type"})
    load_state(d, part.state)
    close(d(t["in.img"]), t["out.logits"])
    close(d(t["in.img"][:2]), t["out.logits_first2"])
    close(d.features(t["in.img"])[-1], t["out.conv_features"])


@pytest.mark.golden
def test_psp_checkpoint(golden_dir):
    _, t = golden(golden_dir, "psp_ckpt_tiny_expected")
    path = golden_dir / "psp_ckpt_tiny.pt"
    g, encoder = gantoolkit.load_generator(path), networks.load(path)
    image = t["in.image_u8"] / 127.5 - 1
    close(encoder.codes(image), t["out.codes"])
    ws = encoder(image)
    close(ws, t["out.latents"])
    close(g.render(ws).image, t["out.image"])
    mixed = ws.clone()
    chosen = [0, 2, 5]  # the call's latent_mask
    mixed[:, chosen] = 0.3 * t["in.inject_latent"][:, chosen] + 0.7 * ws[:, chosen]
    close(mixed, t["out.latents_mixed"])
    close(g.render(mixed).image, t["out.image_mixed"])


def flat(**more) -> StyleGAN2:
    torch.manual_seed(1)
    g = StyleGAN2(
        **{**dict(z_dim=16, w_dim=16, resolution=16, channels=(8, 8, 6), mapping_layers=2), **more}
    ).eval()
    g.mapping.w_avg.normal_()
    for parameter in g.synthesis.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.5)
    return g


def test_jojogan_and_training_snapshots():
    """JoJoGAN keeps {g}; a run {g, d, g_ema, optimizers, args: Namespace} and no mean code."""
    g = flat(mapping_layers=8)
    state, _ = to_rosinality(g.state_dict())
    torch.save({"g": state}, "jojo.pt")
    torch.save(
        {
            "g": state,
            "g_ema": state,
            "g_optim": {"state": {}, "param_groups": [{"lr": 2e-3}]},
            "args": argparse.Namespace(size=16, path="data"),
            "ada_aug_p": 0.0,
        },
        "train.pt",
    )
    for name in ("jojo.pt", "train.pt"):
        stylized = gantoolkit.load_generator(name)
        ws = g.mapping(torch.randn(2, 16))
        torch.testing.assert_close(stylized.render(ws).image, g.render(ws).image)
        mapped = g.mapping(torch.randn(20_000, 16, generator=torch.Generator().manual_seed(9)))[
            :, 0
        ]
        error = (stylized.mean_w - mapped.mean(0)).norm() / mapped.std(0).norm()
        assert error < 0.05, "the mean code is that of the mapping network"
    facts = {part.name: part.facts for part in convert.read_parts(weights.resolve("train.pt"))}
    assert "no latent_avg" in facts["generator"]["mean_w"]


def test_old_files_lack_noise_and_use_the_old_serialisation():
    g = flat()
    state, average = to_rosinality(g.state_dict())
    bare = OrderedDict(
        (k, v) for k, v in state.items() if not k.startswith("noises.") and not k.endswith("kernel")
    )
    torch.save(
        {"g_ema": bare, "latent_avg": average}, "old.pt", _use_new_zipfile_serialization=False
    )
    (part,) = convert.read_parts(weights.resolve("old.pt"))
    assert part.missing == [f"noises.noise_{i}" for i in range(5)] and not part.unused
    old, ws = gantoolkit.load_generator("old.pt"), g.mapping(torch.randn(1, 16))
    torch.testing.assert_close(old.render(ws).image, g.render(ws, noise="none").image)


@pytest.mark.parametrize(
    "kind, opts",
    [
        (
            "psp",
            {"encoder_type": "GradualStyleEncoder", "start_from_latent_avg": False, "label_nc": 19},
        ),
        ("e4e", {"encoder_type": "Encoder4Editing"}),
        ("w+", {"start_from_latent_avg": True}),
        ("w", {"start_from_latent_avg": True, "learn_in_w": True}),
    ],
)
def test_encoders(kind, opts):
    torch.manual_seed(2)
    inputs = opts.get("label_nc", 3)
    encoder = PSPEncoder(6, kind, inputs, ((4, 3), (4, 4), (6, 14), (16, 3))).eval()
    g, average = flat(), torch.randn(1 if kind == "w" else 6, 16)
    decoder, _ = to_rosinality(g.state_dict())
    state = {
        **{f"encoder.{k}": v for k, v in encoder.state_dict().items()},
        **{f"decoder.{k}": v for k, v in decoder.items()},
    }
    torch.save({"state_dict": state, "opts": opts, "latent_avg": average}, "psp.pt")
    found, x = networks.load("psp.pt"), torch.rand(1, inputs, 256, 256)
    adds = opts.get("start_from_latent_avg", kind == "e4e")
    torch.testing.assert_close(found(x), encoder(x) + (average if adds else 0))
    assert (
        found.arch["kind"] == kind
        and found.num_ws == 6 == gantoolkit.load_generator("psp.pt").num_ws
    )


@pytest.mark.parametrize(
    "network",
    [ArcFace(32, ((4, 1), (6, 2), (8, 1)), 12), PiDiNet(20, 8), PiDiNet(12, None)],
    ids=["irse", "pidinet", "pidinet-l"],
)
def test_recognizers(network):
    state = network.state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, "n.pth")
    found = networks.load("n.pth")
    assert {k: v for k, v in found.arch.items() if k not in ("crop", "dropout")} == {
        k: v for k, v in network.arch.items() if k not in ("crop", "dropout")
    }
    for key, value in found.state_dict().items():
        assert torch.equal(value, state[key])


@pytest.mark.parametrize("make", [irse50, lambda: BiSeNet(512, 5), BiSeNet])
def test_full_size(make):
    """IR-SE50 with pSp's crop, BiSeNet of any number of classes: by their shapes only."""
    with torch.device("meta"):
        network = make()
    (part,) = recognizers.find_parts(Source(None, "torch", network.state_dict()))
    assert part.arch.pop("resolution", 0) == 0
    assert part.arch == {k: v for k, v in network.arch.items() if k != "resolution"}
    assert fit_to_network(part).missing == part.unused == []


@pytest.mark.golden
@pytest.mark.parametrize(
    "name", ["pidinet", "pidinet-l", "pidinet-small", "pidinet-tiny", "pidinet-tiny-l"]
)
def test_published_pidinet(golden_dir, name):
    network = networks.load(golden_dir / "weights" / f"table5_{name}.pth")
    case = golden_dir / f"{name.replace('-', '_')}_carv4.safetensors"
    if case.exists():
        _, t = golden(golden_dir, case.stem)
        close(network.edges(t["in.image_u8"] / 127.5 - 1), t["out.pdc.fused"])


def test_trunks_of_lpips():
    import gantoolkit.core.compat  # noqa: F401

    import lpips

    ours = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    state = {f"features.{k.split('.', 1)[1]}": v for k, v in ours.net.state_dict().items()}
    torch.save({**state, "classifier.1.weight": torch.zeros(1000, 512, 1, 1)}, "squeezenet.pth")
    from gantoolkit.networks.lpips import LPIPS

    images = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(LPIPS("squeeze", "squeezenet.pth")(*images), ours(*images).flatten())
    assert convert.read_parts(weights.resolve("squeezenet.pth"))[0].unused == [
        "classifier.1.weight"
    ]


def test_insightface_onnx_is_recognized(capsys):
    from gantoolkit.networks.onnx import export_onnx

    with torch.enable_grad():
        export_onnx(ArcFace(32, ((8, 1), (8, 1)), 16).eval(), "r.onnx", 112)
    assert main.main(["weights", "convert", "r.onnx"]) == 0
    text = capsys.readouterr().out
    assert "face recognizer" in text and "n×3×112×112" in text and "writes" not in text


def test_convert_prints_and_writes(capsys):
    g = flat()
    state, average = to_rosinality(g.state_dict())
    torch.save(
        {"g_ema": state | {"strange.weight": torch.zeros(2)}, "g": state, "latent_avg": average},
        "f.pt",
    )
    assert main.main(["weights", "convert", "f.pt", "out/g.safetensors", "--licence", "mine"]) == 0
    text = capsys.readouterr().out
    for words in (
        "StyleGAN2",
        "16 px",
        "num_ws:          6",
        "camera:          none",
        "strange.weight",
        "not written: raw",
    ):
        assert words in text, words
    metadata = weights.load("out/g.safetensors")[2]
    assert (
        metadata["source_sha256"] == weights.sha256(weights.resolve("f.pt"))
        and metadata["licence"] == "mine"
    )
    z = torch.randn(3, 16)
    again = gantoolkit.load_generator("out/g.safetensors")
    torch.testing.assert_close(again.render(again.mapping(z)).image, g.render(g.mapping(z)).image)
    assert main.main(["weights", "convert", "out/g.safetensors"]) == 2
    assert main.main(["weights", "convert", "f.pt", "x.safetensors", "--part", "nose"]) == 2
    assert main.main(["weights", "convert", "f.pt", "--dry-run", "--part", "all"]) == 0


def test_a_foreign_file_is_converted_once(monkeypatch):
    state, average = to_rosinality(flat().state_dict())
    torch.save({"g_ema": state, "latent_avg": average}, "f.pt")
    first = gantoolkit.load_generator("f.pt")
    monkeypatch.setattr(
        "gantoolkit.convert.source.read_source", lambda path: pytest.fail("read again")
    )
    second = gantoolkit.load_generator("f.pt")
    assert torch.equal(first.mean_w, second.mean_w)


@pytest.mark.parametrize(
    "content, words",
    [
        ({"a": torch.zeros(3)}, "not a checkpoint that is known"),
        ({"input.input": torch.zeros(1, 2, 4, 4)}, "form"),
        ({"state_dict": {"encoder.input_layer.0.weight": torch.zeros(1)}}, "not one of pSp's|form"),
    ],
)
def test_what_is_not_known_is_a_sentence(content, words):
    torch.save(content, "x.pt")
    with pytest.raises(WeightsError, match=words) as caught:
        convert.read_parts(weights.resolve("x.pt"))
    assert "\n" not in str(caught.value)


def test_mapping_of_psp_files_uses_every_row():
    """A latent_avg of n rows: the encoder keeps all, the generator their mean."""
    g = flat()
    encoder = PSPEncoder(6, "w+", 3, ((4, 3), (4, 4), (6, 14), (16, 3)))
    average = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 16))).float()
    state = {
        **{f"encoder.{k}": v for k, v in encoder.state_dict().items()},
        **{f"decoder.{k}": v for k, v in to_rosinality(g.state_dict())[0].items()},
    }
    torch.save(
        {"state_dict": state, "opts": {"start_from_latent_avg": True}, "latent_avg": average},
        "psp.pt",
    )
    torch.testing.assert_close(gantoolkit.load_generator("psp.pt").mean_w, average.mean(0))
    assert torch.equal(networks.load("psp.pt").latent_avg, average)
    assert isinstance(g.mapping, MappingNetwork)
