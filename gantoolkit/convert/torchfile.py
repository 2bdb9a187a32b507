"""Files of torch.save, old and new: checked first, then read by torch with `weights_only=True`.

`weights_only` keeps torch from running code, not from believing sizes. Before torch sees a file, every storage
that its pickles claim is compared with the bytes that are there, and zip records with the size of the file.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO

from gantoolkit.convert.scan import scan
from gantoolkit.core.errors import WeightsError

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first pickle of torch's older format
SYSTEM = dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
HEADER = (
    MAGIC + pickle.dumps(1001, 2) + pickle.dumps(SYSTEM, 2)
)  # what nearly every file of that format begins with
ITEM = {
    "FloatStorage": 4,
    "DoubleStorage": 8,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}
MAX_PICKLE = 256 << 20  # bytes of the object graph, tensors aside


class Nothing:
    """What every global and every call becomes while only the storages are counted."""

    def __init__(self, *arguments, **named):
        pass

    def __setstate__(self, state):
        pass

    def ignore(self, *arguments):
        pass

    __setitem__ = append = extend = update = add = ignore

    def __call__(self, *arguments):
        return Nothing()


class Claims(pickle.Unpickler):
    """Collects the storages {key: (numbers, bytes of one)} that a pickle of torch's claims; builds nothing."""

    def __init__(self, stream):
        super().__init__(stream)
        self.claimed: dict[str, tuple[int, int]] = {}

    def find_class(self, module: str, name: str):
        if module == "torch" and name in ITEM:
            return name
        return Nothing

    def persistent_load(self, pid):
        kind, item, key, _, numel, *rest = pid
        if kind != "storage" or item not in ITEM or type(numel) is not int or numel < 0:
            raise WeightsError("it has a storage of an unknown kind")
        if any(part is not None for part in rest):
            raise WeightsError("it has a view of a storage")
        if self.claimed.setdefault(str(key), (numel, ITEM[item])) != (numel, ITEM[item]):
            raise WeightsError("it claims two sizes for one storage")
        return Nothing()


def _claims(stream: BinaryIO) -> dict[str, tuple[int, int]]:
    start = stream.tell()
    scan(stream, persistent=True)
    end = stream.tell()
    stream.seek(start)
    claims = Claims(stream)
    claims.load()
    stream.seek(end)
    return claims.claimed


def _plain(stream: BinaryIO):
    """A pickle of numbers, strings and containers."""
    start = stream.tell()
    scan(stream)
    end = stream.tell()
    stream.seek(start)
    value = Values(stream).load()
    stream.seek(end)
    return value


class Values(pickle.Unpickler):
    """Knows no globals."""

    def find_class(self, module: str, name: str):
        raise WeightsError(f"its header asks for '{module}.{name}'")


def _check_header(stream: BinaryIO) -> None:
    stream.seek(0)
    if stream.read(len(MAGIC)) != MAGIC:
        raise WeightsError("it is no file of torch.save")
    if (
        _plain(stream) != 1001
        or not isinstance(system := _plain(stream), dict)
        or not system.get("little_endian")
    ):
        raise WeightsError("its header is not that of torch on a little-endian machine")


def check_legacy(stream: BinaryIO) -> None:
    """Five pickles (magic, version, system, objects, keys), then (count, bytes) of every storage, and no more."""
    if stream.read(len(HEADER)) != HEADER:
        _check_header(stream)
    claimed = _claims(stream)
    keys = _plain(stream)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(claimed):
        raise WeightsError("its list of storages differs from those that it uses")
    sizes = [claimed[str(key)] for key in keys]
    here, end = stream.tell(), stream.seek(0, io.SEEK_END)
    if here + sum(8 + numel * item for numel, item in sizes) != end:
        raise WeightsError("its storages claim more or fewer bytes than the file has")
    for numel, item in sizes:
        stream.seek(here)
        if struct.unpack("<q", stream.read(8))[0] != numel:
            raise WeightsError("a storage claims another length than its bytes have")
        here += 8 + numel * item


def check_zip(stream: BinaryIO) -> None:
    """Records stored as they are, one pickle of objects, and a record of the right size per storage."""
    size = stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream) as archive:
        records = archive.infolist()
        names = [record.filename for record in records]
        if len(set(names)) < len(names) or sum(record.file_size for record in records) > size:
            raise WeightsError("its records are larger than the file")
        if any("/code/" in name or name.endswith("constants.pkl") for name in names):
            raise WeightsError(
                "it is a TorchScript program, and programs in files are not run here"
            )
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if len(pickles) != 1 or archive.getinfo(pickles[0]).file_size > MAX_PICKLE:
            raise WeightsError("it has no data.pkl, or more than one")
        folder = pickles[0].removesuffix("data.pkl")
        sizes = {record.filename: record.file_size for record in records}
        for key, (numel, item) in _claims(io.BytesIO(archive.read(pickles[0]))).items():
            if sizes.get(f"{folder}data/{key}") != numel * item:
                raise WeightsError(
                    f"its storage {key} claims {numel * item} bytes, which the file does not have"
                )


def read(path: Path):
    """The content of a `.pt` or `.pth` file: dicts, lists, numbers and tensors. Raises WeightsError."""
    import argparse

    import torch

    try:
        with open(path, "rb") as stream:
            (check_zip if zipfile.is_zipfile(path) else check_legacy)(stream)
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, "cpu", weights_only=True)
    except WeightsError as error:
        reason = str(error).rstrip(".")
    except Exception as error:  # whatever a damaged file leads torch to
        reason = _reason(error)
    raise WeightsError(f"{path} is damaged or refused: {reason}.")


def _reason(error: Exception) -> str:
    """An error of torch's in a few words; which global it refused, where it did."""
    words = " ".join(str(error).split())
    refused = re.search(r"GLOBAL ([\w.]+)", words)
    if refused:
        return f"it asks for '{refused[1]}', which no file of tensors needs"
    return f"{type(error).__name__}: {words[:160]}"


def storage(content: bytes):
    """The one storage in the bytes of `torch.storage._load_from_bytes`: a flat tensor."""
    import torch

    if not isinstance(content, bytes):
        raise WeightsError("The pickle is refused: a storage in it is not of bytes.")
    stream = io.BytesIO(content)
    try:
        check_legacy(stream)
        found = torch.load(io.BytesIO(content), "cpu", weights_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # typed storages are on their way out
            return torch.tensor([], dtype=found.dtype).set_(found.untyped())
    except Exception as error:
        reason = str(error).rstrip(".").replace("\n", " ")[:160]
        raise WeightsError(
            f"The pickle is refused: the bytes of a tensor are not what torch writes ({reason})."
        ) from None


def view(flat, offset: int, size: tuple, stride: tuple):
    """The tensor of `size` in a flat storage, without a copy; nothing may lie or repeat outside its bytes."""
    import torch

    numbers = (offset, *size, *stride)
    fits = isinstance(flat, torch.Tensor) and all(type(n) is int and n >= 0 for n in numbers)
    if fits and len(size) == len(stride):
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        count = 1
        for n in size:
            count *= n
        fits = count == 0 or (last < flat.numel() and count <= flat.numel())
        if fits:
            return flat.as_strided(size, stride, offset) if count else flat.new_empty(size)
    raise WeightsError("The pickle is refused: a tensor in it claims more than its storage holds.")
