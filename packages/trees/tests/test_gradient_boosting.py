"""Friedman's algorithm by hand: trees from decision_tree.py, steps by trying, sums by loops."""

import numpy as np
import pytest

from pellucid_trees import GradientBoostingClassifier, GradientBoostingRegressor, decision_tree
from pellucid_trees.boosting_losses import LOSSES, Leaves
from pellucid_trees.boosting_model import Plan, by_exact_splits, by_histograms
from pellucid_trees.forest_prediction import stack
from pellucid_trees.gradient_boosting import (
    Points,
    fit,
    has_settled,
    importances,
    mean_loss,
    scores,
    stage,
    staged_scores,
    subset,
)
from pellucid_trees.limits import Limits
from pellucid_trees.tree import apply

rng = np.random.default_rng(0)

every_loss = pytest.mark.parametrize("name", list(LOSSES))
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
PLAN = Plan(Limits(max_depth=2), 3, 0.0)


def draw(name, weighted=False, N=70):
    """Points with targets of a kind that the loss is for, at its start."""
    X = rng.normal(size=(N, 3))
    z = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * rng.normal(size=N)
    T = z[None]
    if name == "multinomial":
        T = (np.digitize(z, [-0.5, 0.5]) == np.arange(3)[:, None]) * 1.0
    elif name in ("log_loss", "exponential"):
        T = (z > 0.2)[None] * 1.0
    s = rng.uniform(0.5, 2, N) if weighted else None
    start = LOSSES[name].start(T, s, 0.8)
    return Points(X, T, s, np.repeat(start[:, None], N, axis=1) + 0.1 * rng.normal(size=T.shape))


def one_stage(name, points, rows=None, line_search=True, learning_rate=0.3, grow=None):
    return stage(
        points,
        rows,
        loss=LOSSES[name],
        a=0.8,
        grow=grow or by_exact_splits(points.X, points.s, PLAN),
        learning_rate=learning_rate,
        line_search=line_search,
        rng=np.random.default_rng(0),
    )


# -- the equations ---------------------------------------------------------------------------------------------------


@every_loss
@weighted
def test_eq_1_2_trees_fit_the_slope_of_the_loss(name, weighted):
    points = draw(name, weighted)
    X, T, s, F = points
    trees, _ = one_stage(name, points)
    assert len(trees) == len(T)
    loss, h = LOSSES[name], 1e-6
    for j, tree in enumerate(trees):
        nudge = h * (np.arange(len(T)) == j)[:, None]
        below, above = (loss.value(T, F + way * nudge, 0.8).sum(axis=0) for way in (-1, 1))
        g = np.round((below - above) / (2 * h), 7)  # -∂L/∂F by differences
        weights = np.ones(len(X)) if s is None else s
        expected = decision_tree.grow(X, g[:, None], weights, PLAN.limits, criterion="squared_error")
        if name not in ("absolute_error", "quantile"):  # whose slopes have two values, and so ties
            np.testing.assert_array_equal(tree.feature, expected.feature)
            np.testing.assert_array_equal(tree.threshold, expected.threshold)
        np.testing.assert_allclose(tree.impurity[0], expected.impurity[0], rtol=1e-4)
        mass = [t.weight[t.left < 0] @ t.impurity[t.left < 0] for t in (tree, expected)]
        np.testing.assert_allclose(mass[0], mass[1], rtol=1e-4)


@weighted
@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "quantile"])
def test_eq_3_4_no_other_step_of_a_leaf_is_better(name, weighted):
    points = draw(name, weighted)
    X, T, s, F = points
    [tree], F_next = one_stage(name, points, learning_rate=1.0)
    leaf = apply(tree, X)

    def total(F):
        losses = LOSSES[name].value(T, F, 0.8)[0]
        return np.bincount(leaf, losses if s is None else s * losses)

    best = total(F_next)
    for size in (1e-3, 0.05, 0.5):
        for way in (-size, size):
            assert (total(F_next + way) >= best - 1e-12).all()
    assert (best <= total(F) + 1e-12).all()


