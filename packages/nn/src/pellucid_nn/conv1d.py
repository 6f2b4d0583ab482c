"""One-dimensional convolution: a short kernel slides along a sequence.

The same as `conv2d.py` along one axis, with x̂ the sequence and its margin of zeros, stride s and dilation d:

    ynf[t] = bf + Σ_c Σ_i  W_fc[i]  x̂nc[s t + d i]                                               (1)

A margin of d (k − 1) zeros in front and none behind makes it causal: output t then sees x up to s t and nothing later,

    padding="causal":  left = d (k − 1),  right = 0                                              (2)

so that a network can be trained on all times of a sequence at once and still predict each from its past. Stacked with
dilations 1, 2, 4, ..., each layer doubles how far back the network sees.

Gradient.  Each sum over what it does not name; they are the sums (3)-(5) of `conv2d.py` for images one entry wide:

    dx̂nc[s t + d i] += Σ_f W_fc[i] dynf[t]                                                       (3)
    dW_fc[i] = Σₙ Σ_t dynf[t] x̂nc[s t + d i]                                                     (4)
    dbf = Σₙ Σ_t dynf[t]                                                                         (5)

Symbols
-------
    paper   code         shape            meaning
    x       x            (N, C, T)        sequences
    W       W, weight    (F, C/G, k)      kernels
    b       b, bias      (F,)             biases
    y       y            (N, F, To)       results
    s, d    stride, dilation    scalars   steps of the kernel, and inside of it
    G       groups       scalar           groups of channels
    d·      dy           as ·             gradient of the loss

Cost: 2 N F C/G k To operations each (forward, dx, dW). Where channels are many no neighbourhood is copied: the kernel
moves along the rows of an image, and what it meets there is a slice.

References
----------
    Waibel, Hanazawa, Hinton, Shikano & Lang (1989), "Phoneme recognition using time-delay neural networks": (1).
    van den Oord et al. (2016), "WaveNet: a generative model for raw audio", sec. 2.1: (2), and stacks with dilations.
Differs from them: nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import primitive
from pellucid_nn.conv2d import Convolution, correlation, correlation_dW, correlation_dx
from pellucid_nn.kernel_positions import check_channels, pair, positions


def sides(padding: Any, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """How many zeros stand before and after the sequence.

    Parameters
    ----------
    padding : int, pair, "same", "valid" or "causal"
        One number for both ends; (left, right); as many as keep the length, the odd one at the end; none; as (2) says.
    """
    span = dilation * (kernel - 1)
    if isinstance(padding, str):
        if padding == "causal":
            # mutate: sign, factor equivalent because nothing stands behind the sequence
            return span, 0  #                                                                     (2)
        if padding == "same" and stride != 1:
            raise ValueError(
                f'padding="same" keeps the length, which a stride does not: stride is {stride}; give the padding as '
                f"a number"
            )
        if padding not in ("same", "valid"):
            raise ValueError(f'padding must be "same", "valid", "causal" or numbers, not {padding!r}')
        return (span // 2, span - span // 2) if padding == "same" else (0, 0)
    left, right = pair(padding, "padding", 0, axes="(left, right)")
    return left, right


@primitive
def conv1d(
    x: Any, W: Any, b: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Slide kernels W along sequences x and add b, with the gradients.

    Parameters
    ----------
    x : array, shape (N, C, T) or (C, T)
    W : array, shape (F, C/groups, k)
    b : array, shape (F,), optional
    stride, dilation : int
        The kernel's step, and the distance of its entries.
    padding : int, pair, "same", "valid" or "causal"
        Zeros around the sequence: at both ends; (left, right); as many as keep the length, the odd one at the end;
        none; so many in front that no output sees what comes later.
    groups : int
        Into how many groups channels and outputs are divided.

    Returns
    -------
    array, shape (N, F, To) or (F, To)

    Raises
    ------
    ValueError
        If the shapes do not belong together, or the kernel is longer than the padded sequence.
    TypeError
        If `x` and `W` have different dtypes.
    """
    check_channels(x, W, b, groups, n_axes=1)
    (s,), (d,) = pair(stride, "stride", length=1), pair(dilation, "dilation", length=1)
    ends = sides(padding, W.shape[2], s, d)
    reach, room = d * (W.shape[2] - 1) + 1, x.shape[-1] + sum(ends)
    if room < reach:
        raise ValueError(
            f"the kernel must fit into the padded sequence: it reaches over {reach} entries (kernel {W.shape[2]}, "
            f"dilation {d}), the sequence with its padding has {room}; pad more or take a smaller kernel"
        )
    at = positions((x.shape[-1], 1), (W.shape[2], 1), (s, 1), (*ends, 0, 0), (d, 1), groups)
    columns = (x if x.ndim == 3 else x[None])[..., None]  # (N, C, T, 1): images one entry wide
    y = correlation(columns, W[..., None], at=at)  # (N, F, To, 1)                                (1)
    if b is not None:
        y += b[:, None, None]  #                                                                  (1)
    shape = y.shape

    def dx(dy: Any) -> Any:
        return correlation_dx(dy.reshape(shape), W[..., None], at=at).reshape(x.shape)  #         (3)

    def dW(dy: Any) -> Any:
        return correlation_dW(columns, dy.reshape(shape), at=at).reshape(W.shape)  #              (4)

    def db(dy: Any) -> Any:
        # mutate: sign equivalent because axis 2 of four is axis −2
        return dy.reshape(shape).sum(axis=(0, 2, 3))  #                                           (5)

    return y.reshape(shape[3 - x.ndim : 3]), (dx, dW, db)


class Conv1d(Convolution):
    """Kernels that slide along sequences: (N, C, T) -> (N, F, To).

    Parameters
    ----------
    in_channels : int or None
        C. None waits for the first input.
    out_channels : int
        F.
    kernel_size : int
        k.
    stride, padding, dilation, groups
        As for `conv1d`.
    bias : bool
        Whether there is a `b`.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the margin: zeros, the sequence mirrored at its end, its last entry, its other end.
    rng : Generator, int or None
        Draws the initial values, as `Conv2d` does; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (F, C/groups, k)
    bias : Parameter, shape (F,), or None

    Raises
    ------
    ValueError
        If a setting is no number that makes sense, or `groups` does not divide the channels.
    """

    n_axes = 1

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        channels = in_channels, out_channels
        self._keep(channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, rng, dtype)

    def margins(self) -> tuple[tuple[int, int], ...]:
        return (sides(self.padding, self.kernel_size[0], self.stride[0], self.dilation[0]),)

    def forward(self, x: Any) -> Any:
        """Apply the layer to x (N, C, T) or (C, T); errors as of `conv1d`."""
        x, padding = self.padded(x)
        how = {"stride": self.stride, "padding": padding, "dilation": self.dilation, "groups": self.groups}
        return conv1d(x, self.weight, self.bias, **how)


def LazyConv1d(out_channels: int, kernel_size: Any, *args: Any, **settings: Any) -> Conv1d:
    """A `Conv1d` that takes the number of its input channels from its first input."""
    return Conv1d(None, out_channels, kernel_size, *args, **settings)
