"""The torchvision shim. That everything imports after it is tested through doctor."""

import subprocess
import sys

import pytest


def python(code):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], text=True, capture_output=True
    )


def test_the_shim_acts_only_where_torchvision_fails_by_itself():
    """When this fails because `alone` works while something is patched, the shim can go."""
    alone = python("import torch, torchvision").returncode == 0
    patched = python("from gantoolkit.core import compat; print(*compat.patched)").stdout.split()
    assert patched == ([] if alone else ["nms", "qnms"])


def test_no_shim_without_torchvision(monkeypatch):
    from gantoolkit.core import compat

    monkeypatch.setattr(compat.importlib.util, "find_spec", lambda name: None)
    assert compat.torchvision_ops_load()


@pytest.mark.parametrize(
    "version, wanted, fits",
    [
        ("2.13.0+cpu", ">=2.11,<2.14", True),
        ("2.14.0", ">=2.11,<2.14", False),
        ("2.9", ">=2.11,<2.14", False),
        ("0.10.7", ">=0.10.7,<0.12", True),
        ("5", ">=5.0.0", True),
        ("1.0", "", True),
    ],
)
def test_version_ranges(version, wanted, fits):
    from gantoolkit.cli.doctor import fits as fit

    assert fit(version, wanted) is fits
