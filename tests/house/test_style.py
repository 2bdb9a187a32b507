"""The tree is formatted and checked by ruff.

Lines, files and the types of the public API keep their bounds.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import gantoolkit

ROOT = Path(gantoolkit.__file__).parents[1]
MAX_COLUMNS = 100
MAX_LINES = 350  # of a file of the package or of a plugin
FILES = [
    file
    for folder in ("gantoolkit", "plugins", "tests", "benchmarks", "docs")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "annyfaces" not in file.parts  # formatted with its next change
]
pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="an installed package has no pyproject.toml"
)


def run(module: str, *arguments: str) -> subprocess.CompletedProcess:
    pytest.importorskip(module)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True)


@pytest.mark.parametrize("arguments", [("format", "--check"), ("check",)], ids=" ".join)
def test_ruff_finds_nothing(arguments):
    result = run("ruff", *arguments, "--no-cache", ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_public_api_is_typed():
    result = run("mypy")
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_line_is_too_long():
    too_long = []
    for file in FILES:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if len(line) > MAX_COLUMNS:
                too_long.append(f"{file.relative_to(ROOT)}:{number} has {len(line)} columns")
    assert not too_long, "\n".join(too_long)


def test_no_file_is_too_long():
    too_long = []
    for file in FILES:
        lines = len(file.read_text(encoding="utf-8").splitlines())
        in_package = file.relative_to(ROOT).parts[0] in ("gantoolkit", "plugins")
        if in_package and lines > MAX_LINES:
            too_long.append(f"{file.relative_to(ROOT)} has {lines} lines")
    assert not too_long, "\n".join(too_long)
