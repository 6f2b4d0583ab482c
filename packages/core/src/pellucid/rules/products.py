"""Derivatives of the products: matmul, dot, tensordot, einsum."""

from functools import partial
from typing import Any

import numpy as np

from pellucid.tape import rule, rules, written_as


def matmul_left(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """ā = ȳ bᵀ; a vector b is a column."""
    if np.ndim(b) == 1:
        return np.expand_dims(dy, -1) * b if np.ndim(a) > 1 else dy * b
    if np.ndim(a) == 1:
        return np.matmul(b, np.expand_dims(dy, -1))[..., 0]
    return np.matmul(dy, np.swapaxes(b, -1, -2))


def matmul_right(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """b̄ = aᵀ ȳ; a vector a is a row."""
    if np.ndim(a) == 1:
        return np.expand_dims(a, -1) * np.expand_dims(dy, -2) if np.ndim(b) > 1 else dy * a
    if np.ndim(b) == 1:
        return np.matmul(np.swapaxes(a, -1, -2), np.expand_dims(dy, -1))[..., 0]
    if np.ndim(b) == 2 and np.ndim(a) > 2:  # one product over all rows instead of a sum of products
        rows = int(np.prod(np.shape(a)[:-1]))
        a, dy = np.reshape(a, (rows, a.shape[-1])), np.reshape(dy, (rows, dy.shape[-1]))
    return np.matmul(np.swapaxes(a, -1, -2), dy)


rule(np.matmul, matmul_left, matmul_right)


@written_as(np.dot)
def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, ([-1], [-2]))


@written_as(np.inner)
def inner(a: Any, b: Any) -> Any:
    return a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, ([-1], [-1]))


@written_as(np.outer)
def outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@written_as(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    return np.sum(np.ravel(a) * np.ravel(b))


@written_as(np.vecdot)
def vecdot(a: Any, b: Any, axis: Any = -1) -> Any:
    return np.sum(a * b, axis=axis)


if hasattr(np, "matvec"):  # NumPy 2.2

    @written_as(np.matvec)
    def matvec(a: Any, b: Any) -> Any:
        return np.matmul(a, np.expand_dims(b, -1))[..., 0]

    @written_as(np.vecmat)
    def vecmat(a: Any, b: Any) -> Any:
        return np.matmul(np.expand_dims(a, -2), b)[..., 0, :]


@written_as(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Move the shared axes together and multiply two matrices."""
    if np.ndim(axes) == 0:
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    over_a, over_b = ([axis] if np.ndim(axis) == 0 else axis for axis in axes)
    over_a, over_b = [i % np.ndim(a) for i in over_a], [i % np.ndim(b) for i in over_b]
    free_a = [i for i in range(np.ndim(a)) if i not in over_a]
    free_b = [i for i in range(np.ndim(b)) if i not in over_b]
    inside = [np.shape(a)[i] for i in over_a]
    if inside != [np.shape(b)[i] for i in over_b]:
        raise ValueError(f"tensordot: axes {over_a} of {np.shape(a)} do not match axes {over_b} of {np.shape(b)}")
    rows, columns = [np.shape(a)[i] for i in free_a], [np.shape(b)[i] for i in free_b]
    left = np.reshape(np.transpose(a, free_a + over_a), (int(np.prod(rows)), int(np.prod(inside))))
    right = np.reshape(np.transpose(b, over_b + free_b), (int(np.prod(inside)), int(np.prod(columns))))
    return np.reshape(np.matmul(left, right), rows + columns)


class EveryOperand:
    """The rule of a function with any number of operands: argument i is asked for when it is needed."""

    def __init__(self, slope: Any) -> None:
        self.slope = slope

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, i: Any) -> Any:
        return partial(self.slope, i)


def einsum_back(i: Any, dy: Any, y: Any, subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """Swap the result and operand i: x̄ᵢ = einsum(result and others → letters of i).

    A letter that only operand i has was summed: ones bring it back. A letter that it has twice took a diagonal: an
    identity matrix puts the values there again.
    """
    terms, out = letters(subscripts, operands)
    own, others = terms[i - 1], [t for j, t in enumerate(terms, 1) if j != i]
    x, factors = operands[i - 1], [o for j, o in enumerate(operands, 1) if j != i]
    given = [out, *others]
    have = set("".join(given))
    spare = (c for c in ALPHABET if c not in have and c not in own)
    target = ""
    for c, n in zip(own, np.shape(x), strict=True):
        if c in target:
            twin = next(spare)
            given.append(c + twin)
            factors.append(np.eye(n, dtype=x.dtype))
            c = twin
        elif c not in have:
            given.append(c)
            factors.append(np.ones(n, x.dtype))
        target += c
    dx = np.einsum(",".join(given) + "->" + target, dy, *factors, optimize=optimize)
    if any(n < m for n, m in zip(np.shape(dx), np.shape(x), strict=True)):  # the others have length 1 there
        dx = np.broadcast_to(dx, np.broadcast_shapes(np.shape(dx), np.shape(x)))
    return dx


ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters(subscripts: Any, operands: Any) -> Any:
    """The letters of every operand and of the result, with ``...`` spelled out."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum of Tensors takes its subscripts as a string: np.einsum('ij,jk->ik', a, b)")
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    extra = [np.ndim(o) - len(t.replace("...", "")) if "..." in t else 0 for t, o in zip(terms, operands, strict=True)]
    free = "".join(c for c in ALPHABET if c not in subscripts)[: max(extra)]
    terms = [t.replace("...", free[len(free) - n :]) for t, n in zip(terms, extra, strict=True)]
    if arrow:
        return terms, out.replace("...", free)
    named = "".join(terms)
    return terms, free + "".join(c for c in sorted(set(named)) if named.count(c) == 1 and c not in free)


rules[np.einsum] = EveryOperand(einsum_back)
