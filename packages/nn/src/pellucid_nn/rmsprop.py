"""RMSprop: steps are divided by how large the gradient has been lately.

Adagrad adds up all squares of the gradient, and its steps die out. RMSprop forgets old squares: it divides by the root
of their moving average, so that steps have much the same length whatever the scale of the gradient.

    gₜ = ∇L(θₜ₋₁) + λ θₜ₋₁                                                                       (1)
    vₜ = α vₜ₋₁ + (1 − α) gₜ²                                                                    (2)
    uₜ = gₜ / (√vₜ + ε)                                                                          (3)

The centered form subtracts the square of the average gradient, which leaves a running variance in the place of vₜ:

    mₜ = α mₜ₋₁ + (1 − α) gₜ                                                                     (4)
    vᶜₜ = max(vₜ − mₜ², 0)                                                                       (5)

Momentum keeps a velocity of the divided gradients; without it the velocity is uₜ itself:

    bₜ = μ bₜ₋₁ + uₜ                                                                             (6)
    θₜ = θₜ₋₁ − η bₜ                                                                             (7)

The averages start at 0 and nothing corrects that: the first step is η / √(1 − α) long, ten times η at α = 0.99. To
climb instead of descend (`maximize`), ∇L changes its sign in (1).

Symbols
-------
    paper    code            shape   meaning
    θ        theta           (P,)    all parameters, one after the other
    ∇L, g    gradient, g     (P,)    gradient of the loss; the same with weight decay
    v, vᶜ    v, v_used       (P,)    moving average of g² ("square_avg"); the same or its centered form
    m        m               (P,)    moving average of g ("grad_avg")
    u        u               (P,)    divided gradient
    b        b               (P,)    velocity ("momentum_buffer")
    η        lr              ()      learning rate
    α        alpha           ()      how much of the averages is kept
    μ        momentum        ()      how much of the velocity is kept
    ε        eps             ()      keeps the division finite
    λ        weight_decay    ()      pulls the parameters towards 0: the gradient of λ/2 ‖θ‖²

Cost: O(P) time; P numbers of memory, P more with momentum and P more when centered.

References
----------
    Tieleman & Hinton (2012), "Lecture 6.5: rmsprop: divide the gradient by a running average of its recent magnitude",
    Neural Networks for Machine Learning: (2), (3).
    Graves (2013), "Generating sequences with recurrent neural networks": the centered form (4), (5), with momentum (6).
Differs from them: ε stands outside the root, η outside the velocity, weight decay (1): all as in PyTorch. The maximum
with 0 in (5) is ours: a difference that is 0 but for rounding has no root when it comes out negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero, flags, number


def rmsprop_step(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    v: NDArray[Any],
    m: NDArray[Any] | None,
    b: NDArray[Any] | None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]:
    """One step, as the equations say it: (P,), (P,), (P,), (P,), (P,) -> (P,), (P,), _, _.

    Takes θ, the gradient, v, m (None if not centered) and the velocity (None without momentum), all zeros before the
    first step; returns the new ones.
    """
    g = (-gradient if maximize else gradient) + weight_decay * theta  #                           (1)
    v = v_used = alpha * v + (1 - alpha) * g**2  #                                                (2)
    if m is not None:
        m = alpha * m + (1 - alpha) * g  #                                                        (4)
        v_used = np.maximum(v - m**2, 0)  #                                                       (5)
    u = g / (np.sqrt(v_used) + eps)  #                                                            (3)
    if b is None:
        return theta - lr * u, v, m, b  #                                                         (7)
    b = momentum * b + u  #                                                                       (6)
    return theta - lr * b, v, m, b  #                                                             (7)


def rmsprop_step_in_place(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    moments: Sequence[NDArray[Any]],
    t: int,
    room: Sequence[NDArray[Any]],
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> None:
    """The same without new arrays: `theta` and the moments v, m if centered, b with momentum, are overwritten.

    The number of the step, `t`, makes no difference.
    """
    v, *others = moments
    g, (room_for_g, work, last) = gradient, room
    if maximize:
        g = np.negative(g, out=room_for_g)  #                                                     (1)
    if weight_decay:
        np.multiply(theta, weight_decay, out=work)  #                                             (1)
        g = np.add(g, work, out=room_for_g)  #                                                    (1)
    np.multiply(g, g, out=work)  #                                                                (2)
    np.multiply(work, 1 - alpha, out=work)  #                                                     (2)
    np.multiply(v, alpha, out=v)  #                                                               (2)
    np.add(v, work, out=v)  #                                                                     (2)
    v_used = v
    if centered:
        m = others[0]
        np.multiply(g, 1 - alpha, out=work)  #                                                    (4)
        np.multiply(m, alpha, out=m)  #                                                           (4)
        np.add(m, work, out=m)  #                                                                 (4)
        np.multiply(m, m, out=work)  #                                                            (5)
        np.subtract(v, work, out=work)  #                                                         (5)
        v_used = np.maximum(work, 0, out=work)  #                                                 (5)
    np.sqrt(v_used, out=work)  #                                                                  (3)
    np.add(work, eps, out=work)  #                                                                (3)
    u = np.divide(g, work, out=last)  #                                                           (3)
    if momentum:
        b = others[-1]
        np.multiply(b, momentum, out=b)  #                                                        (6)
        u = np.add(b, u, out=b)  #                                                                (6)
    np.multiply(u, lr, out=last)  #                                                               (7)
    np.subtract(theta, last, out=theta)  #                                                        (7)


class RMSprop(Optimizer):
    """RMSprop, with momentum, the centered form and coupled weight decay as options.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to move; a dict is a group with settings of its own.
    lr : float
        Learning rate η.
    alpha : float
        α, in [0, 1).
    eps : float
        ε.
    weight_decay : float
        λ. It joins the gradient before the averages are taken.
    momentum : float
        μ, 0 for none.
    centered : bool
        Divide by the root of a running variance (5).
    maximize : bool
        Climb instead of descend.
    l1 : float
        λ of a penalty λ Σ |θ|, whose slope joins the gradient before all else: the same as `l1_penalty` in the loss.
    max_norm, clip_value : float, optional
        Limits on the gradients, taken before a step: of each entry first (`clip_value`), then of the norm of all.
    """

    moments = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(
            params, settings | {"centered": centered, "maximize": maximize, "l1": l1}, max_norm, clip_value
        )

    def check(self, group: Mapping[str, Any]) -> None:
        at_least_zero(group, "lr", "eps", "weight_decay", "momentum")
        flags(group, "centered")
        if not 0 <= number("alpha", group["alpha"]) < 1:
            raise ValueError(f"alpha must be at least 0 and below 1; it is {group['alpha']}")

    def moments_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        wanted = True, group["centered"], group["momentum"]
        return tuple(name for name, want in zip(self.moments, wanted, strict=True) if want)

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        return partial(
            rmsprop_step_in_place,
            lr=float(group["lr"]),
            alpha=float(group["alpha"]),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            momentum=float(group["momentum"]),
            centered=group["centered"],
            maximize=group["maximize"],
        )
