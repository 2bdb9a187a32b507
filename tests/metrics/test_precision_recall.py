"""KID against torchmetrics, precision and recall against a loop and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_fid import Pooled, batches

from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.kid import KID
from gantoolkit.metrics.precision_recall import Precision, Recall, in_manifold


def value(metric, fake, real, split=16):
    metric.network = Pooled()
    start = 0
    for f, r in zip(fake.split(split), real.split(split)):
        f, r = (x.float() / 127.5 - 1 for x in (f, r))
        metric.update(
            EvalBatch(
                f,
                Target(r),
                Condition(("",) * len(f)),
                sample_ids=torch.arange(start, start + len(f)),
            )
        )
        start += len(f)
    (score,) = metric.compute().values()
    return score


def test_kid_is_torchmetrics():
    import gantoolkit.core.compat  # noqa: F401

    from torchmetrics.image.kid import KernelInceptionDistance

    fake, real = batches()
    reference = KernelInceptionDistance(Pooled(), subsets=1, subset_size=40)
    reference.update(real, real=True)
    reference.update(fake, real=False)
    score = value(KID("pooled"), fake, real)
    assert score.value == pytest.approx(float(reference.compute()[0]), rel=1e-4)
    assert not score.higher_is_better and score.n == 40 and score.conditions["features"] == 12


def test_kid_of_equal_distributions_is_about_zero_and_independent_of_order():
    fake, real = batches()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    score = value(KID("pooled"), fake, real)
    assert value(KID("pooled"), fake[order], real[order.flip(0)], 7).value == pytest.approx(
        score.value, rel=1e-9
    )
    assert abs(value(KID("pooled"), real[:20], real[20:]).value) < score.value / 20


def test_kept_samples_are_the_first_by_number():
    fake, real = batches()
    score = value(KID("pooled", max_samples=10), fake, real)
    assert score.n == 10
    assert score.value == pytest.approx(value(KID("pooled"), fake[:10], real[:10]).value, rel=1e-9)


def covered_by_loop(points, by, k):
    radius = [np.sort([np.linalg.norm(a - b) for b in by])[k] for a in by]
    return [any(np.linalg.norm(p - b) <= r for b, r in zip(by, radius)) for p in points]


def test_covered_is_the_loop():
    g = np.random.default_rng(0)
    points, by = g.normal(size=(30, 4)) * 2, g.normal(size=(25, 4)) + 0.5
    found = in_manifold(torch.tensor(points), torch.tensor(by), 3)
    assert found.tolist() == covered_by_loop(points, by, 3) and 0 < found.sum() < 30


def test_precision_and_recall_by_hand():
    """Results in one of two clusters of truths: all are precise, half the truths are recalled."""
    fake, real = batches()
    assert (
        value(Precision("pooled"), real, real).value == 1
        and value(Recall("pooled"), real, real).value == 1
    )
    two = torch.cat([real[:20] // 8, 255 - real[20:] // 8])  # dark and bright
    narrow = two[:20].roll(1, 0).repeat(2, 1, 1, 1)
    assert value(Precision("pooled"), narrow, two).value == 1
    assert value(Recall("pooled"), narrow, two).value == 0.5
    assert value(Precision("pooled"), two, narrow).value == 0.5
    far = 128 + two * 0
    assert value(Precision("pooled"), far, two).value == 0


def test_what_is_kept_is_gathered_from_all_processes(monkeypatch):
    """all_gather_object gives every process the parts of all; the result is that of one process."""
    import torch.distributed as dist

    fake, real = batches()
    halves = [KID("pooled"), KID("pooled")]
    for metric, rows in zip(halves, (range(24, 40), range(24))):
        metric.network = Pooled()
        f, r = (x[list(rows)].float() / 127.5 - 1 for x in (fake, real))
        metric.update(
            EvalBatch(f, Target(r), Condition(("",) * len(f)), sample_ids=torch.tensor(rows))
        )

    def gather(found, own):
        found[:] = [own, (halves[1].first_samples(), 0)]

    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_gather_object", gather)
    halves[0].all_reduce()
    score = halves[0].compute()["kid[pooled]"]
    assert (
        score.value == pytest.approx(value(KID("pooled"), fake, real).value, rel=1e-9)
        and score.n == 40
    )
