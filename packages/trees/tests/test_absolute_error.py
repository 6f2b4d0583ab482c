"""The oracle is the definition: on each side, the smallest sum of distances from any of its points."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees.absolute_error import in_blocks, prefix_deviations, split_deviations, weighted_medians


def smallest(y, w):
    return min((np.sum(w * np.abs(y - c)) for c in y), default=0.0)


def by_definition(y, w, start, count):
    return np.array([smallest(y[a : i + 1], w[a : i + 1]) for a, n in zip(start, count) for i in range(a, a + n)])


def both_sides(y, w, start, count):
    behind = [smallest(y[i + 1 : a + n], w[i + 1 : a + n]) for a, n in zip(start, count) for i in range(a, a + n)]
    return by_definition(y, w, start, count) + behind


either = pytest.mark.parametrize(
    "deviations, definition", [(prefix_deviations, by_definition), (split_deviations, both_sides)]
)


def nodes(*count):
    count = np.array(count)
    return np.cumsum(count) - count, count


lengths = st.lists(st.integers(1, 20), min_size=1, max_size=8)


@either
@settings(derandomize=True, deadline=None)
@given(lengths, st.integers(0, 2**32 - 1), st.sampled_from([2, 9, 1000]), st.booleans())
def test_eq_1_2_3_4_5_6_is_exactly_the_definition_for_whole_numbers(
    deviations, definition, count, seed, values, weighted
):
    rng = np.random.default_rng(seed)
    start, count = nodes(*count)
    m = count.sum()
    y, w = rng.integers(-values, values, m) * 1.0, rng.integers(0, 4, m) * 1.0 if weighted else np.ones(m)
    found = deviations(y, w, start, count)
    np.testing.assert_array_equal(found, definition(y, w, start, count))
    if not weighted:
        np.testing.assert_array_equal(found, deviations(y, None, start, count))
        np.testing.assert_array_equal(2 * found, deviations(y, np.full(m, 2.0), start, count))


@either
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_eq_1_2_3_4_5_6_is_the_definition_for_any_numbers(deviations, definition, weighted, scale, offset):
    rng = np.random.default_rng(1)
    start, count = nodes(70, 1, 3, 64, 33, 2, 128)
    m = count.sum()
    y, w = scale * (rng.standard_t(1.5, m) + offset), rng.exponential(size=m) * 10.0 ** rng.integers(-3, 3, m)
    w = w if weighted else np.ones(m)
    expected = definition(y, w, start, count)
    spread = np.repeat([np.max(expected[a : a + n]) for a, n in zip(start, count)], count)
    error = deviations(y, w, start, count) - expected
    assert np.all(np.abs(error) <= 1e-13 * spread)


@either
def test_eq_1_2_3_4_5_6_every_order_of_a_few_points(deviations, definition):
    for n in range(1, 7):
        orders = np.array(list(itertools.permutations(range(n))), float)
        start, count = nodes(*[n] * len(orders))
        for w in (np.tile(np.arange(1.0, n + 1), len(orders)), np.ones(orders.size)):
            expected = definition(orders.ravel(), w, start, count)
            np.testing.assert_array_equal(deviations(orders.ravel(), w, start, count), expected)


def test_rising_numbers_have_a_closed_form():
    """Of 0, 1, ..., i the median is i / 2, and the distances from it sum to ⌊(i + 1)² / 4⌋."""
    n = 100_000
    i = np.arange(n)
    for y in (i, -i, 5 - i):
        found = prefix_deviations(y * 1.0, None, np.array([0]), np.array([n]))
        np.testing.assert_array_equal(found, (i + 1) ** 2 // 4)
        both = split_deviations(y * 1.0, None, np.array([0]), np.array([n]))
        np.testing.assert_array_equal(both, (i + 1) ** 2 // 4 + (n - 1 - i) ** 2 // 4)


@either
@pytest.mark.parametrize("weighted", [False, True])
def test_many_tiny_nodes_beside_long_ones(deviations, definition, weighted):
    rng = np.random.default_rng(2)
    count = rng.permutation(np.concatenate([rng.integers(1, 6, 3000), [300, 500]]))
    start, count = nodes(*count)
    y, w = rng.integers(0, 50, count.sum()) * 1.0, rng.integers(1, 4 if weighted else 2, count.sum()) * 1.0
    together = deviations(y, w, start, count)
    for s in rng.choice(len(count), 200):
        here = slice(start[s], start[s] + count[s])
        alone = deviations(y[here], w[here], np.array([0]), count[s : s + 1])
        np.testing.assert_array_equal(together[here], alone)
    long = np.flatnonzero(count > 100)[0]
    here = slice(start[long], start[long] + count[long])
    np.testing.assert_array_equal(together[here], definition(y[here], w[here], [0], [count[long]]))


def test_a_node_far_away_does_not_cost_another_its_digits():
    y = np.array([1e16, 3e16, 0.1, 0.2, 0.4, -1e16, 5e15])
    start, count = nodes(2, 3, 2)
    for w in (np.array([1e9, 1e9, 1, 1, 1, 1e9, 1e9]), None):
        np.testing.assert_allclose(prefix_deviations(y, w, start, count)[2:5], [0, 0.1, 0.3], rtol=1e-14)
        np.testing.assert_allclose(split_deviations(y, w, start, count)[2:5], [0.2, 0.1, 0.3], rtol=1e-14)


@pytest.mark.parametrize("deviations", [prefix_deviations, split_deviations])
def test_zero_weights_are_as_if_the_points_were_not_there(deviations):
    rng = np.random.default_rng(3)
    start, count = nodes(40, 17)
    y, w = rng.normal(size=57), rng.integers(0, 2, 57) * rng.exponential(size=57)
    there = w > 0
    fewer = nodes(there[:40].sum(), there[40:].sum())
    found = deviations(y, w, start, count)
    np.testing.assert_allclose(found[there], deviations(y[there], w[there], *fewer), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(deviations(y, np.zeros(57), start, count), 0)


def test_one_point_and_equal_points_have_no_deviation():
    start, count = nodes(1, 5, 1)
    y = np.array([0.1, *[0.3] * 5, 7])
    for w in (np.full(7, 0.7), None):
        np.testing.assert_array_equal(split_deviations(y, w, start, count), 0)
    np.testing.assert_array_equal(weighted_medians(y, np.full(7, 0.7), start, count), [0.1, 0.3, 7])


def test_medians_are_the_middle_of_all_numbers_that_make_the_deviation_smallest():
    rng = np.random.default_rng(4)
    for _ in range(50):
        start, count = nodes(*rng.integers(1, 9, 6))
        m = count.sum()
        y, w = rng.integers(0, 7, m) * 1.0, rng.integers(0, 3, m) * 1.0
        w[start] = 1
        for weights in (w, None):
            found = weighted_medians(y, weights, start, count)
            for a, n, median in zip(start, count, found):
                points, times = y[a : a + n], (np.ones(m) if weights is None else weights)[a : a + n].astype(int)
                np.testing.assert_array_equal(median, np.median(np.repeat(points, times)))


def test_blocks_cover_every_point_once_and_are_aligned():
    start, count = nodes(3, 1, 8, 9, 2, 1)
    blocks = in_blocks(start, count)
    assert sorted(blocks.source) == list(range(24)) and len(set(blocks.place)) == 24
    np.testing.assert_array_equal(blocks.size, [9, 8, 3, 2, 1, 1])
    np.testing.assert_array_equal(blocks.ends, [32, 30, 28, 24, 16])
    np.testing.assert_array_equal(blocks.long, [6, 4, 3, 2, 1])
    np.testing.assert_array_equal(blocks.place[blocks.first], [0, 16, 24, 28, 30, 31])


def test_arguments_are_not_written_to():
    rng = np.random.default_rng(5)
    start, count = nodes(10, 20)
    given = [rng.normal(size=30), rng.uniform(size=30), start, count]
    for array in given:
        array.flags.writeable = False
    split_deviations(*given)
    split_deviations(given[0], None, *given[2:])
    weighted_medians(*given)
    reversed_view = np.arange(30.0)[::-1]
    expected = both_sides(reversed_view, np.ones(30), start, count)
    np.testing.assert_array_equal(split_deviations(reversed_view, None, start, count), expected)
