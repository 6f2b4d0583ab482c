"""Attention in blocks, the fast way: the result of `dot_product_attention.py` without a large array of weights.

The rows of the scores do not depend on each other, so they are worked on in blocks that fit into the processor's cache:
several heads at a time, or a part of the queries of one head. The weights are never divided by the sums of their rows;
the results are, which are smaller. For the rows of one block,

    S = c q kᵀ + M,    m = max of each row of S,    E = exp(S − m),    n = Σ of each row of E    (1)
    y = (E ∘ D) v / n                                                                            (2)

Gradient.  With g = dy / n, the P of the clear form is E / n, and Σᵤ Pₜᵤ dPₜᵤ = Σᵤ Aₜᵤ dAₜᵤ = dyₜ · yₜ. So

    dv += (E ∘ D)ᵀ g                                                                             (3)
    dS = E ∘ ((g vᵀ) ∘ D − g · y)                                                                (4)
    dq = c dS k        dk += c dSᵀ q        dM = dS                                              (5)

E is kept for the way back where all blocks together take at most `KEPT` bytes; else only m and n are, and E is computed
once more. Under a causal mask, a block of queries leaves out the keys that are ahead of all of them.

Symbols
-------
    paper      code            shape            meaning
    q, k, v    q, k, v         (..., T, ·)      queries, keys, values
    M, D       M, D            (..., T, S)      added to the scores; factors of dropout
    c          c               ()               scale
    m          highest         (..., T, 1)      highest score of a row, 0 where it is −∞
    E          E               a block's        exponentials
    n          total           (..., T, 1)      their sum, 1 where it is 0
    y          y               (..., T, V)      result
    d·         dy, dS          as ·             gradient of the loss

Cost: the operations of the clear form, and those of (1) once more for long sequences. Memory: `KEPT` bytes at most, and
what grows with T and S but not with T S. Dropout and a mask of floats come with a (..., T, S) array each all the same.

References
----------
    Rabe & Staats (2021), "Self-attention does not need O(n²) memory"; Dao, Fu, Ermon, Rudra & Ré (2022),
    "FlashAttention: fast and memory-efficient exact attention with IO-awareness": computing E again, and dy · y in (4).
Differs from them: a block holds whole rows, so that no row's sum has to be corrected later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid.tensor import data_of

BLOCK = 1 << 19  # bytes of scores that are worked on at a time
KEPT = 1 << 26  # bytes of exponentials that are kept for the way back

Piece = tuple[int | slice, ...]


def pieces(shape: tuple[int, ...], most: int) -> Iterator[Piece]:
    """Indices that cut an array of this shape into parts of `most` entries or fewer, each in one stretch."""
    inner, axis = 1, len(shape) - 1
    while axis > 0 and inner * shape[axis] <= most:
        inner *= shape[axis]
        axis -= 1
    length = max(1, most // max(inner, 1))
    whole = (slice(None),) * (len(shape) - 1 - axis)
    for front in np.ndindex(shape[:axis]):
        for start in range(0, shape[axis], length):
            yield (*front, slice(start, min(start + length, shape[axis])), *whole)


@primitive
def attention_in_blocks(
    q: Any,
    k: Any,
    v: Any,
    M: Any,
    *,
    allowed: Any = None,
    D: Any = None,
    is_causal: bool = False,
    c: float = 1.0,
) -> Any:
    """What `attention` returns first: (..., T, E), (..., S, E), (..., S, V), _ -> (..., T, V)."""
    options = {"allowed": allowed, "D": D, "is_causal": is_causal, "c": c}
    if any(isinstance(x, Tensor) for x in (q, k, v, M)):
        return _differentiable_twice(q, k, v, M, **options)
    T, S = q.shape[-2], k.shape[-2]
    extra = [np.shape(x)[:-2] for x in (M, allowed, D)]
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2], *extra)
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    M, allowed, D = (None if x is None else np.broadcast_to(x, (*lead, T, S)) for x in (M, allowed, D))
    cuts = list(pieces((*lead, T), BLOCK // max(1, S * q.itemsize)))

    def keys_for(piece: Piece) -> tuple[Any, slice]:
        """Where the keys of a block are, and which of them it looks at."""
        stop = piece[-1].indices(T)[1] if is_causal else S  # type: ignore[union-attr]
        return (*piece[:-1], slice(0, stop)), slice(0, stop)

    def scores(piece: Piece) -> Any:
        there, keys = keys_for(piece)
        score = (c * q[piece]) @ k[there].mT  #                                                   (1)
        if M is not None:
            score += M[piece][..., keys]  #                                                       (1)
        if allowed is not None:
            np.copyto(score, -np.inf, where=~allowed[piece][..., keys])  #                        (1)
        if is_causal:
            start, stop, _ = piece[-1].indices(T)  # type: ignore[union-attr]
            ahead = np.arange(start, stop)[:, None] < np.arange(score.shape[-1])
            np.copyto(score, -np.inf, where=ahead)  #                                             (1)
        return score

    y = np.empty_like(q, shape=(*lead, T, v.shape[-1]))  # the axes lie in memory as those of q do
    highest, total = np.empty((2, *lead, T, 1), q.dtype)
    kept: list[Any] = []
    for piece in cuts:
        there, keys = keys_for(piece)
        E = scores(piece)
        m = E.max(axis=-1, keepdims=True, initial=-np.inf)  #                                     (1)
        m[np.isneginf(m)] = 0
        with np.errstate(invalid="ignore"):  # a score of ∞ makes its row NaN
            np.exp(np.subtract(E, m, out=E), out=E)  #                                            (1)
        n = E.sum(axis=-1, keepdims=True)  #                                                      (1)
        n[n == 0] = 1
        A = E if D is None else E * D[piece][..., keys]  #                                        (2)
        y[piece] = A @ v[there] / n  #                                                            (2)
        highest[piece], total[piece] = m, n
        if total.size * S * q.itemsize <= KEPT:
            kept.append(E)

    def vjp(dy: Any) -> Any:
        dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
        dM = None if M is None else np.zeros_like(M)
        for i, piece in enumerate(cuts):
            there, keys = keys_for(piece)
            E = kept[i] if kept else np.exp(scores(piece) - highest[piece])  #                    (1)
            g = dy[piece] / total[piece]
            dS = g @ v[there].mT  #                                                               (4)
            A = E
            if D is not None:
                A = E * D[piece][..., keys]  #                                                    (3)
                dS *= D[piece][..., keys]  #                                                      (4)
            dv[there] += A.mT @ g  #                                                              (3)
            dS -= (g * y[piece]).sum(axis=-1, keepdims=True)  #                                   (4)
            dS *= E  #                                                                            (4)
            dq[piece] = c * (dS @ k[there])  #                                                    (5)
            dk[there] += dS.mT @ (c * q[piece])  #                                                (5)
            if dM is not None:
                dM[piece][..., keys] = dS  #                                                      (5)
        return dq, dk, dv, dM

    return y, vjp


def _differentiable_twice(q: Any, k: Any, v: Any, M: Any, **options: Any) -> Any:
    """The value as before, to the last bit, with the gradient of the clear form, which works on Tensors."""
    from pellucid_nn.dot_product_attention import attention, both, causal

    value, _ = attention_in_blocks.run(*[None if x is None else data_of(x) for x in (q, k, v, M)], **options)
    if options.pop("is_causal"):
        options["allowed"] = both(options["allowed"], causal(q.shape[-2], k.shape[-2]))
    _, vjp = attention.run(q, k, v, M, **options)
    return value, vjp
