"""Style mixing: many codes that all mean one reference (JoJoGAN).

s̃ = s + α · m ⊙ (f(z) − s): m is 1 for the codes that are replaced, f(z) the mapping of a random z. Coarse
codes carry pose and shape and stay the reference's, fine codes carry colour and texture and are drawn: a
generator that draws the reference for all of them gives its style to any fine code, and leaves shapes to the
coarse ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError

PUBLISHED = 18  # codes of the generator that the published layers count
FIRST = 7  # every code from here on is replaced
PRESERVING = (9, 11, 15, 16, 17)  # only these are replaced where the input's colours shall stay


def replaced(
    num_ws: int, layers: Sequence[int] | None = None, preserve_color: bool = False
) -> tuple[int, ...]:
    """The codes that are drawn: `layers`, or the published ones at the same depth of `num_ws` codes."""
    if layers is None:
        published = PRESERVING if preserve_color else range(FIRST, PUBLISHED)
        return tuple(sorted({i * num_ws // PUBLISHED for i in published}))
    if preserve_color:
        raise UsageError(
            "Give either layers or preserve_color=True, which chooses the layers itself."
        )
    wrong = [i for i in layers if not 0 <= i < num_ws]
    if wrong or not layers:
        raise UsageError(
            f"layers={list(layers)} must name at least one of the codes 0 to {num_ws - 1}."
        )
    return tuple(sorted(set(layers)))


def mix(reference: Tensor, drawn: Tensor, layers: Sequence[int], alpha: float = 1.0) -> Tensor:
    """Codes [B,L,w_dim]: `reference`, with `layers` moved to `drawn` by alpha; the others are not touched."""
    mixed, rows = reference.clone(), list(layers)
    mixed[:, rows] = torch.lerp(reference[:, rows], drawn[:, rows], alpha)
    return mixed
