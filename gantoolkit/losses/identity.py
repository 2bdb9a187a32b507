"""Identity, λ2 of Eq. 6 and 7: the angle between ArcFace embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.losses import Loss


class Identity(Loss):
    """1 − cos(R(I), R(I')), mean over B, through the recogniser R = `network`.

    crop  how the images frame a face, 'ffhq' or 'eg3d', so that an IR-SE50 sees the part of it that it knows;
          None: the crop that the network's file names (of IR-SE50, pSp's, for FFHQ-aligned faces)
    """

    compares = "identity"

    def __init__(self, network: str, weight: float = 0.1, crop: str | None = None):
        super().__init__(weight, network)
        self.recogniser, self.crop = self._load(network), crop
        if crop is not None:
            self.recogniser.crop = self._numbers(crop)

    def _load(self, network: str) -> nn.Module:
        from gantoolkit import networks

        return networks.load(network)

    def _numbers(self, crop: str) -> tuple[int, ...]:
        from gantoolkit.networks.arcface import find_crop

        if not hasattr(self.recogniser, "crop"):
            raise UsageError(
                f"'{self.network}' is no recogniser that crops its images; leave crop='{crop}' out."
            )
        return find_crop(crop)

    @torch.no_grad()
    def prepare(self, target: Tensor) -> Tensor:
        """Unit embedding [B,D]."""
        return self.recogniser.embed(target).float()

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        return (1 - (self.recogniser.embed(image).float() * embedding.float()).sum(1)).mean()
