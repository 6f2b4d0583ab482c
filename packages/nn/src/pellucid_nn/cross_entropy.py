"""Cross-entropy loss: how surprised a classifier is by the right answer.

The network gives one number per class, a logit; softmax turns the logits z of one example into probabilities p. Softmax
and logarithm together are computed without ever forming a p that has vanished:

    log pₙₖ = zₙₖ − log Σⱼ exp zₙⱼ                                                               (1)

The target says how much weight t each class should get: 1 for the right class and 0 for the others, or any
distribution. Label smoothing ε moves a little of it to all classes, and wₖ says how much class k counts:

    tₙₖ ← (1 − ε) tₙₖ + ε / K                                                                    (2)
    qₙₖ = wₖ tₙₖ                                                                                 (3)
    ℓₙ = −Σₖ qₙₖ log pₙₖ                                                                         (4)
    L = Σₙ ℓₙ / M,    M = Σₙ sₙ for class indices, where sₙ is w of n's class,  N otherwise      (5)

An example whose class index is `ignore_index` counts nowhere: its q and its s are 0. Distributions have no index.

Gradient.  From (1), ∂ log pₙₖ / ∂zₙⱼ = [j = k] − pₙⱼ. Put into (4), the first part picks qₙⱼ and the second sums all q:

    dzₙⱼ = dℓₙ (pₙⱼ Σₖ qₙₖ − qₙⱼ)                                                                (6)
    dqₙₖ = −dℓₙ log pₙₖ                                                                          (7)

Where the q of an example sum to 1, (6) is "probability minus target": why softmax and cross-entropy are one piece.

Symbols
-------
    paper   code                shape     meaning
    z       z                   (N, K)    logits
    log p   log_p               (N, K)    log-probabilities
    t       t                   (N, K)    target distributions
    w       w                   (K,)      class weights, 1 if none are given
    q       q                   (N, K)    weighted targets
    s       s                   (N,)      weight of n's class, for class indices; 0 where ignored
    ε       label_smoothing     ()        0 for none
    ℓ       losses              (N,)      loss of each example
    M       M                   ()        what the mean divides by

Cost: O(N K) time and memory. Class indices without smoothing take a faster way: `cross_entropy_of_indices.py`.

References
----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs": softmax, with loss (4).
    Szegedy, Vanhoucke, Ioffe, Shlens & Wojna (2016), "Rethinking the Inception architecture for computer vision",
    sec. 7: label smoothing (2).
Differs from them: arguments and (5) are those of PyTorch's CrossEntropyLoss, but a mean over nothing is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid_nn.cross_entropy_of_indices import cross_entropy_of_indices
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction
from pellucid_nn.settings import number


@primitive
def softmax_cross_entropy(z: Any, q: Any, *, summed: bool = False) -> Any:
    """Loss of each example, or their sum, from logits and weighted targets; with both gradients."""
    shifted = z - z.max(axis=1, keepdims=True)  # (N, K): the same p, and no exp that overflows
    exp = np.exp(shifted)
    total = exp.sum(axis=1, keepdims=True)  # (N, 1)
    log_p = shifted - np.log(total)  # (N, K)                                                     (1)
    # mutate: number equivalent because it is multiplied by a q of 0
    losses = -(q * np.where(q == 0, 0, log_p)).sum(axis=None if summed else 1)  # 0 · log 0 is 0  (4)

    def dz(dlosses: Any) -> Any:
        return dlosses[..., None] * (exp / total * q.sum(axis=1, keepdims=True) - q)  # (N, K)    (6)

    def dq(dlosses: Any) -> Any:
        return -dlosses[..., None] * log_p  # (N, K)                                              (7)

    return losses, (dz, dq)


def weighted_targets(t: Any, w: NDArray[Any] | None = None, label_smoothing: float = 0.0) -> Any:
    """Smooth target distributions and weight their classes: (N, K), (K,), _ -> (N, K)."""
    if label_smoothing:
        t = (1 - label_smoothing) * t + label_smoothing / t.shape[1]  #                           (2)
    if w is not None:
        t = w * t  #                                                                              (3)
    return t


def one_hot(y: NDArray[Any], K: int, dtype: Any) -> NDArray[Any]:
    """Class indices as distributions, 1 at the index and 0 elsewhere: (N,), _, _ -> (N, K)."""
    t = np.zeros((len(y), K), dtype)
    t[np.arange(len(y)), y] = 1
    return t


class CrossEntropyLoss(Module):
    """Cross-entropy between logits and class indices, or between logits and class probabilities.

    Parameters
    ----------
    weight : array_like, shape (K,), optional
        How much each class counts.
    ignore_index : int
        Examples with this class index do not count. Where targets are probabilities it must be negative.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean (5), the sum, or the losses of all examples.
    label_smoothing : float
        ε in [0, 1].
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        label_smoothing = number("label_smoothing", label_smoothing)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be between 0 and 1; got {label_smoothing}")
        self.weight: NDArray[Any] | None = None
        if weight is not None:
            self.register_buffer("weight", np.asarray(weight, dtype=float))
        self.ignore_index = ignore_index
        self.reduction = check_reduction(reduction)
        self.label_smoothing = label_smoothing

    def forward(self, z: Any, target: Any) -> Any:
        """The loss of logits and targets.

        Parameters
        ----------
        z : Tensor or array, shape (N, K), (N, K, ...) or (K,)
            Logits; the classes are on axis 1, or on the only axis.
        target : Tensor or array
            Class indices 0 ... K−1 in the shape of `z` without its class axis, or probabilities in the shape of `z`.

        Raises
        ------
        ValueError
            If shapes do not fit, a class index is out of range, `ignore_index` is a class but targets are
            probabilities, or the mean would be taken over nothing.
        TypeError
            If the logits are not floating point, or the targets are neither integers nor probabilities.
        """
        z = z if isinstance(z, Tensor) else np.asarray(z)
        target = target if isinstance(target, Tensor) else np.asarray(target)
        by_index = _check(z, target)
        if not by_index and self.ignore_index >= 0:
            raise ValueError(
                f"ignore_index = {self.ignore_index} is a class index, and these targets are probabilities of shape "
                f"{target.shape}: give an example that should not count probabilities of 0, or leave ignore_index out"
            )
        rows = _one_row_per_example(z)  # (N, K)
        N, K = rows.shape
        w = None if self.weight is None else _checked_weight(self.weight, K, z.dtype)
        given: tuple[Any, ...]
        if by_index:
            y = data_of(target).reshape(-1)  # (N,)
            y, counts = _checked_indices(y, K, self.ignore_index)
            s, M = z.dtype.type(1), float(N)
            if w is not None or counts is not None:
                s = np.ones(N, z.dtype) if w is None else w[y]  # (N,)
                s = s if counts is None else s * counts
                M = float(s.sum())  #                                                             (5)
            losses_of, given, weights = cross_entropy_of_indices, (rows, y), s
            if self.label_smoothing:
                q = weighted_targets(one_hot(y, K, z.dtype), w, self.label_smoothing)
                q = q if counts is None else q * counts[:, None]
                losses_of, given, weights = softmax_cross_entropy, (rows,), q
        else:
            t = _one_row_per_example(target)
            q = weighted_targets(t if t.dtype == z.dtype else t.astype(z.dtype), w, self.label_smoothing)
            M = float(N)  #                                                                       (5)
            losses_of, given, weights = softmax_cross_entropy, (rows,), q
        if self.reduction == "none":
            losses = losses_of(*given, weights)
            return losses.reshape(z.shape[:1] + z.shape[2:] if z.ndim > 1 else ())
        if self.reduction == "sum":
            return losses_of(*given, weights, summed=True)
        if M == 0:
            raise ValueError(
                f"a mean needs at least one example that counts: z has shape {z.shape}, and the weights of all targets "
                f"sum to 0 (ignore_index is {self.ignore_index}); leave such a batch out, or use reduction='sum'"
            )
        return losses_of(*given, weights / M, summed=True)  #                                     (5)

    def extra_repr(self) -> str:
        changed = [f"weight={self.weight.tolist()}"] if self.weight is not None else []
        changed += [f"ignore_index={self.ignore_index}"] if self.ignore_index != -100 else []
        changed += [f"reduction={self.reduction!r}"] if self.reduction != "mean" else []
        changed += [f"label_smoothing={self.label_smoothing}"] if self.label_smoothing else []
        return ", ".join(changed)


