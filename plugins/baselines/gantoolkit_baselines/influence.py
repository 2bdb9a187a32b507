"""Dynamic diffusers (Huang et al. 2023): the weight of each uni-modal model per pixel and step."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Return sines and cosines of t [B] at geometric frequencies [B,width]."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class DynamicDiffuser(nn.Module):
    """Map z_t, t and one condition to an influence [B,1,h,w] before the softmax over modalities.

    The influence is 0 when untrained.

    latents  channels of z_t
    maps     channels of a condition that is a map (a mask at the latents' size)
    vectors  length of a condition that is a vector (a prompt's embedding)
    width    channels inside
    blocks   residual blocks
    """

    def __init__(
        self, latents: int = 4, maps: int = 0, vectors: int = 0, width: int = 48, blocks: int = 3
    ):
        super().__init__()
        self.width = width
        self.stem = nn.Conv2d(latents + maps, width, 3, padding=1)
        self.time = nn.Linear(width + vectors, 2 * width * blocks)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(blocks))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.head = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, latents: Tensor, t: Tensor, maps: Tensor | None = None, vectors: Tensor | None = None
    ) -> Tensor:
        inputs = latents if maps is None else torch.cat([latents, maps], 1)
        embedding = time_embedding(t, self.width)
        if vectors is not None:
            embedding = torch.cat([embedding, vectors], 1)
        modulation = self.time(F.silu(embedding))

        x = self.stem(inputs)
        modulations = modulation.chunk(len(self.convs), 1)
        for norm, conv, scale_and_shift in zip(self.norms, self.convs, modulations):
            scale, shift = scale_and_shift[..., None, None].chunk(2, 1)
            x = x + conv(F.silu(norm(x) * (1 + scale) + shift))
        return self.head(F.silu(x))


class DynamicDiffusers(nn.Module):
    """Weigh text against mask per pixel: one dynamic diffuser per modality.

    latents  channels of z_t
    classes  of the mask
    text     length of the prompt's embeddings
    width    channels inside
    blocks   residual blocks
    """

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

    def forward(self, latents: Tensor, t: Tensor, words: Tensor, control_image: Tensor) -> Tensor:
        """Return the influences of text and mask [B,2,h,w], which sum to 1.

        words          embeddings of the prompts [B,T,D]
        control_image  [B,K,R,R]
        """
        maps = F.adaptive_avg_pool2d(control_image, latents.shape[-1])
        text = self.text(latents, t, vectors=words.mean(1))
        mask = self.mask(latents, t, maps=maps)
        return torch.cat([text, mask], 1).softmax(1)

    def mix(self, influence: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Weight ε of both models per pixel [B,4,h,w]."""
        return influence[:, :1] * text + influence[:, 1:] * mask
