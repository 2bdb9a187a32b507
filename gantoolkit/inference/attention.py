"""Where the U-Net looks for the words of a prompt, by the probabilities of its cross-attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.prompt_words import FUNCTION_WORDS
from gantoolkit.core.types import Features

WHOLE_PERSON_WORDS = frozenset(
    [
        "man",
        "woman",
        "person",
        "lady",
        "gentleman",
        "guy",
        "girl",
        "boy",
        "people",
        "someone",
        "portrait",
        "photo",
    ]
)
# Neither says anything of a place in the image.
UNPLACED_WORDS = FUNCTION_WORDS | WHOLE_PERSON_WORDS


def word_maps(encoder, text: str, features: Features) -> tuple[tuple[str, Tensor], ...]:
    """Return each word of a prompt with where the U-Net looked for it, [h,w].

    features  of the prompt [1]; probabilities are averaged over up blocks and over a word's tokens
    """
    size = features.attn_prob[-1].shape[-2:]
    block_maps = [F.interpolate(p[:1], size, mode="bilinear") for p in features.attn_prob]
    token_maps = torch.stack(block_maps).mean(0)[0]  # [T,h,w]
    words = prompt_words(encoder, text, features)
    return tuple((word, token_maps[tokens].mean(0)) for word, tokens in words if is_word(word))


def prompt_words(encoder, text: str, features: Features) -> list[tuple[str, list[int]]]:
    """Return each word or punctuation mark of a prompt with the positions of its tokens.

    features  of the prompt [1]; an encoder without a tokenizer gives an empty list
    """
    text_encoder = getattr(encoder, "text_encoder", None)
    if text_encoder is None:
        return []
    ids = text_encoder.token_ids([text])[0].tolist()
    positions = features.words[0].nonzero().flatten().tolist()
    tokens = text_encoder.tokenizer.convert_ids_to_tokens([ids[i] for i in positions])
    return join_tokens(tokens, positions)


def join_tokens(tokens: list[str], positions: list[int]) -> list[tuple[str, list[int]]]:
    """Join a prompt's tokens to words.

    CLIP's tokens end a word with </w>, T5's begin one with ▁; others are words by themselves.

    >>> join_tokens(["sm", "iling</w>", "man</w>"], [1, 2, 3])
    [('smiling', [1, 2]), ('man', [3])]
    >>> join_tokens(["▁sm", "iling", "▁man"], [0, 1, 2])
    [('smiling', [0, 1]), ('man', [2])]
    """
    if any(token.startswith("▁") for token in tokens):
        followers = [*tokens[1:], "▁"]
        ends = ["</w>" if follower.startswith("▁") else "" for follower in followers]
        tokens = [token.removeprefix("▁") + end for token, end in zip(tokens, ends)]
    marks_ends = any(token.endswith("</w>") for token in tokens)
    words: list[tuple[str, list[int]]] = []
    is_open = False  # whether the newest word goes on
    for token, position in zip(tokens, positions):
        piece = token.removesuffix("</w>")
        if is_open:
            start, start_positions = words.pop()
            words.append((start + piece, [*start_positions, position]))
        else:
            words.append((piece, [position]))
        is_open = marks_ends and not token.endswith("</w>")
    return words


def head_nouns(words: Sequence[str]) -> list[str]:
    """Return the words that name a part of the image, in order.

    In an English caption that is the last word of a phrase, before punctuation, a function word or
    the end.

    >>> head_nouns(["a", "man", "with", "wavy", "black", "hair"])
    ['hair']
    """
    nouns = []
    for word, next_word in zip(words, [*words[1:], ""]):
        ends_phrase = not is_word(next_word) or next_word in FUNCTION_WORDS
        if is_word(word) and ends_phrase and word not in UNPLACED_WORDS:
            nouns.append(word)
    return list(dict.fromkeys(nouns))


def is_word(word: str) -> bool:
    """Return whether it is a word and not punctuation."""
    return any(character.isalnum() for character in word)
