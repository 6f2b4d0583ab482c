"""The oracle is the definition: one node after the other, impurities of both sides by impurity.py."""

import numpy as np
import pytest

from pellucid_trees.impurity import CRITERIA
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.random_cuts import class_weights, per_node, random_cuts, worth

rng = np.random.default_rng(0)

S = 4
KINDS = [("gini", 2), ("gini", 4), ("entropy", 2), ("entropy", 4), ("squared_error", 1), ("squared_error", 3)]
KINDS += [("absolute_error", 1), ("absolute_error", 2)]


def nodes(criterion="gini", n=3, N=121, weighted=False, limits=Limits(), signs=None):  # noqa: B008
    """A level of four nodes whose points are in no order; X, the targets as columns, and the weights, by points."""
    X = rng.normal(size=(N, 3)).round(1)
    weights = rng.integers(1, 4, N) / 4 if weighted else None
    if criterion in ("gini", "entropy"):
        Y, K = rng.permutation(np.arange(N) % n), n
        columns = np.eye(n)[Y]
    else:
        Y = columns = rng.normal(size=(N, n)) * np.arange(1, n + 1) + 5
        K = None
    problem, _, units = pose(Y, weights, limits, n_classes=K, criterion=criterion, monotonic_cst=signs)
    size = np.bincount(np.arange(N - 4) % S)  # some points are at no node
    level = describe(problem, rng.permutation(N)[: N - 4], size.cumsum() - size, size)
    if signs is not None:
        level = level._replace(lower=np.full(S, -np.inf), upper=np.full(S, np.inf))
    if criterion not in ("gini", "entropy"):
        columns = np.ldexp(Y - units.shift, -units.targets)
    return problem, level, X, columns, np.ones(N) if weights is None else weights


def no_side_empty(goes_left, level):
    """Not asked for where it is; and how many points go left."""
    n_left = per_node(goes_left, level.start)
    return goes_left, n_left, (n_left == 0) | (n_left == level.size)


def parts(level, array):
    """What belongs to each node, of something in the level's order."""
    return np.split(array, level.start[1:])


def one_column(x, sizes, y=None):
    """Nodes of these sizes; the values are (1, m)."""
    N, sizes = len(x), np.array(sizes)
    problem, _, _ = pose(np.arange(N) % 2 if y is None else y, None, Limits(), n_classes=2, criterion="gini")
    return problem, describe(problem, np.arange(N), sizes.cumsum() - sizes, sizes), np.array(x)[None]


# -- thresholds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("u", [0.0, 0.3, 0.9999999])
def test_eq_1_thresholds_lie_between_the_smallest_and_the_largest_value(u, gaps):
    problem, level, X, _, _ = nodes()
    feature = np.array([[0, 1, 2, 1], [2, 2, 0, 0]])
    X[parts(level, level.points)[3], 1] = 7.5
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
        X[parts(level, level.points)[3][:2], 1] = 7.5, 7.5
        X[parts(level, level.points)[3], 1] = 7.5
    x = X[level.points, feature.repeat(level.size, axis=1)]
    us = np.full((2, S), u) * [[1], [0.5]]
    cuts = random_cuts(problem, level, feature, x, us, np.full((2, S), 0.7) if gaps else None)
    for b in range(2):
        for s, own in enumerate(parts(level, x[b])):
            if (b, s) != (0, 3):
                low, high = np.nanmin(own), np.nanmax(own)
                np.testing.assert_allclose(cuts.threshold[b, s], low + us[b, s] * (high - low))
                assert low <= cuts.threshold[b, s] < high
                n_left = np.sum(own <= cuts.threshold[b, s])
                assert cuts.missing_left[b, s] == (False if np.isnan(own).any() else 2 * n_left > len(own))
    expected = np.zeros((2, S), bool)
    expected[0, 3] = True
    assert np.array_equal(cuts.constant, expected) and np.array_equal(cuts.share > 0, ~expected)


@pytest.mark.parametrize("coin, left", [(0.2, True), (0.5, False), (0.8, False)])
def test_missing_values_go_to_a_random_side_together(coin, left):
    nan = np.nan
    problem, level, x = one_column([1.0, 2, nan, 4, 5, 5, nan, 6, 6, nan, nan], [4, 3, 2, 2])
    cuts = random_cuts(problem, level, np.zeros((1, 1), int), x, np.full((1, 4), 0.5), np.full((1, 4), coin))
    assert cuts.threshold[0, :3].tolist() == [2.5, 5, 6]
    assert cuts.missing_left[0, :2].tolist() == [left, False]  # beside one value they are on the right
    assert cuts.constant.tolist() == [[False, False, True, True]] and cuts.share[0, 2:].tolist() == [0, 0]


