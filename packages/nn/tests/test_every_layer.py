"""One table of all that pellucid_nn computes with, and what must hold for every line of it.

A line is a call as it would be written, and what is put in. `N` stands where the rows of the batch are; a test chooses
how many there are. Extreme values come at the end.
"""

import copy
import inspect
import pickle
import re
import warnings
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pytest

import pellucid_nn
from pellucid import Tensor, no_grad
from pellucid.nesting import flatten
from pellucid_nn import Module, Parameter
from pellucid_nn import functional as F

N = None  # where the rows of the batch are
T, S, E, K = 4, 5, 4, 4  # queries, keys, their size; classes


# What is put in


class Slot(NamedTuple):
    """One input: its shape, how to draw it, and whether it gets a gradient."""

    shape: tuple[int | None, ...]
    draw: Any
    learns: bool

    def array(self, n, rng, dtype):
        a = np.asarray(self.draw(rng, tuple(n if size is None else size for size in self.shape)))
        return a.astype(dtype) if a.dtype.kind == "f" else a

    @property
    def axis(self):
        return self.shape.index(None) if None in self.shape else None


def x(*shape):
    """Normal numbers, with a gradient."""
    return Slot(shape, lambda rng, size: rng.normal(size=size), True)


def t(*shape):
    """Normal numbers that get no gradient."""
    return x(*shape)._replace(learns=False)


def p(*shape):
    """Probabilities, with a gradient."""
    return Slot(shape, lambda rng, size: rng.uniform(0.1, 0.9, size), True)


def signs(*shape):
    return Slot(shape, lambda rng, size: rng.choice([-1.0, 1.0], size), False)


def ints(most, *shape, least=0):
    return Slot(shape, lambda rng, size: rng.integers(least, most, size), False)


def bits(*shape):
    return Slot(shape, lambda rng, size: rng.uniform(size=size) < 0.6, False)


def fixed(values):
    return Slot(np.shape(values), lambda rng, size: np.asarray(values), False)


# Modules that others are tried in


class Scale(Module):
    """A Module as a user writes one."""

    def __init__(self, n, *, dtype=np.float64):
        self.factor = Parameter(np.ones(n), dtype=dtype)

    def forward(self, x):
        return self.factor * x


class Steps(Module):
    """One module after the other, out of a ModuleList or the values of a ModuleDict."""

    def __init__(self, modules):
        self.modules_of_it = modules

    def forward(self, x):
        held = self.modules_of_it
        for module in held.values() if hasattr(held, "values") else held:
            x = module(x)
        return x


class FreeEnergy(Module):
    """The other function of a machine."""

    def __init__(self, machine):
        self.machine = machine

    def forward(self, x):
        return self.machine.free_energy(x)


class WithCritic(Module):
    """A function of a critic and examples."""

    def __init__(self, function, critic):
        self.function, self.critic = function, critic

    def forward(self, *examples):
        return self.function(self.critic, *examples)


# The table


class Case(NamedTuple):
    call: str
    slots: tuple[Slot, ...]
    out: Any  # where the rows are in each result; None: there are none, or they are summed over
    rows: bool  # whether each row of a result depends on the same row of the inputs alone, in eval mode
    by: Any  # how it is called, if not by its inputs one after the other
    empty: str | None  # what the error says where there are no rows
    alone: str | None  # what the error says where there is one row, in train mode
    derivative: bool  # whether its gradient is that of its value


def case(call, *slots, out=0, rows=True, by=None, empty=None, alone=None, derivative=True):
    return Case(call, slots, out, rows and out is not None, by, empty, alone, derivative)


NOTHING = "at least one"  # what a mean over nothing says

ELEMENTWISE = (
    "ReLU() Tanh() Sigmoid() Affine() Affine(2.0,-1.0) Identity() Identity(3,unused=True) LeakyReLU() LeakyReLU(0.3) "
    "ELU() ELU(0.5) SELU() GELU() GELU('tanh') SiLU() Exponential() Hardsigmoid() HardSigmoid() Softplus() "
    "Softplus(2.0,1.0) Softmax() Softmax(-1) LogSoftmax() LogSoftmax(-1) Add() Multiply() Flatten() Dropout() "
    "Dropout(0.0) Dropout(1.0) relu() tanh() sigmoid() leaky_relu() leaky_relu(negative_slope=0.3) elu() "
    "elu(alpha=0.5) selu() gelu() gelu(approximate='tanh') silu() exponential() hardsigmoid() softplus() "
    "softplus(beta=2.0,threshold=1.0) softmax() log_softmax()"
).split()

