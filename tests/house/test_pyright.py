"""pyright finds nothing in the tutorials and in docs/examples, but what is wrong on purpose."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gantoolkit

ROOT = Path(gantoolkit.__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
WRONG = """\
import gantoolkit

pipeline = gantoolkit.load_pipeline("eg3d-mask", steps="many")
pipeline("a prompt", seed=3).picture.save("face.png")
"""
pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="docs/ is not part of an installed package")


def code_of(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def errors(files: list[Path]) -> dict[str, list[str]]:
    """File name → what pyright says is wrong in it, with its line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    quiet = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # look for no newer release
    done = subprocess.run(
        [*command, *map(str, files)], cwd=ROOT, env=quiet, text=True, capture_output=True
    )
    found: dict[str, list[str]] = {}
    for row in json.loads(done.stdout)["generalDiagnostics"]:
        if row["severity"] == "error":
            line = f"line {row['range']['start']['line'] + 1}: {row['message']}"
            found.setdefault(Path(row["file"]).name, []).append(line)
    return found


@pytest.mark.slow
def test_tutorials_and_examples_are_typed(tmp_path):
    pytest.importorskip("pyright", reason="pyright is not installed (extra dev)")
    if not shutil.which("node"):
        pytest.skip("pyright runs on Node.js, which is not installed; the test downloads nothing")
    files = [*EXAMPLES, tmp_path / "wrong.py"]
    files[-1].write_text(WRONG)
    for notebook in NOTEBOOKS:
        files.append(tmp_path / f"{notebook.stem}.py")
        files[-1].write_text(code_of(notebook), encoding="utf-8")
    found = errors(files)
    assert [row.split(":")[0] for row in found.pop("wrong.py", [])] == ["line 3", "line 4"]
    assert not found, json.dumps(found, indent=1)
