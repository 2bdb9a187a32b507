"""Diversity against loops over all pairs, its bootstrap against drawing conditions anew; codes."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Target
from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.codes import Codes
from gantoolkit.metrics.diversity import Diversity

G, K, SIZE = 4, 3, 6  # conditions, seeds, pixels per side


class Reader(torch.nn.Module):
    """A judge whose identities and labels are written in the picture's channels."""

    def observe(self, images):
        identity = torch.nn.functional.normalize(images[:, 0].flatten(1), dim=1)
        labels = torch.stack([images[:, 1], images[:, 2], 0 * images[:, 2]], 1)
        return SimpleNamespace(identity=identity, logits=labels)


def pictures():
    stream = torch.Generator().manual_seed(3)
    return torch.rand(G * K, 3, SIZE, SIZE, generator=stream) * 2 - 1


def scores(images, ids, batch=5, replicates=0):
    metric = Diversity()
    metric.network, metric.network_name = Reader(), "judge"
    metric.replicates = replicates
    for rows in torch.arange(len(images)).split(batch):
        some = images[rows]
        metric.update(
            EvalBatch(some, Target(some), Condition(("",) * len(some)), sample_ids=ids[rows])
        )
    return metric, metric.compute()


def similarities(images):
    """Name → (of every condition [G], of every two conditions), by loops."""
    seen = Reader().observe(images)
    faces = seen.identity.double().numpy().reshape(G, K, -1)
    labels = seen.logits.argmax(1).numpy().reshape(G, K, -1)
    found = {}
    for name, data, alike in (
        ("id", faces, lambda a, b: float(a @ b)),
        ("acc", labels, lambda a, b: float((a == b).mean())),
    ):
        of_seeds = [
            np.mean([alike(data[g, k], data[g, m]) for k, m in combinations(range(K), 2)])
            for g in range(G)
        ]
        of_two = {
            (g, h): np.mean([alike(data[g, k], data[h, k]) for k in range(K)])
            for g, h in combinations(range(G), 2)
        }
        found[name] = (of_seeds, of_two)
    return found


def test_seeds_and_conditions_are_compared_pair_by_pair():
    images, ids = pictures(), torch.arange(G).repeat_interleave(K)
    _, found = scores(images, ids)
    for name, (of_seeds, of_two) in similarities(images).items():
        assert found[f"diversity_{name}_seeds[judge]"].value == pytest.approx(np.mean(of_seeds))
        mean = np.mean(list(of_two.values()))
        assert found[f"diversity_{name}_conditions[judge]"].value == pytest.approx(mean)
    first = found["diversity_id_seeds[judge]"]
    assert first.n == G and first.conditions == {"seeds_each": K} and first.arrow == "↓"
    assert found["diversity_acc_seeds[judge]"].arrow == "↑"


def test_the_bootstrap_draws_whole_conditions():
    images, ids = pictures(), torch.arange(G).repeat_interleave(K)
    metric, _ = scores(images, ids, replicates=40)
    values = metric.compute_values()
    weights = bootstrap.weights(range(G), 40).numpy()  # [G,1+40]
    of_seeds, of_two = similarities(images)["acc"]
    for replicate in range(41):
        w = weights[:, replicate]
        expected = np.average(of_seeds, weights=w) if w.sum() else np.nan
        assert float(values["acc_seeds"][replicate]) == pytest.approx(expected, nan_ok=True)
        pairs = [w[g] * w[h] for g, h in of_two]
        expected = np.average(list(of_two.values()), weights=pairs) if sum(pairs) else np.nan
        found = float(values["acc_conditions"][replicate])
        assert found == pytest.approx(expected, nan_ok=True)


def test_a_condition_with_a_bad_result_is_skipped_and_single_results_have_no_seeds():
    images, ids = pictures(), torch.arange(G).repeat_interleave(K)
    bad = images.clone()
    bad[K + 1, 0, 0, 0] = torch.nan  # of condition 1
    _, found = scores(bad, ids)
    rest = torch.cat([images[:K], images[2 * K :]])
    _, expected = scores(rest, torch.cat([ids[:K], ids[2 * K :]]))
    for name, score in found.items():
        assert score.value == pytest.approx(expected[name].value) and score.n == G - 1
        assert score.conditions == {"seeds_each": K, "skipped": 1}
    _, single = scores(images[::K], torch.arange(G))
    assert set(single) == {"diversity_id_conditions[judge]", "diversity_acc_conditions[judge]"}


def test_the_spread_of_codes_is_numpys():
    stream = torch.Generator().manual_seed(0)
    codes = torch.randn(20, 2, 8, generator=stream) * 3 + 100
    metric = Codes()
    for rows in torch.arange(20).split(7):
        image = torch.zeros(len(rows), 3, 4, 4)
        metric.update(
            EvalBatch(image, Target(image), Condition(("",) * len(rows)), codes=codes[rows])
        )
    expected = np.sqrt(codes.double().numpy().var(0).mean())
    assert metric.compute()["codes_std"].value == pytest.approx(expected, rel=1e-9)
    with pytest.raises(UsageError, match="'codes' reads the codes of a generator"):
        metric.update(EvalBatch(image, Target(image), Condition(("",) * len(image))))
