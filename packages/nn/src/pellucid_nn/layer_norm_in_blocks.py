"""Layer normalization, the fast way: what `layer_norm.py` says, a block of rows at a time.

The formulas are cheap and memory is slow, so a few rows go through all of them while they are in the processor's cache.
Sums over a row are products with a vector, which BLAS does fastest. What rounding leaves of the mean is not taken away
from every number, as in the clear form, but is carried along. With m the rounded mean of a row and c = x − m,

    δₙ  = Σⱼ cₙⱼ / D                                                                             (1)
    rₙ  = 1 / √(Σⱼ cₙⱼ² / D − δₙ² + ε)                                                           (2)
    yₙᵢ = wᵢ (rₙ cₙᵢ − rₙ δₙ) + bᵢ                                                               (3)

and rδ is left out of (3) where it is less than what y is rounded by.

Gradient.  That of the clear form, with x̂ = r c − r δ put in, so that x̂ itself is not needed:

    dwᵢ = Σₙ rₙ dyₙᵢ cₙᵢ − Σₙ rₙ δₙ dyₙᵢ                                                         (4)
    dbᵢ = Σₙ dyₙᵢ                                                                                (5)
    aₙ  = Σᵢ wᵢ dyₙᵢ / D                                                                         (6)
    qₙ  = Σᵢ wᵢ dyₙᵢ x̂ₙᵢ / D  =  rₙ Σᵢ wᵢ dyₙᵢ cₙᵢ / D − rₙ δₙ aₙ                                (7)
    dxₙⱼ = rₙ wⱼ dyₙⱼ − rₙ² qₙ cₙⱼ − rₙ (aₙ − rₙ δₙ qₙ)                                          (8)

Symbols
-------
    paper   code        shape     meaning
    x       x           (N, D)    inputs; here N and D are one axis each
    m       m           (N,)      means
    c       c           (n, D)    x − m in a block of n rows
    δ       delta       (N,)      what rounding has left of the means
    r       r           (N,)      one over the standard deviation
    rδ      left        (N,)      what is left of the mean of r c
    w, b    W, b        (D,)      scale and shift
    ε       eps         ()        added to the variance
    a, q    a, q        (n,)      means of w ∘ dy and of w ∘ dy ∘ x̂ over a row
    d·      dy          as ·      gradient of the loss

Cost: O(N D) time. The tape keeps x by reference and 3 N numbers.

References
----------
    Ba, Kiros & Hinton (2016), "Layer normalization": the model.
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": the correction by δ in (2).
Differs from them: nothing. A test holds this and `layer_norm.py` equal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.layer_norm import layer_norm

BLOCK = 1 << 20  # bytes of x that are worked on at a time


@primitive
def layer_norm_in_blocks(
    x: Any, W: Any = None, b: Any = None, *, normalized_shape: tuple[int, ...], eps: float = 1e-5
) -> Any:
    """`layer_norm`: the same arguments, value and gradients."""
    eps = float(eps)
    if any(isinstance(a, Tensor) for a in (x, W, b)):  # the gradient will be differentiated again: the clear form can
        arrays = [None if a is None else data_of(a) for a in (x, W, b)]
        y, _ = layer_norm_in_blocks.run(*arrays, normalized_shape=normalized_shape, eps=eps)
        return y, layer_norm.run(x, W, b, normalized_shape=normalized_shape, eps=eps)[1]
    given = 3 if b is not None else 2 if W is not None else 1  # arguments that a gradient can go to
    shape, D = x.shape, math.prod(normalized_shape)
    N, rows_of_x = x.size // D, x
    x = x.reshape(N, D)
    w = np.ones(D, x.dtype) if W is None else W.reshape(D)
    w_shares, shares = w / D, np.full(D, 1 / D, x.dtype)  # a @ shares: the mean of each row
    m, delta, r = np.empty((3, N), x.dtype)
    y = np.empty((N, D), x.dtype)
    length = max(1, BLOCK // (D * x.itemsize))
    blocks = [slice(start, start + length) for start in range(0, N, length)]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for rows in blocks:
            c = y[rows]  # a view, which becomes y in place
            m[rows] = x[rows] @ shares
            np.subtract(x[rows], m[rows, None], out=c)
            delta[rows] = c @ shares  #                                                           (1)
            variance = np.vecdot(c, c) / D - delta[rows] ** 2  #                                  (2)
            r[rows] = 1 / np.sqrt(np.maximum(variance, 0) + eps)  #                               (2)
            c *= r[rows, None]  #                                                                 (3)
            left = r[rows] * delta[rows]
            if np.abs(left).max() > 2 * np.finfo(x.dtype).eps:
                c -= left[:, None]  #                                                             (3)
            if W is not None:
                c *= w  #                                                                         (3)
            if b is not None:
                c += b.reshape(D)  #                                                              (3)
    if not ((r > 0) & (r < np.inf)).all():  # a square was too large, NaN came in, or 0 / 0 was found
        return layer_norm.run(rows_of_x, W, b, normalized_shape=normalized_shape, eps=eps)

    def gradients(dy: Any) -> Any:
        dy = dy.reshape(N, D)
        dx, dW, db = np.empty(shape, x.dtype), np.zeros(D, x.dtype), np.zeros(D, x.dtype)
        flat_dx = dx.reshape(N, D)  # a view; dx has memory of its own, so that the tape need not copy it
        work = np.empty((2, min(length, N), D), x.dtype)
        left = r * delta
        for rows in blocks:
            g, dy_n, r_n, left_n = flat_dx[rows], dy[rows], r[rows], left[rows]
            c, product = work[:, : len(g)]
            np.subtract(x[rows], m[rows, None], out=c)
            np.multiply(dy_n, c, out=product)
            dW += r_n @ product - left_n @ dy_n  #                                                (4)
            db += np.ones_like(r_n) @ dy_n  #                                                     (5)
            a = dy_n @ w_shares  #                                                                (6)
            q = r_n * (product @ w_shares) - left_n * a  #                                        (7)
            np.multiply(dy_n, w, out=g)
            g *= r_n[:, None]  #                                                                  (8)
            c *= (r_n**2 * q)[:, None]  #                                                         (8)
            g -= c  #                                                                             (8)
            g -= (r_n * (a - left_n * q))[:, None]  #                                             (8)
        return (dx, dW.reshape(normalized_shape), db.reshape(normalized_shape))[:given]

    return y.reshape(shape), gradients
