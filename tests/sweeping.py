"""The driver of sweeps: many made inputs through a reader, each the right value or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantoolkit.core.errors import GantoolkitError

PAGE = Path(__file__).parents[1] / "docs/robustness.md"
REFUSED = object()  # in place of a right value


def differ(value: Any, right: Any) -> str:
    """Say in what a value is not the right one; "" if it is."""
    return "" if value == right else f"{value!r:.80}, not {right!r:.80}"


@dataclass
class Made:
    """One input: how it is written, and what must come of it."""

    kind: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    right: Any = REFUSED
    line: int = 0  # that a refusal must name; 0: none
    name: str = "given"  # of the file
    differ: Callable[[Any, Any], str] = differ  # of the value and the right one


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
    return made.differ(value, made.right)


def sweep(inputs: Iterable[Made], folder: Path, row: str = "") -> None:
    """Fail with all faults; at least half of the inputs must have a right value.

    row  of the table of docs/robustness.md, which says how many inputs and right values there are;
         "": they are counted elsewhere
    """
    faults = []
    right = []
    for number, made in enumerate(inputs):
        place = folder / str(number)
        place.mkdir()
        if fault := find_fault(made, place / made.name):
            faults.append(f"{number}, {made.kind}: {fault}")
        right.append(made.right is not REFUSED)
    assert not faults, "\n".join(faults)
    assert 2 * sum(right) >= len(right)
    if row:
        assert f"| {row} | {len(right)} | {sum(right)} |" in PAGE.read_text(encoding="utf-8")
