"""Transposed convolution: every entry of a small image paints its kernel into a large one.

Where a convolution gathers, this one scatters: entry (t, u) adds x·W at (s t + d i − top, s u + d j − left), for all
positions (i, j) of the kernel, where kernels overlap they add up, and what falls outside is lost. It goes from the
output of a convolution back to an image of the size of its input, so it enlarges by the stride. With ŷᵢⱼ the slice of
the large image, its margin included, that position (i, j) of all kernels meets,

    ŷₙᵢⱼ += Wᵢⱼᵀ xₙ        for all i, j; then the margin is cut off                              (1)
    yₙ += b                                                                                      (2)

A convolution with stride s has the same Ho for up to s sizes H of its input. The smallest is meant; `output_padding`
adds rows to it, at the end. The layer can also be told which H is wanted (`output_size`), and finds it from that:

    H = (Ho − 1) s − top − bottom + d (k − 1) + 1 + output_padding                               (3)

Gradient.  (1) is the gradient (3) of `conv2d.py`, so its own gradients are the two other sums there: the inputs get a
convolution of dy, and the weights what a convolution's weights get, with x and dy exchanged:

    dxₙ = Σᵢⱼ Wᵢⱼ dŷₙᵢⱼ                                                                          (4)
    dWᵢⱼ = Σₙ xₙ dŷₙᵢⱼᵀ                                                                          (5)
    db = Σₙ Σ_h Σ_w dyₙ                                                                          (6)

Initial values.  With I = kh kw F/G, the entries that an input paints (a convolution counts those that an output sees):

    W, b ~ U(−1/√I, 1/√I)                                                                        (7)

Symbols
-------
    paper   code         shape                meaning
    x       x            (N, C, Ho, Wo)       small images
    W       W, weight    (C, F/G, kh, kw)     kernels
    b       b, bias      (F,)                 biases
    y       y            (N, F, H, W)         large images
    s, d    stride, dilation    pairs         steps between the places of kernels, and inside of a kernel
    G       groups       scalar               groups of channels
    d·      dy           as ·                 gradient of the loss

Cost: 2 N C F/G kh kw Ho Wo operations each (forward, dx, dW).

References
----------
    Zeiler, Krishnan, Taylor & Fergus (2010), "Deconvolutional networks"; Dumoulin & Visin (2016), "A guide to
    convolution arithmetic for deep learning", ch. 4: the name, and the sizes (3).
Differs from them: that guide convolves an image with zeros between its entries, which multiplies with all these zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import primitive
from pellucid_nn.conv2d import Convolution, correlation, correlation_dW, correlation_dx
from pellucid_nn.kernel_positions import Pair, Positions, check_channels, margins, pair


def enlarging(
    small: Any,
    kernel: Any,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Positions:
    """The positions of the convolution from the large image to a small one of a size.

    Raises
    ------
    ValueError
        If a setting is no whole number that makes sense, or nothing is left of the large image.
    """
    n = int(small[0]), int(small[1])
    k, s, d = pair(kernel, "the size of the kernel"), pair(stride, "stride"), pair(dilation, "dilation")
    extra, pads = pair(output_padding, "output_padding", 0), margins(padding, k, s, d)
    if extra[0] >= max(s[0], d[0]) or extra[1] >= max(s[1], d[1]):
        raise ValueError(
            f"output_padding must be smaller than the stride or the dilation: it is {extra}, stride is {s}, dilation "
            f"is {d}"
        )
    least = smallest(n, k, s, pads, d)
    H, W = (least[a] + extra[a] for a in (0, 1))  #                                               (3)
    if H < 1 or W < 1:
        raise ValueError(
            f"something must be left of the large image: it would be {H} x {W}, from {n[0]} x {n[1]}, kernel {k}, "
            f"padding {pads}; take a smaller padding or a larger kernel"
        )
    return Positions((H, W), k, n, s, d, pads, groups)


def smallest(n: Pair, k: Pair, s: Pair, pads: tuple[Pair, ...], d: Pair) -> list[int]:
    """The sizes of the large image without `output_padding`."""
    return [(n[a] - 1) * s[a] - sum(pads[a]) + d[a] * (k[a] - 1) + 1 for a in (0, 1)]  #          (3)


@primitive
def conv_transpose2d(
    x: Any,
    W: Any,
    b: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Paint kernels W, weighted by the entries of x, into a larger image and add b, with the gradients.

    Parameters
    ----------
    x : array, shape (N, C, Ho, Wo) or (C, Ho, Wo)
    W : array, shape (C, F/groups, kh, kw)
    b : array, shape (F,), optional
    stride, dilation : int or pair
        The distance of neighbouring kernels, and of the entries of one: both axes, or (rows, columns).
    padding : int, pair, 4-tuple, "same" or "valid"
        What is cut off around the result: on all sides; (rows, columns); (top, bottom, left, right); as much as keeps
        the size, without a stride; nothing.
    output_padding : int or pair
        Rows and columns more at the end, fewer than the stride or the dilation.
    groups : int
        Into how many groups channels and outputs are divided.

    Returns
    -------
    array, shape (N, F, H, W) or (F, H, W)

    Raises
    ------
    ValueError
        If the shapes do not belong together, or nothing is left of the result.
    TypeError
        If `x` and `W` have different dtypes.
    """
    check_channels(x, W, b, groups, n_axes=2, transposed=True)
    at = enlarging(x.shape[-2:], W.shape[2:], stride, padding, output_padding, dilation, groups)
    images = x if x.ndim == 4 else x[None]
    y = correlation_dx(images, W, at=at)  # (N, F, H, W)                                          (1)
    if b is not None:
        y += b[:, None, None]  #                                                                  (2)
    shape = y.shape

    def dx(dy: Any) -> Any:
        return correlation(dy.reshape(shape), W, at=at).reshape(x.shape)  #                       (4)

    def dW(dy: Any) -> Any:
        return correlation_dW(dy.reshape(shape), images, at=at)  #                                (5)

    def db(dy: Any) -> Any:
        # mutate: sign equivalent because axis 2 of four is axis −2
        return dy.reshape(shape).sum(axis=(0, 2, 3))  #                                           (6)

    return y.reshape(shape[4 - x.ndim :]), (dx, dW, db)


