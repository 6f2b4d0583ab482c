"""The estimators of gradient boosting: checks, starts, early stopping, warm starts, stages, odd data."""

import signal
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid import Regressor, clone, hookimpl, listening
from pellucid_trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    boosting_model,
)
from pellucid_trees.boosting_losses import link
from pellucid_trees.boosting_model import hold_out

rng = np.random.default_rng(0)

both_splits = pytest.mark.parametrize("splits", ["exact", "histogram"])
REGRESSION = ["squared_error", "absolute_error", "huber", "quantile"]


def numbers(N=60, D=4):
    X = rng.normal(size=(N, D))
    return X, X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.2 * rng.normal(size=N)


def classes(K=3, N=60):
    X, z = numbers(N)
    return X, np.array(["a", "b", "c", "d"])[np.digitize(z, np.quantile(z, np.linspace(0, 1, K + 1)[1:-1]))]


def model_of(kind, **params):
    """A small model, and data for it."""
    params = {"n_estimators": 6, "random_state": 0} | params
    if kind in REGRESSION:
        return GradientBoostingRegressor(loss=kind, **params), *numbers()
    loss = "exponential" if kind == "exponential" else "log_loss"
    return GradientBoostingClassifier(loss=loss, **params), *classes(3 if kind == "multinomial" else 2)


some_kinds = pytest.mark.parametrize("kind", ["squared_error", "huber", "multinomial"])
every_kind = pytest.mark.parametrize("kind", [*REGRESSION, "log_loss", "multinomial", "exponential"])


def answer(model, X):
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


# -- predictions -----------------------------------------------------------------------------------------------------


@some_kinds
@both_splits
@pytest.mark.parametrize("subsample", [1.0, 0.5])
def test_a_stage_is_what_a_shorter_fit_gives(kind, splits, subsample):
    model, X, y = model_of(kind, splits=splits, subsample=subsample, max_features=2)
    model.fit(X, y)
    staged = list(model.staged_predict(X))
    assert len(staged) == 6
    for m in (1, 4, 6):
        short = clone(model).set_params(n_estimators=m).fit(X, y)
        np.testing.assert_array_equal(staged[m - 1], short.predict(X))
        np.testing.assert_array_equal(short.loss_, model.loss_[: m + 1])
    np.testing.assert_array_equal(staged[-1], model.predict(X))
    if kind not in REGRESSION:
        for name in ("predict_proba", "decision_function"):
            *_, last = getattr(model, f"staged_{name}")(X)
            np.testing.assert_array_equal(last, getattr(model, name)(X))


@every_kind
def test_the_trees_add_up(kind):
    model, X, y = model_of(kind)
    model.fit(X, y)
    trees = model.estimators_
    J = 3 if kind == "multinomial" else 1
    assert trees.shape == (6, J) and isinstance(trees[0, 0], DecisionTreeRegressor) and model.init_.shape == (J,)
    total = np.column_stack([sum(tree.predict(X) for tree in trees[:, j]) + model.init_[j] for j in range(J)])
    np.testing.assert_allclose(answer(model, X).reshape(len(X), -1), total, rtol=1e-12)
    leaves = model.apply(X)
    assert leaves.shape == ((len(X), 6, J) if kind not in REGRESSION else (len(X), 6))
    np.testing.assert_array_equal(leaves.reshape(len(X), 6, J)[:, 3, -1], trees[3, -1].apply(X))


@pytest.mark.parametrize("kind", ["log_loss", "multinomial", "exponential"])
def test_probabilities_are_those_of_the_scores(kind):
    model, X, y = model_of(kind)
    model.fit(X, y)
    P, F = model.predict_proba(X), model.decision_function(X)
    K = model.n_classes_
    assert P.shape == (len(X), K) and F.shape == ((len(X),) if K == 2 else (len(X), K))
    np.testing.assert_allclose(P.sum(axis=1), 1)
    if K == 2:
        np.testing.assert_allclose(np.log(P[:, 1] / P[:, 0]), F * (2 if kind == "exponential" else 1))
    else:
        np.testing.assert_allclose(np.log(P) - np.log(P[:, :1]), F - F[:, :1], atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[P.argmax(axis=1)])
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(P))
    assert model.score(X, y) > 0.75


