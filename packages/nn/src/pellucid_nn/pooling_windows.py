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

from pellucid_nn.kernel_positions import pair

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


def pooling_settings(kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> tuple[Pair, Pair, Pair, Pair]:
    """Kernel, stride, padding and dilation, each for both axes; without a stride the kernel is the stride.

    Raises
    ------
    ValueError
        If one of them is no whole number that makes sense, or the padding is more than half of the kernel.
    """
    k = pair(kernel_size, "kernel_size")
    s = k if stride is None else pair(stride, "stride")
    p, d = pair(padding, "padding", 0), pair(dilation, "dilation")
    if any(2 * before > size for before, size in zip(p, k, strict=True)):
        raise ValueError(
            f"padding must be at most half of the kernel, so that no window sees nothing but padding: padding is {p}, "
            f"the kernel {k}"
        )
    return k, s, p, d


def check_images(x: Any, kinds: str = "f") -> None:
    """Raise unless x is (N, C, H, W) or (C, H, W), of one of these kinds of numbers (letters are NumPy's)."""
    if x.ndim not in (3, 4):
        raise ValueError(f"x must have the shape (N, C, H, W) or (C, H, W): x has shape {x.shape}")
    if x.dtype.kind not in kinds:
        numbers = "numbers" if "i" in kinds else "floating point"
        raise TypeError(f"x must be {numbers}; it is {x.dtype}: convert it with x.astype(float)")
