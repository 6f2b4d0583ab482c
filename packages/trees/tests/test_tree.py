"""The tree as arrays: a loop goes down it, and its order is what a recursion makes of it."""

import numpy as np
import pytest

from pellucid_trees import tree as module
from pellucid_trees.tree import Tree, apply, depths, in_preorder, subtree_ends

rng = np.random.default_rng(0)


def leaf(value):
    return Tree.leaf(np.array([float(value)]), 0.0, 1, 1.0)


def random_tree(depth, D, rng):
    """A tree of up to so many levels, with infinite thresholds among others."""
    if depth == 0 or rng.random() < 0.2:
        return leaf(rng.normal())
    threshold = np.inf if rng.random() < 0.1 else float(rng.integers(-2, 3)) / 2
    left, right = random_tree(depth - 1, D, rng), random_tree(depth - 1, D, rng)
    return leaf(rng.normal()).split(int(rng.integers(D)), threshold, bool(rng.random() < 0.5), left, right)


def walk(tree, x):
    """Go down by the definition, and return all nodes on the way."""
    path = [0]
    while tree.left[path[-1]] >= 0:
        node = path[-1]
        value = x[tree.feature[node]]
        goes_left = tree.missing_left[node] if np.isnan(value) else value <= tree.threshold[node]
        path.append(int(tree.left[node] if goes_left else tree.right[node]))
    return path


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("gaps", [False, True])
def test_eq_1_every_row_goes_down_as_the_definition_says(seed, gaps, monkeypatch):
    rng = np.random.default_rng(seed)
    tree = random_tree(int(rng.integers(0, 9)), 3, rng)
    X = rng.integers(-3, 4, (50, 3)) / 2.0
    if gaps:
        X[rng.random(X.shape) < 0.3] = np.nan
    expected = [walk(tree, x)[-1] for x in X]
    monkeypatch.setattr(module, "ROWS", 7)
    leaves = apply(tree, X)
    assert leaves.dtype == np.int64 and leaves.tolist() == expected
    assert apply(tree, X.astype(np.float32)).tolist() == expected
    assert apply(tree, np.asfortranarray(X)).tolist() == expected
    assert apply(tree, X[:1]).tolist() == expected[:1] and apply(tree, X[:0]).tolist() == []


def test_a_leaf_alone():
    assert apply(leaf(1), np.full((3, 2), np.nan)).tolist() == [0, 0, 0]
    assert depths(leaf(1)).tolist() == [0] and subtree_ends(leaf(1)).tolist() == [1]


@pytest.mark.parametrize("seed", range(10))
def test_depths_and_ends_of_subtrees(seed):
    rng = np.random.default_rng(seed)
    tree = random_tree(6, 2, rng)
    depth, end = depths(tree), subtree_ends(tree)

    def visit(node, level):
        assert depth[node] == level
        below = 1
        if tree.left[node] >= 0:
            assert tree.left[node] == node + 1 and tree.right[node] == end[node + 1]
            below += visit(tree.left[node], level + 1) + visit(tree.right[node], level + 1)
        assert end[node] == node + below
        return below

    assert visit(0, 0) == len(tree.feature)


@pytest.mark.parametrize("seed", range(20))
def test_preorder_of_nodes_that_stand_level_by_level(seed):
    """Several trees, taken apart into levels, come back as they were; what nothing leads to is left out."""
    rng = np.random.default_rng(seed)
    originals = [random_tree(int(rng.integers(0, 6)), 2, rng) for _ in range(3)]
    depth = [depths(tree) for tree in originals]
    order = [  # (level, tree, node), all that are lost at the end of each level
        (level, b, node)
        for level in range(max(d.max() for d in depth) + 1)
        for b in range(3)
        for node in np.flatnonzero(depth[b] == level)
    ]
    number = {(b, node): i for i, (_, b, node) in enumerate(order)}
    fields = {
        name: np.array([getattr(originals[b], name)[node] for _, b, node in order])
        for name in Tree._fields
        if name not in ("left", "right")
    }
    for name in ("left", "right"):
        child = [(b, getattr(originals[b], name)[node]) for _, b, node in order]
        fields[name] = np.array([number[pair] if pair[1] >= 0 else -1 for pair in child])
    sizes = np.bincount([level for level, _, _ in order]).tolist()
    for found, original in zip(in_preorder(Tree(**fields), sizes), originals):
        for name in Tree._fields:
            np.testing.assert_array_equal(getattr(found, name), getattr(original, name), err_msg=name)

    roots_only = Tree(**fields | {"left": np.full(len(order), -1), "right": np.full(len(order), -1)})
    assert [len(tree.feature) for tree in in_preorder(roots_only, sizes)] == [1, 1, 1]
