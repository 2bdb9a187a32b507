"""Where the U-Net looks for the words of a prompt: Ā of section 3.3."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.bridges.layers import resize
from gantoolkit.core.types import Features


def word_attention(
    features: Features, size: tuple[int, int] | None = None, all_tokens: bool = False
) -> Tensor:
    """Compute Ā [B,1,H,W]: attention probabilities, averaged over words and up blocks.

    An empty prompt has no words; then Ā = 1.

    size        H and W; None: those of the last up block, the finest
    all_tokens  [switch] average over all tokens instead of the prompt's words
    """
    if size is None:
        size = tuple(features.attn_prob[-1].shape[-2:])
    tokens = chosen_tokens(features, all_tokens)
    maps = [resize(mean_over_tokens(p, tokens), size) for p in features.attn_prob]
    return torch.stack(maps).mean(0)


def chosen_tokens(features: Features, all_tokens: bool = False) -> Tensor:
    """Choose the tokens to average over [B,T] bool: the prompt's words, or all."""
    if all_tokens:
        return torch.ones_like(features.words)
    return features.words


def mean_over_tokens(probabilities: Tensor, tokens: Tensor) -> Tensor:
    """Average [B,T,h,w] over the chosen `tokens` [B,T]: [B,1,h,w]; 1 where none is chosen."""
    weight = tokens.to(probabilities.dtype)
    count = weight.sum(1).view(-1, 1, 1)
    mean = torch.einsum("bthw,bt->bhw", probabilities, weight) / count.clamp_min(1)
    return torch.where(count > 0, mean, torch.ones_like(mean)).unsqueeze(1)
