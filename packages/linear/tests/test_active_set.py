"""The oracle is the definition: losses by loops, conditions at the minimum, the dual problem, and sums beside rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear import active_set
from pellucid_linear.active_set import Rows, Sums, duality_gap, fit, joined, look, prepare


def draw(seed=0, N=30, D=6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + rng.normal(size=D)
    return X, X[:, :2] @ [3.0, -2.0] + rng.normal(size=N) + 5, rng.uniform(0.5, 3, N)


def both(X, y, weights=None, fit_intercept=True):
    """The same data, as rows and as sums."""
    few = active_set.FEW_COLUMNS
    try:
        active_set.FEW_COLUMNS = 0
        rows = prepare(X, y[:, None], weights, fit_intercept=fit_intercept).targets[0]
        active_set.FEW_COLUMNS = 10**9
        sums = prepare(X, y[:, None], weights, fit_intercept=fit_intercept).targets[0]
    finally:
        active_set.FEW_COLUMNS = few
    assert isinstance(rows, Rows) and (isinstance(sums, Sums) or len(X) < X.shape[1])
    return rows, sums


def centred(X, y, weights=None):
    """√sₙ (xₙ − x̄) and √sₙ (yₙ − ȳ) by their definition."""
    s = np.ones(len(X)) / len(X) if weights is None else weights / weights.sum()
    root = np.sqrt(s)
    return root[:, None] * (X - np.average(X, axis=0, weights=s)), root * (y - np.average(y, weights=s))


# -- the data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_eq_6_rows_and_sums_hold_the_same(weighted, fit_intercept):
    X, y, weights = draw()
    weights = weights if weighted else None
    Xc, yc = centred(X, y, weights)
    if not fit_intercept:
        root = np.sqrt(np.ones(30) / 30 if weights is None else weights / weights.sum())
        Xc, yc = root[:, None] * X, root * y
    w = np.array([1.0, 0.0, -2.0, 0.0, 0.5, 0.0])
    r = yc - Xc @ w
    for data in both(X, y, weights, fit_intercept):
        np.testing.assert_allclose(data.c, Xc.T @ yc, rtol=1e-11)
        np.testing.assert_allclose(data.unit, np.linalg.norm(Xc, axis=0), rtol=1e-12)
        np.testing.assert_allclose(data.energy, yc @ yc, rtol=1e-12)
        np.testing.assert_allclose(data.gram(np.array([1, 4])), Xc[:, [1, 4]].T @ Xc[:, [1, 4]], rtol=1e-11)
        products, r2 = data.residual(w)
        np.testing.assert_allclose(products, Xc.T @ r, rtol=1e-9)
        np.testing.assert_allclose(r2, r @ r, rtol=1e-10)
        np.testing.assert_array_equal(data.residual(np.zeros(6))[0], data.c)


def test_eq_6_what_is_left_is_never_negative():
    X, _, _ = draw()
    y = X @ np.arange(6.0)
    for data in both(X, y):
        assert 0 <= data.residual(np.arange(6.0))[1] < 1e-12


def test_means_are_those_of_the_weighted_data():
    X, y, weights = draw()
    for n_columns in (0, 10**9):
        data = prepare(X[:, : max(1, min(6, n_columns))], np.column_stack([y, -y]), weights, fit_intercept=True)
        np.testing.assert_allclose(data.x_mean, np.average(X, axis=0, weights=weights)[: len(data.x_mean)], rtol=1e-12)
        np.testing.assert_allclose(data.y_mean, np.average(y, weights=weights) * np.array([1, -1]), rtol=1e-12)
        assert len(data.targets) == 2
        np.testing.assert_allclose(data.targets[0].c, -data.targets[1].c, rtol=1e-12)
    nothing = prepare(X, y[:, None], weights, fit_intercept=False)
    assert not nothing.x_mean.any() and not nothing.y_mean.any()


def test_sums_are_taken_where_columns_are_few_or_fits_are_many(monkeypatch):
    X, y, _ = draw()

    def kind(n_fits=1, T=1, rows=30):
        return type(
            prepare(X[:rows], np.column_stack([y[:rows]] * T), None, fit_intercept=True, n_fits=n_fits).targets[0]
        )

    assert kind() is Sums
    assert kind(rows=6) is Sums and kind(rows=5) is Rows
    monkeypatch.setattr(active_set, "FEW_COLUMNS", 5)
    assert kind() is Rows and kind(n_fits=2) is Sums and kind(T=2) is Sums
    monkeypatch.setattr(active_set, "LARGEST_COPY", 179)
    assert kind() is Sums
    monkeypatch.setattr(active_set, "LARGEST_COPY", 180)
    assert kind() is Rows
    assert kind(n_fits=100, rows=5) is Rows


def test_sums_that_would_be_imprecise_are_not_used():
    """Sums are taken about the mean of a thousand rows. Let these be far away and count nearly nothing."""
    rng = np.random.default_rng(0)
    X, seen = rng.normal(size=(5000, 2)), np.arange(5000) % 5 == 0
    for far, kind in ((1e2, Sums), (1e4, Rows)):
        moved, weights = X + far * seen[:, None], np.where(seen, 1e-30, 1.0)
        data = prepare(moved, X[:, :1], weights, fit_intercept=True).targets[0]
        assert type(data) is kind
        np.testing.assert_allclose(data.unit, X[~seen].std(axis=0), rtol=1e-9)


def test_constant_columns_are_centred_to_exact_zeros():
    X, y, weights = draw()
    X[:, 2] = 1e8 / 3
    for data in both(X, y, weights):
        assert data.unit[2] == 0 and data.c[2] == 0


@pytest.mark.parametrize("n_columns", [0, 10**9])
def test_squares_that_overflow_are_refused(n_columns, monkeypatch):
    monkeypatch.setattr(active_set, "FEW_COLUMNS", n_columns)
    X, y, _ = draw()
    for big_X, big_y in ((X * 1e200, y), (X, y * 1e200)):
        with pytest.raises(ValueError, match="squares of the data overflow: an entry is .*e\\+20.*Rescale"):
            prepare(big_X, big_y[:, None], None, fit_intercept=True)


def test_data_are_left_alone():
    X, y, weights = draw()
    for a in (X, y, weights):
        a.flags.writeable = False
    for data in both(X, y, weights):
        fit(data, 0.1, 0.1, np.zeros(6), tol=0, max_iter=10)


# -- the equations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lam, mu", [(0.3, 0.0), (0.3, 0.7), (0.0, 0.7)])
def test_eq_1_loss_by_loops(lam, mu):
    X, y, weights = draw()
    Xc, yc = centred(X, y, weights)
    w = np.array([1.0, 0.0, -2.0, 0.0, 0.5, 0.0])
    total = 0.0
    for x, target in zip(Xc, yc):
        total += 0.5 * (sum(a * b for a, b in zip(w, x)) - target) ** 2
    total += sum(lam * abs(v) + 0.5 * mu * v**2 for v in w)
    for data in both(X, y, weights):
        np.testing.assert_allclose(look(data, w, lam, mu).loss, total, rtol=1e-11)


def test_eq_2_v_is_the_slope_of_the_smooth_part():
    """What exceeds λ is |v|; with λ = 0 the excess is |v| itself, and v by finite differences."""
    X, y, weights = draw()
    w = np.array([1.0, 0.0, -2.0, 0.0, 0.0, 0.0])
    for data in both(X, y, weights):
        for mu in (0.0, 0.7):
            for positive in (False, True):
                excess = look(data, w, 0.0, mu, positive=positive).excess
                assert np.all(excess[[0, 2]] == -np.inf)
                for j in (1, 3, 4, 5):
                    nudge = 1e-6 * (np.arange(6) == j)
                    slope = (look(data, w - nudge, 0, mu).loss - look(data, w + nudge, 0, mu).loss) / 2e-6
                    np.testing.assert_allclose(excess[j], slope if positive else abs(slope), rtol=1e-6, atol=1e-8)
        some = [1, 3, 4, 5]
        np.testing.assert_allclose(look(data, w, 0.25, 0.7).excess[some], look(data, w, 0, 0.7).excess[some] - 0.25)


def test_eq_2_v_counts_the_price_of_squares():
    """With orthonormal columns and w = v0 / (1 + μ), v is 0, and the gap that of no price."""
    X = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))[0]
    y = X @ [1.0, 2.0, -3.0]
    data = Rows(np.ascontiguousarray(X.T), y, X.T @ y, np.ones(3), float(y @ y))
    for mu in (0.0, 0.5, 2.0):
        w = np.array([1.0, 2.0, -3.0]) / (1 + mu)
        np.testing.assert_allclose(look(data, w, 1e-9, mu).gap, 0, atol=1e-8)
        assert look(data, 1.1 * w, 1e-9, mu).gap > 0.05


@pytest.mark.parametrize("mu", [0.0, 0.4])
@pytest.mark.parametrize("positive", [False, True])
def test_eq_4_5_gap_is_that_of_the_dual_problem(mu, positive):
    """½‖y‖² − ½‖κR − y‖² for the augmented data, with the largest κ for which κR is a point of the dual problem."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        X, y, w, lam = rng.normal(size=(9, 4)), rng.normal(size=9), rng.normal(size=4), rng.uniform(0.1, 3)
        w = np.abs(w) if positive else w
        data = Rows(np.ascontiguousarray(X.T), y, X.T @ y, np.linalg.norm(X, axis=0), float(y @ y))
        longer, target = np.vstack([X, np.sqrt(mu) * np.eye(4)]), np.append(y, np.zeros(4))
        R = target - longer @ w
        products = longer.T @ R
        largest = (products if positive else np.abs(products)).max()
        kappa = 1.0 if largest <= lam else lam / largest
        dual = 0.5 * target @ target - 0.5 * np.sum((kappa * R - target) ** 2)
        primal = 0.5 * R @ R + lam * np.abs(w).sum()
        found = look(data, w, lam, mu, positive=positive)
        np.testing.assert_allclose(found.gap, primal - dual, rtol=1e-10)
        np.testing.assert_allclose(found.loss, primal, rtol=1e-12)
        v = X.T @ (y - X @ w) - mu * w
        squares = float(np.sum((y - X @ w) ** 2) + mu * w @ w)
        np.testing.assert_allclose(duality_gap(v, squares, w, lam, positive=positive), primal - dual, rtol=1e-10)


