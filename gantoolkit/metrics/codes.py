"""How far the codes of results are spread."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Metric


class Codes(Metric):
    """Standard deviation of the codes w over the results: the root of the mean variance (`std`).

    The mean is over all numbers of a code. A bridge that regresses to the mean of what it cannot
    know has a smaller one than the codes that it should find.

    >>> import torch
    >>> from gantoolkit.core.types import Condition, Target
    >>> codes = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(4, 1, 1).expand(4, 2, 8)
    >>> images = torch.zeros(4, 3, 8, 8)
    >>> metric = Codes()
    >>> metric.update(EvalBatch(images, Target(images), Condition(("",) * 4), codes=codes))
    >>> metric.compute()["codes_std"].value
    1.0
    """

    name = "codes"
    min_samples = 2

    def __init__(self):
        super().__init__(None)

    def update(self, batch: EvalBatch) -> None:
        if batch.codes is None:
            raise UsageError(
                f"The metric '{self.name}' reads the codes of a generator, and these results have "
                "none; drop the metric, or the system."
            )
        codes = batch.codes.flatten(1).double()
        self.add(batch, "n", torch.ones(len(codes), device=codes.device))
        self.add(batch, "sum", codes)
        self.add(batch, "squares", codes.square())

    def compute_values(self) -> dict[str, Tensor]:
        n = self.sums["n"][:, None]
        mean = self.sums["sum"] / n
        variance = (self.sums["squares"] / n - mean.square()).clamp(min=0)
        return {"std": variance.mean(1).sqrt()}
