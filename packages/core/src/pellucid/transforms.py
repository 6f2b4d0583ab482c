"""Functions of functions: `grad`, `value_and_grad`, `vjp`.

They take a function of arrays (or of nested tuples, lists and dicts of arrays) that is written with NumPy, and return
another one. Called with plain arrays they return plain arrays. Called inside another transform, with Tensors that need
a gradient, or with a function that uses such Tensors from around it, they return Tensors, so that derivatives of
derivatives need nothing special (inside `no_grad` they return plain arrays here too):

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
from pellucid.tape import NO_KWARGS, Node, enable_grad, name_of, recording
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
    several = isinstance(argnums, Sequence)
    chosen = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        if any(not -len(args) <= i < len(args) for i in chosen):
            raise TypeError(f"argnums={argnums} names an argument that {name_of(f)} was not given: it got {len(args)}")
        if len({i % len(args) for i in chosen}) < len(chosen):
            raise TypeError(f"argnums={argnums} names an argument twice")
        trace = Trace([args[i] for i in chosen])
        args_ = list(args)
        for i, x in zip(chosen, trace.variables, strict=True):
            args_[i] = x
        y = trace.run(f, args_, kwargs)
        y, aux = y if has_aux else (y, None)
        if not isinstance(y, Tensor | np.ndarray | np.generic | int | float) or np.size(y) != 1:
            array = isinstance(y, Tensor | np.ndarray | list | tuple)
            raise TypeError(
                f"grad wants a function with one number as its value; {name_of(f)} returned "
                f"{f'shape {np.shape(y)}' if array else type(y).__name__}: sum it, or use vjp"
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
        if flatten(in_order(dy, form), dys) != form:
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
        self.inner = recording() and (_depth.get() > 0 or any(isinstance(x, Tensor) for x in leaves))
        self.leaves = [variable(x) for x in leaves]
        self.variables = unflatten(self.form, iter(self.leaves))

    def run(self, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        token = _depth.set(_depth.get() + 1)
        try:
            with enable_grad():
                y = f(*args, **kwargs)
        finally:
            _depth.reset(token)
            for x in self.leaves:
                if isinstance(x, Variable):
                    x.over = True
        if recording() and not self.inner:
            ends: list[Any] = []
            flatten(y, ends)
            self.inner = depends_on_others(ends, set(self.leaves))
        return y

    def pull(self, ends: list[Any], dys: list[Any], keep: bool) -> list[Any]:
        """Gradients for all variables, nested as they are."""
        again = recording() and (self.inner or _depth.get() > 0 or any(isinstance(dy, Tensor) for dy in dys))
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


def depends_on_others(ends: list[Any], leaves: set[Any]) -> bool:
    """Whether leaves other than these, of the user or of a transform still running, took part in computing `ends`."""
    todo: list[Any] = [x.step or x for x in ends if isinstance(x, Tensor) and x.requires_grad]
    seen: set[Any] = set()
    while todo:
        x = todo.pop()
        if x.__class__ is Node:
            if x not in seen:
                seen.add(x)
                todo += [p for p in x.parents if p is not None]
        elif x.__class__ is list:
            todo += [p for p in x if p is not None]
        elif x not in leaves and not getattr(x, "over", False):
            return True
    return False


def variable(x: Any) -> Tensor:
    """A Tensor that needs a gradient, with the value of x; a Tensor passes its gradient on to what it came from."""
    if isinstance(x, Tensor) and x.requires_grad and recording():
        return result(Node(alias, ALIAS, x.data, (x.data,), (x.step or x,), NO_KWARGS))  # type: ignore[no-any-return]
    own = Variable(x, requires_grad=True)
    own.over = False
    return own


class Variable(Tensor):
    """A leaf that a transform made for itself; `over` when the function has returned and nobody else can use it."""

    __slots__ = ("over",)

    over: bool

    def __copy__(self) -> Tensor:
        return self.copy()  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self.copy()  # type: ignore[no-any-return]


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


def in_order(x: Any, form: Any) -> Any:
    """`x` with its dicts in the order that those of a form have."""
    if isinstance(x, dict) and isinstance(form, dict) and x.keys() == form.keys():
        return {key: in_order(x[key], form[key]) for key in form}
    if isinstance(x, tuple | list) and isinstance(form, tuple | list) and len(x) == len(form):
        parts = [in_order(part, f) for part, f in zip(x, form, strict=True)]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def unflatten(form: Any, leaves: Any) -> Any:
    """Put leaves into a form that `flatten` returned."""
    if isinstance(form, dict):
        return {key: unflatten(form[key], leaves) for key in form}
    if isinstance(form, tuple | list):
        parts = [unflatten(part, leaves) for part in form]
        return type(form)(*parts) if hasattr(form, "_fields") else type(form)(parts)
    return next(leaves)
