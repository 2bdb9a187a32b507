"""A checkout works without installing; stand-ins come from the package's own tests."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[3]
for folder in (ROOT, HERE.parents[1], ROOT / "tests" / "encoders", ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def tiny_zip(tmp_path_factory):
    """24 oval faces at 32 px."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "gantoolkit_tests", ROOT / "tests" / "conftest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_tiny_zip(tmp_path_factory.mktemp("data") / "tiny.zip")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folders (diffusion, controlnet) of an untrained latent diffusion model of 32 px."""
    import tiny

    folder = tiny.write(tmp_path_factory.mktemp("models"), tiny.parts())
    return str(folder / "diffusion"), str(folder / "controlnet")
