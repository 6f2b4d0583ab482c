"""Sums and gains by loops over points, and whole trees against the exact ones of level_wise.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees import histogram_tree, level_wise
from pellucid_trees.binning import BINS, MISSING, binned
from pellucid_trees.histogram_tree import (
    Problem,
    at_root,
    best_splits,
    counted,
    gains,
    grow,
    leaves,
    on_better_side,
    some,
    step_down,
    subtract,
)
from pellucid_trees.level import on_grid
from pellucid_trees.limits import Limits
from pellucid_trees.tree import apply

rng = np.random.default_rng(0)

weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def draw(weighted=False, N=60, D=3, gaps=0.15, values=12):
    X = rng.integers(0, values, (N, D)) / 4
    X[rng.random((N, D)) < gaps] = np.nan
    return X, rng.normal(size=N), rng.uniform(0.5, 2, N) if weighted else None


def complex_of(g, weights):
    s = np.ones(len(g)) if weights is None else weights
    return s * g + 1j * s


def problem_of(X, g, weights):
    return Problem(binned(X), g, weights, complex_of(g, weights), 1e-12, 1e-30, Limits(), X.shape[1], None)


def squared_error(g, s):
    return float(s @ (g - s @ g / s.sum()) ** 2) if len(g) else 0.0


# -- the equations ---------------------------------------------------------------------------------------------------


@weighted
@pytest.mark.parametrize("block", [7, 1000])
def test_eq_1_sums_by_a_loop_over_points(weighted, block, monkeypatch):
    monkeypatch.setattr(histogram_tree, "BLOCK", block)
    X, g, weights = draw(weighted)
    bins, z, slot = binned(X), complex_of(g, weights), rng.integers(-1, 3, len(g))
    sums = counted(bins.codes, z, slot, 4, weighted=weighted)
    of, number = np.zeros((3, 4, BINS), complex), np.zeros((3, 4, BINS))
    for n in range(len(g)):
        for d in range(3):
            if slot[n] >= 0:
                of[d, slot[n], bins.codes[n, d]] += z[n]
                number[d, slot[n], bins.codes[n, d]] += 1
    np.testing.assert_allclose(sums.of, of, atol=1e-13)
    if weighted:
        np.testing.assert_array_equal(sums.number, number)
    else:
        assert sums.number is None
        np.testing.assert_array_equal(sums.of.imag, number)


@weighted
@pytest.mark.parametrize("block", [7, 1000])
def test_eq_1_at_the_root_nothing_need_be_counted(weighted, block, monkeypatch):
    monkeypatch.setattr(histogram_tree, "BLOCK", block)
    X, g, weights = draw(weighted)
    bins, z = binned(X), complex_of(g, weights)
    sums, expected = (
        at_root(bins, z, weighted=weighted),
        counted(bins.codes, z, 0 * np.arange(60), 1, weighted=weighted),
    )
    np.testing.assert_allclose(sums.of, expected.of, atol=1e-13)
    assert (sums.number is None) == (expected.number is None)
    if weighted:
        np.testing.assert_array_equal(sums.number, expected.number)


@weighted
def test_eq_2_brothers_are_differences(weighted):
    X, g, weights = draw(weighted)
    bins, z, child = binned(X), complex_of(g, weights), rng.integers(0, 6, 60)  # of parents 0, 1 and 2
    parent = counted(bins.codes, z, child // 2, 3, weighted=weighted)
    both = counted(bins.codes, z, child, 6, weighted=weighted)
    small = np.array([0, 3, 5])
    slot = np.where(np.isin(child, small), child, -1)
    found = counted(bins.codes, z, slot, 6, weighted=weighted)
    subtract(found, parent, small)
    np.testing.assert_allclose(found.of, both.of, atol=1e-13)
    if weighted:
        np.testing.assert_array_equal(found.number, both.number)


def every_split(x, codes, g, s, left_codes):
    """By how much the squared error falls when the points with these codes go left; None if a side is empty."""
    left = np.isin(codes, left_codes)
    if left.all() or not left.any():
        return None
    return squared_error(g, s) - squared_error(g[left], s[left]) - squared_error(g[~left], s[~left])


@weighted
@pytest.mark.parametrize("gaps", [0.0, 0.15])
def test_eq_3_4_5_gains_are_what_the_squared_error_falls_by(weighted, gaps):
    X, g, weights = draw(weighted, gaps=gaps)
    s = np.ones(60) if weights is None else weights
    problem = problem_of(X, g, weights)
    node = rng.integers(0, 2, 60)
    codes = problem.bins.codes
    sums = counted(codes, problem.z, node, 2, weighted=weighted)
    total = np.array([problem.z[node == k].sum() for k in range(2)])
    gain, n_left, moved = on_better_side(sums, problem, total, np.bincount(node).astype(float))
    assert gain.shape == n_left.shape == (3, 2, problem.bins.most) and moved.shape == (3, 2)
    assert moved.any() == (gaps > 0)
    for d in range(3):
        for k in range(2):
            here = node == k
            c, y, w = codes[here, d], g[here], s[here]
            ways = {False: [], True: []}
            for b in range(problem.bins.most):
                ways[False].append(every_split(X, c, y, w, range(b + 1)))
                found = every_split(X, c, y, w, [*range(b + 1), MISSING])
                only_missing = not (c <= b).any()
                ways[True].append(None if only_missing else found)
            right, left = (max(v for v in ways[side] if v is not None) for side in (False, True))
            assert moved[d, k] == (left > right + 1e-9)
            for b in range(problem.bins.most):
                expected = ways[bool(moved[d, k])][b]
                np.testing.assert_allclose(gain[d, k, b], -1 if expected is None else expected, atol=1e-12)
                inside = (c <= b) | (moved[d, k] & (c == MISSING))
                assert n_left[d, k, b] == np.count_nonzero(inside)


def test_eq_4_is_the_distance_of_the_means():
    """Friedman's (35), with numbers: means 1 and 4 of weights 2 and 1."""
    left = np.array([[[2.0 + 2j]]])
    found = gains(left, np.array([[[2.0]]]), np.array([6.0 + 3j]), np.array([3.0]), Limits())
    np.testing.assert_allclose(found, [[[2 * 1 / 3 * (4 - 1) ** 2]]])


