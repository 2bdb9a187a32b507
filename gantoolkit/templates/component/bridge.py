"""A bridge: features of the encoder → codes of the generator.

In a config: `bridge = dict(type="MyPlugin", hidden=64)`. The contract stands in
`gantoolkit/bridges/__init__.py`: `forward`, `mapping_parameters` and `modulation_parameters`.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from gantoolkit.core.types import Features, FeatureShapes, Latent


class MyPlugin(nn.Module):
    """M: w^m from the mean of h. T: a scale and a shift of it from the mean of the last f.

    feature_shapes  of the encoder
    num_ws          style codes of the generator
    w_dim           numbers per style code
    mean_w          the generator's mean code [w_dim]
    hidden          units of M's hidden layer
    """

    def __init__(
        self,
        feature_shapes: FeatureShapes,
        num_ws: int,
        w_dim: int,
        mean_w: Tensor,
        hidden: int = 64,
    ):
        super().__init__()
        self.size = num_ws, w_dim
        self.register_buffer("mean_w", mean_w)
        self.mapping_layers = nn.Sequential(
            nn.Linear(feature_shapes.h[0], hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, num_ws * w_dim),
        )
        self.modulation = nn.Linear(feature_shapes.f[-1][0], 2 * num_ws * w_dim)
        nn.init.zeros_(self.modulation.weight)  # untrained, T changes nothing
        nn.init.zeros_(self.modulation.bias)

    def mapping_parameters(self) -> Iterable[nn.Parameter]:
        """Return those of M, trained by Eq. 6."""
        return self.mapping_layers.parameters()

    def modulation_parameters(self) -> Iterable[nn.Parameter]:
        """Return those of T, trained by Eq. 7."""
        return self.modulation.parameters()

    def forward(self, features: Features, mapping_only: bool = False) -> Latent:
        """Return ws [B,num_ws,w_dim]; with `mapping_only`, w^m, for which only h is given."""
        offset = self.mapping_layers(features.h.mean((2, 3)))
        w_m = offset.unflatten(1, self.size) + self.mean_w
        if mapping_only:
            return Latent(w_m, w_m)
        changes = self.modulation(features.f[-1].mean((2, 3)))
        scale, shift = changes.unflatten(1, (2, *self.size)).unbind(1)
        w = w_m.detach() * (1 + scale) + shift
        return Latent(w, w_m, 1 + scale, shift)
