"""Which values a config key takes: of the annotated type, and in the range of its name."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gantoolkit.core.errors import UsageError
from gantoolkit.core.limits import MAX_SEED

PLAIN_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "str": str,
    "dict": dict,
    "tuple": (list, tuple),
    "list": (list, tuple),
}
MAX_WIDTH = 2**15  # channels; published networks have 2,048 at most
RATES = ("lr", "lr_modulation", "lr_discriminator", "lr_text")


class Range(NamedTuple):
    """What the numbers of a key should be: in words, and as a test."""

    words: str
    contains: Callable[[float], bool]


POSITIVE = Range("above 0", lambda v: v > 0)
NOT_NEGATIVE = Range("0 or more", lambda v: v >= 0)
AT_LEAST_ONE = Range("at least 1", lambda v: v >= 1)
FRACTION = Range("from 0 to 1", lambda v: 0 <= v <= 1)
WIDTH = Range(f"from 1 to {MAX_WIDTH}", lambda v: 1 <= v <= MAX_WIDTH)

RANGES: dict[str, Range] = {  # by the last part of a key, wherever a component takes it
    **dict.fromkeys(RATES, POSITIVE),
    "mapping_fraction": FRACTION,
    "drop_prompt_prob": FRACTION,
    "held_out": Range(  # samples, or a share of the people
        "a number of samples or a share from 0 to 1",
        lambda v: v >= 0 and (isinstance(v, int) or v <= 1),
    ),
    "ema": Range("from 0 to below 1", lambda v: 0 <= v < 1),
    "steps": Range("from 1 to 1000", lambda v: 1 <= v <= 1000),  # of denoising
    "score_after_steps": AT_LEAST_ONE,
    "width": WIDTH,
    "widths": WIDTH,
    "loss_size": AT_LEAST_ONE,
    "score_size": AT_LEAST_ONE,
    "batch": AT_LEAST_ONE,
    "accumulate": AT_LEAST_ONE,
    "log_every": AT_LEAST_ONE,
    "save_every": AT_LEAST_ONE,
    "train_limit": AT_LEAST_ONE,
    "val_limit": AT_LEAST_ONE,
    "validate_limit": AT_LEAST_ONE,
    "iterations": NOT_NEGATIVE,
    "warmup": NOT_NEGATIVE,
    "max_gb": NOT_NEGATIVE,
    "seed": Range(f"from 0 to {MAX_SEED}", lambda v: 0 <= v <= MAX_SEED),
}


def expected(name: str, value: Any, annotation: str) -> str:
    """Say what a value called `name` should be instead; "" where it is right.

    >>> expected("lr", -1.0, "float")
    'above 0'
    >>> expected("betas", [0.9], "tuple[float, float]")
    'a list of float, float'
    """
    if annotation and not _fits(value, ast.parse(annotation, mode="eval").body):
        return _in_words(annotation)
    numbers = list(_numbers(value))
    if not all(-math.inf < number < math.inf for number in numbers):
        return "finite"
    allowed = RANGES.get(name)
    if allowed and not all(map(allowed.contains, numbers)):
        return allowed.words
    return ""


def check_value(key: str, value: Any, annotation: str, provenance: dict[str, str]) -> None:
    """Raise UsageError unless the value of a dotted key is what `expected` allows.

    provenance  dotted key → where its value comes from
    """
    last = key.rpartition(".")[2]
    if wish := expected(last, value, annotation):
        raise UsageError(f"{key} should be {wish}, not {value!r} ({source(key, provenance)}).")


def source(key: str, provenance: dict[str, str]) -> str:
    """Say where a key, or a key below it, was set."""
    for known, where in provenance.items():
        if known == key or known.startswith(f"{key}."):
            return where
    return "config"


def _in_words(annotation: str) -> str:
    """What an annotation asks for."""
    choices = re.fullmatch(r"Literal\[(.+)\]", annotation)
    if choices:
        return "one of " + choices[1].replace('"', "'")
    sequence = r"(?:tuple|list|Sequence)\[(.+?)(?:, \.\.\.)?\]"
    words = re.sub(sequence, r"a list of \1", annotation)
    return words.replace("dict", "a dict").replace("|", "or")


def _fits(value: Any, annotation: ast.expr) -> bool:
    """Whether a value is of an annotated type; types other than plain ones are not judged."""
    match annotation:
        case ast.BinOp(left=left, right=right):
            return _fits(value, left) or _fits(value, right)
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) if name in PLAIN_TYPES:
            if isinstance(value, bool):
                return name == "bool"
            return isinstance(value, PLAIN_TYPES[name])
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return value in [element.value for element in _elements(inner)]
        case ast.Subscript(value=ast.Name(id="dict")):
            return isinstance(value, dict)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=inner):
            return isinstance(value, (list, tuple)) and _elements_fit(value, _elements(inner))
        case ast.Subscript(value=ast.Name(id="list" | "Sequence"), slice=inner):
            return isinstance(value, (list, tuple)) and all(_fits(one, inner) for one in value)
    return True


def _elements(inner: ast.expr) -> list[ast.expr]:
    """What stands between the brackets of an annotation."""
    return inner.elts if isinstance(inner, ast.Tuple) else [inner]


def _elements_fit(value: list | tuple, types: list[ast.expr]) -> bool:
    """Whether the elements of a list are those of tuple[A, B] or tuple[A, ...]."""
    any_length = len(types) == 2 and ast.unparse(types[1]) == "..."
    if any_length:
        return all(_fits(one, types[0]) for one in value)
    return len(value) == len(types) and all(map(_fits, value, types))


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value; booleans are not numbers."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
