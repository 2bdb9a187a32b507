"""Whether a result is what the prompt says: cosine in a text space, and attributes read off the face."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Mean

WORN = "anything but none"
# Phrase → (attribute, admissible values); words of MM-CelebA-HQ's grammar and of the rendered faces' captions.
STATED: tuple[tuple[str, str, tuple[str, ...] | str], ...] = (
    (r"\b(woman|lady|girl|she|her)\b", "gender", ("female",)),
    (r"\b(man|boy|he|his)\b", "gender", ("male",)),
    (r"\byoung\b", "age_group", ("young",)),
    (r"\bmiddle-aged\b", "age_group", ("middle-aged",)),
    (r"\b(old|elderly)\b", "age_group", ("elderly",)),
    (r"\bbald head\b|\bis bald\b", "bald", ("True",)),
    (r"\bbangs\b", "fringe", ("True",)),
    (r"\breceding hairline\b", "balding", ("receding",)),
    (r"\ba bun\b", "hair_style", ("bun",)),
    (r"\bponytail\b", "hair_style", ("ponytail",)),
    (r"\ba bob\b", "hair_style", ("bob",)),
    (r"\ba buzz cut\b", "hair_style", ("buzz",)),
    (r"\ban afro\b", "hair_style", ("afro",)),
    (r"\ba pixie cut\b", "hair_style", ("pixie",)),
    (r"\bnecktie\b", "necktie", ("True",)),
    (r"\b5 o'clock shadow\b", "beard", ("stubble",)),
    (r"\bgoatee\b", "beard", ("goatee",)),
    (r"\bmustache\b", "beard", ("mustache",)),
    (r"\ba beard\b", "beard", ("beard",)),
    (r"\bbushy eyebrows\b", "brows", ("bushy",)),
    (r"\bmouth slightly open\b", "mouth_slightly_open", ("True",)),
    (r"\brosy cheeks\b", "rosy_cheeks", ("True",)),
    (r"\bpale skin\b", "skin_tone", ("very fair",)),
    (r"\bfair skin\b", "skin_tone", ("fair",)),
    (r"\bmedium skin\b", "skin_tone", ("medium",)),
    (r"\btanned skin\b", "skin_tone", ("tan",)),
    (r"\bbrown skin\b", "skin_tone", ("brown",)),
    (r"\bdark skin\b", "skin_tone", ("dark",)),
    (r"\boval face\b", "face_shape", ("oval",)),
    (r"\beyeglasses\b|\bsunglasses\b|\bglasses\b", "glasses", WORN),
    (r"\bbeanie\b", "hat", ("beanie",)),
    (r"\ba cap\b", "hat", ("cap",)),
    (r"\bbrimmed hat\b", "hat", ("brimmed hat",)),
    (r"\bearrings\b", "earrings", WORN),
    (r"\bnecklace\b", "necklace", WORN),
    (r"\blipstick\b", "lipstick", ("True",)),
    (r"\bheavy makeup\b", "heavy_makeup", ("True",)),
    (r"\bsmiling\b", "smiling", ("True",)),
)
LISTED = (
    ("hair_length", r"\b{}\b[\w ]* hair\b"),
    ("hair_texture", r"\b{}\b[\w ]* hair\b"),
    ("hair_color", r"\b{} hair\b"),
    ("eye_color", r"\b{} eyes\b"),
)


def stated(prompt: str, known: dict[str, list[str]]) -> Iterator[tuple[str, set[str]]]:
    """(attribute, admissible values) for every attribute that the prompt states, of `known` attribute → values."""
    text = prompt.lower()
    for pattern, name, values in STATED:
        if name in known and re.search(pattern, text):
            yield name, {v for v in known[name] if v != "none"} if values == WORN else set(values)
    for name, pattern in LISTED:
        fitting = [
            v
            for v in known.get(name, ())
            if v != "none" and re.search(pattern.format(re.escape(v)), text)
        ]
        if fitting:
            yield name, {max(fitting, key=len)}  # "dark brown hair" is not "brown hair"


class TextMatch(Mean):
    """Cosine between result and prompt in the network's own text space."""

    name, uses = "text", "text"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: EvalBatch) -> Tensor:
        read = getattr(self.network, "read", None) or getattr(self.network, "embed_text", None)
        if read is None:
            raise UsageError(
                f"The metric '{self.name}' needs a network that reads text; "
                f"'{self.network_name}' does not."
            )
        return (self.of(view) * read(view.condition.text)).sum(1)


class CLIPScore(TextMatch):
    """100 · max(0, cosine) of image and prompt (Hessel et al. 2021), in the judge's, the towers' or CLIP's space."""

    name = "clip"

    def values(self, view: EvalBatch) -> Tensor:
        return 100 * super().values(view).clamp(min=0)


class Attributes(Mean):
    """Share of the target's attributes that the judge reads off the result."""

    name, uses = "attributes", "attributes"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def wanted(self, view: EvalBatch) -> Iterator[list[tuple[str, set[str]]]]:
        """Per sample its (attribute, admissible values)."""
        if not view.target.attributes:
            raise UsageError(
                "The metric 'attributes' needs a data set with attributes; this one has none."
            )
        for truth in view.target.attributes:
            yield [(k, {str(v)}) for k, v in truth.items() if k in self.network.attributes]

    def values(self, view: EvalBatch) -> Tensor:
        guesses = {k: v.argmax(1).tolist() for k, v in self.of(view).items()}
        shares = []
        for n, wanted in enumerate(self.wanted(view)):
            hits = [self.network.attributes[k][guesses[k][n]] in values for k, values in wanted]
            shares.append(sum(hits) / len(hits) if hits else torch.nan)
        return torch.tensor(shares, dtype=torch.float64)


class PromptAttributes(Attributes):
    """Share of the attributes that the prompt states which the judge reads off the result.

    Samples whose prompt states none are skipped.
    """

    name, may_skip = "attributes_prompt", True

    def wanted(self, view: EvalBatch) -> Iterator[list[tuple[str, set[str]]]]:
        yield from (list(stated(text, self.network.attributes)) for text in view.condition.text)
