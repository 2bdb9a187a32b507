"""Files made to do harm: each is refused in one sentence, and nothing in them is executed."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import struct
import time
import zipfile
from pathlib import Path

import nvidia_pickle as write
import pytest
import torch
from torch import nn

from gantoolkit import convert
from gantoolkit.convert import scan, torchfile, unpickle
from gantoolkit.core.errors import WeightsError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder in which nothing but the test's own file may appear."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    yield
    assert not os.path.exists("executed") and not os.path.exists("pwned")


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


PWN = "open('pwned', 'w').close()"
G = b"c%b\n%b\n"  # the opcode GLOBAL


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def blob(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def tiny(**change) -> bytes:
    """An honest pickle of one small layer, with changes to its state before it is written."""
    layer = nn.Linear(2, 2)
    with write.writing():
        state = write.module_state(layer, True, {}, {})
        state.update(change)
        return write.dump({"G_ema": write.Persistent("Generator", state)}, 3)


def stream(*opcodes: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + b"".join(opcodes) + b"."


def storage_bytes(
    numel: int = 4,
    claim: int | None = None,
    graph: bytes | None = None,
    keys: bytes | None = None,
    data: bytes | None = None,
    count: int | None = None,
) -> bytes:
    """The bytes of `torch.storage._load_from_bytes`, any part of them replaced."""
    pid = (
        b"("
        + text("storage")
        + G % (b"torch", b"FloatStorage")
        + text("0")
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", numel if claim is None else claim)
        + b"NtQ"
    )
    data = bytes(4 * numel) if data is None else data
    return (
        torchfile.HEADER
        + (stream(pid) if graph is None else graph)
        + (pickle.dumps(["0"], 2) if keys is None else keys)
        + struct.pack("<q", numel if count is None else count)
        + data
    )


def tensor(
    offset: int = 0,
    size: tuple = (2, 2),
    stride: tuple = (2, 1),
    content: bytes | None = None,
    before: bytes = b"",
) -> bytes:
    """Opcodes of `_rebuild_tensor_v2` on such a storage."""
    content = storage_bytes() if content is None else content
    load = G % (b"torch.storage", b"_load_from_bytes") + blob(content) + b"\x85R"
    parts = b"".join(
        pickle.dumps(value, 2)[2:-1].replace(b"q\x00", b"") for value in (offset, size, stride)
    )
    return G % (b"torch._utils", b"_rebuild_tensor_v2") + b"(" + before + load + parts + b"\x89}tR"


def deep(kind: str, depth: int) -> bytes:
    if kind == "key":  # a tuple of tuples as the key of a dict: hashing it would recurse in C
        return stream(b"}", b")" + b"\x85" * depth, b"Ns")
    return stream(
        {"list": b"]" * depth + b"a" * (depth - 1), "tuple": b")" + b"\x85" * depth}[kind]
    )


def shared_modules(levels: int) -> bytes:
    """Modules whose two children are one and the same: 2^levels of them when walked."""
    with write.writing():
        node = write.Persistent("Layer", write.module_state(nn.Linear(1, 1), True, {}, {}))
        for _ in range(levels):
            node = write.Persistent(
                "Layer", write.module_state(nn.Module(), True, {"a": node, "b": node}, {})
            )
        return write.dump({"G_ema": node})


def copies(times: int) -> bytes:
    """One storage of a megabyte, read again and again."""
    load = G % (b"torch.storage", b"_load_from_bytes") + blob(storage_bytes(1 << 18)) + b"q\x00"
    again = b"(" + (G % (b"torch.storage", b"_load_from_bytes") + b"h\x00\x85R") * times + b"t"
    return stream(load, again)


def torch_zip(change=None, drop: str = "", **records: bytes) -> bytes:
    """A file of torch.save, its data.pkl changed, records dropped or added."""
    buffer, out = io.BytesIO(), io.BytesIO()
    torch.save({"a": torch.zeros(4)}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for record in old.infolist():
            content = old.read(record)
            if record.filename.endswith("data.pkl") and change:
                content = change(content)
            if record.filename != drop:
                new.writestr(record.filename, content, zipfile.ZIP_STORED)
        for name, content in records.items():
            new.writestr(f"archive/{name.replace('__', '/')}", content)
    return out.getvalue()


def legacy(content) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


UNPICKLED = {
    "os.system": pickle.dumps(Calls(os.system, "touch pwned"), 3),
    "exec": pickle.dumps(Calls(exec, PWN), 3),
    "eval": pickle.dumps(Calls(eval, PWN), 4),
    "import": pickle.dumps(Calls(__import__, "antigravity"), 4),
    "open": pickle.dumps(Calls(open, "pwned", "w"), 4),
    "getattr": pickle.dumps(Calls(getattr, "text", "format"), 4),
    "getattr chain": stream(
        G % (b"builtins", b"getattr"),
        G % (b"torch_utils", b"persistence"),
        text("__globals__"),
        b"\x86R",
    ),
    "dotted name": b"\x80\x04"
    + b"\x8c\x05torch"
    + b"\x8c\x17serialization.os.system"
    + b"\x93"
    + text("touch pwned")
    + b"\x85R.",
    "dotted stub": b"\x80\x04" + b"\x8c\x08training" + b"\x8c\x0f__init__.func.x" + b"\x93.",
    "torch.load": stream(G % (b"torch", b"load"), text("x"), b"\x85R"),
    "real storage loader": stream(G % (b"torch.jit", b"load"), text("x"), b"\x85R"),
    "code object": stream(G % (b"types", b"CodeType"), b")R"),
    "numpy objects": stream(G % (b"numpy", b"frombuffer"), b")R"),
    "persistent id": stream(text("0"), b"Q"),
    "persistent id, text": stream(b"P0\n"),
    "extension code": stream(b"\x82\x01"),
    "instance by name": b"(ios\nsystem\n.",
    "object by class": stream(b"(Nos"),
    "memo bomb": stream(b"N", b"r\xff\xff\xff\x7f"),
    "memo bomb, text": stream(b"N", b"p2147483646\n"),
    "frame bomb": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
    "long string": stream(b"B\xff\xff\xff\x7fabc"),
    "longer string": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"N.",
    "huge number": stream(b"\x8b\xff\xff\xff\x7f"),
    "number as text": stream(b"I" + b"9" * 10000 + b"\n"),
    "deep tuples": deep("tuple", 100_000),
    "deep lists": deep("list", 100_000),
    "deep key": deep("key", 100_000),
    "endless": stream(b"N0" * 200_000),
    "marks alone": stream(b"(" * 1000),
    "empty stack": stream(b"R"),
    "append to a mark": stream(b"(]a"),
    "unknown memo": stream(b"h\x07"),
    "storage with code": stream(
        tensor(content=storage_bytes(graph=pickle.dumps(Calls(exec, PWN), 2)))
    ),
    "keys with code": stream(tensor(content=storage_bytes(keys=pickle.dumps(Calls(exec, PWN), 2)))),
    "header with code": stream(tensor(content=torchfile.MAGIC + pickle.dumps(Calls(exec, PWN), 2))),
    "zip in a pickle": stream(tensor(content=torch_zip())),
    "pickle in a pickle": stream(tensor(content=tiny())),
    "storage claims more": stream(tensor(content=storage_bytes(claim=1 << 40))),
    "storage counts more": stream(tensor(content=storage_bytes(count=1 << 40))),
    "storage of negative length": stream(tensor(content=storage_bytes(claim=-4))),
    "storage cut off": stream(tensor(content=storage_bytes()[:-3])),
    "storage of text": stream(G % (b"torch.storage", b"_load_from_bytes") + text("abc") + b"\x85R"),
    "tensor beyond its storage": stream(tensor(size=(1000, 1000), stride=(1000, 1))),
    "tensor before its storage": stream(tensor(offset=-1)),
    "tensor of overlapping rows": stream(tensor(size=(1 << 20, 1 << 20), stride=(0, 0))),
    "tensor of negative size": stream(tensor(size=(-2, -2))),
    "tensor of negative stride": stream(tensor(stride=(-2, 1))),
    "tensor of one stride": stream(tensor(stride=(1,))),
    "tensor of text": stream(
        G % (b"torch._utils", b"_rebuild_tensor_v2") + b"(" + text("a") * 6 + b"tR"
    ),
    "storage read again": copies(50),
    "function changed": stream(
        G % (b"torch._utils", b"_rebuild_tensor_v2"), b"N}" + text("__defaults__") + b")s\x86b"
    ),
    "class changed": stream(G % (b"training.x", b"Y"), b"N}" + text("__setstate__") + b"Ns\x86b"),
    "dict class changed": stream(
        G % (b"collections", b"OrderedDict"), b"N}" + text("get") + b"Ns\x86b"
    ),
    "rebuilt by copyreg": stream(
        G % (b"copyreg", b"_reconstructor"),
        b"(" + G % (b"builtins", b"set") + G % (b"builtins", b"object") + b"NtR",
    ),
    "network without a state": stream(
        G % (b"torch_utils.persistence", b"_reconstruct_persistent_obj"), b"}\x85R"
    ),
    "number of objects": stream(
        G % (b"numpy.core.multiarray", b"scalar"),
        b"(" + G % (b"numpy", b"dtype") + text("O8") + b"\x85R" + blob(bytes(8)) + b"tR",
    ),
}


WORDS = {  # what the refusal says, where it is not about a global or an opcode
    "dotted name": "asks for the attribute",
    "dotted stub": "asks for the attribute",
    "memo bomb": "place 2147483647",
    "frame bomb": "frame of",
    "long string": "cut off",
    "longer string": "cut off",
    "huge number": "cut off|opcode",
    "number as text": "cut off|opcode",
    "deep tuples": "nests more",
    "deep lists": "nests more",
    "deep key": "nests more",
    "endless": "more than 200,000",
    "marks alone": "mark",
    "colliding keys": "long integers",
    "many classes": "classes",
    "empty stack": "cut off",
    "append to a mark": "mark",
    "unknown memo": "cut off",
    "storage with code": "list of storages",
    "keys with code": "exec",
    "header with code": "exec",
    "zip in a pickle": "not a file of torch",
    "pickle in a pickle": "not a file of torch",
    "storage claims more": "more or fewer bytes",
    "storage counts more": "another length",
    "storage of negative length": "unknown kind",
    "storage cut off": "more or fewer",
    "storage of text": "not of bytes",
    "storage read again": "over and over",
    "function changed": "not callable",
    "class changed": "__setstate__",
    "dict class changed": "__setstate__",
    "rebuilt by copyreg": "not a network",
    "network without a state": "of the form",
    "number of objects": "unknown type",
    **{name: "more than its storage" for name in UNPICKLED if "tensor" in name},
}


@pytest.mark.parametrize("name", UNPICKLED)
def test_pickles(name, monkeypatch):
    monkeypatch.setattr(scan, "MAX_OPCODES", 200_000)
    Path("x.pkl").write_bytes(UNPICKLED[name])
    begun = time.process_time()
    with pytest.raises(WeightsError) as caught:
        unpickle.read(Path("x.pkl"))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert re.search(WORDS.get(name, "asks for|opcode"), str(caught.value)), str(caught.value)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "change",
    [
        dict(_parameters={"weight": "text"}),
        dict(_parameters={"weight": {"a": 1}}),
        dict(_parameters=[1, 2]),
        dict(_modules={1: 2}),
        dict(_buffers=5),
        dict(_modules=7),
        dict(_parameters={(1, 2): None}),
    ],
    ids=str,
)
def test_modules_of_a_wrong_form(change):
    Path("x.pkl").write_bytes(tiny(**change))
    with pytest.raises(WeightsError):
        convert.read_parts(Path("x.pkl"))


@pytest.mark.parametrize("levels", [30, 60])
def test_modules_that_are_shared_without_end(levels):
    Path("x.pkl").write_bytes(shared_modules(levels))
    begun = time.process_time()
    with pytest.raises(WeightsError, match="nest"):
        convert.read_parts(Path("x.pkl"))
    assert time.process_time() - begun < 5


TORCH = {
    "code in a zip": torch_zip(lambda _: pickle.dumps(Calls(exec, PWN), 2)),
    "getattr in a zip": torch_zip(lambda _: pickle.dumps(Calls(getattr, "a", "format"), 2)),
    "storage claims more": torch_zip(lambda old: old.replace(b"K\x04tq", b"M\xff\xfftq")),
    "storage is not there": torch_zip(drop="archive/data/0"),
    "no data.pkl": torch_zip(drop="archive/data.pkl"),
    "zip bomb": torch_zip(data__1=bytes(50_000_000)),
    "TorchScript": torch_zip(code____torch__=b"def f(): pass"),
    "two pickles": torch_zip(more__data_pkl=b"N.").replace(b"data_pkl", b"data.pkl"),
    "memo bomb": torch_zip(lambda _: b"\x80\x02Nr\xff\xff\xff\x7f."),
    "not a zip inside": b"PK\x03\x04" + bytes(100),
    "code in an old file": torchfile.HEADER
    + pickle.dumps(Calls(exec, PWN), 2)
    + pickle.dumps([], 2),
    "old file cut off": legacy({"a": torch.zeros(100)})[:-50],
    "old file too long": legacy({"a": torch.zeros(3)}) + b"x",
    "old file claims more": legacy({"a": torch.zeros(4)}).replace(
        b"cpuq\x06K\x04", b"cpuq\x06K\x44"
    ),
    "persistent id that is no storage": torch_zip(lambda _: stream(text("module"), b"Q")),
}


@pytest.mark.parametrize("name", TORCH)
def test_torch_files(name):
    Path("x.pt").write_bytes(TORCH[name])
    with pytest.raises(WeightsError, match="damaged or refused|neither") as caught:
        convert.read_parts(Path("x.pt"))
    assert "\n" not in str(caught.value)
    if "code" in name:
        assert "exec" in str(caught.value)


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("a.weight", torch.eye(3).to_sparse(), "'a.weight' is sparse; save it as to_dense"),
        (3, torch.ones(2), "'3' has a int for its name"),
    ],
)
def test_tensors_that_no_network_can_take_are_named(key, value, words, tmp_path):
    torch.save({"a.bias": torch.ones(2), key: value}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=words):
        convert.read_parts(tmp_path / "a.pt")


def test_repeated_rows_in_a_torch_file():
    torch.save({"input.input": torch.zeros(1, 1).expand(1 << 20, 1 << 20)}, "x.pt")
    with pytest.raises(WeightsError, match="claims more"):
        convert.read_parts(Path("x.pt"))


@pytest.mark.parametrize(
    "content, words",
    [
        (b"<!doctype html><html>", "web page"),
        (b"", "is empty"),
        (b"\x89PNG\r\n", "neither"),
        (pickle.dumps({"a": 1}, 0), "neither"),
        (pickle.dumps((1, 2, 3), 2), "TensorFlow"),
        (pickle.dumps([1], 2), "TensorFlow"),
        (pickle.dumps({"a": 1}, 2), "without the networks"),
        (struct.pack("<Q", 10) + b"{not json!", "safetensors"),
    ],
)
def test_other_files_are_named(content, words):
    Path("x.bin").write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        convert.read_parts(Path("x.bin"))


def test_source_text_is_not_executed_and_not_kept():
    Path("x.pkl").write_bytes(tiny())
    root = unpickle.read(Path("x.pkl"))["G_ema"]
    assert root.name == "Generator" and write.SOURCE not in str(vars(root))


def damage(content: bytes, rng: random.Random) -> bytes:
    """Flipped bits, a cut, a repeated or an exchanged piece."""
    kind, cut = (
        rng.choice(["flip", "flip", "flip", "cut", "repeat", "swap"]),
        rng.randrange(len(content)),
    )
    new = bytearray(content)
    if kind == "flip":
        for _ in range(rng.choice((1, 1, 2, 8))):
            new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del new[cut:]
    elif kind == "repeat":
        new[cut:cut] = new[cut : cut + rng.randrange(1, 60)]
    else:
        other = rng.randrange(len(new))
        new[cut : cut + 8], new[other : other + 8] = new[other : other + 8], new[cut : cut + 8]
    return bytes(new)


@pytest.mark.parametrize("form, count", [("pickle", 150), ("zip", 60), ("legacy", 60)])
def test_damaged_files_are_read_or_refused(form, count):
    base = {"pickle": tiny, "zip": torch_zip, "legacy": lambda: legacy({"a": torch.zeros(4)})}[
        form
    ]()
    path, outcomes = Path("x.pkl"), {"read": 0, "refused": 0}
    for seed in range(count):
        path.write_bytes(damage(base, random.Random(seed)))
        try:
            (unpickle.read if form == "pickle" else torchfile.read)(path)
            outcomes["read"] += 1
        except WeightsError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert outcomes["refused"] > count // 4, outcomes
