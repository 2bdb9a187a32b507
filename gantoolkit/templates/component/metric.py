"""A metric: scores of finished images, summed in one pass.

In a config: `metrics = dict(mine=dict(type="MyPlugin"))`. The contract stands in
`gantoolkit/metrics/base.py`: `values` of a MeanMetric, or `update`, `compute_values` of a Metric.
"""

from __future__ import annotations

from torch import Tensor

from gantoolkit.metrics.base import EvalBatch, MeanMetric


class MyPlugin(MeanMetric):
    """Mean absolute difference of image and truth, 0 to 2."""

    higher_is_better = False

    def __init__(self):
        super().__init__()

    def values(self, batch: EvalBatch) -> Tensor:
        """Return one value per image [B]."""
        return (batch.image - batch.target.image_gt).abs().mean((1, 2, 3))
