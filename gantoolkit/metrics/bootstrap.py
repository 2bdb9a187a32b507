"""Poisson bootstrap over samples, streaming: a replicate weighs each sample by a Poisson(1) number.

The weights depend only on the sample's index, so that results of several systems on the same
samples are resampled alike, whatever the batches or processes (Chamandy et al., Estimating
Uncertainty for Massive Data Streams, 2012).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

LEVEL = 0.95  # of the intervals
MIN_REPLICATES = 20  # finite ones, below which no interval is given


def weights(sample_ids: Iterable[int], replicates: int) -> Tensor:
    """Draw weights [B,1+replicates] in float64: ones (the measurement), then the replicates.

    >>> weights([7, 3, 7], replicates=0)
    tensor([[1.],
            [1.],
            [1.]], dtype=torch.float64)
    """
    per_sample = []
    for sample_id in sample_ids:
        generator = torch.Generator().manual_seed(int(sample_id) * 2_654_435_761 % 2**63)
        per_sample.append(torch.poisson(torch.ones(replicates), generator=generator))

    if per_sample:
        resampled = torch.stack(per_sample).double()
    else:
        resampled = torch.zeros(0, replicates, dtype=torch.float64)
    measured = torch.ones(len(resampled), 1, dtype=torch.float64)
    return torch.cat([measured, resampled], 1)


def interval(values: Tensor) -> tuple[float, float] | None:
    """Return the interval about values[0] from the replicates values[1:], None with too few.

    Quantiles are taken about the replicates' own mean: resampling repeats samples, which shifts
    scores such as FID.
    """
    measured, replicates = values[0], values[1:]
    replicates = replicates[torch.isfinite(replicates)]
    if len(replicates) < MIN_REPLICATES:
        return None
    tail = (1 - LEVEL) / 2
    quantiles = torch.quantile(replicates, replicates.new_tensor([tail, 1 - tail]))
    low, high = quantiles - replicates.mean()
    return float(measured + low), float(measured + high)
