"""Merging layers: several inputs become one, or many axes one.

Sums of branches make residual networks, products make gates, and flattening leads from images to linear layers. Inputs
may differ in shape as far as broadcasting allows.

    Add         y = Σᵢ xᵢ                dxᵢ = dy                                                (1)
    Multiply    y = Πᵢ xᵢ                dxᵢ = dy Πⱼ≠ᵢ xⱼ                                        (2)
    Flatten     axes s … e as one        dx = dy in the shape of x                               (3)

The product in (2) leaves out xᵢ instead of dividing y by it, which could be 0: it is that of all before i times that of
all after i, and both grow one factor at a time. Where broadcasting stretched an axis of xᵢ, the tape sums its gradient
over that axis.

Symbols
-------
    paper   code                  shape          meaning
    xᵢ      xs                    broadcastable  inputs
    y       y                     all of them    result
    s, e    start_dim, end_dim    ()             the first and the last axis that are joined
    d·      dy                    as ·           gradient of the loss

Cost: n − 1 operations an entry for n inputs, and 3 n backward in a product; flattening copies nothing that is
contiguous.

References
----------
    He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition": branches that are added.
Differs from it: nothing.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid_nn.activations import checked
from pellucid_nn.module import Module


@primitive
def add(*xs: Any) -> Any:
    """The sum of all arguments, with its gradients.

    Parameters
    ----------
    *xs : arrays
        At least one, of shapes that broadcast.

    Returns
    -------
    array, shape that they broadcast to
    """
    y = xs[0]
    for x in xs[1:]:
        y = y + x  #                                                                              (1)
    return y, lambda dy: (dy,) * len(xs)  #                                                       (1)


@primitive
def multiply(*xs: Any) -> Any:
    """The product of all arguments, with its gradients; arguments and result are as those of `add`."""
    before = [xs[0]]  # products of the first 1, 2, … of them
    for x in xs[1:]:
        before.append(before[-1] * x)  #                                                          (2)

    def vjp(dy: Any) -> Any:
        dxs = []
        for i in reversed(range(1, len(xs))):
            dxs.append(dy * before[i - 1])  # dy has the factors after i in it by now             (2)
            dy = dy * xs[i]  #                                                                    (2)
        return (dy, *reversed(dxs))

    return before[-1], vjp


@primitive
def flatten(x: Any, *, start_dim: int = 0, end_dim: int = -1) -> Any:
    """x with the axes from start_dim to end_dim as one, with its gradient.

    Parameters
    ----------
    x : array, any shape
        A single number has one axis here.
    start_dim, end_dim : int
        The first and the last axis that are joined; negative ones count from the end.

    Returns
    -------
    array, shape (..., joined, ...)

    Raises
    ------
    ValueError
        If `x` has no such axes.
    """
    start, end = joined_axes(x.shape, start_dim, end_dim)
    shape = (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
    return x.reshape(shape), lambda dy: dy.reshape(x.shape)  #                                    (3)


def joined_axes(shape: tuple[int, ...], start_dim: int, end_dim: int) -> tuple[int, int]:
    """Both axes, counted from the front, or an error. A single number has one axis here, as in PyTorch."""
    N = max(len(shape), 1)
    start, end = start_dim + N * (start_dim < 0), end_dim + N * (end_dim < 0)
    if not 0 <= start <= end < N:
        raise ValueError(
            f"start_dim and end_dim must name axes of x, the first not behind the last: x has shape {shape}, start_dim "
            f"is {start_dim}, end_dim is {end_dim}"
        )
    return start, end


def broadcastable(xs: tuple[Any, ...]) -> list[Any]:
    """The inputs of a merging layer, or an error."""
    if not xs:
        raise ValueError("there must be at least one input to merge; got none")
    xs = tuple([checked(x) for x in xs])
    shapes = ", ".join(str(x.shape) for x in xs)
    try:
        np.broadcast_shapes(*[x.shape for x in xs])
    except ValueError:
        raise ValueError(f"inputs must broadcast against each other; their shapes are {shapes}") from None
    if len({x.dtype for x in xs}) > 1:
        raise TypeError(
            f"inputs must have one dtype; theirs are {', '.join(str(x.dtype) for x in xs)}: convert them with .astype"
        )
    return list(xs)


class Add(Module):
    """The sum of its inputs, entry by entry.

    Raises
    ------
    ValueError
        When called without inputs, or on shapes that do not broadcast.
    TypeError
        When called on inputs that are not floating point, or differ in dtype.
    """

    def forward(self, *xs: Any) -> Any:
        return add(*broadcastable(xs))


class Multiply(Module):
    """The product of its inputs, entry by entry; errors are those of `Add`."""

    def forward(self, *xs: Any) -> Any:
        return multiply(*broadcastable(xs))

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * (len(args) - 1)


class Flatten(Module):
    """Several axes as one; by default all but the first, so that every example becomes a row.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last axis that are joined.

    Raises
    ------
    ValueError
        When called, if `x` has no such axes.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else np.asarray(x)
        return flatten(x, start_dim=self.start_dim, end_dim=self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
