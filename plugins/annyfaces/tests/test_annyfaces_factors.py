"""Factor vectors are standard normal, keyed by seed and identity, with the stated marginals."""

import numpy as np
from gantoolkit_annyfaces.factors import COUNT, IDENTITY_FACTORS, NAMES, Factors, draw
from gantoolkit_annyfaces.identities import RANGES, split_index
from gantoolkit_annyfaces.rare import draw_state
from gantoolkit_annyfaces.traits import decide
from scipy.stats import kstest


def many(count=2000):
    return np.stack([draw(3, i, 0) for i in range(count)])


def test_vectors_are_standard_normal():
    rows = many()
    assert rows.shape[1] == COUNT == len(NAMES) <= 160
    assert abs(rows.mean(0)).max() < 0.12
    assert abs(rows.std(0) - 1).max() < 0.1
    assert kstest(rows.ravel()[:50000], "norm").pvalue > 1e-3
    correlation = np.corrcoef(rows.T) - np.eye(COUNT)
    assert abs(correlation).max() < 0.13


def test_identity_factors_are_shared_by_states():
    first = draw(0, 5, 0)
    second = draw(0, 5, 1)
    assert np.array_equal(first[:IDENTITY_FACTORS], second[:IDENTITY_FACTORS])
    assert not np.isclose(first[IDENTITY_FACTORS:], second[IDENTITY_FACTORS:]).any()
    assert not np.isclose(draw(0, 6, 0), first).any()
    assert not np.isclose(draw(1, 5, 0), first).any()


def test_categories_have_their_probabilities():
    odds = {"none": 0.86, "eyeglasses": 0.105, "sunglasses": 0.035}
    names = [Factors(row).pick("glasses", odds) for row in many(4000)]
    for name, chance in odds.items():
        assert abs(names.count(name) / len(names) - chance) < 0.02


def share_of(people, worn):
    return np.mean([getattr(traits, worn) != "none" for traits in people])


def test_rare_things_come_more_often_to_the_same_people():
    plain = [decide(Factors(draw(0, i, 0))) for i in range(900)]
    often = []
    for i in range(300):
        vector = draw_state(0, i, 0, 2.0)
        assert np.array_equal(vector[:IDENTITY_FACTORS], draw(0, i, 0)[:IDENTITY_FACTORS])
        often.append(decide(Factors(vector)))
    for worn, factor in (("glasses", 1.7), ("hat", 1.7), ("earrings", 1.1)):
        assert factor * share_of(plain, worn) < share_of(often, worn) < 0.5


def test_rare_draws_are_pure_and_ordinary_where_nothing_is_boosted():
    assert np.array_equal(draw_state(0, 3, 1), draw(0, 3, 1))
    assert np.array_equal(draw_state(0, 3, 1, 1.0), draw(0, 3, 1))
    assert np.array_equal(draw_state(0, 3, 1, 2.0), draw_state(0, 3, 1, 2.0))


def test_index_layout():
    found = [split_index(i, 10, states=2, views=3) for i in (0, 2, 3, 6)]
    assert found == [(10, 0, 0), (10, 0, 2), (10, 1, 0), (11, 0, 0)]
    assert sorted(RANGES.values()) == [k * 1_000_000 for k in range(5)]
