"""What speaks against a label map that could be read: soft edges, noise, a missing face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from gantoolkit.core.labels import CLASSES, ORDERS, PALETTE
from gantoolkit.data.anatomy import SIDE_RULES, check_rules, find_merged

Color = tuple[int, int, int]  # RGB 0..255
LOOK_SIZE = 128  # pixels of the longer side at which an image is looked at
PART_AREAS = 0.05  # least share of a label map's pixels that lie inside of parts
FLAT_AREAS = 0.45  # least share of a label map's pixels that lie inside of parts or background
CONTRAST = 48  # of 255, least between ink and paper; numbered grays of labels 0 and 1 lie closer
FIRM_RUN = 4  # pixels in a row from which a label is a part rather than an edge
FEWEST_EDGES = 24  # between parts of distant numbers, to judge edges by
SOFT_EDGES = 0.35  # share of edges that pass through numbers between those of the two parts
SPECKS = 0.12  # share of edge pixels that differ from all four neighbors
FEWEST_SPECKS = 32  # pixels
FEW_SPECKS = 0.006  # share of edge pixels that JPEG of the best quality leaves, hands do not
SMALLEST_SIDE = 256  # pixels from which so few specks say something; below, hair ends in some
NOISE = 0.2  # share of all pixels that differ from all four neighbors
FEWEST_RULES = 8  # of anatomy that can be judged
LIKELY = 0.6  # share of them that a face keeps
SWAPPED = "has left and right swapped: l_* parts, the person's left, lie on the left of the picture"
FACE_PARTS = ("skin", "nose", "l_eye", "r_eye", "mouth", "u_lip", "l_lip")


def explain_not_label_map(image: Image.Image) -> str:
    """Say what an image of one bit or with a palette is if it is not a label map; else ""."""
    if image.mode not in ("1", "P"):
        return ""
    counted = cast(list[tuple[int, Color]], image.convert("RGB").getcolors(256))
    colors = [color for _, color in counted]
    is_ink_on_paper = _is_dark_and_light(colors) and np.asarray(image).max() == 1
    if image.mode == "1" or is_ink_on_paper:
        return "is only dark and light, a drawing or the mask of one part"
    if set(colors) <= set(PALETTE) or min(image.size) < LOOK_SIZE // 4:
        return ""

    small = image.copy()
    small.thumbnail((LOOK_SIZE, LOOK_SIZE), Image.Resampling.NEAREST)
    indices = np.asarray(small)
    is_flat = minimum_filter(indices, 3) == maximum_filter(indices, 3)
    if min(small.size) >= LOOK_SIZE // 2 and is_flat.mean() < FLAT_AREAS:
        return "has few flat areas, as a photo in few colors"
    background = np.bincount(indices.flat).argmax()
    is_part = is_flat & (indices != background)
    if is_part.mean() < PART_AREAS:
        return "holds lines or specks on a plain ground, as a drawing in few colors"
    return ""


def _is_dark_and_light(colors: Sequence[Color]) -> bool:
    """Whether these are two grays, as ink and paper are."""
    grays = sorted(red for red, green, blue in colors if red == green == blue)
    return len(colors) == len(grays) == 2 and grays[1] - grays[0] > CONTRAST


def has_invented_numbers(values: np.ndarray) -> bool:
    """Whether numbers [H,W] were resized smoothly or saved as JPEG, which makes up classes.

    Edges between parts then pass through the numbers between them, or are ringed by specks. Noise
    without parts is not meant.
    """
    soft, edges = _count_edges(values)
    if edges >= FEWEST_EDGES and soft > SOFT_EDGES * edges:
        return True
    is_speck, is_edge = _find_specks(values)
    specks = int(is_speck.sum())
    is_noise = specks > NOISE * values.size
    return not is_noise and FEWEST_SPECKS < specks > SPECKS * is_edge.sum()


def _count_edges(values: np.ndarray) -> tuple[int, int]:
    """Count edges between parts of numbers at least 3 apart: (those with numbers between, all)."""
    soft = 0
    edges = 0
    for lines in (values, values.T):
        flat = np.pad(lines.astype(np.int64), ((0, 0), (0, 1)), constant_values=-1000).ravel()
        starts = np.flatnonzero(np.diff(flat, prepend=-2000))
        numbers = flat[starts]
        lengths = np.diff(starts, append=len(flat))
        firm = np.flatnonzero((lengths >= FIRM_RUN) | (numbers < 0))
        rising = np.concatenate([[0], np.cumsum(np.diff(numbers) > 0)])
        between = np.diff(firm)
        steps_up = np.diff(rising[firm])
        first, last = numbers[firm[:-1]], numbers[firm[1:]]
        is_edge = (first >= 0) & (last >= 0) & (abs(first - last) >= 3)
        is_monotone = (steps_up == between) | (steps_up == 0)
        edges += int((is_edge & ((between == 1) | is_monotone)).sum())
        soft += int((is_edge & (between > 1) & is_monotone).sum())
    return soft, edges


def _find_specks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find pixels [H,W] that differ from all four neighbors, and those that differ from any."""
    padded = np.pad(values.astype(np.int64), 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    neighbors = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    differs = np.stack([side != middle for side in neighbors])
    return differs.all(0), differs.any(0)


def find_doubts(labels: np.ndarray, from_colors: bool = True) -> list[str]:
    """Say in what a map [H,W] in our order, though it can be read, hardly is one of a face.

    from_colors  whether it was read from colors, of which saving in few may have merged some
    """
    is_speck, is_edge = _find_specks(labels)
    specks = int(is_speck.sum())
    if specks > NOISE * labels.size:
        return ["looks like noise: many of its pixels differ from all their neighbors"]
    doubts = []
    if min(labels.shape) >= SMALLEST_SIDE and specks > max(20, FEW_SPECKS * is_edge.sum()):
        doubts.append(f"holds {specks} single pixels of other classes, as JPEG leaves them")
    if labels.all():
        doubts.append("has no background")
    kept = check_rules(labels)
    sides = kept[SIDE_RULES]
    if (sides == 0).all():
        doubts.append(SWAPPED)
    visible = int((~np.isnan(kept)).sum())
    if visible >= FEWEST_RULES and np.nanmean(kept) < LIKELY:
        doubts.append(
            f"hardly is a face: it keeps {np.nanmean(kept):.0%} of {visible} rules of anatomy"
        )
    if from_colors and (merged := find_merged(labels)):
        doubts.append(
            f"has {', '.join(merged)}, as where saving in few colors merged parts; if so, save it "
            "again from the original"
        )
    present = [CLASSES[label] for label in np.unique(labels).tolist() if label]
    if not present or set(present) & set(FACE_PARTS):
        return doubts
    doubt = f"holds no part of a face, only {', '.join(present)}"
    if present == ["neck"]:
        bisenet = ORDERS["bisenet"].index(CLASSES.index("hair"))
        doubt += f" (the number {bisenet}, which is hair in BiSeNet's order: --labels bisenet)"
    return [*doubts, doubt]
