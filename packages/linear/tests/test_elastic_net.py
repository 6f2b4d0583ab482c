"""The oracle is the definition: losses by loops, slopes that vanish, and rows that stand for weights."""

import math
import signal
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid import ConvergenceWarning, hookimpl, listening
from pellucid_linear import ElasticNet, LinearRegression, Ridge, active_set
from pellucid_linear.elastic_net import alpha_max, closed_form, fit, loss, prices
from pellucid_linear.linear_regression import Params

rng = np.random.default_rng(0)


def draw(seed=0, N=40, D=8, T=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + rng.normal(size=D)
    Y = X[:, :3] @ rng.normal(size=(min(D, 3), T)) * 2 + rng.normal(size=(N, T)) + 4
    return X, Y, rng.uniform(0.5, 3, N)


def by_loops(X, y, s, w, b, alpha, l1_ratio):
    """L of one target."""
    total = 0.0
    for x, target, weight in zip(X, y, s):
        total += 0.5 * weight / sum(s) * (sum(a * c for a, c in zip(w, x)) + b - target) ** 2
    for v in w:
        total += alpha * l1_ratio * abs(v) + 0.5 * alpha * (1 - l1_ratio) * v * v
    return total


def check_minimum(X, y, s, w, b, alpha, l1_ratio, tol=1e-9, fit_intercept=True, positive=False):
    """∂L/∂b = 0, and −∂(L − λ‖w‖₁)/∂wⱼ is λ sign wⱼ where wⱼ is not 0, and at most λ in size where it is."""
    share = s / s.sum()
    r = y - X @ w - b
    v = (share * r) @ X - alpha * (1 - l1_ratio) * w
    size = tol * (1 + np.abs(X).max()) * (1 + np.abs(y).max())
    if fit_intercept:
        assert abs(share @ r) <= size
    else:
        assert b == 0
    np.testing.assert_allclose(v[w != 0], alpha * l1_ratio * np.sign(w[w != 0]), atol=size)
    assert np.all((v if positive else np.abs(v))[w == 0] <= alpha * l1_ratio + size)


# -- the equations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_eq_1_2_loss_by_loops(l1_ratio):
    X, Y, s = draw()
    w, b = np.array([[1.0, -2, 0, 0, 3, 0, 0, 1], [0.0, 0, 1, 1, 0, -4, 0, 0]]), np.array([2.0, -1.0])
    found = loss(X, Y, s / s.sum(), Params(w, b), *prices(0.7, l1_ratio))
    expected = [by_loops(X, Y[:, t], s, w[t], b[t], 0.7, l1_ratio) for t in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.2, 0.5, 1.0])
def test_eq_1_2_4_nothing_is_left_to_gain_at_the_minimum(l1_ratio, fit_intercept):
    X, Y, s = draw()
    (coef, intercept), traces = fit(X, Y, s, alpha=0.3, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=0)
    for t in range(2):
        check_minimum(X, Y[:, t], s, coef[t], intercept[t], 0.3, l1_ratio, 1e-12, fit_intercept)
        assert traces[t].converged and coef[t].any() and not (fit_intercept and coef[t].all())
        at_the_end = by_loops(X, Y[:, t], s, coef[t], intercept[t], 0.3, l1_ratio)
        np.testing.assert_allclose(traces[t].losses[-1], at_the_end, rtol=1e-11)
        y = Y[:, t] - (np.average(Y[:, t], weights=s) if fit_intercept else 0)
        np.testing.assert_allclose(traces[t].losses[0], 0.5 * np.average(y**2, weights=s), rtol=1e-11)


def test_eq_2_alpha_times_l1_ratio_is_on_absolute_values():
    """For one standardised column by hand: w = S(c, αρ) / (1 + α(1 − ρ))."""
    x, y = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([-3.0, 1.0, -1.0, 3.0])  # c = 2
    for alpha, l1_ratio in ((1.0, 0.5), (0.5, 1.0), (2.0, 0.25), (1.0, 0.0)):
        (coef, _), _ = fit(x, y[:, None], alpha=alpha, l1_ratio=l1_ratio)
        np.testing.assert_allclose(coef, [[(2 - alpha * l1_ratio) / (1 + alpha * (1 - l1_ratio))]], rtol=1e-12)


