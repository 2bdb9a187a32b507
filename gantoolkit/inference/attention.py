"""Where the U-Net looks for the words of a prompt: maps made of probabilities that an encoder recorded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gantoolkit.core.types import Features

# Words that say nothing of a place in the picture: articles, pronouns, auxiliaries; and the whole person.
SMALL = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "and",
        "or",
        "with",
        "of",
        "in",
        "on",
        "at",
        "to",
        "by",
        "for",
        "from",
        "as",
        "who",
        "which",
        "whose",
        "has",
        "have",
        "had",
        "is",
        "are",
        "was",
        "were",
        "be",
        "wears",
        "wear",
        "wearing",
        "he",
        "she",
        "it",
        "they",
        "his",
        "her",
        "its",
    ]
)
WHOLE = frozenset(
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


def words(encoder, text: str, features: Features) -> tuple[tuple[str, Tensor], ...]:
    """Each word of a prompt with where the U-Net looked for it: [h,w], mean over up blocks."""
    size = features.attn_prob[-1].shape[-2:]
    maps = [
        torch.nn.functional.interpolate(p[:1], size, mode="bilinear") for p in features.attn_prob
    ]
    mean, found = torch.stack(maps).mean(0)[0], spelled(encoder, text, features)  # [T,h,w]
    return tuple((word, mean[where].mean(0)) for word, where in found if is_word(word))


def spelled(encoder, text: str, features: Features) -> list[tuple[str, list[int]]]:
    """(word or punctuation, places of its tokens) of the prompt of features [1]; none without a tokenizer."""
    prompts = getattr(encoder, "text_encoder", None)
    if prompts is None:
        return []
    ids = prompts.ids([text])[0].tolist()
    places = features.words[0].nonzero().flatten().tolist()
    return whole_words(prompts.tokenizer.convert_ids_to_tokens([ids[i] for i in places]), places)


def whole_words(tokens: list[str], places: list[int]) -> list[tuple[str, list[int]]]:
    """(word, its places) of a prompt's tokens; CLIP's end a word with </w>, others are left alone."""
    found, ends = [], any(token.endswith("</w>") for token in tokens)
    begun = False  # whether the newest word is still open
    for token, place in zip(tokens, places):
        if begun:
            found[-1] = (found[-1][0] + token.removesuffix("</w>"), [*found[-1][1], place])
        else:
            found.append((token.removesuffix("</w>"), [place]))
        begun = ends and not token.endswith("</w>")
    return found


def heads(words: Sequence[str]) -> list[str]:
    """Words that name a part of the picture, in order: those before punctuation, a small word or the end.

    In an English caption that is the last word of a phrase: hair of "has wavy black hair,".
    """
    found = []
    for word, after in zip(words, [*words[1:], ""]):
        ends = not is_word(after) or after in SMALL
        if is_word(word) and ends and word not in SMALL | WHOLE:
            found.append(word)
    return list(dict.fromkeys(found))


def is_word(word: str) -> bool:
    """Whether it is a word and not punctuation."""
    return any(c.isalnum() for c in word)
