"""The oracle is the definition: the first of the best cuts, parts put together again, chances that are known."""

import numpy as np
import pytest

from pellucid_trees import ExtraTreesClassifier, ExtraTreesRegressor, extra_trees, many_trees
from pellucid_trees.extra_trees import random_thresholds, stretches
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.many_trees import Draws, table, uniform
from pellucid_trees.random_cuts import random_cuts

FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor)

rng = np.random.default_rng(0)


def searched(y, X, q=3, criterion="gini", trees=2, signs=None, seed=0):
    """A search, and a level of four nodes of each of two trees."""
    N = len(X)
    K = int(np.max(y)) + 1 if criterion in ("gini", "entropy") else None
    rows = np.tile(np.arange(N), trees)
    problem, _, _ = pose(y, None, Limits(), n_classes=K, criterion=criterion, monotonic_cst=signs, rows=rows)
    rngs = [np.random.default_rng([seed, b]) for b in range(trees)]
    tree = np.arange(trees).repeat(N)
    search = Draws(problem, table(X), rows, tree, q, rngs, random_thresholds)
    node = tree * 4 + np.random.default_rng(seed).integers(0, 4, len(rows))
    size = np.bincount(node)
    level = describe(problem, np.argsort(node, kind="stable"), size.cumsum() - size, size)
    if signs is not None:
        bound = np.linspace(0.5, 2, len(size))
        level = level._replace(lower=level.value[:, -1] - bound, upper=level.value[:, -1] + bound)
    return search, level


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
@pytest.mark.parametrize("gaps", [False, True])
def test_eq_1_the_best_of_the_random_cuts_wins(criterion, gaps):
    X = rng.normal(size=(70, 5))
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 2] = 4.0
    y = rng.integers(0, 3, 70) if criterion in ("gini", "entropy") else rng.normal(size=(70, 2))
    search, level = searched(y, X, criterion=criterion)
    features = np.array([[0, 1, 2], [3, 2, 4], [4, 1, 0], [2, 2, 2], [1, 0, 3], [2, 3, 1], [0, 4, 3], [3, 1, 2]])
    found, constant = random_thresholds(search, level, features)
    search, _ = searched(y, X, criterion=criterion)  # the same random numbers again
    u = uniform(search, level, 6 if gaps else 3).T
    x = X[search.rows[level.points], features.T.repeat(level.size, axis=1)]
    cuts = random_cuts(search.problem, level, features.T, x, u[:3], u[3:] if gaps else None)
    assert constant.tolist() == [s == 3 for s in range(8)] and found.share[3] == -1
    for s in range(8):
        if s != 3:
            j = next(j for j in range(3) if cuts.share[j, s] > cuts.share[:, s].max() - 1e-12)
            assert found.feature[s] == features[s, j]
            for name in ("share", "threshold", "missing_left"):
                assert getattr(found, name)[s] == getattr(cuts, name)[j, s]


@pytest.mark.parametrize("numbers", [1, 100, 10**6])
@pytest.mark.parametrize("criterion", ["gini", "squared_error"])
def test_what_is_found_does_not_depend_on_how_much_is_looked_at_together(numbers, criterion, monkeypatch):
    X = rng.normal(size=(90, 5)).round(1)
    y = rng.integers(0, 3, 90) if criterion == "gini" else rng.normal(size=(90, 1))
    signs = None if criterion == "gini" else np.array([1, 0, -1, 0, 1])
    features = rng.integers(0, 5, (8, 3))
    expected, _ = random_thresholds(*searched(y, X, criterion=criterion, signs=signs), features)
    monkeypatch.setattr(extra_trees, "NUMBERS", numbers)
    found, _ = random_thresholds(*searched(y, X, criterion=criterion, signs=signs), features)
    for got, wanted in zip(found, expected):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("criterion", ["gini", "squared_error"])
