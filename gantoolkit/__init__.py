"""gantoolkit: faces from text and masks, by steering a pre-trained GAN with a diffusion model.

`import gantoolkit` is cheap; what needs torch is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_LAZY = {  # name → module that holds it
    "load_pipeline": "gantoolkit.inference.load",
    "load_generator": "gantoolkit.generators",
    "PretrainedPipeline": "gantoolkit.inference.hub",
    "FacePipeline": "gantoolkit.inference.face_pipeline",
    "Faces": "gantoolkit.inference.faces",
    "read_condition": "gantoolkit.data.user_inputs",
    "Condition": "gantoolkit.core.types",
    "Camera": "gantoolkit.core.types",
    "Latent": "gantoolkit.core.types",
    "Render": "gantoolkit.core.types",
    "Mesh": "gantoolkit.generators.mesh",
    "orbit_camera": "gantoolkit.core.camera",
    "hookimpl": "gantoolkit.registry.plugins",
    "GantoolkitError": "gantoolkit.core.errors",
    "UsageError": "gantoolkit.core.errors",
    "DataError": "gantoolkit.core.errors",
    "WeightsError": "gantoolkit.core.errors",
}

if TYPE_CHECKING:
    from gantoolkit.core.camera import orbit_camera
    from gantoolkit.core.errors import DataError, GantoolkitError, UsageError, WeightsError
    from gantoolkit.core.types import Camera, Condition, Latent, Render
    from gantoolkit.data.user_inputs import read_condition
    from gantoolkit.generators import load_generator
    from gantoolkit.generators.mesh import Mesh
    from gantoolkit.inference.face_pipeline import FacePipeline
    from gantoolkit.inference.faces import Faces
    from gantoolkit.inference.hub import PretrainedPipeline
    from gantoolkit.inference.load import load_pipeline
    from gantoolkit.registry.plugins import hookimpl

__all__ = [
    "Camera",
    "Condition",
    "DataError",
    "FacePipeline",
    "Faces",
    "GantoolkitError",
    "Latent",
    "Mesh",
    "PretrainedPipeline",
    "Render",
    "UsageError",
    "WeightsError",
    "__version__",
    "hookimpl",
    "load_generator",
    "load_pipeline",
    "orbit_camera",
    "read_condition",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gantoolkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
