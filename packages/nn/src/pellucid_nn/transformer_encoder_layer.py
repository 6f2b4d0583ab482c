"""Transformer encoder layer: positions exchange what they know, then each works on it alone.

Two parts follow each other: self-attention a, and a feed-forward network f, the same at every position. Each part adds
to its input what it has found (a residual), and a layer norm stands after the sum, or before the part:

    f(x) = W₂ φ(W₁ x + b₁) + b₂                                                                  (1)
    after (post-norm):    x ← norm(x + part(x))                                                  (2)
    before (pre-norm):    x ← x + part(norm(x))                                                  (3)
    y = (2) or (3), for a and then for f                                                         (4)

With dropout, φ in (1) and what each part returns lose entries, and attention loses weights. In (3) the way from y back
to x goes through no norm, so gradients of about the same size reach all layers of a deep stack. In (2) those of the
last layers are large to begin with, and the learning rate is mostly warmed up from small values.

Symbols
-------
    paper     code                  shape        meaning
    x, y      x                     (N, T, E)    input, result
    a         attend                             self-attention: self_attn, a MultiheadAttention
    f         feed_forward                       feed-forward network
    W₁, b₁    linear1               (F, E)       a Linear: to `dim_feedforward` numbers
    W₂, b₂    linear2               (E, F)       a Linear: back again
    φ         activation                         ReLU, GELU or another
    norm      norm1, norm2                       a LayerNorm for each part

Cost: multi-head attention, and two products of 2 N T E F operations forward and twice as many backward. The gradient is
that of the parts.

References
----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin (2017), "Attention is all you need",
    sec. 3.1 and 3.3: (1) and (2). Xiong, Yang, He, Zheng, Zheng, Xing, Zhang, Lan, Wang & Liu (2020), "On layer
    normalization in the transformer architecture": (3).
Differs from them: dropout inside (1) and on attention's weights, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor
from pellucid.validation import check_rng
from pellucid_nn import activations
from pellucid_nn.dropout import Dropout
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.linear import Linear
from pellucid_nn.module import Module
from pellucid_nn.multi_head_attention import MultiheadAttention


class TransformerEncoderLayer(Module):
    """Self-attention and a feed-forward network, each with a residual and a norm.

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
        (3) instead of (2).
    bias : bool
        Whether linear layers and norms have biases.
    rng : Generator, int or None
        Draws the initial values, and then what dropout leaves out.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    self_attn : MultiheadAttention
    linear1, linear2 : Linear
    norm1, norm2 : LayerNorm

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
        self.linear1 = Linear(E, F, **options)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(F, E, **options)
        self.norm1, self.norm2 = (LayerNorm(E, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(2))
        self.dropout1, self.dropout2 = (Dropout(dropout, rng=rng) for _ in range(2))
        self.activation = activation_named(activation)
        self.norm_first = bool(norm_first)

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """Apply the layer.

        Parameters
        ----------
        src : Tensor or array, shape (T, N, E), or (N, T, E) with `batch_first`, or (T, E)
        src_mask, src_key_padding_mask : array, optional
            `attn_mask` and `key_padding_mask` of `MultiheadAttention`: True keeps out.
        is_causal : bool
            Whether position t sees the positions 0 … t only.

        Returns
        -------
        Tensor or array, of the shape of `src`

        Raises
        ------
        ValueError, TypeError
            As `MultiheadAttention`.
        """
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "is_causal": is_causal}

        def attend(x: Any) -> Any:
            return self.dropout1(self.self_attn(x, x, x, need_weights=False, **masks)[0])

        def feed_forward(x: Any) -> Any:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # (1)

        x = src if isinstance(src, Tensor) else np.asarray(src)
        x = with_residual(x, attend, self.norm1, self.norm_first)  #                              (4)
        return with_residual(x, feed_forward, self.norm2, self.norm_first)  #                     (4)

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}"


def with_residual(x: Any, part: Callable[[Any], Any], norm: Callable[[Any], Any], norm_first: bool) -> Any:
    """x and what a part adds to it, normalized before or after."""
    if norm_first:
        return x + part(norm(x))  #                                                               (3)
    return norm(x + part(x))  #                                                                   (2)


def activation_named(activation: str | Callable[[Any], Any]) -> Any:
    """φ by its name, or as it was given."""
    if callable(activation):
        return activation
    if activation == "relu":
        return activations.ReLU()
    if activation == "gelu":
        return activations.GELU()
    raise ValueError(f'activation must be "relu", "gelu" or a function of one array; got {activation!r}')
