"""What a person should know of a prompt: how words are read, which mean nothing, what is cut."""

from __future__ import annotations

from collections.abc import Iterable

from gantoolkit.core import prompt_words
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
    read = prompt_words.read_prompt(text, known_words(encoder))
    if read.replaced:
        pairs = [f"“{word}” as “{near}”" for word, near in read.replaced.items()]
        remarks.append(f"the model reads {_listed(pairs)}")
    if read.unknown:
        remarks.append(
            f"the model never saw {_listed(_unknown(read))}; what they mean will have little effect"
        )
    if hasattr(text_encoder, "truncated_text"):
        cut_words = text_encoder.truncated_text(text).split()
        if cut_words:
            remarks.append(_cut_remark(cut_words, len(text.split())))
    return remarks


def known_words(encoder) -> frozenset[str]:
    """Return the words that the encoder's text model learned from; none where they are not listed.

    They are in words.txt beside its tokenizer.
    """
    tokenizer = getattr(getattr(encoder, "text_encoder", None), "tokenizer", None)
    return prompt_words.known_words(tokenizer)


def _unknown(read: prompt_words.ReadPrompt) -> list[str]:
    return [
        f"“{word}” (did you mean “{near}”?)" if near else f"“{word}”"
        for word, near in read.unknown.items()
    ]


def _cut_remark(cut_words: list[str], total: int) -> str:
    start = " ".join(cut_words[:6])
    if len(cut_words) > 6:
        start += " …"
    return (
        f"the prompt is too long: from “{start}” on it is not read "
        f"({len(cut_words)} of {total} words)"
    )


def _listed(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
