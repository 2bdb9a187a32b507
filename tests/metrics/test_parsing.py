"""Confusions on hand-made maps: absent classes, the three readings of mIoU, scikit-like counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.parsing import (
    Accuracy,
    Confusion,
    MeanIoU,
    confusion_matrices,
    intersection_over_union,
)

WANTED = torch.tensor([[[0, 0, 1], [0, 1, 1]], [[2, 2, 2], [2, 2, 2]]])
FOUND = torch.tensor([[[0, 1, 1], [0, 1, 1]], [[2, 2, 2], [2, 2, 3]]])


class Told(nn.Module):
    """Says what it was told: the first channel of the image is the label map."""

    def logits(self, images):
        return nn.functional.one_hot(images[:, 0].round().long(), 19).movedim(-1, 1).float()


def eval_batch(found, wanted, mask=False):
    condition = Condition(
        ("",) * len(found),
        mask=nn.functional.one_hot(wanted, 19).movedim(-1, 1).float() if mask else None,
    )
    target = Target(torch.zeros(len(found), 3, *found.shape[1:]), None if mask else wanted)
    return EvalBatch(found[:, None].float().expand(-1, 3, -1, -1), target, condition)


def scores(metric, *views):
    metric.network = Told()
    for v in views:
        metric.update(v)
    return {k: s.value for k, s in metric.compute().items()}


def test_confusion_counts():
    counts = confusion_matrices(FOUND, WANTED, 4)
    assert counts[0].tolist() == [[2, 1, 0, 0], [0, 3, 0, 0], [0] * 4, [0] * 4]
    assert counts[1, 2].tolist() == [0, 0, 5, 1]
    iou = intersection_over_union(counts[0])
    torch.testing.assert_close(
        iou, torch.tensor([2 / 3, 3 / 4, torch.nan, torch.nan], dtype=torch.float64), equal_nan=True
    )


def test_ignored_labels_do_not_count():
    wanted = WANTED.clone()
    wanted[0, 0, 1] = 255
    assert confusion_matrices(FOUND, wanted, 4)[0].sum() == 5


def test_readings_of_miou_by_hand():
    got = scores(MeanIoU("told"), eval_batch(FOUND, WANTED))
    first = 2 / 3 + 3 / 4
    assert got["miou_present[told]"] == pytest.approx((first / 2 + 5 / 6) / 2)
    assert got["miou_all19[told]"] == pytest.approx(
        (first / 19 + (5 / 6) / 19) / 2
    )  # class 3: 0 of 1
    assert got["miou_confusion[told]"] == pytest.approx((2 / 3 + 3 / 4 + 5 / 6 + 0) / 4)
    assert scores(Accuracy("told"), eval_batch(FOUND, WANTED))["acc[told]"] == pytest.approx(5 / 6)


def test_perfect_result_with_absent_classes():
    got = scores(MeanIoU("told"), eval_batch(WANTED, WANTED))
    assert got["miou_present[told]"] == pytest.approx(1)
    assert got["miou_all19[told]"] == pytest.approx(
        (2 / 19 + 1 / 19) / 2
    )  # IDE-3D's reading punishes absence
    assert got["miou_confusion[told]"] == pytest.approx(1)


def test_mask_of_the_condition_and_order_and_split():
    whole = scores(MeanIoU("told"), eval_batch(FOUND, WANTED, mask=True))
    parts = scores(
        MeanIoU("told"), eval_batch(FOUND[1:], WANTED[1:]), eval_batch(FOUND[:1], WANTED[:1])
    )
    assert whole == pytest.approx(parts)


def test_confusion_agrees_with_sklearn_style_loop():
    g = torch.Generator().manual_seed(0)
    found, wanted = (torch.randint(0, 5, (3, 6, 7), generator=g) for _ in range(2))
    whole = Confusion(5)
    whole.update(found[:1], wanted[:1])
    whole.update(found[1:], wanted[1:])
    by_hand = [
        ((found == k) & (wanted == k)).sum() / ((found == k) | (wanted == k)).sum()
        for k in range(5)
    ]
    torch.testing.assert_close(whole.per_class(), torch.stack(by_hand).double(), atol=1e-6, rtol=0)
    assert (
        whole.accuracy() == pytest.approx(float((found == wanted).double().mean())) and whole.n == 3
    )


def test_unknown_mode_and_missing_labels():
    with pytest.raises(UsageError, match="modes='mean' is unknown"):
        MeanIoU(modes=("mean",))
    metric = Accuracy("told")
    metric.network = Told()
    with pytest.raises(UsageError, match="need an input mask"):
        metric.update(
            EvalBatch(torch.zeros(1, 3, 2, 3), Target(torch.zeros(1, 3, 2, 3)), Condition(("",)))
        )
