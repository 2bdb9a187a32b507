"""The contract of metrics: sums in one pass, whose parts merge to the score of the whole."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from gantoolkit.contracts.contract import Contract
from gantoolkit.core.camera import Frame
from gantoolkit.core.types import Condition, Render, Target
from gantoolkit.metrics import Evaluator

SAMPLES = 16
SIZE = 32
TEXT = "a man"
ATTRIBUTES = {"gender": ["female", "male"]}


def judge():
    """A small untrained network that gives all that metrics may read."""
    from gantoolkit.networks.judge import Judge

    torch.manual_seed(0)
    sizes = dict(resolution=SIZE, widths=(8,) * 4, depths=(1,) * 4)
    return Judge(**sizes, words=TEXT.split(), attributes=ATTRIBUTES).eval()


def check(contract: Contract, metric, arch: dict) -> None:
    """Test a metric through the evaluator, with an untrained judge."""
    name = metric.name or "it"
    network = judge()
    scores = {}
    for parts in (1, 2):
        with contract.calling("update and compute"):
            evaluators = [_evaluator(name, arch, network) for _ in range(parts)]
            for evaluator, rows in zip(evaluators, torch.arange(SAMPLES).chunk(parts)):
                _update(evaluator, rows)
            for other in evaluators[1:]:
                evaluators[0].merge(other)
            scores[parts] = evaluators[0].compute()
    _check_scores(contract, scores[1], scores[2])


def _evaluator(name: str, arch: dict, network) -> Evaluator:
    return Evaluator({name: dict(arch)}, judge=network)


def _update(evaluator: Evaluator, rows: torch.Tensor) -> None:
    """Add some of the samples; image, truth and masks are random numbers of the sample."""
    torch.manual_seed(0)
    images = torch.rand(SAMPLES, 3, SIZE, SIZE) * 2 - 1
    truth = (images + 0.3 * torch.randn_like(images)).clamp(-1, 1)
    labels = torch.randint(19, (SAMPLES, SIZE, SIZE))
    mask = F.one_hot(labels, 19).permute(0, 3, 1, 2).float()
    depth = 2.5 + torch.rand(SAMPLES, SIZE, SIZE)
    person, count = torch.arange(SAMPLES)[rows] % 4, len(rows)
    attributes = ({"gender": "male"},) * count
    target = Target(truth[rows], labels[rows], person, depth[rows], attributes)
    front = Frame().side(0.0, count)
    condition = Condition((TEXT,) * count, mask[rows], mask[rows, :1], front)
    side = Render(truth[rows], depth=depth[rows, None], camera=Frame().side(0.4, count))
    evaluator.update(
        images[rows],
        target,
        condition,
        without_text=truth[rows],
        depth=depth[rows, None],
        views=(Render(images[rows], depth=depth[rows, None], camera=front), side),
        sample_ids=rows,
        codes=truth[rows, 0],
    )


def _check_scores(contract: Contract, whole: dict, merged: dict) -> None:
    contract.require(bool(whole), "it gives no score", "let compute_values return one at least")
    for name, score in whole.items():
        is_finite = math.isfinite(score.value)
        contract.require(is_finite, f"{name} is {score.value}", "leave out what has no value")
        counts = 0 < score.n <= SAMPLES
        contract.require(counts, f"{name} counts {score.n} samples of {SAMPLES}", "see count()")
        same = math.isclose(score.value, merged[name].value, rel_tol=1e-5, abs_tol=1e-7)
        contract.require(
            same,
            f"{name} of two merged halves is {merged[name].value}, of the whole {score.value}",
            "keep sums over samples in `add`, and divide in compute_values",
        )
