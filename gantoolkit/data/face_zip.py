"""FaceZip: a zip of labelled faces in the NVIDIA data set convention.

Small sets are decoded into memory once; large ones (30,000 images at 512 px are 24 GB) picture by picture
as they are asked for, through the same interface.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot, to_float
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Camera, Condition, Sample, Target
from gantoolkit.data.cameras import find_label_problem
from gantoolkit.data.lazy_images import LazyImages, fits_memory

DEPTH_RANGE = 4.0  # 16-bit depth pictures store depth / 4 · 65535, 0 = background
SEED_STRIDE = 1_000_003


class FaceZip:
    """LazyImages, label maps, scribbles, cameras, captions and factors of N faces.

    LazyImages are decoded in a thread pool the first time that they are asked for, each kind on its own,
    so that a task which needs images alone does not pay for masks. Kinds that would take more than
    $GANTOOLKIT_DATA_GB (2) gigabytes are `LazyImages`, which decode the rows that are indexed.
    """

    def __init__(self, path: str | Path):
        self.path = find_dataset(path)
        try:
            with zipfile.ZipFile(self.path) as file:
                self.names = set(file.namelist())
                self.meta = json.loads(file.read("dataset.json"))
                lines = file.read("samples.jsonl").decode().splitlines()
                self.rows = [json.loads(line) for line in lines if line.strip()]
        except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise DataError(
                f"{self.path} is not a readable data set zip ({error}); "
                "render one with `gantoolkit data render` or download it again."
            ) from None
        self._read_rows()

    def _read_rows(self) -> None:
        """Fill everything that samples.jsonl and dataset.json hold."""
        if not self.rows:
            raise DataError(f"{self.path} holds no samples.")
        labels = self._labels()
        whole = {Path(name).stem: name for name in labels}  # rows may give the bare number
        for number, row in enumerate(self.rows, 1):
            if wrong := _complaint(row, whole):
                raise DataError(f"{self.path}: line {number} of samples.jsonl {wrong}.")
        self.resolution = self.meta["resolution"]
        self.files = [whole[Path(row["file"]).stem] for row in self.rows]
        self.cameras = torch.from_numpy(
            np.stack([self._camera(f, labels[f]) for f in self.files])
        ).float()  # [N,25]
        self.captions = [row["captions"] for row in self.rows]
        self.attributes = [row.get("attributes", {}) for row in self.rows]
        self.identities = torch.tensor([row["identity"] for row in self.rows])  # [N]
        try:
            self.factors = torch.tensor(
                [row.get("factors", []) for row in self.rows], dtype=torch.float32
            )  # [N,F] ~ N(0,1)
        except (TypeError, ValueError):
            raise DataError(
                f"{self.path}: the 'factors' of samples.jsonl are not equally many numbers each."
            ) from None
        self.factor_names = list(self.meta.get("factor_names", []))
        self.identity_factors = int(self.meta.get("identity_factors", 0))

    def _labels(self) -> dict[str, list]:
        """File → what dataset.json gives as its camera."""
        try:
            if isinstance(self.meta["resolution"], int):
                return {str(name): numbers for name, numbers in self.meta["labels"]}
        except (TypeError, KeyError, ValueError):
            pass
        raise DataError(
            f"{self.path}: dataset.json should hold 'resolution' and a camera for every picture as 'labels', "
            '{"resolution": 64, "labels": [["image/00000000.png", [25 numbers]], …]}; '
            "`gantoolkit data prepare` makes such a zip of your pictures, with or without cameras."
        )

    def _camera(self, file: str, numbers) -> np.ndarray:
        """The camera label [25] of a picture; one that no camera can have is refused."""
        try:
            label = np.asarray(numbers, np.float64)
        except (TypeError, ValueError):
            label = np.empty(0)
        if wrong := find_label_problem(label):
            raise DataError(
                f"{self.path}: the camera of {file} in dataset.json cannot be used: {wrong}."
            )
        return label

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def images(self) -> Tensor | LazyImages:
        """RGB [N,3,R,R] uint8."""
        return self._decode("image", "RGB", np.uint8, lambda x: x.permute(0, 3, 1, 2).contiguous())

    @cached_property
    def labels(self) -> Tensor | LazyImages:
        """CelebAMask-HQ label maps [N,R,R] uint8, 0..18."""
        return self._decode("mask", None, np.uint8, self._checked)

    @cached_property
    def scribbles(self) -> Tensor | LazyImages:
        """White strokes on black [N,R,R] uint8."""
        return self._decode("scribble", "L", np.uint8)

    @cached_property
    def depths(self) -> Tensor | LazyImages | None:
        """Distance along the ray [N,R,R] float, 0 = background; None where the zip has no depth."""
        if not any(name.startswith("depth/") for name in self.names):
            return None
        return self._decode("depth", None, np.int32, lambda x: x.float().mul_(DEPTH_RANGE / 65535))

    def _checked(self, labels: Tensor) -> Tensor:
        if int(labels.max()) >= len(CLASSES):
            raise DataError(
                f"{self.path} has the label {int(labels.max())}; labels are 0 to {len(CLASSES) - 1}."
            )
        return labels

    def _decode(
        self, kind: str, mode: str | None, dtype, finish=lambda x: x
    ) -> Tensor | LazyImages:
        """All pictures of one kind as one tensor [N,…], or what decodes them on demand."""
        first = self.read_image(kind, mode, dtype, 0)

        def read(index: int) -> np.ndarray:
            picture = self.read_image(kind, mode, dtype, index)
            if picture.shape != first.shape:
                raise DataError(
                    f"{self.path}: {kind} {index} has the size {picture.shape[:2]}, "
                    f"the first has {first.shape[:2]}."
                )
            return picture

        if not fits_memory(len(self), first.shape, first.itemsize):
            return LazyImages(read, len(self), finish)
        out = np.empty((len(self), *first.shape), dtype)

        def fill(index: int) -> None:
            out[index] = read(index)

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, range(len(self)), chunksize=64))
        self._close()
        return finish(torch.from_numpy(out))

    def read_image(self, kind: str, mode: str | None, dtype, index: int) -> np.ndarray:
        """One picture of a sample as it is stored: kind image, mask, scribble or depth; mode of Pillow, None its own."""
        from PIL import Image

        stem = Path(self.files[index]).stem
        drawn = (
            name for suffix in ("png", "webp") if (name := f"{kind}/{stem}.{suffix}") in self.names
        )
        name = self.files[index] if kind == "image" else next(drawn, f"{kind}/{stem}.png")
        try:
            with Image.open(io.BytesIO(self._zip.read(name))) as picture:
                if mode is None and picture.mode == "RGB":
                    mode = "L"  # WebP has no greys: three equal channels
                return np.asarray(
                    picture.convert(mode) if mode and picture.mode != mode else picture, dtype
                )
        except KeyError:
            raise DataError(f"{self.path} lacks {name}; render the data set again.") from None
        except (OSError, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise DataError(f"{self.path}: {name} cannot be decoded ({error}).") from None

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    def _close(self) -> None:
        self.__dict__.pop("_zip").close()  # opened again by the next kind

    def read_images(self, rows: Tensor, condition: str = "mask") -> dict[str, Tensor]:
        """images, labels and, for scribbles, scribbles [b,…] uint8 of some rows: all that `sample` decodes."""
        found = {"images": self.images[rows], "labels": self.labels[rows]}
        return found if condition == "mask" else found | {"scribbles": self.scribbles[rows]}

    def sample(
        self,
        indices,
        caption: int | Tensor = 0,
        condition: str = "mask",
        seed: int | Tensor | None = None,
        device: torch.device | str = "cpu",
        images: dict[str, Tensor] | None = None,
    ) -> Sample:
        """Rows `indices` as a Sample; `caption` is one number for all or one per row (modulo what exists).

        seed      None, one per row, or a run's seed, which gives row i the seed `seed · 1000003 + i`
        device    where masks and images are made; bytes travel there, a tenth of what is made of them
        images    of these rows, where they are decoded already
        """
        check_choice("condition", condition, ("mask", "scribble", "both"))
        rows = torch.as_tensor(indices, dtype=torch.int64).reshape(-1)
        found = {
            name: p.to(device) for name, p in (images or self.read_images(rows, condition)).items()
        }
        numbers = torch.as_tensor(caption).expand(len(rows)).tolist()
        texts = (self.captions[row] for row in rows.tolist())
        if isinstance(seed, int):
            seed = seed * SEED_STRIDE + rows
        wanted = Condition(
            text=tuple(c[n % len(c)] if c else "" for c, n in zip(texts, numbers)),
            mask=one_hot(found["labels"]) if condition != "scribble" else None,
            scribble=found["scribbles"].float().div_(255).unsqueeze(1)
            if condition != "mask"
            else None,
            camera=Camera.from_label(self.cameras[rows]).to(device),
            seed=seed,
        )
        return Sample(wanted, self._target(rows, found["images"], found["labels"]))

    def target(self, rows: Tensor) -> Target:
        """The truth of some rows."""
        return self._target(rows, self.images[rows], self.labels[rows])

    def _target(self, rows: Tensor, images: Tensor, labels: Tensor) -> Target:
        return Target(
            to_float(images),
            labels.long(),
            self.identities[rows].to(labels.device),
            attributes=tuple(self.attributes[i] for i in rows.tolist()),
        )

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the zip file."""
        from gantoolkit.weights import sha256

        return sha256(self.path)


