"""A small vocabulary for CLIPTokenizer: byte-level BPE of at most a thousand tokens, from captions.

CLIP's own 49,408 tokens would make the embedding the largest part of a small text model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

START, END, SUFFIX = "<|startoftext|>", "<|endoftext|>", "</w>"


def byte_characters() -> list[str]:
    """List the 256 printable characters that stand for bytes in byte-level BPE, in CLIP's order."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def read_merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Return the merges of a BPE tokenizer, the first learned first."""
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges]


def learn_merges(captions: Iterable[str], count: int) -> list[tuple[str, str]]:
    """Learn the `count` most frequent pairs, one after the other (Sennrich et al. 2016).

    Among equally frequent pairs `tokenizers` prefers the older tokens. The vocabularies shipped
    with the zoo took the alphabetically first, so that the same captions give other late merges.

    >>> learn_merges(["low low lower"], 2)
    [('l', 'o'), ('lo', 'w</w>')]
    """
    clip = build_tokenizer([], 1).backend_tokenizer
    trained = Tokenizer(models.BPE(end_of_word_suffix=SUFFIX))
    trained.normalizer = clip.normalizer
    trained.pre_tokenizer = clip.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(byte_characters()) + count,
        # known beforehand, since the trainer would index them in the order of a random hash
        special_tokens=[character + SUFFIX for character in byte_characters()],
        initial_alphabet=byte_characters(),
        end_of_word_suffix=SUFFIX,
        show_progress=False,
    )
    trained.train_from_iterator(captions, trainer)
    return read_merges(trained)[:count]


def build_tokenizer(merges: list[tuple[str, str]], max_length: int):
    """Build a CLIPTokenizer of the bytes, the bytes that end a word, the merges, start and end.

    Every byte is a token, so that no text is unknown (CLIP's unknown token is its end of text).
    """
    import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

    from transformers import CLIPTokenizer

    characters = byte_characters()
    word_ends = [character + SUFFIX for character in characters]
    merged = ["".join(merge) for merge in merges]
    tokens = dict.fromkeys([*characters, *word_ends, *merged, START, END])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=list(merges), model_max_length=max_length)


def train_tokenizer(captions: Iterable[str], vocab_size: int = 1000, max_length: int = 64):
    """Learn a CLIPTokenizer of at most `vocab_size` tokens; `max_length` is its longest text.

    >>> tokenizer = train_tokenizer(["a face", "a face with a hat"], vocab_size=520)
    >>> tokenizer.tokenize("a hat")
    ['a</w>', 'hat</w>']
    """
    fixed = len(build_tokenizer([], max_length))
    return build_tokenizer(learn_merges(captions, vocab_size - fixed), max_length)


def list_words(captions: Iterable[str]) -> list[str]:
    """List the words (runs of letters, lower case) that occur in `captions`, sorted.

    >>> list_words(["She smiles.", "she has 2 hats"])
    ['has', 'hats', 'she', 'smiles']
    """
    words: set[str] = set()
    for caption in set(captions):
        words.update(re.findall(r"[^\W\d_]+", caption.lower()))
    return sorted(words)


def save_tokenizer(tokenizer, folder: Path, words: list[str]) -> list[Path]:
    """Write tokenizer.json and its config, CLIP's older vocab.json and merges.txt, words.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)

    backend = tokenizer.backend_tokenizer
    vocabulary = json.loads(backend.to_str())["model"]["vocab"]
    merges = [" ".join(merge) for merge in read_merges(backend)]
    contents = {
        "vocab.json": json.dumps(vocabulary, ensure_ascii=False),
        "merges.txt": "\n".join(["#version: 0.2", *merges, ""]),
        "words.txt": "\n".join([*words, ""]),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
    return sorted(path for path in folder.iterdir() if path.is_file())