def test_without_evidence_the_first_class_is_predicted():
    model = GradientBoostingClassifier(n_estimators=2).fit(np.zeros((4, 1)), [0, 1, 0, 1])
    assert model.decision_function([[0.0]]) == 0 and model.predict([[0.0]]) == 0


def test_one_class_for_all_or_for_all_that_counts_is_an_error():
    X = np.arange(4.0)[:, None]
    with pytest.raises(ValueError, match="at least 2 classes.*only one class: \\['a'\\]"):
        GradientBoostingClassifier().fit(X, ["a"] * 4)
    with pytest.raises(ValueError, match="all weight is on one class: \\['a'\\]"):
        GradientBoostingClassifier().fit(X, ["a", "a", "b", "b"], [1, 1, 0, 0])


def test_a_class_without_weight_is_not_there():
    X, y = classes(3)
    model = GradientBoostingClassifier(n_estimators=3).fit(X, y, (y != "b") * 1.0)
    assert model.classes_.tolist() == ["a", "c"]
    expected = GradientBoostingClassifier(n_estimators=3).fit(X[y != "b"], y[y != "b"], np.ones(np.sum(y != "b")))
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_the_exponential_loss_is_for_two_classes():
    X, y = classes(3)
    with pytest.raises(ValueError, match="for two classes, and there are 3"):
        GradientBoostingClassifier(loss="exponential").fit(X, y)


# -- weights ---------------------------------------------------------------------------------------------------------


