"""What outputs are compared with: a data set zip, or a folder of photos, label maps and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantoolkit.bench.official_outputs import Output, SampleId, pictures_in
from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot, to_float
from gantoolkit.core.text import check_text, normal_name
from gantoolkit.core.types import Condition, Sample, Target
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.image_files import UNREADABLE, decode_image, open_image
from gantoolkit.data.label_maps import read_label_map
from gantoolkit.data.pair_rule import caption_numbers
from gantoolkit.data.rgb import to_rgb
from gantoolkit.networks.blocks import fit

FOLDERS = {
    "image": ("images", "CelebA-HQ-img"),
    "mask": ("masks", "labels"),
    "text": ("text", "celeba_caption"),
}


@dataclass(frozen=True)
class FolderSample:
    """A sample of a folder."""

    image: Path
    mask: Path | None
    text: str


class Reference:
    """The truth that outputs are compared with, by id.

    source  a data set zip by name or path, or a folder
    size    of images in pixels (default: a zip's own, else 256)
    caption of a zip: which of a sample's captions, of CAPTION_RULES
    """

    def __init__(self, source: str | Path, size: int | None = None, caption: str = "rotating"):
        path = Path(source)
        if path.is_dir():
            self.zip = None
            self.caption = "one each"
            self.name = path.name
            self.size = size or 256
            self.folder_samples = read_folder(path)
            self.samples = [SampleId(id, one.text) for id, one in self.folder_samples.items()]
        else:
            self.zip = FaceZip(source)
            self.caption = caption
            self.name = self.zip.meta.get("name", "")
            self.size = size or self.zip.resolution
            self.samples = [
                SampleId(Path(file).stem, self.zip.caption(index, caption))
                for index, file in enumerate(self.zip.files)
            ]
        self._index = {sample.id: index for index, sample in enumerate(self.samples)}

    def sample(self, ids: Sequence[str]) -> Sample:
        """Return condition (caption, mask) and target of some ids."""
        if self.zip:
            return self._from_zip(ids)
        return self._from_folder(ids)

    def _from_zip(self, ids: Sequence[str]) -> Sample:
        indices = torch.tensor([self._index[id] for id in ids])
        sample = self.zip.sample(indices, caption_numbers(indices, self.caption))
        target = Target(
            fit(sample.target.image_gt, self.size),
            sample.target.labels,
            sample.target.identity,
            attributes=sample.target.attributes,
        )
        return Sample(sample.condition, target)

    def _from_folder(self, ids: Sequence[str]) -> Sample:
        """Return samples of a folder; without masks if one of them has none."""
        samples = [self.folder_samples[id] for id in ids]
        text = tuple(sample.text for sample in samples)
        images = torch.stack([read_output(Output(sample.image), self.size) for sample in samples])
        masks = [read_label_map(sample.mask, self.size) for sample in samples if sample.mask]
        if len(masks) < len(samples):
            return Sample(Condition(text), Target(images))
        labels = torch.stack(masks)
        return Sample(Condition(text, one_hot(labels)), Target(images, labels.long()))


def read_folder(path: Path) -> dict[str, FolderSample]:
    """List the samples of a folder by id.

    They stand in its manifest.jsonl, or else in images/, masks/ and text/ under equal stems.
    """
    manifest = files.read_json_lines(path / "manifest.jsonl")
    samples = _from_manifest(path, manifest) if manifest else _from_stems(path)
    if not samples:
        raise DataError(f"{path} lists no samples.")
    return samples


def _from_manifest(path: Path, manifest: list[dict]) -> dict[str, FolderSample]:
    samples = {}
    for line in manifest:
        if "id" in line and "image" in line:
            mask = path / line["mask"] if line.get("mask") else None
            samples[str(line["id"])] = FolderSample(
                path / line["image"], mask, line.get("text", "")
            )
    return samples


def _from_stems(path: Path) -> dict[str, FolderSample]:
    folders: dict[str, Path] = {}
    for kind, names in FOLDERS.items():
        for name in names:
            if (path / name).is_dir():
                folders.setdefault(kind, path / name)
    if "image" not in folders:
        raise DataError(
            f"{path} has neither manifest.jsonl nor a folder images/; --data takes a data set zip "
            "or a folder with images/, masks/ (label numbers or colors) and text/ (one caption "
            "per line)."
        )
    masks = {}
    if "mask" in folders:
        masks = {normal_name(mask.stem): mask for mask in pictures_in(folders["mask"])}
    texts = {}
    if "text" in folders:
        texts = {normal_name(text.stem): text for text in sorted(folders["text"].glob("*.txt"))}
    samples = {}
    for image in pictures_in(folders["image"]):
        name = normal_name(image.stem)
        caption = _read_caption(texts[name]) if name in texts else ""
        samples[name] = FolderSample(image, masks.get(name), caption)
    return samples


def _read_caption(file: Path) -> str:
    """Read the first line of a caption file."""
    first = files.read_text(file).partition("\n")[0].strip()
    return check_text(first, str(file))


def read_output(output: Output, size: int) -> Tensor:
    """Read a program's picture [3,size,size] in −1..1, resized by box or bilinear filter."""
    rgb = np.array(to_rgb(open_output(output), output.path))
    pixels = torch.from_numpy(rgb).permute(2, 0, 1)
    return fit(to_float(pixels)[None], size)[0].clamp(-1, 1)


def open_output(output: Output) -> Image.Image:
    """Open a program's square picture; of a two-tile grid, only the result."""
    picture = _open_grid(output.path) if output.right else open_image(output.path)
    if output.right and picture.width > picture.height:
        picture = right_tile(picture, output.path)
    if picture.width != picture.height:
        raise DataError(
            f"{output.path} is {picture.width}×{picture.height} pixels; a square result is "
            "expected."
        )
    return picture


def _open_grid(path: Path) -> Image.Image:
    try:
        return decode_image(path)
    except UNREADABLE as error:
        raise DataError(f"{path} is not a readable picture ({type(error).__name__}).") from None


def right_tile(picture: Image.Image, path: Path, padding: int = 2) -> Image.Image:
    """Cut out the second of two tiles as torchvision's save_image lays them out.

    A tile has R = H − 2·padding pixels; the second one begins at x = R + 2·padding.
    """
    side = picture.height - 2 * padding
    if picture.width == 2 * side + 3 * padding:
        left = side + 2 * padding
        return picture.crop((left, padding, left + side, padding + side))
    if picture.width == 2 * picture.height:  # two pictures side by side, without a frame
        return picture.crop((picture.height, 0, picture.width, picture.height))
    raise DataError(
        f"{path} is {picture.width}×{picture.height} pixels, not a grid of two square tiles."
    )
