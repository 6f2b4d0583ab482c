"""Agreement of generalized linear models with statsmodels: every family and link, both kinds of weights, offsets."""

import itertools
import warnings

import numpy as np
import pytest

from pellucid_linear.families_and_links import FAMILIES, LINKS
from pellucid_linear.generalized_linear_model import GeneralizedLinearModel

sm = pytest.importorskip("statsmodels.api")

THEIR_FAMILIES = {"gaussian": "Gaussian", "binomial": "Binomial", "poisson": "Poisson", "gamma": "Gamma"}
THEIR_LINKS = {"identity": "Identity", "log": "Log", "logit": "Logit", "inverse": "InversePower"}
PAIRS = [
    pair
    for pair in itertools.product(FAMILIES, LINKS)
    if pair not in {("poisson", "logit"), ("gamma", "logit"), ("binomial", "inverse")}  # means would leave the range
]
every_pair = pytest.mark.parametrize("family, link", PAIRS)
weighted = pytest.mark.parametrize("weights", [None, "var_weights", "freq_weights"])
offsets = pytest.mark.parametrize("with_offset", [False, True], ids=["no offset", "offset"])
both = pytest.mark.parametrize("fit_intercept", [True, False])


def draw(family, link, N=150, seed=0):
    rng = np.random.default_rng(seed)
    X, offset = rng.uniform(0, 1, (N, 3)), rng.uniform(0, 0.1, N)
    constant = {"identity": 1.0, "log": 0.2, "logit": -0.5, "inverse": 0.5}[link]
    if family == "binomial" and link != "logit":
        constant = {"identity": 0.1, "log": -1.3}[link]
        offset = offset * {"identity": 0.3, "log": -1}[link]
    size = 0.25 if (family, link) == ("binomial", "identity") else 0.7
    mu = LINKS[link].inverse(size * X @ [0.6, 0.3, 0.4] + constant + offset)
    y = {
        "gaussian": lambda: mu + 0.1 * rng.normal(size=N),
        "binomial": lambda: (rng.random(N) < mu).astype(float),
        "poisson": lambda: rng.poisson(mu).astype(float),
        "gamma": lambda: rng.gamma(6, mu / 6),
    }[family]()
    return X, y, rng.integers(1, 5, N).astype(float), offset


