"""Derivatives of discrete calculus: diff, gradient, trapezoid, interp, convolve, correlate, unwrap.

`interp` is piecewise linear: at a node x gets the slope of the segment on the right (at the last node, on the left),
outside the nodes 0. `unwrap` adds constants, so its derivative is 1, at the jumps too.
"""

from typing import Any

import numpy as np

from pellucid.rules.indexing import scatter
from pellucid.tape import rule, written_as


def one_array(x: Any) -> Any:
    """A Tensor or an array; a list that holds Tensors becomes one Tensor."""
    from pellucid.tensor import Tensor, holds_tensor

    if isinstance(x, Tensor):
        return x
    return np.stack(x) if holds_tensor(x) else np.asarray(x)


def floating(x: Any) -> Any:
    """The same as floating-point numbers: integers would overflow."""
    x = one_array(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


# Differences


def diff_back(part: Any, dy: Any, x: Any, n: Any, axis: Any, before: Any, after: Any) -> Any:
    """The transpose of a difference is the negative difference of what zeros surround; take out one of the parts."""
    lengths = [length_along(z, axis) for z in (before, x, after)]
    start = sum(lengths[:part])
    shape = list(np.shape(dy))
    shape[axis] = n
    zeros = np.zeros(shape, dy.dtype)
    dx = (-1) ** n * np.diff(dy, n, axis, zeros, zeros)
    return dx[(slice(None),) * (axis % np.ndim(dy)) + (slice(start, start + lengths[part]),)]


def length_along(x: Any, axis: Any) -> Any:
    """How many entries `np.diff` joins: none where nothing was given, one for a number."""
    return 0 if x is NOTHING else 1 if np.ndim(x) == 0 else np.shape(x)[axis]


NOTHING: Any = np._NoValue  # NumPy's own mark
rule(np.diff,
    lambda dy, y, x, n=1, axis=-1, prepend=NOTHING, append=NOTHING: diff_back(1, dy, x, n, axis, prepend, append),
    None,
    None,
    lambda dy, y, x, n, axis, prepend, append=NOTHING: diff_back(0, dy, x, n, axis, prepend, append),
    lambda dy, y, x, n, axis, prepend, append: diff_back(2, dy, x, n, axis, prepend, append),
)  # fmt: skip


@written_as(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """In the dtype of `ary`, to which NumPy casts what stands before and behind."""
    dy = np.diff(np.ravel(one_array(ary)))
    before, after = ([] if end is None else [np.ravel(one_array(end))] for end in (to_begin, to_end))
    return np.concatenate([end.astype(dy.dtype, casting="same_kind") for end in [*before, dy, *after]])


@written_as(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Central differences, and at both ends differences to one side."""
    f = floating(f)
    axes = range(np.ndim(f)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, np.ndim(f))
    if len(varargs) not in (0, len(axes)) and not (len(varargs) == 1 and np.ndim(*varargs) == 0):
        raise TypeError(f"np.gradient takes one spacing, or one for each of the {len(axes)} axes; got {len(varargs)}")
    if edge_order > 2:
        raise ValueError(f"np.gradient takes edge_order 1 or 2, not {edge_order}")
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    slopes = [slope_along(f, i, steps(h, np.shape(f)[i]), edge_order) for i, h in zip(axes, spacings, strict=True)]
    return slopes.pop() if len(slopes) == 1 else tuple(slopes)


def steps(spacing: Any, length: Any) -> Any:
    """The distances between coordinates: one number where they are given so, or where all are equal."""
    if np.ndim(spacing) == 0:
        return spacing
    if np.ndim(spacing) != 1 or len(spacing) != length:
        raise ValueError(
            f"np.gradient takes numbers as spacings, or one coordinate for each of the {length} values along the axis; "
            f"got an array of shape {np.shape(spacing)}"
        )
    h = np.diff(floating(spacing))
    # mutate: index equivalent because all are equal
    return h[0] if isinstance(h, np.ndarray) and np.all(h == h[0]) else h


def slope_along(f: Any, axis: Any, h: Any, edge_order: Any) -> Any:
    if np.shape(f)[axis] < edge_order + 1:
        raise ValueError(
            f"np.gradient with edge_order={edge_order} takes at least {edge_order + 1} values along each axis; "
            f"axis {axis} of {np.shape(f)} has {np.shape(f)[axis]}"
        )

    def part(start: Any, stop: Any) -> Any:
        return f[(slice(None),) * axis + (slice(start, stop),)]

    if np.ndim(h) == 0:
        inner = (part(2, None) - part(None, -2)) / (2.0 * h)
        ends = [(h, h), (h, h)]
    else:
        h = np.reshape(h, (-1,) + (1,) * (np.ndim(f) - axis - 1))  # along the axis
        p, q = h[:-1], h[1:]
        inner = (
            part(None, -2) * (-q / (p * (p + q)))
            + part(1, -1) * ((q - p) / (p * q))
            + part(2, None) * (p / (q * (p + q)))
        )
        ends = [(h[:1], h[1:2]), (h[-1:], h[-2:-1])]
    (near, far), (last, before) = ends
    if edge_order == 1:
        left, right = (part(1, 2) - part(0, 1)) / near, (part(-1, None) - part(-2, -1)) / last
    else:
        left = one_sided(part(0, 1), part(1, 2), part(2, 3), near, far)
        right = -one_sided(part(-1, None), part(-2, -1), part(-3, -2), last, before)
    y = np.concatenate([left, inner, right], axis)
    return y if y.dtype == f.dtype else y.astype(f.dtype)  # mutate: branch equivalent because it only saves a copy


def one_sided(f0: Any, f1: Any, f2: Any, p: Any, q: Any) -> Any:
    """Slope at 0 of the parabola through f(0), f(p) and f(p + q)."""
    return f1 * ((p + q) / (p * q)) - f0 * ((2.0 * p + q) / (p * (p + q))) - f2 * (p / (q * (p + q)))


@written_as(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    y = one_array(y)
    if x is not None and np.ndim(x := one_array(x)) == 1:
        dx = np.reshape(np.diff(x), (-1,) + (1,) * (np.ndim(y) - axis % np.ndim(y) - 1))  # along the axis
    elif x is not None:
        dx = np.diff(x, axis=axis)
    before = (slice(None),) * (axis % np.ndim(y))
    return np.sum(dx * (y[(*before, slice(1, None))] + y[(*before, slice(-1))]) / 2.0, axis)


# Interpolation


@written_as(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """With a period: sort the nodes within one period and put a copy of the last before and of the first behind."""
    from pellucid.tensor import data_of, record

    x, xp, fp = one_array(x), one_array(xp), one_array(fp)
    if period is not None:
        if period == 0:
            raise ValueError("np.interp takes a period that is not 0")
        period = abs(period)
        x, xp = x.astype(np.float64) % period, xp.astype(np.float64) % period
        order = np.argsort(data_of(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    return record(interpolate, (x, xp, fp, left, right), {})


def interpolate(x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    ends: Any = [complex(end) if np.iscomplexobj(end) else end for end in (left, right)]  # NumPy takes Python's only
    return np.interp(x, xp, fp, *ends)


def segment(x: Any, xp: Any, fp: Any) -> Any:
    """Where each x lies: the nodes i and j around it, its place t between them, the slope there, and if it is outside.

    y = (1 − t) fᵢ + t fⱼ; outside, the first node has t = 0 and the last one t = 1.
    """
    from pellucid.tensor import data_of

    nodes, n = data_of(xp), len(xp)
    below, above = data_of(x) < nodes[0], data_of(x) > nodes[-1]
    i = np.searchsorted(nodes[1:-1], data_of(x), side="right")
    j = np.minimum(i + 1, n - 1)
    same = nodes[i] == nodes[j]  # a single node, or two in one place at the end: its value is that of the last
    # mutate: number equivalent because t and slope are known then
    width = np.where(same, 1.0, xp[j] - xp[i])
    x = np.where(below, xp[0], np.where(above, xp[-1], x))
    t = np.where(same, 1.0, (x - xp[i]) / width)
    slope = np.where(below | above | same, 0.0, (fp[j] - fp[i]) / width)
    return np.stack([i, j]), t, slope, below, above


def interpolate_x(dy: Any, y: Any, x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    return dy * segment(x, xp, fp)[2]


def interpolate_xp(dy: Any, y: Any, x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    """A node that moves to the right takes its segment along: −slope times its share in y."""
    nodes, t, slope, _, _ = segment(x, xp, fp)
    dy = -np.real(dy * slope)
    return scatter(np.stack([dy * (1 - t), dy * t]), nodes, xp)


def interpolate_fp(dy: Any, y: Any, x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    nodes, t, _, below, above = segment(x, xp, fp)
    dy = np.where((below & (left is not None)) | (above & (right is not None)), 0.0, dy)
    return scatter(np.stack([dy * (1 - t), dy * t]), nodes, fp)


rule(interpolate,
    interpolate_x,
    interpolate_xp,
    interpolate_fp,
    lambda dy, y, x, xp, fp, left, right: np.where(segment(x, xp, fp)[3], dy, 0.0),
    lambda dy, y, x, xp, fp, left, right: np.where(segment(x, xp, fp)[4], dy, 0.0),
)  # fmt: skip
rule(np.unwrap, lambda dy, y, p, discont=None, axis=-1, period=2 * np.pi: dy)


# Convolution:  yₖ = Σᵢ aᵢ vₖ₋ᵢ ;  correlation:  yₖ = Σᵢ aᵢ₊ₖ v̄ᵢ, with the conjugate of v


def overlaps(dy: Any, a: Any, v: Any, reversed_where_short: Any = False) -> Any:
    """`dy` for all overlaps of a and v, with zeros for those that the mode leaves out at both ends."""
    short, long = sorted([np.size(a), np.size(v)])
    partial = np.size(dy) - (long - short + 1)  # results where the two overlap in part
    before = short - 1 - (partial + 1) // 2
    after = short + long - 1 - np.size(dy) - before
    if reversed_where_short and np.size(a) < np.size(v):
        before, after = after, before
    return np.concatenate([np.zeros(before, dy.dtype), dy, np.zeros(after, dy.dtype)])


def correlate_left(dy: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    return np.correlate(overlaps(dy, a, v, True), np.flip(v), "valid")


def correlate_right(dy: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    return np.flip(np.conj(np.correlate(overlaps(dy, a, v, True), np.conj(a), "valid")))


# mutate: arguments equivalent because the overlaps of a with v are those of v with a
rule(np.convolve,
    lambda dy, y, a, v, mode="full": np.correlate(overlaps(dy, a, v), np.conj(np.ravel(v)), "valid"),
    lambda dy, y, a, v, mode="full": np.correlate(overlaps(dy, a, v), np.conj(np.ravel(a)), "valid"),
)  # fmt: skip
rule(np.correlate, correlate_left, correlate_right)
