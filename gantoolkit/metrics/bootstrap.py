"""Poisson bootstrap over samples, streaming: every replicate weighs a sample by a Poisson(1) number.

The weights are a function of the sample's number alone, so that results of several systems on the same samples are
resampled alike, whatever the batches or processes (Chamandy et al., Estimating Uncertainty for Massive Data
Streams, 2012).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

LEVEL = 0.95


def weights(numbers: Iterable[int], replicates: int) -> Tensor:
    """[B,1+replicates] float64: a column of ones (the measurement), then one column per replicate."""
    rows = []
    for number in numbers:
        stream = torch.Generator().manual_seed(int(number) * 2_654_435_761 % 2**63)
        rows.append(torch.poisson(torch.ones(replicates), generator=stream))
    drawn = torch.stack(rows).double() if rows else torch.zeros(0, replicates, dtype=torch.float64)
    return torch.cat([torch.ones(len(drawn), 1, dtype=torch.float64), drawn], 1)


def interval(values: Tensor) -> tuple[float, float] | None:
    """The interval about values[0] that values[1:] (the replicates) spread over; None without replicates.

    Quantiles are taken about the replicates' own mean: resampling repeats samples, which shifts scores such as FID.
    """
    measured, others = values[0], values[1:]
    others = others[torch.isfinite(others)]
    if len(others) < 20:
        return None
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(others, others.new_tensor([tail, 1 - tail])) - others.mean()
    return float(measured + low), float(measured + high)