def their_fit(family, link, X, y, **kwargs):
    """Solved as tightly as it goes."""
    kind = getattr(sm.families, THEIR_FAMILIES[family])(
        getattr(sm.families.links, THEIR_LINKS[link])(), check_link=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        near = [0.4, 0.2, 0.3, -1.4] if (family, link) == ("binomial", "log") else None  # or theirs leaves the range
        return sm.GLM(y, X, kind, **kwargs).fit(near, tol=1e-13, tol_criterion="params", maxiter=500)


@both
@offsets
@weighted
@every_pair
def test_everything_that_a_fit_says(family, link, weights, with_offset, fit_intercept):
    X, y, s, offset = draw(family, link)
    A = sm.add_constant(X, prepend=False)
    ours = GeneralizedLinearModel(
        family, link, frequency_weights=weights == "freq_weights", fit_intercept=fit_intercept, tol=1e-24
    ).fit(X if fit_intercept else A, y, None if weights is None else s, offset if with_offset else None)
    options = {weights: s} if weights else {}
    theirs = their_fit(family, link, A, y, **options, **({"offset": offset} if with_offset else {}))
    coef = np.append(ours.coef_, ours.intercept_) if fit_intercept else ours.coef_
    size = np.abs(theirs.params).max()
    np.testing.assert_allclose(coef, theirs.params, rtol=1e-8, atol=1e-8 * size)
    np.testing.assert_allclose(ours.standard_errors_, theirs.bse, rtol=1e-7)
    np.testing.assert_allclose(ours.covariance_, theirs.cov_params(), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(ours.deviance_, theirs.deviance, rtol=1e-10)
    np.testing.assert_allclose(ours.null_deviance_, theirs.null_deviance, rtol=1e-8)
    np.testing.assert_allclose(ours.dispersion_, theirs.scale, rtol=1e-8)
    np.testing.assert_allclose(ours.n_parameters_, theirs.df_model + 1, rtol=1e-9)
    np.testing.assert_allclose(ours.confidence_interval(0.9), theirs.conf_int(0.1).T, rtol=1e-7, atol=1e-7)
    mean = theirs.get_prediction(A[:5], **({"offset": offset[:5]} if with_offset else {})).summary_frame(alpha=0.1)
    found = ours.mean_interval((X if fit_intercept else A)[:5], 0.9, offset=offset[:5] if with_offset else None)
    expected = np.sort(mean[["mean_ci_lower", "mean_ci_upper"]].to_numpy(), axis=1).T
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    if family == "gaussian":  # theirs takes the most likely dispersion for the identity only
        mu = ours.predict(X if fit_intercept else A, offset if with_offset else None)
        w = s if weights else np.ones(len(y))
        phi = w @ (y - mu) ** 2 / (s.sum() if weights == "freq_weights" else len(y))
        np.testing.assert_allclose(ours.log_likelihood_, theirs.llf_scaled(phi), rtol=1e-9)
    else:
        np.testing.assert_allclose(ours.log_likelihood_, theirs.llf, rtol=1e-9)
        np.testing.assert_allclose(ours.aic_, theirs.aic, rtol=1e-9)
    if (family, link) == ("gaussian", "identity"):
        np.testing.assert_allclose(ours.aic_, theirs.aic, rtol=1e-9)


def test_shares_of_trials():
    rng = np.random.default_rng(1)
    X, trials = rng.normal(size=(40, 2)), rng.integers(1, 30, 40)
    hits = rng.binomial(trials, 1 / (1 + np.exp(-X @ [1.0, -0.5])))
    ours = GeneralizedLinearModel("binomial").fit(X, hits / trials, trials)
    theirs = their_fit("binomial", "logit", sm.add_constant(X, prepend=False), np.column_stack([hits, trials - hits]))
    np.testing.assert_allclose([*ours.coef_, ours.intercept_], theirs.params, rtol=1e-9)
    np.testing.assert_allclose(ours.standard_errors_, theirs.bse, rtol=1e-9)
    np.testing.assert_allclose(ours.deviance_, theirs.deviance, rtol=1e-9)
    np.testing.assert_allclose(ours.log_likelihood_, theirs.llf, rtol=1e-9)


@pytest.mark.parametrize("name, family, link", [("scotland", "gamma", "inverse"), ("star98", "binomial", "logit")])
def test_real_data(name, family, link):
    data = getattr(sm.datasets, name).load()
    X, y = np.asarray(data.exog, float), np.asarray(data.endog, float)
    theirs = their_fit(family, link, sm.add_constant(X, prepend=False), y)
    trials = y.sum(axis=1) if y.ndim == 2 else None
    ours = GeneralizedLinearModel(family, link).fit(X, y if trials is None else y[:, 0] / trials, trials)
    np.testing.assert_allclose(ours.coef_, theirs.params[:-1], rtol=1e-5)
    np.testing.assert_allclose(ours.standard_errors_[:-1], theirs.bse[:-1], rtol=1e-5)
    np.testing.assert_allclose(ours.deviance_, theirs.deviance, rtol=1e-9)
    np.testing.assert_allclose(ours.log_likelihood_, theirs.llf, rtol=1e-9)


def test_least_squares_prediction_intervals_are_those_of_a_flat_prior():
    from pellucid_linear.bayesian_linear_regression import BayesianLinearRegression

    X, y, s, _ = draw("gaussian", "identity")
    ours = BayesianLinearRegression().fit(X, y, s)
    A = sm.add_constant(X, prepend=False)
    theirs = sm.WLS(y, A, s).fit()
    frame = theirs.get_prediction(A, weights=np.ones(len(y))).summary_frame(alpha=0.1)
    for of_mean, name in ((True, "mean_ci"), (False, "obs_ci")):
        expected = frame[[f"{name}_lower", f"{name}_upper"]].to_numpy().T
        np.testing.assert_allclose(ours.predict_interval(X, 0.9, of_mean=of_mean), expected, rtol=1e-9)
    np.testing.assert_allclose(ours.noise_variance_, theirs.scale, rtol=1e-10)
