"""The oracle is the definition: one node after the other, impurities of both sides, chances that are known."""

import numpy as np
import pytest

from pellucid_trees import ExtraTreesClassifier, ExtraTreesRegressor, extra_trees, many_trees
from pellucid_trees.extra_trees import at_random, count, random_thresholds, worth
from pellucid_trees.impurity import CRITERIA
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.many_trees import Draws, table

FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor)


def nodes(seed=0, N=60, D=3, S=4, gaps=False, criterion="gini", weighted=True, signs=None):
    """A search and a level of S nodes of one tree; feature 1 is the same everywhere in the last node."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)).round(1)
    if gaps:
        X[rng.random((N, D)) < 0.2] = np.nan
    node = np.sort(np.arange(N) % S)
    X[node == S - 1, 1] = 7.5
    Y = rng.integers(0, 3 if signs is None else 2, N)
    K = int(Y.max()) + 1
    weights = rng.integers(1, 4, N).astype(float) if weighted else None
    if criterion not in ("gini", "entropy"):
        Y, K = rng.normal(size=(N, 2 if signs is None else 1)), None
    problem, _, units = pose(Y, weights, Limits(), n_classes=K, criterion=criterion, monotonic_cst=signs)
    zeros = np.zeros(N, np.int64)
    search = Draws(problem, table(X), np.arange(N), zeros, 2, [np.random.default_rng(seed)], random_thresholds)
    size = np.bincount(node)
    level = describe(problem, np.arange(N), size.cumsum() - size, size)
    if signs is not None:
        level = level._replace(lower=np.full(S, -np.inf), upper=np.full(S, np.inf))
    targets = np.eye(K)[Y] if K else np.ldexp(Y, -units.targets)
    return search, level, X, targets, np.ones(N) if weights is None else weights


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("u", [0.0, 0.3, 0.9999999])
def test_eq_1_thresholds_lie_between_the_smallest_and_the_largest_value(u, gaps):
    search, level, X, _, _ = nodes(1, gaps=gaps)
    feature = np.array([0, 1, 2, 1])
    share, threshold, missing_left, constant = at_random(search, level, feature, np.full(4, u), np.full(4, 0.7))
    for s in range(3):
        x = X[level.start[s] : level.start[s] + level.size[s], feature[s]]
        low, high = np.nanmin(x), np.nanmax(x)
        np.testing.assert_allclose(threshold[s], low + u * (high - low))
        assert low <= threshold[s] < high
        n_left = np.sum(x <= threshold[s])
        assert missing_left[s] == (False if np.isnan(x).any() else 2 * n_left > len(x))
    assert constant.tolist() == [False, False, False, True] and np.array_equal(share > 0, ~constant)


@pytest.mark.parametrize("coin, left", [(0.2, True), (0.5, False), (0.8, False)])
def test_missing_values_go_to_a_random_side_together(coin, left):
    X = np.array([[1.0], [2], [np.nan], [4], [5], [5], [np.nan], [6], [6], [np.nan], [np.nan]])
    search, level = one_column(X, [4, 3, 2, 2])
    share, threshold, missing_left, constant = at_random(
        search, level, np.zeros(4, int), np.full(4, 0.5), np.full(4, coin)
    )
    assert threshold[:3].tolist() == [2.5, 5, 6]
    assert missing_left.tolist()[:2] == [left, False]  # beside one value they are on the right
    assert constant.tolist() == [False, False, True, True] and share[2:].tolist() == [0, 0]


def one_column(X, sizes, Y=None):
    N, sizes = len(X), np.array(sizes)
    Y = np.arange(N) % 2 if Y is None else Y
    problem, _, _ = pose(Y, None, Limits(), n_classes=2, criterion="gini")
    rngs = [np.random.default_rng(0)]
    search = Draws(problem, table(X), np.arange(N), np.zeros(N, np.int64), 1, rngs, random_thresholds)
    return search, describe(problem, np.arange(N), sizes.cumsum() - sizes, sizes)


def test_eq_1_rounding_leaves_somebody_on_both_sides():
    for low, high in ((1.0, np.nextafter(1, 2)), (5e-324, 1e-323), (-1.7e308, 1.7e308), (0.1, 0.1 + 2e-17 * 4)):
        search, level = one_column(np.array([[low], [high]]), [2])
        for u in (0.0, 0.4, 0.6, np.nextafter(1, 0)):
            share, threshold, _, constant = at_random(search, level, np.array([0]), np.array([u]), np.array([0.0]))
            assert low <= threshold[0] < high and share[0] == pytest.approx(1) and not constant[0]


@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error", "absolute_error"])
@pytest.mark.parametrize("weighted", [False, True])
def test_eq_2_is_what_the_two_sides_have_less(criterion, weighted):
    centre, impurity = CRITERIA[criterion].centre, CRITERIA[criterion].impurity
    search, level, X, Y, w = nodes(2, criterion=criterion, weighted=weighted)
    goes_left = X[:, 0] <= 0.2
    share = worth(search.problem, level, np.zeros(4, int), goes_left, count(goes_left, level))
    for s, (start, size) in enumerate(zip(level.start, level.size)):
        inside = np.arange(start, start + size)

        def mass(rows):
            return w[rows].sum() * impurity(Y[rows], w[rows], centre(Y[rows], w[rows]))

        sides = mass(inside[goes_left[inside]]) + mass(inside[~goes_left[inside]])
        np.testing.assert_allclose(share[s], 1 - sides / mass(inside), rtol=1e-9, atol=1e-15)


def test_eq_2_a_split_that_brings_nothing_is_better_than_none():
    search, level = one_column(np.zeros((8, 1)), [4, 4], Y=np.array([0, 1, 0, 1, 0, 0, 1, 1]))
    goes_left = np.array([True, True, False, False] * 2)
    share = worth(search.problem, level, np.zeros(2, int), goes_left, np.array([2, 2]))
    assert 0 < share[0] < 1e-20 and share[1] == 1


def test_sides_that_are_too_small_are_worth_nothing():
    X = np.arange(6.0)[:, None]
    for limits, at_least, weighs in ((Limits(min_samples_leaf=2), 2, 0), (Limits(min_weight_leaf=3.0), 0, 3)):
        w = np.array([1.0, 2, 1, 1, 1, 1])
        problem, _, _ = pose(np.arange(6) % 2, w, limits, n_classes=2, criterion="gini")
        level = describe(problem, np.arange(6), np.array([0]), np.array([6]))
        for n in range(1, 6):
            goes_left = X[:, 0] < n
            share = worth(problem, level, np.array([0]), goes_left, np.array([n]))
            enough = min(n, 6 - n) >= at_least and min(w[:n].sum(), w[n:].sum()) >= weighs
            assert (share[0] > 0) == enough


@pytest.mark.parametrize("criterion", ["gini", "squared_error", "absolute_error"])
def test_constraints_forbid_sides_in_the_wrong_order_or_out_of_bounds(criterion):
    for sign in (-1, 0, 1):
        search, level, X, Y, w = nodes(3, criterion=criterion, signs=np.array([sign, 0, 0]))
        goes_left = X[:, 0] <= 0
        n_left = count(goes_left, level)
        feature = np.zeros(4, int)
        share = worth(search.problem, level, feature, goes_left, n_left)
        centre = CRITERIA[criterion].centre
        values = np.array(
            [
                [centre(Y[rows & side], w[rows & side])[-1] for side in (goes_left, ~goes_left)]
                for rows in (np.arange(60) // 15 == s for s in range(4))
            ]
        )
        rises = values[:, 1] - values[:, 0]
        assert np.any(rises < 0) and np.any(rises > 0)
        assert np.array_equal(share > 0, sign * rises >= 0)
        for name, bound in (("lower", values.min(axis=1) + 1e-6), ("upper", values.max(axis=1) - 1e-6)):
            bounded = worth(search.problem, level._replace(**{name: bound}), feature, goes_left, n_left)
            assert np.array_equal(bounded > 0, np.full(4, sign == 0))


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
