"""Random numbers for noise and rays: of one stream for a batch, or of one per sample, so that a batch may be split."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Streams = torch.Generator | Sequence[torch.Generator] | None


def drawn(
    kind: Callable[..., Tensor], shape: Sequence[int], streams: Streams, device: torch.device
) -> Tensor:
    """torch.rand or torch.randn (`kind`) of a shape [B,…] from one stream, B streams, or torch's own (None)."""
    if isinstance(streams, Sequence):
        return torch.stack(
            [kind(*shape[1:], generator=stream, device=stream.device) for stream in streams]
        ).to(device)
    return kind(*shape, generator=streams, device=device if streams is None else streams.device).to(
        device
    )
