"""Bidirectional LSTM: two directions, and four ways to merge them.

One LSTM reads from the first step to the last, y→, and another one from the last to the first, y←, so that what is
shown at step t knows the whole sequence. The two are merged step by step:

    concat      y = [y→, y←]                                                                     (1)
    sum         y = y→ + y←                                                                      (2)
    mean        y = (y→ + y←) / 2                                                                (3)
    multiply    y = y→ ∘ y←                                                                      (4)

With several layers, (1) stands between them and the chosen one after the last. The gradient is that of `LSTM`, and of
the arithmetic above.

Symbols
-------
    paper   code            shape           meaning
    y→      forwards        (T, N, H)       results of the direction from the first step to the last
    y←      backwards       (T, N, H)       results of the other direction
    y       y               (T, N, H or 2H) merged results

Cost: twice an LSTM's.

References
----------
    Schuster & Paliwal (1997), "Bidirectional recurrent neural networks".
    Graves & Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM and other neural network
    architectures".
Differs from them: merging ahead of the output layer is a choice here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pellucid_nn.lstm import LSTM
from pellucid_nn.module import LoadedKeys, Module

MERGE_MODES: dict[str, Callable[[Any, Any], Any]] = {
    "concat": lambda forwards, backwards: np.concatenate([forwards, backwards], axis=-1),  #      (1)
    "sum": lambda forwards, backwards: forwards + backwards,  #                                   (2)
    "mean": lambda forwards, backwards: (forwards + backwards) / 2,  #                            (3)
    "multiply": lambda forwards, backwards: forwards * backwards,  #                              (4)
}


class BidirectionalLSTM(Module):
    """An LSTM in both directions, its results merged.

    Parameters
    ----------
    input_size : int or None
        I. None waits for the first input, whose last axis decides.
    hidden_size : int
        H.
    num_layers : int
        L layers that stand on each other.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether batches have shape (N, T, I), instead of (T, N, I); the same for results.
    dropout : float
        Probability of dropout between layers while training, in [0, 1].
    merge_mode : {"concat", "sum", "mean", "multiply"}
        How the results of the two directions become one.
    rng : Generator, int or None
        Draws the initial values, and then what is dropped.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    lstm : LSTM
        With the parameters, under the names of PyTorch's LSTM with ``bidirectional=True``.

    Raises
    ------
    ValueError
        If a size or `num_layers` is less than 1, `dropout` is not between 0 and 1, or `merge_mode` is another word.
    TypeError
        If a size is not a whole number.
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        merge_mode: str = "concat",
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"merge_mode must be one of {', '.join(MERGE_MODES)}; got {merge_mode!r}")
        self.merge_mode = merge_mode
        self.lstm = LSTM(input_size, hidden_size, num_layers, bias, batch_first, dropout, True, rng=rng, dtype=dtype)

    def forward(self, x: Any, hx: Any = None, *, lengths: ArrayLike | None = None) -> Any:
        """Run over sequences in both directions.

        Parameters
        ----------
        x : Tensor or array, shape (T, N, I), with batch_first (N, T, I), or (T, I) for one sequence
        hx : (h0, c0), each of shape (2L, N, H) or (2L, H), optional
            First states; zeros if they are not given.
        lengths : array_like of int, shape (N,), optional
            As for `LSTM`.

        Returns
        -------
        y : shape (T, N, H), (N, T, H) or (T, H), with 2H for "concat"
        (h, c) : each of shape (2L, N, H) or (2L, H)
            Last states of all layers and directions.

        Raises
        ------
        ValueError, TypeError
            As `LSTM`.
        """
        y, last = self.lstm(x, hx, lengths=lengths)
        H = self.lstm.hidden_size
        return MERGE_MODES[self.merge_mode](y[..., :H], y[..., H:]), last

    def from_torch_state(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """`load_state_dict` of the state of PyTorch's LSTM with ``bidirectional=True``.

        That of a module which holds it as `lstm` will do as well. The way back is ``layer.lstm.to_torch_state()``.

        Parameters
        ----------
        state : mapping of str to torch.Tensor
            What ``state_dict()`` of PyTorch's module returned, on any device.
        strict : bool
            As for `load_state_dict`.
        """
        if not any(name.startswith("lstm.") for name in state):
            state = {f"lstm.{name}": value for name, value in state.items()}
        return super().from_torch_state(state, strict)

    def extra_repr(self) -> str:
        return f"merge_mode={self.merge_mode!r}"
