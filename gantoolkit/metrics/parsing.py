"""Pixel accuracy and mean IoU of parsed results against a label map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES
from gantoolkit.metrics.base import EvalBatch, Metric

MODES = ("present", "all19", "confusion")


def confusions(found: Tensor, wanted: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """[B,classes,classes] pixel counts per image, rows the wanted label; labels ≥ classes do not count."""
    batch = torch.arange(len(wanted), device=wanted.device).view(-1, 1, 1)
    index = ((batch * classes + wanted.clamp(max=classes - 1)) * classes + found)[wanted < classes]
    return torch.bincount(index, minlength=len(wanted) * classes**2).view(-1, classes, classes)


def intersection_over_union(confusion: Tensor) -> Tensor:
    """IoU per class [...,K] of confusions [...,K,K]; NaN where a class is neither wanted nor found."""
    hits = confusion.diagonal(dim1=-2, dim2=-1).double()
    union = confusion.sum(-1) + confusion.sum(-2) - hits
    return torch.where(union > 0, hits / union, torch.nan)


class Confusion:
    """The confusion matrix of a whole data set."""

    def __init__(self, classes: int = len(CLASSES)):
        self.matrix, self.n = torch.zeros(classes, classes, dtype=torch.float64), 0

    def update(self, found: Tensor, wanted: Tensor) -> None:
        """Add label maps [B,H,W]."""
        self.matrix += confusions(found, wanted, len(self.matrix)).sum(0).double().cpu()
        self.n += len(wanted)

    def accuracy(self) -> float:
        return float(self.matrix.trace() / self.matrix.sum())

    def per_class(self) -> Tensor:
        """IoU [K], NaN for absent classes."""
        return intersection_over_union(self.matrix)

    def miou(self) -> float:
        return float(self.per_class().nanmean())


class _Parsed(Metric):
    """Shares one confusion per image between the metrics of a view."""

    uses = "logits"

    def confusions(self, view: EvalBatch) -> Tensor:
        key = ("confusions", id(self.network))
        if key not in view._seen:
            logits, labels = self.of(view), view.labels()
            if logits.shape[-2:] != labels.shape[-2:]:
                logits = F.interpolate(
                    logits, labels.shape[-2:], mode="bilinear", align_corners=False
                )
            view._seen[key] = confusions(logits.argmax(1), labels)
        return view._seen[key]


class Accuracy(_Parsed):
    """Share of pixels whose parsed label is the wanted one, mean over images."""

    name = "acc"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def update(self, view: EvalBatch) -> None:
        counts = self.confusions(view).double()
        self.add(view, "total", counts.diagonal(dim1=1, dim2=2).sum(1) / counts.sum((1, 2)))
        self.add(view, "n", torch.ones(len(counts), device=counts.device))

    def finish(self) -> dict[str, Tensor]:
        return {"": self.sums["total"] / self.sums["n"]}


class MeanIoU(_Parsed):
    """mIoU in up to three readings, each a score of its own.

    present    per image, mean over the classes of the wanted map; then mean over images
    all19      per image, mean over all 19 classes, those without a pixel in either map count 0
               (IDE-3D's code, and what fits the paper's column); then mean over images
    confusion  from the confusion matrix of the whole set, mean over the classes that occur
    """

    name = "miou"

    def __init__(self, network: str = "judge", modes: tuple[str, ...] = MODES):
        super().__init__(network)
        unknown = [mode for mode in modes if mode not in MODES]
        if unknown:
            raise UsageError(
                f"The metric 'miou' has no mode '{unknown[0]}'; choose from {', '.join(MODES)}."
            )
        self.modes = tuple(modes)

    def update(self, view: EvalBatch) -> None:
        counts = self.confusions(view)
        iou = intersection_over_union(counts)
        wanted = counts.sum(2) > 0
        self.add(view, "present", (iou.nan_to_num() * wanted).sum(1) / wanted.sum(1))
        self.add(view, "all19", iou.nan_to_num().mean(1))
        self.add(view, "matrix", counts)
        self.add(view, "n", torch.ones(len(iou), device=iou.device))

    def finish(self) -> dict[str, Tensor]:
        n = self.sums["n"]
        values = {
            "present": self.sums["present"] / n,
            "all19": self.sums["all19"] / n,
            "confusion": intersection_over_union(self.sums["matrix"]).nanmean(1),
        }
        return {mode: values[mode] for mode in self.modes}
