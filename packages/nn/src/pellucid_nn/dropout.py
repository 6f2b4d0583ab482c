"""Dropout: while it learns, a network loses random entries, so that no part of it can rely on one other part.

Every entry is kept with probability 1 − p, by a coin m of its own, and what is kept is enlarged so that the mean over
the coins is x again. In eval mode nothing is dropped, and nothing needs to be corrected:

    mᵢ ~ Bernoulli(1 − p)                                                                        (1)
    yᵢ = xᵢ mᵢ / (1 − p)                                                                         (2)

Gradient.  With the mask drawn, (2) is a multiplication, by the same mask on the way back:

    dxᵢ = dyᵢ mᵢ / (1 − p)                                                                       (3)

Symbols
-------
    paper   code   shape   meaning
    x, y    x, y   any     input, result
    m       m      as x    1 where an entry is kept, 0 where it is dropped
    p       p      ()      probability that an entry is dropped
    d·      dy     as ·    gradient of the loss

Cost: one random number and two multiplications per entry; the tape keeps the mask.

References
----------
    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), "Dropout: a simple way to prevent neural networks
    from overfitting", sec. 4: the model.
Differs from them: they multiply the weights by 1 − p at test time; (2) divides while it learns ("inverted dropout").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid.validation import check_rng
from pellucid_nn.activations import check_inplace
from pellucid_nn.module import Module


@primitive
def dropout(x: Any, m: Any, *, p: float = 0.5) -> Any:
    """x without the entries where the mask m is 0, enlarged, with its gradient: (...), (...) -> (...).

    Parameters
    ----------
    x : array, any shape
        Floating point.
    m : array, shape of `x`
        1 or True where an entry is kept.
    p : float
        Probability that an entry is dropped, in [0, 1].
    """
    factor = m * x.dtype.type(0 if p == 1 else 1 / (1 - p))  # with p = 1 nothing is kept that could be enlarged
    y = x * factor  #                                                                             (2)

    def dx(dy: Any) -> Any:
        return dy * factor  #                                                                     (3)

    return y, (dx, None)


def draw_mask(shape: tuple[int, ...], p: float, rng: np.random.Generator) -> Any:
    """Where entries are kept: True with probability 1 − p."""
    return rng.random(shape, dtype=np.float32) >= p  #                                            (1)


class Dropout(Module):
    """Set random entries to 0 while the module is training; the identity in eval mode.

    Parameters
    ----------
    p : float
        Probability that an entry is dropped, in [0, 1].
    rng : Generator, int or None
        Draws the masks; a number is a seed. The generator is the attribute `rng`, and checkpoints keep where it stands.
    inplace : bool
        As in PyTorch, but only False is accepted.

    Raises
    ------
    ValueError
        If `p` is not a probability, or `inplace` is True.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: np.random.Generator | int | None = None) -> None:
        check_inplace(inplace)
        self.p, self.rng = check_probability(p), check_rng(rng)

    def forward(self, x: Any) -> Any:
        """Drop entries of x, of any shape.

        Raises
        ------
        TypeError
            If `x` is not floating point.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        if x.dtype.kind != "f":
            raise TypeError(f"dropout needs floating-point values; x is {x.dtype}: convert it with x.astype(float)")
        if not self.training or self.p == 0:
            return x
        return dropout(x, draw_mask(x.shape, self.p, self.rng), p=self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def check_probability(p: float) -> float:
    """Return p as a float if it is in [0, 1], else raise ValueError."""
    if not 0 <= p <= 1:
        raise ValueError(f"p is the probability that an entry is dropped and must be between 0 and 1; got {p}")
    return float(p)  # a number of NumPy's would widen single precision
