"""Masks that the tests of `generate` draw from."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("b.png", "a.png", "a.webp"):
        labels = np.zeros((32, 32), np.uint8)
        labels[8:24, 8:24], labels[12:14, 12:14] = 1, 5
        Image.fromarray(labels).save(folder / name, lossless=True)
    return folder
