"""Read a bare pickle (NVIDIA's networks) without running anything that it names or contains.

NVIDIA's `torch_utils.persistence` stores each module as the source text of its class and the
module's `__dict__`; the official reader executes that text. Here every global becomes an inert
object of `inert` or is refused, and the source text is dropped unread. Storages of tensors are
checked byte by byte (`torch_checks.storage`) before torch reads them with `weights_only=True`.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from gantoolkit.convert.inert import Call, Stub, is_data
from gantoolkit.convert.inert_calls import KNOWN
from gantoolkit.convert.scan import scan
from gantoolkit.convert.torch_checks import storage
from gantoolkit.core.errors import WeightsError

MAX_FILE = 8 << 30  # bytes
MAX_CLASSES = 200  # EG3D names 6


class Reader(pickle.Unpickler):
    """Reads one pickle; its globals become what `KNOWN` names, or stubs where they are data.

    budget  bytes of tensors that the pickle may make
    """

    def __init__(self, stream, budget: int):
        super().__init__(stream)
        self.budget = budget
        self.stubs: dict[str, type[Stub]] = {}  # class → the stub that stands for it

    def find_class(self, module: str, name: str):
        key = f"{module}.{name}"
        is_nested = "." in name
        if is_nested and (name.startswith("_") or "._" in name or not is_data(module, "function")):
            raise WeightsError(
                f"The pickle is refused: it asks for the attribute '{key}', which could be any "
                "code."
            )
        if key in KNOWN:
            known = KNOWN[key]
            return getattr(self, known) if isinstance(known, str) else known
        if not is_data(module, name):
            raise WeightsError(
                f"The pickle is refused: it asks for '{key}', which no published network needs."
            )
        if len(self.stubs) > MAX_CLASSES:
            raise WeightsError(f"The pickle is refused: it names more than {MAX_CLASSES} classes.")
        own_name = name.rpartition(".")[2]
        return self.stubs.setdefault(key, type(own_name, (Stub,), {"name": own_name}))

    def persistent_load(self, pid):
        raise WeightsError(
            "The pickle is refused: it refers to objects outside itself (persistent ids)."
        )

    @property
    def load_from_bytes(self):
        """Stands for `torch.storage._load_from_bytes`, within the budget."""

        def load(content):
            self.budget -= len(content)
            if self.budget < 0:
                raise WeightsError("The pickle is refused: it copies its tensors over and over.")
            return storage(content)

        return Call(load)


def read(path: Path):
    """Read the object graph of a bare pickle: dicts, lists, numbers, tensors and Stubs.

    Raises WeightsError where it is damaged or refused.
    """
    import torch  # noqa: F401  so that a missing torch is not taken for a damaged file

    size = path.stat().st_size
    if size > MAX_FILE:
        raise WeightsError(
            f"{path} is refused: a pickle of {size >> 30} GB is larger than any published network."
        )
    with open(path, "rb") as stream:
        try:
            scan(stream)
            stream.seek(0)
            return Reader(stream, 2 * size).load()
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from None
        except Exception as error:  # the unpickler raises whatever a damaged stream leads it to
            raise WeightsError(
                f"{path} is damaged ({type(error).__name__}: {str(error)[:100]}); fetch it again."
            ) from None
