"""Gaussian naive Bayes: each class a cloud whose features are normal and independent; the likeliest class wins.

By Bayes' rule the probability of a class c, given a point x, is proportional to how frequent the class is times how
likely it makes the point. Naive is the assumption that within a class the features do not depend on each other, so that
their densities multiply.

    log p(x, c) = log π꜀ − ½ Σᵢ log(2π v꜀ᵢ) − ½ Σᵢ (xᵢ − θ꜀ᵢ)² / v꜀ᵢ              (1)
    log p(c | x) = log p(x, c) − m − log Σₖ exp(log p(x, k) − m),   m = maxₖ log p(x, k)   (2)

Taking m away changes nothing but keeps exp from underflowing. The parameters that make the data likeliest are the
shares of the classes, and means and variances within them. For a set of rows with the weights sₙ they follow from

    S꜀ = Σₙ sₙ   over the rows of class c                                       (3)
    m꜀ = Σₙ sₙ (xₙ − r꜀) / S꜀                                                   (4)
    θ꜀ = r꜀ + m꜀ = Σₙ sₙ xₙ / S꜀                                                (5)
    M꜀ = Σₙ sₙ (xₙ − r꜀)² − S꜀ m꜀² = Σₙ sₙ (xₙ − θ꜀)²                            (6)

with any r꜀. Here it is one of the rows, the heaviest. Its own term in M꜀ makes the sum in (6) at most as many times M꜀
as there are rows, so that however far from zero the data are, the difference keeps its digits.

Two sets of rows, such as a block and all blocks before it, are merged without their rows. With δ = θ꜀′ − θ꜀,

    θ꜀ ← θ꜀ + S꜀′ δ / (S꜀ + S꜀′)                                                (7)
    M꜀ ← M꜀ + M꜀′ + δ² S꜀ S꜀′ / (S꜀ + S꜀′)                                      (8)

and S꜀ ← S꜀ + S꜀′. Of all rows so far, S = Σ꜀ S꜀ being the sum of the weights and x̄ the mean,

    π꜀ = S꜀ / S                                                                 (9)
    Var = Σ꜀ (M꜀ + S꜀ (θ꜀ − x̄)²) / S,   x̄ = Σ꜀ S꜀ θ꜀ / S                        (10)
    v꜀ = M꜀ / S꜀ + ε,   ε = `var_smoothing` times the largest entry of Var        (11)

where ε keeps a feature that is constant in a class from making it impossible or certain.

Products.  For many points and classes, the last sum of (1) is faster as two products of matrices, about any a:

    Σᵢ (xᵢ − θ꜀ᵢ)² / v꜀ᵢ = Σᵢ (zᵢ² − 2 zᵢ μ꜀ᵢ + μ꜀ᵢ²) / v꜀ᵢ,   z = x − a,   μ꜀ = θ꜀ − a   (12)

The terms on the right may be larger than their sum by Q = max꜀ Σᵢ μ꜀ᵢ² / v꜀ᵢ, and lose as many digits. It is small when
a lies amid the classes, and when they are not many standard deviations apart; (12) is used as long as Q < 10⁵.

Symbols
-------
    paper   code          shape    meaning
    xₙ      X             (N, D)   data, one row per point
    sₙ      weights       (N,)     how much each point counts
    S꜀      total         (K,)     sum of the weights of each class
    θ꜀      mean, theta   (K, D)   means
    r꜀      start         (C, D)   one row of each class that occurs in a block
    m꜀      step          (C, D)   from there to the mean
    M꜀      squares       (K, D)   sums of squared deviations
    δ       delta         (K, D)   from one mean to the other
    x̄       overall       (D,)     mean of all rows
    ε       epsilon       scalar   added to all variances
    v꜀      var           (K, D)   variances
    π꜀      prior         (K,)     shares of the classes
    z², z   both          (B, 2D)  a block of points, about a
    a       a             (D,)     mean of the classes' means
    μ꜀      mu            (K, D)   means, about a

Cost: O(N D) time to fit, O(N K D) to predict; O(K D) memory beside the data, and N K numbers for the answer.

References
----------
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 6.6.3: (1).
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": (6) to (8).
Differs from them: points have weights; (11), and the decision for (12), are not in them.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, fit_run
from pellucid.validation import FloatArray, IndexArray, is_number

LEAST_VARIANCE = 1e-304  # that the most variable column may have: smaller numbers lose digits
BLOCK = 2048  # rows at a time, so that they stay in the processor's cache
LARGEST_Q = 1e5
LARGEST = 1e300  # sum of squares


class Moments(NamedTuple):
    """What is kept of the rows of each class."""

    total: FloatArray  # (K,)
    mean: FloatArray  # (K, D)
    squares: FloatArray  # (K, D)


class Params(NamedTuple):
    prior: FloatArray  # (K,)
    theta: FloatArray  # (K, D)
    var: FloatArray  # (K, D)


def block_moments(X: FloatArray, y: IndexArray, weights: FloatArray | None, n_classes: int) -> Moments:
    """Moments of some rows: (B, D), (B,), (B,), _ -> _."""
    D, order = X.shape[1], np.argsort(y) if weights is None else np.lexsort((-weights, y))
    # (B, D), rows of a class stand together; copied first, so that they are picked from the processor's cache
    y, x = y[order], X.astype(np.float64).take(order, axis=0)
    first = np.flatnonzero(np.diff(y, prepend=-1))  # (C,), where each of the classes that occur begins
    which = np.repeat(np.arange(len(first)), np.diff(first, append=len(y)))  # (B,)
    s = np.ones((len(y), 1)) if weights is None else weights[order, None].astype(np.float64)  # (B, 1)

    def by_class(values: FloatArray) -> FloatArray:
        """Sum over the rows of each class: (B, D) -> (C, D)."""
        return np.add.reduceat(values if weights is None else s * values, first)

    here, sums = y[first], np.add.reduceat(s, first)  # (C,), (C, 1)             (3)
    start = x[first]  # (C, D)
    x -= start.take(which, axis=0)
    step = by_class(x) / sums  # (C, D)                                         (4)
    around = by_class(np.square(x, out=x))  # (C, D)                            (6)
    total, mean, squares = np.zeros(n_classes), np.zeros((n_classes, D)), np.zeros((n_classes, D))
    total[here] = sums[:, 0]  # (K,)
    mean[here] = start + step  # (K, D)                                         (5)
    squares[here] = around - sums * step**2  # (K, D)                           (6)
    return Moments(total, mean, squares)


def merge(one: Moments, other: Moments) -> Moments:
    """Return the moments of the rows of both."""
    total = one.total + other.total  # (K,)
    share = (other.total / np.where(total > 0, total, 1))[:, None]  # (K, 1)
    delta = other.mean - one.mean  # (K, D)
    mean = one.mean + share * delta  # (K, D)                                   (7)
    squares = one.squares + other.squares + one.total[:, None] * share * delta**2  # (K, D)   (8)
    return Moments(total, mean, squares)


@np.errstate(over="ignore", invalid="ignore")  # `estimate` refuses what overflows
def moments(X: FloatArray, y: IndexArray, weights: FloatArray | None, n_classes: int) -> Moments:
    """Moments of all rows, in blocks: (N, D), (N,), (N,), _ -> _."""
    D = X.shape[1]
    whole = Moments(np.zeros(n_classes), np.zeros((n_classes, D)), np.zeros((n_classes, D)))
    for start in range(0, len(X), BLOCK):
        x, labels = X[start : start + BLOCK], y[start : start + BLOCK]
        s = None if weights is None else weights[start : start + BLOCK]
        if s is not None and not s.all():
            x, labels, s = x[s > 0], labels[s > 0], s[s > 0]
        if len(x):
            whole = merge(whole, block_moments(x, labels, s, n_classes))
    return whole


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused
def estimate(learnt: Moments, prior: FloatArray | None, var_smoothing: float) -> tuple[Params, float]:
    """Return the parameters and ε: _, (K,), _ -> _, ()."""
    total, theta, squares = learnt
    share = total / total.sum()  # (K,)                                         (9)
    some = theta[total.argmax()]  # (D,), to count from, so that the mean of a constant column stays exact
    overall = some + share @ (theta - some)  # (D,)                             (10)
    within = squares / np.where(total > 0, total, 1)[:, None]  # (K, D)
    variance = share @ (within + (theta - overall) ** 2)  # (D,)                   (10)
    largest = float(variance.max())
    if not np.isfinite(largest):
        raise ValueError(f"the squares of the data overflow: a mean is {np.abs(theta).max():g}. Rescale the columns.")
    if largest < LEAST_VARIANCE and (largest > 0 or np.any(theta[total > 0] != some)):
        raise ValueError(f"the squares of the data underflow: no variance is above {largest:g}. Rescale the columns.")
    epsilon = var_smoothing * (largest or 1.0)  # where nothing varies, any unit will do
    return Params(share if prior is None else prior, theta, within + epsilon), epsilon  #   (11)


def fit(
    X: FloatArray,
    y: IndexArray,
    n_classes: int,
    weights: FloatArray | None = None,
    *,
    prior: FloatArray | None = None,
    var_smoothing: float = 1e-9,
) -> tuple[Params, float, Moments]:
    """Return the parameters, ε and the moments: (N, D), (N,), _, (N,) -> _, (), _."""
    learnt = moments(X, y, weights, n_classes)
    return *estimate(learnt, prior, var_smoothing), learnt


def squares_one_by_one(x: FloatArray, theta: FloatArray, root: FloatArray) -> FloatArray:
    """Σᵢ (xᵢ − θ꜀ᵢ)² / v꜀ᵢ, class by class, with root = 1/√v: (B, D), (K, D), (K, D) -> (B, K)."""
    found, z = np.empty((len(x), len(theta))), np.empty(x.shape)
    for k in range(len(theta)):
        np.subtract(x, theta[k], out=z)  # (B, D)
        z *= root[k]
        found[:, k] = np.einsum("bd,bd->b", z, z)  # (B,)                        (1)
    return found


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # log 0 of a class without rows; squares of huge data
def log_joint(X: FloatArray, params: Params) -> FloatArray:
    """Log p(x, c) of each row and class: (N, D), _ -> (N, K)."""
    prior, theta, var = params
    var = np.maximum(var, np.finfo(np.float64).tiny)  # 0 where var_smoothing is
    a = theta.mean(axis=0)  # (D,)
    mu = theta - a  # (K, D)
    offset = np.sum(mu**2 / var, axis=1)  # (K,)
    factors = np.concatenate([1 / var, -2 * mu / var], axis=1)  # (K, 2D)        (12)
    near, root = offset.max() < LARGEST_Q, 1 / np.sqrt(var)
    constant = np.log(prior) - 0.5 * np.sum(np.log(2 * np.pi * var), axis=1)  # (K,)   (1)
    (N, D), answer = X.shape, np.empty((len(X), len(theta)))
    both = np.empty((min(BLOCK, N), 2 * D))  # (B, 2D), z² and z
    for start in range(0, N, BLOCK):
        x = X[start : start + BLOCK]
        if near:
            np.subtract(x, a, out=both[: len(x), D:])  # (B, D)                 (12)
            np.square(both[: len(x), D:], out=both[: len(x), :D])  # (B, D)      (12)
            squares = both[: len(x)] @ factors.T + offset  # (B, K)              (12)
        else:
            squares = squares_one_by_one(x, theta, root)  # (B, K)
        squares = np.where(squares < LARGEST, squares, LARGEST)  # also where infinities made it NaN
        answer[start : start + BLOCK] = constant - 0.5 * squares  # (B, K)       (1)
    return answer


def log_posterior(joint: FloatArray) -> FloatArray:
    """Log p(c | x) from log p(x, c): (N, K) -> (N, K)."""
    shifted = joint - joint.max(axis=1, keepdims=True)  # (N, K)                 (2)
    log_p: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, K)   (2)
    return log_p


class GaussianNB(Classifier):
    """Gaussian naive Bayes.

    Parameters
    ----------
    priors : array-like of shape (K,), optional
        Probabilities of the classes, in the order of `classes_`. By default their shares among the rows.
    var_smoothing : float
        Share of the largest variance of a feature that is added to all variances.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    class_count_ : ndarray of shape (K,)
        Rows of each class, or the sums of their weights.
    class_prior_ : ndarray of shape (K,)
        Probabilities of the classes.
    theta_ : ndarray of shape (K, D)
        Mean of each feature in each class.
    var_ : ndarray of shape (K, D)
        Variance of each feature in each class, `epsilon_` included.
    epsilon_ : float
        What was added to all variances.
    moments_ : Moments
        What `partial_fit` goes on from.

    Notes
    -----
    It agrees with scikit-learn's `GaussianNB`, but for `epsilon_` where rows have weights or come in pieces. Here it
    belongs to all rows so far, by their weights, so that a row of weight 2 is two rows, and `partial_fit` for all
    pieces is `fit` for all rows. There it belongs to the latest piece, without weights. If all features are constant,
    so that there is no largest variance, 1 stands for it.

    What is learnt, and the probabilities, are float64 for float32 data too.

    Examples
    --------
    >>> model = GaussianNB().fit([[1.0], [2.0], [6.0], [8.0]], ["short", "short", "long", "long"])
    >>> model.predict([[3.0], [5.0]]).tolist()
    ['short', 'long']
    >>> model.theta_.tolist(), model.var_.round(6).tolist()
    ([[7.0], [1.5]], [[1.0], [0.25]])
    """

    def __init__(self, *, priors: Any = None, var_smoothing: float = 1e-9) -> None:
        self.priors = priors
        self.var_smoothing = var_smoothing

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the means and variances of the classes; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, `priors` are not one
            probability for each class, or `var_smoothing` is negative.
        """
        X, y, weights = self._check_fit(X, y, sample_weight)
        with fit_run(self, total=1, unit="step") as run:
            learnt = moments(X, y, weights, len(self.classes_))
            run.step()
        return self._store(learnt)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from more rows; after the last piece, the model is the one that `fit` finds for all. Return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        classes : array-like of shape (K,), optional
            All labels that will come. Needed the first time, unless all are in the first `y`.
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            As for `fit`, and when a label is not one of the classes.
        """
        before = getattr(self, "moments_", None)
        X, y, weights = self._check_fit(X, y, sample_weight, partial=True, classes=classes)
        if before is not None and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes must be as at first, {self.classes_.tolist()}, or None; got {classes!r}.")
        learnt = moments(X, y, weights, len(self.classes_))
        return self._store(learnt if before is None else merge(before, learnt))

    def _store(self, learnt: Moments) -> Self:
        params, epsilon = estimate(learnt, self._prior(len(learnt.total)), self._smoothing())
        self.class_count_, self.moments_, self.epsilon_ = learnt.total.copy(), learnt, epsilon
        self.class_prior_, self.theta_, self.var_ = params.prior, params.theta.copy(), params.var
        return self

    def _prior(self, K: int) -> FloatArray | None:
        if self.priors is None:
            return None
        prior = np.array(self.priors, dtype=np.float64)
        if prior.shape != (K,):
            raise ValueError(f"priors must be one number for each of {K} classes, got {self.priors!r}.")
        if not (np.all(prior >= 0) and abs(prior.sum() - 1) < 1e-8):
            raise ValueError(
                f"priors must be 0 or more and sum to 1, got {self.priors!r}, with the sum {prior.sum():g}."
            )
        return prior

    def _smoothing(self) -> float:
        if not (is_number(self.var_smoothing) and 0 <= self.var_smoothing < np.inf):
            raise ValueError(
                f"var_smoothing must be a number, finite and 0 or more, got {self.var_smoothing!r}. Try 1e-9."
            )
        return float(self.var_smoothing)

    def predict_joint_log_proba(self, X: Any) -> FloatArray:
        """Return log p(x, c) for each row x of X (N, D) and each class c: an array (N, K)."""
        return self._joint(X)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the log probabilities of each row of X (N, D): an array (N, K)."""
        return log_posterior(self._joint(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of each row of X (N, D): an array (N, K)."""
        return np.exp(log_posterior(self._joint(X)))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row of X (N, D): an array (N,)."""
        best = self._joint(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _joint(self, X: Any) -> FloatArray:
        X = self._check_X(X)
        return log_joint(X, Params(self.class_prior_, self.theta_, self.var_))