CASES = [
    *[case(call, x(N, 3)) for call in ELEMENTWISE],
    *[case(call, x(N, 3, 2)) for call in ("Softmax(1)", "LogSoftmax(1)", "softmax(axis=1)", "log_softmax(axis=1)")],
    *[case(call, x(N, 3), x(N, 3), x(3)) for call in ("Add()", "Multiply()")],
    case("Flatten()", x(N, 2, 3, 2)),
    case("Flatten(1, 2)", x(N, 2, 3, 2)),
    case("Flatten(0, 1)", x(2, 3, 2), out=None),
    case("dropout(p=0.4)", x(N, 3), bits(N, 3)),
    case("draw_latent()", x(N, 3), x(N, 3), t(N, 3)),
    # linear layers
    case("Linear(3, 4)", x(N, 3)),
    case("Linear(3, 4, bias=False)", x(N, 2, 3)),
    case("Linear(3, 4)", x(3), out=None),
    case("LazyLinear(4)", x(N, 3)),
    case("linear()", x(N, 3), x(4, 3), x(4)),
    case("linear()", x(N, 2, 3), x(4, 3)),
    *[case(f"DropConnect(Linear(3, 4), {rate})", x(N, 3)) for rate in (0.0, 0.4, 1.0)],
    case("DropConnect(LazyLinear(4, bias=False))", x(N, 3)),
    case("SparseEvolutionary(5, 4, 0.5)", x(N, 5)),
    case("SparseEvolutionary(5, 4, zeta=0.5, bias=False)", x(N, 2, 5)),
    case("RestrictedBoltzmannMachine(4, 3)", x(N, 4)),
    case("FreeEnergy(RestrictedBoltzmannMachine(4, 3))", x(N, 4)),
    # containers
    case("Scale(3)", x(N, 3)),
    case("Sequential(Linear(3, 4), Tanh(), Dropout(0.3), Linear(4, 2))", x(N, 3)),
    case("Sequential({'a': Linear(3, 4), 'b': ReLU()})", x(N, 3)),
    case("Steps(ModuleList([Linear(3, 4), Tanh(), Scale(4)]))", x(N, 3)),
    case("Steps(ModuleDict({'a': Linear(3, 4), 'b': Tanh(), 'c': Scale(4)}))", x(N, 3)),
    # embeddings
    case("Embedding(6, 3)", ints(6, N)),
    case("Embedding(6, 3, 1)", ints(6, N, 2), derivative=False),
    case("Embedding(6, 3, scale_grad_by_freq=True)", ints(6, N, 2), derivative=False),
    case("embedding()", x(6, 3), ints(6, N, 2)),
    case("embedding(padding_idx=1, scale_grad_by_freq=True)", x(6, 3), ints(6, N), derivative=False),
    *[case(f"EmbeddingBag(6, 3, mode={mode!r})", ints(6, N, 4)) for mode in ("sum", "mean", "max")],
    *[case(f"EmbeddingBag(6, 3, mode={mode!r}, padding_idx=1)", ints(6, N, 4)) for mode in ("sum", "mean", "max")],
    case("EmbeddingBag(6, 3, scale_grad_by_freq=True)", ints(6, N, 4), derivative=False),
    case("EmbeddingBag(6, 3)", ints(6, 7), fixed([0, 3, 3, 5]), out=None),
    case("EmbeddingBag(6, 3, include_last_offset=True)", ints(6, 7), fixed([0, 3, 3, 7]), out=None),
    case("EmbeddingBag(6, 3, mode='sum')", ints(6, N, 4), x(N, 4), by=lambda f, i, s: f(i, per_sample_weights=s)),
    *[
        case(f"embedding_bag(n=3, mode={mode!r})", x(6, 3), ints(6, 5), fixed([0, 0, 2, 2, 2]), out=None)
        for mode in ("sum", "mean", "max")
    ],
    case("embedding_bag(n=3, mode='sum', padding_idx=0)", x(6, 3), fixed([1, 0, 5]), fixed([0, 0, 2]), x(3), out=None),
    # convolutions
    *[
        case(f"Conv1d(2, 4, 3, {options})", x(N, 2, 7))
        for options in (
            "", "2, 1", "padding='same', dilation=2", "padding='causal', dilation=2", "padding=(2, 0), groups=2",
            "bias=False", "padding=2, padding_mode='circular'", "padding='causal', padding_mode='reflect'",
            "padding=(0, 1), padding_mode='replicate', stride=2",
        )
    ],
    case("Conv1d(2, 4, 3)", x(2, 7), out=None),
    case("LazyConv1d(4, 3, 2)", x(N, 2, 7)),
    case("conv1d()", x(N, 2, 7), x(4, 2, 3), x(4)),
    case("conv1d(stride=2, padding='causal', groups=2)", x(N, 2, 7), x(4, 1, 3)),
    *[
        case(f"Conv2d(2, 4, {options})", x(N, 2, 6, 7))
        for options in (
            "3", "(3, 2), (2, 1), (1, 2)", "3, padding='same', dilation=(1, 2)", "3, padding=(0, 1, 2, 3)",
            "1, groups=2, bias=False", "3, 2, 1, 2, 2", "3, padding=1, padding_mode='reflect'", "7, padding=3",
        )
    ],
    case("Conv2d(2, 4, 3)", x(2, 6, 7), out=None),
    case("LazyConv2d(4, 3, padding=1)", x(N, 2, 5, 5)),
    case("conv2d()", x(N, 2, 5, 5), x(4, 2, 3, 3), x(4)),
    case("conv2d(stride=(2, 1), padding=1, dilation=2, groups=2)", x(N, 2, 5, 6), x(4, 1, 2, 3)),
    *[
        case(f"ConvTranspose2d(2, 4, {options})", x(N, 2, 3, 4))
        for options in ("3", "(3, 2), (2, 1), 1", "3, 2, 1, 1", "3, padding=1, groups=2, bias=False", "2, dilation=2")
    ],
    case("ConvTranspose2d(2, 4, 3)", x(2, 3, 4), out=None),
    case("conv_transpose2d()", x(N, 2, 3, 4), x(2, 4, 3, 3), x(4)),
    case("conv_transpose2d(stride=2, output_padding=1, groups=2)", x(N, 2, 3, 4), x(2, 2, 3, 3)),
    case("im2col(kernel_size=2)", x(N, 2, 4, 3)),
    case("im2col(kernel_size=(2, 3), stride=2, padding=1, dilation=(1, 2))", x(N, 2, 5, 5)),
    case("col2im(output_size=(3, 4), kernel_size=2)", x(N, 8, 6)),
    case("col2im(output_size=(3, 4), kernel_size=(2, 1), stride=2, padding=(1, 0))", x(N, 4, 4)),
    case("pad(padding=2)", x(N, 3, 2)),
    case("pad(padding=(1, 0, 2, 3))", x(N, 2, 3, 2)),
    case("dilate(dilation=2)", x(N, 3, 2)),
    case("dilate(dilation=(1, 3))", x(N, 2, 3, 2)),
    # pooling
    *[
        case(f"{kind}({options})", x(N, 2, 5, 6))
        for kind in ("MaxPool2d", "AvgPool2d")
        for options in ("2", "3, 2, 1", "(2, 3), (1, 2), (1, 0)", "2, ceil_mode=True", "4, 3, 2, ceil_mode=True")
    ],
    case("MaxPool2d(2, 1, 1, 2)", x(N, 2, 5, 6)),
    case("MaxPool2d(2)", x(2, 5, 6), out=None),
    case("AvgPool2d(3, 2, 1, count_include_pad=False)", x(N, 2, 5, 6)),
    case("AvgPool2d(2, divisor_override=3)", x(2, 5, 6), out=None),
    *[case(f"{kind}(kernel_size=3, stride=2, padding=1)", x(N, 2, 5, 6)) for kind in ("max_pool2d", "avg_pool2d")],
    case("max_pool2d(kernel_size=2, dilation=2, ceil_mode=True)", x(N, 2, 5, 6)),
    case("avg_pool2d(kernel_size=2, ceil_mode=True, count_include_pad=False)", x(N, 2, 5, 5)),
    # norms
    *[
        case(f"BatchNorm1d(3, {options})", x(N, 3), rows="track" not in options, alone="more than one number")
        for options in ("", "0.1, None", "affine=False", "bias=False", "track_running_stats=False")
    ],
    case("BatchNorm1d(3)", x(N, 3, 4)),
    case("BatchNorm1d(3, affine=False, track_running_stats=False)", x(N, 3, 4), rows=False),
    case("BatchNorm2d(2, momentum=None)", x(N, 2, 3, 3)),
    case("BatchNorm2d(2, 0.1, track_running_stats=False, bias=False)", x(N, 2, 3, 3), rows=False),
    case("batch_norm()", x(N, 3), x(3), x(3), rows=False),
    case("batch_norm(eps=0.1)", x(N, 3, 4), rows=False),
    case("LayerNorm(3)", x(N, 3)),
    case("LayerNorm((2, 3), 0.1, bias=False)", x(N, 2, 3)),
    case("LayerNorm([3], elementwise_affine=False)", x(N, 2, 3)),
    case("layer_norm(normalized_shape=(3,))", x(N, 3), x(3), x(3)),
    case("layer_norm(normalized_shape=(2, 3), eps=0.1)", x(N, 2, 3)),
    # recurrent layers
    *[
        case(f"{kind}(3, 2, {options})", x(N, 4, 3) if "batch_first" in options else x(4, N, 3), out=out)
        for kind in ("RNN", "LSTM", "GRU", "BidirectionalLSTM")
        for options, first in (
            ("", 1), ("2, bias=False", 1), ("2, batch_first=True, dropout=0.3", 0),
            *([] if kind == "BidirectionalLSTM" else [("2, bidirectional=True", 1)]),
        )
        for out in [(first, *[1] * (1 + ("LSTM" in kind)))]
    ],
    *[case(f"BidirectionalLSTM(3, 2, merge_mode={how!r})", x(4, N, 3), out=(1, 1, 1)) for how in
      ("sum", "mean", "multiply")],
    case("RNN(3, 2, nonlinearity='relu')", x(4, N, 3), out=(1, 1)),
    *[case(f"{kind}(None, 2)", x(4, N, 3), out=(1,) * (2 + (kind == "LSTM"))) for kind in ("RNN", "LSTM", "GRU")],
    *[case(f"{kind}(3, 2)", x(4, 3), out=None) for kind in ("RNN", "LSTM", "GRU", "BidirectionalLSTM")],
    *[
        case(f"{kind}(3, 2, 2, bidirectional=True)", x(4, N, 3), x(4, N, 2), ints(5, N), out=(1, 1),
             by=lambda f, x, h, lengths: f(x, h, lengths=lengths))
        for kind in ("RNN", "GRU")
    ],
    *[
        case(call, x(N, 4, 3), x(4, N, 2), x(4, N, 2), ints(5, N), out=(0, 1, 1),
             by=lambda f, x, h, c, lengths: f(x, (h, c), lengths=lengths))
        for call in ("LSTM(3, 2, 2, batch_first=True, bidirectional=True)", "BidirectionalLSTM(3, 2, 2, True, True)")
    ],
    *[case(f"{kind}({sizes})", x(N, 3)) for kind in ("RNNCell", "GRUCell")
      for sizes in ("3, 2", "None, 2, bias=False")],
    case("RNNCell(3, 2, nonlinearity='relu')", x(N, 3), x(N, 2)),
    case("GRUCell(3, 2)", x(3), x(2), out=None),
    *[case(f"LSTMCell({sizes})", x(N, 3), out=(0, 0)) for sizes in ("3, 2", "None, 2, bias=False")],
    case("LSTMCell(3, 2)", x(N, 3), x(N, 2), x(N, 2), out=(0, 0), by=lambda f, x, h, c: f(x, (h, c))),
    # attention
    *[
        case(f"{call}", x(N, 2, T, E), x(N, 2, S, E), x(N, 2, S, 3))
        for call in ("DotProductAttention()", "DotProductAttention(False, 0.3)", "scaled_dot_product_attention()",
                     "scaled_dot_product_attention(is_causal=True, scale=0.3)")
    ],
    case("DotProductAttention()", x(N, T, E), x(S, E), x(N, S, 3), bits(N, T, S)),
    case("DotProductAttention()", x(N, T, E), x(N, S, E), x(N, S, 3), x(T, S), fixed(True)),
    case("scaled_dot_product_attention()", x(N, T, E), x(N, S, E), x(N, S, 3), bits(T, S)),
    case("scaled_dot_product_attention(dropout_p=0.3, rng=0)", x(N, T, E), x(N, S, E), x(N, S, 3), x(N, T, S),
         rows=False),
    *[
        case(f"MultiheadAttention(4, 2, {options})", x(N, T, 4), x(N, S, 4), x(N, S, 4), out=(0, 0))
        for options in ("batch_first=True", "0.3, False, batch_first=True")
    ],
    case("MultiHeadAttention(4, 2, kdim=3, vdim=2)", x(T, N, 4), x(S, N, 3), x(S, N, 2), out=(1, 0)),
    case("MultiheadAttention(4, 2)", x(T, 4), x(S, 4), x(S, 4), out=None),
    case("MultiheadAttention(4, 2, batch_first=True)", x(N, T, 4), x(N, S, 4), x(N, S, 4), bits(N, S), bits(T, S),
         out=(0, 0), by=lambda f, q, k, v, padding, mask: f(q, k, v, padding, True, mask, False)),
    case("MultiheadAttention(4, 2)", x(T, N, 4), x(S, N, 4), x(S, N, 4), x(N, S), x(T, S), out=1,
         by=lambda f, q, k, v, padding, mask: f(q, k, v, padding, False, mask, is_causal=True)),
    case("PositionalEncoding(4)", x(T, N, 4), out=1),
    case("PositionalEncoding(5, 0.3, True, base=100.0)", x(N, T, 5)),
    case("PositionalEncoding(4)", x(T, 4), out=None),
    *[
        case(f"TransformerEncoderLayer(4, 2, 5, {options})", x(T, N, 4), out=1)
        for options in ("0.0", "0.3, 'gelu', norm_first=True", "0.0, np.tanh, 0.1, bias=False")
    ],
    case("TransformerEncoderLayer(4, 2, 5, batch_first=True)", x(N, T, 4), fixed(~np.tri(T, dtype=bool)), bits(N, T)),
    *[
        case(f"TransformerDecoderLayer(4, 2, 5, {options})", x(T, N, 4), x(S, N, 4), out=1)
        for options in ("0.0", "0.3, 'gelu', norm_first=True", "0.0, np.tanh, 0.1, bias=False")
    ],
    case("TransformerDecoderLayer(4, 2, 5, batch_first=True)", x(N, T, 4), x(N, S, 4), bits(N, T), bits(N, S),
         by=lambda f, x, memory, own, other: f(x, memory, None, None, own, other, tgt_is_causal=True)),
    # blocks
    case("IdentityBlock(2)", x(N, 2, 4, 3)),
    case("IdentityBlock(2, 3, (1, (2, 3)), momentum=None)", x(N, 2, 4, 3)),
    case("ConvolutionalBlock(2, 3)", x(N, 2, 4, 3)),
    case("ConvolutionalBlock(None, 3, 2, (3, 2), (2, 1), 0.1)", x(N, 2, 4, 3)),
    case("WaveNetBlock(2, 3, 4)", x(N, 2, 6), out=(0, 0)),
    case("WaveNetBlock(2, 3, 4, 3, 2, False)", x(N, 2, 6), out=(0, 0)),
    case("WaveNetBlock(2, 3, 4)", x(2, 6), out=None),
]  # fmt: skip