@every_loss
@pytest.mark.parametrize("rows", [None, np.arange(0, 70, 2)], ids=["all", "some"])
@weighted
def test_eq_3_4_scores_go_the_share_of_the_best_step(name, rows, weighted):
    points = draw(name, weighted)
    X, T, s, F = points
    loss = LOSSES[name]
    trees, F_next = one_stage(name, points, rows)
    bag = np.arange(70) if rows is None else rows
    for j, tree in enumerate(trees):
        leaf = apply(tree, X)
        assert set(leaf[bag]) == set(np.flatnonzero(tree.left < 0)) and tree.points[0] == len(bag)
        g = loss.downhill(T, F, 0.8)[j]
        at = Leaves(T[j, bag], F[j, bag], g[bag], None if s is None else s[bag], leaf[bag], len(tree.left))
        gamma = loss.step(at, 0.8, len(T))
        np.testing.assert_allclose(F_next[j] - F[j], 0.3 * gamma[leaf], atol=1e-14)
        np.testing.assert_allclose(tree.value[:, 0], 0.3 * gamma)


@every_loss
@weighted
def test_eq_5_constant_steps_are_means_of_the_slope(name, weighted):
    points = draw(name, weighted)
    X, T, s, F = points
    trees, F_next = one_stage(name, points, line_search=False)
    for j, tree in enumerate(trees):
        leaf, g = apply(tree, X), LOSSES[name].downhill(T, F, 0.8)[j]
        for i in np.unique(leaf):
            inside = leaf == i
            expected = 0.3 * np.average(g[inside], weights=None if s is None else s[inside])
            np.testing.assert_allclose((F_next - F)[j, inside], expected, rtol=1e-9, atol=1e-12)


def test_eq_5_for_the_squared_error_both_steps_are_the_same():
    points = draw("squared_error")
    with_search, without = (one_stage("squared_error", points, line_search=search)[1] for search in (True, False))
    np.testing.assert_allclose(with_search, without, atol=1e-14)


def boosted(name, points, stages=range(8), seed=3, **settings):
    return fit(
        points,
        loss=LOSSES[name],
        grow=by_exact_splits(points.X, points.s, PLAN),
        stages=stages,
        seed=seed,
        **settings,
    )


@every_loss
@weighted
def test_eq_4_scores_are_the_start_and_all_trees(name, weighted):
    points = draw(name, weighted)
    X, T, _, F = points
    J = len(T)
    trees, trace = boosted(name, points)
    assert len(trees) == 8 * J
    forest = stack(trees)
    found, staged = scores(forest, X, F), list(staged_scores(forest, X, F))
    assert found.shape == F.shape and len(staged) == 8
    for m in range(8):
        expected = F.copy()
        for b in range((m + 1) * J):
            expected[b % J] += trees[b].value[apply(trees[b], X), 0]
        np.testing.assert_allclose(staged[m], expected, rtol=1e-12)
    np.testing.assert_array_equal(found, staged[-1])
    if name != "huber":  # whose δ changes from stage to stage
        losses = LOSSES[name].value(T, found, 0.9).sum(axis=0)
        np.testing.assert_allclose(trace.loss[-1], mean_loss(LOSSES[name], losses[None], points.s))


@pytest.mark.parametrize("name", ["squared_error", "log_loss", "multinomial", "huber"])
@weighted
def test_eq_6_improvement_is_that_of_the_points_left_out(name, weighted):
    points = draw(name, weighted)
    X, T, s, F = points
    loss = LOSSES[name]
    trees, trace = boosted(name, points, subsample=0.4)
    staged = [F, *staged_scores(stack(trees), X, F)]
    for m in range(8):
        rows = subset(70, 0.4, np.random.default_rng([3, m]))
        out = [n for n in range(70) if n not in rows]
        assert len(rows) == 28 and trees[m * len(T)].points[0] == 28
        a = loss.parameter(T, staged[m], s, 0.9)
        w = np.ones(70) if s is None else s
        losses = [loss.value(T, G, a).sum(axis=0) for G in staged[m : m + 2]]
        before, after = (loss.factor * w[out] @ one[out] / w[out].sum() for one in losses)
        np.testing.assert_allclose(trace.improvement[m], before - after, atol=1e-12)
        np.testing.assert_allclose(trace.out_of_bag[m], after)
        np.testing.assert_allclose(trace.in_bag[m], loss.factor * w[rows] @ losses[1][rows] / w[rows].sum())
        np.testing.assert_allclose(trace.loss[m + 1], loss.factor * w @ losses[1] / w.sum())


