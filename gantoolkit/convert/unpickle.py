"""Read a bare pickle (NVIDIA's networks) without running anything that it names or contains.

NVIDIA's `torch_utils.persistence` stores each module as the source text of its class and the
module's `__dict__`; the official reader executes that text. Here every global of `KNOWN` becomes an
inert object of this file, anything else is refused, and the source text is dropped unread. Storages
of tensors are checked byte by byte (`torchfile.storage`) before torch reads them with
`weights_only=True`.
"""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

from gantoolkit.convert.scan import scan
from gantoolkit.convert.torchfile import storage, view
from gantoolkit.core.errors import WeightsError

MAX_FILE = 8 << 30  # bytes
MAX_CLASSES = 200  # EG3D names 6
INERT = ("training.", "torch_utils.", "torch.nn.modules.", "dnnlib.")  # classes that become a Stub
# dtype of numpy → format of struct
SCALARS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "u1": "B", "i1": "b", "b1": "?"}


class Stub:
    """Stands for an object of a class that is not loaded: its `name`, and its `__dict__`."""

    name = ""

    def __init__(self, *arguments):
        self.state: dict = {}

    def __setstate__(self, state):
        self.state = state if isinstance(state, dict) else {}

    @classmethod
    def of(cls, name: str, state: dict) -> Stub:
        """Return a stub of the class called `name`."""
        stub = cls()
        stub.name = name
        stub.state = state
        return stub


class Mapping(dict):
    """Stands for OrderedDict and EasyDict."""

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.update(state)


class Call:
    """Something that a pickle may call: `function`, which the pickle cannot reach or change."""

    __slots__ = ("_function",)

    def __init__(self, function):
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setattr__(self, name, value):
        raise WeightsError("The pickle is refused: it tries to change a function.")

    __setstate__ = None  # BUILD on a function fails


class Reader(pickle.Unpickler):
    """Reads one pickle; only globals of `KNOWN` and classes of `INERT` modules mean anything.

    budget  bytes of tensors that the pickle may make
    """

    def __init__(self, stream, budget: int):
        super().__init__(stream)
        self.budget = budget
        self.stubs: dict[str, type[Stub]] = {}  # class → the stub that stands for it

    def find_class(self, module: str, name: str):
        key = f"{module}.{name}"
        if "." in name:
            raise WeightsError(
                f"The pickle is refused: it asks for the attribute '{key}', which could be any "
                "code."
            )
        if key in KNOWN:
            known = KNOWN[key]
            return getattr(self, known) if isinstance(known, str) else known
        if module.startswith(INERT) and name.isidentifier():
            if len(self.stubs) > MAX_CLASSES:
                raise WeightsError(
                    f"The pickle is refused: it names more than {MAX_CLASSES} classes."
                )
            return self.stubs.setdefault(key, type(name, (Stub,), {"name": name, "state": {}}))
        raise WeightsError(
            f"The pickle is refused: it asks for '{key}', which no published network needs."
        )

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


def _persistent(meta) -> Stub:
    """Stand for a module of NVIDIA's {type, version, module_src, class_name, state}."""
    is_class = isinstance(meta, dict) and meta.get("type") == "class"
    if not is_class or not isinstance(meta.get("state"), dict):
        raise WeightsError(
            "The pickle is refused: a network in it is not of the form that NVIDIA's code writes."
        )
    return Stub.of(str(meta.get("class_name")), meta["state"])


def _tensor(source, offset, size, stride, *rest):
    return view(source, offset, size, stride)


def _dtype(code, *flags) -> Stub:
    return Stub.of(str(code)[:20], {})


def _scalar(dtype, content: bytes):
    code = SCALARS.get(getattr(dtype, "name", None))
    if code is None or not isinstance(content, bytes) or len(content) != struct.calcsize(code):
        raise WeightsError("The pickle is refused: it has a number of an unknown type or length.")
    return struct.unpack(f"<{code}", content)[0]


def _reconstruct(cls, base, state):
    """Stand for `copyreg._reconstructor(cls, object, None)` of protocols 2 and 3, for stubs."""
    if not (isinstance(cls, type) and issubclass(cls, Stub)) or state is not None:
        raise WeightsError("The pickle is refused: it rebuilds an object that is not a network.")
    return cls()


def _encode(text: str, coding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _list_of(*arguments) -> tuple:
    return tuple(arguments[0]) if arguments and isinstance(arguments[0], (tuple, list)) else ()


KNOWN = {  # global → what stands for it (a string: a method of the reader)
    "torch_utils.persistence._reconstruct_persistent_obj": Call(_persistent),
    "dnnlib.util.EasyDict": Mapping,
    "collections.OrderedDict": Mapping,
    "torch._utils._rebuild_parameter": Call(lambda data, *rest: data),
    "torch._utils._rebuild_tensor_v2": Call(_tensor),
    "torch._utils._rebuild_tensor": Call(_tensor),
    "torch.storage._load_from_bytes": "load_from_bytes",
    "torch.Size": Call(_list_of),
    "torch.device": Call(lambda *where: "cpu"),
    "numpy.dtype": Call(_dtype),
    "numpy.core.multiarray.scalar": Call(_scalar),
    "numpy._core.multiarray.scalar": Call(_scalar),
    "numpy.ndarray": Stub,
    "numpy.core.multiarray._reconstruct": Call(lambda *arguments: Stub()),
    "copyreg._reconstructor": Call(_reconstruct),
    "copy_reg._reconstructor": Call(_reconstruct),
    "_codecs.encode": Call(_encode),
    "builtins.set": set,
    "__builtin__.set": set,
    "builtins.object": object,
    "__builtin__.object": object,
}


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
