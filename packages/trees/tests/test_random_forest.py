"""The oracle is the definition: chances that are known, one tree and one point after the other, the reader's tree."""

import pickle
import warnings

import numpy as np
import pytest

from pellucid import hookimpl, listening
from pellucid_trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    decision_tree,
    forest_model,
    forest_prediction,
    level_wise,
    many_trees,
    random_forest,
)
from pellucid_trees.forest_model import accuracy, balance, n_samples, r_squared
from pellucid_trees.random_forest import bootstrap, importances
from pellucid_trees.tree import apply

FORESTS = (RandomForestClassifier, RandomForestRegressor)


def problem(kind=RandomForestClassifier, seed=0, N=80, D=4, gaps=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    z = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=N)
    if gaps:
        X[rng.random((N, D)) < 0.1] = np.nan
    return X, np.digitize(z, [-0.7, 0.5]) if kind is RandomForestClassifier else z


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# -- bootstrap samples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_draws", [1, 7, 30])
@pytest.mark.parametrize("weighted", [False, True])
def test_eq_1_points_are_drawn_in_proportion_to_their_weight(n_draws, weighted):
    weights = np.array([0.0, 1, 2, 3, 4])
    p = weights / 10 if weighted else np.full(5, 0.2)
    rng = np.random.default_rng(1)
    counts = np.array([bootstrap(weights if weighted else None, 5, n_draws, rng=rng) for _ in range(2000)])
    assert np.all(counts.sum(axis=1) == n_draws) and counts.shape == (2000, 5)
    deviation = np.sqrt(n_draws * p * (1 - p) / 2000)
    assert np.all(np.abs(counts.mean(axis=0) - n_draws * p) <= 5 * deviation)
    never = (1 - p) ** n_draws  # binomial, not only in its mean
    assert np.all(np.abs((counts == 0).mean(axis=0) - never) <= 5 * np.sqrt(never * (1 - never) / 2000))


def test_draws_of_a_sample():
    weights = np.array([0.0, 2, 0, 5, 1])
    assert [n_samples(None, 5, w) for w in (None, weights)] == [5, 3]
    assert [n_samples(12, 5, w) for w in (None, weights)] == [12, 12]
    assert [n_samples(0.5, 5, w) for w in (None, weights)] == [2, 4]
    assert n_samples(1e-9, 5, None) == 1
    for wrong in (0, -1, 0.0, -0.5, np.nan, np.inf, True, "half"):
        with pytest.raises(ValueError, match="max_samples must be None"):
            n_samples(wrong, 5, None)


def test_classes_weigh_alike_in_a_balanced_sample():
    y, counts = np.array([0, 0, 1, 3, 3, 3]), np.array([1.0, 3, 2, 0, 1, 0])
    weights = counts * balance(y, counts)
    np.testing.assert_allclose(np.bincount(y, weights), [7 / 3, 7 / 3, 0, 7 / 3])
    np.testing.assert_allclose(weights[1], 3 * weights[0])


# -- the driver ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_eq_1_2_the_estimators_grow_what_the_driver_grows_from_readers_trees(kind, weighted, monkeypatch):
    """Where every node looks at all features in their order, the same seeds make the same forest."""
    X, y = problem(kind, N=25, D=3)
    classes = kind is RandomForestClassifier
    weights = np.random.default_rng(5).uniform(0, 2, 25) if weighted else None
    monkeypatch.setattr(many_trees, "shuffled", lambda u, D: np.tile(np.arange(D), (len(u), 1)))
    model = kind(4, max_features=None, random_state=0).fit(X, y, weights)

    class Seeded:  # spawns the generators of the model's trees
        def spawn(self, n):
            return [np.random.default_rng(seed) for seed in model.seeds_]

    def grow(X, Y, counts, rng):
        return decision_tree.grow(X, Y, counts, criterion="gini" if classes else "squared_error")

    Y = np.eye(3)[y] if classes else y[:, None]
    trees, counts = random_forest.fit(X, Y, weights, n_trees=4, n_draws=25, grow=grow, rng=Seeded())
    assert np.all(counts.sum(axis=1) == 25) and len({tuple(count) for count in counts.tolist()}) == 4
    for b, tree in enumerate(trees):
        found = forest_prediction.tree(model.forest_, b)
        assert np.array_equal(found.feature, tree.feature) and np.array_equal(found.points, tree.points)
        np.testing.assert_allclose(found.value, tree.value, atol=1e-12)
    new, _ = problem(kind, 1, D=3)
    mean = random_forest.predict(trees, new)
    np.testing.assert_allclose(answers(model, new), mean if classes else mean[:, 0], atol=1e-12)


