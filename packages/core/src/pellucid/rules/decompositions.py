"""Derivatives of the decompositions of `np.linalg`: cholesky, qr, eigh, eig, svd.

*Symmetric matrices.* `cholesky`, `eigh`, `eigvalsh`, and `svd` with ``hermitian=True`` read one triangle of the matrix
and the real part of its diagonal. Gradients are those of the function that NumPy computes, so they stand in that
triangle and are 0 in the other. Libraries that symmetrise return (G + Gᴴ) / 2 of our G; along symmetric directions both
agree.

*Equal values.* Where eigenvalues (singular values) are equal up to rounding, their vectors have no derivative. A
gradient raises where it reaches such a vector, or reaches such a value and any vector at all. Through values alone
there is always a gradient; among equal values it is that of the basis that NumPy found. Its own derivative needs
vectors, and raises where it reaches those of equal values. A singular value 0 counts as equal to another, and the
columns that only ``full_matrices=True`` has pass no gradient.

*Sign and phase.* The sign of a vector does not move. The phase of a complex one is arbitrary in `eigh` and `svd`: a
gradient that depends on it raises. `eig` returns vectors of length 1 whose largest component is real, and its gradient
keeps them so.

*Rank.* `qr` needs linearly independent columns; of a matrix that is wider than high, the first ones. A defective
matrix, one without a basis of eigenvectors, has no derivative of `eig` and `eigvals`. These raise.

References
----------
Giles (2008), "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation": eigenvectors, singular values, Cholesky factor.
Magnus & Neudecker (2019), "Matrix Differential Calculus with Applications in Statistics and Econometrics", 3rd ed.

Differs from them: complex matrices, and vectors of matrices that are not square.
"""

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from pellucid.tape import rule, written_as

# Words for all of them. The gradient x̄ of a matrix is such that dL = Re Σ x̄ dx, so a product c = a b has ā = c̄ bᵀ.


