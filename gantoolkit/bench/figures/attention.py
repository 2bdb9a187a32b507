"""Figure 3: cross-attention of single words by denoising step and up block, over the face of that step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Features
from gantoolkit.inference import attention
from gantoolkit.report import figure_sheets, pictures

SHOWN = 2  # words, where none are named
ALL = "all words"
TimestepBatch = tuple[Features, Tensor]  # features [1] of a step, and G(w_t) [1,3,R,R]


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3], one sample below the other, and the words that it shows."""
    if getattr(scene.first.encoder, "prompts", None) is None:
        raise UsageError(
            f"{scene.runs[0].source} reads no prompt (its encoder is "
            f"{type(scene.first.encoder).__name__}), so there is no word to look for."
        )
    parts, shown = [], {}
    for number, condition, moments in _samples(scene):
        words = choose(
            scene.first.encoder, condition.text[0], moments, args.words, f"sample {number}"
        )
        parts.append(sheet(condition, moments, words, len(scene.times)).render())
        shown[number] = list(words)
    return figure_sheets.stack(parts), {"words": shown}


def _samples(scene: Scene):
    """(number, condition [1], its moments at the first, the middle and the last step) of every sample."""
    wanted = dict.fromkeys(scene.times[i] for i in (0, len(scene.times) // 2, -1))
    numbers = iter(scene.numbers)
    for found, condition, camera in scene.batches():
        moments = []
        for features in scene.first.encoder.trace(condition, x0=False):
            if int(features.t[0]) in wanted:
                image = scene.runs[0].image(scene.first.bridge(features), camera)
                moments.append((features.to("cpu"), image))
        for i in range(len(found)):
            yield (
                next(numbers),
                found.condition[i],
                [(f[i], image[i : i + 1]) for f, image in moments],
            )


def choose(
    encoder, text: str, moments: Sequence[TimestepBatch], named: Sequence[str], whose: str
) -> dict[str, list[int]]:
    """word → places of its tokens: the named words, or the SHOWN nouns with most attention, in order."""
    spelled = attention.spelled(encoder, text, moments[0][0])
    places: dict[str, list[int]] = {}
    for word, where in spelled:
        if attention.is_word(word):
            places[word] = places.get(word, []) + where
    if not places:
        raise UsageError(f"The prompt of {whose} is empty; choose another with --pick.")
    if absent := [word for word in named if word.lower() not in places]:
        raise UsageError(
            f"'{absent[0]}' is not in the prompt of {whose}, “{text}”; "
            f"its words: {', '.join(places)}."
        )
    if named:
        return {word.lower(): places[word.lower()] for word in named}
    nouns = attention.heads([word for word, _ in spelled]) or list(places)
    mass = {
        word: sum(
            float(block_map(f, n, places[word]).mean())
            for f, _ in moments
            for n in range(len(f.attn_prob))
        )
        for word in nouns
    }
    most = sorted(nouns, key=lambda word: -mass[word])[:SHOWN]
    return {word: places[word] for word in nouns if word in most}


def block_map(features: Features, block: int, places: Sequence[int]) -> Tensor:
    """Mean over tokens of one block's probabilities [h,w] (each the maximum over its layers and heads)."""
    return features.attn_prob[block][0, list(places)].mean(0)


def sheet(
    condition: Condition, moments: Sequence[TimestepBatch], words: dict[str, list[int]], steps: int
) -> figure_sheets.FigureSheet:
    """Rows: steps; columns: the face, then per block each word and all words; the condition in the corner."""
    first = moments[0][0]
    shown = {**words, ALL: first.words[0].nonzero().flatten().tolist()}
    rows = []
    for place, (features, image) in enumerate(moments):
        maps = [
            block_map(features, n, where)
            for n in range(len(first.attn_prob))
            for where in shown.values()
        ]
        cells = [
            pictures.image_picture(image),
            *(pictures.heat_picture(image, found) for found in maps),
        ]
        rows.append(
            figure_sheets.SheetRow(
                cells,
                _step(features, place, len(moments), steps),
                "" if place else f"“{condition.text[0]}”",
            )
        )
    groups = [
        (f"up block {n}, {p.shape[-2]} x {p.shape[-1]}", len(shown))
        for n, p in enumerate(first.attn_prob, 1)
    ]
    columns = ["$G(w_t)$", *(word for _ in groups for word in shown)]
    return figure_sheets.FigureSheet(
        columns, rows, [("", 1), *groups], pictures.condition_picture(condition)
    )


def _step(features: Features, place: int, moments: int, steps: int) -> tuple[str, str]:
    """The label of a row: the time, and how many of the grid's steps have been made."""
    number = {0: 1, moments - 1: steps}.get(place, steps // 2 + 1)
    return f"t = {int(features.t[0])}", f"step {number} of {steps}"
