"""DropConnect: while it learns, a linear layer loses random weights.

Dropout sets inputs to 0, and with an input all of its weights. DropConnect drops every weight by a coin of its own, and
enlarges those that are kept so that the mean over the coins is W:

    Mₒᵢ ~ Bernoulli(1 − p)                                                                       (1)
    W′ₒᵢ = Wₒᵢ Mₒᵢ / (1 − p)                                                                     (2)
    y = x W′ᵀ + b                                                                                (3)

In eval mode the weights are their expected values, E[W′] = W. As (3) is linear in W′, that gives the expected y.

Gradient.  (3) is a linear layer, whose gradient is in `linear.py`; (2) is a multiplication, and a dropped weight learns
nothing in this step:

    dWₒᵢ = dW′ₒᵢ Mₒᵢ / (1 − p)                                                                   (4)

Symbols
-------
    paper   code       shape     meaning
    x       x          (B, I)    inputs
    W       weight     (O, I)    weights of the layer
    b       bias       (O,)      its biases, which are never dropped
    M       mask       (O, I)    1 where a weight is kept
    W′      W_         (O, I)    weights that are left
    p       p          ()        probability that a weight is dropped
    d·      dW_        as ·      gradient of the loss

Cost: that of a linear layer, and O I random numbers for each call.

References
----------
    Wan, Zeiler, Zhang, LeCun & Fergus (2013), "Regularization of neural networks using DropConnect": the model.
Differs from them: one mask serves all examples of a batch, biases are kept, (2) enlarges what is kept, and eval mode
takes the mean of the weights, where they draw the layer's outputs from a normal distribution of the right mean and
variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid.validation import check_rng
from pellucid_nn.dropout import check_probability, draw_mask
from pellucid_nn.linear import Linear, linear
from pellucid_nn.module import Module


@primitive
def drop_weights(W: Any, mask: Any, *, p: float = 0.5) -> Any:
    """The weights that are left where the mask is 1, enlarged; with the gradient: (O, I), (O, I) -> (O, I)."""
    share = W.dtype.type(0 if p == 1 else 1 / (1 - p))
    W_ = W * (mask * share)  # (O, I)                                                             (2)

    def dW(dW_: Any) -> Any:
        return dW_ * (mask * share)  # (O, I)                                                     (4)

    return W_, (dW, None)


class DropConnect(Module):
    """A linear layer that loses random weights while it is training.

    Parameters
    ----------
    layer : Linear
        The layer; in eval mode it is applied as it is.
    p : float
        Probability that a weight is dropped, in [0, 1].
    rng : Generator, int or None
        Draws the masks; a number is a seed. The generator is the attribute `rng`, and checkpoints keep where it stands.

    Raises
    ------
    TypeError
        If `layer` is not a Linear layer.
    ValueError
        If `p` is not a probability.
    """

    def __init__(self, layer: Linear, p: float = 0.5, *, rng: np.random.Generator | int | None = None) -> None:
        if not isinstance(layer, Linear):
            raise TypeError(f"DropConnect drops the weights of a Linear layer; got {type(layer).__name__}")
        self.layer, self.p, self.rng = layer, check_probability(p), check_rng(rng)

    def forward(self, x: Any) -> Any:
        """Apply the layer to x (..., I), with some of its weights: the result is (..., O).

        Raises
        ------
        ValueError, TypeError
            As `Linear`.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        layer = self.layer
        if not self.training or self.p == 0:
            return layer(x)
        if layer.lazy or x.shape[-1:] != (layer.in_features,) or x.dtype != layer.weight.dtype:
            layer(x)  # makes the weights, or raises
        weight, bias = layer.weight, layer.bias
        mask = draw_mask(weight.shape, self.p, self.rng)  # (O, I)                                (1)
        return linear(x, drop_weights(weight, mask, p=self.p), bias)  #                           (3)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        dropping = self.training and self.p > 0  # otherwise the layer itself is called, and counted
        return self.layer.multiply_adds(y, *args) if dropping else 0

    def extra_repr(self) -> str:
        return f"p={self.p}"
