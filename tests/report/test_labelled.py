"""Labelled sheets: where pictures, titles and plots stand; letters that fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from gantoolkit.report import labelled, lettering, panels, sheets
from gantoolkit.report.labelled import Row, Sheet


def plain_cell(number: int, side: int = 64) -> np.ndarray:
    """A cell of one colour that no letter has."""
    return np.full((side, side, 3), (200, 40 + number, 90), np.uint8)


def box(picture: np.ndarray, colour) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of all pixels of a colour; they fill the box."""
    y, x = np.nonzero((picture == np.asarray(colour, np.uint8)).all(2))
    found = int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1
    assert len(y) == (found[2] - found[0]) * (found[3] - found[1])
    return found


def test_cells_stand_in_their_row_and_column():
    rows = [Row([plain_cell(3 * i + j) for j in range(3)], label=(f"row {i}",)) for i in range(2)]
    sheet = Sheet(["a", "b", "c"], rows)
    picture = sheet.draw()
    boxes = [[box(picture, (200, 40 + 3 * i + j, 90)) for j in range(3)] for i in range(2)]
    for i in range(2):
        assert len({b[0] for b in boxes[i]}) == 1  # one row, one height
        for j in range(3):
            assert boxes[i][j][1] == boxes[0][j][1] == sheet.x(j)
            assert boxes[i][j][2] - boxes[i][j][0] == boxes[i][j][3] - boxes[i][j][1] == 256
    assert boxes[0][0][3] < boxes[0][1][1] and boxes[0][0][2] < boxes[1][0][0]
    assert picture.shape[1] == sheet.width == boxes[0][2][3] + labelled.MARGIN
    white = (picture == 255).all(2)
    assert (
        white[:, -labelled.MARGIN :].all()
        and white[-labelled.MARGIN :].all()
        and white[: labelled.MARGIN].all()
    )
    label = ~white[boxes[0][0][0] : boxes[0][0][2], : boxes[0][0][1]]
    assert label.any()  # the label stands left of its row


def test_a_gap_stays_white_and_groups_are_set_apart():
    rows = [Row([plain_cell(0), None, plain_cell(2), plain_cell(3)])]
    sheet = Sheet(["a"] * 4, rows, [("first", 2), ("", 2)])
    picture = sheet.draw()
    top, _, bottom, _ = box(picture, (200, 40, 90))
    assert (picture[top:bottom, sheet.x(1) : sheet.x(1) + sheet.side] == 255).all()
    inner, outer = sheet.x(1) - sheet.x(0), sheet.x(2) - sheet.x(1)
    assert outer == inner + labelled.APART and sheet.x(3) - sheet.x(2) == inner
    above = (picture[: sheet.head] != 255).any(2).any(0)
    assert above[
        sheet.x(0) : sheet.x(1) + sheet.side
    ].all()  # the line above the group with a title
    assert not above[sheet.x(2) : sheet.x(3) + sheet.side].all()


@pytest.mark.parametrize(
    "title",
    [
        "a very long title of a run that nobody will want to read in full\nsecond",
        "runs_with_very_long_names_have_no_spaces_at_which_they_break\nsecond",
        "short\n$G(\\bar w)$ of a_run_with_a_long_name_and_no_spaces",
    ],
)
def test_long_titles_stay_over_their_column(title):
    sheet = Sheet(["", title, "b"], [Row([plain_cell(j) for j in range(3)])])
    picture = sheet.draw()
    inked = (picture[: sheet.head] != 255).any(2).any(0)
    assert not inked[: sheet.x(1)].any() and not inked[sheet.x(1) + sheet.side : sheet.x(2)].any()
    assert inked[sheet.x(1) : sheet.x(1) + sheet.side].any()
    shown = "".join(line for line, _ in sheet.titles[1]).replace(" ", "")
    assert shown == title.replace(" ", "").replace("\n", "") or "$" in title
    assert len(sheet.titles[1]) > 2 and [ink for _, ink in sheet.titles[1]][-1] == lettering.QUIET
    assert box(picture, (200, 40, 90))[0] == sheet.head


@pytest.mark.parametrize("columns, side", [(5, 256), (9, 192), (13, 128), (26, 64)])
def test_a_sheet_is_about_as_wide_as_a_page_and_enlarges_pixels_evenly(columns, side):
    sheet = Sheet(["x"] * columns, [Row([plain_cell(0)] * columns)])
    assert sheet.side == side and sheet.width < 1.15 * labelled.WIDTH


def test_the_corner_picture_lies_above_the_labels():
    corner = np.full((64, 64, 3), (1, 200, 1), np.uint8)
    sheet = Sheet(
        ["a"], [Row([plain_cell(0)], label=("a long label",), caption="words")], corner=corner
    )
    picture = sheet.draw()
    cell, found = box(picture, (200, 40, 90)), box(picture, (1, 200, 1))
    assert (
        found[2] < cell[0]
        and found[3] < cell[1]
        and found[2] - found[0] == found[3] - found[1] > 40
    )


