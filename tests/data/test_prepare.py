"""`gantoolkit data prepare` on miniature trees in every published layout."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import trees
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.camera import FFHQ_LEVEL
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import flip_labels
from gantoolkit.core.labels import CLASSES
from gantoolkit.data import cameras, pose
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.prepare import sample, shards, sources, split

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments) -> int:
    return main.main(["data", "prepare", *map(str, arguments), "--workers", "1"])


def prepare(root: Path, out: Path, *more, source="celebamask-hq") -> Path:
    assert (
        run(
            source,
            "--root",
            root,
            "--out",
            out,
            "--resolution",
            64,
            "--scribbles",
            "canny",
            "--detect",
            128,
            *more,
        )
        == 0
    )
    return out


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return trees.official(tmp_path_factory.mktemp("official"))


@pytest.fixture(scope="module")
def prepared(tree, tmp_path_factory) -> Path:
    before, said = trees.snapshot(tree), io.StringIO()
    with contextlib.redirect_stderr(said):
        out = prepare(tree, tmp_path_factory.mktemp("out") / "data", "--format", "png")
    assert trees.snapshot(tree) == before
    count = len(FaceZip(out / "pairs.zip"))
    assert f"{count} of the 2,000 frozen evaluation pairs are here" in said.getvalue()
    return out


@pytest.mark.parametrize("layout", trees.LAYOUTS)
def test_every_layout_gives_the_rendered_labels(layout, tmp_path):
    out = prepare(trees.LAYOUTS[layout](tmp_path / "tree"), tmp_path / "out")
    train, test = FaceZip(out / "train.zip"), FaceZip(out / "test.zip")
    assert (len(train), len(test)) == (6, 6)
    assert torch.equal(train.labels, trees.faces().labels[:6]) and torch.equal(
        test.labels, trees.faces().labels[6:12]
    )
    assert (
        train.images.float() - trees.faces().images[:6].float()
    ).abs().mean() < 6  # resampled and JPEG
    captions = 1 if layout == "collaborative" else 10
    assert [len(c) for c in train.captions] == [captions] * 6
    assert train.captions[3][0] == trees.faces().captions[3][0]
    assert (out / "problems.jsonl").read_text() == ""


def test_zips_hold_scribbles_cameras_pairs_and_a_manifest(prepared):
    train, pairs = FaceZip(prepared / "train.zip"), FaceZip(prepared / "pairs.zip")
    assert train.scribbles.shape == (6, 64, 64) and 0 < (train.scribbles > 127).float().mean() < 0.5
    yaw, pitch = pose.estimate(train.labels)
    found = pose.angles(train.cameras)
    assert torch.allclose(found[0], yaw, atol=0.02)
    assert torch.allclose(
        found[1], pitch + FFHQ_LEVEL, atol=0.02
    )  # in the frame of EG3D's FFHQ labels
    listed = json.loads((prepared / "pairs.json").read_text())["pairs"]
    assert [name for name, _ in listed] == [Path(f).stem for f in pairs.files]
    test = FaceZip(prepared / "test.zip")
    rows = {Path(f).stem: c for f, c in zip(test.files, test.captions)}
    assert [pairs.captions[i] for i in range(len(pairs))] == [[rows[n][c]] for n, c in listed]
    manifest = json.loads((prepared / "manifest.json").read_text())
    assert manifest["files"]["train.zip"]["sha256"] == train.sha256 and manifest["cameras"] == {
        "mask": 12
    }
    assert not (prepared / ".parts").exists()


def test_the_frozen_list_is_fixed():
    listed = split.frozen_pairs()
    assert len(listed) == len({name for name, _ in listed}) == 2000
    assert all(24000 <= int(name) < 30000 and 0 <= caption < 10 for name, caption in listed)
    names = [str(n) for n in range(24000, 30000)]
    assert split.draw_pairs(names, dict.fromkeys(names, 10)) == [
        (str(int(n)), c) for n, c in listed
    ]


def test_parts_overwrite_in_canonical_order(tmp_path):
    """Hair over skin, cloth over hair: later classes win, whatever the order of the files."""
    areas = {"cloth": (40, 64), "skin": (0, 50), "hair": (10, 45)}
    parts = []
    for name, (first, last) in areas.items():
        rows = np.zeros((64, 24), np.uint8)
        rows[first:last] = 255
        Image.fromarray(rows).save(tmp_path / f"00000_{name}.png")
        parts.append((CLASSES.index(name), tmp_path / f"00000_{name}.png"))
    merged = sample.merge_parts(parts)[:, 0]
    expected = np.zeros(64, int)
    for row in range(64):
        if row < 50:
            expected[row] = 1
        if 10 <= row < 45:
            expected[row] = 13
        if row >= 40:
            expected[row] = 18
    assert merged.tolist() == expected.tolist()


def test_broken_samples_are_listed_and_left_out(tmp_path):
    root = trees.tedigan(tmp_path / "tree")
    k = [str(n) for n in trees.numbers(12)]
    (root / f"images/{k[0]}.jpg").write_bytes(b"no picture")
    Image.fromarray(np.full((64, 64), 77, np.uint8)).save(root / f"CelebAMaskHQ-mask/{k[1]}.png")
    (root / f"CelebAMaskHQ-mask/{k[2]}.png").unlink()
    (root / f"celeba_caption/{k[3]}.txt").unlink()
    (root / f"celeba_caption/{k[4]}.txt").write_text("one line\n\nand another\n")
    Image.new("RGB", (128, 90)).save(root / f"images/{k[5]}.jpg")
    out = prepare(root, tmp_path / "out")
    problems = [json.loads(line) for line in (out / "problems.jsonl").read_text().splitlines()]
    said = {p["name"].lstrip("0"): (p["problem"], p["skipped"]) for p in problems}
    assert "not a readable picture" in said[k[0]][0] and "unknown labels (77)" in said[k[1]][0]
    assert said[k[2]] == ("it has no mask", True) and said[k[3]] == ("no captions", False)
    assert (
        said[k[4]] == ("2 captions instead of 10", False)
        and "128×90 pixels but its mask 64×64" in said[k[5]][0]
    )
    train = FaceZip(out / "train.zip")
    assert [Path(f).stem for f in train.files] == [k[3], k[4]] and train.captions[0] == []
    assert train.sample([0]).condition.text == ("",)


def test_misplaced_and_shifted_parts_are_noticed(tmp_path):
    root = trees.official(tmp_path)
    anno = root / "CelebAMask-HQ/CelebAMask-HQ-mask-anno"
    (
        (anno / "12").rename(anno / "11a"),
        (anno / "11").rename(anno / "12"),
        (anno / "11a").rename(anno / "11"),
    )
    found = sources.find_source("celebamask-hq", root)
    assert sorted(p.name for p in found.problems) == [str(k) for k in trees.numbers(12)]
    assert {p.problem for p in found.problems} == {
        "lies in folder 12, belongs in 11",
        "lies in folder 11, belongs in 12",
    }
    assert all(e.parts for e in found.samples)
    images = root / "CelebAMask-HQ/CelebA-HQ-img"
    for path in sorted(images.iterdir()):
        path.rename(images / f"{int(path.stem) - 1}.jpg")
    said = [p.problem for p in sources.find_source("celebamask-hq", root).problems]
    assert any("masks are numbered from 23994 but images from 23993" in p for p in said)


def test_celebas_own_split(tmp_path):
    root = trees.tedigan(tmp_path / "tree", 6)
    rows = ["idx orig_idx orig_file"] + [
        f"{k} {n} x.jpg"
        for k, n in zip(trees.numbers(6), (5, 162770, 162771, 182637, 182638, 200000))
    ]
    (root / split.MAPPING).write_text("\n".join(rows))
    out = prepare(root, tmp_path / "out", "--split", "celeba")
    assert [len(FaceZip(out / f"{n}.zip")) for n in ("train", "val", "test")] == [2, 2, 2]
    with pytest.raises(DataError, match="needs; use --split mm"):
        split.split_source(
            sources.find_source("celebamask-hq", trees.tedigan(tmp_path / "b", 2)), "celeba"
        )


def test_a_folder_of_ones_own(tmp_path):
    """Names that are no numbers, drawings, a camera file in IDE-3D's signs, mirrored copies."""
    root, count = tmp_path / "mine", 10
    for kind in ("images", "masks", "captions", "drawings"):
        (root / kind).mkdir(parents=True)
    labels = []
    for row in range(count):
        name = f"face {chr(97 + row)}"
        Image.fromarray(trees.faces().images[row].permute(1, 2, 0).numpy()).save(
            root / f"images/{name}.png"
        )
        Image.fromarray(trees.faces().labels[row].numpy()).save(root / f"masks/{name}.png")
        (root / f"captions/{name}.txt").write_text("a face\n")
        strokes = trees.faces().scribbles[row].numpy()
        drawn = 255 - strokes if row % 2 else strokes  # both polarities
        Image.fromarray(drawn).save(root / f"drawings/{name}.png")
        camera = trees.faces().cameras[row].double().numpy()
        camera[list(cameras.FLIPPED)] *= -1
        labels.append([f"00000/{name}.png", camera.tolist()])
    (root / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert (
        run(
            "folder",
            "--root",
            root,
            "--out",
            tmp_path / "out",
            "--resolution",
            64,
            "--scribbles",
            "drawings",
            "--mirror",
            "--test-share",
            0.3,
            "--format",
            "png",
        )
        == 0
    )
    data = [FaceZip(tmp_path / f"out/{n}.zip") for n in ("train", "test")]
    assert sum(map(len, data)) == 2 * count and len(data[1]) > 0
    for zipped in data:
        for i, file in enumerate(zipped.files):
            stem = Path(file).stem
            row = ord(stem.removesuffix("_mirror")[-1]) - 97
            other = stem.endswith("_mirror")
            wanted, camera = trees.faces().labels[row], trees.faces().cameras[row]
            image, strokes = trees.faces().images[row], trees.faces().scribbles[row]
            if other:
                wanted, image, strokes = flip_labels(wanted), image.flip(-1), strokes.flip(-1)
                camera = torch.tensor(cameras.mirror_label(camera.double().numpy())).float()
            assert torch.equal(zipped.labels[i], wanted) and torch.equal(zipped.images[i], image)
            assert ((zipped.scribbles[i] > 127) == (strokes > 127)).float().mean() > 0.97
            assert torch.allclose(zipped.cameras[i], camera, atol=1e-5)


def test_crops_cut_drawings_as_masks(tmp_path):
    """A drawing of some parts of the mask, at another size, still covers them after the crop."""
    root, parts = (
        trees.tedigan(tmp_path / "tree", 4),
        [
            CLASSES.index(n)
            for n in ("nose", "l_eye", "r_eye", "l_brow", "r_brow", "u_lip", "l_lip")
        ],
    )
    (root / "drawings").mkdir()
    for row, k in enumerate(trees.numbers(4)):
        shown = np.isin(trees.faces().labels[row].numpy(), parts)
        ink = Image.fromarray(np.where(shown, 255, 0).astype(np.uint8)).resize(
            (256, 256), Image.Resampling.NEAREST
        )
        (ink if row % 2 else Image.eval(ink, lambda v: 255 - v)).save(root / f"drawings/{k}.png")
    prepare(root, tmp_path / "out", "--crop", "eg3d", "--scribbles", "drawings")
    data = FaceZip(tmp_path / "out/train.zip")
    inked = torch.isin(data.labels, torch.tensor(parts, dtype=torch.uint8))
    assert not torch.equal(data.labels, trees.faces().labels[:4])
    assert (
        (data.scribbles > 127) == inked
    ).float().mean() > 0.98 and 0.02 < inked.float().mean() < 0.5


def test_names_that_meet_are_said(tmp_path, capsys):
    root = tmp_path / "mine"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for row, name in enumerate(("a b", "a-b", "c", "7")):
        Image.fromarray(trees.faces().images[row].permute(1, 2, 0).numpy()).save(
            root / f"images/{name}.png"
        )
        Image.fromarray(trees.faces().labels[row].numpy()).save(root / f"masks/{name}.png")
    shutil.copy(root / "images/7.png", root / "images/img00000007.png")
    assert (
        run(
            "folder",
            "--root",
            root,
            "--out",
            tmp_path / "out",
            "--resolution",
            64,
            "--scribbles",
            "none",
            "--test-share",
            0,
            "--captions",
            "none",
        )
        == 0
    )
    found = [
        json.loads(line) for line in (tmp_path / "out/problems.jsonl").read_text().splitlines()
    ]
    said = {p["name"]: (p["problem"], p["skipped"]) for p in found}
    assert said["a-b"] == ("its name is that of 'a b' but for odd characters; rename it", True)
    assert said["7"] == ("a second file of this name; 7.png is used", False)
    files = FaceZip(tmp_path / "out/train.zip").files
    assert sorted(Path(f).stem for f in files) == ["00007", "a-b", "c"]


def test_crops_cut_image_and_mask_alike(tmp_path):
    out = prepare(
        trees.tedigan(tmp_path / "tree", 8), tmp_path / "out", "--crop", "eg3d", "--format", "png"
    )
    data = FaceZip(out / "train.zip")
    assert not torch.equal(data.labels[0], trees.faces().labels[0])
    skin = (
        trees.faces().images[:6].permute(0, 2, 3, 1)[trees.faces().labels[:6] == 1].float().mean(0)
    )
    cut = data.images.permute(0, 2, 3, 1)[data.labels == 1].float().mean(0)
    back = data.images.permute(0, 2, 3, 1)[data.labels == 0].float().mean(0)
    assert (cut - skin).norm() < 0.5 * (back - skin).norm()


def test_workers_and_resumption_give_equal_bytes(tree, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 4)
    out = tmp_path / "out"
    arguments = [
        "celebamask-hq",
        "--root",
        tree,
        "--out",
        out,
        "--resolution",
        64,
        "--scribbles",
        "canny",
        "--detect",
        128,
        "--format",
        "png",
    ]
    whole, made = shards.write_shard, []

    def stops(task):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(task)
        return whole(task)

    monkeypatch.setattr(shards, "write_shard", stops)
    assert run(*arguments) == 130
    assert len(list((out / ".parts").rglob("*.zip"))) == 2
    monkeypatch.setattr(shards, "write_shard", lambda task: made.append(task) or whole(task))
    assert run(*arguments) == 0 and len(made) == 4
    for name in ("train.zip", "test.zip", "pairs.zip"):
        assert (out / name).read_bytes() == (prepared / name).read_bytes()
    assert run(*arguments) == 0 and len(made) == 4  # nothing left to do
    assert run(*arguments[:-1], "jpg") == 2  # other settings need another folder


@pytest.mark.slow
def test_worker_processes(tree, prepared, tmp_path):
    code = (
        "import sys; from gantoolkit.data.prepare import shards; "
        "from gantoolkit.cli.main import main; shards.SHARD = 3; "
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = [
        "data",
        "prepare",
        "celebamask-hq",
        "--root",
        tree,
        "--out",
        tmp_path / "out",
        "--resolution",
        "64",
        "--scribbles",
        "canny",
        "--detect",
        "128",
        "--format",
        "png",
        "--workers",
        "2",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/train.zip").read_bytes() == (prepared / "train.zip").read_bytes()


@pytest.mark.golden
def test_pidinet_scribbles(tree, tmp_path, golden_dir):
    weights = golden_dir / "weights/table5_pidinet-tiny.pth"
    out = tmp_path / "out"
    assert (
        run(
            "celebamask-hq",
            "--root",
            tree,
            "--out",
            out,
            "--resolution",
            64,
            "--pidinet",
            weights,
            "--detect",
            128,
            "--limit",
            2,
        )
        == 0
    )
    strokes = FaceZip(out / "train.zip").scribbles
    assert 0.01 < (strokes > 127).float().mean() < 0.5


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--scribbles", "pidinet", "--pidinet", "nowhere"], 2, "--scribbles canny"),
        (["--cameras", "photo", "--face-model", "nowhere.task"], 2, "MediaPipe"),
        (["--resolution", "4"], 2, "--resolution must be from 16 to 2048, not 4"),
        (["--labels", "coco"], 2, "labels='coco' is unknown"),
        (["--camera-file", "nowhere.json"], 1, "nowhere.json could not be read"),
    ],
)
def test_mistakes_are_sentences(tree, tmp_path, capsys, arguments, code, words):
    given = [
        "celebamask-hq",
        "--root",
        tree,
        "--out",
        tmp_path / "out",
        "--scribbles",
        "canny",
        *arguments,
    ]
    found = run(*given)
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said and found == code


def test_the_output_may_not_lie_in_the_source(tree, capsys):
    assert (
        run(
            "celebamask-hq",
            "--root",
            tree,
            "--out",
            tree / "CelebAMask-HQ/out",
            "--scribbles",
            "canny",
        )
        == 2
    )
    assert "stays untouched" in capsys.readouterr().err
    assert (
        run(
            "folder", "--root", tree / "nowhere", "--out", tree.parent / "x", "--scribbles", "canny"
        )
        == 1
    )
    assert "There is no folder" in capsys.readouterr().err


def test_a_full_disk_is_a_sentence(tree, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    assert (
        run("celebamask-hq", "--root", tree, "--out", tmp_path / "out", "--scribbles", "canny") == 1
    )
    assert "finished parts are kept" in capsys.readouterr().err and not list(
        tmp_path.glob("out/**/*.zip")
    )
