"""Objects of training frameworks beside the tensors: tensors are read, nothing is imported."""

from __future__ import annotations

import argparse
import collections
import copyreg
import datetime
import decimal
import enum
import functools
import os
import pathlib
import pickle
import random
import sys
import types
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from nvidia_pickle import importable, named
from torch import nn

import gantoolkit
from gantoolkit import convert, networks
from gantoolkit.convert import source as sources
from gantoolkit.convert import unpickle
from gantoolkit.convert.inert import Stub, is_data
from gantoolkit.convert.rosinality import to_rosinality
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.arcface import ArcFace

FRAMEWORK = """
open("executed", "w").close()
class Callback:
    def __setstate__(self, state):
        open("executed", "w").close()
"""
STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.ids": torch.tensor([1, 2])}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    assert not os.path.exists("executed") and not os.path.exists("pwned")


def objects() -> dict:
    """Objects by name; they must be pickled while their modules exist (`importable`)."""
    callback = named("lightning.callbacks.checkpoint", "ModelCheckpoint", object)
    config = named("omegaconf.dictconfig", "DictConfig", dict)
    settings = named("fvcore.config", "CfgNode", dict)
    history = named("trainer.history", "Log", object)
    callback_object, settings_object = callback(), settings(lr=0.1)
    callback_object.__dict__.update(best=torch.tensor(0.1), path=pathlib.PurePosixPath("x"))
    settings_object.__dict__["frozen"] = True
    return {
        "class as a key": {callback: {"best_model_score": torch.tensor(0.5)}},
        "callback": callback_object,
        "config": config(a=config(b=1)),
        "dict with attributes": settings_object,
        "function": named("trainer.history", "collate"),
        "object in a list": [history(), (history(), {history()})],
        "path": pathlib.PosixPath("runs/a"),
        "pure path": pathlib.PurePosixPath("runs/a"),
        "windows path": pathlib.PureWindowsPath("C:/a"),
        "defaultdict": collections.defaultdict(list, a=[1]),
        "nested defaultdict": collections.defaultdict(functools.partial(dict, a=1)),
        "counter": collections.Counter("abca"),
        "deque": collections.deque([1, 2], maxlen=3),
        "namespace": argparse.Namespace(lr=1.0),
        "simple namespace": types.SimpleNamespace(lr=1.0),
        "time": datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
        "duration": datetime.timedelta(3),
        "decimal": decimal.Decimal("1.5"),
        "uuid": uuid.UUID(int=5),
        "random state": random.Random(1),
        "exception": KeyError("x"),
        "type": [float, dict, torch.float16, np.float32],
        "numpy float": np.float64(0.3),
        "numpy half": np.float16(0.5),
        "numpy int": np.int32(-7),
        "numpy unsigned": np.uint16(7),
        "numpy bool": np.bool_(True),
        "numpy text": np.str_("abc"),
        "numpy time": np.datetime64("2024-01-01"),
        "numpy array": np.arange(12.0).reshape(3, 4),
        "numpy array of columns": np.asfortranarray(np.ones((2, 3))),
        "numpy big-endian": np.ones(3, ">f4"),
        "numpy records": np.zeros(2, [("a", "f4"), ("b", "i8")]),
        "numpy dtype": np.dtype("float32"),
        "numpy generator": np.random.default_rng(0).bit_generator.state,
        "optimizer": torch.optim.Adam([nn.Parameter(torch.ones(2))]),
        "module": nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.BatchNorm1d(2)),
        "device": torch.device("cpu"),
        "range": range(3),
        "scaler": torch.amp.GradScaler("cpu"),
        "complex tensor": torch.ones(2, dtype=torch.complex64),
        "size": torch.Size([1, 2]),
    }


MODULES = (
    "lightning.callbacks.checkpoint",
    "omegaconf.dictconfig",
    "fvcore.config",
    "trainer.history",
)
with importable(*MODULES):
    NAMES = list(objects())


class Writers:
    """How a file is written; each returns what `convert` must read."""

    @staticmethod
    def zip(content, path):
        torch.save(content, path)

    @staticmethod
    def zip_protocol_5(content, path):
        torch.save(content, path, pickle_protocol=5)

    @staticmethod
    def legacy(content, path):
        torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("writer", ["zip", "zip_protocol_5", "legacy"])
