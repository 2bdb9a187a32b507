"""Examples in docstrings run as they stand; the classes that people meet first have one."""

import doctest
import importlib
from pathlib import Path

import pytest
import torch

import gantoolkit

PACKAGE = Path(gantoolkit.__file__).parent
NOT_MODULES = ("configs", "templates")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITH_EXAMPLES = {  # module → names that people meet first
    "gantoolkit.bench.pairs": ["Pairs"],
    "gantoolkit.bench.systems": ["System"],
    "gantoolkit.bridges.absm": ["AbSM"],
    "gantoolkit.bridges.mapping": ["Mapping"],
    "gantoolkit.core.types": ["Camera", "Condition"],
    "gantoolkit.data.face_zip": ["FaceZip"],
    "gantoolkit.encoders.controlnet": ["ControlNetEncoder"],
    "gantoolkit.encoders.diffusion": ["DiffusionEncoder"],
    "gantoolkit.encoders.pyramid": ["PyramidEncoder"],
    "gantoolkit.generators.eg3d": ["EG3D"],
    "gantoolkit.generators.stylegan2": ["StyleGAN2"],
    "gantoolkit.losses.identity": ["Identity"],
    "gantoolkit.losses.latent": ["LatentNorm"],
    "gantoolkit.losses.perceptual": ["Perceptual"],
    "gantoolkit.losses.pixel": ["L2"],
    "gantoolkit.metrics.fid": ["FID"],
    "gantoolkit.metrics.kid": ["KID"],
    "gantoolkit.metrics.pairs": ["LPIPS"],
    "gantoolkit.metrics.precision_recall": ["Precision"],
    "gantoolkit.pipeline": ["Pipeline"],
    "gantoolkit.training.batch": ["SeededBatch"],
    "gantoolkit.training.schedule": ["Schedule"],
    "gantoolkit.training.task": ["Task"],
}


def modules_with_examples() -> list[str]:
    names = []
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE.parent).with_suffix("")
        is_module = path.parts[1] not in NOT_MODULES
        if is_module and ">>>" in file.read_text(encoding="utf-8"):
            names.append(".".join(path.parts).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name):
    import gantoolkit.core.compat  # noqa: F401  before what needs torchvision

    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs={"torch": torch}, optionflags=OPTIONS)
    assert results.attempted and not results.failed


@pytest.mark.parametrize("module, names", WITH_EXAMPLES.items(), ids=lambda value: str(value))
def test_classes_that_people_meet_first_have_an_example(module, names):
    import gantoolkit.core.compat  # noqa: F401

    for name in names:
        cls = getattr(importlib.import_module(module), name)
        assert ">>>" in (cls.__doc__ or ""), f"{module}.{name} has no example"
