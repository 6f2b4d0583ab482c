"""Softmax: scores become probabilities, the higher the score the more.

Along one axis, a row of scores x becomes a row of positive numbers that sum to 1:

    pₖ = e^(xₖ) / Σⱼ e^(xⱼ)                                                                      (1)
    log pₖ = xₖ − log Σⱼ e^(xⱼ)                                                                  (2)

Adding a number to all scores of a row changes nothing. So the highest is subtracted from all, and no exponential can
overflow. (2) is not the logarithm of (1): where pₖ vanishes, log pₖ is still exact.

Gradient.  From (2), ∂ log pₖ/∂xⱼ = [j = k] − pⱼ; and ∂pₖ/∂xⱼ is pₖ times that:

    dxⱼ = pⱼ (dpⱼ − Σₖ pₖ dpₖ)                                                                   (3)
    dxⱼ = dlog pⱼ − pⱼ Σₖ dlog pₖ                                                                (4)

A row of scores −∞ has nothing to choose from: its p are 0, their logarithms −∞, and (3) sends back 0.

Symbols
-------
    paper    code      shape   meaning
    x        x         any     scores, in rows along `axis`
    p        p         as x    probabilities
    log p    log_p     as x    their logarithms
    d·       dy        as ·    gradient of the loss

Cost: a few passes over the entries; the tape keeps p, or log p.

References
----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs": (1).
Differs from it: nothing. PyTorch gives NaN for a row of −∞.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import primitive
from pellucid.tensor import data_of
from pellucid_nn.activations import checked
from pellucid_nn.module import Module


@primitive
def softmax(x: Any, *, axis: int = -1) -> Any:
    """Probabilities from scores along an axis, with their gradient: (...) -> (...).

    Parameters
    ----------
    x : array, any shape
        Scores, floating point. A row with NaN or ∞ in it becomes NaN.
    axis : int
        Along which they sum to 1.

    Raises
    ------
    AxisError
        If `x` has no such axis.
    """
    with np.errstate(invalid="ignore"):
        exp = np.exp(x - highest(x, axis))
    total = exp.sum(axis=axis, keepdims=True)
    # mutate: number equivalent because a row that sums to 0 is all 0
    p = exp / np.where(data_of(total) == 0, 1, total)  #                                          (1)
    return p, lambda dy: p * (dy - (p * dy).sum(axis=axis, keepdims=True))  #                     (3)


@primitive
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Logarithms of probabilities from scores along an axis, with their gradient: (...) -> (...).

    Parameters, errors and NaN are those of `softmax`.
    """
    with np.errstate(invalid="ignore"):
        shifted = x - highest(x, axis)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    # mutate: number equivalent because it is subtracted from −∞
    log_p = shifted - np.log(np.where(data_of(total) == 0, 1, total))  #                          (2)
    return log_p, lambda dy: dy - np.exp(log_p) * dy.sum(axis=axis, keepdims=True)  #             (4)


def highest(x: Any, axis: int) -> Any:
    """What is subtracted from each row: a constant for the gradient, and 0 for a row of −∞."""
    top = data_of(x).max(axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isneginf(top), 0, top)


def checked_axis(dim: int | None, x: Any) -> int:
    """The axis that `dim` means, or an error."""
    if dim is None:  # as PyTorch has it: the classes of (), (K,), (N, K), (C, H, W) and (N, C, H, W)
        return 0 if x.ndim in (0, 1, 3) else 1
    N = max(x.ndim, 1)  # a single number has one axis here, as in PyTorch
    if not -N <= dim < N:
        raise ValueError(f"dim must name one of the {N} axes of x, which has shape {x.shape}; got {dim}")
    return dim


class Softmax(Module):
    """Probabilities from scores.

    Parameters
    ----------
    dim : int or None
        The axis along which they sum to 1. None takes the first where there are one or three (or none), else the
        second.

    Raises
    ------
    ValueError
        When called, if `x` has no axis `dim`.
    TypeError
        When called, if `x` is not floating point.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        x = checked(x)
        return softmax(x, axis=checked_axis(self.dim, x))

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Logarithms of probabilities from scores; arguments and errors are those of `Softmax`."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        x = checked(x)
        return log_softmax(x, axis=checked_axis(self.dim, x))

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
