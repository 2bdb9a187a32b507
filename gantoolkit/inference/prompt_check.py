"""What a person should know of a prompt: words that mean nothing, and an end that is cut off."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from gantoolkit.core.errors import warn


def warn_about_prompts(prompts: Iterable[str], encoder) -> None:
    """Print every remark on prompts once on stderr."""
    remarks = [remark for text in dict.fromkeys(prompts) for remark in check_prompt(text, encoder)]
    for remark in dict.fromkeys(remarks):
        warn(f"{remark}.")


def check_prompt(text: str, encoder) -> list[str]:
    """Return remarks on a prompt, without full stops; none where all of it is understood."""
    remarks = []
    text_encoder = getattr(encoder, "text_encoder", None)
    unknown = unknown_words(text, known_words(encoder))
    if unknown:
        remarks.append(
            f"the model never saw {_listed(unknown)}; what they mean will have little effect"
        )
    if hasattr(text_encoder, "truncated_text"):
        cut_words = text_encoder.truncated_text(text).split()
        if cut_words:
            remarks.append(_cut_remark(cut_words, len(text.split())))
    return remarks


def known_words(encoder) -> frozenset[str]:
    """Return the words that the encoder's text model learned from.

    They are in words.txt beside its tokenizer; without that file, none are known.
    """
    tokenizer = getattr(getattr(encoder, "text_encoder", None), "tokenizer", None)
    path = Path(getattr(tokenizer, "name_or_path", "") or "none") / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else frozenset()


def unknown_words(text: str, known: Collection[str] | None) -> list[str]:
    """Return the words of a prompt that are not among `known`, in order.

    Where nothing is known, no word is unknown.

    >>> unknown_words("An old, OLD pirate", {"an", "old"})
    ['pirate']
    """
    if not known:
        return []
    words = re.findall(r"[^\W\d_]+", text.lower())
    return [word for word in dict.fromkeys(words) if word not in known]


def _cut_remark(cut_words: list[str], total: int) -> str:
    start = " ".join(cut_words[:6])
    if len(cut_words) > 6:
        start += " …"
    return (
        f"the prompt is too long: from “{start}” on it is not read "
        f"({len(cut_words)} of {total} words)"
    )


def _listed(words: list[str]) -> str:
    *others, last = [f"“{word}”" for word in words]
    return f"{', '.join(others)} and {last}" if others else last
