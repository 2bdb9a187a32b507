"""Read a foreign checkpoint, whatever its container, without executing anything in it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantoolkit.convert.inert import MAX_TENSORS, Stub
from gantoolkit.convert.pickled_network import flatten_network
from gantoolkit.convert.torch_checks import MAGIC
from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.recognize import refuse_damaged
from gantoolkit.weights.state_dict import below

if TYPE_CHECKING:
    from torch import Tensor

WRAPPER_PREFIXES = ("module.", "_orig_mod.", "_forward_module.")  # DataParallel, compile, DeepSpeed
# Keys under which trainers keep a network's state dict; moving averages first.
WRAPPERS = (
    "g_ema",
    "G_ema",
    "ema",
    "params_ema",
    "state_dict",
    "generator",
    "G",
    "netG",
    "g",
    "controlnet",
    "model",
    "module",
    "net",
    "params",
)
PICKLE_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # first bytes


@dataclass
class Source:
    """A file and what was read from it."""

    path: Path
    # "pickle" (object graph with Stubs), "torch" and "safetensors" (dicts, numbers, tensors) or
    # "onnx" (not read)
    form: str
    content: Any  # the top of it: nearly always a dict
    metadata: dict[str, str] = field(default_factory=dict)  # texts of a safetensors file

    def get(self, *keys: str):
        """Return the first of these entries at the top, or None."""
        content = _as_dict(self.content)
        if isinstance(content, dict):
            for key in keys:
                if content.get(key) is not None:
                    return content[key]
        return None

    def state(self, *keys: str) -> dict:
        """Return a state dict: the entry of one of `keys`, or the content itself; {} without one.

        A prefix that all names share because of a wrapper (`DataParallel`) is taken off.
        """
        tensors = tensors_of(self.get(*keys) if keys else self.content)
        shared = _wrapper_of(tensors)
        while shared:
            tensors = {key.removeprefix(shared): value for key, value in tensors.items()}
            shared = _wrapper_of(tensors)
        return tensors

    def locate(self, name: str) -> Iterator[tuple[str, dict]]:
        """Yield (prefix, state dict) of every network that has a tensor of this name.

        Under any of WRAPPERS, and with any prefix in front of its names; moving averages first.
        """
        for keys in ((), *((key,) for key in WRAPPERS)):
            state = self.state(*keys)
            found = [key.removesuffix(name) for key in state if key.endswith(name)]
            prefixes = [prefix for prefix in found if not prefix or prefix.endswith(".")]
            for prefix in sorted(
                prefixes, key=lambda prefix: ("ema" not in prefix.lower(), prefix)
            ):
                yield prefix, below(state, prefix)


def _wrapper_of(tensors: dict) -> str:
    """The prefix of a wrapper that all names share; "" where there is none."""
    for prefix in WRAPPER_PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            return prefix
    return ""


def tensors_of(content: Any) -> dict:
    """Return the tensors of a flat dict by name; {} when it is not a state dict.

    Sparse tensors, and those that are larger than their bytes, are refused.
    """
    import torch

    content = _as_dict(content)
    if not isinstance(content, dict) or len(content) > MAX_TENSORS:
        return {}
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    for key, value in tensors.items():
        if problem := _tensor_problem(key, value):
            raise WeightsError(f"The tensor '{str(key)[:60]}' {problem}.")
    return tensors


def _tensor_problem(key: Any, tensor: Tensor) -> str:
    """Say why an entry of a state dict cannot be taken, to be read after its name; "" if it can."""
    import torch

    if not isinstance(key, str):
        return f"has a {type(key).__name__} for its name; save the state dict of one network"
    if tensor.layout != torch.strided:
        return "is sparse; save it as to_dense() gives it"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "claims more numbers than the file has"
    return ""


def _as_dict(content: Any) -> Any:
    """Return the tensors of a whole module that torch.save wrote, the entries of a kind of dict.

    Everything else comes back as it is.
    """
    if not isinstance(content, Stub):
        return content
    if isinstance(content.state.get("_parameters"), dict):
        return flatten_network(content).tensors
    return content.entries


def detect_form(path: Path) -> str:
    """Detect the container of a file from its first bytes. Raises WeightsError with a sentence."""
    refuse_damaged(path)
    with open(path, "rb") as stream:
        head = stream.read(16)
    if path.suffix == ".onnx":
        return "onnx"
    if zipfile.is_zipfile(path) or head.startswith(MAGIC):
        return "torch"
    if head.startswith(PICKLE_PROTOCOLS):
        return "pickle"
    header_size = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 0 < header_size < path.stat().st_size:
        return "safetensors"
    raise WeightsError(f"{path} is neither a pickle, a file of torch.save, safetensors nor ONNX.")


def read_source(path: Path) -> Source:
    """Read a file of any known container."""
    form = detect_form(path)
    if form == "pickle":
        from gantoolkit.convert import unpickle

        return Source(path, form, unpickle.read(path))
    if form == "torch":
        from gantoolkit.convert import torchfile

        return Source(path, form, torchfile.read(path))
    if form == "safetensors":
        return Source(path, form, *_read_safetensors(path))
    return Source(path, form, None)


def _read_safetensors(path: Path) -> tuple[dict, dict[str, str]]:
    """Return (tensors by name, metadata)."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            keys = file.keys()  # safe_open is not iterable itself
            return {key: file.get_tensor(key) for key in keys}, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}).") from None
