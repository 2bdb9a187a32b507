"""Captions and names of a source tree, as other systems and editors write them."""

import os
import unicodedata

import pytest
from PIL import Image

from gantoolkit.cli.main import main
from gantoolkit.core.errors import DataError
from gantoolkit.data.image_files import list_images
from gantoolkit.data.prepare.sources import SourcePaths, find_source
from gantoolkit.data.user_inputs import unique_names

NAMES = ("José", "한국", "がぞう", "ä" * 60, "-dash", "a.b.c")


def composed(name):
    return unicodedata.normalize("NFC", name)


def decomposed(name):
    return unicodedata.normalize("NFD", name)


def write_tree(root, names, folder="captions", caption=b"He is old.\n"):
    """Write images in decomposed names, masks and captions in composed ones."""
    for kind in ("images", "masks", folder):
        (root / kind).mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (32, 32), "gray").save(root / "images" / f"{decomposed(name)}.png")
        Image.new("L", (32, 32), 1).save(root / "masks" / f"{composed(name)}.png")
        (root / folder / f"{composed(name)}.txt").write_bytes(caption)
    return root


def test_names_equal_up_to_normalization_are_one(tmp_path):
    source = find_source("folder", write_tree(tmp_path, NAMES))
    assert not source.problems
    assert {sample.name for sample in source.samples} == {composed(name) for name in NAMES}
    assert all(sample.mask and sample.captions == ("He is old.",) for sample in source.samples)
    assert unique_names([tmp_path / decomposed("Zoë.png")]) == [composed("Zoë")]


@pytest.mark.parametrize("kind", ["images", "masks", "captions"])
def test_names_that_are_not_utf8_are_refused_before_any_work(tmp_path, kind):
    root = write_tree(tmp_path, ["a"])
    suffix = b".txt" if kind == "captions" else b".png"
    foreign = os.path.join(os.fsencode(root / kind), "Müller".encode("latin-1") + suffix)
    with open(foreign, "wb") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=rf"{kind} holds the file name 'M\\xfcller.*not UTF-8"):
        find_source("folder", root)
    if kind == "images":
        with pytest.raises(DataError, match="not UTF-8"):
            list_images(root / kind)


@pytest.mark.parametrize(
    "data, expected",
    [
        ("She has black hair.\n".encode("utf-8-sig"), ("She has black hair.",)),
        ("She has black hair.\n".encode("utf-16"), ("She has black hair.",)),
        (b"She is old.\rShe has bangs.\r", ("She is old.", "She has bangs.")),
        (b"She is old.\r\n\r\nShe has\tbangs.\r\n", ("She is old.", "She has bangs.")),
        ("Sie trägt\u2028Schmuck.\n".encode(), ("Sie trägt Schmuck.",)),
        ("She\u2019s old.\n".encode("cp1252"), "a.txt, line 1: byte 0x92 is not UTF-8"),
        ("old\n她有黑色\n".encode("gbk"), "a.txt, line 2: byte 0xcb is not UTF-8"),
        (b"She is old.\x00\n", "a.txt, line 1: it holds a NUL"),
        ("\nShe\ufffds old.\n".encode(), "a.txt, line 2: holds a replacement character"),
        (b"", "no captions"),
        (b"\n \n\t\n", "no captions"),
    ],
)
def test_captions_are_read_right_or_named(tmp_path, data, expected):
    source = find_source("folder", write_tree(tmp_path, ["a"], caption=data))
    if isinstance(expected, tuple):
        assert source.samples[0].captions == expected and not source.problems
    else:
        (problem,) = source.problems
        assert expected in problem.problem and source.samples[0].captions == ()
        assert problem.file.endswith("a.txt")


def test_captions_in_json_are_read_right_or_named(tmp_path):
    root = write_tree(tmp_path, ["1", "2"], folder="text")
    file = tmp_path / "all.json"
    file.write_bytes('{"1.jpg": {"Beard": "älter"}, "2.jpg": "\\ud800"}'.encode("utf-16"))
    source = find_source("folder", root, SourcePaths(captions=file))
    assert source.samples[0].captions == ("älter",)
    assert "'2': holds a lone surrogate (U+D800)" in source.problems[0].problem
    file.write_text('{"1.jpg": "old",\n}')
    with pytest.raises(DataError, match="all.json, line 2: it is not JSON"):
        find_source("folder", root, SourcePaths(captions=file))


@pytest.mark.parametrize("folder", ["text", "celeba_caption", "text/celeba-caption"])
def test_captions_beside_the_published_folder_are_found(tmp_path, folder):
    write_tree(tmp_path / "CelebAMask-HQ", ["12"])
    for file in (tmp_path / "CelebAMask-HQ" / "captions").iterdir():
        file.unlink()
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "12.txt").write_text("He is old.\n" * 10)
    (sample,) = find_source("celebamask-hq", tmp_path).samples
    assert sample.captions == ("He is old.",) * 10


def test_captions_beside_a_named_folder_of_images_are_found(tmp_path):
    data = write_tree(tmp_path / "data", ["a"])
    (tmp_path / "elsewhere").mkdir()
    paths = SourcePaths(images=data / "images", masks=data / "masks")
    (sample,) = find_source("folder", tmp_path / "elsewhere", paths).samples
    assert sample.captions == ("He is old.",)


@pytest.mark.parametrize("caption", [None, b"", "She\u2019s old".encode("cp1252")])
def test_samples_without_any_caption_fail_unless_asked_for(tmp_path, capsys, caption):
    root = write_tree(tmp_path / "mine", ["a", "b"], caption=caption or b"")
    if caption is None:
        for file in (root / "captions").iterdir():
            file.rename(file.with_stem(file.stem + "_caption"))
    command = ["data", "prepare", "folder", "--root", str(root), "--out", str(tmp_path / "out")]
    options = [
        "--resolution",
        "16",
        "--scribbles",
        "none",
        "--workers",
        "1",
        "--labels",
        "celebamask",
    ]
    assert main([*command, *options]) == 1
    said = capsys.readouterr().err
    assert f"No sample of {root} has a caption" in said and "--captions none" in said
    assert ("byte 0x92" in said) == (caption not in (None, b""))
    assert main([*command, *options, "--captions", "none"]) == 0
