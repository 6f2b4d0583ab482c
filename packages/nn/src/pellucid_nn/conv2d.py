"""Two-dimensional convolution: one small kernel slides over an image, and every stop gives one output.

Each of the F outputs has a kernel of its own, as deep as the image has channels, and looks at one small neighbourhood
at a time, the same way everywhere. With x̂ the image with its margin of zeros, stride s and dilation d,

    ynf[t, u] = bf + Σ_c Σ_i Σ_j  W_fc[i, j]  x̂nc[s t + d i, s u + d j]

For one position (i, j) in the kernel, all that it meets is a slice x̂ᵢⱼ of the image, and what remains is a sum over
channels: a product of the matrix Wᵢⱼ with that slice. So a convolution is kh kw matrix products,

    yₙ = Σᵢⱼ Wᵢⱼ x̂ₙᵢⱼ                                                                           (1)
    yₙ += b                                                                                      (2)

In G groups, output channels of one G-th see input channels of the same G-th only; with G = C each channel has kernels
to itself ("depthwise").

Gradient.  The transposed matrices lead back to the same slices, where neighbouring stops overlap and add up; the
weights get the products summed over images and stops; the bias gets the sum:

    dx̂ₙᵢⱼ += Wᵢⱼᵀ dyₙ                                                                            (3)
    dWᵢⱼ = Σₙ dyₙ x̂ₙᵢⱼᵀ                                                                          (4)
    db = Σₙ Σ_t Σ_u dyₙ                                                                          (5)

(1), (3) and (4) are the derivatives of one number, T = ⟨dy, y⟩, which is linear in x, in W and in dy, by dy, x and W.
So each is the gradient of the others, and gradients of gradients need nothing new.

Initial values.  As in `linear.py`, with the I = kh kw C/G entries that an output sees:

    W, b ~ U(−1/√I, 1/√I)                                                                        (6)

Symbols
-------
    paper   code         shape                meaning
    x       x            (N, C, H, W)         images
    W       W, weight    (F, C/G, kh, kw)     kernels
    b       b, bias      (F,)                 biases
    y       y            (N, F, Ho, Wo)       results
    s, d    stride, dilation    pairs         steps of the kernel, and inside of it
    G       groups, G    scalar               groups of channels
    d·      dy           as ·                 gradient of the loss

Cost: 2 N F C/G kh kw Ho Wo operations each (forward, dx, dW). The tape keeps x and W by reference, no neighbourhoods.

References
----------
    LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document recognition": shared kernels.
    Yu & Koltun (2016), "Multi-scale context aggregation by dilated convolutions": d.
    Dumoulin & Visin (2016), "A guide to convolution arithmetic for deep learning", ch. 2 and 4: sizes; transposes.
Differs from them: nothing; as everywhere in deep learning the kernel is not turned around, which mathematicians call
cross-correlation. The three sums are computed by `conv2d_fast.py`, which a test holds equal to those here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn import conv2d_fast
from pellucid_nn.kernel_positions import Positions, check_channels, margins, pair, positions, whole_number
from pellucid_nn.module import Module, Parameter

# The three sums, as they are read


def correlate(x: Any, W: Any, at: Positions) -> Any:
    """The convolution without its bias: (N, C, _, _), (F, _, _, _), _ -> (N, F, _, _)."""
    (N, C), F, G = x.shape[:2], len(W), at.groups
    x_hat = np.pad(x, ((0, 0), (0, 0), *at.padding)).reshape(N, G, C // G, *at.padded)
    W = W.reshape(G, F // G, C // G, *at.kernel)
    y = np.zeros((N, G, F // G, at.n_stops), x.dtype)
    for i, j in at.each():
        x_ij = x_hat[at.met_by(i, j)].reshape(N, G, C // G, at.n_stops)
        y += W[..., i, j] @ x_ij  #                                                               (1)
    return y.reshape(N, F, *at.out)


def input_gradient(dy: Any, W: Any, at: Positions) -> Any:
    """What arrives at the inputs: (N, F, _, _), (F, _, _, _), _ -> (N, _, _, _)."""
    (N, F), C_G, G = dy.shape[:2], W.shape[1], at.groups
    dy = dy.reshape(N, G, F // G, at.n_stops)
    W = W.reshape(G, F // G, C_G, *at.kernel)
    dx_hat = np.zeros((N, G, C_G, *at.padded), dy.dtype)
    for i, j in at.each():
        dx_hat[at.met_by(i, j)] += (W[..., i, j].mT @ dy).reshape(N, G, C_G, *at.out)  #          (3)
    return dx_hat[at.inside].reshape(N, G * C_G, *at.size)


def weight_gradient(x: Any, dy: Any, at: Positions) -> Any:
    """What arrives at the weights: (N, C, _, _), (N, F, _, _), _ -> (F, _, _, _)."""
    (N, C), F, G = x.shape[:2], dy.shape[1], at.groups
    x_hat = np.pad(x, ((0, 0), (0, 0), *at.padding)).reshape(N, G, C // G, *at.padded)
    dy = dy.reshape(N, G, F // G, at.n_stops)
    dW = np.zeros((G, F // G, C // G, *at.kernel), x.dtype)
    for i, j in at.each():
        x_ij = x_hat[at.met_by(i, j)].reshape(N, G, C // G, at.n_stops)
        dW[..., i, j] = (dy @ x_ij.mT).sum(axis=0)  #                                             (4)
    return dW.reshape(F, C // G, *at.kernel)


# The same, fast, each with the two others as its gradients


@primitive
def correlation(x: Any, W: Any, *, at: Positions) -> Any:
    """Equation (1) by `conv2d_fast.py`, with gradients of any order."""
    y = conv2d_fast.correlate(data_of(x), data_of(W), at)
    return y, (lambda dy: correlation_dx(dy, W, at=at), lambda dy: correlation_dW(x, dy, at=at))


@primitive
def correlation_dx(dy: Any, W: Any, *, at: Positions) -> Any:
    """Equation (3) by `conv2d_fast.py`, with gradients of any order."""
    dx = conv2d_fast.input_gradient(data_of(dy), data_of(W), at)
    return dx, (lambda ddx: correlation(ddx, W, at=at), lambda ddx: correlation_dW(ddx, dy, at=at))


@primitive
def correlation_dW(x: Any, dy: Any, *, at: Positions) -> Any:
    """Equation (4) by `conv2d_fast.py`, with gradients of any order."""
    dW = conv2d_fast.weight_gradient(data_of(x), data_of(dy), at)
    return dW, (lambda ddW: correlation_dx(dy, ddW, at=at), lambda ddW: correlation(x, ddW, at=at))


@primitive
def conv2d(
    x: Any, W: Any, b: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Slide kernels W over images x and add b, with the gradients.

    Parameters
    ----------
    x : array, shape (N, C, H, W) or (C, H, W)
    W : array, shape (F, C/groups, kh, kw)
    b : array, shape (F,), optional
    stride, dilation : int or pair
        The kernel's step, and the distance of its entries: both axes, or (rows, columns).
    padding : int, pair, 4-tuple, "same" or "valid"
        Zeros around the image: on all sides; (rows, columns); (top, bottom, left, right); as many as keep the size,
        the odd one below and to the right; none.
    groups : int
        Into how many groups channels and outputs are divided.

    Returns
    -------
    array, shape (N, F, Ho, Wo) or (F, Ho, Wo)

    Raises
    ------
    ValueError
        If the shapes do not belong together, or the kernel is larger than the padded image.
    TypeError
        If `x` and `W` have different dtypes.
    """
    check_channels(x, W, b, groups, n_axes=2)
    at = positions(x.shape[-2:], W.shape[2:], stride, padding, dilation, groups)
    images = x if x.ndim == 4 else x[None]
    y = correlation(images, W, at=at)  # (N, F, Ho, Wo)                                           (1)
    if b is not None:
        y += b[:, None, None]  #                                                                  (2)
    shape = y.shape

    def dx(dy: Any) -> Any:
        return correlation_dx(dy.reshape(shape), W, at=at).reshape(x.shape)  #                    (3)

    def dW(dy: Any) -> Any:
        return correlation_dW(images, dy.reshape(shape), at=at)  #                                (4)

    def db(dy: Any) -> Any:
        # mutate: sign equivalent because axis 2 of four is axis −2
        return dy.reshape(shape).sum(axis=(0, 2, 3))  #                                           (5)

    return y.reshape(shape[4 - x.ndim :]), (dx, dW, db)