@pytest.mark.parametrize("gaps", [False, True])
def test_nodes_of_two_points_need_one_look(criterion, gaps, monkeypatch):
    """And another one where the first feature is constant, or its cut may not be."""
    X = rng.integers(0, 3, (30, 4)).astype(float)
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
    y = rng.permutation(np.arange(30) % 2)
    Y = y if criterion == "gini" else y[:, None] + rng.normal(size=(30, 1)) / 9
    features = np.array([rng.permutation(4)[:3] for _ in range(13)])
    for size in (np.array([2] * 10 + [3, 4, 3]), np.array([2] * 13), np.array([4] * 7 + [0] * 6)):
        size = size[size > 0]
        found = {}
        for many in (1, 99):
            monkeypatch.setattr(extra_trees, "MANY", many)
            search, _ = searched(Y, X, criterion=criterion, trees=1)
            points = np.argsort(y, kind="stable").reshape(2, 15).T.ravel()[: size.sum()]  # the two classes in turns
            level = describe(search.problem, points, size.cumsum() - size, size)
            found[many] = random_thresholds(search, level, features[: len(size)])
        for got, wanted in zip((*found[1][0], found[1][1]), (*found[99][0], found[99][1])):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("bounds", [False, True])
def test_stretches_are_parts_of_a_level(bounds):
    y = rng.normal(size=(70, 1))
    _, level = searched(y, rng.normal(size=(70, 5)), criterion="squared_error", signs=np.ones(5, int))
    level = level if bounds else level._replace(lower=None, upper=None)
    for n in (1, 20, 40, 139, 140, 1000):
        parts = list(stretches(level, n))
        assert np.concatenate([np.arange(8)[nodes] for nodes, _ in parts]).tolist() == list(range(8))
        assert all(len(part.points) <= n or len(part.start) == 1 for _, part in parts)
        assert all(len(a.points) + b.size[0] > n for (_, a), (_, b) in zip(parts, parts[1:]))  # not smaller than needed
        for nodes, part in parts:
            for s, start, size in zip(np.arange(8)[nodes], part.start, part.size):
                own = level.points[level.start[s] : level.start[s] + level.size[s]]
                assert part.points[start : start + size].tolist() == own.tolist()
            for name in ("weight", "value", "impurity", "lower", "upper"):
                whole, piece = getattr(level, name), getattr(part, name)
                assert piece is None if whole is None else np.array_equal(piece, whole[nodes])


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_tree_is_the_same_whatever_grows_beside_it(criterion, gaps, monkeypatch):
    X = rng.normal(size=(120, 5)).round(1)
    if gaps:
        X[rng.random(X.shape) < 0.1] = np.nan
    classes = criterion in ("gini", "entropy")
    Y = rng.integers(0, 3, 120) if classes else rng.normal(size=(120, 1))
    settings = {"n_classes": 3 if classes else None, "criterion": criterion, "max_features": 2}

    def grown(trees):
        rngs = [np.random.default_rng([1, b]) for b in trees]
        return many_trees.grow(
            table(X), Y, np.ones((len(trees), 120)), Limits(), random_thresholds, rngs=rngs, **settings
        )

    together = grown(range(5))
    monkeypatch.setattr(extra_trees, "NUMBERS", 300)
    apart = [tree for part in ([0, 1], [2], [3, 4]) for tree in grown(part)]
    for tree, alone in zip(together, apart):
        for found, expected in zip(tree, alone):
            np.testing.assert_array_equal(found, expected)


def test_the_best_of_the_features_wins_and_one_more_is_drawn_where_all_are_constant():
    X = np.zeros((40, 3))
    X[:, 1], X[:, 2] = np.arange(40) // 20, np.arange(40) % 2
    y = np.arange(40) // 20
    trees = [
        many_trees.grow(
            table(X),
            y,
            np.ones((1, 40)),
            Limits(max_depth=1),
            random_thresholds,
            rngs=[np.random.default_rng(seed)],
            n_classes=2,
            max_features=q,
        )[0]
        for q in (1, 2, 3)
        for seed in range(100)
    ]
    features = np.array([tree.feature[0] for tree in trees]).reshape(3, 100)
    assert np.all(features[2] == 1)
    assert 25 < np.sum(features[0] == 1) < 75  # a constant one makes room for either of the others
    assert 50 < np.sum(features[1] == 1) < 85  # 1 wins unless 0 and 2 are drawn, or with a chance of 1/3 each
    assert not np.any(features == 0)


def test_thresholds_are_spread_evenly():
    """Of the root of a tree that looks at one feature: uniform between the ends, by Kolmogorov's distance."""
    X = np.array([[2.0], [2.5], [6.0]])
    model = ExtraTreesRegressor(1000, max_depth=1, random_state=0).fit(X, [0.0, 1.0, 2.0])
    inner = model.forest_.feature >= 0
    u = np.sort((model.forest_.threshold[inner] - 2) / 4)
    assert len(u) == 1000 and np.abs(u - np.linspace(0, 1, 1000)).max() < 1.63 / np.sqrt(1000)


