"""Levels: nodes side by side are described as each would be alone; units change nothing but the numbers' size."""

import numpy as np
import pytest

from pellucid_trees.impurity import CLASSIFICATION, CRITERIA, REGRESSION
from pellucid_trees.impurity import negligible as negligible_of_one
from pellucid_trees.level import Units, common_part, describe, negligible, on_grid, pose, restored, sublevel
from pellucid_trees.limits import Limits
from pellucid_trees.tree import Tree

rng = np.random.default_rng(0)


def targets(criterion, N):
    """What pose takes, and the same as columns for impurity.py."""
    if criterion in CLASSIFICATION:
        labels = rng.integers(0, 3, N)
        return labels, 3, np.eye(3)[labels]
    Y = rng.normal(size=(N, 2)) * [1, 100]
    return Y, None, Y


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("weighted", [False, True])
def test_nodes_are_described_as_if_they_were_alone(criterion, weighted):
    Y, n_classes, columns = targets(criterion, 30)
    weights = rng.uniform(0.1, 3, 30)
    problem, _, units = pose(Y, weights if weighted else None, Limits(), n_classes=n_classes, criterion=criterion)
    size = np.array([1, 7, 2, 10])
    points = rng.permutation(30)[:20]
    level = describe(problem, points, size.cumsum() - size, size)
    centre, measure, _ = CRITERIA[criterion]
    for s, start in enumerate(level.start):
        here = points[start : start + size[s]]
        w = weights[here] if weighted else np.ones(len(here))
        value = centre(columns[here], w)
        np.testing.assert_allclose(np.ldexp(level.weight[s], units.weights), w.sum(), rtol=1e-12)
        found = np.ldexp(level.value[s], units.targets) + units.shift
        np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-13)
        impurity = measure(columns[here], w, value)
        np.testing.assert_allclose(np.ldexp(level.impurity[s], units.impurity), impurity, rtol=1e-11, atol=1e-15)
    assert level.impurity[0] == 0 and not np.signbit(level.impurity).any()

    some = np.array([False, True, False, True])
    part = sublevel(level, some, np.flatnonzero(some.repeat(size)))
    alone = describe(problem, part.points, part.start, part.size)
    assert part.size.tolist() == [7, 10] and part.start.tolist() == [0, 7]
    np.testing.assert_array_equal(part.points, np.concatenate([points[1:8], points[10:]]))
    for field in ("weight", "value", "impurity"):
        np.testing.assert_allclose(getattr(part, field), getattr(alone, field), rtol=1e-13, atol=1e-15)


def test_equal_targets_are_their_mean_and_not_impure():
    Y = np.full((6, 1), 0.1) + 1e6
    for weights in (None, rng.uniform(0.1, 1, 6)):
        problem, _, units = pose(Y, weights, Limits())
        level = describe(problem, np.arange(6), np.array([0, 3]), np.array([3, 3]))
        assert (np.ldexp(level.value, units.targets) + units.shift).ravel().tolist() == [Y[0, 0]] * 2
        assert level.impurity.tolist() == [0, 0]


def test_whole_weights_stay_as_they_are_on_the_grid():
    weights = np.array([3.0, 0.0, 1.0, 1e6, 12.0])
    grid, exponent = on_grid(weights)
    assert np.ldexp(grid, exponent).tolist() == weights.tolist() and 0.5 <= grid.max() <= 1


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_sums_on_the_grid_are_exact_in_any_order(scale):
    weights = rng.lognormal(sigma=4, size=1000) * scale
    weights[:10] = 0
    grid, exponent = on_grid(weights)
    assert ((grid > 0) == (weights > 0)).all() and grid.max() <= 1
    total = grid.sum()
    for _ in range(20):
        part = rng.permutation(1000)
        assert np.cumsum(grid[part])[-1] == total
        assert np.cumsum(grid[part])[499] + grid[part[500:]].sum() == total
    np.testing.assert_allclose(np.ldexp(grid, exponent), weights, rtol=0, atol=2**-51 * weights.sum())