def _check(z: Any, target: Any) -> bool:
    """Whether the targets are class indices (else probabilities), once shapes and dtypes are found to fit."""
    if z.dtype.kind != "f":
        raise TypeError(f"logits must be floating point; z is {z.dtype}: convert it with z.astype(float)")
    if z.ndim == 0:
        raise ValueError("logits need an axis of classes; z has shape ()")
    by_index_shape = z.shape[:1] + z.shape[2:] if z.ndim > 1 else ()
    if target.shape == by_index_shape and target.dtype.kind in "iu":
        return True
    if target.shape == z.shape and target.dtype.kind == "f":
        return False
    if target.shape == by_index_shape:
        raise TypeError(
            f"class indices must be integers; the target is {target.dtype}: convert it with target.astype(int)"
        )
    if target.shape == z.shape:
        raise TypeError(f"class probabilities must be floating point; the target is {target.dtype}")
    raise ValueError(
        f"the target must hold class indices of shape {by_index_shape} or probabilities of shape {z.shape}, to fit z "
        f"of shape {z.shape}; it has shape {target.shape}"
    )


def _checked_weight(weight: NDArray[Any], K: int, dtype: Any) -> NDArray[Any]:
    if weight.shape != (K,):
        raise ValueError(f"weight must have one entry per class: it has shape {weight.shape}, and z has {K} classes")
    return weight.astype(dtype, copy=False)


def _checked_indices(y: NDArray[Any], K: int, ignore_index: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Class indices, 0 where they are to be ignored, and which of them count; None if all do."""
    low, high, counts = (y.min(), y.max(), None) if y.size else (0, 0, None)
    if low <= ignore_index <= high:
        counts = y != ignore_index
        y = np.where(counts, y, 0)
        low, high = y.min(), y.max()
    if low < 0 or high >= K:
        wrong = np.flatnonzero((y < 0) | (y >= K))
        raise ValueError(
            f"class indices must be in 0 ... {K - 1}, for z has {K} classes; target {wrong[0]} is {y[wrong[0]]} "
            f"({len(wrong)} of {len(y)} are out of range)"
        )
    return y, counts


def _one_row_per_example(z: Any) -> Any:
    """The classes on the last of two axes, whatever z's axes were."""
    if z.ndim == 2:
        return z
    if z.ndim == 1:
        return z.reshape(1, -1)
    return np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])