def losses(call, *slots):
    """A loss with each reduction, with other options two of them: the mean of no rows is an error."""
    more = ", " if not call.endswith("(") else ""
    for how in ("none", "mean") if more else ("none", "mean", "sum"):
        whole, empty = how != "none", NOTHING if how == "mean" else None
        yield case(f"{call}{more}reduction={how!r})", *slots, out=None if whole else 0, empty=empty)


CASES += [
    *losses("CrossEntropyLoss(", x(N, K), ints(K, N)),
    *losses("CrossEntropyLoss([1.0, 2.0, 0.5, 3.0], ignore_index=1, label_smoothing=0.1", x(N, K), ints(K, N)),
    *losses("CrossEntropyLoss([1.0, 2.0, 0.5, 3.0], label_smoothing=0.1", x(N, K), p(N, K)),
    *losses("CrossEntropyLoss(", x(N, K, 3), ints(K, N, 3)),
    case("CrossEntropyLoss()", x(K), ints(K), out=None),
    *losses("MSELoss(", x(N, 3), x(N, 3)),
    *losses("L1Loss(", x(N, 3), x(N, 3)),
    *losses("HuberLoss(", x(N, 3), x(N, 3)),
    *losses("HuberLoss(delta=0.5", x(N), x(N)),
    *losses("SmoothL1Loss(", x(N, 3), x(N, 3)),
    *losses("SmoothL1Loss(beta=0.0", x(N), x(N)),
    *losses("BCELoss(", p(N, 3), p(N, 3)),
    *losses("BCELoss([1.0, 2.0, 3.0]", p(N, 3), p(N, 3)),
    *losses("BCEWithLogitsLoss(", x(N, 3), p(N, 3)),
    *losses("BCEWithLogitsLoss([1.0, 2.0, 3.0], pos_weight=2.0", x(N, 3), p(N, 3)),
    *losses("HingeLoss(", x(N, 3), signs(N, 3)),
    *losses("HingeLoss(0.5", x(N), signs(N)),
    *losses("HingeEmbeddingLoss(", x(N, 3), signs(N, 3)),
    *losses("HingeEmbeddingLoss(0.5", x(N), signs(N)),
    *losses("MultiMarginLoss(", x(N, K), ints(K, N)),
    *losses("MultiMarginLoss(2, 0.5, [1.0, 2.0, 0.5, 3.0]", x(N, K), ints(K, N)),
    *losses("BernoulliVAELoss(", x(N, 2, 3), p(N, 2, 3), x(N, 2), x(N, 2)),
    *losses("BernoulliVAELoss(0.5", x(N, 3), p(N, 3), x(N, 2), x(N, 2)),
    *losses("NCELoss([1.0, 2.0, 3.0, 4.0], 3, 5", x(N, 3), ints(4, N), ints(4, N, 5)),
    case("NCELoss([1.0, 2.0, 3.0, 4.0], 3)", x(N, 3), ints(4, N), out=None, empty=NOTHING),
    case("WithCritic(WassersteinGradientPenalty(), Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))", t(N, 3), t(N, 3),
         out=None, empty=NOTHING),
    case("WithCritic(WassersteinGradientPenalty(0.0), Sequential(Flatten(), Linear(6, 4), Tanh(), Linear(4, 1)))",
         t(N, 2, 3), t(N, 2, 3), out=None, empty=NOTHING),
    case("WithCritic(generator_loss, Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))", x(N, 3), out=None,
         empty=NOTHING),
    case("WithCritic(gradient_penalty, Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))", x(N, 3), out=None,
         empty=NOTHING),
    case("softmax_cross_entropy()", x(N, K), p(N, K)),
    case("softmax_cross_entropy(summed=True)", x(N, K), p(N, K), out=None),
    case("squared_error()", x(N, 3), x(N, 3)),
    case("l1_loss()", x(N, 3), x(N, 3)),
    case("huber_loss(delta=0.5)", x(N, 3), x(N, 3)),
    case("smooth_l1_loss(beta=0.5)", x(N, 3), x(N, 3)),
    case("smooth_l1_loss(beta=0.0)", x(N, 3), x(N, 3)),
    case("binary_cross_entropy()", p(N, 3), p(N, 3)),
    case("binary_cross_entropy_with_logits()", x(N, 3), p(N, 3)),
    case("binary_cross_entropy_with_logits()", x(N, 3), p(N, 3), p(3)),
    case("hinge_loss(margin=0.5)", x(N, 3), signs(N, 3)),
    case("multi_margin_loss()", x(N, K), ints(K, N), Slot((N,), lambda rng, size: rng.uniform(size=size), False)),
    case("multi_margin_loss(p=2, margin=0.5)", x(N, K), ints(K, N), fixed(1.0)),
]  # fmt: skip

