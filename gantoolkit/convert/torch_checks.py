"""What files of torch.save claim, compared with the bytes that are there, before they are read.

`weights_only` keeps torch from running code, not from believing sizes. Before torch sees a file,
every storage that its pickles claim is compared with the bytes that are there, and zip records with
the size of the file.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import warnings
import zipfile
from typing import BinaryIO

from gantoolkit.convert.scan import scan
from gantoolkit.core.errors import WeightsError

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first pickle of torch's older format
PROTOCOL = 1001
SYSTEM = {
    "protocol_version": PROTOCOL,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
# What nearly every file of that format begins with.
HEADER = MAGIC + pickle.dumps(PROTOCOL, 2) + pickle.dumps(SYSTEM, 2)
ITEM_SIZES = {  # storage class of torch → bytes of one number
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
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "UntypedStorage": 1,
}
MAX_PICKLE = 256 << 20  # bytes of the object graph, tensors aside


class Ignored:
    """Stands for every global and the result of every call while only storages are counted."""

    def __init__(self, *arguments, **named):
        pass

    def __setstate__(self, state):
        pass

    def ignore(self, *arguments):
        pass

    __setitem__ = append = extend = update = add = ignore

    def __call__(self, *arguments):
        return Ignored()


def is_storage(module: str, name: str) -> bool:
    """Whether a global is a class of storages; those of newer dtypes are all UntypedStorage."""
    home = "torch.storage" if name == "UntypedStorage" else "torch"
    return module == home and name in ITEM_SIZES


class StorageClaims(pickle.Unpickler):
    """Collects the storages {key: (numbers, bytes of one)} that a pickle of torch's claims.

    Builds nothing.
    """

    def __init__(self, stream):
        super().__init__(stream)
        self.claimed: dict[str, tuple[int, int]] = {}

    def find_class(self, module: str, name: str):
        return name if is_storage(module, name) else Ignored

    def persistent_load(self, pid):
        if is_module_id(pid):
            return Ignored
        kind, storage_class, key, _, numel, *view = pid
        is_known = kind == "storage" and storage_class in ITEM_SIZES
        if not is_known or type(numel) is not int or numel < 0:
            raise WeightsError("it has a storage of an unknown kind")
        if any(value is not None for value in view):
            raise WeightsError("it has a view of a storage")
        claim = (numel, ITEM_SIZES[storage_class])
        if self.claimed.setdefault(str(key), claim) != claim:
            raise WeightsError("it claims two sizes for one storage")
        return Ignored()


def is_module_id(pid) -> bool:
    """Whether a persistent id is (module, class, file, source text), which whole modules have."""
    return isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module"


def _read_claims(stream: BinaryIO) -> dict[str, tuple[int, int]]:
    """Collect the storages that the next pickle claims; leaves the position after it."""
    start = stream.tell()
    scan(stream, persistent=True)
    end = stream.tell()
    stream.seek(start)
    claims = StorageClaims(stream)
    claims.load()
    stream.seek(end)
    return claims.claimed


def _read_values(stream: BinaryIO):
    """Read the next pickle, which may hold only numbers, strings and containers."""
    start = stream.tell()
    scan(stream)
    end = stream.tell()
    stream.seek(start)
    value = PlainValues(stream).load()
    stream.seek(end)
    return value


class PlainValues(pickle.Unpickler):
    """Refuses every global."""

    def find_class(self, module: str, name: str):
        raise WeightsError(f"its header asks for '{module}.{name}'")


def _check_header(stream: BinaryIO) -> None:
    """Refuse a file that does not begin with magic, version and system.

    Leaves the position after them.
    """
    stream.seek(0)
    if stream.read(len(MAGIC)) != MAGIC:
        raise WeightsError("it is not a file of torch.save")
    sentence = "its header is not that of torch on a little-endian machine"
    if _read_values(stream) != PROTOCOL:
        raise WeightsError(sentence)
    system = _read_values(stream)
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise WeightsError(sentence)


def check_legacy(stream: BinaryIO) -> tuple[int, dict[str, tuple[int, int]]]:
    """Check a file of torch's older format; returns (place of its objects, key → storage).

    Five pickles (magic, version, system, objects, keys), then (count, bytes) of every storage, and
    no more. A storage is given by (position, bytes).
    """
    if stream.read(len(HEADER)) != HEADER:
        _check_header(stream)
    start = stream.tell()
    claimed = _read_claims(stream)
    keys = _read_values(stream)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(claimed):
        raise WeightsError("its list of storages differs from those that it uses")

    sizes = [claimed[str(key)] for key in keys]
    position = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    if position + sum(8 + numel * item_size for numel, item_size in sizes) != end:
        raise WeightsError("its storages claim more or fewer bytes than the file has")
    places = {}
    for key, (numel, item_size) in zip(keys, sizes, strict=True):
        stream.seek(position)
        if struct.unpack("<q", stream.read(8))[0] != numel:
            raise WeightsError("a storage claims another length than its bytes have")
        places[str(key)] = (position + 8, numel * item_size)
        position += 8 + numel * item_size
    return start, places


def check_zip(stream: BinaryIO) -> str:
    """Check a file of torch's zip format; returns the folder in it, with a slash.

    Records are stored as they are; there is one pickle of objects, and a record of the right size
    per storage.
    """
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
        claimed = _read_claims(io.BytesIO(archive.read(pickles[0])))
        for key, (numel, item_size) in claimed.items():
            if sizes.get(f"{folder}data/{key}") != numel * item_size:
                raise WeightsError(
                    f"its storage {key} claims {numel * item_size} bytes, which the file does not "
                    "have"
                )
    return folder


def storage(content: bytes):
    """Read the one storage in the bytes of `torch.storage._load_from_bytes`: a flat tensor."""
    import torch

    if not isinstance(content, bytes):
        raise WeightsError("The pickle is refused: a storage in it is not of bytes.")
    stream = io.BytesIO(content)
    try:
        check_legacy(stream)
        loaded = torch.load(io.BytesIO(content), "cpu", weights_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # typed storages are on their way out
            return torch.tensor([], dtype=loaded.dtype).set_(loaded.untyped())
    except Exception as error:
        reason = str(error).rstrip(".").replace("\n", " ")[:160]
        raise WeightsError(
            f"The pickle is refused: the bytes of a tensor are not what torch writes ({reason})."
        ) from None


def view(flat, offset: int, size: tuple, stride: tuple):
    """Return the tensor of `size` in a flat storage, without a copy.

    Ignored may lie or repeat outside the storage's bytes.
    """
    import torch

    numbers = (offset, *size, *stride)
    is_valid = isinstance(flat, torch.Tensor) and all(type(n) is int and n >= 0 for n in numbers)
    if is_valid and len(size) == len(stride):
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        count = math.prod(size)
        if count == 0:
            return flat.new_empty(size)
        if last < flat.numel() and count <= flat.numel():
            return flat.as_strided(size, stride, offset)
    raise WeightsError("The pickle is refused: a tensor in it claims more than its storage holds.")
