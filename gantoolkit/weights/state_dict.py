"""How a state dict differs from the one that a network expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gantoolkit.core.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

Value = TypeVar("Value")


@dataclass(frozen=True)
class StateDictDiff:
    """Names of the tensors that do not fit; an empty difference is false."""

    missing: list[str]  # expected, but not given
    unexpected: list[str]  # given, but not expected
    mismatched: list[str]  # of another shape than expected

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        """Say what is wrong, to be read after "it"."""
        problems = []
        if self.missing:
            problems.append(f"lacks {shorten(self.missing)}")
        if self.unexpected:
            problems.append(f"has unexpected {shorten(self.unexpected)}")
        if self.mismatched:
            problems.append(f"has tensors of another shape: {shorten(self.mismatched)}")
        return "; it ".join(problems)


def compare_state_dicts(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> StateDictDiff:
    """Compare names and shapes of a state dict with the `expected` ones; names come sorted.

    >>> import torch
    >>> expected = torch.nn.Linear(2, 3).state_dict()
    >>> print(compare_state_dicts({"weight": torch.zeros(3, 4), "gain": torch.ones(1)}, expected))
    lacks bias; it has unexpected gain; it has tensors of another shape: weight
    """
    common = sorted(state.keys() & expected.keys())
    return StateDictDiff(
        missing=sorted(expected.keys() - state.keys()),
        unexpected=sorted(state.keys() - expected.keys()),
        mismatched=[key for key in common if state[key].shape != expected[key].shape],
    )


def load_state_dict(
    network: nn.Module, state: Mapping[str, Tensor], source: object, assign: bool = False
) -> None:
    """Copy `state` into a network; every loader of a frozen network ends here.

    Raises WeightsError unless every tensor fits and all its numbers are finite.

    source  the file, as errors name it
    assign  take the tensors themselves instead of copying them
    """
    expected = network.state_dict()
    if diff := compare_state_dicts(state, expected):
        raise WeightsError(f"{source} does not fit {type(network).__name__}: it {diff}.")
    check_finite(state, source)
    check_fractions(state, expected, source)
    network.load_state_dict(state, assign=assign)


def check_finite(state: Mapping[str, Tensor], source: object) -> None:
    """Raise WeightsError, by name, where tensors hold NaN or infinite numbers.

    >>> import torch
    >>> state = {"weight": torch.tensor([1.0, float("nan")])}
    >>> check_finite(state, "a.safetensors")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    gantoolkit.core.errors.WeightsError: a.safetensors holds NaN or infinite numbers in weight; ...
    """
    broken = sorted(key for key, value in state.items() if not _is_finite(value))
    if broken:
        raise WeightsError(
            f"{source} holds NaN or infinite numbers in {shorten(broken)}; fetch or train it again."
        )


def check_fractions(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: object
) -> None:
    """Raise WeightsError, by name, where tensors hold whole numbers in place of fractions."""
    broken = sorted(
        key
        for key, value in state.items()
        if expected[key].is_floating_point() and not value.is_floating_point()
    )
    if broken:
        raise WeightsError(
            f"{source} holds whole numbers in {shorten(broken)}, as quantized weights do; give the "
            "file of 16 or 32 bit floats."
        )


def _is_finite(value: Tensor) -> bool:
    """Whether all numbers are finite; tensors without values (meta device) count as such."""
    if value.is_meta or not (value.is_floating_point() or value.is_complex()):
        return True
    if value.element_size() == 1:  # float8 has no isfinite
        value = value.float()
    return bool(value.isfinite().all())


def below(state: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """Return the entries below a module, without its prefix.

    >>> below({"encoder.fc.bias": 1, "decoder.fc.bias": 2}, "encoder.")
    {'fc.bias': 1}
    """
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def shorten(names: Sequence[str], most: int = 3) -> str:
    """List up to `most` names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
