"""Every kind of file gives the right array or one sentence; what was repaired is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import picture_kinds
import pytest
from picture_kinds import Kind
from sweeping import REFUSED, Made, find_fault, sweep

from gantoolkit.data.label_maps import read_native_label_map
from gantoolkit.data.rgb import read_rgb
from gantoolkit.data.user_scribbles import read_native_scribble

SEEDS = {"photos": 8, "label_maps": 8, "scribbles": 8}  # of the slow sweep


def read_as(reader: str, path: Path, note: Callable[[str], None]) -> np.ndarray:
    if reader == "photos":
        return np.asarray(read_rgb(path, note=note))
    if reader == "label_maps":
        return read_native_label_map(path, note=note)
    return read_native_scribble(path, note) * 255


def made_of(reader: str, kind: Kind) -> Made:
    """Return the input of a kind for the driver of sweeps; its value is (array, notes)."""

    def read(path: Path) -> tuple[np.ndarray, list[str]]:
        notes: list[str] = []
        return read_as(reader, path, notes.append), notes

    def differ(value: tuple[np.ndarray, list[str]], right: np.ndarray) -> str:
        array, notes = value
        if array.shape != right.shape:
            return f"shape {array.shape}, not {right.shape}"
        if reader == "label_maps":
            if set(np.unique(array)) != set(np.unique(right)):
                return f"classes {np.unique(array)}, not {np.unique(right)}"
            fault = float((array != right).mean())
        else:
            fault = max(0.0, float(np.abs(array.astype(float) - right).max()) - 1e-3)
        if fault > kind.tolerance + (1 if reader == "photos" else 0):
            return f"off by {fault:.4g}"
        if kind.said and not re.search(kind.said, " ".join(notes)):
            return f"'{kind.said}' is not said, only {notes}"
        return f"says {notes}" if kind.quiet and notes else ""

    right = REFUSED if kind.right is None else kind.right
    name = f"picture.{kind.suffix}"
    return Made(kind.name, kind.save, read, right, name=name, differ=differ)


def kinds_of(reader: str, seed: int) -> list[Kind]:
    return list(getattr(picture_kinds, reader)(seed))


NAMES = [(reader, kind.name) for reader in SEEDS for kind in kinds_of(reader, 0)]


@pytest.mark.parametrize("reader, name", NAMES)
def test_right_or_refused(reader, name, tmp_path):
    kind = next(kind for kind in kinds_of(reader, 0) if kind.name == name)
    made = made_of(reader, kind)
    assert not find_fault(made, tmp_path / made.name)


@pytest.mark.slow
@pytest.mark.parametrize("reader", SEEDS)
def test_sweep(reader, tmp_path):
    seeds = range(1, 1 + SEEDS[reader])
    sweep((made_of(reader, kind) for seed in seeds for kind in kinds_of(reader, seed)), tmp_path)


@pytest.mark.parametrize("reader, head", zip(SEEDS, ("photo", "label map", "scribble")))
def test_the_page_counts_the_files(reader, head):
    page = (Path(__file__).parents[2] / "docs/robustness.md").read_text(encoding="utf-8")
    _, table = page.split(f"| {head} | files | what happens |\n")
    counts = [int(row.split("|")[2]) for row in table.split("\n\n")[0].splitlines()[1:]]
    assert sum(counts) == len(kinds_of(reader, 0)) * (1 + SEEDS[reader])
