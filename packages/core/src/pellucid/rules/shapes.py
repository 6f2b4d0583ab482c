"""Derivatives of the functions that only move values: reshape, transpose, join, split, repeat, pad."""

from typing import Any

import numpy as np

from pellucid.rules.indexing import scatter
from pellucid.tape import rule, written_as


def back_to(dy: Any, y: Any, x: Any, *_: Any, **__: Any) -> Any:
    """The values kept their order: give them the old shape."""
    return np.reshape(dy, np.shape(x))


def reshape_back(dy: Any, y: Any, x: Any, shape: Any = None, order: Any = "C", **_: Any) -> Any:
    if order not in ("C", "F"):
        raise TypeError(f"reshape and ravel have a gradient for order='C' and order='F', not {order!r}")
    return np.reshape(dy, np.shape(x), order)


def transpose_back(dy: Any, y: Any, x: Any, axes: Any = None) -> Any:
    return np.transpose(dy, None if axes is None else np.argsort([a % np.ndim(x) for a in axes]))


def moved_back(dy: Any, y: Any, x: Any, source: Any, destination: Any) -> Any:
    return np.moveaxis(dy, destination, source)


def concatenate_back(dy: Any, y: Any, parts: Any, axis: Any = 0) -> Any:
    if not isinstance(parts, list | tuple):  # the rows of one array
        return np.stack(concatenate_back(dy, y, list(parts), axis))
    if axis is None:
        ends = np.cumsum([np.size(p) for p in parts])[:-1]
        return [np.reshape(d, np.shape(p)) for d, p in zip(np.split(dy, ends), parts, strict=True)]
    return np.split(dy, np.cumsum([np.shape(p)[axis] for p in parts])[:-1], axis)


def repeat_back(dy: Any, y: Any, x: Any, repeats: Any, axis: Any = None) -> Any:
    """Sum over the copies of each value."""
    if np.ndim(repeats) == 0 or np.size(repeats) == 1:
        at = np.ndim(x) if axis is None else axis % np.ndim(x) + 1  # a number's copies stand beside it
        n = np.shape(x)
        return np.sum(np.reshape(dy, (*n[:at], np.ravel(repeats)[0], *n[at:])), axis=at)
    length = np.size(x) if axis is None else np.shape(x)[axis]
    owner = np.repeat(np.arange(length), repeats)  # (copies,): whose copy is it?
    if axis is None:
        return scatter(dy, np.unravel_index(owner, np.shape(x)), x)
    return scatter(dy, (slice(None),) * (axis % np.ndim(x)) + (owner,), x)


def tile_back(dy: Any, y: Any, x: Any, reps: Any) -> Any:
    """Cut the result into copies of x and sum them."""
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    n = max(len(reps), np.ndim(x))
    shape = (1,) * (n - np.ndim(x)) + np.shape(x)
    reps = (1,) * (n - len(reps)) + reps
    cut = np.reshape(dy, [side for pair in zip(reps, shape, strict=True) for side in pair])
    return np.reshape(np.sum(cut, axis=tuple(range(0, 2 * n, 2))), np.shape(x))


