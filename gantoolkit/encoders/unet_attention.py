"""Transformers of diffusers' U-Nets, with keys and values of the text that are made only once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.encoders.recorder import LevelRecord
from gantoolkit.networks.cpu.group_norm import group_norm


class SelfAttention:
    """An attention among pixels; queries, keys and values are one product.

    attn  diffusers' Attention
    """

    def __init__(self, attn: nn.Module):
        self.attn = attn

    def prepare(self, embedding: Tensor) -> Tensor:
        """Return the joint weight [3C,C]; the text is not read."""
        attn = self.attn
        return torch.cat([attn.to_q.weight, attn.to_k.weight, attn.to_v.weight])

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """Attend among x [n,HW,C]; `weight` is what `prepare` made."""
        attn = self.attn
        projected = split_heads(F.linear(x, weight), 3 * attn.heads)
        query, key, value = projected.chunk(3, 1)
        output = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        return project_out(attn, output)


class CrossAttention:
    """An attention of pixels to the text.

    attn  diffusers' Attention
    """

    def __init__(self, attn: nn.Module):
        self.attn = attn

    def prepare(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values [n,heads,T,d] of the text [n,T,D]."""
        attn = self.attn
        key = split_heads(attn.to_k(embedding), attn.heads)
        value = split_heads(attn.to_v(embedding), attn.heads)
        return key.contiguous(), value.contiguous()

    def __call__(
        self, x: Tensor, text: tuple[Tensor, Tensor], record: LevelRecord | None = None
    ) -> Tensor:
        """Attend from x [n,HW,C] to the text; only for a record probabilities are written out."""
        attn = self.attn
        key, value = text
        query = split_heads(attn.to_q(x), attn.heads)
        if record is None:
            output = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
            return project_out(attn, output)

        scores = query @ key.transpose(-1, -2) * attn.scale  # [n,heads,HW,T]
        probabilities = scores.softmax(-1, dtype=torch.float32)
        output = project_out(attn, probabilities.to(value.dtype) @ value)
        record.add(output, probabilities)
        return output


class TransformerBlock:
    """Self-attention, cross-attention and a gated feed-forward network.

    block  diffusers' BasicTransformerBlock; where it is `only_cross_attention`, both attentions
           read the text
    """

    def __init__(self, block: nn.Module):
        self.block = block
        first = CrossAttention if block.only_cross_attention else SelfAttention
        self.first = first(block.attn1)
        self.second = CrossAttention(block.attn2)

    def __call__(self, x: Tensor, prepared: dict, record: LevelRecord | None) -> Tensor:
        """Transform x [n,HW,C]; `prepared` holds what each attention prepared."""
        block = self.block
        x = self.first(block.norm1(x), prepared[self.first]).add_(x)
        # a record may keep the output, so it is not added to in place
        x = self.second(block.norm2(x), prepared[self.second], record) + x
        return feed_forward(block.ff, block.norm3(x)).add_(x)


class Transformer:
    """The transformer after a resnet block.

    transformer  diffusers' Transformer2DModel, whose projections may be 1×1 convolutions
    """

    def __init__(self, transformer: nn.Module):
        self.transformer = transformer
        self.blocks = [TransformerBlock(block) for block in transformer.transformer_blocks]

    @property
    def attentions(self) -> list[SelfAttention | CrossAttention]:
        """All attentions, in order."""
        return [attention for block in self.blocks for attention in (block.first, block.second)]

    def __call__(self, x: Tensor, prepared: dict, record: LevelRecord | None = None) -> Tensor:
        """Transform x [n,C,H,W]."""
        transformer = self.transformer
        normalized = group_norm(x, transformer.norm).to(x.dtype)
        tokens = normalized.permute(0, 2, 3, 1).flatten(1, 2)
        tokens = project(transformer.proj_in, tokens)
        for block in self.blocks:
            tokens = block(tokens, prepared, record)
        tokens = project(transformer.proj_out, tokens)
        return tokens.unflatten(1, x.shape[-2:]).permute(0, 3, 1, 2) + x


def feed_forward(network: nn.Module, x: Tensor) -> Tensor:
    """Evaluate diffusers' FeedForward with GEGLU on x [n,HW,C].

    The gate and what it gates are two products: halves of one would not be contiguous, and an
    activation of them takes up to three times as long on a CPU.
    """
    projection, _, contraction = network.net
    weight, gate_weight = projection.proj.weight.chunk(2)
    bias, gate_bias = projection.proj.bias.chunk(2)
    gate = F.gelu(F.linear(x, gate_weight, gate_bias))
    return contraction(gate.mul_(F.linear(x, weight, bias)))


def project(layer: nn.Module, tokens: Tensor) -> Tensor:
    """Project tokens [n,HW,C] by a linear layer or a 1×1 convolution."""
    return F.linear(tokens, layer.weight.flatten(1), layer.bias)


def project_out(attn: nn.Module, heads_output: Tensor) -> Tensor:
    """Join heads [n,heads,HW,d] and project them to [n,HW,C]."""
    projection, _ = attn.to_out
    return projection(heads_output.transpose(1, 2).flatten(2))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[n,N,heads·d] → [n,heads,N,d]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
