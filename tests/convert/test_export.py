"""A StyleGAN2 in other projects' forms: their names exactly, the same images when it is back."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

import gantoolkit
from gantoolkit import convert, weights
from gantoolkit.cli import main
from gantoolkit.generators.stylegan2 import StyleGAN2

FLAT = dict(z_dim=16, w_dim=16, resolution=32, channels=[8, 8, 6, 4], mapping_layers=2)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def make(**more) -> StyleGAN2:
    torch.manual_seed(4)
    g = StyleGAN2(**{**FLAT, **more}).eval()
    g.mapping.w_avg.normal_()
    weights.save("g.safetensors", g.state_dict(), {"type": "StyleGAN2", **FLAT, **more})
    return g


@pytest.mark.parametrize("target", ["g.pt", "their/g.safetensors"])
@torch.no_grad()
def test_there_and_back(target):
    g = make()
    assert main.main(["weights", "export", "g.safetensors", target]) == 0
    back, z = gantoolkit.load_generator(target), torch.randn(2, 16)
    ws = g.mapping(z, truncation_psi=0.5)
    torch.testing.assert_close(back.mapping(z, truncation_psi=0.5), ws)
    torch.testing.assert_close(back.render(ws).image, g.render(ws).image)
    part = convert.read_parts(weights.resolve(target))[0]
    assert not part.unused and not part.missing


UNLIKE = dict(
    mapping_layers=3, mapping_lr_mul=1.0
)  # what no shape of a tensor shows, or not what others assume


def scrambled(**more) -> StyleGAN2:
    """As `make`, with biases that are not 0."""
    g = make(**more)
    for i in range(g.mapping.num_layers):
        torch.nn.init.normal_(getattr(g.mapping, f"fc{i}").bias, std=0.3)
    weights.save("g.safetensors", g.state_dict(), {"type": "StyleGAN2", **FLAT, **more})
    return g


@pytest.mark.parametrize(
    "target, more",
    [
        ("g.pt", UNLIKE),
        ("n.safetensors", UNLIKE),
        ("n.safetensors", UNLIKE | dict(z_dim=20, mapping_features=24)),
        ("n.safetensors", UNLIKE | dict(c_dim=5, conv_clamp=0.5)),
    ],
    ids=str,
)
@torch.no_grad()
def test_what_no_tensor_shows_comes_back(target, more):
    g = scrambled(**more)
    assert main.main(["weights", "export", "g.safetensors", target]) == 0
    assert main.main(["weights", "convert", target, "back.safetensors"]) == 0
    z, c = torch.randn(4, g.z_dim), torch.randn(4, 5) if "c_dim" in more else None
    ws = g.mapping(z, c)
    for path in (target, "back.safetensors"):
        back = gantoolkit.load_generator(path)
        torch.testing.assert_close(back.mapping(z, c), ws, atol=1e-5, rtol=0)
        torch.testing.assert_close(back.render(ws).image, g.render(ws).image)


def theirs(state: dict, z: torch.Tensor, layers: int, name: str, gain: float) -> torch.Tensor:
    """z → w by the published formulas, z normalized first.

    x ← √2 · lrelu(x · (W · gain / √in) + b · gain)
    """
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(layers):
        weight, bias = (state[f"{name.format(i=i, j=i + 1)}.{part}"] for part in ("weight", "bias"))
        x = x @ (weight * (gain / weight.shape[1] ** 0.5)).T + bias * gain
        x = torch.where(x > 0, x, 0.2 * x) * 2**0.5
    return x


@torch.no_grad()
def test_other_code_computes_the_same_codes():
    g, z = scrambled(**UNLIKE), torch.randn(4, 16)
    w = g.mapping(z)[:, 0]
    for target in ("g.pt", "n.safetensors"):
        assert main.main(["weights", "export", "g.safetensors", target]) == 0
    state = torch.load("g.pt", weights_only=True)["g_ema"]
    torch.testing.assert_close(theirs(state, z, 3, "style.{j}", 0.01), w, atol=1e-5, rtol=0)
    with safe_open("n.safetensors", "pt") as file:
        given = json.loads(file.metadata()["init_kwargs"])["mapping_kwargs"]
        keys = file.keys()  # safe_open is not iterable itself
        state = {key: file.get_tensor(key) for key in keys}
    assert given == {"num_layers": 3, "lr_multiplier": 1.0, "layer_features": 16}
    torch.testing.assert_close(
        theirs(state, z, 3, "mapping.fc{i}", given["lr_multiplier"]), w, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"mapping_kwargs": {"lr_multiplier": "much"}}', "lr_multiplier as 'much'"),
        ("[]", "NVIDIA's Generator"),
        ('{"synthesis_kwargs": {"conv_clamp": -1}}', "conv_clamp as -1"),
        ("{", "does not have its form"),
        ('{"mapping_kwargs": {"activation": "swish"}}', "swish"),
    ],
)
def test_wrong_arguments_are_said(text, words, capsys):
    from safetensors.torch import save_file

    state = {key: value.contiguous() for key, value in make().state_dict().items()}
    save_file(state, "wrong.safetensors", {"init_kwargs": text})
    assert main.main(["weights", "convert", "wrong.safetensors", "y.safetensors"]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.golden
@pytest.mark.parametrize("case", ["sg2ada_g32_w64", "sg2ada_g32_c25", "sg2ada_g16_resnet_optional"])
def test_nvidia_names_are_the_official_ones(golden_dir, case):
    with safe_open(golden_dir / f"{case}.safetensors", "pt") as file:
        init = json.loads(file.metadata()["json"])["init_kwargs"]
        keys = file.keys()
        official = {k[6:]: file.get_tensor(k) for k in keys if k.startswith("state.")}
    from safetensors.torch import save_file

    save_file(official, "official.safetensors")
    (part,) = convert.read_parts(weights.resolve("official.safetensors"))
    weights.save("g.safetensors", part.state, part.arch)
    assert main.main(["weights", "export", "g.safetensors", "n.safetensors", "--to", "nvidia"]) == 0
    with safe_open("n.safetensors", "pt") as file:
        kwargs = json.loads(file.metadata()["init_kwargs"])
        assert set(file.keys()) == official.keys()
        for key, value in official.items():
            torch.testing.assert_close(file.get_tensor(key), value)
    assert all(kwargs[key] == value for key, value in init.items() if not key.endswith("kwargs"))
    widths = [
        min(
            kwargs["synthesis_kwargs"]["channel_base"] // (4 << i),
            kwargs["synthesis_kwargs"]["channel_max"],
        )
        for i in range(len(part.arch["channels"]))
    ]
    assert widths == part.arch["channels"]


@pytest.mark.parametrize(
    "more, target, words",
    [
        (dict(architecture="resnet"), "g.pt", "skip architecture"),
        (dict(c_dim=3), "g.pt", "labels"),
        (dict(z_dim=20), "g.pt", "z 20"),
        (dict(mapping_features=24), "g.pt", "layers 24"),
        (dict(), "g.npz", "--to"),
    ],
)
def test_what_does_not_fit_is_said(more, target, words, capsys):
    make(**more)
    assert main.main(["weights", "export", "g.safetensors", target]) in (1, 2)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "source, target, words",
    [
        ("runs/gan", "g.pt", "its generator, runs/gan/export/mygan.safetensors"),
        ("runs/bridge", "g.pt", "without an ending"),
        ("eg3d-mask", "n.safetensors", "without an ending"),
        ("g.safetensors", "g.safetensors", "is the source itself"),
    ],
)
def test_folders_bridges_and_the_source_are_refused(tmp_path, source, target, words, capsys):
    make()
    for run, name in (("gan", "mygan"), ("bridge", "bridge")):
        (tmp_path / "runs" / run / "export").mkdir(parents=True)
        (tmp_path / "runs" / run / "export" / f"{name}.safetensors").touch()
    assert main.main(["weights", "export", source, target]) == 2
    assert words in capsys.readouterr().err


def test_only_stylegan2_leaves_the_house(capsys):
    assert main.main(["weights", "export", "parser", "g.pt"]) == 1
    assert "only a StyleGAN2" in capsys.readouterr().err