def roll_back(dy: Any, y: Any, x: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(dy, -np.asarray(shift) if np.ndim(shift) else -shift, axis)


def pad_back(dy: Any, y: Any, x: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    if mode != "constant":
        raise TypeError(f"np.pad has a gradient for mode='constant' only, not {mode!r}")
    width = np.broadcast_to(pad_width, (np.ndim(x), 2))
    return dy[tuple(slice(before, before + n) for (before, _), n in zip(width, np.shape(x), strict=True))]


def diagonal_back(dy: Any, y: Any, x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Put the diagonal back into zeros: spread it over the rows and keep the places where it was."""
    n1, n2 = np.shape(x)[axis1], np.shape(x)[axis2]
    if np.size(y) == 0:
        return np.zeros(np.shape(x), dy.dtype)
    on = np.eye(n1, n2, offset, dtype=dy.dtype)  # (n1, n2), one where the diagonal runs
    place = np.clip(np.arange(n1) - max(-offset, 0), 0, np.shape(y)[-1] - 1)  # (n1,), which entry a row holds
    return np.moveaxis(np.take(dy, place, axis=-1)[..., None] * on, (-2, -1), (axis1, axis2))


# fmt: off
rule(np.reshape,      reshape_back)
rule(np.ravel,        lambda dy, y, x, order="C": reshape_back(dy, y, x, None, order))
rule(np.squeeze,      back_to)
rule(np.expand_dims,  back_to)
rule(np.broadcast_to, lambda dy, y, x, shape, subok=False: dy)
rule(np.transpose,    transpose_back)
rule(np.permute_dims, transpose_back)
rule(np.matrix_transpose, lambda dy, y, x: np.swapaxes(dy, -1, -2))
rule(np.swapaxes,     lambda dy, y, x, axis1, axis2: np.swapaxes(dy, axis1, axis2))
rule(np.moveaxis,     moved_back)
rule(np.flip,         lambda dy, y, x, axis=None: np.flip(dy, axis))
rule(np.fliplr,       lambda dy, y, x: np.fliplr(dy))
rule(np.flipud,       lambda dy, y, x: np.flipud(dy))
rule(np.rot90,        lambda dy, y, x, k=1, axes=(0, 1): np.rot90(dy, -k, axes))
rule(np.roll,         roll_back)
rule(np.repeat,       repeat_back)
rule(np.tile,         tile_back)
rule(np.pad,          pad_back)
rule(np.diagonal,     diagonal_back)
rule(np.tril,         lambda dy, y, x, k=0: np.tril(dy, k))
rule(np.triu,         lambda dy, y, x, k=0: np.triu(dy, k))
rule(np.concatenate,  concatenate_back)
# fmt: on


@written_as(np.trace)
def trace(x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    return np.sum(np.diagonal(x, offset, axis1, axis2), axis=-1)


@written_as(np.stack)
def stack(parts: Any, axis: Any = 0) -> Any:
    return np.concatenate([np.expand_dims(p, axis) for p in parts], axis)


@written_as(np.vstack)
def vstack(parts: Any) -> Any:
    return np.concatenate([np.atleast_2d(p) for p in parts], 0)


@written_as(np.hstack)
def hstack(parts: Any) -> Any:
    parts = [np.atleast_1d(p) for p in parts]
    return np.concatenate(parts, 0 if np.ndim(parts[0]) == 1 else 1)


@written_as(np.column_stack)
def column_stack(parts: Any) -> Any:
    return np.concatenate([np.reshape(p, (-1, 1)) if np.ndim(p) < 2 else p for p in parts], 1)


@written_as(np.atleast_1d)
def atleast_1d(*xs: Any) -> Any:
    ys = tuple([np.reshape(x, (1,)) if np.ndim(x) == 0 else x for x in xs])
    return ys[0] if len(ys) == 1 else ys


@written_as(np.atleast_2d)
def atleast_2d(*xs: Any) -> Any:
    ys = tuple([x if np.ndim(x) >= 2 else np.reshape(x, (1, -1)) for x in xs])
    return ys[0] if len(ys) == 1 else ys


@written_as(np.array_split)
def array_split(x: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    n, sections = np.shape(x)[axis], indices_or_sections
    if np.ndim(sections) == 0:
        small, extra = divmod(n, sections)
        ends = np.cumsum([small + (i < extra) for i in range(sections)])[:-1].tolist()
    else:
        ends = list(sections)
    before = (slice(None),) * (axis % np.ndim(x))
    return [x[(*before, slice(a, b))] for a, b in zip([0, *ends], [*ends, n], strict=True)]


@written_as(np.split)
def split(x: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    sections = indices_or_sections
    if np.ndim(sections) == 0 and np.shape(x)[axis] % sections:
        raise ValueError(f"np.split cannot cut an axis of length {np.shape(x)[axis]} into {sections} equal parts")
    return array_split(x, sections, axis)


@written_as(np.hsplit)
def hsplit(x: Any, indices_or_sections: Any) -> Any:
    return split(x, indices_or_sections, 0 if np.ndim(x) == 1 else 1)


@written_as(np.vsplit)
def vsplit(x: Any, indices_or_sections: Any) -> Any:
    return split(x, indices_or_sections, 0)
