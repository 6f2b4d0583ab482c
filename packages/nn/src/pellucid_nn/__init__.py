"""Neural networks you can read: layers, losses, optimizers and a trainer in NumPy.

>>> import numpy as np
>>> from pellucid_nn import Linear, ReLU, Sequential
>>> rng = np.random.default_rng(0)
>>> net = Sequential(Linear(4, 8, rng=rng), ReLU(), Linear(8, 3, rng=rng))
>>> net(np.ones((5, 4))).shape
(5, 3)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "Module": "module",
    "Parameter": "module",
    "ModuleList": "containers",
    "ModuleDict": "containers",
    "Summary": "summary",
    "vjp": "closures",
    "Linear": "linear",
    "LazyLinear": "linear",
    "ReLU": "activations",
    "Tanh": "activations",
    "Sigmoid": "activations",
    "Affine": "activations",
    "Identity": "activations",
    "LeakyReLU": "activations",
    "ELU": "activations",
    "SELU": "activations",
    "GELU": "activations",
    "SiLU": "activations",
    "Exponential": "activations",
    "HardSigmoid": "activations",
    "Softplus": "activations",
    "Hardsigmoid": "activations",
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Add": "merging",
    "Multiply": "merging",
    "Flatten": "merging",
    "Sequential": "sequential",
    "Dropout": "dropout",
    "DropConnect": "drop_connect",
    "Embedding": "embedding",
    "EmbeddingBag": "embedding",
    "Conv1d": "conv1d",
    "LazyConv1d": "conv1d",
    "Conv2d": "conv2d",
    "LazyConv2d": "conv2d",
    "ConvTranspose2d": "conv_transpose2d",
    "MaxPool2d": "max_pool2d",
    "AvgPool2d": "avg_pool2d",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "LayerNorm": "layer_norm",
    "RNN": "rnn",
    "RNNCell": "rnn",
    "LSTM": "lstm",
    "LSTMCell": "lstm_cell",
    "GRU": "gru",
    "GRUCell": "gru",
    "BidirectionalLSTM": "bidirectional",
    "DotProductAttention": "dot_product_attention",
    "MultiheadAttention": "multi_head_attention",
    "MultiHeadAttention": "multi_head_attention",
    "PositionalEncoding": "positional_encoding",
    "TransformerEncoderLayer": "transformer_encoder_layer",
    "TransformerDecoderLayer": "transformer_decoder_layer",
    "IdentityBlock": "residual_block",
    "ConvolutionalBlock": "residual_block",
    "WaveNetBlock": "wavenet_block",
    "receptive_field": "wavenet_block",
    "RestrictedBoltzmannMachine": "restricted_boltzmann_machine",
    "SparseEvolutionary": "sparse_evolutionary",
    "CrossEntropyLoss": "cross_entropy",
    "MSELoss": "squared_error",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "HingeLoss": "hinge",
    "MultiMarginLoss": "hinge",
    "HingeEmbeddingLoss": "hinge",
    "HuberLoss": "huber",
    "SmoothL1Loss": "huber",
    "L1Loss": "huber",
    "BernoulliVAELoss": "vae_loss",
    "draw_latent": "vae_loss",
    "WassersteinGradientPenalty": "wasserstein_gradient_penalty",
    "generator_loss": "wasserstein_gradient_penalty",
    "gradient_penalty": "wasserstein_gradient_penalty",
    "NCELoss": "noise_contrastive_estimation",
    "AliasSampler": "alias_sampler",
    "clip_grad_norm_": "penalties",
    "clip_grad_value_": "penalties",
    "get_total_norm": "penalties",
    "l1_penalty": "penalties",
    "l2_penalty": "penalties",
    "add_penalty_gradients": "penalties",
    "lsuv_": "lsuv",
    "calculate_gain": "initializers",
    "uniform_": "initializers",
    "normal_": "initializers",
    "constant_": "initializers",
    "zeros_": "initializers",
    "ones_": "initializers",
    "xavier_uniform_": "initializers",
    "xavier_normal_": "initializers",
    "kaiming_uniform_": "initializers",
    "kaiming_normal_": "initializers",
    "trunc_normal_": "initializers",
    "orthogonal_": "initializers",
    "Optimizer": "optimizer",
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adagrad": "adagrad",
    "RMSprop": "rmsprop",
    "LRScheduler": "schedulers",
    "ConstantLR": "schedulers",
    "ExponentialLR": "schedulers",
    "StepLR": "schedulers",
    "CosineAnnealingLR": "schedulers",
    "LinearLR": "schedulers",
    "NoamLR": "schedulers",
    "CosineWarmup": "schedulers",
    "DlibScheduler": "dlib_scheduler",
    "Trainer": "trainer",
    "minibatches": "minibatch",
    "MLPClassifier": "mlp_classifier",
    "MLPRegressor": "mlp_regressor",
}

if TYPE_CHECKING:
    from pellucid_nn.activations import ELU as ELU
    from pellucid_nn.activations import GELU as GELU
    from pellucid_nn.activations import SELU as SELU
    from pellucid_nn.activations import Affine as Affine
    from pellucid_nn.activations import Exponential as Exponential
    from pellucid_nn.activations import HardSigmoid as HardSigmoid
    from pellucid_nn.activations import Hardsigmoid as Hardsigmoid
    from pellucid_nn.activations import Identity as Identity
    from pellucid_nn.activations import LeakyReLU as LeakyReLU
    from pellucid_nn.activations import ReLU as ReLU
    from pellucid_nn.activations import Sigmoid as Sigmoid
    from pellucid_nn.activations import SiLU as SiLU
    from pellucid_nn.activations import Softplus as Softplus
    from pellucid_nn.activations import Tanh as Tanh
    from pellucid_nn.adagrad import Adagrad as Adagrad
    from pellucid_nn.adam import Adam as Adam
    from pellucid_nn.adamw import AdamW as AdamW
    from pellucid_nn.alias_sampler import AliasSampler as AliasSampler
    from pellucid_nn.avg_pool2d import AvgPool2d as AvgPool2d
    from pellucid_nn.batch_norm import BatchNorm1d as BatchNorm1d
    from pellucid_nn.batch_norm import BatchNorm2d as BatchNorm2d
    from pellucid_nn.bidirectional import BidirectionalLSTM as BidirectionalLSTM
    from pellucid_nn.binary_cross_entropy import BCELoss as BCELoss
    from pellucid_nn.binary_cross_entropy import BCEWithLogitsLoss as BCEWithLogitsLoss
    from pellucid_nn.closures import vjp as vjp
    from pellucid_nn.containers import ModuleDict as ModuleDict
    from pellucid_nn.containers import ModuleList as ModuleList
    from pellucid_nn.conv1d import Conv1d as Conv1d
    from pellucid_nn.conv1d import LazyConv1d as LazyConv1d
    from pellucid_nn.conv2d import Conv2d as Conv2d
    from pellucid_nn.conv2d import LazyConv2d as LazyConv2d
    from pellucid_nn.conv_transpose2d import ConvTranspose2d as ConvTranspose2d
    from pellucid_nn.cross_entropy import CrossEntropyLoss as CrossEntropyLoss
    from pellucid_nn.dlib_scheduler import DlibScheduler as DlibScheduler
    from pellucid_nn.dot_product_attention import DotProductAttention as DotProductAttention
    from pellucid_nn.drop_connect import DropConnect as DropConnect
    from pellucid_nn.dropout import Dropout as Dropout
    from pellucid_nn.embedding import Embedding as Embedding
    from pellucid_nn.embedding import EmbeddingBag as EmbeddingBag
    from pellucid_nn.gru import GRU as GRU
    from pellucid_nn.gru import GRUCell as GRUCell
    from pellucid_nn.hinge import HingeEmbeddingLoss as HingeEmbeddingLoss
    from pellucid_nn.hinge import HingeLoss as HingeLoss
    from pellucid_nn.hinge import MultiMarginLoss as MultiMarginLoss
    from pellucid_nn.huber import HuberLoss as HuberLoss
    from pellucid_nn.huber import L1Loss as L1Loss
    from pellucid_nn.huber import SmoothL1Loss as SmoothL1Loss
    from pellucid_nn.initializers import calculate_gain as calculate_gain
    from pellucid_nn.initializers import constant_ as constant_
    from pellucid_nn.initializers import kaiming_normal_ as kaiming_normal_
    from pellucid_nn.initializers import kaiming_uniform_ as kaiming_uniform_
    from pellucid_nn.initializers import normal_ as normal_
    from pellucid_nn.initializers import ones_ as ones_
    from pellucid_nn.initializers import orthogonal_ as orthogonal_
    from pellucid_nn.initializers import trunc_normal_ as trunc_normal_
    from pellucid_nn.initializers import uniform_ as uniform_
    from pellucid_nn.initializers import xavier_normal_ as xavier_normal_
    from pellucid_nn.initializers import xavier_uniform_ as xavier_uniform_
    from pellucid_nn.initializers import zeros_ as zeros_
    from pellucid_nn.layer_norm import LayerNorm as LayerNorm
    from pellucid_nn.linear import LazyLinear as LazyLinear
    from pellucid_nn.linear import Linear as Linear
    from pellucid_nn.lstm import LSTM as LSTM
    from pellucid_nn.lstm_cell import LSTMCell as LSTMCell
    from pellucid_nn.lsuv import lsuv_ as lsuv_
    from pellucid_nn.max_pool2d import MaxPool2d as MaxPool2d
    from pellucid_nn.merging import Add as Add
    from pellucid_nn.merging import Flatten as Flatten
    from pellucid_nn.merging import Multiply as Multiply
    from pellucid_nn.minibatch import minibatches as minibatches
    from pellucid_nn.mlp_classifier import MLPClassifier as MLPClassifier
    from pellucid_nn.mlp_regressor import MLPRegressor as MLPRegressor
    from pellucid_nn.module import Module as Module
    from pellucid_nn.module import Parameter as Parameter
    from pellucid_nn.multi_head_attention import MultiHeadAttention as MultiHeadAttention
    from pellucid_nn.multi_head_attention import MultiheadAttention as MultiheadAttention
    from pellucid_nn.noise_contrastive_estimation import NCELoss as NCELoss
    from pellucid_nn.optimizer import Optimizer as Optimizer
    from pellucid_nn.penalties import add_penalty_gradients as add_penalty_gradients
    from pellucid_nn.penalties import clip_grad_norm_ as clip_grad_norm_
    from pellucid_nn.penalties import clip_grad_value_ as clip_grad_value_
    from pellucid_nn.penalties import get_total_norm as get_total_norm
    from pellucid_nn.penalties import l1_penalty as l1_penalty
    from pellucid_nn.penalties import l2_penalty as l2_penalty
    from pellucid_nn.positional_encoding import PositionalEncoding as PositionalEncoding
    from pellucid_nn.residual_block import ConvolutionalBlock as ConvolutionalBlock
    from pellucid_nn.residual_block import IdentityBlock as IdentityBlock
    from pellucid_nn.restricted_boltzmann_machine import RestrictedBoltzmannMachine as RestrictedBoltzmannMachine
    from pellucid_nn.rmsprop import RMSprop as RMSprop
    from pellucid_nn.rnn import RNN as RNN
    from pellucid_nn.rnn import RNNCell as RNNCell
    from pellucid_nn.schedulers import ConstantLR as ConstantLR
    from pellucid_nn.schedulers import CosineAnnealingLR as CosineAnnealingLR
    from pellucid_nn.schedulers import CosineWarmup as CosineWarmup
    from pellucid_nn.schedulers import ExponentialLR as ExponentialLR
    from pellucid_nn.schedulers import LinearLR as LinearLR
    from pellucid_nn.schedulers import LRScheduler as LRScheduler
    from pellucid_nn.schedulers import NoamLR as NoamLR
    from pellucid_nn.schedulers import StepLR as StepLR
    from pellucid_nn.sequential import Sequential as Sequential
    from pellucid_nn.sgd import SGD as SGD
    from pellucid_nn.softmax import LogSoftmax as LogSoftmax
    from pellucid_nn.softmax import Softmax as Softmax
    from pellucid_nn.sparse_evolutionary import SparseEvolutionary as SparseEvolutionary
    from pellucid_nn.squared_error import MSELoss as MSELoss
    from pellucid_nn.summary import Summary as Summary
    from pellucid_nn.trainer import Trainer as Trainer
    from pellucid_nn.transformer_decoder_layer import TransformerDecoderLayer as TransformerDecoderLayer
    from pellucid_nn.transformer_encoder_layer import TransformerEncoderLayer as TransformerEncoderLayer
    from pellucid_nn.vae_loss import BernoulliVAELoss as BernoulliVAELoss
    from pellucid_nn.vae_loss import draw_latent as draw_latent
    from pellucid_nn.wasserstein_gradient_penalty import WassersteinGradientPenalty as WassersteinGradientPenalty
    from pellucid_nn.wasserstein_gradient_penalty import generator_loss as generator_loss
    from pellucid_nn.wasserstein_gradient_penalty import gradient_penalty as gradient_penalty
    from pellucid_nn.wavenet_block import WaveNetBlock as WaveNetBlock
    from pellucid_nn.wavenet_block import receptive_field as receptive_field

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"pellucid_nn.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'pellucid_nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
