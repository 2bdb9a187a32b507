"""Stable Diffusion 1.5 and its ControlNets in one file (the LDM layout) → folders of diffusers."""

from __future__ import annotations

from gantoolkit.convert.source import Source
from gantoolkit.weights.parts import Part


def parts(source: Source) -> list[Part] | None:
    return None
