"""The network of EG3D that turns the features of a point into density and color.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks”, 2022, section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gantoolkit.networks.ops import FullyConnected


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
            nn.Softplus(),
            FullyConnected(hidden, 1 + out_channels, lr_multiplier=lr_multiplier, autocast=True),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B,P,C] → colors [B,P,out] in 0..1 (and 0.001 beyond), raw density [B,P,1]."""
        return ColorAndDensity.apply(self.net(features))


class ColorAndDensity(torch.autograd.Function):
    """[…,1+C] → colors […,C] = 1.002 · sigmoid(x[1:]) − 0.001, raw density […,1] = x[0]; float32.

    The sigmoid is of all numbers: neighbors in memory are several times faster than a part of them.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> tuple[Tensor, Tensor]:
        """Split x into colors and densities."""
        x = x.float()
        sigmoid = torch.sigmoid(x)
        ctx.save_for_backward(sigmoid)
        colors = sigmoid[..., 1:].contiguous().mul_(1.002).sub_(0.001)
        return colors, x[..., :1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, colors_gradient: Tensor, density_gradient: Tensor) -> Tensor:
        """Return the gradient of x."""
        (sigmoid,) = ctx.saved_tensors
        gradient = 1.002 * sigmoid * (1 - sigmoid)
        gradient[..., 1:] *= colors_gradient
        gradient[..., :1] = density_gradient
        return gradient
