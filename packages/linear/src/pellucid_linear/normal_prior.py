"""Normal prior: the posterior of the weights of a linear model, one direction at a time.

The model is that of bayesian_linear_regression.py. The weights are w ~ N(m₀, σ²V₀) before the data are seen, the
intercept is flat, and all that the rows say is ‖Rw − v‖² + ρ, with the R, v and ρ of tall_skinny_qr.py. Likelihood
times prior is exp(−Q(w) / (2σ²)) with a quadratic function Q, so that w stays normal:

    Q(w) = ‖Rw − v‖² + ρ + (w − m₀)ᵀV₀⁻¹(w − m₀)
    w | y ~ N(m, σ²V),   V⁻¹ = V₀⁻¹ + RᵀR,   V⁻¹m = V₀⁻¹m₀ + Rᵀv

Directions.  Let V₀ = HHᵀ and w = m₀ + Hu. The prior of u is the same on all sides, N(0, σ²I), and the singular value
decomposition finds the directions qᵢ in which the data speak independently of each other:

    RH = U diag(γ) Qᵀ                                                          (1)
    a = Uᵀ(v − Rm₀)                                                            (2)

Along qᵢ the precisions add up: τ = 1 from the prior, γᵢ² from the data, in units of 1/σ². The mean goes the share
γᵢ²/pᵢ of the way from the prior's to that of least squares, aᵢ/γᵢ:

    pᵢ = τ + γᵢ²                                                               (3)
    m = m₀ + H Q diag(γ/p) a                                                   (4)

A flat prior, all weights being equally probable, is the case τ = 0 with any H: m is the answer of least squares. Where
the data say nothing it is the shortest one, and the uncertainty there is infinite.

The prediction ȳ + wᵀ(x − x̄) at a point x, with z = Hᵀ(x − x̄), has the mean f and the variance σ²h. ȳ and w are
independent, as in standard_errors.py; the second term is for directions that no row has shown yet:

    h(x) = Σᵢ (qᵢᵀz)²/pᵢ + ‖z − QQᵀz‖²/τ + 1/S,   S = Σₙ sₙ                     (5)

The covariance is that of all weights, and draws from the posterior are made of independent standard normal e and e′:

    V = H (Q diag(1/p) Qᵀ + (I − QQᵀ)/τ) Hᵀ                                    (6)
    w = m + σH (Q diag(p^−½) Qᵀe + (e − QQᵀe))                                  (7)
    b = ȳ + σe′/√S − wᵀx̄                                                       (8)

Evidence.  How probable were the data before they were seen? The integral of likelihood times prior over w and b is
known, since the integrand is normal. E is the smallest value of Q, and ν = N − 1 the number of rows that are left when
b has used up one. A flat prior uses up one for each of the K directions too:

    E = ρ + ‖v − Rm₀ − Ua‖² + τ Σᵢ aᵢ²/pᵢ                                      (9)
    ν = N − 1,   or N − 1 − K for τ = 0                                        (10)
    log c = ½ Σₙ log sₙ − ½ Σᵢ log pᵢ − ½ log S                                (11)
    log p(y) = log c − ½ ν log(2πσ²) − E/(2σ²)                                 (12)

E is large where the model fits badly, and p where the prior left room for much that the data then ruled out. The
density of what is flat is taken to be 1; in c, det H is a factor then. Without intercept there is no S, x̄ and ȳ are 0,
and ν is one more.

Symbols
-------
    paper    code            shape     meaning
    R, v, ρ  R, v, rest      (R, D)    what is left of the rows; v (R, T), ρ (T,)
    N        n_rows          scalar    rows of weight above 0
    S        total           scalar    sum of the weights; infinite where there is no intercept
    x̄, ȳ     x_mean, y_mean  (D,)      weighted means; zeros where there is no intercept
    m₀       mean            (T, D)    the prior's mean, a row for each target
    H        H               (D, D)    root of V₀, or (D,) if it is diagonal
    τ        tau             scalar    1, or 0 for a flat prior
    γ, Q     gamma, Q        (D, K)    what the data say, in units of the prior, and along which directions; γ is (K,)
    a        a               (K, T)    where they say the targets are
    p        precision       (K,)      prior and data together
    m, V     coef, V         (T, D)    posterior mean, and covariance (D, D) in units of σ²
    z        Z               (B, D)    points in units of the prior
    h        h               (M,)      variance of a prediction, in units of σ²
    e        e               (n, T, D) standard normal numbers
    E        misfit          (T,)      smallest squared error, prior included
    ν        nu              scalar    rows left
    c        log_c           scalar    what does not depend on the targets

Cost: O(D² min(R, D)) for the posterior, and O(D K) for each point; O(R D) memory.

References
----------
    Bishop (2006), PRML, sec. 3.3: V and m are its 3.50 and 3.51; sec. 3.5.1: the evidence, without intercept.
    Murphy (2012), "Machine learning: a probabilistic perspective", sec. 7.6.
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., sec. 14.2: the flat prior.
Differs from them: points have weights, the intercept is flat, and the posterior is found along directions, without a
matrix to invert.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear.normal_equations import BLOCK
from pellucid_linear.tall_skinny_qr import Factor, not_rounding

OUTSIDE = 1e-10  # square of the share of z outside the span of Q, beyond which it is not rounding


class Prior(NamedTuple):
    mean: FloatArray  # (T, D)
    root: FloatArray | None  # (D,) or (D, D), H; None for a flat prior


class Posterior(NamedTuple):
    coef: FloatArray  # (T, D), m
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)
    total: float  # S; infinite without intercept
    root: FloatArray  # (D,) or (D, D), H
    Q: FloatArray  # (D, K)
    precision: FloatArray  # (K,), p
    tau: float
    misfit: FloatArray  # (T,), E
    nu: int


def into(X: FloatArray, H: FloatArray) -> FloatArray:
    """X H, rows in units of the prior; H is (D,) or (D, D): (M, D), _ -> (M, D)."""
    return X * H if H.ndim == 1 else X @ H


def back(U: FloatArray, H: FloatArray) -> FloatArray:
    """U Hᵀ, rows in the units of the weights: (..., D), _ -> (..., D)."""
    return U * H if H.ndim == 1 else U @ H.T


@np.errstate(over="ignore", invalid="ignore")  # whoever needs the squared error refuses what overflows
def learn(prior: Prior, factor: Factor, *, fit_intercept: bool = True) -> Posterior:
    """The posterior of the weights and the intercept; σ² is missing, which may itself be uncertain."""
    R, v = factor.R, factor.v - factor.R @ prior.mean.T  # (R, D), v − Rm₀ (R, T)
    size = np.abs(R).max(axis=0)  # (D,)
    tau, root = (0.0, 1 / np.where(size > 0, size, 1)) if prior.root is None else (1.0, prior.root)
    U, gamma, Qt = np.linalg.svd(into(R, root), full_matrices=False)  # (R, K), (K,), (K, D)   (1)
    if tau == 0:  # a singular value that is zero but for rounding says nothing
        keep = not_rounding(factor, gamma, Qt, 1 / root)
        U, gamma, Qt = U[:, keep], gamma[keep], Qt[keep]
    a = U.T @ v  # (K, T)                                                       (2)
    precision = tau + gamma**2  # (K,)                                          (3)
    step = back((gamma / precision * a.T) @ Qt, root)  # (T, D)                 (4)
    if tau == 0 and len(gamma) < R.shape[1]:
        basis, _ = np.linalg.qr(Qt.T / root[:, None])  # (D, K), of the rows of R
        step = step @ basis @ basis.T  # of all weights that fit as well, the shortest
    coef = prior.mean + step  # (T, D)                                          (4)
    misfit = factor.rest + np.sum((v - U @ a) ** 2, axis=0) + tau * (1 / precision) @ a**2  # (T,)   (9)
    nu = factor.n_rows - fit_intercept - (len(gamma) if tau == 0 else 0)  #    (10)
    total = factor.total if fit_intercept else np.inf
    return Posterior(coef, factor.x_mean, factor.y_mean, total, root, Qt.T, precision, tau, misfit, nu)


def spread(X: FloatArray, posterior: Posterior) -> FloatArray:
    """Return h, the variance of wᵀx + b in units of σ², for each row: (M, D), _ -> (M,)."""
    Q, h = posterior.Q, np.empty(len(X))
    for start in range(0, len(X), BLOCK):
        block = slice(start, start + BLOCK)
        # mutate: sign equivalent because only squares follow from Z
        Z = into(X[block] - posterior.x_mean, posterior.root)  # (B, D)          (5)
        along = Z @ Q  # (B, K)                                                 (5)
        unseen = np.sum((Z - along @ Q.T) ** 2, axis=1)  # (B,)                  (5)
        if posterior.tau == 0:  # divided by it, what is more than rounding is infinite
            # mutate: factor equivalent because infinity has no double
            unseen = np.where(unseen > OUTSIDE * np.sum(Z**2, axis=1), np.inf, 0)  #   (5)
        h[block] = along**2 @ (1 / posterior.precision) + unseen + 1 / posterior.total  # (B,)   (5)
    return h


def draw(posterior: Posterior, noise: FloatArray, *, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw weights and intercepts, one for each noise variance: _, (n, T) -> (n, T, D), (n, T)."""
    Q, sigma = posterior.Q, np.sqrt(noise)  # (D, K), (n, T)
    e = rng.standard_normal((*sigma.shape, len(Q)))  # (n, T, D)
    along = e @ Q  # (n, T, K)
    u = along / np.sqrt(posterior.precision) @ Q.T + (e - along @ Q.T)  # (n, T, D)   (7)
    w = posterior.coef + sigma[:, :, None] * back(u, posterior.root)  # (n, T, D)   (7)
    level = posterior.y_mean + sigma / np.sqrt(posterior.total) * rng.standard_normal(sigma.shape)  # (n, T)   (8)
    b = level - w @ posterior.x_mean  # (n, T)                                  (8)
    return w, b