def test_eq_2_mean_of_the_trees():
    X, y = problem()
    model = RandomForestClassifier(7, random_state=0).fit(X, y)
    trees = model.estimators_
    shares = sum(tree.predict_proba(X) for tree in trees) / 7
    np.testing.assert_allclose(model.predict_proba(X), shares, rtol=1e-12)
    np.testing.assert_allclose(random_forest.predict([tree.tree_ for tree in trees], X), shares, rtol=1e-12)
    assert np.array_equal(model.predict(X), model.classes_[shares.argmax(axis=1)])


def test_driver_hands_each_tree_its_generator():
    X, y = problem()

    def grow(X, y, counts, rng):
        return level_wise.grow(X, y, counts, n_classes=3, criterion="gini", max_features=1, rng=rng)

    first, second = (
        random_forest.fit(X, y, n_trees=3, n_draws=80, grow=grow, rng=np.random.default_rng(0)) for _ in range(2)
    )
    assert np.array_equal(first[1], second[1])
    assert all(np.array_equal(a.feature, b.feature) for a, b in zip(first[0], second[0]))
    assert len({tuple(tree.feature.tolist()) for tree in first[0]}) == 3


# -- out of bag ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("gaps", [False, True])
def test_eq_3_trees_that_have_not_drawn_a_point_predict_it(kind, gaps):
    X, y = problem(kind, gaps=gaps)
    with pytest.warns(UserWarning, match="points are in every sample"):
        model = kind(3, oob_score=True, random_state=0).fit(np.asfortranarray(X), y)
    counts = [bootstrap(None, 80, 80, rng=np.random.default_rng(seed)) for seed in model.seeds_]
    found = model.oob_decision_function_ if kind is RandomForestClassifier else model.oob_prediction_[:, None]
    for n in range(80):
        values = [
            tree.tree_.value[apply(tree.tree_, X[n : n + 1])[0]]
            for tree, count in zip(model.estimators_, counts)
            if not count[n]
        ]
        expected = np.mean(values, axis=0) if values else np.full(found.shape[1], np.nan)
        np.testing.assert_allclose(found[n], expected, rtol=1e-12)
    there = ~np.isnan(found[:, 0])
    assert 5 < there.sum() < 80
    if kind is RandomForestClassifier:
        assert model.oob_score_ == np.mean(found[there].argmax(axis=1) == y[there])
    else:
        residual = ((y - found[:, 0])[there] ** 2).sum()
        np.testing.assert_allclose(model.oob_score_, 1 - residual / ((y[there] - y[there].mean()) ** 2).sum())


@pytest.mark.parametrize("kind", FORESTS)
def test_eq_3_is_close_to_the_score_on_new_data(kind):
    """On average over data sets; of the points that were fitted far more is right."""
    out, new, fitted = [], [], []
    for seed in range(8):
        X, y = problem(kind, seed, N=300)
        model = kind(40, oob_score=True, random_state=0).fit(X, y)
        out.append(model.oob_score_)
        new.append(model.score(*problem(kind, seed + 100, N=1000)))
        fitted.append(model.score(X, y))
    error = np.std(np.subtract(out, new)) / np.sqrt(8)
    assert error < 0.02 and abs(np.mean(out) - np.mean(new)) < 0.01 + 3 * error < 0.1 < np.mean(fitted) - np.mean(out)


def test_eq_3_is_scored_as_asked():
    X, y = problem()
    labels = np.array(["a", "b", "c"])[y]
    model = RandomForestClassifier(30, oob_score=lambda y, p: np.sum(y != p), random_state=0).fit(X, labels)
    wrong = model.classes_[model.oob_decision_function_.argmax(axis=1)] != labels
    assert model.oob_score_ == wrong.sum() > 0
    Y = np.column_stack([problem(RandomForestRegressor)[1], np.arange(80.0)])
    model = RandomForestRegressor(30, oob_score=lambda y, p: (y - p)[:, 1].max(), random_state=0).fit(X, Y)
    assert model.oob_prediction_.shape == (80, 2) and model.oob_score_ == (Y - model.oob_prediction_)[:, 1].max()