def test_units_let_nothing_overflow_and_are_taken_back():
    Y, weights = np.array([[1e200], [-3e200], [2e200]]), np.array([1e300, 2e300, 3e300])
    given = Limits(min_weight_leaf=1e300, min_impurity_decrease=1.0)
    problem, limits, units = pose(Y, weights, given)
    assert max(abs(problem.targets[0])) <= 1 and max(problem.weights) <= 1
    assert (
        np.ldexp(limits.min_weight_leaf, units.weights) == 1e300 and limits.min_weight_leaf == problem.min_weight_leaf
    )
    assert limits.min_impurity_decrease == np.ldexp(1.0, -2 * units.targets)
    np.testing.assert_array_equal(np.ldexp(problem.targets[0], units.targets), Y[:, 0])
    tree = Tree.leaf(np.array([0.5]), 0.25, 3, 0.75)
    back = restored(tree, Units(3, -2, 6, np.array([10.0])))
    assert (back.value[0, 0], back.impurity[0], back.weight[0], back.points[0]) == (14.0, 16.0, 3 / 16, 3)
    assert pose(Y, None, Limits(), criterion="absolute_error")[2][:3] == (units.targets, 0, units.targets)
    assert problem.one == np.ldexp(1.0, -2 * units.targets)


def test_what_targets_have_in_common_is_taken_away_and_put_back_exactly():
    near = [[1999.0, 2024.0], [-5.5, -3.0], [0.1, 0.2], [7.0, 7.0], [1e300, 1.9e300], [-1.7e308, -0.9e308]]
    far = [[1.0, 7.0], [-1.0, 1.0], [0.0, 3.0], [-9.0, -2.0], [0.0, 0.0], [-3.0, 0.0], [1e-300, 1.0]]
    part = common_part(np.array(near + far).T)
    assert (part[: len(near)] != 0).all() and (part[len(near) :] == 0).all()
    for (low, high), c in zip(near, part):
        y = np.append(rng.uniform(low, high, 100), [low, high]) if abs(high) < 1e300 else np.array([low, high])
        assert (abs(c) / 2 <= abs(y)).all() and (abs(y) / 2 <= abs(c)).all()
        np.testing.assert_array_equal((y - c) + c, y)
    problem, _, units = pose(1e9 + np.arange(5.0)[:, None], None, Limits())
    assert units.shift == [1e9 + 2] and problem.targets[0].tolist() == [-0.5, -0.25, 0, 0.25, 0.5]


@pytest.mark.parametrize("criterion", REGRESSION)
def test_which_impurity_is_negligible(criterion):
    """The same in every unit; more than the last digits make, and less than anything else."""
    for Y in ([1.0, 2.0], [1e-9, 2e-9], [-1e6, 1e6], [0.3, 0.1 + 0.2], [1e9, 1e9 + 1e-7], [1e9, 1e9 + 1], [1e9, 0.0]):
        Y = np.array(Y)[:, None]
        problem, _, units = pose(Y, None, Limits(), criterion=criterion)
        root = describe(problem, np.arange(2), np.array([0]), np.array([2]))
        i = np.ldexp(root.impurity[0], units.impurity)
        found = np.ldexp(negligible(problem, root, root.impurity)[0], units.impurity)
        value = np.ldexp(root.value[0], units.targets) + units.shift
        np.testing.assert_allclose(found, negligible_of_one(criterion, value, i), rtol=1e-6)
        same = abs(Y[1] - Y[0]) <= 1e-15 * abs(Y[0])
        assert (i <= found) == same


def test_points_may_be_rows_in_another_order():
    Y, labels, rows = rng.normal(size=(5, 2)), np.array([0, 1, 2, 0, 1]), np.array([4, 4, 0, 2])
    problem, _, units = pose(Y, None, Limits(), rows=rows)
    assert problem.n_points == 4
    np.testing.assert_array_equal(np.ldexp(np.array(problem.targets).T, units.targets), Y[rows])
    problem, _, _ = pose(labels, None, Limits(), n_classes=3, criterion="log_loss", rows=rows)
    assert problem.labels.tolist() == labels[rows].tolist() and problem.criterion == "entropy"
    assert problem.n_points == 4 and problem.labels.dtype == np.int64
