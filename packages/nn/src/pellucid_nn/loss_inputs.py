"""What a loss is called on: predictions and targets, checked once, at its door."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Tensor


def check_predictions(y: Any, name: str = "y") -> Any:
    """Predictions as a Tensor or an array; raises TypeError unless they are floating point."""
    y = y if isinstance(y, Tensor) else np.asarray(y)
    if y.dtype.kind != "f":
        raise TypeError(
            f"predictions must be floating point; {name} is {y.dtype}: convert it with {name}.astype(float)"
        )
    return y


def check_targets(y: Any, t: Any, names: tuple[str, str] = ("y", "t")) -> tuple[Any, Any]:
    """Predictions and targets of one shape; an array of targets is taken in the dtype of the predictions.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If the predictions are not floating point, or targets in a Tensor have another dtype.
    """
    y = check_predictions(y, names[0])
    t = t if isinstance(t, Tensor) else np.asarray(t, dtype=y.dtype)
    if y.shape != t.shape:
        raise ValueError(
            f"predictions and targets must have one shape: {names[0]} has {y.shape}, {names[1]} has {t.shape}; "
            f"reshape one of them (a column (N, 1) and a row of numbers (N,) are not the same)"
        )
    if y.dtype != t.dtype:
        raise TypeError(f"{names[0]} is {y.dtype} and {names[1]} is {t.dtype}: convert one with .astype")
    return y, t


def check_indices(y: Any, shape: tuple[int, ...], K: int, name: str = "target") -> Any:
    """Class indices of a shape as an array; raises TypeError unless whole, ValueError unless in 0 … K−1."""
    y = np.asarray(y.data if isinstance(y, Tensor) else y)
    if y.dtype.kind not in "iu" and y.size:
        raise TypeError(f"class indices must be integers; {name} is {y.dtype}: convert it with {name}.astype(int)")
    if y.shape != shape:
        raise ValueError(f"{name} must hold class indices of shape {shape}; it has shape {y.shape}")
    if y.size and (y.min() < 0 or y.max() >= K):
        raise ValueError(f"class indices must be in 0 ... {K - 1}; {name} goes from {y.min()} to {y.max()}")
    return y.astype(np.intp)
