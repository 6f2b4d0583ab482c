"""Bayesian linear regression: what data say about the weights, as a probability distribution.

Least squares answers with one set of weights. Here they are uncertain: a prior says which weights are probable before
the data are seen, and the posterior which are probable after. The more rows, the narrower it is, and a prediction says
how far it can be trusted. Noise and weights are normal, and every level of the intercept is equally probable:

    yₙ = wᵀxₙ + b + εₙ,   εₙ ~ N(0, σ²/sₙ),   w ~ N(m₀, σ²V₀)

sₙ says how precise row n is. Likelihood times prior is once more a normal density of w, of which normal_prior.py finds
mean and covariance. With the rows X̃, ỹ centred at the weighted means x̄, ȳ as in linear_regression.py,

    w | y ~ N(m, σ²V),   V⁻¹ = V₀⁻¹ + X̃ᵀX̃,   V⁻¹m = V₀⁻¹m₀ + X̃ᵀỹ

More rows may come later. The posterior is then their prior, and since X̃ᵀX̃ and X̃ᵀỹ are sums over the rows, the result is
the same as for all at once: tall_skinny_qr.py merges what is kept of them.

Prediction.  At a point x the target is normal, too. Its variance has two parts: that of the noise, and σ²h for what is
not known of the weights, which grows with the distance from the data:

    f(x) = ȳ + mᵀ(x − x̄)                                                       (1)
    h(x) = (x − x̄)ᵀV(x − x̄) + 1/Σₙ sₙ
    y(x) ~ N(f, σ²(1 + h))                                                     (2)
    f ± t √(σ²(1 + h)),   t the normal quantile at ½ + level/2                 (3)

Where σ² is not known, it has a prior as well, and the normal distribution becomes Student's t: normal_inverse_gamma.py.
Several targets at once are drawn with one set of weights from the posterior, and noise e for each:

    y(x) = wᵀx + b + σe,   e ~ N(0, 1)                                         (4)

Evidence.  log p(y), how probable the data were before they were seen, tells which of several priors or sets of features
suits them. It is the sum of the log p(yₙ | y₁ ... yₙ₋₁), how well each row was predicted from those before it, and so
does not favour what only follows the noise.

Symbols
-------
    paper   code             shape    meaning
    xₙ      X                (N, D)   data, one row per point
    yₙ      Y                (N, T)   targets, one column each
    sₙ      weights          (N,)     precision of each row, in units of 1/σ²
    m       coef             (T, D)   posterior mean of the weights
    x̄, ȳ    x_mean, y_mean   (D,)     weighted means; zeros where there is no intercept
    f       f                (M, T)   predicted mean
    h       spread           (M, 1)   variance for the weights, or 1 + h with the noise
    σ²      noise            (T,)     variance of the noise

Cost: O(N D min(N, D)) time; O(D²) memory beside the data, O(N D) if N < D. Each prediction O(D min(N, D)).

References
----------
    Bishop (2006), PRML, sec. 3.3.1, 3.3.2: V and m are its 3.50 and 3.51, (2) without intercept its 3.58 and 3.59.
    Murphy (2012), "Machine learning: a probabilistic perspective", sec. 7.6.
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., ch. 14.
Differs from them: points have weights, and the intercept is kept apart by the means.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple, Self

import numpy as np

from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray, check_rng, is_number
from pellucid_linear import linear_regression, normal_inverse_gamma, normal_prior, tall_skinny_qr
from pellucid_linear.normal_inverse_gamma import Noise
from pellucid_linear.normal_prior import Posterior, Prior
from pellucid_linear.parameters import check_level
from pellucid_linear.tall_skinny_qr import Factor


class Draws(NamedTuple):
    """Draws from the posterior; without the axis T where `y` has one dimension."""

    coef: FloatArray  # (n, T, D)
    intercept: FloatArray  # (n, T)
    noise_variance: FloatArray  # (n, T)


def predict(X: FloatArray, posterior: Posterior) -> FloatArray:
    """Return f for each row and target: (M, D), _ -> (M, T)."""
    f: FloatArray = posterior.y_mean + (X - posterior.x_mean) @ posterior.coef.T  # (M, T)   (1)
    return f


def variance(spread: FloatArray, noise: FloatArray) -> FloatArray:
    """Return spread times σ², 0 or infinite where the spread is, whatever σ²: (M, 1), (T,) -> (M, T)."""
    with np.errstate(invalid="ignore"):
        product = spread * noise  # (M, T)                                      (2)
    return np.where((spread == 0) | np.isinf(spread), spread, product)


def interval(f: FloatArray, variance: FloatArray, t: float) -> tuple[FloatArray, FloatArray]:
    """Return both ends: (M, T), (M, T), _ -> (M, T), (M, T)."""
    width = t * np.sqrt(variance)  # (M, T)                                     (3)
    return f - width, f + width  # (M, T)                                       (3)


def normal_quantile(level: float) -> float:
    """Return the t with P(−t < e < t) = level for a standard normal e."""
    return NormalDist().inv_cdf(0.5 + level / 2)  #                             (3)


def targets(X: FloatArray, draws: Draws, *, rng: np.random.Generator) -> FloatArray:
    """Draw targets at all points from each draw of the weights: (M, D), _ -> (n, T, M)."""
    y = draws.coef @ X.T + draws.intercept[:, :, None]  # (n, T, M)              (4)
    e = rng.standard_normal(y.shape)  # (n, T, M)
    y += np.sqrt(draws.noise_variance)[:, :, None] * e  #                       (4)
    return y


def positive(name: str, value: Any, *, or_zero: bool = False) -> float:
    """Return a parameter as a number, or raise."""
    number = float(value) if is_number(value) else np.nan
    if not (0 < number < np.inf or (or_zero and number == 0)):
        bound = "0 or more" if or_zero else "above 0"
        raise ValueError(f"{name} must be a finite number {bound}, got {value!r}. Try {name}=1.0.")
    return number


def numbers(name: str, value: Any) -> FloatArray:
    """Return a parameter as an array, or raise."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a number or an array of numbers, got {value!r}.") from error


