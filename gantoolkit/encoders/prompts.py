"""Prompts: token ids, which of them are words, and their embeddings by a frozen CLIP text model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Prompt:
    """B encoded prompts."""

    embedding: Tensor  # [B,T,D] last hidden state
    words: Tensor  # [B,T] bool: between BOS and the first EOS


def token_count(tokenizer, text: nn.Module) -> int:
    """T: the length that every prompt is padded or cut to."""
    return min(int(tokenizer.model_max_length), int(text.config.max_position_embeddings))


def tokenize(tokenizer, prompts: Sequence[str], length: int) -> Tensor:
    """Token ids [B,length] int64: BOS, words, EOS, padding; a longer prompt is cut."""
    batch = tokenizer(
        list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    )
    return batch.input_ids


def word_mask(ids: Tensor, eos: int) -> Tensor:
    """[B,T] bool: True strictly between position 0 (BOS) and the first EOS; all False for an empty prompt."""
    after = (ids == eos).cumsum(1) > 0
    words = ~after
    words[:, 0] = False
    return words


class Prompts(nn.Module):
    """Text model and tokenizer together; equal prompts of a batch are encoded once."""

    def __init__(self, text: nn.Module, tokenizer):
        super().__init__()
        self.text, self.tokenizer = text, tokenizer
        self.tokens = token_count(tokenizer, text)

    def ids(self, prompts: Sequence[str]) -> Tensor:
        """Token ids [B,T] on the text model's device."""
        return tokenize(self.tokenizer, prompts, self.tokens).to(
            next(self.text.parameters()).device
        )

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is too long, which the text model never reads; "" where all of it fits."""
        ids = self.tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
        return self.tokenizer.decode(ids[self.tokens - 2 :]).strip()  # BOS and EOS take two places

    def embed(self, ids: Tensor) -> Tensor:
        """Last hidden states [B,T,D] of token ids [B,T], as Stable Diffusion reads them."""
        return self.text(input_ids=ids).last_hidden_state

    def forward(self, prompts: Sequence[str]) -> Prompt:
        unique = list(dict.fromkeys(prompts))
        ids = self.ids(unique)
        rows = torch.tensor([unique.index(p) for p in prompts], device=ids.device)
        return Prompt(self.embed(ids)[rows], word_mask(ids, self.tokenizer.eos_token_id)[rows])
