"""Layer normalization: every example is centred and scaled by its own mean and variance.

Numbers that grow or shrink from layer to layer are hard to learn from. A row of D numbers is brought to mean 0 and
variance 1, whatever the other rows of the batch are, and then stretched and shifted by what the layer has learnt:

    cₙᵢ = xₙᵢ − Σⱼ xₙⱼ / D                                                                       (1)
    rₙ  = 1 / √(Σⱼ cₙⱼ² / D + ε)                                                                 (2)
    x̂ₙᵢ = rₙ cₙᵢ                                                                                 (3)
    yₙᵢ = wᵢ x̂ₙᵢ + bᵢ                                                                            (4)

The small ε keeps (2) finite for a row of equal numbers, which becomes a row of zeros.

Gradient.  Two of these are plain sums over the rows, as xₙᵢ appears nowhere else:

    gₙᵢ = dyₙᵢ wᵢ                                                                                (5)
    dwᵢ = Σₙ dyₙᵢ x̂ₙᵢ                                                                            (6)
    dbᵢ = Σₙ dyₙᵢ                                                                                (7)

In (3) x̂ depends on c twice: ∂rₙ/∂cₙⱼ = −rₙ³ cₙⱼ / D = −rₙ² x̂ₙⱼ / D, so dcₙⱼ = rₙ gₙⱼ − rₙ x̂ₙⱼ Σᵢ gₙᵢ x̂ₙᵢ / D.
The gradient of (1) takes the mean away again; that of x̂ is 0:

    dxₙⱼ = rₙ (gₙⱼ − Σᵢ gₙᵢ / D − x̂ₙⱼ Σᵢ gₙᵢ x̂ₙᵢ / D)                                            (8)

So the gradient is orthogonal to a row of ones and (but for ε) to x̂: moving or stretching x would change nothing.

Symbols
-------
    paper   code         shape     meaning
    x       x            (N, D)    inputs; N and D may each stand for several axes
    c       c            (N, D)    centred inputs; z is c / s, with one s per row that keeps squares finite
    r       r            (N, 1)    one over the standard deviation; that of z, so that x̂ = r z
    x̂       x_hat        (N, D)    normalized inputs
    w       W, weight    (D,)      scale
    b       b, bias      (D,)      shift
    ε       eps          ()        added to the variance
    g       g            (N, D)    gradient of x̂
    d·      dy           as ·      gradient of the loss

Cost: O(N D) time and memory. `layer_norm_in_blocks.py` does the same with fewer trips to memory; LayerNorm uses it.

References
----------
    Ba, Kiros & Hinton (2016), "Layer normalization", sec. 3: (1)-(4).
Differs from them: ε, which is PyTorch's; and the mean is taken away twice, because what rounding leaves of it the first
time would count as variance where the numbers are far from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.module import Module, Parameter


@primitive
def layer_norm(x: Any, W: Any = None, b: Any = None, *, normalized_shape: tuple[int, ...], eps: float = 1e-5) -> Any:
    """Normalize the last axes and apply scale and shift; with all gradients.

    Parameters
    ----------
    x : array, shape (..., *normalized_shape)
        Floating point.
    W, b : array, shape `normalized_shape`, optional
        Scale and shift.
    normalized_shape : tuple of int
        The sizes of the axes over which mean and variance are taken.
    eps : float
        ε, 0 or more.

    Returns
    -------
    array, shape of `x`
        NaN in a row that has NaN or ∞ in it, or equal numbers with an ε of 0.

    Raises
    ------
    ValueError
        If the last axes of `x` are not those of `normalized_shape`.
    """
    check_last_axes(x, normalized_shape)
    eps = float(eps)  # a number of NumPy's would widen single precision
    own = tuple(range(-len(normalized_shape), 0))  # the axes of D
    rows = tuple(range(np.ndim(x) - len(own)))  # the axes of N

    def mean(a: Any) -> Any:
        return a.mean(axis=own, keepdims=True)

    with np.errstate(divide="ignore", invalid="ignore"):
        rough = x - mean(x)
        c = rough - mean(rough)  # (N, D)                                                         (1)
        s = scale_of(c, own)
        z = c / s
        r = 1 / np.sqrt(mean(z * z) + eps / s / s)  # (N, 1): that of z                           (2)
        x_hat = r * z  # (N, D)                                                                   (3)
    y = x_hat
    if W is not None:
        y = W * y  #                                                                              (4)
    if b is not None:
        y = y + b  #                                                                              (4)

    def dx(dy: Any) -> Any:
        g = dy if W is None else dy * W  # (N, D)                                                 (5)
        return r / s * (g - mean(g) - x_hat * mean(g * x_hat))  # (N, D)                          (8)

    def dW(dy: Any) -> Any:
        return (dy * x_hat).sum(axis=rows)  # (D,)                                                (6)

    def db(dy: Any) -> Any:
        return dy.sum(axis=rows)  # (D,)                                                          (7)

    return y, (dx, dW, db)


def scale_of(c: Any, axes: tuple[int, ...]) -> Any:
    """1, or a power of two by which `c` is divided where its squares would overflow; it changes no digit."""
    c = data_of(c)
    largest = np.maximum(c.max(axis=axes, keepdims=True, initial=0), -c.min(axis=axes, keepdims=True, initial=0))
    limit = float(np.finfo(c.dtype).max) ** 0.5 / 1e6
    exponent = np.frexp(np.where(np.isfinite(largest) & (largest > limit), largest, 0.5))[1]
    return np.ldexp(np.ones((), c.dtype), exponent)


def check_last_axes(x: Any, normalized_shape: tuple[int, ...]) -> None:
    """Raise ValueError unless x ends in the axes of `normalized_shape`."""
    shape = tuple(normalized_shape)
    if not shape or np.shape(x)[-len(shape) :] != shape:
        raise ValueError(f"the last axes of x must be normalized_shape = {shape}: x has shape {np.shape(x)}")


class LayerNorm(Module):
    """Normalize the last axes of every example.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        D: the sizes of the last axes, over which mean and variance are taken. A number means the last axis.
    eps : float
        ε, 0 or more. With 0 a row of equal numbers is 0 / 0, NaN.
    elementwise_affine : bool
        Whether there are a scale and a shift to be learnt.
    bias : bool
        Whether the shift is one of them.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape `normalized_shape`, or None
        Begins with 1.
    bias : Parameter, shape `normalized_shape`, or None
        Begins with 0.

    Raises
    ------
    ValueError
        If a size is not 1 or more, or `eps` is less than 0.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float64,
    ) -> None:
        sizes = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"normalized_shape must be the sizes of the axes to normalize, each 1 or more; got {normalized_shape}"
            )
        if not eps >= 0:
            raise ValueError(f"eps is added to a variance and must be 0 or more; got {eps}: try 1e-5")
        self.normalized_shape, self.eps = tuple(int(size) for size in sizes), eps
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(np.ones(self.normalized_shape), dtype=dtype) if elementwise_affine else None
        has_bias = elementwise_affine and bias
        self.bias = Parameter(np.zeros(self.normalized_shape), dtype=dtype) if has_bias else None

    def forward(self, x: Any) -> Any:
        """Normalize x (..., *normalized_shape): the result has its shape.

        Raises
        ------
        ValueError
            If the last axes of `x` are not those of `normalized_shape`.
        TypeError
            If `x` is not floating point, or has another dtype than the weights.
        """
        from pellucid_nn.layer_norm_in_blocks import layer_norm_in_blocks

        x = x if isinstance(x, Tensor) else np.asarray(x)
        shape = self.normalized_shape
        check_last_axes(x, shape)
        check_dtype(x, self.weight)
        parameters = [p for p in (self.weight, self.bias) if p is not None]
        return layer_norm_in_blocks(x, *parameters, normalized_shape=shape, eps=self.eps)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return 2 * int(np.size(y)) if self.elementwise_affine else int(np.size(y))

    def extra_repr(self) -> str:
        affine, bias = self.elementwise_affine, self.bias is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


def check_dtype(x: Any, W: Any) -> None:
    """Raise TypeError unless x is floating point, and in the precision of the weights if there are any."""
    if x.dtype.kind != "f":
        raise TypeError(f"x must be floating point; it is {x.dtype}: convert it with x.astype(float)")
    if W is not None and x.dtype != W.dtype:
        raise TypeError(
            f"x is {x.dtype} and the weights are {W.dtype}: convert x with x.astype(np.{W.dtype}), or the module with "
            f"module.to(x.dtype)"
        )
