"""`gantoolkit data check`: every fault planted in a miniature tree is found; it is only read."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import trees
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.labels import PALETTE
from gantoolkit.data.check import check


def said(found) -> str:
    return "\n".join(f"{p.name}: {p.problem}" for p in found.problems)


@pytest.mark.parametrize("layout", trees.LAYOUTS)
def test_published_layouts_are_clean(layout, tmp_path):
    root = trees.LAYOUTS[layout](tmp_path / "tree", 6)
    before = trees.snapshot(root)
    found = check(root, threads=1)
    harmless = [p for p in found.problems if "palette image" in p.problem]
    assert found.samples == 6 and found.problems == harmless
    assert len(harmless) == (6 if layout == "collaborative" else 0)
    assert found.facts.get("label order", "celebamask") == (
        "bisenet" if layout == "bisenet" else "celebamask"
    )
    skin = float((trees.faces().labels[:6] == 1).float().mean())
    assert abs(found.class_shares["skin"][0] - skin) < 0.01 and found.class_shares["skin"][1] == 1
    assert trees.snapshot(root) == before


def test_planted_faults_are_found(tmp_path, capsys):
    root = trees.tedigan(tmp_path / "tree", 10)
    k = [str(n) for n in trees.numbers(10)]
    images, masks = root / "images", root / "CelebAMaskHQ-mask"
    (images / f"{k[0]}.jpg").write_bytes(b"broken")
    Image.open(images / f"{k[1]}.jpg").resize((100, 100)).save(images / f"{k[1]}.jpg")
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(masks / f"{k[2]}.png")
    shutil.copy(images / f"{k[3]}.jpg", images / f"{k[4]}.jpg")
    (masks / f"{k[5]}.png").unlink()
    (root / f"celeba_caption/{k[6]}.txt").unlink()
    (root / f"celeba_caption/{k[8]}.txt").write_text("one line\n")
    labels = trees.faces().labels[7].numpy()
    picture = Image.frombytes("P", (64, 64), labels.tobytes())
    picture.putpalette([v for color in PALETTE for v in color])
    picture.save(masks / f"{k[7]}.png")
    Image.fromarray(trees.faces().labels[0].numpy()).save(masks / "77.png")
    found = check(root, threads=1)
    text = said(found)
    for name, words in (
        (k[0], "unreadable image"),
        (k[1], "100×100 pixels, most images have 128×128"),
        (k[2], "unknown labels"),
        (k[4], f"the same image as {k[3]}"),
        (k[5], "an image without a mask"),
        (k[6], "no captions"),
        (k[7], "a palette image"),
        (k[8], "1 captions instead of 10"),
        ("77", "a mask without an image"),
    ):
        assert re.search(rf"^0*{name}: .*{re.escape(words)}", text, re.M), (words, text)
    assert found.broken == 3
    page = tmp_path / "page.html"
    assert main.main(["data", "check", str(root), "--page", str(page), "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert "3 of them leave a sample out" in out and "data:image/webp" in page.read_text()
    assert "<script" not in page.read_text() and "http" not in page.read_text().replace(
        "http-equiv", ""
    )


def break_nothing(root: Path, name: str) -> None:
    pass


def empty_parts(root: Path, name: str) -> None:
    """Empty all part masks of a sample."""
    for path in (root / "CelebAMask-HQ-mask-anno").glob(f"*/{int(name):05d}_*.png"):
        Image.new("L", Image.open(path).size).save(path)


def parts_of_two_sizes(root: Path, name: str) -> None:
    first, *_ = sorted((root / "CelebAMask-HQ-mask-anno").glob(f"*/{int(name):05d}_*.png"))
    Image.new("L", (40, 40), 255).save(first)


def parts_in_16_bits(root: Path, name: str) -> None:
    """Store part masks deeper, which changes nothing."""
    for path in (root / "CelebAMask-HQ-mask-anno").glob(f"*/{int(name):05d}_*.png"):
        values = np.asarray(Image.open(path).convert("L"), np.uint16)
        Image.fromarray(values * 257).save(path)


def clear_image(root: Path, name: str) -> None:
    save_image(root, name, Image.new("RGBA", (128, 128)), "PNG")


def animated_image(root: Path, name: str) -> None:
    frames = [Image.new("RGB", (128, 128), color) for color in ("gray", "red")]
    save_image(root, name, frames[0], "GIF", save_all=True, append_images=frames[1:])


def oblong_image(root: Path, name: str) -> None:
    save_image(root, name, Image.new("RGB", (128, 96), "gray"), "JPEG")


def infinite_image(root: Path, name: str) -> None:
    save_image(root, name, Image.fromarray(np.full((128, 128), np.inf, np.float32)), "TIFF")


def save_image(root: Path, name: str, image: Image.Image, form: str, **options) -> None:
    """Overwrite the photo of a sample; its suffix stays, as in real data sets."""
    image.save(root / "CelebA-HQ-img" / f"{name}.jpg", form, **options)


SAME_VERDICT = {
    break_nothing: False,
    empty_parts: True,
    parts_of_two_sizes: True,
    parts_in_16_bits: False,
    clear_image: True,
    animated_image: False,
    oblong_image: True,
    infinite_image: True,
}


@pytest.mark.parametrize("harm", SAME_VERDICT, ids=lambda harm: harm.__name__)
def test_check_and_prepare_agree(harm, tmp_path):
    root = trees.official(tmp_path / "tree", 4) / "CelebAMask-HQ"
    name = str(list(trees.numbers(4))[1])
    harm(root, name)
    checked = {int(p.name) for p in check(root, threads=1).problems if p.skipped}
    out = tmp_path / "out"
    options = ["--resolution", "64", "--scribbles", "none", "--workers", "1"]
    arguments = ["--root", str(root), "--out", str(out), *options]
    assert main.main(["data", "prepare", "celebamask-hq", *arguments]) == 0
    lines = map(json.loads, (out / "problems.jsonl").read_text().splitlines())
    prepared = {int(line["name"]) for line in lines if line["skipped"]}
    assert checked == prepared == ({int(name)} if SAME_VERDICT[harm] else set())


def test_prepared_zips_are_checked(tmp_path, capsys):
    root = trees.tedigan(tmp_path / "tree", 8)
    out, k = tmp_path / "out", list(trees.numbers(8))
    shutil.copy(
        root / f"images/{k[0]}.jpg", root / f"images/{k[6]}.jpg"
    )  # of the training and of the test split
    assert (
        main.main(
            [
                "data",
                "prepare",
                "celebamask-hq",
                "--root",
                str(root),
                "--out",
                str(out),
                "--resolution",
                "64",
                "--scribbles",
                "none",
                "--workers",
                "1",
            ]
        )
        == 0
    )
    assert (
        said(check(out, threads=1))
        == f"test.zip:{k[6]}: the same image as train.zip:{k[0]}, which is trained on"
    )
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"]["train.zip"]["sha256"] = "0" * 64
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert "not the manifest's" in said(check(out, threads=1))
    (out / "test.zip").write_bytes((out / "test.zip").read_bytes()[:3000])
    assert "not a readable data set zip" in said(check(out, threads=1))
    assert check(out / "train.zip", threads=1).samples == 6
    assert main.main(["data", "check", str(tmp_path / "nowhere")]) == 1
    assert "neither a folder nor a zip" in capsys.readouterr().err


def test_names_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["data", "check", "val", "--page", "page.html", "--workers", "1"]) == 0
    assert "val.zip: 200 samples" in capsys.readouterr().out and (tmp_path / "page.html").is_file()
    assert (
        main.main(["data", "check", "vall"]) == 1
        and "did you mean 'val'" in capsys.readouterr().err
    )
    (tmp_path / "val").mkdir()  # a path that is there goes first
    assert main.main(["data", "check", "val"]) == 1
