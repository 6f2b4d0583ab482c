"""AdamW: Adam with a weight decay that its step lengths do not undo.

In Adam weight decay is part of the gradient, and is divided by the gradient's size like everything else: parameters
with large gradients hardly decay. AdamW shrinks every parameter by the same share, and then takes Adam's step without
any decay:

    θ'ₜ = (1 − η λ) θₜ₋₁                                                                         (1)
    θₜ, mₜ, vₜ, vᵐₜ = Adam's step number t from θ'ₜ, mₜ₋₁, vₜ₋₁, vᵐₜ₋₁, with ∇L(θₜ₋₁)            (2)

Adam's step is (1)-(7) of adam.py with its λ = 0. A parameter whose gradient is 0 falls like (1 − η λ)ᵗ; with plain SGD
both kinds of decay are the same.

Symbols
-------
    paper    code              shape   meaning
    θ, θ'    theta, shrunk     (P,)    all parameters, one after the other; the same after the decay
    ∇L       gradient          (P,)    gradient of the loss
    m, v     m, v              (P,)    Adam's moving averages of ∇L and of its square
    vᵐ       v_max             (P,)    largest v so far, for AMSGrad
    t        t                 ()      number of this step, from 1
    η        lr                ()      learning rate
    λ        weight_decay      ()      share, per unit of η, by which parameters shrink

Cost: O(P) time, 2 P numbers of memory (3 P with AMSGrad), as Adam.

References
----------
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization", Algorithm 2.
Differs from them: λ is multiplied by the whole rate η, so that the decay follows a schedule of it, and the decay comes
before Adam's step, both as in PyTorch; AMSGrad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid_nn.adam import Adam, adam_step, adam_step_in_place


def adamw_step(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    v_max: NDArray[Any] | None,
    t: int,
    *,
    lr: float,
    weight_decay: float = 1e-2,
    **settings: Any,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Step number `t`, as the equations say it: (P,), (P,), (P,), (P,), (P,), () -> (P,), (P,), (P,), _.

    Takes θ, the gradient, m, v and the largest v (None without AMSGrad); returns the new ones. The other settings are
    those of `adam_step`.
    """
    shrunk = (1 - lr * weight_decay) * theta  #                                                   (1)
    return adam_step(shrunk, gradient, m, v, v_max, t, lr=lr, **settings)  #                      (2)


def adamw_step_in_place(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    moments: Sequence[NDArray[Any]],
    t: int,
    room: Sequence[NDArray[Any]],
    *,
    lr: float,
    weight_decay: float = 1e-2,
    **settings: Any,
) -> None:
    """The same without new arrays: `theta` and the moments m, v (and vᵐ) are overwritten."""
    if weight_decay:
        np.multiply(theta, 1 - lr * weight_decay, out=theta)  #                                   (1)
    adam_step_in_place(theta, gradient, moments, t, room, lr=lr, **settings)  #                   (2)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to move; a dict is a group with settings of its own.
    lr : float
        Learning rate η.
    betas : tuple of two floats
        β₁ and β₂, each in [0, 1).
    eps : float
        ε.
    weight_decay : float
        λ. Every step shrinks the parameters by the factor 1 − η λ.
    amsgrad : bool
        Use the largest average of squares so far.
    maximize : bool
        Climb instead of descend; parameters shrink all the same.
    l1 : float
        λ of a penalty λ Σ |θ|, whose slope joins the gradient before all else, unlike the decay: the same as
        `l1_penalty` in the loss.
    max_norm, clip_value : float, optional
        Limits on the gradients, taken before a step: of each entry first (`clip_value`), then of the norm of all.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        limits: dict[str, Any] = {"l1": l1, "max_norm": max_norm, "clip_value": clip_value}
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, **limits)

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        beta1, beta2 = group["betas"]
        return partial(
            adamw_step_in_place,
            lr=float(group["lr"]),
            weight_decay=float(group["weight_decay"]),
            beta1=float(beta1),
            beta2=float(beta2),
            eps=float(group["eps"]),
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
