"""One part that cannot be taken never blocks the others, and what stands in for a part is said."""

from __future__ import annotations

import json
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import nvidia_pickle as write
import pytest
import torch
from safetensors.torch import load_file, save_file

import gantoolkit
from gantoolkit import convert, networks, weights
from gantoolkit.cli import main
from gantoolkit.convert.rosinality import to_rosinality
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.psp import PSPEncoder

ZOO = Path(weights.__file__).parents[1] / "zoo"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with torch.no_grad():
        yield


def flat(**more) -> StyleGAN2:
    torch.manual_seed(1)
    arch = dict(z_dim=16, w_dim=16, resolution=16, channels=(8, 8, 6), mapping_layers=8) | more
    return StyleGAN2(**arch).eval()


def encoder(kind: str = "psp") -> PSPEncoder:
    torch.manual_seed(2)
    return PSPEncoder(6, kind, 3, ((4, 1), (8, 1), (12, 1), (16, 1))).eval()


def psp_file(encoder_state: dict, options: dict, decoder: dict | None = None, **more) -> None:
    if decoder is None:
        decoder = to_rosinality(flat().state_dict())[0]
    state = {f"encoder.{key}": value for key, value in encoder_state.items()}
    state |= {f"decoder.{key}": value for key, value in decoder.items()}
    torch.save({"state_dict": state, "opts": options, **more}, "x.pt")


def command(*words: str) -> int:
    return main.main(["weights", "convert", "x.pt", *words])


# -- parts ---------------------------------------------------------------------------------------


def unknown_encoders() -> dict[str, tuple[dict, dict]]:
    """State and options of encoders that are not built here."""
    full = encoder().state_dict()
    restyle = {key: value for key, value in full.items() if not key.startswith("latlayer")}
    resnet = {"conv1.weight": torch.zeros(64, 6, 7, 7), "styles.0.linear.weight": torch.ones(2, 2)}
    broken = {key: value for key, value in full.items() if "body.1" not in key}
    return {
        "restyle": (restyle, {"encoder_type": "BackboneEncoder", "input_nc": 6}),
        "resnet": (resnet, {"encoder_type": "ResNetBackboneEncoder"}),
        "cut": (broken, {"encoder_type": "GradualStyleEncoder"}),
        "nan": ({key: value * float("nan") for key, value in full.items()}, {}),
        "shape": (full | {"input_layer.0.weight": torch.zeros(3)}, {}),
    }


@pytest.mark.parametrize("name", unknown_encoders())
def test_an_unknown_encoder_leaves_the_generator(name, capsys):
    own = flat()
    psp_file(*unknown_encoders()[name], latent_avg=torch.ones(6, 16))
    assert command("g.safetensors", "--part", "generator") == 0
    read, ws = gantoolkit.load_generator("g.safetensors"), torch.randn(1, 6, 16)
    torch.testing.assert_close(read.render(ws).image, own.render(ws).image)
    assert "not taken:" in capsys.readouterr().out
    assert command("all.safetensors") == 0
    assert Path("all.safetensors").is_file() and not Path("all-encoder.safetensors").exists()
    assert command("e.safetensors", "--part", "encoder") == 1
    said = capsys.readouterr().err
    assert "the part 'encoder' cannot be taken" in said.lower() and "debug" not in said
    torch.testing.assert_close(gantoolkit.load_generator("x.pt").mean_w, torch.ones(16))
    for _ in range(2):  # the second time from the cache
        with pytest.raises(WeightsError, match="x.pt: the part 'encoder' cannot be taken"):
            networks.load("x.pt")


def test_a_broken_generator_leaves_the_encoder():
    own = encoder()
    decoder = to_rosinality(flat().state_dict())[0]
    del decoder["convs.1.conv.weight"]
    options = {"start_from_latent_avg": False}
    psp_file(own.state_dict(), options, decoder, latent_avg=torch.ones(6, 16))
    x = torch.rand(1, 3, 256, 256)
    torch.testing.assert_close(networks.load("x.pt")(x), own(x))
    assert command("e.safetensors", "--part", "encoder") == 0
    assert command("g.safetensors", "--part", "generator") == 1


def test_a_broken_discriminator_leaves_the_generator(capsys):
    state = to_rosinality(flat().state_dict())[0]
    torch.save({"g_ema": state, "d": {"convs.0.0.weight": torch.zeros(1)}}, "x.pt")
    assert command("g.safetensors") == 0
    assert "not taken:" in capsys.readouterr().out
    assert command("d.safetensors", "--part", "discriminator") == 1


