"""Label maps in colors that were saved in few colors: whether that merged classes.

A program that saves in few colors gives parts of similar colors, or small parts, one color between
theirs. Which part a pixel was of then cannot be told, so such maps are refused. Colors that were
only rounded, all in the same way, or all a little off, still tell the classes apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import PALETTE

FEW = 256  # colors of an image up to which it may have been saved in few
MIXED = 64  # the same where there are mixed colors, of which smooth resizing makes more
EXACT = 0.3  # share of the classes' colors from which those that are not exact are mixes
REMEDY = "save the label map from the original in full colors, or as numbers 0 to 18 in gray PNG"


def check_not_merged(
    colors: np.ndarray, nearest: np.ndarray, distance: np.ndarray, near: float, path: str | Path
) -> None:
    """Refuse an image [H,W,3] of few colors in which classes may have been merged.

    nearest   [H,W] class of the nearest color
    distance  [H,W] to that color
    near      distance up to which a color counts as that of a class
    """
    distinct, first, counts = np.unique(
        colors.reshape(-1, 3), axis=0, return_index=True, return_counts=True
    )
    if len(distinct) > FEW:
        return
    classes = nearest.ravel()[first]
    if (distance > near).any():
        is_doubtful = len(distinct) <= MIXED
    else:
        is_doubtful = _are_merged(distinct.astype(int), classes, counts)
    if is_doubtful:
        raise DataError(
            f"{path} was saved in few colors ({len(distinct)}), some of which are mixes of those "
            f"of CelebAMask-HQ, so that parts may have been merged; {REMEDY}."
        )


def _are_merged(distinct: np.ndarray, classes: np.ndarray, counts: np.ndarray) -> bool:
    """Whether some classes have their exact color and others do not, though not by rounding."""
    pairs = []  # (color of the class, the color that most of its pixels have)
    for label in np.unique(classes).tolist():
        of_class = np.flatnonzero(classes == label)
        main = distinct[of_class[counts[of_class].argmax()]]
        pairs.append((np.asarray(PALETTE[label]), main))
    exact = np.mean([(color == main).all() for color, main in pairs])
    return EXACT <= exact < 1 and not _is_rounding(pairs)


def _is_rounding(pairs: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether equal values of a channel always became one value."""
    became: dict[int, set[int]] = {}
    for color, main in pairs:
        for value, new in zip(color.tolist(), main.tolist()):
            became.setdefault(value, set()).add(new)
    return all(len(values) == 1 for values in became.values())
