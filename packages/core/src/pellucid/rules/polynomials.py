"""Derivatives of polynomials: polyval, polyfit, roots, poly, polydiv and their relatives, and vander.

`roots` has a derivative where all roots are simple, `polyfit` where the points determine the fit; elsewhere both raise.
Leading zeros that NumPy cuts off have no gradient.
"""

from typing import Any

import numpy as np

from pellucid.rules.calculus import floating, one_array
from pellucid.tape import rule, written_as

# A poly1d may hold a Tensor; it is handed on as its coefficients, and the result is one, as in NumPy.


def coefficients(*ps: Any) -> Any:
    """Those of each polynomial, and what to make of a result: a poly1d where one of them was."""
    is_class = [isinstance(p, np.poly1d) for p in ps]
    arrays = [one_array(p.coeffs if c else p) for p, c in zip(ps, is_class, strict=True)]
    arrays = [p if np.ndim(p) else np.reshape(p, (1,)) for p in arrays]
    return *arrays, np.poly1d if any(is_class) else lambda p: p


# Values


@written_as(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    from pellucid.tensor import record

    p, _ = coefficients(p)
    if not isinstance(x, np.poly1d):
        return record(horner, (p, one_array(x)), {})
    y = np.poly1d(p[:1])
    for coefficient in p[1:]:
        y = y * x + coefficient
    return y


def horner(p: Any, x: Any) -> Any:
    return np.polyval(p, x)


def horner_p(dy: Any, y: Any, p: Any, x: Any) -> Any:
    """∂y/∂pₖ = xⁿ⁻ᵏ."""
    alone = tuple(range(np.ndim(y) - np.ndim(p) + 1))  # axes that one coefficient does not have
    slopes = []
    for _ in range(len(p)):
        slopes.append(np.sum(dy, axis=alone))
        dy = dy * x
    return np.stack(slopes[::-1]) if slopes else p


def horner_x(dy: Any, y: Any, p: Any, x: Any) -> Any:
    """∂y/∂x is the derived polynomial at x."""
    powers = np.arange(len(p) - 1, 0, -1)
    return dy * np.polyval(p[:-1] * np.reshape(powers, (-1,) + (1,) * (np.ndim(p) - 1)), x)


def vander_back(dy: Any, y: Any, x: Any, N: Any = None, increasing: Any = False) -> Any:
    """d xᵏ / dx = k xᵏ⁻¹, which stands in the column beside."""
    k = np.arange(1, np.shape(y)[1])
    if increasing:
        return np.sum(dy[:, 1:] * k * y[:, :-1], axis=1)
    return np.sum(dy[:, :-1] * k[::-1] * y[:, 1:], axis=1)


rule(horner, horner_p, horner_x)
rule(np.vander, vander_back)


# Sums, products, quotients


@written_as(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    a1, a2, result = coefficients(a1, a2)  # mutate: arguments equivalent because a sum is symmetric
    return result(lengthened(a1, len(a2)) + lengthened(a2, len(a1)))


@written_as(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    a1, a2, result = coefficients(a1, a2)
    return result(lengthened(a1, len(a2)) - lengthened(a2, len(a1)))


def lengthened(p: Any, n: Any) -> Any:
    """At least n coefficients: zeros stand before the others."""
    # mutate: boundary equivalent because no zeros stand before then
    return p if len(p) >= n else np.concatenate([np.zeros(n - len(p), p.dtype), p])


@written_as(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    a1, a2, result = coefficients(a1, a2)  # mutate: arguments equivalent because a product is symmetric
    # mutate: arguments equivalent because a product is symmetric
    return result(np.convolve(without_leading_zeros(a1), without_leading_zeros(a2)))


def without_leading_zeros(p: Any) -> Any:
    from pellucid.tensor import data_of

    if np.ndim(p) > 1:
        raise ValueError(f"a polynomial has its coefficients along one axis; these have shape {np.shape(p)}")
    places = np.flatnonzero(data_of(p))
    return p[places[0] :] if len(places) else p[-1:]


@written_as(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    from pellucid.tensor import record

    u, v, result = coefficients(u, v)
    quotient, remainder = record(divide, (u, v), {})
    return result(quotient), result(remainder)


def divide(u: Any, v: Any) -> Any:
    return np.polydiv(u, v)


def divide_back(dy: Any, y: Any, u: Any, v: Any) -> Any:
    """The gradient of u; and the quotient, where there is one.

    u = q * v + r, where * is convolution. The first coefficients of u determine q: they are T q with a lower triangular
    Toeplitz matrix T made of v. To solve with its transpose is to divide the reversed polynomial.
    """
    (dq, dr), q = dy, y[0]
    short = len(v) - 1
    # mutate: function equivalent because u - q * v is 0 above the remainder, whatever u and v are
    du = np.concatenate([np.zeros(len(u) - len(dr), dr.dtype), dr])
    if len(u) <= short:
        return du, None  # the quotient is 0
    dq = dq - np.correlate(du, np.conj(v), "valid")
    # mutate: function equivalent because the quotient does not depend on the last coefficients
    top = np.flip(np.polydiv(np.concatenate([np.flip(dq), np.zeros(short, dq.dtype)]), v)[0])
    return du + np.concatenate([top, np.zeros(short, top.dtype)]), q


def divide_u(dy: Any, y: Any, u: Any, v: Any) -> Any:
    return divide_back(dy, y, u, v)[0]


def divide_v(dy: Any, y: Any, u: Any, v: Any) -> Any:
    du, q = divide_back(dy, y, u, v)
    return np.zeros(np.shape(v)) if q is None else -np.correlate(du, np.conj(q), "valid")


rule(divide, divide_u, divide_v)


@written_as(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    p, result = coefficients(p)
    if m < 0:
        raise ValueError(f"np.polyder takes m >= 0, not {m}: np.polyint integrates")
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return result(p)


@written_as(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    p, result = coefficients(p)
    k = np.zeros(1) if k is None else np.atleast_1d(one_array(k))
    if m < 0:
        raise ValueError(f"np.polyint takes m >= 0, not {m}: np.polyder differentiates")
    if len(k) != 1 and len(k) < m:
        raise ValueError(f"np.polyint takes one constant, or one for each of the {m} integrals; k has {len(k)}")
    for i in range(int(m)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k if len(k) == 1 else k[i : i + 1]])
    return result(p)


# Roots


def roots_back(dy: Any, y: Any, p: Any) -> Any:
    """p(r) = 0 stays true: ∂r/∂pₖ = −rⁿ⁻ᵏ / p′(r)."""
    p = np.atleast_1d(p)
    slope = np.polyval(p[:-1] * np.arange(len(p) - 1, 0, -1), y)
    if np.any(slope == 0):
        raise ValueError("np.roots has a gradient where all roots are simple; a root that came out is a multiple one")
    return -np.matmul(dy / slope, np.vander(y, len(p)))


rule(np.roots, roots_back)


@written_as(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """Multiply by t − z for one root z after the other; of a square matrix, the characteristic polynomial."""
    from pellucid.tensor import data_of, record

    z = one_array(seq_of_zeros)
    if np.ndim(z) == 2 and np.shape(z)[0] == np.shape(z)[1] != 0:
        return record(characteristic, (z,), {})
    if np.ndim(z) != 1:
        raise ValueError(f"np.poly takes a list of roots or a square matrix, not an array of shape {np.shape(z)}")
    p = np.ones(1, z.dtype)
    zero = np.zeros(1, z.dtype)
    for i in range(len(z)):
        p = np.concatenate([p, zero]) - np.concatenate([zero, p]) * z[i]
    conjugate_pairs = np.array_equal(np.sort(data_of(z)), np.sort(np.conj(data_of(z))))
    return np.real(p) if p.dtype.kind == "c" and conjugate_pairs else p


def characteristic(A: Any) -> Any:
    return np.poly(A)


def characteristic_back(dy: Any, y: Any, A: Any) -> Any:
    """d det(tI − A) = −tr(adj(tI − A) dA), and adj(tI − A) = Σ tⁿ⁻¹⁻ᵏ Bₖ with B₀ = I and Bₖ = A Bₖ₋₁ + yₖ I."""
    identity = np.eye(len(A), dtype=A.dtype)
    Bs = [identity]
    for k in range(1, len(A)):
        # mutate: arguments equivalent because B is a polynomial of A
        Bs.append(np.matmul(A, Bs[-1]) + y[k] * identity)
    return -np.tensordot(dy[1:], np.swapaxes(np.stack(Bs), 1, 2), 1)


rule(characteristic, characteristic_back)


# Least squares
#
# A holds the powers of x, W = |w|², and the coefficients are c = (Aᴴ W A)⁻¹ Aᴴ W y, with the residuals r = y − A c.
# The gradients are those of two polynomials: q = (Aᴴ W A)⁻¹ conj(c̄) beside c. With p(x) and p′(x) for the values of a
# polynomial and of its derivative,
#
#     ȳ = W conj(q(x)),    x̄ = W conj(r) q′(x) − ȳ c′(x),    w̄ = 2 conj(w) Re(conj(q(x)) r).


@written_as(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: Any = False, w: Any = None, cov: Any = False) -> Any:
    from pellucid.tensor import data_of, record

    x, y, w = floating(x), floating(y), None if w is None else floating(w)
    c = record(fit, (x, y, w, deg, rcond), {})
    if not full and not cov:
        return c
    n = len(c)
    # mutate: sign equivalent because r, A and scale count by their squares only
    r, A = y - values(x, c), np.vander(x, n)
    if w is not None:
        # mutate: sign equivalent because r, A and scale count by their squares only
        r, A = r * as_column(w, y), A * as_column(w, A)
    residuals = np.atleast_1d(np.sum(np.real(r * np.conj(r)), axis=0))
    scale = np.sqrt(np.sum(A * A, axis=0))  # mutate: sign equivalent because r, A and scale count by their squares only
    A = A / scale  # mutate: sign equivalent because r, A and scale count by their squares only
    if full:
        _, _, rank, _, rcond = np.polyfit(data_of(x), data_of(y), deg, rcond, True, data_of(w))
        return c, residuals if len(x) > n else residuals[:0], rank, np.linalg.svd(A, compute_uv=False), rcond
    covariance = np.linalg.inv(np.matmul(A.T, A)) / np.outer(scale, scale)
    covariance = covariance if np.ndim(y) == 1 else covariance[:, :, None]
    if cov == "unscaled":
        return c, covariance
    if len(x) <= n:
        raise ValueError(f"np.polyfit takes more than {n} points to scale the covariance of {n} coefficients")
    return c, covariance * (residuals / (len(x) - n))


def fit(x: Any, y: Any, w: Any, deg: Any, rcond: Any) -> Any:
    c, _, rank, _, _ = np.polyfit(x, y, deg, rcond, True, w)
    if rank < len(c):
        raise ValueError(
            f"np.polyfit has a gradient where the points determine the fit; these {len(x)} points determine {rank} of "
            f"{len(c)} coefficients: take a lower degree, or detach() the input"
        )
    return c


def fit_x(dc: Any, c: Any, x: Any, y: Any, w: Any, deg: Any, rcond: Any) -> Any:
    q, W = solve(x, w, np.conj(dc)), weights(w, y)
    return over_columns(W * (np.conj(y - values(x, c)) * slopes(x, q) - np.conj(values(x, q)) * slopes(x, c)))


def fit_y(dc: Any, c: Any, x: Any, y: Any, w: Any, deg: Any, rcond: Any) -> Any:
    return weights(w, y) * np.conj(values(x, solve(x, w, np.conj(dc))))


def fit_w(dc: Any, c: Any, x: Any, y: Any, w: Any, deg: Any, rcond: Any) -> Any:
    q = solve(x, w, np.conj(dc))
    return 2 * np.conj(w) * over_columns(np.real(np.conj(values(x, q)) * (y - values(x, c))))


def values(x: Any, p: Any) -> Any:
    """p(x) for coefficients (n,), or (n, K) of K polynomials."""
    return np.matmul(np.vander(x, len(p)), p)


def slopes(x: Any, p: Any) -> Any:
    """p′(x)."""
    return values(x, p[:-1] * as_column(np.arange(len(p) - 1, 0, -1), p))


def weights(w: Any, y: Any) -> Any:
    return 1.0 if w is None else as_column(np.real(w * np.conj(w)), y)


def as_column(x: Any, like: Any) -> Any:
    return x if np.ndim(like) == 1 else np.expand_dims(x, 1)


def over_columns(x: Any) -> Any:
    return x if np.ndim(x) == 1 else np.sum(x, axis=1)


def solve(x: Any, w: Any, h: Any) -> Any:
    """(Aᴴ W A)⁻¹ h by the triangle R of w A: Aᴴ W A = Rᴴ R is never formed. Recorded, as far as Tensors are given."""
    # mutate: sign equivalent because A and R count by Aᴴ A and Rᴴ R only
    A = np.vander(x, len(h)) if w is None else np.vander(x, len(h)) * np.expand_dims(w, 1)
    R: Any = np.linalg.qr(A, mode="r")  # mutate: sign equivalent because A and R count by Aᴴ A and Rᴴ R only
    return np.linalg.solve(R, np.linalg.solve(np.conj(R.T), h))


rule(fit, fit_x, fit_y, fit_w)