@every_kind
@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_whole_weights_are_repetitions_and_zero_leaves_out(kind, seed):
    draw = np.random.default_rng(seed)
    model, X, y = model_of(kind, n_estimators=4, splits="exact")
    X, y = X[:50], y[:50]
    times = draw.integers(0, 4, 50)
    times[:9] = 1
    one = clone(model).fit(X, y, times)
    other = clone(model).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(answer(one, X), answer(other, X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.loss_, other.loss_, rtol=1e-9, atol=1e-12)
    kept = times > 0
    for splits in ("exact", "histogram"):
        one = clone(model).set_params(splits=splits, subsample=0.7).fit(X, y, kept * 0.5)
        other = clone(model).set_params(splits=splits, subsample=0.7).fit(X[kept], y[kept], np.full(kept.sum(), 0.5))
        np.testing.assert_array_equal(answer(one, X), answer(other, X))


@some_kinds
@both_splits
def test_weights_of_one_change_nothing_and_their_unit_does_not_matter(kind, splits):
    model, X, y = model_of(kind, splits=splits)
    expected = answer(model.fit(X, y), X)
    for size in (1.0, 7.0, 1e-300, 1e300):
        np.testing.assert_allclose(answer(model.fit(X, y, np.full(len(X), size)), X), expected, rtol=1e-9, atol=1e-9)


# -- splits and steps ------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_histograms_with_a_bin_for_each_value_give_the_exact_trees(kind, gaps, weighted):
    model, X, y = model_of(kind)
    X = np.where(rng.random(X.shape) < gaps, np.nan, X)
    s = rng.uniform(0.5, 2, len(X)) if weighted else None
    exact = clone(model).set_params(splits="exact").fit(X, y, s)
    fast = clone(model).set_params(splits="histogram").fit(X, y, s)
    np.testing.assert_allclose(answer(fast, X), answer(exact, X), rtol=1e-9, atol=1e-9)
    new = rng.normal(size=(500, 4))
    new[::5, 1] = np.nan
    np.testing.assert_allclose(answer(fast, new), answer(exact, new), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fast.loss_, exact.loss_, rtol=1e-9)


def test_histograms_are_the_default_for_many_rows_and_small_trees(monkeypatch):
    used = []
    monkeypatch.setattr(boosting_model, "by_histograms", lambda *a: used.append("histogram") or exact(*a[:3]))
    exact = boosting_model.by_exact_splits
    monkeypatch.setattr(boosting_model, "by_exact_splits", lambda *a: used.append("exact") or exact(*a))
    monkeypatch.setattr(boosting_model, "MANY", 100)
    X, y = numbers(100)
    for params in ({}, {"max_depth": None}, {"max_depth": 11}, {"max_depth": None, "max_leaf_nodes": 8}):
        GradientBoostingRegressor(n_estimators=1, **params).fit(X, y)
    GradientBoostingRegressor(n_estimators=1).fit(X[:99], y[:99])
    GradientBoostingRegressor(n_estimators=1, splits="exact").fit(X, y)
    GradientBoostingRegressor(n_estimators=1, splits="histogram").fit(X[:99], y[:99])
    assert used == ["histogram", "exact", "exact", "histogram", "exact", "exact", "histogram"]


def test_few_bins_are_nearly_as_good():
    X, X_new = rng.normal(size=(2, 800, 2))
    y, y_new = (np.sin(2 * Z[:, 0]) + Z[:, 1] + 0.2 * rng.normal(size=800) for Z in (X, X_new))
    model = GradientBoostingRegressor(n_estimators=30, learning_rate=0.2, splits="histogram")
    score = {B: clone(model).set_params(max_bins=B).fit(X, y).score(X_new, y_new) for B in (4, 32, 255)}
    assert score[4] < score[32] > 0.8 and abs(score[32] - score[255]) < 0.03


@every_kind
def test_constant_steps_learn_too_but_less(kind):
    model, X, y = model_of(kind, n_estimators=30)
    searched, constant = (clone(model).set_params(step_size=step).fit(X, y) for step in ("adaptive", "constant"))
    assert constant.loss_[-1] < 0.97 * constant.loss_[0]
    if kind == "squared_error":
        np.testing.assert_allclose(constant.loss_, searched.loss_)
    elif kind not in ("huber", "absolute_error"):  # there the start is best for half of the points already
        assert searched.loss_[-1] < constant.loss_[-1]


@both_splits
def test_limits_are_kept(splits):
    X, y = numbers(200)
    for params, holds in {
        "max_depth": (2, lambda tree: tree.get_depth() <= 2),
        "max_leaf_nodes": (5, lambda tree: tree.get_n_leaves() <= 5),
        "min_samples_leaf": (15, lambda tree: tree.tree_.points.min() >= 15),
        "min_samples_split": (50, lambda tree: tree.tree_.points[tree.tree_.left >= 0].min() >= 50),
        "min_weight_fraction_leaf": (0.1, lambda tree: tree.tree_.weight.min() >= 20),
    }.items():
        value, keeps = holds
        free, limited = (
            GradientBoostingRegressor(n_estimators=3, splits=splits, **({"max_depth": 8} | one)).fit(X, y)
            for one in ({}, {params: value})
        )
        assert not all(keeps(tree) for tree in free.estimators_.ravel()), params
        assert all(keeps(tree) for tree in limited.estimators_.ravel()), params
    free = GradientBoostingRegressor(n_estimators=3, max_depth=8, splits=splits).fit(X, y)
    for one in ({"min_impurity_decrease": 0.01}, {"ccp_alpha": 0.01}):
        few = GradientBoostingRegressor(n_estimators=3, max_depth=8, splits=splits, **one).fit(X, y)
        assert 3 < len(few.forest_.feature) < len(free.forest_.feature)
    some = GradientBoostingRegressor(n_estimators=30, max_depth=1, max_features=1, random_state=0, splits=splits)
    assert set(some.fit(X, y).forest_.feature) == {-1, 0, 1, 2, 3}


# -- starts ----------------------------------------------------------------------------------------------------------


class Slope(Regressor):
    """A first model that takes no weights."""

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        self.slope_ = X[:, 0] @ y / (X[:, 0] @ X[:, 0])
        return self

    def predict(self, X):
        return self._check_X(X)[:, 0] * self.slope_


def test_boosting_may_start_at_zero_or_where_another_model_is():
    X, y = numbers()
    y = y + 10 * X[:, 0] + 5
    zero = GradientBoostingRegressor(init="zero", n_estimators=1).fit(X, y)
    np.testing.assert_allclose(zero.loss_[0], np.mean(y**2))
    first = Slope()
    model = GradientBoostingRegressor(init=first, n_estimators=5).fit(X, y)
    assert not hasattr(first, "slope_") and model.init_.slope_ > 9
    np.testing.assert_allclose(model.loss_[0], np.mean((y - model.init_.predict(X)) ** 2))
    np.testing.assert_allclose(
        model.predict(X), model.init_.predict(X) + sum(tree.predict(X) for tree in model.estimators_[:, 0])
    )
    with pytest.raises(ValueError, match="Slope does not support sample weights"):
        model.fit(X, y, np.ones(len(X)))
    with pytest.raises(ValueError, match="init must be None, 'zero' or a model with fit and predict, got 'mean'"):
        GradientBoostingRegressor(init="mean").fit(X, y)


@pytest.mark.parametrize("kind", ["log_loss", "multinomial", "exponential"])
def test_classes_may_start_at_the_probabilities_of_another_model(kind):
    model, X, y = model_of(kind, init=DecisionTreeClassifier(max_depth=2))
    s = rng.uniform(0.5, 2, len(X))
    model.fit(X, y, s)
    P = model.init_.predict_proba(X)
    np.testing.assert_array_equal(P, DecisionTreeClassifier(max_depth=2).fit(X, y, s).predict_proba(X))
    F = link(P.T) / (2 if kind == "exponential" else 1)
    total = F + np.array([[sum(tree.predict(X) for tree in column)] for column in model.estimators_.T])[:, 0]
    np.testing.assert_allclose(answer(model, X).reshape(len(X), -1).T, total, rtol=1e-10)
    with pytest.raises(ValueError, match="a model with fit and predict_proba, got Slope"):
        GradientBoostingClassifier(init=Slope()).fit(X, y)


# -- early stopping and warm starts ----------------------------------------------------------------------------------


@some_kinds
@both_splits
def test_the_fit_ends_when_rows_held_out_are_predicted_no_better(kind, splits):
    model, X, y = model_of(kind, n_estimators=400, n_iter_no_change=3, learning_rate=0.5, splits=splits)
    model.fit(X, y)
    assert model.n_estimators_ < 400
    assert len(model.loss_) == len(model.validation_loss_) == model.n_estimators_ + 1
    losses, factor = model.validation_loss_[1:], 1e-4
    assert losses[-1] + factor >= losses[-4:-1].max()
    assert all(losses[m] + factor < losses[m - 3 : m].max() for m in range(3, len(losses) - 1))
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.validation_loss_, model.validation_loss_)


