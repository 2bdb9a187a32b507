"""`figure data`: every cell is the picture that lies in the archive."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.labels import PALETTE
from gantoolkit.registry import manifest
from gantoolkit.report import figure_sheets, pictures


@pytest.fixture(scope="module")
def archive():
    index = manifest.load()
    return index.file(index.data["val"])


@pytest.fixture
def sheet(monkeypatch, tmp_path):
    """sheet(arguments…) → the rows of the sheet, and what the file says of itself."""

    def make(*arguments):
        kept = []
        draw = figure_sheets.FigureSheet.render
        monkeypatch.setattr(
            figure_sheets.FigureSheet, "render", lambda self: kept.append(self) or draw(self)
        )
        out = tmp_path / "sheet.png"
        assert main.main(["figure", "data", *map(str, arguments), "--out", str(out)]) == 0
        with Image.open(out) as file:
            return kept[0].rows, json.loads(file.text[pictures.DESCRIPTION_KEY])

    return make


def stored(archive, kind, number):
    """A picture of the archive as PIL reads it."""
    with zipfile.ZipFile(archive) as file:
        name = next(name for name in file.namelist() if name.startswith(f"{kind}/{number:08d}."))
        return np.asarray(Image.open(io.BytesIO(file.read(name))))


def test_faces_with_their_conditions(sheet, archive):
    rows, about = sheet("val", "--samples", 10, "--conditions")
    assert [len(row.cells) for row in rows] == [8, 8, 8, 2, 2, 2] and list(rows[0].label) == ["val"]
    assert (rows[3].cells[1] == stored(archive, "image", 9)).all()
    assert (rows[1].cells[4] == np.asarray(PALETTE, np.uint8)[stored(archive, "mask", 4)]).all()
    assert (rows[2].cells[4] == stored(archive, "scribble", 4)[..., None]).all()
    assert about["samples"] == 10 and list(about["sha256"]) == ["val.zip"]


def test_several_data_sets_stand_below_each_other(sheet, archive):
    rows, about = sheet("val", "bridge-train", "--samples", 3)
    assert [list(row.label) for row in rows] == [["val"], ["bridge-train"]] and len(
        about["sha256"]
    ) == 2
    assert (rows[0].cells[2] == stored(archive, "image", 2)).all()


def test_what_cannot_be_drawn_is_a_sentence(capsys, tmp_path):
    assert main.main(["figure", "data", "val", "--samples", "0"]) == 2
    assert main.main(["figure", "data", "vall", "--out", str(tmp_path / "sheet.png")]) == 1
    assert main.main(["figure", "data", "val", "--out", "sheet.xyz"]) == 2
    said = capsys.readouterr().err
    assert (
        "--samples must be at least 1" in said
        and "No data set 'vall'" in said
        and "sheet.xyz is not a PNG" in said
    )
