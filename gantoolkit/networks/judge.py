"""The judge: one ConvNeXt-like trunk with heads for parsing, identity, attributes and text.

Only metrics may load it. Its architecture, seed and training identities differ from those of every
network that a loss uses, so that a bridge cannot learn to please it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.blocks import fit

PLACED = 96  # numbers that an attribute's head reads of its places


class ChannelNorm(nn.LayerNorm):
    """Layer norm over C of [B,C,H,W]."""

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.permute(0, 2, 3, 1)
        return super().forward(channels_last).permute(0, 3, 1, 2)


class Block(nn.Module):
    """x + γ · (depthwise 5×5, norm, 1×1 widen, GELU, 1×1 narrow)."""

    def __init__(self, width: int, widen: int = 3):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = ChannelNorm(width)
        self.wide = nn.Conv2d(width, widen * width, 1)
        self.narrow = nn.Conv2d(widen * width, width, 1)
        self.gamma = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x))
        y = F.gelu(self.wide(y))
        return x + self.gamma * self.narrow(y)


class ParseHead(nn.Module):
    """Map images and the trunk's maps to label logits.

    Maps are summed from coarse to fine, then joined with the pixels. It works at 1/`stride` of the
    resolution, where stride² pixels are 3 · stride² channels, so that edges stay where they are.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        labels: int,
        stride: int = 2,
        width: int = 64,
        joined: int = 96,
    ):
        super().__init__()
        self.stride = stride
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths)
        self.settle = nn.ModuleList(Block(width, 2) for _ in widths[:-1])
        self.pixels = nn.Sequential(
            nn.Conv2d(3 * stride**2, width, 3, padding=1),
            nn.GELU(),
        )
        self.join = nn.Sequential(
            nn.Conv2d(2 * width, joined, 1),
            Block(joined, 2),
            Block(joined, 2),
        )
        self.logits = nn.Conv2d(joined, stride**2 * labels, 1)

    def forward(self, pixels: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        x = self.lateral[-1](maps[-1])
        levels = list(zip(self.lateral, self.settle, maps))  # all but the coarsest
        for lateral, settle, finer in reversed(levels):
            enlarged = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = settle(enlarged + lateral(finer))
        detail = self.pixels(F.pixel_unshuffle(pixels, self.stride))
        joined = self.join(torch.cat([x, detail], 1))
        return F.pixel_shuffle(self.logits(joined), self.stride)


class PlaceReader(nn.Module):
    """Map [B,C,H,W] to one vector per attribute [B,A,hidden].

    Each is a mean over places with weights of its own: a smile is read at the mouth.
    """

    def __init__(self, width: int, side: int, attributes: int, hidden: int = PLACED):
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(width, hidden, 3, padding=1),
            nn.GELU(),
        )
        self.attend = nn.Conv2d(hidden, attributes, 1)
        self.place = nn.Parameter(torch.zeros(attributes, side, side))

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)
        weights = (self.attend(local) + self.place).flatten(2).float().softmax(2)
        return torch.einsum("bal,bcl->bac", weights, local.flatten(2).float())


class CaptionReader(nn.Module):
    """Map captions to [B,D]: word embeddings, a convolution over three words, the maximum."""

    def __init__(self, words: tuple[str, ...], width: int, embedding: int):
        super().__init__()
        self.index = {word: index for index, word in enumerate(words, 2)}  # 0 padding, 1 unknown
        self.embed = nn.Embedding(len(words) + 2, width, padding_idx=0)
        self.near = nn.Conv1d(width, 2 * width, 3, padding=1)
        self.project = nn.Sequential(
            nn.GELU(),
            nn.Linear(2 * width, embedding),
        )

    def ids(self, captions: Sequence[str]) -> Tensor:
        """Return word indices [B,longest], padded with 0; an empty caption is one unknown word."""
        device = self.embed.weight.device
        sequences = []
        for caption in captions:
            words = re.findall(r"[^\W_]+|\.", caption.lower())
            ids = [self.index.get(word, 1) for word in words] or [1]
            sequences.append(torch.tensor(ids, device=device))
        return nn.utils.rnn.pad_sequence(sequences, batch_first=True)

    def forward(self, captions: Sequence[str]) -> Tensor:
        ids = self.ids(captions)
        near = self.near(self.embed(ids).mT)  # [B,C,words]
        is_padding = (ids == 0)[:, None]
        return self.project(near.masked_fill(is_padding, -1e4).amax(2))


@dataclass(frozen=True)
class Observation:
    """What the judge reads off a batch of images."""

    maps: tuple[Tensor, ...]  # trunk features, fine to coarse [B,C_n,·,·]
    features: Tensor  # [B,256] for FID
    logits: Tensor  # [B,19,resolution,resolution]
    identity: Tensor  # unit [B,D]
    attributes: dict[str, Tensor]  # attribute → logits [B,values]
    text: Tensor  # unit [B,D]: compare with `Judge.embed_text`


