"""Multi-head attention: several attentions side by side, each of which looks at its own projection of the input.

With one attention a position gets one mixture of the others. H heads give it H mixtures, of H different aspects: each
head projects queries, keys and values to E/H numbers, attends with them, and the results are joined and mixed:

    q = x Wqᵀ + bq,    k = x′ Wkᵀ + bk,    v = x″ Wvᵀ + bv                                       (1)
    qʰ, kʰ, vʰ = entries h E/H … (h + 1) E/H − 1 of each                                         (2)
    yʰ = attention of qʰ to kʰ and vʰ                                                            (3)
    y = [y⁰, y¹, …] Wₒᵀ + bₒ                                                                     (4)

In self-attention x, x′ and x″ are the same sequence. The gradient is that of the parts: `linear.py` for (1) and (4),
`dot_product_attention.py` for (3); (2) moves numbers.

Masks say here what they say in PyTorch's module: True keeps a pair or a key out, the opposite of
`scaled_dot_product_attention`. Masks of floats are added to the scores; several masks all hold.

Initial values.  Projections are drawn as Glorot & Bengio propose for E inputs and the outputs of all that share an
array, with no biases; Wₒ as `Linear` draws it:

    W ~ U(−a, a),    a = √(6 / (inputs + outputs)),        b = 0                                 (5)

Symbols
-------
    paper          code                    shape          meaning
    x, x′, x″      query, key, value       (N, T, E)      input; key and value are (N, S, ·)
    Wq, Wk, Wv     in_proj_weight          (3E, E)        one below the other, or q_proj_weight, ... where sizes differ
    bq, bk, bv     in_proj_bias            (3E,)
    qʰ, kʰ, vʰ     q, k, v                 (N, H, T, ·)   with the heads on an axis of their own
    H              num_heads, H            ()             number of heads
    Wₒ, bₒ         out_proj                (E, E), (E,)   a Linear
    a              bound                   ()             bound of the initial values

Cost: (1) and (4) 4 products of N T E² multiplications if S = T, (3) two of N T S E; the same twice more backward.

References
----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin (2017), "Attention is all you need",
    sec. 3.2.2: (1)-(4). Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks": (5).
Differs from them: biases, as in PyTorch. From PyTorch: `is_causal` works without `attn_mask`; a query that may attend
to nothing gets zeros from its heads whether or not weights are asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.attention_in_blocks import attention_in_blocks
from pellucid_nn.dot_product_attention import attention, both, causal, dropout_factors
from pellucid_nn.dropout import check_probability
from pellucid_nn.linear import Linear, linear
from pellucid_nn.module import Module, Parameter


class MultiheadAttention(Module):
    """Attention with several heads, under PyTorch's names.

    Parameters
    ----------
    embed_dim : int
        E, a multiple of `num_heads`.
    num_heads : int
        H.
    dropout : float
        Probability of leaving out a weight, in train mode.
    bias : bool
        Whether the projections have biases.
    add_bias_kv, add_zero_attn : bool
        Are not offered: True is an error.
    kdim, vdim : int, optional
        Size of keys and values; E if not given.
    batch_first : bool
        Whether inputs are (N, T, E), or (T, N, E) as PyTorch's default is.
    rng : Generator, int or None
        Draws the initial values, and then what dropout leaves out.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3E, E), or None where `kdim` or `vdim` differ from E
    q_proj_weight, k_proj_weight, v_proj_weight : Parameter, shape (E, E), (E, kdim), (E, vdim), or None
    in_proj_bias : Parameter, shape (3E,), or None
    out_proj : Linear

    Raises
    ------
    ValueError
        If `embed_dim` is not a multiple of `num_heads`, a size is not 1 or more, `dropout` is not between 0 and 1, or
        an option is given that is not offered.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(
                f"embed_dim must be num_heads times a whole number, 1 or more: embed_dim is {embed_dim}, num_heads is "
                f"{num_heads}"
            )
        if add_bias_kv or add_zero_attn:
            raise ValueError(
                "add_bias_kv and add_zero_attn are not offered: append a learnt (or zero) row to key and value instead"
            )
        E = embed_dim
        self.embed_dim, self.num_heads, self.batch_first = E, num_heads, bool(batch_first)
        self.kdim, self.vdim = E if kdim is None else kdim, E if vdim is None else vdim
        if min(self.kdim, self.vdim) < 1:
            raise ValueError(f"kdim and vdim must be 1 or more; they are {self.kdim} and {self.vdim}")
        self.dropout = check_probability(dropout)
        self.rng = rng = check_rng(rng)

        def drawn(outputs: int, inputs: int) -> Parameter:
            bound = (6 / (inputs + outputs)) ** 0.5  #                                            (5)
            return Parameter(rng.uniform(-bound, bound, (outputs, inputs)), dtype=dtype)

        together = self.kdim == self.vdim == E
        self.in_proj_weight = drawn(3 * E, E) if together else None
        self.q_proj_weight = None if together else drawn(E, E)
        self.k_proj_weight = None if together else drawn(E, self.kdim)
        self.v_proj_weight = None if together else drawn(E, self.vdim)
        self.in_proj_bias = Parameter(np.zeros(3 * E), dtype=dtype) if bias else None  #          (5)
        self.out_proj = Linear(E, E, bias=bias, rng=rng, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data.fill(0)  #                                                   (5)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Attend.

        Parameters
        ----------
        query : Tensor or array, shape (T, N, E), or (N, T, E) with `batch_first`, or (T, E)
        key : Tensor or array, shape (S, N, kdim), or (N, S, kdim), or (S, kdim)
        value : Tensor or array, shape (S, N, vdim), or (N, S, vdim), or (S, vdim)
        key_padding_mask : array, shape (N, S) or (S,), optional
            True for keys that nobody may attend to; or floats that are added to the scores.
        need_weights : bool
            Whether to return the weights; without them it is faster.
        attn_mask : array, shape (T, S) or (N H, T, S), optional
            True where a query may not attend to a key; or floats that are added to the scores.
        average_attn_weights : bool
            Whether the weights are the mean over the heads.
        is_causal : bool
            Whether query t may attend to the keys 0 … t only, beside what the masks say.

        Returns
        -------
        y : Tensor or array, of the shape of `query`
        weights : Tensor or array, shape (N, T, S), or (N, H, T, S) without averaging, or None
            Without N where the inputs are without it.

        Raises
        ------
        ValueError
            If shapes do not fit.
        TypeError
            If inputs or masks of floats have another dtype than the parameters.
        """
        query, key, value = (x if isinstance(x, Tensor) else np.asarray(x) for x in (query, key, value))
        self._check(query, key, value)
        batched = query.ndim == 3
        if not batched:
            query, key, value = query[None], key[None], value[None]
        H, E = self.num_heads, self.embed_dim
        order = (1, 2, 0, 3) if batched and not self.batch_first else (0, 2, 1, 3)  # leads to (N, H, T, E/H)

        def heads(x: Any, W: Any, b: Any) -> Any:
            rows = linear(x.reshape(-1, x.shape[-1]), W, b)  #                                    (1)
            return rows.reshape(*x.shape[:2], H, E // H).transpose(order)  # (N, H, T, E/H)       (2)

        q, k, v = (heads(x, W, b) for x, (W, b) in zip((query, key, value), self._projections()))
        N, T, S = len(q), q.shape[2], k.shape[2]
        M, allowed = self._masks(attn_mask, key_padding_mask, (N, H, T, S), q.dtype)
        D = dropout_factors((N, H, T, S), self.dropout if self.training else 0.0, q.dtype, self.rng)
        c, A = (E // H) ** -0.5, None
        if need_weights:
            allowed = both(allowed, causal(T, S) if is_causal else None)
            y, A = attention(q, k, v, M, allowed=allowed, D=D, c=c)  #                            (3)
            A = A.mean(axis=1) if average_attn_weights else A
        else:
            y = attention_in_blocks(q, k, v, M, allowed=allowed, D=D, is_causal=bool(is_causal), c=c)  # (3)
        joined = y.transpose(tuple(map(order.index, range(4)))).reshape(query.shape)
        y = self.out_proj(joined)  #                                                              (4)
        return (y, A) if batched else (y[0], None if A is None else A[0])

    def _projections(self) -> list[tuple[Any, Any]]:
        """Weights and biases of (1), for queries, keys and values."""
        E, W, b = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        parts = [slice(i * E, (i + 1) * E) for i in range(3)]
        biases = [None if b is None else b[part] for part in parts]
        if W is None:
            return list(zip((self.q_proj_weight, self.k_proj_weight, self.v_proj_weight), biases))
        return [(W[part], bias) for part, bias in zip(parts, biases)]

    def _check(self, query: Any, key: Any, value: Any) -> None:
        shapes = f"query has shape {query.shape}, key {key.shape}, value {value.shape}"
        sizes = self.embed_dim, self.kdim, self.vdim
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ValueError(f"query, key and value must all be 3-d, or all 2-d without a batch: {shapes}")
        batch = slice(0, 1) if self.batch_first else slice(1, 2)
        if query.ndim == 3 and query.shape[batch] != key.shape[batch] or key.shape[:-1] != value.shape[:-1]:
            axes = "(N, T, E), (N, S, kdim) and (N, S, vdim)" if self.batch_first else "(T, N, E), (S, N, ·), (S, N, ·)"
            raise ValueError(f"with batch_first={self.batch_first} the shapes must be {axes}: {shapes}")
        if (query.shape[-1], key.shape[-1], value.shape[-1]) != sizes:
            raise ValueError(f"the last axes must have embed_dim, kdim, vdim = {sizes} entries: {shapes}")
        dtype = self.out_proj.weight.dtype
        if not query.dtype == key.dtype == value.dtype == dtype:
            raise TypeError(
                f"query is {query.dtype}, key {key.dtype}, value {value.dtype} and the weights are {dtype}: convert "
                f"them with .astype(np.{dtype}), or the module with module.to"
            )

    def _masks(self, attn_mask: Any, key_padding_mask: Any, shape: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
        """What is added to the scores, and which pairs are allowed, of (N, H, T, S) or broadcasting to it."""
        N, H, T, S = shape
        M = allowed = None
        choices: tuple[tuple[str, Any, dict[tuple[int, ...], tuple[int, ...]]], ...] = (
            ("attn_mask", attn_mask, {(T, S): (T, S), (N * H, T, S): shape}),
            ("key_padding_mask", key_padding_mask, {(N, S): (N, 1, 1, S)} | ({(S,): (1, 1, 1, S)} if N == 1 else {})),
        )
        for name, mask, forms in choices:
            if mask is None:
                continue
            mask = mask if isinstance(mask, Tensor) else np.asarray(mask)
            if mask.shape not in forms:
                raise ValueError(f"{name} must have shape {' or '.join(map(str, forms))}, not {mask.shape}")
            if mask.dtype not in (np.dtype(bool), dtype):
                raise TypeError(
                    f"{name} must be bool (True where nobody may attend) or {dtype} as the inputs (added to the "
                    f"scores); it is {mask.dtype}"
                )
            mask = mask.reshape(forms[mask.shape])
            if mask.dtype == bool:
                allowed = both(allowed, ~data_of(mask))
            else:
                M = mask if M is None else M + mask
        return M, allowed

    def multiply_adds(self, y: Any, *args: Any) -> int:
        rows = [int(np.size(x)) // np.shape(x)[-1] for x in args[:3]]  # N T, N S, N S
        E, length = self.embed_dim, int(np.shape(args[1])[1 if self.batch_first and np.ndim(args[1]) == 3 else 0])
        projections = rows[0] * E + rows[1] * self.kdim + rows[2] * self.vdim
        return int(E * (projections + 2 * rows[0] * length))  # those of (4) are counted by out_proj


MultiHeadAttention = MultiheadAttention
