"""The 19 classes of CelebAMask-HQ in canonical order, their palette and their mirror.

`l_*` parts are the person's left and lie on the right side of the image.
"""

from __future__ import annotations

CLASSES = (
    "background",
    "skin",
    "nose",
    "eye_g",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "ear_r",
    "neck_l",
    "neck",
    "cloth",
)

PALETTE = (
    (0, 0, 0),
    (204, 0, 0),
    (76, 153, 0),
    (204, 204, 0),
    (51, 51, 255),
    (204, 0, 204),
    (0, 255, 255),
    (255, 204, 204),
    (102, 51, 0),
    (255, 0, 0),
    (102, 204, 0),
    (255, 255, 0),
    (0, 0, 153),
    (0, 0, 204),
    (255, 51, 153),
    (0, 204, 204),
    (0, 51, 0),
    (255, 153, 51),
    (0, 204, 0),
)

FLIP = ((4, 5), (6, 7), (8, 9))

# How the numbers of label maps are counted elsewhere: name → our class of each number in the file.
# fmt: off
ORDERS = {
    # CelebAMask-HQ, pSp, TediGAN, IDE-3D, Collaborative Diffusion
    "celebamask": tuple(range(19)),
    # CelebAMask-HQ's other list
    "celebamask-list1": (0, 1, 17, 14, 3, 13, 15, 16, 18, 4, 5, 6, 7, 2, 8, 9, 10, 11, 12),
    # face-parsing.PyTorch
    "bisenet": (0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14),
    # IDE-3D's parser
    "segnet20": (0, 1, 6, 7, 4, 5, 2, 2, 10, 11, 12, 8, 9, 15, 3, 17, 16, 18, 13, 14),
}
# fmt: on


def index(name: str) -> int:
    """Return the position of a class name in CLASSES.

    >>> index("hair")
    13
    """
    return CLASSES.index(name)


def flip_table() -> list[int]:
    """Return 19 indices: `table[k]` is the class that k becomes in a mirrored label map."""
    table = list(range(len(CLASSES)))
    for left, right in FLIP:
        table[left] = right
        table[right] = left
    return table
