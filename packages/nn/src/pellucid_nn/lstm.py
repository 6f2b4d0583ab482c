"""LSTM over sequences: all steps of a layer in one piece.

The cell is that of lstm_cell.py; here it runs over T steps without an entry on the tape for each. The inputs are known
beforehand, so their part of a is one product for many steps, and only h is left to the loop:

    Z = x Wxᵀ + b,  many steps at once                                                           (1)
    aₜ = Zₜ + hₜ₋₁ Whᵀ                                                                           (2)
    i, f, o = 1/(1 + exp(−a))    g = tanh(a)                                                     (3)
    cₜ = f ∘ cₜ₋₁ + i ∘ g                                                                        (4)
    hₜ = o ∘ tanh(cₜ)                                                                            (5)

The weights and biases of i, f and o are negated beforehand, so that (3) finds −a for them. The exponentials of all four
blocks are one call, and tanh then puts g in the place of its own. Steps come in blocks: what a block needs beside
states and gates stays in the processor's cache, and the next block uses the same room.

Gradient.  The equations of the cell again, from the last step that ran to the first, into one array da:

    dh += dyₜ    dc += dh ∘ o ∘ (1 − tanh²(cₜ))                                                  (6)
    daⁱ = dc ∘ g ∘ (i − i²)    daᶠ = dc ∘ cₜ₋₁ ∘ (f − f²)                                        (7)
    daᵍ = dc ∘ i ∘ (1 − g²)    daᵒ = dh ∘ tanh(cₜ) ∘ (o − o²)                                    (8)
    dh ← da Wh    dc ← dc ∘ f                                                                    (9)

and then, for each of these, one product over all steps and sequences of a block, and the sum over blocks:

    dx = da Wx    dWx = Σₜ daₜᵀ xₜ    dWh = Σₜ daₜᵀ hₜ₋₁    dbx = dbh = Σₜₙ da                   (10)

Symbols
-------
    paper        code                 shape          meaning
    x            x                    (T, N, I)      inputs
    Z            Z                    (4, ., N, H)   what the inputs give to a, in the steps of a block
    a            a                    (4, N, H)      of one step
    i, f, g, o   i, f, g, o, gates    (4, N, H)      gates of one step; (T, 4, N, H) of all
    hₜ₋₁, hₜ     h_before, h_after    (T, N, H)      states before and after each step
    cₜ₋₁, cₜ     c_before, c_after    (T, N, H)      the same for c
    Wx, Wh       Wx, Wh               (4H, I or H)   weights, in blocks i, f, g, o
    b            bx, bh               (4H,)          biases, which are added
    da           dA, da               (., N, 4, H)   gradient of a, in the steps of a block
    d·           dy, dh, dc           as ·           gradient of the loss

Cost: 8 T N H (I + H) operations forward and 16 backward; the tape keeps 6 T N H numbers.

References
----------
    Hochreiter & Schmidhuber (1997), "Long short-term memory"; Gers, Schmidhuber & Cummins (2000), "Learning to forget".
    Appleyard, Kociský & Blunsom (2016), "Optimizing performance of recurrent neural networks on GPUs": (1), one product
    for the inputs of all steps.
Differs from them: nothing in the results; a test holds this equal to the cell, run step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pellucid import Tensor, primitive
from pellucid_nn.lstm_cell import lstm_cell
from pellucid_nn.recurrent import RecurrentLayer, cell_by_cell, cut, in_blocks, last_state, longest, trajectory
from pellucid_nn.row_sums import sum_of_rows


@primitive
def lstm(
    x: Any, h0: Any, c0: Any, Wx: Any, Wh: Any, bx: Any, bh: Any,
    *, counts: Sequence[int] | None = None, reverse: bool = False, needs_dx: bool = True,
) -> Any:  # fmt: skip
    """A layer in one direction: h of all steps (T, N, H), the last h and the last c, with all gradients."""
    if any(isinstance(array, Tensor) for array in (x, h0, c0, Wx, Wh, bx, bh)):  # will be differentiated again
        return cell_by_cell(lstm_cell.run, x, (h0, c0), (Wx, Wh, bx, bh), counts, reverse)
    (T, N, I), H = x.shape, h0.shape[1]
    sign = np.array([-1, -1, 1, -1], x.dtype)[:, None, None]  # of i, f and o, and of g
    WxT, WhT = ((W.reshape(4, H, -1) * sign).mT for W in (Wx, Wh))  # (4, I, H), (4, H, H)
    WhT = np.ascontiguousarray(WhT)  # faster in products of few rows
    b = None if bx is None else (bx + bh).reshape(4, 1, H) * sign
    h_before, h_after = trajectory(h0, T, reverse)
    c_before, c_after = trajectory(c0, T, reverse)
    blocks = in_blocks(T, N, H, counts, reverse)
    gates, room = np.empty((T, 4, N, H), x.dtype), np.empty((4, N, H), x.dtype)
    for span, steps in blocks:
        Z = x[span].reshape(-1, I) @ WxT  # (4, ., H)                                             (1)
        if b is not None:
            Z += b  #                                                                             (1)
        Z = Z.reshape(4, len(steps), N, H)
        for t, n in steps:
            a = np.matmul(h_before[t, :n], WhT, out=room[:, :n])  # (4, n, H)                     (2)
            a += Z[:, t - span.start, :n]  #                                                      (2)
            s = gates[t, :, :n]
            i, f, g, o = s
            with np.errstate(over="ignore"):  # e^(−a) may be ∞: then σ = 0 is right
                np.exp(a, out=s)  #                                                               (3)
            s += 1  #                                                                             (3)
            np.divide(1, s, out=s)  #                                                             (3)
            np.tanh(a[2], out=g)  #                                                               (3)
            c = np.multiply(f, c_before[t, :n], out=c_after[t, :n])  #                            (4)
            c += i * g  #                                                                         (4)
            np.multiply(o, np.tanh(c), out=h_after[t, :n])  #                                     (5)
            h_after[t, n:], c_after[t, n:] = h_before[t, n:], c_before[t, n:]

    def vjp(dy: Any, dh_n: Any, dc_n: Any) -> Any:
        dh, dc = np.array(dh_n), np.array(dc_n)  # written into
        dx = np.empty(x.shape, x.dtype) if needs_dx else None
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), None if bx is None else np.zeros_like(bx)
        dA = np.empty((longest(blocks), N, 4, H), x.dtype)
        for span, steps in reversed(blocks):
            for t, n in reversed(steps):
                (i, f, g, o), da, dh_t, dc_t = gates[t, :, :n], dA[t - span.start, :n], dh[:n], dc[:n]
                tanh_c = np.tanh(c_after[t, :n])
                dh_t += dy[t, :n]  #                                                              (6)
                dc_t += dh_t * o * (1 - tanh_c * tanh_c)  #                                       (6)
                np.multiply(dc_t * g, i - i * i, out=da[:, 0])  #                                 (7)
                np.multiply(dc_t * c_before[t, :n], f - f * f, out=da[:, 1])  #                   (7)
                np.multiply(dc_t * i, 1 - g * g, out=da[:, 2])  #                                 (8)
                np.multiply(dh_t * tanh_c, o - o * o, out=da[:, 3])  #                            (8)
                np.matmul(da.reshape(n, 4 * H), Wh, out=dh_t)  #                                  (9)
                dc_t *= f  #                                                                      (9)
                dA[t - span.start, n:] = 0  # after the end of a sequence
            da = dA[: len(steps)].reshape(-1, 4 * H)
            if dx is not None:
                np.matmul(da, Wx, out=dx[span].reshape(-1, I))  #                                 (10)
            dWx += da.T @ x[span].reshape(-1, I)  # (4H, I)                                       (10)
            dWh += da.T @ h_before[span].reshape(-1, H)  # (4H, H)                                (10)
            if db is not None:
                db += sum_of_rows(da)  # (4H,)                                                     (10)
        return dx, dh, dc, dWx, dWh, db, db

    return (cut(h_after, counts), last_state(h_after, reverse), last_state(c_after, reverse)), vjp


class LSTM(RecurrentLayer):
    """Long short-term memory over sequences, in layers and in one direction or two.

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
    proj_size : int
        Must be 0: projections are not offered.
    rng : Generator, int or None
        Draws the initial values, and then what is dropped.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0 : Parameter, shape (4H, I), (4H, H)
        Of layer 0, in blocks i, f, g, o. Layers above have D H in the place of I. What belongs to the other direction
        ends in ``_reverse``.
    bias_ih_l0, bias_hh_l0 : Parameter, shape (4H,), or None

    Raises
    ------
    ValueError
        If a size or `num_layers` is less than 1, `dropout` is not between 0 and 1, or `proj_size` is not 0.
    TypeError
        If a size is not a whole number.
    """

    gates, parts = 4, 2

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if proj_size:
            raise ValueError(f"proj_size must be 0, as projections are not offered; got {proj_size}: use a Linear")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng=rng, dtype=dtype
        )

    def sequence(self, *arguments: Any, **options: Any) -> Any:
        return lstm(*arguments, **options)

    def forward(self, x: Any, hx: Any = None, *, lengths: ArrayLike | None = None) -> Any:
        """Run over sequences.

        Parameters
        ----------
        x : Tensor or array, shape (T, N, I), with batch_first (N, T, I), or (T, I) for one sequence
        hx : (h0, c0), each of shape (L D, N, H) or (L D, H), optional
            First states; zeros if they are not given.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count; what is in `x` after them does not matter, results there are 0, and
            the last states are those at the ends.

        Returns
        -------
        y : shape (T, N, D H), (N, T, D H) or (T, D H)
            h of the last layer.
        (h, c) : each of shape (L D, N, H) or (L D, H)
            Last states of all layers and directions.

        Raises
        ------
        ValueError
            If shapes, states or lengths do not fit.
        TypeError
            If dtypes do not fit, or lengths are not whole numbers.
        """
        return super().forward(x, hx, lengths=lengths)
