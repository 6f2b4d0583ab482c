"""Losses that outliers do not rule: absolute error, Huber's loss, and its smooth relative.

The squared error pulls at a prediction in proportion to the distance r = y − t, so that one bad measurement outweighs
many good ones. These losses stop pulling harder beyond some distance. Let c be r, held between −δ and δ:

    c = min(max(r, −δ), δ)                                                                       (1)

    L1           ℓ = |r|                      dy = dℓ sign r                                     (2)
    Huber        ℓ = c (r − c/2)              dy = dℓ c                                          (3)
    smooth L1    ℓ = c (r − c/2) / δ          dy = dℓ c / δ                                      (4)

Where |r| ≤ δ, c is r and (3) is r²/2; beyond it is δ (|r| − δ/2), the line that continues the parabola with its slope.
(4) has slope 1 outside, whatever δ is, which it calls β; for β = 0 it is (2).

Gradient.  Differentiate (3) with c′ = dc/dr: c′ (r − c/2) + c (1 − c′/2) = c + c′ (r − c), and c′ is 0 wherever c is
not r. So the slope is c itself. L1 has a corner at 0, where the gradient is 0. As r is y − t,

    dt = −dy                                                                                     (5)

The mean of t minimises the sum of squares over a constant y, the median minimises (2), and (3) lies between.

Symbols
-------
    paper   code      shape   meaning
    y       y         any     predictions
    t       t         as y    targets
    r       r         as y    how far predictions are from targets
    c       c         as y    the same, bounded
    δ       delta     ()      where the parabola becomes a line
    β       beta      ()      δ in the smooth L1 loss
    ℓ       losses    as y    loss of each entry
    d·      dlosses   as ·    gradient of the end result

Cost: O(entries).

References
----------
    Huber (1964), "Robust estimation of a location parameter": (3).
    Girshick (2015), "Fast R-CNN": the smooth L1 loss (4), with δ = 1.
Differs from them: (3) and (4) are written without cases. Means are over all entries, as in PyTorch; a mean over nothing
is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import primitive
from pellucid_nn.loss_inputs import check_targets
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction, reduce_losses
from pellucid_nn.settings import number


@primitive
def l1_loss(y: Any, t: Any) -> Any:
    """|y − t| entry by entry, with both gradients."""
    r = y - t
    losses = np.abs(r)  #                                                                         (2)

    def dy(dlosses: Any) -> Any:
        return dlosses * np.sign(r)  #                                                            (2)

    def dt(dlosses: Any) -> Any:
        return -dy(dlosses)  #                                                                    (5)

    return losses, (dy, dt)


@primitive
def huber_loss(y: Any, t: Any, *, delta: float = 1.0) -> Any:
    """Half the square of y − t up to a distance delta, and a line beyond; entry by entry, with both gradients."""
    r = y - t
    c = np.clip(r, -delta, delta)  #                                                              (1)
    losses = c * (r - 0.5 * c)  #                                                                 (3)

    def dy(dlosses: Any) -> Any:
        return dlosses * c  #                                                                     (3)

    def dt(dlosses: Any) -> Any:
        return -dy(dlosses)  #                                                                    (5)

    return losses, (dy, dt)


def smooth_l1_loss(y: Any, t: Any, *, beta: float = 1.0) -> Any:
    """|y − t| − beta/2, with a parabola in the place of its corner; entry by entry."""
    # mutate: arguments equivalent because distances are symmetric, and y and t each get their own gradient
    return huber_loss(y, t, delta=beta) / beta if beta else l1_loss(y, t)  #                      (4)


class L1Loss(Module):
    """Absolute error between predictions and targets.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = check_reduction(reduction)

    def forward(self, y: Any, t: Any) -> Any:
        """The loss of predictions and targets of one shape; an array of targets is taken in the dtype of `y`.

        Raises
        ------
        ValueError
            If the shapes differ, or the mean would be taken over nothing.
        TypeError
            If the predictions are not floating point, or targets in a Tensor have another dtype.
        """
        return reduce_losses(l1_loss(*check_targets(y, t)), self.reduction)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}" if self.reduction != "mean" else ""


class HuberLoss(Module):
    """Squared error near the target, absolute error far from it.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    delta : float
        δ, above 0.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not number("delta", delta) > 0:
            raise ValueError(f"delta is the distance where the parabola ends and must be above 0; got {delta}")
        self.reduction, self.delta = check_reduction(reduction), float(delta)

    def forward(self, y: Any, t: Any) -> Any:
        """The loss of predictions and targets of one shape; an array of targets is taken in the dtype of `y`.

        Raises
        ------
        ValueError
            If the shapes differ, or the mean would be taken over nothing.
        TypeError
            If the predictions are not floating point, or targets in a Tensor have another dtype.
        """
        y, t = check_targets(y, t)
        return reduce_losses(huber_loss(y, t, delta=self.delta), self.reduction)

    def extra_repr(self) -> str:
        changed = [f"reduction={self.reduction!r}"] if self.reduction != "mean" else []
        return ", ".join(changed + ([f"delta={self.delta}"] if self.delta != 1 else []))


class SmoothL1Loss(Module):
    """Absolute error, with a parabola in the place of its corner.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    beta : float
        β, 0 or more: how far the parabola reaches.
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        if not number("beta", beta) >= 0:
            raise ValueError(f"beta is the distance where the parabola ends and must be 0 or more; got {beta}")
        self.reduction, self.beta = check_reduction(reduction), float(beta)

    def forward(self, y: Any, t: Any) -> Any:
        """The loss of predictions and targets of one shape; an array of targets is taken in the dtype of `y`.

        Raises
        ------
        ValueError
            If the shapes differ, or the mean would be taken over nothing.
        TypeError
            If the predictions are not floating point, or targets in a Tensor have another dtype.
        """
        y, t = check_targets(y, t)
        return reduce_losses(smooth_l1_loss(y, t, beta=self.beta), self.reduction)

    def extra_repr(self) -> str:
        changed = [f"reduction={self.reduction!r}"] if self.reduction != "mean" else []
        return ", ".join(changed + ([f"beta={self.beta}"] if self.beta != 1 else []))
