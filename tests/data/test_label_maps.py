"""Users' label maps: every accepted kind gives the same labels, everything else one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_kinds import draw_face
from PIL import Image

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import flip_labels
from gantoolkit.core.labels import CLASSES, ORDERS, PALETTE, index
from gantoolkit.data.image_files import list_images
from gantoolkit.data.label_maps import read_label_map

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "realdata"
REAL = Path(os.environ.get("GANTOOLKIT_REALDATA") or BESIDE)
real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"no real pictures at {REAL} (set GANTOOLKIT_REALDATA)"
)


@pytest.fixture
def labels() -> np.ndarray:
    """[64,64] with all 19 classes in blocks of at least 8 pixels."""
    blocks = np.arange(64).reshape(8, 8) % 19
    return np.kron(blocks, np.ones((8, 8))).astype(np.uint8)


def colors(labels: np.ndarray) -> np.ndarray:
    return np.asarray(PALETTE, np.uint8)[labels]


def palette_picture(labels: np.ndarray, palette=PALETTE) -> Image.Image:
    picture = Image.fromarray(labels).convert("P")
    picture.putdata(labels.flatten().tolist())
    picture.putpalette(np.asarray(palette, np.uint8).flatten().tolist())
    return picture


def shuffled(labels: np.ndarray) -> Image.Image:
    """A palette picture whose numbers were reordered, as optimizers of PNG files do."""
    order = np.random.default_rng(0).permutation(19)
    return palette_picture(np.argsort(order)[labels].astype(np.uint8), np.asarray(PALETTE)[order])


def off(labels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(colors(labels).astype(int) + 6, 0, 255).astype(np.uint8))


WAYS = {
    "gray": Image.fromarray,
    "16 bit": lambda m: Image.fromarray(m.astype(np.uint16)),
    "rgb of numbers": lambda m: Image.fromarray(np.repeat(m[..., None], 3, 2)),
    "colors": lambda m: Image.fromarray(colors(m)),
    "slightly off": off,
    "colors with alpha": lambda m: Image.fromarray(colors(m)).convert("RGBA"),
    "palette": palette_picture,
    "reordered palette": shuffled,
    "palette of grays": lambda m: palette_picture(m, [(8 * i + 50,) * 3 for i in range(19)]),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_kinds_give_the_same_labels(way, labels, tmp_path):
    WAYS[way](labels).save(tmp_path / "m.png")
    found = read_label_map(tmp_path / "m.png", 64)
    assert found.dtype == torch.uint8 and np.array_equal(found.numpy(), labels)


def test_jpeg_of_the_colors_is_right_away_from_edges(labels, tmp_path):
    Image.fromarray(colors(labels)).resize((512, 512), 0).save(tmp_path / "m.jpg", quality=90)
    found = read_label_map(tmp_path / "m.jpg", 64).numpy()
    inner = np.kron(np.ones((8, 8)), np.pad(np.ones((4, 4)), 2)).astype(bool)
    assert (found == labels)[inner].all() and (found == labels).mean() > 0.98


def test_sizes_change_by_nearest_and_oblong_maps_are_padded(labels, tmp_path):
    Image.fromarray(labels).resize((512, 512), 0).save(tmp_path / "big.png")
    assert np.array_equal(read_label_map(tmp_path / "big.png", 64).numpy(), labels)
    Image.fromarray(np.ones((64, 32), np.uint8)).save(tmp_path / "tall.png")
    found = read_label_map(tmp_path / "tall.png", 32).numpy()
    assert (found[:, 8:24] == 1).all() and found[:, :8].max() == 0 and found[:, 24:].max() == 0


def test_bisenet_order(tmp_path):
    """The names of face-parsing.PyTorch's classes, looked up by name."""
    theirs = [
        "background",
        "skin",
        "l_brow",
        "r_brow",
        "l_eye",
        "r_eye",
        "eye_g",
        "l_ear",
        "r_ear",
        "ear_r",
        "nose",
        "mouth",
        "u_lip",
        "l_lip",
        "neck",
        "neck_l",
        "cloth",
        "hair",
        "hat",
    ]
    assert [CLASSES[i] for i in ORDERS["bisenet"]] == theirs
    numbers = np.kron(np.arange(25).reshape(5, 5) % 19, np.ones((8, 8))).astype(np.uint8)
    Image.fromarray(numbers).save(tmp_path / "b.png")
    found = read_label_map(tmp_path / "b.png", 40, order="bisenet").numpy()
    assert all(theirs[a] == CLASSES[b] for a, b in zip(numbers.flatten(), found.flatten()))
    with pytest.raises(UsageError, match="labels='coco' is unknown; choose .*'bisenet'"):
        read_label_map(tmp_path / "b.png", 40, order="coco")


