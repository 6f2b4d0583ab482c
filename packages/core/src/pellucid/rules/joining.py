"""Derivatives of joining, cutting and building: concatenate, split, block, append, insert, meshgrid.

A value that was joined gets the gradient of its place in the result; a value that was left out gets none.
"""

from itertools import accumulate
from typing import Any

import numpy as np

from pellucid.rules.indexing import along, kept
from pellucid.tape import rule, written_as


def cut(dy: Any, lengths: Any, axis: Any) -> list[Any]:
    """Pieces of these lengths, one after another along the axis."""
    front = along(dy, axis)
    return [dy[(*front, slice(end - n, end))] for n, end in zip(lengths, accumulate(lengths), strict=True)]


def shaped(pieces: Any, parts: Any) -> Any:
    """The pieces in the shapes of the parts; where these were the rows of one array, that array's gradient."""
    pieces = [np.reshape(piece, np.shape(part)) for piece, part in zip(pieces, parts, strict=True)]
    return pieces if isinstance(parts, list | tuple) else np.stack(pieces)


def concatenate_back(
    dy: Any, y: Any, parts: Any, axis: Any = 0, out: Any = None, dtype: Any = None, casting: Any = None
) -> Any:
    if axis is None:
        # mutate: number equivalent because there is but one axis
        return shaped(cut(dy, [np.size(part) for part in parts], 0), parts)
    pieces = cut(dy, [np.shape(part)[axis] for part in parts], axis)
    return pieces if isinstance(parts, list | tuple) else np.stack(pieces)


def stack_back(
    dy: Any, y: Any, parts: Any, axis: Any = 0, out: Any = None, dtype: Any = None, casting: Any = None
) -> Any:
    rows = np.moveaxis(dy, axis, 0)
    # mutate: branch equivalent because the engine takes rows, but makes an array of the parts to compare
    return list(rows) if isinstance(parts, list | tuple) else rows


def raised_back(dy: Any, parts: Any, axis: int, ndim: int) -> Any:
    """For parts that were joined along `axis` with at least `ndim` axes each; new ones have length 1."""
    lengths = [np.shape(part)[axis] if np.ndim(part) >= ndim else 1 for part in parts]
    return shaped(cut(dy, lengths, axis), parts)


def vstack_back(dy: Any, y: Any, parts: Any, dtype: Any = None, casting: Any = None) -> Any:
    return raised_back(dy, parts, 0, 2)


def hstack_back(dy: Any, y: Any, parts: Any, dtype: Any = None, casting: Any = None) -> Any:
    return raised_back(dy, parts, min(np.ndim(dy), 2) - 1, 1)  # vectors and numbers along their only axis


def insertion(y: Any, x: Any, obj: Any, axis: Any) -> tuple[Any, Any]:
    """Where in the result of an insertion the old values are, and where the new ones are, in the order given."""
    n = np.size(x) if axis is None else np.shape(x)[axis]
    m = np.size(y) if axis is None else np.shape(y)[axis]
    # mutate: number, factor equivalent because only the order counts
    new = np.insert(np.full(n, -1), obj, np.arange(m - n))  # (m,): which of the new values, or -1
    order = np.argsort(new, kind="stable")
    return order[:n], order[n:]


