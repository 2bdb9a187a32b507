"""gantoolkit: faces from text and masks, by steering a pre-trained GAN with a diffusion model.

`import gantoolkit` is cheap; what needs torch is imported when first asked for.
"""

from __future__ import annotations

__version__ = "0.1.0"

_LAZY = {
    "load_pipeline": "gantoolkit.engine.sample",
    "load_generator": "gantoolkit.generators",
    "PretrainedPipeline": "gantoolkit.engine.hub",
    "read_condition": "gantoolkit.data.inputs",
    "Condition": "gantoolkit.types",
    "Camera": "gantoolkit.types",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gantoolkit' has no attribute '{name}'")
