"""Coordinate descent: the minimum of a parabola with a price on absolute values, and in how few steps.

    q(w) = ½ wᵀGw − cᵀw + Σⱼ λⱼ |wⱼ|

The lasso, the elastic net and each step of a logistic regression with an L1 price are of this form. G is symmetric with
no negative eigenvalue, so q is convex; it has a kink wherever a weight is 0. Let g = Gw − c. With all other weights
held, q is lowest where

    ρⱼ = Gⱼⱼ wⱼ − gⱼ                                                           (1)
    wⱼ = S(ρⱼ, λⱼ) / Gⱼⱼ                                                       (2)
    S(ρ, λ) = sign(ρ) max(|ρ| − λ, 0)                                          (3)

S, the soft threshold, is where exact zeros come from. A sweep does this to one weight after the other. It can leave out
a weight that is 0 and stays there, which is one that does not exceed its price:

    wⱼ = 0 and |gⱼ| ≤ λⱼ                                                       (4)

w is the minimum when all weights at 0 are of this kind and gⱼ + λⱼ sign wⱼ = 0 at the others.

Newton on the signs.  A sweep soon finds which weights A are not 0 and their signs θ, and then takes long over their
values. But as long as no sign changes q is a parabola in w_A, and its minimum one system of equations away:

    G_AA d = −(g_A + λ_A ∘ θ)                                                  (5)

On the way from w_A to w_A + d weight j changes its sign at tⱼ = −wⱼ / dⱼ, if that is between 0 and 1, and from there on
costs what it has saved before: the slope of q jumps up by 2 λⱼ |dⱼ|. So the slope at the share t of the way is

    q′(t) = (g_A + λ_A ∘ θ)ᵀd + t dᵀG_AA d + 2 Σ λⱼ |dⱼ| over those j with tⱼ < t   (6)

and the step ends where it reaches 0: between two kinks, or at a kink, whose weight is then 0 and leaves A; without any
kink at t = 1. Every sweep and every step lowers q. A step to t = 1 reaches the lowest point of its signs, and these are
finitely many: this ends, and with an exact minimum.

With `positive`, weights below 0 are forbidden: (2) ends at 0, (4) is without | |, and the jumps in (6) are infinite.

Symbols
-------
    paper     code       shape    meaning
    G         G          (M, M)   curvature
    c         c          (M,)     linear part
    λⱼ        price      (M,)     what a weight costs, 0 or more
    w         w          (M,)     weights
    g         g          (M,)     slope of the parabola alone
    ρⱼ        rho        scalar   what weight j would be but for its price, times Gⱼⱼ
    A         A          (R,)     indices of the weights that are not 0
    θ         theta      (R,)     their signs
    d         d          (R,)     direction of the step
    t, tⱼ     t          scalar   how far it goes, and where the kinks are
    2λⱼ|dⱼ|   jump       (R,)     how much the slope rises at a kink

Cost: O(M) for each weight that a sweep changes, O(R³ + M R) for a step of Newton's; O(R²) memory beside G.

References
----------
    Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models via coordinate descent",
        sec. 2.1: (2) and (3); sec. 2.2: sweeps with G and c alone.
    Lee, Battle, Raina & Ng (2007), "Efficient sparse coding algorithms", algorithm 1: (5).
Differs from them: sweeps and Newton steps together; the lowest point of the line by (6); each weight has its price.
"""

from __future__ import annotations

import numpy as np

from pellucid.validation import FloatArray, IndexArray

SWEEPS = 3  # before the first Newton step, if the signs have not settled earlier
STEPS = 100  # of Newton's between sweeps
ROUNDING = 16 * float(np.finfo(np.float64).eps)  # excesses below this share of what they are the sum of are rounding


def soft_threshold(rho: float, price: float) -> float:
    """S(ρ, λ) for numbers of Python, with which a sweep is faster."""
    # mutate: boundary equivalent because at ±λ all of these are 0
    return rho - price if rho > price else rho + price if rho < -price else 0.0  #   (3)


def excess(price: FloatArray, w: FloatArray, g: FloatArray, *, positive: bool) -> FloatArray:
    """By how much a weight at 0 exceeds its price, 0 or less where (4) holds; −∞ at the others: (M,)... -> (M,)."""
    slope = -g if positive else np.abs(g)
    over: FloatArray = np.where(w == 0, slope - price, -np.inf)  #              (4)
    return over


