"""The torchvision shim. That everything imports after it is tested through doctor."""

import subprocess
import sys


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