def test_eq_3_points_without_weight_are_not_scored():
    X, y = problem()
    weights = np.ones(80)
    weights[:40] = 0
    y = np.where(weights > 0, X[:, 0] > 0, X[:, 0] < 0).astype(int)  # the others say the opposite
    model = RandomForestClassifier(50, oob_score=True, random_state=0).fit(X, y, weights)
    assert model.oob_score_ > 0.8
    assert np.mean(model.oob_decision_function_[:40].argmax(axis=1) == y[:40]) < 0.2


def test_scores_agree_with_those_of_the_estimators():
    y, p = np.array([[1.0, 5], [2, 5], [4, 5]]), np.array([[1.0, 5], [3, 5], [3, 5]])

    class Fixed(RandomForestRegressor):
        def predict(self, X):
            return p

    np.testing.assert_allclose(r_squared(y, p), Fixed().score(None, y))
    np.testing.assert_allclose(r_squared(y, p + [0, 1]), np.mean([1 - 2 / (14 / 3), 0]))
    assert np.isnan(r_squared(y[:1], p[:1])) and np.isnan(accuracy(y[:0], p[:0]))
    assert accuracy(np.array(["a", "b"]), np.array(["a", "c"])) == 0.5


# -- importance ------------------------------------------------------------------------------------------------------


def test_eq_4_shares_of_the_decrease_of_impurity():
    X, y = problem(RandomForestRegressor)
    y[::2] = 0
    model = RandomForestRegressor(9, max_depth=4, random_state=0).fit(X, y)
    shares = []
    for tree in (model.tree_ for model in model.estimators_):
        decrease = np.zeros(4)
        for node in np.flatnonzero(tree.left >= 0):
            for i, sign in ((node, 1), (tree.left[node], -1), (tree.right[node], -1)):
                decrease[tree.feature[node]] += sign * tree.weight[i] * tree.impurity[i]
        shares.append(decrease / decrease.sum())
    np.testing.assert_allclose(model.feature_importances_, np.mean(shares, axis=0), rtol=1e-10)
    np.testing.assert_allclose(model.feature_importances_.sum(), 1)


def test_eq_4_trees_without_questions_have_no_say():
    X, y = problem()
    leaf = level_wise.grow(X, np.zeros(80, int), n_classes=3, criterion="gini")
    grown = level_wise.grow(X, y, n_classes=3, criterion="gini")
    np.testing.assert_allclose(importances([leaf, grown, leaf], 4), decision_tree.importances(grown, 4))
    assert importances([leaf, leaf], 4).tolist() == [0] * 4
    model = RandomForestClassifier(3).fit(X, np.zeros(80))
    assert model.feature_importances_.tolist() == [0] * 4


# -- chance ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(forest_model, "DRAWS", 240)  # three trees of 80 points


@pytest.mark.parametrize("kind", FORESTS)
def test_a_batch_does_not_need_more_memory_than_a_few_trees(kind, monkeypatch):
    """Whatever the size of the samples, a batch holds no more than NUMBERS numbers."""
    X, y = problem(kind)
    sizes = []

    def grow_batch(plan, seeds):
        sizes.append(len(seeds))
        return list(forest_model_grow(plan, seeds))

    forest_model_grow = forest_model.grow_batch
    monkeypatch.setattr(forest_model, "grow_batch", grow_batch)
    monkeypatch.setattr(forest_model, "NUMBERS", 400)
    for params, expected in (
        ({"max_samples": 2, "max_features": 1}, [5, 5]),  # 80 rows each
        ({"max_samples": 66, "max_features": 3}, [2] * 5),
        ({"max_features": 4}, [1] * 10),
    ):
        kind(10, random_state=0, **params).fit(X, y)
        assert sizes == expected
        sizes.clear()


