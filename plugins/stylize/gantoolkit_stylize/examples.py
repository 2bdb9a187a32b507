"""Arguments with which `gantoolkit plugin check` builds the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

SIDE = 64  # of the style reference, in pixels


def stylize(folder: Path) -> dict[str, Any]:
    """Write a style reference, a gradient of gray, to `folder`; returns arguments of `Stylize`."""
    style = folder / "style.png"
    Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(style)
    return {"style": str(style), "inversion": {"steps": 2}}
