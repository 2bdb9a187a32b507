"""Features of a label map that tell its camera: where the parts of a face lie, how large they are.

A mirror negates the odd features and keeps the even ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gantoolkit.core.images import flip_labels, one_hot

# Parts as groups of labels; pairs are (person's left, person's right).
GROUPS = {
    "face": (1, 2, 3, 4, 5, 6, 7, 10, 11, 12),
    "skin": (1,),
    "nose": (2,),
    "mouth": (10, 11, 12),
    "glasses": (3,),
    "l_eye": (4,),
    "r_eye": (5,),
    "l_brow": (6,),
    "r_brow": (7,),
    "l_ear": (8,),
    "r_ear": (9,),
    "hair": (13, 14),
    "neck": (17,),
}
PAIRS = ("eye", "brow", "ear")


@dataclass(frozen=True)
class PartMeasures:
    """Where the G parts of GROUPS lie in B label maps, relative to the face; tensors are [B,G]."""

    dx: Tensor  # center, in heights of the face
    dy: Tensor
    width: Tensor  # standard deviation of the pixels, in heights of the face
    height: Tensor
    size: Tensor  # square root of the area, in heights of the face
    visible: Tensor  # 1 where the part has pixels, else 0

    def column(self, part: str) -> int:
        """Return the column of a part."""
        return list(GROUPS).index(part)


def measure_parts(labels: Tensor) -> PartMeasures:
    """Measure the parts of label maps [B,H,W]."""
    mask = one_hot(labels)
    groups = torch.stack([mask[:, list(group)].sum(1) for group in GROUPS.values()], 1)  # [B,G,H,W]
    image_height, image_width = labels.shape[-2:]
    y = ((torch.arange(image_height) + 0.5) / image_height * 2 - 1).to(mask)
    x = ((torch.arange(image_width) + 0.5) / image_width * 2 - 1).to(mask)

    rows, columns = groups.sum(3), groups.sum(2)  # [B,G,H], [B,G,W]
    area = rows.sum(2)
    visible = (area > 0).to(mask)
    safe_area = area.clamp_min(1)
    center_x = (columns * x).sum(2) / safe_area
    center_y = (rows * y).sum(2) / safe_area
    variance_x = (columns * x.square()).sum(2) / safe_area - center_x.square()
    variance_y = (rows * y.square()).sum(2) / safe_area - center_y.square()
    spread_x = variance_x.clamp_min(0).sqrt()
    spread_y = variance_y.clamp_min(0).sqrt()

    scale = spread_y[:, :1].clamp_min(0.05)  # the face's height turns less than its width
    return PartMeasures(
        dx=(center_x - center_x[:, :1]) / scale * visible,
        dy=(center_y - center_y[:, :1]) / scale * visible,
        width=spread_x / scale,
        height=spread_y / scale,
        size=(area / (image_height * image_width)).sqrt() * 2 / scale,
        visible=visible,
    )


def part_features(labels: Tensor) -> Tensor:
    """Compute features [B,F] of label maps [B,H,W].

    They are positions and sizes of the parts, and left compared with right. The first group is the
    face itself, whose center is the origin and whose height is the unit.
    """
    parts = measure_parts(labels)
    return torch.cat(
        [
            parts.dx[:, 1:],
            parts.dy[:, 1:],
            parts.size,
            parts.width,
            parts.height[:, 1:],
            parts.visible[:, 1:],
            *compare_parts(parts),
        ],
        1,
    )


def compare_parts(parts: PartMeasures) -> list[Tensor]:
    """Compare left with right, nose and mouth with eyes and brows; 0 where a part is missing."""
    features = []
    for pair in PAIRS:
        left_size = parts.size[:, parts.column(f"l_{pair}")]
        right_size = parts.size[:, parts.column(f"r_{pair}")]
        features.append((left_size - right_size) / (left_size + right_size).clamp_min(1e-3))

    nose, mouth = parts.column("nose"), parts.column("mouth")
    for pair in ("eye", "brow"):
        left, right = parts.column(f"l_{pair}"), parts.column(f"r_{pair}")
        middle_x = (parts.dx[:, left] + parts.dx[:, right]) / 2
        middle_y = (parts.dy[:, left] + parts.dy[:, right]) / 2
        distance = (parts.dx[:, left] - parts.dx[:, right]).abs().clamp_min(0.2)
        both_visible = parts.visible[:, left] * parts.visible[:, right]
        for part in (nose, mouth):
            visible = both_visible * parts.visible[:, part]
            features.append((parts.dx[:, part] - middle_x) / distance * visible)
            features.append((parts.dy[:, part] - middle_y) / distance * visible)
        length = (parts.dy[:, mouth] - middle_y).clamp_min(0.2)
        nose_height = (parts.dy[:, nose] - middle_y) / length
        features.append(
            nose_height * both_visible * parts.visible[:, nose] * parts.visible[:, mouth]
        )
    return [feature[:, None] for feature in features]


def odd_even_features(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Split the features into (odd, even) [B,F]: a mirror changes the sign of odd ones."""
    batches = labels.split(128)
    features = torch.cat([part_features(batch) for batch in batches])
    mirrored = torch.cat([part_features(flip_labels(batch)) for batch in batches])
    return (features - mirrored) / 2, (features + mirrored) / 2
