"""Loss of a variational autoencoder: how badly a picture is rebuilt, plus how much was remembered of it.

An encoder turns an example x into a normal distribution q over D latent numbers, with means μ and log-variances s. A
number u is drawn from it, and a decoder turns u into logits z of the bits of x. Drawing is a formula of noise that
depends on nothing, so that gradients pass through to μ and s:

    u = μ + e^(s/2) ε,    ε ~ N(0, 1)                                                            (1)
    du/dμ = 1,    du/ds = ½ e^(s/2) ε                                                            (2)

The logarithm of the probability of x is at least −ℓ, averaged over u, with

    ℓₙ = Σᵢ b(zₙᵢ, xₙᵢ) + β KLₙ                                                                  (3)

where b is the binary cross-entropy of logits (`binary_cross_entropy.py`) and KL the Kullback-Leibler divergence of q
from a standard normal. For β = 1, −ℓ is the evidence lower bound; a larger β keeps q nearer the standard normal.

Divergence.  The log-densities of one latent number u differ by

    log q(u) − log N(u; 0, 1) = ½ (−s − (u − μ)² e⁻ˢ + u²)

and under q the mean of (u − μ)² is eˢ and that of u² is μ² + eˢ. Independent numbers add up, so

    KLₙ = ½ Σⱼ (eˢ − 1 − s + μ²)                                                                 (4)
    dμ = dKL μ                                                                                   (5)
    ds = dKL ½ (eˢ − 1)                                                                          (6)

Both vanish at μ = s = 0, where q is the standard normal.

Symbols
-------
    paper   code       shape     meaning
    x       x          (N, I)    examples, every entry in [0, 1]
    z       logits     (N, I)    logits of the rebuilt examples
    μ       mu         (N, D)    means of the latent numbers
    s       log_var    (N, D)    logarithms of their variances
    ε       noise      (N, D)    standard normal
    u       u          (N, D)    latent numbers
    KL      kl         (N,)      divergence of each example
    β       beta       ()        weight of the divergence
    ℓ       losses     (N,)      loss of each example
    d·      dkl, du    as ·      gradient of the end result

Cost: O(N (I + D)).

References
----------
    Kingma & Welling (2014), "Auto-encoding variational Bayes", sec. 2.4: (1); appendix B: (4); appendix C.1: b.
    Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed & Lerchner (2017), "beta-VAE: learning basic visual
    concepts with a constrained variational framework": β in (3).
Differs from them: ℓ is minimised where the bound is maximised; one u is drawn for each example.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import primitive
from pellucid.tensor import data_of
from pellucid_nn.binary_cross_entropy import binary_cross_entropy_with_logits
from pellucid_nn.loss_inputs import check_predictions, check_targets
from pellucid_nn.module import Module
from pellucid_nn.reduction import check_reduction, reduce_losses
from pellucid_nn.settings import number


@primitive
def draw_latent(mu: Any, log_var: Any, noise: Any) -> Any:
    """Normal numbers from standard normal ones, with the gradients of mean and log-variance."""
    with np.errstate(over="ignore"):  # a deviation that is too large for a float is infinite
        spread = np.exp(0.5 * log_var) * noise
    u = mu + spread  # (N, D)                                                                     (1)

    def dmu(du: Any) -> Any:
        return du  #                                                                              (2)

    def dlog_var(du: Any) -> Any:
        return 0.5 * du * spread  #                                                               (2)

    return u, (dmu, dlog_var, None)


@primitive
def divergence_from_standard_normal(mu: Any, log_var: Any) -> Any:
    """KL divergence of each row's diagonal normal from the standard normal, with both gradients."""
    with np.errstate(over="ignore"):  # a variance that is too large for a float is infinitely far away
        excess = np.expm1(log_var)  # eˢ − 1, with all its digits near s = 0
    kl = 0.5 * np.sum(excess - log_var + mu * mu, axis=-1)  # (N,)                                (4)

    def dmu(dkl: Any) -> Any:
        return dkl[..., None] * mu  # (N, D)                                                      (5)

    def dlog_var(dkl: Any) -> Any:
        return 0.5 * dkl[..., None] * excess  # (N, D)                                            (6)

    return kl, (dmu, dlog_var)


class BernoulliVAELoss(Module):
    """Negative evidence lower bound of a variational autoencoder for bits, or for numbers in [0, 1].

    Parameters
    ----------
    beta : float
        β, 0 or more.
    reduction : {"mean", "sum", "none"}
        Whether to return the mean over the examples, the sum, or the losses of all examples.
    """

    def __init__(self, beta: float = 1.0, *, reduction: str = "mean") -> None:
        if not number("beta", beta) >= 0:
            raise ValueError(f"beta is the weight of the divergence and must be 0 or more; got {beta}")
        self.beta, self.reduction = float(beta), check_reduction(reduction)

    def forward(self, logits: Any, x: Any, mu: Any, log_var: Any) -> Any:
        """The loss of rebuilt examples.

        Parameters
        ----------
        logits : Tensor or array, shape (N, ...)
            What the decoder returned.
        x : Tensor or array, shape of `logits`
            The examples, every entry in [0, 1].
        mu, log_var : Tensor or array, shape (N, D)
            What the encoder returned.

        Raises
        ------
        ValueError
            If the shapes do not fit, an entry of `x` is outside [0, 1], or the mean would be taken over nothing.
        TypeError
            If the inputs are not floating point, or not of one dtype.
        """
        logits, x = check_targets(logits, x, ("logits", "x"))
        values = data_of(x)
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f"examples must be in [0, 1]; x goes from {values.min()} to {values.max()}: divide pixels by 255, or "
                f"shift and scale to that range"
            )
        mu, log_var = (check_predictions(a, name) for a, name in ((mu, "mu"), (log_var, "log_var")))
        if mu.ndim != 2 or mu.shape != log_var.shape or logits.shape[:1] != mu.shape[:1]:
            raise ValueError(
                f"mu and log_var must be (N, D) for logits (N, ...): mu has shape {mu.shape}, log_var {log_var.shape}, "
                f"logits {logits.shape}"
            )
        if not mu.dtype == log_var.dtype == logits.dtype:
            raise TypeError(
                f"logits, mu and log_var must have one dtype; they are {logits.dtype}, {mu.dtype}, {log_var.dtype}"
            )
        entries = binary_cross_entropy_with_logits(logits, x)
        rebuilt = np.sum(entries, axis=tuple(range(1, logits.ndim)))  # (N,)
        losses = rebuilt + self.beta * divergence_from_standard_normal(mu, log_var)  # (N,)       (3)
        return reduce_losses(losses, self.reduction, "example")

    def extra_repr(self) -> str:
        changed = [f"beta={self.beta}"] if self.beta != 1 else []
        return ", ".join(changed + ([f"reduction={self.reduction!r}"] if self.reduction != "mean" else []))
