"""Wasserstein loss with gradient penalty: a critic learns to tell real from made-up, without growing too steep.

A generator makes examples x̃, and a critic D gives every example a number. The generator wants high numbers for its
examples; the critic wants them lower than those of real examples x:

    L_G = −mean D(x̃)                                                                             (1)

Among all functions whose slope is nowhere above 1, the best critic's advantage, mean D(x) − mean D(x̃), is the
Wasserstein distance of the two distributions. The slope is held near 1 by a penalty, at points between real and made-up
ones:

    x̂ = u x + (1 − u) x̃,    u ~ U(0, 1), one u for each example                                  (2)
    rₙ = ‖∂D(x̂ₙ)/∂x̂ₙ‖                                                                            (3)
    R = mean (rₙ − 1)²                                                                           (4)
    L_D = mean D(x̃) − mean D(x) + λ R                                                            (5)

Gradient.  (1) goes through D into the generator. (4) holds a gradient, so it takes double backward: the pass that finds
∂D/∂x̂ is recorded, with create_graph=True, and differentiated by the parameters θ of D,

    ∂R/∂θ = mean 2 (rₙ − 1) gₙᵀ (∂gₙ/∂θ) / rₙ    with gₙ = ∂D(x̂ₙ)/∂x̂ₙ                            (6)

Where g is 0, so is the gradient of its norm: a critic that is flat there gets no push, and no NaN. As one pass finds
all gₙ, from the sum of all D(x̂ₙ), the number of an example must not depend on the others: no batch norm in the critic.

Symbols
-------
    paper   code                          shape       meaning
    D, θ    critic                        function    (N, ...) to (N,) or (N, 1), and its parameters
    x       real                          (N, ...)    real examples
    x̃       fake                          (N, ...)    made-up examples
    u       u                             (N, 1...)   how much of x̂ is real
    x̂       x_hat                         (N, ...)    points between
    g       g                             (N, ...)    gradient of the critic's number there
    r       r                             (N,)        its length
    R       gradient_penalty              ()          penalty on the lengths
    λ       penalty                       ()          how much the penalty counts
    L_G     generator_loss                ()          what the generator minimises
    L_D     WassersteinGradientPenalty    ()          what the critic minimises

Cost: three forward and three backward passes through the critic; the recorded backward pass makes one of them about
twice as long.

References
----------
    Arjovsky, Chintala & Bottou (2017), "Wasserstein generative adversarial networks": (1), and (5) without R.
    Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville (2017), "Improved training of Wasserstein GANs": (5), Algorithm 1.
Differs from them: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor, grad
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.loss_inputs import check_predictions
from pellucid_nn.module import Module
from pellucid_nn.settings import number

Critic = Callable[[Any], Any]


def generator_loss(critic: Critic, fake: Any) -> Any:
    """What the generator minimises: the critic's mean over its examples, with the other sign.

    Parameters
    ----------
    critic : Module or callable
        D, (N, ...) to (N,) or (N, 1).
    fake : Tensor, shape (N, ...)
        What the generator made, with its graph: the gradient goes into the generator (and into the critic, whose
        ``zero_grad`` forgets it).

    Raises
    ------
    ValueError
        If there is no example, or the critic does not give one number for each.
    """
    return -np.mean(_numbers(critic, fake))  #                                                    (1)


def between(real: Any, fake: Any, u: Any) -> Any:
    """Points on the lines between pairs of examples."""
    return u * real + (1 - u) * fake  # (N, ...)                                                  (2)


def gradient_penalty(critic: Critic, x_hat: Any) -> Any:
    """How far the critic's slopes at x_hat (N, ...) are from 1: the mean of squares, to be differentiated again."""
    # mutate: sign equivalent because R depends on the length of g alone
    g = grad(lambda x: np.sum(_numbers(critic, x)))(x_hat)  # (N, ...)                            (6)
    r = np.linalg.norm(g.reshape(len(g), -1), axis=1)  # (N,)                                     (3)
    return np.mean((r - 1) ** 2)  #                                                               (4)


class WassersteinGradientPenalty(Module):
    """The critic's loss: its mean over made-up examples, minus that over real ones, plus the penalty on its slopes.

    Parameters
    ----------
    penalty : float
        λ, 0 or more.
    rng : Generator, int or None
        Draws the points between; a number is a seed. The generator is the attribute `rng`, and checkpoints keep where
        it stands.
    """

    def __init__(self, penalty: float = 10.0, *, rng: np.random.Generator | int | None = None) -> None:
        if not number("penalty", penalty) >= 0:
            raise ValueError(f"penalty is the weight of the gradient penalty and must be 0 or more; got {penalty}")
        self.penalty, self.rng = float(penalty), check_rng(rng)

    def forward(self, critic: Critic, real: Any, fake: Any) -> Any:
        """The loss of a critic.

        Parameters
        ----------
        critic : Module or callable
            D, (N, ...) to (N,) or (N, 1).
        real, fake : Tensor or array, shape (N, ...)
            Examples. Both count as constants here: only the critic gets a gradient.

        Raises
        ------
        ValueError
            If the shapes differ, there is no example, or the critic does not give one number for each.
        TypeError
            If the examples are not floating point, or not of one dtype.
        """
        real, fake = (data_of(check_predictions(x, name)) for x, name in ((real, "real"), (fake, "fake")))
        if real.shape != fake.shape:
            raise ValueError(f"real and fake must have one shape: real has {real.shape}, fake has {fake.shape}")
        if real.dtype != fake.dtype:
            raise TypeError(f"real is {real.dtype} and fake is {fake.dtype}: convert one with .astype")
        advantage = np.mean(_numbers(critic, real)) - np.mean(_numbers(critic, fake))
        u = self.rng.random((len(real), *[1] * (real.ndim - 1))).astype(real.dtype)  # (N, 1...)  (2)
        return self.penalty * gradient_penalty(critic, between(real, fake, u)) - advantage  #     (5)

    def extra_repr(self) -> str:
        return f"penalty={self.penalty}"


def _numbers(critic: Critic, x: Any) -> Any:
    """The critic's number of each example: (N,)."""
    x = x if isinstance(x, Tensor) else np.asarray(x)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"a mean needs at least one example; the examples have shape {x.shape}")
    y = critic(x)
    if y.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(f"the critic must give one number for each of the {len(x)} examples; it gave shape {y.shape}")
    return y.reshape(-1)
