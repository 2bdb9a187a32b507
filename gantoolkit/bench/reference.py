"""What outputs are compared with: a data set zip, or a folder of photos, label maps and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantoolkit.bench.official_outputs import Output, Wanted, pictures
from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot, to_float
from gantoolkit.core.types import Condition, Sample, Target
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.label_maps import open_image
from gantoolkit.data.user_inputs import read_mask
from gantoolkit.networks.blocks import fit

FOLDERS = {
    "image": ("images", "CelebA-HQ-img"),
    "mask": ("masks", "labels"),
    "text": ("text", "celeba_caption"),
}


class Reference:
    """Samples by id; `sample(ids)` is a Sample at `size` pixels."""

    def __init__(self, source: str | Path, size: int | None = None):
        path = Path(source)
        self.zip = None if path.is_dir() else FaceZip(source)
        self.size = size or (self.zip.resolution if self.zip else 256)
        self.name = self.zip.meta.get("name", "") if self.zip else path.name
        self.rows = {} if self.zip else _folder(path)
        ids = [Path(f).stem for f in self.zip.files] if self.zip else list(self.rows)
        texts = (
            [c[0] if c else "" for c in self.zip.captions]
            if self.zip
            else [self.rows[i]["text"] for i in ids]
        )
        self.wanted = [Wanted(i, text) for i, text in zip(ids, texts)]
        self._place = {one.id: n for n, one in enumerate(self.wanted)}

    def sample(self, ids: Sequence[str]) -> Sample:
        """Condition (first caption, mask) and target of some ids."""
        if self.zip:
            found = self.zip.sample([self._place[i] for i in ids])
            target = found.target
            return Sample(
                found.condition,
                Target(
                    fit(target.image_gt, self.size),
                    target.labels,
                    target.identity,
                    attributes=target.attributes,
                ),
            )
        rows = [self.rows[i] for i in ids]
        labels = [read_mask(row["mask"], self.size) for row in rows if row.get("mask")]
        images = torch.stack([read(Output(row["image"]), self.size) for row in rows])
        whole = torch.stack(labels) if len(labels) == len(rows) else None
        return Sample(
            Condition(
                tuple(row["text"] for row in rows), None if whole is None else one_hot(whole)
            ),
            Target(images, None if whole is None else whole.long()),
        )


def _folder(path: Path) -> dict[str, dict]:
    """id → image, mask?, text of a folder: its manifest.jsonl, else images/ masks/ text/ with equal stems."""
    listed = files.read_json_lines(path / "manifest.jsonl")
    if listed:
        rows = {
            str(row["id"]): dict(
                image=path / row["image"],
                mask=path / row["mask"] if row.get("mask") else None,
                text=row.get("text", ""),
            )
            for row in listed
            if "id" in row and "image" in row
        }
    else:
        home = {
            kind: next((path / n for n in known if (path / n).is_dir()), None)
            for kind, known in FOLDERS.items()
        }
        if home["image"] is None:
            raise DataError(
                f"{path} has neither manifest.jsonl nor a folder images/; --data takes a data set zip or a "
                "folder with images/, masks/ (label numbers or colours) and text/ (one caption per line)."
            )
        masks = {p.stem: p for p in pictures(home["mask"])} if home["mask"] else {}
        rows = {
            p.stem: dict(image=p, mask=masks.get(p.stem), text=_caption(home["text"], p.stem))
            for p in pictures(home["image"])
        }
    if not rows:
        raise DataError(f"{path} lists no samples.")
    return rows


def _caption(folder: Path | None, stem: str) -> str:
    """The first line of a caption file, "" where there is none."""
    file = folder / f"{stem}.txt" if folder else None
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.is_file() else []
    return lines[0].strip() if lines else ""


def read(output: Output, size: int) -> Tensor:
    """A program's picture [3,size,size] in −1..1; box or antialiased bilinear."""
    pixels = torch.from_numpy(np.asarray(opened(output).convert("RGB")).copy()).permute(2, 0, 1)
    return fit(to_float(pixels)[None], size)[0].clamp(-1, 1)


def opened(output: Output) -> Image.Image:
    """A program's square picture, its tile cut out."""
    picture = _opened(output.path) if output.right else open_image(output.path)
    if output.right and picture.width > picture.height:
        picture = right_tile(picture, output.path)
    if picture.width != picture.height:
        raise DataError(
            f"{output.path} is {picture.width}×{picture.height} pixels; a square result is expected."
        )
    return picture


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as file:
            file.load()
            return file.copy()
    except OSError as error:
        raise DataError(f"{path} is not a readable picture ({type(error).__name__}).") from None


def right_tile(picture: Image.Image, path: Path, padding: int = 2) -> Image.Image:
    """The second of two tiles as torchvision's save_image lays them: R = H − 2·padding, from x = R + 2·padding."""
    side = picture.height - 2 * padding
    if picture.width == 2 * side + 3 * padding:
        return picture.crop((side + 2 * padding, padding, 2 * side + 2 * padding, padding + side))
    if picture.width == 2 * picture.height:  # two pictures side by side, without a frame
        return picture.crop((picture.height, 0, picture.width, picture.height))
    raise DataError(
        f"{path} is {picture.width}×{picture.height} pixels, which is no grid of two square tiles."
    )
