"""Files and folders of weights by the hundred, made from seeds, whole, odd and damaged."""

from __future__ import annotations

import os
import pathlib
import pickle
import random
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sweeping import Made, sweep

from gantoolkit.convert.source import read_source
from gantoolkit.weights.folders import read_folder

SEEDS = range(8)
STEM = "diffusion_pytorch_model"
NO_WEIGHTS = {
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n",
    "web page": b"<!DOCTYPE html><html><body>Log in</body></html>",
    "answer": b"Entry not found",
    "empty": b"",
    "zeros": bytes(5000),
    "gzip": b"\x1f\x8b\x08\0" + bytes(range(200)),
}
pytestmark = pytest.mark.slow


def state_of(rng: random.Random) -> dict[str, torch.Tensor]:
    """Tensors of a few layers, in numbers that halves hold exactly."""
    generator = torch.Generator().manual_seed(rng.randint(0, 99))
    shapes = [rng.sample([1, 2, 3, 4, 5], rng.randint(1, 3)) for _ in range(rng.randint(2, 6))]
    return {
        f"block.{n}.weight": torch.randint(-99, 99, shape, generator=generator) / 8
        for n, shape in enumerate(shapes)
    }


def plain(state) -> dict[str, list]:
    return {key: value.float().tolist() for key, value in state.items()}


# -- files -----------------------------------------------------------------------------------------


def read_file(path):
    return plain(read_source(path).state())


def read_wrapped(path):
    return plain(read_source(path).state("state_dict"))


def beside(rng: random.Random) -> dict:
    """What training frameworks store beside the tensors."""
    return {
        "epoch": np.int64(rng.randint(0, 9)),
        "path": pathlib.PurePosixPath("runs/x"),
        "logs": defaultdict(list, loss=[np.float32(0.5)]),
        "order": OrderedDict(a=1),
    }


def files(rng: random.Random):
    state = state_of(rng)
    right = plain(state)
    wrapped = {"state_dict": state} | beside(rng)

    def torch_file(content, **options):
        return lambda path: torch.save(content, path, **options)

    def half(path):
        save_file({key: value.half() for key, value in state.items()}, path)

    yield Made("safetensors", lambda path: save_file(state, path), read_file, right)
    yield Made("safetensors in half", half, read_file, right)
    yield Made("torch zip", torch_file(state), read_file, right)
    yield Made("torch, old form", torch_file(state, _use_new_zipfile_serialization=False),
               read_file, right)  # fmt: skip
    yield Made("wrapped", torch_file(wrapped), read_wrapped, right)
    for protocol in (2, 3, 4, 5):
        save = torch_file(wrapped, pickle_protocol=protocol)
        yield Made(f"wrapped, protocol {protocol}", save, read_wrapped, right)
    parallel = {f"module.{key}": value for key, value in state.items()}
    yield Made("DataParallel", torch_file(parallel), read_file, right)

    share = rng.uniform(0.2, 0.95)
    for name, whole in (("safetensors", lambda path: save_file(state, path)),
                        ("torch zip", torch_file(state))):  # fmt: skip
        yield Made(f"cut {name}", cut(whole, share), read_file)
    name, content = rng.choice(list(NO_WEIGHTS.items()))
    yield Made(name, lambda path: path.write_bytes(content), read_file)
    yield Made("a pickle that runs", lambda path: path.write_bytes(pickle.dumps(Evil())), read_file)


class Evil:
    def __reduce__(self):
        return os.system, ("touch touched",)


def cut(save, share: float):
    def write(path):
        save(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return write


# -- folders ---------------------------------------------------------------------------------------


def read_weights(path):
    return plain(read_folder(path, (STEM,))[0])


def save_to(folder, name: str, state) -> None:
    folder.mkdir(exist_ok=True)
    if name.endswith(".bin"):
        torch.save(state, folder / name)
    else:
        save_file(state, folder / name)


def folders(rng: random.Random):
    state = state_of(rng)
    right = plain(state)
    keys = sorted(state)
    for ending in (".safetensors", ".bin"):
        for mark in ("", ".fp16", ".bf16"):
            name = f"{STEM}{mark}{ending}"
            yield Made(name, lambda path, n=name: save_to(path, n, state), read_weights, right)

            def shards(path, mark=mark, ending=ending, leave_out=False):
                for n in range(2 - leave_out):
                    own = {key: state[key] for key in keys[n::2]}
                    save_to(path, f"{STEM}{mark}-{n + 1:05d}-of-00002{ending}", own)

            yield Made(f"shards {mark}{ending}", shards, read_weights, right)

    def one_shard(path):
        shards(path, leave_out=True)

    yield Made("a shard is missing", one_shard, read_weights)
    yield Made("no weights", lambda path: path.mkdir(), read_weights)
    for name, content in NO_WEIGHTS.items():

        def write(path, content=content):
            path.mkdir()
            (path / f"{STEM}.safetensors").write_bytes(content)

        yield Made(f"{name} in a folder", write, read_weights)


@pytest.mark.parametrize(
    "family, row", [(files, "files of weights"), (folders, "folders of weights")]
)
def test_right_or_refused(family, row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs = [made for seed in SEEDS for made in family(random.Random(seed))]
    sweep(inputs, tmp_path, row)
    assert not list(tmp_path.rglob("touched"))
