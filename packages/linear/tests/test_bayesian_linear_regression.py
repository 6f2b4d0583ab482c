"""The oracle is the definition: joint normal densities, the chain rule, intervals that hold as often as they say."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest

import pellucid
from pellucid_linear import LinearRegression, Ridge, bayesian_linear_regression
from pellucid_linear.bayesian_linear_regression import BayesianLinearRegression, Draws

KNOWN = {"noise_variance": 0.7, "prior_precision": 0.4, "prior_mean": 0.5}
UNKNOWN = {"prior_precision": 0.4, "prior_mean": 0.5, "prior_shape": 2.0, "prior_scale": 1.5}
FLAT = {}
every_prior = pytest.mark.parametrize("prior", [KNOWN, UNKNOWN, FLAT], ids=["known", "unknown", "flat"])


def draw(seed=0, N=25, D=3, T=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + rng.normal(size=D)
    w = rng.normal(size=(D, T or 1))
    Y = X @ w + rng.normal(size=(N, T or 1)) + 3
    return X, Y if T else Y[:, 0], rng.uniform(0.3, 3, N)


def everything(model, X):
    """All that a model says, as one list of arrays."""
    answers = [model.coef_, model.intercept_, model.covariance_, model.noise_variance_, model.log_marginal_likelihood_]
    for of_mean in (False, True):
        answers += [*model.predict_interval(X, 0.8, of_mean=of_mean), model.predict_variance(X, of_mean=of_mean)]
    return [*answers, *model.predict(X, return_std=True)]


def assert_same(one, other, X, rtol=1e-9):
    for a, b in zip(everything(one, X), everything(other, X), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-11)


# -- equations -------------------------------------------------------------------------------------------------------


def test_eq_1_the_prediction_passes_through_the_means():
    X, y, s = draw(1)
    model = BayesianLinearRegression(**KNOWN).fit(X, y, s)
    mean = X.T @ s / s.sum()
    f = bayesian_linear_regression.predict(np.vstack([mean, mean + 1]), model.posterior_)
    np.testing.assert_allclose(f[0], y @ s / s.sum(), rtol=1e-12)
    np.testing.assert_allclose(f[1] - f[0], model.coef_.sum(), rtol=1e-12)
    np.testing.assert_allclose(
        bayesian_linear_regression.predict(X, model.posterior_)[:, 0], model.predict(X), rtol=1e-12
    )


def test_eq_1_2_prediction_is_the_joint_normal_given_the_targets():
    """Without intercept, as for a Gaussian process with the kernel xᵀV₀x′."""
    X, y, s = draw(2, N=12)
    points = np.random.default_rng(3).normal(size=(4, 3))
    precision = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]])
    kernel, mean = np.linalg.inv(precision), np.array([1.0, -1.0, 0.5])
    model = BayesianLinearRegression(0.7, prior_mean=mean, prior_precision=precision, fit_intercept=False).fit(X, y, s)
    of_y, cross = X @ kernel @ X.T + np.diag(0.7 / s), points @ kernel @ X.T
    np.testing.assert_allclose(model.predict(points), points @ mean + cross @ np.linalg.solve(of_y, y - X @ mean))
    variance = np.diag(points @ kernel @ points.T - cross @ np.linalg.solve(of_y, cross.T))
    np.testing.assert_allclose(model.predict_variance(points, of_mean=True), variance)
    np.testing.assert_allclose(model.predict_variance(points), variance + 0.7)
    np.testing.assert_allclose(model.predict(points, return_std=True)[1], np.sqrt(variance + 0.7))


def test_eq_2_zero_and_infinite_spread_do_not_ask_for_the_noise():
    found = bayesian_linear_regression.variance(np.array([[0.0], [2.0], [np.inf]]), np.array([np.inf, 3.0, 0.0]))
    assert found.tolist() == [[0, 0, 0], [np.inf, 6, 0], [np.inf, np.inf, np.inf]]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
def test_eq_3_interval_of_a_normal_distribution(level):
    low, high = bayesian_linear_regression.interval(np.array([[1.0]]), np.array([[4.0]]), 1.5)
    assert (low, high) == (-2, 4)
    t = bayesian_linear_regression.normal_quantile(level)
    assert math.isclose(math.erf(t / math.sqrt(2)), level, rel_tol=1e-13)


class Given:
    def standard_normal(self, shape):
        return np.arange(float(np.prod(shape))).reshape(shape)


def test_eq_4_targets_are_a_draw_of_the_weights_and_noise():
    rng = np.random.default_rng(4)
    X, draws = rng.normal(size=(3, 2)), Draws(rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5)), rng.random((4, 5)))
    found = bayesian_linear_regression.targets(X, draws, rng=Given())
    for i, t, m in np.ndindex(4, 5, 3):
        noise = (i * 15 + t * 3 + m) * draws.noise_variance[i, t] ** 0.5
        expected = draws.coef[i, t] @ X[m] + draws.intercept[i, t] + noise
        np.testing.assert_allclose(found[i, t, m], expected, rtol=1e-12)


# -- evidence and updates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [KNOWN, UNKNOWN], ids=["known", "unknown"])
@pytest.mark.parametrize("D", [1, 3, 8])
def test_evidence_is_the_product_of_the_predictive_densities(prior, D):
    """log p(y) = Σₙ log p(yₙ | y₁ ... yₙ₋₁), a normal or a Student density each, both written out here."""
    X, y, s = draw(5, N=7, D=D)
    model, total = BayesianLinearRegression(**prior, fit_intercept=False), 0.0
    for n in range(7):
        if n == 0:  # from the prior
            m = X[0] @ np.full(D, 0.5)
            h, a, b = X[0] @ X[0] / 0.4 / (0.7 if "noise_variance" in prior else 1), 2.0, 1.5
        else:
            m = model.predict(X[n : n + 1])[0]
            if model.noise_ is not None:
                a, b = model.noise_.a, model.noise_.b[0]
                h = model.predict_variance(X[n : n + 1], of_mean=True)[0] * (a - 1) / b
            else:
                h = model.predict_variance(X[n : n + 1], of_mean=True)[0] / 0.7
        spread = h + 1 / s[n]
        if "noise_variance" in prior:
            total += -0.5 * (y[n] - m) ** 2 / (0.7 * spread) - 0.5 * np.log(2 * np.pi * 0.7 * spread)
        else:
            scale2 = b / a * spread
            total += math.lgamma(a + 0.5) - math.lgamma(a) - 0.5 * np.log(2 * a * np.pi * scale2)
            total -= (a + 0.5) * np.log1p((y[n] - m) ** 2 / (2 * a * scale2))
        model.partial_fit(X[n : n + 1], y[n : n + 1], s[n : n + 1])
        np.testing.assert_allclose(model.log_marginal_likelihood_, total, rtol=1e-10)


@every_prior
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", [(25, 3), (9, 12), (5000, 4)])
def test_learning_in_pieces_is_learning_at_once(prior, fit_intercept, N, D):
    X, y, s = draw(6, N, D)
    cuts = [0, 2, 3, 7, N // 2 + 4, N]
    model = BayesianLinearRegression(**prior, fit_intercept=fit_intercept)
    for start, end in zip(cuts, cuts[1:]):
        model.partial_fit(X[start:end], y[start:end], s[start:end])
    whole = BayesianLinearRegression(**prior, fit_intercept=fit_intercept).fit(X, y, s)
    assert_same(model, whole, X[:9], rtol=1e-8)
    again = BayesianLinearRegression(**prior, fit_intercept=fit_intercept).fit(X[:7], y[:7], s[:7])
    assert again.update(X[7:], y[7:], s[7:]) is again
    assert_same(again, whole, X[:9], rtol=1e-8)


@pytest.mark.parametrize("prior", [KNOWN, UNKNOWN], ids=["known", "unknown"])
def test_the_posterior_is_the_prior_of_what_comes_next(prior):
    """Literally: a second model gets the first one's posterior for its prior."""
    X, y, s = draw(7)
    first = BayesianLinearRegression(**prior, fit_intercept=False).fit(X[:9], y[:9], s[:9])
    V = np.linalg.inv(first.covariance_)
    if first.noise_ is None:
        then = BayesianLinearRegression(0.7, prior_mean=first.coef_, prior_precision=V, fit_intercept=False)
    else:
        a, b = first.noise_.a, first.noise_.b[0]
        then = BayesianLinearRegression(
            prior_mean=first.coef_, prior_precision=V * b / (a - 1), prior_shape=a, prior_scale=b, fit_intercept=False
        )
    then.fit(X[9:], y[9:], s[9:])
    first_evidence = first.log_marginal_likelihood_
    whole = first.update(X[9:], y[9:], s[9:])
    for a, b in zip(everything(then, X), everything(whole, X)):
        if np.ndim(a) == 0 and a == then.log_marginal_likelihood_:
            a = a + first_evidence
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# -- intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
def test_intervals_hold_as_often_as_they_say_for_what_the_prior_draws(unknown):
    """2500 worlds drawn from the prior, five rows in each: the 80 % interval of a sixth target."""
    rng = np.random.default_rng(8)
    inside = np.zeros((2, 2500), bool)
    for i in range(2500):
        noise = 1.5 / rng.gamma(2.0) if unknown else 0.7
        w, b = 0.5 + rng.normal(size=2) * np.sqrt((noise if unknown else 1) / 0.4), rng.normal() * 10
        X = rng.normal(size=(6, 2))
        mean = X @ w + b
        y = mean + np.sqrt(noise) * rng.normal(size=6)
        model = BayesianLinearRegression(**(UNKNOWN if unknown else KNOWN)).fit(X[:5], y[:5])
        for k, target in enumerate((y[5], mean[5])):
            low, high = model.predict_interval(X[5:], 0.8, of_mean=bool(k))
            inside[k, i] = low[0] < target < high[0]
    assert np.all(np.abs(inside.mean(axis=1) - 0.8) < 3.5 * np.sqrt(0.8 * 0.2 / 2500)), inside.mean(axis=1)


