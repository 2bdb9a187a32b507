"""What lies in place of weights is recognized by its bytes, in every reader of single files."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save

from gantoolkit import convert, load_generator, networks, weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.weights.recognize import describe_damage, read_json
from gantoolkit.weights.state_dict import check_finite

WHOLE = save({"a": torch.arange(300.0), "b": torch.zeros(2, 2)})
DAMAGED = {
    "pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "12 bytes",
    ),
    "page": (b"<!DOCTYPE HTML>\n<html>", "web page"),
    "page with a mark": (b"\xef\xbb\xbf\n<html lang='en'>", "web page"),
    "error of a store": (b"<?xml version='1.0'?><Error/>", "web page"),
    "empty": (b"", "is empty"),
    "zeros": (bytes(1 << 14), "zeros only"),
    "answer": (b"Invalid username or password.", "begins with 'Invalid username"),
    "json": (b'{"error": "gated"}', "is a text"),
    "cut header": (WHOLE[:60], "is cut off: it has 60 of"),
    "cut": (WHOLE[:-1], f"it has {len(WHOLE) - 1:,} of at least {len(WHOLE):,} bytes"),
    "cut zip": (b"PK\x03\x04" + bytes(range(200)), "its end is missing"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "gzip"),
}
READERS = {
    "weights": weights.load,
    "generator": load_generator,
    "network": networks.load,
    "convert": convert.read_parts,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("ending", ["safetensors", "pt", "pkl", "ckpt", "bin", "onnx"])
@pytest.mark.parametrize("name", DAMAGED)
def test_every_reader_names_it(tmp_path, name, ending, reader):
    content, words = DAMAGED[name]
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        READERS[reader](path)
    text = str(caught.value)
    assert text.startswith(str(path)) and words in text and "\n" not in text and text[-1] == "."


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        save({}),
        pickle.dumps({"a": 1}, 2),
        b"\x08\x07\x12\x07pytorch",
        save({"a": torch.ones(1)}),
    ],
)
def test_whole_files_are_not_damaged(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert describe_damage(tmp_path / "x") == ""


def test_files_of_torch_are_not_damaged(tmp_path):
    for i, old in enumerate((False, True)):
        torch.save({"a": torch.ones(3)}, tmp_path / str(i), _use_new_zipfile_serialization=not old)
        assert describe_damage(tmp_path / str(i)) == ""


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_of_any_unicode_is_read(tmp_path, coding):
    (tmp_path / "config.json").write_text('{"name": "é"}', encoding=coding)
    assert read_json(tmp_path / "config.json") == {"name": "é"}


@pytest.mark.parametrize("content", [b"{", b"3", b"[" * 100_000, b"\xff\xfe\xfd", b"null"])
def test_other_json_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(
        WeightsError, match="config.json(, line 1:|: it is not usable| holds a).*(mend|save)"
    ):
        read_json(tmp_path / "config.json")


def test_a_folder_is_not_one_file(tmp_path):
    with pytest.raises(WeightsError, match="is a folder"):
        weights.load(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_are_named(dtype, value):
    state = {"a": torch.ones(4, dtype=dtype), "b.c": torch.zeros(2, 2, dtype=dtype)}
    check_finite(state | {"ids": torch.tensor([1])}, "f")
    state["b.c"][1, 0] = float(value)
    with pytest.raises(WeightsError, match="^f holds NaN or infinite numbers in b.c; "):
        check_finite(state, "f")


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_frozen_networks_are_refused_by_name(tmp_path, value):
    arch = dict(size=32, units=[[4, 1], [4, 1], [4, 1], [4, 1]], embedding=8)
    network = ArcFace(**arch)
    state = network.state_dict()
    key = sorted(state)[3]
    state[key] = torch.full_like(state[key].float(), float(value))
    path = weights.save(tmp_path / "f.safetensors", state, {"type": "ArcFace", **arch})
    with pytest.raises(WeightsError, match=f"{path} holds NaN or infinite numbers in {key}"):
        networks.load(path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32])
def test_whole_numbers_in_place_of_weights_are_refused_by_name(tmp_path, dtype):
    arch = dict(size=32, units=[[4, 1], [4, 1], [4, 1], [4, 1]], embedding=8)
    state = ArcFace(**arch).state_dict()
    key = sorted(state)[3]
    state[key] = state[key].to(dtype)
    path = weights.save(tmp_path / "f.safetensors", state, {"type": "ArcFace", **arch})
    with pytest.raises(WeightsError, match=f"{path} holds whole numbers in {key}, as quantized"):
        networks.load(path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_half_precision_is_read_as_float32(tmp_path, dtype):
    value = torch.tensor([0.5, 2.0, -1.0])
    path = weights.save(tmp_path / "h.safetensors", {"a": value.to(dtype)}, {"type": "x"})
    read = weights.load(path)[0]["a"]
    assert read.dtype == torch.float32 and torch.equal(read, value)
