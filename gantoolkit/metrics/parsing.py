"""Pixel accuracy and mean IoU of parsed results against a label map."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.labels import CLASSES
from gantoolkit.core.suggest import check_choice
from gantoolkit.metrics.base import EvalBatch, Metric
from gantoolkit.networks.blocks import resize_logits

MODES = ("present", "all19", "confusion")


def confusion_matrices(predicted: Tensor, truth: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """Count pixels per image [B,classes,classes] (true label, predicted label) of maps [B,H,W].

    Pixels whose true label is `classes` or more do not count.

    >>> truth, predicted = torch.tensor([[[0, 0, 1]]]), torch.tensor([[[0, 1, 1]]])
    >>> confusion_matrices(predicted, truth, classes=2).tolist()
    [[[1, 1], [0, 1]]]
    """
    image_index = torch.arange(len(truth), device=truth.device).view(-1, 1, 1)
    true_index = image_index * classes + truth.clamp(max=classes - 1)
    flat_index = (true_index * classes + predicted)[truth < classes]
    counts = torch.bincount(flat_index, minlength=len(truth) * classes**2)
    return counts.view(-1, classes, classes)


def intersection_over_union(confusion: Tensor) -> Tensor:
    """Return the IoU per class [...,K] of matrices [...,K,K]; NaN for a class in neither map."""
    intersection = confusion.diagonal(dim1=-2, dim2=-1).double()
    union = confusion.sum(-1) + confusion.sum(-2) - intersection
    return torch.where(union > 0, intersection / union, torch.nan)


class Confusion:
    """The confusion matrix of a whole data set, added up batch by batch."""

    def __init__(self, classes: int = len(CLASSES)):
        self.matrix = torch.zeros(classes, classes, dtype=torch.float64)
        self.n = 0

    def update(self, predicted: Tensor, truth: Tensor) -> None:
        """Add label maps [B,H,W]."""
        matrices = confusion_matrices(predicted, truth, len(self.matrix))
        self.matrix += matrices.sum(0).double().cpu()
        self.n += len(truth)

    def accuracy(self) -> float:
        """Return the share of pixels whose label is right."""
        return float(self.matrix.trace() / self.matrix.sum())

    def per_class(self) -> Tensor:
        """Return the IoU [K], NaN for absent classes."""
        return intersection_over_union(self.matrix)

    def miou(self) -> float:
        """Return the mean IoU of the classes that occur."""
        return float(self.per_class().nanmean())


class ParsingMetric(Metric):
    """Base of the parsing scores, which share one confusion matrix per image.

    network  weights name of the network that parses faces
    """

    output = "logits"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def confusion_matrices(self, batch: EvalBatch) -> Tensor:
        """Parse the results and compare with `batch.labels()`: [B,K,K]."""
        key = ("confusion_matrices", id(self.network))
        if key not in batch.cache:
            labels = batch.labels()
            logits = resize_logits(self.network_output(batch), labels.shape[-2:])
            batch.cache[key] = confusion_matrices(logits.argmax(1), labels)
        return batch.cache[key]


class Accuracy(ParsingMetric):
    """Share of pixels whose parsed label is that of the label map, mean over images."""

    name = "acc"

    def update(self, batch: EvalBatch) -> None:
        counts = self.confusion_matrices(batch).double()
        correct = counts.diagonal(dim1=1, dim2=2).sum(1)
        self.add(batch, "total", correct / counts.sum((1, 2)))
        self.add(batch, "n", torch.ones(len(counts), device=counts.device))

    def compute_values(self) -> dict[str, Tensor]:
        return {"": self.sums["total"] / self.sums["n"]}


class MeanIoU(ParsingMetric):
    """mIoU in up to three readings, each a score of its own.

    network  weights name of the parser that judges
    modes    which of the three readings are scored

    present    per image, mean over the classes of the true map; then mean over images
    all19      per image, mean over all 19 classes, where a class in neither map counts as 0
               (IDE-3D's code, and what fits the paper's column); then mean over images
    confusion  from the confusion matrix of the whole set, mean over the classes that occur
    """

    name = "miou"

    def __init__(self, network: str = "judge", modes: tuple[str, ...] = MODES):
        super().__init__(network)
        for mode in modes:
            check_choice("modes", mode, MODES)
        self.modes = tuple(modes)

    def update(self, batch: EvalBatch) -> None:
        counts = self.confusion_matrices(batch)
        is_present = counts.sum(2) > 0
        iou = intersection_over_union(counts)
        iou_or_zero = iou.nan_to_num()
        self.add(batch, "present", (iou_or_zero * is_present).sum(1) / is_present.sum(1))
        self.add(batch, "all19", iou_or_zero.mean(1))
        self.add(batch, "matrix", counts)
        self.add(batch, "n", torch.ones(len(iou), device=iou.device))

    def compute_values(self) -> dict[str, Tensor]:
        n = self.sums["n"]
        values = {
            "present": self.sums["present"] / n,
            "all19": self.sums["all19"] / n,
            "confusion": intersection_over_union(self.sums["matrix"]).nanmean(1),
        }
        return {mode: values[mode] for mode in self.modes}
