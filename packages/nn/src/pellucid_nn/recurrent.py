"""Recurrent layers: one cell, applied to a sequence step by step, in layers and in two directions.

A cell is a function of the input at one step and of a state; it returns the state after the step. What differs between
Elman networks, LSTM and GRU is the cell: rnn.py, lstm_cell.py, gru.py. This file has what is the same. Time runs over
one cell, the first part of its state is what the cell shows, and layers stand on each other:

    sₜ = cell(xₜ, sₜ₋₁),    yₜ = the first part of sₜ                                            (1)
    ˡ⁺¹xₜ = yₜ of layer l, or [yₜ→, yₜ←] in two directions, where ← runs from the last step       (2)

Dropout with probability p acts between layers, while training: with uₜₙ ~ U(0, 1) for every entry

    ˡ⁺¹xₜ ← ˡ⁺¹xₜ · [u ≥ p] / (1 − p)                                                            (3)

Sequences of different lengths lie in one array, padded at the end. Sorted by length, the longest first, the sequences
that have a step t are the first Nₜ rows of the batch,

    Nₜ = Σₙ [Lₙ > t],                                                                            (4)

so a step works on these rows and leaves the states of the others as they are. In this way every state ends where its
sequence ends, and the direction ← starts there. Results after the end are 0.

Gradient.  The chain rule, from the last step that ran to the first: with dsₜ arriving from above and from the step
after, the cell's own gradient gives

    (dxₜ, dsₜ₋₁, dWₜ) = cellᵀ(dsₜ),    dW = Σₜ dWₜ                                               (5)

`cell_by_cell` is (1) and (5) as they stand, for any cell. It runs where the gradient itself is differentiated;
otherwise each kind of layer has a function of its own for the whole sequence, which is faster.

Initial values:

    W, b ~ U(−1/√H, 1/√H)                                                                        (6)

Symbols
-------
    paper   code             shape            meaning
    x, y    x, y             (T, N, I), ...   inputs and results; (T, N, H) in one direction
    s       states           K × (N, H)       state of the cell, in K parts
    W       weights          as the cell's    weights and biases
    L       lengths          (N,)             lengths of the sequences
    Nₜ      counts           (T,)             how many sequences have a step t
    p       p, dropout       ()               probability of dropout
    d·      dy, dx, dstates  as ·             gradient of the loss

Cost: O(T N G H (I + H)) time for a layer and direction with G gates; the tape keeps O(T N G H) numbers.

References
----------
    Werbos (1990), "Backpropagation through time: what it does and how to do it": (5).
    Graves, Mohamed & Hinton (2013), "Speech recognition with deep recurrent neural networks": (2), layers of two
    directions.
Differs from them: (6) is PyTorch's default; (4) gives what packed sequences give there.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pellucid import Tensor
from pellucid.validation import check_rng
from pellucid_nn.module import Module, Parameter

KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # Wx, Wh, bx, bh


def cell_by_cell(
    cell: Callable[..., Any],
    x: Any,
    states: Sequence[Any],
    weights: Sequence[Any],
    counts: Sequence[int] | None = None,
    reverse: bool = False,
) -> tuple[tuple[Any, ...], Callable[..., Any]]:
    """All steps of one layer in one direction, on arrays or Tensors: ((y, *states), vjp)."""
    T, N = x.shape[:2]
    steps = range(T)[::-1] if reverse else range(T)
    counts = [N] * T if counts is None else counts
    ys: list[Any] = [None] * T
    backs: list[Any] = [None] * T
    nothing = np.zeros((0, *states[0].shape), states[0].dtype)
    for t in steps:
        n = counts[t]
        new, backs[t] = cell(x[t, :n], *[s[:n] for s in states], *weights)  #                    (1)
        new = new if isinstance(new, tuple) else (new,)
        ys[t] = _with(new[0], np.zeros_like(states[0][n:]))
        states = [_with(s_, s[n:]) for s_, s in zip(new, states)]

    def vjp(dy: Any, *dstates: Any) -> Any:
        dx: list[Any] = [None] * T
        dweights: list[Any] = [None if W is None else np.zeros_like(W) for W in weights]
        for t in reversed(steps):
            n = counts[t]
            arriving = [dstates[0][:n] + dy[t, :n], *[ds[:n] for ds in dstates[1:]]]
            # mutate: factor equivalent because a tuple twice is longer, and its end is not looked at
            dx_t, *rest = backs[t](*arriving)  #                                                 (5)
            K = len(dstates)
            dx[t] = _with(dx_t, np.zeros_like(x[t, n:]))
            dstates = tuple([_with(ds, old[n:]) for ds, old in zip(rest[:K], dstates)])
            # mutate: arguments equivalent because either order gives the same sum
            dweights = [None if dW is None else dW + more for dW, more in zip(dweights, rest[K:])]  # (5)
        return (np.stack(dx) if T else np.zeros_like(x), *dstates, *dweights)

    return (np.stack(ys) if T else nothing, *states), vjp


def _with(rows: Any, others: Any) -> Any:
    """The rows that a step works on, and below them the others."""
    return np.concatenate([rows, others]) if len(others) else rows


# What the functions of whole sequences share


def in_time(T: int, N: int, counts: Sequence[int] | None, reverse: bool) -> list[tuple[int, int]]:
    """The steps in the order in which they run, each with its number of sequences."""
    steps = list(enumerate([N] * T if counts is None else counts))
    return steps[::-1] if reverse else steps


def in_blocks(
    T: int, N: int, H: int, counts: Sequence[int] | None, reverse: bool
) -> list[tuple[slice, list[tuple[int, int]]]]:
    """`in_time`, cut into stretches of time whose arrays stay in the cache, but are not small for a product."""
    steps, length = in_time(T, N, counts, reverse), max(1, max(256, 2 * H) // max(N, 1))
    blocks = [steps[start : start + length] for start in range(0, T, length)]
    return [(slice(min(block)[0], max(block)[0] + 1), block) for block in blocks]


def longest(blocks: list[tuple[slice, list[tuple[int, int]]]]) -> int:
    """How many steps the longest block has."""
    return max((len(steps) for _, steps in blocks), default=0)


def trajectory(s0: NDArray[Any], T: int, reverse: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Room for a state before and after every step, two views of one array, with the first state in its place."""
    S = np.empty((T + 1, *s0.shape), s0.dtype)
    S[-1 if reverse else 0] = s0
    return (S[1:], S[:-1]) if reverse else (S[:-1], S[1:])


