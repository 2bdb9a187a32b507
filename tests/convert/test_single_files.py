"""Stable Diffusion 1 and ControlNets in one file: every tensor finds its place in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import ldm_file as ldm
import pytest
import torch
from safetensors.torch import load_file, save_file

from gantoolkit import weights
from gantoolkit.cli import main
from gantoolkit.core.errors import WeightsError

ZOO = Path(weights.__file__).parents[1] / "zoo"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def written(folder: str) -> dict[str, torch.Tensor]:
    (file,) = Path(folder).glob("*.safetensors")
    return load_file(file)


def same_numbers(folder: str, wanted: dict[str, torch.Tensor]) -> None:
    """Every tensor of one is a tensor of the other (as float16, up to a 1×1 of linear layers)."""

    def marks(tensors):
        return sorted((t.numel(), round(float(t.half().double().sum()), 4)) for t in tensors)

    found = written(folder)
    assert marks(found.values()) == marks(v for k, v in wanted.items() if "position_ids" not in k)


def test_stable_diffusion_in_one_file(capsys):
    words = len(json.loads((ZOO / "diffusion/tokenizer/vocab.json").read_text()))
    parts = dict(unet=ldm.unet(), vae=ldm.vae(), text_encoder=ldm.text(words=words))
    save_file({k: v for names in parts.values() for k, v in names.items()}, "sd.safetensors")
    with pytest.raises(WeightsError, match="encoders read folders"):
        weights.load("sd.safetensors")
    assert (
        main.main(
            [
                "weights",
                "convert",
                "sd.safetensors",
                "sd15",
                "--tokenizer",
                str(ZOO / "diffusion/tokenizer"),
                "--licence",
                "RAIL",
            ]
        )
        == 0
    )
    assert "Stable Diffusion 1" in capsys.readouterr().out
    for name, names in parts.items():
        same_numbers(f"sd15/{name}", names)
    assert json.loads(Path("sd15/provenance.json").read_text())["licence"] == "RAIL"
    from gantoolkit.encoders import folders

    unet, vae, scheduler = (
        folders.load_unet("sd15"),
        folders.load_vae("sd15"),
        folders.load_scheduler("sd15"),
    )
    assert (
        list(unet.config.block_out_channels) == [32, 64, 128, 128]
        and unet.config.cross_attention_dim == 24
    )
    assert unet.down_blocks[0].attentions[0].transformer_blocks[0].attn2.heads == 8
    assert scheduler.config.beta_end == 0.012
    # up block 2, third layer
    key = "model.diffusion_model.output_blocks.8.1.transformer_blocks.0.attn2.to_k.weight"
    wanted = parts["unet"][key].half().float()
    assert torch.equal(
        unet.up_blocks[2].attentions[2].transformer_blocks[0].attn2.to_k.weight, wanted
    )
    assert list(vae.config.block_out_channels) == [32, 64] and vae.config.scaling_factor == 0.18215
    assert folders.load_text("sd15")[0].config.num_hidden_layers == 2


@pytest.mark.parametrize("prefix", ["control_model.", ""])
def test_controlnet_in_one_file(prefix, capsys):
    names = ldm.controlnet(prefix)
    torch.save({"state_dict": dict(names)}, "control.pth")
    assert main.main(["weights", "convert", "control.pth"]) == 0
    same_numbers("control", names)
    from gantoolkit.encoders import folders

    network = folders.load_controlnet("control")
    assert list(network.config.conditioning_embedding_out_channels) == [16, 32, 96, 256]
    assert len(network.controlnet_down_blocks) == 12


def test_without_a_tokenizer_it_says_which(capsys):
    save_file(dict(ldm.unet()), "sd.safetensors")
    assert main.main(["weights", "convert", "sd.safetensors", "out"]) == 0
    text = capsys.readouterr().out
    assert "--tokenizer DIR" in text and "no VAE" in text and "no text encoder" in text


def test_later_versions_are_named(capsys):
    names = ldm.unet()
    wide = {k: v[:, :, 0, 0].clone() if "proj_in.weight" in k else v for k, v in names.items()}
    save_file(wide, "sd2.safetensors")
    assert main.main(["weights", "convert", "sd2.safetensors", "out"]) == 1
    assert "Stable Diffusion 2" in capsys.readouterr().err
    assert main.main(["weights", "convert", "sd2.safetensors", "out.safetensors"]) == 2
