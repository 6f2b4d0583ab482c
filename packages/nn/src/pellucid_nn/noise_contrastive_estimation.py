"""Noise-contrastive estimation (NCE): learn which of many words follows, by telling the right one from random ones.

A model of words gives every word w of a vocabulary a score in a context h. To make probabilities of scores, softmax
needs all V of them. Instead, put the right word w₀ among k words w₁ … w_k drawn from a noise distribution pₙ, and let
the model find it, one yes or no for each word:

    sᵢ = h · W_wᵢ + b_wᵢ                                                                         (1)
    Δᵢ = sᵢ − log(k pₙ(wᵢ))                                                                      (2)

If eˢ is the probability of a word in the context, the share of data among data and noise is eˢ / (eˢ + k pₙ), which is
σ(Δ), the logistic function of Δ. The loss is the binary cross-entropy of these answers:

    ℓ = −log σ(Δ₀) − Σᵢ₌₁ᵏ log(1 − σ(Δᵢ))                                                        (3)

The larger k, the nearer its minimum is to that of the likelihood, where eˢ sums to 1 over the vocabulary by itself.

Gradient.  Of −log σ(Δ) it is σ(Δ) − 1, of −log(1 − σ(Δ)) it is σ(Δ); the noise in (2) is constant. With yᵢ = 1 for the
right word and 0 for noise,

    ds = dℓ (σ(Δᵢ) − yᵢ)                                                                         (4)
    dh = Σᵢ dsᵢ W_wᵢ                                                                             (5)
    dW_w = Σ ds h,    db_w = Σ ds        over all places where w stands                          (6)

so that only the rows of words that were looked at change.

Symbols
-------
    paper   code               shape        meaning
    h       h                  (N, D)       contexts
    w       words              (N, 1+k)     the right word of each context, then noise
    W       W, weight          (V, D)       a row for each word
    b       b, bias            (V,)         a number for each word
    s       s                  (N, 1+k)     scores
    k       k, num_noise       ()           noise words for each right one
    log pₙ  log_noise          (V,)         log-probabilities of the noise
    Δ       delta              (N, 1+k)     log-odds of data against noise
    y       is_data            (1+k,)       1, 0, …, 0
    ℓ       losses             (N,)         loss of each context
    d·      dlosses, ds        as ·         gradient of the end result

Cost: O(N k D) time, whatever V is, apart from the gradient of W, an array of zeros but for the rows that were used.

References
----------
    Gutmann & Hyvärinen (2010), "Noise-contrastive estimation: a new estimation principle for unnormalized statistical
    models": the objective (3).
    Mnih & Teh (2012), "A fast and simple algorithm for training neural probabilistic language models": (2) for words,
    with the normaliser of every context held at 1.
Differs from them: nothing in (1)-(3). The noise is drawn anew for every context, by `alias_sampler.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pellucid import Tensor, primitive
from pellucid.validation import check_rng
from pellucid_nn.alias_sampler import AliasSampler
from pellucid_nn.binary_cross_entropy import softplus_both_ways
from pellucid_nn.embedding import embedding, sum_rows
from pellucid_nn.loss_inputs import check_indices
from pellucid_nn.module import Module, Parameter
from pellucid_nn.reduction import check_reduction, reduce_losses
from pellucid_nn.settings import counts


@primitive
def word_scores(h: Any, W: Any, b: Any, words: Any) -> Any:
    """Scores of some words in each context, with all gradients: (N, D), (V, D), (V,), (N, M) -> (N, M)."""
    rows = embedding(W, words)  # (N, M, D)
    # mutate: index equivalent because the axis has one entry
    s = (rows @ h[..., None])[..., 0] + b[words]  # (N, M)                                        (1)

    def dh(ds: Any) -> Any:
        # mutate: index equivalent because the axis has one entry
        return (ds[:, None, :] @ rows)[:, 0]  # (N, D)                                            (5)

    def dW(ds: Any) -> Any:
        return sum_rows(ds[..., None] * h[:, None, :], words, n=len(W))  # (V, D)                 (6)

    def db(ds: Any) -> Any:
        # mutate: index equivalent because the axis has one entry
        return sum_rows(ds[..., None], words, n=len(b))[:, 0]  # (V,)                             (6)

    return s, (dh, dW, db, None)


@primitive
def data_or_noise_loss(s: Any, log_expected: Any) -> Any:
    """Loss of each row of scores, the right word's first, against logarithms of how often noise would be expected."""
    delta = s - log_expected  # (N, 1+k)                                                          (2)
    surprise_of_no, surprise_of_yes = softplus_both_ways(delta)  # −log(1 − σ), −log σ
    is_data = np.arange(s.shape[1]) == 0
    losses = np.sum(np.where(is_data, surprise_of_yes, surprise_of_no), axis=1)  # (N,)           (3)

    def ds(dlosses: Any) -> Any:
        yes, no = np.exp(-surprise_of_yes), np.exp(-surprise_of_no)  # σ(Δ), 1 − σ(Δ)             (4)
        return dlosses[:, None] * np.where(is_data, -no, yes)  # (N, 1+k)                         (4)

    return losses, (ds, None)


