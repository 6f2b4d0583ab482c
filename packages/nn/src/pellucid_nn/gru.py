"""Gated recurrent unit (GRU): a state that is kept or exchanged, entry by entry.

Of the gates, z says how much of the state is kept, and r how much of it the proposal n may look at:

    a = x Wxᵀ + bx    u = h Whᵀ + bh,    each in three blocks r, z, n                            (1)
    r = σ(aʳ + uʳ)    z = σ(aᶻ + uᶻ)    n = tanh(aⁿ + r ∘ uⁿ)                                    (2)
    h′ = n + z ∘ (h − n)                                                                         (3)

Gradient.  With dh′ arriving, (3) and the slopes σ(1 − σ) and 1 − tanh² give what reaches a,

    daⁿ = dh′ ∘ (1 − z) ∘ (1 − n²)                                                               (4)
    daʳ = daⁿ ∘ uⁿ ∘ r ∘ (1 − r)    daᶻ = dh′ ∘ (h − n) ∘ z ∘ (1 − z)                            (5)

and u differs from a in its last block, which r has multiplied:

    duʳ = daʳ    duᶻ = daᶻ    duⁿ = daⁿ ∘ r                                                      (6)
    dx = da Wx    dh = du Wh + dh′ ∘ z                                                           (7)
    dWx = daᵀ x    dWh = duᵀ h    dbx = Σₙ daₙ    dbh = Σₙ duₙ                                   (8)

A sequence in one piece, as `gru` has it: a is one product for all steps, and u is left to the loop,

    Z = x Wxᵀ + bx,  all steps at once;    uₜ = hₜ₋₁ Whᵀ + bh,  then (2) and (3) into Z          (9)

The weights and biases of r and z are negated beforehand, so that σ(a) = 1 / (1 + exp(−a)) has its −a already.
On the way back the loop makes (4)-(7) from the last step to the first, with dh += dyₜ before each,

    dh += dyₜ    dh ← duₜ Wh + dh ∘ zₜ                                                           (10)

and the products of (8), and dx, run over all steps at once.

Symbols
-------
    paper     code              shape         meaning
    x         x                 (N, I)        input at this step; (T, N, I) of all steps
    h, h′     h, h_             (N, H)        state before and after the step
    a, u      a, u              (N, 3H)       what input and state give to r, z, n
    r, z, n   r, z, n           (N, H)        gates and proposal
    Wx, Wh    Wx, Wh            (3H, I or H)  weights, in blocks r, z, n
    bx, bh    bx, bh            (3H,)         biases
    Z         Z                 (3, T, N, H)  a of all steps, then r, z, n
    uⁿ        U                 (T, N, H)     last block of u of all steps
    da, du    da, du, dA, dU    as a, u       gradients of a and u; of all steps
    d·        dh_, dy           as ·          gradient of the loss

Cost: 6 T N H (I + H) operations forward and 12 backward; the tape keeps 5 T N H numbers.

References
----------
    Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio (2014), "Learning phrase representations using
    RNN encoder-decoder for statistical machine translation".
    Appleyard, Kociský & Blunsom (2016), "Optimizing performance of recurrent neural networks on GPUs": one product for
    the inputs of all steps.
Differs from them: r multiplies after the product with Wh, as in PyTorch, where Cho et al. multiply before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import Tensor, primitive
from pellucid_nn.activations import sigmoid
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
def gru_cell(x: Any, h: Any, Wx: Any, Wh: Any, bx: Any, bh: Any) -> Any:
    """One step: the new h, with all gradients."""
    a, u = x @ Wx.T, h @ Wh.T  # (N, 3H)                                                          (1)
    if bx is not None:
        a, u = a + bx, u + bh  #                                                                  (1)
    ar, az, an = np.split(a, 3, axis=1)  # 3 × (N, H)                                             (1)
    ur, uz, un = np.split(u, 3, axis=1)  #                                                        (1)
    r, z = sigmoid(ar + ur), sigmoid(az + uz)  #                                                  (2)
    n = np.tanh(an + r * un)  #                                                                   (2)
    h_ = n + z * (h - n)  # (N, H)                                                                (3)

    def vjp(dh_: Any) -> Any:
        dan = dh_ * (1 - z) * (1 - n**2)  #                                                       (4)
        dar, daz = dan * un * r * (1 - r), dh_ * (h - n) * z * (1 - z)  #                         (5)
        da = np.concatenate([dar, daz, dan], axis=1)  # (N, 3H)                                   (6)
        du = np.concatenate([dar, daz, dan * r], axis=1)  # (N, 3H)                               (6)
        dx, dh = da @ Wx, du @ Wh + dh_ * z  #                                                    (7)
        # mutate: branch equivalent because nobody takes the gradient of a bias that is not there
        dbx, dbh = (None, None) if bx is None else (sum_of_rows(da), sum_of_rows(du))  #            (8)
        return dx, dh, da.T @ x, du.T @ h, dbx, dbh  #                                            (8)

    return h_, vjp


@primitive
def gru(
    x: Any, h0: Any, Wx: Any, Wh: Any, bx: Any, bh: Any,
    *, counts: Sequence[int] | None = None, reverse: bool = False, needs_dx: bool = True,
) -> Any:  # fmt: skip
    """A layer in one direction: h of all steps (T, N, H) and the last h, with all gradients."""
    if any(isinstance(a, Tensor) for a in (x, h0, Wx, Wh, bx, bh)):  # will be differentiated again
        return cell_by_cell(gru_cell.run, x, (h0,), (Wx, Wh, bx, bh), counts, reverse)
    (T, N, I), H = x.shape, h0.shape[1]
    sign = np.array([-1, -1, 1], x.dtype)[:, None, None]  # of r and z, and of n
    WxT, WhT = ((W.reshape(3, H, -1) * sign).mT for W in (Wx, Wh))  # (3, I, H), (3, H, H)
    WhT = np.ascontiguousarray(WhT)  # faster in products of few rows
    for_inputs, for_state = (None if b is None else b.reshape(3, 1, H) * sign for b in (bx, bh))  # (3, 1, H)
    rows = x.reshape(T * N, I)
    Z = rows @ WxT  # (3, T N, H)                                                                 (9)
    if bx is not None:
        Z += for_inputs  #                                                                        (9)
    Z, U = Z.reshape(3, T, N, H), np.zeros((T, N, H), x.dtype)
    h_before, h_after = trajectory(h0, T, reverse)
    steps, room = in_time(T, N, counts, reverse), np.empty((3, N, H), x.dtype)
    for t, k in steps:
        z, h = Z[:, t, :k], h_before[t, :k]
        u = np.matmul(h, WhT, out=room[:, :k])  # (3, k, H)                                       (9)
        if bh is not None:
            u += for_state  #                                                                     (9)
        gates, n, U[t, :k] = z[:2], z[2], u[2]
        gates += u[:2]
        with np.errstate(over="ignore"):  # e^(−a) may be ∞: then σ = 0 is right
            np.exp(gates, out=gates)
        gates += 1
        np.divide(1, gates, out=gates)
        n += gates[0] * U[t, :k]
        np.tanh(n, out=n)  #                                                                      (9)
        np.add(n, gates[1] * (h - n), out=h_after[t, :k])  #                                      (9)
        h_after[t, k:] = h_before[t, k:]

    def vjp(dy: Any, dh: Any) -> Any:
        dh = np.array(dh)
        dA, dU = np.zeros((2, T, N, 3, H), x.dtype)  # 0 after the end of a sequence
        for t, k in reversed(steps):
            (r, z, n), da, du, dh_ = Z[:, t, :k], dA[t, :k], dU[t, :k], dh[:k]
            dh_ += dy[t, :k]  #                                                                   (10)
            dan = dh_ * (1 - z) * (1 - n * n)
            np.multiply(dan * U[t, :k], r * (1 - r), out=da[:, 0])
            np.multiply(dh_ * (h_before[t, :k] - n), z * (1 - z), out=da[:, 1])
            da[:, 2] = dan
            du[:, :2] = da[:, :2]
            np.multiply(dan, r, out=du[:, 2])
            kept = dh_ * z  #                                                                     (10)
            np.add(du.reshape(k, 3 * H) @ Wh, kept, out=dh_)  #                                   (10)
        da, du = dA.reshape(T * N, 3 * H), dU.reshape(T * N, 3 * H)
        dx = (da @ Wx).reshape(x.shape) if needs_dx else None  #                                  (7)
        # mutate: branch equivalent because nobody takes the gradient of a bias that is not there
        dbx, dbh = (None, None) if bx is None else (sum_of_rows(da), sum_of_rows(du))  #            (8)
        return dx, dh, da.T @ rows, du.T @ h_before.reshape(T * N, H), dbx, dbh  #                (8)

    return (cut(h_after, counts), last_state(h_after, reverse)), vjp


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    bias : bool
        Whether there are biases.
    rng : Generator, int or None
        Draws the initial values.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight_ih : Parameter, shape (3H, I)
        In blocks r, z, n.
    weight_hh : Parameter, shape (3H, H)
    bias_ih, bias_hh : Parameter, shape (3H,), or None

    Raises
    ------
    ValueError
        If `input_size` or `hidden_size` is less than 1.
    TypeError
        If they are not whole numbers.
    """

    gates = 3

    def step(self, *arguments: Any) -> Any:
        return gru_cell(*arguments)

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


class GRU(RecurrentLayer):
    """Gated recurrent units over sequences, in layers and in one direction or two.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    num_layers : int
        L layers that stand on each other.
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
    weight_ih_l0, weight_hh_l0 : Parameter, shape (3H, I), (3H, H)
        Of layer 0, in blocks r, z, n. Layers above have D H in the place of I. What belongs to the other direction ends
        in ``_reverse``.
    bias_ih_l0, bias_hh_l0 : Parameter, shape (3H,), or None

    Raises
    ------
    ValueError
        If a size or `num_layers` is less than 1, or `dropout` is not between 0 and 1.
    TypeError
        If a size is not a whole number.
    """

    gates = 3

    def sequence(self, *arguments: Any, **options: Any) -> Any:
        return gru(*arguments, **options)

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