def insert_back(dy: Any, y: Any, x: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    old, _ = insertion(y, x, obj, axis)
    return np.reshape(np.take(dy, old, axis), np.shape(x))


def inserted_back(dy: Any, y: Any, x: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    _, new = insertion(y, x, obj, axis)
    d_values = np.take(dy, new, axis)
    if isinstance(obj, slice) or np.ndim(obj) > 0:
        return d_values
    return np.moveaxis(d_values, axis or 0, 0)  # of what is put at one number, the first axis runs along `axis`


def delete_back(dy: Any, y: Any, x: Any, obj: Any, axis: Any = None) -> Any:
    n = np.size(x) if axis is None else np.shape(x)[axis]
    return kept(dy, np.delete(np.arange(n), obj), x, axis)


def assembled(parts: Any, layout: Any) -> Any:
    """np.block of the parts in a nested list, which holds their numbers."""
    return np.block(filled(layout, parts))


def filled(layout: Any, parts: Any) -> Any:
    return [filled(inner, parts) for inner in layout] if isinstance(layout, list) else parts[layout]


def assembled_back(dy: Any, y: Any, parts: Any, layout: Any) -> Any:
    pieces: list[Any] = []
    disassemble(dy, filled(layout, parts), pieces)
    return shaped(pieces, parts)


def disassemble(dy: Any, block: Any, pieces: list[Any]) -> None:
    """Cut a block into those that it was put together from, along the last axis in the innermost list."""
    if not isinstance(block, list):
        pieces.append(dy)
        return
    axis = -depth(block)
    for piece, inner in zip(cut(dy, [length(inner, axis) for inner in block], axis), block, strict=True):
        disassemble(piece, inner, pieces)


def depth(block: Any) -> int:
    # mutate: index equivalent because NumPy wants the same depth everywhere
    return 1 + depth(block[0]) if isinstance(block, list) else 0


def length(block: Any, axis: int) -> int:
    """How long a block is along an axis that it shares with all blocks in it."""
    if isinstance(block, list):
        # mutate: index equivalent because the blocks in it have the same length
        return length(block[0], axis)
    return np.shape(block)[axis] if np.ndim(block) >= -axis else 1


# fmt: off
rule(np.concatenate,  concatenate_back)
rule(np.stack,        stack_back)
rule(np.vstack,       vstack_back)
rule(np.hstack,       hstack_back)
rule(np.dstack,       lambda dy, y, parts: raised_back(dy, parts, 2, 3))
rule(np.column_stack, lambda dy, y, parts: raised_back(dy, parts, 1, 2))
rule(np.insert,       insert_back, None, inserted_back)
rule(np.delete,       delete_back)
rule(assembled,       assembled_back)
# fmt: on

if hasattr(np, "unstack"):  # NumPy 2.1

    @written_as(np.unstack)
    def unstack(x: Any, /, *, axis: Any = 0) -> Any:
        x = np.moveaxis(x, axis, 0)
        return tuple([x[i] for i in range(len(x))])


@written_as(np.block)
def block(arrays: Any) -> Any:
    from pellucid.tensor import record

    parts: list[Any] = []

    def numbered(block: Any) -> Any:
        if isinstance(block, list):
            return [numbered(inner) for inner in block]
        parts.append(block)
        return len(parts) - 1

    layout = numbered(arrays)
    return record(assembled, (parts, layout), {})


@written_as(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return np.concatenate((arr, values), axis)


@written_as(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    n, sections = np.shape(ary)[axis], indices_or_sections
    if np.ndim(sections) > 0:
        stops = [*sections, None]
    else:
        sections = int(sections)
        if sections <= 0:
            raise ValueError(f"the number of sections must be 1 or more, not {sections}")
        small, extra = divmod(n, sections)
        stops = np.cumsum([small + (i < extra) for i in range(sections)]).tolist()
    return [ary[(*along(ary, axis), slice(a, b))] for a, b in zip([None, *stops[:-1]], stops, strict=True)]


@written_as(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    if np.ndim(indices_or_sections) == 0 and np.shape(ary)[axis] % indices_or_sections:
        raise ValueError(
            f"np.split cuts into equal parts, and {np.shape(ary)[axis]} values do not make {indices_or_sections}: "
            f"np.array_split lets the first parts be longer"
        )
    return array_split(ary, indices_or_sections, axis)


@written_as(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    check_axes(np.hsplit, ary, 1)
    return split(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


@written_as(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    check_axes(np.vsplit, ary, 2)
    return split(ary, indices_or_sections, 0)


@written_as(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    check_axes(np.dsplit, ary, 3)
    return split(ary, indices_or_sections, 2)


def check_axes(function: Any, ary: Any, ndim: int) -> None:
    if np.ndim(ary) < ndim:
        raise ValueError(f"np.{function.__name__} cuts arrays of {ndim} or more axes; this one has {np.ndim(ary)}")


@written_as(np.meshgrid)
def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> Any:
    from pellucid.tensor import without_graph

    if indexing not in ("xy", "ij"):
        raise ValueError(f"the indexing of np.meshgrid is 'xy' or 'ij', not {indexing!r}")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[1::-1]  # the first array runs along the second axis
    grids = [np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes, strict=True)]
    if not sparse:
        shape = np.broadcast_shapes(*[np.shape(grid) for grid in grids])
        grids = [np.broadcast_to(grid, shape) for grid in grids]
    if copy:
        grids = [np.copy(grid) for grid in grids]
    return without_graph(grids if sparse and not copy else tuple(grids))  # a list there, as in NumPy


@written_as(np.ix_)
def ix_(*args: Any) -> Any:
    """An open mesh: of indices for the most part, but it may be of any numbers."""
    from pellucid.tensor import data_of, parent_of, without_graph

    mesh = np.ix_(*[data_of(x) for x in args])
    return without_graph(
        tuple([y if parent_of(x) is None else np.reshape(x, y.shape) for x, y in zip(args, mesh, strict=True)])
    )


@written_as(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the function on every line along the axis, one after another, as NumPy does, and stack what it returns."""
    from pellucid.tensor import without_graph

    lines = np.moveaxis(arr, axis, -1)
    outer = np.shape(lines)[:-1]
    if 0 in outer:
        raise ValueError(f"np.apply_along_axis has no line along axis {axis} to call the function on: {np.shape(arr)}")
    ys = [func1d(lines[i], *args, **kwargs) for i in np.ndindex(outer)]
    y, dtype = np.stack(ys), np.result_type(ys[0])  # the first line decides the type of all
    # mutate: branch equivalent because a cast to the same type changes nothing
    y = np.reshape(y if y.dtype == dtype else y.astype(dtype), (*outer, *np.shape(y)[1:]))
    inner, first = np.ndim(y) - len(outer), axis % np.ndim(arr)  # what was returned has its axes where `axis` was
    return without_graph(np.moveaxis(y, range(len(outer), np.ndim(y)), range(first, first + inner)))


@written_as(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Call the function for one axis after another; an axis that it takes away is put back with length 1."""
    from pellucid.tensor import without_graph

    for axis in (np.ravel(axes) % np.ndim(a)).tolist():
        y = func(a, axis)
        if np.ndim(y) == np.ndim(a) - 1:
            y = np.expand_dims(y, axis)
        elif np.ndim(y) != np.ndim(a):
            raise ValueError(
                f"the function that np.apply_over_axes calls must return as many axes as it is given, or one less; "
                f"given {np.ndim(a)} it returned {np.ndim(y)}"
            )
        a = y
    return without_graph(a)