def test_flat_intervals_hold_as_often_as_they_say_for_fixed_weights():
    rng = np.random.default_rng(9)
    X, x = rng.normal(size=(7, 3)), np.array([[1.0, -2.0, 0.5]])
    inside = 0
    for _ in range(2500):
        y = X @ [1.0, 2.0, -3.0] + 5 + 0.3 * rng.normal(size=7)
        low, high = BayesianLinearRegression().fit(X, y).predict_interval(x, 0.8)
        inside += low[0] < x[0] @ [1.0, 2.0, -3.0] + 5 + 0.3 * rng.normal() < high[0]
    assert abs(inside / 2500 - 0.8) < 3.5 * np.sqrt(0.8 * 0.2 / 2500)


def test_flat_priors_give_least_squares_and_its_intervals():
    for D, T in ((3, None), (3, 2), (30, None)):
        X, y, s = draw(10, D=D, T=T)
        model, least = BayesianLinearRegression().fit(X, y, s), LinearRegression().fit(X, y, s)
        np.testing.assert_allclose(model.coef_, least.coef_, rtol=1e-9)
        np.testing.assert_allclose(model.intercept_, least.intercept_, rtol=1e-9)
        if D < 25:
            for of_mean in (True, False):
                ours, theirs = (m.predict_interval(X, 0.9, of_mean=of_mean) for m in (model, least))
                np.testing.assert_allclose(ours, theirs, rtol=1e-9)
            found = least.inference()
            np.testing.assert_allclose(model.noise_variance_, found.residual_variance, rtol=1e-9)


