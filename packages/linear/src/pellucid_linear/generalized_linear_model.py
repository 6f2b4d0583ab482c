"""Generalized linear models: counts, shares and positive numbers from weighted sums of features.

Linear regression suits targets that may be any number, with the same scatter everywhere. Counts cannot be negative,
and scatter more where there are more of them. A generalized linear model puts a curve between the weighted sum and the
mean μ of a target, the inverse of the link g, and a family says how targets scatter about their mean:
families_and_links.py. An offset o, known for each row, may be part of the sum, as the logarithm of the time during
which events were counted:

    μ(x) = g⁻¹(wᵀx + b + o)                                                    (1)

iteratively_reweighted_least_squares.py finds the w and b that make the targets as probable as can be, or the deviance
D = Σₙ sₙ d(yₙ, μₙ) small, at a price α for the squared length of w. What follows tells how well they are known. Let S
be the sum of the weights sₙ, ωₙ and F as there, x with a last 1 for b, and N the number of rows.

    p = tr(F⁻¹ Σₙ ωₙxₙxₙᵀ)                                                     (2)
    φ = Σₙ sₙ (yₙ − μₙ)² / V(μₙ) / (N − p)   for gaussian and gamma, else 1    (3)
    Cov(w, b) = φ F⁻¹ / S                                                      (4)

p is the number of parameters, or less than that if there is a price. For many rows, w and b are nearly normal. An
interval that holds a weight with probability `level`, and one for a mean, symmetric where normal numbers are, end at

    w ± t √Cov,   t the normal quantile at ½ + level/2                         (5)
    g⁻¹(η ± t √(xᵀCov x))                                                      (6)

Two measures of the fit: the share of the deviance that it explains, D₀ being that of the mean alone, and Akaike's
information criterion, by which models with different features can be compared:

    D² = 1 − D/D₀                                                              (7)
    AIC = 2p − 2 log p(y)                                                      (8)

Symbols
-------
    paper   code           shape    meaning
    xₙ      X              (N, D)   data, one row per point
    yₙ      y              (N,)     targets
    sₙ      s              (N,)     weights
    w       w              (P,)     weights, and last the intercept
    η, μ    eta, mu        (N,)     linear part and mean
    F       F, F_data      (P, P)   Fisher's information, with and without price
    p       n_parameters   scalar   effective number of parameters
    φ       phi            scalar   dispersion
    t       t              scalar   quantile

Cost: O(N D² + D³) a step of the fit, three to ten steps as a rule; O(N + D²) memory beside the data.

References
----------
    Nelder & Wedderburn (1972), "Generalized linear models".
    McCullagh & Nelder (1989), "Generalized linear models", 2nd ed.: ch. 2; sec. 8.3: (3) for gamma.
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 3.4.1: (2) for ridge regression.
Differs from them: the price.
"""

from __future__ import annotations

import warnings
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from pellucid import ConvergenceWarning, Regressor, fit_run
from pellucid.validation import FloatArray, check_rows, check_sample_weight, check_target, is_number
from pellucid_linear import iteratively_reweighted_least_squares
from pellucid_linear.families_and_links import FAMILIES, LINKS, Family, Link
from pellucid_linear.iteratively_reweighted_least_squares import EPSILON, Point, Problem, Trace, curvature, sums
from pellucid_linear.normal_equations import near_mean
from pellucid_linear.parameters import check_level, check_steps

MOVING = 1e-3  # change of a linear part in the last step, beyond which the weights have not settled


def null_means(problem: Problem) -> FloatArray:
    """The means of a model with nothing but an intercept and the offset: _ -> (N,)."""
    if not problem.offset.any():
        return np.full(len(problem.y), problem.s @ problem.y)
    alone = problem._replace(X=problem.X[:, :0], centre=np.zeros(0), price=np.zeros(1))
    found = iteratively_reweighted_least_squares.fit(alone)
    return np.full(len(problem.y), np.nan) if found is None else found[0].mu