def test_the_rows_held_out_are_not_fitted():
    X, y = numbers(200)
    model = GradientBoostingRegressor(n_iter_no_change=50, n_estimators=50, max_depth=None, learning_rate=1.0)
    model.set_params(random_state=1, validation_fraction=0.25).fit(X, y)
    exact = np.isclose(model.predict(X), y)
    assert np.count_nonzero(~exact) == 50
    np.testing.assert_allclose(model.validation_loss_[-1], np.mean((model.predict(X) - y)[~exact] ** 2))
    assert model.loss_[-1] < 1e-20


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 4), st.sampled_from([0.01, 0.1, 0.3, 0.9]))
def test_every_class_gives_its_share_to_be_held_out_and_keeps_a_row(seed, N, K, fraction):
    draw = np.random.default_rng(seed)
    labels = np.unique(draw.integers(0, K, N), return_inverse=True)[1]
    held = hold_out(labels, fraction, draw)
    size, given = np.bincount(labels), np.bincount(labels[held], minlength=labels.max() + 1)
    assert (given < size).all()
    wanted = int(np.ceil(fraction * N))
    assert held.sum() == min(wanted, (size - 1).sum())
    if (size * (1 - fraction) > 2).all():
        assert (np.abs(given - fraction * size) <= 2).all()


@both_splits
def test_scores_that_grow_without_end_say_so(splits):
    X, y = numbers()
    make = {"learning_rate": 1e9, "n_estimators": 50, "splits": splits}
    with pytest.raises(ValueError, match="learning_rate=1000000000.0 they grow"), np.errstate(invalid="raise"):
        GradientBoostingRegressor(**make).fit(X, y)
    with pytest.raises(ValueError, match="The scores overflow"), np.errstate(invalid="raise"):
        GradientBoostingClassifier(loss="exponential", **make | {"learning_rate": 1e3}).fit(X, y > X[:, 3])
    model = GradientBoostingRegressor(n_estimators=3, warm_start=True, splits=splits).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="The scores overflow"):
        model.set_params(**make).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


@both_splits
def test_a_share_of_the_rows_is_one_of_those_that_are_fitted(splits):
    X, y = numbers(60)
    model = GradientBoostingRegressor(n_estimators=1, min_samples_leaf=0.5, n_iter_no_change=1, splits=splits)
    assert model.fit(X, y).estimators_[0, 0].tree_.points.tolist() == [54, 27, 27]