@pytest.mark.parametrize("kind", FORESTS)
def test_trees_do_not_depend_on_how_they_are_put_into_batches(kind, monkeypatch):
    X, y = problem(kind)
    expected = kind(7, random_state=3).fit(X, y)
    for name, number in (("DRAWS", 240), ("DRAWS", 1), ("NUMBERS", 500)):
        with monkeypatch.context() as patch:
            patch.setattr(forest_model, name, number)
            found = kind(7, random_state=3).fit(X, y)
        assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(found.forest_, expected.forest_))


@pytest.mark.parametrize("kind", FORESTS)
def test_trees_do_not_depend_on_where_they_grow(kind, small_batches, monkeypatch):
    """In other processes things arrive as copies, and in any order."""
    X, y = problem(kind)
    expected = answers(kind(10, random_state=3).fit(X, y), X)
    asked = []

    def elsewhere(function, items, n_jobs, report):
        asked.append(n_jobs)
        items = list(items)
        results = {i: pickle.loads(pickle.dumps(function))(items[i]) for i in reversed(range(len(items)))}
        for _ in items:
            report()
        return [results[i] for i in range(len(items))]

    monkeypatch.setattr(forest_model, "map_tasks", elsewhere)
    assert np.array_equal(answers(kind(10, random_state=3, n_jobs=4).fit(X, y), X), expected) and asked == [4]


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("state", [0, "generator"])
@pytest.mark.filterwarnings("ignore:.* are in every sample")
def test_warm_start_is_one_long_fit(kind, state, small_batches):
    X, y = problem(kind)
    state = [np.random.default_rng(4) for _ in range(2)] if state == "generator" else [state, state]
    long = kind(11, random_state=state[0], oob_score=True).fit(X, y)
    short = kind(4, random_state=state[1], warm_start=True).fit(X, y)
    short.set_params(n_estimators=9).fit(X, y)
    short.set_params(n_estimators=11, oob_score=True).fit(X, y)
    assert np.array_equal(short.seeds_, long.seeds_) and len(short.estimators_) == 11
    assert np.array_equal(answers(short, X), answers(long, X)) and short.oob_score_ == long.oob_score_
    with pytest.warns(UserWarning, match="There are 11 trees already"):
        again = short.fit(X, y)
    assert again is short and short.oob_score_ == long.oob_score_


def test_warm_start_refuses_other_data_and_fewer_trees():
    X, y = problem()
    model = RandomForestClassifier(4, warm_start=True, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    for other, labels, words in ((X[:, :3], y, "columns"), (X, np.minimum(y, 1), "classes"), (X, y + 1, "classes")):
        with pytest.raises(ValueError, match=f"the {words} of the data"):
            model.set_params(n_estimators=6).fit(other, labels)
        assert np.array_equal(model.predict_proba(X), before) and model.n_features_in_ == 4
    numbers = RandomForestRegressor(2, warm_start=True).fit(X, X[:, 0])
    for Y in (X[:, :2], X):
        with pytest.raises(ValueError, match=f"the targets of the data are {Y.shape[1]}, and they were 1"):
            numbers.set_params(n_estimators=4).fit(X, Y)
        assert numbers.predict(X).shape == (80,)
    with pytest.raises(ValueError, match="n_estimators=3 must be at least the 4 trees"):
        model.set_params(n_estimators=3).fit(X, y)
    assert np.array_equal(model.predict_proba(X), before)
    fresh = model.set_params(n_estimators=3, warm_start=False).fit(X[:, :3], y + 5)
    assert fresh.classes_.tolist() == [5, 6, 7] and len(fresh.seeds_) == 3


class Stop:
    def __init__(self, at):
        self.at, self.heard, self.total = at, [], None

    @hookimpl
    def pellucid_fit_start(self, run):
        self.total = run.total
        if self.at == 0:
            run.stop("before the first")

    @hookimpl
    def pellucid_fit_step(self, run):
        self.heard.append(run.metrics["trees"])
        if run.n_steps == self.at:
            run.stop("enough")


@pytest.mark.parametrize("at, trees", [(0, [3]), (1, [3]), (2, [3, 6]), (9, [3, 6, 9, 10])])
def test_a_fit_that_is_stopped_keeps_its_trees_and_can_go_on(at, trees, small_batches):
    X, y = problem()
    listener = Stop(at)
    model = RandomForestClassifier(10, random_state=0, warm_start=True, oob_score=at > 1)
    with listening(listener), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, y)
    assert listener.heard == trees and listener.total == 4
    assert len(model.estimators_) == trees[-1] == len(model.seeds_)
    if trees[-1] < 10:
        model.fit(X, y)
    assert np.array_equal(model.predict_proba(X), RandomForestClassifier(10, random_state=0).fit(X, y).predict_proba(X))