HOMES = {  # where the functions behind the layers are
    "activations": "relu leaky_relu elu selu gelu silu softplus sigmoid hardsigmoid tanh exponential",
    "binary_cross_entropy": "binary_cross_entropy binary_cross_entropy_with_logits",
    "cross_entropy": "softmax_cross_entropy",
    "dot_product_attention": "scaled_dot_product_attention",
    "embedding": "embedding embedding_bag",
    "hinge": "hinge_loss multi_margin_loss",
    "huber": "huber_loss l1_loss smooth_l1_loss",
    "im2col": "im2col col2im pad dilate",
    "softmax": "softmax log_softmax",
    "squared_error": "squared_error",
    "vae_loss": "draw_latent",
} | {
    name: name
    for name in "avg_pool2d batch_norm conv1d conv2d conv_transpose2d dropout layer_norm linear max_pool2d".split()
}
FUNCTIONS = {
    name: getattr(import_module(f"pellucid_nn.{home}"), name) for home, names in HOMES.items() for name in names.split()
}
OURS = {"Scale": Scale, "Steps": Steps, "FreeEnergy": FreeEnergy, "WithCritic": WithCritic}
CRITICS = {name: getattr(pellucid_nn, name) for name in ("generator_loss", "gradient_penalty")}
LAZY = [name for name in pellucid_nn.__all__ if name.startswith("Lazy")]
CLASSES = {
    name: found
    for name in pellucid_nn.__all__
    if isinstance(found := getattr(pellucid_nn, name), type) and issubclass(found, Module)
}
MAKERS = {  # what makes a module, and which of these it takes
    name: (f, [key for key in ("rng", "dtype") if name in LAZY or key in inspect.signature(f).parameters])
    for name, f in (CLASSES | OURS | {name: getattr(pellucid_nn, name) for name in LAZY}).items()
}
MODULES = [c for c in CASES if c.call[0].isupper()]
BATCHES = [c for c in CASES if any(slot.axis is not None for slot in c.slots)]


