"""Sparse evolutionary layer: a linear layer with few connections, of which the weakest give way to new ones.

Most weights of a trained layer are near zero and could be left out. This layer has few to begin with, at random places,
and looks for good places while it learns: after every epoch or so, `evolve` takes away the connections whose weights
have stayed smallest and puts as many at places drawn at random. What is of use grows, and stays.

Connections.  Each of the O I places has one with probability p, independently (an Erdős-Rényi graph), so that on
average ε (I + O) of them are there, a number that grows like that of the units and not like that of the places:

    p = min(1, ε (I + O) / (I O))                                                                (1)
    Mₒᵢ ~ Bernoulli(p)                                                                           (2)
    Wₒᵢ ~ U(−1/√(p I), 1/√(p I)) where Mₒᵢ = 1                                                   (3)

(3) is `linear.py`'s for the p I inputs that an output has on average.

Layer.  Weights without a connection are left out on the way forward, whatever an optimizer has written there:

    W′ = M ∘ W                                                                                   (4)
    y = x W′ᵀ + b                                                                                (5)

Gradient.  (5) is a linear layer; a weight that is left out has no part in the loss, and learns nothing:

    dx = dy W′                                                                                   (6)
    dW = M ∘ (dyᵀ x)                                                                             (7)
    db = Σₙ dyₙ                                                                                  (8)

Evolution.  With n₊ connections of weights w ≥ 0 and n₋ of weights w < 0, these are taken away, and as many put to
places that are free then, all equally probable, with new weights by (3):

    the ⌊ζ n₊⌋ smallest of the weights w ≥ 0                                                     (9)
    the ⌊ζ n₋⌋ largest of the weights w < 0                                                      (10)

Symbols
-------
    paper   code         shape     meaning
    x       x            (B, I)    inputs, one row per example
    W       W, weight    (O, I)    weights, one row per output; without meaning where M = 0
    M       mask         (O, I)    True where there is a connection
    W′      W_           (O, I)    weights of the connections, 0 elsewhere
    b       b, bias      (O,)      biases
    p       p            ()        probability of a connection
    ε       epsilon      ()        factor of their number, ε (I + O) on average
    ζ       zeta         ()        fraction that gives way each time
    d·      dy           as ·      gradient of the loss

Cost: that of a linear layer, as the zeros are multiplied, too; `evolve` sorts the weights of the connections, and
permutes the places that are free, O I in all.

References
----------
    Mocanu, Mocanu, Stone, Nguyen, Gibescu & Liotta (2018), "Scalable training of artificial neural networks with
    adaptive sparse connectivity inspired by network science": (1), (2), (9), (10) and algorithm 1.
Differs from them: (3); weights that are exactly 0 count as positive; matrices are dense.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import Tensor, primitive
from pellucid.tape import written
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.layer_norm import check_dtype
from pellucid_nn.module import Module, Parameter
from pellucid_nn.row_sums import sum_of_rows


@primitive
def masked_linear(x: Any, W: Any, mask: Any, b: Any = None) -> Any:
    """x (M ∘ W)ᵀ + b, with its gradients: (..., I), (O, I), (O, I), (O,) -> (..., O)."""
    W_ = np.where(mask, W, 0)  # (O, I)                                                           (4)
    y = x @ W_.T  # (B, O)                                                                        (5)
    if b is not None:
        y += b  #                                                                                 (5)

    def rows(a: Any) -> Any:
        return a.reshape(-1, a.shape[-1])  # axes in front are examples too

    def dx(dy: Any) -> Any:
        return dy @ W_  # (B, I)                                                                  (6)

    def dW(dy: Any) -> Any:
        return np.where(mask, rows(dy).T @ rows(x), 0)  # (O, I)                                  (7)

    def db(dy: Any) -> Any:
        return sum_of_rows(rows(dy))  # (O,)                                                       (8)

    return y, (dx, dW, None, db)


def connection_probability(I: int, O: int, epsilon: float) -> float:
    """p, for I inputs and O outputs."""
    return min(1.0, epsilon * (I + O) / (I * O))  #                                               (1)


def draw_weights(n: int, I: int, p: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """First weights of n connections."""
    bound = 1 / np.sqrt(p * I)  #                                                                 (3)
    return rng.uniform(-bound, bound, n)


def weakest(W: NDArray[Any], mask: NDArray[np.bool_], zeta: float) -> NDArray[np.intp]:
    """The connections that give way, as places in the flat matrix: (O, I), (O, I), () -> (_,)."""
    positive = np.flatnonzero(mask & (W >= 0))  # (n₊,)
    negative = np.flatnonzero(mask & (W < 0))  # (n₋,)
    up = np.argsort(W.flat[positive], kind="stable")
    down = np.argsort(-W.flat[negative], kind="stable")
    out = positive[up[: int(zeta * len(positive))]]  #                                            (9)
    return np.concatenate([out, negative[down[: int(zeta * len(negative))]]])  #                  (10)


def evolve(
    W: NDArray[Any], mask: NDArray[np.bool_], *, zeta: float, p: float, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Let the weakest connections give way to as many new ones: (O, I), (O, I) -> (O, I), (O, I).

    Parameters
    ----------
    W, mask : arrays, shape (O, I)
        Weights, and where there are connections.
    zeta : float
        ζ.
    p : float
        The probability of a connection, for the new weights.
    rng : Generator
        Draws places and weights.

    Returns
    -------
    W, mask : arrays, shape (O, I)
        New ones; weights are 0 where there is no connection.
    """
    out = weakest(W, mask, zeta)
    mask = mask.copy()
    mask.flat[out] = False
    new = rng.choice(np.flatnonzero(~mask), len(out), replace=False)
    W = np.where(mask, W, 0)
    # mutate: arguments, sign equivalent because (3) is symmetric, and takes the product of I and p
    W.flat[new] = draw_weights(len(new), W.shape[1], p, rng)  #                                   (3)
    mask.flat[new] = True
    return W, mask


