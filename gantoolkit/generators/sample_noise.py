"""Random numbers for noise and rays, from one stream for a batch or one per sample.

With one per sample, a batch may be split and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Streams = torch.Generator | Sequence[torch.Generator] | None


def sample_noise(
    sampler: Callable[..., Tensor], shape: Sequence[int], streams: Streams, device: torch.device
) -> Tensor:
    """Draw numbers of a shape [B,…] by `sampler`, torch.rand or torch.randn.

    streams  one torch.Generator for the batch, B of them, or torch's own (None)

    >>> streams = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    >>> batch = sample_noise(torch.rand, (2, 3), streams, torch.device("cpu"))
    >>> second = [torch.Generator().manual_seed(2)]
    >>> torch.equal(batch[1:], sample_noise(torch.rand, (1, 3), second, torch.device("cpu")))
    True
    """
    if isinstance(streams, Sequence):
        samples = [sampler(*shape[1:], generator=s, device=s.device) for s in streams]
        return torch.stack(samples).to(device)
    source = device if streams is None else streams.device
    return sampler(*shape, generator=streams, device=source).to(device)
