"""Derivatives of `np.linalg`: products, inverses, equations, determinants, norms.

`det` has its derivatives, of every order, where it is 0 as well: they are made of cofactors. `inv` and `solve` of a
singular matrix raise, and so does the gradient of `slogdet`.

*Rank.* The gradients of `pinv` and `lstsq` are those along changes that keep the rank. Where ``rcond`` cuts singular
values that are not 0, `pinv` has the gradient of what is left, and that of `lstsq` raises. The singular values that
`lstsq` returns pass no gradient (it raises: take `svdvals`); its residuals do. An infinite `cond` has the gradient 0.
With ``hermitian=True`` the gradient stands in the lower triangle, which is all that NumPy reads.

*Norms* have the gradient 0 at 0, at entries that are 0, and along singular vectors of the singular value 0 (``'nuc'``);
second derivatives too. Where a largest or smallest entry, row, column or singular value is not the only one, the
gradient is split evenly. Where the powers in a norm of an order above 1 leave the range of numbers, so that NumPy says
inf or 0, the gradient is that of the same vector made shorter or longer; infinite entries share what they get, and the
finite ones beside them get 0.

References
----------
Giles (2008), "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation": inverse, equations, determinant.
Golub & Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate": the pseudo-inverse.
Magnus & Neudecker (2019), "Matrix Differential Calculus with Applications in Statistics and Econometrics", 3rd ed.

Differs from them: complex matrices; the determinant of singular matrices.
"""

import operator
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from pellucid.rules.decompositions import adjoint, from_triangle, matrix, per, rounding, to_triangle, transposed
from pellucid.tape import constant, rule, written_as

# Products, powers, inverses, equations


def multi_dot_back(dy: Any, y: Any, arrays: Any, *, out: Any = None) -> Any:
    """āᵢ = (a₁ ⋯ aᵢ₋₁)ᵀ ȳ (aᵢ₊₁ ⋯ aₙ)ᵀ, where a vector is a row at the start and a column at the end."""
    flipped = [np.transpose(np.atleast_2d(a)) for a in arrays]
    if np.ndim(arrays[-1]) == 1:
        flipped[-1] = np.transpose(flipped[-1])
    dy = np.reshape(dy, (np.shape(flipped[0])[1], np.shape(flipped[-1])[0]))
    slopes = [
        np.reshape(np.linalg.multi_dot([*flipped[:i][::-1], dy, *flipped[i + 1 :][::-1]]), np.shape(a))
        for i, a in enumerate(arrays)
    ]
    return slopes if isinstance(arrays, list | tuple) else np.stack(slopes)  # one array may hold all matrices