def test_missing_values_belong_to_their_side():
    nan = np.nan
    problem, level, x = one_column([1.0, 2, nan, 4], [4], y=np.array([0, 0, 1, 1]))
    for coin, share in ((0.8, 1.0), (0.2, 1 / 3)):
        cuts = random_cuts(problem, level, np.zeros((1, 1), int), x, np.full((1, 1), 0.5), np.full((1, 1), coin))
        np.testing.assert_allclose(cuts.share, share)


def test_where_nothing_is_missing_a_coin_changes_nothing():
    problem, level, X, _, _ = nodes()
    x, u, feature = X[level.points].T, rng.random((3, S)), np.arange(3)[:, None]
    for found, expected in zip(
        random_cuts(problem, level, feature, x, u, rng.random((3, S))), random_cuts(problem, level, feature, x, u, None)
    ):
        assert np.array_equal(found, expected)


def test_eq_1_rounding_leaves_somebody_on_both_sides():
    for low, high in ((1.0, np.nextafter(1, 2)), (5e-324, 1e-323), (-1.7e308, 1.7e308), (0.1, 0.1 + 2e-17 * 4)):
        problem, level, x = one_column([low, high], [2])
        for u in (0.0, 0.4, 0.6, np.nextafter(1, 0)):
            cuts = random_cuts(problem, level, np.zeros((1, 1), int), x, np.array([[u]]), None)
            assert low <= cuts.threshold[0, 0] < high and cuts.share[0, 0] == pytest.approx(1)
            assert not cuts.constant.any()


def test_float32_is_compared_as_it_is():
    low, high = np.float32(1 / 3), np.nextafter(np.float32(1 / 3), np.float32(1))
    problem, level, x = one_column(np.array([low, high]), [2])
    for u in (0.0, 0.5, np.nextafter(1, 0)):
        cuts = random_cuts(problem, level, np.zeros((1, 1), int), x, np.array([[u]]), None)
        assert low <= cuts.threshold[0, 0] < high and cuts.threshold.dtype == np.float64
        assert cuts.share[0, 0] == pytest.approx(1)


