"""Functions of functions: `grad`, `value_and_grad`, `vjp`, `stop_gradient`; more of them in `derivatives.py`.

They take a function of arrays (or of nested tuples, lists and dicts of arrays) that is written with NumPy, and return
another one. Called with plain arrays they return plain arrays. Called inside another transform, with Tensors that need
a gradient, or with a function that uses such Tensors from around it, they return Tensors, so that derivatives of
derivatives need nothing special (inside `no_grad` they return plain arrays here too):

    >>> import numpy as np, pellucid
    >>> third = pellucid.grad(pellucid.grad(pellucid.grad(np.sin)))
    >>> bool(np.isclose(third(0.3), -np.cos(0.3)))
    True

None in a nested argument or result is an empty place: it has no gradient, and its gradient is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from pellucid.backward import ALIAS, Plan, alias, gradients, newest_first, seed
from pellucid.nesting import SEQUENCES, matching, paths
from pellucid.nesting import flatten as flatten
from pellucid.nesting import unflatten as unflatten
from pellucid.tape import NO_KWARGS, Node, enable_grad, name_of, recording
from pellucid.tensor import Tensor, data_of, result

Argnums = int | Sequence[int]


def grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        A function with a single real number as its value.
    argnums : int or sequence of int
        Which positional argument to differentiate by. With a sequence the result is a tuple. Other arguments, and those
        given by name, reach `f` as they are.
    has_aux : bool
        `f` returns ``(value, anything)``; the new function then returns ``(gradient, anything)``.
    holomorphic : bool
        `f` takes complex numbers to a complex number and has a complex derivative: return that, ``f'(z)``.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the gradient in the shape, and nesting, of the chosen argument. By a complex
        z = x + iy it is ∂f/∂x − i ∂f/∂y; a step of gradient descent goes along its conjugate.

    Raises
    ------
    TypeError
        If a chosen argument holds integers, or if `f` does not return a single real number.
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, dx = both(*args, **kwargs)
        return (dx, value[1]) if has_aux else dx

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """The function that computes the value and the gradient of `f` in one pass; see `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``, or ``((value, anything), gradient)`` with `has_aux`.
    """

    check_argnums(argnums)

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        places = chosen(f, argnums, args)
        trace = Trace([args[i] for i in places])
        y = trace.run(f, put(args, places, trace.variables), kwargs)
        y, aux = with_aux(f, y) if has_aux else (y, None)
        if y.__class__ is not Tensor or y._array.size != 1:
            check_number(f, y)
        trace.check_complex(f, [y], holomorphic)
        dx = trace.pull([y], [np.ones(np.shape(y)) if holomorphic else None], keep=False)
        value = trace.outside(y)
        return ((value, trace.outside(aux)) if has_aux else value), by_argnums(dx, argnums)

    return value_and_gradient


def check_number(f: Callable[..., Any], y: Any) -> None:
    """Raise unless the value of f is one number."""
    if isinstance(y, (Tensor, np.ndarray, np.generic, int, float, complex)):
        if np.size(y) == 1:
            return
        what = f"shape {np.shape(y)}: sum it, or use vjp"
    elif isinstance(y, SEQUENCES):
        what = f"a {type(y).__name__} of {len(y)}: "
        what += "has_aux=True if the second is not to be differentiated, or use vjp" if len(y) == 2 else "use vjp"
    else:
        what = "None: does it lack a return?" if y is None else f"{type(y).__name__}: use vjp"
    raise TypeError(f"grad wants a function with one number as its value; {name_of(f)} returned {what}")


def numbers_in(f: Callable[..., Any], y: Any) -> tuple[Any, list[Any]]:
    """The form and the leaves of the value of f; raises where there is no number among them."""
    ends: list[Any] = []
    form = flatten(y, ends)
    if not any([np.asarray(data_of(end)).dtype.kind in "biufc" for end in ends]):
        what = "None: does it lack a return?" if y is None else f"{type(y).__name__} without a number to differentiate"
        raise TypeError(f"{name_of(f)} returned {what}")
    return form, ends


def vjp(f: Callable[..., Any], *xs: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of `f` and its pullback.

    Parameters
    ----------
    f : callable
        Any function of `xs`; its value may be nested.
    *xs : array_like or nested
        Where to evaluate it.
    has_aux : bool
        `f` returns ``(value, anything)``; then ``(value, pullback, anything)`` is returned.

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
    y, aux = with_aux(f, y) if has_aux else (y, None)
    form, ends = numbers_in(f, y)

    def pullback(dy: Any) -> tuple[Any, ...]:
        return tuple(trace.pull(ends, matching("dy", dy, "the value of the function", form, ends)))

    value = trace.outside(y, copy=True)
    return (value, pullback, trace.outside(aux, copy=True)) if has_aux else (value, pullback)


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: Tensors in it, nested or not, are detached, and everything else stays what it is."""
    leaves: list[Any] = []
    form = flatten(x, leaves)
    return unflatten(form, iter([leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves]))


# One run of a function


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
        self.values: list[Any] = []  # the array in each variable
        self.starts: list[Node] = []  # where each variable begins, whatever the function writes into it later
        self.own: list[Variable] = []
        self.planned_for: list[Node | None] = []  # ends that were pulled back from, and the way from there
        self.plan: Plan | None = None
        self.inner = False  # whether a result is needed as a Tensor, because it depends on others
        tensors = []
        for i, x in enumerate(leaves):
            parent: Any
            if isinstance(x, Tensor) and x._requires_grad and recording():
                parent, value = x.step or x, x._array
                self.inner = True
            else:
                parent = variable(x, self.form, i)
                value = parent._array
                self.own.append(parent)
            start = Node(alias, ALIAS, value, (value,), (parent,), NO_KWARGS)
            self.values.append(value)
            self.starts.append(start)
            tensors.append(result(start))
        self.variables = unflatten(self.form, iter(tensors))

    def run(self, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            if recording():
                y = f(*args, **kwargs)
            else:
                with enable_grad():
                    y = f(*args, **kwargs)
        finally:
            for x in self.own:
                x.over = True
        if not self.inner and recording():
            ends: list[Any] = []
            flatten(y, ends)
            self.inner = depends_on_others(ends, self.starts)
        return y

    def pull(self, ends: list[Any], dys: list[Any], keep: bool = True) -> list[Any]:
        """Gradients for all variables, nested as they are."""
        nested: list[Any] = unflatten(self.form, iter(self.pull_leaves(ends, dys, keep)))
        return nested

    def pull_leaves(self, ends: list[Any], dys: list[Any], keep: bool = True) -> list[Any]:
        """Gradients for all variables, one after the other."""
        reached = [(y, dy) for y, dy in zip(ends, dys, strict=True) if isinstance(y, Tensor) and y._requires_grad]
        steps = [y.step for y, _ in reached]
        if keep and steps != self.planned_for:
            self.planned_for, self.plan = steps, newest_first(steps, set(self.starts))
        again = recording() and (self.inner or any([isinstance(dy, Tensor) and dy._requires_grad for dy in dys]))
        sums = gradients(
            [y for y, _ in reached],
            [seed(y, dy) for y, dy in reached],
            self.starts,
            create_graph=again,
            retain_graph=again or keep,
            plan=self.plan if keep else None,
        )
        dxs = []
        for start, x in zip(self.starts, self.values, strict=True):
            dx = sums[start] if start in sums else np.zeros(x.shape, x.dtype)
            dxs.append(settled(dx))
        return dxs

    def outside(self, y: Any, copy: bool = False) -> Any:
        """A result as the caller shall see it: plain, unless a transform around this one needs its graph.

        With `copy` nothing that the caller writes into it can reach what a later pull needs.
        """
        if self.inner:
            return y
        if isinstance(y, Tensor):
            return plain(y.copy() if copy else y)
        leaves: list[Any] = []
        form = flatten(y, leaves)
        return unflatten(form, iter([self.outside(x, copy) if isinstance(x, Tensor) else x for x in leaves]))

    def check_complex(self, f: Callable[..., Any], ends: list[Any], holomorphic: bool) -> None:
        """Raise where a number is complex on one side only, or on both and nothing says what its derivative is."""
        into = [np.asarray(data_of(y)).dtype for y in ends]
        if holomorphic:
            for dtype in [x.dtype for x in self.values] + into:
                if dtype.kind != "c":
                    raise TypeError(
                        f"holomorphic=True is for complex arguments and values; {name_of(f)} has one of {dtype}: "
                        f"write 1+0j for 1, or leave holomorphic out"
                    )
        elif any([dtype.kind == "c" for dtype in into]):
            raise TypeError(
                f"{name_of(f)} returned a complex value, which has no gradient: take its real part or its absolute "
                f"value, use vjp, or say holomorphic=True where it has a complex derivative"
            )


def settled(dx: Any) -> Any:
    """A gradient as the caller shall see it: a Tensor where it can be differentiated again, plain elsewhere."""
    return dx if isinstance(dx, Tensor) and dx._requires_grad else plain(dx)


def plain(x: Any) -> Any:
    """The values of x as an array, or as a number where it is one."""
    data = data_of(x)
    return data[()] if np.ndim(data) == 0 else data


def depends_on_others(ends: list[Any], starts: list[Node]) -> bool:
    """Whether leaves of the user, or of a transform still running, took part in computing `ends` beside `starts`."""
    todo: list[Any] = [x.step or x for x in ends if isinstance(x, Tensor) and x._requires_grad]
    seen = set(starts)
    while todo:
        x = todo.pop()
        if x.__class__ is Node:
            if x not in seen:
                seen.add(x)
                todo += [p for p in x.parents if p is not None]
        elif x.__class__ is list:
            todo += [p for p in x if p is not None]
        elif x.__class__ is not Variable or not x.over:
            return True
    return False


class Variable(Tensor):
    """A leaf that a transform made for itself; `over` when the function has returned and nobody else can use it."""

    __slots__ = ("over",)

    over: bool


def variable(x: Any, form: Any, i: int) -> Variable:
    """A leaf of our own with the value of x, which is leaf `i` of a list of arguments of that form."""
    data = np.asarray(data_of(x))
    if data.dtype.kind not in "fc":
        place = list(paths(form))[i].partition("]")[2]
        advice = "leave the argument out of argnums (its direction in jvp is None)"
        if isinstance(x, np.ndarray) and data.dtype == object:
            kind, way = "an array of Python objects", "convert it with .astype(float)"
        elif data.dtype.kind in "OUSV":
            kind, way = type(x).__name__, "pass numbers, arrays, and tuples, lists and dicts of them"
        else:
            kind, way = str(data.dtype), "write 1.0 for 1"
        raise TypeError(
            f"only floating-point and complex values have gradients; {f'{place} of ' if place else ''}this argument "
            f"holds {kind}: {way}, or {advice}"
        )
    return own_leaf(data)


def own_leaf(data: Any) -> Variable:
    own = Variable(data, requires_grad=True)
    own.over = False
    return own


# Arguments


def check_argnums(argnums: Any) -> None:
    """Raise where `argnums` is no whole number, nor several, before the function is called."""
    numbers = argnums if isinstance(argnums, Sequence) and not isinstance(argnums, str) else (argnums,)
    if any([isinstance(i, bool) or not isinstance(i, int | np.integer) for i in numbers]):
        raise TypeError(
            f"argnums must be the place of an argument, 0 for the first, or several; not {argnums!r}: write "
            f"grad(f)(x), and for two arguments grad(f, (0, 1))(x, y)"
        )


def chosen(f: Callable[..., Any], argnums: Argnums, args: Sequence[Any]) -> list[int]:
    """The places of the arguments to differentiate by, counted from the start."""
    n = len(args)
    numbers = argnums if isinstance(argnums, Sequence) else (argnums,)
    if any([not -n <= i < n for i in numbers]):
        raise TypeError(f"argnums={argnums} names an argument that {name_of(f)} was not given: it got {n} by position")
    places = [i % n for i in numbers]
    if len(set(places)) < len(places):
        raise TypeError(f"argnums={argnums} names an argument twice")
    return places


def put(args: Sequence[Any], places: list[int], xs: Any) -> list[Any]:
    """The arguments with others in some places."""
    new = list(args)
    for i, x in zip(places, xs, strict=True):
        new[i] = x
    return new


def with_aux(f: Callable[..., Any], y: Any) -> Any:
    """The value of f and what comes with it."""
    if not isinstance(y, SEQUENCES) or len(y) != 2:
        raise TypeError(f"has_aux=True is for a function that returns (value, anything); {name_of(f)} does not")
    return y


def by_argnums(dxs: Sequence[Any], argnums: Argnums) -> Any:
    """One gradient for one argument, a tuple for a sequence of them."""
    return tuple(dxs) if isinstance(argnums, Sequence) else dxs[0]
