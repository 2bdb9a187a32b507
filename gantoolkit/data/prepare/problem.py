"""What is wrong with a sample, as problems.jsonl and the page of `data check` say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one sample (or with the whole, name "")."""

    name: str
    problem: str
    file: str = ""
    skipped: bool = False  # the sample is left out
