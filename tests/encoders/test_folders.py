"""Folders of diffusers as people have them: every naming is read right, every damage is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import diffusion_model, folders
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.weights.folders import _say_ignored, choose_files, parse_name

UNET = "diffusion/unet/diffusion_pytorch_model"
TEXT = "diffusion/text_encoder/model"
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a9b3c1e5f00000000000000000000000000000000000000000000000000aa\nsize 3438167536\n"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of a small model, and the model itself."""
    parts = tiny.parts()
    return tiny.write(tmp_path_factory.mktemp("whole"), parts), parts


@pytest.fixture
def root(whole, tmp_path, monkeypatch):
    """A copy to be damaged; the current folder."""
    monkeypatch.chdir(tmp_path)
    _say_ignored.cache_clear()
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def load():
    return diffusion_model.load_diffusion_model("diffusion", "controlnet")


def refused(*words: str) -> str:
    """Load the folders; returns the one sentence that refuses them."""
    with pytest.raises(WeightsError) as caught:
        load()
    text = str(caught.value)
    assert "\n" not in text and text.endswith("."), text
    for word in words:
        assert word in text, text
    return text


def edit(path: str, **change) -> None:
    content = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps(content | change))


# -- names of variants ---------------------------------------------------------------------------


def write_as(stem: str, ending: str, variant: str, shards: int, late: bool, dtype) -> None:
    """Replace STEM.safetensors by files of another naming, holding the same tensors."""
    (source,) = Path(stem).parent.glob("*.safetensors")
    state = {key: value.to(dtype) for key, value in load_file(source).items()}
    source.unlink()
    keys = sorted(state)
    for i in range(shards):
        own = {key: state[key] for key in keys[i::shards]}
        number = f"-{i + 1:05d}-of-{shards:05d}" if shards > 1 else ""
        mark = f".{variant}" if variant else ""
        name = f"{stem}{number}{mark}{ending}" if late else f"{stem}{mark}{number}{ending}"
        save_file(own, name) if ending == ".safetensors" else torch.save(own, name)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    "variant, dtype",
    [("", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)],
)
@pytest.mark.parametrize("ending", [".safetensors", ".bin"])
def test_every_naming_gives_the_same_numbers(whole, root, ending, variant, dtype, shards, late):
    write_as(UNET, ending, variant, shards, late, dtype)
    text_stem = TEXT if ending == ".safetensors" else "diffusion/text_encoder/pytorch_model"
    write_as(TEXT, ending, variant, shards, late, dtype)
    for path in Path("diffusion/text_encoder").glob("model*.bin"):
        path.rename(path.with_name("pytorch_" + path.name))
    assert list(Path().glob(f"{text_stem}*"))
    for own, wanted in ((folders.load_unet("diffusion"), whole[1].unet),):
        for key, value in wanted.state_dict().items():
            assert torch.equal(own.state_dict()[key], value.to(dtype).float()), key
    text = folders.load_text("diffusion")[0].state_dict()
    for key, value in whole[1].text_encoder.state_dict().items():
        assert torch.equal(text[key], value.to(dtype).float()), key


def test_numbers_are_those_of_diffusers_and_transformers(root):
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from transformers import CLIPTextModel

    ours = load()
    theirs = ControlNetModel.from_pretrained("controlnet")
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.controlnets[0].state_dict()[key], value)
    ids = torch.tensor([[3, 5, 8]])
    text = CLIPTextModel.from_pretrained("diffusion/text_encoder")
    assert torch.equal(ours.text_encoder(ids)[0], text(ids)[0])