class Names(dict):
    """What a name in the table stands for: a module that is given the generator and the dtype, or a function."""

    def __missing__(self, name):
        if name in MAKERS:
            f, keys = MAKERS[name]
            return partial(f, **{key: self[key] for key in keys})
        return {"np": np, **CRITICS}.get(name) or partial(partial, FUNCTIONS[name])


@cache
def compiled(call):
    return compile(call, call, "eval")


def build(c, dtype=np.float64, seed=0, lazy=False):
    """What the line of the table says, in train mode, with parameters that are not those of the start."""
    rng = np.random.default_rng(seed)
    f = eval(compiled(c.call), {}, Names(rng=rng, dtype=dtype))
    if not isinstance(f, Module):
        return f
    waiting = any(module.lazy for module in f.modules())
    if waiting and not lazy:
        with no_grad():
            called(c, f, inputs(c, 2, dtype))
    if not waiting or not lazy:
        for parameter in f.parameters():
            parameter.data[...] = 0.7 * rng.normal(size=parameter.shape)
    return f


def inputs(c, n=3, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    return [slot.array(n, rng, dtype) for slot in c.slots]


def called(c, f, arrays):
    return f(*arrays) if c.by is None else c.by(f, *arrays)


def parts(result):
    """The arrays or Tensors of a result, in one list."""
    found: list[Any] = []
    flatten(result, found)
    return [y for y in found if y is not None]


class Ran(NamedTuple):
    ys: list[Any]  # values
    dxs: list[Any]  # gradients of the inputs that get one
    dws: list[Any]  # gradients of the parameters


def upstream(ys):
    """A gradient for each result."""
    rng = np.random.default_rng(2)
    return [rng.normal(size=y.shape).astype(y.dtype) for y in ys]


def run(c, f, arrays, change=lambda a: a):
    """Forward and backward, from a gradient that every test takes the same; `change` is its layout."""
    leaves = [Tensor(a, requires_grad=True) if slot.learns else a for slot, a in zip(c.slots, arrays)]
    ys = parts(called(c, f, leaves))
    dys = [change(dy) for dy in upstream(ys)]
    if len(ys) == 1:
        ys[0].backward(dys[0])
    else:
        sum([np.sum(y * dy) for y, dy in zip(ys, dys)]).backward()
    own = list(f.parameters()) if isinstance(f, Module) else []
    grads = [[None if p.grad is None else p.grad.data for p in some] for some in (leaves_of(leaves), own)]
    return Ran([y.data for y in ys], *grads)


def leaves_of(leaves):
    return [a for a in leaves if isinstance(a, Tensor)]


def same(found, expected, **how):
    how = how or {"rtol": 1e-11, "atol": 1e-11}
    for some, others in zip(found, expected, strict=True):
        for a, b in zip(some, others, strict=True):
            if a is None or b is None:
                assert a is None and b is None
            else:
                np.testing.assert_allclose(a, b, **how)
                assert a.shape == b.shape


def generators(f):
    return dict(f.named_generators()) if isinstance(f, Module) else {}


def every(cases):
    return pytest.mark.parametrize("c", cases, ids=lambda c: f"{c.call} {[slot.shape for slot in c.slots]}")


def test_the_table_is_complete():
    named = set(re.findall(r"\w+", " ".join(c.call for c in CASES)))
    assert {*FUNCTIONS, *LAZY, *CRITICS} <= named
    tried = {type(module) for c in MODULES for module in build(c).modules()} | {Module}
    assert set(CLASSES.values()) <= tried
    assert set(CLASSES) - {"Module"} <= named


@every([c for c in CASES if c.derivative])
def test_gradients_are_those_of_the_value(c):
    """Along random directions, the inner product with a gradient is what finite differences of ⟨dy, y⟩ say."""
    rng, arrays = np.random.default_rng(3), inputs(c)
    found = run(c, build(c), arrays)
    weights = upstream(found.ys)

    for place, dx in enumerate([*found.dxs, *found.dws]):
        v, differences = None, []
        for h in (1e-4, -1e-4, 2e-4, -2e-4):
            f, moved = build(c), [a.copy() for a in arrays]
            own = [p.data for p in f.parameters()] if isinstance(f, Module) else []
            a = [*[a for a, slot in zip(moved, c.slots) if slot.learns], *own][place]
            v = rng.normal(size=a.shape) if v is None else v
            a += h * v
            differences.append(sum([np.sum(u * data(y)) for u, y in zip(weights, parts(called(c, f, moved)))]))
        expected = (8 * (differences[0] - differences[1]) - differences[2] + differences[3]) / 12e-4
        found_there = 0 if dx is None else np.sum(dx * v)  # None: the value does not depend on it
        np.testing.assert_allclose(found_there, expected, rtol=1e-6, atol=1e-7, err_msg=f"number {place}")


def data(y):
    return y.data if isinstance(y, Tensor) else y


@every(CASES)
def test_single_precision_stays_single(c):
    expected = run(c, build(c), inputs(c))
    modules = [build(c, np.float32)]
    if isinstance(modules[0], Module):
        modules.append(build(c).to(np.float32))
    for f in modules:
        single = run(c, f, inputs(c, dtype=np.float32))
        for array in [*single.ys, *single.dxs, *single.dws]:
            assert array is None or array.dtype == np.float32
        same(single, expected, rtol=2e-3, atol=2e-4)
        assert all(array.dtype == np.float32 for array in plain(c, f, np.float32))


def plain(c, f, dtype=np.float64):
    with no_grad():
        return parts(called(c, f, inputs(c, dtype=dtype)))


@every(CASES)
def test_plain_arrays_come_out_where_nothing_is_recorded(c):
    f = build(c)
    expected = run(c, build(c), inputs(c)).ys
    found = plain(c, f)
    assert all(type(y) is np.ndarray or isinstance(y, np.generic) for y in found)
    same([found], [expected])
    if isinstance(f, Module):
        assert all(p.grad is None for p in f.parameters())


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def fortran(a):
    return np.array(a, order="F")


def strided(a):
    """The same numbers, every other one of a larger array, from the end."""
    if a.ndim == 0:
        return a
    wide = np.full([2 * n + 1 for n in a.shape], 99).astype(a.dtype)
    view = wide[tuple([slice(None, 0, -2)] * a.ndim)]
    view[...] = a
    return view


@every(CASES)
def test_any_layout_gives_the_same(c):
    expected = run(c, build(c), inputs(c))
    for layout in (read_only, fortran, strided):
        f = build(c)
        if isinstance(f, Module):
            for parameter in f.parameters():
                parameter.data = layout(parameter.data.view(np.ndarray))
            for module in f.modules():
                for name in vars(module).get("_buffers", {}):
                    setattr(module, name, layout(getattr(module, name)))
        arrays = [layout(a) for a in inputs(c)]
        same(run(c, f, arrays, layout), expected)
        for a, b in zip(arrays, inputs(c), strict=True):
            np.testing.assert_array_equal(a, b)


@every(BATCHES)
def test_a_batch_of_one_is_enough_to_learn_from_and_a_row_of_the_batch(c):
    f, arrays = build(c), inputs(c, 1)
    if c.alone:
        with pytest.raises(ValueError, match=c.alone):
            called(c, f, arrays)
    else:
        found = run(c, f, arrays)
        assert all(np.isfinite(a).all() for some in found for a in some if a is not None)
        assert [np.shape(dx) for dx in found.dxs] == [a.shape for a, slot in zip(arrays, c.slots) if slot.learns]
    if isinstance(f, Module):
        f.eval()
    arrays = inputs(c, 4)
    whole = parts(called(c, f, arrays)) if c.rows else []
    for n in range(4):
        row = [a if slot.axis is None else a.take([n], slot.axis) for a, slot in zip(arrays, c.slots)]
        for y, own, axis in zip(whole, parts(called(c, f, row)) if c.rows else [], axes_of(c, whole), strict=True):
            np.testing.assert_allclose(data(own), data(y).take([n], axis), rtol=1e-12, atol=1e-12)


def axes_of(c, ys):
    """Where the rows are, for each result."""
    return c.out if isinstance(c.out, tuple) else (c.out,) * len(ys)


@every([c for c in BATCHES if c.empty])
def test_no_rows_may_be_an_error_that_says_what_must_hold(c):
    for f in (build(c), build(c).eval()):
        with pytest.raises(ValueError, match=c.empty):
            called(c, f, inputs(c, 0))


@pytest.mark.filterwarnings("error")
@every([c for c in BATCHES if not c.empty])
def test_no_rows_are_a_batch_too(c):
    for train in (True, False):
        f = build(c, lazy=True)
        if isinstance(f, Module):
            f.train(train)
        check_no_rows(c, f, inputs(c, 0))


def check_no_rows(c, f, arrays):
    found = run(c, f, arrays)
    assert [np.shape(dx) for dx in found.dxs] == [a.shape for a, slot in zip(arrays, c.slots) if slot.learns]
    learnt = list(f.parameters()) if isinstance(f, Module) else []
    assert all(dw is None or dw.shape == p.shape for dw, p in zip(found.dws, learnt, strict=True))
    assert not any(a.any() for a in [*found.dws, *found.dxs] if a is not None)
    usual = [list(y.shape) for y in run(c, build(c), inputs(c, 2)).ys]
    for shape, axis in zip(usual, axes_of(c, usual), strict=True):
        if axis is not None:
            shape[axis] = 0
    assert [list(y.shape) for y in found.ys] == usual


@every(CASES)
def test_nothing_is_remembered_of_a_batch(c):
    """Forward and backward on a second batch, of another size, are those of a fresh layer."""
    used, fresh = build(c), build(c)
    before = {name: rng.bit_generator.state for name, rng in generators(used).items()}
    run(c, used, inputs(c, 2, seed=5))
    called(c, used, inputs(c, 5, seed=6))  # a forward without its backward, too
    for name, rng in generators(used).items():
        rng.bit_generator.state = before[name]
    if isinstance(used, Module):
        used.zero_grad()
    same(run(c, used, inputs(c)), run(c, fresh, inputs(c)), rtol=0, atol=0)


@every(MODULES)
def test_a_state_goes_into_a_fresh_layer(c):
    old, new = build(c).eval(), build(c, seed=9).eval()
    run(c, old.train(), inputs(c, 4, seed=5))  # running statistics move
    old.eval()
    assert new.load_state_dict(old.state_dict()) == ([], [])
    for name, rng in generators(new).items():
        rng.bit_generator.state = generators(old)[name].bit_generator.state
    same([plain(c, new)], [plain(c, old)], rtol=0, atol=0)


@every(MODULES)
def test_copies_do_the_same_and_share_nothing(c):
    for lazy in (True, False):
        f = build(c, lazy=lazy)
        others = copy.deepcopy(f), pickle.loads(pickle.dumps(f))
        expected = run(c, f, inputs(c))
        for parameter in f.parameters():
            parameter.data[...] = np.nan
        for other in others:
            same(run(c, other, inputs(c)), expected, rtol=0, atol=0)
            names = [name for name, p in other.named_parameters() if isinstance(p, Parameter) and p.requires_grad]
            assert names == [name for name, _ in f.named_parameters()]


@every(MODULES)
def test_modules_can_be_shown_and_a_summary_counts_and_changes_nothing(c):
    f = build(c)
    for shown in (build(c, lazy=True), f):
        assert repr(shown).startswith(f"{type(f).__name__}(")
        assert all(f"({name}): " in repr(shown) for name, _ in shown.named_children())
    if c.by is None:  # a summary calls it on its inputs, one after the other
        before, modes = f.state_dict(), [module.training for module in f.modules()]
        table = f.summary(*inputs(c))
        assert table.n_parameters == sum(p.size for p in f.parameters())
        assert table.rows[0].kind == type(f).__name__ and table.rows[0].kind in str(table)
        shapes = [str(np.shape(y)).replace(" ", "") for y in plain(c, build(c).eval())]
        assert all(shape in table.rows[0].output for shape in shapes)
        assert modes == [module.training for module in f.modules()]
        for name, array in f.state_dict().items():
            np.testing.assert_array_equal(array, before[name])


# Extreme values: nothing overflows on the way to a number that can be written, and a gradient of 1 stays 1


@pytest.fixture
def silence():
    """No warning and no floating-point error, but for what becomes 0 because it is too small: that is right."""
    with warnings.catch_warnings(), np.errstate(over="raise", divide="raise", invalid="raise"):
        warnings.simplefilter("error")
        yield


both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])

