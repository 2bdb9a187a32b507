"""Going on with parts of a trained network while the others stay as they are."""

from __future__ import annotations

from torch import nn

from gantoolkit.core.errors import UsageError


def learn_only(network: nn.Module, only: list[str] | None) -> list[nn.Module]:
    """Let the children named in `only` learn (None or empty: all of them); returns those that stay as they are.

    UsageError for a name that is no child of the network.
    """
    parts = dict(network.named_children())
    if unknown := set(only or ()) - set(parts):
        raise UsageError(
            f"{type(network).__name__} has no part '{sorted(unknown)[0]}'; its parts are "
            f"{', '.join(parts)}."
        )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not only or name.split(".")[0] in only)
    return [part for name, part in parts.items() if only and name not in only]