@pytest.mark.parametrize(
    "names, chosen, ignored",
    [
        (["m.safetensors", "m.fp16.safetensors", "m.bin"], ["m.safetensors"], 2),
        (["m.fp16.safetensors", "m.bin"], ["m.bin"], 1),
        (["m.non_ema.safetensors", "m.bf16.bin", "m.fp16.bin"], ["m.fp16.bin"], 2),
        (["m.non_ema.bin"], ["m.non_ema.bin"], 0),
        (
            ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors", "flax_m.msgpack"],
            ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"],
            1,
        ),
        (["m-00001-of-00002.safetensors", "m.fp16.bin"], ["m.fp16.bin"], 1),
        (["m.safetensors", "m-00001-of-00001.safetensors", "notes.txt"], ["m.safetensors"], 1),
    ],
)
def test_what_is_ignored_is_said(tmp_path, capsys, names, chosen, ignored):
    _say_ignored.cache_clear()
    for name in names:
        (tmp_path / name).touch()
    for _ in range(2):
        assert [path.name for path in choose_files(tmp_path, ["m"])] == chosen
    said = capsys.readouterr().err
    assert said.count(str(tmp_path)) == bool(ignored)
    for name in set(names) - set(chosen) - {"notes.txt"}:
        assert name in said


@pytest.mark.parametrize(
    "names, words",
    [
        ([], "has no weights (m.safetensors or m.bin)"),
        (["m-00001-of-00003.bin", "m-00003-of-00003.bin"], "lacks shard 2 of 3"),
        (["m.safetensors.index.json"], "none of the files that it lists"),
        (["tf_m.h5"], "it has tf_m.h5, which is not read here"),
    ],
)
def test_folders_without_whole_weights(tmp_path, names, words):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(WeightsError) as caught:
        choose_files(tmp_path, ["m"])
    assert words in str(caught.value) and str(tmp_path) in str(caught.value)


def test_names_of_other_files_are_not_weights():
    for name in ("model.safetensors.index.json", "mymodel.bin", "model.a.b.bin", "model-1.bin"):
        assert parse_name(Path(name), ["model"]) is None, name