def last_state(after: NDArray[Any], reverse: bool) -> NDArray[Any]:
    """A copy of the state after the last step that runs, from what `trajectory` made; the first one if T is 0."""
    S: Any = after.base
    return np.array(S[0 if reverse else -1])


def cut(y: NDArray[Any], counts: Sequence[int] | None) -> NDArray[Any]:
    """Results with 0 after the end of each sequence: (T, N, H), _ -> (T, N, H)."""
    if counts is None:
        return y
    return np.where(exists(counts, y.shape[1])[:, :, None], y, 0)


def exists(counts: Sequence[int], N: int) -> NDArray[np.bool_]:
    """Whether a step belongs to a sequence, these sorted by length: (T,), _ -> (T, N)."""
    return np.arange(N) < np.reshape(np.asarray(counts, int), (-1, 1))


# Modules


class RecurrentCell(Module):
    """One step of a recurrent layer; subclasses have a `step` and say how large it is.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    bias : bool
        Whether there are biases.
    rng : Generator, int or None
        Draws the initial values.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Raises
    ------
    ValueError
        If `input_size` or `hidden_size` is less than 1.
    TypeError
        If they are not whole numbers.
    """

    gates = 1  # blocks of H rows in the weights
    parts = 1  # of the state
    input_size: int | None

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        _check_sizes(input_size, hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bool(bias)
        self._settings = check_rng(rng), dtype
        self.lazy = input_size is None
        if input_size is not None:
            self._draw(input_size)

    def materialize(self, x: Any, *_: Any, **__: Any) -> None:
        self._draw(_last_axis(x))

    def materialize_like(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        W = shapes.get(KINDS[0], ())
        if len(W) != 2 or not W[1]:
            return False
        self._draw(W[1])
        return True

    def _draw(self, I: int) -> None:
        self.input_size = I
        rng, dtype = vars(self).pop("_settings")
        for name, shape in zip(KINDS, weight_shapes(self.gates, I, self.hidden_size)):
            drawn = name.startswith("weight") or self.bias
            setattr(self, name, drawn_parameter(shape, self.hidden_size, rng, dtype) if drawn else None)

    def step(self, *arguments: Any) -> Any:
        """The state after a step, from x, the parts of the state before and the parameters."""
        raise NotImplementedError(f"{type(self).__name__} must define step(self, x, *states, Wx, Wh, bx, bh)")

    def advanced(self, x: Any, hx: Any) -> Any:
        """Check input and state, and take the step."""
        x = _array(x)
        self._check_input(x)
        N, H = x.shape[:-1], self.hidden_size
        states = _states(hx, self.parts, (*N, H), x.dtype)
        if not N:
            x, states = x[None], [s[None] for s in states]
        new = self.step(x, *states, *[getattr(self, name) for name in KINDS])
        parts = [s if N else s[0] for s in (new if isinstance(new, tuple) else (new,))]
        return parts[0] if self.parts == 1 else tuple(parts)

    def _check_input(self, x: Any) -> None:
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"x must have shape (N, {self.input_size}) or ({self.input_size},), where {self.input_size} is "
                f"input_size; it has shape {x.shape}"
            )
        _check_dtype(x, getattr(self, KINDS[0]).dtype)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        N = int(np.prod(np.shape(args[0])[:-1]))
        return N * self.gates * self.hidden_size * (int(self.input_size or 0) + self.hidden_size)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RecurrentLayer(Module):
    """Layers of one kind over sequences; subclasses have a `sequence` and say how large their cell is.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    num_layers : int
        Layers that stand on each other.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether batches have shape (N, T, I), instead of (T, N, I).
    dropout : float
        Probability of dropout between layers, in [0, 1].
    bidirectional : bool
        Whether each layer runs in both directions.
    rng : Generator, int or None
        Draws the initial values, and then what is dropped.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Raises
    ------
    ValueError
        If a size or `num_layers` is less than 1, or `dropout` is not between 0 and 1.
    TypeError
        If a size is not a whole number.
    """

    gates = 1  # blocks of H rows in the weights
    parts = 1  # of the state
    input_size: int | None

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        _check_sizes(input_size, hidden_size)
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1; got {num_layers}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be a probability, between 0 and 1; got {dropout}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} acts between layers, and there is only one: use num_layers=2 or more, or leave "
                f"dropout out",
                stacklevel=3,
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.dropout, self.generator = float(dropout), check_rng(rng)
        self._dtype = np.dtype(dtype)
        self.lazy = input_size is None
        if input_size is not None:
            self._draw(input_size)

    def materialize(self, x: Any, *_: Any, **__: Any) -> None:
        self._draw(_last_axis(x))

    def materialize_like(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        W = shapes.get(f"{KINDS[0]}_l0", ())
        if len(W) != 2 or not W[1]:
            return False
        self._draw(W[1])
        return True

    def _draw(self, I: int) -> None:
        self.input_size = I
        H = self.hidden_size
        dtype = vars(self).pop("_dtype")
        for layer in range(self.num_layers):
            for end in self._ends(layer):
                for name, shape in zip(KINDS, weight_shapes(self.gates, I, H)):
                    drawn = name.startswith("weight") or self.bias
                    parameter = drawn_parameter(shape, H, self.generator, dtype) if drawn else None
                    setattr(self, name + end, parameter)
            I = 2 * H if self.bidirectional else H

    def _ends(self, layer: int) -> list[str]:
        """What the names of a layer's parameters end in, for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def sequence(self, *arguments: Any, **options: Any) -> Any:
        """(y, *states) of one layer in one direction, from x, the parts of the state and the parameters."""
        raise NotImplementedError(f"{type(self).__name__} must define sequence(self, x, *states, Wx, Wh, bx, bh)")

    def forward(self, x: Any, hx: Any = None, *, lengths: ArrayLike | None = None) -> Any:
        """Run over sequences; see the class.

        Raises
        ------
        ValueError
            If shapes, states or lengths do not fit.
        TypeError
            If dtypes do not fit, or lengths are not whole numbers.
        """
        x = _array(x)
        self._check_input(x)
        batched = x.ndim == 3
        x = x[:, None] if not batched else np.swapaxes(x, 0, 1) if self.batch_first else x  # (T, N, I)
        (T, N), D = x.shape[:2], 1 + self.bidirectional
        layers = D * self.num_layers
        shape = (layers, N, self.hidden_size) if batched else (layers, self.hidden_size)
        states = _states(hx, self.parts, shape, x.dtype)
        if not batched:
            states = [s[:, None] for s in states]
        batch = _sorted(lengths, T, N) if batched else _refuse(lengths)
        if batch.order is not None:
            x, states = x[:, batch.order], [s[:, batch.order] for s in states]
        if batch.counts is not None:
            x = np.where(exists(batch.counts, N)[:, :, None], x, 0)  # whatever was there
        y, finals = self._layers(x, states, batch.counts)
        if batch.order is not None:
            back = np.argsort(batch.order)
            y, finals = y[:, back], [s[:, back] for s in finals]
        if not batched:
            y, finals = y[:, 0], [s[:, 0] for s in finals]
        elif self.batch_first:
            y = np.swapaxes(y, 0, 1)
        return y, finals[0] if self.parts == 1 else tuple(finals)

    def _layers(self, x: Any, states: list[Any], counts: list[int] | None) -> tuple[Any, list[Any]]:
        """Layer upon layer: the results of the last one, and the last states of all."""
        finals: list[list[Any]] = [[] for _ in states]
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = dropped(x, self.dropout, self.generator)
            ys = []
            for direction, end in enumerate(self._ends(layer)):
                weights = [getattr(self, name + end) for name in KINDS]
                k = len(finals[0])
                options = {"counts": counts, "reverse": direction == 1, "needs_dx": isinstance(x, Tensor)}
                # mutate: factor equivalent because a tuple twice is longer, and its end is not looked at
                y, *last = self.sequence(x, *[s[k] for s in states], *weights, **options)  #     (1)
                ys.append(y)
                for of_part, s in zip(finals, last):
                    of_part.append(s)
            # mutate: branch, index equivalent because one array joined to nothing is that array
            x = ys[0] if len(ys) == 1 else np.concatenate(ys, axis=2)  #                         (2)
        return x, [np.stack(of_part) for of_part in finals]

    def _check_input(self, x: Any) -> None:
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "(N, T, " if self.batch_first else "(T, N, "
            raise ValueError(
                f"x must have shape {order}{self.input_size}), or (T, {self.input_size}) for one sequence, where "
                f"{self.input_size} is input_size; it has shape {x.shape}"
            )
        _check_dtype(x, getattr(self, f"{KINDS[0]}_l0").dtype)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        rows = int(np.prod(np.shape(args[0])[:-1]))
        return rows * sum(W.size for name, W in self.named_parameters() if name.startswith("weight"))

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        shown += [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join(shown)


def weight_shapes(gates: int, I: int, H: int) -> list[tuple[int, ...]]:
    """Of the four parameters of a cell, in the order of `KINDS`."""
    return [(gates * H, I), (gates * H, H), (gates * H,), (gates * H,)]


def drawn_parameter(shape: tuple[int, ...], H: int, rng: np.random.Generator, dtype: DTypeLike) -> Parameter:
    bound = 1 / H**0.5  #                                                                        (6)
    # mutate: sign equivalent because the distribution is symmetric
    return Parameter(rng.uniform(-bound, bound, shape), dtype=dtype)  #                          (6)


def dropped(x: Any, p: float, rng: np.random.Generator) -> Any:
    """Set a part p of the entries to 0 and stretch the others, so that their mean stays."""
    kept = rng.uniform(size=x.shape) >= p  #                                                     (3)
    # mutate: number equivalent because only a p of 1, which keeps nothing, is divided by it
    return x * (kept / max(1 - p, 1e-300)).astype(x.dtype)  #                                    (3)


class Sorted(NamedTuple):
    """How a batch is to be sorted, and how many of its sequences have each step; None where nothing is to be done."""

    order: NDArray[np.intp] | None  # (N,)
    counts: list[int] | None  # (T,)


def _sorted(lengths: ArrayLike | None, T: int, N: int) -> Sorted:
    if lengths is None:
        return Sorted(None, None)
    L = np.asarray(lengths, None if np.size(lengths) else int)  # an empty list is one of float64 otherwise
    if L.dtype.kind not in "iu":
        raise TypeError(f"lengths must be whole numbers; they are {L.dtype}: use lengths.astype(int)")
    if L.shape != (N,):
        raise ValueError(f"lengths must have shape ({N},), one for each sequence of the batch; got shape {L.shape}")
    if N and (L.min() < 0 or L.max() > T):
        raise ValueError(f"lengths must be between 0 and the {T} steps of x; got {L.min()} to {L.max()}")
    order = None if (L[1:] <= L[:-1]).all() else np.argsort(-L.astype(np.int64), kind="stable")
    counts = (L > np.arange(T)[:, None]).sum(axis=1)  # (T,)                                     (4)
    return Sorted(order, counts.tolist())


def _refuse(lengths: ArrayLike | None) -> Sorted:
    if lengths is not None:
        raise ValueError(f"lengths are for batches; one sequence is cut with x[:{lengths}]")
    return Sorted(None, None)


def _states(hx: Any, parts: int, shape: tuple[int, ...], dtype: Any) -> list[Any]:
    """The parts of the first state, checked; zeros if there is none."""
    if hx is None:
        return [np.zeros(shape, dtype)] * parts
    given = [hx] if parts == 1 else hx
    if parts > 1 and (not isinstance(given, tuple | list) or len(given) != parts):
        raise TypeError(f"the first state must be a tuple of {parts} arrays, (h0, c0); got {type(hx).__name__}")
    states = [_array(s) for s in given]
    for name, s in zip(("h0", "c0"), states):
        if s.shape != shape:
            raise ValueError(f"the first state {name} must have shape {shape}; it has shape {s.shape}")
        if s.dtype != dtype:
            raise TypeError(f"{name} is {s.dtype} and x is {dtype}: convert it with {name}.astype(np.{dtype})")
    return states


def _array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else np.asarray(x)


def _last_axis(x: Any) -> int:
    if not np.ndim(x):
        raise ValueError("the first input decides about input_size by its last axis, and this one has no axes")
    if not np.shape(x)[-1]:
        raise ValueError(f"the first input decides about input_size by its last axis, and has shape {np.shape(x)}")
    return int(np.shape(x)[-1])


def _check_sizes(input_size: int | None, hidden_size: int) -> None:
    if (input_size is not None and operator.index(input_size) < 1) or operator.index(hidden_size) < 1:
        raise ValueError(
            f"input_size and hidden_size must be at least 1; input_size is {input_size}, hidden_size is {hidden_size}"
        )


def _check_dtype(x: Any, dtype: Any) -> None:
    if x.dtype != dtype:
        raise TypeError(
            f"x is {x.dtype} and the weights are {dtype}: convert x with x.astype(np.{dtype}), or the module with "
            f"module.to(x.dtype) if x is floating point"
        )