def test_the_sign_of_the_price_is_right():
    """A higher price never makes weights larger: of numpy-ml's models with a price, one subtracts it."""
    X, Y, s = draw()
    for l1_ratio in (0.0, 0.4, 1.0):
        sizes = []
        for alpha in (0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3):
            (coef, _), _ = fit(X, Y[:, :1], s, alpha=alpha, l1_ratio=l1_ratio)
            sizes.append(l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) * 0.5 * (coef**2).sum())
        assert np.all(np.diff(sizes) <= 1e-12) and sizes[-1] < 0.01 * sizes[0]
        assert l1_ratio == 0 or sizes[-1] == 0


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("l1_ratio", [0.1, 0.3, 0.7, 1.0])
def test_eq_3_from_alpha_max_on_all_weights_are_exactly_zero(l1_ratio, positive):
    for seed in range(30):
        X, Y, s = draw(seed)
        data = active_set.prepare(X, Y[:, :1], s, fit_intercept=True).targets[0]
        highest = alpha_max(data, l1_ratio, positive=positive)
        share, centred = s / s.sum(), Y[:, 0] - np.average(Y[:, 0], weights=s)
        slopes = (share * centred) @ X
        np.testing.assert_allclose(highest, (slopes if positive else np.abs(slopes)).max() / l1_ratio, rtol=1e-12)
        for alpha in (highest, 1.001 * highest, 1e9 * highest):
            (coef, intercept), _ = fit(X, Y[:, :1], s, alpha=alpha, l1_ratio=l1_ratio, positive=positive)
            assert not coef.any()
            np.testing.assert_allclose(intercept, np.average(Y[:, 0], weights=s), rtol=1e-12)
        (coef, _), _ = fit(X, Y[:, :1], s, alpha=0.999 * highest, l1_ratio=l1_ratio, positive=positive)
        assert coef.any()


def test_eq_3_where_nothing_can_be_gained_it_is_zero():
    X, Y, _ = draw()
    data = active_set.prepare(X, np.ones((40, 1)), None, fit_intercept=True).targets[0]
    assert alpha_max(data, 0.5) == 0
    falling = active_set.prepare(X[:, :1], -X[:, :1], None, fit_intercept=True).targets[0]
    assert alpha_max(falling, 1.0, positive=True) == 0 < alpha_max(falling, 1.0)


def test_eq_3_rounding_does_not_let_a_weight_in():
    """α_max times ρ, rounded, is never below the largest slope."""
    X, Y, _ = draw(5)
    data = active_set.prepare(X, Y[:, :1], None, fit_intercept=True).targets[0]
    for l1_ratio in np.random.default_rng(0).uniform(0.01, 1, 300).tolist():
        assert alpha_max(data, l1_ratio) * l1_ratio >= np.abs(data.c).max()
        assert alpha_max(data, l1_ratio) * l1_ratio <= np.abs(data.c).max() * (1 + 1e-15)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_5_without_a_price_on_absolute_values_it_is_ridge(fit_intercept):
    X, Y, s = draw()
    for mu in (0.0, 0.8):
        params, traces = fit(X, Y, s, alpha=mu, l1_ratio=0.0, fit_intercept=fit_intercept)
        again, _ = closed_form(X, Y, s, mu, fit_intercept=fit_intercept)
        np.testing.assert_array_equal(again.coef, params.coef)
        for t in range(2):
            check_minimum(X, Y[:, t], s, params.coef[t], params.intercept[t], mu, 0.0, 1e-12, fit_intercept)
            assert traces[t].gap == 0 and traces[t].converged and len(traces[t].losses) == 2
            start = np.average(Y[:, t], weights=s) if fit_intercept else 0.0
            np.testing.assert_allclose(traces[t].losses[0], 0.5 * np.average((Y[:, t] - start) ** 2, weights=s))
            at_the_end = by_loops(X, Y[:, t], s, params.coef[t], params.intercept[t], mu, 0.0)
            np.testing.assert_allclose(traces[t].losses[1], at_the_end, rtol=1e-12)
    unweighted, _ = fit(X, Y, alpha=0.8, l1_ratio=0.0)
    np.testing.assert_allclose(unweighted.coef, Ridge(0.8 * 40).fit(X, Y).coef_, rtol=1e-12)


def test_least_squares_of_collinear_columns_is_that_of_linear_regression():
    X, Y, s = draw()
    X[:, 1] = X[:, 0]
    for model in (ElasticNet(0), ElasticNet(0, l1_ratio=1.0)):
        np.testing.assert_allclose(model.fit(X, Y, s).coef_, LinearRegression().fit(X, Y, s).coef_, rtol=1e-9)


