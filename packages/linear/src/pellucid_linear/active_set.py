"""Active set: the lasso and the elastic net from the few columns that take part.

Of thousands of weights a price on absolute values leaves a few. So it is enough to solve the problem for a few columns,
to look which of the others would gain by a weight, and to take these in. For centred columns X̃ and target ỹ, what is
made small is

    L(w) = ½‖r‖² + ½ μ‖w‖² + λ‖w‖₁,   r = ỹ − X̃w                              (1)

Gradient.  The slope of all but the absolute values is −v. Where wⱼ is not 0, |wⱼ| has the slope sign wⱼ, and where it
is, it rises with slope 1 on both sides. So w is the minimum when vⱼ = λ sign wⱼ in the first case and |vⱼ| ≤ λ in the
second.

    v = X̃ᵀr − μw                                                               (2)

Rounds.  Those columns take part that have a weight, and of the others those with |vⱼ| > λ, not too many at once. For
these coordinate_descent.py finds the exact minimum from

    G = X̃ᵀX̃ + μI,   c = X̃ᵀỹ                                                   (3)

Then v is looked at again. The fit ends when no column is left with |vⱼ| > λ, or when there is little left to gain.

Certificate.  Whenever the products of a residual R with the columns of (X̃, √μ I), one below the other, are λ at the
most, L is nowhere below ½‖ỹ‖² − ½‖R − (ỹ, 0)‖²: this is the dual problem. The residual (r, −√μ w) has the products v;
shrunk by κ it will do. Between L(w) and this bound there is a sum of terms that are all 0 or more:

    κ = min(1, λ / maxⱼ |vⱼ|)                                                  (4)
    gap = ½ (1 − κ)² (‖r‖² + μ‖w‖²) + Σⱼ (λ |wⱼ| − κ wⱼvⱼ)                      (5)

L(w) is above its minimum by no more than this.

Sums.  Where the rows are many beside the columns, or many fits share the data, all of X̃ᵀX̃ and X̃ᵀỹ are summed up once,
and the rows are not needed again:

    X̃ᵀr = c − X̃ᵀX̃ w,   ‖r‖² = ‖ỹ‖² − wᵀ(c + X̃ᵀr)                             (6)

With `positive`, weights below 0 are forbidden: |vⱼ| becomes vⱼ throughout.

Symbols
-------
    paper   code      shape    meaning
    X̃, ỹ    Xt, y     (D, N)   centred columns and target, times the roots of the points' shares
    λ, μ    lam, mu   scalar   prices of absolute values and of squares
    w       w         (D,)     weights
    r       r         (N,)     residual
    v       v         (D,)     what is to gain in each direction
    κ       kappa     scalar   what makes the residual a point of the dual problem
    G, c    G, c      (R, R)   curvature and linear part for coordinate_descent.py

Cost: O(N D) a round and O(N R²) for R columns that take part, a handful of rounds as a rule; O(N D) memory, one copy of
the data. With sums O(N D²) once and O(D R) a round; O(D²) memory.

References
----------
    Kim, Koh, Lustig, Boyd & Gorinevsky (2007), "An interior-point method for large-scale l1-regularized least
        squares", sec. III: the dual problem and the scaling (4).
    Zou & Hastie (2005), "Regularization and variable selection via the elastic net", lemma 1: it is a lasso of
        (X̃, √μ I) and (ỹ, 0).
Differs from them: the gap is written without a difference of large numbers; every round ends at an exact minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_linear import coordinate_descent, normal_equations
from pellucid_linear.coordinate_descent import ROUNDING
from pellucid_linear.linear_regression import weighted_mean

AT_ONCE = 100  # columns that may join in one round, or as many as take part already
FEW_COLUMNS = 200  # up to which it is worth it to sum up X̃ᵀX̃ for a single fit
LARGEST_COPY = 1 << 27  # entries of X of which no copy is made if there are more rows than columns
CANCELLED = 1e6  # what a sum may be larger than what is left of it


class Rows(NamedTuple):
    """The centred data of one target."""

    Xt: FloatArray  # (D, N)
    y: FloatArray  # (N,)
    c: FloatArray  # (D,)
    unit: FloatArray  # (D,), lengths of the columns
    energy: float  # ‖ỹ‖²

    def residual(self, w: FloatArray) -> tuple[FloatArray, float]:
        """X̃ᵀr and ‖r‖²: (D,) -> (D,), ()."""
        some = np.flatnonzero(w)
        r = self.y - w[some] @ self.Xt[some]  # (N,)
        return self.Xt @ r, float(r @ r)

    def gram(self, some: IndexArray) -> FloatArray:
        """X̃ᵀX̃ of some columns: (R,) -> (R, R)."""
        columns = self.Xt[some]  # (R, N)
        return columns @ columns.T


class Sums(NamedTuple):
    """What sums over the rows leave of the data of one target."""

    G: FloatArray  # (D, D), without μI
    c: FloatArray  # (D,)
    unit: FloatArray  # (D,)
    energy: float

    def residual(self, w: FloatArray) -> tuple[FloatArray, float]:
        """X̃ᵀr and ‖r‖²: (D,) -> (D,), ()."""
        some = np.flatnonzero(w)
        products = self.c - w[some] @ self.G[some]  # (D,)                      (6)
        # mutate: arguments equivalent because the product of two vectors is symmetric
        return products, max(0.0, self.energy - float(w @ (self.c + products)))  #   (6)

    def gram(self, some: IndexArray) -> FloatArray:
        """X̃ᵀX̃ of some columns: (R,) -> (R, R)."""
        return self.G[np.ix_(some, some)]


class Data(NamedTuple):
    targets: list[Rows | Sums]
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)


class Trace(NamedTuple):
    """What happened to one target."""

    losses: FloatArray  # (n_iter + 1,)
    gap: float
    converged: bool


def energy(r: FloatArray, share: FloatArray) -> float:
    """Σₙ sₙ rₙ², of the rows that count: (N,), (N,) -> ()."""
    return float(share @ np.where(share > 0, r, 0.0) ** 2)


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused
def prepare(X: FloatArray, Y: FloatArray, weights: FloatArray | None, *, fit_intercept: bool, n_fits: int = 1) -> Data:
    """Centre the data, or sum them up where that is faster for so many fits: (N, D), (N, T), (N,) -> _."""
    (N, D), T = X.shape, Y.shape[1]
    total = N if weights is None else float(weights.sum(dtype=np.float64))
    share = np.full(N, 1 / N) if weights is None else weights / total  # (N,)
    targets: list[Rows | Sums] = []
    if N >= D and (n_fits * T > 1 or D <= FEW_COLUMNS or X.size > LARGEST_COPY):
        x_mean, y_mean, G, C, cancelled = normal_equations.sums(X, Y, weights, fit_intercept=fit_intercept)
        if np.all(cancelled <= CANCELLED * np.diag(G)):
            G, C, unit = G / total, C / total, np.sqrt(np.diag(G) / total)
            targets = [Sums(G, C[:, t], unit, energy(Y[:, t] - y_mean[t], share)) for t in range(T)]
    if not targets:
        x_mean = weighted_mean(X, share) if fit_intercept else np.zeros(D)
        y_mean = weighted_mean(Y, share) if fit_intercept else np.zeros(T)
        Xt = np.subtract(X.T, x_mean[:, None], order="C", dtype=np.float64)  # (D, N), one column after the other
        Xt *= np.sqrt(share)
        unit = np.sqrt(np.einsum("dn,dn->d", Xt, Xt))
        for y in np.where(share > 0, np.sqrt(share) * (Y - y_mean).T, 0.0):  # (N,)
            targets.append(Rows(Xt, y, Xt @ y, unit, float(y @ y)))
    if not np.isfinite([unit.sum(), *(one.energy for one in targets)]).all():
        largest = max(np.abs(X[share > 0]).max(), np.abs(Y[share > 0]).max())
        raise ValueError(f"the squares of the data overflow: an entry is {largest:g}. Rescale the columns or y.")
    return Data(targets, x_mean, y_mean)


def duality_gap(v: FloatArray, squares: float, w: FloatArray, lam: float, *, positive: bool = False) -> float:
    """The gap, from v and ‖r‖² + μ‖w‖²: (D,), _, (D,) -> ()."""
    largest = float((v if positive else np.abs(v)).max())
    kappa = min(1.0, lam / largest) if largest > 0 else 1.0  #                  (4)
    return float(0.5 * (1 - kappa) ** 2 * squares + np.sum(lam * np.abs(w) - kappa * w * v))  #   (5)


class Look(NamedTuple):
    """What can be seen at w."""

    loss: float
    gap: float
    excess: FloatArray  # (D,), |v| − λ beyond rounding of the columns without a weight, −∞ at the others


def look(data: Rows | Sums, w: FloatArray, lam: float, mu: float, *, positive: bool = False) -> Look:
    """Loss, gap and the columns that would gain by a weight: _, (D,) -> _."""
    products, r2 = data.residual(w)
    v = products - mu * w  # (D,)                                               (2)
    squares = r2 + mu * float(w @ w)
    loss = 0.5 * squares + lam * float(np.abs(w).sum())  #                      (1)
    rounding = ROUNDING * data.unit * (data.energy**0.5 + float(data.unit @ np.abs(w)))  # (D,)
    over = (v if positive else np.abs(v)) - lam
    exact = np.where(over <= rounding, np.clip(v, -np.inf if positive else -lam, lam), v)  # (D,)
    gap = duality_gap(exact, squares, w, lam, positive=positive)
    return Look(loss, gap, np.where(w == 0, over - rounding, -np.inf))


def joined(w: FloatArray, excess: FloatArray) -> IndexArray:
    """The columns that take part in the next round: (D,), (D,) -> (_,)."""
    with_weight, new = np.flatnonzero(w), np.flatnonzero(excess > 0)
    most = max(AT_ONCE, len(with_weight))
    if len(new) > most:
        new = new[np.argpartition(-excess[new], most)[:most]]
    return np.sort(np.concatenate([with_weight, new]))


def fit(
    data: Rows | Sums,
    lam: float,
    mu: float,
    start: FloatArray,
    *,
    tol: float,
    max_iter: int,
    positive: bool = False,
    rng: np.random.Generator | None = None,
    report: Callable[[FloatArray, Trace], bool] | None = None,
) -> tuple[FloatArray, Trace]:
    """Minimise L for one target: _, _, _, (D,) -> (D,), _.

    Ends when the gap is not above the share `tol` of ‖ỹ‖². Calls `report(w, trace)` after each round and ends when that
    returns True.
    """
    w = np.maximum(start, 0.0) if positive else start
    at = look(data, w, lam, mu, positive=positive)
    losses, converged = [at.loss], False
    while not converged and len(losses) <= max_iter:
        some = joined(w, at.excess)
        G = data.gram(some)  # (R, R)
        G.flat[:: len(some) + 1] += mu  #                                       (3)
        price = np.full(len(some), lam)
        in_some = coordinate_descent.solve(G, data.c[some], price, w[some], positive=positive, rng=rng)
        w = np.zeros_like(w)
        w[some] = in_some
        at = look(data, w, lam, mu, positive=positive)
        losses.append(at.loss)
        converged = at.gap <= max(tol, ROUNDING) * data.energy or not np.any(at.excess > 0)
        if report is not None and report(w, Trace(np.array(losses), at.gap, converged)):
            break
    return w, Trace(np.array(losses), at.gap, converged)