class SparseEvolutionary(Module):
    """A linear layer with few connections: (..., I) -> (..., O).

    Parameters
    ----------
    in_features, out_features : int
        I and O.
    epsilon : float
        ε, positive: on average there are ε (I + O) connections, and all O I of them if that is more.
    zeta : float
        ζ, between 0 and 1.
    bias : bool
        Whether there is a `b`.
    rng : Generator, int or None
        Draws connections and initial values, and then what `evolve` puts in; a number is a seed. The generator is the
        attribute `rng`, and checkpoints keep where it stands.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (O, I)
    bias : Parameter, shape (O,), or None
    mask : array of bool, shape (O, I)
        Where there are connections; a buffer, so part of the state.

    Raises
    ------
    ValueError
        If a size is not 1 or more, `epsilon` is not positive, or `zeta` is not between 0 and 1.
    """

    mask: NDArray[np.bool_]

    def __init__(
        self,
        in_features: int,
        out_features: int,
        epsilon: float = 20.0,
        zeta: float = 0.3,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        I, O = in_features, out_features
        if I < 1 or O < 1:
            raise ValueError(
                f"a layer needs at least one input and one output; in_features is {I}, out_features is {O}"
            )
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive, or there is no connection; got {epsilon}: try 20")
        if not 0 <= zeta <= 1:
            raise ValueError(f"zeta, the fraction of connections to replace, must be between 0 and 1; got {zeta}")
        self.in_features, self.out_features, self.epsilon, self.zeta = I, O, epsilon, zeta
        self.rng = rng = check_rng(rng)
        p = connection_probability(I, O, epsilon)
        # mutate: boundary equivalent because a number from [0, 1) is 1 never, and any other with probability zero
        mask = rng.uniform(size=(O, I)) < p  # (O, I)                                             (2)
        W = np.zeros((O, I))
        # mutate: arguments, sign equivalent because (3) is symmetric, and takes the product of I and p
        W[mask] = draw_weights(mask.sum(), I, p, rng)  #                                          (3)
        self.weight = Parameter(W, dtype=dtype)
        self.bias = Parameter(draw_weights(O, I, p, rng), dtype=dtype) if bias else None
        self.register_buffer("mask", mask)

    @property
    def n_connections(self) -> int:
        """How many connections there are; `evolve` does not change it."""
        return int(self.mask.sum())

    def forward(self, x: Any) -> Any:
        """Apply the layer to x (..., I): the result is (..., O).

        Raises
        ------
        ValueError
            If the last axis of `x` is not `in_features` long.
        TypeError
            If `x` is not floating point, or has another dtype than the weights.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"the last axis of x must have in_features = {self.in_features} entries: x has shape {x.shape}, "
                f"weight has shape {self.weight.shape}"
            )
        check_dtype(x, self.weight)
        return masked_linear(x, self.weight, self.mask, self.bias)

    def evolve(self) -> None:
        """Let the fraction `zeta` of the connections, those with the weakest weights, give way to as many new ones.

        To be called after a step of the optimizer, for instance once in an epoch. What the optimizer remembers of a
        place (momentum) is that of the connection which was there before.
        """
        array = data_of(self.weight)
        W, self.mask = evolve(array, self.mask, zeta=self.zeta, p=self._probability(), rng=self.rng)
        array[...] = W  # in place, as an optimizer may hold it
        written(self.weight)

    def _probability(self) -> float:
        return connection_probability(self.in_features, self.out_features, self.epsilon)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * self.in_features

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, epsilon={self.epsilon}, "
            f"zeta={self.zeta}, bias={self.bias is not None}"
        )