@pytest.mark.parametrize("least", [1, 2, 3])
def test_eq_4_says_minus_one_where_too_few_points_or_weights_are_on_a_side(least):
    left = (1 + 1j) * np.arange(6.0)[None, None]
    points = np.arange(6.0)[None, None]
    found = gains(left, points, np.array([5 + 5j]), np.array([5.0]), Limits(min_samples_leaf=least))
    allowed = (points >= least) & (5 - points >= least)
    np.testing.assert_array_equal(found != -1, allowed)
    found = gains(left, points, np.array([5 + 5j]), np.array([5.0]), Limits(min_weight_leaf=least))
    np.testing.assert_array_equal(found != -1, allowed)


@pytest.mark.parametrize("block", [5, 1000])
@pytest.mark.parametrize("has_missing", [False, True])
def test_eq_6_one_step_down(block, has_missing, monkeypatch):
    monkeypatch.setattr(histogram_tree, "BLOCK", block)
    codes = rng.integers(0, 256 if has_missing else 255, (300, 3)).astype(np.uint8)
    codes[:9] = np.array([0, 100, 254])  # every cut is met
    nodes = leaves(np.ones(7, np.int64), 0)
    inner, cut, feature = [0, 1, 2], [100, 0, 254], [1, 0, 2]
    nodes.cut[inner], nodes.feature[inner], nodes.left[inner] = cut, feature, [1, 3, 5]
    nodes.missing_left[inner] = [True, False, True]
    node = rng.integers(0, 7, 300)
    found = step_down(codes, node, nodes, has_missing=has_missing)
    for n in range(300):
        i = node[n]
        if i not in inner:
            assert found[n] == i
            continue
        c = codes[n, feature[i]]
        right = c > cut[i] and not (has_missing and c == MISSING and nodes.missing_left[i])
        assert found[n] == nodes.left[i] + right


# -- splits ----------------------------------------------------------------------------------------------------------


def test_of_equal_gains_the_first_feature_and_the_lowest_threshold_win():
    X = np.array([[0.0, 0, 0], [0, 0, 1], [1, 1, 2], [1, 1, 3]])
    tree, _ = grow(binned(X), np.array([0.0, 0, 1, 1]), None, Limits(max_depth=1))
    assert (tree.feature[0], tree.threshold[0]) == (0, 0.5)
    tree, _ = grow(binned(X[:, 2:]), np.array([0.0, 1, 1, 0]), None, Limits(max_depth=1))
    assert tree.threshold[0] == 0.5  # 2.5 is as good