LIMITS = [  # call, inputs, values, gradients of the first input from dy = 1, 2, 3, ...
    ("tanh()", [[-1e3, 1e3]], [-1, 1], [0, 0]),
    ("sigmoid()", [[-1e3, 1e3]], [0, 1], [0, 0]),
    ("sigmoid()", [[-1e4, 1e4]], [0, 1], [0, 0]),
    ("relu()", [[-1e3, 1e3]], [0, 1e3], [0, 2]),
    ("leaky_relu()", [[-1e3, 1e3]], [-10, 1e3], [0.01, 2]),
    ("elu()", [[-1e3, 1e3]], [-1, 1e3], [0, 2]),
    ("selu()", [[-1e3, 1e3]], [-1.7580993408473766, 1050.7009873554805], [0, 2 * 1.0507009873554805]),
    ("gelu()", [[-1e3, 1e3]], [0, 1e3], [0, 2]),
    ("gelu(approximate='tanh')", [[-1e3, 1e3]], [0, 1e3], [0, 2]),
    ("gelu()", [[-1e30, 1e30]], [0, 1e30], [0, 2]),
    ("gelu(approximate='tanh')", [[-1e30, 1e30]], [0, 1e30], [0, 2]),
    ("silu()", [[-1e3, 1e3]], [0, 1e3], [0, 2]),
    ("hardsigmoid()", [[-1e3, 1e3]], [0, 1], [0, 0]),
    ("softplus()", [[-1e3, 1e3]], [0, 1e3], [0, 2]),
    ("softplus(beta=5.0)", [[-1e4, 1e4]], [0, 1e4], [0, 2]),
    ("exponential()", [[-1e3]], [0], [0]),
    ("softmax()", [[1e4, -1e4, 0]], [1, 0, 0], [0, 0, 0]),
    ("softmax()", [[1e4, 1e4]], [0.5, 0.5], [-0.25, 0.25]),
    ("softmax()", [[-1e4, -np.inf]], [1, 0], [0, 0]),
    ("softmax()", [[-np.inf, -np.inf]], [0, 0], [0, 0]),
    ("log_softmax()", [[1e4, -1e4]], [0, -2e4], [-2, 2]),
    ("log_softmax()", [[-1e4, -1e4]], [-np.log(2), -np.log(2)], [-0.5, 0.5]),
    ("softmax_cross_entropy()", [[[1e4, -1e4]], [[0, 1]]], [2e4], [[1, -1]]),
    ("softmax_cross_entropy()", [[[1e4, -1e4]], [[1, 0]]], [0], [[0, 0]]),
    ("softmax_cross_entropy()", [[[-1e4, -1e4]], [[0, 1]]], [np.log(2)], [[0.5, -0.5]]),
    ("binary_cross_entropy_with_logits()", [[1e3, -1e3, 1e3, -1e3], [0, 1, 1, 0]], [1e3, 1e3, 0, 0], [1, -2, 0, 0]),
    ("binary_cross_entropy()", [[0, 1], [0, 1]], [0, 0], [0, 0]),
    ("binary_cross_entropy()", [[0, 1], [1, 0]], [100, 100], [-1e12, 2e12]),
    ("huber_loss()", [[1e10, -1e10], [0, 0]], [1e10 - 0.5, 1e10 - 0.5], [1, -2]),
    ("smooth_l1_loss()", [[1e10, -1e10], [0, 0]], [1e10 - 0.5, 1e10 - 0.5], [1, -2]),
    ("l1_loss()", [[1e10, -1e10], [0, 0]], [1e10, 1e10], [1, -2]),
    ("hinge_loss()", [[1e10, -1e10], [1, 1]], [0, 1e10 + 1], [0, -2]),
]