def test_eq_4_with_nothing_to_gain_in_any_direction_there_is_no_gap():
    assert duality_gap(np.zeros(3), 5.0, np.zeros(3), 0.0) == 0
    assert duality_gap(np.array([-2.0, -1.0]), 5.0, np.zeros(2), 0.5, positive=True) == 0
    assert duality_gap(np.array([-2.0, -1.0]), 8.0, np.zeros(2), 0.5) == 0.5 * 0.75**2 * 8


def test_eq_5_gap_at_nothing_is_half_the_share_that_is_above_the_price():
    """At w = 0: ½ (1 − κ)² ‖y‖²."""
    X, y, _ = draw()
    for data in both(X, y):
        largest = np.abs(data.c).max()
        np.testing.assert_allclose(
            look(data, np.zeros(6), largest / 4, 0.0).gap, 0.5 * 0.75**2 * data.energy, rtol=1e-9
        )
        assert look(data, np.zeros(6), largest, 0.0).gap == 0


def test_eq_5_the_gap_bounds_what_is_left_to_gain():
    X, y, weights = draw()
    rng = np.random.default_rng(0)
    for data in both(X, y, weights):
        for lam, mu in ((0.1, 0.0), (1.0, 0.3)):
            best = fit(data, lam, mu, np.zeros(6), tol=0, max_iter=100)[1].losses[-1]
            for _ in range(20):
                w = rng.normal(size=6) * rng.integers(0, 2, 6)
                seen = look(data, w, lam, mu)
                assert seen.gap >= seen.loss - best - 1e-12


