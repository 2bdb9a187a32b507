"""Identity, λ2 of Eq. 6 and 7: the angle between ArcFace embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.losses import Loss


class Identity(Loss):
    """Compute 1 − cos(R(I), R(I')) through the face recognizer R, mean over B.

    network  weights name of R, such as 'arcface' of the zoo or 'irse50'
    weight   λ2
    crop     how the images frame a face, 'ffhq' or 'eg3d', so that an IR-SE50 sees the part of it
             that it knows; None: the crop that the network's file names (of IR-SE50, pSp's)

    >>> import torch
    >>> identity = Identity("arcface")
    >>> image = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    >>> embedding = identity.prepare(image)
    >>> abs(identity(image, embedding).item()) < 1e-5
    True
    """

    compares = "identity"

    def __init__(self, network: str, weight: float = 0.1, crop: str | None = None):
        super().__init__(weight, network)
        self.recognizer = self._load(network)
        self.crop = crop
        if crop is not None:
            self.recognizer.crop = self._crop_box(crop)

    def _load(self, network: str) -> nn.Module:
        from gantoolkit import networks
        from gantoolkit.networks.fold import fold_batch_norms

        return fold_batch_norms(networks.load(network))

    def _crop_box(self, crop: str) -> tuple[int, ...]:
        from gantoolkit.networks.arcface import find_crop

        if not hasattr(self.recognizer, "crop"):
            raise UsageError(
                f"'{self.network}' is not a recognizer that crops its images; leave "
                f"crop='{crop}' out."
            )
        return find_crop(crop)

    @property
    def embedded_shape(self) -> tuple[int, ...]:
        """Shape of a target's embedding."""
        return (self.recognizer.embedding,)

    @torch.no_grad()
    def prepare(self, target: Tensor) -> Tensor:
        """Embed the target [B,3,R,R]: unit vectors [B,D]."""
        return self.recognizer.embed(target).float()

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        cosine = (self.recognizer.embed(image).float() * embedding.float()).sum(1)
        return (1 - cosine).mean()
