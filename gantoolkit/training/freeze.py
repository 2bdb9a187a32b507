"""Train some parts of a network while the others stay as they are."""

from __future__ import annotations

from torch import nn

from gantoolkit.core.errors import UsageError


def unfreeze_only(network: nn.Module, names: list[str] | None) -> list[nn.Module]:
    """Let only the children called `names` take gradients; None or empty: all of them.

    Returns the children that stay frozen. Raises UsageError for a name that no child has.
    """
    children = dict(network.named_children())
    if unknown := set(names or ()) - set(children):
        raise UsageError(
            f"{type(network).__name__} has no part '{sorted(unknown)[0]}'; its parts are "
            f"{', '.join(children)}."
        )
    for parameter_name, parameter in network.named_parameters():
        child = parameter_name.split(".")[0]
        parameter.requires_grad_(not names or child in names)
    return [child for name, child in children.items() if names and name not in names]
