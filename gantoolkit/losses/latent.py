"""Regularization of the latent code, λ3 of Eq. 6 and 7."""

from __future__ import annotations

from torch import Tensor

from gantoolkit.losses import Loss


class LatentNorm(Loss):
    """Compute ‖w − w̄‖, the Frobenius norm over L style codes and w_dim, mean over B.

    weight  λ3

    >>> import torch
    >>> loss = LatentNorm()
    >>> ws, mean_w = torch.ones(2, 4, 9), torch.zeros(9)  # L = 4, w_dim = 9
    >>> loss(ws, mean_w)
    tensor(6.)
    """

    compares = "code"

    def __init__(self, weight: float = 0.005):
        super().__init__(weight)

    def forward(self, ws: Tensor, mean_w: Tensor) -> Tensor:
        return (ws.float() - mean_w.float()).flatten(1).norm(dim=1).mean()
