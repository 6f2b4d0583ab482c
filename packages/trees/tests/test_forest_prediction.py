"""The oracle is one tree after the other, one row after the other."""

import numpy as np
import pytest

from pellucid_trees import forest_prediction, level_wise
from pellucid_trees.forest_prediction import apply, blocks, descend, join, mean_value, stack, tree


def grown(seed=0, B=5, N=60, D=3, gaps=False):
    """Trees of many sizes, two of a single leaf among them, and rows that they have not seen."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)).round(1)
    if gaps:
        X[rng.random((N, D)) < 0.2] = np.nan
    trees = []
    for b in range(B):
        Y = np.zeros((N, 2)) if b in (1, B - 1) else rng.normal(size=(N, 2))
        trees.append(level_wise.grow(X, Y, max_depth=[None, 1, 3][b % 3]))
    new = rng.normal(size=(31, D))
    if gaps:
        new[rng.random(new.shape) < 0.2] = np.nan
    return trees, new


def leaf_of(tree, x):
    """One question after the other."""
    node = 0
    while tree.left[node] >= 0:
        value = x[tree.feature[node]]
        left = tree.missing_left[node] if np.isnan(value) else value <= tree.threshold[node]
        node = tree.left[node] if left else tree.right[node]
    return node


@pytest.fixture(params=["one block", "many blocks"])
def sizes(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(forest_prediction, "ROWS", 4)
        monkeypatch.setattr(forest_prediction, "PAIRS", 9)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (6, 3)])
def test_eq_1_every_pair_reaches_its_leaf(gaps, steps, sizes, monkeypatch):
    monkeypatch.setattr(forest_prediction, "FIRST_STEPS", steps[0])
    monkeypatch.setattr(forest_prediction, "STEPS", steps[1])
    trees, X = grown(1, gaps=gaps)
    expected = np.array([[leaf_of(tree, x) for tree in trees] for x in X])
    forest = stack(trees)
    assert np.array_equal(apply(forest, X), expected)
    pairs = np.array([(b, n) for b in range(len(trees)) for n in range(len(X))])[::-3]
    leaves = descend(forest, X, pairs[:, 0], pairs[:, 1])
    assert np.array_equal(forest.number[leaves], [expected[n, b] for b, n in pairs])
    assert np.all(leaves >= forest.roots[pairs[:, 0]]) and np.all(leaves < forest.roots[pairs[:, 0] + 1])


@pytest.mark.parametrize("gaps", [False, True])
def test_eq_2_mean_over_trees(gaps, sizes):
    trees, X = grown(2, gaps=gaps)
    expected = [np.mean([tree.value[leaf_of(tree, x)] for tree in trees], axis=0) for x in X]
    np.testing.assert_allclose(mean_value(stack(trees), X), expected, rtol=1e-13, atol=1e-15)


def test_eq_2_a_row_gets_the_same_whoever_stands_beside_it():
    trees, X = grown(3, B=40)
    forest = stack(trees)
    together = mean_value(forest, X)
    assert np.array_equal(together, np.concatenate([mean_value(forest, x[None]) for x in X]))
    assert np.array_equal(together[::-1], mean_value(forest, np.asfortranarray(X[::-1])))


def test_eq_1_at_a_threshold_a_row_goes_left_and_float32_is_compared_as_it_is():
    third = np.float32(1 / 3)
    one = level_wise.grow(np.array([[0.0], [2 * float(third)]]), np.array([[0.0], [1.0]]))
    assert one.threshold[0] == third
    rows = np.array([[third], [np.nextafter(third, np.float32(1))], [0]], np.float32)
    assert mean_value(stack([one]), rows)[:, 0].tolist() == [0, 1, 0]


def test_what_stands_before_a_row_decides_nothing_at_a_leaf():
    """A pair that has arrived reads a number of another row, or NaN: it stays."""
    trees, X = grown(4, gaps=True)
    X[:, -1] = np.nan
    forest = stack(trees)
    assert np.array_equal(apply(forest, X), [[leaf_of(tree, x) for tree in trees] for x in X])


def test_blocks_cover_all_pairs_once(sizes):
    trees, X = grown(5)
    seen = np.zeros((len(X), len(trees)), int)
    for rows, first, leaves in blocks(stack(trees), X):
        seen[rows, first : first + len(leaves)] += 1
    assert np.all(seen == 1)


def test_trees_come_back_as_they_went_in():
    trees, _ = grown(6, gaps=True)
    forest = stack(trees)
    assert forest.roots.tolist() == [0, *np.cumsum([len(tree.feature) for tree in trees])]
    for b, expected in enumerate(trees):
        for name, found in tree(forest, b)._asdict().items():
            wanted = getattr(expected, name)
            assert found.dtype == wanted.dtype and found.shape == wanted.shape, name
            np.testing.assert_array_equal(found, wanted, err_msg=name)


def test_brothers_stand_side_by_side():
    trees, _ = grown(7)
    forest = stack(trees)
    for b, one in enumerate(trees):
        place = {number: i for i, number in enumerate(forest.number[forest.roots[b] : forest.roots[b + 1]])}
        assert place[0] == 0
        for node in np.flatnonzero(one.left >= 0):
            assert forest.child[forest.roots[b] + place[node]] == forest.roots[b] + place[one.left[node]]
            assert place[one.right[node]] == place[one.left[node]] + 1


def test_joined_forests_are_one_forest():
    trees, _ = grown(8, B=7)
    for cut in (1, 3, 6):
        for found, expected in zip(join(stack(trees[:cut]), stack(trees[cut:])), stack(trees)):
            np.testing.assert_array_equal(found, expected)
