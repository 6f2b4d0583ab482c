"""Adam: every parameter gets a step length of its own, from how large and how steady its gradients have been.

Two moving averages are kept for each parameter, of its gradient and of the square of its gradient:

    gₜ = ∇L(θₜ₋₁) + λ θₜ₋₁                                                                       (1)
    mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ                                                                   (2)
    vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²                                                                  (3)

Both start at 0 and are too small at first: if g were always the same, mₜ would be (1 − β₁ᵗ) g. Dividing corrects that:

    m̂ₜ = mₜ / (1 − β₁ᵗ)                                                                          (4)
    v̂ₜ = vₜ / (1 − β₂ᵗ)                                                                          (5)
    θₜ = θₜ₋₁ − η m̂ₜ / (√v̂ₜ + ε)                                                                 (6)

A parameter whose gradient never changes moves by η per step, however large that gradient is; one whose gradient is
noise around 0 moves less. AMSGrad puts into (5) the largest vₜ so far, which never falls:

    vᵐₜ = max(vᵐₜ₋₁, vₜ)                                                                         (7)

To climb instead of descend (`maximize`), ∇L changes its sign in (1).

Symbols
-------
    paper    code            shape   meaning
    θ        theta           (P,)    all parameters, one after the other
    ∇L, g    gradient, g     (P,)    gradient of the loss; the same with weight decay
    m        m               (P,)    moving average of g ("exp_avg")
    v        v               (P,)    moving average of g² ("exp_avg_sq")
    vᵐ       v_max           (P,)    largest v so far ("max_exp_avg_sq")
    m̂, v̂     m_hat, v_hat    (P,)    the averages without the bias of their start
    t        t               ()      number of this step, from 1
    η        lr              ()      learning rate
    β₁, β₂   beta1, beta2    ()      how much of the averages is kept
    ε        eps             ()      keeps the division finite
    λ        weight_decay    ()      pulls the parameters towards 0: the gradient of λ/2 ‖θ‖²

Cost: O(P) time, 2 P numbers of memory (3 P with AMSGrad).

References
----------
    Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 1: (2)-(6).
    Reddi, Kale & Kumar (2018), "On the convergence of Adam and beyond": AMSGrad (7).
Differs from them: weight decay (1), and (7) is taken before (5), both as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero, flags, number


def adam_step(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    v_max: NDArray[Any] | None,
    t: int,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Step number `t`, as the equations say it: (P,), (P,), (P,), (P,), (P,), () -> (P,), (P,), (P,), _.

    Takes θ, the gradient, m, v and the largest v (None without AMSGrad); returns the new ones.
    """
    g = (-gradient if maximize else gradient) + weight_decay * theta  #                           (1)
    m = beta1 * m + (1 - beta1) * g  #                                                            (2)
    v = beta2 * v + (1 - beta2) * g**2  #                                                         (3)
    if v_max is not None:
        v_max = np.maximum(v_max, v)  #                                                           (7)
    m_hat = m / (1 - beta1**t)  #                                                                 (4)
    v_hat = (v if v_max is None else v_max) / (1 - beta2**t)  #                                   (5)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v, v_max  #                            (6)


def adam_step_in_place(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    moments: Sequence[NDArray[Any]],
    t: int,
    room: Sequence[NDArray[Any]],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
) -> None:
    """The same without new arrays: `theta` and the moments m, v (and vᵐ) are overwritten.

    With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ, (4)-(6) are θ − (η √c₂ / c₁) m / (√v + ε √c₂): numbers are corrected, not
    arrays.
    """
    m, v = moments[:2]
    g, (room_for_g, work, last) = gradient, room
    if maximize:
        g = np.negative(g, out=room_for_g)  #                                                     (1)
    if weight_decay:
        np.multiply(theta, weight_decay, out=work)  #                                             (1)
        g = np.add(g, work, out=room_for_g)  #                                                    (1)
    np.multiply(g, 1 - beta1, out=work)  #                                                        (2)
    np.multiply(m, beta1, out=m)  #                                                               (2)
    np.add(m, work, out=m)  #                                                                     (2)
    np.multiply(g, g, out=last)  #                                                                (3)
    np.multiply(last, 1 - beta2, out=last)  #                                                     (3)
    np.multiply(v, beta2, out=v)  #                                                               (3)
    np.add(v, last, out=v)  #                                                                     (3)
    if amsgrad:
        v = np.maximum(moments[2], v, out=moments[2])  #                                          (7)
    c1 = 1 - beta1**t  #                                                                          (4)
    root_c2 = (1 - beta2**t) ** 0.5  #                                                            (5)
    np.sqrt(v, out=last)  #                                                                       (6)
    np.add(last, eps * root_c2, out=last)  #                                                      (6)
    np.divide(m, last, out=last)  #                                                               (6)
    np.multiply(last, lr * root_c2 / c1, out=last)  #                                             (6)
    np.subtract(theta, last, out=theta)  #                                                        (6)


class Adam(Optimizer):
    """Adam, with AMSGrad and coupled weight decay as options.

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
        λ. It joins the gradient before the averages are taken.
    amsgrad : bool
        Use the largest average of squares so far (7).
    maximize : bool
        Climb instead of descend.
    l1 : float
        λ of a penalty λ Σ |θ|, whose slope joins the gradient before all else: the same as `l1_penalty` in the loss.
    max_norm, clip_value : float, optional
        Limits on the gradients, taken before a step: of each entry first (`clip_value`), then of the norm of all.
    """

    moments = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    decoupled = False  # whether weight decay stays out of the gradient

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings | {"amsgrad": amsgrad, "maximize": maximize, "l1": l1}, max_norm, clip_value)

    def check(self, group: Mapping[str, Any]) -> None:
        at_least_zero(group, "lr", "eps", "weight_decay")
        flags(group, "amsgrad")
        betas = group["betas"] if isinstance(group["betas"], tuple | list) else ()
        if len(betas) != 2 or not all(0 <= number("betas", beta) < 1 for beta in betas):
            raise ValueError(f"betas must be two numbers of at least 0 and below 1; they are {group['betas']}")

    def from_torch_state(self, state: Mapping[str, Any]) -> None:
        """`load_state_dict` of the state of the same optimizer in PyTorch, settings included; see `Optimizer`.

        Raises
        ------
        ValueError
            If weight decay is coupled there and decoupled here, or the reverse.
        """
        for group in state.get("param_groups", ()):
            if group.get("decoupled_weight_decay", self.decoupled) != self.decoupled:
                raise ValueError(
                    f"the state is of weight decay that is {'coupled' if self.decoupled else 'decoupled'}, and that of "
                    f"{type(self).__name__} is not: load it into {'Adam' if self.decoupled else 'AdamW'}"
                )
        super().from_torch_state(state)

    def moments_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return self.moments if group["amsgrad"] else self.moments[:2]

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        beta1, beta2 = group["betas"]
        return partial(
            adam_step_in_place,
            lr=float(group["lr"]),
            beta1=float(beta1),
            beta2=float(beta2),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
