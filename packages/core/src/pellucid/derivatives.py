"""Derivatives of functions with many results: `jvp`, `jacobian`, `hessian`, `hvp`, `elementwise_grad`.

With J = ∂y/∂x, the backward pass of `vjp` is the pullback u ↦ Jᵀ u. It is linear in u, whatever f is, so its own
pullback is the transpose of Jᵀ:

    x̄ = Jᵀ u                          the backward pass, recorded, at any u                       (1)
    J v = ∂/∂u ⟨x̄, v⟩                 its backward pass: forward mode without rules of its own    (2)
    J = (Jᵀ e₁, Jᵀ e₂, …)ᵀ            row by row, one pass for each entry of y                    (3)
    J = (J e₁, J e₂, …)               column by column, one pass for each entry of x              (4)
    J = Re J + i Re(−i J)             where y is complex and x real: (1) keeps the real part      (5)
    H v = ∂/∂x ⟨∇f, v⟩                                                                            (6)

Symbols
-------
    paper   code       shape              meaning
    x, y    xs, y      any, nested        input, result of f
    u, v    us, vs     as y, as x         a gradient of the result, a direction at the input
    x̄       dxs        as x               gradient of the input
    e       unit       as y or x          1 in one place and 0 elsewhere
    J       blocks     y.shape + x.shape  Jacobian

Cost, in the arithmetic of f: `jvp` 3 to 6 and `hvp` 4 to 9 (f, a recorded backward pass, a backward pass through
both); `jacobian` about 2 for each entry of y, or 4 for each entry of x where that is less; `hessian` about 4 for each
entry of x. More time where operations are cheap, because every array on the way is kept and read again: memory as for
the backward pass, for every operation.

References
----------
Townsend (2017), "A new trick for calculating Jacobian vector products": (2).
Pearlmutter (1994), "Fast exact multiplication by the Hessian", Neural Computation 6(1): H v without H.

Differs from them: H v comes from two backward passes, not from a forward one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import numpy as np

from pellucid.nesting import SEQUENCES, flatten, matching, unflatten
from pellucid.primitives import Primitive
from pellucid.tape import Node, name_of
from pellucid.tensor import Tensor, data_of
from pellucid.transforms import (
    Argnums,
    Trace,
    by_argnums,
    check_argnums,
    chosen,
    grad,
    numbers_in,
    plain,
    put,
    settled,
    vjp,
    with_aux,
)


def jvp(f: Callable[..., Any], xs: Any, vs: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of `f` and its derivative along a direction.

    Parameters
    ----------
    f : callable
        Any function; its arguments and its value may be nested.
    xs : tuple
        The arguments, as in ``f(*xs)``.
    vs : tuple
        The direction: nested and shaped as `xs`. None in the place of an argument, or of a part of one, holds that part
        constant: an array of integers, a setting.
    has_aux : bool
        `f` returns ``(value, anything)``; then ``(y, dy, anything)`` is returned.

    Returns
    -------
    y : as f returns
        ``f(*xs)``.
    dy : as y
        J v, the Jacobian-vector product.

    Raises
    ------
    ValueError
        If `vs` is not nested or not shaped as `xs`.
    TypeError
        If `xs` or `vs` is not a tuple, or an argument with a direction holds integers.

    Notes
    -----
    There is no second set of rules for a forward mode: the pullback u ↦ Jᵀ u is linear, and its own pullback is
    v ↦ J v. It costs 3 to 6 times the arithmetic of `f` and, as the backward mode does, memory for every operation.
    """
    for name, given in (("xs", xs), ("vs", vs)):
        if not isinstance(given, SEQUENCES):
            raise TypeError(
                f"{name} must be a tuple with one entry for each argument, not {type(given).__name__}: "
                f"write jvp(f, (x,), (v,))"
            )
    leaves: list[Any] = []
    form = flatten(tuple(xs), leaves)
    directions = matching("vs", tuple(vs), "xs", form, leaves, constants=True)
    places = [i for i, v in enumerate(directions) if v is not None]
    trace = Trace([leaves[i] for i in places])
    y = trace.run(f, unflatten(form, iter(put(leaves, places, trace.variables))), {})
    y, aux = with_aux(f, y) if has_aux else (y, None)
    y_form, ends = numbers_in(f, y)
    pullback, dxs = transposed(trace, ends)
    moves = iter(pullback.pull_leaves(dxs, [directions[i] for i in places]))  #             (2)
    dy = unflatten(y_form, iter([next(moves) if depends(end) else zeros(np.shape(end), end) for end in ends]))
    return (trace.outside(y), dy, trace.outside(aux)) if has_aux else (trace.outside(y), dy)


