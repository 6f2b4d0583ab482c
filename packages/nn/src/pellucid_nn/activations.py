"""Activations: functions of one number, applied to every entry between two linear layers.

Without them a stack of linear layers would be one linear layer. Each gradient is written with the result y, which is at
hand, instead of the input x:

    ReLU       y = max(x, 0)                   dx = dy · [y > 0]                                 (1)
    Tanh       y = tanh x                      dx = dy · (1 − y²)                                (2)
    Sigmoid    y = 1 / (1 + e⁻ˣ)               dx = dy · y (1 − y)                               (3)

Where ReLU has its corner, at x = 0, the gradient is 0. Sigmoid and tanh are one curve in two scales,
1 / (1 + e⁻ˣ) = (1 + tanh(x/2)) / 2, and the second form cannot overflow.

Symbols
-------
    paper   code   shape   meaning
    x, y    x, y   any     input, result
    d·      dy     as ·    gradient of the loss

Cost: one pass forward and one backward over the entries; the tape keeps y.

References
----------
    Nair & Hinton (2010), "Rectified linear units improve restricted Boltzmann machines": ReLU.
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors": (3), with this slope.
Differs from them: nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid_nn.module import Module


@primitive
def relu(x: Any) -> Any:
    """max(x, 0), with its gradient."""
    zeros = np.zeros(x.shape[-1:], x.dtype)  # one row of them: NumPy is twice as fast as with the number 0
    y = np.maximum(x, zeros)
    return y, lambda dy: dy * (y > 0)  #                                                          (1)


@primitive
def tanh(x: Any) -> Any:
    """tanh x, with its gradient."""
    y = np.tanh(x)
    return y, lambda dy: dy * (1 - y * y)  #                                                      (2)


@primitive
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ), with its gradient."""
    y = 0.5 * (1 + np.tanh(0.5 * x))
    return y, lambda dy: dy * y * (1 - y)  #                                                      (3)


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Any) -> Any:
        return relu(x if isinstance(x, Tensor) else np.asarray(x))


class Tanh(Module):
    """tanh x, in (−1, 1)."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ), in (0, 1)."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)