@both_precisions
@pytest.mark.parametrize("call, arrays, y, dx", LIMITS, ids=lambda a: None if isinstance(a, list) else str(a))
def test_functions_reach_their_limits(call, arrays, y, dx, dtype, silence):
    a, *others = (np.array(array, dtype) for array in arrays)
    f, a = build(case(call)), Tensor(a, requires_grad=True)
    found = f(a, *others)
    found.backward(np.arange(1, found.size + 1, dtype=dtype).reshape(found.shape))
    how = {"rtol": 1e-12 if dtype is np.float64 else 1e-6, "atol": 0}
    np.testing.assert_allclose(found.data, np.array(y, dtype), **how)
    np.testing.assert_allclose(a.grad.data, np.array(dx, dtype), **how)


@both_precisions
def test_cross_entropy_of_certain_answers_keeps_its_gradient(dtype, silence):
    z, y = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [-1e4] * 3], dtype), np.array([1, 0, 2])
    for target in (y, np.eye(3, dtype=dtype)[y]):
        a = Tensor(z, requires_grad=True)
        losses = pellucid_nn.CrossEntropyLoss(reduction="none")(a, target)
        np.sum(losses).backward()
        np.testing.assert_allclose(losses.data, [2e4, 2e4 + np.log(2), np.log(3)], rtol=1e-6)
        np.testing.assert_allclose(a.grad.data, [[1, -1, 0], [-1, 0.5, 0.5], [1 / 3, 1 / 3, -2 / 3]], rtol=1e-6)


