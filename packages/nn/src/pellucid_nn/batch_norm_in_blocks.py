"""Batch normalization, the fast way: what `batch_norm.py` says, some examples at a time.

The formulas are cheap and memory is slow, so a few examples go through all of them while they are in the processor's
cache. Sums over places are products with a vector of ones, which BLAS does fastest. What rounding leaves of the mean is
carried along: with m the rounded mean of a channel,

    δ_c = Σₙ (x_nc − m_c) / M                                                                    (1)
    v_c = Σₙ (x_nc − m_c)² / M − δ_c²                                                            (2)
    k_c = w_c / √(v_c + ε)                                                                       (3)
    y_nc = k_c (x_nc − m_c) + (b_c − k_c δ_c)                                                    (4)

Gradient.  That of the clear form, with x̂ = r (x − m) − r δ put in, so that x̂ itself is not needed. Two sums of each
channel come first, and all of dx follows from them:

    db_c = Σₙ dy_nc                                                                              (5)
    dw_c = r_c Σₙ dy_nc (x_nc − m_c) − r_c δ_c db_c                                              (6)
    dx_nc = k_c dy_nc − u_c (x_nc − m_c) − (k_c db_c / M − u_c δ_c),        u = k r dw / M       (7)

Symbols
-------
    paper   code        shape        meaning
    x       x           (N, C, L)    inputs, all places on one axis; M = N L
    m       m           (C,)         rounded means
    δ       delta       (C,)         what is left of them
    v       var         (C,)         variances
    r       r           (C,)         one over the standard deviation
    k       k           (C,)         what a number is stretched by
    u       u           (C,)         how far dx moves with x
    w, b    W, b        (C,)         scale and shift
    ε       eps         ()           added to the variance
    d·      dy          as ·         gradient of the loss

Cost: O(M C) time. The tape keeps x by reference.

References
----------
    Ioffe & Szegedy (2015), "Batch normalization": the model.
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": the correction by δ in (2).
Differs from them: nothing. A test holds this and `batch_norm.py` equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.batch_norm import batch_norm

BLOCK = 1 << 19  # bytes of x that are worked on at a time


class Moments(NamedTuple):
    m: NDArray[Any]  # (C,)
    delta: NDArray[Any]  # (C,)
    var: NDArray[Any]  # (C,)


def moments_in_blocks(x: NDArray[Any]) -> Moments:
    """Mean, in two parts, and variance of every channel: (N, C, ...) -> (C,), (C,), (C,)."""
    N, C, L = len(x), x.shape[1], math.prod(x.shape[2:])
    x, M, ones = x.reshape(N, C, L), N * L, np.ones(L, x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        m = (x.reshape(N * C, L) @ ones).reshape(N, C).mean(axis=0) / L
        left, squares = np.zeros((2, C))
        for c, _ in centred_blocks(x, m):
            left += (c.reshape(-1, L) @ ones).reshape(-1, C).sum(axis=0)
            squares += np.vecdot(c, c).sum(axis=0)
        delta = left / M  # (C,)                                                                  (1)
        var = np.maximum(squares / M - delta**2, 0)  # (C,)                                       (2)
    return Moments(m, delta, var)


def centred_blocks(x: NDArray[Any], m: NDArray[Any]) -> Iterator[tuple[NDArray[Any], slice]]:
    """Blocks of x − m, all in one array that is used again, and which examples they are."""
    length = max(1, BLOCK // (x[0].size * x.itemsize))
    work = np.empty((min(length, len(x)), *x.shape[1:]), x.dtype)
    for start in range(0, len(x), length):
        rows = slice(start, start + length)
        block = x[rows]
        yield np.subtract(block, m[:, None], out=work[: len(block)]), rows


@primitive
def batch_norm_in_blocks(
    x: Any, W: Any = None, b: Any = None, *, eps: float = 1e-5, moments: Moments | None = None
) -> Any:
    """`batch_norm` of inputs with places: the same arguments, value and gradients."""
    eps = float(eps)
    given = [a for a in (x, W, b) if a is not None]
    if any(isinstance(a, Tensor) for a in given):  # the gradient will be differentiated again: the clear form can
        y, _ = batch_norm_in_blocks.run(*map(data_of, given), eps=eps, moments=moments)
        return y, batch_norm.run(*given, eps=eps)[1]
    m, delta, var = moments or moments_in_blocks(x)
    if not np.isfinite(var).all() or (var + eps == 0).any():  # a square was too large, NaN came in, or 0 / 0 will
        return batch_norm.run(x, W, b, eps=eps)
    shape, C = x.shape, x.shape[1]
    x = x.reshape(len(x), C, -1)
    M, ones = x.size // C, np.ones(x.shape[2], x.dtype)
    r = 1 / np.sqrt(var + eps)
    k = r if W is None else r * W  # (C,)                                                         (3)
    shift = -k * delta if b is None else b - k * delta  # (C,)                                    (4)

    def column(a: Any) -> Any:
        return a[:, None].astype(x.dtype)

    y = np.empty(x.shape, x.dtype)
    for c, rows in centred_blocks(x, m):
        np.multiply(c, column(k), out=y[rows])  #                                                 (4)
        y[rows] += column(shift)  #                                                               (4)

    def gradients(dy: Any) -> Any:
        dy = dy.reshape(x.shape)
        dx, db, along = np.empty(shape, x.dtype), np.zeros(C), np.zeros(C)
        flat_dx = dx.reshape(x.shape)  # a view; dx has memory of its own, so that the tape need not copy it
        for c, rows in centred_blocks(x, m):
            db += (dy[rows] @ ones).sum(axis=0)  # (C,)                                           (5)
            along += np.vecdot(dy[rows], c).sum(axis=0)
        dW = r * along - r * delta * db  # (C,)                                                   (6)
        u = k * r * dW / M  # (C,)                                                                (7)
        rest = k * db / M - u * delta  # (C,)                                                     (7)
        for c, rows in centred_blocks(x, m):
            g = flat_dx[rows]  # filled in place
            np.multiply(dy[rows], column(k), out=g)  #                                            (7)
            c *= column(u)  #                                                                     (7)
            g -= c  #                                                                             (7)
            g -= column(rest)  #                                                                  (7)
        return (dx, dW.astype(x.dtype), db.astype(x.dtype))[: len(given)]

    return y.reshape(shape), gradients
