"""Transformer decoder layer: an encoder layer that also looks at a second sequence, the memory.

Three parts follow each other: self-attention s of the target, mostly causal; attention c of the target, as queries, to
the memory, which an encoder has made, as keys and values; and a feed-forward network f. As in the encoder layer each
adds to its input, with a layer norm after the sum or before the part:

    s(x) = attention of x to x        c(x) = attention of x to the memory                        (1)
    f(x) = W₂ φ(W₁ x + b₁) + b₂                                                                  (2)
    x ← norm(x + part(x)),    or  x ← x + part(norm(x)),    for s, c and f in turn               (3)

The memory itself is not normalized in (3). The gradient is that of the parts, and reaches the memory through c.

Symbols
-------
    paper     code                       shape        meaning
    x         x                          (N, T, E)    target
              memory                     (N, S, E)    the second sequence
    s         attend                                  self_attn, a MultiheadAttention
    c         look_up                                 multihead_attn, a MultiheadAttention
    f         feed_forward                            feed-forward network
    W₁, b₁    linear1                    (F, E)       a Linear: to `dim_feedforward` numbers
    W₂, b₂    linear2                    (E, F)       a Linear: back again
    φ         activation                              ReLU, GELU or another
    norm      norm1, norm2, norm3                     a LayerNorm for each part

Cost: two multi-head attentions, and two products of 2 N T E F operations forward and twice as many backward.

References
----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin (2017), "Attention is all you need",
    sec. 3.1 and 3.3.
Differs from them: the norm before the part, and dropout inside (2) and on attention's weights, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor
from pellucid.validation import check_rng
from pellucid_nn.dropout import Dropout
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.linear import Linear
from pellucid_nn.module import Module
from pellucid_nn.multi_head_attention import MultiheadAttention
from pellucid_nn.transformer_encoder_layer import activation_named, with_residual


class TransformerDecoderLayer(Module):
    """Self-attention, attention to a memory and a feed-forward network, each with a residual and a norm.

    Parameters
    ----------
    d_model : int
        E, a multiple of `nhead`.
    nhead : int
        Number of heads.
    dim_feedforward : int
        F.
    dropout : float
        Probability of dropout, in train mode, at all its places.
    activation : {"relu", "gelu"} or callable
        φ.
    layer_norm_eps : float
        ε of the norms.
    batch_first : bool
        Whether inputs are (N, T, E), or (T, N, E) as PyTorch's default is.
    norm_first : bool
        Norms before the parts instead of after the sums.
    bias : bool
        Whether linear layers and norms have biases.
    rng : Generator, int or None
        Draws the initial values, and then what dropout leaves out.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    self_attn, multihead_attn : MultiheadAttention
    linear1, linear2 : Linear
    norm1, norm2, norm3 : LayerNorm

    Raises
    ------
    ValueError
        If `d_model` is not a multiple of `nhead`, a size is not 1 or more, `dropout` is not between 0 and 1,
        `layer_norm_eps` is negative, or `activation` is a name that is not known.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        E, F, rng = d_model, dim_feedforward, check_rng(rng)
        options: dict[str, Any] = {"bias": bias, "rng": rng, "dtype": dtype}
        self.self_attn = MultiheadAttention(E, nhead, dropout, batch_first=batch_first, **options)
        self.multihead_attn = MultiheadAttention(E, nhead, dropout, batch_first=batch_first, **options)
        self.linear1 = Linear(E, F, **options)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(F, E, **options)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(E, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout, rng=rng) for _ in range(3))
        self.activation = activation_named(activation)
        self.norm_first = bool(norm_first)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """Apply the layer.

        Parameters
        ----------
        tgt : Tensor or array, shape (T, N, E), or (N, T, E) with `batch_first`, or (T, E)
        memory : Tensor or array, shape (S, N, E), or (N, S, E) with `batch_first`, or (S, E)
        tgt_mask, tgt_key_padding_mask : array, optional
            `attn_mask` and `key_padding_mask` of the self-attention: True keeps out.
        memory_mask, memory_key_padding_mask : array, optional
            The same of the attention to the memory.
        tgt_is_causal, memory_is_causal : bool
            Whether position t sees the positions 0 … t only.

        Returns
        -------
        Tensor or array, of the shape of `tgt`

        Raises
        ------
        ValueError, TypeError
            As `MultiheadAttention`.
        """
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        other = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "is_causal": memory_is_causal}

        def attend(x: Any) -> Any:
            return self.dropout1(self.self_attn(x, x, x, need_weights=False, **own)[0])  #        (1)

        def look_up(x: Any) -> Any:
            return self.dropout2(self.multihead_attn(x, memory, memory, need_weights=False, **other)[0])  # (1)

        def feed_forward(x: Any) -> Any:
            return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # (2)

        x = tgt if isinstance(tgt, Tensor) else np.asarray(tgt)
        x = with_residual(x, attend, self.norm1, self.norm_first)  #                              (3)
        x = with_residual(x, look_up, self.norm2, self.norm_first)  #                             (3)
        return with_residual(x, feed_forward, self.norm3, self.norm_first)  #                     (3)

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}"
