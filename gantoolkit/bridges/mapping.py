"""Mapping network M (section 3.2): w^m_t = M(h_t) + w̄; beyond the paper, of all f^n too."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.bridges.layers import Pyramid, Styles, conv_stack
from gantoolkit.core.types import Features, FeatureShapes, Latent


class Mapping(nn.Module):
    """Network M alone: codes from the mid-block features h (ablation (a)).

    feature_shapes  of the encoder
    num_ws          style codes L of the generator
    w_dim           numbers per style code
    mean_w          the generator's mean code w̄ [w_dim]
    width           channels of the convolutions
    stem            3×3 convolutions before the map2style trunk (the published block has none)
    normalize       layer normalization of h over channels and places, without weights: its scale
                    changes with t
    per_style       [switch] one map2style block per style as in pSp, instead of one trunk for all
    add_mean        [switch] w̄ is added to the output, so that an untrained M renders the mean face
    pyramid         channels of maps that join every f^n to h; 0: M reads only h, as in the paper

    >>> import torch
    >>> from gantoolkit.core.types import Features, FeatureShapes
    >>> shapes = FeatureShapes(h=(8, 4, 4), f=(), tokens=5)
    >>> mapping = Mapping(shapes, num_ws=3, w_dim=16, mean_w=torch.zeros(16), width=4)
    >>> h = torch.rand(2, 8, 4, 4)
    >>> words = torch.ones(2, 5, dtype=torch.bool)
    >>> features = Features(h, (), (), (), words, t=torch.tensor([900, 100]))
    >>> mapping(features).ws.shape
    torch.Size([2, 3, 16])
    """

    def __init__(
        self,
        feature_shapes: FeatureShapes,
        num_ws: int,
        w_dim: int,
        mean_w: Tensor,
        width: int = 128,
        stem: int = 0,
        normalize: bool = False,
        per_style: bool = False,
        add_mean: bool = True,
        pyramid: int = 0,
    ):
        super().__init__()
        channels, height, _ = feature_shapes.h
        self.shape = feature_shapes.h
        self.normalize = normalize
        self.pyramid = Pyramid(feature_shapes, pyramid) if pyramid else None
        channels += pyramid
        self.stem = conv_stack(channels, width, stem)
        self.styles = Styles(width if stem else channels, height, width, num_ws, w_dim, per_style)
        self.add_mean = add_mean
        self.register_buffer("mean_w", torch.as_tensor(mean_w).detach().clone().float())
        self.to(memory_format=torch.channels_last)

    @property
    def reads_f(self) -> bool:
        """Whether M reads f too: training then runs the encoder's up blocks for it."""
        return self.pyramid is not None

    def forward(self, features: Features, mapping_only: bool = True) -> Latent:
        """Compute w^m [B,L,w_dim]; without T, `mapping_only` changes nothing."""
        w_m = self.codes(features)
        return Latent(w_m, w_m)

    def codes(self, features: Features) -> Tensor:
        """Map h [B,C_h,·,·], and f where there is a pyramid, to w^m [B,L,w_dim]."""
        h = features.h.contiguous(memory_format=torch.channels_last)
        if self.normalize:
            h = F.layer_norm(h, h.shape[1:])
        if self.pyramid is not None:
            h = torch.cat([h, self.pyramid(features.h, features.f)], 1)
        codes = self.styles(self.stem(h))
        return codes + self.mean_w if self.add_mean else codes

    def mapping_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of M."""
        return self.parameters()

    def modulation_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of T: none."""
        return iter(())
