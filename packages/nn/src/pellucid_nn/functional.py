"""The functions behind the layers, under one roof.

    >>> import numpy as np
    >>> from pellucid_nn import functional as F
    >>> F.relu(np.array([-1.0, 2.0]))
    array([0., 2.])

The parameters come after the input as arrays or Tensors, and what is a Tensor is recorded.
"""

from __future__ import annotations

from pellucid_nn.activations import elu as elu
from pellucid_nn.activations import exponential as exponential
from pellucid_nn.activations import gelu as gelu
from pellucid_nn.activations import hardsigmoid as hardsigmoid
from pellucid_nn.activations import leaky_relu as leaky_relu
from pellucid_nn.activations import relu as relu
from pellucid_nn.activations import selu as selu
from pellucid_nn.activations import sigmoid as sigmoid
from pellucid_nn.activations import silu as silu
from pellucid_nn.activations import softplus as softplus
from pellucid_nn.activations import tanh as tanh
from pellucid_nn.avg_pool2d import avg_pool2d as avg_pool2d
from pellucid_nn.batch_norm import batch_norm as batch_norm
from pellucid_nn.binary_cross_entropy import binary_cross_entropy as binary_cross_entropy
from pellucid_nn.binary_cross_entropy import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from pellucid_nn.conv1d import conv1d as conv1d
from pellucid_nn.conv2d import conv2d as conv2d
from pellucid_nn.conv_transpose2d import conv_transpose2d as conv_transpose2d
from pellucid_nn.cross_entropy import softmax_cross_entropy as softmax_cross_entropy
from pellucid_nn.dot_product_attention import scaled_dot_product_attention as scaled_dot_product_attention
from pellucid_nn.dropout import dropout as dropout
from pellucid_nn.embedding import embedding as embedding
from pellucid_nn.embedding import embedding_bag as embedding_bag
from pellucid_nn.hinge import hinge_loss as hinge_loss
from pellucid_nn.hinge import multi_margin_loss as multi_margin_loss
from pellucid_nn.huber import huber_loss as huber_loss
from pellucid_nn.huber import l1_loss as l1_loss
from pellucid_nn.huber import smooth_l1_loss as smooth_l1_loss
from pellucid_nn.im2col import col2im as col2im
from pellucid_nn.im2col import dilate as dilate
from pellucid_nn.im2col import im2col as im2col
from pellucid_nn.im2col import pad as pad
from pellucid_nn.layer_norm import layer_norm as layer_norm
from pellucid_nn.linear import linear as linear
from pellucid_nn.max_pool2d import max_pool2d as max_pool2d
from pellucid_nn.softmax import log_softmax as log_softmax
from pellucid_nn.softmax import softmax as softmax
from pellucid_nn.squared_error import squared_error as squared_error

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "col2im",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "dilate",
    "dropout",
    "elu",
    "embedding",
    "embedding_bag",
    "exponential",
    "gelu",
    "hardsigmoid",
    "hinge_loss",
    "huber_loss",
    "im2col",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "multi_margin_loss",
    "pad",
    "relu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "squared_error",
    "tanh",
]
