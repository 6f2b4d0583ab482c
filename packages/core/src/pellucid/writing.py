"""Writes: ``x[i] = v``, ``x += v`` and their relatives, recorded as new versions of a Tensor.

    x′ = x with x′[place] = v                 the Tensor x stands for x′ from now on            (1)
    x̄ = x̄′ with 0 at the place                                                                  (2)
    v̄ = x̄′[place], where v was the last one to be written there                                  (3)

What was computed from x before saw the old values, and its gradient still does: the write goes into the same memory
only if nobody else can see that memory, and into a copy otherwise. So a loop that fills an array costs no copies, and
no array that the user handed over is changed by a recorded write.

Views alias as in NumPy: a Tensor that is a view (``x[1:]``, ``x.T``, a reshape) knows what it is a view of. A write
into one of a family is put through to the Tensor at its root, and from there to all of its views.

Where nothing is recorded (in `no_grad`, or where no gradient is asked for), a write goes into the memory as it does in
NumPy. The tape notes it, and a later backward pass that needs the old values raises.

Symbols
-------
    paper   code         shape    meaning
    x, x′   x, array     any      a Tensor's values before the write, and after it
    v       value, part  any      what is written
    place   place        -        where: an index, or the function that picks a view
    x̄′      dy           as x     the gradient of x′

Cost: the size of what is written, of what must be copied, and of the live views.

References
----------
Griewank & Walther (2008), "Evaluating Derivatives", 2nd ed., ch. 4: overwriting in the reverse mode.

Differs from it: old values are kept where they are still needed instead of being stored on a stack.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import lru_cache
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from pellucid import tape
from pellucid.tape import NO_KWARGS, Node, NoRuleError, recording
from pellucid.tensor import Tensor, data_of, holds_tensor, parent_of, plain_index, record, result

Place = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # a function that picks a view, and how it is called


# Public doors: what Tensor's operators call


def assign(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``."""
    if isinstance(value, list | tuple) and holds_tensor(value):
        from pellucid.building import array

        value = array(value)
    index = plain_index(index)
    if x._array.__class__ is not np.ndarray:
        raise TypeError("this Tensor is a single number, which cannot be written into: make a new one, or write x += v")
    if not recording() or (not x._requires_grad and parent_of(value) is None):
        x._array[index] = data_of(value)
        noted(x, "x[...] = ...")
        return
    alias = alias_of(value)
    if alias is not None and alias[0] is x and alias[1] is operator.getitem and alias[2][0] is index:
        return  # the end of x[index] += v: the view has put it there already
    refuse(x, value)
    overwrite_recorded(x, (operator.getitem, (index,), NO_KWARGS), value)
    put_through(x)


def update(x: Tensor, name: str, other: Any) -> Tensor:
    """``x += other``, where `name` is "add", and the like."""
    operation: Callable[[Any, Any], Any] = getattr(operator, name)
    if x._array.__class__ is not np.ndarray:
        return operation(x, other)  # type: ignore[no-any-return]  # a number: as in NumPy, another one takes its place
    if not recording() or (not x._requires_grad and parent_of(other) is None):
        getattr(operator, "i" + name)(x._array, data_of(other))
        noted(x, "x += ..., or its like")
        return x
    refuse(x, other)
    return become(x, operation(x, other))


