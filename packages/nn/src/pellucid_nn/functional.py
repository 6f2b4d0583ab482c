"""The functions behind the layers, under PyTorch's names, with its arguments in its order.

    >>> import numpy as np
    >>> from pellucid_nn import functional as F
    >>> F.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    >>> F.max_pool2d([[[1.0, 5.0], [3.0, 2.0]]], 2)
    array([[[5.]]])

Each does what the layer of the same name does, and raises what that raises; parameters are arguments here. What is a
Tensor is recorded, arrays and lists of numbers give arrays. At the end stand five functions that PyTorch calls
otherwise or not at all; their settings are given by name.

Differs from PyTorch: dropout takes a generator, `rng`; losses take their settings by name; nothing works in place but
`batch_norm`, which moves the running statistics it is given while training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid.tensor import data_of
from pellucid_nn import activations
from pellucid_nn.avg_pool2d import AvgPool2d
from pellucid_nn.batch_norm import batch_norm as _batch_norm
from pellucid_nn.batch_norm import beside, moments
from pellucid_nn.binary_cross_entropy import BCELoss, BCEWithLogitsLoss
from pellucid_nn.conv1d import conv1d as _conv1d
from pellucid_nn.conv2d import conv2d as _conv2d
from pellucid_nn.conv_transpose2d import conv_transpose2d as _conv_transpose2d
from pellucid_nn.cross_entropy import CrossEntropyLoss
from pellucid_nn.dot_product_attention import scaled_dot_product_attention as scaled_dot_product_attention
from pellucid_nn.dropout import Dropout
from pellucid_nn.embedding import EmbeddingBag, _checked
from pellucid_nn.embedding import embedding as _embedding
from pellucid_nn.hinge import HingeEmbeddingLoss, HingeLoss, MultiMarginLoss
from pellucid_nn.huber import HuberLoss, L1Loss, SmoothL1Loss
from pellucid_nn.im2col import col2im as col2im
from pellucid_nn.im2col import dilate as dilate
from pellucid_nn.im2col import im2col as im2col
from pellucid_nn.im2col import pad as pad
from pellucid_nn.layer_norm import check_dtype
from pellucid_nn.layer_norm_in_blocks import layer_norm_in_blocks
from pellucid_nn.linear import linear as _linear
from pellucid_nn.max_pool2d import MaxPool2d
from pellucid_nn.softmax import LogSoftmax, Softmax
from pellucid_nn.squared_error import MSELoss

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "col2im",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dilate",
    "dropout",
    "elu",
    "embedding",
    "embedding_bag",
    "exponential",
    "gelu",
    "hardsigmoid",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "im2col",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "multi_margin_loss",
    "pad",
    "relu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

Generator = np.random.Generator | int | None


# Activations


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return activations.ReLU(inplace)(input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where it is positive, negative_slope · x elsewhere."""
    return activations.LeakyReLU(negative_slope, inplace)(input)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where it is positive, alpha (eˣ − 1) elsewhere."""
    return activations.ELU(alpha, inplace)(input)


def selu(input: Any, inplace: bool = False) -> Any:
    """The ELU that keeps mean 0 and variance 1."""
    return activations.SELU(inplace)(input)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x Φ(x); or, with "tanh", an approximation."""
    return activations.GELU(approximate)(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x σ(x)."""
    return activations.SiLU(inplace)(input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(beta x)) / beta."""
    return activations.Softplus(beta, threshold)(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return activations.Sigmoid()(input)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x/6 + ½, cut at 0 and at 1."""
    return activations.Hardsigmoid(inplace)(input)


def tanh(input: Any) -> Any:
    """tanh x."""
    return activations.Tanh()(input)


def exponential(input: Any) -> Any:
    """eˣ."""
    return activations.Exponential()(input)


def softmax(input: Any, dim: int | None = None) -> Any:
    """Probabilities from scores, which sum to 1 along `dim`."""
    return Softmax(dim)(input)


def log_softmax(input: Any, dim: int | None = None) -> Any:
    """Logarithms of the probabilities of `softmax`."""
    return LogSoftmax(dim)(input)


# Layers


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b for an input (..., I), a weight (O, I) and a bias (O,): the result is (..., O).

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the input is not floating point, or has another dtype than the weights.
    """
    x, W, b = _arrays(input, weight, bias)
    if W.ndim != 2 or x.shape[-1:] != W.shape[1:] or (b is not None and b.shape != W.shape[:1]):
        shapes = ", ".join(str(a.shape) for a in (x, W, b) if a is not None)
        raise ValueError(f"input, weight and bias must be (..., I), (O, I) and (O,); their shapes are {shapes}")
    check_dtype(x, W)
    return _linear(x, W, b)


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Kernels (F, C/groups, k) slide along sequences (N, C, T): the result is (N, F, To)."""
    return _conv1d(*_arrays(input, weight, bias), stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Kernels (F, C/groups, kh, kw) slide over images (N, C, H, W): the result is (N, F, Ho, Wo)."""
    return _conv2d(*_arrays(input, weight, bias), stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Kernels (C, F/groups, kh, kw), weighted by images (N, C, Ho, Wo), are painted into larger ones (N, F, H, W)."""
    how: Any = {"stride": stride, "padding": padding, "output_padding": output_padding}
    return _conv_transpose2d(*_arrays(input, weight, bias), **how, groups=groups, dilation=dilation)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of every window: (..., H, W) -> (..., Ho, Wo)."""
    return MaxPool2d(kernel_size, stride, padding, dilation, return_indices, ceil_mode)(input)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of every window: (..., H, W) -> (..., Ho, Wo)."""
    return AvgPool2d(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)(input)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Generator = None) -> Any:
    """Set entries to 0 with probability p and stretch the others; without `training`, the input."""
    return Dropout(p, inplace, rng=rng).train(training)(input)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize every channel, axis 1: by the batch while `training`, else by the running statistics.

    Parameters
    ----------
    input : Tensor or array, shape (N, C, ...)
    running_mean, running_var : array, shape (C,), or None
        While training these arrays are written into, as in PyTorch, unless they are None.
    weight, bias : Tensor or array, shape (C,), optional
    training : bool
    momentum : float
        The weight of this batch in the running statistics.
    eps : float
        Added to variances.

    Raises
    ------
    ValueError
        If shapes do not fit, a channel has one number to take the variance of, or there are no statistics to use.
    TypeError
        If the input is not floating point, or has another dtype than the weights.
    """
    x, W, b = _arrays(input, weight, bias)
    shapes = [np.shape(a) for a in (W, b, running_mean, running_var) if a is not None]
    if x.ndim < 2 or any(shape != x.shape[1:2] for shape in shapes):
        raise ValueError(f"input must be (N, C, ...) and all others (C,): input has shape {x.shape}, they {shapes}")
    check_dtype(x, W)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("without training=True both running_mean and running_var are needed")
        mean, var = (np.asarray(data_of(a), x.dtype) for a in (running_mean, running_var))
        y = (x - beside(mean, x)) * beside(1 / np.sqrt(var + float(eps)), x)
        y = y if W is None else y * beside(W, x)
        return y if b is None else y + beside(b, x)
    M = x.size // max(x.shape[1], 1)
    if M < 2:
        raise ValueError(f"a batch must hold more than one number per channel to have a variance: x has {x.shape}")
    mean, var = moments(data_of(x))
    for running, new in ((running_mean, mean), (running_var, var * (M / (M - 1)))):
        if running is not None:
            running[...] = (1 - momentum) * running + momentum * new
    return _batch_norm(x, W, b, eps=float(eps))


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalize the last axes, those of `normalized_shape`, of every example.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the input is not floating point, or has another dtype than the weights.
    """
    (x, W, b), shape = _arrays(input, weight, bias), tuple(normalized_shape)
    shapes = [a.shape for a in (W, b) if a is not None]
    if not shape or x.shape[-len(shape) :] != shape or any(own != shape for own in shapes):
        raise ValueError(
            f"the last axes of the input, and weight and bias, must be normalized_shape = {shape}: the input has shape "
            f"{x.shape}, they {shapes}"
        )
    check_dtype(x, W)
    return layer_norm_in_blocks(x, W, b, normalized_shape=shape, eps=float(eps))


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of a table (K, D) that whole numbers (...) name: the result is (..., D).

    Raises
    ------
    ValueError
        If a number is not in 0 … K−1, or a setting is not supported.
    TypeError
        If `input` does not hold whole numbers.
    """
    W, padding_idx = _table(weight, padding_idx, max_norm, sparse)
    return _embedding(W, _checked(input, len(W)), padding_idx=padding_idx, scale_grad_by_freq=scale_grad_by_freq)


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sum, mean or maximum of the rows that the numbers of each bag name, (B, D).

    Errors are those of `embedding` and of the layer `EmbeddingBag`.
    """
    W, padding_idx = _table(weight, padding_idx, max_norm, sparse)
    settings: Any = {"scale_grad_by_freq": scale_grad_by_freq, "mode": mode, "include_last_offset": include_last_offset}
    layer = EmbeddingBag(1, W.shape[1], **settings)  # a layer with these settings, around a table that is there
    vars(layer).update(weight=W, num_embeddings=len(W), padding_idx=padding_idx)
    return layer(input, offsets, per_sample_weights)


# Losses


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """(y − t)²."""
    return MSELoss(reduction=reduction)(input, target)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """|y − t|."""
    return L1Loss(reduction=reduction)(input, target)


def smooth_l1_loss(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """|y − t|, with a parabola in the place of its corner."""
    return SmoothL1Loss(reduction=reduction, beta=beta)(input, target)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """(y − t)²/2 up to a distance delta, and a line beyond."""
    return HuberLoss(reduction, delta)(input, target)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross-entropy between logits and class indices or probabilities."""
    how: Any = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    return CrossEntropyLoss(data_of(weight), **how)(input, target)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """Cross-entropy between probabilities of a yes and targets."""
    return BCELoss(data_of(weight), reduction=reduction)(input, target)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Cross-entropy between logits of a yes and targets."""
    return BCEWithLogitsLoss(data_of(weight), reduction=reduction, pos_weight=data_of(pos_weight))(input, target)


def hinge_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """What scores lack to the margin on their side, 1 or −1. PyTorch has none of this name."""
    return HingeLoss(margin, reduction=reduction)(input, target)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """Distances where the target is 1, what they lack to the margin where it is −1."""
    return HingeEmbeddingLoss(margin, reduction=reduction)(input, target)


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean"
) -> Any:
    """What the score of the right class lacks to win by the margin."""
    return MultiMarginLoss(p, margin, data_of(weight), reduction=reduction)(input, target)


def _arrays(*values: Any) -> tuple[Any, ...]:
    """Tensors and None as they are, everything else as arrays."""
    return tuple([value if value is None or isinstance(value, Tensor) else np.asarray(value) for value in values])


def _table(weight: Any, padding_idx: int | None, max_norm: float | None, sparse: bool) -> tuple[Any, int | None]:
    """A table, and the number of its padding row counted from the front."""
    (W,) = _arrays(weight)
    if W.ndim != 2 or W.dtype.kind != "f":
        raise ValueError(
            f"the second argument is the table, floating point and (K, D): it is {W.dtype}, of shape {W.shape}; the "
            f"first are whole numbers"
        )
    if max_norm is not None or sparse:
        raise ValueError("neither max_norm nor sparse gradients are supported: no function changes the table here")
    if padding_idx is not None and not -len(W) <= padding_idx < len(W):
        raise ValueError(f"padding_idx must name one of the {len(W)} rows; got {padding_idx}")
    return W, None if padding_idx is None else padding_idx % len(W)
