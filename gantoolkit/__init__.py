"""gantoolkit: faces from text and masks, by steering a pre-trained GAN with a diffusion model.

`import gantoolkit` is cheap; what needs torch is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {  # name → module that holds it
    "load_pipeline": "gantoolkit.inference.load",
    "load_generator": "gantoolkit.generators",
    "PretrainedPipeline": "gantoolkit.inference.hub",
    "read_condition": "gantoolkit.data.user_inputs",
    "Condition": "gantoolkit.core.types",
    "Camera": "gantoolkit.core.types",
    "hookimpl": "gantoolkit.registry.plugins",
}

if TYPE_CHECKING:
    from gantoolkit.core.types import Camera, Condition
    from gantoolkit.data.user_inputs import read_condition
    from gantoolkit.generators import load_generator
    from gantoolkit.inference.hub import PretrainedPipeline
    from gantoolkit.inference.load import load_pipeline
    from gantoolkit.registry.plugins import hookimpl

__all__ = [
    "Camera",
    "Condition",
    "PretrainedPipeline",
    "__version__",
    "hookimpl",
    "load_generator",
    "load_pipeline",
    "read_condition",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gantoolkit' has no attribute '{name}'")
