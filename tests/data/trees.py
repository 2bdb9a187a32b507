"""Miniature CelebAMask-HQ trees in every published layout, made from rendered faces."""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core.labels import CLASSES, ORDERS, PALETTE
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.resize import resize

FOLDER = tempfile.TemporaryDirectory()
FIRST = 23994  # numbers run over the border between MM-CelebA-HQ's training and test images


@lru_cache(maxsize=1)
def faces() -> FaceZip:
    """The first embedded validation faces, at 64 px whatever their own size is."""
    path = Path(FOLDER.name) / "val.zip"
    resize("val", path, 64, limit=16)
    return FaceZip(path)


def numbers(count: int) -> range:
    return range(FIRST, FIRST + count)


def write_images(folder: Path, count: int, factor: int = 2) -> None:
    """K.jpg, `factor` times as large as the label maps (1024 against 512 in the original)."""
    folder.mkdir(parents=True)
    for row, k in enumerate(numbers(count)):
        picture = Image.fromarray(faces().images[row].permute(1, 2, 0).numpy())
        size = (picture.width * factor,) * 2
        picture.resize(size, Image.Resampling.BICUBIC).save(folder / f"{k}.jpg", quality=95)


def write_parts(folder: Path, count: int) -> None:
    """K//2000/0000K_part.png of 0 and 255, only where the part exists."""
    for row, k in enumerate(numbers(count)):
        place = folder / str(k // 2000)
        place.mkdir(parents=True, exist_ok=True)
        labels = faces().labels[row].numpy()
        for label, name in enumerate(CLASSES[1:], 1):
            if (labels == label).any():
                part = np.where(labels == label, 255, 0).astype(np.uint8)
                Image.fromarray(np.repeat(part[..., None], 3, 2)).save(
                    place / f"{k:05d}_{name}.png"
                )


def write_maps(folder: Path, count: int, order: str = "celebamask", palette: bool = False) -> None:
    """K.png label maps in some order of numbers."""
    folder.mkdir(parents=True)
    table = np.zeros(19, np.uint8)
    for number, ours in reversed(list(enumerate(ORDERS[order]))):
        table[ours] = number
    for row, k in enumerate(numbers(count)):
        picture = Image.fromarray(table[faces().labels[row].numpy()])
        if palette:
            picture = Image.frombytes("P", picture.size, picture.tobytes())
            picture.putpalette([v for color in PALETTE for v in color])
        picture.save(folder / f"{k}.png")


def write_captions(folder: Path, count: int, lines: int = 10) -> None:
    folder.mkdir(parents=True)
    for row, k in enumerate(numbers(count)):
        texts = [f"{faces().captions[row][n % len(faces().captions[row])]}" for n in range(lines)]
        (folder / f"{k}.txt").write_text("\n".join(texts) + "\n")


def official(root: Path, count: int = 12) -> Path:
    """CelebAMask-HQ as published, with MM-CelebA-HQ's first captions beside it."""
    write_images(root / "CelebAMask-HQ/CelebA-HQ-img", count)
    write_parts(root / "CelebAMask-HQ/CelebAMask-HQ-mask-anno", count)
    write_captions(root / "CelebAMask-HQ/text", count)
    return root


def tedigan(root: Path, count: int = 12) -> Path:
    """Images, merged label maps (pSp, TediGAN) and the regenerated captions."""
    write_images(root / "images", count)
    write_maps(root / "CelebAMaskHQ-mask", count)
    write_captions(root / "celeba_caption", count)
    return root


def collaborative(root: Path, count: int = 12) -> Path:
    """Collaborative Diffusion: palette label maps and one JSON of captions."""
    write_images(root / "image/image_512_downsampled_from_hq_1024", count, factor=1)
    write_maps(root / "mask/CelebAMask-HQ-mask", count, palette=True)
    (root / "text").mkdir()
    texts = {
        f"{k}.jpg": {"Beard_and_Age": faces().captions[row][0]}
        for row, k in enumerate(numbers(count))
    }
    (root / "text/captions_hq_beard_and_age_2022-08-19.json").write_text(json.dumps(texts))
    return root


def bisenet(root: Path, count: int = 12) -> Path:
    """Label maps as face-parsing.PyTorch writes them."""
    write_images(root / "images", count, factor=1)
    write_maps(root / "labels", count, "bisenet")
    write_captions(root / "text", count)
    return root


LAYOUTS = {
    "official": official,
    "tedigan": tedigan,
    "collaborative": collaborative,
    "bisenet": bisenet,
}


def snapshot(root: Path) -> dict:
    """Everything about the files of a tree that must not change."""
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}