# -- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 40),
    st.integers(1, 50),
    st.floats(-4, 0.1),
    st.sampled_from([1.0, 0.8, 0.2]),
    st.booleans(),
    st.booleans(),
)
def test_nothing_is_left_to_gain_for_any_data_and_weights(seed, N, D, log_alpha, l1_ratio, fit_intercept, positive):
    X, Y, s = draw(seed, N, D, 1)
    s = s * np.random.default_rng(seed).integers(0, 3, N) + 1e-3
    (coef, intercept), traces = fit(
        X, Y, s, alpha=10**log_alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, positive=positive, tol=0
    )
    assert traces[0].converged and traces[0].gap <= 1e-10
    assert not positive or np.all(coef >= 0)
    alpha = 10**log_alpha
    check_minimum(X, Y[:, 0], s, coef[0], intercept[0], alpha, l1_ratio, 1e-9, fit_intercept, positive)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("N, D", [(40, 8), (20, 30)])
def test_integer_weights_are_repeated_rows_and_zeros_are_absent_ones(N, D, l1_ratio):
    X, Y, _ = draw(3, N, D)
    times = np.random.default_rng(3).integers(0, 4, N)
    weighted, _ = fit(X, Y, times.astype(float), alpha=0.2, l1_ratio=l1_ratio, tol=0)
    repeated, _ = fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), alpha=0.2, l1_ratio=l1_ratio, tol=0)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-11)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, atol=1e-11)


def test_all_weights_doubled_change_nothing():
    X, Y, s = draw(4)
    one, other = fit(X, Y, s, alpha=0.2)[0], fit(X, Y, 2 * s, alpha=0.2)[0]
    np.testing.assert_allclose(one.coef, other.coef, atol=1e-13)


def test_moving_the_data_moves_only_the_intercept():
    X, Y, s = draw(5)
    X = np.round(X * 2**20) / 2**20
    here, there = fit(X, Y, s, alpha=0.2)[0], fit(X + 1e6, Y - 3, s, alpha=0.2)[0]
    np.testing.assert_allclose(there.coef, here.coef, atol=1e-8)
    moved = (X + 1e6) @ there.coef.T + there.intercept + 3
    np.testing.assert_allclose(moved, X @ here.coef.T + here.intercept, atol=1e-6)


def test_each_target_is_fitted_alone():
    X, Y, s = draw(6, T=3)
    together, traces = fit(X, Y, s, alpha=0.2)
    for t in range(3):
        alone, trace = fit(X, Y[:, [t]], s, alpha=0.2)
        np.testing.assert_allclose(together.coef[t], alone.coef[0], atol=1e-13)
        assert len(trace) == 1 and len(traces) == 3


def test_of_equal_columns_squares_make_both_count_and_absolute_values_need_one():
    X, Y, s = draw(7)
    X[:, 1] = X[:, 0]
    net = fit(X, Y, s, alpha=0.1, l1_ratio=0.5, tol=0)[0].coef
    np.testing.assert_allclose(net[:, 0], net[:, 1], atol=1e-10)
    lasso, single = (
        fit(X, Y, s, alpha=0.1, l1_ratio=1.0, tol=0)[0],
        fit(X[:, 1:], Y, s, alpha=0.1, l1_ratio=1.0, tol=0)[0],
    )
    np.testing.assert_allclose(lasso.coef[:, 0] + lasso.coef[:, 1], single.coef[:, 0], atol=1e-10)


def test_constant_columns_have_no_weight():
    X, Y, s = draw(8)
    X[:, 3] = 1e8 / 3
    for model in (ElasticNet(0.1), ElasticNet(0.1, positive=True), ElasticNet(0.1, l1_ratio=0.01)):
        coef = model.fit(X, Y, s).coef_
        assert not coef[:, 3].any() and coef.any()
    assert not ElasticNet(0.1).fit(np.full((5, 2), 0.1), np.arange(5.0)).coef_.any()
    constant = ElasticNet(0.1).fit(X, np.full(40, 7.0))
    assert constant.intercept_ == 7 and not constant.coef_.any() and constant.dual_gap_ == 0


def test_recovers_the_features_that_made_the_data():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(400, 200))
    truth = np.zeros(200)
    truth[[3, 50, 199]] = 3.0, -2.0, 1.0
    model = ElasticNet(0.15, l1_ratio=0.95).fit(X, X @ truth + 0.5 * rng.normal(size=400))
    assert np.flatnonzero(model.coef_).tolist() == [3, 50, 199]
    assert np.abs(model.coef_ - truth).max() < 0.4


# -- the class -------------------------------------------------------------------------------------------------------


