"""The oracle is the table itself: what its boxes hold, added up box by box, must be the probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_nn.alias_sampler import AliasSampler, alias_table


def shares(own, alias):
    """What a draw returns with which probability, by going through the boxes."""
    held = [0.0] * len(own)
    for j in range(len(own)):
        assert 0 <= own[j] <= 1
        held[j] += own[j]
        held[alias[j]] += 1 - own[j]
    return np.array(held) / len(own)


weights = st.lists(
    st.one_of(st.integers(0, 3).map(float), st.floats(0, 1), st.floats(0, 1e6)), min_size=1, max_size=12
).filter(lambda w: max(w) > 1e-300)


@settings(max_examples=60, deadline=None)
@given(weights)
def test_eq_2_3_4_5_6_the_boxes_hold_the_probabilities(w):
    sampler = AliasSampler(w)
    np.testing.assert_allclose(sampler.p, np.array(w) / math.fsum(w), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(shares(sampler.heights, sampler.aliases), sampler.p, rtol=0, atol=1e-14)
    np.testing.assert_allclose(sampler.probabilities(), sampler.p, rtol=0, atol=1e-14)


@pytest.mark.parametrize("K", [2, 50, 3000])
def test_eq_2_3_4_5_6_long_and_uneven(K):
    rng = np.random.default_rng(K)
    for w in (rng.zipf(1.3, K), rng.uniform(size=K) ** 4, np.ones(K), np.arange(K), 1.0 + (np.arange(K) == K // 2)):
        sampler = AliasSampler(w)
        np.testing.assert_allclose(shares(sampler.heights, sampler.aliases), sampler.p, rtol=0, atol=1e-12)


@pytest.mark.parametrize("w", [[11, 8, 9, 8], [5, 2, 6, 10, 7]], ids=["boxes end first", "donors end first"])
def test_eq_5_6_where_rounding_lets_one_kind_end_before_the_other(w):
    sampler = AliasSampler(w)
    np.testing.assert_allclose(shares(sampler.heights, sampler.aliases), sampler.p, rtol=0, atol=1e-15)


def test_eq_3_4_5_6_by_hand():
    """q = 3/2, 1/4, 9/8, 1/4, 15/8: box 1 takes 3/4 from box 0, which then lacks 1/4, and so on."""
    q = np.array([1.5, 0.25, 1.125, 0.25, 1.875])
    own, alias = alias_table(q / 5)
    np.testing.assert_allclose(own, [0.75, 0.25, 0.875, 0.25, 1.0])
    assert alias.tolist() == [2, 0, 4, 4, 4]
    for p in (np.full(4, 0.25), np.ones(1)):
        own, alias = alias_table(p)
        assert own.tolist() == [1] * len(p) and alias.tolist() == list(range(len(p)))


def test_eq_5_a_thing_of_probability_0_is_never_drawn():
    class Zeros(np.random.Generator):
        def random(self, shape):
            return np.zeros(shape)

    drawn = AliasSampler([0, 1, 0, 3]).sample(1000, rng=Zeros(np.random.PCG64(0)))
    assert set(drawn) <= {1, 3}


def test_eq_1_frequencies():
    p = np.array([0.5, 0.1, 0.05, 0.0, 0.35])
    drawn = AliasSampler(10 * p).sample((400, 500), rng=0)
    assert drawn.shape == (400, 500) and drawn.dtype.kind == "i"
    counts = np.bincount(drawn.ravel(), minlength=5)
    sigma = np.sqrt(200_000 * p * (1 - p))
    assert (np.abs(counts - 200_000 * p) <= 5 * sigma).all()
    pairs = np.bincount(5 * drawn[:, :-1].ravel() + drawn[:, 1:].ravel(), minlength=25).reshape(5, 5)
    np.testing.assert_allclose(pairs / pairs.sum(), np.outer(p, p), atol=0.004)  # one after the other: independent


def test_eq_1_a_height_on_the_border_is_the_aliass():
    class Fixed(np.random.Generator):
        def integers(self, high, size):
            return np.array([0, 0, 0])

        def random(self, shape):
            return np.array([0.49, 0.5, 0.51])

    assert AliasSampler([1, 3]).sample(3, rng=Fixed(np.random.PCG64(0))).tolist() == [0, 1, 1]


def test_one_number_and_seeds():
    sampler = AliasSampler([1, 2, 3])
    one = sampler.sample(rng=0)
    assert np.ndim(one) == 0 and 0 <= one < 3 and isinstance(one, np.integer)
    np.testing.assert_array_equal(sampler.sample(20, rng=5), sampler.sample(20, rng=5))
    assert sampler.sample((0, 3), rng=0).shape == (0, 3)
    assert repr(sampler) == "AliasSampler(<3 weights>)"


def test_large_weights_do_not_overflow():
    with np.errstate(all="raise"):
        np.testing.assert_allclose(AliasSampler([1e308, 1e308, 1e308]).p, [1 / 3] * 3)


@pytest.mark.parametrize("bad", [[], [0, 0], [1, -1], [1, np.nan], [1, np.inf], [[1, 2]], 3.0])
def test_bad_weights_are_named(bad):
    with pytest.raises(ValueError, match="finite numbers of 0 or more, and not all 0; got shape"):
        AliasSampler(bad)
