"""The crops of FFHQ and EG3D: one square, by which image, mask and drawing are all cut.

They differ: FFHQ's turns the eyes level and leaves much hair; EG3D's is tighter and not turned. A
generator, its masks and its metrics must see the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from gantoolkit.core.suggest import check_choice

CROPS = ("none", "ffhq", "eg3d")
# Standard face of Deep3DFaceRecon, onto which EG3D fits the five points
# (its similarity_Lm3D_all.mat).
STANDARD = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
RESCALE = 300.0  # EG3D: pixels per unit of the standard face
CUT = 700.0  # EG3D: pixels of the side that is kept


@dataclass(frozen=True)
class Square:
    """A square in an image, in pixels."""

    center: tuple[float, float]
    right: tuple[float, float]  # from the center to the middle of the right side

    @property
    def side(self) -> float:
        return 2 * float(np.hypot(*self.right))

    def cut(self, image: Image.Image, size: int, nearest: bool = False) -> Image.Image:
        """Cut the square out at size×size pixels.

        Beyond the border images are mirrored, labels are background.

        nearest  by nearest neighbor, for labels; else antialiased (Lanczos)
        """
        oversampling = 1 if nearest else max(1, int(np.ceil(self.side / size)))
        margin = 0 if nearest else 2
        image, (center_x, center_y) = self._pad(image, margin, nearest)

        right_x, right_y = self.right
        pixels = size * oversampling
        step_x, step_y = 2 * right_x / pixels, 2 * right_y / pixels
        origin_x = center_x - right_x + right_y
        origin_y = center_y - right_y - right_x
        affine = (step_x, -2 * right_y / pixels, origin_x, step_y, 2 * right_x / pixels, origin_y)

        method = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
        square = image.transform((pixels, pixels), Image.Transform.AFFINE, affine, method)
        if oversampling == 1:
            return square
        return square.resize((size, size), Image.Resampling.LANCZOS)

    def _pad(
        self, image: Image.Image, margin: int, with_zeros: bool
    ) -> tuple[Image.Image, tuple[float, float]]:
        """Return the image with enough around it, and the square's center there."""
        reach = np.abs(self.right[0]) + np.abs(self.right[1]) + margin
        size, center = np.array(image.size), np.array(self.center)
        before = np.maximum(0, np.ceil(reach - center)).astype(int)
        after = np.maximum(0, np.ceil(center + reach - size)).astype(int)
        if not before.any() and not after.any():
            return image, self.center

        values = np.asarray(image)
        widths = [(before[1], after[1]), (before[0], after[0])]
        widths += [(0, 0)] * (values.ndim - 2)
        values = np.pad(values, widths, mode="constant" if with_zeros else "symmetric")
        return Image.fromarray(values), tuple(center + before)

    def scaled(self, factor: float) -> Square:
        """Return the same square in an image `factor` times as large."""
        center = tuple(factor * value for value in self.center)
        right = tuple(factor * value for value in self.right)
        return Square(center, right)


def whole_square(width: int, height: int) -> Square:
    """Return the centered square that holds the whole image."""
    return Square((width / 2, height / 2), (max(width, height) / 2, 0.0))


def ffhq_square(landmarks: np.ndarray) -> Square:
    """Return FFHQ's square of five points [5,2] in pixels, turned with eyes and mouth."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    eye_to_eye = landmarks[1] - landmarks[0]
    eyes_to_mouth = mouth - eyes
    right = eye_to_eye - np.array([-eyes_to_mouth[1], eyes_to_mouth[0]])
    right *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eyes_to_mouth) * 1.8) / np.hypot(*right)
    return Square(tuple(eyes + eyes_to_mouth * 0.1), tuple(right))


def eg3d_square(landmarks: np.ndarray, height: int) -> Square:
    """Return EG3D's square of five points [5,2] in pixels of an image of this height; never turned.

    The points are fitted by scaled orthography to the standard face (POS of Deep3DFaceRecon); the
    square has 700/300 of its units around its origin.
    """
    points = np.stack([landmarks[:, 0], height - 1 - landmarks[:, 1]], 1)
    design = np.concatenate([STANDARD, np.ones((5, 1))], 1)
    x = np.linalg.lstsq(design, points[:, 0], rcond=None)[0]
    y = np.linalg.lstsq(design, points[:, 1], rcond=None)[0]
    scale = (np.linalg.norm(x[:3]) + np.linalg.norm(y[:3])) / 2
    half_side = CUT / RESCALE * scale / 2
    return Square((float(x[3]), float(height - y[3])), (float(half_side), 0.0))


def crop_square(crop: str, size: tuple[int, int], landmarks: np.ndarray | None) -> Square:
    """Return the square of the crop named `crop` in an image of size (width, height).

    landmarks  five points [5,2] in pixels; "none" needs none
    """
    check_choice("crop", crop, CROPS)
    if crop == "none":
        return whole_square(*size)
    if crop == "ffhq":
        return ffhq_square(landmarks)
    return eg3d_square(landmarks, size[1])
