"""How a loss makes one number of the losses of a batch: "mean", "sum", or "none" to keep them apart."""

from __future__ import annotations

from typing import Any

import numpy as np

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str) -> str:
    """Return `reduction` if it is one of `REDUCTIONS`, else raise ValueError."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}; got {reduction!r}")
    return reduction


def reduce_losses(losses: Any, reduction: str, counted: str = "entry") -> Any:
    """The mean of all losses, their sum, or the losses as they are.

    Parameters
    ----------
    losses : Tensor or array
        One for each entry, or for each example.
    reduction : {"mean", "sum", "none"}
        What to make of them.
    counted : str
        What there is one loss of, for the message.

    Raises
    ------
    ValueError
        If the mean would be taken over nothing.
    """
    if reduction == "none":
        return losses
    if reduction == "sum":
        return np.sum(losses)
    if losses.size == 0:
        raise ValueError(
            f"a mean needs at least one {counted}; the losses have shape {losses.shape}: leave such a batch out, or "
            f"use reduction='sum'"
        )
    return np.sum(losses) / losses.size
