"""Every patch of a third party, with its reason and the condition for its removal.

`import gantoolkit.core.compat` before timm, lpips, torchmetrics, transformers or diffusers.

1. torchvision beside a CPU torch.
   Reason: PyPI's torchvision wheel is built for CUDA; beside a CPU build of torch its C++ library does not
   load, and `import torchvision` then dies with "operator torchvision::nms does not exist", because it
   registers fake kernels for two operators that only the library defines. timm and lpips import torchvision
   unconditionally, torchmetrics does whenever it is installed. We never call those operators.
   Removal: when `import torchvision` succeeds without its C++ library (pytorch/vision#8985).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
patched: list[str] = []  # operator names whose schema was declared here
_library: torch.library.Library | None = None  # alive as long as the process, or the schemas vanish


def torchvision_ops_load() -> bool:
    """Whether torchvision is absent, or present with a C++ library that loads beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.origin:
        return True
    files = [
        f for f in Path(spec.origin).parent.glob("_C*") if f.suffix in (".so", ".pyd", ".dylib")
    ]
    try:
        for file in files:
            torch.ops.load_library(str(file))
    except (ImportError, OSError):
        return False
    return bool(files)


def declare_torchvision_ops() -> None:
    """Declare the operators that `import torchvision` refers to, unless its own library defines them."""
    global _library
    if _library is not None or torchvision_ops_load():
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        _library.define(schema)
        patched.append(schema.partition("(")[0])


declare_torchvision_ops()
