"""Kernels: how alike two points are, as an inner product in a space that need never be written down.

A kernel k(x, y) is xᵀy after both points were mapped to other features. What only needs inner products, as a support
vector machine does, works with those features through k: with squares and products of the columns, say, or with
infinitely many bumps.

    linear      k(x, y) = xᵀy                                                  (1)
    polynomial  k(x, y) = (γ xᵀy + c)ᵈ                                         (2)
    RBF         k(x, y) = exp(−γ ‖x − y‖²)                                     (3)
    sigmoid     k(x, y) = tanh(γ xᵀy + c)                                      (4)

The sigmoid is an inner product for some γ and c only. Distances come from a matrix product, with any point m:

    ‖x − y‖² = ‖x − m‖² + ‖y − m‖² − 2 (x − m)ᵀ(y − m)                         (5)

The mean of the y keeps the terms small. Where they nevertheless cancel in four digits or more, because x and y lie much
nearer to each other than to m, (5) is not used: x − y is taken first, and squared.

γ says what is near. Where nothing better is known, the spread of all entries of X does:

    γ = 1 / (D Var X)                                                          (6)

What a machine has learnt is a sum of kernels, or several, one for each row c of coefficients:

    g(x) = Σₘ cₘ k(x, vₘ)                                                      (7)

A kernel of one's own is any function of X (N, D) and Y (M, D) that returns the matrix (N, M) of k, with k(x, y) =
k(y, x). If it has a method `diag(X)`, which returns k(x, x) for every row, that is used instead of small matrices.

Symbols
-------
    paper   code      shape     meaning
    x, y    X, Y      (N, D)    points, one per row; Y has M of them
    γ       gamma     scalar    how fast likeness fades
    c       coef0     scalar    what is added to an inner product
    d       degree    scalar    degree of the polynomial
    m       m         (D,)      mean of Y
    vₘ      V         (M, D)    support vectors
    cₘ      coef      (J, M)    their coefficients, J sums at once
    g       g         (N, J)    sums

Cost: O(N M D) time, O(N M) memory; (7) goes through X in blocks and takes O(M) memory beside its result.

References
----------
    Boser, Guyon & Vapnik (1992), "A training algorithm for optimal margin classifiers".
    Schölkopf & Smola (2002), "Learning with kernels", ch. 2 and 13.
Differs from them: (6), which is scikit-learn's, with weighted rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from pellucid.validation import FloatArray

BLOCK = 256  # rows of a small matrix whose diagonal alone is wanted
TILE = 1 << 16  # entries of (5) at a time, few enough for a processor's cache
CANCELS = 1e-4  # of the terms of (5): a distance that is less is not taken from them
ENTRIES = 1 << 22  # of a matrix that (7) holds at a time


class Kernel(Protocol):
    """What a kernel is; the method `diag` may be missing."""

    def __call__(self, X: FloatArray, Y: FloatArray, /) -> Any:
        """k of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""


# Records, so that they have a constructor, a representation and equality, and can be saved


