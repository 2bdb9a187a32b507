"""What a user hands in gets names that are safe; drawings and photos are not label maps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import PALETTE
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.label_colors import voc_palette
from gantoolkit.data.user_inputs import read_inputs, unique_names


@pytest.mark.parametrize(
    "files, expected",
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png"], ["a_jpg", "a_png"]),
        (["a b.png", "a-b.png"], ["a-b_png", "a-b_png-2"]),
        (["a.jpg", "a.png", "a_png.png"], ["a_jpg", "a_png", "a_png-2"]),
        (["A.png", "a.png"], ["A", "a-2"]),
        (["é?.png", "é!.png", "é-_png-2.png"], ["é-_png", "é-_png-2", "é-_png-2-2"]),
    ],
)
def test_names_are_unique(files, expected):
    assert unique_names([Path(f) for f in files]) == expected


@pytest.fixture(scope="module")
def faces() -> FaceZip:
    return FaceZip("val")


def test_one_part_alone_is_a_label_map_in_any_palette_but_black_and_white(faces, tmp_path):
    skin = (faces.labels[0].numpy() > 0).astype(np.uint8)
    for part, colors in ((skin, [(0, 0, 0), (128, 0, 0)]), (13 * skin, PALETTES["grays"])):
        path = saved(indexed(part, colors), tmp_path / "m.png")
        found = read_inputs(path, "mask", faces.resolution)[0].labels
        assert np.array_equal(found.numpy(), part)
    with pytest.raises(
        DataError,
        match="only dark and light, a drawing or the mask of one part, rather than a label",
    ):
        read_inputs(
            saved(indexed(skin, [(0, 0, 0), (255, 255, 255)]), tmp_path / "m.png"), "mask", 64
        )


def saved(picture: Image.Image, path: Path) -> Path:
    picture.save(path)
    return path


def indexed(labels: np.ndarray, colors) -> Image.Image:
    """A palette picture whose indices are labels."""
    picture = Image.fromarray(labels).convert("P")
    picture.putdata(labels.flatten().tolist())
    picture.putpalette(np.asarray(colors, np.uint8).flatten().tolist())
    return picture


FEW = {
    "one bit": lambda p: p.convert("1"),
    "two grays": lambda p: p.point(lambda v: 255 * (v > 99)).quantize(2),
    "two other grays": lambda p: p.point(lambda v: 20 + 60 * (v > 99)).quantize(2),
    "16 grays": lambda p: p.quantize(16),
    "4 grays": lambda p: p.quantize(4),
    "dark on paper": lambda p: Image.eval(p, lambda v: 250 - v * 9 // 10).quantize(16),
    "16 colors": lambda p: Image.merge(
        "RGB", (p, p.point(lambda v: v // 3), Image.new("L", p.size))
    ).quantize(16),
}


@pytest.mark.parametrize("way", FEW)
def test_drawings_in_few_values_are_refused_as_masks(way, faces, tmp_path):
    for number in range(5):
        drawing = Image.fromarray(faces.scribbles[number].numpy()).resize(
            (256, 256), Image.Resampling.BILINEAR
        )
        with pytest.raises(
            DataError, match="rather than a label map; give drawings with --scribble"
        ):
            read_inputs(saved(FEW[way](drawing), tmp_path / "d.png"), "mask", 64)


def test_photos_in_few_colors_are_refused_as_masks(faces, tmp_path):
    photo = Image.fromarray(faces.images[0].permute(1, 2, 0).numpy()).resize(
        (256, 256), Image.Resampling.BICUBIC
    )
    grain = np.random.default_rng(0).integers(-9, 9, (256, 256, 3))
    photo = Image.fromarray(np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8))
    with pytest.raises(DataError, match="a photo in few colors, rather than a label map"):
        read_inputs(saved(photo.quantize(16), tmp_path / "p.png"), "mask", 64)


PALETTES = {
    "the data set's": PALETTE,
    "grays": [(13 * i,) * 3 for i in range(19)],
    "grays that are labels": [(i,) * 3 for i in range(19)],
    "PASCAL VOC": voc_palette(19),
}


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("size", [16, 32, 64, 512])
def test_label_maps_of_known_palettes_are_taken(name, size, faces, tmp_path):
    for number in range(5):
        whole = Image.fromarray(faces.labels[number].numpy())
        labels = np.asarray(whole.resize((size, size), Image.Resampling.NEAREST))
        path = saved(indexed(labels, PALETTES[name]), tmp_path / "m.png")
        assert np.array_equal(read_inputs(path, "mask", size)[0].labels.numpy(), labels)


def test_indices_of_a_foreign_palette_are_no_labels(faces, tmp_path):
    colors = np.random.default_rng(1).integers(0, 255, (19, 3))
    path = saved(indexed(faces.labels[0].numpy(), colors), tmp_path / "m.png")
    with pytest.raises(DataError, match="its indices count as labels only with a palette of"):
        read_inputs(path, "mask", 64)


def test_label_maps_as_jpeg_hold_from_256_pixels_and_else_png_is_named(faces, tmp_path):
    for number in range(5):
        labels = Image.fromarray(np.asarray(PALETTE, np.uint8)[faces.labels[number].numpy()])
        large = saved(labels.resize((256, 256), Image.Resampling.NEAREST), tmp_path / "m.jpg")
        found = read_inputs(large, "mask", faces.resolution)[0].labels
        assert (found == faces.labels[number]).float().mean() > 0.95
        with pytest.raises(DataError, match="; save a label map as PNG") as error:
            read_inputs(saved(labels, tmp_path / "s.jpg"), "mask", 64)
        assert str(error.value).count(". ") == 0
