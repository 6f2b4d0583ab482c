"""Which entries of the input each position of a sliding kernel meets.

Along one axis, output t of a convolution with kernel length k, stride s, dilation d and `top` zeros in front looks at

    the entries s t + d i − top of the input, for i = 0 … k−1,

and entries outside of the input are zeros. There are ⌊(H + top + bottom − d (k−1) − 1) / s⌋ + 1 outputs. Kernels of a
transposed convolution, of pooling and of im2col move in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Pair = tuple[int, int]


class Positions(NamedTuple):
    """A kernel that slides over two axes; every field but the last has one entry for each."""

    size: Pair  # H, W of the input
    kernel: Pair  # kh, kw
    out: Pair  # Ho, Wo: how often it stops
    stride: Pair
    dilation: Pair
    padding: tuple[Pair, Pair]  # zeros before and after: (top, bottom), (left, right)
    groups: int

    def each(self) -> Iterator[Any]:
        """The positions (i, j) in the kernel."""
        return iter(np.ndindex(self.kernel))

    def met_by(self, i: int, j: int) -> tuple[Any, slice, slice]:
        """The part of the padded input that position (i, j) of the kernel meets: an index, (..., Ho, Wo)."""
        s, d, n = self.stride, self.dilation, self.out
        rows = slice(d[0] * i, d[0] * i + s[0] * (n[0] - 1) + 1, s[0])
        return ..., rows, slice(d[1] * j, d[1] * j + s[1] * (n[1] - 1) + 1, s[1])

    @property
    def n_stops(self) -> int:
        """How often the kernel stops in all."""
        return self.out[0] * self.out[1]

    @property
    def inside(self) -> tuple[Any, slice, slice]:
        """The part of the padded input that is not padding: an index, (..., H, W)."""
        (top, _), (left, _) = self.padding
        return ..., slice(top, top + self.size[0]), slice(left, left + self.size[1])

    @property
    def padded(self) -> Pair:
        """Height and width of the padded input."""
        (top, bottom), (left, right) = self.padding
        return top + self.size[0] + bottom, left + self.size[1] + right


def pair(value: Any, name: str, least: int = 1, length: int = 2, axes: str = "(rows, columns)") -> Any:
    """One whole number for both axes, or one for each; with another `length` for as many axes."""
    try:
        whole: Any = np.asarray(value)
    except ValueError:  # rows of different lengths
        whole = np.array(None)
    if whole.dtype.kind not in "iu" or whole.shape not in ((), (1,), (length,)) or whole.min() < least:
        or_pair = f", or a pair of them {axes}" * (length == 2)
        raise ValueError(f"{name} must be a whole number of {least} or more{or_pair}: {value!r}")
    return tuple(np.broadcast_to(whole, length).tolist())


def whole_number(value: Any, name: str) -> int:
    """A whole number of 1 or more, or a ValueError that names it."""
    if np.ndim(value):
        raise ValueError(f"{name} must be a whole number of 1 or more: {value!r}")
    number: int = pair(value, name, length=1)[0]
    return number


def margins(padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """How many zeros stand before and after each axis: ((top, bottom), (left, right)).

    Parameters
    ----------
    padding : int, pair, 4-tuple, "same" or "valid"
        One number for all sides; (rows, columns), each for both ends; (top, bottom, left, right); as many as keep the
        size, the odd one at the end; none.
    kernel, stride, dilation : pair of int
    """
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding != "same":
            raise ValueError(f'padding must be "same", "valid" or numbers, not {padding!r}')
        if stride != (1, 1):
            raise ValueError(
                f'padding="same" keeps the size, which a stride does not: stride is {stride}; give the padding as '
                f"numbers"
            )
        spans = [d * (k - 1) for d, k in zip(dilation, kernel)]
        return (spans[0] // 2, spans[0] - spans[0] // 2), (spans[1] // 2, spans[1] - spans[1] // 2)
    if np.shape(padding) == (4,):
        top, bottom, left, right = pair(padding, "padding", 0, 4)
        return (top, bottom), (left, right)
    try:
        ph, pw = pair(padding, "padding", 0)
    except ValueError:
        raise ValueError(
            f"padding must be a whole number of 0 or more, a pair (rows, columns), four (top, bottom, left, right), "
            f'"same" or "valid": {padding!r}'
        ) from None
    return (ph, ph), (pw, pw)


def positions(
    size: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Positions:
    """The positions of a kernel over an input of a size; see `margins` for the padding.

    Raises
    ------
    ValueError
        If a setting is no whole number that makes sense, or the kernel is larger than the padded input.
    """
    H, W = (int(n) for n in size)
    k, s, d = pair(kernel, "the size of the kernel"), pair(stride, "stride"), pair(dilation, "dilation")
    pads = margins(padding, k, s, d)
    reach = [d[a] * (k[a] - 1) + 1 for a in (0, 1)]
    room = [(H, W)[a] + sum(pads[a]) for a in (0, 1)]
    if room[0] < reach[0] or room[1] < reach[1]:
        raise ValueError(
            f"the kernel must fit into the padded input: it reaches over {reach[0]} x {reach[1]} entries (kernel {k}, "
            f"dilation {d}), the input with its padding has {room[0]} x {room[1]}; pad more or take a smaller kernel"
        )
    out = (room[0] - reach[0]) // s[0] + 1, (room[1] - reach[1]) // s[1] + 1
    return Positions((H, W), k, out, s, d, pads, groups)


def check_channels(x: Any, W: Any, b: Any, groups: int, n_axes: int, transposed: bool = False) -> None:
    """Raise unless an input, the weights and the bias of a convolution over `n_axes` axes belong together."""
    axes = ("T",) if n_axes == 1 else ("H", "W")
    if x.ndim not in (n_axes + 1, n_axes + 2) or W.ndim != n_axes + 2:
        raise ValueError(
            f"x must be (N, C, {', '.join(axes)}) or (C, {', '.join(axes)}) and the weights must have {n_axes + 2} "
            f"axes: x has shape {x.shape}, the weights have shape {W.shape}"
        )
    whole_number(groups, "groups")
    channels, outputs = W.shape[1] * groups, len(W)  # that the weights want, and that they make
    if transposed:
        channels, outputs = outputs, channels
    if channels % groups or outputs % groups:
        raise ValueError(
            f"groups must divide the channels of the input and those of the output: groups is {groups}, they are "
            f"{channels} and {outputs}"
        )
    if x.shape[-n_axes - 1] != channels:
        raise ValueError(
            f"x must have {channels} channels, on axis {-n_axes - 1}, as the weights {W.shape} want with groups = "
            f"{groups}: x has shape {x.shape}"
        )
    if b is not None and b.shape != (outputs,):
        raise ValueError(f"the bias must have one entry for each of the {outputs} outputs: its shape is {b.shape}")
    if x.dtype != W.dtype:
        raise TypeError(
            f"x is {x.dtype} and the weights are {W.dtype}: convert x with x.astype(np.{W.dtype}), or the module with "
            f"module.to(x.dtype) if x is floating point"
        )