def _complaint(row, files: Collection[str]) -> str:
    """What is wrong with a line of samples.jsonl, where there are cameras for `files` (stems), or ""."""
    if not isinstance(row, dict) or not isinstance(row.get("file"), str):
        return "should be an object with the name of its picture as 'file'"
    if Path(row["file"]).stem not in files:
        return f"names {row['file']}, for which dataset.json has no camera"
    if not isinstance(row.get("captions"), list) or not all(
        isinstance(c, str) for c in row["captions"]
    ):
        return "should have a list of texts as 'captions', which may be empty"
    if not isinstance(row.get("identity"), int):
        return "should have a whole number as 'identity'"
    return (
        ""
        if isinstance(row.get("attributes", {}), dict)
        else "should have an object as 'attributes'"
    )


def find_dataset(name: str | Path) -> Path:
    """A data set's file: a path as typed, or a name of registry.yaml's section `data`."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    from gantoolkit.registry import manifest

    known = manifest.load().data
    entry = known.get(str(name))
    if entry is None:
        raise DataError(
            f"No data set '{name}': it is neither a file nor one of "
            f"{', '.join(sorted(known)) or 'the known names (none)'}; `gantoolkit data prepare` makes one of "
            "published data or of your own folder."
        )
    path = manifest.load().file(entry)
    if not path.is_file():
        raise DataError(
            f"The data set '{name}' should be at {path}, which does not exist; reinstall gantoolkit."
        )
    return path
