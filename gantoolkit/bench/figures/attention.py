"""Figure 3: cross-attention of single words by step and up block, over the face of that step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Features
from gantoolkit.inference import attention
from gantoolkit.report import figure_sheets, pictures

DEFAULT_WORDS = 2  # how many are shown where none are named
ALL_WORDS = "all words"


class Step(NamedTuple):
    """A denoising step of one sample."""

    features: Features  # [1]
    image: Tensor  # G(w_t) [1,3,R,R]


@torch.no_grad()
def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3], one sample below the other, and return the words on it."""
    encoder = scene.pipeline.encoder
    if getattr(encoder, "text_encoder", None) is None:
        raise UsageError(
            f"{scene.runs[0].source} reads no prompt (its encoder is "
            f"{type(encoder).__name__}), so there is no word to look for."
        )
    sheets, words = [], {}
    for index, condition, steps in _samples(scene):
        tokens = choose_words(encoder, condition.text[0], steps, args.words, f"sample {index}")
        sheets.append(layout(condition, steps, tokens, len(scene.timesteps)).render())
        words[index] = list(tokens)
    return figure_sheets.stack(sheets), {"words": words}


def _samples(scene: Scene) -> Iterator[tuple[int, Condition, list[Step]]]:
    """Iterate over (index, condition [1], its first, middle and last step) of every sample."""
    timesteps = scene.timesteps
    shown = {timesteps[0], timesteps[len(timesteps) // 2], timesteps[-1]}
    indices = iter(scene.indices)
    for sample, condition, camera in scene.batches():
        steps = []
        for features in scene.pipeline.encoder.trace(condition, x0=False):
            if int(features.t[0]) in shown:
                image = scene.runs[0].render(scene.pipeline.bridge(features), camera)
                steps.append(Step(features.to("cpu"), image))
        for i in range(len(sample)):
            of_sample = [Step(step.features[i], step.image[i : i + 1]) for step in steps]
            yield next(indices), sample.condition[i], of_sample


def choose_words(
    encoder, text: str, steps: Sequence[Step], named: Sequence[str], whose: str
) -> dict[str, list[int]]:
    """Choose the words that are shown; returns word → positions of its tokens, in order.

    These are the named ones, or else the DEFAULT_WORDS nouns with most attention.
    """
    spelled = attention.prompt_words(encoder, text, steps[0].features)
    tokens: dict[str, list[int]] = {}
    for word, positions in spelled:
        if attention.is_word(word):
            tokens[word] = tokens.get(word, []) + positions
    if not tokens:
        raise UsageError(f"The prompt of {whose} is empty; choose another with --pick.")
    for word in named:
        if word.lower() not in tokens:
            raise UsageError(
                f"'{word}' is not in the prompt of {whose}, “{text}”; its words: "
                f"{', '.join(tokens)}."
            )
    if named:
        return {word.lower(): tokens[word.lower()] for word in named}

    nouns = attention.head_nouns([word for word, _ in spelled]) or list(tokens)
    mass = {noun: _attention_mass(steps, tokens[noun]) for noun in nouns}
    most = sorted(nouns, key=lambda noun: -mass[noun])[:DEFAULT_WORDS]
    return {noun: tokens[noun] for noun in nouns if noun in most}


def _attention_mass(steps: Sequence[Step], positions: Sequence[int]) -> float:
    """Sum the mean attention of tokens over all steps and blocks."""
    mass = 0
    for features, _ in steps:
        for block in range(len(features.attn_prob)):
            mass += float(block_map(features, block, positions).mean())
    return mass


def block_map(features: Features, block: int, positions: Sequence[int]) -> Tensor:
    """Average one block's probabilities [h,w] over tokens.

    They are the maximum over the block's layers and heads.
    """
    return features.attn_prob[block][0, list(positions)].mean(0)


def layout(
    condition: Condition, steps: Sequence[Step], words: dict[str, list[int]], total: int
) -> figure_sheets.FigureSheet:
    """Lay out one sample: a row per step, with the face and, per block, each word and all words.

    words  word → positions of its tokens
    total  number of denoising steps
    """
    first = steps[0].features
    positions = {**words, ALL_WORDS: first.words[0].nonzero().flatten().tolist()}
    rows = []
    for place, (features, image) in enumerate(steps):
        cells = [pictures.image_picture(image)]
        for block in range(len(first.attn_prob)):
            for of_word in positions.values():
                cells.append(pictures.heat_picture(image, block_map(features, block, of_word)))
        label = _step_label(features, place, len(steps), total)
        caption = "" if place else f"“{condition.text[0]}”"
        rows.append(figure_sheets.SheetRow(cells, label, caption))

    groups = [("", 1)]
    for block, probabilities in enumerate(first.attn_prob, 1):
        height, width = probabilities.shape[-2:]
        groups.append((f"up block {block}, {height} x {width}", len(positions)))
    columns = ["$G(w_t)$", *[*positions] * len(first.attn_prob)]
    corner = pictures.condition_picture(condition)
    return figure_sheets.FigureSheet(columns, rows, groups, corner)


def _step_label(features: Features, place: int, shown: int, total: int) -> tuple[str, str]:
    """Return a row's label: its time, and how many of all steps have been made."""
    number = {0: 1, shown - 1: total}.get(place, total // 2 + 1)
    return f"t = {int(features.t[0])}", f"step {number} of {total}"