def root_of_prior(precision: Any, D: int, noise: float) -> FloatArray | None:
    """Return H with H Hᵀ = V₀ for a σ²V₀ whose inverse is `precision`; None for a flat prior.

    Raises
    ------
    ValueError
        When it is no number, D numbers or D × D numbers, or not positive definite.
    """
    given, values = precision, numbers("prior_precision", precision) * noise
    problem = ""
    if values.shape not in ((), (D,), (D, D)) or not np.isfinite(values).all():
        problem = f"must be a finite number, {D} of them or a matrix ({D}, {D})"
    elif values.ndim < 2:
        if np.all(values > 0):
            return 1 / np.sqrt(np.broadcast_to(values, (D,)))
        if not values.any():
            return None
        problem = "must be above 0 for all weights, or 0 for all"
    elif not np.allclose(values, values.T, rtol=1e-8, atol=0):
        problem = "must be symmetric"
    else:
        try:
            return np.linalg.inv(np.linalg.cholesky(values)).T
        except np.linalg.LinAlgError:
            problem = "must be positive definite"
    raise ValueError(f"prior_precision {problem}, got {given!r}. Try prior_precision=1.0.")


class BayesianLinearRegression(Regressor):
    """Linear regression with a distribution over the weights instead of one answer.

    Parameters
    ----------
    noise_variance : float or None
        The variance σ² of the noise. None says that it is unknown; then it has an inverse gamma prior.
    prior_mean : float, or array-like of shape (D,) or (T, D)
        The mean of the weights before any data are seen.
    prior_precision : float, or array-like of shape (D,) or (D, D)
        The inverse of the prior's covariance: one number for all weights, one for each, or a positive definite matrix.
        While `noise_variance` is None it is counted in units of 1/σ², and Ridge with the same `alpha` has the same
        weights. At 0 all weights are equally probable, and the answer is that of least squares, with its intervals.
    prior_shape, prior_scale : float
        The inverse gamma prior of σ²: it counts like 2 `prior_shape` rows with a squared error of 2 `prior_scale`. With
        both at 0, the default, every order of magnitude is equally probable. Not used when `noise_variance` is given.
    fit_intercept : bool
        Whether there is an intercept b, every level being equally probable. Without one the prediction at x = 0 is 0.
        (For an intercept with a prior, add a column of ones and set this to False.)

    Attributes
    ----------
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        Posterior mean of the weights.
    intercept_ : float, or ndarray of shape (T,)
        Posterior mean of the intercept; 0 without `fit_intercept`.
    covariance_ : ndarray of shape (D, D), or (T, D, D)
        Posterior covariance of the weights.
    noise_variance_ : float, or ndarray of shape (T,)
        σ² as given, or s² = b/a, the inverse of the posterior mean of 1/σ².
    noise_ : Noise or None
        The inverse gamma posterior of σ²: its shape `a` and its scale `b`, (T,). None when `noise_variance` is given.
    log_marginal_likelihood_ : float, or ndarray of shape (T,)
        The evidence log p(y), by which priors and features can be compared. With `prior_precision=0`, or the default
        prior of σ², it is relative to a density of 1 for the weights, or 1/σ²; see the module's text.
    has_intercept_ : bool
        What `fit_intercept` was in the fit, and must be for more rows.
    statistics_, log_weights_
        What is kept of the rows for `partial_fit`: their factor, and the sum of the logarithms of their weights.
    posterior_ : Posterior
        The posterior of weights and intercept along its directions.

    Notes
    -----
    A weight says how precise a row is: its noise has the variance σ²/sₙ. For the weights and their covariance with a
    known σ² this is the same as seeing the row sₙ times. What is learnt about an unknown σ² is not: one row of weight 3
    says less about it than three rows that agree.

    The prior depends on the units of the columns. With σ² unknown, a proper prior that is meant to be vague, say
    `prior_precision=1e-6`, still counts: weights that turn out small beside it make a small σ² more probable, and no
    degree of freedom is subtracted for them. For intervals that hold for fixed weights take 0.

    Everything is computed in float64; float32 data give float32 predictions. `fit` goes through the rows in blocks, so
    that X may be memory-mapped.

    Examples
    --------
    >>> model = BayesianLinearRegression(noise_variance=1.0, prior_precision=0.01).fit([[0], [1], [2]], [1, 3, 5])
    >>> [round(float(number), 2) for number in (model.coef_[0], model.intercept_, model.covariance_[0, 0])]
    [1.99, 1.01, 0.5]
    >>> mean, std = model.predict([[1], [10]], return_std=True)
    >>> std.round(2)
    array([1.15, 6.45])
    """

    _multi_output = True

    coef_: FloatArray
    intercept_: FloatArray
    noise_: Noise | None
    statistics_: Factor
    log_weights_: float
    posterior_: Posterior

    def __init__(
        self,
        noise_variance: float | None = None,
        *,
        prior_mean: Any = 0.0,
        prior_precision: Any = 0.0,
        prior_shape: float = 0.0,
        prior_scale: float = 0.0,
        fit_intercept: bool = True,
    ) -> None:
        self.noise_variance = noise_variance
        self.prior_mean = prior_mean
        self.prior_precision = prior_precision
        self.prior_shape = prior_shape
        self.prior_scale = prior_scale
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the posterior; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional
            The precision of each row, in units of 1/σ². A row of weight 0 counts as little as one that is not there.

        Raises
        ------
        ValueError
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, the prior does not make
            sense, or the squared errors overflow.
        """
        X, y, weights = self._check_fit(X, y, sample_weight)
        return self._learn(X, y, weights, None)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from more rows, the posterior so far being their prior; return the model.

        After the last piece the model is the one that `fit` finds for all rows at once. Parameters and errors as for
        `fit`.
        """
        before = self.statistics_ if hasattr(self, "statistics_") else None
        X, y, weights = self._check_fit(X, y, sample_weight, partial=True)
        linear_regression.check_same_intercept(self)
        if before is not None and self.coef_.shape[:-1] != y.shape[1:]:
            shapes = ["(N,)" if not axes else f"(N, {axes[0]})" for axes in (self.coef_.shape[:-1], y.shape[1:])]
            raise ValueError(f"y must have as many columns as in the first fit, {shapes[0]}, got {shapes[1]}.")
        return self._learn(X, y, weights, before)

    def update(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from more rows, as `partial_fit`, after a `fit`; return the model."""
        self._check_fitted()
        return self.partial_fit(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the mean of the target at each row of X (N, D), and with `return_std` its standard deviation.

        Returns
        -------
        ndarray of shape (N,) or (N, T), or a tuple of two
            The standard deviation is the root of `predict_variance(X)`.
        """
        A = self._check_X(X)
        f = linear_regression.predict(A, self.coef_, self.intercept_)
        return (f, np.sqrt(self.predict_variance(X)).astype(f.dtype)) if return_std else f

    def predict_variance(self, X: Any, *, of_mean: bool = False) -> FloatArray:
        """Return the variance of the target at each row of X (N, D): an array (N,) or (N, T).

        Parameters
        ----------
        X : array-like of shape (N, D)
        of_mean : bool
            Whether it is the variance of wᵀx + b, what remains uncertain about the mean of all targets at x. By default
            it is that of one new target of weight 1, noise included.

        Notes
        -----
        With σ² unknown, it is infinite until there are more than two degrees of freedom.
        """
        X = self._check_X(X)
        return self._one_or_many(variance(self._spread(X, of_mean), self._noise_mean()))

    def predict_interval(self, X: Any, level: float = 0.95, *, of_mean: bool = False) -> tuple[FloatArray, FloatArray]:
        """Return the ends of an interval that holds the target at each row of X with probability `level`.

        Parameters
        ----------
        X : array-like of shape (N, D)
        level : float
            The probability, between 0 and 1.
        of_mean : bool
            Whether the interval is for wᵀx + b. By default it is for one new target of weight 1.

        Returns
        -------
        low, high : ndarray of shape (N,) or (N, T)
        """
        X = self._check_X(X)
        check_level(level)
        t = normal_quantile(level) if self.noise_ is None else normal_inverse_gamma.quantile(self.noise_, level)
        spread, noise = self._spread(X, of_mean), np.atleast_1d(self.noise_variance_)  # (N, 1), (T,)
        low, high = interval(predict(X, self.posterior_), variance(spread, noise), t)
        return self._one_or_many(low), self._one_or_many(high)

    def sample(self, n: int = 1, random_state: Any = None) -> Draws:
        """Draw n sets of weights, intercepts and noise variances from the posterior.

        Returns
        -------
        Draws
            Fields `coef` (n, D) or (n, T, D), `intercept` and `noise_variance`, (n,) or (n, T).

        Raises
        ------
        ValueError
            When the prior is flat and the data do not determine the posterior.
        """
        draws = self._draw(n, check_rng(random_state))
        return draws if self.coef_.ndim > 1 else Draws(*(field[:, 0] for field in draws))

    def sample_y(self, X: Any, n: int = 1, random_state: Any = None) -> FloatArray:
        """Draw n sets of targets at the rows of X (N, D) together, noise included: an array (N, n) or (N, T, n).

        Within a set all targets come from the same weights.
        """
        X = self._check_X(X)
        rng = check_rng(random_state)
        draws = self._draw(n, rng)
        y = targets(X, draws, rng=rng)  # (n, T, N)
        return y.T if self.coef_.ndim > 1 else y[:, 0].T

    @property
    def covariance_(self) -> FloatArray:
        """Posterior covariance of the weights: (D, D), or (T, D, D) when `y` has T columns."""
        self._check_fitted()
        V = normal_prior.covariance(self.posterior_) * self._noise_mean()[:, None, None]  # (T, D, D)
        return V if self.coef_.ndim > 1 else V[0]

    def _learn(self, X: FloatArray, y: FloatArray, weights: FloatArray | None, before: Factor | None) -> Self:
        """Find the posterior of these rows, and of those before them."""
        Y = y.reshape(len(y), -1)  # (N, T)
        prior = self._prior(Y.shape[1], X.shape[1])
        log_weights = 0.0 if weights is None else float(np.sum(np.log(weights[weights > 0], dtype=np.float64)))
        with fit_run(self, total=1, unit="step") as run:
            factor = linear_regression.gathered(X, Y, weights, fit_intercept=self.fit_intercept)
            if before is not None:
                factor, log_weights = tall_skinny_qr.merge(before, factor), log_weights + self.log_weights_
            found = normal_prior.learn(prior, factor, fit_intercept=self.fit_intercept)
            if not np.isfinite(found.misfit).all():
                raise ValueError(f"the squared errors overflow: a target is {np.abs(Y).max():g}. Rescale y.")
            run.step()
        log_c = normal_prior.evidence_constant(found, log_weights)
        if self.noise_variance is None:
            self.noise_ = normal_inverse_gamma.learn(self.prior_shape, self.prior_scale, found.nu, found.misfit)
            evidence = normal_inverse_gamma.log_evidence(
                self.noise_, self.prior_shape, self.prior_scale, found.nu, log_c
            )  # (T,)
            noise = normal_inverse_gamma.scale(self.noise_)  # (T,)
        else:
            self.noise_ = None
            evidence = normal_prior.log_evidence(found, log_c, self.noise_variance)  # (T,)
            noise = np.full(len(evidence), float(self.noise_variance))  # (T,)
        intercept = found.y_mean - found.coef @ found.x_mean  # (T,)
        one = y.ndim == 1
        dtype = self.coef_.dtype if before is not None else X.dtype
        self.coef_ = (found.coef[0] if one else found.coef).astype(dtype)
        self.intercept_ = (intercept[0] if one else intercept).astype(dtype)
        self.noise_variance_ = noise[0] if one else noise
        self.log_marginal_likelihood_ = evidence[0] if one else evidence
        self.statistics_, self.log_weights_, self.posterior_ = factor, log_weights, found
        self.has_intercept_ = bool(self.fit_intercept)
        return self

    def _prior(self, T: int, D: int) -> Prior:
        """The prior of the weights, in units of σ²; raises where the parameters do not make sense."""
        sigma2 = 1.0 if self.noise_variance is None else positive("noise_variance", self.noise_variance)
        a_0, b_0 = (positive(name, getattr(self, name), or_zero=True) for name in ("prior_shape", "prior_scale"))
        if (a_0 == 0) != (b_0 == 0):
            raise ValueError(
                "prior_shape and prior_scale must both be above 0 or both be 0, got "
                f"{self.prior_shape!r} and {self.prior_scale!r}."
            )
        mean = numbers("prior_mean", self.prior_mean)
        if mean.shape not in ((), (D,), (T, D)) or not np.isfinite(mean).all():
            raise ValueError(
                f"prior_mean must be a finite number, one for each of {D} weights, or a row of these for each of {T} "
                f"targets, got {self.prior_mean!r}."
            )
        return Prior(np.broadcast_to(mean, (T, D)), root_of_prior(self.prior_precision, D, sigma2))

    def _spread(self, X: FloatArray, of_mean: bool) -> FloatArray:
        """h, or 1 + h, for each row: (N, D), _ -> (N, 1)."""
        return (normal_prior.spread(X, self.posterior_) + (not of_mean))[:, None]

    def _noise_mean(self) -> FloatArray:
        """Posterior mean of σ², for each target."""
        if self.noise_ is None:
            return np.atleast_1d(self.noise_variance_)
        return normal_inverse_gamma.variance(self.noise_)

    def _one_or_many(self, values: FloatArray) -> FloatArray:
        """Without the axis T where y had one dimension: (N, T) -> (N, T) or (N,)."""
        return values if self.coef_.ndim > 1 else values[:, 0]

    def _draw(self, n: int, rng: np.random.Generator) -> Draws:
        """n draws for each target."""
        self._check_fitted()
        if self.posterior_.tau == 0 and len(self.posterior_.precision) < self.n_features_in_:
            raise ValueError(
                f"the posterior must be a distribution to draw from it, but the data determine "
                f"{len(self.posterior_.precision)} of {self.n_features_in_} directions. Set prior_precision above 0."
            )
        if self.noise_ is None:
            noise = np.full((n, len(self.posterior_.coef)), self.noise_variance_)  # (n, T)
        elif self.noise_.a > 0:
            noise = normal_inverse_gamma.draw(self.noise_, n, rng=rng)  # (n, T)
        else:
            raise ValueError(
                "the posterior must be a distribution to draw from it, but no row is left to learn the noise variance "
                "from. Take more rows, or set prior_shape and prior_scale, or noise_variance."
            )
        return Draws(*normal_prior.draw(self.posterior_, noise, rng=rng), noise)