@pytest.mark.parametrize("broken", ["G", "D"])
def test_a_broken_network_of_a_pickle_leaves_the_moving_average(broken):
    own = flat(channels=(8, 8, 6))
    with write.writing():
        bad = write.Persistent("Generator", {"_parameters": {"synthesis.b4.const": "text"}})
        content = {"G_ema": write.graph(own), broken: bad}
        Path("x.pkl").write_bytes(write.dump(content))
    read, ws = gantoolkit.load_generator("x.pkl"), torch.randn(1, 6, 16)
    torch.testing.assert_close(read.render(ws).image, own.render(ws).image)
    problems = {part.name: part.problem for part in convert.read_parts(Path("x.pkl"))}
    assert not problems["generator"] and sum(map(bool, problems.values())) == 1


def test_where_no_part_can_be_taken_the_file_is_refused(capsys):
    torch.save({"g_ema": {"input.input": torch.zeros(1, 8, 4, 4)}}, "x.pt")
    assert command() == 1
    said = capsys.readouterr().err
    assert said.startswith("gantoolkit: x.pt: ") and said.count("\n") == 1


# -- mean codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, options",
    [
        ("psp", {"encoder_type": "GradualStyleEncoder", "start_from_latent_avg": True}),
        ("e4e", {"encoder_type": "Encoder4Editing"}),
        ("w+", {"start_from_latent_avg": True}),
    ],
)
def test_a_missing_mean_code_is_estimated_for_both_parts(kind, options, capsys):
    own = encoder(kind)
    psp_file(own.state_dict(), options)
    read, x = networks.load("x.pt"), torch.rand(1, 3, 256, 256)
    mean = gantoolkit.load_generator("x.pt").mean_w
    torch.testing.assert_close(read(x), own(x) + mean)
    z = torch.randn(20_000, 16, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(mean, flat().mapping(z)[:, 0].mean(0), atol=0.02, rtol=0)
    assert command("y.safetensors") == 0
    said = capsys.readouterr().out
    assert said.count("because the file has no latent_avg") == 2
    assert "1 × 16, added to every result" in said


def test_without_a_generator_the_mean_code_cannot_be_estimated():
    psp_file(encoder().state_dict(), {"start_from_latent_avg": True}, decoder={})
    with pytest.raises(WeightsError, match="x.pt: The encoder adds a mean code, and the file has"):
        networks.load("x.pt")


def test_an_encoder_without_mean_code_needs_none():
    own = encoder()
    psp_file(own.state_dict(), {"start_from_latent_avg": False})
    x = torch.rand(1, 3, 256, 256)
    torch.testing.assert_close(networks.load("x.pt")(x), own(x))


# -- conditional networks ------------------------------------------------------------------------


def test_a_conditional_network_in_rosinalitys_form_is_refused():
    state = to_rosinality(flat(z_dim=32).state_dict())[0]  # z and the embedded label
    torch.save({"g_ema": state}, "x.pt")
    with pytest.raises(WeightsError, match="x.pt: .* reads 32 numbers and gives 16.*no place"):
        gantoolkit.load_generator("x.pt")


def test_a_conditional_state_dict_without_its_embedding_is_refused():
    own = flat(c_dim=5)
    state = own.state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, "whole.safetensors")
    read = gantoolkit.load_generator("whole.safetensors")
    z, c = torch.randn(2, 16), torch.randn(2, 5)
    torch.testing.assert_close(read.mapping(z, c), own.mapping(z, c))
    bare = {key: value.contiguous() for key, value in state.items() if "embed" not in key}
    save_file(bare, "x.safetensors")
    with pytest.raises(WeightsError, match="x.safetensors: .*embedding .* is not in the file"):
        gantoolkit.load_generator("x.safetensors")


# -- wrappers, and families known by sight -------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"generator": state},
        lambda state: {"G": state, "D": {}},
        lambda state: {"state_dict": {f"G.{key}": value for key, value in state.items()}},
        lambda state: {"state_dict": {f"model.g_ema.{key}": value for key, value in state.items()}},
        lambda state: {"params_ema": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"_orig_mod.module.{key}": value for key, value in state.items()},
    ],
)
@pytest.mark.parametrize("form", ["nvidia", "rosinality"])
def test_wrapped_state_dicts_are_read(wrap, form):
    own = flat()
    state = own.state_dict() if form == "nvidia" else to_rosinality(own.state_dict())[0]
    torch.save(wrap(state), "x.pt")
    read, ws = gantoolkit.load_generator("x.pt"), torch.randn(1, 6, 16)
    torch.testing.assert_close(read.render(ws).image, own.render(ws).image)


