"""Hinge losses: a right answer costs nothing once it wins by a margin.

A score y, with the target t = 1 or −1, is right by t y. The loss is what is missing to the margin m:

    ℓ = max(m − t y, 0)                                                                          (1)
    dy = −dℓ t [m − t y > 0]                                                                     (2)

Classes.  With a score for each of K classes and the class c of an example, the score of c should be above each other
one by m. What is missing is taken as it is (p = 1) or squared (p = 2), and w says how much the class counts:

    vₖ = max(m − y_c + yₖ, 0)            for k ≠ c, and v_c = 0                                  (3)
    ℓ = w_c / K  Σₖ vₖᵖ                                                                          (4)

Gradient.  Each v above 0 pushes its own score down and that of c up:

    gₖ = dℓ w_c p vₖᵖ⁻¹ [vₖ > 0] / K                                                             (5)
    dyₖ = gₖ  for k ≠ c,     dy_c = −Σₖ gₖ                                                       (6)

Embeddings.  Where y is a distance between two things, t = 1 says that they belong together and t = −1 that they should
be at least m apart:

    ℓ = y  for t = 1,     max(m − y, 0)  for t = −1                                              (7)
    dy = dℓ  for t = 1,  −dℓ [m − y > 0]  for t = −1                                             (8)

At a corner, where nothing is missing any more, all these slopes are 0. Targets get no gradient.

Symbols
-------
    paper   code      shape           meaning
    y       y         any or (N, K)   scores, or distances
    t       t         as y            1 or −1
    c       c         (N,)            class of each example, 0 … K−1
    w       w         (N,)            weight of its class
    m       margin    ()              by how much right should win
    v       v         (N, K)          what is missing to the margin
    p       p         ()              1 or 2
    g       g         (N, K)          gradient of the other classes' scores
    ℓ       losses    as y or (N,)    loss of each entry or example
    d·      dlosses   as ·            gradient of the end result

Cost: O(entries).

References
----------
    Cortes & Vapnik (1995), "Support-vector networks": (1), as their slack variables.
    Weston & Watkins (1999), "Support vector machines for multi-class pattern recognition": (4), with p = 1.
    Hadsell, Chopra & LeCun (2006), "Dimensionality reduction by learning an invariant mapping": pairs that should be
    near or a margin apart, with squares in the place of (7).
Differs from them: the margin in (4) is free (1 by default), and its sum is divided by K, both as in PyTorch, whose (8)
is −dℓ at the corner y = m, where ours is 0; a mean over nothing is an error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import primitive
from pellucid.tensor import data_of
from pellucid_nn.loss_inputs import check_indices, check_predictions, check_targets
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction, reduce_losses
from pellucid_nn.settings import number


@primitive
def hinge_loss(y: Any, t: Any, *, margin: float = 1.0) -> Any:
    """What is missing to the margin, entry by entry, with the gradient of the scores."""
    missing = margin - t * y
    losses = np.maximum(missing, 0)  #                                                            (1)

    def dy(dlosses: Any) -> Any:
        # mutate: operator equivalent because t is 1 or −1
        return np.where(missing > 0, -dlosses * t, 0)  #                                          (2)

    return losses, (dy, None)


@primitive
def multi_margin_loss(y: Any, c: Any, w: Any, *, p: int = 1, margin: float = 1.0) -> Any:
    """What the right class lacks to win by the margin, example by example, with the gradient of the scores."""
    N, K = y.shape
    own = np.arange(N), c
    others = np.ones((N, K), dtype=bool)
    others[own] = False
    v = np.where(others, np.maximum(margin - y[own][:, None] + y, 0), 0)  # (N, K)                (3)
    losses = w / K * np.sum(v if p == 1 else v * v, axis=1)  # (N,)                               (4)

    def dy(dlosses: Any) -> Any:
        slope = v > 0 if p == 1 else 2 * v  # (N, K)                                              (5)
        g = (dlosses * w / K)[:, None] * slope  # (N, K)                                          (5)
        return np.where(others, g, -np.sum(g, axis=1, keepdims=True))  # (N, K)                   (6)

    return losses, (dy, None, None)


@primitive
def hinge_embedding_loss(y: Any, t: Any, *, margin: float = 1.0) -> Any:
    """Distances where t is 1, what is missing to the margin where it is −1; with the gradient of the distances."""
    losses = np.where(t == 1, y, np.maximum(margin - y, 0))  #                                    (7)

    def dy(dlosses: Any) -> Any:
        return np.where(t == 1, dlosses, np.where(margin - y > 0, -dlosses, 0))  #                (8)

    return losses, (dy, None)


class HingeLoss(Module):
    """Hinge loss between scores and targets 1 and −1.

    Parameters
    ----------
    margin : float
        m.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        self.margin, self.reduction = _finite(margin), check_reduction(reduction)

    def forward(self, y: Any, t: Any) -> Any:
        """The loss of scores and targets 1 or −1, of one shape.

        Raises
        ------
        ValueError
            If the shapes differ, a target is not 1 or −1, or the mean would be taken over nothing.
        TypeError
            If the scores are not floating point, or targets in a Tensor have another dtype.
        """
        y, t = _check_signs(y, t)
        return reduce_losses(hinge_loss(y, t, margin=self.margin), self.reduction)

    def extra_repr(self) -> str:
        return _settings(self.margin, self.reduction)


