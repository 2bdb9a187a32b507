"""FID: the closed form of Gaussians, torchmetrics with the same features, any order."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.fid import FID, frechet_distance, gaussian

G = torch.Generator().manual_seed(0)


def spd(n, rank=None):
    a = torch.randn(n, rank or n, generator=G, dtype=torch.float64)
    return a @ a.T


def test_one_dimension():
    # (μ1 − μ2)² + (σ1 − σ2)²
    d = frechet_distance(
        torch.tensor([1.0]), torch.tensor([[4.0]]), torch.tensor([3.0]), torch.tensor([[9.0]])
    )
    assert d == pytest.approx(4 + 1)


def test_commuting_covariances():
    q = torch.linalg.qr(torch.randn(5, 5, generator=G, dtype=torch.float64)).Q
    a, b = (torch.rand(5, generator=G, dtype=torch.float64) + 0.1 for _ in range(2))
    mean = torch.randn(5, generator=G, dtype=torch.float64)
    d = frechet_distance(mean, q @ a.diag() @ q.T, torch.zeros(5), q @ b.diag() @ q.T)
    assert d == pytest.approx(float(mean.square().sum() + (a.sqrt() - b.sqrt()).square().sum()))


def test_general_and_singular_covariances_agree_with_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    for rank in (6, 3):
        a, b = spd(6, rank), spd(6)
        root = linalg.sqrtm((a @ b).numpy()).real
        expected = float(a.trace() + b.trace() - 2 * root.trace())
        assert frechet_distance(torch.zeros(6), a, torch.zeros(6), b) == pytest.approx(
            expected, rel=1e-5, abs=1e-6
        )


def test_gaussian_of_sums():
    x = torch.randn(50, 4, generator=G, dtype=torch.float64)
    mean, cov = gaussian(torch.tensor(50.0), x.sum(0), x.T @ x)
    torch.testing.assert_close(mean, x.mean(0))
    torch.testing.assert_close(cov, x.T.cov())


class Pooled(nn.Module):
    """12 features: 2×2 means of each channel; also torchmetrics' custom extractor."""

    num_features = 12

    def features(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)

    def forward(self, images):
        return self.features(images.float() / 127.5 - 1)


def batches(n=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    fake, real = (
        torch.randint(0, 256, (n, 3, 8, 8), generator=g, dtype=torch.uint8) for _ in range(2)
    )
    return fake // 2 + 30, real


def fid_of(fake, real, split=16):
    metric = FID("pooled")
    metric.network = Pooled()
    for f, r in zip(fake.split(split), real.split(split)):
        f, r = (x.float() / 127.5 - 1 for x in (f, r))
        metric.update(EvalBatch(f, Target(r), Condition(("",) * len(f))))
    return metric.compute()["fid[pooled]"]


def test_same_as_torchmetrics():
    import gantoolkit.core.compat  # noqa: F401

    from torchmetrics.image.fid import FrechetInceptionDistance

    fake, real = batches()
    reference = FrechetInceptionDistance(Pooled(), input_img_size=(3, 8, 8)).set_dtype(
        torch.float64
    )
    reference.update(real, real=True)
    reference.update(fake, real=False)
    score = fid_of(fake, real)
    assert score.value == pytest.approx(float(reference.compute()), rel=1e-6)
    assert score.n == 40 and not score.higher_is_better and score.conditions["features"] == 12


def test_order_split_and_duplicates():
    fake, real = batches()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    value = fid_of(fake, real).value
    assert fid_of(fake[order], real[order.flip(0)], 7).value == pytest.approx(value, rel=1e-9)
    assert fid_of(real, real[order]).value == pytest.approx(0, abs=1e-9)
    twice = fid_of(fake.repeat(2, 1, 1, 1), real.repeat(2, 1, 1, 1)).value  # only n − 1 changes
    assert math.isclose(twice, value, rel_tol=0.05) and twice != value


def test_replicates_that_hold_no_sample_are_left_out():
    drawn = bootstrap.weights(range(4), 100)
    assert (drawn.sum(0) == 0).any()  # a Poisson number is 0 in 37 % of cases
    fake, real = (x[:4].float() / 127.5 - 1 for x in batches())
    metric = FID("pooled")
    metric.network, metric.replicates = Pooled(), 100
    metric.update(EvalBatch(fake, Target(real), Condition(("",) * 4), weights=drawn))
    score = metric.compute()["fid[pooled]"]
    assert score.value == pytest.approx(fid_of(*(x[:4] for x in batches())).value)
    assert score.interval and all(map(math.isfinite, score.interval))
