"""A generator: style codes ws [B,num_ws,w_dim] → image [B,3,R,R] in −1..1.

In a config of configs/pretrain: `generator = dict(type="MyPlugin", resolution=64)`; a bridge names
the weights of such a run. The contract stands in `gantoolkit/generators/__init__.py`: `z_dim`,
`w_dim`, `num_ws`, `resolution`, `mean_w`, `is_3d`, `mapping`, and `render`, with gradients for ws.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Latent, Render


class Mapping(nn.Module):
    """z [B,z_dim] → ws [B,num_ws,w_dim]."""

    def __init__(self, z_dim: int, w_dim: int, num_ws: int):
        super().__init__()
        self.num_ws = num_ws
        self.layers = nn.Sequential(
            nn.Linear(z_dim, w_dim), nn.LeakyReLU(0.2), nn.Linear(w_dim, w_dim)
        )
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        ws = self.layers(z).float()[:, None].expand(-1, self.num_ws, -1)
        near = self.w_avg.lerp(ws[:, :truncation_cutoff], truncation_psi)
        return (
            near if truncation_cutoff is None else torch.cat([near, ws[:, truncation_cutoff:]], 1)
        )

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Move w̄ towards the mean of a training batch w [B,w_dim]."""
        self.w_avg.lerp_(w.float().mean(0), 0.005)


class MyPlugin(nn.Module):
    """One convolution per code, each at twice the size of the one before.

    The code scales the channels.

    resolution  pixels per side, a power of 2
    z_dim       numbers of a random code
    w_dim       numbers per style code
    channels    of every convolution
    """

    is_3d = False

    def __init__(self, resolution: int = 64, z_dim: int = 64, w_dim: int = 128, channels: int = 16):
        super().__init__()
        self.resolution, self.z_dim, self.w_dim = resolution, z_dim, w_dim
        self.num_ws = resolution.bit_length() - 2  # sizes 4, 8, …, resolution
        self.mapping = Mapping(z_dim, w_dim, self.num_ws)
        self.const = nn.Parameter(torch.randn(1, channels, 4, 4))
        self.scales = nn.ModuleList(nn.Linear(w_dim, channels) for _ in range(self.num_ws))
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(self.num_ws)
        )
        self.to_rgb = nn.Conv2d(channels, 3, 1)

    @property
    def mean_w(self) -> Tensor:
        """w̄ [w_dim]."""
        return self.mapping.w_avg

    def render(
        self,
        ws: Tensor | Latent,
        camera=None,
        noise: str = "const",
        generator: torch.Generator | None = None,
        deterministic: bool = False,
    ) -> Render:
        """Draw ws; there is neither a camera nor noise."""
        ws = ws.ws if isinstance(ws, Latent) else ws
        x = self.const.expand(len(ws), -1, -1, -1)
        for i, (scale, conv) in enumerate(zip(self.scales, self.convs)):
            x = x if i == 0 else F.interpolate(x, scale_factor=2, mode="bilinear")
            x = F.leaky_relu(conv(x) * (1 + scale(ws[:, i])[:, :, None, None]), 0.2)
        return Render(self.to_rgb(x).tanh())

    forward = render
