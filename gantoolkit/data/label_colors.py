"""Label maps in colors: exact, in another channel order, slightly off, or with soft edges.

Colors decide where they are those of CelebAMask-HQ (or of PASCAL VOC's palette, in indexed images).
Mixed colors on the edges of parts are no classes of their own: they are given to the neighbor that
they resemble most. Areas in foreign colors are refused.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES, PALETTE
from gantoolkit.data.anatomy import rate
from gantoolkit.data.image_files import Note
from gantoolkit.data.label_quantized import check_not_merged

NEAR = 25.0  # RGB distance up to which a pixel counts as a color of the palette
SURE = 0.9  # share of pixels that must be that near
SAME = 3.0  # RGB distance up to which a color is that of the palette but for rounding
FOREIGN = 0.002  # share of pixels that may lie inside of areas in foreign colors
SOFT = 0.11  # share of pixels that may be mixed
RIM = 7  # pixels of the square around a soft edge in which the parts lie that it mixes
WIDE_RIM = 13  # the same where parts are thin, to find out which colors are mixed
CHANNEL_ORDERS = tuple(permutations(range(3)))[:0:-1]  # BGR first, without RGB
LOOK_SIZE = 128  # pixels of the longer side at which channel orders are compared
LEAD = 0.08  # share of anatomical rules by which one reading must lead over another


def voc_palette(count: int = 256) -> np.ndarray:
    """Compute PASCAL VOC's palette [count,3], which labeling tools write into indexed images.

    >>> voc_palette(3).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    index = np.arange(count)
    colors = np.zeros((count, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = index >> (3 * bit + channel) & 1
            colors[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return colors


def match_exact_colors(colors: np.ndarray, palette=PALETTE) -> np.ndarray | None:
    """Find the labels of an image [H,W,3] that holds only colors of the palette; else None."""
    known = _color_codes(np.asarray(palette))
    order = np.argsort(known)
    codes = _color_codes(colors)
    position = np.searchsorted(known[order], codes)
    labels = order[np.clip(position, 0, len(known) - 1)]
    is_exact = (known[labels] == codes).all()
    return labels.astype(np.uint8) if is_exact else None


def read_colors(colors: np.ndarray, path: str | Path, note: Note) -> np.ndarray:
    """Find the labels [H,W] uint8 of an image [H,W,3] uint8 in colors of CelebAMask-HQ.

    path  named in errors
    note  is told the channel order and repairs

    Raises DataError where too many pixels are far from every color, or areas are.
    """
    labels = match_exact_colors(colors)
    if labels is not None:
        _check_ambiguous(colors, labels, path)
        return labels
    for order in CHANNEL_ORDERS:
        labels = match_exact_colors(colors[..., order])
        if labels is not None:
            note(f"{path} has the colors of CelebAMask-HQ in the order {_name(order)}; so read.")
            return labels

    best, order = _least_far(colors)
    _check_far(best, colors, path)
    if order is not None:
        note(f"{path} has the colors of CelebAMask-HQ in the order {_name(order)}; so read.")
        colors = colors[..., order]
    return _repair_edges(colors, path, note)


def guess_labels(colors: np.ndarray) -> np.ndarray | None:
    """Guess the labels of a small view [H,W,3] of an image by nearest colors; None if many are far.

    This is for telling label maps from drawings, not for reading them.
    """
    labels, distance = _nearest_colors(colors)
    far = distance > NEAR
    if far.mean() > 1 - SURE:
        return None
    return labels[tuple(distance_transform_edt(far, return_distances=False, return_indices=True))]


def _color_codes(colors: np.ndarray) -> np.ndarray:
    """Encode RGB [...,3] as one integer per color."""
    red, green, blue = np.moveaxis(colors.astype(np.int64), -1, 0)
    return red * 65536 + green * 256 + blue


def _name(order: tuple[int, ...]) -> str:
    """Name a channel order: of the file's channels, by what they hold."""
    names = [""] * 3
    for meaning, channel in enumerate(order):
        names[channel] = "RGB"[meaning]
    return "".join(names)


def _check_ambiguous(colors: np.ndarray, labels: np.ndarray, path: str | Path) -> None:
    """Refuse a map whose colors make a likelier face in another channel order.

    The colors of skin and hair change places between RGB and BGR, so that a map of few parts can be
    read in both.
    """
    for order in CHANNEL_ORDERS:
        others = match_exact_colors(colors[..., order])
        if others is None or np.array_equal(others, labels):
            continue
        if rate(others) > rate(labels) + LEAD or _is_skin_above_hair(labels):
            raise DataError(
                f"{path} has colors of CelebAMask-HQ both as RGB and as {_name(order)}, and "
                "anatomy rather fits the latter; save it as RGB, or as gray numbers 0 to 18."
            )


def _is_skin_above_hair(labels: np.ndarray) -> bool:
    """Whether the topmost skin of a map [H,W] lies plainly above its topmost hair."""
    tops = []
    for part in ("skin", "hair"):
        rows = np.flatnonzero((labels == CLASSES.index(part)).any(1))
        if not len(rows):
            return False
        tops.append(rows[0])
    return bool(tops[0] < tops[1] - 0.02 * len(labels))


def _nearest_colors(colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (nearest label [H,W] uint8, its RGB distance [H,W]) of an image [H,W,3]."""
    codes, inverse = np.unique(_color_codes(colors), return_inverse=True)
    distinct = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(float)
    palette = np.asarray(PALETTE, float)
    distances = np.linalg.norm(distinct[:, None] - palette[None], axis=2)
    shape = colors.shape[:2]
    labels = distances.argmin(1).astype(np.uint8)[inverse].reshape(shape)
    return labels, distances.min(1)[inverse].reshape(shape)


def _least_far(colors: np.ndarray) -> tuple[np.ndarray, tuple[int, ...] | None]:
    """Return (which pixels [H,W] are far, channel order) of the order with the fewest; None: RGB.

    RGB is kept where few enough pixels are far, and no areas are.
    """
    far = _nearest_colors(colors)[1] > NEAR
    if far.mean() <= 1 - SURE and (far & _is_flat(colors)).mean() <= FOREIGN:
        return far, None
    step = max(1, max(far.shape) // LOOK_SIZE)
    small = colors[::step, ::step]
    shares = [(_nearest_colors(small[..., order])[1] > NEAR).mean() for order in CHANNEL_ORDERS]
    if min(shares) > 1.5 * (1 - SURE) or min(shares) >= far.mean():
        return far, None
    best = CHANNEL_ORDERS[int(np.argmin(shares))]
    return _nearest_colors(colors[..., best])[1] > NEAR, best


def _is_flat(colors: np.ndarray) -> np.ndarray:
    """Whether pixels [H,W] and their eight neighbors have nearly one color."""
    window = (3, 3, 1)
    span = maximum_filter(colors, window).astype(int) - minimum_filter(colors, window)
    return (span <= 8).all(2)


def _check_far(far: np.ndarray, colors: np.ndarray, path: str | Path) -> None:
    """Refuse an image with too many pixels [H,W] far from every color, or with areas of them."""
    remedy = "give a label map with numbers 0 to 18 or those colors."
    if far.mean() > 1 - SURE:
        raise DataError(
            f"{path} is a photo or uses another palette: {far.mean():.0%} of its pixels are not "
            f"a color of CelebAMask-HQ; {remedy}"
        )
    foreign = far & _is_flat(colors)
    if foreign.mean() > FOREIGN:
        color = np.median(colors[foreign], axis=0).astype(int).tolist()
        raise DataError(
            f"{path} has areas in colors that are not of CelebAMask-HQ, such as {tuple(color)}, "
            f"perhaps because it was saved in few colors; {remedy}"
        )


def _repair_edges(colors: np.ndarray, path: str | Path, note: Note) -> np.ndarray:
    """Find labels by the nearest color; mixed colors on edges take that of a part beside them."""
    nearest, distance = _nearest_colors(colors)
    check_not_merged(colors, nearest, distance, NEAR, path)
    if distance.max() <= NEAR:
        note(f"{path} has colors slightly off those of CelebAMask-HQ; the nearest ones are taken.")
        return nearest
    firm = _find_firm(nearest, distance)
    soft_share = float((~firm).mean())
    if soft_share > SOFT:
        raise DataError(
            f"{path} has mixed colors in {soft_share:.0%} of its pixels, too many to tell small "
            "parts from edges; save the label map as PNG, resized by nearest neighbor."
        )

    # Of the parts around a soft pixel, the one with the nearest color.
    labels = nearest[
        tuple(distance_transform_edt(~firm, return_distances=False, return_indices=True))
    ]
    smallest = np.full(labels.shape, np.inf)
    for label in np.unique(nearest[firm]).tolist():
        is_around = maximum_filter(firm & (nearest == label), RIM)
        to_color = np.linalg.norm(colors.astype(np.float32) - PALETTE[label], axis=2)
        is_better = is_around & ~firm & (to_color < smallest)
        labels[is_better] = label
        smallest[is_better] = to_color[is_better]

    lost = set(np.unique(nearest[distance <= NEAR]).tolist()) - set(np.unique(labels).tolist())
    names = ", ".join(CLASSES[label] for label in sorted(lost))
    also = f"; thin traces of {names} were taken for mixed colors" if lost else ""
    note(
        f"{path} has colors beside those of CelebAMask-HQ, as after smooth resizing or JPEG; "
        f"{soft_share:.1%} of its pixels were given to a neighboring part{also}."
    )
    return labels


def _find_firm(nearest: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Find the pixels [H,W] that surely are of their nearest color, rather than a mix of two.

    These are the inner ones of an area, and those on its edge that are as near to their color, but
    not where it lies between the colors of two parts around. A part without inner pixels counts
    only where colors are exact, as JPEG's are not.
    """
    near = distance <= NEAR
    is_inner = near & (minimum_filter(nearest, 3) == maximum_filter(nearest, 3))
    if not is_inner.any():
        return is_inner
    usual = float(np.quantile(distance[is_inner], 0.9))
    firm = is_inner | (distance <= 1.5 * usual + SAME)
    if usual > SAME:
        firm &= np.isin(nearest, np.unique(nearest[is_inner]))

    around = {
        label: maximum_filter(is_inner & (nearest == label), WIDE_RIM)
        for label in np.unique(nearest[is_inner]).tolist()
    }
    for between, first, last in _collinear_classes():
        if first in around and last in around:
            is_mix = around[first] & around[last] & (nearest == between) & ~is_inner
            firm &= ~(is_mix & ~around.get(between, np.False_))
    return firm


@lru_cache
def _collinear_classes() -> list[tuple[int, int, int]]:
    """List (between, first, last) where a class's color is nearly a mix of two others."""
    palette = np.asarray(PALETTE, float)
    found = []
    for first, last in combinations(range(len(palette)), 2):
        way = palette[last] - palette[first]
        share = np.clip((palette - palette[first]) @ way / (way @ way), 0, 1)
        off = np.linalg.norm(palette[first] + share[:, None] * way - palette, axis=1)
        for between in np.flatnonzero(off <= NEAR).tolist():
            if between not in (first, last):
                found.append((between, first, last))
    return found