def test_thresholds_are_midway_between_values_of_the_node():
    X = np.array([[0.0, 1], [0, 5], [8, 2], [8, 3], [8, 4]])
    tree, _ = grow(binned(X), np.array([0.0, 1, 9, 9, 9]), None, Limits())
    np.testing.assert_array_equal(tree.threshold[:2], [4, 3])  # of the values 1 and 5, though there are others between
    below = np.nextafter(1.0, 0)
    tree, _ = grow(binned(np.array([[below], [1.0]])), np.array([0.0, 1]), None, Limits())
    assert tree.threshold[0] == below  # there is nothing between


def test_missing_values_can_be_what_a_split_is_about():
    X = np.array([[np.nan], [np.nan], [1.0], [2.0]])
    tree, leaf = grow(binned(X), np.array([5.0, 5, 0, 0]), None, Limits())
    assert tree.threshold[0] == np.inf and not tree.missing_left[0] and leaf.tolist() == [2, 2, 1, 1]
    tree, leaf = grow(binned(X), np.array([5.0, 5, 5, 0]), None, Limits())
    assert tree.threshold[0] == 1.5 and tree.missing_left[0] and leaf.tolist() == [1, 1, 1, 2]


@pytest.mark.parametrize("many_left", [True, False])
def test_missing_values_that_were_never_seen_go_with_the_many(many_left):
    X = np.array([[0.0], [0], [0], [1]] if many_left else [[0.0], [1], [1], [1]])
    tree, _ = grow(binned(X), X[:, 0], None, Limits())
    assert tree.missing_left[0] == many_left


def test_a_split_that_gains_nothing_is_made_if_the_next_one_may_gain():
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    tree, leaf = grow(binned(X), np.array([0.0, 1, 1, 0]), None, Limits())
    assert len(tree.left) == 7 and tree.value[leaf, 0].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("g", [np.zeros(9), np.full(9, 0.1), np.full(9, -1e300), np.full(9, 1e-310)])
def test_equal_targets_are_not_split(g):
    X = rng.normal(size=(9, 2))
    tree, leaf = grow(binned(X), g, None, Limits())
    assert len(tree.left) == 1 and (leaf == 0).all()
    np.testing.assert_allclose(tree.value, [[g[0]]], rtol=1e-15)
    assert tree.impurity[0] == 0


def test_equal_rows_with_other_targets_stay_together():
    tree, leaf = grow(binned(np.ones((4, 2))), np.arange(4.0), None, Limits())
    assert len(tree.left) == 1 and tree.value[0, 0] == 1.5 and tree.impurity[0] == 1.25


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1.0, 1e200])
def test_targets_of_any_size(scale):
    X, g, _ = draw(gaps=0)
    expected, _ = grow(binned(X), g, None, Limits(max_depth=3))
    tree, _ = grow(binned(X), g * scale, None, Limits(max_depth=3))
    np.testing.assert_array_equal(tree.feature, expected.feature)
    np.testing.assert_allclose(tree.value, expected.value * scale, rtol=1e-9)


def test_random_features_are_as_many_as_asked_for():
    X = rng.integers(0, 9, (200, 6)).astype(float)
    X[:, 2:4] = 1.0  # constant
    g = X[:, 0] + 0.1 * rng.normal(size=200)
    first = []
    for seed in range(300):
        tree, _ = grow(binned(X), g, None, Limits(max_depth=1), max_features=2, rng=np.random.default_rng(seed))
        assert len(tree.left) == 3  # constant features alone are never enough
        first.append(int(tree.feature[0]))
    share = np.bincount(first, minlength=6) / 300
    # feature 0 wins if it is among the first two, or after constant ones only
    assert abs(share[0] - (2 / 6 + 2 / 30 * 1 / 4)) < 0.09 and share[2] == share[3] == 0 and min(share[[1, 4, 5]]) > 0.1


def test_best_splits_of_all_features_and_of_some_agree_with_one_at_a_time():
    X, g, _ = draw(D=5)
    problem = problem_of(X, g, None)
    sums = counted(problem.bins.codes, problem.z, rng.integers(0, 3, 60), 3, weighted=False)
    together = best_splits(sums, problem)
    alone = [best_splits(some(sums, slice(None), [k]), problem) for k in range(3)]
    for name in together._fields:
        np.testing.assert_array_equal(getattr(together, name), [getattr(one, name)[0] for one in alone])