@pytest.mark.parametrize(
    "text", ["G", "all words", "$w^m$", "towards $I^d_0$", "$G(\\bar w)$", "t = 999"]
)
def test_letters_take_the_width_that_is_said(text):
    canvas = Image.new("L", (600, 90), 255)
    lettering.put(ImageDraw.Draw(canvas), 100, 20, text, 40, 0)
    y, x = np.nonzero(np.asarray(canvas) < 200)
    assert abs(x.min() - 100) <= 6 and abs(x.max() + 1 - 100 - lettering.width(text, 40)) <= 6
    assert y.min() >= 14 and y.max() < 20 + lettering.height(40)
    middle = Image.new("L", (600, 90), 255)
    lettering.put(ImageDraw.Draw(middle), 300, 20, text, 40, 0, "middle")
    x = np.nonzero(np.asarray(middle) < 200)[1]
    assert abs((x.min() + x.max()) / 2 - 300) <= 5


def test_super_and_subscripts_are_small_and_stand_above_each_other():
    wide, both = lettering.width("$I^d$", 40), lettering.width("$I^d_0$", 40)
    assert both < wide + 4 and lettering.width("$I^d$ x", 40) > wide
    assert lettering.width("$x^m$", 40) < lettering.width("xm", 40)
    assert lettering.width("a_b^c", 40) > lettering.width(
        "$a_b^c$", 40
    )  # outside $ a line is as typed


def test_prompts_wrap_and_keep_their_words():
    text = "This woman has curly dark brown hair and a café au lait hat. She is smiling."
    lines = lettering.wrap(text, 30, 300)
    assert len(lines) > 2 and " ".join(lines) == text.replace("é", "e")
    assert all(lettering.width(line, 30) <= 300 for line in lines)
    assert lettering.wrap("", 30, 300) == [] and lettering.wrap("x" * 99, 30, 300) == ["x" * 99]


def test_plots_stand_below_their_columns():
    places = [300.0, 500.0, 700.0]
    lines = [
        panels.Line("a", [1.0, 2.0, 3.0], [0.5, 1.5, 2.5], [1.5, 2.5, 3.5]),
        panels.Line("b", [0.75], level=True),
    ]
    picture = panels.panel("score\nhigher is better", lines, places, 1000, 200)
    assert picture.shape == (panels.HEIGHT, 1000, 3)
    near = np.abs(picture.astype(int) - panels.COLOURS[0]).max(2) < 30
    centres = [np.nonzero(near[:, int(x) - 3 : int(x) + 4])[0].mean() for x in places]
    assert centres[0] > centres[1] > centres[2]
    assert (
        abs(2 * centres[1] - centres[0] - centres[2]) < 2
    )  # equal steps of the score are equal steps upwards
    level = np.nonzero((np.abs(picture.astype(int) - panels.COLOURS[1]).max(2) < 30)[:, 300:700])[0]
    assert level.max() - level.min() <= 4
    unit = centres[0] - centres[1]  # pixels of a score of 1
    assert abs(level.mean() - (centres[0] + 0.25 * unit)) < 2
    assert (picture[:, :150] != 255).any() and (picture[:, 760:] != 255).any()  # title and names


@pytest.mark.parametrize(
    "values", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [float("nan"), 1.0, 2.0], [85.1, 85.2, 85.15]]
)
def test_plots_of_flat_and_missing_values_are_drawn(values):
    low, high = panels.bounds([panels.Line("a", values)])
    assert low < high and all(low < v < high for v in values if v == v)
    panels.panel("x", [panels.Line("a", values)], [300.0, 500.0, 700.0], 1000, 200)


def test_ticks_keep_their_last_digit():
    assert [panels.places_of(t) for t in ([0.7, 0.8], [0.45, 0.5], [82.0, 84.0], [0.0, 50.0])] == [
        1,
        2,
        0,
        0,
    ]


def test_a_png_keeps_what_it_is_made_of(tmp_path):
    path = sheets.save(plain_cell(0), tmp_path / "a.png", {"prompts": ["“hair” é"]})
    with Image.open(path) as file:
        assert json.loads(file.text[sheets.ABOUT]) == {"prompts": ["“hair” é"]}


def test_heat_rises_from_dark_to_light():
    ramp = torch.linspace(0, 1, 64).expand(64, 64)
    picture = sheets.heat_picture(torch.zeros(1, 3, 64, 64), ramp).astype(int)
    light = picture[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) >= 0).all() and light[-1] > light[0] + 100
    bright = sheets.heat_picture(torch.ones(1, 3, 64, 64), ramp).astype(int)
    assert (bright.sum(2) > picture.sum(2)).all()  # the picture shines through
