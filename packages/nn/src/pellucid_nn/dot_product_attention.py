"""Dot-product attention: every query looks at all keys, and gets the mean of the values, weighted by how well they fit.

A query, a key and a value are vectors. The score of a pair is the product of its query and its key; softmax over the
keys turns the scores of one query into weights that sum to 1:

    Sₜₛ = c Σₑ qₜₑ kₛₑ + Mₜₛ,    and −∞ where t may not attend to s                              (1)
    Pₜₛ = exp Sₜₛ / Σᵤ exp Sₜᵤ,    and 0 where t may attend to nothing                           (2)
    Aₜₛ = Pₜₛ Dₜₛ                                                                                (3)
    yₜ  = Σₛ Aₜₛ vₛ                                                                              (4)

M is added to the scores (a bias, or −∞ as a mask); dropout leaves out a weight with probability p and makes up for it
in the others, D = 0 or 1 / (1 − p). The highest score of a row is subtracted before exp, which changes no P and keeps
exp from overflowing. If q and k have E independent entries of mean 0 and variance 1, the sum in (1) has variance E;
hence

    c = 1/√E                                                                                     (5)

Gradient.  (4) and (3) are products. In (2), ∂Pₜₛ/∂Sₜᵤ = Pₜₛ ([s = u] − Pₜᵤ); (1) is a product again:

    dv = Aᵀ dy        dA ← dA + dy vᵀ                                                            (6)
    dP = dA ∘ D                                                                                  (7)
    dSₜₛ = Pₜₛ (dPₜₛ − Σᵤ Pₜᵤ dPₜᵤ)                                                              (8)
    dq = c dS k       dk = c dSᵀ q        dM = dS                                                (9)

A row that may attend to nothing has P = 0, so y = 0 and no gradient comes from it: no NaN. A causal mask lets t attend
to s ≤ t only.

Symbols
-------
    paper   code      shape          meaning
    q       q         (..., T, E)    queries
    k       k         (..., S, E)    keys
    v       v         (..., S, V)    values
    M       M         (..., T, S)    what is added to the scores
    S       score     (..., T, S)    scores, −∞ where not `allowed`
    c       c         ()             scale
    P       P         (..., T, S)    weights, each row a distribution
    D       D         (..., T, S)    dropout: 0 or 1 / (1 − p)
    A       A         (..., T, S)    weights after dropout
    y       y         (..., T, V)    result
    d·      dy, dA    as ·           gradient of the loss

Cost: 2 T S (E + V) operations forward and twice as many backward, T S numbers of memory for each head.
`attention_in_blocks.py` does the same faster, and with less memory.

References
----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin (2017), "Attention is all you need",
    sec. 3.2.1: (1), (2), (4) and (5).
Differs from them: rows without a key to attend to are 0, as in PyTorch. `scaled_dot_product_attention` has PyTorch's
arguments; an explicit and a causal mask may be given together, and then both hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.attention_in_blocks import attention_in_blocks
from pellucid_nn.dropout import check_probability, draw_mask
from pellucid_nn.module import Module


@primitive
def attention(q: Any, k: Any, v: Any, M: Any, *, allowed: Any = None, D: Any = None, c: float = 1.0) -> Any:
    """y and A: (..., T, E), (..., S, E), (..., S, V), _ -> (..., T, V), (..., T, S)."""
    score = c * q @ k.mT  # (..., T, S)                                                           (1)
    if M is not None:
        score = score + M  #                                                                      (1)
    if allowed is not None:
        score = np.where(allowed, score, -np.inf)  #                                              (1)
    highest = data_of(score).max(axis=-1, keepdims=True, initial=-np.inf)  # a constant: it changes no P
    with np.errstate(invalid="ignore"):  # a score of ∞ makes its row NaN
        exp = np.exp(score - np.where(np.isneginf(highest), 0, highest))
    total = exp.sum(axis=-1, keepdims=True)  # (..., T, 1)
    # mutate: number equivalent because a row that sums to 0 is all 0
    P = exp / np.where(total == 0, 1, total)  #                                                   (2)
    A = P if D is None else P * D  #                                                              (3)
    y = A @ v  # (..., T, V)                                                                      (4)

    def vjp(dy: Any, dA: Any = 0.0) -> Any:
        dv = A.mT @ dy  # (..., S, V)                                                             (6)
        dA = dA + dy @ v.mT  # (..., T, S)                                                        (6)
        dP = dA if D is None else dA * D  #                                                       (7)
        dS = P * (dP - (P * dP).sum(axis=-1, keepdims=True))  #                                   (8)
        return c * dS @ k, c * dS.mT @ q, dv, dS  #                                               (9)

    return (y, A), vjp


def causal(T: int, S: int) -> NDArray[Any]:
    """Which key each query may attend to if it must not look ahead: _, _ -> (T, S)."""
    return np.tri(T, S, dtype=bool)


def both(a: Any, b: Any) -> Any:
    """The pairs that two masks allow; None allows all."""
    return b if a is None else a if b is None else a & b


def dropout_factors(shape: tuple[int, ...], p: float, dtype: Any, rng: np.random.Generator) -> Any:
    """D of (3): 0 with probability p, else 1 / (1 − p). None for p = 0."""
    if p == 0:
        return None
    kept = draw_mask(shape, p, rng).astype(dtype)
    # mutate: number equivalent because with p = 1 nothing is kept
    return kept / kept.dtype.type(1 - p if p < 1 else 1)  #                                       (3)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    rng: np.random.Generator | int | None = None,
) -> Any:
    """Attention of queries to keys, under PyTorch's names.

    Parameters
    ----------
    query : Tensor or array, shape (..., T, E)
        Axes in front (batch, heads) are broadcast against those of the others.
    key : Tensor or array, shape (..., S, E)
    value : Tensor or array, shape (..., S, V)
    attn_mask : array of bool, or Tensor or array of floats, broadcast to (..., T, S), optional
        True where a query may attend to a key; or what is added to the scores, −∞ where it may not.
    dropout_p : float
        Probability of leaving out a weight. There is no train or eval mode here.
    is_causal : bool
        Whether query t may attend to the keys 0 … t only.
    scale : float, optional
        c; 1/√E if it is not given.
    rng : Generator, int or None
        Draws what dropout leaves out.

    Returns
    -------
    Tensor or array, shape (..., T, V)
        A query that may attend to nothing gets zeros.

    Raises
    ------
    ValueError
        If shapes do not fit, or `dropout_p` is not between 0 and 1.
    TypeError
        If query, key, value and a mask of floats are not of one floating-point dtype.
    """
    q, k, v, M, allowed, shape = checked(query, key, value, attn_mask)
    D = dropout_factors(shape, check_probability(dropout_p), q.dtype, check_rng(rng))
    c = q.shape[-1] ** -0.5 if scale is None else float(scale)  #                                 (5)
    return attention_in_blocks(q, k, v, M, allowed=allowed, D=D, is_causal=bool(is_causal), c=c)


def checked(query: Any, key: Any, value: Any, attn_mask: Any) -> tuple[Any, ...]:
    """q, k, v, M, allowed and the shape (..., T, S) of the scores; or an error that says what does not fit."""
    q, k, v = (x if isinstance(x, Tensor) else np.asarray(x) for x in (query, key, value))
    mask: Any = attn_mask if isinstance(attn_mask, Tensor) or attn_mask is None else np.asarray(attn_mask)
    shapes = f"query has shape {q.shape}, key {k.shape}, value {v.shape}"
    if q.dtype.kind != "f" or not q.dtype == k.dtype == v.dtype:
        raise TypeError(
            f"query, key and value must have one floating-point dtype: query is {q.dtype}, key {k.dtype}, value "
            f"{v.dtype}; convert them with .astype"
        )
    if min(q.ndim, k.ndim, v.ndim) < 2 or not (q.shape[-1] == k.shape[-1] > 0 and k.shape[-2] == v.shape[-2]):
        raise ValueError(f"attention needs shapes (..., T, E), (..., S, E) and (..., S, V) with E at least 1; {shapes}")
    pairs = q.shape[-2], k.shape[-2]  # (T, S)
    try:
        shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2]), *pairs)
    except ValueError:
        raise ValueError(f"the axes in front of the last two must broadcast: {shapes}") from None
    if mask is None:
        return q, k, v, None, None, shape
    if mask.dtype not in (np.dtype(bool), q.dtype):
        raise TypeError(
            f"attn_mask must be bool (True where a query may attend) or {q.dtype} as the query (added to the scores); "
            f"it is {mask.dtype}"
        )
    try:
        shape = np.broadcast_shapes(shape, mask.shape)
    except ValueError:
        shape = ()
    if shape[-2:] != pairs:
        raise ValueError(f"attn_mask must broadcast to (..., T, S) = (..., {pairs[0]}, {pairs[1]}), not {mask.shape}")
    return (q, k, v, None, data_of(mask), shape) if mask.dtype == bool else (q, k, v, mask, None, shape)


class DotProductAttention(Module):
    """`scaled_dot_product_attention` as a module, whose dropout rests in eval mode.

    Parameters
    ----------
    scale : bool
        Whether scores are divided by √E.
    dropout_p : float
        Probability of leaving out a weight, in train mode.
    rng : Generator, int or None
        Draws what dropout leaves out.

    Raises
    ------
    ValueError
        If `dropout_p` is not between 0 and 1.
    """

    def __init__(
        self, scale: bool = True, dropout_p: float = 0.0, *, rng: np.random.Generator | int | None = None
    ) -> None:
        self.scale, self.dropout_p = bool(scale), check_probability(dropout_p)
        self.rng = check_rng(rng)

    def forward(self, query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: bool = False) -> Any:
        """Attention of (..., T, E) to (..., S, E) and (..., S, V): the result is (..., T, V).

        Arguments and errors are those of `scaled_dot_product_attention`.
        """
        p = self.dropout_p if self.training else 0.0
        scale = None if self.scale else 1.0
        return scaled_dot_product_attention(query, key, value, attn_mask, p, is_causal, scale, rng=self.rng)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        query, (S, V) = args[0], np.shape(args[2])[-2:]
        return int(np.size(y) // max(V, 1) * S * (np.shape(query)[-1] + V))

    def extra_repr(self) -> str:
        return f"scale={self.scale}, dropout_p={self.dropout_p}"
