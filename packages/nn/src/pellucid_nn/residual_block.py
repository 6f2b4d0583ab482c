"""Residual blocks: two convolutions learn what is to be added to an image, instead of all that comes after it.

A branch of two convolutions, each with a batch normalization, looks at the image, and its result is added to what the
shortcut brings past it. A block that has nothing to add only has to learn zeros, so a network may have a hundred of
them. With φ(x) = max(x, 0), and * a convolution,

    a = φ(norm₁(W₁ * x))                                                                         (1)
    r = norm₂(W₂ * a)                                                                            (2)
    y = φ(r + s)                                                                                 (3)

The shortcut s leaves the image alone, which is the identity block, or, where channels or size change, it is a
convolution with a kernel of one entry and the stride of W₁, which is the convolutional block:

    identity:         s = x                                                                      (4)
    convolutional:    s = norm₀(W₀ * x)                                                          (5)

Margins keep the size. Along an axis with k entries in the kernel they are

    ⌊(k − 1)/2⌋ zeros before,    ⌊k/2⌋ zeros behind                                              (6)

and with a stride of t both ways have ⌊(H − 1)/t⌋ + 1 stops, whatever k is, so that their results can be added.

Gradient.  That of the parts. Both terms of the sum get ds = dr = dy ∘ [y > 0], so that in the identity block

    dx = ds + (what comes back through the branch)

and where the branch has lost the gradient, the first term still carries it: that is why very deep stacks can learn.

Symbols
-------
    paper   code                   shape           meaning
    x       x                      (N, C, H, W)    images
    W₁      conv1                  (B, C, k, k)    a Conv2d, from C channels to the B inside of the branch
    W₂      conv2                  (F, B, k, k)    a Conv2d, to F channels
    W₀      downsample             (F, C, 1, 1)    a Sequential: the Conv2d of the shortcut, and its norm
    norm    bn1, bn2                               a BatchNorm2d for each convolution; norm₀ is the second of downsample
    a       a                      (N, B, Ho, Wo)  what the branch has after one convolution
    r       r                      (N, F, Ho, Wo)  what it has after two
    s       s                      (N, F, Ho, Wo)  what the shortcut brings

Cost: that of the two or three convolutions; the norms and sums are cheap beside them.

References
----------
    He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition", sec. 3.2: (1)-(5), and sec. 3.3: its
    projection shortcut. Ioffe & Szegedy (2015), "Batch normalization": the norms.
Differs from them: nothing. The names of the parameters are those of the basic block of torchvision's residual networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor
from pellucid.validation import check_rng
from pellucid_nn.activations import relu
from pellucid_nn.batch_norm import BatchNorm2d
from pellucid_nn.conv2d import Conv2d
from pellucid_nn.kernel_positions import pair, whole_number
from pellucid_nn.module import Module
from pellucid_nn.sequential import Sequential


class ResidualBlock(Module):
    """What both blocks share. Abstract."""

    downsample: Sequential | None

    def _build(
        self, channels: tuple[int | None, int, int], kernel_sizes: Any, stride: Any, norm: dict[str, Any], rng: Any
    ) -> None:
        C, B, F = channels
        if isinstance(kernel_sizes, int) or len(kernel_sizes) != 2:
            raise ValueError(
                f"kernel_sizes must have two entries, one for each convolution, each a number or a pair; got "
                f"{kernel_sizes!r}: try (3, 3)"
            )
        first, second = (pair(size, "each of kernel_sizes") for size in kernel_sizes)
        options: dict[str, Any] = {"bias": False, "rng": rng, "dtype": norm["dtype"]}
        self.conv1 = Conv2d(C, B, first, stride, keeping_size(first), **options)
        self.bn1 = BatchNorm2d(B, **norm)
        self.conv2 = Conv2d(B, F, second, padding=keeping_size(second), **options)
        self.bn2 = BatchNorm2d(F, **norm)

    def forward(self, x: Any) -> Any:
        """Apply the block to x (N, C, H, W): the result is (N, F, ⌈H/stride⌉, ⌈W/stride⌉).

        Raises
        ------
        ValueError
            If `x` has another number of axes or channels, or holds one number per channel only, in train mode.
        TypeError
            If `x` has another dtype than the weights.
        """
        x = x if isinstance(x, Tensor) else np.asarray(x)
        C = self.conv1.in_channels
        if x.ndim != 4 or (C is not None and x.shape[1] != C):
            raise ValueError(
                "x must have the shape (N, C, H, W)" + f" with C = {C}" * (C is not None) + f": its shape is {x.shape}"
            )
        a = relu(self.bn1(self.conv1(x)))  # (N, B, Ho, Wo)                                       (1)
        r = self.bn2(self.conv2(a))  # (N, F, Ho, Wo)                                             (2)
        s = x if self.downsample is None else self.downsample(x)  # (N, F, Ho, Wo)                (4) (5)
        return relu(r + s)  #                                                                     (3)


class IdentityBlock(ResidualBlock):
    """Two convolutions whose result is added to the image itself: (N, C, H, W) -> (N, C, H, W).

    Parameters
    ----------
    channels : int
        C, before and after.
    hidden_channels : int or None
        B, between the two convolutions; None takes C.
    kernel_sizes : pair
        Sizes of the two kernels, each a number or a pair.
    eps, momentum
        Of the norms, as for `BatchNorm2d`.
    rng : Generator, int or None
        Draws the initial values; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    conv1, conv2 : Conv2d
        Without biases, which the norms would take away.
    bn1, bn2 : BatchNorm2d
    downsample : None

    Raises
    ------
    ValueError
        If a size is not a whole number of 1 or more, or `kernel_sizes` has not two entries.
    """

    def __init__(
        self,
        channels: int,
        hidden_channels: int | None = None,
        kernel_sizes: Any = (3, 3),
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        norm = {"eps": eps, "momentum": momentum, "dtype": dtype}
        whole_number(channels, "channels")
        inside = channels if hidden_channels is None else whole_number(hidden_channels, "hidden_channels")
        self._build((channels, inside, channels), kernel_sizes, 1, norm, check_rng(rng))
        self.downsample = None


class ConvolutionalBlock(ResidualBlock):
    """Two convolutions beside one that adapts channels and size: (N, C, H, W) -> (N, F, ⌈H/stride⌉, ⌈W/stride⌉).

    Parameters
    ----------
    in_channels : int or None
        C. None waits for the first input.
    out_channels : int
        F.
    hidden_channels : int or None
        B, between the two convolutions; None takes F.
    kernel_sizes : pair
        Sizes of the two kernels of the branch, each a number or a pair.
    stride : int or pair
        The step of the branch's first convolution, and of the shortcut.
    eps, momentum
        Of the norms, as for `BatchNorm2d`.
    rng : Generator, int or None
        Draws the initial values; a number is a seed, None draws others each time.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    conv1, conv2 : Conv2d
        Without biases, which the norms would take away.
    bn1, bn2 : BatchNorm2d
    downsample : Sequential
        The shortcut: a Conv2d and a BatchNorm2d.

    Raises
    ------
    ValueError
        If a size is not a whole number of 1 or more, or `kernel_sizes` has not two entries.
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        hidden_channels: int | None = None,
        kernel_sizes: Any = (3, 3),
        stride: Any = 1,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        C, F, rng = in_channels, out_channels, check_rng(rng)
        norm: dict[str, Any] = {"eps": eps, "momentum": momentum, "dtype": dtype}
        whole_number(F, "out_channels")
        inside = F if hidden_channels is None else whole_number(hidden_channels, "hidden_channels")
        self._build((C, inside, F), kernel_sizes, stride, norm, rng)
        shortcut = Conv2d(C, F, 1, stride, bias=False, rng=rng, dtype=dtype)
        self.downsample = Sequential(shortcut, BatchNorm2d(F, **norm))  #                         (5)


def keeping_size(kernel: tuple[int, int]) -> tuple[int, int, int, int]:
    """The zeros around an image that leave its size to the stride alone: above, below, left, right."""
    kh, kw = kernel
    return (kh - 1) // 2, kh // 2, (kw - 1) // 2, kw // 2  #                                      (6)
