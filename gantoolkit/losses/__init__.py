"""Terms of Eq. 6 and Eq. 7, each a small module of its own.

pixel       L2: mean squared error
perceptual  Perceptual, LPIPS: distance of features
identity    Identity: angle between embeddings of a face recognizer
latent      LatentNorm: distance of w from w̄; TargetCode: from an encoder's code of the target

A loss says what it compares: `image` (render and reconstruction target), `identity` (render and
identity target), `code` (w and w̄) or `target_code` (w and code of the reconstruction target).
`prepare(target)` computes what it keeps of a target; of identities and codes it has an
`embedded_shape` and is cached.
`forward(image or w, prepared)` is the differentiable distance, a scalar mean over B.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

OF_CODES = ("code", "target_code")  # what is compared without a render
EMBEDDED = ("identity", "target_code")  # what `prepare` makes is small, and cached


class Loss(nn.Module):
    """Base of the terms.

    weight   λ of the term; the task multiplies by it, `forward` does not
    network  weights name of the network that the loss looks through, if any
    """

    compares = "image"

    def __init__(self, weight: float = 1.0, network: str | None = None):
        super().__init__()
        self.weight = weight
        self.network = network

    def prepare(self, target: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Compute what `forward` needs of the target [B,3,R,R]."""
        return target

    def train(self, mode: bool = True):
        """Stay in eval mode: networks inside a loss are frozen."""
        return super().train(False)


def build_losses(specs: Mapping[str, dict], device: str | torch.device) -> dict[str, Loss]:
    """Build the losses of a config: name → component, {"type": …, "weight": …}."""
    from gantoolkit.registry import registry

    return {name: registry.build("loss", spec).to(device) for name, spec in specs.items()}


def networks_of(terms: Mapping[str, Loss]) -> dict[str, str]:
    """Return name of a loss → weights name of the network that it looks through.

    What trained such a network stands beside it: it shaped the loss as well, and may not judge.
    """
    from gantoolkit import weights

    networks = {}
    for name, term in terms.items():
        if term.network:
            networks[name] = term.network
            networks |= weights.networks_behind(term.network, name)
    return networks
