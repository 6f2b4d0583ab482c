"""The oracle is enumeration: of all prunings of a small tree, the smallest one that costs least."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees.pruning import prune, pruning_path
from pellucid_trees.tree import Tree


def grown(rng, n_splits, parts=(0, 0, 0, 1, 2, 5)):
    """A random tree whose R are whole numbers, no node's below the sum of its children's."""
    left, right, impurity = [], [], []

    def grow(splits):
        t = len(left)
        left.append(-1), right.append(-1), impurity.append(int(rng.choice(parts)))
        if splits:
            first = int(rng.integers(splits))
            left[t], right[t] = grow(first), grow(splits - 1 - first)
            impurity[t] += impurity[left[t]] + impurity[right[t]]
        return t

    grow(n_splits)
    return made(left, right, impurity)


def made(left, right, impurity, weight=None):
    M = len(left)
    inner = np.array(left) >= 0
    return Tree(
        feature=np.where(inner, rng.integers(0, 3, M), -1),
        threshold=np.where(inner, rng.normal(size=M), np.nan),
        left=np.array(left),
        right=np.array(right),
        missing_left=inner & (rng.random(M) < 0.5),
        value=rng.normal(size=(M, 1)),
        impurity=np.array(impurity, float),
        points=rng.integers(1, 9, M),
        weight=np.ones(M) if weight is None else np.array(weight, float),
    )


rng = np.random.default_rng(0)


def leaf_of(tree, x):
    t = 0
    while tree.left[t] >= 0:
        value = x[tree.feature[t]]
        goes_left = tree.missing_left[t] if np.isnan(value) else value <= tree.threshold[t]
        t = int(tree.left[t] if goes_left else tree.right[t])
    return t


def prunings(tree, t=0):
    """The leaves of every tree that pruning can leave of the branch t."""
    yield (t,)
    if tree.left[t] >= 0:
        for leaves in prunings(tree, tree.left[t]):
            for others in prunings(tree, tree.right[t]):
                yield leaves + others


def cheapest(tree, alpha):
    """(R of the leaves, their number) of the smallest pruning of least cost."""
    options = [(int(tree.impurity[list(leaves)].sum()), len(leaves)) for leaves in prunings(tree)]
    return min(options, key=lambda option: (option[0] + alpha * option[1], option[1]))


def prices(tree):
    """Every α at which two prunings can cost the same, and numbers between and beyond them."""
    at = {Fraction(0)}
    for t in np.flatnonzero(tree.left >= 0):
        sums = {(int(tree.impurity[list(leaves)].sum()), len(leaves)) for leaves in prunings(tree, t)}
        at |= {Fraction(int(tree.impurity[t]) - R, L - 1) for R, L in sums if L > 1}
    at = sorted(price for price in at if price >= 0)
    between = [(a + b) / 2 for a, b in zip(at, at[1:])]
    return [*at, *between, at[-1] + 1]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_eq_1_2_3_4_5_is_the_smallest_pruning_of_least_cost(n_splits, seed):
    tree = grown(np.random.default_rng(seed), n_splits)
    alphas, impurities = pruning_path(tree)
    assert alphas[0] == 0 and np.all(np.diff(alphas) >= 0) and len(alphas) == len(impurities)
    for price in prices(tree):
        R, L = cheapest(tree, price)
        assert impurities[np.searchsorted(alphas, float(price), side="right") - 1] == R
        if price > 0:
            pruned = prune(tree, float(price))
            is_leaf = pruned.left < 0
            assert (pruned.impurity[is_leaf].sum(), is_leaf.sum()) == (R, L)


def test_eq_2_3_4_5_by_hand():
    """Node 2 alone saves one leaf for 1, node 1 with it two for 6, the root three more leaves for 8."""
    left, right = [1, 2, 3, -1, -1, -1, 7, -1, -1], [6, 5, 4, -1, -1, -1, 8, -1, -1]
    tree = made(left, right, [20, 8, 3, 1, 1, 0, 5, 2, 3])
    alphas, impurities = pruning_path(tree)
    np.testing.assert_array_equal(alphas, [0, 0, 1, 5, 7])
    np.testing.assert_array_equal(impurities, [7, 7, 8, 13, 20])
    assert [len(prune(tree, alpha).left) for alpha in (0, 0.5, 1, 4.9, 5, 6.9, 7, np.inf)] == [9, 7, 5, 5, 3, 3, 1, 1]


def test_eq_2_4_a_node_that_closes_with_the_one_above_it_has_no_step_of_its_own():
    left, right = [1, 2, -1, -1, -1], [4, 3, -1, -1, -1]
    for impurity, alphas in (([5, 4, 0, 0, 0], [0, 2.5]), ([8, 4, 0, 0, 0], [0, 4]), ([9, 4, 0, 0, 0], [0, 4, 5])):
        np.testing.assert_array_equal(pruning_path(made(left, right, impurity))[0], alphas)


def test_eq_1_the_weights_are_shares_of_the_root():
    tree = made([1, -1, -1], [2, -1, -1], [0.5, 0.25, 0.5], weight=[8, 6, 2])
    alphas, impurities = pruning_path(tree)
    np.testing.assert_array_equal(impurities, [6 / 8 * 0.25 + 2 / 8 * 0.5, 0.5])
    np.testing.assert_array_equal(alphas, [0, 0.5 - 0.3125])


def test_a_pruned_tree_is_the_old_one_with_leaves_higher_up():
    for seed in range(20):
        tree = grown(np.random.default_rng(seed), 60)
        for alpha in pruning_path(tree)[0][[5, 10, -1]]:
            pruned = prune(tree, alpha + 0.25)
            X = rng.normal(size=(50, 3))
            X[rng.random(X.shape) < 0.1] = np.nan
            above = {int(t): int(t) for t in range(len(tree.left))}  # from an old node to the new leaf it is in
            old, new = [0], [0]
            while old:
                a, b = old.pop(), new.pop()
                for field in ("value", "impurity", "points", "weight"):
                    np.testing.assert_array_equal(getattr(tree, field)[a], getattr(pruned, field)[b])
                if pruned.left[b] < 0:
                    assert pruned.feature[b] == pruned.right[b] == -1 and not pruned.missing_left[b]
                    assert np.isnan(pruned.threshold[b])
                    inside = [a]
                    while inside:
                        t = inside.pop()
                        above[t] = b
                        inside += [c for c in (tree.left[t], tree.right[t]) if c >= 0]
                else:
                    for field in ("feature", "threshold", "missing_left"):
                        assert getattr(tree, field)[a] == getattr(pruned, field)[b]
                    assert pruned.left[b] == b + 1 < pruned.right[b]
                    old += [tree.left[a], tree.right[a]]
                    new += [pruned.left[b], pruned.right[b]]
            assert [above[leaf_of(tree, x)] for x in X] == [leaf_of(pruned, x) for x in X]


def test_price_zero_leaves_the_tree_and_a_high_one_the_root():
    tree = grown(np.random.default_rng(1), 30)
    assert prune(tree, 0.0) is tree
    (root,) = prune(tree, np.inf).left
    assert root == -1
    single = grown(np.random.default_rng(1), 0)
    assert len(prune(single, 5.0).left) == 1
    np.testing.assert_array_equal(pruning_path(single), [[0], single.impurity])


def test_rounding_makes_no_price_negative():
    tree = made([1, -1, -1], [2, -1, -1], [0.3, 0.1, np.nextafter(0.2, 1)])
    assert pruning_path(tree)[0].tolist() == [0, 0]
    assert len(prune(tree, 1e-300).left) == 1


@pytest.mark.parametrize("alpha", [-0.1, np.nan])
def test_wrong_price_says_so(alpha):
    with pytest.raises(ValueError, match="0 or more, got"):
        prune(grown(rng, 3), alpha)


@pytest.mark.parametrize("shape", ["chain", "bush"])
def test_neither_depth_nor_size_is_a_limit(shape):
    n = 10_000
    if shape == "bush":
        tree = grown(np.random.default_rng(2), n, parts=range(1000))
    else:  # each right child is a leaf
        t = np.arange(2 * n + 1)
        left, right = np.where(t < n, t + 1, -1), np.where(t < n, 2 * n - t, -1)
        tree = made(left, right, np.where(t < n, (n - t) ** 2.0, 0))
    alphas, impurities = pruning_path(tree)
    assert np.all(np.diff(alphas) >= 0) and impurities[-1] == tree.impurity[0]
    pruned = prune(tree, float(np.median(alphas)))
    assert 1 < len(pruned.left) < len(tree.left)


def test_the_tree_is_not_written_to():
    tree = grown(np.random.default_rng(3), 20)
    for array in tree:
        array.flags.writeable = False
    pruning_path(tree)
    prune(tree, 1.0)
