"""Files of torch.save that hold foreign objects: the tensors are read, the objects become stubs.

torch's own reader with `weights_only=True` refuses a file for a single path or callback beside the
tensors. Here `unpickle.Reader` carries out the same pickle, after `torch_checks` has compared every
storage with the bytes that are there.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from gantoolkit.convert.torch_checks import (
    MAX_PICKLE,
    check_legacy,
    check_zip,
    is_module_id,
    is_storage,
)
from gantoolkit.convert.unpickle import Reader
from gantoolkit.core.errors import WeightsError

DTYPES = {  # storage class of torch → name of its dtype
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}


class TorchReader(Reader):
    """Reads the pickle of a file of torch.save.

    bytes_of  key of a storage → its bytes
    """

    def __init__(self, stream, bytes_of: Callable[[str], bytes]):
        super().__init__(stream, budget=0)
        self.bytes_of = bytes_of
        self.storages: dict = {}  # key → flat tensor

    def find_class(self, module: str, name: str):
        if is_storage(module, name):
            return name
        return super().find_class(module, name)

    def persistent_load(self, pid):
        import torch

        if is_module_id(pid):
            return pid[1]  # the stub of its class; the source text beside it is dropped
        _, storage_class, key, *_ = pid  # of this form, as torch_checks has made sure
        key = str(key)
        if key not in self.storages:
            content = bytearray(self.bytes_of(key))
            dtype = getattr(torch, DTYPES[storage_class])
            is_empty = not content
            self.storages[key] = torch.empty(0, dtype=dtype) if is_empty else _flat(content, dtype)
        return self.storages[key]


def _flat(content: bytearray, dtype):
    """The numbers of a storage, without a copy."""
    import torch

    return torch.frombuffer(content, dtype=dtype)


def read(path: Path):
    """Read the objects of a file of torch.save: dicts, lists, numbers, tensors and Stubs.

    Raises WeightsError, or whatever a damaged pickle leads Python to.
    """
    with open(path, "rb") as stream:
        return _read_zip(stream) if zipfile.is_zipfile(path) else _read_legacy(stream)


def _read_zip(stream):
    folder = check_zip(stream)
    with zipfile.ZipFile(stream) as archive:
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise WeightsError("it was written by a big-endian machine")
        graph = io.BytesIO(archive.read(f"{folder}data.pkl"))
        return TorchReader(graph, lambda key: archive.read(f"{folder}data/{key}")).load()


def _read_legacy(stream):
    start, places = check_legacy(stream)

    def bytes_of(key: str) -> bytes:
        position, size = places[key]
        back = stream.tell()
        stream.seek(position)
        content = stream.read(size)
        stream.seek(back)
        return content

    stream.seek(start)
    size = min((position for position, _ in places.values()), default=MAX_PICKLE) - start
    graph = io.BytesIO(stream.read(size))
    return TorchReader(graph, bytes_of).load()
