"""The leaky ReLU of StyleGAN3, applied at a higher rate so that it adds no aliasing.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021, section 3.1.
"""

from __future__ import annotations

from torch import Tensor

from gantoolkit.networks.ops import FourPaddings, bias_act, upfirdn2d


def filtered_lrelu(
    x: Tensor,
    bias: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    up: int,
    down: int,
    padding: FourPaddings,
    clamp: float | None = None,
) -> Tensor:
    """Add a bias, enlarge, apply a leaky ReLU, shrink: x [B,C,H,W] to [B,C,·,·].

    bias         [C]
    up_filter    low-pass filter [k] or [k,k] of the map between whose samples zeros were inserted
    down_filter  low-pass filter, likewise, before samples are dropped
    up, down     the size is multiplied by `up` and divided by `down`
    padding      of the enlarged map: left, right, top, bottom; negative ones crop
    clamp        the output of the leaky ReLU, whose gain is √2, stays within ± this; None: no limit
    """
    x = x + bias.to(x.dtype)[:, None, None]
    x = upfirdn2d(x, up_filter, up, padding=padding, gain=up**2)
    x = bias_act(x, act="lrelu", clamp=clamp)
    return upfirdn2d(x, down_filter, down=down)
