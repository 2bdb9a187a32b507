"""The few functions that a pickle may call, written here: they make tensors, numbers and stubs."""

from __future__ import annotations

import struct

from gantoolkit.convert.inert import Call, Dtype, Mapping, Stub
from gantoolkit.convert.torch_checks import view
from gantoolkit.core.errors import WeightsError

# dtype of numpy → format of struct
SCALARS = {
    "f8": "d",
    "f4": "f",
    "f2": "e",
    "i8": "q",
    "i4": "i",
    "i2": "h",
    "i1": "b",
    "u8": "Q",
    "u4": "I",
    "u2": "H",
    "u1": "B",
    "b1": "?",
}
SKIPPED_SCALARS = tuple("SUVMmc")  # texts, times, complex numbers: kept as a Stub


def persistent(meta) -> Stub:
    """Stand for a module of NVIDIA's {type, version, module_src, class_name, state}."""
    is_class = isinstance(meta, dict) and meta.get("type") == "class"
    if not is_class or not isinstance(meta.get("state"), dict):
        raise WeightsError(
            "The pickle is refused: a network in it is not of the form that NVIDIA's code writes."
        )
    return Stub.of(str(meta.get("class_name")), meta["state"])


def _tensor(source, offset, size, stride, *rest):
    return view(source, offset, size, stride)


def _tensor_of_dtype(source, offset, size, stride, grad, hooks, dtype, *rest):
    """Stand for `_rebuild_tensor_v3`: a tensor of a newer dtype in a storage of bytes."""
    import torch

    own = getattr(torch, str(getattr(dtype, "name", "")), None)
    if not isinstance(own, torch.dtype) or not isinstance(source, torch.Tensor):
        raise WeightsError("The pickle is refused: it has a tensor of an unknown type.")
    return view(source.view(own), offset, size, stride)


def _typed_tensor(function, cls, arguments, state=None):
    """Stand for `_rebuild_from_type_v2`: a tensor of a subclass, without the subclass."""
    if not isinstance(function, Call) or not isinstance(arguments, tuple):
        raise WeightsError("The pickle is refused: a tensor in it is made by an unknown function.")
    return function(*arguments)


def _dtype(code, *flags) -> Dtype:
    return Dtype.of(str(code)[:20], {})


def _scalar(dtype, content=b""):
    name = str(getattr(dtype, "name", ""))
    if name.startswith(SKIPPED_SCALARS):
        return Stub()
    code = SCALARS.get(name)
    if code is None or not isinstance(content, bytes) or len(content) != struct.calcsize(code):
        raise WeightsError("The pickle is refused: it has a number of an unknown type or length.")
    return struct.unpack(f"{getattr(dtype, 'order', '<')}{code}", content)[0]


def _is_stub_class(cls) -> bool:
    return isinstance(cls, type) and issubclass(cls, Stub)


def _reconstruct(cls, base, state):
    """Stand for `copyreg._reconstructor(cls, base, state)` of protocols 2 and 3, for stubs."""
    if not _is_stub_class(cls):
        raise WeightsError("The pickle is refused: it rebuilds an object that is not a network.")
    stub = cls()
    if isinstance(state, dict):
        stub.entries = dict(state)
    return stub


def _new_object(cls, *arguments):
    """Stand for `copyreg.__newobj__` and `__newobj_ex__`, for stubs."""
    if not _is_stub_class(cls):
        raise WeightsError("The pickle is refused: it makes an object that is not a network.")
    return cls()


def _encode(text: str, coding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _list_of(*arguments) -> tuple:
    return tuple(arguments[0]) if arguments and isinstance(arguments[0], (tuple, list)) else ()


def _counter(*arguments) -> Mapping:
    return Mapping(arguments[0]) if arguments and isinstance(arguments[0], dict) else Mapping()


KNOWN = {  # global → what stands for it (a string: a method of the reader)
    "torch_utils.persistence._reconstruct_persistent_obj": Call(persistent),
    "dnnlib.util.EasyDict": Mapping,
    "collections.OrderedDict": Mapping,
    "collections.defaultdict": Call(lambda *factory: Mapping()),
    "collections.Counter": Call(_counter),
    "torch._utils._rebuild_parameter": Call(lambda data, *rest: data),
    "torch._utils._rebuild_parameter_with_state": Call(lambda data, *rest: data),
    "torch._utils._rebuild_tensor_v2": Call(_tensor),
    "torch._utils._rebuild_tensor": Call(_tensor),
    "torch._utils._rebuild_tensor_v3": Call(_tensor_of_dtype),
    "torch._tensor._rebuild_from_type_v2": Call(_typed_tensor),
    "torch.storage._load_from_bytes": "load_from_bytes",
    "torch.Size": Call(_list_of),
    "torch.device": Call(lambda *where: "cpu"),
    "numpy.dtype": Call(_dtype),
    "numpy.core.multiarray.scalar": Call(_scalar),
    "numpy._core.multiarray.scalar": Call(_scalar),
    "numpy.ndarray": Stub,
    "numpy.core.multiarray._reconstruct": Call(lambda *arguments: Stub()),
    "numpy._core.multiarray._reconstruct": Call(lambda *arguments: Stub()),
    "numpy.core.numeric._frombuffer": Call(lambda *arguments: Stub()),
    "numpy._core.numeric._frombuffer": Call(lambda *arguments: Stub()),
    "copyreg._reconstructor": Call(_reconstruct),
    "copy_reg._reconstructor": Call(_reconstruct),
    "copyreg.__newobj__": Call(_new_object),
    "copyreg.__newobj_ex__": Call(_new_object),
    "_codecs.encode": Call(_encode),
    "builtins.set": set,
    "__builtin__.set": set,
    "builtins.object": object,
    "__builtin__.object": object,
}
