"""When a node is not split: the limits that a user sets, as numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pellucid.validation import is_number, is_whole


class Limits(NamedTuple):
    """Numbers that set an end to growing."""

    max_depth: int | None = None  # of a leaf; the root's is 0
    min_samples_split: int = 2  # points that a node must have to be split
    min_samples_leaf: int = 1  # points that each child must have
    min_weight_leaf: float = 0.0  # and what they must weigh together
    max_leaf_nodes: int | None = None
    min_impurity_decrease: float = 0.0  # that a split must bring, weighted by the node's share of all points


UNLIMITED = Limits()


def limits(model: Any, n_rows: int, total_weight: float) -> Limits:
    """Turn the parameters of a model into numbers: fractions are of the rows, or of their weight.

    Raises
    ------
    ValueError
        When a parameter is out of range.
    """
    split = _count(model, "min_samples_split", n_rows, 2)
    leaf = _count(model, "min_samples_leaf", n_rows, 1)
    share = model.min_weight_fraction_leaf
    if not (is_number(share) and 0 <= share <= 0.5):
        raise ValueError(f"min_weight_fraction_leaf must be from 0 to 0.5, got {share!r}. Try 0.0.")
    decrease = model.min_impurity_decrease
    if not (is_number(decrease) and decrease >= 0):
        raise ValueError(f"min_impurity_decrease must be 0 or more, got {decrease!r}. Try 0.0.")
    return Limits(
        _whole_or_none(model, "max_depth", 1),
        max(split, 2 * leaf),
        leaf,
        float(share) * total_weight if share else 0.0,
        _whole_or_none(model, "max_leaf_nodes", 2),
        float(decrease),
    )


def n_features(max_features: Any, D: int) -> int:
    """How many of D features a node tries: None is all, a whole number that many, a fraction that share of D.

    Raises
    ------
    ValueError
        When it is none of these, nor "sqrt" or "log2".
    """
    if max_features is None:
        return D
    if isinstance(max_features, str) and max_features in ("sqrt", "log2"):
        return max(1, int(np.sqrt(D) if max_features == "sqrt" else np.log2(D)))
    if is_whole(max_features) and max_features >= 1:
        return min(int(max_features), D)
    if is_number(max_features) and not is_whole(max_features) and 0 < max_features <= 1:
        return max(1, int(max_features * D))
    raise ValueError(
        f"max_features must be a whole number of 1 or more, a fraction in (0, 1], 'sqrt', 'log2' or None, "
        f"got {max_features!r}. Try None, for all {D}."
    )


def _whole_or_none(model: Any, name: str, least: int) -> int | None:
    value = getattr(model, name)
    if value is None:
        return None
    if not (is_whole(value) and value >= least):
        raise ValueError(f"{name} must be None or a whole number of {least} or more, got {value!r}. Try None.")
    return int(value)


def _count(model: Any, name: str, n_rows: int, least: int) -> int:
    value = getattr(model, name)
    if is_whole(value) and value >= least:
        return int(value)
    if is_number(value) and not is_whole(value) and 0 < value <= 1:
        return max(least, int(np.ceil(value * n_rows)))
    raise ValueError(
        f"{name} must be a whole number of {least} or more, or a fraction of the rows in (0, 1], got {value!r}. "
        f"Try {least}."
    )
