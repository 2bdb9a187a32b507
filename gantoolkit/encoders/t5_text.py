"""Prompts as T5 reads them, alone or beside CLIP's text models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.encoders.text_encoder import (
    EncodedPrompts,
    PairedTextEncoder,
    PenultimateTextEncoder,
    TextEncoder,
    word_mask,
)


class T5TextEncoder(TextEncoder):
    """T5's last hidden states; padding takes part, as in diffusers' pipelines.

    model       transformers' T5EncoderModel
    tokenizer   its tokenizer
    num_tokens  to which every prompt is padded or cut
    """

    special_tokens = 1  # the end of a text

    def __init__(self, model: nn.Module, tokenizer, num_tokens: int):
        nn.Module.__init__(self)
        self.model = model
        self.tokenizer = tokenizer
        self.num_tokens = num_tokens

    def encode(self, ids: Tensor) -> EncodedPrompts:
        """Encode token ids [B,T]; words are what comes before the end."""
        embedding = self.model(input_ids=ids).last_hidden_state
        return EncodedPrompts(embedding, word_mask(ids, self.tokenizer.eos_token_id, start=0))


class FluxTextEncoder(T5TextEncoder):
    """T5's states, and the pooled state of a CLIP text model, as FLUX reads them.

    clip  the CLIP text model with its tokenizer
    """

    def __init__(self, model: nn.Module, tokenizer, num_tokens: int, clip: PenultimateTextEncoder):
        super().__init__(model, tokenizer, num_tokens)
        self.clip = clip

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        """Encode prompts."""
        text = super().forward(prompts)
        return EncodedPrompts(text.embedding, text.words, self.clip(prompts).pooled)


class SD3TextEncoder(nn.Module):
    """Two CLIP text models side by side, then T5, as Stable Diffusion 3 reads them.

    Words are the tokens of CLIP, so that each word is there once.

    clip       both CLIP text models
    t5         None: zeros stand in its place
    width      of the states that the transformer reads
    t5_tokens  tokens of T5's part
    """

    def __init__(
        self, clip: PairedTextEncoder, t5: T5TextEncoder | None, width: int, t5_tokens: int
    ):
        super().__init__()
        self.clip = clip
        self.t5 = t5
        self.width = width
        self.t5_tokens = t5_tokens
        self.num_tokens = clip.num_tokens + t5_tokens
        self.tokenizer = clip.tokenizer

    def token_ids(self, prompts: Sequence[str]) -> Tensor:
        """Return CLIP's token ids [B,·], whose positions come first."""
        return self.clip.token_ids(prompts)

    def truncated_text(self, prompt: str) -> str:
        """Return the end of a prompt that CLIP does not read; "" if nothing is cut off."""
        return self.clip.truncated_text(prompt)

    def forward(self, prompts: Sequence[str]) -> EncodedPrompts:
        """Encode prompts: embeddings [B,T,width]."""
        clip = self.clip(prompts)
        states = F.pad(clip.embedding, (0, self.width - clip.embedding.shape[2]))
        if self.t5 is None:
            t5_states = states.new_zeros(len(states), self.t5_tokens, self.width)
        else:
            t5_states = self.t5(prompts).embedding
        words = F.pad(clip.words, (0, self.t5_tokens))
        return EncodedPrompts(torch.cat([states, t5_states], 1), words, clip.pooled)