@written_as(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Square and multiply."""
    from pellucid.tensor import Tensor, data_of

    one = np.linalg.matrix_power(data_of(a), 0)  # raises where NumPy does
    n = operator.index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    y = None
    while n:
        if n & 1:
            y = a if y is None else y @ a  # mutate: arguments equivalent because powers of one matrix commute
        n //= 2
        a = a @ a if n else a
    return Tensor(one) if y is None else y


def solve_left(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """ā = −b̄ yᵀ."""
    db = solve_right(dy, y, a, b)
    return -np.expand_dims(db, -1) * np.expand_dims(y, -2) if np.ndim(b) == 1 else -db @ transposed(y)


def solve_right(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """b̄ = a⁻ᵀ ȳ. Only a b with one axis is a vector."""
    if np.ndim(b) == 1:
        return np.squeeze(np.linalg.solve(transposed(a), np.expand_dims(dy, -1)), -1)
    return np.linalg.solve(transposed(a), dy)


@written_as(np.linalg.tensorinv)
def tensorinv(a: Any, ind: Any = 2) -> Any:
    if ind <= 0:
        raise ValueError(f"tensorinv wants a positive ind, the number of axes that come first; got {ind}")
    rows, columns = np.shape(a)[:ind], np.shape(a)[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (int(np.prod(columns)), -1))), columns + rows)


@written_as(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    order = list(range(np.ndim(a)))
    for axis in () if axes is None else axes:
        order.remove(axis)
        order.append(axis)
    shape = [np.shape(a)[i] for i in order[np.ndim(b) :]]
    n = int(np.prod(shape))
    if np.size(a) != n * n:
        raise LinAlgError(
            f"tensorsolve wants as many equations as unknowns; a has {np.size(a)} entries for {n} unknowns"
        )
    return np.reshape(np.linalg.solve(np.reshape(np.transpose(a, order), (n, n)), np.ravel(b)), shape)


rule(np.linalg.multi_dot, multi_dot_back)
rule(np.linalg.inv, lambda dy, y, a: -(transposed(y) @ dy @ transposed(y)))
rule(np.linalg.solve, solve_left, solve_right)

# Pseudo-inverse and least squares


def moore_penrose(a: Any, rcond: Any, hermitian: Any, rtol: Any) -> Any:
    """`np.linalg.pinv` where only those singular values are cut that are 0 up to rounding."""
    return np.linalg.pinv(a, rcond, hermitian, **rtol)


def moore_penrose_back(dy: Any, y: Any, a: Any, rcond: Any, hermitian: Any, rtol: Any) -> Any:
    """The transpose of dy = −y da y + y yᴴ daᴴ (1 − a y) + (1 − y a) daᴴ yᴴ y (Golub & Pereyra)."""
    if hermitian:
        a = from_triangle(a, False)
    dyt, yh = transposed(dy), adjoint(y)
    left, right = product(dyt, y, yh), product(yh, y, dyt)
    outside = np.conj(left - product(a, y, left) + right - product(right, y, a))
    da = outside - transposed(product(y, dyt, y))
    return to_triangle(da, False) if hermitian else da


def product(a: Any, b: Any, c: Any) -> Any:
    """a b c for a b that is as wide as a is high: the smaller of the two squares first."""
    m, n = np.shape(a)[-2:]
    return (a @ b) @ c if m < n else a @ (b @ c)  # mutate: boundary equivalent because both are right


rule(moore_penrose, moore_penrose_back)


@written_as(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: Any = False, **rtol: Any) -> Any:
    """Of a matrix without what rcond cuts, if that is more than rounding."""
    from pellucid.tensor import data_of, record

    limit = rtol.get("rtol") if rcond is None else rcond
    if limit is not None and np.size(a):
        whole = from_triangle(a, False) if hermitian else a
        # mutate: factor equivalent because only ratios count
        s = np.linalg.svdvals(data_of(whole))
        largest = np.max(s, axis=-1, keepdims=True)
        cut = s <= np.expand_dims(limit, -1) * largest
        if np.any(cut & (s > rounding(a.dtype) * largest)):
            u, s, vh = np.linalg.svd(whole, full_matrices=False)
            a = (u * np.expand_dims(np.where(cut, 0.0, s), -2)) @ vh
    return record(moore_penrose, (a, rcond, hermitian, rtol), {})


def lstsq_back(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """As x = a⁺ b, by `moore_penrose_back`. The residuals are Σ |r|²; r = b − a x is orthogonal to the columns of a."""
    from pellucid.tensor import data_of

    s, rank = data_of(y[3]), int(data_of(y[2]))
    if np.any(data_of(dy[3])):
        raise LinAlgError(
            "lstsq passes no gradient through the singular values that it returns: use np.linalg.svdvals(a)"
        )
    if np.any(s[rank:] > rounding(s.dtype) * s[:1]):
        raise LinAlgError(
            f"lstsq has a gradient where rcond cuts nothing but zeros; it cut a singular value {s[rank]:.3g} (the "
            f"largest is {s[0]:.3g}): use np.linalg.pinv(a, rcond) @ b"
        )
    between = (s[rank - 1] + s[rank]) / 2 / s[0] if 0 < rank < len(s) else 0.0  # what counts and what does not
    inverse = np.linalg.pinv(a, between)
    x, dx = column(y[0]), column(dy[0])
    r = column(b) - np.matmul(a, x)
    db = transposed(inverse) @ dx
    if np.size(dy[1]):  # NumPy has residuals of full-rank, overdetermined equations only
        db = db + 2 * np.conj(r) * dy[1]
    da = np.conj(r @ (transposed(dx) @ inverse @ adjoint(inverse))) - db @ transposed(x)
    if rank < np.shape(a)[1]:  # mutate: boundary equivalent because independent columns leave nothing outside
        da = da + np.conj(adjoint(inverse) @ x @ (transposed(dx) - transposed(dx) @ inverse @ a))
    return da, np.reshape(db, np.shape(b))


def column(b: Any) -> Any:
    return np.expand_dims(b, 1) if np.ndim(b) == 1 else b


rule(
    np.linalg.lstsq,
    lambda dy, y, a, b, rcond=None: lstsq_back(dy, y, a, b)[0],
    lambda dy, y, a, b, rcond=None: lstsq_back(dy, y, a, b)[1],
)

# Determinants


def cofactors(y: Any, a: Any) -> Any:
    """The gradient of y = det a: y a⁻ᵀ, and where a is far from invertible the same without a division."""
    from pellucid.tensor import data_of

    # mutate: boundary equivalent because just there both ways are right
    if np.size(a) and np.any(np.linalg.cond(data_of(a), 1) > 1 / np.sqrt(np.finfo(a.dtype).eps)):
        return cofactors_of_singular(a)
    return matrix(y) * transposed(np.linalg.inv(a))


def cofactors_of_singular(a: Any) -> Any:
    """Split off the part c that is singular, or almost: for constant unitary u and w, and an invertible block b₁₁,

    det a = det u det w det b₁₁ det c,  b = uᴴ a wᴴ,  c = b₂₂ − b₂₁ b₁₁⁻¹ b₁₂,

    where u and w are the singular vectors, so that c is no larger than what is singular. det c is a polynomial.
    """
    from pellucid.tensor import data_of

    u, s, w = np.linalg.svd(data_of(a))
    n = np.shape(s)[-1]
    # mutate: function equivalent because any limit above rounding will do
    k = min(n - 1, int(np.min(np.sum(s > np.sqrt(np.finfo(s.dtype).eps) * s[..., :1], axis=-1))))
    first, last = np.eye(n, k, dtype=s.dtype), np.eye(n, n - k, -k, dtype=s.dtype)  # they pick the columns
    b = adjoint(u) @ a @ adjoint(w)
    block = b[..., :k, :k]
    inverse = np.linalg.inv(block)
    left = last.T - b[..., k:, :k] @ inverse @ first.T  # c = left b right
    right = last - first @ (inverse @ b[..., :k, k:])
    c = left @ b @ right
    dc = polynomial_cofactors(c)
    det_c = np.sum(c * dc, axis=(-2, -1)) / (n - k)
    db = matrix(det_c) * (first @ transposed(inverse) @ first.T) + transposed(left) @ dc @ transposed(right)
    scale = np.linalg.det(u) * np.linalg.det(w) * np.linalg.det(block)
    return matrix(scale) * (np.conj(u) @ db @ np.conj(w))


def polynomial_cofactors(c: Any) -> Any:
    """By Faddeev and LeVerrier, without a division by c: the characteristic polynomial's coefficients one by one."""
    n = np.shape(c)[-1]  # mutate: index equivalent because c is square
    one = m = np.eye(n, dtype=c.dtype)
    for k in range(1, n):
        cm = c @ m  # mutate: arguments equivalent because m is a polynomial in c
        m = matrix(np.linalg.trace(cm)) * one / k - cm
    return transposed(m)


def slogdet_back(dy: Any, y: Any, a: Any) -> Any:
    """d log|det| + i d arg = tr(a⁻¹ da); a complex sign turns with the angle."""
    (dsign, dlog), (sign, _) = dy, y
    if np.any(sign == 0):
        raise LinAlgError(
            "slogdet has a gradient where the matrix is invertible; the determinant of this one is 0 and its logarithm "
            "-inf: use np.linalg.det, or leave such matrices out"
        )
    if a.dtype.kind == "c":
        dlog = dlog + 1j * np.imag(dsign * sign)
    return matrix(dlog) * transposed(np.linalg.inv(a))


rule(np.linalg.det, lambda dy, y, a: matrix(dy) * cofactors(y, a))
rule(np.linalg.slogdet, slogdet_back)

# Norms and condition numbers


def norm_back(dy: Any, y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    axes = tuple(range(np.ndim(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if not keepdims:
        dy, y = np.expand_dims(dy, axes), np.expand_dims(y, axes)
    if ord is None or ord == "fro" or ord == "f":
        return vector_norm_slope(dy, y, x, 2, axes)
    return vector_norm_slope(dy, y, x, ord, axes) if len(axes) == 1 else matrix_norm_slope(dy, x, ord, axes)


def vector_norm_back(dy: Any, y: Any, x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    axes = tuple(range(np.ndim(x))) if axis is None else axis
    if not keepdims:
        dy, y = np.expand_dims(dy, axes), np.expand_dims(y, axes)
    return vector_norm_slope(dy, y, x, ord, axes)


def vector_norm_slope(dy: Any, y: Any, x: Any, ord: Any, axes: Any) -> Any:
    """dy dx̄ᵢ/|xᵢ| (|xᵢ| / y)ᵖ⁻¹, where y and dy have kept their axes."""
    if ord == 0:
        return np.zeros(np.shape(x), x.dtype)
    if ord > 1:
        x, y = within_range(x, y, ord, axes)
    if ord == 2:
        return dy * per(np.conj(x), y, y == 0)
    direction = dy * np.conj(np.sign(x))
    if ord == 1:
        return direction
    if ord in (np.inf, -np.inf):
        return direction * evenly(np.abs(x) == y, axes)
    none = (x == 0) | (y == 0)  # mutate: factor equivalent because twice true is true
    # mutate: number equivalent because any number but 0 will do
    ratio = np.where(none, 1.0, np.abs(x)) / np.where(none, 1.0, y)
    return direction * np.where(none, 0.0, ratio ** (ord - 1))


def within_range(x: Any, y: Any, ord: Any, axes: Any) -> Any:
    """x and its norm y, both divided by the largest |x| where the powers in y are too large or too small for a number.

    Only the direction of x counts for the slope. Beside infinite entries it is theirs alone.
    """
    from pellucid.tensor import data_of

    lost = (y == 0) | np.isinf(y)
    if not np.any(lost):
        return x, y
    # mutate: factor equivalent because what is about as large will do
    largest = np.max(np.abs(data_of(x)), axis=axes, keepdims=True, initial=0.0)
    endless, lost = np.isinf(largest), lost & (largest > 0)
    # mutate: factor, number equivalent because only the direction counts, and where nothing is lost any will do
    part = np.where(endless, np.sign(x) * np.isinf(x), x / np.where(lost & ~endless, largest, 1.0))
    part = np.where(lost, part, 1.0)  # mutate: factor, number equivalent because of the same
    return np.where(lost, part, x), np.where(lost, np.linalg.vector_norm(part, ord=ord, axis=axes, keepdims=True), y)


def evenly(chosen: Any, axes: Any) -> Any:
    """Shares of one: equal ones for all that are chosen along the axes."""
    return chosen / np.sum(chosen, axis=axes, keepdims=True)


def matrix_norm_slope(dy: Any, x: Any, ord: Any, axes: Any) -> Any:
    from pellucid.tensor import data_of

    if ord in (2, -2, "nuc"):
        u, s, vh = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), full_matrices=False)
        at = data_of(s)  # mutate: factor equivalent because only ratios count
        end = at[..., :1] if ord == 2 else at[..., -1:]
        share = at > rounding(at.dtype) * at[..., :1] if ord == "nuc" else evenly(at == end, -1)
        dx = np.conj((u * np.expand_dims(share, -2)) @ vh)
        return dy * np.moveaxis(dx, (-2, -1), axes)
    summed, compared = axes if abs(ord) == 1 else axes[::-1]
    # mutate: factor equivalent because only the order counts
    sums = np.sign(ord) * np.sum(np.abs(data_of(x)), axis=summed, keepdims=True)
    chosen = sums == np.max(sums, axis=compared, keepdims=True, initial=-np.inf)
    return dy * np.conj(np.sign(x)) * evenly(chosen, compared)


@written_as(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@written_as(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    from pellucid.tensor import data_of

    value = np.linalg.cond(data_of(x), p)  # mutate: factor equivalent because it is used where it is not finite
    infinite = ~np.isfinite(value)
    # mutate: sign, factor equivalent because all multiples of a matrix have one condition number
    x = np.where(matrix(infinite), np.eye(*np.shape(x)[-2:], dtype=x.dtype), x)
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)  # mutate: factor equivalent because only ratios count
        largest, smallest = np.max(s, axis=-1), np.min(s, axis=-1)
        y = smallest / largest if p == -2 else largest / smallest
    else:
        y = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
    return np.where(infinite, value, y)


rule(np.linalg.norm, norm_back)
rule(np.linalg.vector_norm, vector_norm_back)
constant(np.linalg.matrix_rank)