def test_the_mean_is_that_of_ridge():
    X, y, s = draw(11)
    ridge = Ridge(0.6).fit(X, y, s)
    for model in (
        BayesianLinearRegression(prior_precision=0.6),
        BayesianLinearRegression(0.25, prior_precision=0.6 / 0.25),
    ):
        np.testing.assert_allclose(model.fit(X, y, s).coef_, ridge.coef_, rtol=1e-10)
        np.testing.assert_allclose(model.intercept_, ridge.intercept_, rtol=1e-10)


@every_prior
def test_samples_are_like_the_posterior_says(prior):
    X, y, s = draw(12)
    model = BayesianLinearRegression(**prior).fit(X, y, s)
    draws = model.sample(40_000, random_state=0)
    assert draws.coef.shape == (40_000, 3) and draws.intercept.shape == draws.noise_variance.shape == (40_000,)
    np.testing.assert_allclose(draws.coef.mean(axis=0), model.coef_, atol=0.01)
    np.testing.assert_allclose(np.cov(draws.coef.T), model.covariance_, atol=0.002)
    np.testing.assert_allclose(draws.intercept.mean(), model.intercept_, atol=0.02)
    np.testing.assert_allclose(1 / np.mean(1 / draws.noise_variance), model.noise_variance_, rtol=0.01)
    targets = model.sample_y(X[:4], 40_000, random_state=0)
    assert targets.shape == (4, 40_000)
    np.testing.assert_allclose(targets.mean(axis=1), model.predict(X[:4]), atol=0.02)
    np.testing.assert_allclose(targets.var(axis=1), model.predict_variance(X[:4]), rtol=0.03)
    low, high = model.predict_interval(X[:4], 0.9)
    share = np.mean((targets > low[:, None]) & (targets < high[:, None]), axis=1)
    np.testing.assert_allclose(share, 0.9, atol=0.01)
    np.testing.assert_array_equal(model.sample(3, 5).coef, model.sample(3, np.random.default_rng(5)).coef)


