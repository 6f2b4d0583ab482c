"""Stochastic gradient descent (SGD), with momentum.

Every step goes against the gradient of the loss on one mini-batch. Momentum keeps a velocity: steps that agree add up,
steps that zigzag cancel.

    gₜ = ∇L(θₜ₋₁) + λ θₜ₋₁                                                                       (1)
    bₜ = μ bₜ₋₁ + (1 − τ) gₜ,    b = g in the first step with momentum                           (2)
    uₜ = bₜ,    with Nesterov's form gₜ + μ bₜ                                                   (3)
    θₜ = θₜ₋₁ − η uₜ                                                                             (4)

Without momentum uₜ = gₜ. To climb instead of descend (`maximize`), ∇L changes its sign in (1).

With a steady gradient g, (2) tends to (1 − τ) g / (1 − μ): at μ = 0.9 steps become ten times as long. Nesterov's form
(3) looks ahead: it takes the gradient together with what the velocity will do in the next step anyway.

Symbols
-------
    paper   code            shape   meaning
    θ       theta           (P,)    all parameters, one after the other
    ∇L, g   gradient, g     (P,)    gradient of the loss; the same with weight decay
    b       b               (P,)    velocity ("momentum_buffer")
    u       u               (P,)    direction of the step
    η       lr              ()      learning rate
    μ       momentum        ()      how much of the velocity is kept
    τ       dampening       ()      how little of the gradient joins it
    λ       weight_decay    ()      pulls the parameters towards 0: the gradient of λ/2 ‖θ‖²

Cost: O(P) time; P numbers of memory with momentum, none without.

References
----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods": momentum.
    Sutskever, Martens, Dahl & Hinton (2013), "On the importance of initialization and momentum in deep learning",
    sec. 2: momentum and Nesterov's form side by side.
Differs from them: the velocity is a sum of gradients and η multiplies it in (4), as in PyTorch; with a constant η the
steps are the same. Dampening and the start b = g are PyTorch's too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero, flags, number


def sgd_step(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    b: NDArray[Any] | None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """One step, as the equations say it: (P,), (P,), (P,) -> (P,), _.

    Takes θ, the gradient and the velocity (None before the first step); returns the new θ and velocity.
    """
    g = (-gradient if maximize else gradient) + weight_decay * theta  #                           (1)
    if momentum == 0:
        return theta - lr * g, b
    b = g if b is None else momentum * b + (1 - dampening) * g  #                                 (2)
    u = g + momentum * b if nesterov else b  #                                                    (3)
    return theta - lr * u, b  #                                                                   (4)


def sgd_step_in_place(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    moments: Sequence[NDArray[Any]],
    t: int,
    room: Sequence[NDArray[Any]],
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> None:
    """The same as step number `t` with momentum, without new arrays: `theta` and the moment b are overwritten."""
    g, (room_for_g, work, last) = gradient, room
    if maximize:
        g = np.negative(g, out=room_for_g)  #                                                     (1)
    if weight_decay:
        np.multiply(theta, weight_decay, out=work)  #                                             (1)
        g = np.add(g, work, out=room_for_g)  #                                                    (1)
    u = g
    if momentum:
        (b,) = moments
        if t == 1:
            b[...] = g  #                                                                         (2)
        else:
            np.multiply(g, 1 - dampening, out=work)  #                                            (2)
            np.multiply(b, momentum, out=b)  #                                                    (2)
            np.add(b, work, out=b)  #                                                             (2)
        u = b
        if nesterov:
            np.multiply(b, momentum, out=work)  #                                                 (3)
            u = np.add(g, work, out=work)  #                                                      (3)
    np.multiply(u, lr, out=last)  #                                                               (4)
    np.subtract(theta, last, out=theta)  #                                                        (4)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, dampening, weight decay and Nesterov's form.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to move; a dict is a group with settings of its own.
    lr : float
        Learning rate η.
    momentum : float
        μ, 0 for none.
    dampening : float
        τ.
    weight_decay : float
        λ.
    nesterov : bool
        Use Nesterov's form; needs momentum and no dampening.
    maximize : bool
        Climb instead of descend.
    l1 : float
        λ of a penalty λ Σ |θ|, whose slope joins the gradient before all else: the same as `l1_penalty` in the loss.
    max_norm, clip_value : float, optional
        Limits on the gradients, taken before a step: of each entry first (`clip_value`), then of the norm of all.
    """

    moments = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(
            params, settings | {"nesterov": nesterov, "maximize": maximize, "l1": l1}, max_norm, clip_value
        )

    def check(self, group: Mapping[str, Any]) -> None:
        at_least_zero(group, "lr", "momentum", "weight_decay")
        flags(group, "nesterov")
        if not math.isfinite(number("dampening", group["dampening"])):
            raise ValueError(f"dampening must be a finite number; it is {group['dampening']}")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"Nesterov's form needs momentum above 0 and no dampening; momentum is {group['momentum']}, "
                f"dampening is {group['dampening']}"
            )

    def moments_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return self.moments if group["momentum"] else ()

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        return partial(
            sgd_step_in_place,
            lr=float(group["lr"]),
            momentum=float(group["momentum"]),
            dampening=float(group["dampening"]),
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
