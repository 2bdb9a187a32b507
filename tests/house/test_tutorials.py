"""Notebooks of docs/tutorials: they run from top to bottom, and carry no outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantoolkit.cli import main

FOLDER = Path(main.__file__).parents[2] / "docs" / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="docs/ is not part of an installed package")


def code_cells(notebook: Path) -> list[dict]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def execute(notebook: Path) -> dict:
    """Run the code cells in order, as a fresh kernel would; returns their names."""
    names = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook)):
        code = compile("".join(cell["source"]), f"{notebook.name}, cell {number}", "exec")
        exec(code, names)
    return names


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(notebook):
    assert json.loads(notebook.read_text(encoding="utf-8"))["nbformat"] == 4
    for cell in code_cells(notebook):
        assert cell["outputs"] == [] and cell["execution_count"] is None


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(name).convert("RGB"), float)


@pytest.mark.slow
def test_draw_and_edit(tmp_path, monkeypatch):
    """Prompts change the picture, the line ends in its ends, views turn, the bald have no hair."""
    monkeypatch.chdir(tmp_path)
    names = execute(FOLDER / "draw_and_edit.ipynb")
    pictures = {name: pixels(f"{name}.png") for name in ("red", "blond", "black", "without-hair")}
    hair = (names["labels"] == names["CLASSES"].index("hair"))[::2, ::2]  # 128 px, pictures 64
    colors = {name: picture[hair].mean(0) for name, picture in pictures.items()}
    assert colors["blond"].mean() > colors["black"].mean() + 20
    assert colors["red"][0] - colors["red"][2] > colors["black"][0] - colors["black"][2]
    assert abs(pictures["without-hair"] - pictures["red"]).mean() > 5

    for number, name in ((0, "blond"), (4, "black")):
        assert abs(pixels(f"between-{number}.png") - pictures[name]).max() <= 1
    views = [pixels(f"view-{number}.png") for number in range(5)]
    assert all(abs(a - b).mean() > 1 for a, b in zip(views, views[1:]))
    assert Image.open("turntable.gif").n_frames == 12
    assert pixels("stylegan2.png").shape == pictures["red"].shape
