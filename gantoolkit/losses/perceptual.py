"""Perceptual distance, λ1 of Eq. 6 and 7: by a small network of the zoo, or LPIPS at full scale."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.losses import Loss


class Perceptual(Loss):
    """Compute the distance of unit-length features of a zoo network, mean over B.

    network  weights name, such as 'parser'
    weight   λ1
    levels   depths of the network that are compared; None: all

    >>> import torch
    >>> perceptual = Perceptual("parser")
    >>> image = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    >>> perceptual(image, perceptual.prepare(image))
    tensor(0.)
    """

    def __init__(self, network: str, weight: float = 0.8, levels: tuple[int, ...] | None = None):
        super().__init__(weight, network)
        from gantoolkit import networks
        from gantoolkit.networks.fold import fold_batch_norms
        from gantoolkit.networks.perceptual import Perceptual as Distance

        trunk = fold_batch_norms(networks.load(network))
        self.distance = Distance(trunk, None if levels is None else tuple(levels))

    @torch.no_grad()
    def prepare(self, target: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of the target [B,3,R,R], one map per level."""
        return self.distance.features(target)

    def forward(self, image: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
        return self.distance.to_target(image, prepared).mean()


class LPIPS(Loss):
    """Compute the published LPIPS (package `lpips`), mean over B.

    network  weights name of the trunk, in torchvision's layout of `features`; the package would
             download it. The linear heads come with the package
    net      'alex', 'vgg' or 'squeeze'
    weight   λ1
    """

    def __init__(self, network: str, net: str = "alex", weight: float = 0.8):
        super().__init__(weight, network)
        from gantoolkit.networks.lpips import LPIPS as Distance

        self.distance = Distance(net, network).requires_grad_(False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        return self.distance(image.float(), target.float()).mean()