MODES: dict[str, Any] = {
    "zeros": None,
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}  # PyTorch's words and NumPy's


class Convolution(Module):
    """What the convolution layers share: settings, initial values, text. Abstract."""

    n_axes = 2

    def _keep(
        self, channels: tuple[int | None, int], kernel_size: Any, stride: Any, padding: Any, dilation: Any, groups: int,
        bias: bool, padding_mode: str, rng: Any, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        """Check the settings, and draw the weights if the number of input channels is known."""
        n = self.n_axes
        in_channels, out_channels = channels
        self.in_channels = None if in_channels is None else whole_number(in_channels, "in_channels")
        self.out_channels = whole_number(out_channels, "out_channels")
        self.kernel_size = pair(kernel_size, "kernel_size", length=n)
        self.stride = pair(stride, "stride", length=n)
        self.padding = padding if isinstance(padding, str) or np.size(padding) > n else pair(padding, "padding", 0, n)
        self.dilation = pair(dilation, "dilation", length=n)
        self.groups, self.padding_mode = whole_number(groups, "groups"), padding_mode
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {', '.join(MODES)}, not {padding_mode!r}")
        if self.out_channels % groups:
            raise ValueError(f"groups must divide out_channels: groups is {groups}, out_channels {self.out_channels}")
        self.margins()  # raises where the padding makes no sense
        self._settings = bias, check_rng(rng), dtype
        self.lazy = self.in_channels is None
        if not self.lazy:
            self._draw(self.in_channels)

    def margins(self) -> tuple[tuple[int, int], ...]:
        """How much padding stands before and after each axis."""
        return margins(self.padding, self.kernel_size, self.stride, self.dilation)

    def materialize(self, x: Any) -> None:
        if np.ndim(x) not in (self.n_axes + 1, self.n_axes + 2):
            raise ValueError(
                f"x must have {self.n_axes + 2} axes, or {self.n_axes + 1} without a batch: its shape is {np.shape(x)}"
            )
        self._draw(np.shape(x)[-1 - self.n_axes])

    def materialize_like(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        W = shapes.get("weight", ())
        for C in (W[1] * self.groups, W[0]) if len(W) == self.n_axes + 2 else ():
            if C and self.weight_shape(C) == W:
                self._draw(C)
                return True
        return False

    def weight_shape(self, in_channels: int) -> tuple[int, ...]:
        """The shape of the weights."""
        return self.out_channels, in_channels // self.groups, *self.kernel_size

    def _draw(self, in_channels: Any) -> None:
        if in_channels < 1:
            raise ValueError(f"there must be one channel at least in the input: in_channels is {in_channels}")
        if in_channels % self.groups:
            raise ValueError(f"groups must divide in_channels: groups is {self.groups}, in_channels {in_channels}")
        self.in_channels = in_channels
        bias, rng, dtype = vars(self).pop("_settings")
        shape = self.weight_shape(in_channels)
        bound = 1 / np.prod(shape[1:]) ** 0.5  #                                                  (6)
        self.weight = Parameter(rng.uniform(-bound, bound, shape), dtype=dtype)
        self.bias = Parameter(rng.uniform(-bound, bound, self.out_channels), dtype=dtype) if bias else None

    def padded(self, x: Any) -> tuple[Any, Any]:
        """The input as an array or Tensor, and the zeros that are still to be added to it.

        Raises
        ------
        ValueError
            If the input is too small for what `padding_mode` makes of it.
        """
        x, mode = x if isinstance(x, Tensor) else np.asarray(x), self.padding_mode
        if MODES[mode] is None or x.ndim <= self.n_axes:
            return x, self.padding
        around = self.margins()
        for size, ends in zip(x.shape[-self.n_axes :], around, strict=True):
            least = {"reflect": max(ends) + 1, "replicate": 1, "circular": max(ends) or 1}[mode]
            if size < least:
                raise ValueError(
                    f'padding_mode="{mode}" takes a margin of {max(ends)} from the input, which must have at least '
                    f'{least} entries along that axis: x has shape {x.shape}; pad less or take padding_mode="zeros"'
                )
        return np.pad(x, [(0, 0)] * (x.ndim - self.n_axes) + list(around), MODES[mode]), 0

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * int(np.prod(self.weight_shape(self.in_channels or 0)[1:]))

    def extra_repr(self) -> str:
        bias = self._settings[0] if self.lazy else self.bias is not None
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name, usual)
            if isinstance(value, str) or np.any(np.not_equal(value, usual)):
                words.append(f"{name}={value}")
        words += [f"groups={self.groups}"] * (self.groups != 1) + ["bias=False"] * (not bias)
        words += [f"padding_mode={self.padding_mode}"] * (self.padding_mode != "zeros")
        return ", ".join(words)


class Conv2d(Convolution):
    """Kernels that slide over images: (N, C, H, W) -> (N, F, Ho, Wo).

    Parameters
    ----------
    in_channels : int or None
        C. None waits for the first input.
    out_channels : int
        F.
    kernel_size : int or pair
        kh and kw.
    stride, padding, dilation, groups
        As for `conv2d`.
    bias : bool
        Whether there is a `b`.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the margin: zeros, the image mirrored at its edge, its last entries, its other end.
    rng : Generator, int or None
        Draws the initial values; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (F, C/groups, kh, kw)
    bias : Parameter, shape (F,), or None

    Raises
    ------
    ValueError
        If a setting is no number that makes sense, or `groups` does not divide the channels.
    """

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

    def forward(self, x: Any) -> Any:
        """Apply the layer to x (N, C, H, W) or (C, H, W); errors as of `conv2d`."""
        x, padding = self.padded(x)
        how = {"stride": self.stride, "padding": padding, "dilation": self.dilation, "groups": self.groups}
        return conv2d(x, self.weight, self.bias, **how)


def LazyConv2d(out_channels: int, kernel_size: Any, *args: Any, **settings: Any) -> Conv2d:
    """A `Conv2d` that takes the number of its input channels from its first input."""
    return Conv2d(None, out_channels, kernel_size, *args, **settings)
