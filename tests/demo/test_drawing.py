"""What the painter and the upload button hand in, without Gradio."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import PALETTE
from gantoolkit.demo import drawing


def uri(picture) -> str:
    content = io.BytesIO()
    Image.fromarray(np.asarray(picture, np.uint8)).save(content, "PNG")
    return drawing.URI_HEAD + base64.b64encode(content.getvalue()).decode()


def face(size=256) -> np.ndarray:
    labels = np.zeros((size, size), np.uint8)
    labels[size // 8 : size // 2], labels[size // 2 :] = 13, 1
    return labels


def test_every_class_comes_back_from_the_painter_at_the_runs_size():
    labels = np.arange(256, dtype=np.uint8).repeat(256).reshape(256, 256) // 13 % 19
    big = drawing.read_painting(drawing.mask_uri(labels), "mask", 256)
    assert (big == labels).all()
    small = face(32)
    assert (drawing.read_painting(drawing.mask_uri(small), "mask", 32) == small).all()


def test_soft_edges_leave_no_fringe_of_other_classes():
    """Blending black with clothes' green passes the color of necklaces; a browser may blend."""
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:, 130:] = PALETTE[18]
    picture[:, 129] = PALETTE[16]  # a quarter of green is exactly another class
    found = drawing.read_painting(uri(picture), "mask", 64)
    assert set(np.unique(found)) == {0, 18}


def test_strokes_come_back():
    lines = np.zeros((64, 64), np.float32)
    lines[20:24, 8:56] = 1
    found = drawing.read_painting(drawing.scribble_uri(lines), "scribble", 64)
    assert found.dtype == np.float32 and np.abs(found - lines).mean() < 0.03 and found.max() == 1


def test_uploads_of_label_numbers_are_shown_in_colors(tmp_path):
    Image.fromarray(face(40)).save(tmp_path / "mine.png")
    shown = drawing.read_upload(tmp_path / "mine.png", "mask")
    assert set(np.unique(drawing.read_painting(shown, "mask", 64))) == {0, 1, 13}


def test_a_drawing_of_one_bit_is_no_mask(tmp_path):
    lines = np.zeros((64, 64), np.uint8)
    lines[20:22, 8:56] = 255
    Image.fromarray(lines).convert("1").save(tmp_path / "lines.png")
    with pytest.raises(
        DataError, match="lines.png is only dark and light, .* choose a run that takes scribbles"
    ):
        drawing.read_upload(tmp_path / "lines.png", "mask")


@pytest.mark.parametrize(
    "value, words",
    [
        (None, "mask is empty"),
        ("", "mask is empty"),
        ("file:///etc/passwd", "PNG as data URI"),
        (drawing.URI_HEAD + "!!", "not a readable PNG"),
        (drawing.URI_HEAD + "A" * (5 << 20), "at most 4 MB"),
        (uri(np.zeros((256, 256, 3))), "mask is empty"),
        (uri(np.zeros((2100, 20, 3))), "the painter makes 256"),
        (
            uri(np.random.default_rng(0).integers(0, 255, (64, 64, 3))),
            "photo or uses another palette",
        ),
    ],
)
def test_wrong_paintings_are_sentences(value, words):
    with pytest.raises(DataError, match=words):
        drawing.read_painting(value, "mask", 64)


def test_wrong_uploads_are_sentences_that_name_no_folder(tmp_path):
    text, large = tmp_path / "notes.png", tmp_path / "large.png"
    text.write_text("no picture")
    Image.new("L", (5000, 40)).save(large)
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(photo)
    for path, kind, words in (
        (text, "mask", "not a readable picture"),
        (large, "mask", "at most 4096"),
        (photo, "mask", "photo"),
        (photo, "scribble", "photo"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            drawing.read_upload(path, kind)
        assert path.name in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_what_an_upload_hardly_shows_is_said_without_folders(tmp_path):
    hair = np.where(face(40) == 13, 17, 0).astype(np.uint8)
    Image.fromarray(hair).save(tmp_path / "hair.png")
    notes = []
    drawing.read_upload(tmp_path / "hair.png", "mask", notes.append)
    assert notes == ["hair.png holds no part of a face, only neck."]


def test_paintings_of_skin_over_hair_are_paintings():
    """Painted colors are never of another channel order, as those of files may be."""
    labels = np.zeros((256, 256), np.uint8)
    labels[40:200, 60:200] = 1
    labels[150:190, 90:170] = 13  # a beard alone
    painting = uri(np.asarray(PALETTE)[labels])
    assert np.array_equal(drawing.read_painting(painting, "mask", 256), labels)
