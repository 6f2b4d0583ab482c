"""Iteratively reweighted least squares: the fit of a generalized linear model.

The model is that of generalized_linear_model.py: a target yₙ has the mean μₙ, which depends on a weighted sum of its
features through a link g, and a known offset oₙ may be part of the sum:

    ηₙ = wᵀxₙ + b + oₙ                                                         (1)
    μₙ = g⁻¹(ηₙ)                                                               (2)

The fit makes the deviance small, which is to make the targets probable, at a price α for the squared length of w. The
weights sₙ say how much each row counts, and sum to 1 here; d is the deviance of one target, V its variance function:

    L(w, b) = ½ Σₙ sₙ d(yₙ, μₙ) + ½ α‖w‖²                                      (3)

Gradient.  As ∂d/∂μ = −2 (y − μ)/V(μ) in every family, with μ′ = ∂μ/∂η

    rₙ = sₙ (yₙ − μₙ) μ′ₙ / V(μₙ)                                              (4)
    ∂L/∂w = αw − Σₙ rₙ xₙ     ∂L/∂b = −Σₙ rₙ                                   (5)

The Hessian has a part with yₙ − μₙ, whose expectation is zero. What remains is Fisher's information, which is never
negative. (x ends in a constant 1 from here on, whose weight b has no price: λ is α, and 0 for b.)

    ωₙ = sₙ μ′ₙ² / V(μₙ)                                                       (6)
    F = Σₙ ωₙ xₙxₙᵀ + diag(λ)                                                  (7)
    F δ = −∂L/∂w                                                               (8)

w + δ is the solution of a least-squares problem with the weights ωₙ, hence the method's name. The step is halved until
L has fallen enough, and all means are ones that the family can have:

    L(w + tδ) ≤ L(w) + ¼ t δᵀ∂L/∂w,   the first of t = 1, ½, ¼, ...            (9)

A parabola with the curvature F promises to lower L by ½ |δᵀ∂L/∂w|; the fit ends after a step that promised less than
tol · L. It starts from means between each target and the mean of all. Their linear parts need not be weighted sums, but
least squares finds the sum that comes closest:

    F w = Σₙ ωₙ (g(μₙ) − oₙ) xₙ                                                (10)

Symbols
-------
    paper   code      shape    meaning
    xₙ      X         (N, D)   data
    yₙ      y         (N,)     targets
    sₙ      s         (N,)     share of each row
    oₙ      offset    (N,)     known part of the sum
    η, μ    eta, mu   (N,)     linear part and mean
    w       w         (P,)     weights, and last the intercept
    λ       price     (P,)     price of each
    L       L         scalar   loss
    r, ω    r, omega  (N,)     residuals and weights of the least-squares problem
    ∂L/∂w   gradient  (P,)     of b too
    F       F         (P, P)   Fisher's information
    δ       step      (P,)     direction of a step
    t       t         scalar   how far it goes

Cost: O(N D² + D³) a step, three to ten steps as a rule; O(N + D²) memory beside the data.

References
----------
    Nelder & Wedderburn (1972), "Generalized linear models": the method.
    McCullagh & Nelder (1989), "Generalized linear models", 2nd ed., sec. 2.5.
    Boyd & Vandenberghe (2004), "Convex optimization", sec. 9.2: the search (9).
Differs from them: the price, and the halving of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear.families_and_links import Family, Link
from pellucid_linear.normal_equations import BLOCK

ROUNDING = 1e-13  # losses that differ by less than this share cannot be told apart
EPSILON = float(np.finfo(np.float64).eps)


class Problem(NamedTuple):
    """What a fit does not change."""

    X: FloatArray  # (N, D)
    y: FloatArray  # (N,)
    s: FloatArray  # (N,), shares: their sum is 1
    offset: FloatArray  # (N,)
    centre: FloatArray  # (D,), taken from X, since a column around 1e8 could not be told from the constant 1
    price: FloatArray  # (P,)
    family: Family
    link: Link


class Point(NamedTuple):
    """Weights, and what follows from them."""

    w: FloatArray  # (P,), of centred columns
    eta: FloatArray  # (N,)
    mu: FloatArray  # (N,)
    L: float


class Trace(NamedTuple):
    """How a fit went."""

    losses: FloatArray  # (n_steps + 1,)
    converged: bool
    length: float  # t of the last step
    moved: float  # the largest change of η in it


def blocks(problem: Problem) -> Iterator[tuple[slice, FloatArray]]:
    """Go through the rows, centred, some at a time."""
    centre = np.tile(problem.centre, (min(BLOCK, len(problem.X)), 1))  # (B, D): subtracting it is one long loop
    for start in range(0, len(problem.X), BLOCK):
        block = slice(start, start + BLOCK)
        x = problem.X[block].astype(np.float64, copy=False)  # (B, D)
        yield block, x - centre[: len(x)] if problem.centre.any() else x


def linear_part(problem: Problem, w: FloatArray) -> FloatArray:
    """η: _, (P,) -> (N,)."""
    D, eta = problem.X.shape[1], np.empty(len(problem.y))
    for block, x in blocks(problem):
        eta[block] = x @ w[:D] + w[D:].sum() + problem.offset[block]  # (B,)     (1)
    return eta


def loss(problem: Problem, w: FloatArray, mu: FloatArray) -> float:
    """L, infinite where a mean is none of the family's: _, (P,), (N,) -> ()."""
    family = problem.family
    if not np.all((mu > family.low) & (mu < family.high)):
        return np.inf
    dear = np.where(problem.price > 0, w, 0.0)  # (P,); without a price a square may overflow
    L = 0.5 * np.sum(problem.s * family.deviance(problem.y, mu)) + 0.5 * np.sum(problem.price * dear**2)  #   (3)
    return float(L) if np.isfinite(L) else np.inf


