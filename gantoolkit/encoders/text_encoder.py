"""Prompts: token ids, which of these are words, and embeddings by a frozen CLIP text model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gantoolkit.core import prompt_words


@dataclass(frozen=True)
class EncodedPrompts:
    """B prompts as a denoising network reads them."""

    embedding: Tensor  # [B,T,D] hidden states
    words: Tensor  # [B,T] bool: between BOS and the first EOS
    pooled: Tensor | None = None  # [B,P] one vector per prompt, where the network reads one

    def to(self, dtype: torch.dtype) -> EncodedPrompts:
        """Convert embeddings to a precision."""
        pooled = None if self.pooled is None else self.pooled.to(dtype)
        return EncodedPrompts(self.embedding.to(dtype), self.words, pooled)

    def __getitem__(self, rows: slice | Tensor) -> EncodedPrompts:
        pooled = None if self.pooled is None else self.pooled[rows]
        return EncodedPrompts(self.embedding[rows], self.words[rows], pooled)


def join_prompts(first: EncodedPrompts, second: EncodedPrompts) -> EncodedPrompts:
    """Put two batches of prompts one after the other."""
    pooled = None
    if first.pooled is not None and second.pooled is not None:
        pooled = torch.cat([first.pooled, second.pooled])
    return EncodedPrompts(
        torch.cat([first.embedding, second.embedding]),
        torch.cat([first.words, second.words]),
        pooled,
    )


def token_count(tokenizer, model: nn.Module) -> int:
    """Return T, the length to which every prompt is padded or cut."""
    return min(int(tokenizer.model_max_length), int(model.config.max_position_embeddings))


def tokenize(tokenizer, prompts: Sequence[str], length: int) -> Tensor:
    """Return token ids [B,length] int64: BOS, words, EOS, padding; a longer prompt is cut."""
    batch = tokenizer(
        list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    )
    return batch.input_ids


def word_mask(ids: Tensor, eos: int, start: int = 1) -> Tensor:
    """Mark the tokens of words in ids [B,T]: those from `start` (after BOS) to the first EOS.

    An empty prompt has none.
    """
    ended = (ids == eos).cumsum(1) > 0
    words = ~ended
    words[:, :start] = False
    return words


class TextEncoder(nn.Module):
    """A CLIP text model with its tokenizer; equal prompts of a batch are encoded once.

    model      transformers' CLIPTextModel
    tokenizer  its CLIPTokenizer. Where a list of the words that the model learned lies beside it,
               near words are read as these (core/prompt_words.py)
    """

    special_tokens = 2  # start and end of a text

    def __init__(self, model: nn.Module, tokenizer):
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.num_tokens = token_count(tokenizer, model)

    def token_ids(self, prompts: Sequence[str]) -> Tensor:
        """Return the token ids [B,T] on the text model's device."""
        device = next(self.model.parameters()).device
        known = prompt_words.known_words(self.tokenizer)
        read = [prompt_words.read_prompt(prompt, known).text for prompt in prompts]
        return tokenize(self.tokenizer, read, self.num_tokens).to(device)

    def truncated_text(self, prompt: str) -> str:
        """Return the end of a prompt that is cut off because it is too long; "" if nothing is."""
        ids = self.tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
        room = self.num_tokens - self.special_tokens
        return self.tokenizer.decode(ids[room:]).strip()

    def encode(self, ids: Tensor) -> EncodedPrompts:
        """Encode token ids [B,T] as Stable Diffusion does: the last hidden states."""
        embedding = self.model(input_ids=ids).last_hidden_state
        return EncodedPrompts(embedding, word_mask(ids, self.tokenizer.eos_token_id))

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        """Encode prompts."""
        unique = list(dict.fromkeys(prompts))
        ids = self.token_ids(unique)
        rows = torch.tensor([unique.index(prompt) for prompt in prompts], device=ids.device)
        return self.encode(ids)[rows]


class PenultimateTextEncoder(TextEncoder):
    """The same, read before the text model's last layer, with one pooled vector per prompt."""

    def encode(self, ids: Tensor) -> EncodedPrompts:
        """Encode token ids [B,T]: hidden states before the last layer, without the final norm."""
        output = self.model(input_ids=ids, output_hidden_states=True)
        words = word_mask(ids, self.tokenizer.eos_token_id)
        has_projection = "text_embeds" in output
        pooled = output.text_embeds if has_projection else output.pooler_output
        return EncodedPrompts(output.hidden_states[-2], words, pooled)


class PairedTextEncoder(PenultimateTextEncoder):
    """Two CLIP text models side by side, as Stable Diffusion XL reads them.

    Tokens and words are those of the first.

    model, tokenizer  the first text model and its CLIPTokenizer
    second            the second one, with a projection
    pools_both        whether the pooled vector is both models' (Stable Diffusion 3), not only the
                      second's
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer,
        second: PenultimateTextEncoder,
        pools_both: bool = False,
    ):
        super().__init__(model, tokenizer)
        self.second = second
        self.pools_both = pools_both

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        """Encode prompts: embeddings [B,T,D1+D2]."""
        first = super().forward(prompts)
        second = self.second(prompts)
        embedding = torch.cat([first.embedding, second.embedding], 2)
        pooled = second.pooled
        if self.pools_both:
            pooled = torch.cat([first.pooled, second.pooled], 1)
        return EncodedPrompts(embedding, first.words, pooled)
