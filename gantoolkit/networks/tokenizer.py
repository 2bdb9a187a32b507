"""A small vocabulary for CLIPTokenizer: byte-level BPE of at most a thousand tokens, learned from captions.

CLIP's own 49,408 tokens would make the embedding the largest part of a small text model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

START, END, SUFFIX = "<|startoftext|>", "<|endoftext|>", "</w>"


def byte_characters() -> list[str]:
    """The 256 printable characters that stand for bytes in byte-level BPE, in CLIP's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(len(rest))]


def _merge(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out, n = [], 0
    while n < len(word):
        if word[n : n + 2] == pair:
            out.append(word[n] + word[n + 1])
            n += 2
        else:
            out.append(word[n])
            n += 1
    return tuple(out)


def learn_merges(words: Counter, count: int) -> list[tuple[str, str]]:
    """The `count` most frequent pairs, one after the other; ties go to the alphabetically first."""
    spelled = {w: (*w[:-1], w[-1] + SUFFIX) for w in words if w}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter = Counter()
        for word, letters in spelled.items():
            for pair in zip(letters, letters[1:]):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = {w: _merge(letters, best) for w, letters in spelled.items()}
    return merges


def tokenizer_from(merges: list[tuple[str, str]], length: int):
    """A CLIPTokenizer of the bytes, the bytes that end a word, the merges, and start and end.

    Every byte is a token, so that no text is unknown (the unknown token of CLIP is its end of text).
    """
    import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

    from transformers import CLIPTokenizer

    bytes_ = byte_characters()
    tokens = [*bytes_, *(b + SUFFIX for b in bytes_), *("".join(m) for m in merges), START, END]
    vocabulary = {token: n for n, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(
        vocab=vocabulary, merges=[tuple(m) for m in merges], model_max_length=length
    )


def pieces(text: str, tokenizer) -> list[str]:
    """The words of `text` as the tokenizer sees them, in byte characters."""
    backend = tokenizer.backend_tokenizer
    return [
        p for p, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
    ]


def train_tokenizer(captions: Iterable[str], tokens: int = 1000, length: int = 64):
    """A CLIPTokenizer of at most `tokens` tokens learned from `captions`; `length` is its longest text."""
    bare = tokenizer_from([], length)
    words = Counter(
        piece for text, n in Counter(captions).items() for piece in pieces(text, bare) * n
    )
    return tokenizer_from(learn_merges(words, tokens - len(bare)), length)


def words_of(captions: Iterable[str]) -> list[str]:
    """The sorted words (runs of letters, lower case) that occur in `captions`."""
    import re

    found: set[str] = set()
    for text in set(captions):
        found.update(re.findall(r"[^\W\d_]+", text.lower()))
    return sorted(found)


def save_tokenizer(tokenizer, folder: Path, words: list[str]) -> list[Path]:
    """Write tokenizer.json with its config, CLIP's older vocab.json and merges.txt, and words.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "vocab.json").write_text(
        json.dumps(model["vocab"], ensure_ascii=False), encoding="utf-8"
    )
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    (folder / "words.txt").write_text("\n".join([*words, ""]), encoding="utf-8")
    return sorted(p for p in folder.iterdir() if p.is_file())
