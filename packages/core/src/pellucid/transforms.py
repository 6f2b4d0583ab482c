"""Functions of functions: `grad`, `value_and_grad`, `vjp`.

They take a function of arrays (or of nested tuples, lists and dicts of arrays) that is written with NumPy, and return
another one. Called with plain arrays they return plain arrays. Called inside another transform, or with Tensors that
need a gradient, they return Tensors, so that derivatives of derivatives need nothing special:

    >>> import numpy as np, pellucid
    >>> third = pellucid.grad(pellucid.grad(pellucid.grad(np.sin)))
    >>> bool(np.isclose(third(0.3), -np.cos(0.3)))
    True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np

from pellucid.backward import ALIAS, alias, gradients, seed
from pellucid.tape import NO_KWARGS, Node, enable_grad, name_of
from pellucid.tensor import Tensor, result

_depth: ContextVar[int] = ContextVar("pellucid_transform_depth", default=0)  # how many transforms are running around us


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        A function with a single number as its value.
    argnums : int or sequence of int
        Which positional argument to differentiate by. With a sequence the result is a tuple.
    has_aux : bool
        `f` returns ``(value, anything)``; the new function then returns ``(gradient, anything)``.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the gradient in the shape, and nesting, of the chosen argument.

    Raises
    ------
    TypeError
        If a chosen argument holds integers, or if `f` does not return a single number.
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, dx = both(*args, **kwargs)
        return (dx, value[1]) if has_aux else dx

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the value and the gradient of `f` in one pass; see `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``, or ``((value, anything), gradient)`` with `has_aux`.
    """
    several = not isinstance(argnums, int)
    chosen = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        if chosen and max(chosen) >= len(args):
            raise TypeError(f"argnums={argnums} names an argument that {name_of(f)} was not given: it got {len(args)}")
        trace = Trace([args[i] for i in chosen])
        args_ = list(args)
        for i, x in zip(chosen, trace.variables, strict=True):
            args_[i] = x
        y = trace.run(f, args_, kwargs)
        y, aux = y if has_aux else (y, None)
        if np.size(y) != 1 or isinstance(y, list | tuple | dict):
            raise TypeError(
                f"grad wants a function with one number as its value; {name_of(f)} returned "
                f"{'shape ' + str(np.shape(y)) if not isinstance(y, dict) else 'a dict'}: sum it, or use vjp"
            )
        dx = trace.pull([y], [None], keep=False)
        value = trace.outside(y)
        return ((value, trace.outside(aux)) if has_aux else value), dx if several else dx[0]

    return value_and_gradient


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `f` and its pullback.

    Parameters
    ----------
    f : callable
        Any function of `xs`; its value may be nested.
    *xs : array_like or nested
        Where to evaluate it.

    Returns
    -------
    y : as f returns
        ``f(*xs)``.
    pullback : callable
        ``pullback(dy) -> (dx1, dx2, ...)``, the vector-Jacobian product: from a gradient shaped as `y` to one gradient
        per argument. It can be called any number of times.
    """
    trace = Trace(list(xs))
    y = trace.run(f, trace.variables, {})
    ends: list[Any] = []
    form = flatten(y, ends)

    def pullback(dy: Any) -> tuple[Any, ...]:
        dys: list[Any] = []
        if flatten(dy, dys) != form:
            raise ValueError("dy must be nested as the value of the function is")
        return tuple(trace.pull(ends, dys, keep=True))

    return trace.outside(y), pullback


class Trace:
    """One run of a function on variables of its own.

    Parameters
    ----------
    xs : list
        Values, possibly nested. ``variables`` holds them as Tensors that need a gradient.
    """

    def __init__(self, xs: list[Any]) -> None:
        leaves: list[Any] = []
        self.form = flatten(xs, leaves)
        self.inner = _depth.get() > 0 or any(isinstance(x, Tensor) for x in leaves)
        self.leaves = [variable(x) for x in leaves]
        self.variables = unflatten(self.form, iter(self.leaves))

    def run(self, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        token = _depth.set(_depth.get() + 1)
        try:
            with enable_grad():
                return f(*args, **kwargs)
        finally:
            _depth.reset(token)

    def pull(self, ends: list[Any], dys: list[Any], keep: bool) -> list[Any]:
        """Gradients for all variables, nested as they are."""
        again = self.inner or _depth.get() > 0 or any(isinstance(dy, Tensor) for dy in dys)
        reached = [
            (y, seed(y, dy)) for y, dy in zip(ends, dys, strict=True) if isinstance(y, Tensor) and y.requires_grad
        ]
        wanted = [x.step or x for x in self.leaves]
        with enable_grad():
            sums = gradients(
                [y for y, _ in reached],
                [dy for _, dy in reached],
                wanted,
                create_graph=again,
                retain_graph=again or keep,
            )
        dxs = [
            sums[node] if node in sums else np.zeros(x.shape, x.dtype)
            for node, x in zip(wanted, self.leaves, strict=True)
        ]
        dxs = [dx if isinstance(dx, Tensor) and dx.requires_grad else plain(dx) for dx in dxs]
        nested: list[Any] = unflatten(self.form, iter(dxs))
        return nested

    def outside(self, y: Any) -> Any:
        """A result as the caller shall see it: plain, unless a transform around this one needs its graph."""
        if self.inner:
            return y
        leaves: list[Any] = []
        form = flatten(y, leaves)
        return unflatten(form, iter([plain(x) if isinstance(x, Tensor) else x for x in leaves]))


def plain(x: Any) -> Any:
    """The values of x as an array, or as a number where it is one."""
    data = x.data if isinstance(x, Tensor) else x
    return data[()] if np.ndim(data) == 0 else data


def variable(x: Any) -> Tensor:
    """A Tensor that needs a gradient, with the value of x; a Tensor passes its gradient on to what it came from."""
    if isinstance(x, Tensor) and x.requires_grad:
        return result(Node(alias, ALIAS, x.data, (x.data,), (x.step or x,), NO_KWARGS))  # type: ignore[no-any-return]
    return Tensor(x, requires_grad=True)


# Nested tuples, lists and dicts


def flatten(x: Any, leaves: list[Any]) -> Any:
    """Append the leaves of `x` to a list; return its form, in which every leaf is None."""
    if isinstance(x, dict):
        return {key: flatten(x[key], leaves) for key in x}
    if isinstance(x, tuple | list):
        parts = [flatten(part, leaves) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    leaves.append(x)
    return None


def unflatten(form: Any, leaves: Any) -> Any:
    """Put leaves into a form that `flatten` returned."""
    if isinstance(form, dict):
        return {key: unflatten(form[key], leaves) for key in form}
    if isinstance(form, tuple | list):
        parts = [unflatten(part, leaves) for part in form]
        return type(form)(*parts) if hasattr(form, "_fields") else type(form)(parts)
    return next(leaves)
