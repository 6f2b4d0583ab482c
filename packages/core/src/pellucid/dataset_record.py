"""The record that every data set comes as: the numbers, their names, and where they are from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table of numbers with a target; unpacks as `X, y = pellucid.dataset("iris")`.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        One row for each example.
    y : ndarray of shape (N,)
        Classification: integers 0..K-1 that index `target_names`. Regression: floats.
    feature_names : tuple of D str
        Names of the columns of X.
    target_names : tuple of K str
        Names of the classes; empty for regression.
    target : str
        Name of what y holds, such as "species".
    task : str
        "classification", "regression", ...
    summary, source, licence : str
        What it is, where it comes from, and on what terms it may be used.

    Raises
    ------
    ValueError
        When the lengths of X, y and feature_names do not fit each other.
    """

    X: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...] = ()
    target: str = "target"
    task: str = "classification"
    summary: str = ""
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if len(self.X) != len(self.y):
            raise ValueError(f"X and y must have one row for each example; got {len(self.X)} and {len(self.y)} rows")
        if self.X.shape[1] != len(self.feature_names):
            raise ValueError(f"X has {self.X.shape[1]} columns, but feature_names has {len(self.feature_names)} names")

    def __iter__(self) -> Iterator[np.ndarray[Any, Any]]:
        return iter((self.X, self.y))

    def __repr__(self) -> str:
        classes = f", {len(self.target_names)} classes" if self.target_names else ""
        return f"Dataset({self.X.shape[0]} rows, {self.X.shape[1]} columns, {self.task} of {self.target!r}{classes})"
