"""Every patch of a third party, with its reason and the condition for its removal.

`import gantoolkit.core.compat` before timm, lpips, torchmetrics, transformers or diffusers.

1. torchvision beside a CPU torch.

Reason: PyPI's torchvision wheel is built for CUDA. Beside a CPU build of torch its C++ library does
not load, and `import torchvision` then dies with "operator torchvision::nms does not exist": it
registers fake kernels for two operators that only the library defines. timm and lpips always import
torchvision, torchmetrics does whenever it is installed. We never call those operators.

Removal: when `import torchvision` succeeds without its C++ library (pytorch/vision#8985).

2. A warning of diffusers about itself.

Reason: its FluxControlNetModel uses a class of its own that it calls deprecated, and says so to
everybody who loads one.

Removal: when diffusers' `controlnet_flux.py` takes FluxPosEmbed from `transformer_flux`.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
LIBRARY_SUFFIXES = (".so", ".pyd", ".dylib")
patched: list[str] = []  # names of the operators whose schema was declared here
_library: torch.library.Library | None = None  # kept for the whole process: the schemas go with it


def torchvision_ops_load() -> bool:
    """Whether torchvision is absent, or present with a C++ library that loads beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.origin:
        return True
    candidates = Path(spec.origin).parent.glob("_C*")
    libraries = [file for file in candidates if file.suffix in LIBRARY_SUFFIXES]
    try:
        for library in libraries:
            torch.ops.load_library(str(library))
    except (ImportError, OSError):
        return False
    return bool(libraries)


def declare_torchvision_ops() -> None:
    """Declare the operators that `import torchvision` needs, unless its library defines them."""
    global _library
    if _library is not None or torchvision_ops_load():
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        _library.define(schema)
        patched.append(schema.partition("(")[0])


declare_torchvision_ops()
warnings.filterwarnings("ignore", "`FluxPosEmbed` is deprecated", FutureWarning)
