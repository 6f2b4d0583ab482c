"""Sequential minimal optimization (SMO): the dual problem of a support vector machine, two unknowns at a time.

Every point has an unknown βₙ, which says how strongly it pulls the function to its side. The pulls balance, and none is
stronger than its bounds allow:

    minimise f(β) = ½ βᵀKβ − pᵀβ   where Σₙ βₙ = 0 and lₙ ≤ βₙ ≤ hₙ             (1)

K is the matrix of kernels of all pairs of points; p, l and h make it a classifier or a regression. What f would lose if
βₙ alone rose is

    v = −∂f/∂β = p − Kβ                                                         (2)

β is best where no exchange pays: some number b lies above vₙ wherever βₙ can rise, and below wherever it can fall. As
long as there is none, the two that disagree make an exchange, βᵢ ← βᵢ + δ and βⱼ ← βⱼ − δ. The first is the one that
wants most to rise; the fit ends when it is ahead of all those that can fall by no more than `tol`:

    i = argmax { vₜ : βₜ < hₜ }                                                 (3)
    gap = vᵢ − min { vₜ : βₜ > lₜ } ≤ tol                                       (4)

Along such an exchange f is a parabola, f − (vᵢ − vⱼ) δ + ½ aⱼ δ². Its curvature a is the squared distance of the two
points in the space of the kernel; where that is not positive a small τ takes its place. The second point is the one
whose parabola goes deepest, and the exchange goes to its lowest point, or to where a bound stops it:

    aₜ = Kᵢᵢ + Kₜₜ − 2 Kᵢₜ                                                      (5)
    j = argmax { (vᵢ − vₜ)² / max(aₜ, τ) : βₜ > lₜ, vₜ < vᵢ }                   (6)
    δ = min { (vᵢ − vⱼ) / max(aⱼ, τ),  hᵢ − βᵢ,  βⱼ − lⱼ }                      (7)
    f ← f − δ (vᵢ − vⱼ) + ½ δ² aⱼ                                               (8)
    v ← v − δ (Kᵢ − Kⱼ)                                                         (9)

Where K is large, many steps of (9) leave v to rounding. So the fit does not end before (4) holds for a v that is made
from (2) anew; while it does not, more steps follow, as long as they bring that gap down. And where one product of (2)
is rounded by more than `tol`, (4) cannot be told, and the gap counts as that large.

In the end b is the value at which those agree that are at no bound; if there are none, the middle of what is left:

    b = mean { vₙ : lₙ < βₙ < hₙ }                                              (10)
    b = ½ (max { vₙ : βₙ < hₙ } + min { vₙ : βₙ > lₙ })                         (11)

A kernel need not be an inner product: f still falls with every step, if only to where no single exchange pays. Several
unknowns may belong to the same point, S copies of it: β is a table (S, N), and K knows only n.

Symbols
-------
    paper   code        shape     meaning
    β       beta        (S, N)    unknowns
    p       p           (S, N)    what f gains by each
    l, h    low, high   (S, N)    bounds, low ≤ 0 ≤ high
    v       v           (S, N)    minus the gradient of f
    Kᵢ      K_i         (N,)      row i of K
    Kₙₙ     diag        (N,)      its diagonal
    aₜ      a           (N,)      curvature
    δ       step        scalar    how much is exchanged
    τ       tau         scalar    the least curvature that is believed
    f       loss        scalar    the dual objective
    b       b           scalar    the intercept

Cost: O(S N) a step, beside the making of the two rows of K that it needs, and once or a few times a row for each
nonzero β; O(S N) memory.

References
----------
    Platt (1998), "Sequential minimal optimization: a fast algorithm for training support vector machines".
    Fan, Chen & Lin (2005), "Working set selection using second order information for training support vector machines":
    the choice of i and j.
    Bordes, Ertekin, Weston & Bottou (2005), "Fast kernel classifiers with online and active learning": unknowns with a
    sign, as in (1).
    Chang & Lin (2011), "LIBSVM: a library for support vector machines".
Differs from them: several copies of a point; τ is a share of the largest Kₙₙ; v is made anew before the end; no
shrinking of the problem on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pellucid.validation import FloatArray

TAU = 1e-12  # of the largest Kₙₙ


class Solution(NamedTuple):
    beta: FloatArray  # (S, N)
    b: float
    losses: FloatArray  # (steps + 1,), f before the first step and after each
    gap: float  # that is left
    stopped: bool  # whether whoever was told wanted no more


def solve(
    row: Callable[[int], FloatArray],
    diag: FloatArray,
    p: FloatArray,
    low: FloatArray,
    high: FloatArray,
    *,
    tol: float = 1e-3,
    max_iter: int = 100_000,
    report: Callable[..., bool] | None = None,
) -> Solution:
    """Find β from 0: _, (N,), (S, N), (S, N), (S, N) -> _.

    `row(n)` returns row n of K. Calls `report(loss=..., gap=...)` after each step, and takes no other when that returns
    True.
    """
    N = len(diag)
    tau = TAU * np.abs(diag).max(initial=0) or TAU
    beta = np.zeros(p.shape)  # (S, N)
    v, fresh, least = p.copy(), False, np.inf  # (S, N); the least gap of a fresh v so far   (2)
    # mutate: factor equivalent because twice zero and twice infinity are what they were
    rise = np.where(beta < high, 0.0, -np.inf)  # (S, N), infinite where it cannot   (1)
    # mutate: factor equivalent because twice zero and twice infinity are what they were
    fall = np.where(beta > low, 0.0, np.inf)  # (S, N)                          (1)
    loss, losses = 0.0, [0.0]
    while True:
        i = divmod(int((v + rise).argmax()), N)  # copy and point               (3)
        ahead = v[i] + rise[i] - (v + fall)  # (S, N), −∞ where it cannot fall
        gap = float(ahead.max())  #                                             (4)
        if gap <= tol and not fresh:
            v, fresh = slopes(row, p, beta), True
            continue
        stopped = report is not None and len(losses) > 1 and report(loss=losses[-1], gap=max(gap, 0.0))
        if gap <= tol or stopped or len(losses) > max_iter or (fresh and gap >= least):
            break
        least = gap if fresh else least
        K_i = row(i[1])
        a = diag[i[1]] + diag - 2 * K_i  # (N,)                                 (5)
        j = divmod(int((np.maximum(ahead, 0) ** 2 / np.maximum(a, tau)).argmax()), N)  #   (6)
        lead, curvature = float(ahead[j]), float(a[j[1]])
        step = min(lead / max(curvature, tau), high[i] - beta[i], beta[j] - low[j])  #   (7)
        beta[i], beta[j] = moved(beta[i], step, high[i]), moved(beta[j], -step, low[j])
        for t in (i, j):
            rise[t] = 0.0 if beta[t] < high[t] else -np.inf
            fall[t] = 0.0 if beta[t] > low[t] else np.inf
        loss += 0.5 * step**2 * curvature - step * lead  #                      (8)
        v -= step * (K_i - row(j[1]))  # (S, N)                                 (9)
        fresh = False
        losses.append(float(loss))
    noise = float(np.finfo(np.float64).eps * np.abs(diag).max(initial=0) * np.abs(beta).max(initial=0))
    gap = gap if noise <= tol else max(gap, noise)
    return Solution(beta, intercept(v, beta, low, high), np.array(losses), gap, stopped)


def slopes(row: Callable[[int], FloatArray], p: FloatArray, beta: FloatArray) -> FloatArray:
    """v of this β, by as many rows of K as it has nonzero points: _, (S, N), (S, N) -> (S, N)."""
    v, pull = p.copy(), beta.sum(axis=0)  # (S, N), (N,)
    points = np.flatnonzero(pull).tolist()
    first = row(points[0]) if points else 0.0  # (N,), taken from all, as Σ β = 0: what large rows share then cancels
    for n in points:
        v -= pull[n] * (row(n) - first)  # (S, N)                               (2)
    return v


def moved(value: float, step: float, bound: float) -> float:
    """The value after a step, exactly at the bound if the step ends there."""
    return bound if step == bound - value else value + step


def intercept(v: FloatArray, beta: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """b: (S, N), (S, N), (S, N), (S, N) -> ()."""
    free = (low < beta) & (beta < high)
    if free.any():
        return float(v[free].mean())  #                                         (10)
    ends = v[beta < high].max(initial=-np.inf), v[beta > low].min(initial=np.inf)
    b = [end for end in ends if np.isfinite(end)]  # one of them where all points are of one class
    return float(np.mean(b)) if b else 0.0  #                                   (11)
