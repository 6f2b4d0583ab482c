"""Shares of the impurity, cut by cut, against impurity.py on both sides of each."""

import itertools

import numpy as np
import pytest

from pellucid_trees.impurity import CRITERIA
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.shares import Slot, phi, scan, shares

rng = np.random.default_rng(0)

SIZE = np.array([2, 9, 5, 3, 12])  # of the nodes
KINDS = [("gini", 2), ("gini", 4), ("entropy", 2), ("entropy", 4), ("squared_error", 1), ("squared_error", 3)]
KINDS += [("absolute_error", 1), ("absolute_error", 2)]


def level_of(criterion, n, weights, limits=Limits(), cst=None):  # noqa: B008
    """Random targets, the level, and the targets as columns."""
    N = SIZE.sum() + 6  # some points are at no node
    if criterion in ("gini", "entropy"):
        labels = rng.permutation(np.arange(N) % n)
        columns, n_classes = np.eye(n)[labels], n
        Y = labels
    else:
        Y = columns = rng.normal(size=(N, n)) * np.arange(1, n + 1) + 5
        n_classes = None
    problem, _, _ = pose(Y, weights, limits, n_classes=n_classes, criterion=criterion, monotonic_cst=cst)
    while True:
        points = rng.permutation(N)[: SIZE.sum()]
        level = describe(problem, points, SIZE.cumsum() - SIZE, SIZE)
        if (level.impurity > 0).all():  # pure nodes are not looked at
            return problem, level, columns


def orders(level, B):
    """The points of each node shuffled, B times."""
    shuffled = [[rng.permutation(part) for part in np.split(level.points, level.start[1:])] for _ in range(B)]
    return np.array([np.concatenate(parts) for parts in shuffled])


def by_definition(criterion, columns, weights, order, limits=Limits()):  # noqa: B008
    """Shares, and whether there may be a cut, of one order."""
    centre, measure, _ = CRITERIA[criterion]
    share, allowed = np.zeros(len(order)), np.zeros(len(order), bool)
    for start, size in zip(SIZE.cumsum() - SIZE, SIZE):
        node = order[start : start + size]

        def rest(points):
            w = weights[points]
            return w.sum() * measure(columns[points], w, centre(columns[points], w))

        for i in range(1, size):
            sides = node[:i], node[i:]
            if min(map(len, sides)) >= limits.min_samples_leaf:
                if min(weights[side].sum() for side in sides) >= limits.min_weight_leaf:
                    share[start + i - 1] = 1 - sum(map(rest, sides)) / rest(node)
                    allowed[start + i - 1] = True
    return share, allowed


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion, n", KINDS)
@pytest.mark.parametrize("B", [1, 3])
def test_eq_1_2_3_4_every_cut_takes_away_what_it_does(criterion, n, weighted, B):
    for limits in (Limits(), Limits(min_samples_leaf=3), Limits(min_weight_leaf=2.5), Limits(None, 2, 2, 3.0)):
        weights = rng.uniform(0.2, 2, SIZE.sum() + 6) if weighted else None
        problem, level, columns = level_of(criterion, n, weights, limits)
        order = orders(level, B)
        found = shares(scan(problem, level), Slot(np.zeros((B, 1), int), order, None))
        w = np.ones(len(columns)) if weights is None else weights
        for b in range(B):
            expected, allowed = by_definition(criterion, columns, w, order[b], limits)
            np.testing.assert_allclose(found[b], expected, rtol=1e-9, atol=1e-11)
            np.testing.assert_array_equal(found[b] > 0, allowed)


@pytest.mark.parametrize("criterion, n", KINDS)
def test_there_is_no_cut_between_equal_values(criterion, n):
    problem, level, _ = level_of(criterion, n, None)
    order = orders(level, 2)
    same = rng.random(order.shape) < 0.5
    free = shares(scan(problem, level), Slot(np.zeros((2, 1), int), order, None))
    found = shares(scan(problem, level), Slot(np.zeros((2, 1), int), order, same))
    np.testing.assert_array_equal(found, np.where(same, 0, free))


def test_a_cut_that_gains_nothing_is_still_more_than_none():
    """Of four points, alike two and two, the middle one."""
    problem, _, _ = pose(np.array([0, 1, 1, 0]), None, Limits(), n_classes=2, criterion="gini")
    level = describe(problem, np.arange(4), np.array([0]), np.array([4]))
    found = shares(scan(problem, level), Slot(np.zeros((1, 1), int), np.arange(4)[None], None))[0]
    assert 0 < found[1] < 1e-29 and found[3] == 0
    np.testing.assert_allclose(found[[0, 2]], 1 / 3)


def test_shares_do_not_depend_on_the_unit_of_the_targets():
    order = None
    for scale in (1.0, 1e-150, 1e150):
        rng = np.random.default_rng(1)
        Y = rng.normal(size=(8, 1)) * scale
        problem, _, _ = pose(Y, None, Limits())
        level = describe(problem, np.arange(8), np.array([0]), np.array([8]))
        found = shares(scan(problem, level), Slot(np.zeros((1, 1), int), np.arange(8)[None], None))
        order = found if order is None else order
        np.testing.assert_allclose(found, order, rtol=1e-12)


def test_phi_at_zero_and_at_powers_of_two():
    x = np.array([[0, 1, 2, 8, 0.5]])
    assert phi(x).tolist() == [[0, 0, 2, 24, -0.5]]
    assert all(phi(np.array([[a * b]])) == b * phi(np.array([[a]])) + a * phi(np.array([[b]])) for a, b in
               itertools.product([1.0, 2.0, 4.0], repeat=2))  # fmt: skip