def sweep(
    G: FloatArray, price: FloatArray, w: FloatArray, g: FloatArray, order: IndexArray, *, positive: bool
) -> tuple[FloatArray, FloatArray]:
    """Take these weights to their minimum one by one; w and g then: (M, M), (M,), (M,), (M,), (_,) -> (M,), (M,)."""
    values, g = w.tolist(), g.copy()
    for j in order.tolist():
        rho = G.item(j, j) * values[j] - g.item(j)  #                           (1)
        new = soft_threshold(rho, price.item(j)) / G.item(j, j)  #              (2)
        if positive and new < 0:
            new = 0.0
        if new != values[j]:
            g += (new - values[j]) * G[j]  # (M,)
            values[j] = new
    return np.array(values), g


def line_minimum(
    w: FloatArray, d: FloatArray, slope: float, curvature: float, jump: FloatArray
) -> tuple[float, int | None]:
    """The t of (6), and the index of the weight whose kink it is, if it is one: (R,), (R,), _, _, (R,) -> (), _."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = -w / d  # (R,)
    kinks = np.flatnonzero((t > 0) & (t < 1) & (jump > 0))
    kinks = kinks[np.argsort(t[kinks], kind="stable")]
    t = np.append(t[kinks], 1.0)  # the end of the way is like a kink beyond which all is forbidden
    before = slope + t * curvature + np.append(0.0, np.cumsum(jump[kinks]))  #  (6)
    k = int(np.argmax(before + np.append(jump[kinks], np.inf) >= 0))
    if k > 0 and before[k] > 0:  # it was 0 before this kink and after the last one
        return float(t[k] - before[k] / curvature), None
    return float(t[k]), int(kinks[k]) if k < len(kinks) else None


def newton_step(
    G: FloatArray, c: FloatArray, price: FloatArray, w: FloatArray, g: FloatArray, *, positive: bool
) -> tuple[FloatArray, FloatArray, bool]:
    """One step; w and g after it, whether no sign changed: (M, M), (M,), (M,), (M,), (M,) -> (M,), (M,), _."""
    A = np.flatnonzero(w)
    theta = np.sign(w[A])
    gradient = g[A] + price[A] * theta  # (R,)
    G_A = G[A]  # (R, M)
    G_AA = G_A[:, A]
    unit = np.sqrt(np.diag(G_AA))
    scaled = G_AA / unit / unit[:, None]  # the units of the weights no longer matter
    scaled.flat[:: len(A) + 1] += 10 * len(A) * np.finfo(np.float64).eps  # where G is flat, as rounding leaves it
    d = -np.linalg.solve(scaled, gradient / unit) / unit  # (R,)                (5)
    jump = np.full(len(A), np.inf) if positive else 2 * price[A] * np.abs(d)
    t, at_kink = line_minimum(w[A], d, float(gradient @ d), float(d @ G_AA @ d), jump)
    new = w[A] + t * d
    if at_kink is not None:
        new[at_kink] = 0.0
    w = np.zeros_like(w)
    w[A] = new
    return w, new @ G_A - c, t == 1


def solve(
    G: FloatArray,
    c: FloatArray,
    price: FloatArray,
    start: FloatArray,
    *,
    positive: bool = False,
    rng: np.random.Generator | None = None,
    max_iter: int = 1000,
) -> FloatArray:
    """Minimise q: (M, M), (M,), (M,), (M,) -> (M,).

    Sweeps go through the weights in their order, or with `rng` in a random one. It ends when (4) holds but for rounding
    and the last step changed no sign, at the latest after `max_iter` rounds of sweeps and steps.
    """
    unit = np.sqrt(np.maximum(np.diag(G), 0.0))  # |Gⱼₖ| ≤ unitⱼ unitₖ
    w: FloatArray = np.where(unit > 0, np.maximum(start, 0.0) if positive else start, 0.0)
    g: FloatArray = G @ w - c
    for _ in range(max_iter):
        for _ in range(SWEEPS):
            signs = np.sign(w)
            slack = ROUNDING * (np.abs(c) + unit * (unit @ np.abs(w)))
            visited = (w != 0) | (excess(price, w, g, positive=positive) > slack)
            order = np.flatnonzero(visited & (unit > 0))
            w, g = sweep(G, price, w, g, order if rng is None else rng.permutation(order), positive=positive)
            if np.array_equal(np.sign(w), signs):
                break
        for _ in range(STEPS):
            w, g, settled = newton_step(G, c, price, w, g, positive=positive)
            if settled:
                break
        slack = ROUNDING * (np.abs(c) + unit * (unit @ np.abs(w)))
        if settled and not np.any(excess(price, w, g, positive=positive) > slack):
            break
    return w
