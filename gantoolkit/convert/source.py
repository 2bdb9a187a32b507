"""Reading a foreign checkpoint, whatever its container, without executing anything in it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantoolkit.convert.torchfile import MAGIC
from gantoolkit.core.errors import WeightsError

MAX_TENSORS = 100_000


@dataclass
class Source:
    """A file and what was read from it.

    form     "pickle" (object graph with Stubs), "torch" and "safetensors" (dicts, numbers, tensors) or "onnx"
    content  the top of it: nearly always a dict
    metadata the texts beside the tensors of a safetensors file
    """

    path: Path
    form: str
    content: Any
    metadata: dict[str, str] = field(default_factory=dict)

    def get(self, *keys: str):
        """The first of these entries at the top, or None."""
        if isinstance(self.content, dict):
            for key in keys:
                if self.content.get(key) is not None:
                    return self.content[key]
        return None

    def state(self, *keys: str) -> dict:
        """A state dict: the entry of one of `keys`, or the content itself; {} where there is none.

        A prefix that all names share because of `DataParallel` is taken off.
        """
        found = self.get(*keys) if keys else self.content
        tensors = tensors_of(found)
        if tensors and all(key.startswith("module.") for key in tensors):
            tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
        return tensors


def tensors_of(found: Any) -> dict:
    """The tensors of a flat dict by name; {} when it is no state dict. Refuses tensors larger than their bytes."""
    import torch

    if not isinstance(found, dict) or len(found) > MAX_TENSORS:
        return {}
    tensors = {key: value for key, value in found.items() if isinstance(value, torch.Tensor)}
    for key, value in tensors.items():
        if (
            not isinstance(key, str)
            or value.layout != torch.strided
            or value.numel() * value.element_size() > value.untyped_storage().nbytes()
        ):
            raise WeightsError(
                f"The tensor '{str(key)[:60]}' claims more numbers than the file has."
            )
    return tensors


def form_of(path: Path) -> str:
    """Which container a file is, from its first bytes. Raises WeightsError with a sentence."""
    with open(path, "rb") as stream:
        head = stream.read(16)
    if path.suffix == ".onnx":
        return "onnx"
    if zipfile.is_zipfile(path) or head.startswith(MAGIC):
        return "torch"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < path.stat().st_size:
        return "safetensors"
    if head[:5] == b"<html" or head[:9].lower() == b"<!doctype":
        raise WeightsError(
            f"{path} is a web page, not a checkpoint; the download needs a browser or a login."
        )
    raise WeightsError(f"{path} is neither a pickle, a file of torch.save, safetensors nor ONNX.")


def read(path: Path) -> Source:
    """The source in `path`."""
    form = form_of(path)
    if form == "pickle":
        from gantoolkit.convert import unpickle

        return Source(path, form, unpickle.read(path))
    if form == "torch":
        from gantoolkit.convert import torchfile

        return Source(path, form, torchfile.read(path))
    if form == "safetensors":
        return Source(path, form, *_safetensors(path))
    return Source(path, form, None)


def _safetensors(path: Path) -> tuple[dict, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}).") from None
