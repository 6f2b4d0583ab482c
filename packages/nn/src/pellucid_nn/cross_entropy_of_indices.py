"""Cross-entropy of class indices, the fast way: the loss of `cross_entropy.py` where each target is a single class.

With one class yₙ of weight sₙ per example, sums over classes shrink to one term:

    ℓₙ = sₙ (log Σⱼ exp zₙⱼ − zₙ,yₙ)                                                             (1)
    dzₙₖ = dℓₙ sₙ (pₙₖ − [k = yₙ])                                                               (2)

With eₙⱼ = e^(zₙⱼ − max z) and their sums Σₙ, p is e/Σ, and (2) is dℓₙ sₙ/Σₙ times

    uₙₖ = eₙₖ − [k = yₙ] Σₙ                                                                      (3)

which is made on the way forward, a block of rows at a time while they are in the processor's cache, so that (2) costs
one product per entry. For a thousand classes that is two to three times as fast as the clear form, and it does without
(N, K) targets.

Symbols
-------
    paper   code      shape     meaning
    z       z         (N, K)    logits
    y       y         (N,)      class of each example, 0 … K−1
    s       s         (N,)      weight of each example; () for one that all share
    e, p    block     (N, K)    exponentials, a block of rows at a time; p = e/Σ
    Σ       total     (N,)      their sums
    u       u         (N, K)    gradient of the logits before each row is scaled
    ℓ       losses    (N,)      loss of each example

Cost: O(N K) time and memory.

References
----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs": softmax, with loss (1).
Differs from it: nothing. `cross_entropy.py` has the derivation; a test holds both equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Tensor, primitive

BLOCK = 1 << 20  # bytes of logits that are worked on at a time


@primitive
def cross_entropy_of_indices(z: Any, y: Any, s: Any, *, summed: bool = False) -> Any:
    """Loss of each example, or their sum, from logits, class indices and weights; with the gradient of the logits."""
    if isinstance(z, Tensor):  # its gradient will be differentiated again: the clear form can do that
        from pellucid_nn.cross_entropy import one_hot, softmax_cross_entropy

        q = one_hot(y, z.shape[1], z.dtype) * np.reshape(s, (-1, 1))
        losses, (clear_dz, _) = softmax_cross_entropy.run(z, q, summed=summed)
        return losses, (clear_dz, None, None)
    N, K = z.shape
    u, total, own_logit = np.empty_like(z), np.empty(N, z.dtype), np.empty(N, z.dtype)
    ones = np.ones(K, z.dtype)  # a product with them sums rows faster than .sum()
    length = max(1, BLOCK // (K * z.itemsize))
    for start in range(0, N, length):
        rows = slice(start, start + length)
        block = u[rows]  # a view, which is filled
        own = np.arange(len(block)), y[rows]
        np.subtract(z[rows], z[rows].max(axis=1, keepdims=True), out=block)
        own_logit[rows] = block[own]
        np.exp(block, out=block)
        sums = block @ ones
        block[own] -= sums  #                                                                     (3)
        total[rows] = sums
    losses = s * (np.log(total) - own_logit)  # (N,)                                              (1)
    if s.ndim and not s.all():
        losses[s == 0] = 0  # an example that does not count, even if its class is impossible

    def dz(dlosses: Any) -> Any:
        return u * (dlosses * s / total)[:, None]  # (N, K)                                       (2)

    return (losses.sum() if summed else losses), (dz, None, None)
