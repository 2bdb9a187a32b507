"""Shared fixtures: a tiny data set of colored ovals, golden files, and the summary of how many
ran.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
import zipfile
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch: for small tensors a second thread waits more than it helps

import numpy as np  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(ROOT / "tests" / room)
    for room in (".", "bench", "data", "demo", "encoders", "tasks", "training", "weights")
]  # stand-ins that rooms share
GOLDEN = Path(os.environ.get("GANTOOLKIT_GOLDEN") or ROOT.parent / "shared" / "golden")
COLORS = {"fair": (226, 180, 156), "tan": (176, 122, 86), "dark": (96, 62, 44)}
HAIR = {
    "blond": (204, 170, 96),
    "brown": (92, 58, 32),
    "black": (24, 20, 20),
    "grey": (160, 160, 164),
}


def pytest_configure(config):
    for line in (
        "golden: compares with files made by reference implementations",
        "slow: takes more than about ten seconds",
        "gpu: needs a CUDA device",
    ):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config, items):
    import torch

    for item in items:
        if item.get_closest_marker("golden") and not GOLDEN.is_dir():
            item.add_marker(
                pytest.mark.skip(reason=f"no golden files at {GOLDEN} (set GANTOOLKIT_GOLDEN)")
            )
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_terminal_summary(terminalreporter):
    counts = {
        outcome: sum(
            "golden" in getattr(report, "keywords", ())
            for report in terminalreporter.stats.get(outcome, ())
        )
        for outcome in ("passed", "failed", "skipped")
    }
    terminalreporter.write_line(
        f"golden: {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['skipped']} skipped ({GOLDEN})"
    )


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """The folder of golden files (tests that use it carry the marker `golden`)."""
    return GOLDEN


def _camera(yaw: float) -> list[float]:
    """EG3D's label of a camera at distance 2.7 that looks at the origin, turned by `yaw`
    radians.
    """
    s, c = math.sin(yaw), math.cos(yaw)
    cam2world = [c, 0, -s, 2.7 * s, 0, -1, 0, 0, -s, 0, -c, 2.7 * c, 0, 0, 0, 1]
    return cam2world + [4.2647, 0, 0.5, 0, 4.2647, 0.5, 0, 0, 1]


def _face(rng: np.random.Generator, size: int) -> dict:
    """A head of ovals: picture, label map, scribble, depth and the words for it."""
    skin, hair = rng.choice(list(COLORS)), rng.choice(list(HAIR))
    yaw, smile = float(rng.normal() * 0.3), bool(rng.random() < 0.5)
    y, x = np.mgrid[0:size, 0:size] / size * 2 - 1

    def oval(cx, cy, rx, ry):
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1

    labels, dx = np.zeros((size, size), np.uint8), 0.2 * yaw
    parts = [
        (17, 0, -0.15, 0.62, 0.75),
        (14, 0, 0.85, 0.25, 0.4),
        (1, dx, 0.05, 0.5, 0.65),
        (2, dx * 1.5, 0.15, 0.1, 0.16),
        (4, dx - 0.2, -0.08, 0.11, 0.07),
        (5, dx + 0.2, -0.08, 0.11, 0.07),
        (6, dx - 0.2, -0.25, 0.14, 0.05),
        (7, dx + 0.2, -0.25, 0.14, 0.05),
        (12, dx, 0.42, 0.22 if smile else 0.14, 0.05),
        (13, dx, 0.48, 0.2 if smile else 0.12, 0.05),
    ]
    colours = {
        0: (90, 120, 150),
        1: COLORS[skin],
        2: COLORS[skin],
        4: (60, 90, 60),
        5: (60, 90, 60),
        6: HAIR[hair],
        7: HAIR[hair],
        12: (170, 60, 70),
        13: (190, 80, 90),
        14: COLORS[skin],
        17: HAIR[hair],
    }
    for label, *shape in parts:
        labels[oval(*shape)] = label
    image = np.array([colours.get(i, (0, 0, 0)) for i in range(19)], np.uint8)[labels]
    edges = (np.diff(labels, axis=0, prepend=0) != 0) | (np.diff(labels, axis=1, prepend=0) != 0)
    depth = np.where(labels > 0, np.round(2.5 / 4 * 65535), 0).astype(np.uint16)
    words = f"{skin} skin, {hair} hair{', smiling' if smile else ''}"
    return dict(
        image=image,
        labels=labels,
        scribble=edges.astype(np.uint8) * 255,
        depth=depth,
        yaw=yaw,
        words=words,
        attributes=dict(skin=skin, hair=hair, smile=smile),
    )


def write_tiny_zip(path: Path, count: int = 24, size: int = 32, seed: int = 0) -> Path:
    """A data set zip of `count` oval faces, two views per identity, as FaceZip reads it."""
    from PIL import Image

    rng, labels, lines = np.random.default_rng(seed), [], []

    def put(file, name, array, palette=False):
        picture, buffer = Image.fromarray(array), io.BytesIO()
        if palette:
            picture.putpalette([v for i in range(19) for v in (i * 13, 255 - i * 13, 40)])
        picture.save(buffer, "PNG")
        file.writestr(name, buffer.getvalue())

    with zipfile.ZipFile(path, "w") as file:
        for i in range(count):
            face = _face(rng, size)
            name = f"image/{i:08d}.png"
            put(file, name, face["image"])
            put(file, f"mask/{i:08d}.png", face["labels"], palette=True)
            put(file, f"scribble/{i:08d}.png", face["scribble"])
            put(file, f"depth/{i:08d}.png", face["depth"])
            labels.append([name, _camera(face["yaw"])])
            captions = [f"a face with {face['words']}, version {k}" for k in range(10)]
            lines.append(
                json.dumps(
                    dict(
                        file=name,
                        index=i,
                        identity=i // 2,
                        state=0,
                        view=i % 2,
                        captions=captions,
                        attributes=face["attributes"],
                        factors=rng.normal(size=6).round(4).tolist(),
                    )
                )
            )
        meta = dict(
            name="tiny",
            resolution=size,
            domain="photo",
            seed=seed,
            start=0,
            states=1,
            views=2,
            labels=labels,
            factor_names=[f"factor{k}" for k in range(6)],
            identity_factors=3,
        )
        file.writestr("dataset.json", json.dumps(meta))
        file.writestr("samples.jsonl", "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def tiny_zip(tmp_path_factory) -> Path:
    """24 oval faces at 32 px."""
    return write_tiny_zip(tmp_path_factory.mktemp("data") / "tiny.zip")


@pytest.fixture
def masks(tmp_path):
    """A folder of three label maps of 32 px, two of which have one stem."""
    from PIL import Image

    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("b.png", "a.png", "a.webp"):
        labels = np.zeros((32, 32), np.uint8)
        labels[8:24, 8:24], labels[12:14, 12:14] = 1, 5
        Image.fromarray(labels).save(folder / name, lossless=True)
    return folder
