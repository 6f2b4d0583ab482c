"""Elman network: the simplest recurrent layer.

The state h is what the cell showed one step back, and it goes in beside the input:

    h′ = φ(x Wxᵀ + bx + h Whᵀ + bh),    φ = tanh or ReLU                                         (1)

Gradient.  Both slopes can be told from the result, φ′ = 1 − h′² for tanh and [h′ > 0] for ReLU:

    da = dh′ ∘ φ′                                                                                (2)
    dx = da Wx    dh = da Wh    dWx = daᵀ x    dWh = daᵀ h    dbx = dbh = Σₙ daₙ                 (3)

Over many steps dh is multiplied by Wh and φ′ again and again, so it vanishes or explodes: the reason for lstm_cell.py.

A sequence in one piece, as `rnn` has it: the part of the input is one product for all steps,

    Z = x Wxᵀ + bx + bh    hₜ = φ(Zₜ + hₜ₋₁ Whᵀ)                                                 (4)

and on the way back only dh is left to the loop, from the last step to the first,

    dh += dyₜ    daₜ = dh ∘ φ′ₜ    dh ← daₜ Wh                                                   (5)

after which (3) gives the other gradients from one product each over all steps and sequences.

Symbols
-------
    paper    code         shape         meaning
    x        x            (N, I)        input at this step; (T, N, I) of all steps
    h, h′    h, h_        (N, H)        state before and after the step
    Wx, Wh   Wx, Wh       (H, I or H)   weights
    bx, bh   bx, bh       (H,)          biases
    φ′       slope        (N, H)        slope of tanh or ReLU
    Z        Z            (T, N, H)     what the inputs give
    da       da, dA       as h′         gradient before φ; of all steps
    d·       dh_, dy      as ·          gradient of the loss

Cost: 2 T N H (I + H) operations forward and 4 backward; the tape keeps T N H numbers.

References
----------
    Elman (1990), "Finding structure in time".
    Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural networks": why gradients vanish.
Differs from them: two biases, as PyTorch has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pellucid import Tensor, primitive
from pellucid_nn.recurrent import (
    RecurrentCell,
    RecurrentLayer,
    cell_by_cell,
    cut,
    in_time,
    last_state,
    trajectory,
)
from pellucid_nn.row_sums import sum_of_rows


@primitive
def rnn_cell(x: Any, h: Any, Wx: Any, Wh: Any, bx: Any, bh: Any, *, nonlinearity: str = "tanh") -> Any:
    """One step: the new h, with all gradients."""
    a = x @ Wx.T + h @ Wh.T  # (N, H)                                                             (1)
    if bx is not None:
        a = a + (bx + bh)  #                                                                      (1)
    h_ = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)  # (N, H)                     (1)

    def vjp(dh_: Any) -> Any:
        slope = 1 - h_**2 if nonlinearity == "tanh" else h_ > 0
        da = dh_ * slope  # (N, H)                                                                (2)
        db = None if bx is None else sum_of_rows(da)  # (H,)                                       (3)
        return da @ Wx, da @ Wh, da.T @ x, da.T @ h, db, db  #                                    (3)

    return h_, vjp


@primitive
def rnn(
    x: Any, h0: Any, Wx: Any, Wh: Any, bx: Any, bh: Any,
    *, nonlinearity: str = "tanh", counts: Sequence[int] | None = None, reverse: bool = False, needs_dx: bool = True,
) -> Any:  # fmt: skip
    """A layer in one direction: h of all steps (T, N, H) and the last h, with all gradients."""
    if any(isinstance(a, Tensor) for a in (x, h0, Wx, Wh, bx, bh)):  # will be differentiated again
        cell = partial(rnn_cell.run, nonlinearity=nonlinearity)
        return cell_by_cell(cell, x, (h0,), (Wx, Wh, bx, bh), counts, reverse)
    (T, N, I), H = x.shape, h0.shape[1]
    rows = x.reshape(T * N, I)
    Z = rows @ Wx.T  #                                                                            (4)
    if bx is not None:
        Z += bx + bh  #                                                                           (4)
    Z = Z.reshape(T, N, H)
    h_before, h_after = trajectory(h0, T, reverse)
    steps = in_time(T, N, counts, reverse)
    for t, n in steps:
        h = np.matmul(h_before[t, :n], Wh.T, out=h_after[t, :n])
        h += Z[t, :n]  #                                                                          (4)
        np.tanh(h, out=h) if nonlinearity == "tanh" else np.maximum(h, 0, out=h)  #               (4)
        h_after[t, n:] = h_before[t, n:]

    def vjp(dy: Any, dh: Any) -> Any:
        dh = np.array(dh)
        dA = np.zeros_like(h_after)  # (T, N, H), 0 after the end of a sequence
        for t, n in reversed(steps):
            h = h_after[t, :n]
            slope = 1 - h * h if nonlinearity == "tanh" else h > 0
            dh[:n] += dy[t, :n]  #                                                                (5)
            da = np.multiply(dh[:n], slope, out=dA[t, :n])  #                                     (5)
            np.matmul(da, Wh, out=dh[:n])  #                                                      (5)
        da = dA.reshape(T * N, H)
        dx = (da @ Wx).reshape(x.shape) if needs_dx else None  #                                  (3)
        db = None if bx is None else sum_of_rows(da)  #                                            (3)
        return dx, dh, da.T @ rows, da.T @ h_before.reshape(T * N, H), db, db  #                  (3)

    return (cut(h_after, counts), last_state(h_after, reverse)), vjp


class RNNCell(RecurrentCell):
    """One step of an Elman network.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    bias : bool
        Whether there are biases.
    nonlinearity : {"tanh", "relu"}
        φ.
    rng : Generator, int or None
        Draws the initial values.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight_ih : Parameter, shape (H, I)
    weight_hh : Parameter, shape (H, H)
    bias_ih, bias_hh : Parameter, shape (H,), or None

    Raises
    ------
    ValueError
        If `input_size` or `hidden_size` is less than 1, or `nonlinearity` is another word.
    TypeError
        If they are not whole numbers.
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.nonlinearity = _checked(nonlinearity)
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)

    def step(self, *arguments: Any) -> Any:
        return rnn_cell(*arguments, nonlinearity=self.nonlinearity)

    def forward(self, x: Any, hx: Any = None) -> Any:
        """The state after the input x.

        Parameters
        ----------
        x : Tensor or array, shape (N, I) or (I,)
        hx : Tensor or array, shape (N, H) or (H,), optional
            The state before; zeros if it is not given.

        Returns
        -------
        h : shape (N, H) or (H,)

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit.
        """
        return self.advanced(x, hx)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class RNN(RecurrentLayer):
    """Elman network over sequences, in layers and in one direction or two.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    num_layers : int
        L layers that stand on each other.
    nonlinearity : {"tanh", "relu"}
        φ.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether batches have shape (N, T, I), instead of (T, N, I); the same for results.
    dropout : float
        Probability of dropout between layers while training, in [0, 1].
    bidirectional : bool
        Whether each layer runs in both directions. D is 2 then, and otherwise 1.
    rng : Generator, int or None
        Draws the initial values, and then what is dropped.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0 : Parameter, shape (H, I), (H, H)
        Of layer 0. Layers above have D H in the place of I. What belongs to the other direction ends in ``_reverse``.
    bias_ih_l0, bias_hh_l0 : Parameter, shape (H,), or None

    Raises
    ------
    ValueError
        If a size or `num_layers` is less than 1, `dropout` is not between 0 and 1, or `nonlinearity` is another word.
    TypeError
        If a size is not a whole number.
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.nonlinearity = _checked(nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng=rng, dtype=dtype
        )

    def sequence(self, *arguments: Any, **options: Any) -> Any:
        return rnn(*arguments, nonlinearity=self.nonlinearity, **options)

    def forward(self, x: Any, hx: Any = None, *, lengths: ArrayLike | None = None) -> Any:
        """Run over sequences.

        Parameters
        ----------
        x : Tensor or array, shape (T, N, I), with batch_first (N, T, I), or (T, I) for one sequence
        hx : Tensor or array, shape (L D, N, H) or (L D, H), optional
            First states; zeros if they are not given.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count; what is in `x` after them does not matter, results there are 0, and
            the last states are those at the ends.

        Returns
        -------
        y : shape (T, N, D H), (N, T, D H) or (T, D H)
            h of the last layer.
        h : shape (L D, N, H) or (L D, H)
            Last states of all layers and directions.

        Raises
        ------
        ValueError
            If shapes, states or lengths do not fit.
        TypeError
            If dtypes do not fit, or lengths are not whole numbers.
        """
        return super().forward(x, hx, lengths=lengths)


def _checked(nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu'; got {nonlinearity!r}")
    return nonlinearity
