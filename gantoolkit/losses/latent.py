"""Losses between codes: λ3 of Eq. 6 and 7, and, beyond the paper, a target in code space."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.losses import Loss
from gantoolkit.networks.blocks import fit


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


class TargetCode(Loss):
    """Compute ‖w − E(I)‖², the mean over B, L and w_dim, for an encoder E of images into W or W+.

    Beyond the paper: it tells a bridge which codes to find, where images only tell how far it is.

    network  weights name or file of E: what task `inversion_encoder` exports, or a pSp or e4e
    weight   its λ; codes of a small variance want a large one

    >>> TargetCode.forward(None, torch.ones(2, 4, 9), torch.zeros(2, 9))  # w and E(I)
    tensor(1.)
    """

    compares = "target_code"

    def __init__(self, network: str, weight: float = 1.0):
        super().__init__(weight, network)
        from gantoolkit import networks

        self.encoder = networks.load(network)
        if not hasattr(self.encoder, "code_shape"):
            raise UsageError(
                f"'{network}' holds {type(self.encoder).__name__}, which does not encode images "
                "as codes; give an export of task 'inversion_encoder', or a pSp or e4e encoder."
            )

    @property
    def embedded_shape(self) -> tuple[int, ...]:
        """Shape of a target's code."""
        return self.encoder.code_shape

    @torch.no_grad()
    def prepare(self, target: Tensor) -> Tensor:
        """Encode the target [B,3,R,R]: codes [B,w_dim] or [B,L,w_dim]."""
        return self.encoder(fit(target, self.encoder.resolution)).float()

    def forward(self, ws: Tensor, code: Tensor) -> Tensor:
        if code.ndim == 2:
            code = code.unsqueeze(1)
        return (ws.float() - code).square().mean()
