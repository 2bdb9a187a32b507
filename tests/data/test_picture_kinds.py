"""Every kind of file gives the right array or one sentence; what was repaired is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import picture_kinds
import pytest
from picture_kinds import Kind

from gantoolkit.core.errors import DataError
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


def find_fault(reader: str, kind: Kind, folder: Path) -> str:
    """Say what is wrong with how a file is read; "" if nothing is."""
    path = folder / f"picture.{kind.suffix}"
    path.unlink(missing_ok=True)
    kind.save(path)
    notes: list[str] = []
    try:
        array = read_as(reader, path, notes.append)
    except DataError as error:
        is_sentence = str(path) in str(error) and str(error).endswith(".")
        if not is_sentence or "\n" in str(error):
            return f"not a sentence that names the file: {error}"
        return "" if kind.right is None else f"refused: {error}"
    if kind.right is None:
        return "accepted"
    if array.shape != kind.right.shape:
        return f"shape {array.shape}, not {kind.right.shape}"
    if reader == "label_maps":
        if set(np.unique(array)) != set(np.unique(kind.right)):
            return f"classes {np.unique(array)}, not {np.unique(kind.right)}"
        fault = float((array != kind.right).mean())
    else:
        fault = float(np.abs(array.astype(float) - kind.right).max())
        fault = max(0.0, fault - 1e-3)
    if fault > kind.tolerance + (1 if reader == "photos" else 0):
        return f"off by {fault:.4g}"
    if kind.said and not re.search(kind.said, " ".join(notes)):
        return f"'{kind.said}' is not said, only {notes}"
    return f"says {notes}" if kind.quiet and notes else ""


def kinds_of(reader: str, seed: int) -> list[Kind]:
    return list(getattr(picture_kinds, reader)(seed))


NAMES = [(reader, kind.name) for reader in SEEDS for kind in kinds_of(reader, 0)]


@pytest.mark.parametrize("reader, name", NAMES)
def test_right_or_refused(reader, name, tmp_path):
    kind = next(kind for kind in kinds_of(reader, 0) if kind.name == name)
    assert not find_fault(reader, kind, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("reader", SEEDS)
def test_sweep(reader, tmp_path):
    faults = []
    right = []
    for seed in range(1, 1 + SEEDS[reader]):
        for kind in kinds_of(reader, seed):
            fault = find_fault(reader, kind, tmp_path)
            right.append(kind.right is not None)
            if fault:
                faults.append(f"seed {seed}, {kind.name}: {fault}")
    assert not faults, "\n".join(faults)
    assert len(right) >= 150 and np.mean(right) > 0.5


@pytest.mark.parametrize("reader, head", zip(SEEDS, ("photo", "label map", "scribble")))
def test_the_page_counts_the_files(reader, head):
    page = (Path(__file__).parents[2] / "docs/robustness.md").read_text(encoding="utf-8")
    _, table = page.split(f"| {head} | files | what happens |\n")
    counts = [int(row.split("|")[2]) for row in table.split("\n\n")[0].splitlines()[1:]]
    assert sum(counts) == len(kinds_of(reader, 0)) * (1 + SEEDS[reader])