def test_eq_7_settled_is_no_lower_than_any_of_the_last():
    assert not has_settled([9.0, 9.0], 1, 0.0)  # the first stage has nothing to be compared with
    assert has_settled([9.0, 5.0, 5.0], 1, 0.0) and not has_settled([9.0, 5.0, 4.9], 1, 0.0)
    assert has_settled([9.0, 5.0, 4.9], 1, 0.2) and has_settled([9.0, 5.0, 4.75], 1, 0.25)
    assert not has_settled([9.0, 6.0, 4.0, 5.0], 2, 0.5) and has_settled([9.0, 6.0, 4.0, 4.0, 5.0], 2, 0.5)
    assert not has_settled([9.0, 5.0, 5.0, 5.0], 4, 0.0)


@pytest.mark.parametrize("patience", [1, 3])
def test_eq_7_ends_the_fit(patience):
    points, held_out = draw("squared_error"), draw("squared_error")
    trees, trace = boosted(
        "squared_error", points, range(500), held_out=held_out, patience=patience, tol=1e-3, learning_rate=0.3
    )
    losses = trace.held_out
    assert len(trees) == len(losses) - 1 < 500
    settled = [has_settled(losses[: m + 1], patience, 1e-3) for m in range(1, len(losses))]
    assert settled[-1] and not any(settled[:-1])
    F = scores(stack(trees), held_out.X, held_out.F)
    np.testing.assert_allclose(losses[-1], np.mean((held_out.T - F) ** 2))


def test_eq_8_importances_by_a_loop_over_nodes():
    points = draw("multinomial")
    trees, _ = boosted("multinomial", points, subsample=0.5)
    total = np.zeros(3)
    for tree in trees:
        for i in np.flatnonzero(tree.left >= 0):
            below = [tree.weight[c] * tree.impurity[c] for c in (tree.left[i], tree.right[i])]
            total[tree.feature[i]] += (tree.weight[i] * tree.impurity[i] - sum(below)) / tree.weight[0]
    np.testing.assert_allclose(importances(stack(trees), 3), total / total.sum())


def test_eq_8_without_splits_nothing_is_important():
    points = draw("squared_error")
    points = points._replace(F=points.T)
    trees, trace = boosted("squared_error", points)
    assert all(len(tree.left) == 1 for tree in trees) and trace.loss == [0] * 9
    np.testing.assert_array_equal(importances(stack(trees), 3), np.zeros(3))


# -- the fit ---------------------------------------------------------------------------------------------------------


@every_loss
def test_the_loss_falls(name):
    points = draw(name)
    _, trace = boosted(name, points, range(60), learning_rate=0.2)
    assert trace.loss[-1] < 0.5 * trace.loss[0]
    if name in ("squared_error", "absolute_error", "quantile"):
        assert (np.diff(trace.loss) <= 1e-12).all()


def test_the_mean_squared_error_is_what_is_reported():
    points = draw("squared_error", weighted=True)
    _, trace = boosted("squared_error", points)
    np.testing.assert_allclose(trace.loss[0], np.average((points.T - points.F)[0] ** 2, weights=points.s))
    assert trace.in_bag == trace.loss[1:] and trace.held_out == trace.out_of_bag == trace.improvement == []


@pytest.mark.parametrize("grower", ["exact", "histogram"])
@pytest.mark.parametrize("subsample", [1.0, 0.6])
@pytest.mark.parametrize("name", ["huber", "multinomial"])
def test_stages_can_be_added_later(name, subsample, grower):
    points = draw(name, weighted=True)
    plan = PLAN._replace(max_features=2)
    grow = (
        by_exact_splits(points.X, points.s, plan) if grower == "exact" else by_histograms(points.X, points.s, plan, 255)
    )

    def run(points, stages):
        return fit(points, loss=LOSSES[name], grow=grow, stages=stages, seed=1, subsample=subsample)

    trees, trace = run(points, range(6))
    first, first_trace = run(points, range(4))
    F = scores(stack(first), points.X, points.F)
    more, more_trace = run(points._replace(F=F), range(4, 6))
    for tree, expected in zip(first + more, trees, strict=True):
        for mine, its in zip(tree, expected):
            np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(first_trace.loss + more_trace.loss[1:], trace.loss)