def test_every_row_may_be_held_out():
    held = np.mean([hold_out(np.zeros(20, int), 0.25, np.random.default_rng(seed)) for seed in range(2000)], axis=0)
    np.testing.assert_allclose(held, 0.25, atol=0.04)


def test_nothing_can_be_held_out_of_one_row():
    with pytest.raises(ValueError, match="n_iter_no_change=2 needs rows to hold out.*there are 1 rows"):
        GradientBoostingRegressor(n_iter_no_change=2).fit([[1.0]], [1.0])


@some_kinds
@both_splits
@pytest.mark.parametrize("subsample", [1.0, 0.5])
@pytest.mark.parametrize("early", [None, 100])
def test_a_warm_start_goes_on_where_the_fit_ended(kind, splits, subsample, early):
    model, X, y = model_of(kind, splits=splits, subsample=subsample, n_iter_no_change=early, max_features=2)
    at_once = clone(model).fit(X, y)
    model.set_params(warm_start=True, n_estimators=3).fit(X, y)
    seen = model.predict(X)
    model.set_params(n_estimators=6).fit(X, y)
    assert model.n_estimators_ == 6
    np.testing.assert_array_equal(list(model.staged_predict(X))[2], seen)
    np.testing.assert_array_equal(answer(model, X), answer(at_once, X))
    for name in ("loss_", "train_score_", "validation_loss_", "oob_scores_", "oob_improvement_", "oob_score_"):
        assert hasattr(model, name) == hasattr(at_once, name)
        if hasattr(model, name):
            np.testing.assert_allclose(getattr(model, name), getattr(at_once, name), rtol=1e-12)
    assert hasattr(model, "oob_scores_") == (subsample < 1) and hasattr(model, "validation_loss_") == (early == 100)


def test_a_warm_start_with_another_learning_rate_leaves_the_old_trees_alone():
    X, y = numbers()
    model = GradientBoostingRegressor(n_estimators=4, warm_start=True).fit(X, y)
    before = model.predict(X)
    model.set_params(n_estimators=5, learning_rate=0.0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_warm_start_needs_more_stages_and_the_same_kind_of_data():
    X, y = classes(3)
    model = GradientBoostingClassifier(n_estimators=3, warm_start=True).fit(X, y)
    expected = model.predict_proba(X)
    with pytest.warns(UserWarning, match="There are 3 stages already.*Raise n_estimators"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="n_estimators=2 must be at least the 3"):
        model.set_params(n_estimators=2).fit(X, y)
    model.set_params(n_estimators=5)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.fit(X[:, :3], y)
    with pytest.raises(ValueError, match="adds trees for the classes \\['a', 'b', 'c'\\], but y has \\['a', 'b'\\]"):
        model.fit(X[y != "c"], y[y != "c"])
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert len(list(model.fit(X, y).staged_predict(X))) == 5
    regressor = GradientBoostingRegressor(n_estimators=3, warm_start=True).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="X has 3 features"):
        regressor.set_params(n_estimators=4).fit(X[:, :3], X[:, 0])


def test_without_warm_start_the_old_trees_are_forgotten():
    X, y = numbers()
    model = GradientBoostingRegressor(n_estimators=3, subsample=0.5).fit(X, y)
    model.set_params(subsample=1.0).fit(X, y)
    assert model.n_estimators_ == 3 and not hasattr(model, "oob_scores_")


# -- watching --------------------------------------------------------------------------------------------------------


class Watcher:
    def __init__(self, stop_after=None):
        self.told, self.stop_after = [], stop_after

    @hookimpl
    def pellucid_fit_step(self, run):
        self.told.append(dict(run.metrics))
        self.total = run.total
        if run.n_steps == self.stop_after:
            run.stop("seen enough")


def test_listeners_see_every_loss_and_may_end_the_fit():
    model, X, y = model_of("log_loss")
    with listening(Watcher()) as watcher:
        model.fit(X, y)
    assert [metrics["loss"] for metrics in watcher.told] == model.loss_[1:].tolist() and watcher.total == 6
    with listening(Watcher(stop_after=3)):
        assert model.fit(X, y).n_estimators_ == 3
    with listening(Watcher()) as watcher:
        model.set_params(n_iter_no_change=50).fit(X, y)
    assert [metrics["validation_loss"] for metrics in watcher.told] == model.validation_loss_[1:].tolist()


