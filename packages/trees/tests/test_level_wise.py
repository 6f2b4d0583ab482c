"""The fast form grows the reader's tree: the same arrays, whatever the data, the weights and the limits."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees import decision_tree, presorted
from pellucid_trees.level_wise import grow
from pellucid_trees.limits import Limits
from pellucid_trees.tree import Tree, apply, depths, subtree_ends

rng = np.random.default_rng(0)


def same_trees(found, expected, scale=1.0):
    for name in Tree._fields:
        a, b = getattr(found, name), getattr(expected, name)
        if name in ("value", "impurity", "weight"):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11 * scale**2, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def readers_tree(X, Y, weights, n_classes, criterion, limits):
    columns = Y if n_classes is None else np.eye(n_classes)[Y]
    weights = np.ones(len(X)) if weights is None else weights
    counts = weights > 0
    return decision_tree.grow(X[counts], columns[counts], weights[counts], limits, criterion=criterion)


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    N, D = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    values = draw(st.sampled_from([2, 4, 30, None]))
    X = rng.normal(size=(N, D)) if values is None else rng.integers(0, values, (N, D)) / 4.0
    if draw(st.booleans()):
        X[rng.random(X.shape) < draw(st.sampled_from([0.1, 0.5]))] = np.nan
    criterion = draw(st.sampled_from(["gini", "entropy", "log_loss", "squared_error", "absolute_error"]))
    n_classes = draw(st.integers(1, 4)) if criterion in ("gini", "entropy", "log_loss") else None
    if n_classes:
        Y = rng.integers(0, n_classes, N)
    else:
        T = draw(st.integers(1, 3))
        Y = rng.normal(size=(N, T)) if draw(st.booleans()) else rng.integers(0, 5, (N, T)).astype(float)
    kind = draw(st.sampled_from(["none", "whole", "any"]))
    weights = {"none": None, "whole": rng.integers(0, 4, N).astype(float), "any": rng.uniform(0.1, 2, N)}[kind]
    if kind == "whole" and not weights.any():
        weights[0] = 1
    limits = Limits(
        draw(st.sampled_from([None, None, 0, 1, 3])),
        draw(st.integers(2, 6)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([0.0, 0.0, 1.0, 2.5])),
        None,
        draw(st.sampled_from([0.0, 0.0, 0.01, 0.1])),
    )
    return X, Y, weights, n_classes, criterion, limits


@settings(derandomize=True, deadline=None, max_examples=250)
@given(problems(), st.sampled_from([1, 20, 1 << 15]))
def test_it_is_the_readers_tree(problem, block):
    X, Y, weights, n_classes, criterion, limits = problem
    before = [array.copy() for array in (X, Y)]
    usual, presorted.BLOCK = presorted.BLOCK, block
    try:
        found = grow(X, Y, weights, n_classes=n_classes, criterion=criterion, **limits._asdict())
    finally:
        presorted.BLOCK = usual
    same_trees(found, readers_tree(X, Y, weights, n_classes, criterion, limits))
    for array, copy in zip((X, Y), before):
        np.testing.assert_array_equal(array, copy)


def data(N=200, D=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    return X, X[:, :1] * X[:, 1:2] + 0.3 * rng.normal(size=(N, 1)), rng


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
def test_weights_of_zero_are_absent_and_whole_ones_are_repeated_rows(criterion):
    X, Y, rng = data(60)
    n_classes = 3 if criterion in ("gini", "entropy") else None
    Y = np.digitize(Y[:, 0], [-0.5, 0.5]) if n_classes else Y
    times = rng.integers(0, 4, 60)
    weighted = grow(X, Y, times.astype(float), n_classes=n_classes, criterion=criterion, min_weight_leaf=3)
    rows = np.repeat(np.arange(60), times)
    repeated = grow(X[rows], Y[rows], n_classes=n_classes, criterion=criterion, min_weight_leaf=3)
    same_trees(weighted._replace(points=repeated.points, missing_left=repeated.missing_left), repeated)
    there = times > 0
    same_trees(
        weighted,
        grow(X[there], Y[there], times[there] * 1.0, n_classes=n_classes, criterion=criterion, min_weight_leaf=3),
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_rows_does_not_matter(seed):
    X, Y, rng = data(100, seed=seed)
    X = np.round(X, 1)
    weights, order = rng.lognormal(sigma=5, size=100), rng.permutation(100)
    for y, n_classes in ((Y, None), (np.digitize(Y[:, 0], [-0.5, 0.5]), 3)):
        criterion = "gini" if n_classes else "squared_error"
        one = grow(X, y, weights, n_classes=n_classes, criterion=criterion)
        other = grow(X[order], y[order], weights[order], n_classes=n_classes, criterion=criterion)
        same_trees(one, other)


@pytest.mark.parametrize("power", [-900, -300, 300, 900])
def test_units_do_not_matter(power):
    """Of targets and weights, by powers of two that squares do not survive."""
    X, Y, rng = data()
    weights = rng.uniform(0.5, 1, 200)
    usual = grow(X, Y, weights)
    with np.errstate(over="ignore", under="ignore"):
        found = grow(X, np.ldexp(Y, power), np.ldexp(weights, -power))
    for name in ("feature", "threshold", "left", "right", "points"):
        np.testing.assert_array_equal(getattr(found, name), getattr(usual, name))
    np.testing.assert_array_equal(found.value, np.ldexp(usual.value, power))
    np.testing.assert_array_equal(found.weight, np.ldexp(usual.weight, -power))


def test_targets_far_from_zero_are_told_apart():
    X, Y, _ = data(100)
    same_trees(grow(X, Y + 2.0**20, max_depth=4)._replace(value=np.zeros(0), impurity=np.zeros(0)),
               grow(X, Y, max_depth=4)._replace(value=np.zeros(0), impurity=np.zeros(0)))  # fmt: skip


@pytest.mark.parametrize("large", [1e9, 1e16, 1e38, -1e100])
@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
def test_one_large_target_does_not_blur_the_others(large, criterion):
    """It is split off first, and the rest is then as if it had never been there."""
    X, Y, _ = data(100)
    X = np.vstack([X, [[50.0, 0, 0]]])
    tree = grow(X, np.vstack([Y, [[large]]]), criterion=criterion, max_depth=5)
    rest = grow(X[:100], Y, criterion=criterion, max_depth=4)
    assert tree.points[tree.right[0]] == 1 and tree.points[1] == 100
    left = slice(1, subtree_ends(tree)[1])
    np.testing.assert_array_equal(tree.feature[left], rest.feature)
    np.testing.assert_allclose(tree.value[left], rest.value, rtol=1e-9)


def best_first_by_hand(X, Y, max_leaf_nodes, **limits):
    """Split one leaf of a growing tree at a time, the one that gains most; each split is that of a tree of depth 1."""
    leaves, splits = [np.arange(len(X))], []

    def split_of(rows):
        stump = grow(X[rows], Y[rows], max_depth=1, **limits)
        if stump.left[0] < 0:
            return None
        mass = stump.weight * stump.impurity
        goes_left = apply(stump, X[rows]) == 1
        return mass[0] - mass[1] - mass[2], rows[goes_left], rows[~goes_left]

    while len(leaves) < max_leaf_nodes:
        found = [(split[0], i, split) for i, rows in enumerate(leaves) if (split := split_of(rows)) is not None]
        if not found:
            break
        _, i, split = max(found)
        leaves[i : i + 1] = split[1:]
        splits.append(split[0])
    return leaves


@pytest.mark.parametrize("max_leaf_nodes", [2, 3, 7, 20, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_a_limited_number_of_leaves(seed, max_leaf_nodes):
    X, Y, _ = data(60, seed=seed)
    tree = grow(X, Y, max_leaf_nodes=max_leaf_nodes, min_samples_leaf=2)
    found = apply(tree, X)
    expected = best_first_by_hand(X, Y, max_leaf_nodes, min_samples_leaf=2)
    assert sorted(map(tuple, expected)) == sorted(tuple(np.flatnonzero(found == leaf)) for leaf in np.unique(found))
    assert np.count_nonzero(tree.left < 0) == len(expected) <= max_leaf_nodes
    assert np.isnan(tree.threshold[tree.left < 0]).all() and (tree.feature[tree.left < 0] == -1).all()


def test_a_limited_number_of_leaves_where_the_first_split_gains_nothing():
    """Only two questions together tell anything; best-first growth asks them all the same."""
    X = np.array([[a, b] for a in (0.0, 1) for b in (0.0, 1)] * 5)
    Y = (X[:, :1] != X[:, 1:]) * 1.0
    assert grow(X, Y, max_leaf_nodes=2).impurity[0] == 0.25
    tree = grow(X, Y, max_leaf_nodes=4)
    assert tree.value[apply(tree, X)].tolist() == Y.tolist()


def test_random_features_are_others_at_every_node_and_the_same_with_the_same_seed():
    X, Y, _ = data(300, D=6)
    first = [grow(X, Y, max_features=2, max_depth=1, rng=np.random.default_rng(s)).feature[0] for s in range(40)]
    every = grow(X, Y, max_depth=1).feature[0]
    assert len(set(first)) > 2 and 4 <= first.count(every) <= 26  # a third of them see it
    a, b, c = (grow(X, Y, max_features=2, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    same_trees(a, b)
    assert len(a.feature) != len(c.feature) or (a.feature != c.feature).any()
    same_trees(grow(X, Y, max_features=6, rng=np.random.default_rng(0)), grow(X, Y))


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
@pytest.mark.parametrize("gaps", [False, True])
def test_random_thresholds_grow_a_whole_tree(criterion, gaps):
    X, Y, rng = data(80, D=4)
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
    n_classes = 3 if criterion in ("gini", "entropy") else None
    Y = np.digitize(Y[:, 0], [-0.5, 0.5]) if n_classes else Y
    weights = rng.integers(0, 3, 80).astype(float)
    settings = {"n_classes": n_classes, "criterion": criterion, "splitter": "random"}
    trees = [grow(X, Y, weights, rng=np.random.default_rng(s), **settings) for s in (1, 1, 2)]
    same_trees(trees[0], trees[1])
    for tree in trees:
        there = weights > 0
        leaves = apply(tree, X[there])
        expected = np.eye(3)[Y] if n_classes else Y
        np.testing.assert_allclose(tree.value[leaves], expected[there], atol=1e-12)
        assert (np.bincount(leaves, minlength=len(tree.points)) == np.where(tree.left < 0, tree.points, 0)).all()
    assert not np.array_equal(trees[0].threshold, trees[2].threshold, equal_nan=True)
    few = grow(X, Y, weights, max_features=1, min_samples_leaf=3, rng=np.random.default_rng(3), **settings)
    assert few.points.min() >= 3 and len(set(few.feature)) > 2


def test_limits_hold_at_every_node():
    X, Y, rng = data(300)
    weights = rng.uniform(0.5, 1.5, 300)
    tree = grow(X, Y, weights, max_depth=6, min_samples_split=20, min_samples_leaf=4, min_weight_leaf=5.0)
    inner = tree.left >= 0
    assert depths(tree).max() <= 6
    assert tree.points[inner].min() >= 20 and tree.points.min() >= 4 and tree.weight.min() >= 5
    np.testing.assert_allclose(tree.weight[inner], tree.weight[tree.left[inner]] + tree.weight[tree.right[inner]])
    assert (tree.points[inner] == tree.points[tree.left[inner]] + tree.points[tree.right[inner]]).all()


@pytest.mark.parametrize("D", [5, 20])
def test_memory_is_at_most_three_times_the_data(D):
    X, Y, _ = data(20_000, D=D)
    X = np.round(X, 3)  # with ties
    labels = (Y[:, 0] > 0).astype(np.int64)
    tracemalloc.start()
    grow(X, labels, n_classes=2, criterion="gini", max_depth=8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * X.nbytes + (10 * 8 * 20_000 if D < 10 else 0)  # what one column costs counts more for a few
