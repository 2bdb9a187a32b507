"""Read a denoising network from the inside: h, f and a of one evaluation (method, “Encoder E”).

Of a U-Net:

    h   what enters the first up block, so that the ControlNet's mid residual is in it
    f   per up block with cross-attention: the output of its last attention, or of the block
    a   of the cross-attention in those blocks: its outputs, and its probabilities

Only that cross-attention writes its probabilities out, and only while it is recorded. Maxima over
the K layers and the heads are taken on the fly, so that no layer's probabilities are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

TAPS = ("attention", "block")


@dataclass
class BlockRecord:
    """Running maxima of one up block, or of a group of blocks, during a forward pass."""

    f: Tensor | None = None  # [B,C_n,·,·]
    attn_out: Tensor | None = None  # max over layers [B,HW,C_n]
    attn_prob: Tensor | None = None  # max over layers and heads [B,HW,T]
    size: tuple[int, int] = (0, 0)  # H, W of the attention layers

    def add(self, output: Tensor, probabilities: Tensor) -> None:
        """Take a layer's output [B,HW,C_n] and probabilities [B,heads,HW,T] into the maxima."""
        self.attn_out = _maximum(self.attn_out, output)
        self.attn_prob = _maximum(self.attn_prob, probabilities.amax(1))

    def attention_maps(self) -> tuple[Tensor, Tensor]:
        """Return the outputs [B,C_n,H,W] and the probabilities [B,T,H,W]."""
        return self._as_map(self.attn_out), self._as_map(self.attn_prob)

    def _as_map(self, tokens: Tensor) -> Tensor:
        return as_map(tokens, self.size).float()


def as_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """[B,HW,C] → [B,C,H,W]."""
    return tokens.transpose(1, 2).unflatten(2, size)


class StopForward(Exception):
    """Stops a network once the requested features are recorded."""


class Recorder:
    """Record every forward of a network within a `with` block; after it the network is as before.

    count    N, the number of feature maps f
    samples  the part of the batch to keep, such as the conditional half under guidance
    only_h   stop the forward by `StopForward` once h is known: what follows is not computed, and
             f and a are empty
    """

    def __init__(self, count: int, samples: slice = slice(None), only_h: bool = False):
        self.count = count
        self.samples = samples
        self.only_h = only_h
        self._undo: list[Callable[[], None]] = []
        self._clear()

    def _clear(self) -> None:
        self.h: Tensor | None = None
        self.blocks = [BlockRecord() for _ in range(self.count)]

    def __enter__(self) -> Self:
        self._clear()
        self._attach()
        return self

    def _attach(self) -> None:
        """Attach what records; each addition puts what removes it into `_undo`."""
        raise NotImplementedError

    def __exit__(self, *error) -> None:
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._clear()

    def _start(self, h: Tensor) -> None:
        """Begin the record of a forward pass with its h."""
        self._clear()
        self.h = h.float()
        if self.only_h:
            raise StopForward

    def read(self) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return h, f, attn_out, attn_prob of the latest forward pass, in float32."""
        if self.only_h and self.h is not None:
            return self.h, (), (), ()
        incomplete = any(block.f is None or block.attn_out is None for block in self.blocks)
        if self.h is None or incomplete:
            raise RuntimeError("no forward pass of the network was recorded")
        f = tuple(block.f for block in self.blocks)
        attn_out, attn_prob = zip(*(block.attention_maps() for block in self.blocks))
        return self.h, f, attn_out, attn_prob


class RecordedUNet(Protocol):
    """What UNetRecorder reads: a network that tells `recorder` of itself."""

    recorder: UNetRecorder | None

    @property
    def recorded_levels(self) -> list: ...


class UNetRecorder(Recorder):
    """Record a frozen U-Net.

    unet     the network, such as a FrozenUNet
    tap      where f is read: 'attention' or 'block'
    samples, only_h  as of Recorder
    """

    def __init__(
        self,
        unet: RecordedUNet,
        tap: str = "attention",
        samples: slice = slice(None),
        only_h: bool = False,
    ):
        self.unet = unet
        self.tap = tap
        self.levels = unet.recorded_levels
        super().__init__(len(self.levels), samples, only_h)

    def _attach(self) -> None:
        before = self.unet.recorder
        self.unet.recorder = self
        self._undo.append(lambda: setattr(self.unet, "recorder", before))

    def see_h(self, h: Tensor) -> None:
        """Take what enters the first up block [n,C,H,W]."""
        self._start(h[self.samples])

    def record_of(self, level) -> LevelRecord | None:
        """Return what sees a level of the way up; None if it has no cross-attention."""
        if level not in self.levels:
            return None
        return LevelRecord(self.blocks[self.levels.index(level)], self.tap, self.samples)


@dataclass(frozen=True)
class LevelRecord:
    """What sees an up block during an evaluation."""

    block: BlockRecord
    tap: str
    samples: slice

    def add(self, output: Tensor, probabilities: Tensor) -> None:
        """Take a layer's output [n,HW,C] and probabilities [n,heads,HW,T]."""
        self.block.add(output[self.samples], probabilities[self.samples])

    def see(self, place: str, x: Tensor) -> None:
        """Take x [n,C,H,W] after the last 'attention', or after the 'block'."""
        if place == "attention":
            self.block.size = tuple(x.shape[-2:])
        if place == self.tap:
            self.block.f = x[self.samples].float()


def feature_shapes(
    unet: nn.Module, latent_size: tuple[int, int], tap: str
) -> tuple[tuple[int, int, int], tuple[tuple[int, int, int], ...]]:
    """Return the shape (C,H,W) of h, and those of f, that a U-Net gives at a tap."""
    widths = unet.config.block_out_channels
    downscale = 2 ** (len(widths) - 1)
    height, width = latent_size
    size = height // downscale, width // downscale
    h_shape = (widths[-1], *size)

    f_shapes = []
    for channels, block in zip(reversed(widths), unet.up_blocks):
        size_after = tuple(2 * side for side in size) if block.upsamplers else size
        if getattr(block, "has_cross_attention", False):
            f_size = size_after if tap == "block" else size
            f_shapes.append((channels, *f_size))
        size = size_after
    return h_shape, tuple(f_shapes)


def _maximum(running: Tensor | None, value: Tensor) -> Tensor:
    return value if running is None else torch.maximum(running, value)
