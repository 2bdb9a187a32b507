"""Which order the label maps in files are numbered in, and whether their sides are swapped.

The files are judged by `anatomy`: numbers settle the order; colors name their classes, but those
can still be painted with left and right swapped.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import ORDERS
from gantoolkit.data.anatomy import DetectedOrder, detect_order
from gantoolkit.data.image_files import open_image
from gantoolkit.data.label_maps import decode_label_map

MAX_MAPS = 48  # label maps of a data set that its order is judged by
MOST_NUMBERS = max(map(len, ORDERS.values()))


def detect_order_of_files(paths: Iterable[Path]) -> DetectedOrder | None:
    """Detect the order of the first few label maps; None where colors leave nothing to detect.

    Raises DataError when no order fits the numbers plainly.
    """
    numbers, colors = _read_maps(islice(paths, MAX_MAPS))
    if numbers:
        return detect_order(numbers)
    if not colors:
        return None
    try:
        detected = detect_order(colors)
    except DataError:  # colors name their classes, also where anatomy shows too little
        return None
    return detected if detected.order == "celebamask" else None


def conflicting_order(paths: Iterable[Path], order: str) -> str | None:
    """Return the order that numbered maps plainly have, if it is another than `order`; else None.

    Color maps in another order are refused where they are read.
    """
    numbers, _ = _read_maps(islice(paths, MAX_MAPS))
    if not numbers:
        return None
    try:
        detected = detect_order(numbers)
    except DataError:  # it cannot be told
        return None
    return detected.order if detected.order != order else None


def _read_maps(paths: Iterable[Path]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Read what can be read: (numbered maps, color maps as labels in our order)."""
    numbers = []
    colors = []
    for path in paths:
        try:
            image = open_image(path, _say_nothing)
            labels, are_numbers = decode_label_map(image, path, MOST_NUMBERS, _say_nothing)
        except DataError:
            continue
        (numbers if are_numbers else colors).append(labels)
    return numbers, colors


def _say_nothing(text: str) -> None:
    """Take a note that is said where the file is read for good."""
