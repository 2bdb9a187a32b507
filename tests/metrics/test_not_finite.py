"""Pictures that are not finite are skipped and counted; what one sample cannot say is left out."""

from __future__ import annotations

import pytest
import torch
from test_fid import Pooled, batches

from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.fid import FID
from gantoolkit.metrics.kid import KID
from gantoolkit.metrics.pairs import MSSSIM, SSIM
from gantoolkit.metrics.precision_recall import Precision, Recall

KINDS = (FID, KID, Precision, Recall)


def pictures(count=12):
    return [x.float() / 127.5 - 1 for x in batches(count)]


def scores_of(kind, fake, real):
    metric = kind() if kind in (SSIM, MSSSIM) else kind("pooled")
    metric.network = Pooled()
    ids = torch.arange(len(fake))
    metric.update(EvalBatch(fake, Target(real), Condition(("",) * len(fake)), sample_ids=ids))
    return metric.compute()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_one_bad_picture_leaves_the_score_of_the_others(kind, side, bad):
    both = pictures()
    both[side][3, 1, 2, 2] = bad
    (score,) = scores_of(kind, *both).values()
    others = [i for i in range(12) if i != 3]
    (expected,) = scores_of(kind, *(x[others] for x in both)).values()
    assert score.value == pytest.approx(expected.value, rel=1e-9, abs=1e-12)
    assert score.n == 11 and score.conditions["skipped"] == 1
    assert "skipped" not in expected.conditions


def test_a_network_that_hides_nan_does_not_hide_the_picture():
    class Blind(Pooled):
        def features(self, images):
            return super().features(images.nan_to_num(0))

    fake, real = pictures()
    fake[0] = torch.nan
    metric = FID("blind")
    metric.network = Blind()
    metric.update(EvalBatch(fake, Target(real), Condition(("",) * 12)))
    assert metric.compute()["fid[blind]"].conditions["skipped"] == 1


@pytest.mark.parametrize("kind", [SSIM, MSSSIM])
def test_mean_scores_skip_a_picture_that_is_not_finite(kind):
    fake, real = (torch.rand(3, 3, 32, 32) for _ in range(2))
    fake[1, 0, 0, 0] = torch.nan
    (score,) = scores_of(kind, fake, real).values()
    (expected,) = scores_of(kind, fake[[0, 2]], real[[0, 2]]).values()
    assert score.value == pytest.approx(expected.value, abs=1e-6)
    assert score.n == 2 and score.conditions["skipped"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2])
def test_too_few_samples_give_no_score_but_a_warning(kind, count, capsys):
    fake, real = pictures(2)
    fake[1] = torch.nan
    assert scores_of(kind, fake[:count], real[:count]) == {}
    assert "needs 2 samples with finite pictures and has 1" in capsys.readouterr().err