# -- what they are worth ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion, n", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_eq_2_3_4_are_what_the_two_sides_have_less(criterion, n, weighted):
    centre, impurity = CRITERIA[criterion].centre, CRITERIA[criterion].impurity
    problem, level, X, Y, w = nodes(criterion, n, weighted=weighted)
    goes_left = X[level.points].T <= [[0.2], [-0.3], [0.4]]  # (3, m)
    share = worth(problem, level, np.arange(3)[:, None], *no_side_empty(goes_left, level))
    for b in range(3):
        for s, (rows, left) in enumerate(zip(parts(level, level.points), parts(level, goes_left[b]))):

            def mass(rows):
                return w[rows].sum() * impurity(Y[rows], w[rows], centre(Y[rows], w[rows]))

            expected = 1 - (mass(rows[left]) + mass(rows[~left])) / mass(rows)
            np.testing.assert_allclose(share[b, s], expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("criterion, n", KINDS)
def test_eq_2_3_4_where_all_points_go_to_one_side_nothing_is_asked(criterion, n):
    """And the other nodes and features do not notice."""
    problem, level, X, _, _ = nodes(criterion, n)
    goes_left = X[level.points].T <= [[0.2], [-0.3], [0.4]]
    expected = worth(problem, level, np.arange(3)[:, None], *no_side_empty(goes_left, level))
    there = np.zeros((3, S), bool)
    for b, s, side in ((0, 1, True), (2, 3, False), (1, 0, False)):
        goes_left[b, level.start[s] : level.start[s] + level.size[s]] = side
        there[b, s] = True
    with np.errstate(all="raise"):
        share = worth(problem, level, np.arange(3)[:, None], *no_side_empty(goes_left, level))
    np.testing.assert_allclose(share[~there], expected[~there], rtol=1e-12)


def test_eq_4_a_split_that_brings_nothing_is_better_than_none():
    for criterion in ("gini", "entropy"):
        problem, _, _ = pose(np.array([0, 1, 0, 1, 0, 0, 1, 1]), None, Limits(), n_classes=2, criterion=criterion)
        level = describe(problem, np.arange(8), np.array([0, 4]), np.array([4, 4]))
        goes_left = np.array([[True, True, False, False] * 2])
        share = worth(problem, level, np.zeros((1, 1), int), *no_side_empty(goes_left, level))
        assert 0 < share[0, 0] < 1e-20 and share[0, 1] == 1


def test_eq_3_tiny_and_huge_targets_are_worth_the_same():
    y = rng.normal(size=(12, 1))
    goes_left = rng.random((1, 12)) < 0.5
    found = []
    for unit in (1.0, 1e-140, 1e300):
        problem, _, _ = pose(unit * y, np.full(12, 1e-200), Limits())
        level = describe(problem, np.arange(12), np.array([0]), np.array([12]))
        found.append(worth(problem, level, np.zeros((1, 1), int), *no_side_empty(goes_left, level)))
    np.testing.assert_allclose(np.ravel(found), found[0].item(), rtol=1e-12)


@pytest.mark.parametrize("K", [2, 3, 11])
def test_eq_3_classes_are_weighed_one_by_one(K):
    problem, level, X, Y, _ = nodes("gini", K)
    goes_left, label, w = rng.random((2, len(level.points))) < 0.5, problem.labels.take(level.points), rng.random(117)
    for weights in (None, w):
        found = class_weights(label, K, weights, level, goes_left)
        assert found.shape == (K, 2, S)
        for k in range(K):
            terms = (goes_left & (label == k)) * (1 if weights is None else w)
            np.testing.assert_allclose(found[k], [[part.sum() for part in parts(level, row)] for row in terms])


def test_sides_that_are_too_small_are_worth_nothing():
    w = np.array([1.0, 2, 1, 1, 1, 1])
    for limits, at_least, weighs in ((Limits(min_samples_leaf=2), 2, 0), (Limits(min_weight_leaf=3.0), 0, 3)):
        problem, _, _ = pose(np.arange(6) % 2, w, limits, n_classes=2, criterion="gini")
        level = describe(problem, np.arange(6), np.array([0]), np.array([6]))
        goes_left = np.arange(6) < np.arange(1, 6)[:, None]
        share = worth(problem, level, np.zeros((5, 1), int), *no_side_empty(goes_left, level))
        for n in range(1, 6):
            enough = min(n, 6 - n) >= at_least and min(w[:n].sum(), w[n:].sum()) >= weighs
            assert (share[n - 1, 0] > 0) == enough


@pytest.mark.parametrize("criterion, n", [("gini", 2), ("entropy", 2), ("squared_error", 1), ("absolute_error", 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_constraints_forbid_sides_in_the_wrong_order_or_out_of_bounds(criterion, n, weighted):
    centre = CRITERIA[criterion].centre
    for sign in (-1, 0, 1):
        rises = np.zeros(1)
        while np.all(rises >= 0) or np.all(rises <= 0):  # until there is something to be told apart
            problem, level, X, Y, w = nodes(criterion, n, weighted=weighted, signs=np.array([sign, 0, -sign]))
            goes_left = X[level.points, :1].T <= 0
            values = np.array(
                [
                    [centre(Y[rows[side]], w[rows[side]])[-1] for side in (left, ~left)]
                    for rows, left in zip(parts(level, level.points), parts(level, goes_left[0]))
                ]
            )
            rises = values[:, 1] - values[:, 0]
        sides = no_side_empty(goes_left, level)
        feature = np.zeros((1, S), int)
        assert np.array_equal(worth(problem, level, feature, *sides)[0] > 0, sign * rises >= 0)
        opposite = np.array([[0, 2, 1, 2]])
        allowed = np.array([sign, -sign, 0, -sign]) * rises >= 0
        assert np.array_equal(worth(problem, level, opposite, *sides)[0] > 0, allowed)
        for name, bound in (("lower", values.min(axis=1) + 1e-6), ("upper", values.max(axis=1) - 1e-6)):
            bounded = worth(problem, level._replace(**{name: bound}), feature, *sides)
            assert np.array_equal(bounded[0] > 0, np.full(S, sign == 0))
        beyond = worth(problem, level._replace(lower=values.min(axis=1) - 1e-6), feature, *sides)
        assert np.array_equal(beyond[0] > 0, sign * rises >= 0)