@pytest.mark.parametrize("ccp_alpha", [0.0, 0.02])
@pytest.mark.parametrize("rows", [None, np.arange(0, 70, 2)], ids=["all", "some"])
@weighted
def test_both_ways_to_grow_agree_with_a_bin_for_each_value(ccp_alpha, rows, weighted):
    points = draw("squared_error", weighted)
    plan = Plan(Limits(max_depth=4, min_weight_leaf=0.05, min_samples_leaf=2), 3, ccp_alpha)
    g = points.T[0]
    exact, fast = by_exact_splits(points.X, points.s, plan), by_histograms(points.X, points.s, plan, 255)
    for grow in (exact, fast, exact, fast):  # nothing is used up
        tree, leaf = grow(g, rows, np.random.default_rng(0))
        np.testing.assert_array_equal(leaf, apply(tree, points.X))
        bag = slice(None) if rows is None else rows
        s = np.ones(70) if points.s is None else points.s
        assert (np.bincount(leaf[bag], s[bag])[tree.left[: leaf.max() + 1] < 0] >= 0.05 * s[bag].sum()).all()
        if grow is exact:
            expected = tree
        else:
            np.testing.assert_array_equal(tree.feature, expected.feature)
            np.testing.assert_array_equal(tree.threshold, expected.threshold)
            np.testing.assert_array_equal(tree.points, expected.points)
    assert len(expected.left) > 5


def test_subsets_are_random_and_without_repetition():
    assert subset(10, 1.0, np.random.default_rng(0)) is None
    drawn = np.array([subset(10, 0.35, np.random.default_rng(m)) for m in range(2000)])
    assert drawn.shape == (2000, 3) and (np.diff(drawn, axis=1) > 0).all()
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / 2000, 0.3, atol=0.05)
    assert subset(2, 0.1, np.random.default_rng(0)).shape == (1,)


def test_reports_and_ends_when_asked():
    points, told = draw("log_loss"), []

    def report(**metrics):
        told.append(metrics["loss"])
        return len(told) == 3

    trees, trace = boosted("log_loss", points, report=report)
    assert len(trees) == 3 and told == trace.loss[1:]


def test_arguments_are_not_written_to():
    points = draw("huber", weighted=True)
    for array in points:
        array.flags.writeable = False
    boosted("huber", points, held_out=points, subsample=0.5)
    fit(points, loss=LOSSES["huber"], grow=by_histograms(points.X, points.s, PLAN, 255), stages=range(2), seed=0)


# -- recovering what the data were drawn from -------------------------------------------------------------------------


def test_recovers_a_function_that_trees_can_draw():
    X = rng.uniform(size=(800, 2))
    f = 3.0 * (X[:, 0] > 0.5) + 2.0 * (X[:, 1] > 0.25)
    model = GradientBoostingRegressor(max_depth=1, learning_rate=0.5, n_estimators=60).fit(X, f)
    new = rng.uniform(size=(200, 2))
    new = new[(np.abs(new - [0.5, 0.25]) > 0.02).all(axis=1)]
    np.testing.assert_allclose(model.predict(new), 3.0 * (new[:, 0] > 0.5) + 2.0 * (new[:, 1] > 0.25), atol=0.02)


def test_recovers_quantiles_and_probabilities():
    X = rng.uniform(-1, 1, (4000, 1))
    y = X[:, 0] + rng.normal(size=4000)
    upper = GradientBoostingRegressor(loss="quantile", alpha=0.9, n_estimators=60, max_depth=2).fit(X, y).predict(X)
    assert abs(np.mean(y <= upper) - 0.9) < 0.02
    p = 1 / (1 + np.exp(-2 * X[:, 0]))
    label = rng.uniform(size=4000) < p
    found = GradientBoostingClassifier(n_estimators=40, max_depth=2).fit(X, label).predict_proba(X)[:, 1]
    assert np.mean(np.abs(found - p)) < 0.05


def test_outliers_move_robust_losses_less():
    X = rng.uniform(size=(300, 1))
    y = np.sin(5 * X[:, 0])
    y[::10] += 100
    off = {
        name: np.abs(
            GradientBoostingRegressor(loss=name, n_estimators=50).fit(X, y).predict(X[1::10]) - y[1::10]
        ).mean()
        for name in ("squared_error", "absolute_error", "huber")
    }
    assert off["absolute_error"] < 0.3 * off["squared_error"] and off["huber"] < 0.5 * off["squared_error"]
