"""Labelled synthetic portraits: heads with label maps, cameras, depth, scribbles and captions."""

from __future__ import annotations

__all__ = ["RANGES", "render_sample", "write_zip"]


def __getattr__(name):
    """Load the renderer only when it is asked for."""
    if name == "render_sample":
        from gantoolkit_annyfaces.render import render_sample

        return render_sample
    if name == "write_zip":
        from gantoolkit_annyfaces.archive import write_zip

        return write_zip
    if name == "RANGES":
        from gantoolkit_annyfaces.identities import RANGES

        return RANGES
    raise AttributeError(f"module 'gantoolkit_annyfaces' has no attribute '{name}'")
