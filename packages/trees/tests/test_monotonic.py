"""Monotonic constraints: each rule by its definition, and predictions that never go the wrong way."""

import numpy as np
import pytest

from pellucid_trees import DecisionTreeClassifier, DecisionTreeRegressor
from pellucid_trees.impurity import CRITERIA
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.monotonic import allowed, bounds, clipped, constrains, unbounded
from pellucid_trees.shares import Slot, scan, shares, sides

rng = np.random.default_rng(0)

SIZE = np.array([4, 9, 7])
CST = np.array([1, 0, -1])


def level_of(criterion, weights):
    """Nodes with bounds that some cuts keep and some do not, and the targets as columns."""
    N = SIZE.sum()
    if criterion in ("gini", "entropy"):
        Y, n_classes = rng.permutation(np.arange(N) % 2), 2
        columns = np.eye(2)[Y]
    else:
        Y, n_classes = rng.uniform(-1, 1, (N, 1)), None
        columns = Y
    problem, _, units = pose(Y, weights, Limits(), n_classes=n_classes, criterion=criterion, monotonic_cst=CST)
    while True:
        level = describe(problem, rng.permutation(N), SIZE.cumsum() - SIZE, SIZE)
        if (level.impurity > 0).all():  # pure nodes are not looked at
            break
    middle = level.value[:, -1]
    return problem, level._replace(lower=middle - 0.15, upper=middle + [0.15, 0.4, np.inf]), columns, units


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
def test_eq_1_children_in_order_and_within_bounds(criterion, weighted):
    centre = CRITERIA[criterion].centre
    kept = 0
    for _ in range(5):
        weights = rng.uniform(0.2, 2, SIZE.sum()) if weighted else None
        problem, level, columns, units = level_of(criterion, weights)
        w = np.ones(len(columns)) if weights is None else weights
        feature = np.array([[0, 1, 2], [2, 0, 0]])
        parts = np.split(level.points, level.start[1:])
        order = np.array([np.concatenate([rng.permutation(part) for part in parts]) for _ in range(2)])
        found = allowed(problem, level, feature, order, *sides(scan(problem, level), order))
        share = shares(scan(problem, level), Slot(feature, order, None))
        for b in range(2):
            for s, (start, size) in enumerate(zip(level.start, SIZE)):
                node, sign = order[b, start : start + size], CST[feature[b, s]]
                for i in range(1, size):
                    left, right = (
                        np.ldexp(centre(columns[side], w[side])[-1], -units.targets) for side in (node[:i], node[i:])
                    )
                    inside = all(level.lower[s] <= v <= level.upper[s] for v in (left, right))
                    good = sign == 0 or (inside and sign * (right - left) >= 0)
                    kept += good and sign != 0
                    assert found[b, start + i - 1] == good
                    assert (share[b, start + i - 1] > 0) == good
    assert kept > 10


def test_eq_1_equal_values_are_in_order():
    """Even where they are only equal but for rounding."""
    Y = np.array([[0.1 + 0.2], [0.3], [0.3], [0.1 + 0.2], [-1.0]])
    problem, _, _ = pose(Y, None, Limits(), monotonic_cst=np.array([1]))
    level = unbounded(problem, describe(problem, np.arange(4), np.array([0]), np.array([4])))
    level = level._replace(lower=level.value[:, 0].copy(), upper=level.value[:, 0].copy())
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        order = np.array([order])
        assert allowed(problem, level, np.array([[0]]), order, *sides(scan(problem, level), order))[0, :3].all()


def test_eq_2_the_middle_between_the_children_bounds_both():
    Y = np.arange(12.0)[:, None] / 16
    problem, _, _ = pose(Y * 16, None, Limits(), monotonic_cst=CST)
    parents = describe(problem, np.arange(12), np.array([0, 4, 8]), np.array([4, 4, 4]))
    parents = parents._replace(lower=np.array([-1.0, -2, -3]), upper=np.array([1.0, 2, 3]))
    points = np.array([0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11])  # the first two points of each go left
    below = describe(problem, points, np.arange(0, 12, 2), np.full(6, 2))
    given = bounds(problem, parents, np.array([0, 1, 2]), below)
    rising, falling = 1.5 / 16, 9.5 / 16
    assert given.lower.tolist() == [-1, -2, falling, rising, -2, -3]
    assert given.upper.tolist() == [rising, 2, 3, 1, 2, falling]


def test_eq_3_what_is_beyond_a_bound_is_the_bound():
    problem, _, _ = pose(np.arange(4.0)[:, None], None, Limits(), monotonic_cst=CST)
    level = describe(problem, np.arange(4), np.arange(4), np.ones(4, int))
    value = level.value[:, 0]
    level = level._replace(lower=value + [0.1, -1, -1, 0], upper=value + [1, -0.1, 1, 0])
    assert clipped(problem, level)[:, 0].tolist() == [value[0] + 0.1, value[1] - 0.1, value[2], value[3]]
    problem, _, _ = pose(np.array([0, 1]), None, Limits(), n_classes=2, criterion="gini", monotonic_cst=CST)
    level = describe(problem, np.arange(2), np.arange(2), np.ones(2, int))
    level = level._replace(lower=np.array([0.25, 0]), upper=np.array([1, 0.75]))
    assert clipped(problem, level).tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert level.value.tolist() == [[1, 0], [0, 1]]


def test_without_constraints_nothing_is_done():
    problem, _, _ = pose(np.arange(4.0)[:, None], None, Limits())
    level = describe(problem, np.arange(4), np.arange(4), np.ones(4, int))
    assert unbounded(problem, level) is level and clipped(problem, level) is level.value
    assert not constrains(problem, np.array([[0, 1]]))
    assert not constrains(problem._replace(monotonic_cst=CST), np.array([[1]]))
    assert constrains(problem._replace(monotonic_cst=CST), np.array([[1, 2]]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["gini", "entropy", "squared_error", "absolute_error"])
def test_predictions_never_go_the_wrong_way(kind, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 12, (150, 3)).astype(float)
    X[rng.random(X.shape) < 0.05] = np.nan
    Z = np.nan_to_num(X) @ [1, 1, -1] + 8 * rng.normal(size=150)
    limits = [{}, {"max_leaf_nodes": 9}, {"min_samples_leaf": 5}][seed % 3]
    if kind in ("gini", "entropy"):
        model = DecisionTreeClassifier(criterion=kind, monotonic_cst=CST, **limits).fit(X, Z > 0)
        predict = lambda X: model.predict_proba(X)[:, 1]  # noqa: E731
    else:
        model = DecisionTreeRegressor(criterion=kind, monotonic_cst=CST, **limits).fit(X, Z)
        predict = model.predict
    assert model.get_n_leaves() > 3
    at = rng.uniform(-1, 13, (60, 3))
    line = np.linspace(-1, 13, 57)
    changes = {}
    for d in range(3):
        rows = np.repeat(at[:, None], len(line), axis=1)
        rows[:, :, d] = line
        changes[d] = np.diff(predict(rows.reshape(-1, 3)).reshape(60, -1), axis=1)
    assert changes[0].min() >= 0 and changes[2].max() <= 0
    assert changes[0].max() > 0 > changes[2].min()
