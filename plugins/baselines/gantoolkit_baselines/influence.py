"""Dynamic diffusers (Huang et al. 2023): how much each uni-modal model counts at every pixel and step."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def time_features(t: Tensor, width: int) -> Tensor:
    """Sines and cosines of t [B] at geometric frequencies [B,width]."""
    rates = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = t.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class DynamicDiffuser(nn.Module):
    """z_t, t and one condition to an influence [B,1,h,w] before the softmax over modalities; 0 when untrained.

    maps     channels of a condition that is a map (a mask at the latents' size)
    vectors  length of a condition that is a vector (a prompt's embedding)
    """

    def __init__(
        self, latents: int = 4, maps: int = 0, vectors: int = 0, width: int = 48, blocks: int = 3
    ):
        super().__init__()
        self.width = width
        self.stem = nn.Conv2d(latents + maps, width, 3, padding=1)
        self.time = nn.Linear(width + vectors, 2 * width * blocks)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(blocks))
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, dilation=1) for _ in range(blocks)
        )
        self.head = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)

    def forward(
        self, latents: Tensor, t: Tensor, maps: Tensor | None = None, vectors: Tensor | None = None
    ) -> Tensor:
        x = self.stem(latents if maps is None else torch.cat([latents, maps], 1))
        said = time_features(t, self.width)
        said = self.time(F.silu(said if vectors is None else torch.cat([said, vectors], 1)))
        for norm, conv, part in zip(self.norms, self.convs, said.chunk(len(self.convs), 1)):
            scale, shift = part[..., None, None].chunk(2, 1)
            x = x + conv(F.silu(norm(x) * (1 + scale) + shift))
        return self.head(F.silu(x))


class DynamicDiffusers(nn.Module):
    """One dynamic diffuser per modality; `forward` gives the influences of text and mask, which sum to 1."""

    def __init__(
        self, latents: int = 4, classes: int = 19, text: int = 96, width: int = 48, blocks: int = 3
    ):
        super().__init__()
        self.arch = dict(
            type="DynamicDiffusers",
            latents=latents,
            classes=classes,
            text=text,
            width=width,
            blocks=blocks,
        )
        self.text = DynamicDiffuser(latents, 0, text, width, blocks)
        self.mask = DynamicDiffuser(latents, classes, 0, width, blocks)

    def forward(self, latents: Tensor, t: Tensor, words: Tensor, picture: Tensor) -> Tensor:
        """[B,2,h,w]: influence of text, influence of mask; words [B,T,D], picture [B,K,R,R]."""
        small = F.adaptive_avg_pool2d(picture, latents.shape[-1])
        found = [self.text(latents, t, vectors=words.mean(1)), self.mask(latents, t, maps=small)]
        return torch.cat(found, 1).softmax(1)

    def mix(self, influence: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """ε of both models, weighted per pixel [B,4,h,w]."""
        return influence[:, :1] * text + influence[:, 1:] * mask
