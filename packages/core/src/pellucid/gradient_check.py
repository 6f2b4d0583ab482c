"""Check a gradient against the definition of a derivative.

For random directions v and weights u, the two sides of

    ⟨u, (f(x + h v) − f(x − h v)) / 2h⟩ = ⟨Jᵀ u, v⟩                                            (1)

must agree; the left side needs no derivative, the right side is what `vjp` computes. One argument is moved at a time,
so that the message can name it. The second order is the same test of the function x ↦ Jᵀ u.

Symbols
-------
    paper   code    shape      meaning
    x       xs      any        the point
    v       v       as x       direction
    u       u       as f(x)    weights of the outputs
    h       step    scalar     length of the finite step

Cost: two evaluations and one pullback per argument, direction and order.

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
from pellucid.transforms import flatten, unflatten, vjp


class GradientError(AssertionError):
    """A gradient and the finite difference disagree."""


def gradcheck(
    f: Callable[..., Any],
    *xs: Any,
    order: int = 1,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    step: float = 1e-5,
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
    """
    rng = np.random.default_rng(rng)
    leaves: list[Any] = []
    form = flatten(list(xs), leaves)
    points = [np.array(x.data if isinstance(x, Tensor) else x) for x in leaves]
    for i, x in enumerate(points):
        if x.dtype.kind != "f":
            raise TypeError(f"gradcheck wants floating-point arguments; number {i} holds {x.dtype}: write 1.0 for 1")
    points = [x.astype(np.float64) for x in points]

    def flat(*leaves: Any) -> list[Any]:
        ends: list[Any] = []
        flatten(f(*unflatten(form, iter(leaves))), ends)
        return ends

    _check(flat, points, name_of(f), 1, order, rtol, atol, step, directions, rng)
    return True


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
    u = [rng.standard_normal(np.shape(y)) for y in ys]
    dxs = pullback(u)
    for i, (x, dx) in enumerate(zip(points, dxs, strict=True)):
        if np.shape(dx) != x.shape:
            raise GradientError(
                f"{name}: the gradient of argument {i} has shape {np.shape(dx)}, the argument {x.shape}"
            )
        for _ in range(directions):
            v = rng.standard_normal(x.shape)
            moved = [[*points[:i], x + h * v, *points[i + 1 :]] for h in (step, -step)]
            plus, minus = (plain(f(*at)) for at in moved)
            parts = [np.sum(w * (p - m)) for w, p, m in zip(u, plus, minus, strict=True)]
            expected, found = sum(parts) / (2 * step), np.sum(dx * v)  #                        (1)
            if not abs(found - expected) <= atol + rtol * max(abs(expected), abs(found)):
                raise GradientError(
                    f"{name}, argument {i}, derivative of order {level}: the gradient gives {found:.12g} along a "
                    f"random direction, the finite difference gives {expected:.12g}"
                )
    if level < order:

        def slope(*xs: Any) -> list[Any]:
            return list(vjp(f, *xs)[1](u))

        _check(slope, points, name, level + 1, order, rtol, atol, step, directions, rng)


def plain(ys: list[Any]) -> list[Any]:
    return [y.data if isinstance(y, Tensor) else y for y in ys]


__all__ = ["GradientError", "gradcheck", "no_grad"]