@pytest.mark.parametrize("name", NAMES)
def test_tensors_beside_foreign_objects_are_read(name, writer):
    with importable(*MODULES):
        content = {"state_dict": STATE, "beside": objects()[name], "epoch": 3}
        getattr(Writers, writer)(content, "x.ckpt")
    assert not any(module in sys.modules for module in MODULES)
    source = sources.read_source(Path("x.ckpt"))
    state = source.state("state_dict")
    assert state.keys() == STATE.keys() and source.get("epoch") == 3
    assert all(torch.equal(state[key], value) for key, value in STATE.items())


@pytest.mark.parametrize("beside", [None, pathlib.PosixPath("a")])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.bfloat16, torch.complex64]
)
def test_newer_kinds_of_numbers_are_read(dtype, old, beside):
    value = torch.tensor([[1, 2, 0], [3, 1, 2]]).to(dtype)
    content = {"state_dict": {"a": value.t()}, "beside": beside}
    torch.save(content, "x.pt", _use_new_zipfile_serialization=not old)
    read = sources.read_source(Path("x.pt")).state("state_dict")["a"]
    assert read.dtype == dtype and read.shape == (3, 2)
    assert torch.equal(read.to(torch.complex64), value.t().to(torch.complex64))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", NAMES)
def test_bare_pickles_of_every_protocol_are_read(name, protocol):
    with importable(*MODULES):
        Path("x.pkl").write_bytes(
            pickle.dumps({"beside": objects()[name], "state": STATE}, protocol)
        )
    state = unpickle.read(Path("x.pkl"))["state"]
    assert all(torch.equal(state[key], value) for key, value in STATE.items())


