"""Reconstruction: the mean squared error of pixels, λ0 of Eq. 6 and 7."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gantoolkit.losses import Loss


class L2(Loss):
    """Compute ‖I − I'‖² as the mean over pixels and channels of images in −1..1.

    weight  λ0

    >>> import torch
    >>> L2()(torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    tensor(1.)
    """

    def __init__(self, weight: float = 1.0):
        super().__init__(weight)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(image.float(), target.float())
