"""Maximum pooling: every window of an image is replaced by its largest entry.

What counts is that a pattern was found, less where exactly. The image shrinks by the stride s; windows of kh × kw
entries, d apart, begin p outside of it, and what they see there never wins:

    y[a, b] = max x[s a + d i − p, s b + d j − p]  over i < kh, j < kw                           (1)

Gradient.  A small change of the largest entry is a change of the result, and that of another entry is none. The winner
(of equal ones the first, in reading order; NaN wins over all numbers, and of several the last) gets the gradient;
windows overlap where s < k, and their gradients add up:

    dx[u, v] = Σ dy[a, b] over all windows (a, b) that (u, v) has won                            (2)

With the winners fixed, dx depends on dy alone, and the gradient of (2) picks what stands at the winner of each window:

    dy[a, b] = dx[winner of (a, b)]                                                              (3)

Symbols
-------
    paper   code       shape              meaning
    x, y    x, y       (N, C, H, W)       images, and their maxima (N, C, Ho, Wo)
    i, j    i, j       ()                 position in the kernel
    a, b    where      two slices         all windows at once: what position (i, j) meets in each
            winner     (N, C, Ho, Wo)     which position was largest, counted in reading order; −1 if all was padding
    d·      dy         as ·               gradient of the loss

Cost: O(N C Ho Wo kh kw) time, a few array operations per position of the kernel; the tape keeps the winners.

References
----------
    Ranzato, Huang, Boureau & LeCun (2007), "Unsupervised learning of invariant feature hierarchies with applications to
    object recognition": maxima in networks that learn.
Differs from them: arguments and ties are PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.module import Module
from pellucid_nn.pooling_windows import Windows, check_images, pooling_settings, windows


@primitive
def max_pool2d(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of every window, with its gradient.

    Parameters
    ----------
    x : array, shape (N, C, H, W) or (C, H, W)
        Floating point, or whole numbers.
    kernel_size : int or pair of int
        kh and kw.
    stride : int or pair of int, optional
        s; by default `kernel_size`.
    padding : int or pair of int
        p, at most half of `kernel_size`.
    dilation : int or pair of int
        d.
    ceil_mode : bool
        Whether a last window may reach beyond the end.

    Returns
    -------
    array, shape (N, C, Ho, Wo) or (C, Ho, Wo)
        A window that lies in the padding alone has the least number that there is.

    Raises
    ------
    ValueError
        If `x` has another number of axes, a setting makes no sense, or no window fits.
    TypeError
        If `x` does not hold numbers.
    """
    check_images(x, "fiu")
    k, s, p, d = pooling_settings(kernel_size, stride, padding, dilation)
    at = windows(x.shape[-2:], k, s, p, d, ceil_mode)
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    wide = at.surrounded(data_of(x), least)
    y = np.full((*x.shape[:-2], *at.out), least, x.dtype)  # (N, C, Ho, Wo)
    winner = np.empty(y.shape, np.int32)
    winner[...] = first_inside(at)  # wins unless another one is larger
    for n, (i, j) in enumerate(np.ndindex(k)):
        entries = wide[at.met_by(i, j)]  # (N, C, Ho, Wo)
        np.copyto(winner, n, where=(entries > y) | np.isnan(entries))
        np.maximum(y, entries, out=y)  #                                                          (1)
    return y, lambda dy: to_winners(dy, winner, at=at)


@primitive
def to_winners(dy: Any, winner: Any, *, at: Windows) -> Any:
    """Give what belongs to each window to the entry that has won it: (..., Ho, Wo), (..., Ho, Wo) -> (..., H, W)."""
    given = data_of(dy)
    wide = np.zeros((*given.shape[:-2], *at.room), given.dtype)
    for n, (i, j) in enumerate(np.ndindex(at.kernel)):
        where = at.met_by(i, j)
        wide[where] += np.where(winner == n, given, 0)  #                                         (2)
    return at.middle(wide), (lambda dx: from_winners(dx, winner, at=at), None)


@primitive
def from_winners(x: Any, winner: Any, *, at: Windows) -> Any:
    """What stands where each window was won: (..., H, W), (..., Ho, Wo) -> (..., Ho, Wo)."""
    wide = at.surrounded(data_of(x), 0)
    y = np.zeros(winner.shape, x.dtype)
    for n, (i, j) in enumerate(np.ndindex(at.kernel)):
        where = at.met_by(i, j)
        y += np.where(winner == n, wide[where], 0)  #                                             (3)
    return y, (lambda dy: to_winners(dy, winner, at=at), None)


def first_inside(at: Windows) -> NDArray[Any]:
    """The first position of each window that is not padding, or −1: (Ho, Wo)."""
    ours = at.surrounded(np.ones(at.size), 0)
    seen = np.array([ours[at.met_by(i, j)] for i, j in np.ndindex(at.kernel)])  # (kh kw, Ho, Wo)
    return np.where(seen.any(axis=0), seen.argmax(axis=0), -1)


class MaxPool2d(Module):
    """The largest entry of every window.

    Parameters
    ----------
    kernel_size : int or pair of int
        Height and width of a window.
    stride : int or pair of int, optional
        How far windows are apart; by default as far as they are large.
    padding : int or pair of int
        How far windows reach over the edges, at most half of `kernel_size`.
    dilation : int or pair of int
        How far the entries of a window are apart.
    return_indices : bool
        As in PyTorch, but only False is accepted.
    ceil_mode : bool
        Whether a last window may reach beyond the end.

    Raises
    ------
    ValueError
        If one of them is no number that makes sense, padding is more than half of the kernel, or `return_indices` is
        True.
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        if return_indices:
            raise ValueError("return_indices is not supported: the result is the maxima alone")
        pooling_settings(kernel_size, stride, padding, dilation)
        self.kernel_size, self.padding, self.dilation, self.ceil_mode = kernel_size, padding, dilation, ceil_mode
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Any) -> Any:
        """The maxima of x (N, C, H, W) or (C, H, W): the result is (..., Ho, Wo).

        Raises
        ------
        ValueError
            If `x` has another number of axes, or no window fits into it.
        TypeError
            If `x` does not hold numbers.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        options = {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding}
        return max_pool2d(x, **options, dilation=self.dilation, ceil_mode=self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )
