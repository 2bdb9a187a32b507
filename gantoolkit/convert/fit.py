"""Whether a part fits the network that its architecture names: which tensors it lacks, which nobody takes."""

from __future__ import annotations

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry import manifest

BUILT = ("generator", "network")  # kinds whose components a file may hold
FILLED = (".noise_const", "num_batches_tracked")  # what may be missing: 0 stands in for it


def fit_to_network(part: Part) -> Part:
    """The part with exactly the tensors of its network. Raises WeightsError where shapes differ or weights lack."""
    kinds = [kind for kind in manifest.load().kinds_of(part.arch.get("type", "")) if kind in BUILT]
    if not kinds or not part.state:
        return part
    import torch

    from gantoolkit.registry.registry import get

    kwargs = {key: value for key, value in part.arch.items() if key != "type"}
    with torch.device("meta"):
        own = get(kinds[0], part.arch["type"])(**kwargs).state_dict()
    state = part.state
    part.unused += sorted(k for k in state.keys() - own.keys() if not k.endswith("resample_filter"))
    lacking = sorted(own.keys() - state.keys())
    part.missing += lacking
    needed = [key for key in lacking if not key.endswith(FILLED)]
    if needed:
        raise WeightsError(f"The {part.kind} lacks {_some(needed)}, so it is not complete.")
    wrong = [key for key in own.keys() & state.keys() if own[key].shape != state[key].shape]
    if wrong:
        key = min(wrong)
        raise WeightsError(
            f"The {part.kind} has {key} of the shape {list(state[key].shape)} where "
            f"{list(own[key].shape)} is expected."
        )
    part.state = {
        key: state[key] if key in state else torch.zeros(own[key].shape, dtype=own[key].dtype)
        for key in own
    }
    return part


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
