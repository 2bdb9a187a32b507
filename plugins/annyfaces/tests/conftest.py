"""Skip rendering tests where Anny or Warp is not installed."""

import importlib.util
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve()
for folder in (HERE.parents[1], HERE.parents[3]):  # a checkout works without installing
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def pytest_collection_modifyitems(items):
    needed = ("anny", "warp", "PIL", "scipy")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        for item in items:
            reason = f"rendering needs {', '.join(missing)} (pip install gantoolkit-annyfaces)"
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: renders many samples")
