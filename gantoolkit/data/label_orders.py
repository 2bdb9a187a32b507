"""Which order a set of label maps is numbered in: anatomy decides (brows lie above eyes, a nose between).

A map read in the wrong order breaks most of these rules; a few dozen maps settle the matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES, ORDERS
from gantoolkit.data.label_maps import decode, open_image

SURE, AHEAD = (
    0.7,
    0.08,
)  # share of rules that the best order must keep, and its lead over the second
LOOKED = 48  # label maps of a data set that its order is judged by
BEFORE = (  # (a, b, axis): a lies above (axis 0) or to the left of (axis 1) b
    ("l_brow", "l_eye", 0),
    ("r_brow", "r_eye", 0),
    ("l_eye", "nose", 0),
    ("r_eye", "nose", 0),
    ("nose", "u_lip", 0),
    ("u_lip", "l_lip", 0),
    ("l_lip", "neck", 0),
    ("neck", "cloth", 0),
    ("hair", "l_lip", 0),
    ("r_eye", "nose", 1),
    ("nose", "l_eye", 1),
    ("r_brow", "l_brow", 1),
)
SMALLER = (  # (a, b): a covers fewer pixels than b
    ("l_eye", "nose"),
    ("r_eye", "nose"),
    ("l_brow", "skin"),
    ("r_brow", "skin"),
    ("nose", "skin"),
    ("u_lip", "nose"),
    ("l_lip", "skin"),
    ("nose", "hair"),
)


@dataclass(frozen=True)
class DetectedOrder:
    """The order, the share of anatomical rules kept by each candidate, and whether sides are swapped."""

    order: str
    scores: dict[str, float]
    swapped: bool  # l_* parts lie on the left of the image: the viewer's left, not the person's


def rules(labels: np.ndarray) -> np.ndarray:
    """1 (kept), 0 (broken) or NaN (a part is missing) for every rule, of a map [H,W] in our order."""
    rows, columns = np.indices(labels.shape)
    flat = labels.ravel()
    area = np.bincount(flat, minlength=len(CLASSES)).astype(float)[: len(CLASSES)]
    with np.errstate(invalid="ignore", divide="ignore"):
        place = [
            np.bincount(flat, weights=axis.ravel(), minlength=len(CLASSES))[: len(CLASSES)] / area
            for axis in (rows, columns)
        ]
    number = {name: k for k, name in enumerate(CLASSES)}
    found = []
    for a, b, axis in BEFORE:
        first, second = place[axis][number[a]], place[axis][number[b]]
        found.append(np.nan if np.isnan(first + second) else float(first < second))
    for a, b in SMALLER:
        first, second = area[number[a]], area[number[b]]
        found.append(float(first < second) if first and second else np.nan)
    return np.array(found)


def detect_order(maps: Iterable[np.ndarray], candidates: Iterable[str] = ORDERS) -> DetectedOrder:
    """The order of label maps [H,W] with numbers 0..18 (or 0..19); DataError when no order fits plainly."""
    maps = list(maps)
    kept: dict[str, np.ndarray] = {}
    for order in candidates:
        table = np.asarray(ORDERS[order])
        if all(int(m.max()) < len(table) for m in maps):
            kept[order] = np.array([rules(table[m]) for m in maps])
    shares = {order: float(np.nan_to_num(k, nan=0.25).mean()) for order, k in kept.items()}
    ranked = sorted(shares, key=shares.get, reverse=True)
    clear = ranked and shares[ranked[0]] >= SURE
    if not clear or len(ranked) > 1 and shares[ranked[0]] - shares[ranked[1]] < AHEAD:
        listed = ", ".join(f"{o} {shares[o]:.2f}" for o in ranked) or "none has so many numbers"
        raise DataError(
            f"The order of the label maps cannot be told from {len(maps)} of them ({listed}); "
            f"say it with --labels, one of {', '.join(ORDERS)}."
        )
    sides = [n for n, (_, _, axis) in enumerate(BEFORE) if axis == 1]
    right_way = np.nanmean(kept[ranked[0]][:, sides]) if len(maps) else 1.0
    return DetectedOrder(ranked[0], shares, bool(right_way < 0.2))


def detect_order_of_files(paths: Iterable[Path]) -> DetectedOrder | None:
    """The order of the first few label maps; None where they need none, being colours. DataError as above."""
    maps = []
    for path in islice(paths, LOOKED):
        try:
            labels, numbered = decode(open_image(path), path, 20)
        except DataError:
            continue
        if numbered:
            maps.append(labels)
    return detect_order(maps) if maps else None


def conflicting_order(paths: Iterable[Path], given: str) -> str | None:
    """The order that label maps plainly have, where it is another than the one they are read in."""
    try:
        found = detect_order_of_files(paths)
    except DataError:  # it cannot be told
        return None
    return found.order if found and found.order != given else None