def test_after_ctrl_c_the_model_keeps_its_trees(recwarn):
    X, y = numbers()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C

    class Impatient:
        @hookimpl
        def pellucid_fit_step(self, run):
            if run.n_steps == 2:
                signal.raise_signal(signal.SIGINT)

    try:
        with listening(Impatient()):
            model = GradientBoostingRegressor().fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.n_estimators_ == 2 and model.score(X, y) > 0.1
    assert len(recwarn) == 1 and "stopped by Ctrl-C" in str(recwarn[0].message)


@every_kind
def test_saved_models_say_the_same(kind, tmp_path):
    model, X, y = model_of(kind, init=DecisionTreeClassifier(max_depth=1) if kind == "multinomial" else None)
    model.set_params(subsample=0.5, warm_start=True).fit(X, y)
    loaded = pellucid.load(pellucid.save(model, tmp_path / "model"))
    np.testing.assert_array_equal(answer(loaded, X), answer(model, X))
    np.testing.assert_array_equal(loaded.estimators_[-1, -1].tree_.threshold, model.estimators_[-1, -1].tree_.threshold)
    for one in (model, loaded):
        one.set_params(n_estimators=10).fit(X, y)
    np.testing.assert_array_equal(answer(loaded, X), answer(model, X))


# -- odd data --------------------------------------------------------------------------------------------------------


@both_splits
def test_points_that_are_all_alike(splits):
    make = {"n_estimators": 3, "splits": splits}
    model = GradientBoostingRegressor(**make).fit(np.ones((5, 2)), [1.0, 2, 3, 4, 5])
    np.testing.assert_allclose(model.predict(np.zeros((2, 2))), 3)
    assert not model.feature_importances_.any()
    model = GradientBoostingRegressor(**make).fit(rng.normal(size=(5, 2)), np.full(5, 7.5))
    np.testing.assert_array_equal(model.predict(np.zeros((2, 2))), 7.5)
    assert model.loss_.tolist() == [0] * 4
    one = GradientBoostingRegressor(**make).fit([[1.0]], [2.0])
    assert one.predict([[5.0]]).tolist() == [2]
    model = GradientBoostingClassifier(**make).fit(np.ones((4, 1)), [0, 0, 0, 1])  # equal rows, other labels
    np.testing.assert_allclose(model.predict_proba([[1.0]]), [[0.75, 0.25]])


@both_splits
@some_kinds
def test_missing_values_go_where_they_belong(kind, splits):
    model, X, y = model_of(kind, splits=splits)
    X = X.copy()
    gone = y > np.median(y) if kind in REGRESSION else y == np.unique(y)[-1]
    X[gone, 3] = np.nan
    model.set_params(max_depth=2, n_estimators=20).fit(X, y)
    assert model.feature_importances_.argmax() == 3
    assert np.isfinite(np.asarray(answer(model, np.full((2, 4), np.nan)))).all()
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.where(np.isnan(X), np.inf, X), y)


@both_splits
@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("size", [1e-150, 1e150, 1e300])
def test_targets_of_any_size(splits, loss, size):
    X, y = numbers()
    expected = GradientBoostingRegressor(loss=loss, n_estimators=5, splits=splits).fit(X, y).predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GradientBoostingRegressor(loss=loss, n_estimators=5, splits=splits).fit(X, y * size)
    np.testing.assert_allclose(model.predict(X) / size, expected, rtol=1e-6, atol=1e-9)


@some_kinds
def test_targets_and_weights_keep_their_digits_beside_float32_features(kind):
    model, X, y = model_of(kind)
    X32, s = X.astype(np.float32), np.random.default_rng(1).uniform(size=len(X))
    if kind in REGRESSION:
        y = 1.7e9 + np.round(100 * y)  # as seconds are, of which float32 keeps every 128th
    one, other = clone(model).fit(X32, y, s), clone(model).fit(X32.astype(np.float64), y, s)
    np.testing.assert_array_equal(answer(one, X32), answer(other, X32))
    np.testing.assert_array_equal(one.loss_, other.loss_)


