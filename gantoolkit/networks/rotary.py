"""Positions of tokens as rotations of queries and keys (RoPE, Su et al. 2021), with two axes."""

from __future__ import annotations

import torch
from torch import Tensor

PERIOD = 10_000.0  # of the slowest frequency


def token_rotation(rows: int, columns: int, text_tokens: int, width: int) -> Tensor:
    """Return the complex factors [N+T,width/2] that rotate queries and keys of a joint sequence.

    The first half of the pairs turns with the row of an image token, the second with its column.
    Text tokens are at (0,0), which turns nothing.
    """
    pairs = width // 4  # per axis
    frequencies = PERIOD ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
    positions = torch.cartesian_prod(
        torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64)
    ).view(-1, 2)
    angles = (positions[:, :, None] * frequencies).flatten(1)
    angles = torch.cat([angles, angles.new_zeros(text_tokens, 2 * pairs)])
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def rotate(tokens: Tensor, rotation: Tensor) -> Tensor:
    """Rotate neighboring pairs of numbers of tokens [B,heads,N,d] by `rotation` [N,d/2]."""
    pairs = torch.view_as_complex(tokens.float().unflatten(3, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * rotation).flatten(3).to(tokens.dtype)
