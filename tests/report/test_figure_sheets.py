"""Labelled sheets: where pictures, titles and plots stand; letters that fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.report import figure_sheets, pictures, pixel_canvas, score_panels
from gantoolkit.report.figure_sheets import FigureSheet, SheetRow
from gantoolkit.report.pixel_canvas import PixelCanvas, line_height, literal, text_width, wrap


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
    rows = [
        SheetRow([plain_cell(3 * i + j) for j in range(3)], label=(f"row {i}",)) for i in range(2)
    ]
    sheet = FigureSheet(["a", "b", "c"], rows)
    picture = sheet.render()
    boxes = [[box(picture, (200, 40 + 3 * i + j, 90)) for j in range(3)] for i in range(2)]
    for i in range(2):
        assert len({b[0] for b in boxes[i]}) == 1  # one row, one height
        for j in range(3):
            assert boxes[i][j][1] == boxes[0][j][1] == sheet.x(j)
            assert boxes[i][j][2] - boxes[i][j][0] == boxes[i][j][3] - boxes[i][j][1] == 256
    assert boxes[0][0][3] < boxes[0][1][1] and boxes[0][0][2] < boxes[1][0][0]
    assert picture.shape[1] == sheet.width == boxes[0][2][3] + figure_sheets.MARGIN
    white = (picture == 255).all(2)
    assert (
        white[:, -figure_sheets.MARGIN :].all()
        and white[-figure_sheets.MARGIN :].all()
        and white[: figure_sheets.MARGIN].all()
    )
    label = ~white[boxes[0][0][0] : boxes[0][0][2], : boxes[0][0][1]]
    assert label.any()  # the label stands left of its row


def test_a_gap_stays_white_and_groups_are_set_apart():
    rows = [SheetRow([plain_cell(0), None, plain_cell(2), plain_cell(3)])]
    sheet = FigureSheet(["a"] * 4, rows, [("first", 2), ("", 2)])
    picture = sheet.render()
    top, _, bottom, _ = box(picture, (200, 40, 90))
    assert (picture[top:bottom, sheet.x(1) : sheet.x(1) + sheet.side] == 255).all()
    inner, outer = sheet.x(1) - sheet.x(0), sheet.x(2) - sheet.x(1)
    assert outer == inner + figure_sheets.GROUP_GAP and sheet.x(3) - sheet.x(2) == inner
    above = (picture[: sheet.head_height] != 255).any(2).any(0)
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
    sheet = FigureSheet(["", title, "b"], [SheetRow([plain_cell(j) for j in range(3)])])
    picture = sheet.render()
    inked = (picture[: sheet.head_height] != 255).any(2).any(0)
    assert not inked[: sheet.x(1)].any() and not inked[sheet.x(1) + sheet.side : sheet.x(2)].any()
    assert inked[sheet.x(1) : sheet.x(1) + sheet.side].any()
    shown = "".join(line for line, _ in sheet.titles[1]).replace(" ", "")
    assert shown == title.replace(" ", "").replace("\n", "") or "$" in title
    assert (
        len(sheet.titles[1]) > 2
        and [ink for _, ink in sheet.titles[1]][-1] == pixel_canvas.MUTED_INK
    )
    assert box(picture, (200, 40, 90))[0] == sheet.head_height


@pytest.mark.parametrize("columns, side", [(5, 256), (9, 192), (13, 128), (26, 64)])
def test_a_sheet_is_about_as_wide_as_a_page_and_enlarges_pixels_evenly(columns, side):
    sheet = FigureSheet(["x"] * columns, [SheetRow([plain_cell(0)] * columns)])
    assert sheet.side == side and sheet.width < 1.15 * figure_sheets.SHEET_WIDTH


def test_the_corner_picture_lies_above_the_labels():
    corner = np.full((64, 64, 3), (1, 200, 1), np.uint8)
    sheet = FigureSheet(
        ["a"], [SheetRow([plain_cell(0)], label=("a long label",), caption="words")], corner=corner
    )
    picture = sheet.render()
    cell, found = box(picture, (200, 40, 90)), box(picture, (1, 200, 1))
    assert (
        found[2] < cell[0]
        and found[3] < cell[1]
        and found[2] - found[0] == found[3] - found[1] > 40
    )


@pytest.mark.parametrize(
    "text", ["G", "all words", "$w^m$", "towards $I^d_0$", r"$G(\bar w)$", "t = 999"]
)
def test_text_takes_the_width_that_is_measured(text):
    left_aligned = PixelCanvas(600, 90)
    left_aligned.text(text, 100, 20, 40, "black")
    y, x = np.nonzero(left_aligned.render()[..., 0] < 200)
    assert abs(x.min() - 100) <= 6
    assert abs(x.max() + 1 - 100 - text_width(text, 40)) <= 6
    assert y.min() >= 14 and y.max() < 20 + line_height(40)

    centered = PixelCanvas(600, 90)
    centered.text(text, 300, 20, 40, "black", align="center")
    x = np.nonzero(centered.render()[..., 0] < 200)[1]
    assert abs((x.min() + x.max()) / 2 - 300) <= 5


def test_prompts_wrap_and_keep_their_words():
    text = "This woman has curly dark brown hair and a café au lait hat. She is smiling."
    lines = wrap(text, 30, 300)
    assert len(lines) > 2 and " ".join(lines) == text
    assert all(text_width(line, 30) <= 300 for line in lines)
    assert wrap("", 30, 300) == []
    pieces = wrap("x" * 99, 30, 300)
    assert "".join(pieces) == "x" * 99
    assert all(text_width(piece, 30) <= 300 for piece in pieces)


def test_dollars_of_a_prompt_are_no_formula():
    prompt = "a $5 hat and $6 shoes"
    plain_width = text_width("a X5 hat and X6 shoes", 30)
    assert abs(text_width(literal(prompt), 30) - plain_width) < 10
    assert " ".join(wrap(literal(prompt), 30, 120)) == literal(prompt)
    canvas = PixelCanvas(400, 60)
    canvas.text(literal(prompt), 10, 10, 30)
    x = np.nonzero(canvas.render()[..., 0] < 128)[1]
    assert abs(x.max() - 10 - plain_width) < 12


def test_plots_stand_below_their_columns():
    places = [300.0, 500.0, 700.0]
    lines = [
        score_panels.ScoreLine("a", [1.0, 2.0, 3.0], [0.5, 1.5, 2.5], [1.5, 2.5, 3.5]),
        score_panels.ScoreLine("b", [0.75], is_level=True),
    ]
    picture = score_panels.score_panel("score\nhigher is better", lines, places, 1000, 200)
    assert picture.shape == (score_panels.PANEL_HEIGHT, 1000, 3)
    near = is_near(picture, score_panels.COLORS[0])
    centers = [np.nonzero(near[:, int(x) - 3 : int(x) + 4])[0].mean() for x in places]
    assert centers[0] > centers[1] > centers[2]
    # equal steps of the score are equal steps upwards
    assert abs(2 * centers[1] - centers[0] - centers[2]) < 2
    level = np.nonzero(is_near(picture, score_panels.COLORS[1])[:, 300:700])[0]
    assert level.max() - level.min() <= 4
    unit = centers[0] - centers[1]  # pixels of a score of 1
    assert abs(level.mean() - (centers[0] + 0.25 * unit)) < 2
    assert (picture[:, :150] != 255).any() and (picture[:, 760:] != 255).any()  # title and names


def is_near(picture: np.ndarray, color: str) -> np.ndarray:
    """Where a picture has about the color "#rrggbb"."""
    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(int)
    return np.abs(picture.astype(int) - rgb).max(2) < 30


@pytest.mark.parametrize(
    "values", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [float("nan"), 1.0, 2.0], [85.1, 85.2, 85.15]]
)
def test_plots_of_flat_and_missing_values_are_drawn(values):
    lines = [score_panels.ScoreLine("a", values)]
    picture = score_panels.score_panel("x", lines, [300.0, 500.0, 700.0], 1000, 200)
    rows, columns = np.nonzero(is_near(picture, score_panels.COLORS[0]))
    assert rows.min() > 0 and rows.max() < score_panels.PANEL_HEIGHT - 1
    drawn = [abs(columns - x).min() <= 4 for x in (300, 500, 700)]
    assert drawn == [value == value for value in values]


def test_a_line_without_values_is_left_out():
    lines = [score_panels.ScoreLine("a", [float("nan")] * 3)]
    picture = score_panels.score_panel("x", lines, [300.0, 500.0, 700.0], 1000, 200)
    assert not is_near(picture, score_panels.COLORS[0]).any()


def test_a_png_keeps_what_it_is_made_of(tmp_path):
    path = pictures.save(plain_cell(0), tmp_path / "a.png", {"prompts": ["“hair” é"]})
    with Image.open(path) as file:
        assert json.loads(file.text[pictures.DESCRIPTION_KEY]) == {"prompts": ["“hair” é"]}


def test_heat_rises_from_dark_to_light():
    ramp = torch.linspace(0, 1, 64).expand(64, 64)
    picture = pictures.heat_picture(torch.zeros(1, 3, 64, 64), ramp).astype(int)
    light = picture[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) >= 0).all() and light[-1] > light[0] + 100
    bright = pictures.heat_picture(torch.ones(1, 3, 64, 64), ramp).astype(int)
    assert (bright.sum(2) > picture.sum(2)).all()  # the picture shines through