def test_the_weights_of_the_trees_nodes_are_those_of_their_points():
    X, y = numbers()
    s = np.random.default_rng(1).uniform(size=len(X)) * 1e5
    tree = GradientBoostingRegressor(n_estimators=1).fit(X, y, s).estimators_[0, 0].tree_
    np.testing.assert_allclose(tree.weight[0], s.sum())


@both_splits
def test_features_of_any_size_and_type(splits, tmp_path):
    X, y = numbers()
    model = GradientBoostingRegressor(n_estimators=5, splits=splits)
    expected = model.fit(X, y).predict(X)
    for data in (X * 2.0**900, np.asfortranarray(X), X.tolist(), np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_array_equal(clone(model).fit(data, y).predict(data), expected)
    X32 = X.astype(np.float32)
    np.testing.assert_allclose(clone(model).fit(X32, y).predict(X32), expected, atol=1e-5)
    np.save(tmp_path / "X.npy", X)
    np.testing.assert_array_equal(clone(model).fit(np.load(tmp_path / "X.npy", mmap_mode="r"), y).predict(X), expected)
    with pytest.warns(Warning, match="column-vector"):
        np.testing.assert_array_equal(clone(model).fit(X, y[:, None]).predict(X), expected)


@pytest.mark.parametrize(("splits", "most"), [("exact", 3.0), ("histogram", 1.5)])
def test_a_fit_needs_little_memory(splits, most):
    X, y = numbers(20_000, 20)
    model = GradientBoostingRegressor(n_estimators=1, max_depth=4, splits=splits).fit(X[:9], y[:9])  # imports are done
    tracemalloc.start()
    model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * X.nbytes


@pytest.mark.parametrize(
    "params, message",
    [
        ({"learning_rate": -1}, "learning_rate must be a finite number of 0 or more"),
        ({"learning_rate": np.nan}, "learning_rate must be a finite number of 0 or more, such as 0.1, got nan"),
        ({"n_estimators": 0}, "n_estimators must be a whole number of 1 or more, such as 100, got 0"),
        ({"n_estimators": 2.5}, "n_estimators must be"),
        ({"n_estimators": True}, "n_estimators must be"),
        ({"subsample": 0.0}, "subsample must be more than 0 and at most 1"),
        ({"subsample": 1.5}, "subsample must be"),
        ({"alpha": 1.0}, "alpha must be between 0 and 1"),
        ({"validation_fraction": 0.0}, "validation_fraction must be between 0 and 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be None or a whole number of 1 or more"),
        ({"tol": -1e-9}, "tol must be 0 or more"),
        ({"ccp_alpha": -1.0}, "ccp_alpha must be 0 or more"),
        ({"max_bins": 256}, "max_bins must be a whole number from 2 to 255, such as 255, got 256"),
        ({"max_bins": 1}, "max_bins must be"),
        ({"splits": "best"}, "splits must be 'auto', 'exact' or 'histogram', got 'best'"),
        ({"step_size": "line search"}, "step_size must be 'adaptive' or 'constant', got 'line search'"),
        ({"loss": "log_loss"}, "loss must be 'squared_error', .* got 'log_loss'"),
        ({"max_depth": 0}, "max_depth must be"),
        ({"max_features": "all"}, "max_features must be"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    with pytest.raises(ValueError, match=message):
        GradientBoostingRegressor(**params).fit([[0.0], [1.0]], [0.0, 1.0])
    if params == {"loss": "log_loss"}:
        with pytest.raises(ValueError, match="loss must be 'log_loss' or 'exponential', got 'huber'"):
            GradientBoostingClassifier(loss="huber").fit([[0.0], [1.0]], [0, 1])


def test_seeds():
    X, y = numbers()
    model = GradientBoostingRegressor(n_estimators=5, subsample=0.5)
    by = {seed: clone(model).set_params(random_state=seed).fit(X, y).predict(X) for seed in (0, 1)}
    np.testing.assert_array_equal(clone(model).set_params(random_state=0).fit(X, y).predict(X), by[0])
    assert np.abs(by[0] - by[1]).max() > 1e-3
    one, other = (clone(model).set_params(random_state=np.random.default_rng(5)).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    exact = [GradientBoostingRegressor(n_estimators=5, random_state=seed).fit(X, y).predict(X) for seed in (0, 1)]
    np.testing.assert_array_equal(*exact)  # nothing is random here
