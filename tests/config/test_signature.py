"""Signatures read from source agree with inspect's, through bases, dataclasses and re-exports."""

import inspect
import sys

import pytest

from gantoolkit.config import signature

SOURCE = '''
from __future__ import annotations
from dataclasses import dataclass
from torch import nn
from .base import Base as Renamed

class Own(nn.Module):
    """Doc."""
    def __init__(self, a: int, *, b: str = "x", c: tuple[int, ...] = (1, 2)): ...

class Inherits(Renamed): ...

class Open(nn.Module):
    def __init__(self, a=1, **rest): ...

@dataclass
class Data:
    x: int  # first
    y: float = 2.0

@dataclass
class More(Data):
    z: str = "q"

def function(u, v=3): ...
'''
BASE = """
class Base:
    def __init__(self, deep: bool = True): ...
"""
PLUGIN = """
from dataclasses import dataclass
from sig_package.parts import Data

@dataclass
class Keys(Data):
    y: float = 3.0  # ours
    # a
    # b
    w: int = 1

class Task:
    def __init__(self, config: Keys): ...
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    (folder / "sig_package").mkdir()
    (folder / "sig_package" / "__init__.py").write_text("from .parts import Own\n")
    (folder / "sig_package" / "parts.py").write_text(SOURCE)
    (folder / "sig_package" / "base.py").write_text(BASE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.mark.parametrize("name", ["Own", "Inherits", "Open", "Data", "More", "function"])
def test_agrees_with_inspect(package, name):
    read = signature.read("sig_package.parts", name)
    assert not [m for m in sys.modules if m.startswith("sig_package")] or name != "Own"
    module = __import__("sig_package.parts", fromlist=[name])
    parameters = inspect.signature(getattr(module, name)).parameters
    named = [p for p in parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert read.names == [p.name for p in named]
    assert [a.default is None for a in read.arguments] == [p.default is p.empty for p in named]
    assert read.open == (len(named) < len(parameters))


def test_config_of_a_plugin_has_the_fields_of_a_base_in_another_package(package, tmp_path):
    """A plugin's package lies in a folder that is not on sys.path; its base's package is."""
    (tmp_path / "sig_plugin.py").write_text(PLUGIN)
    read = signature.read("sig_plugin", "Task", str(tmp_path))
    named = [(a.name, a.default, a.comment) for a in read.arguments]
    assert named == [("x", None, "first"), ("y", "3.0", "ours"), ("w", "1", "a b")]


def test_re_export_and_missing(package):
    assert signature.read("sig_package", "Own").names == ["a", "b", "c"]
    assert signature.read("sig_package", "Nothing") is None
    assert signature.read("no_such_package.x", "Y") is None
