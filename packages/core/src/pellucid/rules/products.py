"""Derivatives of the products: matmul, dot, inner, outer, vecdot, tensordot, einsum, kron, cross.

A product is linear in each of its operands, so it has a derivative everywhere. Complex operands are multiplied as they
are; only `vdot`, `vecdot` and `vecmat` conjugate their first operand, as NumPy says.
"""

from functools import partial
from typing import Any

import numpy as np

from pellucid.tape import constant, rule, rules, written_as

# Matrices


def matmul_left(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """ā = ȳ bᵀ; a vector b is a column."""
    if np.ndim(b) == 1:
        # mutate: branch, boundary equivalent because NumPy turns numbers into vectors too, in more time
        return np.expand_dims(dy, -1) * b if np.ndim(a) > 1 else dy * b
    if np.ndim(a) == 1:
        return np.matmul(b, np.expand_dims(dy, -1))[..., 0]  # mutate: index equivalent because there is one column
    return np.matmul(dy, np.swapaxes(b, -1, -2))


def matmul_right(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """b̄ = aᵀ ȳ; a vector a is a row."""
    if np.ndim(a) == 1:
        return np.reshape(a, (-1, 1)) * np.expand_dims(dy, -2) if np.ndim(b) > 1 else dy * a
    if np.ndim(b) == 1:
        # mutate: index equivalent because there is one column
        return np.matmul(np.swapaxes(a, -1, -2), np.expand_dims(dy, -1))[..., 0]
    # mutate: comparison, boundary, number, sign equivalent because it only saves time
    if np.ndim(b) == 2 and np.ndim(a) > 2:  # one product over all rows instead of a sum of products
        rows = int(np.prod(np.shape(a)[:-1]))
        a, dy = np.reshape(a, (rows, np.shape(a)[-1])), np.reshape(dy, (rows, np.shape(dy)[-1]))
    return np.matmul(np.swapaxes(a, -1, -2), dy)


rule(np.matmul, matmul_left, matmul_right)
rule(np.linalg.matmul, matmul_left, matmul_right)


# Sums over shared axes


def tensordot_left(dy: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    """ā: sum ȳ b over the axes that b alone has, and put each shared axis where a has it."""
    over_a, over_b, free_a, free_b = axes_of(a, b, axes)
    dx = np.tensordot(dy, b, (range(len(free_a), np.ndim(dy)), free_b))  # first the free axes of a, then the shared
    return np.transpose(dx, np.argsort(free_a + [over_a[i] for i in np.argsort(over_b)]))


def tensordot_right(dy: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    """b̄: sum a ȳ over the axes that a alone has, and put each shared axis where b has it."""
    over_a, over_b, free_a, free_b = axes_of(a, b, axes)
    dx = np.tensordot(a, dy, (free_a, range(len(free_a))))  # first the shared axes, then the free ones of b
    return np.transpose(dx, np.argsort([over_b[i] for i in np.argsort(over_a)] + free_b))


def axes_of(a: Any, b: Any, axes: Any) -> Any:
    """The axes of a and of b that tensordot sums over, in pairs, and those that are left."""
    if np.ndim(axes) == 0:
        axes = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    over_a, over_b = ([axis] if np.ndim(axis) == 0 else axis for axis in axes)
    over_a, over_b = [i % np.ndim(a) for i in over_a], [i % np.ndim(b) for i in over_b]
    free_a = [i for i in range(np.ndim(a)) if i not in over_a]
    free_b = [i for i in range(np.ndim(b)) if i not in over_b]
    return over_a, over_b, free_a, free_b


def dot_left(dy: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return dy * b
    # mutate: branch, boundary, sign equivalent because both are right for a matrix; matmul takes less time
    return matmul_left(dy, y, a, b) if np.ndim(b) <= 2 else tensordot_left(dy, y, a, b, (-1, -2))


def dot_right(dy: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return dy * a
    # mutate: branch, boundary, sign equivalent because both are right for a matrix; matmul takes less time
    return matmul_right(dy, y, a, b) if np.ndim(b) <= 2 else tensordot_right(dy, y, a, b, (-1, -2))


def inner_left(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """Where both have axes it is the dot product with b transposed."""
    if np.ndim(a) == 0 or np.ndim(b) < 2:
        return dot_left(dy, y, a, b)
    return dot_left(dy, y, a, np.swapaxes(b, -1, -2))


def inner_right(dy: Any, y: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) < 2:
        return dot_right(dy, y, a, b)
    return np.swapaxes(dot_right(dy, y, a, b), -1, -2)  # which uses of b the number of axes only


def outer_left(dy: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    return np.reshape(np.matmul(dy, np.ravel(b)), np.shape(a))


def outer_right(dy: Any, y: Any, a: Any, b: Any, out: Any = None) -> Any:
    return np.reshape(np.matmul(np.ravel(a), dy), np.shape(b))


rule(np.tensordot, tensordot_left, tensordot_right)
rule(np.linalg.tensordot, tensordot_left, tensordot_right)
rule(np.dot, dot_left, dot_right)
rule(np.inner, inner_left, inner_right)
rule(np.outer, outer_left, outer_right)
rule(np.linalg.outer, outer_left, outer_right)


# Products that conjugate their first operand: y = Σ āᵢ bᵢ, where ā is the conjugate of a


rule(np.vdot,
    lambda dy, y, a, b: np.conj(dy * np.reshape(b, np.shape(a))),
    lambda dy, y, a, b: dy * np.reshape(np.conj(a), np.shape(b)),
)  # fmt: skip
rule(np.vecdot,
    lambda dy, y, a, b: np.conj(np.expand_dims(dy, -1) * b),
    lambda dy, y, a, b: np.expand_dims(dy, -1) * np.conj(a),
)  # fmt: skip


@written_as(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]


if hasattr(np, "matvec"):  # NumPy 2.2
    rule(np.matvec,
        lambda dy, y, a, x: np.expand_dims(dy, -1) * np.expand_dims(x, -2),
        lambda dy, y, a, x: np.matvec(np.swapaxes(a, -1, -2), dy),
    )  # fmt: skip
    rule(np.vecmat,
        lambda dy, y, x, a: np.conj(np.matvec(a, dy)),
        lambda dy, y, x, a: np.expand_dims(np.conj(x), -1) * np.expand_dims(dy, -2),
    )  # fmt: skip


# Products of every entry with every entry, and of vectors in space


def kron_back(which: Any, dy: Any, y: Any, a: Any, b: Any) -> Any:
    """Give each axis of the result its two factors, block and place in the block, and sum over those of the other."""
    n = np.ndim(dy)  # mutate: factor equivalent because more axes of length 1 in front change nothing
    sides = [(1,) * (n - np.ndim(x)) + np.shape(x) for x in (a, b)]
    blocks = np.reshape(dy, [side for pair in zip(*sides, strict=True) for side in pair])
    other = 1 - which
    return np.tensordot(blocks, np.reshape((a, b)[other], sides[other]), (range(other, 2 * n, 2), range(n)))


def cross_back(
    which: Any, dy: Any, y: Any, a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None
) -> Any:
    """ȳ · (a × b) is the volume of the three vectors, so ā = b × ȳ and b̄ = ȳ × a."""
    if axis is not None:
        axisa = axisb = axisc = axis
    size = np.shape((a, b)[which])[(axisa, axisb)[which]]
    if np.shape(a)[axisa] == np.shape(b)[axisb] == 2:  # the third component alone came out
        dy = np.stack([dy, dy, dy], -1)  # the others meet a 0 of the operand in space, or are cut off
    else:
        dy = np.moveaxis(dy, axisc, -1)
    dx = np.cross(in_space(b, axisb), dy) if which == 0 else np.cross(dy, in_space(a, axisa))
    axis, ndim = (axisa, axisb)[which], np.ndim((a, b)[which])
    return np.moveaxis(dx[..., :size], -1, axis if axis < 0 else axis - ndim)  # broadcasting may have put axes in front


def in_space(x: Any, axis: Any) -> Any:
    """Vectors along the last axis; those in the plane get a third component, 0."""
    x = np.moveaxis(x, axis, -1)
    return x if np.shape(x)[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], -1)


rule(np.kron, partial(kron_back, 0), partial(kron_back, 1))
rule(np.cross, partial(cross_back, 0), partial(cross_back, 1))
rule(np.linalg.cross,
    lambda dy, y, a, b, axis=-1: cross_back(0, dy, y, a, b, axis=axis),
    lambda dy, y, a, b, axis=-1: cross_back(1, dy, y, a, b, axis=axis),
)  # fmt: skip


# einsum


class EveryOperand:
    """The rule of a function with any number of operands: argument i is asked for when it is needed."""

    def __init__(self, slope: Any) -> None:
        self.slope = slope

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, i: Any) -> Any:
        return partial(self.slope, i)


# mutate: number equivalent because optimize only decides how fast
def einsum_back(
    i: Any, dy: Any, y: Any, *args: Any, optimize: Any = False, out: Any = None,
    dtype: Any = None, casting: Any = None, order: Any = None,
) -> Any:  # fmt: skip
    """Swap the result and an operand: x̄ = einsum(result and others → letters of x).

    A letter that x has twice took a diagonal: an identity matrix puts the values there again. A letter that only x has
    was summed over, and a length 1 elsewhere was stretched: x̄ is the same along both.
    """
    terms, result, operands = spelled_out(args, optimize)
    k = i - 1 if isinstance(args[0], str) else i // 2
    own, shape = terms.pop(k), np.shape(operands.pop(k))
    terms, operands = [result, *terms], [dy, *operands]
    spare = (c for c in SYMBOLS if c not in own and not any(c in term for term in terms))
    target = ""
    for c, n in zip(own, shape, strict=True):
        # mutate: comparison equivalent because more identity matrices than needed change nothing
        if c in target:
            operands.append(np.eye(n, dtype=dy.dtype))
            twin = next(spare)
            terms.append(c + twin)
            c = twin
        target += c
    known = {c for term in terms for c in term}
    kept = "".join([c for c in target if c in known])
    # mutate: comparison, number equivalent because it only decides how fast
    dx = np.einsum(",".join(terms) + "->" + kept, *operands, optimize=optimize is not False)
    dx = np.expand_dims(dx, [axis for axis, c in enumerate(target) if c not in known])
    # mutate: branch equivalent because broadcasting to the same shape only takes time
    return dx if np.shape(dx) == shape else np.broadcast_to(dx, np.broadcast_shapes(np.shape(dx), shape))


def spelled_out(args: Any, optimize: Any) -> Any:
    """The letters of every operand and of the result, with ``...`` spelled out, and the operands: all as lists."""
    if isinstance(args[0], str):
        text, operands = args[0].replace(" ", ""), list(args[1:])
    else:  # np.einsum(a, [0, 1], b, [1, 2], [0, 2])
        # mutate: factor equivalent because there are no numbers beyond the letters
        names = SYMBOLS if optimize is False else SYMBOLS_OPTIMIZED
        lists = ["".join(["..." if label is Ellipsis else names[label] for label in part]) for part in args[1::2]]
        operands = list(args[: 2 * len(lists) : 2])
        text = ",".join(lists)
        if len(args) > 2 * len(lists):
            text += "->" + "".join(["..." if label is Ellipsis else names[label] for label in args[-1]])
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    extra = [np.ndim(x) - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    free = "".join([c for c in SYMBOLS if c not in text])[: max(extra)]
    terms = [t.replace("...", free[len(free) - n :]) for t, n in zip(terms, extra, strict=True)]
    if not arrow:  # the axes of the ellipsis, then the letters that stand once, in their order
        named = sorted("".join(left.split(",")))
        result = "..." + "".join([c for c in named if named.count(c) == 1])
    return terms, result.replace("...", free), operands


SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Numbers of axes stand for these letters; with optimize=, older NumPy took the small letters first.
# mutate: sign, factor, function, number equivalent because any values and any letter of each case tell
numbered: Any = (np.zeros((1, 2)), [0, 26])
# mutate: number, sign equivalent because the axes of this NumPy stay as they are
NUMPY_IS_OLD = np.einsum(*numbered, optimize=True).shape == (2, 1)
# mutate: branch, factor equivalent because this NumPy is new, and numbers end with the letters
SYMBOLS_OPTIMIZED = SYMBOLS.swapcase() if NUMPY_IS_OLD else SYMBOLS
constant(np.einsum_path)
rules[np.einsum] = EveryOperand(einsum_back)