def test_eq_3_a_round_solves_the_problem_of_its_columns():
    """With all columns at once: the conditions of the minimum, for both prices."""
    X, y, weights = draw()
    Xc, yc = centred(X, y, weights)
    for lam, mu in ((0.3, 0.0), (0.3, 0.7), (1.0, 3.0)):
        for data in both(X, y, weights):
            w, trace = fit(data, lam, mu, np.zeros(6), tol=0, max_iter=100)
            v = Xc.T @ (yc - Xc @ w) - mu * w
            np.testing.assert_allclose(v[w != 0], lam * np.sign(w[w != 0]), rtol=1e-11)
            assert np.all(np.abs(v[w == 0]) <= lam) and w.any() and trace.converged


# -- rounds ----------------------------------------------------------------------------------------------------------


def test_those_with_a_weight_join_and_those_that_exceed_most(monkeypatch):
    w = np.array([0.0, 2.0, 0.0, 0.0, -1.0, 0.0])
    excess = np.array([0.1, -np.inf, 3.0, -0.2, -np.inf, 2.0])
    assert joined(w, excess).tolist() == [0, 1, 2, 4, 5]
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    assert joined(w, excess).tolist() == [1, 2, 4, 5]  # as many as there are already
    assert joined(np.zeros(6), np.array([0.1, 0.2, 3.0, -0.2, 0.3, 2.0])).tolist() == [2]


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_few_at_once_lead_to_the_same(at_once, monkeypatch):
    X, y, weights = draw(1, N=80, D=40)
    whole = fit(both(X, y, weights)[0], 0.01, 0.0, np.zeros(40), tol=0, max_iter=100)[0]
    monkeypatch.setattr(active_set, "AT_ONCE", at_once)
    for data in both(X, y, weights):
        w, trace = fit(data, 0.01, 0.0, np.zeros(40), tol=0, max_iter=100)
        np.testing.assert_allclose(w, whole, atol=1e-12)
        assert trace.converged and np.all(np.diff(trace.losses) <= 1e-14)
        assert at_once == 100 or len(trace.losses) > 4


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 60),
    st.floats(-4, 0.2),
    st.sampled_from([1.0, 0.9, 0.3]),
    st.booleans(),
    st.sampled_from(["plain", "collinear", "constant", "offset"]),
)
def test_conditions_of_the_minimum_hold_for_any_data(seed, N, D, log_share, l1_ratio, positive, kind):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(N, D)) * rng.uniform(0.5, 2, D), rng.normal(size=N) * 3
    if kind == "collinear" and D > 2:
        X[:, 1], X[:, 2] = X[:, 0], -X[:, 0]
    if kind == "constant":
        X[:, 0] = 1 / 3
    if kind == "offset":
        X, y = X + 1e3, y - 1e4
    weights = rng.integers(0, 3, N) + rng.uniform(0, 1, N)
    Xc, yc = centred(X, y, weights)
    alpha = 10**log_share * np.abs(Xc.T @ yc).max() / l1_ratio
    lam, mu = alpha * l1_ratio, alpha * (1 - l1_ratio)
    for data in both(X, y, weights):
        w, trace = fit(data, lam, mu, np.zeros(D), tol=0, max_iter=1000, positive=positive)
        v = Xc.T @ (yc - Xc @ w) - mu * w
        size = 1e-9 * (1 + np.abs(Xc).max()) * (np.linalg.norm(yc) + 1e-3)
        assert trace.converged
        np.testing.assert_allclose(v[w != 0], lam * np.sign(w[w != 0]), atol=size)
        assert np.all((v if positive else np.abs(v))[w == 0] <= lam + size)
        assert not positive or np.all(w >= 0)
        assert 0 <= trace.gap <= 1e-11 * (yc @ yc) + 1e-300
        if log_share > 0:
            assert not w.any()