def transposed(x: Any) -> Any:
    """xᵀ."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """xᴴ."""
    return np.conj(np.swapaxes(x, -1, -2))


def matrix(x: Any) -> Any:
    """A number for each matrix of a stack, so that it broadcasts with them."""
    return np.expand_dims(x, (-2, -1))


def per(x: Any, y: Any, nothing: Any) -> Any:
    """x / y, and 0 where y counts as nothing."""
    # mutate: number equivalent because what is divided by the one is replaced by the zero
    return np.where(nothing, 0.0, x / np.where(nothing, 1.0, y))


def half(x: Any, upper: Any = False) -> Any:
    """One triangle of x with half its diagonal: of a Hermitian h, half(h) + half(h)ᴴ = h."""
    # mutate: index equivalent because x is square
    return (np.triu if upper else np.tril)(x) * (1 - np.eye(np.shape(x)[-1], dtype=x.dtype) / 2)


def from_triangle(x: Any, upper: Any) -> Any:
    """The Hermitian matrix that NumPy reads from one triangle of x."""
    return half(x, upper) + adjoint(half(x, upper))


def to_triangle(dh: Any, upper: Any) -> Any:
    """From the gradient for a Hermitian matrix to the one for the triangle that it is read from."""
    return half(dh + adjoint(dh), upper)


def arrived(dy: Any) -> Any:
    """Whether a gradient came for this one of several results: numbers or, in a recorded pass, a Tensor."""
    return not isinstance(dy, np.ndarray) or np.any(dy)


def rounding(dtype: Any) -> Any:
    """What is smaller than this, relative to the largest value, counts as 0. Equal values come out within half."""
    return 20 * np.finfo(dtype).eps


# Cholesky, QR


def cholesky_back(dy: Any, y: Any, a: Any, /, *, upper: Any = False) -> Any:
    """dl = l half(l⁻¹ da l⁻ᴴ), and its transpose."""
    low, dlow = (adjoint(y), adjoint(dy)) if upper else (y, dy)
    inverse = np.linalg.inv(low)  # mutate: sign equivalent because it is there twice
    return to_triangle(transposed(inverse) @ half(transposed(low) @ dlow) @ np.conj(inverse), upper)


def qr_back(dy: Any, y: Any, a: Any, mode: Any = "reduced") -> Any:
    """With da r⁻¹ = dq + q dr r⁻¹, where qᴴdq is skew and dr r⁻¹ a triangle with a real diagonal; and its transpose."""
    from pellucid.tensor import data_of

    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr has a gradient for mode='reduced', 'complete' and 'r', not for {mode!r}")
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    if mode == "r":
        q, r = np.linalg.qr(a)
        dq, dr = np.zeros_like(data_of(q)), dy
    else:
        (q, r), (dq, dr) = y, dy
        if np.any(data_of(dq)[..., k:]):
            raise LinAlgError(
                f"the last {m - k} of the {m} columns of q are an arbitrary basis of what the {k} columns of the "
                f"matrix leave, and have no gradient: use mode='reduced'"
            )
    q, dq, r, dr = q[..., :k], dq[..., :k], r[..., :k, :], dr[..., :k, :]
    square = r[..., :k]
    # mutate: arguments equivalent because a matrix and its transpose have one diagonal
    pivots = np.abs(np.diagonal(data_of(square), 0, -2, -1))
    if np.any(pivots <= k * rounding(a.dtype) * np.max(pivots, axis=-1, keepdims=True, initial=0)):
        raise LinAlgError(
            f"qr has a gradient where the first {k} columns are linearly independent; these are not: the diagonal of "
            f"r falls to {np.min(pivots):.3g}. Leave columns out, or use svd"
        )
    dwide = dr[..., k:]  # of r = qᴴa, in the columns beyond the square
    dq = dq + np.conj(a[..., k:]) @ adjoint(dwide)
    skew = dr[..., :k] @ transposed(square) - transposed(q) @ dq
    da = transposed(np.linalg.solve(square, transposed(dq + np.conj(q) @ from_triangle(skew, upper=True))))
    return np.concatenate([da, np.conj(q) @ dwide], axis=-1)


rule(np.linalg.cholesky, cholesky_back)
rule(np.linalg.qr, qr_back)

# Eigenvectors and singular vectors. Their derivatives divide by differences of the values.


def differences(w: Any) -> Any:
    """wⱼ − wᵢ."""
    return np.expand_dims(w, -2) - np.expand_dims(w, -1)


def slack(w: Any) -> Any:
    """By how much values in w may differ and still count as equal: (..., N) -> (..., 1)."""
    return rounding(w.dtype) * np.max(np.abs(w), axis=-1, keepdims=True, initial=0)


def equal(w: Any) -> Any:
    """Which values in w are equal up to rounding, as each is to itself: (..., N) -> (..., N, N)."""
    return np.abs(differences(w)) <= slack(w)[..., None]


def check_alone(function: str, w: Any, twice: Any, dw: Any, *vectors: Any) -> None:
    """Raise if a gradient reaches a value in w, or a column that belongs to it, and the value is there twice."""
    for size in [np.abs(dw), *[np.max(np.abs(dv), axis=-2, initial=0) for dv in vectors]]:
        largest = np.max(size, axis=-1, keepdims=True, initial=0)
        met = twice & (size > np.sqrt(np.finfo(size.dtype).eps) * largest)
        if np.any(met):
            raise LinAlgError(
                f"the gradient of np.linalg.{function} needs vectors of values that differ; here {w[met][0]:.6g} is "
                f"there twice up to rounding, or is a singular value 0: take the values alone (eigvalsh, svdvals), "
                f"write the function without vectors (inv, solve, pinv), or move the matrix a little"
            )


def check_phase(function: str, *vectors: Any) -> None:
    """Raise if the gradient depends on the phase of complex vectors, which are the columns of x in pairs (dx, x)."""
    # mutate: sign equivalent because the modulus is looked at
    turn = sum(np.sum(dx * x, axis=-2) for dx, x in vectors)
    size = sum(np.sum(np.abs(dx * x), axis=-2) for dx, x in vectors)
    if np.any(np.abs(np.imag(turn)) > 1e-3 * np.max(size, axis=-1, keepdims=True, initial=0)):
        raise LinAlgError(
            f"the gradient of np.linalg.{function} depends on the phase of its complex vectors, which is arbitrary: "
            f"use what does not change when a vector is multiplied by a number of modulus 1, such as np.abs(v)"
        )


def eigh_back(dy: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:
    """dw = diag x and dv = v (x / (wⱼ − wᵢ)) off the diagonal, with x = vᴴ da v."""
    from pellucid.tensor import data_of

    (dw, dv), (w, v) = dy, y
    dh = np.conj(v) * np.expand_dims(dw, -2)
    if arrived(dv):
        near = equal(data_of(w))
        check_alone("eigh", data_of(w), np.sum(near, axis=-1) > 1, data_of(dw), data_of(dv))
        check_phase("eigh", (data_of(dv), data_of(v)))
        dh = dh + np.conj(v) @ per(transposed(v) @ dv, differences(w), near)
    return to_triangle(dh @ transposed(v), UPLO in ("U", "u"))


@written_as(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """With the vectors, which the gradient needs."""
    return np.linalg.eigh(a, UPLO)[0]


def eig_back(dy: Any, y: Any, a: Any) -> Any:
    """dw = diag x and dv = v (x / (wⱼ − wᵢ)) off the diagonal, with x = v⁻¹ da v; then v keeps its length and phase."""
    from pellucid.tensor import data_of

    (dw, dv), (w, v) = dy, y
    # mutate: boundary equivalent because no number stands just there
    if np.size(w) and np.any(np.linalg.cond(data_of(v)) > 1 / rounding(v.dtype)):
        raise LinAlgError(
            "the matrix is defective: up to rounding it has no basis of eigenvectors, and then its eigenvalues have no "
            "derivative; move it a little"
        )
    inverse = np.linalg.inv(v)
    dx = transposed(inverse) * np.expand_dims(dw, -2)
    if arrived(dv):
        near = equal(data_of(w))
        check_alone("eig", data_of(w), np.sum(near, axis=-1) > 1, data_of(dw), data_of(dv))
        along = np.sum(dv * v, axis=-2, keepdims=True)
        dv = dv - np.conj(v) * np.real(along)
        if v.dtype.kind == "c":
            largest = np.argmax(np.abs(data_of(v)) * (np.imag(data_of(v)) == 0), axis=-2)  # LAPACK makes it real
            others = np.arange(np.shape(w)[-1])[:, None] != largest[..., None, :]
            dv = dv - 1j * per(np.imag(along), v, others)
        dx = dx + transposed(inverse) @ per(transposed(v) @ dv, differences(w), near)
    return dx @ transposed(v)


@written_as(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """With the vectors, and in the order that NumPy has without them."""
    from pellucid.tensor import data_of

    w, wanted = np.linalg.eig(a)[0], np.linalg.eigvals(data_of(a))
    # mutate: axis equivalent because it is the default of newer NumPy
    return np.take_along_axis(w, nearest(data_of(w), wanted), axis=-1)


def nearest(found: Any, wanted: Any) -> Any:
    """For each wanted value the place of the nearest one that is left: (..., N), (..., N) -> (..., N)."""
    # mutate: factor equivalent because the nearest stays the nearest
    distance = np.abs(np.expand_dims(wanted, -1) - np.expand_dims(found, -2))  # (..., N wanted, N found)
    # mutate: sign, factor equivalent because every place is written
    places = np.empty(np.shape(wanted), int)
    for i in range(np.shape(wanted)[-1]):
        places[..., i] = np.argmin(distance[..., i, :], axis=-1)
        np.put_along_axis(distance, matrix(places[..., i]), np.inf, axis=-1)
    return places


def vectors_and_values(a: Any, full_matrices: Any) -> Any:
    return np.linalg.svd(a, full_matrices)


def svd_back(dy: Any, y: Any, a: Any, full_matrices: Any) -> Any:
    """With x = uᴴ da v, its Hermitian part h and the rest g:

    ds = diag h,  uᴴdu = h / (sⱼ − sᵢ) + g / (sⱼ + sᵢ),  vᴴdv = h / (sⱼ − sᵢ) − g / (sⱼ + sᵢ),

    the first quotients off the diagonal; and what da adds outside the span of u or v, over s.
    """
    from pellucid.tensor import data_of

    (du, ds, dvh), (u, s, vh) = dy, y
    k = np.shape(s)[-1]
    if np.any(data_of(du)[..., k:]) or np.any(data_of(dvh)[..., k:, :]):
        raise LinAlgError(
            f"the singular vectors beyond the first {k} are an arbitrary basis of what these leave, and have no "
            f"gradient: use full_matrices=False"
        )
    du, u, dv, v = du[..., :k], u[..., :k], adjoint(dvh[..., :k, :]), adjoint(vh[..., :k, :])
    dx = np.conj(u) * np.expand_dims(ds, -2)
    if not (arrived(du) or arrived(dv)):
        return dx @ transposed(v)
    near, zero = equal(data_of(s)), data_of(s) <= slack(data_of(s))
    # mutate: arguments equivalent because both kinds of vectors are treated alike
    check_alone("svd", data_of(s), zero | (np.sum(near, axis=-1) > 1), data_of(ds), data_of(du), data_of(dv))
    # mutate: arguments equivalent because both kinds of vectors are treated alike
    check_phase("svd", (data_of(du), data_of(u)), (data_of(dv), data_of(v)))
    su, sv = transposed(u) @ du, transposed(v) @ dv
    h = per(su + sv, differences(s), near)
    g = per(su - sv, np.expand_dims(s, -2) + np.expand_dims(s, -1), zero[..., None] & zero[..., None, :])
    dx = dx + np.conj(u) @ (h + adjoint(h) + g - adjoint(g)) / 2
    if np.shape(u)[-2] > k:  # mutate: boundary equivalent because a square leaves nothing outside
        dx = dx + per(du - np.conj(u) @ su, s[..., None, :], zero[..., None, :])
    da = dx @ transposed(v)
    if np.shape(v)[-2] > k:  # mutate: boundary equivalent because a square leaves nothing outside
        da = da + np.conj(u) @ adjoint(per(dv - np.conj(v) @ sv, s[..., None, :], zero[..., None, :]))
    return da


@written_as(np.linalg.svd)
def svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    from pellucid.tensor import record

    if hermitian:
        return hermitian_svd(a, compute_uv)
    parts = record(vectors_and_values, (a, full_matrices and compute_uv), {})
    return parts if compute_uv else parts[1]


def hermitian_svd(a: Any, compute_uv: Any) -> Any:
    """Singular values are the moduli of eigenvalues; the signs go with vh."""
    from pellucid.tensor import data_of

    w, v = np.linalg.eigh(a)
    order = np.argsort(np.abs(data_of(w)))[..., ::-1]
    # mutate: axis equivalent because it is the default of newer NumPy
    w, v = np.take_along_axis(w, order, axis=-1), np.take_along_axis(v, order[..., None, :], axis=-1)
    sign = np.copysign(1, data_of(w))
    # mutate: operator equivalent because a sign is its own inverse
    return SVDResult(v, w * sign, adjoint(v * sign[..., None, :])) if compute_uv else w * sign


SVDResult = type(np.linalg.svd(np.eye(1)))  # mutate: number equivalent because only the type is taken


@written_as(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return np.linalg.svd(x, compute_uv=False)


rule(np.linalg.eigh, eigh_back)
rule(np.linalg.eig, eig_back)
rule(vectors_and_values, svd_back)
