"""Which order the classes of label maps are numbered in: anatomy decides.

Brows lie above eyes, a nose between them. A map read in the wrong order breaks most of these rules;
a few dozen maps settle the matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES, ORDERS
from gantoolkit.core.labels import index as class_index

SURE = 0.7  # share of rules that the best order must keep
LEAD = 0.08  # of the best order over the second
PLAIN = 0.85  # share of rules that another order than that of the colors must keep
PLAIN_LEAD = 0.25  # of another order over that of the colors
MISSING = 0.25  # what a rule counts where one of its parts is missing
LOOK_SIZE = 160  # pixels of the longer side at which one map is judged
PLACE_RULES = (  # (a, b, axis): a lies above (axis 0) or to the left of (axis 1) b
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
SIDE_RULES = [n for n, (_, _, axis) in enumerate(PLACE_RULES) if axis == 1]  # of all rules
SIZE_RULES = (  # (a, b): a covers fewer pixels than b
    ("l_eye", "nose"),
    ("r_eye", "nose"),
    ("l_brow", "skin"),
    ("r_brow", "skin"),
    ("nose", "skin"),
    ("u_lip", "nose"),
    ("l_lip", "skin"),
    ("nose", "hair"),
)
CORE = (("skin",), ("nose",), ("l_eye", "r_eye", "eye_g"), ("u_lip",), ("l_lip",))  # of a face
TALLEST = {  # share of the skin's spread over rows that a part's is at most, with room to spare
    "l_eye": 0.6,
    "r_eye": 0.6,
    "l_brow": 0.3,
    "r_brow": 0.3,
    "u_lip": 0.3,
    "l_lip": 0.3,
    "mouth": 0.4,
    "nose": 0.7,
    "l_ear": 0.8,
    "r_ear": 0.8,
}


@dataclass(frozen=True)
class DetectedOrder:
    """The order of label maps, and how sure that is."""

    order: str
    scores: dict[str, float]  # candidate → share of anatomical rules that it keeps
    swapped: bool  # l_* parts lie on the left of the image: the viewer's left, not the person's


def check_rules(labels: np.ndarray) -> np.ndarray:
    """Check every rule on a map [H,W] in our order: 1 (kept), 0 (broken) or NaN (not visible)."""
    count = len(CLASSES)
    flat = labels.ravel()
    area = np.bincount(flat, minlength=count).astype(float)[:count]
    with np.errstate(invalid="ignore", divide="ignore"):
        centers = [
            np.bincount(flat, weights=positions.ravel(), minlength=count)[:count] / area
            for positions in np.indices(labels.shape)
        ]

    results = []
    for a, b, axis in PLACE_RULES:
        first, second = centers[axis][class_index(a)], centers[axis][class_index(b)]
        is_missing = np.isnan(first + second)
        results.append(np.nan if is_missing else float(first < second))
    for a, b in SIZE_RULES:
        first, second = area[class_index(a)], area[class_index(b)]
        results.append(float(first < second) if first and second else np.nan)
    return np.array(results)


def detect_order(maps: Iterable[np.ndarray], candidates: Iterable[str] = ORDERS) -> DetectedOrder:
    """Detect the order of label maps [H,W] with numbers 0..18 (or 0..19).

    Raises DataError when no order fits plainly.
    """
    maps = list(maps)
    largest = max((int(labels.max()) for labels in maps), default=0)
    results: dict[str, np.ndarray] = {}  # order → [maps, rules]
    scores: dict[str, float] = {}
    for order in candidates:
        class_of_number = np.asarray(ORDERS[order])
        if largest < len(class_of_number):
            kept = np.array([check_rules(class_of_number[labels]) for labels in maps])
            results[order] = kept
            scores[order] = float(np.nan_to_num(kept, nan=MISSING).mean())

    ranked = sorted(scores, key=scores.get, reverse=True)
    is_clear = bool(ranked) and scores[ranked[0]] >= SURE
    if len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < LEAD:
        is_clear = False
    if not is_clear:
        listed = ", ".join(f"{order} {scores[order]:.2f}" for order in ranked)
        raise DataError(
            f"The order of the label maps cannot be told from {len(maps)} of them "
            f"({listed or 'none has so many numbers'}); say it with --labels, one of "
            f"{', '.join(ORDERS)}."
        )

    best = ranked[0]
    sides_kept = np.nanmean(results[best][:, SIDE_RULES]) if len(maps) else 1.0
    return DetectedOrder(best, scores, swapped=bool(sides_kept < 0.2))


def find_other_order(labels: np.ndarray) -> str | None:
    """Return the order, other than ours, whose numbers a map [H,W] plainly holds; else None.

    This is for maps whose colors name their classes, so that much must speak against them.
    """
    step = max(1, max(labels.shape) // LOOK_SIZE)
    try:
        detected = detect_order([labels[::step, ::step]])
    except DataError:  # it cannot be told
        return None
    scores = detected.scores
    is_plain = scores[detected.order] >= max(PLAIN, scores["celebamask"] + PLAIN_LEAD)
    return detected.order if is_plain else None


def rate(labels: np.ndarray) -> float:
    """Return the share of anatomical rules that a map [H,W] in our order keeps, as orders do."""
    step = max(1, max(labels.shape) // LOOK_SIZE)
    return float(np.nan_to_num(check_rules(labels[::step, ::step]), nan=MISSING).mean())


def find_merged(labels: np.ndarray) -> list[str]:
    """Say which parts of a map [H,W] in our order seem to have taken the class of another part.

    Programs that save in few colors give a part the exact color of another one. Then a part lacks
    though the rest of the face is there, or is taller than such parts are.
    """
    area = dict(zip(CLASSES, np.bincount(labels.ravel(), minlength=len(CLASSES)).tolist()))
    lacking = [parts[0] for parts in CORE if not any(area[part] for part in parts)]
    if len(lacking) > len(CORE) - 2:  # too little of a face to miss anything
        lacking = []
    if not area["eye_g"]:
        lacking += [f"{side}_eye" for side in "lr" if _is_eyeless(area, side)]
    found = [f"no {part}" for part in dict.fromkeys(lacking)]
    for part, share in TALLEST.items():
        if (
            area["skin"]
            and area[part]
            and (tall := _spread(labels, part) / _spread(labels)) > share
        ):
            found.append(f"{part} as tall as {tall:.0%} of the skin")
    return found


def _is_eyeless(area: dict[str, int], side: str) -> bool:
    """Whether the brow and the other eye are there, but not the eye of a side, "l" or "r"."""
    other = "r" if side == "l" else "l"
    return bool(area[f"{side}_brow"] and area[f"{other}_eye"] and not area[f"{side}_eye"])


def _spread(labels: np.ndarray, part: str = "skin") -> float:
    """Return the standard deviation of a part's rows, which stray pixels hardly move."""
    counts = (labels == class_index(part)).sum(1)
    rows = np.arange(len(counts))
    mean = np.average(rows, weights=counts)
    return float(np.sqrt(np.average((rows - mean) ** 2, weights=counts))) + 1e-9
