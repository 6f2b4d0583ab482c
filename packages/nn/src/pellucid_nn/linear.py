"""Linear layer: every output is a weighted sum of all inputs, plus a bias.

For a batch of B rows at once,

    y = x Wᵀ + b                                                                                 (1)

Gradient.  One output is yₙₒ = Σᵢ xₙᵢ Wₒᵢ + bₒ, so ∂yₙₒ/∂xₙᵢ = Wₒᵢ, ∂yₙₒ/∂Wₒᵢ = xₙᵢ and ∂yₙₒ/∂bₒ = 1. The chain rule
sums each of them times dyₙₒ over what it does not name:

    dxₙᵢ = Σₒ dyₙₒ Wₒᵢ        dx = dy W                                                          (2)
    dWₒᵢ = Σₙ dyₙₒ xₙᵢ        dW = dyᵀ x                                                         (3)
    dbₒ  = Σₙ dyₙₒ                                                                               (4)

Initial values.  If the inputs have variance 1 and are independent, the sum over I of them with weights of variance v
has variance I v. Uniform weights keep that near one third whatever I is:

    W, b ~ U(−1/√I, 1/√I),        v = 1/(3 I)                                                    (5)

Symbols
-------
    paper   code         shape     meaning
    x       x            (B, I)    inputs, one row per example
    W       W, weight    (O, I)    weights, one row per output
    b       b, bias      (O,)      biases
    y       y            (B, O)    outputs
    d·      dy           as ·      gradient of the loss

Cost: three products of 2 B I O operations each (forward, dx, dW); dx is left out where nobody needs it, as in a first
layer. The tape keeps x and W by reference.

References
----------
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors": (1)-(4) are its chain
    rule. LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", sec. 4.6: initial weights of standard deviation
    1/√I.
Differs from them: (5) is PyTorch's default, uniform and narrower by √3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor, primitive
from pellucid.validation import check_rng
from pellucid_nn.module import Module, Parameter
from pellucid_nn.row_sums import sum_of_rows


@primitive
def linear(x: Any, W: Any, b: Any = None) -> Any:
    """x Wᵀ + b, with its gradients: (..., I), (O, I), (O,) -> (..., O)."""
    y = x @ W.T  # (B, O)
    if b is not None:
        y += b  #                                                                                 (1)

    def rows(a: Any) -> Any:
        return a if a.ndim == 2 else a.reshape(-1, a.shape[-1])  # axes in front are examples too

    def dx(dy: Any) -> Any:
        return dy @ W  # (B, I)                                                                   (2)

    def dW(dy: Any) -> Any:
        return rows(dy).T @ rows(x)  # (O, I)                                                     (3)

    def db(dy: Any) -> Any:
        return sum_of_rows(rows(dy))  # (O,)                                                       (4)

    return y, (dx, dW, db)


class Linear(Module):
    """y = x Wᵀ + b.

    Parameters
    ----------
    in_features : int or None
        I. None waits for the first input, whose last axis decides.
    out_features : int
        O.
    bias : bool
        Whether there is a `b`.
    rng : Generator, int or None
        Draws the initial values; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (O, I)
    bias : Parameter, shape (O,), or None

    Raises
    ------
    ValueError
        If `in_features` or `out_features` is not 1 or more.
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if (in_features is not None and in_features < 1) or out_features < 1:
            raise ValueError(
                f"a linear layer needs at least one input and one output; in_features is {in_features}, "
                f"out_features is {out_features}"
            )
        self.in_features, self.out_features = in_features, out_features
        self._settings = bias, check_rng(rng), dtype
        self.lazy = in_features is None
        if in_features is not None:
            self._draw(in_features)

    def materialize(self, x: Any) -> None:
        if not np.ndim(x) or not np.shape(x)[-1]:
            raise ValueError(
                f"the first input decides about in_features by its last axis, which must have an entry at least: it "
                f"has shape {np.shape(x)}"
            )
        self._draw(np.shape(x)[-1])

    def materialize_like(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        W = shapes.get("weight", ())
        if len(W) != 2 or not W[1]:
            return False
        self._draw(W[1])
        return True

    def _draw(self, I: int) -> None:
        self.in_features = I
        (bias, rng, dtype), O = vars(self).pop("_settings"), self.out_features
        bound = 1 / I**0.5  #                                                                     (5)
        self.weight = Parameter(rng.uniform(-bound, bound, (O, I)), dtype=dtype)
        self.bias = Parameter(rng.uniform(-bound, bound, O), dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer to x (..., I): the result is (..., O).

        Raises
        ------
        ValueError
            If the last axis of `x` is not `in_features` long.
        TypeError
            If `x` has another dtype than the weights.
        """
        if not isinstance(x, Tensor):
            x = np.asarray(x)
        W = self.weight
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"the last axis of x must have in_features = {W.shape[1]} entries: x has shape {x.shape}, "
                f"weight has shape {W.shape}"
            )
        if x.dtype != W.dtype:
            raise TypeError(
                f"x is {x.dtype} and the weights are {W.dtype}: convert x with x.astype(np.{W.dtype}), or the "
                f"module with module.to(x.dtype) if x is floating point"
            )
        return linear(x, W, self.bias)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * int(self.in_features or 0)

    def extra_repr(self) -> str:
        bias = self._settings[0] if self.lazy else self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


def LazyLinear(  # noqa: N802  (PyTorch's name)
    out_features: int, bias: bool = True, *, rng: np.random.Generator | int | None = None, dtype: DTypeLike = np.float64
) -> Linear:
    """A `Linear` that takes the number of its inputs from the first of them."""
    return Linear(None, out_features, bias, rng=rng, dtype=dtype)
