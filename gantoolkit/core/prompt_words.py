"""Words of a prompt beside those that a small text model learned: what near ones are read as.

A model whose words are not listed (Stable Diffusion's) reads every prompt as it stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

WORD = re.compile(r"[^\W\d_]+")
SYMBOL = re.compile(r"[^\w\s!-/:-@\[-`{-~‘’“”–—…]+")  # emojis, arrows; not punctuation
CLOSE = 0.75  # similarity from 0 to 1 of words that are suggested
# They say nothing of a face, so that it does not matter whether a model knows them.
FUNCTION_WORDS = frozenset(
    """
    a an and are as at be by for from had has have he her his i in is it its of on or s she that
    the their them there these they this those to was wear wearing wears were which who whose
    with
    """.split()  # noqa: SIM905  a list would take fifty lines
)
# An everyday word → words that mean the same in captions; the first known one is read.
MEANINGS = {
    "aged": ("old", "elderly"),
    "bearded": ("beard",),
    "blonde": ("blond",),
    "boy": ("man",),
    "brows": ("eyebrows",),
    "brunette": ("brown",),
    "cap": ("hat",),
    "female": ("woman",),
    "fringe": ("bangs",),
    "gentleman": ("man",),
    "ginger": ("red",),
    "girl": ("woman",),
    "glasses": ("eyeglasses",),
    "golden": ("blond",),
    "grey": ("gray",),
    "grin": ("smiling",),
    "grinning": ("smiling",),
    "guy": ("man",),
    "hairless": ("bald",),
    "hat": ("cap",),
    "lady": ("woman",),
    "laughing": ("smiling",),
    "male": ("man",),
    "moustache": ("mustache",),
    "old": ("elderly",),
    "pale": ("fair",),
    "redhead": ("red",),
    "senior": ("elderly", "old"),
    "shades": ("sunglasses",),
    "smile": ("smiling",),
    "smiles": ("smiling",),
    "spectacles": ("eyeglasses",),
    "sunglasses": ("eyeglasses",),
    "teenage": ("young",),
    "tie": ("necktie",),
    "turquoise": ("teal",),
    "violet": ("purple",),
    "woolly": ("curly",),
}


class ReadPrompt(NamedTuple):
    """A prompt as a model reads it."""

    text: str
    replaced: dict[str, str]  # word of the prompt → word that is read
    unknown: dict[str, str]  # word or symbol that means nothing → a word to suggest, or ""


@lru_cache(maxsize=64)
def read_words(file: Path) -> frozenset[str]:
    """Read a list of known words; none where there is no such file."""
    return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else frozenset()


def known_words(tokenizer) -> frozenset[str]:
    """Return the words that a text model learned from: words.txt beside its tokenizer, if any."""
    folder = Path(getattr(tokenizer, "name_or_path", "") or "none")
    return read_words(folder / "words.txt")


def read_prompt(text: str, known: Collection[str]) -> ReadPrompt:
    """Read a prompt in known words: near ones are replaced, symbols are left out.

    >>> read_prompt("a blonde girl with Glasses", {"a", "blond", "woman", "eyeglasses"}).text
    'a blond woman with eyeglasses'
    """
    if not known:
        return ReadPrompt(text, {}, {})
    replaced: dict[str, str] = {}
    unknown: dict[str, str] = {}

    def read_word(match: re.Match) -> str:
        word = match[0].lower()
        if word in known or word in FUNCTION_WORDS:
            return match[0]
        near = near_word(word, known)
        if near:
            replaced[word] = near
            return near
        unknown[word] = next(iter(difflib.get_close_matches(word, sorted(known), 1, CLOSE)), "")
        return match[0]

    for symbol in SYMBOL.findall(text):
        unknown[symbol] = ""
    return ReadPrompt(WORD.sub(read_word, SYMBOL.sub(" ", text)), replaced, unknown)


def near_word(word: str, known: Collection[str]) -> str:
    """Return the known word that means the same as an unknown one; "" where there is none.

    >>> near_word("moustaches", {"mustache"}), near_word("earring", {"earrings"})
    ('mustache', 'earrings')
    """
    singular = word.removesuffix("s")
    for form in (word, singular):
        for meaning in (*MEANINGS.get(form, ()), form, f"{form}s"):
            if meaning in known:
                return meaning
    return ""
