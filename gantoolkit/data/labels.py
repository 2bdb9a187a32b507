"""The 19 classes of CelebAMask-HQ in canonical order, their palette, and which classes swap in a mirror.

`l_*` parts are the person's left and lie on the right side of the image.
"""
from __future__ import annotations

CLASSES = ('background', 'skin', 'nose', 'eye_g', 'l_eye', 'r_eye', 'l_brow', 'r_brow', 'l_ear', 'r_ear',
           'mouth', 'u_lip', 'l_lip', 'hair', 'hat', 'ear_r', 'neck_l', 'neck', 'cloth')

PALETTE = ((0, 0, 0), (204, 0, 0), (76, 153, 0), (204, 204, 0), (51, 51, 255), (204, 0, 204), (0, 255, 255),
           (255, 204, 204), (102, 51, 0), (255, 0, 0), (102, 204, 0), (255, 255, 0), (0, 0, 153), (0, 0, 204),
           (255, 51, 153), (0, 204, 204), (0, 51, 0), (255, 153, 51), (0, 204, 0))

FLIP = ((4, 5), (6, 7), (8, 9))


def index(name):
    """Position of a class name in CLASSES."""
    return CLASSES.index(name)


def flip_table():
    """List of 19 indices: `table[k]` is the class that k becomes in a horizontally mirrored label map."""
    table = list(range(len(CLASSES)))
    for a, b in FLIP:
        table[a], table[b] = b, a
    return table
