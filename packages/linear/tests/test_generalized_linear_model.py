"""The oracle is the definition: loops, finite differences, intervals that hold as often as they say."""

import math
import signal
import tracemalloc
import warnings

import numpy as np
import pytest

import pellucid
from pellucid_linear import LinearRegression, LogisticRegression, generalized_linear_model
from pellucid_linear.families_and_links import FAMILIES, LINKS
from pellucid_linear.generalized_linear_model import GeneralizedLinearModel
from pellucid_linear.iteratively_reweighted_least_squares import Problem, point

CANONICAL = [(name, family.canonical) for name, family in FAMILIES.items()]
OTHERS = [("gaussian", "log"), ("binomial", "log"), ("poisson", "identity"), ("gamma", "log"), ("gamma", "identity")]
canonical = pytest.mark.parametrize("family, link", CANONICAL)
pairs = pytest.mark.parametrize("family, link", CANONICAL + OTHERS)


def draw(family, link, N=60, seed=0):
    """Data of the model, weights and offsets."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 1, (N, 2))
    offset = rng.uniform(0, 0.1, N)
    eta = X @ [0.3, 0.5] + {"identity": 1.0, "log": 0.5, "logit": -0.5, "inverse": 0.5}[link] + offset
    if (family, link) == ("binomial", "log"):
        eta = eta - 2
    mu = LINKS[link].inverse(eta)
    y = {
        "gaussian": lambda: mu + 0.3 * rng.normal(size=N),
        "binomial": lambda: (rng.random(N) < mu).astype(float),
        "poisson": lambda: rng.poisson(mu).astype(float),
        "gamma": lambda: rng.gamma(4, mu / 4),
    }[family]()
    return X, y, rng.uniform(0.5, 2, N), offset


def with_ones(X):
    return np.column_stack([X, np.ones(len(X))])


# -- equations -------------------------------------------------------------------------------------------------------


@pairs
def test_eq_1_predicts_through_the_link(family, link):
    X, y, s, offset = draw(family, link)
    model = GeneralizedLinearModel(family, link).fit(X, y, s, offset)
    found = model.predict(X, offset)
    for n in range(len(y)):
        eta = model.coef_ @ X[n] + model.intercept_ + offset[n]
        np.testing.assert_allclose(found[n], LINKS[link].inverse(np.array([eta]))[0], rtol=1e-12)
    np.testing.assert_allclose(model.predict(X), model.predict(X, 0.0), rtol=0)
    np.testing.assert_allclose(model.predict(X, 0.05), model.predict(X, np.full(len(y), 0.05)), rtol=0)


@pytest.mark.parametrize("alpha", [0.0, 0.05])
@pairs
def test_eq_2_3_4_parameters_dispersion_and_covariance_by_finite_differences(family, link, alpha):
    """F is the Hessian of the loss whose targets are the means, and p the trace of how fitted linear parts follow the
    working targets."""
    X, y, s, offset = draw(family, link, seed=1)
    model = GeneralizedLinearModel(family, link, alpha=alpha).fit(X, y, s, offset)
    mu, w, A = model.predict(X, offset), np.append(model.coef_, model.intercept_), with_ones(X)
    V, price = FAMILIES[family].variance(mu), np.array([alpha, alpha, 0])

    def loss(v):
        means = LINKS[link].inverse(A @ v + offset)
        return 0.5 * s @ FAMILIES[family].deviance(mu, means) / s.sum() + 0.5 * price @ v**2

    h, E = 1e-4, np.eye(3)
    F = np.array(
        [
            [loss(w + h * (a + b)) - loss(w + h * (a - b)) - loss(w + h * (b - a)) + loss(w - h * (a + b)) for a in E]
            for b in E
        ]
    ) / (4 * h * h)
    slope = (LINKS[link].inverse(A @ w + offset + 1e-6) - LINKS[link].inverse(A @ w + offset - 1e-6)) / 2e-6
    hat = np.linalg.solve(F, A.T * (s / s.sum() * slope**2 / V)) @ A
    np.testing.assert_allclose(model.n_parameters_, np.trace(hat), rtol=1e-5)
    phi = np.sum(s * (y - mu) ** 2 / V) / (len(y) - np.trace(hat)) if family in ("gaussian", "gamma") else 1.0
    np.testing.assert_allclose(model.dispersion_, phi, rtol=1e-5)
    np.testing.assert_allclose(model.covariance_, phi * np.linalg.inv(F) / s.sum(), rtol=2e-4, atol=1e-8)
    np.testing.assert_allclose(model.standard_errors_, np.sqrt(np.diag(model.covariance_)), rtol=1e-12)
    np.testing.assert_allclose(model.deviance_, s @ FAMILIES[family].deviance(y, mu), rtol=1e-10)


def test_eq_2_rank_counts_columns_that_say_something():
    X, y, s, _ = draw("poisson", "log")
    collinear = np.column_stack([X, X @ [1.0, -2.0], np.zeros(60), np.full(60, 3.0)])
    model, plain = (GeneralizedLinearModel("poisson").fit(data, y, s) for data in (collinear, X))
    np.testing.assert_allclose([model.n_parameters_, plain.n_parameters_], 3, rtol=1e-6)
    np.testing.assert_allclose(model.predict(collinear), plain.predict(X), rtol=1e-7)
    np.testing.assert_allclose(model.mean_interval(collinear), plain.mean_interval(X), rtol=1e-6)
    shortest = np.linalg.lstsq(collinear[:, :3] - collinear[:, :3].mean(axis=0), (X - X.mean(axis=0)) @ plain.coef_)[0]
    np.testing.assert_allclose(model.coef_, [*shortest, 0, 0], rtol=1e-5, atol=1e-9)


def test_eq_3_dispersion_of_few_rows_is_unknown():
    X, y, _, _ = draw("gamma", "log", N=3)
    model = GeneralizedLinearModel("gamma", "log").fit(X, y)
    assert np.isnan(model.dispersion_) and np.isnan(model.standard_errors_).all()
    assert GeneralizedLinearModel("poisson").fit(X, np.arange(3.0) + 1).dispersion_ == 1
    assert generalized_linear_model.dispersion(FAMILIES["gamma"], y, 2 * y, np.full(3, 2.0), 0.5) == 3.0
    assert (
        generalized_linear_model.dispersion(FAMILIES["gaussian"], np.zeros(2), np.ones(2), np.full(2, 5.0), 4.0) == 2.5
    )


@pytest.mark.parametrize("level", [0.3, 0.95])
def test_eq_5_interval_of_a_weight_is_that_of_a_normal_distribution(level):
    X, y, s, _ = draw("poisson", "log")
    model = GeneralizedLinearModel("poisson").fit(X, y, s)
    low, high = model.confidence_interval(level)
    np.testing.assert_allclose((low + high) / 2, [*model.coef_, model.intercept_], rtol=1e-12)
    for t in (high - low) / 2 / model.standard_errors_:
        assert math.isclose(math.erf(t / math.sqrt(2)), level, rel_tol=1e-9)


@pairs
def test_eq_5_6_interval_of_a_mean_is_that_of_its_linear_part(family, link):
    X, y, s, offset = draw(family, link)
    model = GeneralizedLinearModel(family, link).fit(X, y, s, offset)
    low, high = model.mean_interval(X, 0.8, offset=offset)
    assert np.all(low < high)
    t = 1.2815515655446004
    for n, x in enumerate(with_ones(X)):
        eta = x[:2] @ model.coef_ + model.intercept_ + offset[n]
        error = math.sqrt(x @ model.covariance_ @ x)
        ends = sorted(LINKS[link].inverse(np.array([eta - t * error, eta + t * error])))
        np.testing.assert_allclose([low[n], high[n]], ends, rtol=1e-7)
    model = GeneralizedLinearModel(family, link, fit_intercept=False).fit(with_ones(X), y, s, offset)
    np.testing.assert_allclose(model.mean_interval(with_ones(X), 0.8, offset=offset), [low, high], rtol=1e-5)


@pairs
def test_eq_7_share_of_the_deviance(family, link):
    X, y, s, offset = draw(family, link)
    model = GeneralizedLinearModel(family, link).fit(X, y, s)
    deviance = FAMILIES[family].deviance
    mean = np.full(60, y @ s / s.sum())
    expected = 1 - s @ deviance(y, model.predict(X)) / (s @ deviance(y, mean))
    np.testing.assert_allclose(model.score(X, y, s), expected, rtol=1e-10)
    np.testing.assert_allclose(model.score(X, y, s), 1 - model.deviance_ / model.null_deviance_, rtol=1e-8)
    unweighted = 1 - deviance(y, model.predict(X, offset)).sum() / deviance(y, np.full(60, y.mean())).sum()
    np.testing.assert_allclose(model.score(X, y, offset=offset), unweighted, rtol=1e-10)


def test_eq_7_constant_targets():
    explained, family = generalized_linear_model.explained, FAMILIES["gaussian"]
    y, s = np.full(4, 2.0), np.ones(4)
    assert explained(family, y, y, s) == 1 and explained(family, y, y + 1, s) == 0
    X, y, _, _ = draw("gaussian", "identity")
    with pytest.warns(UserWarning, match="less than two"):
        assert np.isnan(GeneralizedLinearModel().fit(X, y).score(X[:1], y[:1]))


def test_eq_8_akaike():
    assert generalized_linear_model.akaike(3.0, -10.0) == 26
    X, y, s, _ = draw("poisson", "log")
    model = GeneralizedLinearModel("poisson").fit(X, y, s)
    np.testing.assert_allclose(model.aic_, 6 - 2 * model.log_likelihood_, rtol=1e-9)


# -- likelihood and null deviance --------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [False, True])
@pairs
def test_likelihood_is_the_sum_of_log_densities(family, link, counts):
    X, y, s, offset = draw(family, link)
    s = np.round(s * 3)
    model = GeneralizedLinearModel(family, link, frequency_weights=counts).fit(X, y, s, offset)
    mu, N = model.predict(X, offset), s.sum() if counts else len(y)
    if family == "gaussian":  # with the most likely dispersion
        phi = s @ (y - mu) ** 2 / N
    else:
        phi = s @ ((y - mu) ** 2 / FAMILIES[family].variance(mu)) / (N - 3) if family == "gamma" else 1.0
    one = FAMILIES[family].log_density(y, mu, np.ones(60) if counts else s, phi)
    np.testing.assert_allclose(model.log_likelihood_, s @ one if counts else one.sum(), rtol=1e-8)


@pairs
def test_null_deviance_is_that_of_an_intercept_and_the_offset(family, link):
    X, y, s, offset = draw(family, link)
    for o in (None, offset):
        model = GeneralizedLinearModel(family, link).fit(X, y, s, o)
        alone = GeneralizedLinearModel(family, link).fit(np.zeros((60, 1)), y, s, o)
        np.testing.assert_allclose(model.null_deviance_, alone.deviance_, rtol=1e-10)


def test_trace_falls_to_half_the_mean_deviance():
    X, y, s, offset = draw("gamma", "log")
    model = GeneralizedLinearModel("gamma", "log").fit(X, y, s, offset)
    assert len(model.loss_) == model.n_iter_ + 1 and np.all(np.diff(model.loss_) < 1e-12)
    np.testing.assert_allclose(model.loss_[-1], model.deviance_ / 2 / s.sum(), rtol=1e-12)


# -- the same model in other clothes -----------------------------------------------------------------------------------


def test_gaussian_is_least_squares():
    X, y, s, _ = draw("gaussian", "identity")
    model, least = GeneralizedLinearModel().fit(X, y, s), LinearRegression().fit(X, y, s)
    np.testing.assert_allclose(model.coef_, least.coef_, rtol=1e-10)
    found = least.inference()
    np.testing.assert_allclose(model.dispersion_, found.residual_variance, rtol=1e-10)
    np.testing.assert_allclose(model.standard_errors_, [*found.coef.standard_error, found.intercept.standard_error])
    np.testing.assert_allclose(model.score(X, y, s), least.score(X, y, s), rtol=1e-12)


def test_binomial_is_logistic_regression():
    X, y, s, _ = draw("binomial", "logit")
    model = GeneralizedLinearModel("binomial", alpha=1 / s.sum()).fit(X, y, s)
    logistic = LogisticRegression(C=1.0, tol=1e-13).fit(X, y.astype(int), s)
    np.testing.assert_allclose(model.coef_, logistic.coef_[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict(X), logistic.predict_proba(X)[:, 1], rtol=1e-6)


def test_shares_of_trials_are_as_many_rows_of_zeros_and_ones():
    rng = np.random.default_rng(2)
    X, trials = rng.normal(size=(20, 2)), rng.integers(1, 9, 20)
    hits = rng.binomial(trials, 1 / (1 + np.exp(-X @ [1.0, -0.5])))
    shares = GeneralizedLinearModel("binomial").fit(X, hits / trials, trials)
    rows = np.repeat(np.arange(20), trials)
    y = np.concatenate([[1.0] * h + [0.0] * (n - h) for h, n in zip(hits, trials)])
    single = GeneralizedLinearModel("binomial").fit(X[rows], y)
    np.testing.assert_allclose(shares.coef_, single.coef_, rtol=1e-8)
    np.testing.assert_allclose(shares.standard_errors_, single.standard_errors_, rtol=1e-8)
    ways = sum(math.log(math.comb(int(n), int(h))) for n, h in zip(trials, hits))
    np.testing.assert_allclose(shares.log_likelihood_, single.log_likelihood_ + ways, rtol=1e-9)


@pairs
def test_counted_rows_are_repeated_rows(family, link):
    X, y, _, offset = draw(family, link)
    times = np.random.default_rng(3).integers(0, 4, 60)
    once = GeneralizedLinearModel(family, link, frequency_weights=True).fit(X, y, times, offset)
    repeated = GeneralizedLinearModel(family, link).fit(
        *(np.repeat(a, times, axis=0) for a in (X, y)), None, np.repeat(offset, times)
    )
    for name in ("coef_", "intercept_", "standard_errors_", "deviance_", "null_deviance_", "dispersion_", "aic_"):
        np.testing.assert_allclose(getattr(once, name), getattr(repeated, name), rtol=1e-6)


@pairs
@pytest.mark.parametrize("counts", [False, True])
def test_a_row_of_weight_zero_is_as_good_as_absent(family, link, counts):
    X, y, s, offset = draw(family, link)
    s[:7] = 0
    changed = X.copy()
    changed[:7] = 1e6
    some = GeneralizedLinearModel(family, link, frequency_weights=counts).fit(changed, y, s, offset)
    none = GeneralizedLinearModel(family, link, frequency_weights=counts).fit(X[7:], y[7:], s[7:], offset[7:])
    for name in ("coef_", "intercept_", "covariance_", "deviance_", "dispersion_", "log_likelihood_"):
        np.testing.assert_array_equal(getattr(some, name), getattr(none, name))


def test_offset_is_a_weight_that_is_known():
    X, y, s, _ = draw("poisson", "log")
    free = GeneralizedLinearModel("poisson").fit(X, y, s)
    given = GeneralizedLinearModel("poisson").fit(X[:, :1], y, s, offset=X[:, 1] * free.coef_[1])
    np.testing.assert_allclose([given.coef_[0], given.intercept_], [free.coef_[0], free.intercept_], rtol=1e-6)
    moved = GeneralizedLinearModel("poisson").fit(X, y, s, offset=2.0)
    np.testing.assert_allclose(moved.intercept_, free.intercept_ - 2, rtol=1e-9)


def test_exposure_makes_a_rate_of_a_count():
    """Twice the time and twice the count are the same rate; a row may be cut into two."""
    rng = np.random.default_rng(4)
    X, years = rng.normal(size=(30, 1)), rng.uniform(1, 9, 30)
    counts = rng.poisson(years * np.exp(0.4 * X[:, 0]))
    whole = GeneralizedLinearModel("poisson").fit(X, counts, offset=np.log(years))
    halves = GeneralizedLinearModel("poisson").fit(
        np.repeat(X, 2, axis=0), np.repeat(counts / 2, 2), offset=np.log(np.repeat(years / 2, 2))
    )
    np.testing.assert_allclose(whole.coef_, halves.coef_, rtol=1e-8)
    np.testing.assert_allclose(whole.standard_errors_, halves.standard_errors_, rtol=1e-8)


# -- simulation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family, link", [("poisson", "log"), ("gamma", "log"), ("binomial", "logit")])
def test_recovers_what_it_was_given_with_intervals_that_hold(family, link):
    """250 data sets: weights within their 90 % intervals, means within theirs."""
    rng = np.random.default_rng(5)
    X = rng.uniform(-1, 1, (200, 2))
    eta = X @ [0.8, -0.5] + 0.3
    mu, inside, within = LINKS[link].inverse(eta), np.zeros(3), np.zeros(200)
    for _ in range(250):
        y = {
            "poisson": lambda: rng.poisson(mu),
            "gamma": lambda: rng.gamma(2, mu / 2),
            "binomial": lambda: rng.random(200) < mu,
        }[family]()
        model = GeneralizedLinearModel(family, link).fit(X, y.astype(float))
        low, high = model.confidence_interval(0.9)
        inside += (low < [0.8, -0.5, 0.3]) & ([0.8, -0.5, 0.3] < high)
        low, high = model.mean_interval(X, 0.9)
        within += (low < mu) & (mu < high)
    assert np.all(np.abs(inside / 250 - 0.9) < 4 * np.sqrt(0.09 / 250)) and abs(within.mean() / 250 - 0.9) < 0.02


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["separated", "half", "one class", "empty group", "no count"])
def test_weights_without_end_are_warned_of(kind):
    x = np.repeat([0.0, 1.0], 10)
    family = "binomial" if kind in ("separated", "half", "one class") else "poisson"
    y = {
        "separated": x,
        "half": np.where(x == 1, 1, np.arange(20) % 2),
        "one class": np.ones(20),
        "empty group": np.where(x == 1, 0, 3),
        "no count": np.zeros(20),
    }[kind]
    with pytest.warns(pellucid.ConvergenceWarning, match="(?s)grow without end.*alpha above 0"):
        model = GeneralizedLinearModel(family).fit(x[:, None], y)
    means = [y[x == 0].mean(), y[x == 1].mean()]
    np.testing.assert_allclose(model.predict([[0.0], [1.0]]), means, atol=1e-6)
    if kind in ("half", "empty group"):
        assert model.standard_errors_[0] > 1e3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GeneralizedLinearModel(family, alpha=0.1).fit(x[:, None], np.append(y[:-1], 1 - y[-1]))


def test_the_border_of_the_means_is_warned_of():
    x, y = np.arange(10.0)[:, None], np.array([0, 0, 0, 0, 0, 1, 3, 6, 9, 14.0])
    with pytest.warns(pellucid.ConvergenceWarning, match="border of the means that the family 'poisson'.*link 'log'"):
        model = GeneralizedLinearModel("poisson", "identity").fit(x, y)
    assert np.all(model.predict(x) > 0)


def test_too_few_steps_are_warned_of():
    X, y, s, _ = draw("gamma", "log")
    with pytest.warns(pellucid.ConvergenceWarning, match="max_iter=2 steps. Raise it"):
        model = GeneralizedLinearModel("gamma", "log", max_iter=2).fit(X, y, s)
    assert model.n_iter_ == 2
    np.testing.assert_allclose(model.coef_, GeneralizedLinearModel("gamma", "log").fit(X, y, s).coef_, rtol=0.1)


@pytest.mark.parametrize(
    "family, link, y, message",
    [
        ("gaussian", "log", [-1.0, -2.0, -3.0], "through the link 'log'; y has the mean -2. Try link='identity', fit"),
        ("gamma", "inverse", [1.0, -2.0, 3.0], "(?s)valid range of family='gamma'.* above 0, got -2 in row 1"),
        ("gamma", "inverse", [1.0, 2.0, 0.0], "above 0, got 0 in row 2"),
        ("poisson", "log", [1.0, -2.0, 3.0], "0 or more, got -2 in row 1. Counts are not negative"),
        ("binomial", "logit", [1.0, 0.0, 1.5], "from 0 to 1, got 1.5 in row 2.*trials as sample_weight"),
        ("binomial", "logit", [-0.5, 0.0, 1.0], "from 0 to 1, got -0.5 in row 0"),
        ("tweedie", None, [1.0, 2.0, 3.0], "one of 'gaussian', 'binomial', 'poisson', 'gamma', got 'tweedie'"),
        ("gaussian", "probit", [1.0, 2.0, 3.0], "'identity', 'log', 'logit', 'inverse', got 'probit'"),
        (["gaussian"], None, [1.0, 2.0, 3.0], "family must be one of"),
    ],
)
def test_wrong_targets_and_names_say_so(family, link, y, message):
    with pytest.raises(ValueError, match=message):
        GeneralizedLinearModel(family, link).fit([[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"alpha": -1.0}, "alpha must be a number, finite and 0 or more, got -1"),
        ({"alpha": np.inf}, "alpha"),
        ({"alpha": np.nan}, "alpha"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"tol": -1.0}, "tol must be a number of 0 or more"),
    ],
)
def test_wrong_parameters_say_so(options, message):
    with pytest.raises(ValueError, match=message):
        GeneralizedLinearModel(**options).fit([[0.0], [1.0]], [0.0, 1.0])


def test_wrong_calls_say_so():
    X, y, _, _ = draw("poisson", "log")
    model = GeneralizedLinearModel("poisson")
    for call in (model.confidence_interval, lambda: model.covariance_, lambda: model.mean_interval(X)):
        with pytest.raises(pellucid.NotFittedError):
            call()
    for offset, message in (([1.0, 2.0], r"60 rows, got the shape \(2,\)"), (np.full(60, -np.inf), "exposure of 0")):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, offset=offset)
    model.fit(X, y)
    for level in (0, 1, 95, 1e-17):
        for call in (model.confidence_interval, lambda level: model.mean_interval(X, level)):
            with pytest.raises(ValueError, match=f"between 0 and 1, got {level}"):
                call(level)
    with pytest.raises(ValueError, match="0 or more, got -1 in row 0"):
        model.score(X, y - 1 - y[0])
    with pytest.raises(ValueError, match="overflow"):
        GeneralizedLinearModel().fit(np.arange(5.0)[:, None] * 1e200, np.arange(5.0))


# -- data --------------------------------------------------------------------------------------------------------------


def test_huge_counts_far_columns_and_tiny_units():
    rng = np.random.default_rng(6)
    x = np.linspace(-1, 1, 30)[:, None]
    y = rng.poisson(1e12 * np.exp(0.5 * x[:, 0]))
    model = GeneralizedLinearModel("poisson").fit(x, y)
    np.testing.assert_allclose(model.coef_, 0.5, atol=5 * model.standard_errors_[0])
    assert 0.2 < model.deviance_ / 28 < 3 and model.standard_errors_[0] < 1e-6
    small = rng.poisson(np.exp(0.5 * x[:, 0]) * 9)
    here = GeneralizedLinearModel("poisson").fit(np.round(x * 1024) / 1024, small)
    for scale, shift in ((1.0, 2.0**27), (1e-12, 0.0), (1e12, 0.0)):
        data = np.round(x * 1024) / 1024 * scale + shift
        there = GeneralizedLinearModel("poisson").fit(data, small)
        np.testing.assert_allclose(there.coef_ * scale, here.coef_, rtol=1e-7)
        np.testing.assert_allclose(there.standard_errors_[0] * scale, here.standard_errors_[0], rtol=1e-7)
        np.testing.assert_allclose(there.mean_interval(data), here.mean_interval(np.round(x * 1024) / 1024), rtol=1e-6)


def test_perfect_fits_constant_targets_and_one_row():
    x = np.arange(10.0)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for family, link, y in (
            ("gaussian", "identity", 3 * x[:, 0] + 1),
            ("gaussian", "identity", np.full(10, 5.0)),
            ("gamma", "log", np.exp(x[:, 0])),
            ("poisson", "log", 2.0 ** x[:, 0]),
            ("gaussian", "log", np.exp(x[:, 0])),
        ):
            model = GeneralizedLinearModel(family, link).fit(x, y)
            np.testing.assert_allclose(model.predict(x), y, rtol=1e-7)
            assert model.deviance_ < 1e-10
        one = GeneralizedLinearModel("poisson").fit([[2.0]], [3.0])
        np.testing.assert_allclose(one.predict([[2.0], [7.0]]), 3)
        wide = GeneralizedLinearModel().fit(np.eye(4, 9), np.arange(4.0))
        np.testing.assert_allclose(wide.predict(np.eye(4, 9)), np.arange(4.0), atol=1e-6)


def test_tiny_targets_and_huge_weights():
    x, y = np.arange(6.0)[:, None], np.array([1e-17, 1.0, 2.0, 3.0, 1e-5, 4.0])
    model = GeneralizedLinearModel("gamma", "log").fit(x, y)
    mu = model.predict(x)
    np.testing.assert_allclose([np.sum((y - mu) / mu), np.sum(x[:, 0] * (y - mu) / mu)], 0, atol=1e-6)
    huge = GeneralizedLinearModel().fit(x * 1e-150, 1e8 * (2 * x[:, 0] + 1))  # the square of the weight overflows
    np.testing.assert_allclose([huge.coef_[0], huge.intercept_], [2e158, 1e8], rtol=1e-9)


@canonical
def test_float32_data_give_float32_predictions(family, link):
    X, y, s, _ = draw(family, link)
    model = GeneralizedLinearModel(family).fit(X.astype(np.float32), y, s)
    assert model.coef_.dtype == model.predict(X.astype(np.float32)).dtype == np.float32


def test_memory_mapped_float32_data(tmp_path):
    X, y, s, offset = draw("poisson", "log", N=5000)
    X32 = X.astype(np.float32)
    np.save(tmp_path / "X.npy", X32)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    one = GeneralizedLinearModel("poisson").fit(mapped, y, s, offset)
    same = GeneralizedLinearModel("poisson").fit(X32.astype(float), y, s.astype(np.float32), offset)
    assert one.coef_.dtype == np.float32 and one.predict(mapped, offset).dtype == np.float32
    np.testing.assert_allclose(one.coef_, same.coef_, rtol=1e-6)
    np.testing.assert_allclose(one.predict(mapped, offset), same.predict(X32.astype(float), offset), rtol=1e-5)


def test_memory_of_a_fit_as_a_multiple_of_its_data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(60_000, 10))
    y, s, offset = rng.poisson(1.0, 60_000), rng.random(60_000), rng.random(60_000)
    GeneralizedLinearModel("poisson").fit(X[:50], y[:50])
    tracemalloc.start()
    GeneralizedLinearModel("poisson").fit(X, y, s, offset)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.2 * X.nbytes, peak / X.nbytes


@canonical
def test_save_and_load(family, link, tmp_path):
    X, y, s, offset = draw(family, link)
    model = GeneralizedLinearModel(family).fit(X, y, s, offset)
    if not any(spec.target.endswith(":GeneralizedLinearModel") for spec in pellucid.models()):
        pellucid.register(GeneralizedLinearModel, id="local/glm-test")
    pellucid.save(model, tmp_path / "model.npz")
    again = pellucid.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(X, offset), model.predict(X, offset))
    np.testing.assert_array_equal(again.mean_interval(X), model.mean_interval(X))
    np.testing.assert_array_equal(again.covariance_, model.covariance_)


def test_ctrl_c_keeps_the_best_so_far():
    X, y, s, _ = draw("gamma", "log")

    class Press:
        @pellucid.hookimpl
        def pellucid_fit_step(self, run):
            if run.n_steps == 2:
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    try:
        with pellucid.listening(Press()), pytest.warns(pellucid.InterruptWarning, match="after iteration [23]"):
            model = GeneralizedLinearModel("gamma", "log").fit(X, y, s)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.n_iter_ < 5 and np.isfinite(model.predict(X)).all()


def test_parameters_of_a_price_are_fewer():
    X, y, _, _ = draw("gaussian", "identity")
    numbers = [GeneralizedLinearModel(alpha=alpha).fit(X, y).n_parameters_ for alpha in (0, 0.1, 10, 1e9)]
    assert numbers == sorted(numbers, reverse=True)
    np.testing.assert_allclose([numbers[0], numbers[-1]], [3, 1], rtol=1e-6)


def test_flat_directions_are_left_alone_by_the_shortest_weights():
    """A direction that only targets without information would fix is not one in which no mean changes."""
    x, s = np.repeat([0.0, 1.0], 4), np.full(8, 1 / 8)
    problem = Problem(x[:, None], x, s, np.zeros(8), np.zeros(1), np.zeros(2), FAMILIES["binomial"], LINKS["logit"])
    at = point(problem, np.array([80.0, -40.0]))
    w, covariance, n_parameters = generalized_linear_model.parameters(problem, at)
    np.testing.assert_allclose(w, [80, -40])
    assert np.all(np.diag(covariance) > 1e3) and n_parameters <= 2 + 1e-9
