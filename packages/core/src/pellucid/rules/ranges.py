"""Derivatives of numbers between two others: linspace, logspace, geomspace.

The t-th of these numbers lies a share tᵢ of the way from start to stop.
"""

from typing import Any

import numpy as np

from pellucid.tape import rule, written_as


def along(dy: Any, weights: Any, axis: Any) -> Any:
    """The sum of `dy` along an axis, each entry with its weight."""
    return np.tensordot(weights, np.moveaxis(dy, axis, 0), 1)


def shares(num: Any, endpoint: Any, dtype: Any) -> Any:
    """The way from start to stop in `num` steps: 0, …, and 1 if the end is among them."""
    return (np.arange(num) / max(num - bool(endpoint), 1)).astype(dtype)


def linspace_start(
    dy: Any, y: Any, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False,
    dtype: Any = None, axis: Any = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """1 − t for each number, and −1 / steps for the step."""
    d, dstep = dy if retstep else (dy, 0.0)
    t = shares(num, endpoint, d.dtype)
    steps = num - bool(endpoint)
    return along(d, 1 - t, axis) - (dstep / steps if steps > 0 else 0.0)


def linspace_stop(
    dy: Any, y: Any, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False,
    dtype: Any = None, axis: Any = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """t for each number, and 1 / steps for the step."""
    d, dstep = dy if retstep else (dy, 0.0)
    steps = num - bool(endpoint)
    return along(d, shares(num, endpoint, d.dtype), axis) + (dstep / steps if steps > 0 else 0.0)


def geomspace_start(
    dy: Any, y: Any, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: Any = 0
) -> Any:
    """Of y = start¹⁻ᵗ stopᵗ: (1 − t) y / start."""
    return along(dy * y, 1 - shares(num, endpoint, np.real(dy).dtype), axis) / start


def geomspace_stop(
    dy: Any, y: Any, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: Any = 0
) -> Any:
    """Of y = start¹⁻ᵗ stopᵗ: t y / stop."""
    return along(dy * y, shares(num, endpoint, np.real(dy).dtype), axis) / stop


rule(np.linspace, linspace_start, linspace_stop)
rule(np.geomspace, geomspace_start, geomspace_stop)


@written_as(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0
) -> Any:
    if np.ndim(base):
        shape = np.broadcast_shapes(np.shape(start), np.shape(stop), np.shape(base))
        start, base = np.broadcast_to(start, shape), np.expand_dims(np.broadcast_to(base, shape), axis)
    y = base ** np.linspace(start, stop, num, endpoint, axis=axis)
    return y if dtype is None else y.astype(dtype)