@both_precisions
@every([c for c in MODULES if re.match("(Bidirectional)?(LSTM|GRU|RNN)", c.call) and "relu" not in c.call])
def test_recurrent_layers_take_huge_inputs(c, dtype, silence):
    for size in (1e3, 1e10, 1e30):
        arrays = inputs(c, 3, dtype)
        arrays[0] = dtype(size) * np.sign(arrays[0])
        found = run(c, build(c, dtype), arrays)
        assert all(np.isfinite(a).all() for a in [*found.ys, *found.dxs, *found.dws])
        first_state = max([1, *[np.abs(a).max() for a in arrays[1:] if a.dtype == dtype]])
        assert np.abs(found.ys[0]).max() <= first_state * (2 if "sum" in c.call else 1)


@both_precisions
@pytest.mark.parametrize("call, shape", [("BatchNorm1d(3)", (4, 3)), ("BatchNorm1d(3)", (4, 3, 5)),
    ("BatchNorm2d(3)", (4, 3, 2, 5)), ("batch_norm()", (4, 3)), ("LayerNorm(3)", (4, 3)),
    ("LayerNorm((5, 3))", (4, 5, 3)), ("layer_norm(normalized_shape=(3,))", (4, 3))])  # fmt: skip
def test_norms_of_constants_and_of_huge_numbers(call, shape, dtype, silence):
    c, z = case(call, x(*shape)), np.random.default_rng(0).normal(size=shape).astype(dtype)
    for constant in (0.0, 0.1, -3.0, 1e10):
        f = build(c, dtype)
        found = run(c, f, [np.full(shape, constant, dtype)])
        shift = f.bias.data.reshape(-1, *[1] * (len(shape) - 2)) if "Batch" in call else getattr(f, "bias", np.zeros(1))
        np.testing.assert_allclose(found.ys[0], np.broadcast_to(data(shift), shape), rtol=1e-6, atol=1e-6)
        assert all(np.isfinite(a).all() for a in [*found.dxs, *found.dws])
    options = ", eps=" if not call.endswith("()") else "eps="
    sizes = (1e10, 1e18) if dtype is np.float32 else (1e10, 1e18, 1e200)
    for size in sizes:  # at this size ε is nothing: all scales are alike, and gradients scale the other way
        huge, usual = (run(case(c_, x(*shape)), build(case(c_), dtype), [array]) for c_, array in (
            (call, z * dtype(size)), (f"{call[:-1]}{options}1e-30)", z)))  # fmt: skip
        close = {"rtol": 1e-9, "atol": 1e-9} if dtype is np.float64 else {"rtol": 1e-3, "atol": 1e-4}
        same([huge.ys, huge.dws, [huge.dxs[0] * dtype(size)]], [usual.ys, usual.dws, usual.dxs], **close)


@both_precisions
def test_who_may_attend_to_nothing_gets_zeros_and_no_gradient(dtype, silence):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=shape).astype(dtype) for shape in ((2, T, E), (2, S, E), (2, S, 3)))
    allowed = np.ones((2, T, S), bool)
    allowed[0, 1] = allowed[1] = False
    for mask in (allowed, np.where(allowed, 0, -np.inf).astype(dtype)):
        leaves = [Tensor(a, requires_grad=True) for a in (q, k, v)]
        y = F.scaled_dot_product_attention(*leaves, mask)
        np.sum(y * y + y).backward()
        assert not y.data[0, 1].any() and not y.data[1].any() and y.data[0, 0].all()
        dq, dk, dv = (a.grad.data for a in leaves)
        assert not any(a.any() for a in (dq[0, 1], dq[1], dk[1], dv[1])) and dq[0, 0].all()
        assert all(np.isfinite(a).all() for a in (dq, dk, dv))
    layer = build(case("MultiheadAttention(4, 2, batch_first=True)"), dtype)
    for need_weights in (True, False):
        a = Tensor(q, requires_grad=True)
        y, weights = layer(a, a, a, np.array([[True] * T, [False] * T]), need_weights)
        np.sum(y * y).backward()
        np.testing.assert_allclose(y.data[0], np.broadcast_to(layer.out_proj.bias.data, (T, E)), rtol=1e-6)
        assert not a.grad.data[0].any() and np.isfinite(a.grad.data).all()
        assert weights is None or not weights.data[0].any()


@both_precisions
def test_a_critic_without_slope_has_a_penalty_and_no_nan(dtype, silence):
    critic = pellucid_nn.Linear(3, 1, rng=0, dtype=dtype)
    critic.weight.data[...] = 0
    loss = pellucid_nn.WassersteinGradientPenalty(2.0, rng=0)(critic, *np.ones((2, 4, 3), dtype))
    loss.backward()
    np.testing.assert_allclose(loss.data, 2.0)
    assert np.isfinite(critic.weight.grad.data).all()


LARGE = [c for c in CASES if not re.search("xponential|BernoulliVAE|draw_latent", c.call)]  # there e¹⁰⁰⁰⁰ is right


@every([c for c in LARGE if any(slot.learns for slot in c.slots)])
def test_nothing_else_overflows_or_becomes_nan(c, silence):
    normal = [slot.draw.__code__ is x(1).draw.__code__ for slot in c.slots]
    for dtype in (np.float64, np.float32):
        arrays = [a * dtype(1e4) if large else a for a, large in zip(inputs(c, 3, dtype), normal, strict=True)]
        found = run(c, build(c, dtype), arrays)
        assert all(np.isfinite(a).all() for some in found for a in some if a is not None)