def test_two_sides_of_a_coin():
    X = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    model = ExtraTreesClassifier(400, max_depth=1, random_state=0).fit(X, [0, 1, 0, 1])
    left = model.forest_.missing_left[model.forest_.feature >= 0]
    assert len(left) == 400 and 150 < left.sum() < 250


# -- the estimators --------------------------------------------------------------------------------------------------


def problem(kind, seed=0, N=80):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 4))
    z = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=N)
    return X, np.digitize(z, [-0.7, 0.5]) if kind is ExtraTreesClassifier else z


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("kind", FORESTS)
def test_every_tree_has_all_points_and_pure_leaves(kind):
    X, y = problem(kind)
    model = kind(10, random_state=0).fit(X, y)
    assert np.all(model.forest_.points[model.forest_.roots[:-1]] == 80)
    assert np.all(model.forest_.impurity[model.forest_.feature < 0] == 0)
    predicted = model.predict(X)
    np.testing.assert_allclose(predicted, y, rtol=1e-12)
    assert all(tree.splitter == "random" for tree in model.estimators_)
    assert model.score(*problem(kind, 1, 500)) > 0.45


@pytest.mark.parametrize("kind", FORESTS)
def test_with_bootstrap_there_is_a_score_out_of_bag(kind):
    X, y = problem(kind, N=300)
    model = kind(60, bootstrap=True, oob_score=True, random_state=0).fit(X, y)
    assert abs(model.oob_score_ - model.score(*problem(kind, 1, 1000))) < 0.12 < model.score(X, y) - model.oob_score_


@pytest.mark.parametrize("kind", FORESTS)
def test_whole_weights_are_repeated_rows_and_weight_0_is_left_out(kind):
    """No chance hangs on how many rows there are."""
    X, y = problem(kind)
    times = np.arange(80) % 4
    weighted = kind(5, random_state=0).fit(X, y, times)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(80), times))
    repeated = kind(5, random_state=0).fit(X[rows], y[rows])
    np.testing.assert_allclose(answers(weighted, X), answers(repeated, X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", FORESTS)
def test_warm_start_is_one_long_fit(kind):
    X, y = problem(kind)
    short = kind(3, warm_start=True, random_state=0).fit(X, y)
    short.set_params(n_estimators=8).fit(X, y)
    assert np.array_equal(answers(short, X), answers(kind(8, random_state=0).fit(X, y), X))


def test_a_single_feature_per_node_leaves_the_target_no_say():
    """With one candidate per node the shapes of two trees of the same seed are those of X alone, as far as both go."""
    X, y = problem(ExtraTreesRegressor)
    other = np.random.default_rng(5).normal(size=80)
    one, two = (ExtraTreesRegressor(3, max_features=1, random_state=0).fit(X, t) for t in (y, other))
    assert np.array_equal(one.forest_.feature, two.forest_.feature)
    assert np.array_equal(one.forest_.threshold, two.forest_.threshold)


def test_constraints_reach_the_trees():
    X, y = problem(ExtraTreesRegressor, N=200)
    grid = np.zeros((50, 4))
    grid[:, 2] = np.linspace(-2, 2, 50)
    rising = ExtraTreesRegressor(10, random_state=0, monotonic_cst=[0, 0, 1, 0]).fit(X, y).predict(grid)
    assert np.all(np.diff(rising) >= 0) and rising[-1] > rising[0] + 1


def test_edges():
    assert ExtraTreesRegressor(3).fit([[1.0]], [2.0]).predict([[5.0]]) == [2]
    same = ExtraTreesClassifier(3, random_state=0).fit([[1.0], [1.0], [1.0]], [0, 1, 1])
    np.testing.assert_allclose(same.predict_proba([[0.0]]), [[1 / 3, 2 / 3]])
    X, y = problem(ExtraTreesRegressor)
    X = X.astype(np.float32)
    assert np.array_equal(
        *(ExtraTreesRegressor(3, random_state=0).fit(A, y).predict(X) for A in (X, np.asfortranarray(X)))
    )
    assert extra_trees.ExtraTreesClassifier().bootstrap is False
