"""Style mixing: many codes that all mean one reference (JoJoGAN).

s̃ = s + α · m ⊙ (f(z) − s): m is 1 for the codes that are replaced, f(z) the mapping of a random z.
Coarse codes carry pose and shape and stay the reference's. Fine codes carry color and texture and
are drawn at random. A generator that renders the reference for all of them gives its style to any
fine code, and leaves shapes to the coarse ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError

PUBLISHED_NUM_WS = 18  # codes of the generator that the published layers count
FIRST_REPLACED = 7  # every code from here on is replaced
COLOR_PRESERVING = (
    9,
    11,
    15,
    16,
    17,
)  # only these are replaced where the input's colors shall stay


def replaced_layers(
    num_ws: int, layers: Sequence[int] | None = None, preserve_color: bool = False
) -> tuple[int, ...]:
    """Return the codes that are drawn at random.

    num_ws          codes of the generator
    layers          the codes; None: the published ones at the same depth of `num_ws` codes
    preserve_color  take the published choice that keeps the input's colors

    >>> replaced_layers(10)
    (3, 4, 5, 6, 7, 8, 9)
    """
    if layers is None:
        published = range(FIRST_REPLACED, PUBLISHED_NUM_WS)
        if preserve_color:
            published = COLOR_PRESERVING
        return tuple(sorted({layer * num_ws // PUBLISHED_NUM_WS for layer in published}))
    if preserve_color:
        raise UsageError(
            "Give either layers or preserve_color=True, which chooses the layers itself."
        )
    outside = [layer for layer in layers if not 0 <= layer < num_ws]
    if outside or not layers:
        raise UsageError(
            f"layers={list(layers)} must name at least one of the codes 0 to {num_ws - 1}."
        )
    return tuple(sorted(set(layers)))


def mix(reference: Tensor, random: Tensor, layers: Sequence[int], alpha: float = 1.0) -> Tensor:
    """Move the codes `layers` of `reference` [B,L,w_dim] towards `random` by alpha.

    The other codes are not touched.
    """
    mixed = reference.clone()
    layers = list(layers)
    mixed[:, layers] = torch.lerp(reference[:, layers], random[:, layers], alpha)
    return mixed
