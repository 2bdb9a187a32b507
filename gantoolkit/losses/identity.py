"""Identity, λ2 of Eq. 6 and 7: the angle between ArcFace embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.losses import Loss


class Identity(Loss):
    """1 − cos(R(I), R(I')), mean over B, through the recogniser R = `network`."""

    compares = "identity"

    def __init__(self, network: str, weight: float = 0.1):
        super().__init__(weight, network)
        self.recogniser = self._load(network)

    def _load(self, network: str) -> nn.Module:
        from gantoolkit import networks
        return networks.load(network)

    @torch.no_grad()
    def prepare(self, target: Tensor) -> Tensor:
        """Unit embedding [B,D]."""
        return self.recogniser.embed(target).float()

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        return (1 - (self.recogniser.embed(image).float() * embedding.float()).sum(1)).mean()