def test_class_for_one_and_for_several_targets():
    X, Y, s = draw(10)
    one, both, column = (ElasticNet(0.2).fit(X, y, s) for y in (Y[:, 0], Y, Y[:, :1]))
    assert one.coef_.shape == (8,) and both.coef_.shape == (2, 8) and column.coef_.shape == (1, 8)
    assert np.shape(one.intercept_) == () and both.intercept_.shape == (2,)
    np.testing.assert_allclose(one.coef_, both.coef_[0], atol=1e-13)
    np.testing.assert_allclose(both.predict(X), X @ both.coef_.T + both.intercept_, rtol=1e-12)
    assert one.predict(X).shape == (40,) and column.predict(X).shape == (40, 1)
    assert isinstance(one.n_iter_, int) and len(one.loss_) == one.n_iter_ + 1
    assert len(both.n_iter_) == len(both.loss_) == 2 and both.dual_gap_.shape == (2,)
    assert max(one.dual_gap_, *both.dual_gap_) <= 1e-10 * np.var(Y)
    assert ElasticNet(0.2, fit_intercept=False).fit(X, Y[:, 0]).intercept_ == 0


def test_random_selection_is_repeatable_and_leads_to_the_same():
    X, Y, s = draw(11, D=30)
    plain = ElasticNet(0.05).fit(X, Y, s)
    for seed in (0, 1, np.random.default_rng(2)):
        other = ElasticNet(0.05, selection="random", random_state=seed).fit(X, Y, s)
        np.testing.assert_allclose(other.coef_, plain.coef_, atol=1e-11)
    again = ElasticNet(0.05, selection="random", random_state=0).fit(X, Y, s)
    np.testing.assert_array_equal(again.coef_, ElasticNet(0.05, selection="random", random_state=0).fit(X, Y, s).coef_)


@pytest.mark.parametrize("T", [1, 2])
def test_warm_start_equals_cold_start(T):
    X, Y, s = draw(12, D=30)
    y = Y[:, 0] if T == 1 else Y
    model = ElasticNet(1.0, warm_start=True, tol=0)
    for alpha in (1.0, 0.3, 0.1, 0.01, 0.5):
        warm = model.set_params(alpha=alpha).fit(X, y, s)
        cold = ElasticNet(alpha, tol=0).fit(X, y, s)
        np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-11)
        np.testing.assert_allclose(warm.intercept_, cold.intercept_, atol=1e-10)
    n_iter = model.fit(X, y, s).n_iter_
    assert n_iter == (1 if T == 1 else [1, 1])
    first = np.atleast_1d(model.loss_[0] if T == 1 else model.loss_[0][0])
    np.testing.assert_allclose(first, np.atleast_1d(cold.loss_[-1] if T == 1 else cold.loss_[0][-1]), rtol=1e-10)
    positive = model.set_params(positive=True).fit(X, y, s)
    np.testing.assert_allclose(positive.coef_, ElasticNet(0.5, positive=True, tol=0).fit(X, y, s).coef_, atol=1e-11)