class NCELoss(Module):
    """Noise-contrastive estimation of words in contexts.

    Parameters
    ----------
    noise : array_like, shape (V,)
        Weights of the noise distribution, such as the counts of the words, or their power 0.75; all above 0.
    embedding_dim : int
        D, the length of a context.
    num_noise : int
        k, noise words for each right one.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the contexts, the sum, or the losses of all contexts.
    rng : Generator, int or None
        Draws the initial values and the noise; the generator is the attribute `rng`, and checkpoints keep where it
        stands.
    dtype : dtype
        Of the parameters; contexts must have the same.

    Attributes
    ----------
    weight : Parameter, shape (V, D)
        Drawn from N(0, 1/D).
    bias : Parameter, shape (V,)
        Logarithms of the noise probabilities: with contexts of 0 it predicts the noise.
    log_noise : array, shape (V,)
        A buffer.
    """

    log_noise: NDArray[Any]

    def __init__(
        self,
        noise: ArrayLike,
        embedding_dim: int,
        num_noise: int = 10,
        *,
        reduction: str = "mean",
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        counts({"embedding_dim": embedding_dim, "num_noise": num_noise}, "embedding_dim", "num_noise")
        self.sampler = AliasSampler(noise)
        if not self.sampler.p.all():
            raise ValueError(
                f"the noise must be able to draw every word; {np.sum(self.sampler.p == 0)} of {len(self.sampler.p)} "
                f"weights are 0: add 1 to the counts"
            )
        self.rng, self.num_noise, self.reduction = check_rng(rng), int(num_noise), check_reduction(reduction)
        V, D = len(self.sampler.p), int(embedding_dim)
        self.weight = Parameter(self.rng.standard_normal((V, D)) / D**0.5, dtype=dtype)
        self.bias = Parameter(np.log(self.sampler.p), dtype=dtype)
        self.register_buffer("log_noise", np.log(self.sampler.p), persistent=False)

    def forward(self, h: Any, target: Any, noise: Any = None) -> Any:
        """The loss of contexts h (N, D) and the words (N,) that stood there.

        Parameters
        ----------
        h : Tensor or array, shape (N, D)
            Contexts.
        target : array of int, shape (N,)
            The right words, 0 … V−1.
        noise : array of int, shape (N, k), optional
            Noise words, if they are not to be drawn here. The loss is theirs only if they come from the noise
            distribution.

        Raises
        ------
        ValueError
            If shapes do not fit, a word is not in 0 … V−1, or the mean would be taken over nothing.
        TypeError
            If h has another dtype than the parameters, or words are not whole numbers.
        """
        h = self._contexts(h)
        N, V = len(h), len(self.log_noise)
        target = check_indices(target, (N,), V)
        if noise is None:
            noise = self.sampler.sample((N, self.num_noise), rng=self.rng)
        noise = check_indices(noise, (N, np.shape(noise)[-1] if np.ndim(noise) else 0), V, "noise")
        k = noise.shape[1]
        if k == 0:
            raise ValueError(f"every right word needs noise; noise has shape {noise.shape}")
        words = np.concatenate([target[:, None], noise], axis=1)  # (N, 1+k)
        log_expected = (self.log_noise[words] + np.log(k)).astype(h.dtype)  # (N, 1+k)            (2)
        losses = data_or_noise_loss(word_scores(h, self.weight, self.bias, words), log_expected)
        return reduce_losses(losses, self.reduction, "context")

    def scores(self, h: Any) -> Any:
        """Scores of all words, (N, V): after training nearly their log-probabilities in the contexts h (N, D)."""
        return self._contexts(h) @ self.weight.T + self.bias

    def _contexts(self, h: Any) -> Any:
        h = h if isinstance(h, Tensor) else np.asarray(h)
        D = self.weight.shape[1]
        if h.ndim != 2 or h.shape[1] != D:
            raise ValueError(f"contexts must be (N, embedding_dim = {D}); h has shape {h.shape}")
        if h.dtype != self.weight.dtype:
            raise TypeError(f"h is {h.dtype} and the parameters are {self.weight.dtype}: convert h with h.astype")
        return h

    def multiply_adds(self, y: Any, *args: Any) -> int:
        N, D = np.shape(args[0])
        return int(N * D * (1 + self.num_noise))

    def extra_repr(self) -> str:
        V, D = self.weight.shape
        changed = f", reduction={self.reduction!r}" if self.reduction != "mean" else ""
        return f"<{V} words>, embedding_dim={D}, num_noise={self.num_noise}{changed}"