def covariance(posterior: Posterior) -> FloatArray:
    """Return V: _ -> (D, D)."""
    Q, H = posterior.Q, posterior.root
    # mutate: sign equivalent because the product of two follows
    seen = back(Q.T / np.sqrt(posterior.precision)[:, None], H)  # (K, D)        (6)
    V: FloatArray = seen.T @ seen  # (D, D)                                     (6)
    if Q.shape[1] < len(Q):
        # mutate: sign equivalent because the product of two follows
        unseen = back(np.eye(len(Q)) - Q @ Q.T, H)  # (D, D)                     (6)
        if posterior.tau == 1:
            return V + unseen.T @ unseen  #                                     (6)
        unknown = np.sum(unseen**2, axis=0) > OUTSIDE * H**2  # (D,), infinitely uncertain
        V = np.where(unknown | unknown[:, None], np.nan, V)
        V[unknown, unknown] = np.inf
    return V


def evidence_constant(posterior: Posterior, log_weights: float) -> float:
    """Return log c, given the sum of the log sₙ."""
    if posterior.tau == 0 and len(posterior.precision) < len(posterior.Q):
        return np.inf  # the integral over the weights diverges
    log_c = 0.5 * log_weights - 0.5 * float(np.sum(np.log(posterior.precision)))  #   (11)
    if np.isfinite(posterior.total):
        log_c -= 0.5 * math.log(posterior.total)  #                             (11)
    if posterior.tau == 0:
        log_c += float(np.sum(np.log(posterior.root)))
    return log_c


def log_evidence(posterior: Posterior, log_c: float, noise: float) -> FloatArray:
    """Return log p(y) of each target: _, _, _ -> (T,)."""
    of_misfit: FloatArray = -posterior.misfit / (2 * noise)  # (T,)              (12)
    return log_c - 0.5 * posterior.nu * math.log(2 * math.pi * noise) + of_misfit  # (T,)   (12)