@pytest.mark.parametrize(
    "value",
    [np.float64(0.3), np.float16(-2), np.uint64(1 << 63), np.int8(-3), np.bool_(False)],
    ids=str,
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("module", [b"numpy._core", b"numpy.core"])
def test_numbers_of_numpy_1_and_2_are_read(value, protocol, module):
    content = pickle.dumps([value], protocol)
    changed = content.replace(b"numpy._core.multiarray", module + b".multiarray")
    if protocol >= 4 and changed != content:  # a short text has its length before it
        length = len(b"numpy._core.multiarray")
        changed = changed.replace(
            bytes([0x8C, length]) + module, bytes([0x8C, len(module + b".multiarray")]) + module
        )
        frame = content.index(b"\x95") + 1
        size = int.from_bytes(content[frame : frame + 8], "little") - len(content) + len(changed)
        changed = changed[:frame] + size.to_bytes(8, "little") + changed[frame + 8 :]
    assert pickle.loads(changed) == [value]
    Path("x.pkl").write_bytes(changed)
    assert unpickle.read(Path("x.pkl")) == [value.item()]


def test_a_framework_is_never_imported(tmp_path, monkeypatch):
    """Its module lies ready on the path; importing it, or any of its methods, leaves a file."""
    (tmp_path / "framework.py").write_text(FRAMEWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    with importable("framework"):
        callback = named("framework", "Callback", object)()
        callback.__dict__["a"] = 1
        torch.save({"state_dict": STATE, "c": callback}, "x.ckpt")
        Path("x.pkl").write_bytes(pickle.dumps({"c": callback}))
    content = sources.read_source(Path("x.ckpt")).content
    assert isinstance(content["c"], Stub) and content["c"].state == {"a": 1}
    assert isinstance(unpickle.read(Path("x.pkl"))["c"], Stub)
    assert "framework" not in sys.modules


@pytest.mark.parametrize(
    "module, name",
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "exec"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("importlib", "import_module"),
        ("operator", "attrgetter"),
        ("functools", "reduce"),
        ("types", "CodeType"),
        ("types", "FunctionType"),
        ("shutil", "rmtree"),
        ("pickle", "loads"),
        ("runpy", "run_path"),
        ("ctypes", "CDLL"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.jit", "load"),
        ("torch.utils.cpp_extension", "load"),
        ("numpy", "frombuffer"),
        ("numpy", "load"),
        ("numpy.f2py", "compile"),
        ("commands", "getoutput"),
    ],
)
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_functions_that_run_things_are_refused_by_name(module, name, form):
    assert not is_data(module, name)

    class Evil:
        def __reduce__(self):
            with importable(module):
                return named(module, name), ("touch pwned",)

    text = f"c{module}\n{name}\n".encode()
    call = text + b"X\x0b\0\0\0touch pwned\x85R"
    if form == "pickle":
        Path("x").write_bytes(b"\x80\x02" + call + b".")
    else:
        marker = {"state_dict": STATE, "beside": "MARKER"}
        torch.save(marker, "x", _use_new_zipfile_serialization=form == "zip")
        put_into(Path("x"), call, form)
    with pytest.raises(WeightsError) as caught:
        convert.read_parts(Path("x"))
    assert f"'{module}.{name}'" in str(caught.value) and "\n" not in str(caught.value)


def put_into(path: Path, opcodes: bytes, form: str) -> None:
    """Replace the text MARKER of a file of torch.save by opcodes."""
    import io
    import zipfile

    def change(graph: bytes) -> bytes:
        start = graph.index(b"X\x06\0\0\0MARKER")
        return graph[:start] + opcodes + graph[start + 11 :]

    content = path.read_bytes()
    if form == "legacy":
        path.write_bytes(change(content))
        return
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w") as new:
        for record in old.infolist():
            data = old.read(record)
            new.writestr(record.filename, change(data) if "data.pkl" in record.filename else data)


# -- whole modules -------------------------------------------------------------------------------


def generator() -> StyleGAN2:
    torch.manual_seed(1)
    arch = dict(z_dim=16, w_dim=16, resolution=16, channels=(8, 8, 6), mapping_layers=8)
    return StyleGAN2(**arch).eval()


def as_modules(state: dict[str, torch.Tensor], module: str) -> nn.Module:
    """Nested modules of classes that nobody has, with these tensors as parameters and buffers."""
    kind = named(module, "Generator", object)
    root = nn.Module()
    for key, value in state.items():
        parent = root
        *path, name = key.split(".")
        for part in path:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = parent._modules[part]
        is_weight = value.is_floating_point() and "noise" not in key
        parent.register_parameter(name, nn.Parameter(value)) if is_weight else (
            parent.register_buffer(name, value)
        )
    foreign = kind.__new__(kind)
    foreign.__dict__.update(root.__dict__)
    return foreign


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrap", ["bare", "g_ema", "parallel"])
def test_whole_modules_are_read_as_their_state_dict(wrap, old):
    own = generator()
    state, average = to_rosinality(own.state_dict())
    with importable("model"):
        if wrap == "parallel":
            state = {f"module.{key}": value for key, value in state.items()}
        module = as_modules(state, "model")
        content = module if wrap == "bare" else {"g_ema": module, "latent_avg": average}
        torch.save(content, "x.pt", _use_new_zipfile_serialization=not old)
    read = gantoolkit.load_generator("x.pt")
    z = torch.randn(2, 16)
    ws = own.mapping(z)
    with torch.no_grad():
        torch.testing.assert_close(read.mapping(z), ws)
        torch.testing.assert_close(read.render(ws).image, own.render(ws).image)


def test_a_whole_recognizer_is_read():
    own = ArcFace(32, ((4, 1), (6, 2), (8, 1)), 12).eval()
    with importable("insight"):
        torch.save({"model": as_modules(own.state_dict(), "insight")}, "x.pth")
    read = networks.load("x.pth")
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(read(x), own(x))


def test_old_classes_rebuilt_by_copyreg_are_read():
    """Protocol 2 writes kinds of dict through copyreg._reconstructor, with their entries."""

    class Writes:
        def __init__(self, kind, state):
            self.reduced = copyreg._reconstructor, (kind, dict, dict(state))

        def __reduce__(self):
            return self.reduced

    with importable("trainer.old"):
        kind = named("trainer.old", "Params", object)
        Path("x.pkl").write_bytes(pickle.dumps({"p": Writes(kind, {"lr": 1})}, 2))
    assert unpickle.read(Path("x.pkl"))["p"].entries == {"lr": 1}


class Mode(enum.Enum):
    TRAIN = 1


def test_enums_are_read():
    torch.save({"state_dict": STATE, "mode": Mode.TRAIN}, "x.pt")
    state = sources.read_source(Path("x.pt")).state("state_dict")
    assert torch.equal(state["layer.weight"], STATE["layer.weight"])
