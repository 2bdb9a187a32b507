"""The driver of sweeps: many made inputs through a reader, each the right value or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantoolkit.core.errors import GantoolkitError

PAGE = Path(__file__).parents[1] / "docs/robustness.md"
REFUSED = object()  # in place of a right value


@dataclass
class Made:
    """One input: how it is written, and what must come of it."""

    kind: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    right: Any = REFUSED
    line: int = 0  # that a refusal must name; 0: none


def find_fault(made: Made, path: Path) -> str:
    """Say what is wrong with how an input is read; "" if nothing is. A traceback is a fault."""
    made.write(path)
    try:
        value = made.read(path)
    except GantoolkitError as error:
        text = str(error)
        if path.name not in text or "\n" in text or not text.endswith("."):
            return f"no sentence that names the file: {text}"
        if made.line and f"line {made.line}" not in text:
            return f"line {made.line} is not named: {text}"
        return "" if made.right is REFUSED else f"refused: {text}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if made.right is REFUSED:
        return f"accepted as {value!r:.80}"
    return "" if value == made.right else f"{value!r:.80}, not {made.right!r:.80}"


def sweep(inputs: Iterable[Made], folder: Path, row: str) -> None:
    """Fail with all faults; at least half of the inputs must have a right value.

    row  of the table of docs/robustness.md, which says how many inputs and right values there are
    """
    faults = []
    right = []
    for number, made in enumerate(inputs):
        place = folder / str(number)
        place.mkdir()
        if fault := find_fault(made, place / "given"):
            faults.append(f"{number}, {made.kind}: {fault}")
        right.append(made.right is not REFUSED)
    assert not faults, "\n".join(faults)
    assert 2 * sum(right) >= len(right)
    assert f"| {row} | {len(right)} | {sum(right)} |" in PAGE.read_text(encoding="utf-8")