def test_steps_of_a_warm_start_count_all_trees(small_batches):
    X, y = problem()
    model = RandomForestClassifier(2, random_state=0, warm_start=True).fit(X, y)
    with listening(Stop(9)) as listener:
        model.set_params(n_estimators=9).fit(X, y)
    assert listener.heard == [5, 8, 9] and listener.total == 3


# -- weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORESTS)
def test_weight_0_is_as_good_as_left_out(kind):
    X, y = problem(kind)
    weights = np.random.default_rng(0).uniform(0, 2, 80) * (np.arange(80) % 3 > 0)
    there = weights > 0
    with_them = kind(10, random_state=0).fit(X, y, weights)
    without = kind(10, random_state=0).fit(X[there], y[there], weights[there])
    np.testing.assert_allclose(answers(with_them, X), answers(without, X), rtol=1e-12)


@pytest.mark.parametrize("kind", FORESTS)
def test_whole_weights_are_repeated_rows(kind):
    X, y = problem(kind, N=40)
    times = np.arange(40) % 4
    weighted = kind(10, random_state=0, max_samples=50).fit(X, y, times)
    repeated = kind(10, random_state=0, max_samples=50).fit(
        np.repeat(X, times, axis=0), np.repeat(y, times), np.ones(times.sum())
    )
    np.testing.assert_allclose(answers(weighted, X), answers(repeated, X), rtol=1e-12)


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("bootstrap", [True, False])
def test_the_unit_of_the_weights_does_not_matter(kind, bootstrap):
    X, y = problem(kind)
    weights = np.random.default_rng(0).uniform(0.1, 2, 80)
    one, huge = (
        kind(5, random_state=0, bootstrap=bootstrap, min_weight_fraction_leaf=0.02).fit(X, y, weights * unit)
        for unit in (1, 2.0**1000)
    )
    assert np.array_equal(answers(one, X), answers(huge, X))


def test_class_weights_are_chances_too():
    X, y = problem()
    by_hand = RandomForestClassifier(10, random_state=0).fit(X, y, np.array([1.0, 5.0, 0.5])[y])
    by_label = RandomForestClassifier(10, random_state=0, class_weight={0: 1.0, 1: 5.0, 2: 0.5}).fit(X, y)
    assert np.array_equal(by_hand.predict_proba(X), by_label.predict_proba(X))
    balanced = RandomForestClassifier(10, random_state=0, class_weight="balanced").fit(X, y)
    weights = (80 / 3 / np.bincount(y))[y]
    assert np.array_equal(
        balanced.predict_proba(X), RandomForestClassifier(10, random_state=0).fit(X, y, weights).predict_proba(X)
    )


def test_balanced_subsample_makes_classes_weigh_alike_in_every_tree():
    X, y = problem()
    y = (np.arange(80) < 8).astype(int)
    for weights in (None, np.linspace(1, 2, 80)):
        model = RandomForestClassifier(12, random_state=0, class_weight="balanced_subsample").fit(X, y, weights)
        for tree in model.estimators_:
            np.testing.assert_allclose(tree.tree_.value[0], [0.5, 0.5])
            np.testing.assert_allclose(tree.tree_.weight[0], 80)
    drawn = RandomForestClassifier(12, random_state=0).fit(X, y)
    assert all(tree.tree_.value[0, 1] < 0.3 for tree in drawn.estimators_)
    all_points = {"bootstrap": False, "random_state": 0}
    by_sample = RandomForestClassifier(5, class_weight="balanced_subsample", **all_points).fit(X, y)
    balanced = RandomForestClassifier(5, class_weight="balanced", **all_points).fit(X, y)
    assert np.array_equal(by_sample.predict_proba(X), balanced.predict_proba(X))


