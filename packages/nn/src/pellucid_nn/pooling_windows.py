"""Where the windows of a pooling layer stand.

Along an axis of length H, window a looks at the entries s a + d i − p of the input, for i = 0 … k−1: k is the size of
the kernel, s the stride, d the dilation and p the padding in front. There are ⌊(H + 2 p − d (k − 1) − 1) / s⌋ + 1 of
them. In "ceil mode" the quotient is rounded up, but no window begins behind the input: one that did would see nothing
but padding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]


class Windows(NamedTuple):
    """Windows over two axes; every field has one entry for each."""

    size: Pair  # H, W of the input
    kernel: Pair  # kh, kw
    stride: Pair
    padding: Pair  # in front
    dilation: Pair
    out: Pair  # Ho, Wo: how many windows there are

    @property
    def room(self) -> Pair:
        """Height and width of the input with all that windows reach beyond it."""
        _, (kh, kw), (sh, sw), (ph, pw), (dh, dw), (Ho, Wo) = self
        H, W = self.size
        rows = max(ph + H, sh * (Ho - 1) + dh * (kh - 1) + 1)
        return rows, max(pw + W, sw * (Wo - 1) + dw * (kw - 1) + 1)

    @property
    def inside(self) -> tuple[Any, slice, slice]:
        """Where the input stands in that room: an index, (..., H, W)."""
        (H, W), (ph, pw) = self.size, self.padding
        return ..., slice(ph, ph + H), slice(pw, pw + W)

    def met_by(self, i: int, j: int) -> tuple[Any, slice, slice]:
        """What position (i, j) of the kernel meets in that room, one entry per window: an index, (..., Ho, Wo)."""
        (sh, sw), (dh, dw), (Ho, Wo) = self.stride, self.dilation, self.out
        rows = slice(dh * i, dh * i + sh * (Ho - 1) + 1, sh)
        return ..., rows, slice(dw * j, dw * j + sw * (Wo - 1) + 1, sw)

    def surrounded(self, x: NDArray[Any], value: float) -> NDArray[Any]:
        """The input with `value` all around: (..., H, W) -> (..., rows, columns)."""
        wide = np.full((*x.shape[:-2], *self.room), value, x.dtype)
        wide[self.inside] = x
        return wide

    def middle(self, wide: NDArray[Any]) -> NDArray[Any]:
        """The input's part of an array with that room, in memory of its own: (..., rows, columns) -> (..., H, W)."""
        return wide if self.room == self.size else np.ascontiguousarray(wide[self.inside])


def windows(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1), ceil_mode: bool = False
) -> Windows:
    """The windows over an input of a size.

    Raises
    ------
    ValueError
        If there is none.
    """
    out = []
    for H, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        free = H + 2 * p - d * (k - 1) - 1
        n = (free + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (n - 1) * s >= H + p:
            n -= 1
        out.append(n)
    if min(out) < 1:
        raise ValueError(
            f"no window fits: the input is {size[0]} x {size[1]} with padding {padding}, the kernel {kernel} with "
            f"dilation {dilation}; take a smaller kernel or a larger input"
        )
    return Windows(size, kernel, stride, padding, dilation, (out[0], out[1]))


def pair(value: Any, name: str, least: int = 1) -> Pair:
    """One whole number for both axes, or one for each."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in both):
        raise ValueError(f"{name} must be a whole number of {least} or more, or a pair of them; got {value!r}")
    return int(both[0]), int(both[1])


def check_padding(padding: Pair, kernel: Pair) -> None:
    """Raise ValueError where padding is more than half a kernel."""
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(
            f"padding must be at most half of the kernel, so that no window sees nothing but padding: padding is "
            f"{padding}, the kernel {kernel}"
        )


def check_images(x: Any) -> None:
    """Raise unless x is (N, C, H, W) or (C, H, W) and floating point."""
    if x.ndim not in (3, 4):
        raise ValueError(f"x must have the shape (N, C, H, W) or (C, H, W): x has shape {x.shape}")
    if x.dtype.kind != "f":
        raise TypeError(f"x must be floating point; it is {x.dtype}: convert it with x.astype(float)")