# -- faults that numpy-ml has ----------------------------------------------------------------------------------------


def test_numpy_ml_fault_posterior_variance():
    """The variance of a prediction falls to that of the noise as rows come in, is largest far from them, and is not
    mixed up with its root."""
    rng = np.random.default_rng(13)
    X = rng.normal(size=(10_000, 1))
    y = 3 * X[:, 0] + 0.1 * rng.normal(size=10_000)
    for model in (BayesianLinearRegression(0.01, prior_precision=1.0), BayesianLinearRegression(prior_precision=1e-4)):
        few, many = (pellucid.clone(model).fit(X[:n], y[:n]) for n in (5, 10_000))
        assert few.predict_variance([[0.0]]) < few.predict_variance([[9.0]])
        np.testing.assert_allclose(many.predict_variance([[0.0], [2.0]]), 0.01, rtol=0.03)
        np.testing.assert_allclose(many.predict(X, return_std=True)[1], 0.1, rtol=0.02)
        expected = 0.01 / 10_000 * np.array([1, 1 + 4 / X.var()])
        np.testing.assert_allclose(many.predict_variance([[0.0], [2.0]], of_mean=True), expected, rtol=0.04)


@every_prior
def test_numpy_ml_fault_one_dimensional_y(prior):
    X, y, s = draw(14)
    one, column = (BayesianLinearRegression(**prior).fit(X, target, s) for target in (y, y[:, None]))
    assert one.coef_.shape == (3,) and one.intercept_.shape == () and one.predict(X).shape == (25,)
    assert column.coef_.shape == (1, 3) and column.intercept_.shape == (1,) and column.predict(X).shape == (25, 1)
    for a, b in zip(everything(one, X), everything(column, X)):
        np.testing.assert_allclose(a, np.asarray(b).reshape(np.shape(a)), rtol=1e-12)
    assert one.sample(4, 0).coef.shape == (4, 3) and column.sample(4, 0).coef.shape == (4, 1, 3)
    assert one.sample_y(X, 4, 0).shape == (25, 4) and column.sample_y(X, 4, 0).shape == (25, 1, 4)


# -- data ------------------------------------------------------------------------------------------------------------


@every_prior
def test_several_targets_are_several_models(prior):
    X, Y, s = draw(15, T=3)
    means = np.random.default_rng(16).normal(size=(3, 3))
    options = {**prior, "prior_mean": means} if prior else {}
    together = BayesianLinearRegression(**options).fit(X, Y, s)
    for t in range(3):
        alone = BayesianLinearRegression(**({**prior, "prior_mean": means[t]} if prior else {})).fit(X, Y[:, t], s)
        for a, b in zip(everything(alone, X), everything(together, X)):
            b = np.asarray(b)
            part = b if b.ndim == 0 else b[:, t] if b.shape == (25, 3) else b[t]
            np.testing.assert_allclose(a, part, rtol=1e-9)


@every_prior
def test_a_row_of_weight_zero_is_as_good_as_absent(prior):
    X, y, s = draw(17)
    s[:5] = 0
    changed = X.copy()
    changed[:5] = 1e6
    assert_same(
        BayesianLinearRegression(**prior).fit(changed, y, s),
        BayesianLinearRegression(**prior).fit(X[5:], y[5:], s[5:]),
        X,
    )


def test_a_weight_is_a_precision():
    """A row of weight k is the mean of k rows: the same for the weights, but it says nothing about the noise."""
    rng = np.random.default_rng(18)
    X, times = rng.normal(size=(12, 2)), rng.integers(1, 5, 12)
    y = np.repeat(X @ [1.0, 2.0], times) + rng.normal(size=times.sum())
    means = np.array([part.mean() for part in np.split(y, np.cumsum(times)[:-1])])
    many = BayesianLinearRegression(**KNOWN).fit(np.repeat(X, times, axis=0), y)
    few = BayesianLinearRegression(**KNOWN).fit(X, means, times)
    for a, b in zip(everything(few, X), everything(many, X)):
        if np.ndim(a) or a != few.log_marginal_likelihood_:
            np.testing.assert_allclose(a, b, rtol=1e-9)
    few, many = (
        BayesianLinearRegression(**UNKNOWN).fit(*data) for data in ((X, means, times), (np.repeat(X, times, axis=0), y))
    )
    np.testing.assert_allclose(few.coef_, many.coef_, rtol=1e-9)
    assert few.noise_.a == 2 + 11 / 2 and many.noise_.a == 2 + (times.sum() - 1) / 2