@pytest.mark.parametrize("dims", [2, 4])
def test_a_vae_of_old_names_is_read(root, dims):
    """Stable Diffusion 1.5's own vae/ names its attention query, key, value and proj_attn."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    vae = AutoencoderKL(block_out_channels=(32,), norm_num_groups=8)
    vae.save_pretrained("diffusion/vae")
    file = "diffusion/vae/diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for key, value in load_file(file).items():
        for new, name in old.items():
            if f".{new}." in key:
                value = value[:, :, None, None] if value.ndim == 2 < dims else value
                key = key.replace(f".{new}.", f".{name}.")
        renamed[key] = value.contiguous()
    assert any(".proj_attn.weight" in key for key in renamed)
    save_file(renamed, file)
    read = folders.load_vae("diffusion").state_dict()
    assert all(torch.equal(read[key], value) for key, value in vae.state_dict().items())


# -- damaged files -------------------------------------------------------------------------------

PLACES = (f"{UNET}.safetensors", f"{TEXT}.safetensors", "diffusion/vae/config.json")


@pytest.mark.parametrize("place", [*PLACES, "diffusion/tokenizer/vocab.json"])
@pytest.mark.parametrize(
    "content, words",
    [
        (POINTER.encode(), "is a Git LFS pointer to 3,438,167,536 bytes"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        (b"\n <html>", "is a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
        (b"", "is empty"),
        (bytes(5000), "zeros only"),
    ],
)
def test_what_is_no_file_of_a_model_is_named(root, place, content, words):
    Path(place).write_bytes(content)
    if "tokenizer" in place:
        Path("diffusion/tokenizer/tokenizer.json").unlink()
    refused(place, words)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"Entry not found", "is a text"),
        (b'{"error": "Access to this model is restricted."}', "is a text"),
        (b"\x1f\x8b\x08\0rest of it", "gzip archive"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a readable safetensors file"),
    ],
)
def test_texts_and_archives_in_place_of_weights(root, content, words):
    Path(f"{UNET}.safetensors").write_bytes(content)
    refused(f"{UNET}.safetensors", words)


@pytest.mark.parametrize("place", PLACES[:2])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_cut_files_say_how_much_is_missing(root, place, share):
    whole = Path(place).read_bytes()
    Path(place).write_bytes(whole[: int(len(whole) * share)])
    refused(place, "is cut off: it has", "fetch it again")


@pytest.mark.parametrize("damage", ["cut", "noise", "tail"])
def test_a_corrupt_bin_of_the_text_encoder_is_a_sentence(root, damage):
    state = load_file(f"{TEXT}.safetensors")
    Path(f"{TEXT}.safetensors").unlink()
    file = Path("diffusion/text_encoder/pytorch_model.bin")
    torch.save(state, file)
    content = file.read_bytes()
    changed = {
        "cut": content[:-300],
        "noise": b"\x80\x02" + bytes(range(256)),
        "tail": content[:200] + b"\xff" * 400 + content[600:],
    }
    file.write_bytes(changed[damage])
    refused(str(file), "damaged")


@pytest.mark.parametrize(
    "place, words",
    [
        (f"{UNET}.safetensors", "UNet2DConditionModel"),
        (f"{TEXT}.safetensors", "CLIPTextModel"),
        ("controlnet/diffusion_pytorch_model.safetensors", "ControlNetModel"),
        ("diffusion/vae/diffusion_pytorch_model.safetensors", "AutoencoderKL"),
    ],
)
@pytest.mark.parametrize("damage", ["missing", "mismatched", "unexpected", "nan", "inf"])
def test_tensors_that_do_not_fit_are_named(root, place, words, damage):
    state = load_file(place)
    key = sorted(state)[4]
    if damage == "missing":
        del state[key]
        words = f"it lacks {key}"
    elif damage == "mismatched":
        state[key] = torch.zeros(3, 1, 2)
        words = f"of another shape: {key}"
    elif damage == "unexpected":
        state["lora.up"] = torch.zeros(1)
        words = "unexpected lora.up"
    else:
        state[key].view(-1)[0] = float(damage)
        words = f"NaN or infinite numbers in {key}"
    save_file(state, place)
    refused(place, words.removeprefix("it "))


@pytest.mark.parametrize("content", ["{", "[]", '{"_class_name": 1', "\x00"])
def test_broken_configs_are_named(root, content):
    for place in ("diffusion/unet/config.json", "controlnet/config.json"):
        whole = Path(place).read_text()
        Path(place).write_text(content)
        refused(place)
        Path(place).write_text(whole)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_configs_in_other_encodings_are_read(root, coding):
    for place in ("diffusion/unet/config.json", "controlnet/config.json"):
        Path(place).write_text(Path(place).read_text(), encoding=coding)
    load()


@pytest.mark.parametrize("content", ["{", POINTER])
def test_a_plan_names_a_broken_config(root, content):
    from gantoolkit.encoders.published import build_meta_encoder

    Path("diffusion/vae/config.json").write_text(content)
    with pytest.raises(
        WeightsError,
        match=r"diffusion/vae/config.json(, line 1: it is not JSON|: it is not| is| holds)",
    ):
        build_meta_encoder({"weights": "diffusion", "controlnet": None})


# -- other families ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, words",
    [
        ("StableDiffusionXLPipeline", ["Stable Diffusion XL, which SDXLEncoder reads"]),
        ("StableDiffusion3Pipeline", ["Stable Diffusion 3, which SD3Encoder reads"]),
        ("FluxPipeline", ["FLUX.1, which FluxEncoder reads"]),
        ("StableDiffusionInpaintPipeline", ["model_index.json", "StableDiffusionInpaintPipeline"]),
        ("PixArtAlphaPipeline", ["model_index.json", "PixArtAlphaPipeline"]),
    ],
)
def test_folders_of_another_pipeline_are_refused_at_once(root, name, words):
    Path("diffusion/model_index.json").write_text(json.dumps({"_class_name": name}))
    shutil.rmtree("diffusion/unet")  # nothing else is looked at before that
    refused(*words)


@pytest.mark.parametrize(
    "name", ["StableDiffusionPipeline", "StableDiffusionControlNetImg2ImgPipeline"]
)
def test_folders_of_the_same_family_are_read(root, name):
    Path("diffusion/model_index.json").write_text(json.dumps({"_class_name": name}))
    load()


@pytest.mark.parametrize(
    "channels, words", [(9, "an inpainting model"), (8, "InstructPix2Pix"), (5, "depth")]
)
def test_unets_of_another_task_are_refused_at_once(root, channels, words):
    edit("diffusion/unet/config.json", in_channels=channels)
    Path(f"{UNET}.safetensors").unlink()
    refused(str(Path("diffusion/unet")), f"reads {channels} channels", words)


def test_sdxl_without_its_index_is_refused(root):
    edit("diffusion/unet/config.json", addition_embed_type="text_time")
    refused("Stable Diffusion XL")


def test_another_models_text_encoder_is_refused(root):
    edit("diffusion/unet/config.json", cross_attention_dim=768)
    refused("reads text states of 768 numbers", "makes 16")


def test_components_of_another_class_are_refused(root):
    edit("controlnet/config.json", _class_name="T2IAdapter")
    refused("controlnet holds a T2IAdapter")


# -- tokenizers ----------------------------------------------------------------------------------

TOKENIZER = Path("diffusion/tokenizer")


def replace_tokenizer(captions: list[str], vocab_size: int) -> None:
    shutil.rmtree(TOKENIZER)
    train_tokenizer(captions, vocab_size=vocab_size, max_length=24).save_pretrained(TOKENIZER)


def test_a_tokenizer_without_its_vocabulary_is_refused(root):
    for path in TOKENIZER.iterdir():
        if path.name != "tokenizer_config.json":
            path.unlink()
    refused(str(TOKENIZER), "has no vocabulary")


def test_a_shorter_tokenizer_is_refused(root):
    replace_tokenizer(["a"], 514)
    refused(str(TOKENIZER), "is shorter than the text model's table (514 tokens for 543 rows)")


def test_a_longer_tokenizer_is_refused(root):
    replace_tokenizer([*tiny.CAPTIONS, "entirely other words of somebody else"] * 9, 575)
    refused(str(TOKENIZER), "is longer than the text model's table")


@pytest.mark.parametrize("name", ["T5Tokenizer", "GPT2Tokenizer", "BertTokenizerFast"])
def test_a_tokenizer_of_another_class_is_refused(root, name):
    edit(str(TOKENIZER / "tokenizer_config.json"), tokenizer_class=name)
    refused(str(TOKENIZER), f"holds a {name}")


def test_a_tokenizer_that_ends_texts_otherwise_is_refused(root):
    edit("diffusion/text_encoder/config.json", eos_token_id=17)
    refused(str(TOKENIZER), "the text model with 17")


@pytest.mark.parametrize("content", ["{", '{"version": "1.0"}', "[1, 2]"])
def test_a_broken_tokenizer_is_a_sentence(root, content):
    (TOKENIZER / "tokenizer.json").write_text(content)
    for name in ("vocab.json", "merges.txt"):
        (TOKENIZER / name).unlink(missing_ok=True)
    refused(str(TOKENIZER))


def test_the_older_form_of_a_tokenizer_is_read_and_checked(whole, root):
    from gantoolkit.networks.tokenizer import save_tokenizer

    save_tokenizer(whole[1].tokenizer, TOKENIZER, [])
    (TOKENIZER / "tokenizer.json").unlink()
    text = "a woman with black hair"
    assert load().tokenizer(text).input_ids == whole[1].tokenizer(text).input_ids
    merges = (TOKENIZER / "merges.txt").read_text().splitlines()
    (TOKENIZER / "merges.txt").write_text("\n".join(merges[:9]) + "\n")
    refused(str(TOKENIZER), "merges.txt was cut")
