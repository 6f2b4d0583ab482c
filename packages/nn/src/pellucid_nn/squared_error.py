"""Squared error loss: how far predictions are from their targets.

    ℓᵢ = (yᵢ − tᵢ)²                  for every entry i                                           (1)
    L = Σᵢ ℓᵢ / M,    M = how many entries there are                                             (2)

Gradient.

    dyᵢ = 2 (yᵢ − tᵢ) dℓᵢ                                                                        (3)
    dtᵢ = −dyᵢ                                                                                   (4)

The mean of t minimises Σ (y − t)² over a constant y: a network trained on this loss predicts the mean of what was seen
for inputs like the one it is given.

Symbols
-------
    paper   code      shape   meaning
    y       y         any     predictions
    t       t         as y    targets
    ℓ       losses    as y    loss of each entry
    d·      dlosses   as ·    gradient of the end result

Cost: O(entries).

References
----------
    Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes": least squares.
Differs from it: (2) is a mean, as in PyTorch's MSELoss; shapes must agree instead of being broadcast.
"""

from __future__ import annotations

from typing import Any

from pellucid import primitive
from pellucid_nn.loss_inputs import check_targets
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction, reduce_losses


@primitive
def squared_error(y: Any, t: Any) -> Any:
    """(y − t)² entry by entry, with both gradients."""
    difference = y - t
    losses = difference * difference  #                                                           (1)

    def dy(dlosses: Any) -> Any:
        return 2 * difference * dlosses  #                                                        (3)

    def dt(dlosses: Any) -> Any:
        return -2 * difference * dlosses  #                                                       (4)

    return losses, (dy, dt)


class MSELoss(Module):
    """Squared error between predictions and targets.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries (2), the sum, or all entries.
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
        losses = squared_error(*check_targets(y, t))
        return reduce_losses(losses, self.reduction)  #                                           (2)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}" if self.reduction != "mean" else ""
