"""What a value of a config may be: the type that an annotation says, finite, and within the range of its name."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from typing import Any

PLAIN = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "str": str,
    "dict": dict,
    "tuple": (list, tuple),
    "list": (list, tuple),
}
MAX_SEED = 2**32 - 1  # of torch generators that this project makes
RATES = ("lr", "lr_modulation", "lr_discriminator", "lr_text")
RANGES = {  # the last part of a key → what its numbers should be, wherever a component takes them
    **dict.fromkeys(RATES, ("above 0", lambda v: v > 0)),
    **dict.fromkeys(
        ("mapping_fraction", "drop_prompt_prob"), ("from 0 to 1", lambda v: 0 <= v <= 1)
    ),
    "held_out": (  # samples, or a share of the people
        "a number of samples or a share from 0 to 1",
        lambda v: v >= 0 and (isinstance(v, int) or v <= 1),
    ),
    "ema": ("from 0 to below 1", lambda v: 0 <= v < 1),
    "steps": ("from 1 to 1000", lambda v: 1 <= v <= 1000),  # of denoising
    **dict.fromkeys(
        ("batch", "accumulate", "log_every", "save_every", "score_after_steps"),
        ("at least 1", lambda v: v >= 1),
    ),
    **dict.fromkeys(("iterations", "warmup", "max_gb"), ("0 or more", lambda v: v >= 0)),
    "seed": ("from 0 to 4294967295", lambda v: 0 <= v < 2**32),
    **dict.fromkeys(
        ("train_limit", "val_limit", "validate_limit"), ("at least 1", lambda v: v >= 1)
    ),
}


def wanted(name: str, value: Any, annotation: str) -> str:
    """What a value called `name` should be instead, in words; "" where it is right."""
    if annotation and not _fits(value, ast.parse(annotation, mode="eval").body):
        if choices := re.fullmatch(r"Literal\[(.+)\]", annotation):
            return f"one of {choices.group(1).replace(chr(34), chr(39))}"
        listed = re.sub(
            r"(?:tuple|list|Sequence)\[(.+?)(?:, \.\.\.)?\]", r"a list of \1", annotation
        )
        return listed.replace("dict", "a dict").replace("|", "or")
    if not all(-math.inf < number < math.inf for number in _numbers(value)):
        return "finite"
    words, fits = RANGES.get(name, ("", bool))
    return words if words and not all(map(fits, _numbers(value))) else ""


def _fits(value: Any, annotation: ast.expr) -> bool:
    """Whether a value of a config is what an annotation says; what is no plain type is not judged."""
    match annotation:
        case ast.BinOp(left=left, right=right):
            return _fits(value, left) or _fits(value, right)
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) if name in PLAIN:
            return isinstance(value, PLAIN[name]) and (
                name == "bool" or not isinstance(value, bool)
            )
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return value in [
                one.value for one in (inner.elts if isinstance(inner, ast.Tuple) else [inner])
            ]
        case ast.Subscript(value=ast.Name(id="dict")):
            return isinstance(value, dict)
        case ast.Subscript(value=ast.Name(id="tuple" | "list" | "Sequence"), slice=inner):
            if not isinstance(value, (list, tuple)):
                return False
            kinds = inner.elts if isinstance(inner, ast.Tuple) else [inner, ast.Constant(...)]
            if isinstance(kinds[-1], ast.Constant) and kinds[-1].value is ...:
                kinds = kinds[:1] * len(value)
            return len(value) == len(kinds) and all(map(_fits, value, kinds))
    return True


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value, booleans excepted."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