@every_prior
def test_memory_mapped_float32_and_frozen_data(prior, tmp_path):
    X, y, s = draw(19, N=5000)
    X32 = X.astype(np.float32)
    np.save(tmp_path / "X.npy", X32)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    one = BayesianLinearRegression(**prior).fit(mapped, y, s)
    assert one.coef_.dtype == np.float32 and all(a.dtype == np.float32 for a in one.predict(mapped, return_std=True))
    exact = BayesianLinearRegression(**prior).fit(X32.astype(float), y.astype(np.float32), s.astype(np.float32))
    assert_same(one, exact, X32[:7], rtol=2e-6)


@pytest.mark.parametrize("N, D, most", [(60_000, 10, 1), (100, 3000, 3.1)])
def test_memory_of_a_fit_as_a_multiple_of_its_data(N, D, most):
    """With fewer rows than columns, two of the three are kept: the centred rows, and their directions."""
    rng = np.random.default_rng(25)
    X, y, s = rng.normal(size=(N, D)), rng.normal(size=N), rng.random(N)
    BayesianLinearRegression(prior_precision=1.0).fit(X[:50], y[:50])
    tracemalloc.start()
    BayesianLinearRegression(prior_precision=1.0).fit(X, y, s)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < most * X.nbytes, peak / X.nbytes


@every_prior
def test_save_and_load(prior, tmp_path):
    X, y, s = draw(20)
    model = BayesianLinearRegression(**prior).fit(X[:20], y[:20])
    pellucid.register(BayesianLinearRegression, id="local/bayesian-test") if not _registered() else None
    pellucid.save(model, tmp_path / "model.npz")
    again = pellucid.load(tmp_path / "model.npz")
    assert_same(again, model, X, rtol=0)
    assert_same(again.update(X[20:], y[20:]), model.update(X[20:], y[20:]), X, rtol=0)


def _registered():
    return any(spec.target.endswith(":BayesianLinearRegression") for spec in pellucid.models())


def test_more_columns_than_rows_and_a_prior():
    """Beside the D × D matrices of the definition."""
    X, y, s = draw(21, N=10, D=40)
    model = BayesianLinearRegression(0.3, prior_precision=np.linspace(1, 2, 40)).fit(X, y, s)
    centred = X - X.T @ s / s.sum()
    V = np.linalg.inv(np.diag(np.linspace(1, 2, 40)) + (centred.T * s) @ centred / 0.3)
    np.testing.assert_allclose(model.coef_, V @ (centred.T * s) @ (y - y @ s / s.sum()) / 0.3, rtol=1e-9)
    np.testing.assert_allclose(model.covariance_, V, rtol=1e-9, atol=1e-12)
    assert model.posterior_.Q.shape == (40, 10)


def test_with_too_few_rows_intervals_are_infinite():
    for N, D in ((1, 2), (3, 2), (4, 9)):
        X, y, _ = draw(22, N, D)
        model = BayesianLinearRegression().fit(X, y)
        np.testing.assert_allclose(model.predict(X), y)
        low, high = model.predict_interval(X)
        assert np.isneginf(low).all() and np.isposinf(high).all() and model.noise_variance_ == np.inf
        assert np.isposinf(model.predict(X, return_std=True)[1]).all()
        with pytest.raises(ValueError, match="no row is left to learn the noise|data determine"):
            model.sample(3)
        assert np.isfinite(BayesianLinearRegression(1.0, prior_precision=1.0).fit(X, y).predict_interval(X)).all()