def test_start_does_not_matter_but_for_the_rounds():
    X, y, weights = draw(2, N=60, D=30)
    for data in both(X, y, weights):
        cold, trace = fit(data, 0.02, 0.01, np.zeros(30), tol=0, max_iter=100)
        for start in (np.ones(30), -5 * cold, cold):
            warm, after = fit(data, 0.02, 0.01, start, tol=0, max_iter=100)
            np.testing.assert_allclose(warm, cold, atol=1e-12)
        assert len(after.losses) == 2  # one round sees that it was there
        np.testing.assert_allclose(after.losses, trace.losses[-1], rtol=1e-12)
        forbidden, _ = fit(data, 0.02, 0.01, np.full(30, -1.0), tol=0, max_iter=100, positive=True)
        assert np.all(forbidden >= 0)


def test_the_gap_ends_it_when_it_is_small_enough():
    X, y, _ = draw(3, N=200, D=100)
    data = both(X, y)[0]
    ways = [fit(data, 1e-3, 0.0, np.zeros(100), tol=tol, max_iter=100)[1] for tol in (0.9, 1e-2, 1e-6, 0)]
    for trace, tol in zip(ways, (0.9, 1e-2, 1e-6, 0)):
        assert trace.converged and trace.gap <= max(tol, 1e-14) * data.energy
    n_rounds = [len(trace.losses) - 1 for trace in ways]
    assert n_rounds == sorted(n_rounds) and n_rounds[0] == 1


def test_too_few_rounds_are_said(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    X, y, _ = draw(3, N=200, D=20)
    data = both(X, y)[0]
    w, trace = fit(data, 1e-3, 0.0, np.zeros(20), tol=0, max_iter=2)
    assert not trace.converged and len(trace.losses) == 3 and np.count_nonzero(w) == 2
    assert trace.gap > 0
    w, trace = fit(data, 1e-3, 0.0, np.ones(20), tol=0, max_iter=0)
    np.testing.assert_array_equal(w, 1)
    assert len(trace.losses) == 1


def test_report_is_called_after_each_round_and_may_end_it(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    X, y, _ = draw(3, N=200, D=20)
    seen = []

    def report(w, trace):
        seen.append((w, trace))
        return len(seen) == 3

    w, trace = fit(both(X, y)[0], 1e-3, 0.0, np.zeros(20), tol=0, max_iter=100, report=report)
    assert [len(trace.losses) for _, trace in seen] == [2, 3, 4] and not trace.converged
    np.testing.assert_array_equal(w, seen[-1][0])
