"""Batch normalization: every channel is centred and scaled by its mean and variance over the batch.

While it learns, the M numbers that a batch holds for one channel (one per example, or one per example and place) are
brought to mean 0 and variance 1, and then stretched and shifted by what the layer has learnt. With n running over all
of these M numbers and c over the channels,

    μ_c = Σₙ x_nc / M                                                                            (1)
    v_c = Σₙ (x_nc − μ_c)² / M                                                                   (2)
    r_c = 1 / √(v_c + ε)                                                                         (3)
    x̂_nc = r_c (x_nc − μ_c)                                                                      (4)
    y_nc = w_c x̂_nc + b_c                                                                        (5)

In eval mode an example shall not depend on the others beside it, and (4) takes running means of μ and v, which are kept
while the layer learns. A sample's variance is too small by (M − 1) / M, since μ is fitted to it; η is the momentum:

    μ̄ ← (1 − η) μ̄ + η μ                                                                          (6)
    v̄ ← (1 − η) v̄ + η v M / (M − 1)                                                              (7)

or, with momentum None, η = 1 / (number of batches so far), which makes them plain means over all batches.

Gradient.  As in `layer_norm.py`, with sums over the batch in the place of sums over a row:

    g_nc = dy_nc w_c                                                                             (8)
    dw_c = Σₙ dy_nc x̂_nc                                                                         (9)
    db_c = Σₙ dy_nc                                                                              (10)
    dx_nc = r_c (g_nc − Σₘ g_mc / M − x̂_nc Σₘ g_mc x̂_mc / M)                                     (11)

In eval mode μ̄ and v̄ are constants: only the first term of (11) remains.

Symbols
-------
    paper   code                shape          meaning
    x       x                   (N, C, ...)    inputs; M is the product of all sizes but C
    μ       mean                (C,)           means
    v       var                 (C,)           variances
    μ̄, v̄    running_mean, running_var  (C,)    their running means
    η       momentum            ()             weight of the newest batch
    c       c                   (N, C, ...)    centred inputs, x − μ; the mean is taken away roughly first (`rough`)
    s       s                   (1, C, ...)    1, or a power of two that keeps squares finite; z is c / s
    r       r                   (1, C, ...)    one over the standard deviation; that of z, so that x̂ = r z
    x̂       x_hat               (N, C, ...)    normalized inputs
    w, b    W, b                (C,)           scale and shift: `weight` and `bias`
    ε       eps                 ()             added to the variance
    g       g                   (N, C, ...)    gradient of x̂
    d·      dy                  as ·           gradient of the loss

Cost: O(M C) time and memory. Where channels hold more than one number per example, the layers use
`batch_norm_in_blocks.py`, which does the same with fewer trips to memory.

References
----------
    Ioffe & Szegedy (2015), "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", algorithms 1 and 2: (1)-(5), the gradient, and the unbiased variance of (7).
Differs from them: they average μ and v after training; (6) and (7) are PyTorch's. As in `layer_norm.py`, the mean is
taken away twice and squares are kept finite.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.layer_norm import check_dtype, scale_of
from pellucid_nn.module import Module, Parameter

ROWS = 1024  # that are added up at a time: one long sum in single precision would lose digits


@primitive
def batch_norm(x: Any, W: Any = None, b: Any = None, *, eps: float = 1e-5) -> Any:
    """Normalize every channel by the batch, and apply scale and shift; with all gradients.

    Parameters
    ----------
    x : array, shape (N, C) or (N, C, ...)
        Floating point.
    W, b : array, shape (C,), optional
        Scale and shift.
    eps : float
        ε, 0 or more.

    Returns
    -------
    array, shape of `x`
        NaN in a channel that has NaN or ∞ in it, or equal numbers with an ε of 0.
    """
    eps = float(eps)  # a number of NumPy's would widen single precision
    with np.errstate(divide="ignore", invalid="ignore"):
        rough = x - mean(x)
        c = rough - mean(rough)
        s = scale_of(c, batch_axes(x))
        z = c / s
        r = 1 / np.sqrt(mean(z * z) + eps / s / s)  # (1, C, ...): that of z                      (2) (3)
        x_hat = r * z  # (N, C, ...)                                                              (4)
    y = x_hat
    if W is not None:
        y = beside(W, x) * y  #                                                                   (5)
    if b is not None:
        y = y + beside(b, x)  #                                                                   (5)

    def dx(dy: Any) -> Any:
        g = dy if W is None else dy * beside(W, x)  # (N, C, ...)                                 (8)
        return r / s * (g - mean(g) - x_hat * mean(g * x_hat))  #                                 (11)

    def dW(dy: Any) -> Any:
        return total(dy * x_hat).astype(x.dtype)  # (C,)                                          (9)

    def db(dy: Any) -> Any:
        return total(dy).astype(x.dtype)  # (C,)                                                  (10)

    return y, (dx, dW, db)


def moments(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and variance of every channel: (N, C, ...) -> (C,), (C,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        rough = mean(x)
        rest = mean(x - rough)
        var = mean(np.square(x - rough - rest))  #                                                (2)
    return (rough + rest).reshape(-1), var.reshape(-1)  #                                         (1)


def mean(a: Any) -> Any:
    """The mean of every channel, in a shape that meets a: (N, C, ...) -> (C, ...)."""
    M = max(1, len(a) * prod(a.shape[2:]))  # where there is nothing, 0 / 1
    return (beside(total(a), a) / M).astype(a.dtype)  #                                           (1)


def total(a: Any) -> Any:
    """The sum of every channel, float32 at least: (N, C, ...) -> (C,)."""
    N, C, L = len(a), a.shape[1], prod(a.shape[2:])
    rows, kind = a.reshape(N, C * L), np.result_type(a.dtype, np.float32)
    blocks = [rows[start : start + ROWS] for start in range(0, max(N, 1), ROWS)]
    sums = sum(np.ones(len(block), kind) @ block for block in blocks)
    return sums.reshape(C, L).sum(axis=1)


def batch_axes(x: Any) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, x.ndim))


def beside(a: Any, x: Any) -> Any:
    """One number per channel, in a shape that meets x: (C,), (N, C, ...) -> (C, ...)."""
    return a.reshape(-1, *[1] * (x.ndim - 2))


class BatchNorm(Module):
    """What `BatchNorm1d` and `BatchNorm2d` share.

    Parameters
    ----------
    num_features : int
        C.
    eps : float
        ε, 0 or more. With 0 a channel of equal numbers is 0 / 0, NaN.
    momentum : float or None
        η, the weight of the newest batch in the running statistics; None makes them means over all batches.
    affine : bool
        Whether there are a scale and a shift to be learnt.
    track_running_stats : bool
        Whether there are running statistics; without them eval mode takes those of the batch, too.
    bias : bool
        Whether the shift is one of them.
    dtype : dtype
        Of parameters and buffers; inputs must have the same.

    Attributes
    ----------
    weight, bias : Parameter, shape (C,), or None
        Begin with 1 and 0.
    running_mean, running_var : array, shape (C,), or None
        Buffers; begin with 0 and 1.
    num_batches_tracked : array, shape (), or None
        How many batches they have seen.

    Raises
    ------
    ValueError
        If `num_features` is not 1 or more, or `eps` or `momentum` is less than 0.
    """

    shapes: tuple[str, ...] = ()  # what an input may look like

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if num_features < 1:
            raise ValueError(f"num_features must be 1 or more; got {num_features}")
        if not eps >= 0:
            raise ValueError(f"eps is added to a variance and must be 0 or more; got {eps}: try 1e-5")
        if momentum is not None and not momentum >= 0:
            raise ValueError(f"momentum must be 0 or more, or None; got {momentum}: try 0.1")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_features), dtype=dtype) if affine and bias else None
        self.running_mean: Any = None
        self.running_var: Any = None
        self.num_batches_tracked: Any = None
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, dtype))
            self.register_buffer("running_var", np.ones(num_features, dtype))
            self.register_buffer("num_batches_tracked", np.array(0, np.int64))

    def forward(self, x: Any) -> Any:
        """Normalize x, in train mode by the batch and in eval mode by the running statistics.

        Raises
        ------
        ValueError
            If `x` has another number of axes or channels, or one number per channel to take the variance of.
        TypeError
            If `x` is not floating point, or has another dtype than the weights.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        self._check(x)
        parameters = [p for p in (self.weight, self.bias) if p is not None]
        if x.size == 0:  # nothing to take the mean of, and nothing to normalize
            return self._stretched(x)
        if not self.training and self.track_running_stats:
            with np.errstate(divide="ignore", invalid="ignore"):
                r = 1 / np.sqrt(self.running_var + float(self.eps))  # (C,)                       (3)
                x_hat = (x - beside(self.running_mean, x)) * beside(r, x)  # (N, C, ...)          (4)
            return self._stretched(x_hat)
        follow = self.training and self.track_running_stats
        if x.ndim == 2:
            if follow:
                self._track(x, *moments(data_of(x)))
            return batch_norm(x, *parameters, eps=self.eps)
        from pellucid_nn.batch_norm_in_blocks import batch_norm_in_blocks, moments_in_blocks

        found = moments_in_blocks(data_of(x))
        if follow:
            self._track(x, found.m + found.delta, found.var)
        return batch_norm_in_blocks(x, *parameters, eps=self.eps, moments=found)

    def _stretched(self, x_hat: Any) -> Any:
        y = x_hat
        if self.weight is not None:
            y = y * beside(self.weight, x_hat)  #                                                 (5)
        if self.bias is not None:
            y = y + beside(self.bias, x_hat)  #                                                   (5)
        return y

    def _track(self, x: Any, mean: NDArray[Any], var: NDArray[Any]) -> None:
        """Let the running statistics follow; new arrays, as an old graph may still hold the present ones."""
        M = x.size // self.num_features
        self.num_batches_tracked = np.asarray(self.num_batches_tracked + 1)
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else float(self.momentum)
        dtype = self.running_mean.dtype
        new_mean = (1 - momentum) * self.running_mean + momentum * mean  #                        (6)
        new_var = (1 - momentum) * self.running_var + momentum * var * (M / (M - 1))  #           (7)
        with np.errstate(over="ignore"):
            self.running_mean, self.running_var = new_mean.astype(dtype), new_var.astype(dtype)

    def _check(self, x: Any) -> None:
        axes = [shape.count(",") + 1 for shape in self.shapes]
        if x.ndim not in axes or x.shape[1] != self.num_features:
            raise ValueError(
                f"x must have the shape {' or '.join(self.shapes)} with C = num_features = {self.num_features}: "
                f"x has shape {x.shape}"
            )
        check_dtype(x, self.running_mean if self.weight is None else self.weight)
        if (self.training or not self.track_running_stats) and x.size == self.num_features:
            raise ValueError(
                f"a batch must hold more than one number per channel to have a variance: x has shape {x.shape}; "
                f"take a larger batch, or call eval() first"
            )

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return 2 * int(np.size(y)) if self.affine else int(np.size(y))

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """Batch normalization of (N, C), or of sequences (N, C, T).

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, bias, dtype
        As in `BatchNorm`.
    """

    shapes = ("(N, C)", "(N, C, T)")


class BatchNorm2d(BatchNorm):
    """Batch normalization of images (N, C, H, W).

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, bias, dtype
        As in `BatchNorm`.
    """

    shapes = ("(N, C, H, W)",)