def transposed(trace: Trace, ends: list[Any]) -> tuple[Trace, list[Any]]:
    """The run of u ↦ Jᵀ u at u = 0, for the ends that depend on the variables, and its result."""
    ends = [y for y in ends if depends(y)]
    pullback = Trace([np.zeros(y.shape, y.dtype) for y in ends])
    dxs = pullback.run(lambda *us: trace.pull_leaves(ends, list(us)), pullback.variables, {})  # (1)
    return pullback, dxs


def depends(y: Any) -> bool:
    """Whether a part of the value of a function depends on its variables."""
    return isinstance(y, Tensor) and y._requires_grad


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros as the derivative of `like`, which are floating-point numbers where it holds integers."""
    dtype = np.asarray(data_of(like)).dtype
    return plain(np.zeros(shape, dtype if dtype.kind in "fc" else np.float64))


def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """The function that computes all derivatives of the entries of ``f(x)`` by the entries of x.

    Parameters
    ----------
    f : callable
        A function of arrays or nested arrays; so is its value.
    argnums : int or sequence of int
        Which positional argument to differentiate by. With a sequence there is a tuple of Jacobians.
    has_aux : bool
        `f` returns ``(value, anything)``; the new function then returns ``(Jacobian, anything)``.
    holomorphic : bool
        `f` takes complex numbers to complex numbers and has a complex derivative: return that.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of shape ``y.shape + x.shape``. Where the value is nested, the
        result is nested as it is, and has in each place of an array what the argument is nested like:
        ``J["loss"]["W"]``. A real y by a complex x = a + ib has ∂y/∂a − i ∂y/∂b, as `grad`; a complex y by a real x has
        the complex ∂y/∂x.

    Raises
    ------
    TypeError
        If a chosen argument holds integers, or both sides are complex and `holomorphic` is not said.
    """

    check_argnums(argnums)

    @wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        places = chosen(f, argnums, args)
        trace = Trace([args[i] for i in places])
        y = trace.run(f, put(args, places, trace.variables), kwargs)
        y, aux = with_aux(f, y) if has_aux else (y, None)
        form, ends = numbers_in(f, y)
        into_complex = any([np.iscomplexobj(data_of(end)) for end in ends])
        from_complex = any([x.dtype.kind == "c" for x in trace.values])
        if holomorphic or (into_complex and from_complex):
            trace.check_complex(f, ends, holomorphic)
        rows_are_long = sum([np.size(end) for end in ends]) > 4 + 2 * sum([x.size for x in trace.values])
        if rows_are_long and (holomorphic or not from_complex) and not uses_primitives(ends):
            blocks = by_columns(trace, ends)
        else:
            blocks = by_rows(trace, ends, holomorphic)
        J = unflatten(form, iter([by_argnums(unflatten(trace.form, iter(block)), argnums) for block in blocks]))
        return (J, trace.outside(aux)) if has_aux else J

    return jacobian_of_f


def by_rows(trace: Trace, ends: list[Any], holomorphic: bool) -> list[list[Any]]:
    """For each end the Jacobians by all variables, a pullback for each entry of the end."""
    blocks = []
    for y in ends:
        if not depends(y):
            blocks.append([zeros(np.shape(y) + x.shape, x) for x in trace.values])
            continue
        rows = [trace.pull_leaves([y], [unit]) for unit in units(y)]  #                     (3)
        if y.dtype.kind == "c" and not holomorphic:
            for row, unit in zip(rows, units(y), strict=True):
                row[:] = [a + 1j * b for a, b in zip(row, trace.pull_leaves([y], [-1j * unit]))]  # (5)
        blocks.append([joined([row[k] for row in rows], 0, y, x) for k, x in enumerate(trace.values)])
    return blocks


def by_columns(trace: Trace, ends: list[Any]) -> list[list[Any]]:
    """The same, a push forward for each entry of a variable."""
    pullback, dxs = transposed(trace, ends)
    columns = [
        [pullback.pull_leaves([dx], [unit]) for unit in units(x)]  #                        (4)
        for dx, x in zip(dxs, trace.values, strict=True)
    ]
    blocks, i = [], 0
    for y in ends:
        if not depends(y):
            blocks.append([zeros(np.shape(y) + x.shape, x) for x in trace.values])
            continue
        blocks.append([joined([c[i] for c in columns[k]], -1, y, x) for k, x in enumerate(trace.values)])
        i += 1
    return blocks


def units(x: Any) -> Iterator[Any]:
    """Arrays shaped as x with a 1 in one place."""
    for i in np.ndindex(x.shape):
        unit = np.zeros(x.shape, x.dtype)
        unit[i] = 1
        yield unit


def joined(parts: list[Any], axis: int, y: Any, x: Any) -> Any:
    """A Jacobian of shape ``y.shape + x.shape`` from its rows (axis 0) or columns (axis -1)."""
    shape = y.shape + x.shape
    if not parts:
        return zeros(shape, x)
    return settled(np.reshape(np.stack(parts, axis), shape))


def uses_primitives(ends: list[Any]) -> bool:
    """Whether a function with a gradient of its own took part, whose gradient may have none."""
    todo = [y.step for y in ends if depends(y) and y.step is not None]
    seen = set(todo)
    while todo:
        node = todo.pop()
        if node.function.__class__ is Primitive:
            return True
        for parent in node.parents:
            new = [p for p in (parent if parent.__class__ is list else [parent]) if p.__class__ is Node]
            todo += [p for p in new if p not in seen]
            seen.update(new)
    return False


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """The function that computes all second derivatives of `f`: the Jacobian of its Jacobian.

    Parameters
    ----------
    f, argnums, has_aux, holomorphic
        As in `jacobian`. The value of `f` is mostly one number.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of shape ``y.shape + x.shape + x.shape``, or a nest of such:
        ``H["W"]["b"]`` holds ∂²f/∂W∂b.
    """
    return jacobian(jacobian(f, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)


def hvp(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that multiplies the Hessian of `f` with a vector, without computing the Hessian.

    Parameters
    ----------
    f : callable
        A function with a single real number as its value.
    argnums : int or sequence of int
        Which positional argument the Hessian is by. With a sequence, v and the result are tuples.

    Returns
    -------
    callable
        ``hvp(f)(*args, v)`` takes the arguments of `f` and after them v, nested and shaped as the chosen argument;
        returns H v, which is nested and shaped so too.
    """

    check_argnums(argnums)

    @wraps(f)
    def product(*args_and_v: Any, **kwargs: Any) -> Any:
        if len(args_and_v) < 2:
            raise TypeError(f"the Hessian-vector product of {name_of(f)} takes its arguments and after them v")
        *args, v = args_and_v
        places = chosen(f, argnums, args)
        xs = [args[i] for i in places]
        leaves: list[Any] = []
        form = flatten(by_argnums(xs, argnums), leaves)
        matching("v", v, "the chosen argument", form, leaves)
        slope = grad(f, argnums)
        _, pullback = vjp(lambda *xs: slope(*put(args, places, xs), **kwargs), *xs)
        return by_argnums(pullback(v), argnums)  #                                          (6)

    return product


def elementwise_grad(f: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of the sum of the entries of ``f(x)``.

    Where each entry of the result depends on one entry of x only, as in ``np.tanh(x)``, it is the derivative of each.

    Parameters
    ----------
    f : callable
        A function of arrays.
    argnums : int or sequence of int
        Which positional argument to differentiate by. With a sequence the result is a tuple.
    holomorphic : bool
        `f` takes complex numbers to complex numbers and has a complex derivative: return that.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array, or nested arrays, shaped as the chosen argument.
    """

    check_argnums(argnums)

    @wraps(f)
    def slopes(*args: Any, **kwargs: Any) -> Any:
        places = chosen(f, argnums, args)
        trace = Trace([args[i] for i in places])
        _, ends = numbers_in(f, trace.run(f, put(args, places, trace.variables), kwargs))
        trace.check_complex(f, ends, holomorphic)
        return by_argnums(trace.pull(ends, [np.ones(np.shape(y)) for y in ends], keep=False), argnums)

    return slopes
