"""The mapping network of StyleGAN2: z → w.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.networks.ops import FullyConnected, normalize_2nd_moment


class MappingNetwork(nn.Module):
    """z (and a label c) → w, repeated for every layer; keeps the running mean `w_avg` of w.

    z_dim          size of z; 0: the label only
    c_dim          size of the label; 0: there is none
    w_dim          size of w
    num_ws         codes per image; None: w itself is returned, and there is no w_avg
    num_layers     fully connected layers
    lr_multiplier  factor of the layers' learning rate
    features       width of the hidden layers (default: w_dim)
    w_avg_beta     decay of the running mean of w per training batch; None: there is none

    >>> mapping = MappingNetwork(z_dim=4, c_dim=0, w_dim=6, num_ws=3, num_layers=2)
    >>> mapping(torch.zeros(1, 4)).shape
    torch.Size([1, 3, 6])
    """

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        features: int | None = None,
        w_avg_beta: float | None = 0.995,
    ):
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.num_ws = num_ws
        self.num_layers = num_layers
        self.w_avg_beta = w_avg_beta
        in_features = z_dim + (w_dim if c_dim else 0)
        hidden = features or w_dim
        sizes = [in_features] + [hidden] * (num_layers - 1) + [w_dim]
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim)
        for i in range(num_layers):
            layer = FullyConnected(sizes[i], sizes[i + 1], "lrelu", lr_multiplier)
            setattr(self, f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Return ws [B,num_ws,w_dim] (w [B,w_dim] without `num_ws`) of z [B,z_dim] and c [B,c_dim].

        truncation_psi     1: w as it is; less pulls it towards w_avg; 0 is w_avg
        truncation_cutoff  how many codes are pulled, the coarsest first (default: all)
        """
        inputs = []
        if self.z_dim:
            inputs.append(normalize_2nd_moment(z.float()))
        if self.c_dim:
            inputs.append(normalize_2nd_moment(self.embed(c)))
        x = torch.cat(inputs, 1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)

        if self.num_ws is None:
            return x
        ws = x[:, None].expand(-1, self.num_ws, -1)
        if truncation_psi == 1:
            return ws
        return self.truncate(ws, truncation_psi, truncation_cutoff)

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Move the first `cutoff` codes (default: all) of ws [B,num_ws,w_dim] towards w_avg."""
        cutoff = self.num_ws if cutoff is None else cutoff
        truncated = self.w_avg.lerp(ws[:, :cutoff], psi)
        return torch.cat([truncated, ws[:, cutoff:]], 1)

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Move w_avg towards the mean of a training batch w [B,w_dim]."""
        self.w_avg.lerp_(w.detach().float().mean(0), 1 - self.w_avg_beta)
