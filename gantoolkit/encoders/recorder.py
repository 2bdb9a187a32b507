"""Read a denoising U-Net from the inside: h, f and a of one forward pass (method, “Encoder E”).

    h   what enters the first up block, so that the ControlNet's mid residual is in it
    f   per up block with cross-attention: the output of its last attention, or of the block
    a   of the `attn2` layers of those blocks: their outputs, and their probabilities

Only those `attn2` layers compute an explicit softmax; every other attention keeps its own
processor. Maxima over the K layers and the heads are taken on the fly, so that no layer's
probabilities are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

TAPS = ("attention", "block")


class RecordingAttnProcessor:
    """Cross-attention with explicit probabilities; both go to `record(output, probabilities)`."""

    def __init__(self, record: Callable[[Tensor, Tensor], None]):
        self.record = record

    def __call__(
        self,
        attn,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """hidden_states [B,HW,C], encoder_hidden_states [B,T,D] → [B,HW,C]."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if encoder_hidden_states is not None and attn.norm_cross:
            context = attn.norm_encoder_hidden_states(context)
        query = _split_heads(attn.to_q(hidden_states), attn.heads)
        key = _split_heads(attn.to_k(context), attn.heads)
        value = _split_heads(attn.to_v(context), attn.heads)

        scores = query @ key.transpose(-1, -2) * attn.scale  # [B,heads,HW,T]
        if attention_mask is not None:
            mask = attn.prepare_attention_mask(attention_mask, key.shape[2], len(query))
            scores = scores + mask.view(len(query), attn.heads, -1, key.shape[2])
        probabilities = scores.float().softmax(-1)

        heads_output = (probabilities.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        projection, dropout = attn.to_out
        output = dropout(projection(heads_output))
        self.record(output, probabilities)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor


def _split_heads(x: Tensor, heads: int) -> Tensor:
    """[B,N,heads·d] → [B,heads,N,d]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


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


class FeatureRecorder(Recorder):
    """Record a denoising U-Net.

    unet     diffusers' UNet2DConditionModel
    tap      where f is read: 'attention' or 'block'
    samples, only_h  as of Recorder
    """

    def __init__(
        self,
        unet: nn.Module,
        tap: str = "attention",
        samples: slice = slice(None),
        only_h: bool = False,
    ):
        self.unet = unet
        self.tap = tap
        self.up_blocks = [b for b in unet.up_blocks if getattr(b, "has_cross_attention", False)]
        super().__init__(len(self.up_blocks), samples, only_h)

    def _attach(self) -> None:
        first_up_block = self.unet.up_blocks[0]
        hook = first_up_block.register_forward_pre_hook(self._record_h, with_kwargs=True)
        self._undo.append(hook.remove)
        for index, block in enumerate(self.up_blocks):
            hook = block.attentions[-1].register_forward_hook(self._attention_hook(index))
            self._undo.append(hook.remove)
            if self.tap == "block":
                hook = block.register_forward_hook(self._block_hook(index))
                self._undo.append(hook.remove)
            for attn in cross_attention_layers(block):
                self._undo.append(_processor_restorer(attn))
                attn.set_processor(RecordingAttnProcessor(self._layer_recorder(index)))

    def _record_h(self, module, args, kwargs) -> None:
        self._start(entering(args, kwargs)[self.samples])

    def _attention_hook(self, index: int):
        def record(module, args, output):
            sample = output[0] if isinstance(output, tuple) else output.sample
            block = self.blocks[index]
            block.size = tuple(sample.shape[-2:])
            if self.tap == "attention":
                block.f = sample[self.samples].float()

        return record

    def _block_hook(self, index: int):
        def record(module, args, output):
            self.blocks[index].f = output[self.samples].float()

        return record

    def _layer_recorder(self, index: int):
        def record(output: Tensor, probabilities: Tensor) -> None:
            self.blocks[index].add(output[self.samples], probabilities[self.samples])

        return record


def entering(args: tuple, kwargs: dict) -> Tensor:
    """Return the hidden states that enter a block of diffusers, by position or by keyword."""
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]


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


def cross_attention_layers(block: nn.Module) -> list[nn.Module]:
    """Return the `attn2` layers of one up block, in order."""
    transformers = [t for attention in block.attentions for t in attention.transformer_blocks]
    return [t.attn2 for t in transformers if t.attn2 is not None]


def _processor_restorer(attn: nn.Module) -> Callable[[], None]:
    processor = attn.processor
    return lambda: attn.set_processor(processor)


def _maximum(running: Tensor | None, value: Tensor) -> Tensor:
    return value if running is None else torch.maximum(running, value)