def become(x: Tensor, y: Any) -> Tensor:
    """Make x the value y, which has its shape; recorded where y or x has a gradient to carry."""
    if np.shape(y) != x.shape:
        raise ValueError(f"a Tensor of shape {x.shape} cannot take a result of shape {np.shape(y)}: make a new one")
    kind = y.dtype if hasattr(y, "dtype") else np.asarray(y).dtype
    if not np.can_cast(kind, x.dtype, "same_kind"):
        raise TypeError(
            f"a Tensor of {x.dtype} cannot take a result of {kind}: convert it with astype, or make a new one"
        )
    if not recording() or parent_of(y) is None:
        if recording() and x._requires_grad:
            refuse(x, y)
            overwrite_recorded(x, (operator.getitem, (...,), NO_KWARGS), data_of(y))
            put_through(x)
            return x
        x._array[...] = data_of(y)
        noted(x, "an operation with out=")
        return x
    refuse(x, y)
    if y.dtype != x.dtype:
        y = y.astype(x.dtype)
    if y.step is None:
        y = record(np.positive, (y,), NO_KWARGS)
    values = y._array
    if values.strides != x._array.strides:  # its layout decides which of its reshapes are views
        values = copied(x._array)
        values.flags.writeable = True
        values[...] = y._array
    x._array, x.step, x._requires_grad = values, y.step, True
    put_through(x)
    return x


def refuse(x: Tensor, value: Any) -> None:
    """Raise where a recorded write has no meaning."""
    for t in family(x):
        if t.step is None and t._requires_grad:
            raise RuntimeError(
                f"this {'leaf' if t is x else 'Tensor is a view of a leaf that'} needs a gradient and cannot be "
                f"changed in place while operations are recorded: write into a copy (y = x.copy()), or put the update "
                f"inside `with pellucid.no_grad():`"
            )
    if x.dtype.kind not in "fc":
        raise TypeError(
            f"this Tensor holds {x.dtype} and cannot take values that carry a gradient: make it floating-point first"
        )
    if x.dtype.kind == "f" and np.iscomplexobj(data_of(value)):
        raise TypeError("a Tensor of real numbers cannot take complex ones: make it complex with astype first")
    alias = alias_of(x)
    if alias is not None and not x._array.flags.writeable and not tape.somebody_checks:
        raise ValueError(f"the result of {tape.name_of(alias[1])} is read-only, as in NumPy: write into a copy")


# A new version


def written_over(x: Any, value: Any, place: Place) -> Any:
    """x with `value` at the place."""
    out = copied(x)
    overwrite(out, place, value)
    return out


def overwrite(array: Any, place: Place, value: Any) -> None:
    """Write into an array at the place."""
    function, rest, kwargs = place
    if function is operator.getitem:
        array[rest[0]] = value
        return
    view = function(array, *rest, **kwargs)
    if np.may_share_memory(view, array):
        view[...] = value
    else:  # the copy has another layout than the array that it was a view of
        index = function(np.arange(array.size).reshape(array.shape), *rest, **kwargs)
        array[np.unravel_index(index, array.shape)] = value


def overwrite_recorded(x: Tensor, place: Place, value: Any) -> None:
    """x becomes its next version, with `value` at the place."""
    array, old, part = memory_of(x), blank(x), data_of(value)
    overwrite(array, place, part)  #                                                            (1)
    parents = (parent_of(x), parent_of(value), None)
    if parents[1] is not None:
        part = blank(value)
    x._array, x._requires_grad = array, True
    x.step = Node(written_over, WRITTEN_OVER, old, (old, part, place), parents, NO_KWARGS)


def memory_of(x: Tensor) -> Any:
    """An array with the values of x that may be written into: its own if nobody else can see it, or a copy."""
    if nobody_else_sees(x) and (x.step is None or x.step.function is written_over):
        return x._array
    return copied(x._array)


def nobody_else_sees(x: Tensor) -> bool:
    """Whether the memory of x is its own. CPython counts the references to an object, which answers that."""
    data = x._array
    own = data.__class__ is np.ndarray and data.flags.writeable
    own = own and (data.flags.owndata or (data.base.__class__ is Room and references_to_room(data) <= ALONE_IN_ROOM))
    del data
    return own and references(x) <= ALONE


def references(x: Tensor) -> int:
    return getrefcount(x._array)


def references_to_room(array: Any) -> int:
    return getrefcount(array.base)


class Room(np.ndarray):
    """Memory of a copy whose entries do not stand side by side."""