class Judge(nn.Module):
    """Map images −1..1 of any size to an Observation.

    resolution      at which the network works
    widths, depths  channels and blocks of the trunk's four stages
    labels          classes of the parser
    parse_stride    2 or 4: the parser works at 1/2 or 1/4 of the resolution, on maps from there on
    embedding       numbers of an identity embedding
    text_embedding  numbers of an embedding in the space of captions
    attributes      name → its values, in the order of the head's logits
    places          read attributes at places of their own too, not only off the whole picture
    words           that the caption reader knows, in the order of its embedding

    >>> judge = Judge(resolution=32, widths=(8, 8, 8, 8), words=["a", "face"]).eval()
    >>> observation = judge(torch.zeros(2, 3, 64, 64))
    >>> observation.logits.shape, observation.features.shape
    (torch.Size([2, 19, 32, 32]), torch.Size([2, 256]))
    >>> judge.embed_text(["a face", ""]).shape
    torch.Size([2, 64])
    """

    def __init__(
        self,
        resolution: int = 64,
        widths: tuple[int, ...] = (32, 96, 160, 256),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        labels: int = 19,
        parse_stride: int = 2,
        embedding: int = 128,
        text_embedding: int = 64,
        attributes: dict[str, list[str]] | None = None,
        places: bool = False,
        words: tuple[str, ...] | list[str] = (),
    ):
        super().__init__()
        self.resolution = resolution
        self.widths = tuple(widths)
        self.depths = tuple(depths)
        self.labels = labels
        self.parse_stride = parse_stride
        self.embedding = embedding
        self.text_embedding = text_embedding
        self.attributes = dict(attributes or {})
        self.places = places
        self.words = tuple(words)

        self.down = nn.ModuleList()
        for inputs, outputs in zip((3, *widths[:-1]), widths):
            is_first = not len(self.down)
            kernel, padding = (3, 1) if is_first else (2, 0)
            conv = nn.Conv2d(inputs, outputs, kernel, 2, padding)
            self.down.append(nn.Sequential(conv, ChannelNorm(outputs)))
        self.stages = nn.ModuleList(
            nn.Sequential(*[Block(width) for _ in range(depth)])
            for width, depth in zip(widths, depths)
        )
        self.finest_parsed = {2: 0, 4: 1}[parse_stride]  # index of the finest map that it reads
        self.parse = ParseHead(widths[self.finest_parsed :], labels, parse_stride)
        self.pool = nn.Sequential(
            nn.LayerNorm(widths[-1]),
            nn.Linear(widths[-1], 256),
            nn.GELU(),
        )
        side = -(-resolution // 16)  # of the third map, halved
        self.identify = nn.Sequential(
            nn.Conv2d(widths[2], 64, 3, 2, 1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(64 * side * side, embedding),
        )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(256, len(values)) for name, values in self.attributes.items()}
        )
        self.place_reader = None
        if places:
            self.place_reader = PlaceReader(widths[2], (resolution + 1) // 2 // 4, len(self.heads))
            self.place_heads = nn.ModuleDict(
                {name: nn.Linear(PLACED, len(values)) for name, values in self.attributes.items()}
            )
        self.see = nn.Linear(256, text_embedding)
        self.reader = CaptionReader(self.words, 64, text_embedding)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # CLIP starts at 1 / 0.07

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {
            "type": "Judge",
            "resolution": self.resolution,
            "widths": list(self.widths),
            "depths": list(self.depths),
            "labels": self.labels,
            "parse_stride": self.parse_stride,
            "embedding": self.embedding,
            "text_embedding": self.text_embedding,
            "attributes": self.attributes,
            "places": self.places,
            "words": list(self.words),
        }

    def trunk(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return maps at 1/2, 1/4, 1/8 and 1/16 of images at `resolution`."""
        maps = []
        x = pixels
        for down, stage in zip(self.down, self.stages):
            x = stage(down(x))
            maps.append(x)
        return tuple(maps)

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the trunk's maps of images of any size (what `Perceptual` compares)."""
        return self.trunk(fit(images, self.resolution))

    def observe(self, images: Tensor) -> Observation:
        """Read everything off the images in one pass through the trunk."""
        pixels = fit(images, self.resolution)
        maps = self.trunk(pixels)
        features = self.pool(maps[-1].mean((2, 3)))
        identity = self.identify(maps[2])
        return Observation(
            maps=maps,
            features=features.float(),
            logits=self.parse(pixels, maps[self.finest_parsed :]).float(),
            identity=F.normalize(identity.float(), dim=1),
            attributes=self._read_attributes(features, maps[2]),
            text=F.normalize(self.see(features).float(), dim=1),
        )

    forward = observe

    def _read_attributes(self, features: Tensor, finer_map: Tensor) -> dict[str, Tensor]:
        """Return attribute → logits [B,values]."""
        logits = {name: head(features).float() for name, head in self.heads.items()}
        if self.place_reader is not None:
            at_places = self.place_reader(finer_map).unbind(1)
            for (name, head), vector in zip(self.place_heads.items(), at_places):
                logits[name] = logits[name] + head(vector).float()
        return logits

    def embed_text(self, captions: Sequence[str]) -> Tensor:
        """Return unit embeddings [B,D] of captions, in the space of `Observation.text`."""
        return F.normalize(self.reader(captions).float(), dim=1)