@np.errstate(all="ignore")  # a mean that is out of range has an infinite loss
def point(problem: Problem, w: FloatArray) -> Point:
    """Return what follows from weights."""
    eta = linear_part(problem, w)  # (N,)
    mu = problem.link.inverse(eta)  # (N,)                                      (2)
    return Point(w, eta, mu, loss(problem, w, mu))


def sums(problem: Problem, r: FloatArray, omega: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Σₙ rₙxₙ and Σₙ ωₙxₙxₙᵀ, x with a last 1 if there is an intercept: _, (N,), (N,) -> (P,), (P, P)."""
    D, P = problem.X.shape[1], len(problem.price)
    score, F = np.zeros(P), np.zeros((P, P))
    for block, x in blocks(problem):
        score[:D] += r[block] @ x  # (D,)                                       (5)
        z = x * np.sqrt(omega[block])[:, None]
        F[:D, :D] += z.T @ z  # (D, D)                                     (7)
        F[D:, :D] += omega[block] @ x  # (1, D) or (0, D)                   (7)
    score[D:] = r.sum()  #                                                      (5)
    F[:D, D:] = F[D:, :D].T  #                                        (7)
    F[D:, D:] = omega.sum()  #                                             (7)
    return score, F


def curvature(problem: Problem, mu: FloatArray) -> FloatArray:
    """ω: _, (N,) -> (N,)."""
    omega: FloatArray = problem.s * problem.link.slope(mu) ** 2 / problem.family.variance(mu)  # (N,)   (6)
    return omega


def solve(F: FloatArray, right: FloatArray) -> FloatArray:
    """F⁻¹ times a vector, whatever the units of the columns: (P, P), (P,) -> (P,)."""
    d = np.sqrt(np.diag(F))
    d[d == 0] = 1  # a column of zeros without a price
    scaled = F / np.outer(d, d) + 10 * len(F) * EPSILON * np.eye(len(F))  # where F is flat, as rounding leaves it
    return np.linalg.solve(scaled, right / d) / d  # (P,)                        (8)


@np.errstate(over="ignore", invalid="ignore")  # fit refuses what overflows
def direction(problem: Problem, at: Point) -> tuple[FloatArray, float]:
    """Return the step δ, and the slope of L along it: _, _ -> (P,), ()."""
    slope, V = problem.link.slope(at.mu), problem.family.variance(at.mu)
    r = problem.s * (problem.y - at.mu) * slope / V  # (N,)                     (4)
    score, F = sums(problem, r, curvature(problem, at.mu))
    gradient = problem.price * at.w - score  # (P,)                             (5)
    step = solve(F + np.diag(problem.price), -gradient)  # (P,)                 (7) (8)
    return step, float(step @ gradient)


@np.errstate(all="ignore")  # what is not finite is not taken
def start(problem: Problem) -> Point | None:
    """Return weights with a finite loss, or None."""
    y, link, family = problem.y, problem.link, problem.family
    mean = float(problem.s @ y)
    between = (y + (0.5 if family.high == 1 or mean == 0 else mean)) / 2  # (N,)
    eta, omega = link.link(between), curvature(problem, between)
    tries = []
    if np.all(np.isfinite(eta) & np.isfinite(omega)):
        right, F = sums(problem, omega * (eta - problem.offset), omega)  #      (10)
        tries.append(solve(F + np.diag(problem.price), right))  #               (10)
    if len(problem.price) > problem.X.shape[1]:  # the intercept alone
        constant = link.link(np.array([mean]))[0] - problem.s @ problem.offset
        tries.append(np.append(np.zeros(problem.X.shape[1]), constant))
    for w in tries:
        if np.isfinite(w).all() and np.isfinite((found := point(problem, w)).L):
            return found
    return None


def fit(
    problem: Problem, *, tol: float = 1e-16, max_iter: int = 100, report: Callable[..., bool] | None = None
) -> tuple[Point, Trace] | None:
    """Fisher scoring; None where no weights were found whose means the family can have.

    Calls `report(loss=...)` after each step and ends when that returns True.
    """
    at = start(problem)
    if at is None:
        return None
    losses, converged, t, moved = [at.L], False, 1.0, 0.0
    while not converged and len(losses) <= max_iter:
        step, slope = direction(problem, at)
        if not np.isfinite(slope):
            raise ValueError(f"the squares of the data overflow: an entry is {np.abs(problem.X).max():g}. Rescale X.")
        size = problem.s @ ((problem.y**2 + at.mu**2) / problem.family.variance(at.mu))
        least = 100 * EPSILON**2 * float(size)  # what rounding errors of μ make of the promise
        slack = ROUNDING * at.L + least
        for t in 0.5 ** np.arange(40.0):
            there = point(problem, at.w + t * step)
            if there.L <= at.L + 0.25 * t * slope + slack:  #                   (9)
                break
        else:
            break  # not even the smallest step
        converged = bool(-0.5 * slope <= tol * at.L + least)
        moved, at = float(np.max(np.abs(there.eta - at.eta))), there
        losses.append(at.L)
        if report is not None and report(loss=at.L):
            break
    return at, Trace(np.array(losses), converged, float(t), moved)
