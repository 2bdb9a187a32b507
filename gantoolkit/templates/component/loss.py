"""A loss: a differentiable distance of an image and its target.

In a config: `losses = dict(mine=dict(type="MyPlugin", weight=0.5))`. The contract stands in
`gantoolkit/losses/__init__.py`: `compares`, `prepare` and `forward`, a scalar mean over the batch.
"""

from __future__ import annotations

from torch import Tensor

from gantoolkit.losses import Loss


class MyPlugin(Loss):
    """Mean absolute difference of pixels.

    weight  factor of the term; the task multiplies by it
    """

    compares = "image"  # or "identity", "code", "target_code"

    def __init__(self, weight: float = 1.0):
        super().__init__(weight)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Compare images [B,3,R,R] in −1..1 with what `prepare` returned: the target itself."""
        return (image - target).abs().mean()