class HingeEmbeddingLoss(Module):
    """Distances of what belongs together (target 1), and what distances lack to the margin elsewhere (−1).

    Parameters
    ----------
    margin : float
        m.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        self.margin, self.reduction = _finite(margin), check_reduction(reduction)

    def forward(self, y: Any, t: Any) -> Any:
        """The loss of distances and targets 1 or −1, of one shape.

        Raises
        ------
        ValueError
            If the shapes differ, a target is not 1 or −1, or the mean would be taken over nothing.
        TypeError
            If the distances are not floating point, or targets in a Tensor have another dtype.
        """
        y, t = _check_signs(y, t)
        return reduce_losses(hinge_embedding_loss(y, t, margin=self.margin), self.reduction)

    def extra_repr(self) -> str:
        return _settings(self.margin, self.reduction)


class MultiMarginLoss(Module):
    """Hinge loss between scores of K classes and class indices.

    Parameters
    ----------
    p : {1, 2}
        The power of what is missing.
    margin : float
        m.
    weight : array_like, shape (K,), optional
        How much each class counts. The mean still divides by the number of examples.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the examples, the sum, or the losses of all examples.
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: ArrayLike | None = None, *, reduction: str = "mean"
    ) -> None:
        if number("p", p) not in (1, 2):
            raise ValueError(f"p must be 1 or 2; got {p}")
        self.p, self.margin, self.reduction = int(p), _finite(margin), check_reduction(reduction)
        self.weight: NDArray[Any] | None = None
        if weight is not None:
            self.register_buffer("weight", np.asarray(weight, dtype=float))

    def forward(self, y: Any, target: Any) -> Any:
        """The loss of scores y (N, K) and classes (N,), or of (K,) and one class.

        Raises
        ------
        ValueError
            If the shapes do not fit, a class is not in 0 … K−1, or the mean would be taken over nothing.
        TypeError
            If the scores are not floating point or the classes not whole numbers.
        """
        y = check_predictions(y)
        if y.ndim not in (1, 2):
            raise ValueError(f"scores must be (N, K) or (K,); y has shape {y.shape}")
        K = y.shape[-1]
        c = check_indices(target, y.shape[:-1], K)
        w = np.ones(K) if self.weight is None else self.weight
        if w.shape != (K,):
            raise ValueError(f"weight must have one entry per class: it has shape {w.shape}, and y has {K} classes")
        rows = y.reshape(-1, K)  # (N, K)
        weights = w.astype(y.dtype, copy=False)[c].reshape(-1)  # (N,)
        losses = multi_margin_loss(rows, c.reshape(-1), weights, p=self.p, margin=self.margin)
        return reduce_losses(losses if y.ndim == 2 else losses.reshape(()), self.reduction, "example")

    def extra_repr(self) -> str:
        changed = [f"p={self.p}"] if self.p != 1 else []
        changed += [f"margin={self.margin}"] if self.margin != 1 else []
        changed += [f"weight={self.weight.tolist()}"] if self.weight is not None else []
        return ", ".join(changed + ([f"reduction={self.reduction!r}"] if self.reduction != "mean" else []))


def _check_signs(y: Any, t: Any) -> tuple[Any, Any]:
    y, t = check_targets(y, t)
    values = data_of(t)
    wrong = values[np.abs(values) != 1]
    if wrong.size:
        raise ValueError(f"targets must be 1 or -1; {wrong.size} of {values.size} are not, the first is {wrong[0]}")
    return y, t


def _finite(margin: float) -> float:
    if not math.isfinite(number("margin", margin)):
        raise ValueError(f"margin must be a finite number; got {margin}")
    return float(margin)


def _settings(margin: float, reduction: str) -> str:
    changed = [f"margin={margin}"] if margin != 1 else []
    return ", ".join(changed + ([f"reduction={reduction!r}"] if reduction != "mean" else []))
