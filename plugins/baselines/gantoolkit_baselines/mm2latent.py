"""One code from the embeddings of a text and a mask, after MM2Latent (arXiv 2409.11010)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gantoolkit_baselines.codes import SMALLEST, MapEncoder


class MaskAutoencoder(nn.Module):
    """Embed masks [B,classes,R,R] as [B,embedding], and draw logits of masks from that.

    resolution  R; the encoder halves it down to 4
    classes     of the masks
    embedding   numbers per mask
    widths      channels after each halving; the last repeats
    """

    def __init__(self, resolution: int, classes: int, embedding: int, widths: tuple[int, ...]):
        super().__init__()
        self.encoder = MapEncoder(classes, resolution, 1, embedding, widths)
        doublings = int(math.log2(resolution // SMALLEST))
        channels = [widths[min(level, len(widths) - 1)] for level in reversed(range(doublings))]
        layers: list[nn.Module] = [
            nn.Linear(embedding, channels[0] * SMALLEST**2),
            nn.Unflatten(1, (channels[0], SMALLEST, SMALLEST)),
        ]
        for before, after in zip(channels, (*channels[1:], channels[-1])):
            layers.append(nn.Upsample(scale_factor=2))
            layers.append(nn.Conv2d(before, after, 3, 1, 1))
            layers.append(nn.GroupNorm(8, after))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(channels[-1], classes, 1))
        self.decoder = nn.Sequential(*layers)

    def encode(self, masks: Tensor) -> Tensor:
        """Return embeddings [B,embedding]."""
        return self.encoder(masks)[:, 0]

    def forward(self, masks: Tensor) -> Tensor:
        return self.decoder(self.encode(masks))


class MM2Latent(nn.Module):
    """Map a text embedding and a mask to one code w [B,w_dim]; untrained, it gives the mean code.

    resolution  of masks
    w_dim       numbers per code
    text_width  numbers of a text embedding, which has unit length
    classes     of the masks
    embedding   numbers that a mask is embedded as
    width       of the mapping network
    layers      of the mapping network, without the last
    widths      channels of the mask's encoder after each halving; the last repeats
    """

    def __init__(
        self,
        resolution: int,
        w_dim: int,
        text_width: int,
        classes: int = 19,
        embedding: int = 256,
        width: int = 512,
        layers: int = 4,
        widths: tuple[int, ...] = (32, 64, 128, 192),
    ):
        super().__init__()
        self.arch = dict(
            type="MM2Latent",
            resolution=resolution,
            w_dim=w_dim,
            text_width=text_width,
            classes=classes,
            embedding=embedding,
            width=width,
            layers=layers,
            widths=list(widths),
        )
        self.autoencoder = MaskAutoencoder(resolution, classes, embedding, tuple(widths))
        self.norm = nn.LayerNorm(embedding, elementwise_affine=False)
        self.scale = math.sqrt(text_width)  # gives a unit vector's numbers variance 1
        mapping: list[nn.Module] = []
        inputs = text_width + embedding
        for _ in range(layers):
            mapping.append(nn.Linear(inputs, width))
            mapping.append(nn.LeakyReLU(0.2))
            inputs = width
        last = nn.Linear(inputs, w_dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mapping = nn.Sequential(*mapping, last)
        self.register_buffer("mean_w", torch.zeros(w_dim))

    def forward(self, text: Tensor, mask_embedding: Tensor) -> Tensor:
        """Return w [B,w_dim] of text embeddings [B,D] and of `autoencoder.encode(masks)`."""
        inputs = torch.cat([self.scale * text, self.norm(mask_embedding)], 1)
        return self.mapping(inputs).float() + self.mean_w


def pseudo_text(images: Tensor, direction: Tensor, level: float) -> Tensor:
    """Return unit vectors [B,D] near embeddings of images, to stand in for embeddings of texts.

    LAFITE's recipe (Zhou et al., CVPR 2022): normalize(e + level · u · |e|), where u is a random
    direction of unit length.

    images     embeddings [B,D]
    direction  standard normals [B,D]
    """
    unit = nn.functional.normalize(direction, dim=1)
    length = images.norm(dim=1, keepdim=True)
    return nn.functional.normalize(images + level * unit * length, dim=1)
