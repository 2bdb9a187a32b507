"""Intervals: the closed form for a mean, equal weights for every system, merging of processes."""

from __future__ import annotations

import json

import pytest
import torch
from test_fid import Pooled

from gantoolkit.core.types import Condition, Record, Score, Target
from gantoolkit.metrics import Evaluator, bootstrap
from gantoolkit.metrics.base import EvalBatch, MeanMetric
from gantoolkit.report import record as records


class Brightness(MeanMetric):
    """The mean of the first pixel; NaN above 0.9."""

    name = "brightness"

    def values(self, batch):
        value = batch.image[:, 0, 0, 0]
        return torch.where(value > 0.9, torch.nan, value)


def eval_batch(image, sample_ids=None, replicates=0):
    sample_ids = torch.arange(len(image)) if sample_ids is None else sample_ids
    return EvalBatch(
        image,
        Target(image),
        Condition(("",) * len(image)),
        sample_ids=sample_ids,
        weights=bootstrap.weights(sample_ids.tolist(), replicates),
    )


def test_weights_belong_to_the_number():
    drawn = bootstrap.weights([7, 3, 7], 2000)
    assert (
        (drawn[:, 0] == 1).all()
        and torch.equal(drawn[0], drawn[2])
        and not torch.equal(drawn[0], drawn[1])
    )
    assert drawn[0, 1:].mean() == pytest.approx(1, abs=0.1) and drawn[0, 1:].var() == pytest.approx(
        1, abs=0.2
    )


def test_interval_of_a_mean_is_two_standard_errors():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)) * 0.1
    metric = Brightness()
    metric.replicates = 400
    for rows in torch.arange(400).split(64):
        metric.update(eval_batch(values[rows].view(-1, 1, 1, 1).expand(-1, 3, 2, 2), rows, 400))
    (score,) = metric.compute().values()
    error = float(values.std()) / 20
    assert score.value == pytest.approx(float(values.mean()), abs=1e-6)
    assert score.interval[0] == pytest.approx(score.value - 1.96 * error, abs=0.3 * error)
    assert score.interval[1] == pytest.approx(score.value + 1.96 * error, abs=0.3 * error)


def test_skipped_samples_are_counted():
    metric = Brightness()
    metric.update(eval_batch(torch.tensor([0.5, 0.95, 0.1]).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)))
    (score,) = metric.compute().values()
    assert score.value == pytest.approx(0.3) and score.n == 2 and score.conditions["skipped"] == 1
    assert score.interval is None


class Judged(Pooled):
    """Pooled features, and an identity."""

    def embed(self, images):
        return torch.nn.functional.normalize(self.features(images), dim=1)


def test_merged_processes_equal_one():
    g = torch.Generator().manual_seed(2)
    image, truth = (torch.rand(30, 3, 16, 16, generator=g) * 2 - 1 for _ in range(2))
    metrics = {name: {} for name in ("fid", "kid", "precision", "recall", "id_gt", "ssim")}

    def evaluator(*parts):
        found = Evaluator(metrics, judge=Judged(), bootstrap=40)
        for rows in parts:
            rows = torch.tensor(rows)
            found.update(
                image[rows], Target(truth[rows]), Condition(("",) * len(rows)), sample_ids=rows
            )
        return found

    whole = evaluator(range(30)).compute()
    first, second = evaluator(range(12, 30), range(5)), evaluator(range(5, 12))
    first.merge(second)
    merged = first.compute()
    assert whole.keys() == merged.keys() and len(whole) == 6
    for name, score in whole.items():
        assert merged[name].value == pytest.approx(score.value, rel=1e-6, abs=1e-9), name
        assert merged[name].interval == pytest.approx(score.interval, rel=1e-6, abs=1e-9), name
        assert score.interval[0] <= score.value <= score.interval[1] or name in (
            "fid[judge]",
            "kid[judge]",
        )
        assert merged[name].n == 30


def test_interval_survives_a_record(tmp_path):
    score = Score(0.5, 3, True, {"skipped": 1}, (0.25, 0.75))
    records.save(Record("r", {}, [], {}, 0, scores={"s": {"m": score}}), tmp_path)
    assert json.loads((tmp_path / "record.json").read_text())["scores"]["s"]["m"]["interval"] == [
        0.25,
        0.75,
    ]
    assert records.load(tmp_path).scores["s"]["m"] == score
