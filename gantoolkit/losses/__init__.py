"""Terms of Eq. 6 and Eq. 7, each a small module of its own.

A loss says what it compares: `image` (render and reconstruction target), `identity` (render and identity
target) or `code` (w and w̄). `prepare(target)` gives what it keeps of a target, so that embeddings can be
computed once and cached; `forward(image, prepared)` is the differentiable distance, a scalar mean over B.
"""

from __future__ import annotations

from torch import Tensor, nn


class Loss(nn.Module):
    """Base of the terms; `weight` is λ, `network` the weights name of what it looks through, if any."""

    compares = "image"

    def __init__(self, weight: float = 1.0, network: str | None = None):
        super().__init__()
        self.weight, self.network = weight, network

    def prepare(self, target: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What `forward` needs of the target [B,3,R,R]."""
        return target

    def train(self, mode: bool = True):
        """Networks inside a loss stay in eval mode."""
        return super().train(False)