def photo() -> Image.Image:
    y, x = np.mgrid[0:64, 0:64] * 4
    return Image.fromarray(np.stack([x, y, (x + y) // 2], 2).astype(np.uint8))


def wrong_numbers() -> Image.Image:
    return Image.fromarray(np.kron([[1, 19], [253, 0]], np.ones((16, 16))).astype(np.uint8))


REFUSED = {
    "unknown labels (19, 253)": lambda p: wrong_numbers().save(p),
    "a photo": lambda p: photo().save(p),
    "gray levels": lambda p: photo().convert("L").save(p),
    "only the values 0 and 255": lambda p: Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(
        p
    ),
    "only background": lambda p: Image.new("L", (32, 32)).save(p),
    "4×4 pixels": lambda p: Image.new("L", (4, 4), 1).save(p),
    "crop it": lambda p: Image.new("L", (400, 40), 1).save(p),
    "not a readable picture": lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\nbroken"),
    "not a readable": lambda p: p.write_bytes(b"BM broken"),
}


@pytest.mark.parametrize("part", REFUSED)
def test_refused_with_one_sentence(part, tmp_path):
    path = tmp_path / "m.png"
    REFUSED[part](path)
    with pytest.raises(DataError) as error:
        read_label_map(path, 64)
    sentence = str(error.value)
    assert (
        part in sentence
        and str(path) in sentence
        and sentence.endswith(".")
        and "\n" not in sentence
    )


def test_truncated_file_is_refused(labels, tmp_path):
    noisy = np.random.default_rng(0).integers(0, 19, (256, 256)).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "m.png")
    content = (tmp_path / "m.png").read_bytes()
    (tmp_path / "m.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a readable picture"):
        read_label_map(tmp_path / "m.png", 64)


def test_folders_are_listed_in_order_and_empty_ones_refused(tmp_path):
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in list_images(tmp_path)] == ["a.JPG", "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        list_images(tmp_path / "empty")
    with pytest.raises(DataError, match="no file or folder"):
        list_images(tmp_path / "none")


def test_flip_swaps_sides_and_is_its_own_inverse(labels):
    given = torch.from_numpy(labels)
    flipped = flip_labels(given)
    assert torch.equal(flip_labels(flipped), given)
    left_eye = given == index("l_eye")
    assert (flipped.flip(-1)[left_eye] == index("r_eye")).all()
    middle = given == index("nose")
    assert (flipped.flip(-1)[middle] == index("nose")).all()


@real
@pytest.mark.parametrize("name", ["cd_27007_512", "cd_29980_512", "cd_29980_256"])
def test_real_label_maps(name):
    found = read_label_map(REAL / "masks" / f"{name}.png", 128)
    assert {1, 2, 4, 5, 10, 13, 17} <= set(found.unique().tolist())
    columns = torch.arange(128).float()
    left, right = ((found == index(part)).float().sum(0) for part in ("l_eye", "r_eye"))
    # The person's left is on our right.
    assert (left @ columns) / left.sum() > (right @ columns) / right.sum()


@real
def test_real_bisenet_map_and_the_manifest_of_encodings():
    found = read_label_map(REAL / "masks" / "fp_hair_512.png", 64, "bisenet")
    assert found.unique().tolist() == [0, index("hair")]
    theirs = json.loads((REAL / "label_encodings.json").read_text())
    assert theirs["B_to_A"] == list(ORDERS["bisenet"]) and theirs[
        "encoding_A_celebamask_hq"
    ] == list(CLASSES)
    assert theirs["collaborative_diffusion_palette_rgb_for_encoding_A"] == [
        list(c) for c in PALETTE
    ]


@real
@pytest.mark.parametrize(
    "name",
    [
        "triple_psp/photo.jpg",
        "photos_misc/mmagic_000001.png",
        "style_aligned/jojo.png",
        "triple_psp/sketch.jpg",
    ],
)
def test_real_photos_and_drawings_are_no_masks(name):
    with pytest.raises(DataError, match="photo"):
        read_label_map(REAL / name, 64)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 19, (64, 64))


def one_part(label: int) -> np.ndarray:
    """[64,64] of one class in a disk."""
    y, x = np.mgrid[-32:32, -32:32]
    return np.where(x**2 + y**2 < 500, label, 0)


DOUBTFUL = {
    "looks like noise": noise,
    "holds no part of a face, only hair": lambda: one_part(13),
    "17, which is hair in BiSeNet's order: --labels bisenet": lambda: one_part(17),
    "has no background": lambda: np.where(one_part(2) > 0, 2, 1),
}


@pytest.mark.parametrize("words", DOUBTFUL)
def test_what_hardly_is_a_face_is_taken_with_a_warning(words, tmp_path, capsys):
    values = DOUBTFUL[words]().astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "m.png")
    assert np.array_equal(read_label_map(tmp_path / "m.png", 64).numpy(), values)
    said = capsys.readouterr().err
    assert "gantoolkit: warning:" in said and words in said and str(tmp_path / "m.png") in said
    read_label_map(tmp_path / "m.png", 64)
    assert not capsys.readouterr().err  # it was said


