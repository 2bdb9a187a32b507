"""What a pipeline drew: pictures, codes, depth, other views, a film, a mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_uint8
from gantoolkit.core.limits import check_whole
from gantoolkit.core.types import Batch, Camera, Condition, Latent, Render
from gantoolkit.generators.mesh import Mesh
from gantoolkit.inference import cameras

AnyBatch = TypeVar("AnyBatch", bound=Batch)


@dataclass(frozen=True)
class Faces:
    """B faces of a pipeline: `faces[i]` is one of them, `faces[i:j]` several.

    `.image` is the picture of a single face; `.images` lists those of all.
    """

    latent: Latent
    render: Render
    generator: Any  # core.stages.Generator
    condition: Condition | None = None

    def __len__(self) -> int:
        return len(self.latent)

    def __getitem__(self, index: int | slice) -> Faces:
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} faces, and none at {index}")
        condition = self.condition[index] if self.condition is not None else None
        return Faces(self.latent[index], self.render[index], self.generator, condition)

    def __iter__(self) -> Iterator[Faces]:
        return (self[index] for index in range(len(self)))

    @property
    def tensor(self) -> Tensor:
        """The images [B,3,R,R] in −1..1."""
        return self.render.image

    @property
    def images(self) -> list[Image.Image]:
        """The images as PIL images."""
        return to_images(self.render.image)

    @property
    def image(self) -> Image.Image:
        """The image of a single face."""
        self._check_single("image")
        return self.images[0]

    @property
    def depth(self) -> Tensor | None:
        """Distances from the camera [B,1,R,R] at the size of the images; None in 2D."""
        return cameras.picture_depth(self.render)

    @property
    def camera(self) -> Camera | None:
        """Where each face is seen from [B]; None in 2D."""
        return self.render.camera

    def views(self, n: int = 5) -> list[Image.Image]:
        """Render a single 3D face from where it is seen, then from left to right: n pictures."""
        base = self._base_camera("views")
        frame = frame_of(self.generator)
        poses = cameras.side_views(base, check_whole("n", n, 1), frame)
        images = [cameras.render(self.generator, self.latent.ws, pose).image for pose in poses]
        return to_images(torch.cat(images))

    def turntable(self, path: str | Path, frames: int = 48) -> Path:
        """Write a film around a single 3D face, as GIF or MP4 by the suffix of `path`."""
        from gantoolkit.report import animation

        base = self._base_camera("turntable")
        path = Path(path)
        animation.check_kind(path.suffix.removeprefix("."))
        frames = check_whole("frames", frames, 1)
        return cameras.save_turntable(self.generator, self.latent.ws, base, path, frames)

    def mesh(self, resolution: int = 128) -> Mesh:
        """Extract the closed surface of a single 3D head; `.mesh().save("face.ply")` writes it.

        Vertices are in world units, y up, the face towards +z.

        resolution  of the grid on which the density is computed
        """
        from gantoolkit.inference.head_shape import extract_head

        self._base_camera("mesh")
        check_whole("resolution", resolution, 8)
        return extract_head(self.generator, self.latent.ws, resolution)

    def _base_camera(self, asked: str) -> Camera:
        self._check_single(asked)
        if self.render.camera is None:
            raise UsageError(
                f"{asked}: {type(self.generator).__name__} draws flat pictures; use a run with a "
                "3D generator such as configs/absm_eg3d.py."
            )
        return self.render.camera

    def _check_single(self, asked: str) -> None:
        if len(self) != 1:
            raise UsageError(
                f"{asked} is of a single face, and these are {len(self)}; take one, as in "
                f"faces[0].{asked}."
            )


def to_images(images: Tensor) -> list[Image.Image]:
    """Turn images [B,3,H,W] in −1..1 into PIL images."""
    return [Image.fromarray(one.numpy()) for one in to_uint8(images).permute(0, 2, 3, 1).cpu()]


def concatenate(batches: Sequence[AnyBatch]) -> AnyBatch:
    """Join batches of the same kind along their samples."""
    first = batches[0]

    def join(name: str) -> Any:
        values = [getattr(batch, name) for batch in batches]
        if isinstance(values[0], Batch):
            return concatenate(values)
        return torch.cat(values) if isinstance(values[0], Tensor) else values[0]

    names = [field.name for field in fields(first)]  # type: ignore[arg-type]
    return type(first)(**{name: join(name) for name in names})
