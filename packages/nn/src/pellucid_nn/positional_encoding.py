"""Positional encoding: attention sees a set, so where each member stands is added to it.

Every position t gets a vector of E numbers, sines and cosines of t at frequencies that fall geometrically from 1 to
nearly 1/B. Slow waves tell far positions apart, fast ones near positions:

    ωᵢ = B^(−2i/E),        i = 0, 1, … below E/2                                                 (1)
    Pₜ,₂ᵢ = sin ωᵢ t,        Pₜ,₂ᵢ₊₁ = cos ωᵢ t                                                  (2)
    yₙₜ = xₙₜ + Pₜ,   and then dropout                                                           (3)

A step of s positions rotates each pair (sin, cos) by the angle ωᵢ s, wherever it starts: relative positions are linear
functions of (2). P is fixed, so the gradient of (3) is dx = dy.

Symbols
-------
    paper   code                shape        meaning
    t       t                   (T, 1)       positions, from 0
    E       E                   ()           numbers per position; an odd E leaves out the last cosine
    B       base                ()           10,000
    ω       omega               (E/2,)       frequencies
    P       P                   (T, E)       encoding
    x, y    x                   (N, T, E)    input; the result

Cost: O(N T E) time, and T E sines anew for every call, which is little beside the attention that follows.

References
----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin (2017), "Attention is all you need",
    sec. 3.5: (1) and (2); sec. 5.4: dropout in (3).
Differs from them: nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import Tensor
from pellucid.validation import check_rng
from pellucid_nn.dropout import Dropout
from pellucid_nn.module import Module


def sinusoids(T: int, E: int, base: float = 10_000.0, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """The encoding of positions 0 … T−1: _, _ -> (T, E)."""
    t = np.arange(T)[:, None]  # (T, 1)
    omega = base ** (-2 * np.arange((E + 1) // 2) / E)  # (E/2,)                                  (1)
    P = np.empty((T, E))
    P[:, ::2] = np.sin(omega * t)  #                                                             (2)
    P[:, 1::2] = np.cos(omega * t)[:, : E // 2]  #                                                (2)
    return P.astype(dtype)


class PositionalEncoding(Module):
    """x + P, for sequences of any length.

    Parameters
    ----------
    d_model : int
        E.
    dropout : float
        Probability of leaving out an entry of the sum, in train mode.
    batch_first : bool
        Whether inputs are (N, T, E), or (T, N, E) as the default of PyTorch's transformers is.
    base : float
        B.
    rng : Generator, int or None
        Draws what dropout leaves out.

    Raises
    ------
    ValueError
        If `d_model` is not 1 or more, `base` is not positive, or `dropout` is not between 0 and 1.
    """

    def __init__(
        self,
        d_model: int,
        dropout: float = 0.0,
        batch_first: bool = False,
        *,
        base: float = 10_000.0,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if d_model < 1 or base <= 0:
            raise ValueError(f"d_model must be 1 or more and base positive; they are {d_model} and {base}")
        self.d_model, self.batch_first, self.base = d_model, bool(batch_first), float(base)
        self.dropout = Dropout(dropout, rng=check_rng(rng))

    def forward(self, x: Any) -> Any:
        """Add the encoding to x (T, N, E), (N, T, E) with `batch_first`, or (T, E).

        Raises
        ------
        ValueError
            If `x` has not two or three axes, the last of length `d_model`.
        TypeError
            If `x` is not floating point.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.d_model:
            raise ValueError(
                f"x must have two or three axes, the last with d_model = {self.d_model} entries: its shape is {x.shape}"
            )
        if x.dtype.kind != "f":
            raise TypeError(f"x must be floating point, and is {x.dtype}: convert it with x.astype(float)")
        middle = x.ndim == 3 and not self.batch_first  # whether N stands between T and E
        P = sinusoids(x.shape[0 if middle else -2], self.d_model, self.base, x.dtype)
        return self.dropout(x + (P[:, None] if middle else P))  #                                 (3)

    def extra_repr(self) -> str:
        return f"d_model={self.d_model}" + (", batch_first=True" if self.batch_first else "")
