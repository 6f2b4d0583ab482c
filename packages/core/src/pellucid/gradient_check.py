"""Check a gradient against the definition of a derivative.

For random directions v and weights u, the two sides of

    ⟨u, (8 f(x + h v) − 8 f(x − h v) − f(x + 2h v) + f(x − 2h v)) / 12h⟩ = ⟨Jᵀ u, v⟩ + O(h⁴)      (1)

must agree, where ⟨a, b⟩ = Re Σ a b; the left side needs no derivative, the right side is what `vjp` computes. One
argument is moved at a time, so that the message can name it. The second order is the same test of x ↦ Jᵀ u. Four
points instead of two allow a step that is long enough for rounding to stay out of the first ten digits.

Symbols
-------
    paper   code    shape      meaning
    x       xs      any        the point
    v       v       as x       direction
    u       u       as f(x)    weights of the outputs
    h       step    scalar     length of the finite step

Cost: four evaluations and one pullback per argument, direction and order.

References
----------
Griewank & Walther (2008), "Evaluating Derivatives", 2nd ed., ch. 3: the adjoint identity.

Differs from it: random directions instead of the whole Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.tape import name_of, no_grad
from pellucid.tensor import Tensor
from pellucid.transforms import flatten, numbers_in, unflatten, vjp


class GradientError(AssertionError):
    """A gradient and the finite difference disagree."""


def gradcheck(
    f: Callable[..., Any],
    *xs: Any,
    order: int = 1,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    step: float = 1e-4,
    directions: int = 2,
    rng: np.random.Generator | int = 0,
) -> bool:
    """Compare the gradient of `f` at `xs` with finite differences, in float64.

    Parameters
    ----------
    f : callable
        A function of arrays (or nested arrays), written with NumPy; its value may be nested too.
    *xs : array_like or nested
        The point: floating-point values, away from kinks.
    order : int
        2 checks the second derivatives as well, and so on.
    rtol, atol : float
        How far the two sides may differ: ``atol + rtol * size``.
    step : float
        Length of the finite step.
    directions : int
        Random directions per argument.
    rng : Generator or int
        Where the directions come from.

    Returns
    -------
    bool
        True.

    Raises
    ------
    GradientError
        Naming the argument, the order and both numbers.
    ValueError
        If `order` or `directions` asks for no check at all.
    """
    for name, value in (("order", order), ("directions", directions)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}: less would check nothing")
    rng = np.random.default_rng(rng)
    leaves: list[Any] = []
    form = flatten(list(xs), leaves)
    points = [np.array(x._array if isinstance(x, Tensor) else x) for x in leaves]
    for i, x in enumerate(points):
        if x.dtype.kind not in "fc":
            raise TypeError(f"gradcheck wants floating-point arguments; number {i} holds {x.dtype}: write 1.0 for 1")
    points = [x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in points]

    def flat(*leaves: Any) -> list[Any]:
        return numbers_in(f, f(*unflatten(form, iter(leaves))))[1]

    _check(flat, points, name_of(f), 1, order, rtol, atol, step, directions, rng)
    return True


def rulecheck(f: Callable[..., Any], *xs: Any, order: int = 2, rtol: float = 1e-6, atol: float = 1e-7) -> bool:
    """Everything that a rule must hold, at the point `xs`: for the author of one.

    The value is NumPy's own, in its dtype; the gradient passes `gradcheck` to `order`; nothing is written into an
    argument; arrays in Fortran order and single precision give the same, and single precision stays single.

    Parameters
    ----------
    f : callable
        A call of the function, for instance ``lambda x: np.sum(x, axis=1)``. Its value may be nested.
    *xs : array_like
        Floating-point or complex arrays, away from kinks.
    order, rtol, atol
        As in `gradcheck`.

    Returns
    -------
    bool
        True.

    Raises
    ------
    GradientError
        Saying which of these does not hold.
    """
    xs = tuple([np.array(x, order="F") for x in xs])
    for i, x in enumerate(xs):
        if x.dtype.kind not in "fc":
            raise TypeError(f"rulecheck wants floating-point arguments; number {i} holds {x.dtype}: write 1.0 for 1")
        x.flags.writeable = False  # whoever writes into an argument raises
    name, slopes = name_of(f), []
    for points in (xs, [x.astype(SINGLE[x.dtype.char]) for x in xs]):
        expected: list[Any] = []
        found: list[Any] = []
        form = flatten(f(*points), expected)
        ys, pullback = vjp(lambda *xs, found=found: _listed(f(*xs), found), *points)
        if flatten(f(*[Tensor(x, requires_grad=True) for x in points]), []) != form:
            raise GradientError(f"{name}: Tensors give a result that is nested otherwise than that of arrays")
        if not all(isinstance(y, Tensor) for y in found):
            raise GradientError(f"{name}: a part of its result is no Tensor, and has no gradient")
        for e, y in zip(expected, ys, strict=True):
            if np.shape(e) != np.shape(y) or np.asarray(e).dtype != np.asarray(y).dtype:
                raise GradientError(
                    f"{name} of {points[0].dtype}: {np.shape(y)} {np.asarray(y).dtype} came out, where arrays give "
                    f"{np.shape(e)} {np.asarray(e).dtype}"
                )
            if not np.allclose(e, y, rtol=1e-12 if points is xs else 1e-4, atol=1e-12 if points is xs else 1e-4):
                raise GradientError(f"{name} of {points[0].dtype}: the values differ from those of arrays")
        slopes.append(pullback([np.ones(np.shape(y), np.asarray(y).dtype) for y in ys]))
        for i, (x, dx) in enumerate(zip(points, slopes[-1], strict=True)):
            if np.asarray(dx).dtype != x.dtype:
                raise GradientError(f"{name}: argument {i} is {x.dtype}, its gradient {np.asarray(dx).dtype}")
    for i, (dx, single) in enumerate(zip(*slopes, strict=True)):
        if not np.allclose(dx, single, rtol=1e-2, atol=1e-2 * np.max(np.abs(dx), initial=1e-300)):
            raise GradientError(f"{name}, argument {i}: the gradient in single precision is another one")
    return gradcheck(f, *xs, order=order, rtol=rtol, atol=atol)


def _check(
    f: Callable[..., list[Any]],
    points: list[Any],
    name: str,
    level: int,
    order: int,
    rtol: float,
    atol: float,
    step: float,
    directions: int,
    rng: np.random.Generator,
) -> None:
    ys, pullback = vjp(f, *points)
    u = [direction(y, rng) for y in ys]
    dxs = pullback(u)
    for i, (x, dx) in enumerate(zip(points, dxs, strict=True)):
        if np.shape(dx) != x.shape:
            raise GradientError(
                f"{name}: the gradient of argument {i} has shape {np.shape(dx)}, the argument {x.shape}"
            )
        for _ in range(directions):
            v = direction(x, rng)
            expected = 0.0
            for weight, h in ((8, step), (-8, -step), (-1, 2 * step), (1, -2 * step)):  #       (1)
                moved = plain(f(*points[:i], x + h * v, *points[i + 1 :]))
                expected += weight * sum([np.real(np.sum(w * y)) for w, y in zip(u, moved, strict=True)])
            expected, found = expected / (12 * step), np.real(np.sum(dx * v))  #                (1)
            if not abs(found - expected) <= atol + rtol * max(abs(expected), abs(found)):
                raise GradientError(
                    f"{name}, argument {i}, derivative of order {level}: the gradient gives {found:.12g} along a "
                    f"random direction, the finite difference gives {expected:.12g}"
                )
    if level < order:

        def slope(*xs: Any) -> list[Any]:
            return list(vjp(f, *xs)[1](u))

        _check(slope, points, name, level + 1, order, rtol, atol, step, directions, rng)


def direction(x: Any, rng: np.random.Generator) -> Any:
    """A random array shaped as x, complex where x is."""
    v = rng.standard_normal(np.shape(x))
    return v + 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else v


SINGLE = {"d": np.float32, "f": np.float32, "D": np.complex64, "F": np.complex64}


def _listed(y: Any, leaves: list[Any]) -> list[Any]:
    """The leaves of y, also appended to `leaves`."""
    before = len(leaves)
    flatten(y, leaves)
    return leaves[before:]


def plain(ys: list[Any]) -> list[Any]:
    return [y._array if isinstance(y, Tensor) else y for y in ys]


__all__ = ["GradientError", "gradcheck", "no_grad", "rulecheck"]
