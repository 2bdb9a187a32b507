"""Edges against lines whose places are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.edges import Edges


def eval_batch(image, scribble):
    picture = torch.from_numpy(image).float()[None, None].expand(-1, 3, -1, -1) * 2 - 1
    drawn = None if scribble is None else torch.from_numpy(scribble).float()[None, None]
    return EvalBatch(picture, Target(picture), Condition(("",), scribble=drawn))


def box(low, high, size=80):
    found = np.zeros((size, size))
    found[low:high, low:high] = 1
    return found


def outline(low, high, size=80):
    return box(low, high, size) - box(low + 1, high - 1, size)


def scores(image, scribble, **options):
    metric = Edges(**options)
    metric.update(eval_batch(image, scribble))
    return {name: score.value for name, score in metric.compute().items()}


def test_an_outline_where_the_edges_are_is_perfect_and_one_elsewhere_is_nothing():
    assert scores(box(20, 60), outline(20, 60)) == dict(
        edges=1.0, edges_precision=1.0, edges_recall=1.0
    )
    assert scores(box(20, 60), outline(28, 52))["edges"] == 0.0
    moved = outline(22, 58)  # two pixels inside
    assert scores(box(20, 60), moved, tolerance=1 / 80)["edges"] < 0.1
    assert scores(box(20, 60), moved, tolerance=3 / 80)["edges"] == 1.0


def test_lines_that_are_not_drawn_cost_recall_and_edges_without_lines_precision():
    half = outline(20, 60)
    half[40:] = 0
    found = scores(box(20, 60), half)
    assert found["edges_recall"] == 1.0 and found["edges_precision"] == pytest.approx(0.5, abs=0.03)
    assert found["edges"] == pytest.approx(2 / 3, abs=0.03)
    more = np.maximum(outline(20, 60), outline(5, 75))
    found = scores(box(20, 60), more)
    assert found["edges_precision"] == 1.0 and found["edges_recall"] == pytest.approx(
        156 / (156 + 276), abs=0.02
    )


def test_pictures_without_edges_and_data_without_scribbles():
    assert scores(np.full((80, 80), 0.5), outline(20, 60))["edges"] == 0.0
    with pytest.raises(UsageError, match="Edge scores need scribbles"):
        scores(box(20, 60), None)
    metric = Edges()
    metric.update(eval_batch(box(20, 60), np.zeros((80, 80))))
    metric.update(eval_batch(box(20, 60), outline(20, 60)))
    found = metric.compute()["edges"]
    assert found.value == 1.0 and found.n == 1 and found.conditions["skipped"] == 1
