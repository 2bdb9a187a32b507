"""Whether a result is what the prompt says: a cosine in a text space, attributes of the face."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, MeanMetric

ANY_WORN = "anything but none"
# (pattern, attribute, admissible values): phrases of MM-CelebA-HQ's grammar and of the captions of
# rendered faces
PHRASES: tuple[tuple[str, str, tuple[str, ...] | str], ...] = (
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
    (r"\b(pale|very fair) skin\b", "skin_tone", ("very fair",)),
    (r"(?<!very )\bfair skin\b", "skin_tone", ("fair",)),
    (r"\bmedium skin\b", "skin_tone", ("medium",)),
    (r"\btanned skin\b", "skin_tone", ("tan",)),
    (r"\bbrown skin\b", "skin_tone", ("brown",)),
    (r"\bdark skin\b", "skin_tone", ("dark",)),
    (r"\boval face\b", "face_shape", ("oval",)),
    (r"\beyeglasses\b|\bsunglasses\b|\bglasses\b", "glasses", ANY_WORN),
    (r"\bbeanie\b", "hat", ("beanie",)),
    (r"\ba cap\b", "hat", ("cap",)),
    (r"\bbrimmed hat\b", "hat", ("brimmed hat",)),
    (r"\bearrings\b", "earrings", ANY_WORN),
    (r"\bnecklace\b", "necklace", ANY_WORN),
    (r"\blipstick\b", "lipstick", ("True",)),
    (r"\bheavy makeup\b", "heavy_makeup", ("True",)),
    (r"\bsmiling\b", "smiling", ("True",)),
)
# Phrases that name what is missing, and mean more than the denial of one of the values above.
MISSING: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"\b(no|without a?) ?beard\b|\bclean-shaven\b", "beard", ("none",)),
    (r"\b(no|without a?) ?hat\b|\bbareheaded\b", "hat", ("none",)),
    (r"\b(no|without a?) ?smile\b", "smiling", ("False",)),
    (r"\bno hair\b", "bald", ("True",)),
)
NEGATIONS = re.compile(r"\b(no|not(?! only)|never|without|neither|nor|lacks|lacking)\b|n't\b")
CLAUSE_ENDS = re.compile(r"[.,;:!?]|\b(but|who|while|though|yet|with)\b")
# What begins anew after "and": "no beard and a hat", "not smiling and wearing glasses".
BEGINNINGS = re.compile(r"\b(a|an|the|he|she|has|have|is|wears?|wearing|smiles)\b")
VALUE_PATTERNS = {  # attribute → pattern that contains the value itself
    "hair_length": r"\b{}\b[\w ]* hair\b",
    "hair_texture": r"\b{}\b[\w ]* hair\b",
    "hair_color": r"(?<!reddish )\b{} hair\b",
    "eye_color": r"\b{} eyes\b",
}


def stated_attributes(prompt: str, known: dict[str, list[str]]) -> Iterator[tuple[str, set[str]]]:
    """Yield (attribute, admissible values) for every attribute that the prompt states or denies.

    "No glasses" and "not smiling" leave the other values. A color admits its shades: dark brown is
    brown. What both stands and is denied, or may be meant either way, as the hair in "no beard and
    long hair", is left out.

    known  attribute → its values; other attributes are left out

    >>> dict(stated_attributes("A bald man.", {"gender": ["female", "male"]}))
    {'gender': {'male'}}
    >>> dict(stated_attributes("not smiling", {"smiling": ["False", "True"]}))
    {'smiling': {'False'}}
    """
    text = prompt.lower()
    for pattern, attribute, values in PHRASES:
        if attribute not in known:
            continue
        if values == ANY_WORN:
            values = tuple(value for value in known[attribute] if value != "none")
        if admissible := _admissible(pattern, text, set(values), known[attribute]):
            yield attribute, admissible

    for pattern, attribute, missing in MISSING:
        if attribute in known and re.search(pattern, text):
            yield attribute, set(missing)

    for attribute, pattern in VALUE_PATTERNS.items():
        values = [value for value in known.get(attribute, ()) if value != "none"]
        matches = [value for value in values if re.search(pattern.format(re.escape(value)), text)]
        if matches:
            value = max(matches, key=len)  # "dark brown hair" is not "brown hair"
            full_pattern = pattern.format(re.escape(value))
            shades = {value, *(name for name in values if name.endswith(f" {value}"))}
            if admissible := _admissible(full_pattern, text, shades, known[attribute]):
                yield attribute, admissible


def meanings_of(pattern: str, text: str) -> set[str]:
    r"""Say how a lower-case text uses what a pattern matches: 'stated', 'denied', 'unclear'.

    >>> meanings_of(r"\bhat\b", "a man without a hat"), meanings_of(r"\bhat\b", "a man")
    ({'denied'}, set())
    """
    return {_meaning(text[: match.start()]) for match in re.finditer(pattern, text)}


def _admissible(pattern: str, text: str, values: set[str], known: list[str]) -> set[str]:
    """Return `values` where the text states the pattern, the others where it denies it, else {}."""
    meanings = meanings_of(pattern, text)
    if meanings == {"stated"}:
        return values
    if meanings == {"denied"}:
        return set(known) - values
    return set()


def _meaning(before: str) -> str:
    """Say whether a phrase after the text `before` is 'stated', 'denied' or 'unclear'."""
    clause = before
    for end in CLAUSE_ENDS.finditer(before):
        clause = before[end.end() :]
    *first_parts, last_part = re.split(r"\band\b", clause)
    if NEGATIONS.search(last_part):
        return "denied"
    is_after_negation = any(NEGATIONS.search(part) for part in first_parts)
    if is_after_negation and not BEGINNINGS.search(last_part):
        return "unclear"
    return "stated"


class TextMatch(MeanMetric):
    """Cosine between result and prompt in the network's own text space.

    network  weights name of a network that embeds images and reads text
    """

    name = "text"
    output = "text"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, batch: EvalBatch) -> Tensor:
        if not hasattr(self.network, "embed_text"):
            raise UsageError(
                f"The metric '{self.name}' needs a network that reads text; "
                f"'{self.network_name}' does not."
            )
        text = self.network.embed_text(batch.condition.text)
        return (self.network_output(batch) * text).sum(1)


class CLIPScore(TextMatch):
    """100 · max(0, cosine) of image and prompt (Hessel et al. 2021).

    The space is the judge's, the towers' or that of a published CLIP.
    """

    name = "clip"

    def values(self, batch: EvalBatch) -> Tensor:
        return 100 * super().values(batch).clamp(min=0)


class Attributes(MeanMetric):
    """Share of the target's attributes that the judge reads off the result.

    network  weights name of a network with `attributes`: name → values
    """

    name = "attributes"
    output = "attributes"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def expected(self, batch: EvalBatch) -> Iterator[list[tuple[str, set[str]]]]:
        """Yield each sample's (attribute, admissible values)."""
        if not batch.target.attributes:
            raise UsageError(
                "The metric 'attributes' needs a data set with attributes; this one has none."
            )
        known = self.network.attributes
        for truth in batch.target.attributes:
            yield [(name, {str(value)}) for name, value in truth.items() if name in known]

    def values(self, batch: EvalBatch) -> Tensor:
        known = self.network.attributes
        predictions = {
            name: logits.argmax(1).tolist() for name, logits in self.network_output(batch).items()
        }
        shares = []
        for sample, expected in enumerate(self.expected(batch)):
            hits = [known[name][predictions[name][sample]] in values for name, values in expected]
            shares.append(sum(hits) / len(hits) if hits else torch.nan)
        return torch.tensor(shares, dtype=torch.float64)


class PromptAttributes(Attributes):
    """Share of the attributes stated by the prompt that the judge reads off the result.

    Samples whose prompt states none are skipped.
    """

    name = "attributes_prompt"
    may_skip = True

    def expected(self, batch: EvalBatch) -> Iterator[list[tuple[str, set[str]]]]:
        for prompt in batch.condition.text:
            yield list(stated_attributes(prompt, self.network.attributes))
