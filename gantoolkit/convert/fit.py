"""Whether a part fits its network: which tensors are missing, unused or of another shape."""

from __future__ import annotations

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry import manifest
from gantoolkit.weights.state_dict import (
    check_finite,
    check_fractions,
    compare_state_dicts,
    shorten,
)

BUILT = ("generator", "network")  # kinds of components that a file may hold
OPTIONAL = (".noise_const", "num_batches_tracked")  # endings of what may be missing: filled with 0
MASK = "attn_mask"  # ending of OpenCLIP's constant causal mask
CONSTANT = "resample_filter"  # ending of filters that are the same everywhere


def fit_to_network(part: Part) -> Part:
    """Reduce the part to exactly the tensors of its network.

    Raises WeightsError where shapes differ, weights are missing, or numbers are not finite.
    """
    kinds = [kind for kind in manifest.load().kinds_of(part.arch.get("type", "")) if kind in BUILT]
    if not kinds or not part.state:
        check_numbers(part)
        return part
    import torch

    from gantoolkit.registry.registry import get

    arguments = {key: value for key, value in part.arch.items() if key != "type"}
    with torch.device("meta"):
        expected = get(kinds[0], part.arch["type"])(**arguments).state_dict()

    diff = compare_state_dicts(part.state, expected)
    part.unused += [key for key in diff.unexpected if not key.endswith(CONSTANT)]
    part.missing += diff.missing
    needed = [key for key in diff.missing if not key.endswith(OPTIONAL)]
    if needed:
        raise WeightsError(f"The {part.kind} lacks {shorten(needed)}, so it is not complete.")
    if diff.mismatched:
        key = diff.mismatched[0]
        raise WeightsError(
            f"The {part.kind} has {key} of the shape {list(part.state[key].shape)} where "
            f"{list(expected[key].shape)} is expected."
        )

    state = {}
    for key, like in expected.items():
        if key in part.state:
            state[key] = part.state[key]
        else:
            state[key] = torch.zeros(like.shape, dtype=like.dtype)
    part.state = state
    check_numbers(part)
    check_fractions(state, expected, f"The {part.kind}")
    return part


def check_numbers(part: Part) -> None:
    """Refuse a part whose numbers are not finite; attention masks may hold −inf."""
    numbers = {key: value for key, value in part.state.items() if not key.endswith(MASK)}
    check_finite(numbers, f"The {part.kind}")
