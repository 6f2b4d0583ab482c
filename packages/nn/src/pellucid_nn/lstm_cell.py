"""Long short-term memory (LSTM) cell: one step in time.

Two vectors are carried along: h, what the cell shows, and c, what it remembers. Three gates between 0 and 1 decide how
much is written (i), kept (f) and shown (o); g is what there is to write.

    a = x Wxᵀ + bx + h Whᵀ + bh,    split in four blocks a = (aⁱ, aᶠ, aᵍ, aᵒ)                    (1)
    i = σ(aⁱ)    f = σ(aᶠ)    g = tanh(aᵍ)    o = σ(aᵒ)                                          (2)
    c′ = f ∘ c + i ∘ g                                                                           (3)
    h′ = o ∘ tanh(c′)                                                                            (4)

Gradient.  Let dh′ and dc′ arrive, from above and from the next step. c′ also acts through h′, so that what reaches it
in all is

    dc″ = dc′ + dh′ ∘ o ∘ (1 − tanh²(c′))                                                        (5)

Products give each factor the other one,

    di = dc″ ∘ g    df = dc″ ∘ c    dg = dc″ ∘ i    do = dh′ ∘ tanh(c′)    dc = dc″ ∘ f          (6)

σ has the slope σ(1 − σ) and tanh the slope 1 − tanh²,

    daⁱ = di ∘ i ∘ (1 − i)    (f, o alike)    daᵍ = dg ∘ (1 − g²)                                (7)

and (1) is linear:

    dx = da Wx    dh = da Wh    dWx = daᵀ x    dWh = daᵀ h    dbx = dbh = Σₙ daₙ                 (8)

On its way from step to step dc meets only f, no matrix and no slope: that is why long memories survive.

Symbols
-------
    paper    code         shape         meaning
    x        x            (N, I)        input at this step
    h, c     h, c         (N, H)        state before the step
    h′, c′   h_, c_       (N, H)        state after the step
    a        a            (4H,) a row   what goes into the gates
    i … o    i, f, g, o   (N, H)        gates, and what is written
    Wx, Wh   Wx, Wh       (4H, I or H)  weights, in blocks i, f, g, o
    bx, bh   bx, bh       (4H,)         biases
    dc″      dc2          (N, H)        gradient of c′ in all
    d·       dh_, dc_     as ·          gradient of the loss

Cost: O(N H (I + H)) time; the tape keeps O(N H) numbers. Sequences are faster in one piece: lstm.py.

References
----------
    Hochreiter & Schmidhuber (1997), "Long short-term memory".
    Gers, Schmidhuber & Cummins (2000), "Learning to forget": the gate f.
Differs from them: no peepholes, and two biases, as PyTorch has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import primitive
from pellucid_nn.activations import sigmoid
from pellucid_nn.recurrent import RecurrentCell
from pellucid_nn.row_sums import sum_of_rows


@primitive
def lstm_cell(x: Any, h: Any, c: Any, Wx: Any, Wh: Any, bx: Any, bh: Any) -> Any:
    """One step: the new h and c, with all gradients."""
    a = x @ Wx.T + h @ Wh.T  # (N, 4H)                                                            (1)
    if bx is not None:
        a = a + (bx + bh)  #                                                                      (1)
    ai, af, ag, ao = np.split(a, 4, axis=1)  # 4 × (N, H)                                         (1)
    i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)  #                            (2)
    c_ = f * c + i * g  # (N, H)                                                                  (3)
    tanh_c = np.tanh(c_)
    h_ = o * tanh_c  # (N, H)                                                                     (4)

    def vjp(dh_: Any, dc_: Any) -> Any:
        dc2 = dc_ + dh_ * o * (1 - tanh_c**2)  #                                                  (5)
        di, df, dg, do, dc = dc2 * g, dc2 * c, dc2 * i, dh_ * tanh_c, dc2 * f  #                  (6)
        slopes = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]  #       (7)
        da = np.concatenate(slopes, axis=1)  # (N, 4H)                                            (7)
        db = None if bx is None else sum_of_rows(da)  # (4H,)                                      (8)
        return da @ Wx, da @ Wh, dc, da.T @ x, da.T @ h, db, db  #                                (8)

    return (h_, c_), vjp


class LSTMCell(RecurrentCell):
    """One step of long short-term memory.

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
    weight_ih : Parameter, shape (4H, I)
        In blocks i, f, g, o.
    weight_hh : Parameter, shape (4H, H)
    bias_ih, bias_hh : Parameter, shape (4H,), or None

    Raises
    ------
    ValueError
        If `input_size` or `hidden_size` is less than 1.
    TypeError
        If they are not whole numbers.
    """

    gates, parts = 4, 2

    def step(self, *arguments: Any) -> Any:
        return lstm_cell(*arguments)

    def forward(self, x: Any, hx: Any = None) -> Any:
        """The state after the input x.

        Parameters
        ----------
        x : Tensor or array, shape (N, I) or (I,)
        hx : (h, c), each of shape (N, H) or (H,), optional
            The state before; zeros if it is not given.

        Returns
        -------
        h, c : each (N, H) or (H,)

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit.
        """
        return self.advanced(x, hx)
