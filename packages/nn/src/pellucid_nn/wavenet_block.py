"""WaveNet block: a gated, dilated causal convolution, which hands on a little and tells a little.

Two causal convolutions look at the same stretch of the past. One says what there is, the other, between 0 and 1, how
much of it passes. The result is added to the sequence for the next block, and a second view of it goes straight to the
network's output. With * a causal convolution of dilation d (`conv1d.py`),

    u = W₁ * x + b₁,    v = W₂ * x + b₂                                                          (1)
    z = tanh(u) ∘ σ(v)                                                                           (2)
    residual = x + R z + c,    skip = S z + e                                                    (3)

where R and S, convolutions with a kernel of one entry, mix the channels of each time by itself. An output of a stack of
L blocks sees, back from its own time, as many entries as its receptive field has,

    1 + Σₗ (k − 1) dₗ                                                                            (4)

which with kernels of k = 2 and dilations 1, 2, 4, ..., 2^(L−1) is 2^L: twice as far with every block.

Gradient.  Of (1) and (3) as in `conv1d.py`. Of the gate, with tanh′ = 1 − tanh² and σ′ = σ (1 − σ),

    du = dz ∘ σ(v) ∘ (1 − tanh² u)                                                               (5)
    dv = dz ∘ tanh(u) ∘ σ(v) ∘ (1 − σ(v))                                                        (6)

Symbols
-------
    paper   code             shape        meaning
    x       x                (N, C, T)    sequences
    W₁, b₁  conv_filter      (B, C, k)    a Conv1d: what there is
    W₂, b₂  conv_gate        (B, C, k)    a Conv1d: how much of it passes
    u, v    u, v             (N, B, T)    what goes into the gate
    z       z                (N, B, T)    what has passed
    R, c    conv_residual    (C, B, 1)    a Conv1d, back to the channels of x
    S, e    conv_skip        (K, B, 1)    a Conv1d, to the channels of the output
    d       dilation         ()           distance of the kernel's entries
    d·      dz               as ·         gradient of the loss

Cost: 2 N T B (2 C k + C + K) operations forward, twice as many backward; the tape keeps x, tanh(u), σ(v) and z.

References
----------
    van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior & Kavukcuoglu (2016), "WaveNet: a
    generative model for raw audio", sec. 2.1 (dilations), 2.3 (the gate, (2)) and 2.4 (residual and skip, (3)).
Differs from them: the convolutions may have biases, which their (2) does not write; nothing conditions the gate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor, primitive
from pellucid.validation import check_rng
from pellucid_nn.activations import sigmoid
from pellucid_nn.conv1d import Conv1d
from pellucid_nn.kernel_positions import whole_number
from pellucid_nn.module import Module


@primitive
def gated_activation(u: Any, v: Any) -> Any:
    """tanh(u) ∘ σ(v), with its gradients: (..., T), (..., T) -> (..., T)."""
    tanh_u = np.tanh(u)
    sigmoid_v = sigmoid(v)
    z = tanh_u * sigmoid_v  #                                                                     (2)

    def du(dz: Any) -> Any:
        return dz * sigmoid_v * (1 - tanh_u * tanh_u)  #                                          (5)

    def dv(dz: Any) -> Any:
        return dz * z * (1 - sigmoid_v)  #                                                        (6)

    return z, (du, dv)


def receptive_field(kernel_size: int, dilations: Iterable[int]) -> int:
    """How many entries of the input, its own time among them, an output of a stack of causal convolutions sees.

    Parameters
    ----------
    kernel_size : int
        k, the same for all.
    dilations : iterable of int
        d of each.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a number is not whole, or is less than 1.

    Examples
    --------
    >>> receptive_field(2, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    1024
    """
    k, ds = whole_number(kernel_size, "kernel_size"), [whole_number(d, "each of dilations") for d in dilations]
    return 1 + (k - 1) * sum(ds)  #                                                               (4)


class WaveNetBlock(Module):
    """A gated causal convolution with two results: (N, C, T) -> (N, C, T), (N, K, T).

    Parameters
    ----------
    residual_channels : int
        C, of the input and of the first result.
    gate_channels : int
        B, inside.
    skip_channels : int
        K, of the second result.
    kernel_size : int
        k.
    dilation : int
        d.
    bias : bool
        Whether the four convolutions have biases.
    rng : Generator, int or None
        Draws the initial values, as `Conv1d` does; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    conv_filter, conv_gate, conv_residual, conv_skip : Conv1d

    Raises
    ------
    ValueError
        If a size is not a whole number of 1 or more.
    """

    def __init__(
        self,
        residual_channels: int,
        gate_channels: int,
        skip_channels: int,
        kernel_size: int = 2,
        dilation: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        C, B, K = residual_channels, gate_channels, skip_channels
        options: dict[str, Any] = {"bias": bias, "rng": check_rng(rng), "dtype": dtype}
        causal: dict[str, Any] = {"padding": "causal", "dilation": dilation, **options}
        self.conv_filter = Conv1d(C, B, kernel_size, **causal)
        self.conv_gate = Conv1d(C, B, kernel_size, **causal)
        self.conv_residual = Conv1d(B, C, 1, **options)
        self.conv_skip = Conv1d(B, K, 1, **options)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Apply the block.

        Parameters
        ----------
        x : Tensor or array, shape (N, C, T) or (C, T)

        Returns
        -------
        residual : shape (N, C, T) or (C, T)
            What the next block gets.
        skip : shape (N, K, T) or (K, T)
            What is added to that of the other blocks.

        Raises
        ------
        ValueError
            If `x` has another number of axes or channels.
        TypeError
            If `x` has another dtype than the weights.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        u, v = self.conv_filter(x), self.conv_gate(x)  # (N, B, T) each                           (1)
        z = gated_activation(u, v)  # (N, B, T)                                                   (2)
        return x + self.conv_residual(z), self.conv_skip(z)  #                                    (3)

    @property
    def receptive_field(self) -> int:
        """How many entries of `x` an output sees."""
        (k,), (d,) = self.conv_filter.kernel_size, self.conv_filter.dilation
        return receptive_field(k, [d])