class Linear(NamedTuple):
    """The inner product of the points as they are."""

    def __call__(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        """k of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""
        k: FloatArray = X @ Y.T  # (N, M)                                       (1)
        return k

    def diag(self, X: FloatArray) -> FloatArray:
        """k(x, x) of every row: (N, D) -> (N,)."""
        return squared_lengths(X)


class Polynomial(NamedTuple):
    """All products of up to `degree` columns, each with its own weight."""

    degree: int = 3
    gamma: float = 1.0
    coef0: float = 0.0

    def __call__(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        """k of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""
        k: FloatArray = (self.gamma * (X @ Y.T) + self.coef0) ** self.degree  # (N, M)   (2)
        return k

    def diag(self, X: FloatArray) -> FloatArray:
        """k(x, x) of every row: (N, D) -> (N,)."""
        k: FloatArray = (self.gamma * squared_lengths(X) + self.coef0) ** self.degree  # (N,)   (2)
        return k


class RBF(NamedTuple):
    """The radial basis function: 1 at distance 0, and nothing far away."""

    gamma: float = 1.0

    def __call__(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        """k of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""
        k: FloatArray = squared_distances(X, Y)  # (N, M), overwritten, as memory that was never used costs time
        k *= -self.gamma  #                                                     (3)
        np.exp(k, out=k)  #                                                     (3)
        return k

    def diag(self, X: FloatArray) -> FloatArray:
        """k(x, x) of every row: (N, D) -> (N,)."""
        return np.ones(len(X))


class Sigmoid(NamedTuple):
    """A neuron's answer to one point, with the other as its weights."""

    gamma: float = 1.0
    coef0: float = 0.0

    def __call__(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        """k of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""
        k: FloatArray = np.tanh(self.gamma * (X @ Y.T) + self.coef0)  # (N, M)   (4)
        return k

    def diag(self, X: FloatArray) -> FloatArray:
        """k(x, x) of every row: (N, D) -> (N,)."""
        k: FloatArray = np.tanh(self.gamma * squared_lengths(X) + self.coef0)  # (N,)   (4)
        return k


def squared_lengths(X: FloatArray) -> FloatArray:
    """‖x‖² of every row: (N, D) -> (N,)."""
    lengths: FloatArray = np.einsum("nd,nd->n", X, X)  # (N,)
    return lengths


def squared_distances(X: FloatArray, Y: FloatArray) -> FloatArray:
    """‖x − y‖² of every row of X with every row of Y: (N, D), (M, D) -> (N, M)."""
    if min(len(X), len(Y)) < 2:  # where (5) would save nothing
        apart = X[:, None] - Y  # (N, M, D)
        square: FloatArray = np.einsum("nmd,nmd->nm", apart, apart)
        return square
    m = Y.mean(axis=0)  # (D,)
    y, square, step = Y - m, np.empty((len(X), len(Y))), max(1, TILE // len(Y))
    for start in range(0, len(X), step):
        block = X[start : start + step]  # (B, D)
        x = block - m
        tile = squared_lengths(x)[:, None] + squared_lengths(y) - 2 * x @ y.T  # (B, M)   (5)
        terms = squared_lengths(x)[:, None] + squared_lengths(y).max()  # (B, 1), at most
        near = np.argwhere(~(tile > CANCELS * terms))  # also where infinity was taken from infinity
        for some in np.array_split(near, 1 + len(near) * X.shape[1] // ENTRIES):
            n, k = some.T
            tile[n, k] = squared_lengths(block[n] - Y[k])
        square[start : start + step] = tile
    return square


# What is done with a kernel


def spread(X: FloatArray, weights: FloatArray) -> float:
    """The γ of (6), or 1 where all entries are alike: (N, D), (N,) -> ()."""
    largest = np.abs(X).max()
    with np.errstate(all="ignore"):  # what goes wrong is reported below
        apart = X - np.average(X.mean(axis=1), weights=weights)  # (N, D)
        most = np.abs(apart).max() or 1.0
        share = np.average(np.mean((apart / most) ** 2, axis=1), weights=weights)  # of its square
        if np.sqrt(share) * most <= 1e-14 * largest:  # alike, as far as rounding can tell
            return 1.0
        gamma = float(1 / (X.shape[1] * share * most**2))  #                    (6)
    if not 0 < gamma < np.inf:
        failure = "overflow: an entry is" if largest > 1 else "vanish: the largest entry is"
        raise ValueError(f"the squares of the data {failure} {largest:g}. Rescale the columns.")
    return gamma


def origin(kernel: Kernel, X: FloatArray) -> FloatArray:
    """Where the points are best counted from: _, (N, D) -> (D,).

    Coefficients that sum to 0 give the same function with the linear kernel from any origin, but for a constant; from
    the mean rounding costs least. With other kernels 0 is the only one.
    """
    if not isinstance(kernel, Linear) or not len(X):
        return np.zeros(X.shape[1])
    with np.errstate(over="ignore"):  # reported with the matrix
        mean: FloatArray = X.mean(axis=0)  # (D,)
    return mean


def matrix(kernel: Kernel, X: FloatArray, Y: FloatArray) -> FloatArray:
    """The kernel's answer, held to what it must be: _, (N, D), (M, D) -> (N, M)."""
    with np.errstate(over="ignore", invalid="ignore"):  # reported below
        K = kernel(X, Y)
    return checked(K, (len(X), len(Y)), f"the kernel {kernel!r}", "row of X and row of Y", X)


def diagonal(kernel: Kernel, X: FloatArray) -> FloatArray:
    """k(x, x) of every row: _, (N, D) -> (N,)."""
    if hasattr(kernel, "diag"):
        with np.errstate(over="ignore", invalid="ignore"):
            diag = kernel.diag(X)
        return checked(diag, (len(X),), f"the method diag of the kernel {kernel!r}", "row of X", X)
    blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))
    return np.concatenate([matrix(kernel, block, block).diagonal() for block in blocks])


def checked(values: Any, shape: tuple[int, ...], who: str, what: str, X: FloatArray) -> FloatArray:
    """What a kernel returned, in float64, whose sums neither wrap nor overflow as those of narrow types do."""
    K = np.asarray(values)
    if K.shape != shape or K.dtype.kind not in "fiub":
        raise ValueError(
            f"{who} must return one real number for each {what}, an array of shape {shape}; it returned one of shape "
            f"{K.shape} and dtype {K.dtype}."
        )
    with np.errstate(over="ignore"):
        K = K.astype(np.float64, copy=False)
    if not np.isfinite(K).all():
        raise ValueError(
            f"{who} returned values that are infinite or no numbers; the largest entry of X is {np.abs(X).max():g}. "
            "Rescale the columns, or choose smaller parameters."
        )
    return K


def rows(kernel: Kernel, X: FloatArray, megabytes: float) -> Callable[[int], FloatArray]:
    """A function that returns row n of the matrix of all points, k(xₙ, x) for every x.

    The matrix is made at once if it fits into so many megabytes. If not, rows are made when they are asked for, and
    those asked for last are kept.
    """
    N = len(X)
    room = megabytes * 2**20 / 8
    if N * N <= room:
        K = matrix(kernel, X, X)  # (N, N)
        return lambda n: K[n]
    return functools.lru_cache(maxsize=max(2, int(room / N)))(lambda n: matrix(kernel, X[n : n + 1], X)[0])


def sums(kernel: Kernel, X: FloatArray, V: FloatArray, coef: FloatArray) -> FloatArray:
    """Sums of kernels: _, (N, D), (M, D), (J, M) -> (N, J)."""
    g = np.zeros((len(X), len(coef)))
    step = max(1, ENTRIES // max(1, len(V)))
    for start in range(0, len(X) if len(V) else 0, step):
        block = slice(start, start + step)
        g[block] = matrix(kernel, X[block], V) @ coef.T  # (B, J)               (7)
    return g
