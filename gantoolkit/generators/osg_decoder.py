"""The network of EG3D that turns the features of a point into density and color.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks”, 2022, section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.networks.ops import FullyConnected


class Softplus(nn.Module):
    """log(1 + eˣ), in a form that CPUs compute twice as fast as F.softplus."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each number."""
        return torch.logaddexp(x, x.new_zeros(()))


class OSGDecoder(nn.Module):
    """Features of a point, averaged over the planes → density and color features.

    in_channels    of the planes
    out_channels   color features; the first three are RGB
    hidden         width of the hidden layer
    lr_multiplier  factor of the learning rate
    """

    def __init__(
        self, in_channels: int, out_channels: int, hidden: int = 64, lr_multiplier: float = 1.0
    ):
        super().__init__()
        self.net = nn.Sequential(
            FullyConnected(in_channels, hidden, lr_multiplier=lr_multiplier, autocast=True),
            Softplus(),
            FullyConnected(hidden, 1 + out_channels, lr_multiplier=lr_multiplier, autocast=True),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B,P,C] → colors [B,P,out] in 0..1 (and 0.001 beyond), raw density [B,P,1]."""
        x = self.net(features).float()
        colors = torch.sigmoid(x[..., 1:]) * 1.002 - 0.001
        return colors, x[..., :1]
