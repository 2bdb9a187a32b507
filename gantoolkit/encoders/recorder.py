"""Reading a denoising U-Net from the inside: h, f and a of one forward pass (method, “Encoder E”).

    h   what enters the first up block, so that the ControlNet's mid residual is in it
    f   per up block with cross-attention: the output of its last attention, or of the block
    a   of the `attn2` layers of those blocks: their outputs, and their probabilities

Only those `attn2` layers compute an explicit softmax; every other attention keeps its own processor.
Maxima over the K layers and the heads are taken on the fly, so that no layer's probabilities are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

TAPS = ("attention", "block")


class RecordingProcessor:
    """Cross-attention with explicit probabilities; gives both to `record(output, probabilities)`."""

    def __init__(self, record):
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
        query, key, value = (
            _heads(x, attn.heads)
            for x in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        scores = query @ key.transpose(-1, -2) * attn.scale  # [B,heads,HW,T]
        if attention_mask is not None:
            mask = attn.prepare_attention_mask(attention_mask, key.shape[2], len(query))
            scores = scores + mask.view(len(query), attn.heads, -1, key.shape[2])
        probabilities = scores.float().softmax(-1)
        mixed = (probabilities.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        output = attn.to_out[1](attn.to_out[0](mixed))
        self.record(output, probabilities)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor


def _heads(x: Tensor, heads: int) -> Tensor:
    """[B,N,heads·d] → [B,heads,N,d]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


@dataclass
class Block:
    """Running maxima of one up block during a forward pass."""

    f: Tensor | None = None  # [B,C_n,·,·]
    output: Tensor | None = None  # max over layers [B,HW,C_n]
    probability: Tensor | None = None  # max over layers and heads [B,HW,T]
    size: tuple[int, int] = (0, 0)  # H, W of the attention layers

    def maps(self) -> tuple[Tensor, Tensor]:
        """(outputs [B,C_n,H,W], probabilities [B,T,H,W])."""
        found = (self.output, self.probability)
        return tuple(m.transpose(1, 2).unflatten(2, self.size).float() for m in found)


class StopForward(Exception):
    """All that was asked of a forward pass is known."""


class Recorder:
    """Context manager: inside it every forward of `unet` is recorded, after it the U-Net is as before.

    rows    the part of the batch to keep, such as the conditional half under classifier-free guidance
    only_h  leave the forward by `Reached` once h is known: the up blocks are not computed, f and a are empty
    """

    def __init__(
        self,
        unet: nn.Module,
        tap: str = "attention",
        rows: slice = slice(None),
        only_h: bool = False,
    ):
        self.unet, self.tap, self.rows, self.only_h = unet, tap, rows, only_h
        self.up = [b for b in unet.up_blocks if getattr(b, "has_cross_attention", False)]
        self._undo: list = []
        self._clear()

    def _clear(self) -> None:
        self.h: Tensor | None = None
        self.blocks = [Block() for _ in self.up]

    def __enter__(self) -> Recorder:
        self._clear()
        hook = self.unet.up_blocks[0].register_forward_pre_hook(self._see_h, with_kwargs=True)
        self._undo.append(hook.remove)
        for n, block in enumerate(self.up):
            self._undo.append(
                block.attentions[-1].register_forward_hook(self._see_attention(n)).remove
            )
            if self.tap == "block":
                self._undo.append(block.register_forward_hook(self._see_block(n)).remove)
            for attn in cross_attentions(block):
                self._undo.append(_restorer(attn))
                attn.set_processor(RecordingProcessor(self._see_layer(n)))
        return self

    def __exit__(self, *error) -> None:
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._clear()

    def _see_h(self, module, args, kwargs) -> None:
        self.blocks = [Block() for _ in self.up]  # a new forward pass begins
        self.h = (kwargs["hidden_states"] if "hidden_states" in kwargs else args[0])[
            self.rows
        ].float()
        if self.only_h:
            raise StopForward

    def _see_attention(self, n: int):
        def hook(module, args, output):
            sample = output[0] if isinstance(output, tuple) else output.sample
            self.blocks[n].size = tuple(sample.shape[-2:])
            if self.tap == "attention":
                self.blocks[n].f = sample[self.rows].float()

        return hook

    def _see_block(self, n: int):
        def hook(module, args, output):
            self.blocks[n].f = output[self.rows].float()

        return hook

    def _see_layer(self, n: int):
        def record(output: Tensor, probabilities: Tensor) -> None:
            block = self.blocks[n]
            block.output = _maximum(block.output, output[self.rows])
            block.probability = _maximum(block.probability, probabilities[self.rows].amax(1))

        return record

    def read(self) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """(h, f, attn_out, attn_prob) of the latest forward pass, float32."""
        if self.only_h and self.h is not None:
            return self.h, (), (), ()
        if self.h is None or any(b.f is None or b.output is None for b in self.blocks):
            raise RuntimeError("no forward pass of the U-Net was recorded")
        outputs, probabilities = zip(*(block.maps() for block in self.blocks))
        return self.h, tuple(b.f for b in self.blocks), outputs, probabilities


def cross_attentions(block: nn.Module) -> list[nn.Module]:
    """The `attn2` layers of one up block, in order."""
    layers = [t.attn2 for a in block.attentions for t in a.transformer_blocks]
    return [layer for layer in layers if layer is not None]


def _restorer(attn: nn.Module):
    processor = attn.processor
    return lambda: attn.set_processor(processor)


def _maximum(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else torch.maximum(first, second)
