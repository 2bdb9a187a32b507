"""Scores of finished images.

Every metric streams: sums in one pass, constant memory, exact over processes.
"""

from __future__ import annotations


def __getattr__(name: str):
    if name == "Evaluator":
        from gantoolkit.metrics.evaluator import Evaluator

        return Evaluator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