def test_collinear_columns_far_from_zero_and_a_flat_prior():
    """Year of birth, year and age: as for least squares, the third is not a direction of its own."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        born, year = rng.integers(1940, 2000, 12), rng.integers(2000, 2026, 12)
        X, y = np.stack([born, year, year - born], axis=1).astype(float), rng.normal(size=12)
        model, two = BayesianLinearRegression().fit(X, y), BayesianLinearRegression().fit(X[:, :2], y)
        assert len(model.posterior_.precision) == 2
        np.testing.assert_allclose(model.predict(X), two.predict(X[:, :2]), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(model.predict_variance(X), two.predict_variance(X[:, :2]), rtol=1e-8)
        assert np.isinf(model.predict_variance([[2000.0, 2000.0, 5.0]]))


def test_constant_targets_and_equal_rows():
    X, _, _ = draw(23)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BayesianLinearRegression().fit(X, np.full(25, 2.0))
        assert model.predict_interval(X)[0].tolist() == model.predict_interval(X)[1].tolist() == [2.0] * 25
        assert model.log_marginal_likelihood_ == np.inf
        model = BayesianLinearRegression(prior_precision=1.0).fit(np.full((10, 2), 0.1), np.repeat([0.0, 1.0], 5))
        np.testing.assert_allclose(model.noise_variance_, 2.5 / 9)
        np.testing.assert_allclose(model.predict_variance([[0.1, 0.1]], of_mean=True), 2.5 / 7 / 10)
        flat = BayesianLinearRegression().fit(np.full((10, 2), 0.1), np.repeat([0.0, 1.0], 5))
        assert not flat.coef_.any() and flat.predict_variance([[0.1, 0.1]]) < 1 < flat.predict_variance([[0.1, 0.2]])


@pytest.mark.parametrize("offset, scale", [(1e8, 1.0), (0.0, 1e-100), (0.0, 1e100)])
def test_far_and_tiny_and_huge_columns(offset, scale):
    X, y, _ = draw(24)
    X = np.round(X * 2**20) / 2**20
    here, there = BayesianLinearRegression().fit(X, y), BayesianLinearRegression().fit(X * scale + offset, y)
    np.testing.assert_allclose(there.coef_ * scale, here.coef_, rtol=1e-7)
    np.testing.assert_allclose(there.predict_variance(X * scale + offset), here.predict_variance(X), rtol=1e-7)


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"noise_variance": 0.0}, "noise_variance must be a finite number above 0, got 0.0"),
        ({"noise_variance": "red"}, "noise_variance"),
        ({"noise_variance": np.inf}, "noise_variance"),
        ({"prior_shape": -1.0, "prior_scale": 1.0}, "prior_shape must be a finite number 0 or more, got -1"),
        ({"prior_scale": "red"}, "prior_scale"),
        ({"prior_shape": 1.0}, "both be above 0 or both be 0, got 1.0 and 0.0"),
        ({"prior_mean": [1.0, 2.0]}, "one for each of 3 weights"),
        ({"prior_mean": np.nan}, "finite"),
        ({"prior_mean": "red"}, "prior_mean must be a number"),
        ({"prior_precision": -1.0}, "above 0 for all weights, or 0 for all, got -1"),
        ({"prior_precision": [1.0, 0.0, 1.0]}, "or 0 for all"),
        ({"prior_precision": [1.0, 2.0]}, r"a matrix \(3, 3\), got \[1.0, 2.0\]"),
        ({"prior_precision": np.inf}, "finite"),
        ({"prior_precision": np.diag([1.0, -1.0, 1.0])}, "positive definite"),
        ({"prior_precision": np.arange(9.0).reshape(3, 3)}, "symmetric"),
    ],
)
def test_a_prior_that_makes_no_sense_says_so(options, message):
    X, y, _ = draw()
    with pytest.raises(ValueError, match=message):
        BayesianLinearRegression(**options).fit(X, y)


def test_wrong_calls_say_so():
    X, y, _ = draw()
    model = BayesianLinearRegression()
    for call in (model.sample, lambda: model.update(X, y)):
        with pytest.raises(pellucid.NotFittedError):
            call()
    with pytest.raises(pellucid.NotFittedError):
        model.covariance_  # noqa: B018
    model.fit(X, y)
    for level in (0, 1, 95, -0.5, 1e-17):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {level}"):
            model.predict_interval(X, level)
    with pytest.raises(ValueError, match=r"as many columns as in the first fit, \(N,\), got \(N, 2\)"):
        model.partial_fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="2 features"):
        model.update(X[:, :2], y)


@pytest.mark.parametrize("options", [{}, {"noise_variance": 1.0}, {"prior_precision": 1.0}])
def test_squared_errors_that_overflow_say_so(options):
    X, y = np.array([[0.0], [1.0], [2.0], [4.0]]), np.array([1.0, 3.0, 5.0, 8.0])
    with pytest.raises(ValueError, match=r"squared errors overflow: a target is 8e\+160\. Rescale y"):
        BayesianLinearRegression(**options).fit(X, y * 1e160)
    model = BayesianLinearRegression(**options).fit(X, y)
    with pytest.raises(ValueError, match="squared errors overflow"):
        model.partial_fit(X, y * 1e160)
    assert model.predict([[1.0]]) == BayesianLinearRegression(**options).fit(X, y).predict([[1.0]])