class ConvTranspose2d(Convolution):
    """Kernels painted into larger images: (N, C, Ho, Wo) -> (N, F, H, W).

    Parameters
    ----------
    in_channels : int or None
        C. None waits for the first input.
    out_channels : int
        F.
    kernel_size : int or pair
        kh and kw.
    stride, padding, output_padding, groups, dilation
        As for `conv_transpose2d`.
    bias : bool
        Whether there is a `b`.
    padding_mode : {"zeros"}
        There is no other, as nothing is looked at beyond an edge.
    rng : Generator, int or None
        Draws the initial values; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (C, F/groups, kh, kw)
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
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'a transposed convolution has padding_mode="zeros" only, not {padding_mode!r}')
        self.output_padding = pair(output_padding, "output_padding", 0)
        channels = in_channels, out_channels
        self._keep(channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, rng, dtype)

    def weight_shape(self, in_channels: int) -> tuple[int, ...]:
        return in_channels, self.out_channels // self.groups, *self.kernel_size  # I follows           (7)

    def materialize(self, x: Any, output_size: Any = None) -> None:
        super().materialize(x)

    def forward(self, x: Any, output_size: Any = None) -> Any:
        """Apply the layer to x (N, C, Ho, Wo) or (C, Ho, Wo).

        Parameters
        ----------
        x : array or Tensor
        output_size : int or pair, optional
            H and W of the result, in the place of `output_padding`. With the other axes before them, these do not
            count.

        Returns
        -------
        Tensor, shape (N, F, H, W) or (F, H, W)

        Raises
        ------
        ValueError, TypeError
            As `conv_transpose2d`.
        ValueError
            If no `output_padding` leads to this size.
        """
        x, padding = self.padded(x)
        how = {"stride": self.stride, "padding": padding, "dilation": self.dilation, "groups": self.groups}
        extra = self.output_padding
        if output_size is not None and x.ndim > 2:
            extra = self._missing(x, output_size)
        return conv_transpose2d(x, self.weight, self.bias, output_padding=extra, **how)

    def _missing(self, x: Any, output_size: Any) -> list[int]:
        """The `output_padding` that leads to a size."""
        wanted = pair(output_size[-2:] if np.shape(output_size) == (x.ndim,) else output_size, "output_size")
        s, d, pads = self.stride, self.dilation, self.margins()
        least = smallest(x.shape[-2:], self.kernel_size, s, pads, d)
        most = [least[a] + max(s[a], d[a]) - 1 for a in (0, 1)]
        extra = [wanted[a] - least[a] for a in (0, 1)]  #                                         (3)
        if not all(least[a] <= wanted[a] <= most[a] for a in (0, 1)):
            raise ValueError(
                f"output_size must be between {tuple(least)} and {tuple(most)}, the sizes that lead back to an input "
                f"of {x.shape[-2:]} with stride {s} and dilation {d}; got {wanted}"
            )
        return extra

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(args[0])) * int(np.prod(self.weight.shape[1:]))
