"""Binary cross-entropy: how surprised a forecast of yes or no is by what happened.

A network says how probable a yes is, and t is 1 for yes and 0 for no, or anything between. The loss is the negative
log-likelihood of t under a coin with probability p:

    ℓ = −t log p − (1 − t) log(1 − p)                                                            (1)

A probability of 0 or 1 is a claim of certainty; logarithms below −100 are taken as −100, so that the loss stays finite.

Gradient.  d log p/dp = 1/p and d log(1 − p)/dp = −1/(1 − p). On one denominator, which is kept away from 0,

    dp = dℓ (p − t) / max(p (1 − p), 10⁻¹²)                                                      (2)
    dt = dℓ (log(1 − p) − log p)                                                                 (3)

Logits.  A network's last layer gives numbers z of any size; p = σ(z) = 1 / (1 + e⁻ᶻ) is better never formed. With

    s(z) = log(1 + eᶻ) = max(z, 0) + log(1 + e⁻|ᶻ|)                                              (4)

log σ(z) = −s(−z) and log(1 − σ(z)) = −s(z), where no exponential overflows and nothing cancels. A factor c says how
much more a yes counts than a no:

    ℓ = c t s(−z) + (1 − t) s(z)                                                                 (5)

Gradient.  From (4), s′(z) = eᶻ / (1 + eᶻ) = σ(z), and σ(z) itself is e to the power −s(−z):

    σ(z) = exp(−s(−z))                                                                           (6)
    dz = dℓ ((1 − t) σ(z) − c t σ(−z))                                                           (7)
    dt = dℓ (c s(−z) − s(z))                                                                     (8)
    dc = dℓ t s(−z)                                                                              (9)

With c = 1, (7) is σ(z) − t: probability minus target. In the form of (7) it keeps its digits where σ(z) is nearly t.

Symbols
-------
    paper   code        shape           meaning
    p       p           any             probability of a yes
    z       z           any             its logit, log p − log(1 − p)
    t       t           as p or z       targets, in [0, 1]
    c       c           fits to z       weight of a yes ("pos_weight")
    s       softplus    as z            log(1 + eᶻ)
    ℓ       losses      as p or z       loss of each entry
    d·      dlosses     as ·            gradient of the end result

Cost: O(entries): two logarithms each from probabilities, one exponential and one logarithm from logits.

References
----------
    Good (1952), "Rational decisions": the logarithmic score (1).
    Bishop (2006), "Pattern Recognition and Machine Learning", sec. 4.3.2: (1) of σ(z), and its gradient σ(z) − t.
Differs from them: the bounds in (1) and (2), the factor c and the entry weights are PyTorch's; a mean over nothing is
an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import primitive
from pellucid.tensor import data_of
from pellucid_nn.loss_inputs import check_targets
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction, reduce_losses

LEAST_LOG, LEAST_VARIANCE = -100.0, 1e-12


@primitive
def binary_cross_entropy(p: Any, t: Any) -> Any:
    """Loss of each entry from probabilities and targets, with both gradients."""
    with np.errstate(divide="ignore"):  # log 0 = −∞ becomes −100
        log_p = np.maximum(np.log(p), LEAST_LOG)
        log_not_p = np.maximum(np.log1p(-p), LEAST_LOG)
    losses = -t * log_p - (1 - t) * log_not_p  #                                                  (1)

    def dp(dlosses: Any) -> Any:
        return dlosses * (p - t) / np.maximum(p * (1 - p), LEAST_VARIANCE)  #                     (2)

    def dt(dlosses: Any) -> Any:
        return dlosses * (log_not_p - log_p)  #                                                   (3)

    return losses, (dp, dt)


@primitive
def binary_cross_entropy_with_logits(z: Any, t: Any, c: Any = None) -> Any:
    """Loss of each entry from logits, targets and weights of a yes, with all gradients."""
    c = 1 if c is None else c
    softplus, softplus_of_minus = softplus_both_ways(z)
    losses = c * t * softplus_of_minus + (1 - t) * softplus  #                                    (5)

    def dz(dlosses: Any) -> Any:
        yes, no = np.exp(-softplus_of_minus), np.exp(-softplus)  #                                (6)
        return dlosses * ((1 - t) * yes - c * t * no)  #                                          (7)

    def dt(dlosses: Any) -> Any:
        return dlosses * (c * softplus_of_minus - softplus)  #                                    (8)

    def dc(dlosses: Any) -> Any:
        return dlosses * t * softplus_of_minus  #                                                 (9)

    return losses, (dz, dt, dc)


def softplus_both_ways(z: Any) -> tuple[Any, Any]:
    """s(z) and s(−z), which share their logarithm."""
    rest = np.log1p(np.exp(-np.abs(z)))  #                                                        (4)
    return np.maximum(z, 0) + rest, np.maximum(-z, 0) + rest  #                                   (4)


class BCELoss(Module):
    """Binary cross-entropy between probabilities and targets.

    Parameters
    ----------
    weight : array_like, optional
        How much each entry counts; its shape is broadcast to that of the losses. The mean still divides by the number
        of entries.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    """

    def __init__(self, weight: ArrayLike | None = None, *, reduction: str = "mean") -> None:
        self.weight: NDArray[Any] | None = None
        if weight is not None:
            self.register_buffer("weight", np.asarray(weight, dtype=float))
        self.reduction = check_reduction(reduction)

    def forward(self, p: Any, t: Any) -> Any:
        """The loss of probabilities and targets of one shape; an array of targets is taken in the dtype of `p`.

        Raises
        ------
        ValueError
            If the shapes differ, a probability is outside [0, 1], or the mean would be taken over nothing.
        TypeError
            If the probabilities are not floating point, or targets in a Tensor have another dtype.
        """
        p, t = check_targets(p, t, ("p", "t"))
        values = data_of(p)
        if values.size and (values.min() < 0 or values.max() > 1):
            raise ValueError(
                f"probabilities must be in [0, 1]; p goes from {values.min()} to {values.max()}: apply a sigmoid "
                f"first, or give logits to BCEWithLogitsLoss"
            )
        return reduce_losses(_weighted(binary_cross_entropy(p, t), self.weight), self.reduction)

    def extra_repr(self) -> str:
        return _settings(self.reduction, weight=self.weight)


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy between logits and targets: a sigmoid and `BCELoss` in one, without rounding between them.

    Parameters
    ----------
    weight : array_like, optional
        How much each entry counts; its shape is broadcast to that of the losses. The mean still divides by the number
        of entries.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over all entries, the sum, or all entries.
    pos_weight : array_like, optional
        c, broadcast to the shape of the logits: for K labels (K,). Where no is 3 times as frequent as yes, 3 makes both
        count the same.
    """

    def __init__(
        self, weight: ArrayLike | None = None, *, reduction: str = "mean", pos_weight: ArrayLike | None = None
    ) -> None:
        self.weight: NDArray[Any] | None = None
        self.pos_weight: NDArray[Any] | None = None
        if weight is not None:
            self.register_buffer("weight", np.asarray(weight, dtype=float))
        if pos_weight is not None:
            self.register_buffer("pos_weight", np.asarray(pos_weight, dtype=float))
        self.reduction = check_reduction(reduction)

    def forward(self, z: Any, t: Any) -> Any:
        """The loss of logits and targets of one shape; an array of targets is taken in the dtype of `z`.

        Raises
        ------
        ValueError
            If the shapes differ, or the mean would be taken over nothing.
        TypeError
            If the logits are not floating point, or targets in a Tensor have another dtype.
        """
        z, t = check_targets(z, t, ("z", "t"))
        c = None if self.pos_weight is None else _broadcast(self.pos_weight, z, "pos_weight")
        losses = binary_cross_entropy_with_logits(z, t, c)
        return reduce_losses(_weighted(losses, self.weight), self.reduction)

    def extra_repr(self) -> str:
        return _settings(self.reduction, weight=self.weight, pos_weight=self.pos_weight)


def _weighted(losses: Any, weight: NDArray[Any] | None) -> Any:
    return losses if weight is None else losses * _broadcast(weight, losses, "weight")


def _broadcast(weight: NDArray[Any], z: Any, name: str) -> NDArray[Any]:
    """A weight in the dtype of z, once it is found to fit."""
    try:
        fits = np.broadcast_shapes(weight.shape, z.shape) == z.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} has shape {weight.shape}, which cannot be broadcast to {z.shape}, that of the input")
    return weight.astype(z.dtype, copy=False)


def _settings(reduction: str, **weights: NDArray[Any] | None) -> str:
    changed = [f"{name}={array.tolist()}" for name, array in weights.items() if array is not None]
    changed += [f"reduction={reduction!r}"] if reduction != "mean" else []
    return ", ".join(changed)