def spectrum(F: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues of F in units of its diagonal, rising, and their directions: (P, P) -> (P,), (P, P)."""
    d = np.sqrt(np.diag(F))
    d[d == 0] = 1
    values, vectors = np.linalg.eigh(F / np.outer(d, d))
    return values, vectors / d[:, None]


def parameters(problem: Problem, at: Point) -> tuple[FloatArray, FloatArray, float]:
    """Return the shortest weights with these means, F⁻¹ and p: _, _ -> (P,), (P, P), ()."""
    D, P, w, nothing = problem.X.shape[1], len(at.w), at.w, np.zeros(len(at.mu))
    least, n_free = 100 * P * EPSILON, 0  # what is flat but for rounding; directions in which no mean changes
    _, F_data = sums(problem, nothing, curvature(problem, at.mu))
    values, vectors = spectrum(F_data + np.diag(problem.price))
    if values.min(initial=1) <= least:
        _, gram = sums(problem, nothing, problem.s)
        of_gram, free = spectrum(gram + np.diag(problem.price))
        free = free[:, of_gram <= least]  # (P, _)
        n_free, w = free.shape[1], w - free @ np.linalg.lstsq(free[:D], w[:D])[0]
    B = vectors[:, n_free:] / np.sqrt(np.maximum(values[n_free:], least))  # (P, K)
    n_parameters = np.sum(B * (F_data @ B))  #                                  (2)
    return w, B @ B.T, float(n_parameters)


def dispersion(family: Family, y: FloatArray, mu: FloatArray, s: FloatArray, left: float) -> float:
    """φ, given N − p: _, (N,), (N,), (N,), _ -> ()."""
    if not family.estimated:
        return 1.0
    if not left > 1e-8 * len(y):
        return float("nan")
    phi = np.sum(s * (y - mu) ** 2 / family.variance(mu)) / left  #             (3)
    return float(phi)


def normal_interval(value: FloatArray, error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Both ends, given standard errors: (M,), (M,), _ -> (M,), (M,)."""
    t = NormalDist().inv_cdf(0.5 + level / 2)  #                                (5)
    return value - t * error, value + t * error  #                              (5)


def mean_interval(
    link: Link, x: FloatArray, eta: FloatArray, covariance: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Both ends for the mean at centred rows: _, (M, P), (M,), (P, P) -> (M,), (M,)."""
    variance = np.sum(x @ covariance * x, axis=1)  # (M,)                        (6)
    # mutate: sign equivalent because the ends are sorted
    error = np.sqrt(np.maximum(variance, 0.0))  # (M,)                           (6)
    low, high = (link.inverse(end) for end in normal_interval(eta, error, level))  #   (6)
    return np.minimum(low, high), np.maximum(low, high)  # 1/η falls as η rises


def explained(family: Family, y: FloatArray, mu: FloatArray, s: FloatArray) -> float:
    """D²: _, (N,), (N,), (N,) -> ()."""
    mean = np.full_like(y, np.average(y, weights=s))  # (N,)
    D, D_0 = np.sum(s * family.deviance(y, mu)), np.sum(s * family.deviance(y, mean))  #   (7)
    if D_0 == 0:
        return float(D == 0)
    return float(1 - D / D_0)  #                                                (7)


def log_likelihood(family: Family, y: FloatArray, mu: FloatArray, s: FloatArray, phi: float, *, counts: bool) -> float:
    """log p(y), where s counts rows or is their precision: _, (N,), (N,), (N,) -> ()."""
    with np.errstate(all="ignore"):  # infinite for a perfect fit
        if counts:
            return float(s @ family.log_density(y, mu, np.ones(len(s)), phi))
        return float(family.log_density(y, mu, s, phi).sum())


def akaike(n_parameters: float, log_likelihood: float) -> float:
    """AIC."""
    return 2 * n_parameters - 2 * log_likelihood  #                             (8)


class GeneralizedLinearModel(Regressor):
    """Mean of a target by a weighted sum behind a link: counts, shares, positive numbers.

    Parameters
    ----------
    family : str
        How targets scatter: "gaussian" for any numbers, "binomial" for 0 and 1 or shares between them, "poisson" for
        counts, "gamma" for positive numbers whose scatter grows with their mean.
    link : str or None
        "identity", "log", "logit" or "inverse". None takes the canonical link of the family: identity, logit, log and
        inverse, in the order above, as statsmodels does. (scikit-learn's GammaRegressor has "log".)
    alpha : float
        The price α of large weights, 0 or more, beside the mean deviance, as in scikit-learn's PoissonRegressor. The
        intercept is free.
    fit_intercept : bool
        Whether there is an intercept b.
    frequency_weights : bool
        What `sample_weight` means. By default how precise a row is: its variance is φ V(μ)/sₙ, as for a mean of sₙ
        targets, or a share of sₙ trials; `weights` of R's glm, var_weights of statsmodels. With True how often the row
        was seen; freq_weights of statsmodels. The weights w are the same; what differs is the number of rows, and with
        it the dispersion, the standard errors of gaussian and gamma, and the likelihood.
    max_iter : int
        The most steps.
    tol : float
        The fit ends after a step that promised to lower the loss by less than `tol` times the loss.

    Attributes
    ----------
    coef_ : ndarray of shape (D,)
        The weights.
    intercept_ : float
        The intercept; 0 without `fit_intercept`.
    standard_errors_ : ndarray of shape (P,)
        Those of the weights, and last of the intercept.
    covariance_ : ndarray of shape (P, P)
        Covariance of these. With `alpha` above 0 it is that of a posterior whose prior is the price.
    dispersion_ : float
        φ. For gaussian and gamma estimated, NaN if there are no more rows than parameters; else 1.
    deviance_, null_deviance_ : float
        D, and D₀ of a model with nothing but intercept and offset.
    n_parameters_ : float
        p: the rank, intercept included; smaller where there is a price.
    log_likelihood_, aic_ : float
        For gaussian with the φ that makes the data most probable, for gamma with `dispersion_`. As in statsmodels, φ is
        not counted as a parameter in `aic_`.
    n_iter_ : int
        Steps done.
    loss_ : ndarray of shape (n_iter_ + 1,)
        Half the mean deviance, price included, before the first step and after each.
    centre_, centred_covariance_ : ndarray
        What intervals are computed from: a point amid the data, and the covariance of weights and prediction there.

    Notes
    -----
    If a link lets means leave the range of the family, as "identity" does for counts, steps are halved until all are
    in it. When no step is left, or none can begin, choose the canonical link, or "log".

    Where targets can be told apart without error, all weights are infinite in theory. The fit goes on until that no
    longer shows, and warns.

    Everything is computed in float64; float32 data give float32 weights and predictions. The rows are gone through in
    blocks, so that X may be memory-mapped.

    Examples
    --------
    >>> import numpy as np
    >>> deaths, years = [12, 28, 28, 31], np.array([10673, 5710, 2585, 1462])  # at the ages 50, 60, 70, 80
    >>> model = GeneralizedLinearModel("poisson").fit([[50], [60], [70], [80]], deaths, offset=np.log(years))
    >>> model.coef_.round(3), model.standard_errors_[:1].round(3)  # of the logarithm of the rate, for each year of age
    (array([0.091]), array([0.009]))
    """

    def __init__(
        self,
        family: str = "gaussian",
        link: str | None = None,
        *,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        frequency_weights: bool = False,
        max_iter: int = 100,
        tol: float = 1e-16,
    ) -> None:
        self.family = family
        self.link = link
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.frequency_weights = frequency_weights
        self.max_iter = max_iter
        self.tol = tol

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.family in ("poisson", "gamma")
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Self:
        """Find the weights; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional
            What it means `frequency_weights` says. A row of weight 0 counts as little as one that is not there.
        offset : float or array-like of shape (N,), optional
            Known part of the linear part: for counts the logarithm of the exposure.

        Raises
        ------
        ValueError
            When the data are not finite numbers, do not fit together or are not ones of the family, or a parameter is
            out of range.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` steps were not enough, the weights grow without end, or the border of the family's means
            stands in the way.
        """
        family, link = self._family_and_link()
        X, y, weights = self._check_fit(X, y, sample_weight)
        y = self._check_range(y.astype(np.float64), family)
        s = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        o, dtype = self._check_offset(offset, len(y)), X.dtype
        if not s.all():
            X, y, o, s = X[s > 0], y[s > 0], o[s > 0], s[s > 0]
        D = X.shape[1]
        centre = near_mean(X, s) if self.fit_intercept else np.zeros(D)
        price = np.append(np.full(D, float(self.alpha)), [0.0] * bool(self.fit_intercept))
        problem = Problem(X, y, s / s.sum(), o, centre, price, family, link)
        with fit_run(self, total=self.max_iter) as run:
            found = iteratively_reweighted_least_squares.fit(
                problem, tol=self.tol, max_iter=self.max_iter, report=run.step
            )
            if found is None:
                others = " or ".join(repr(name) for name in (family.canonical, "log") if name != link.name)
                advice = f"Try link={others}, fit an intercept," if others else "Fit an intercept, look at the offsets,"
                raise ValueError(
                    f"no weights were found whose means the family {family.name!r} can have through the link "
                    f"{link.name!r}; y has the mean {problem.s @ y:g}. {advice} or take another family."
                )
        at, trace = found
        self._store(problem, at, trace, s, dtype)
        if run.stopped is None:
            self._warn(at, trace, family)
        return self

    def predict(self, X: Any, offset: Any = None) -> FloatArray:
        """Return the mean of the target at each row of X (N, D), given its offset or with none: an array (N,)."""
        X = self._check_X(X)
        _, link = self._family_and_link()
        offsets = self._check_offset(offset, len(X)).astype(X.dtype)
        mu = link.inverse(X @ self.coef_ + self.intercept_ + offsets)  # (N,)    (1)
        return mu.astype(X.dtype, copy=False)

    def mean_interval(self, X: Any, level: float = 0.95, *, offset: Any = None) -> tuple[FloatArray, FloatArray]:
        """Return the ends of a confidence interval for the mean at each row of X (N, D): two arrays (N,).

        It is symmetric about the linear part, and so within the means that the link can give, and holds for many rows.
        (With the link "inverse" it means nothing where the linear part is not known to differ from 0.)
        """
        X = self._check_X(X)
        _, link = self._family_and_link()
        x = X - self.centre_  # (N, D)
        level_there = self.intercept_ + self.centre_ @ self.coef_.astype(np.float64)
        eta = x @ self.coef_ + level_there + self._check_offset(offset, len(X))
        x = np.column_stack([x, np.ones(len(x))]) if self.fit_intercept else x
        return mean_interval(link, x, eta, self.centred_covariance_, check_level(level))

    def confidence_interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Return the ends of an interval for each weight, and last for the intercept: two arrays (P,).

        By the normal quantile, as statsmodels' conf_int; it holds for many rows.
        """
        self._check_fitted()
        value = np.append(self.coef_, [self.intercept_] * bool(self.fit_intercept))
        return normal_interval(value, self.standard_errors_, check_level(level))

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return D² = 1 − D/D₀: the share of the deviance from the mean of `y` that is explained; R² for gaussian.

        1 is perfect, 0 is what the mean would score. A constant `y` scores 1 if it is predicted exactly, else 0.
        """
        mu = self.predict(X, offset).astype(np.float64)
        family, _ = self._family_and_link()
        name = type(self).__name__
        y = self._check_range(check_target(y, name=name), family)
        check_rows(len(mu), y)
        weights = check_sample_weight(sample_weight, len(mu), name=name)
        if len(mu) < 2:
            warnings.warn("D^2 score is not well-defined with less than two samples.", UserWarning, stacklevel=2)
            return float("nan")
        return explained(family, y, mu, np.ones(len(y)) if weights is None else weights)

    @property
    def covariance_(self) -> FloatArray:
        """Covariance of the weights, and last the intercept: (P, P)."""
        self._check_fitted()
        D = len(self.centre_)
        back = np.eye(len(self.centred_covariance_))  # (P, P)
        back[D:, :D] = -self.centre_  # the intercept is the prediction at 0
        return back @ self.centred_covariance_ @ back.T

    def _store(self, problem: Problem, at: Point, trace: Trace, s: FloatArray, dtype: np.dtype[Any]) -> None:
        """Store what was learnt; s are the weights as they came, those above 0."""
        family, y, mu, D, S = problem.family, problem.y, at.mu, problem.X.shape[1], float(s.sum())
        n_rows = S if self.frequency_weights else float(len(s))
        w, F_inverse, self.n_parameters_ = parameters(problem, at)
        self.dispersion_ = dispersion(family, y, mu, s, n_rows - self.n_parameters_)
        self.centre_, self.centred_covariance_ = problem.centre, self.dispersion_ * F_inverse / S  # (P, P)   (4)
        coef, constant = w[:D], w[D:].sum()
        self.coef_ = coef.astype(dtype)
        self.intercept_ = (constant - problem.centre @ coef).astype(dtype)
        self.standard_errors_ = np.sqrt(np.diag(self.covariance_))
        self.deviance_ = S * float(problem.s @ family.deviance(y, mu))
        self.null_deviance_ = S * float(problem.s @ family.deviance(y, null_means(problem)))
        phi = dispersion(family, y, mu, s, n_rows) if family.name == "gaussian" else self.dispersion_
        self.log_likelihood_ = log_likelihood(family, y, mu, s, phi, counts=self.frequency_weights)
        self.aic_ = akaike(self.n_parameters_, self.log_likelihood_)
        self.loss_, self.n_iter_ = trace.losses, len(trace.losses) - 1

    def _warn(self, at: Point, trace: Trace, family: Family) -> None:
        """Say what went wrong with the fit, if anything did."""
        at_rest = trace.converged or trace.losses[-1] < 1e-6 * trace.losses[0]
        if at_rest and trace.moved > MOVING and not family.estimated:
            text = (
                f"in step {self.n_iter_} a linear part still changed by {trace.moved:.2g}, while the loss hardly did: "
                "weights grow without end. Some targets can be told from the others without error, or a group has "
                f"nothing but zeros. Their standard errors mean nothing. Set alpha above {self.alpha:g}, or leave out "
                "the columns that separate them."
            )
        elif trace.converged:
            return
        elif trace.length < MOVING or at.mu.min() - family.low < 1e-6 or family.high - at.mu.max() < 1e-6:
            text = (
                f"after {self.n_iter_} steps it stands at the border of the means that the family {family.name!r} can "
                f"have, from {at.mu.min():.2g} to {at.mu.max():.2g}. The canonical link {family.canonical!r} may "
                "keep away from it; raise max_iter if there is still a way to go."
            )
        else:
            text = f"did not converge in max_iter={self.max_iter} steps. Raise it, or scale the columns alike."
        warnings.warn(f"GeneralizedLinearModel: {text}", ConvergenceWarning, stacklevel=3)

    def _family_and_link(self) -> tuple[Family, Link]:
        """The two by their names; checks the other parameters too."""
        if not isinstance(self.family, str) or self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(map(repr, FAMILIES))}, got {self.family!r}.")
        family = FAMILIES[self.family]
        name = family.canonical if self.link is None else self.link
        if not isinstance(name, str) or name not in LINKS:
            raise ValueError(f"link must be None or one of {', '.join(map(repr, LINKS))}, got {self.link!r}.")
        if not (is_number(self.alpha) and 0 <= self.alpha < np.inf):
            raise ValueError(f"alpha must be a number, finite and 0 or more, got {self.alpha!r}. Try alpha=1.0.")
        check_steps(self.max_iter, self.tol)
        return family, LINKS[name]

    def _check_range(self, y: FloatArray, family: Family) -> FloatArray:
        """Raise unless these can be targets of the family."""
        inside = (y >= family.low) & (y <= family.high) if family.borders else (y > family.low) & (y < family.high)
        if not inside.all():
            row = int(np.argmin(inside))
            range_ = {"binomial": "from 0 to 1", "poisson": "0 or more", "gamma": "above 0"}[family.name]
            advice = {
                "binomial": "For counts of successes, give their shares, and the trials as sample_weight.",
                "poisson": "Counts are not negative.",
                "gamma": "For counts, zeros among them, try family='poisson'.",
            }[family.name]
            raise ValueError(
                f"Some value(s) of y are out of the valid range of family={family.name!r}: y must be {range_}, got "
                f"{y[row]:g} in row {row}. {advice}"
            )
        return y

    def _check_offset(self, offset: Any, n_rows: int) -> FloatArray:
        """Offsets as an array: None, a number or N numbers -> (N,)."""
        if offset is None:
            return np.zeros(n_rows)
        values = np.asarray(offset, dtype=np.float64)
        if values.shape not in ((), (n_rows,)):
            raise ValueError(f"offset must be a number or one for each of {n_rows} rows, got the shape {values.shape}.")
        if not np.isfinite(values).all():
            raise ValueError(
                "offset must be finite numbers, got NaN or infinity. For the logarithm of an exposure, leave out rows "
                "with an exposure of 0."
            )
        return np.broadcast_to(values, (n_rows,))