# -- whole trees -----------------------------------------------------------------------------------------------------


def assert_same(tree, expected):
    for name in ("feature", "threshold", "left", "right", "missing_left", "points"):
        np.testing.assert_array_equal(getattr(tree, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(tree.value, expected.value, rtol=1e-9, atol=1e-9 * np.abs(expected.value).max())
    np.testing.assert_allclose(tree.impurity, expected.impurity, atol=1e-12 * (1 + expected.impurity[0]))
    np.testing.assert_allclose(tree.weight, expected.weight, rtol=1e-12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([None, 1, 3, 6]), st.sampled_from([None, 2, 5]), st.booleans())
def test_with_a_bin_for_each_value_the_tree_is_the_exact_one(seed, max_depth, max_leaf_nodes, in_groups):
    draw = np.random.default_rng(seed)
    N, D = int(draw.integers(1, 80)), int(draw.integers(1, 5))
    X = draw.normal(size=(N, D)) if draw.random() < 0.3 else draw.integers(0, draw.integers(1, 8), (N, D)) * 1.0
    if draw.random() < 0.5:
        X[draw.random((N, D)) < 0.3] = np.nan
    g = draw.normal(size=N) if draw.random() < 0.6 else draw.integers(0, 3, N) * 1.0
    weights = [None, np.ldexp(*on_grid(draw.uniform(0.1, 2, N))), draw.integers(1, 4, N) * 1.0][draw.integers(3)]
    total = N if weights is None else weights.sum()
    least = int(draw.choice([1, 1, 3]))
    limits = Limits(
        max_depth=max_depth,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=least,
        min_samples_split=max(int(draw.choice([2, 9])), 2 * least),
        min_weight_leaf=float(draw.choice([0, 0, 0.05]) * total),
        min_impurity_decrease=float(draw.choice([0, 0, 0.01]) * g.var()),
    )
    sizes = histogram_tree.BLOCK, histogram_tree.LARGEST
    try:
        if in_groups:
            histogram_tree.BLOCK, histogram_tree.LARGEST = 16, 700
        tree, leaf = grow(binned(X), g, weights, limits)
    finally:
        histogram_tree.BLOCK, histogram_tree.LARGEST = sizes
    assert_same(tree, level_wise.grow(X, g[:, None], weights, **limits._asdict()))
    np.testing.assert_array_equal(leaf, apply(tree, X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("max_bins", [2, 5, 40])
def test_with_few_bins_points_still_go_where_the_thresholds_say(max_bins, dtype):
    X = rng.normal(size=(500, 4)).astype(dtype)
    X[rng.random(X.shape) < 0.1] = np.nan
    g = np.nan_to_num(X[:, 0] * X[:, 1]) + rng.normal(size=500)
    tree, leaf = grow(binned(X, max_bins), g, None, Limits(max_depth=6))
    np.testing.assert_array_equal(leaf, apply(tree, X))
    assert len(np.unique(tree.threshold[np.isfinite(tree.threshold)])) <= 20 * 4 * max_bins
    for i in np.flatnonzero(tree.left < 0):
        np.testing.assert_allclose(tree.value[i, 0], g[leaf == i].mean(), atol=1e-12)
        np.testing.assert_allclose(tree.impurity[i], g[leaf == i].var(), atol=1e-12)
        assert tree.points[i] == tree.weight[i] == np.count_nonzero(leaf == i)
    np.testing.assert_allclose(tree.impurity[0], g.var())
    np.testing.assert_allclose(tree.value[0, 0], g.mean(), atol=1e-14)


def test_more_bins_never_explain_less_at_the_root():
    X = rng.normal(size=(400, 2))
    g = (X[:, 0] > 0.3) * 1.0
    left = [grow(binned(X, B), g, None, Limits(max_depth=1))[0] for B in (4, 16, 64, 255)]
    unexplained = [tree.weight[1:] @ tree.impurity[1:] for tree in left]
    assert unexplained == sorted(unexplained, reverse=True) and unexplained[-1] < 0.02 * 400


def test_arguments_are_not_written_to():
    X, g, weights = draw(True)
    for array in (X, g, weights):
        array.flags.writeable = False
    grow(binned(X), g, weights, Limits())
