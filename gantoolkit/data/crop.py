"""The crops of FFHQ and EG3D, as one square in the source that image, mask and drawing are all cut by.

They differ: FFHQ's turns the eyes level and leaves much hair; EG3D's is tighter and not turned. A generator,
its masks and its metrics must see the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from gantoolkit.core.suggest import check_choice

CROPS = ("none", "ffhq", "eg3d")
# Standard face of Deep3DFaceRecon, onto which EG3D fits the five points (its similarity_Lm3D_all.mat).
STANDARD = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
RESCALE, CUT = (
    300.0,
    700.0,
)  # EG3D: pixels per unit of the standard face, and of the side that is kept


@dataclass(frozen=True)
class Square:
    """A square in a picture, in pixels: its centre, and the vector from there to the middle of its right side."""

    centre: tuple[float, float]
    right: tuple[float, float]

    @property
    def side(self) -> float:
        return 2 * float(np.hypot(*self.right))

    def cut(self, picture: Image.Image, size: int, nearest: bool = False) -> Image.Image:
        """The square at size×size pixels: antialiased (Lanczos), or by nearest neighbour for labels.

        Beyond the picture's border images are mirrored, labels are background.
        """
        fine = 1 if nearest else max(1, int(np.ceil(self.side / size)))
        picture, (cx, cy) = self._padded(picture, 0 if nearest else 2, nearest)
        (rx, ry), pixels = self.right, size * fine
        across, down = (2 * rx / pixels, 2 * ry / pixels), (-2 * ry / pixels, 2 * rx / pixels)
        origin = cx - rx + ry, cy - ry - rx
        data = (across[0], down[0], origin[0], across[1], down[1], origin[1])
        method = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
        found = picture.transform((pixels, pixels), Image.Transform.AFFINE, data, method)
        return found if fine == 1 else found.resize((size, size), Image.Resampling.LANCZOS)

    def _padded(self, picture: Image.Image, margin: int, empty: bool):
        """(the picture with enough around it, the centre there)."""
        reach = np.abs(self.right[0]) + np.abs(self.right[1]) + margin
        size, centre = np.array(picture.size), np.array(self.centre)
        before = np.maximum(0, np.ceil(reach - centre)).astype(int)
        after = np.maximum(0, np.ceil(centre + reach - size)).astype(int)
        if not before.any() and not after.any():
            return picture, self.centre
        widths = [(before[1], after[1]), (before[0], after[0])]
        values = np.asarray(picture)
        widths += [(0, 0)] * (values.ndim - 2)
        values = np.pad(values, widths, **({} if empty else {"mode": "symmetric"}))
        return Image.fromarray(values), tuple(centre + before)

    def scaled(self, factor: float) -> Square:
        """The same square in a picture `factor` times as large."""
        return Square(tuple(factor * v for v in self.centre), tuple(factor * v for v in self.right))


def whole(width: int, height: int) -> Square:
    """The centred square that holds the whole picture."""
    return Square((width / 2, height / 2), (max(width, height) / 2, 0.0))


def ffhq(five: np.ndarray) -> Square:
    """FFHQ's square of five points [5,2] in pixels: from eyes and mouth's corners, turned with them."""
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    apart, below = five[1] - five[0], mouth - eyes
    along = apart - np.array([-below[1], below[0]])
    along *= max(np.hypot(*apart) * 2.0, np.hypot(*below) * 1.8) / np.hypot(*along)
    return Square(tuple(eyes + below * 0.1), tuple(along))


def eg3d(five: np.ndarray, height: int) -> Square:
    """EG3D's square of five points [5,2] in pixels of a picture of this height; never turned.

    The points are fitted by scaled orthography to the standard face (POS of Deep3DFaceRecon); the square has
    700/300 of its units around its origin.
    """
    points = np.stack([five[:, 0], height - 1 - five[:, 1]], 1)
    design = np.concatenate([STANDARD, np.ones((5, 1))], 1)
    x, y = (np.linalg.lstsq(design, points[:, axis], rcond=None)[0] for axis in (0, 1))
    scale = (np.linalg.norm(x[:3]) + np.linalg.norm(y[:3])) / 2
    half = CUT / RESCALE * scale / 2
    return Square((float(x[3]), float(height - y[3])), (float(half), 0.0))


def square(crop: str, size: tuple[int, int], five: np.ndarray | None) -> Square:
    """The square of a crop's name in a picture of size (width, height)."""
    check_choice("crop", crop, CROPS)
    if crop == "none":
        return whole(*size)
    return ffhq(five) if crop == "ffhq" else eg3d(five, size[1])
