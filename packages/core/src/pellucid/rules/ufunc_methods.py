"""Ufuncs with keywords on Tensors, and their methods: ``np.add.reduce`` is a sum, ``np.add.accumulate`` a running one.

Decisions: `maximum`, `minimum`, `fmax` and `fmin` share the gradient evenly among equals; `logaddexp` shares it as eˣ
does, and evenly among equal infinities; `hypot` of zeros sends 0. What a `where` leaves out is not computed, and gets
exact zeros.

Most methods are put down to functions that have a rule. Any other ufunc of two arguments is reduced and accumulated
step by step, by its own rule.
"""

from math import prod
from typing import Any

import numpy as np

from pellucid import tape
from pellucid.rules.elementwise import LN2, gap, per
from pellucid.rules.indexing import scatter
from pellucid.tape import NoRuleError, recording, rule

NOT_GIVEN: Any = np._NoValue  # NumPy's own mark


def call(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run ``ufunc(*args, **kwargs)``, which is the method "__call__", or ``ufunc.method(*args, **kwargs)``."""
    from pellucid.tensor import data_of

    if method == "at":
        raise NoRuleError(f"np.{ufunc.__name__}.at has no gradient rule: write it with functions that have one")
    kwargs = dict(kwargs)
    outs = kwargs.pop("out", None) or ()
    if any(isinstance(out, np.ndarray) for out in outs):
        return into_arrays(ufunc, method, args, kwargs, outs)
    if method == "outer":
        a, b = [array_or_tensor(x) for x in args]
        method, args = "__call__", (np.reshape(a, a.shape + (1,) * b.ndim), b)
    where: Any = True
    if method == "__call__" and ufunc.signature is None:
        where = np.asarray(data_of(kwargs.pop("where", True)), bool)
        where = True if where.ndim == 0 and where else where
    if where is not True:
        if not outs or any(out is None for out in outs):
            name = tape.name_of(ufunc)
            raise TypeError(
                f"{name}(..., where=) leaves the other entries undefined: use np.where(mask, {name}(...), otherwise)"
            )
        # mutate: index equivalent because several results have one shape
        where = np.broadcast_to(where, outs[0].shape)
        args = tuple([x if np.ndim(x) == 0 else np.broadcast_to(x, where.shape)[where] for x in args])
    y = run(ufunc, method, args, kwargs)
    if not outs:
        return y
    if isinstance(y, tuple):
        return tuple([written(out, part, where) for out, part in zip(outs, y, strict=True)])
    (out,) = outs
    return written(out, y, where)


def into_arrays(ufunc: Any, method: str, args: Any, kwargs: dict[str, Any], outs: tuple[Any, ...]) -> Any:
    """Write into plain arrays, where no gradient is lost by that."""
    from pellucid.tensor import data_of, refuse_out, without_graph

    refuse_out(ufunc, args, kwargs)
    options = {name: data_of(x) for name, x in kwargs.items()}
    found = getattr(ufunc, method)(*[data_of(x) for x in args], **options, out=tuple([data_of(out) for out in outs]))
    for out in outs:
        if out is not None:
            tape.wrote(data_of(out), f"{tape.name_of(ufunc)}(..., out=)")
    parts = found if isinstance(found, tuple) else (found,)
    ys = tuple([without_graph(y) if out is None else out for out, y in zip(outs, parts, strict=True)])
    # mutate: index equivalent because there is only one
    return ys if isinstance(found, tuple) else ys[0]


def written(out: Any, y: Any, where: Any) -> Any:
    """The Tensor `out` with y in it, at the places where `where` holds; y itself where there is none."""
    if out is None:
        return y
    if where is True:
        return out._become(y if np.shape(y) == out.shape else np.copy(np.broadcast_to(y, out.shape)))
    if not np.can_cast(y.dtype, out.dtype, "same_kind"):
        raise TypeError(f"a Tensor of {out.dtype} as out= cannot take {y.dtype}: convert it with astype first")
    if np.any(where):  # a single number is not written into, but replaced or left
        out[where] = y
    return out


def run(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result, recorded where an argument (or what a reduction starts from) needs a gradient."""
    from pellucid.tensor import data_of, parent_of, without_graph

    constant = ufunc in tape.constants
    if constant or not (recording() and any(parent_of(x) is not None for x in (*args, *kwargs.values()))):
        y = getattr(ufunc, method)(*[data_of(x) for x in args], **{name: data_of(x) for name, x in kwargs.items()})
        return y if constant else without_graph(y)
    for name, x in kwargs.items():
        if parent_of(x) is not None and name != "initial":
            raise TypeError(f"np.{ufunc.__name__}.{method} takes no gradient through {name}=: detach() it")
    return METHODS[method](ufunc, *args, **kwargs)


def array_or_tensor(x: Any) -> Any:
    from pellucid.tensor import Tensor

    return x if isinstance(x, Tensor) else np.asarray(x)


# Calls with keywords


def called(ufunc: Any, *args: Any, **kwargs: Any) -> Any:
    """Bring the arguments to the types and axes that the keywords ask for, and call without keywords."""
    xs = [x if type(x) in WEAK else array_or_tensor(x) for x in args]
    with np.errstate(all="ignore"):  # NumPy checks the keywords, on arrays that hold one number
        # mutate: function, number equivalent because only types and axes matter
        ufunc(*[x if type(x) in WEAK else np.ones((1,) * x.ndim, x.dtype) for x in xs], **kwargs)
    kinds = [type(x) if type(x) in WEAK else x.dtype for x in xs] + [None] * ufunc.nout
    asked = {name: kwargs[name] for name in ("signature", "casting") if name in kwargs}
    if kwargs.get("dtype") is not None:
        asked["signature"] = (None,) * ufunc.nin + (np.dtype(kwargs["dtype"]),) * ufunc.nout
    # mutate: factor equivalent because only the first ones are looked at
    wanted = ufunc.resolve_dtypes(tuple(kinds), **asked)
    xs = [x if type(x) in WEAK or x.dtype == to else x.astype(to) for x, to in zip(xs, wanted, strict=False)]
    placing = {name: kwargs[name] for name in ("axis", "axes", "keepdims") if name in kwargs}
    y = along(ufunc, xs, **placing) if placing else ufunc(*xs)
    order = kwargs.get("order", "K")
    if order == "K":
        return y
    return tuple([np.copy(part, order) for part in y]) if isinstance(y, tuple) else np.copy(y, order)


WEAK = (int, float, complex)  # Python's numbers take the type of the arrays beside them


def along(ufunc: Any, xs: list[Any], axis: Any = None, axes: Any = None, keepdims: Any = False) -> Any:
    """A ufunc of vectors or matrices, such as `vecdot`, along these axes of its arguments and of its result."""
    if axes is None:
        axes = [-1 if axis is None else axis] * (len(xs) + 1)
        axes = axes if keepdims else axes[:-1]
    places = [(at,) if np.ndim(at) == 0 else tuple(at) for at in axes]
    y = ufunc(*[np.moveaxis(x, at, range(-len(at), 0)) for x, at in zip(xs, places, strict=False)])
    if keepdims:
        return np.expand_dims(y, places[-1] if len(places) > len(xs) else -1)
    to = places[-1] if len(places) > len(xs) else ()
    return np.moveaxis(y, range(-len(to), 0), to)


# reduce


def reduce(
    ufunc: Any,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = NOT_GIVEN,
    where: Any = True,
) -> Any:
    from pellucid.tensor import data_of, record

    x = array_or_tensor(x) if dtype is None else array_or_tensor(x).astype(dtype)
    where = where if where is True else np.asarray(where, bool)
    options = dict(axis=axis, keepdims=keepdims, where=where)
    if initial is None:  # as if not given, if there is something to start from; NumPy raises if there is not
        ufunc.reduce(data_of(x), **options, initial=None)
        initial = NOT_GIVEN
    if ufunc.reduce in tape.rules:
        return record(ufunc.reduce, (x, axis, None, None, keepdims, initial, where), {})
    if initial is not NOT_GIVEN:
        options["initial"] = initial
    return REDUCE[ufunc](x, **options) if ufunc in REDUCE else reduced_by_steps(ufunc, x, **options)


def kept(dy: Any, axis: Any, keepdims: Any) -> Any:
    """`dy` with the reduced axes in place, of length 1."""
    return dy if axis is None or keepdims else np.expand_dims(dy, axis)


def fmax_shares(y: Any, x: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    """What x and the initial value get: an even share for all that equal the result."""
    y = kept(y, axis, keepdims)
    equal, initial_too = (x == y) & where, y == initial
    among = np.maximum(np.sum(equal, axis=axis, keepdims=True) + initial_too, 1)
    return equal / among, initial_too / among


def log_sum_exp(x: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """log Σ eˣ = m + log Σ eˣ⁻ᵐ with m = max x; −inf where there is nothing to add."""
    x = chosen(x, where)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    # mutate: number equivalent because any finite number will do
    total = np.sum(np.exp(x - np.where(np.isfinite(top), top, 0.0)), axis=axis, keepdims=True)
    y = top + np.log(np.maximum(total, 1.0))
    return y if keepdims else np.squeeze(y, axis=axis)[()]


def log_sum_exp_slope(dy: Any, y: Any, x: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """dy eˣ⁻ʸ, and even shares for those that equal an infinite y."""
    x, y = chosen(x, where), kept(y, axis, keepdims)
    infinite = np.isinf(y)
    # mutate: factor equivalent because they are counted alike
    equal = infinite & (x == y) & where
    among = np.maximum(np.sum(equal, axis=axis, keepdims=True), 1)
    # mutate: number equivalent because any finite number will do
    shares = np.exp(np.where(infinite, -np.inf, x) - np.where(infinite, 0.0, y)) + equal / among
    return kept(dy, axis, keepdims) * shares


def chosen(x: Any, where: Any) -> Any:
    # mutate: branch, number equivalent because np.where would take all of x, in more time
    return x if where is True else np.where(where, x, -np.inf)


def log_add_exp(x: Any, initial: Any = -np.inf, **options: Any) -> Any:
    from pellucid.tensor import record

    y = record(log_sum_exp, (x,), options)
    return y if initial == -np.inf else np.logaddexp(y, initial)


def log_add_exp2(x: Any, initial: Any = -np.inf, **options: Any) -> Any:
    return log_add_exp(x * LN2, initial * LN2, **options) / LN2


def reduced_by_steps(ufunc: Any, x: Any, axis: Any, keepdims: Any, where: Any, initial: Any = NOT_GIVEN) -> Any:
    """y ← ufunc(y, xᵢ) for one i after the other."""
    from pellucid.tensor import Tensor, data_of

    if ufunc not in tape.rules:
        tape.learn(ufunc)
    ufunc.reduce(data_of(x), axis=axis, initial=data_of(initial), where=where)  # NumPy raises what it raises
    axes = range(x.ndim) if axis is None or x.ndim == 0 else (axis,) if np.ndim(axis) == 0 else axis
    # mutate: factor equivalent because numbers serve as masks
    masks = in_front(np.broadcast_to(where, x.shape), axes)
    x = in_front(x.astype(kind_of_result(ufunc, x)), axes)
    if initial is NOT_GIVEN:
        # mutate: factor equivalent because numbers serve as masks
        y, x, masks = x[0], x[1:], masks[1:]
    else:
        y = (Tensor(np.zeros(x.shape[1:])) + initial).astype(x.dtype)
    for xi, mask in zip(x, masks, strict=True):
        # mutate: branch, number equivalent because the other way is slower only
        y = ufunc(y, xi) if where is True else call(ufunc, "__call__", (y, xi), {"out": (np.copy(y),), "where": mask})
    return np.expand_dims(y, tuple(axes)) if keepdims else y


def kind_of_result(ufunc: Any, x: Any) -> Any:
    # mutate: index equivalent because a ufunc that can be reduced has one type throughout
    return ufunc.resolve_dtypes((x.dtype, x.dtype, None))[2]


def in_front(x: Any, axes: Any) -> Any:
    """These axes of x, made one, in front of the others."""
    x = np.moveaxis(x, tuple(axes), range(len(axes)))
    return np.reshape(x, (prod(x.shape[: len(axes)]), *x.shape[len(axes) :]))


REDUCE: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logaddexp: log_add_exp,
    np.logaddexp2: log_add_exp2,
}
# fmt: off
for extreme in (np.fmax, np.fmin):
    rule(extreme.reduce,
         lambda dy, y, x, axis, dtype, out, keepdims, initial, where:
         kept(dy, axis, keepdims) * fmax_shares(y, x, axis, keepdims, initial, where)[0],
         None, None, None, None,
         lambda dy, y, x, axis, dtype, out, keepdims, initial, where:
         kept(dy, axis, keepdims) * fmax_shares(y, x, axis, keepdims, initial, where)[1])
rule(np.hypot.reduce,
     lambda dy, y, x, axis, dtype, out, keepdims, initial, where:
     np.where(where, kept(dy, axis, keepdims) * per(x, kept(y, axis, keepdims)), 0.0),
     None, None, None, None,
     lambda dy, y, x, axis, dtype, out, keepdims, initial, where: dy * per(initial, y))
# fmt: on
rule(log_sum_exp, log_sum_exp_slope)


# accumulate


def accumulate(ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None) -> Any:
    from pellucid.tensor import data_of, record

    x = x if dtype is None else x.astype(dtype)
    if x.ndim == 0 or axis is None:
        ufunc.accumulate(data_of(x), axis=axis)  # NumPy raises, unless there is one axis
    axis = axis or 0
    if ufunc in ACCUMULATE:
        return ACCUMULATE[ufunc](x, axis=axis)
    if ufunc.accumulate in tape.rules:
        return record(ufunc.accumulate, (x,), {"axis": axis})
    if ufunc is np.logaddexp2:
        return np.logaddexp.accumulate(x * LN2, axis=axis) / LN2
    if ufunc not in tape.rules:
        tape.learn(ufunc)
    rows = np.moveaxis(x.astype(kind_of_result(ufunc, x)), axis, 0)
    y = list(rows[:1])
    for row in rows[1:]:
        y.append(ufunc(y[-1], row))
    return np.stack(y, axis) if y else np.moveaxis(rows, 0, axis)


def since(dy: Any, link: Any) -> Any:
    """Σ dyᵢ link(j, i) over all i ≥ j, where link(j, i) link(i, k) = link(j, k): sums over 1, 2, 4, ... rows."""
    # mutate: drop, operator equivalent because nothing is that far
    for k in range((len(dy) - 1).bit_length()):
        step = 2**k
        dy = np.concatenate([dy[:-step] + link(step) * dy[step:], dy[-step:]])
    return dy


def equals_so_far(x: Any, y: Any) -> Any:
    """How many of x have equalled the running value y since it became that."""
    from pellucid.tensor import data_of

    x, y = data_of(x), data_of(y)
    equals = np.cumsum(x == y, axis=0)
    before = np.concatenate([0 * equals[:1], np.where(y[1:] == y[:-1], 0, equals[:-1])])
    return np.maximum(equals - np.maximum.accumulate(before), 1)


def running_maximum_slope(dy: Any, y: Any, x: Any, axis: Any) -> Any:
    """Each result shares its gradient among all until then that equal it."""
    dy, y, x = (np.moveaxis(v, axis, 0) for v in (dy, y, x))
    shares = since(dy / equals_so_far(x, y), lambda step: y[:-step] == y[step:])
    return np.moveaxis(np.where(x == y, shares, 0.0), 0, axis)


def running_log_sum_exp_slope(dy: Any, y: Any, x: Any, axis: Any) -> Any:
    """Σ dyᵢ exp(xⱼ − yᵢ) over all i ≥ j, as exp(xⱼ − yⱼ) Σ dyᵢ exp(yⱼ − yᵢ), where no exponent is positive."""
    dy, y, x = (np.moveaxis(v, axis, 0) for v in (dy, y, x))
    among = np.where(np.isinf(y), equals_so_far(x, y), 1)
    sums = since(dy / among, lambda step: np.exp(gap(y[:-step], y[step:])))
    return np.moveaxis(np.exp(gap(x, y)) * sums, 0, axis)


# mutate: drop equivalent because the way by steps is slower only
ACCUMULATE: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}
rule(np.maximum.accumulate, running_maximum_slope)
rule(np.minimum.accumulate, running_maximum_slope)
rule(np.fmax.accumulate, running_maximum_slope)
rule(np.fmin.accumulate, running_maximum_slope)
rule(np.logaddexp.accumulate, running_log_sum_exp_slope)


# reduceat


def reduceat(ufunc: Any, x: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """Reduce the rows from each index to the next one, or take the one row where that is not greater."""
    from pellucid.tensor import data_of, record

    x = x if dtype is None else x.astype(dtype)
    indices = np.asarray(data_of(indices))
    if ufunc is np.add:
        return record(np.add.reduceat, (x, indices), {"axis": axis})
    ufunc.reduceat(data_of(x), indices, axis=axis)  # NumPy raises what it raises
    rows = np.moveaxis(x, axis, 0)
    pieces = [rows[start:stop] for start, stop in zip(indices, stops(indices, len(rows)), strict=True)]
    if not pieces:
        # mutate: sign, factor equivalent because there is no value in it
        return np.take(x, indices.astype(int), axis)
    return np.stack([reduce(ufunc, piece) for piece in pieces], axis)


def stops(indices: Any, n: int) -> Any:
    """Where the rows that belong to each index end."""
    return np.maximum(np.append(indices[1:], n), indices + 1)


def add_reduceat_slope(dy: Any, y: Any, x: Any, indices: Any, axis: Any) -> Any:
    """Every row that a sum was made of gets its gradient."""
    axis = axis % np.ndim(x)
    lengths = stops(indices, np.shape(x)[axis]) - indices
    owner = np.repeat(np.arange(len(indices)), lengths)  # which sum each of its rows, one after the other, belongs to
    row = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths - indices, lengths)
    return scatter(np.take(dy, owner, axis), (slice(None),) * axis + (row,), x)


rule(np.add.reduceat, add_reduceat_slope, None)

METHODS: dict[str, Any] = {"__call__": called, "reduce": reduce, "accumulate": accumulate, "reduceat": reduceat}