def copied(array: Any) -> Any:
    """A copy with the strides of the original, so that the same reshapes of it are views.

    `np.array` closes gaps and turns negative strides round: its copy of ``x[::-1]`` could be raveled without another
    copy, where NumPy's ravel of ``x[::-1]`` is a copy.
    """
    if array.__class__ is not np.ndarray or array.flags.forc:
        return np.array(array)
    first, end = tape.bounds(array)
    room = Room(end - first, np.uint8)
    start = array.__array_interface__["data"][0] - first
    copy: Any = np.ndarray(array.shape, array.dtype, room, start, array.strides)
    copy[...] = array
    copy.flags.writeable = array.flags.writeable
    return copy


ALONE = references(Tensor(np.zeros(1)))  # to an array that only its Tensor holds
_column = copied(np.zeros((2, 2))[:, 0])
ALONE_IN_ROOM = references_to_room(_column)  # to a Room that only one array looks into


@lru_cache(maxsize=4096)
def _blank(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.broadcast_to(np.zeros((), dtype), shape)


def blank(x: Tensor) -> Any:
    """A stand-in for the array of x where only shape and dtype are needed: it keeps no memory."""
    return _blank(x.shape, x.dtype)


# Its gradient


def cleared(dy: Any, place: Place) -> Any:
    """dy with zeros at the place."""
    dx = np.array(dy)
    overwrite(dx, place, 0)
    return dx


def old_slope(dy: Any, y: Any, x: Any, value: Any, place: Place) -> Any:
    return record(cleared, (dy, place), NO_KWARGS)  #                                             (2)


def value_slope(dy: Any, y: Any, x: Any, value: Any, place: Place) -> Any:
    function, rest, kwargs = place
    dv = function(dy, *rest, **kwargs)  #                                                       (3)
    if function is operator.getitem:
        dv = dv * last_ones(rest[0], np.shape(x)) if may_repeat(rest[0]) else dv
    elif function is np.imag:  # Re(ȳ i dv) = −Im(ȳ) dv
        dv = -dv
    if np.ndim(value) > np.ndim(dv):  # a[0] = [[v]]: axes of length 1 in front
        dv = np.reshape(dv, (1,) * (np.ndim(value) - np.ndim(dv)) + np.shape(dv))
    return dv


def may_repeat(index: Any) -> bool:
    from pellucid.rules.indexing import reads_once

    return not reads_once(index)


def last_ones(index: Any, shape: Any) -> Any:
    """1 where a value written at `index` stayed, 0 where a later one was written to the same place."""
    owner = np.zeros(shape, np.int64)
    numbers = np.arange(owner[index].size).reshape(owner[index].shape)
    owner[index] = numbers
    return (owner[index] == numbers).astype(np.int8)


WRITTEN_OVER = (old_slope, value_slope, None)
tape.rule(written_over, *WRITTEN_OVER)
tape.rule(cleared, lambda dy, y, d, place: old_slope(dy, y, d, None, place), None)


# Families of views


def note_view(y: Tensor, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Remember that y looks into the memory of the Tensor that it was made from, if it does."""
    x = args[0]
    if not isinstance(x, Tensor):
        return
    if looks_into(y._array, x._array):
        link(y, x, function, args[1:], kwargs)


def looks_into(view: Any, array: Any) -> bool:
    """Whether a result of a function is its argument, or a view of it: not only a view of something."""
    if view is array:
        return isinstance(array, np.ndarray)  # two names of one number have no memory in common to write into
    base = view.base
    return base is not None and (base is array or base is array.base)


def shares_memory(y: Any, values: tuple[Any, ...]) -> bool:
    """Whether a result, or a part of one, looks into one of the arrays that a function was given."""
    parts = y if isinstance(y, list | tuple) else (y,)
    arrays = [x for x in values if isinstance(x, np.ndarray)]
    return any(isinstance(part, np.ndarray) and looks_into(part, x) for part in parts for x in arrays)


def alias_of(x: Any) -> Any:
    """(what it is a view of, function, further arguments, keywords) of a view; None of what is none."""
    alias = getattr(x, "alias", None)
    return alias if alias.__class__ is tuple else None


def link(y: Tensor, x: Tensor, function: Callable[..., Any], rest: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """y is the view ``function(x, *rest, **kwargs)``."""
    y.alias = x, function, rest, kwargs
    views = getattr(x, "views", None)
    if views is None:
        x.views = [ref(y)]
        return
    if len(views) >= 16 and len(views) & (len(views) - 1) == 0:
        views[:] = [view for view in views if view() is not None]
    views.append(ref(y))


def family(x: Tensor) -> Iterator[Tensor]:
    """x, what it is a view of, and so on to the root."""
    yield x
    while (alias := alias_of(x)) is not None:
        x = alias[0]
        yield x


def put_through(x: Tensor) -> None:
    """After a recorded write into x: bring the Tensors that alias it to the same values."""
    if alias_of(x) is None and getattr(x, "views", None) is None:
        return
    line = list(family(x))
    for child, parent in zip(line, line[1:], strict=False):
        overwrite_recorded(parent, child.alias[1:], child)
    for view, parent in views_below(line[-1]):
        if all(view is not t for t in line):
            function, rest, kwargs = view.alias[1:]
            reread(view, parent, function, rest, kwargs)


def views_below(root: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Every live view below a Tensor and what it is a view of, from the top."""
    todo = [root]
    while todo:
        parent = todo.pop()
        for reference in getattr(parent, "views", None) or ():
            view = reference()
            alias = alias_of(view)
            if view is not None and alias is not None and alias[0] is parent:
                yield view, parent
                todo.append(view)


def reread(view: Tensor, parent: Tensor, function: Any, rest: Any, kwargs: Any) -> None:
    """The view takes the values of its parent's present version: as a copy, which leaves that memory to the parent."""
    values, old = copied(function(parent._array, *rest, **kwargs)), blank(parent)
    view._array, view._requires_grad = values, True
    parents = (parent_of(parent), *[None] * len(rest))
    view.step = Node(function, tape.rules[function], values, (old, *rest), parents, kwargs)


def read_version(x: Tensor, index: Any) -> Any:
    """``x[index]`` of a Tensor that has been written into: a copy that knows what it is a view of.

    The node keeps no hold of the memory of x, so that the next write need not copy it.
    """
    values = x._array[index]
    is_view = values.__class__ is np.ndarray and looks_into(values, x._array)
    values = copied(values) if is_view else values
    old = blank(x)
    node = Node(operator.getitem, tape.rules[operator.getitem], values, (old, index), (parent_of(x), None), NO_KWARGS)
    y = result(node)
    if is_view and y.__class__ is Tensor:
        link(y, x, operator.getitem, (index,), NO_KWARGS)
    return y


# Writes that are not recorded


def noted(x: Tensor, how: str) -> None:
    """After a write into the memory of x: tell the tape, and the views of x that have memory of their own."""
    tape.wrote(x._array, how)
    alias: Any = getattr(x, "alias", None)
    if isinstance(alias, ref) and (origin := alias()) is not None:
        x = origin  # what x was detached from, which may have views
    if alias_of(x) is None and getattr(x, "views", None) is None:
        return
    line = list(family(x))
    for child, parent in zip(line, line[1:], strict=False):
        if not np.may_share_memory(child._array, parent._array):
            overwrite(parent._array, child.alias[1:], child._array)
            tape.wrote(parent._array, how)
    for view, parent in views_below(line[-1]):
        function, rest, kwargs = view.alias[1:]
        if all(view is not t for t in line) and not np.may_share_memory(view._array, parent._array):
            view._array[...] = function(parent._array, *rest, **kwargs)
            tape.wrote(view._array, how)


# NumPy's functions that write into their first argument


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    kind = data_of(src).dtype if isinstance(src, Tensor) else np.asarray(src).dtype
    if not np.can_cast(kind, dst.dtype, casting):
        raise TypeError(f"np.copyto cannot cast from {kind} to {dst.dtype} by the rule {casting!r}")
    if where is True:
        dst[...] = src
        return
    mask = np.broadcast_to(data_of(where), dst.shape)
    dst[mask] = np.broadcast_to(src, dst.shape)[mask]


def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    ind = np.ravel(data_of(ind))
    if mode != "raise":
        ind = ind % a.size if mode == "wrap" else np.clip(ind, 0, a.size - 1)
    ind = np.where(ind < 0, ind + a.size, ind)
    a[np.unravel_index(ind, a.shape)] = repeated(v, ind.size)


def repeated(values: Any, n: int) -> Any:
    """The first n of values that are repeated as often as needed."""
    flat = np.ravel(values)
    return flat[np.arange(n) % flat.size]


def place(arr: Any, mask: Any, vals: Any) -> None:
    mask = np.asarray(data_of(mask), bool)
    arr[mask] = repeated(vals, int(np.count_nonzero(mask)))


def putmask(a: Any, mask: Any, values: Any) -> None:
    mask = np.asarray(data_of(mask), bool)
    a[mask] = np.reshape(repeated(values, a.size), a.shape)[mask]


def fill_diagonal(a: Any, val: Any, wrap: Any = False) -> None:
    places = np.zeros(a.shape, np.int64)
    np.fill_diagonal(places, 1, wrap)
    on = places == 1
    a[on] = repeated(val, int(np.count_nonzero(on)))


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    indices = data_of(indices)
    if axis is None:
        arr[np.unravel_index(indices, arr.shape)] = values
        return
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    grid[axis] = indices
    arr[tuple(grid)] = values


WRITERS: dict[Any, Callable[..., None]] = {
    np.copyto: copyto,
    np.put: put,
    np.place: place,
    np.putmask: putmask,
    np.fill_diagonal: fill_diagonal,
    np.put_along_axis: put_along_axis,
}


def write(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run one of NumPy's writing functions where a Tensor is among its arguments."""
    target = args[0] if args else next(iter(kwargs.values()))
    if not isinstance(target, Tensor):
        if not recording() or all(parent_of(x) is None for x in (*args, *kwargs.values())):
            function(*[data_of(x) for x in args], **{name: data_of(x) for name, x in kwargs.items()})
            return
        raise TypeError(
            f"{tape.name_of(function)} would write a Tensor into a plain array, which drops its gradient: make the "
            f"array a Tensor first"
        )
    WRITERS[function](*args, **kwargs)


def at(ufunc: Any, x: Any, index: Any, *values: Any) -> None:
    """``ufunc.at(x, index, values)`` for the ufuncs that add."""
    if not isinstance(x, Tensor):
        if not recording() or all(parent_of(v) is None for v in values):
            ufunc.at(x, plain_index(index), *[data_of(v) for v in values])
            return
        raise TypeError(
            f"np.{ufunc.__name__}.at would write a Tensor into a plain array, which drops its gradient: make the array "
            f"a Tensor first"
        )
    if not recording() or (not x._requires_grad and all(parent_of(v) is None for v in values)):
        ufunc.at(x._array, plain_index(index), *[data_of(v) for v in values])
        noted(x, f"np.{ufunc.__name__}.at")
        return
    if ufunc not in (np.add, np.subtract):
        raise NoRuleError(f"np.{ufunc.__name__}.at has no gradient rule: write it with functions that have one")
    from pellucid.rules.indexing import scattered

    index = plain_index(index)
    refuse(x, values[0])
    spread = np.broadcast_to(values[0], x._array[index].shape)
    become(x, ufunc(x, record(scattered, (spread, index, x.shape), NO_KWARGS)))
