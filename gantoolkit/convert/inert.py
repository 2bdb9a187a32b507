"""What stands for the classes and functions that a pickle names: nothing of theirs is imported.

Training frameworks leave callbacks, paths, numpy's numbers, config objects and whole modules beside
the tensors. A class becomes a `Stub`, which takes whatever a pickle does to it and keeps attributes
and entries; the few functions that make tensors and numbers are in `inert_calls`. What could only
be meant to run code (functions of Python's own library, of torch or of numpy) is refused by name.
"""

from __future__ import annotations

import re
import sys

from gantoolkit.core.errors import WeightsError

MAX_TENSORS = 100_000  # of one network
PYTHON_2 = ("__builtin__", "copy_reg", "cPickle", "commands", "exceptions", "popen2", "urllib2")
# Modules of Python's library whose classes are data → the names that may occur (None: all).
DATA_CLASSES: dict[str, tuple[str, ...] | None] = {
    "argparse": ("Namespace",),
    "builtins": None,
    "__builtin__": None,
    "collections": ("Counter", "ChainMap", "deque", "UserDict", "UserList"),
    "datetime": None,
    "decimal": ("Decimal",),
    "enum": None,
    "exceptions": None,
    "fractions": ("Fraction",),
    "functools": ("partial",),
    "itertools": ("count", "cycle", "repeat"),
    "logging": ("Logger", "getLogger"),
    "pathlib": None,
    "pathlib._local": None,
    "random": ("Random",),
    "types": ("SimpleNamespace",),
    "typing": None,
    "uuid": ("UUID", "SafeUUID"),
}
BUILTIN_TYPES = (
    "bool bytearray bytes complex dict float frozenset int list range slice str tuple type xrange"
)
# Functions of torch that stand in whole modules as their activation or the like.
TORCH_PARTS = (
    "torch.nn.",
    "torch.amp",
    "torch.cuda.amp",
    "torch.optim",
    "torch._C._nn",
    "torch.utils.data",
    "torch.distributions",
)
TORCH_DTYPES = re.compile(r"(b?float|u?int|complex|q?u?int)\d+(_e\w+)?|float|double|half|long|bool")
NUMPY_PARTS = ("numpy.random", "numpy.dtypes")
NUMPY_TYPES = re.compile(r"(u?int|float|complex|bool|str|bytes|object|datetime|timedelta)\d*_?")


class Stub:
    """Stands for an object of a class that is not loaded.

    name     of its class
    state    its `__dict__`
    entries  what was put into it by key, where the class is a kind of dict
    """

    name = ""
    state: dict
    entries: dict

    def __new__(cls, *arguments, **named):
        stub = object.__new__(cls)
        stub.state = {}
        stub.entries = {}
        return stub

    def __init__(self, *arguments, **named):
        pass

    def __setstate__(self, state):
        slots = state if isinstance(state, tuple) else (state,)
        self.state = {}
        for part in slots:
            if isinstance(part, dict):
                self.state |= part

    def __setitem__(self, key, value):
        self.entries[key] = value

    def _ignore(self, *arguments):
        pass

    append = extend = add = _ignore

    def __call__(self, *arguments, **named):
        return Stub()

    @classmethod
    def of(cls, name: str, state: dict) -> Stub:
        """Return a stub of the class called `name`."""
        stub = cls()
        stub.name = name
        stub.state = state
        return stub


class Mapping(dict):
    """Stands for OrderedDict, EasyDict and defaultdict."""

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.update(state)


class Dtype(Stub):
    """Stands for a numpy dtype; `order` is "<" or ">"."""

    order = "<"

    def __setstate__(self, state):
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"


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


def is_data(module: str, name: str) -> bool:
    """Whether a global can stand for data, so that a Stub takes its place.

    >>> is_data("pathlib", "PosixPath"), is_data("omegaconf.dictconfig", "DictConfig")
    (True, True)
    >>> is_data("os", "system"), is_data("torch", "load"), is_data("builtins", "getattr")
    (False, False, False)
    """
    package = module.partition(".")[0]
    if not all(part.isidentifier() for part in f"{module}.{name}".split(".")):
        return False
    if package in sys.stdlib_module_names or package in PYTHON_2:
        return _is_data_of_python(module, name)
    if package == "torch":
        is_dtype = module == "torch" and bool(TORCH_DTYPES.fullmatch(name))
        return is_dtype or name[0].isupper() or module.startswith(TORCH_PARTS)
    if package == "numpy":
        is_type = bool(NUMPY_TYPES.fullmatch(name))
        return is_type or name[0].isupper() or module.startswith(NUMPY_PARTS)
    return True


def _is_data_of_python(module: str, name: str) -> bool:
    if module in ("builtins", "__builtin__"):
        return name in BUILTIN_TYPES.split() or name[0].isupper()  # exceptions
    names = DATA_CLASSES.get(module, ())
    return names is None or name in names