def test_a_moving_average_comes_before_the_raw_network():
    own = flat()
    average = to_rosinality(own.state_dict())[0]
    raw = {key: torch.zeros_like(value) for key, value in average.items()}
    state = {f"G.{key}": value for key, value in raw.items()}
    state |= {f"G_ema.{key}": value for key, value in average.items()}
    torch.save({"state_dict": state}, "x.pt")
    read, ws = gantoolkit.load_generator("x.pt"), torch.randn(1, 6, 16)
    torch.testing.assert_close(read.render(ws).image, own.render(ws).image)


@pytest.mark.parametrize(
    "name, words",
    [
        ("lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "LoRA"),
        ("unet.down_blocks.0.attentions.0.to_q.lora_A.weight", "LoRA"),
        ("body.0.block1.weight", "T2I-Adapter"),
        ("double_blocks.0.img_attn.qkv.weight", "Flux"),
        ("synthesis.input.freqs", "StyleGAN3"),
        ("backbone.synthesis.b4.const", "EG3D"),
        ("lin0.model.1.weight", "LPIPS's linear layers"),
        ("up_blocks.0.resnets.0.conv1.weight", "in diffusers' names"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "CLIP's text model"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_families_known_by_sight_are_named(name, words, wrapped, capsys):
    state = {name: torch.zeros(2, 2)}
    torch.save({"state_dict": state} if wrapped else state, "x.pt")
    assert command() == 1
    said = capsys.readouterr().err
    assert "x.pt is " in said and words in said and said.count("\n") == 1


# -- ControlNets in diffusers' names -------------------------------------------------------------


def controlnet() -> tuple[dict, str]:
    folder = ZOO / "controlnet-mask"
    return load_file(folder / "diffusion_pytorch_model.safetensors"), folder / "config.json"


@pytest.mark.parametrize("prefix", ["", "controlnet.", "module."])
@pytest.mark.parametrize("ending", ["safetensors", "bin", "ckpt"])
def test_a_controlnet_beside_its_config_becomes_a_folder(tmp_path, prefix, ending):
    from gantoolkit.encoders import folders

    state, config = controlnet()
    named = {prefix + key: value for key, value in state.items()}
    file = f"x.{ending}"
    save_file(named, file) if ending == "safetensors" else torch.save({"state_dict": named}, file)
    Path("config.json").write_bytes(config.read_bytes())
    assert main.main(["weights", "convert", file, "out"]) == 0
    read = folders.load_controlnet("out")
    assert read.config.attention_head_dim == json.loads(config.read_text())["attention_head_dim"]
    for key, value in state.items():
        assert torch.equal(read.state_dict()[key], value.float()), key


def test_a_controlnet_of_other_sizes_needs_its_config(capsys):
    save_file(controlnet()[0], "x.safetensors")
    assert main.main(["weights", "convert", "x.safetensors", "out"]) == 1
    said = capsys.readouterr().err
    assert "x.safetensors: " in said and "put its config.json beside the file" in said


@pytest.mark.parametrize("context, heads", [(768, 8), (1024, [5, 10, 20, 20])])
def test_settings_of_published_controlnets_are_read_off_the_shapes(context, heads):
    from diffusers.models.controlnets.controlnet import ControlNetModel

    from gantoolkit.encoders.single_controlnet import controlnet_config

    with torch.device("meta"):
        wanted = ControlNetModel(
            cross_attention_dim=context,
            attention_head_dim=heads,
            use_linear_projection=context == 1024,
            conditioning_embedding_out_channels=(16, 32, 96, 256),
        )
    config = controlnet_config(wanted.state_dict())
    with torch.device("meta"):
        read = ControlNetModel.from_config(config)
    assert {k: v.shape for k, v in read.state_dict().items()} == {
        k: v.shape for k, v in wanted.state_dict().items()
    }
    attention = read.down_blocks[1].attentions[0].transformer_blocks[0].attn1
    assert attention.heads == wanted.down_blocks[1].attentions[0].transformer_blocks[0].attn1.heads
    for key in ("conditioning_embedding_out_channels", "block_out_channels", "down_block_types"):
        assert list(wanted.config[key]) == config[key]


def test_a_cut_controlnet_is_a_sentence(capsys):
    state, config = controlnet()
    Path("config.json").write_bytes(config.read_bytes())
    del state["mid_block.resnets.0.conv1.weight"]
    save_file(state, "x.safetensors")
    assert main.main(["weights", "convert", "x.safetensors", "out"]) == 1
    said = capsys.readouterr().err
    assert "lacks mid_block.resnets.0.conv1.weight" in said and "x.safetensors" in said
