"""What is wrong with a sample, as problems.jsonl and the page of `gantoolkit data check` say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one sample, or with the whole data set."""

    name: str  # of the sample; "" for the whole
    problem: str
    file: str = ""
    skipped: bool = False  # the sample is left out
