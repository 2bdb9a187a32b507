"""Notebooks of docs/tutorials: they run from top to bottom, and carry no outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gantoolkit
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


def execute_alone(name: str, folder: Path) -> str:
    """Run the code cells in a process of their own, with `folder` for temporary files.

    Returns what they print.
    """
    cells = ["".join(cell["source"]) for cell in code_cells(FOLDER / f"{name}.ipynb")]
    script = folder / f"{name}.py"
    script.write_text("\n\n".join(cells), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(FOLDER.parents[1])},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(notebook):
    assert json.loads(notebook.read_text(encoding="utf-8"))["nbformat"] == 4
    for cell in code_cells(notebook):
        assert cell["outputs"] == [] and cell["execution_count"] is None


def pixels(name: str | Path) -> np.ndarray:
    return np.asarray(Image.open(name).convert("RGB"), float)


@pytest.mark.slow
def test_draw_and_edit(tmp_path, monkeypatch):
    """Prompts change the picture, the line ends in its ends, views turn, the bald have no hair."""
    monkeypatch.chdir(tmp_path)
    names = execute(FOLDER / "draw_and_edit.ipynb")
    pictures = {name: pixels(f"{name}.png") for name in ("red", "blond", "black", "without-hair")}
    stride = len(names["labels"]) // len(pictures["red"])
    hair = (names["labels"] == names["CLASSES"].index("hair"))[::stride, ::stride]
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


@pytest.mark.slow
def test_train_a_bridge(tmp_path):
    """Losses fall; gap and verdict are those that follow from the numbers in record.json."""
    printed = execute_alone("train_a_bridge", tmp_path).splitlines()
    run = next(tmp_path.glob("*/short"))
    log = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
    lpips_of_m = [row["M/lpips"] for row in log if "M/lpips" in row]
    assert lpips_of_m[-1] < 0.85 * lpips_of_m[0]

    scores = json.loads((run / "record.json").read_text())["scores"]
    lpips = {system: metrics["lpips[judge]"]["value"] for system, metrics in scores.items()}
    share = (lpips["mean face"] - lpips["G(w)"]) / (lpips["mean face"] - lpips["W+ inversion"])
    assert 0.1 < share < 1
    gap = next(line for line in printed if line.startswith("lpips[judge]") and "gap" in line)
    assert gap.endswith(f" {share:.0%} of the gap")

    worse = {line.split()[0] for line in printed if line.endswith(" worse")}
    for metric, score in scores["G(w)"].items():
        if not metric.startswith("detail"):  # best at 1
            change = score["value"] - scores["G(w_m)"][metric]["value"]
            is_worse = change < 0 if score["higher_is_better"] else change > 0
            assert (metric in worse) == is_worse, metric
    assert "G(w) is worse than" in (run / "report.html").read_text(encoding="utf-8")
    assert pixels(run / "face.png").std() > 20


@pytest.mark.slow
def test_write_a_plugin(tmp_path):
    """All three keep their contracts; faces are the preset's without color; a run uses all."""
    printed = execute_alone("write_a_plugin", tmp_path)
    assert printed.count("keeps its contract") == 3
    folder = next(tmp_path.glob("*/gray.py")).parent
    gray = pixels(folder / "gray.png")
    preset = gantoolkit.load_pipeline("stylegan2-mask")
    prompt = "This woman has long red hair and bangs."
    colored = preset(prompt, mask="woman-with-bangs", seed=3).image
    assert (gray == gray[..., :1]).all()
    assert abs(gray[..., 0] - np.asarray(colored, float).mean(-1)).mean() < 2

    log = (folder / "runs/gray/losses.jsonl").read_text().splitlines()
    assert all("M/edges" in json.loads(line) for line in log[:2])
    record = json.loads((folder / "runs/gray/record.json").read_text())
    errors = {system: scores["gray"]["value"] for system, scores in record["scores"].items()}
    assert 0 < errors["G(w)"] < errors["mean face"] < 2
    assert record["config"]["generator"] == "gray.safetensors"
