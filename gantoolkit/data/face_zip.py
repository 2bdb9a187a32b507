"""FaceZip: a zip of labeled faces in the NVIDIA data set convention.

Small sets are decoded into memory once. Large ones (30,000 images at 512 px are 24 GB) are decoded
image by image when they are indexed, through the same interface.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core import text
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot, to_float
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Camera, Condition, Sample, Target
from gantoolkit.data.cameras import find_label_problem
from gantoolkit.data.face_records import record_problem, stem_of
from gantoolkit.data.image_files import UNREADABLE, decode_image
from gantoolkit.data.lazy_images import LazyImages, fits_memory
from gantoolkit.data.pair_rule import caption_numbers, noise_seeds
from gantoolkit.data.rgb import to_rgb

DEPTH_RANGE = 4.0  # 16-bit depth images store depth / 4 · 65535, 0 = background
CONDITIONS = ("mask", "scribble", "both")
Finish = Callable[
    [Tensor], Tensor
]  # stacked arrays as they are stored → the tensor that callers get


class FaceZip:
    """Images, label maps, scribbles, cameras, captions and factors of N faces.

    Images are decoded in a thread pool the first time that they are asked for, each kind on its
    own, so that a task which needs only images does not pay for masks. Kinds that would take more
    than $GANTOOLKIT_DATA_GB (2) gigabytes are `LazyImages`, which decode what is indexed.

    path  a zip, or the name of a data set in registry.yaml

    >>> faces = FaceZip("val")
    >>> len(faces), faces.resolution
    (200, 128)
    >>> sample = faces.sample([0, 1], condition="both")
    >>> sample.condition.mask.shape, sample.condition.scribble.shape
    (torch.Size([2, 19, 128, 128]), torch.Size([2, 1, 128, 128]))
    >>> sample.target.image_gt.shape  # RGB in −1..1
    torch.Size([2, 3, 128, 128])
    """

    def __init__(self, path: str | Path):
        self.path = find_dataset(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                # A zip made on macOS may spell one name in two Unicode forms.
                self._stored = {text.normal_name(name): name for name in archive.namelist()}
                self.names = set(self._stored)
                meta, records = archive.read("dataset.json"), archive.read("samples.jsonl")
        except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise DataError(
                f"{self.path} is not a readable data set zip ({error}); "
                "render one with `gantoolkit data render` or download it again."
            ) from None
        self.meta = text.parse_json(meta, f"{self.path}: dataset.json")
        self.records = text.parse_json_lines(records, f"{self.path}: samples.jsonl")
        self._read_records()

    def _read_records(self) -> None:
        """Fill everything that samples.jsonl and dataset.json hold."""
        if not self.records:
            raise DataError(f"{self.path} holds no samples.")
        labels = self._camera_labels()
        # Records may give the bare number of a file.
        file_of_stem = {stem_of(name): name for name in labels}
        for line, record in enumerate(self.records, 1):
            if problem := record_problem(record, file_of_stem):
                raise DataError(f"{self.path}: line {line} of samples.jsonl {problem}.")

        self.resolution = self.meta["resolution"]
        self.files = [file_of_stem[stem_of(record["file"])] for record in self.records]
        cameras = np.stack([self._check_camera(file, labels[file]) for file in self.files])
        self.cameras = torch.from_numpy(cameras).float()  # [N,25]
        self.captions = [record["captions"] for record in self.records]
        self.attributes = [record.get("attributes", {}) for record in self.records]
        self.identities = torch.tensor([record["identity"] for record in self.records])  # [N]
        self.factors = self._read_factors()  # [N,F] ~ N(0,1)
        self.factor_names = list(self.meta.get("factor_names", []))
        self.identity_factors = int(self.meta.get("identity_factors", 0))

    def _read_factors(self) -> Tensor:
        factors = [record.get("factors", []) for record in self.records]
        try:
            return torch.tensor(factors, dtype=torch.float32)
        except (TypeError, ValueError):
            raise DataError(
                f"{self.path}: the 'factors' of samples.jsonl are not equally many numbers each."
            ) from None

    def _camera_labels(self) -> dict[str, list]:
        """Return file → what dataset.json gives as its camera."""
        try:
            if isinstance(self.meta["resolution"], int):
                return {str(name): numbers for name, numbers in self.meta["labels"]}
        except (TypeError, KeyError, ValueError):
            pass
        raise DataError(
            f"{self.path}: dataset.json should hold 'resolution' and a camera for every picture as "
            '\'labels\', {"resolution": 64, "labels": [["image/00000000.png", [25 numbers]], …]}; '
            "`gantoolkit data prepare` makes such a zip of your pictures, with or without cameras."
        )

    def _check_camera(self, file: str, numbers) -> np.ndarray:
        """Return the camera label [25] of an image; one that no camera can have is refused."""
        try:
            label = np.asarray(numbers, np.float64)
        except (TypeError, ValueError):
            label = np.empty(0)
        if problem := find_label_problem(label):
            raise DataError(
                f"{self.path}: the camera of {file} in dataset.json cannot be used: {problem}."
            )
        return label

    def __len__(self) -> int:
        return len(self.records)

    # -- images ----------------------------------------------------------------------------------

    @cached_property
    def images(self) -> Tensor | LazyImages:
        """RGB [N,3,R,R] uint8."""
        return self._decode("image", "RGB", np.uint8, lambda x: x.permute(0, 3, 1, 2).contiguous())

    @cached_property
    def labels(self) -> Tensor | LazyImages:
        """CelebAMask-HQ label maps [N,R,R] uint8, 0..18."""
        return self._decode("mask", None, np.uint8, self._check_labels)

    @cached_property
    def scribbles(self) -> Tensor | LazyImages:
        """White strokes on black [N,R,R] uint8."""
        return self._decode("scribble", "L", np.uint8, lambda x: x)

    @cached_property
    def depths(self) -> Tensor | LazyImages | None:
        """Distance along the ray [N,R,R] float, 0 = background; None where the zip has no depth."""
        if not any(name.startswith("depth/") for name in self.names):
            return None
        return self._decode("depth", None, np.int32, lambda x: x.float().mul_(DEPTH_RANGE / 65535))

    def _check_labels(self, labels: Tensor) -> Tensor:
        largest = int(labels.max())
        if largest >= len(CLASSES):
            raise DataError(
                f"{self.path} has the label {largest}; labels are 0 to {len(CLASSES) - 1}."
            )
        return labels

    def _decode(self, kind: str, mode: str | None, dtype, finish: Finish) -> Tensor | LazyImages:
        """Decode all images of one kind to one tensor [N,…], or return LazyImages."""
        first = self.read_image(kind, mode, dtype, 0)

        def read(index: int) -> np.ndarray:
            image = self.read_image(kind, mode, dtype, index)
            if image.shape != first.shape:
                raise DataError(
                    f"{self.path}: {kind} {index} has the size {image.shape[:2]}, "
                    f"the first has {first.shape[:2]}."
                )
            return image

        if not fits_memory(len(self), first.shape, first.itemsize):
            return LazyImages(read, len(self), finish)

        images = np.empty((len(self), *first.shape), dtype)

        def fill(index: int) -> None:
            images[index] = read(index)

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, range(len(self)), chunksize=64))
        self._close()
        return finish(torch.from_numpy(images))

    def read_image(self, kind: str, mode: str | None, dtype, index: int) -> np.ndarray:
        """Read one image of a sample as it is stored.

        kind  'image', 'mask', 'scribble' or 'depth'
        mode  of Pillow; None: the file's own
        """
        name = self._file_name(kind, index)
        try:
            image = decode_image(io.BytesIO(self._zip.read(self._stored[name])))
            if mode is None and image.mode == "RGB":
                mode = "L"  # WebP has no grays: three equal channels
            if mode and image.mode != mode:
                image = to_rgb(image, name) if mode == "RGB" else image.convert(mode)
            return np.asarray(image, dtype)
        except KeyError:
            raise DataError(f"{self.path} lacks {name}; render the data set again.") from None
        except (*UNREADABLE, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise DataError(f"{self.path}: {name} cannot be decoded ({error}).") from None

    def _file_name(self, kind: str, index: int) -> str:
        """Return the name of a sample's image in the zip."""
        if kind == "image":
            return text.normal_name(self.files[index])
        stem = stem_of(self.files[index])
        webp = f"{kind}/{stem}.webp"
        png = f"{kind}/{stem}.png"
        return webp if webp in self.names and png not in self.names else png

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    def _close(self) -> None:
        self.__dict__.pop("_zip").close()  # opened again by the next kind

    # -- samples ---------------------------------------------------------------------------------

    def read_images(self, indices: Tensor, condition: str = "mask") -> dict[str, Tensor]:
        """Decode what `sample` needs: images, labels and, unless for masks, scribbles (uint8)."""
        images = {"images": self.images[indices], "labels": self.labels[indices]}
        if condition != "mask":
            images["scribbles"] = self.scribbles[indices]
        return images

    def sample(
        self,
        indices: Sequence[int] | Tensor,
        caption: int | Tensor = 0,
        condition: str = "mask",
        seed: int | Tensor | None = None,
        device: torch.device | str = "cpu",
        images: dict[str, Tensor] | None = None,
    ) -> Sample:
        """Return the faces `indices` as a Sample.

        caption    one number for all or one per face, modulo the captions that a face has
        condition  'mask', 'scribble' or 'both'
        seed       None, one per face, or a run's seed, of which `data.pair_rule` makes one per face
        device     where masks and images are made; a tenth of their size travels there, as bytes
        images     what `read_images` gave for these faces, where it was called already
        """
        check_choice("condition", condition, CONDITIONS)
        indices = torch.as_tensor(indices, dtype=torch.int64).reshape(-1)
        if not images:
            images = self.read_images(indices, condition)
        images = {name: tensor.to(device) for name, tensor in images.items()}

        mask = scribble = None
        if condition != "scribble":
            mask = one_hot(images["labels"])
        if condition != "mask":
            scribble = images["scribbles"].float().div_(255).unsqueeze(1)
        if isinstance(seed, int):
            seed = noise_seeds(seed, indices)
        camera = Camera.from_label(self.cameras[indices]).to(device)
        text = self._captions(indices, caption)
        target = self._target(indices, images["images"], images["labels"])
        return Sample(Condition(text, mask, scribble, camera, seed), target)

    def _captions(self, indices: Tensor, caption: int | Tensor) -> tuple[str, ...]:
        """Return one caption per face; "" where it has none."""
        numbers = torch.as_tensor(caption).expand(len(indices)).tolist()
        texts = []
        for index, number in zip(indices.tolist(), numbers, strict=True):
            captions = self.captions[index]
            texts.append(captions[number % len(captions)] if captions else "")
        return tuple(texts)

    def caption(self, index: int, rule: str = "rotating") -> str:
        """Return the caption that stands for a face; "" where it has none.

        rule  'rotating' or 'first', see `data.pair_rule`
        """
        row = torch.tensor([index])
        (caption,) = self._captions(row, caption_numbers(row, rule))
        return caption

    def target(self, indices: Tensor) -> Target:
        """Return the ground truth of the faces `indices`."""
        return self._target(indices, self.images[indices], self.labels[indices])

    def _target(self, indices: Tensor, images: Tensor, labels: Tensor) -> Target:
        return Target(
            to_float(images),
            labels.long(),
            self.identities[indices].to(labels.device),
            attributes=tuple(self.attributes[i] for i in indices.tolist()),
        )

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the zip file."""
        from gantoolkit.weights import sha256

        return sha256(self.path)


def find_dataset(name: str | Path) -> Path:
    """Return a data set's file: a path as typed, or a name in registry.yaml's section `data`."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    from gantoolkit.registry import manifest

    registered = manifest.load()
    entry = registered.data.get(str(name))
    if entry is None:
        names = ", ".join(sorted(registered.data)) or "the known names (none)"
        raise DataError(
            f"No data set '{name}': it is neither a file nor one of {names}; `gantoolkit data "
            "prepare` makes one of published data or of your own folder."
        )
    path = registered.file(entry)
    if not path.is_file():
        raise DataError(
            f"The data set '{name}' should be at {path}, which does not exist; reinstall "
            "gantoolkit."
        )
    return path
