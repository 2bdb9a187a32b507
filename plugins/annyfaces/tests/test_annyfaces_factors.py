"""Factor vectors are standard normal, keyed by seed and identity, and give the stated marginals."""

import numpy as np
from scipy.stats import kstest

from gantoolkit_annyfaces.factors import COUNT, IDENTITY_FACTORS, NAMES, Factors, draw
from gantoolkit_annyfaces.identities import RANGES, split_index
from gantoolkit_annyfaces.rare import draw_state
from gantoolkit_annyfaces.traits import decide


def many(count=2000):
    return np.stack([draw(3, i, 0) for i in range(count)])


def test_vectors_are_standard_normal():
    rows = many()
    assert rows.shape[1] == COUNT == len(NAMES) <= 160
    assert abs(rows.mean(0)).max() < 0.12 and abs(rows.std(0) - 1).max() < 0.1
    assert kstest(rows.ravel()[:50000], "norm").pvalue > 1e-3
    correlation = np.corrcoef(rows.T) - np.eye(COUNT)
    assert abs(correlation).max() < 0.13


def test_identity_factors_are_shared_by_states():
    a, b = draw(0, 5, 0), draw(0, 5, 1)
    assert (
        np.array_equal(a[:IDENTITY_FACTORS], b[:IDENTITY_FACTORS])
        and not np.isclose(a[IDENTITY_FACTORS:], b[IDENTITY_FACTORS:]).any()
    )
    assert not np.isclose(draw(0, 6, 0), a).any() and not np.isclose(draw(1, 5, 0), a).any()


def test_categories_have_their_probabilities():
    odds = dict(none=0.86, eyeglasses=0.105, sunglasses=0.035)
    names = [Factors(row).pick("glasses", odds) for row in many(4000)]
    for name, chance in odds.items():
        assert abs(names.count(name) / len(names) - chance) < 0.02


def test_rare_things_come_more_often_to_the_same_people():
    plain, often = [decide(Factors(draw_state(0, i, 0))) for i in range(900)], []
    for i in range(300):
        vector = draw_state(0, i, 0, 2.0)
        assert np.array_equal(vector[:IDENTITY_FACTORS], draw(0, i, 0)[:IDENTITY_FACTORS])
        assert np.array_equal(vector, draw_state(0, i, 0, 2.0))
        often.append(decide(Factors(vector)))
    assert np.array_equal(draw_state(0, 3, 1), draw(0, 3, 1)) and np.array_equal(
        draw_state(0, 3, 1, 1.0), draw(0, 3, 1)
    )
    for worn, factor in (("glasses", 1.7), ("hat", 1.7), ("earrings", 1.1)):
        share = [
            np.mean([getattr(traits, worn) != "none" for traits in rows]) for rows in (plain, often)
        ]
        assert share[1] > factor * share[0] and share[1] < 0.5


def test_index_layout():
    found = [split_index(i, 10, states=2, views=3) for i in (0, 2, 3, 6)]
    assert found == [(10, 0, 0), (10, 0, 2), (10, 1, 0), (11, 0, 0)]
    assert sorted(RANGES.values()) == [k * 1_000_000 for k in range(5)]
