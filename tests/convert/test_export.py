"""A StyleGAN2 in other projects' forms: their names exactly, and the same pictures when it comes back."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

import gantoolkit
from gantoolkit import cli, convert, weights
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
    assert cli.main(["weights", "export", "g.safetensors", target]) == 0
    back, z = gantoolkit.load_generator(target), torch.randn(2, 16)
    ws = g.mapping(z, truncation_psi=0.5)
    torch.testing.assert_close(back.mapping(z, truncation_psi=0.5), ws)
    torch.testing.assert_close(back.render(ws).image, g.render(ws).image)
    part = convert.parts(weights.resolve(target))[0]
    assert not part.unused and not part.missing


@pytest.mark.golden
@pytest.mark.parametrize("case", ["sg2ada_g32_w64", "sg2ada_g32_c25", "sg2ada_g16_resnet_optional"])
def test_nvidia_names_are_the_official_ones(golden_dir, case):
    with safe_open(golden_dir / f"{case}.safetensors", "pt") as file:
        init = json.loads(file.metadata()["json"])["init_kwargs"]
        official = {k[6:]: file.get_tensor(k) for k in file.keys() if k.startswith("state.")}
    from safetensors.torch import save_file

    save_file(official, "official.safetensors")
    (part,) = convert.parts(weights.resolve("official.safetensors"))
    weights.save("g.safetensors", part.state, part.arch)
    assert cli.main(["weights", "export", "g.safetensors", "n.safetensors", "--to", "nvidia"]) == 0
    with safe_open("n.safetensors", "pt") as file:
        kwargs = json.loads(file.metadata()["init_kwargs"])
        assert set(file.keys()) == official.keys()
        for key, value in official.items():
            torch.testing.assert_close(file.get_tensor(key), value)
    assert all(kwargs[key] == value for key, value in init.items() if not key.endswith("kwargs"))
    widths = [min(kwargs["synthesis_kwargs"]["channel_base"] // (4 << i), kwargs["synthesis_kwargs"]["channel_max"])
              for i in range(len(part.arch["channels"]))]
    assert widths == part.arch["channels"]


@pytest.mark.parametrize("more, target, words", [
    (dict(architecture="resnet"), "g.pt", "skip architecture"), (dict(c_dim=3), "g.pt", "labels"),
    (dict(mapping_lr_mul=0.1), "g.pt", "0.01"), (dict(), "g.npz", "--to")])
def test_what_does_not_fit_is_said(more, target, words, capsys):
    make(**more)
    assert cli.main(["weights", "export", "g.safetensors", target]) in (1, 2)
    assert words in capsys.readouterr().err


def test_only_stylegan2_leaves_the_house(capsys):
    assert cli.main(["weights", "export", "parser", "g.pt"]) == 1
    assert "only a StyleGAN2" in capsys.readouterr().err
