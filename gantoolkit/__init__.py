"""gantoolkit: faces from text and masks, by steering a pre-trained GAN with a diffusion model.

`import gantoolkit` is cheap; what needs torch is imported when first asked for.
"""

from __future__ import annotations

__version__ = "0.1.0"

_LAZY = {
    "load_pipeline": "gantoolkit.inference.load",
    "load_generator": "gantoolkit.generators",
    "PretrainedPipeline": "gantoolkit.inference.hub",
    "read_condition": "gantoolkit.data.user_inputs",
    "Condition": "gantoolkit.core.types",
    "Camera": "gantoolkit.core.types",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gantoolkit' has no attribute '{name}'")