# -- parameters and answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORESTS)
def test_limits_reach_the_trees(kind):
    X, y = problem(kind)

    def trees(**limits):
        model = kind(5, random_state=0, **limits).fit(X, y)
        return [tree.tree_ for tree in model.estimators_]

    assert all(np.all(tree.points[tree.left < 0] >= 6) for tree in trees(min_samples_leaf=6))
    assert all(np.all(tree.points[tree.left >= 0] >= 20) for tree in trees(min_samples_split=0.25))
    assert all(np.all(tree.weight >= 8) for tree in trees(min_weight_fraction_leaf=0.1))
    assert all(np.all(tree.weight >= 4) for tree in trees(min_weight_fraction_leaf=0.1, max_samples=40))
    assert all(len(tree.feature) <= 7 for tree in trees(max_depth=2))
    assert all(np.count_nonzero(tree.left < 0) == 5 for tree in trees(max_leaf_nodes=5))
    assert sum(len(t.feature) for t in trees(min_impurity_decrease=0.05)) < sum(len(t.feature) for t in trees()) / 2
    pruned, whole = trees(ccp_alpha=0.02), trees()
    assert all(len(a.feature) <= len(b.feature) for a, b in zip(pruned, whole))
    assert sum(len(tree.feature) for tree in pruned) < sum(len(tree.feature) for tree in whole) * 0.8
    assert all(tree.weight[0] == 33 for tree in trees(max_samples=33))
    assert all(tree.weight[0] == 40 for tree in trees(max_samples=0.5))
    assert all(np.all(tree.points[0] == 80) for tree in trees(bootstrap=False))


@pytest.mark.parametrize(
    "kind, criterion", [(RandomForestClassifier, "entropy"), (RandomForestRegressor, "absolute_error")]
)
def test_criterion_reaches_the_trees(kind, criterion):
    X, y = problem(kind)
    model = kind(2, criterion=criterion, random_state=0).fit(X, y)
    tree = model.estimators_[0]
    counts = bootstrap(None, 80, 80, rng=np.random.default_rng(model.seeds_[0])).astype(float)
    alone = type(tree)(criterion=criterion, max_depth=1).fit(X, y, counts)
    np.testing.assert_allclose(tree.tree_.impurity[0], alone.tree_.impurity[0])
    np.testing.assert_allclose(tree.tree_.value[0], alone.tree_.value[0])


def test_constraints_reach_the_trees():
    X, y = problem(RandomForestRegressor, N=200)
    grid = np.zeros((50, 4))
    grid[:, 2] = np.linspace(-2, 2, 50)
    free = RandomForestRegressor(10, random_state=0).fit(X, y).predict(grid)
    rising = RandomForestRegressor(10, random_state=0, monotonic_cst=[0, 0, 1, 0]).fit(X, y).predict(grid)
    assert np.all(np.diff(rising) >= 0) and np.any(np.diff(free) < 0) and rising[-1] > rising[0] + 1
    with pytest.raises(ValueError, match="multiclass"):
        RandomForestClassifier(3, monotonic_cst=[0, 0, 1, 0]).fit(X, np.arange(200) % 3)


@pytest.mark.parametrize("kind, tree_kind", [*zip(FORESTS, (DecisionTreeClassifier, DecisionTreeRegressor))])
def test_trees_can_be_asked_one_by_one(kind, tree_kind):
    X, y = problem(kind, gaps=True)
    model = kind(4, max_depth=3, random_state=0).fit(X, y)
    trees = model.estimators_
    assert [type(tree) for tree in trees] == [tree_kind] * 4
    assert all(tree.max_depth == 3 and tree.splitter == "best" for tree in trees)
    assert [tree.random_state for tree in trees] == model.seeds_.tolist()
    leaves = model.apply(X)
    assert np.array_equal(leaves, np.column_stack([tree.apply(X) for tree in trees]))
    passes, begins = model.decision_path(X)
    assert begins.tolist() == [0, *np.cumsum([len(tree.tree_.feature) for tree in trees])]
    for b, tree in enumerate(trees):
        assert np.array_equal(passes[:, begins[b] : begins[b + 1]], tree.decision_path(X))
    begins[:] = 0
    assert model.decision_path(X)[1][-1] > 0  # the caller's is a copy
    mean = np.mean([answers(tree, X) for tree in trees], axis=0)
    np.testing.assert_allclose(answers(model, X), mean, rtol=1e-12)


