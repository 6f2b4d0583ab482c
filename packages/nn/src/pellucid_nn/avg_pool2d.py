"""Average pooling: every window of an image is replaced by its mean.

The image shrinks by the stride s; windows of kh × kw entries begin p outside of it, where they see zeros:

    z[a, b] = Σ x[s a + i − p, s b + j − p]  over i < kh, j < kw                                 (1)
    y[a, b] = z[a, b] / n[a, b]                                                                  (2)

What n counts is a choice: the entries of the window that lie in the image, or (as PyTorch does unless told otherwise)
those in the image and its padding, or one number for all. Along one axis of length H window a holds

    without padding    min(s a − p + k, H) − max(s a − p, 0)                                     (3)
    with padding       min(s a − p + k, H + p) − (s a − p)                                       (4)

entries, and n is the product of both axes. In ceil mode a last window reaches beyond the padding; that part is in
neither count.

Gradient.  Every entry of a window gets the same share, and windows overlap where s < k:

    dx[u, v] = Σ dy[a, b] / n[a, b] over all windows (a, b) that hold (u, v)                     (5)

The sums in (1) and (5) are each the gradient of the other.

Symbols
-------
    paper   code       shape              meaning
    x, y    x, y       (N, C, H, W)       images, and their means (N, C, Ho, Wo)
    z       z          (N, C, Ho, Wo)     sums over windows
    n       n          (Ho, Wo)           what they are divided by
    i, j    i, j       ()                 position in the kernel
    s, p, k  s, p, k   ()                 stride, padding and size of the kernel along an axis
    d·      dy         as ·               gradient of the loss

Cost: O(N C Ho Wo kh kw) time, one array operation per position of the kernel; the tape keeps no array.

References
----------
    LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document recognition", sec. II.B:
    subsampling layers, which are averages with a weight and a bias.
Differs from them: no weight and no bias; (3), (4) and ceil mode are PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.kernel_positions import pair
from pellucid_nn.module import Module
from pellucid_nn.pooling_windows import Windows, check_images, pooling_settings, windows


def avg_pool2d(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of every window, with its gradient.

    Parameters
    ----------
    x : array, shape (N, C, H, W) or (C, H, W)
        Floating point.
    kernel_size : int or pair of int
        kh and kw.
    stride : int or pair of int, optional
        s; by default `kernel_size`.
    padding : int or pair of int
        p, at most half of `kernel_size`.
    ceil_mode : bool
        Whether a last window may reach beyond the end.
    count_include_pad : bool
        Whether n is (4) or (3).
    divisor_override : int, optional
        n, for all windows; not 0.

    Returns
    -------
    array, shape (N, C, Ho, Wo) or (C, Ho, Wo)

    Raises
    ------
    ValueError
        If `x` has another number of axes, a setting makes no sense, or no window fits.
    TypeError
        If `x` is not floating point.
    """
    check_images(x)
    k, s, p, _ = pooling_settings(kernel_size, stride, padding)
    check_divisor(divisor_override)
    at = windows(x.shape[-2:], k, s, p, ceil_mode=ceil_mode)
    n = counts(at, count_include_pad) if divisor_override is None else np.full(at.out, divisor_override)
    return window_means(x, n.astype(x.dtype), at=at)


@primitive
def window_means(x: Any, n: Any, *, at: Windows) -> Any:
    """Sums over windows, divided by n: (..., H, W), (Ho, Wo) -> (..., Ho, Wo)."""
    wide = at.surrounded(data_of(x), 0)
    z = np.zeros((*x.shape[:-2], *at.out), x.dtype)
    for i, j in np.ndindex(at.kernel):
        z += wide[at.met_by(i, j)]  #                                                             (1)
    y = z / n  # (..., Ho, Wo)                                                                    (2)
    return y, (lambda dy: window_shares(dy, n, at=at), None)


@primitive
def window_shares(dy: Any, n: Any, *, at: Windows) -> Any:
    """Each entry's part of what belongs to the windows that hold it: (..., Ho, Wo), (Ho, Wo) -> (..., H, W)."""
    share = data_of(dy) / n
    wide = np.zeros((*dy.shape[:-2], *at.room), share.dtype)
    for i, j in np.ndindex(at.kernel):
        wide[at.met_by(i, j)] += share  #                                                         (5)
    return at.middle(wide), (lambda dx: window_means(dx, n, at=at), None)


def check_divisor(divisor_override: int | None) -> None:
    """Raise ValueError where the divisor is 0."""
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0: leave it None to divide by counts")


def counts(at: Windows, count_include_pad: bool) -> NDArray[Any]:
    """How many entries each window holds: (Ho, Wo)."""
    along = []
    for H, k, s, p, out in zip(at.size, at.kernel, at.stride, at.padding, at.out, strict=True):
        start = s * np.arange(out) - p
        if count_include_pad:
            along.append(np.minimum(start + k, H + p) - start)  #                                 (4)
        else:
            along.append(np.minimum(start + k, H) - np.maximum(start, 0))  #                      (3)
    return np.outer(*along)


class AvgPool2d(Module):
    """The mean of every window.

    Parameters
    ----------
    kernel_size : int or pair of int
        Height and width of a window.
    stride : int or pair of int, optional
        How far windows are apart; by default as far as they are large.
    padding : int or pair of int
        How many zeros windows see beyond the edges, at most half of `kernel_size`.
    ceil_mode : bool
        Whether a last window may reach beyond the end.
    count_include_pad : bool
        Whether these zeros count where the mean is taken.
    divisor_override : int, optional
        What to divide by instead of a count.

    Raises
    ------
    ValueError
        If one of them is no number that makes sense, padding is more than half of the kernel, or the divisor is 0.
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        pooling_settings(kernel_size, stride, padding)
        check_divisor(divisor_override)
        self.kernel_size, self.padding, self.ceil_mode = kernel_size, padding, ceil_mode
        self.stride = kernel_size if stride is None else stride
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        """The means of x (N, C, H, W) or (C, H, W): the result is (..., Ho, Wo).

        Raises
        ------
        ValueError
            If `x` has another number of axes, or no window fits into it.
        TypeError
            If `x` is not floating point.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        return avg_pool2d(
            x,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
            divisor_override=self.divisor_override,
        )

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * int(np.prod(pair(self.kernel_size, "kernel_size")))

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
