"""Whether results show what the prompt names, and only then, compared with the truth's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Scores
from gantoolkit.metrics.base import EvalBatch, Metric
from gantoolkit.metrics.named_colors import COLORS, HAIR, nearest_name, region_color
from gantoolkit.metrics.prompt import meanings_of
from gantoolkit.networks.blocks import fit

ASPECTS = {  # aspect → (attribute of the judge, pattern of words that name it in a prompt)
    "glasses": ("glasses", r"\b(eye|sun)?glasses\b|\bspectacles\b|\bshades\b"),
    "hat": ("hat", r"\b(hat|cap|beanie)\b"),
    "beard": ("beard", r"\b(beard(ed)?|goatee|mo?ustache|stubbl[ey]|(5|five) o'clock shadow)\b"),
    "bald": ("bald", r"\bbald\b(?! crown)|\bhairless\b"),
    "smile": ("smiling", r"\b(smil(e|es|ing)|grin(s|ning)?)\b"),
    "earrings": ("earrings", r"\bearrings?\b"),
}
ABSENT = ("none", "False")  # values of an attribute with which its aspect does not show
SMALLEST_REGION = 0.005  # share of the pixels, below which a region has no color
SHADE = r"(?:light |dark |very fair )?"
COLOR_ASPECTS = {  # aspect → (label of the region, colors, patterns around a color's name)
    "hair_color": ("hair", HAIR, (rf"(?<!reddish )\b{SHADE}({{}}) hair\b",)),
    "background_color": (
        "background",
        COLORS,
        (rf"\bbackground is {SHADE}({{}})\b", rf"\b{SHADE}({{}}) background\b"),
    ),
    "clothes_color": (
        "cloth",
        COLORS,
        (rf"\b{SHADE}({{}})(?: checked| striped)? (?:top|shirt|suit|sweater|dress|clothes)\b",),
    ),
}
ALIASES = {"blonde": "blond", "grey": "gray", "auburn": "red", "ginger": "red"}


def named_color(prompt: str, aspect: str) -> str | None:
    """Return the color that a prompt names for an aspect of COLOR_ASPECTS; None without one.

    >>> named_color("A man with dark brown hair. The background is light gray.", "hair_color")
    'brown'
    """
    _, colors, patterns = COLOR_ASPECTS[aspect]
    words = "|".join((*colors, *(word for word, name in ALIASES.items() if name in colors)))
    for pattern in patterns:
        if match := re.search(pattern.format(words), prompt.lower()):
            return ALIASES.get(match.group(1), match.group(1))
    return None


class Obedience(Metric):
    """How much of what prompts name shows, relative to the truth's pictures (which have 1).

    For every aspect: the share of results that show it where the prompt names it, minus the share
    of those that show it where the prompt does not; divided by the same difference of the truth's
    pictures. Both are read by the same judge. Of colors each is a thing of its own, compared with
    prompts that name another color of the same region; the mean weighs them by how often they are
    named. `obedience` without a suffix is the mean of all aspects.

    network  weights name of a network that parses and has `attributes`: name → values
    least    people whose prompt names an aspect, and others, below which it has no score; nor has
             one that the judge does not read off the truth's pictures
    """

    name = "obedience"
    output = "attributes"

    def __init__(self, network: str = "judge", least: int = 100):
        super().__init__(network)
        self.least = least
        self.things = [
            *((aspect, None) for aspect in ASPECTS),
            *((aspect, color) for aspect, of in COLOR_ASPECTS.items() for color in of[1]),
        ]

    def update(self, batch: EvalBatch) -> None:
        named = torch.tensor([list(self._named(text)) for text in batch.condition.text])
        is_named = (named == 1).double()
        is_other = (named == 0).double()
        self.add(batch, "named", is_named)
        self.add(batch, "other", is_other)
        for source in ("image", "image_gt"):
            shown = self._shown(batch, source).double()
            self.add(batch, f"{source}_named", shown * is_named)
            self.add(batch, f"{source}_other", shown * is_other)
        self.add(batch, "n", torch.ones(len(batch)))

    def _named(self, prompt: str) -> Iterator[int]:
        """Yield for every thing whether a prompt names it: 1, 0, or −1 where it does not count."""
        text = prompt.lower()
        colors = {aspect: named_color(prompt, aspect) for aspect in COLOR_ASPECTS}
        for aspect, color in self.things:
            if color is None:
                yield int(meanings_of(ASPECTS[aspect][1], text) == {"stated"})
            else:
                yield -1 if colors[aspect] is None else int(colors[aspect] == color)

    def _shown(self, batch: EvalBatch, source: str) -> Tensor:
        """Return whether every image shows every thing [B,things]."""
        attributes = self.network_output(batch, source)
        known = self.network.attributes
        shows = {}
        for aspect, (attribute, _) in ASPECTS.items():
            if attribute not in known:
                raise UsageError(
                    f"The metric '{self.name}' needs a judge that knows '{attribute}'; "
                    f"'{self.network_name}' does not."
                )
            present = torch.tensor([value not in ABSENT for value in known[attribute]])
            shows[aspect] = present[attributes[attribute].argmax(1).cpu()]

        labels = batch.outputs(self.network, source).logits.argmax(1).cpu()
        images = fit(batch.images(source), labels.shape[-1]).cpu()
        colors = {aspect: _colors(images, labels, aspect) for aspect in COLOR_ASPECTS}
        columns = [
            shows[aspect]
            if color is None
            else torch.tensor([found == color for found in colors[aspect]])
            for aspect, color in self.things
        ]
        return torch.stack(columns, 1)

    def compute_values(self) -> dict[str, Tensor]:
        result = self._difference("image")
        truth = self._difference("image_gt")
        values = {}
        for aspect in (*ASPECTS, *COLOR_ASPECTS):
            of_aspect = self._of(aspect)
            named, other = self._counts(of_aspect)
            if min(named, other) < self.least:
                continue
            weights = self.sums["named"][:, of_aspect]
            is_measured = torch.isfinite(result) & torch.isfinite(truth)
            weights = weights * is_measured[:, of_aspect]
            of_truth = _mean(truth[:, of_aspect], weights)
            if of_truth[0] > 0:  # the judge can read it
                values[aspect] = _mean(result[:, of_aspect], weights) / of_truth
        if values:
            values = {"": torch.stack(list(values.values())).mean(0), **values}
        return values

    def compute(self) -> Scores:
        """Say for every aspect how many people's prompts name it."""
        scores = super().compute()
        for name, score in scores.items():
            aspect = name.partition("[")[0].removeprefix(f"{self.name}_")
            of_aspect = self._of(aspect)
            if of_aspect.any():
                named, other = self._counts(of_aspect)
                scores[name] = replace(score, n=named, conditions={"not_named": other})
        return scores

    def _of(self, aspect: str) -> Tensor:
        """Return which things are of an aspect [things]."""
        return torch.tensor([thing[0] == aspect for thing in self.things])

    def _counts(self, of_aspect: Tensor) -> tuple[int, int]:
        """Return how many people name an aspect, and how many do not, or name another color."""
        named = self.sums["named"][0, of_aspect]
        other = self.sums["other"][0, of_aspect]
        return round(float(named.sum())), round(float(other.sum() / max(1, len(other) - 1)))

    def _difference(self, source: str) -> Tensor:
        """Return the share that shows a thing where it is named minus where not [1+R,things]."""
        named = self.sums[f"{source}_named"] / self.sums["named"]
        other = self.sums[f"{source}_other"] / self.sums["other"]
        return named - other


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over the last dimension; values of weight 0 do not count."""
    return torch.where(weights > 0, values * weights, 0).sum(1) / weights.sum(1)


def _colors(images: Tensor, labels: Tensor, aspect: str) -> list[str | None]:
    """Return the nearest named color of a region of every image; None where there is none."""
    label, colors, _ = COLOR_ASPECTS[aspect]
    found: list[str | None] = []
    for image, parsed in zip(images, labels):
        color = region_color(image, parsed == CLASSES.index(label), SMALLEST_REGION)
        found.append(None if color is None else nearest_name(color, colors))
    return found
