"""What a pipeline needs of its encoder, bridge and generator, as types.

Every stage is an nn.Module too.

The first pages of `encoders/`, `bridges/` and `generators/` say what the methods do, and what
training needs beside these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from gantoolkit.core.types import Camera, Condition, Features, FeatureShapes, Latent, Render


class Module(Protocol):
    """The part of nn.Module that a pipeline calls."""

    def to(self, *args: Any, **kwargs: Any) -> Self: ...

    def eval(self) -> Self: ...

    def requires_grad_(self, requires_grad: bool = True) -> Self: ...

    def state_dict(self) -> dict[str, Any]: ...


class Encoder(Module, Protocol):
    """Condition → Features, step by step."""

    @property
    def shapes(self) -> FeatureShapes: ...

    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]: ...


class Bridge(Module, Protocol):
    """Features → Latent."""

    def __call__(self, features: Features, mapping_only: bool = False) -> Latent: ...


class Generator(Module, Protocol):
    """Codes → Render."""

    resolution: int
    num_ws: int
    w_dim: int
    z_dim: int
    is_3d: bool

    @property
    def mean_w(self) -> Tensor: ...

    def render(
        self,
        ws: Tensor,
        camera: Camera | None = None,
        noise: str = "const",
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        deterministic: bool = False,
    ) -> Render: ...