def test_column_names_reach_the_trees():
    class Frame:
        columns = ["a", "b", "c", "d"]

        def __init__(self, X):
            self.X = X

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.X, dtype)

    X, y = problem()
    model = RandomForestClassifier(2, random_state=0).fit(Frame(X), y)
    assert "c ≤" in model.estimators_[0].export_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.apply(Frame(X)), model.decision_path(Frame(X))


def test_several_targets_and_columns():
    X, y = problem(RandomForestRegressor)
    Y = np.column_stack([y, -y])
    both = RandomForestRegressor(10, random_state=0).fit(X, Y).predict(X)
    assert both.shape == (80, 2)
    np.testing.assert_allclose(both[:, 0], -both[:, 1])
    assert RandomForestRegressor(3, random_state=0).fit(X, y[:, None]).predict(X).shape == (80, 1)


def test_missing_values_are_learnt_from():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    X[(y == 1) & (rng.random(300) < 0.8), 1] = np.nan
    model = RandomForestClassifier(30, random_state=0, oob_score=True).fit(X, y)
    assert model.oob_score_ > 0.8
    assert model.predict([[0, np.nan, 0]])[0] == 1 and model.predict_proba([[0, 0.1, 0]])[0, 0] > 0.5


def test_log_probabilities():
    X, y = problem()
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    log_p = model.predict_log_proba(X)
    assert np.isneginf(log_p).any() and model.n_classes_ == 3
    np.testing.assert_allclose(np.exp(log_p), model.predict_proba(X))


# -- edges -----------------------------------------------------------------------------------------------------------


def test_one_row_one_class_constant_columns():
    assert RandomForestRegressor(3).fit([[1.0]], [2.0]).predict([[5.0]]) == [2]
    assert RandomForestClassifier(3).fit([[1.0], [2.0]], ["a", "a"]).predict([[9.0]]) == ["a"]
    same = RandomForestClassifier(200, random_state=0).fit(np.ones((4, 2)), [0, 0, 0, 1])
    assert len(same.forest_.feature) == 200
    assert abs(same.predict_proba([[0, 0]])[0, 1] - 0.25) < 0.1


@pytest.mark.parametrize("kind", FORESTS)
def test_targets_and_weights_keep_their_digits_beside_float32_features(kind):
    X, y = problem(kind)
    X32, weights = X.astype(np.float32), np.random.default_rng(1).uniform(size=80)
    if kind is RandomForestRegressor:
        y = 1.7e9 + np.round(100 * y)  # as seconds are, of which float32 keeps every 128th
    for drawn in (True, False):
        model = kind(5, bootstrap=drawn, random_state=0)
        found = answers(model.fit(X32, y, weights), X32)
        assert np.array_equal(found, answers(model.fit(X32.astype(np.float64), y, weights), X32))


def test_huge_and_tiny_numbers():
    X, y = problem(RandomForestRegressor)
    plain = RandomForestRegressor(5, random_state=0).fit(X, y).predict(X)
    for unit in (2.0**1000, 2.0**-1000):
        found = RandomForestRegressor(5, random_state=0).fit(X * unit, y * unit).predict(X * unit)
        np.testing.assert_allclose(found / unit, plain, rtol=1e-12)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_estimators": 0}, "n_estimators must be a whole number of 1 or more, got 0"),
        ({"n_estimators": 2.5}, "n_estimators must be a whole number"),
        ({"criterion": "poisson"}, "criterion must be one of 'gini'"),
        ({"ccp_alpha": -1}, "ccp_alpha must be 0 or more, got -1"),
        ({"bootstrap": False, "oob_score": True}, "oob_score=True needs bootstrap=True"),
        ({"bootstrap": False, "max_samples": 3}, "max_samples=3 needs bootstrap=True"),
        ({"max_samples": 0}, "max_samples must be None"),
        ({"max_features": "all"}, "max_features must be"),
        ({"min_samples_leaf": 0}, "min_samples_leaf must be"),
        ({"class_weight": "even"}, "class_weight must be"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, "class_weight={0: 0, 1: 0, 2: 0} leaves no point any weight"),
        ({"monotonic_cst": [1]}, "monotonic_cst has shape"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    X, y = problem()
    with pytest.raises(ValueError, match=message):
        RandomForestClassifier(**params).fit(X, y)
