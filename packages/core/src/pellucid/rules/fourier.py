"""Derivatives of `np.fft`.

Every transform is linear, so its rule is its transpose. The matrix of `fft` is symmetric: its transpose is `fft` again,
cut or filled with zeros to the length that x had. A real signal of n values has n // 2 + 1 coefficients that differ;
each stands for itself and its mirror image, but for number 0 and, where n is even, number n / 2, which are their own.
These two are real: `irfft` and `hfft` do not look at their imaginary parts, whose gradient is 0.
"""

from typing import Any

import numpy as np

from pellucid.tape import rule, written_as


def resized(x: Any, n: Any, axis: Any) -> Any:
    """The first n values along an axis, or zeros after all of them: the transpose of how a transform comes to its n."""
    axis = axis % np.ndim(x)
    missing = n - np.shape(x)[axis]
    if missing > 0:  # mutate: boundary equivalent because no zeros are added where none are missing
        return np.pad(x, [(0, missing) if i == axis else (0, 0) for i in range(np.ndim(x))])
    return x[(slice(None),) * axis + (slice(n),)]


def copies(n: Any, axis: Any, like: Any) -> Any:
    """How many of the n coefficients of a real signal each of the first n // 2 + 1 stands for."""
    k = np.arange(n // 2 + 1)
    each = np.where((0 < k) & (2 * k < n), np.int8(2), np.int8(1))  # int8: every float type stays what it is beside it
    return np.reshape(each, (len(k),) + (1,) * (np.ndim(like) - 1 - axis % np.ndim(like)))


def any_to_any(transposed: Any) -> Any:
    """The rule of a transform of n complex values to n complex values."""

    def back(dy: Any, y: Any, x: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        return resized(transposed(dy, None, axis, norm), np.shape(x)[axis], axis)

    return back


def real_to_half(transposed: Any) -> Any:
    """The rule of a transform of n real values to n // 2 + 1 coefficients."""

    def back(dy: Any, y: Any, x: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        given = np.shape(x)[axis]
        n = given if n is None else n
        return resized(transposed(dy / copies(n, axis, y), n, axis, norm), given, axis)

    return back


def half_to_real(transposed: Any) -> Any:
    """The rule of a transform of n // 2 + 1 coefficients to n real values."""

    def back(dy: Any, y: Any, x: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        return resized(transposed(dy, None, axis, norm) * copies(np.shape(y)[axis], axis, y), np.shape(x)[axis], axis)

    return back


# fmt: off
rule(np.fft.fft,       any_to_any(np.fft.fft))
rule(np.fft.ifft,      any_to_any(np.fft.ifft))
rule(np.fft.rfft,      real_to_half(np.fft.hfft))
rule(np.fft.ihfft,     real_to_half(np.fft.irfft))
rule(np.fft.irfft,     half_to_real(np.fft.ihfft))
rule(np.fft.hfft,      half_to_real(np.fft.rfft))
rule(np.fft.fftshift,  lambda dy, y, x, axes=None: np.fft.ifftshift(dy, axes))
rule(np.fft.ifftshift, lambda dy, y, x, axes=None: np.fft.fftshift(dy, axes))
# fmt: on

# A transform of several axes is one of each axis in turn, in NumPy's order.


def lengths(x: Any, s: Any, axes: Any) -> Any:
    """Pairs of length and axis; a length that s leaves open is that of x."""
    if axes is None:
        axes = range(-np.ndim(x) if s is None else -len(s), 0)
    if s is None:
        s = [-1] * len(axes)
    if len(s) != len(axes):
        raise ValueError(f"s and axes must be equally long; these have {len(s)} and {len(axes)} values: {s}, {axes}")
    return [(np.shape(x)[axis] if n == -1 else n, axis) for n, axis in zip(s, axes, strict=True)]


@written_as(np.fft.fftn)
def fftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    for n, axis in reversed(lengths(x, s, axes)):
        x = np.fft.fft(x, n, axis, norm)
    return x


@written_as(np.fft.ifftn)
def ifftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    for n, axis in reversed(lengths(x, s, axes)):
        x = np.fft.ifft(x, n, axis, norm)
    return x


@written_as(np.fft.rfftn)
def rfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    *others, (n, axis) = lengths(x, s, axes)
    x = np.fft.rfft(x, n, axis, norm)
    for n, axis in reversed(others):
        x = np.fft.fft(x, n, axis, norm)
    return x


@written_as(np.fft.irfftn)
def irfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    *others, (n, axis) = lengths(x, s, axes)
    for n_other, other in others:
        x = np.fft.ifft(x, n_other, other, norm)
    return np.fft.irfft(x, None if s is None else n, axis, norm)


@written_as(np.fft.fft2)
def fft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return fftn(x, s, axes, norm)


@written_as(np.fft.ifft2)
def ifft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return ifftn(x, s, axes, norm)


@written_as(np.fft.rfft2)
def rfft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return rfftn(x, s, axes, norm)


@written_as(np.fft.irfft2)
def irfft2(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return irfftn(x, s, axes, norm)