def test_a_face_upside_down_is_taken_with_a_warning(tmp_path):
    labels = draw_face(96, np.random.default_rng(0))
    notes = []
    for values in (labels, labels[::-1]):
        Image.fromarray(values).save(tmp_path / "m.png")
        read_label_map(tmp_path / "m.png", 64, note=notes.append)
    assert len(notes) == 1 and "rules of anatomy" in notes[0]


@pytest.mark.parametrize("paint", [lambda labels: labels, colors], ids=["numbers", "colors"])
def test_swapped_sides_are_said(paint, tmp_path):
    """Of numbers and of colors alike; mirrored, l_* parts lie on the left."""
    labels = draw_face(96, np.random.default_rng(1))
    notes = []
    for values in (labels, labels[:, ::-1]):
        Image.fromarray(np.ascontiguousarray(paint(values))).save(tmp_path / "m.png")
        read_label_map(tmp_path / "m.png", 64, note=notes.append)
    assert len(notes) == 1 and "left and right swapped" in notes[0]


def test_hidden_parts_of_an_indexed_map_are_background_and_said(labels, tmp_path):
    palette_picture(labels).save(tmp_path / "m.png", transparency=1)
    notes = []
    found = read_label_map(tmp_path / "m.png", 64, note=notes.append).numpy()
    assert np.array_equal(found, np.where(labels == 1, 0, labels))
    assert any("read as background" in note for note in notes)


def test_colors_of_skin_and_hair_in_another_channel_order_are_refused(tmp_path):
    """Both orders are in the palette; hair inside of skin is no face."""
    skin_and_hair = np.where(one_part(1) > 0, 1, 0)
    skin_and_hair[8:24] *= 13
    right = colors(skin_and_hair)
    Image.fromarray(right).save(tmp_path / "rgb.png")
    Image.fromarray(np.ascontiguousarray(right[..., ::-1])).save(tmp_path / "bgr.png")
    assert np.array_equal(read_label_map(tmp_path / "rgb.png", 64).numpy(), skin_and_hair)
    with pytest.raises(DataError, match="both as RGB and as BGR"):
        read_label_map(tmp_path / "bgr.png", 64)


MERGED = {  # class, which class's color it got, what is said
    "lip": ("l_lip", "hair", "no l_lip"),
    "hair": ("hair", "l_lip", "l_lip as tall"),
    "skin": ("skin", "r_ear", "no skin"),
    "nose": ("nose", "cloth", "no nose"),
    "eye": ("l_eye", "hair", "no l_eye"),
    "neck": ("neck", "u_lip", "u_lip as tall"),
}


@pytest.mark.parametrize("part, color, said", MERGED.values(), ids=MERGED)
def test_a_part_in_the_exact_color_of_another_is_said(part, color, said, tmp_path):
    face = draw_face(160, np.random.default_rng(2))
    face[face == index(part)] = index(color)
    Image.fromarray(colors(face)).save(tmp_path / "face.png")
    Image.fromarray(face).save(tmp_path / "numbers.png")
    notes = []
    read = read_label_map(tmp_path / "face.png", 160, note=notes.append)
    assert np.array_equal(read, face)  # the colors are read as they are
    assert any(said in note and "merged parts" in note for note in notes)
    notes = []
    read_label_map(tmp_path / "numbers.png", 160, note=notes.append)
    assert not any("merged parts" in note for note in notes)  # numbers do not merge so


@pytest.mark.parametrize("count", [6, 10, 12, 13])
@pytest.mark.parametrize("indexed", [True, False])
def test_pillow_saving_in_few_colors_of_the_map_is_refused_or_said(count, indexed, tmp_path):
    face = draw_face(128, np.random.default_rng(count))
    few = Image.fromarray(colors(face)).quantize(count, method=Image.Quantize.MAXCOVERAGE)
    (few if indexed else few.convert("RGB")).save(tmp_path / "face.png")
    notes = []
    try:
        read_label_map(tmp_path / "face.png", 128, note=notes.append)
    except DataError:
        return
    assert any("merged parts" in note for note in notes)


def test_partial_faces_that_people_have_are_not_called_merged(tmp_path):
    face = draw_face(128, np.random.default_rng(0))
    without_ears = np.where(np.isin(face, [index("l_ear"), index("r_ear")]), 13, face)
    profile = np.where(np.isin(face, [index("r_eye"), index("r_brow")]), 1, face)
    glasses = np.where(np.isin(face, [index("l_eye"), index("r_eye")]), 3, face)
    sketch = np.where(np.isin(face, [1, 13]), face, 0)
    for labels in (face, without_ears, profile, glasses, sketch):
        Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "face.png")
        notes = []
        read_label_map(tmp_path / "face.png", 128, note=notes.append)
        assert not any("merged" in note for note in notes)


NO_PICTURES = {
    "dangling": (lambda p: p.symlink_to(p.with_name("nowhere")), "no such file"),
    "folder": (lambda p: p.mkdir(), "is a directory"),
    "pointer": (
        lambda p: p.write_text(
            "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
        ),
        "is a Git LFS pointer",
    ),
    "page": (lambda p: p.write_text("<!DOCTYPE html><p>Sign in"), "is a web page"),
    "empty": (lambda p: p.touch(), "is empty"),
    "zeros": (lambda p: p.write_bytes(bytes(5000)), "begins with zeros only"),
}


@pytest.mark.parametrize("make, said", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_lies_where_a_picture_should_is_said(make, said, tmp_path):
    path = tmp_path / "face.png"
    make(path)
    with pytest.raises(DataError, match=said) as error:
        read_label_map(path, 64)
    assert str(path) in str(error.value) and str(error.value).endswith(".")