def test_warm_start_for_other_columns_is_refused_and_forgets():
    X, Y, _ = draw(13)
    model = ElasticNet(0.1, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"have shape \(2, 8\) .*but these data need \(2, 5\).*warm_start=False"):
        model.fit(X[:, :5], Y)
    with pytest.raises(pellucid.NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"alpha": -1}, "alpha must be a number, finite and 0 or more, got -1"),
        ({"alpha": math.nan}, "alpha must be a number, finite"),
        ({"alpha": math.inf}, "alpha must be a number, finite"),
        ({"l1_ratio": 1.1}, "l1_ratio must be a number from 0 to 1, got 1.1"),
        ({"l1_ratio": -0.1}, "l1_ratio must be a number from 0 to 1"),
        ({"l1_ratio": math.nan}, "l1_ratio must be a number from 0 to 1"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"tol": -1}, "tol must be a number of 0 or more, got 1000 and -1"),
        ({"selection": "best"}, "'cyclic' or 'random', got 'best'"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    with pytest.raises(ValueError, match=message):
        ElasticNet(**params).fit([[0.0], [1.0]], [0.0, 1.0])


def test_too_few_rounds_are_a_warning_and_enough_are_none(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    X, Y, _ = draw(14, D=30)
    with pytest.warns(
        ConvergenceWarning, match="max_iter=2 rounds: the loss may be above its minimum by .*Raise max_iter"
    ):
        model = ElasticNet(1e-3, max_iter=2).fit(X, Y[:, 0])
    assert model.n_iter_ == 2 and model.dual_gap_ > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for params in ({}, {"tol": 0}, {"alpha": 0}, {"l1_ratio": 0}, {"alpha": 1e9}):
            ElasticNet(**{"alpha": 1e-3, **params}).fit(X, Y[:, 0])


class Watcher:
    def __init__(self, stop_after=None):
        self.losses, self.gaps, self.snapshots, self.stop_after = [], [], [], stop_after

    @hookimpl
    def pellucid_fit_step(self, run):
        self.losses.append(run.metrics["loss"])
        self.gaps.append(run.metrics["dual_gap"])
        self.snapshots.append(run.snapshot())
        if run.n_steps == self.stop_after:
            run.stop("seen enough")


def test_listeners_see_every_round_and_may_end_the_fit(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 2)
    X, Y, s = draw(15, D=30)
    with listening(Watcher()) as watcher:
        model = ElasticNet(0.01).fit(X, Y, s)
    np.testing.assert_array_equal(watcher.losses, [*model.loss_[0][1:], *model.loss_[1][1:]])
    assert watcher.gaps[-1] == model.dual_gap_[1] and len(watcher.losses) == sum(model.n_iter_) > 4
    with listening(Watcher(stop_after=2)), warnings.catch_warnings():
        warnings.simplefilter("error")
        short = ElasticNet(0.01).fit(X, Y, s)
    assert short.n_iter_ == [2, 0] and short.coef_[0].any() and not short.coef_[1].any()
    with listening(Watcher()) as watcher:
        ElasticNet(0).fit(X, Y, s)
    assert len(watcher.losses) == 1 and watcher.gaps == [0]


def test_a_snapshot_is_the_model_after_that_round(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 2)
    X, Y, s = draw(15, D=30)
    for y in (Y[:, 0], Y):
        with listening(Watcher()) as watcher:
            model = ElasticNet(0.01).fit(X, y, s)
        for snapshot, value in zip(watcher.snapshots, watcher.losses):
            assert snapshot is not model
            last = snapshot.loss_ if y.ndim == 1 else snapshot.loss_[-1]
            assert last[-1] == value
        np.testing.assert_array_equal(watcher.snapshots[-1].predict(X), model.predict(X))
        assert np.abs(watcher.snapshots[0].predict(X) - model.predict(X)).max() > 1e-3


def test_after_ctrl_c_the_model_keeps_its_best(monkeypatch, recwarn):
    monkeypatch.setattr(active_set, "AT_ONCE", 2)
    X, Y, _ = draw(15, D=30)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C

    class Impatient:
        @hookimpl
        def pellucid_fit_step(self, run):
            if run.n_steps == 2:
                signal.raise_signal(signal.SIGINT)

    try:
        with listening(Impatient()):
            model = ElasticNet(0.01).fit(X, Y[:, 0])
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.n_iter_ == 2 and model.score(X, Y[:, 0]) > 0.3
    assert len(recwarn) == 1 and "stopped by Ctrl-C" in str(recwarn[0].message)


def test_float32_stays_float32_and_is_as_precise_as_it_can_be():
    X, Y, s = draw(16)
    X32, Y32, s32 = X.astype(np.float32), Y.astype(np.float32), s.astype(np.float32)
    exact = ElasticNet(0.2).fit(X32.astype(np.float64), Y32.astype(np.float64), s32.astype(np.float64))
    model = ElasticNet(0.2).fit(X32, Y32, s32)
    assert model.coef_.dtype == model.intercept_.dtype == model.predict(X32).dtype == np.float32
    np.testing.assert_allclose(model.coef_, exact.coef_, rtol=1e-6)


@pytest.mark.parametrize("D", [8, 60])
def test_arguments_are_left_alone_and_any_order_of_entries_will_do(D):
    X, Y, s = draw(17, D=D)
    expected = ElasticNet(0.2).fit(X, Y, s).coef_
    for a in (X, Y, s):
        a.flags.writeable = False
    for data in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.tolist()):
        np.testing.assert_allclose(ElasticNet(0.2).fit(data, Y, s).coef_, expected, atol=1e-12)


def test_memory_mapped_rows(tmp_path):
    X, Y, s = draw(18)
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", dtype=np.float64, mode="r", shape=X.shape)
    np.testing.assert_array_equal(ElasticNet(0.2).fit(mapped, Y, s).coef_, ElasticNet(0.2).fit(X, Y, s).coef_)


def test_huge_entries_are_an_error_and_tiny_ones_have_no_weight():
    X, Y, _ = draw(19)
    with pytest.raises(ValueError, match="squares of the data overflow"):
        ElasticNet().fit(X * 1e200, Y)
    assert not ElasticNet().fit(X * 1e-200, Y).coef_.any()
    big = ElasticNet(1e100, l1_ratio=1.0).fit(X * 1e100, Y).coef_ * 1e100
    np.testing.assert_allclose(big, ElasticNet(1.0, l1_ratio=1.0).fit(X, Y).coef_, rtol=1e-9)
