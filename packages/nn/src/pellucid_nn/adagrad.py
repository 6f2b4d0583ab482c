"""Adagrad: every parameter's steps shrink with the gradients that it has seen.

A parameter that rarely has a gradient (the embedding of a rare word) keeps long steps; one that has a large gradient
all the time soon takes short ones. All squares of the gradient are added up, and the step is divided by their root:

    gₜ = ∇L(θₜ₋₁) + λ θₜ₋₁                                                                       (1)
    sₜ = sₜ₋₁ + gₜ²                                                                              (2)
    ηₜ = η / (1 + (t − 1) δ)                                                                     (3)
    θₜ = θₜ₋₁ − ηₜ gₜ / (√sₜ + ε)                                                                (4)

The sum starts at s₀, which keeps the first steps from all being η long. With gradients of steady size s grows like t,
so steps fall like 1/√t even without the decay (3). To climb instead of descend (`maximize`), ∇L changes its sign in
(1).

Symbols
-------
    paper   code                         shape   meaning
    θ       theta                        (P,)    all parameters, one after the other
    ∇L, g   gradient, g                  (P,)    gradient of the loss; the same with weight decay
    s       s                            (P,)    sum of all g² so far ("sum")
    s₀      initial_accumulator_value    ()      what the sum starts from
    t       t                            ()      number of this step, from 1
    η, ηₜ   lr, rate                     ()      learning rate; the same at step t
    δ       lr_decay                     ()      how fast it falls
    ε       eps                          ()      keeps the division finite
    λ       weight_decay                 ()      pulls the parameters towards 0: the gradient of λ/2 ‖θ‖²

Cost: O(P) time, P numbers of memory.

References
----------
    Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization": (2)
    and (4), their diagonal form.
Differs from them: no projection onto a set and no composite term; weight decay (1), the decay of the rate (3), s₀, and
ε outside the root, all as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero


def adagrad_step(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    s: NDArray[Any],
    t: int,
    *,
    lr: float,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Step number `t`, as the equations say it: (P,), (P,), (P,), () -> (P,), (P,).

    Takes θ, the gradient and the sum of squares (full of s₀ before the first step); returns the new θ and sum.
    """
    g = (-gradient if maximize else gradient) + weight_decay * theta  #                           (1)
    s = s + g**2  #                                                                               (2)
    rate = lr / (1 + (t - 1) * lr_decay)  #                                                       (3)
    return theta - rate * g / (np.sqrt(s) + eps), s  #                                            (4)


def adagrad_step_in_place(
    theta: NDArray[Any],
    gradient: NDArray[Any],
    moments: Sequence[NDArray[Any]],
    t: int,
    room: Sequence[NDArray[Any]],
    *,
    lr: float,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> None:
    """The same without new arrays: `theta` and the moment s are overwritten; s starts at s₀ when `t` is 1."""
    (s,) = moments
    g, (room_for_g, work, last) = gradient, room
    if maximize:
        g = np.negative(g, out=room_for_g)  #                                                     (1)
    if weight_decay:
        np.multiply(theta, weight_decay, out=work)  #                                             (1)
        g = np.add(g, work, out=room_for_g)  #                                                    (1)
    if t == 1:
        s[...] = initial_accumulator_value  #                                                     (2)
    np.multiply(g, g, out=work)  #                                                                (2)
    np.add(s, work, out=s)  #                                                                     (2)
    rate = lr / (1 + (t - 1) * lr_decay)  #                                                       (3)
    np.sqrt(s, out=work)  #                                                                       (4)
    np.add(work, eps, out=work)  #                                                                (4)
    np.divide(g, work, out=last)  #                                                               (4)
    np.multiply(last, rate, out=last)  #                                                          (4)
    np.subtract(theta, last, out=theta)  #                                                        (4)


class Adagrad(Optimizer):
    """Adagrad, with a decay of the learning rate and coupled weight decay as options.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to move; a dict is a group with settings of its own.
    lr : float
        Learning rate η.
    lr_decay : float
        δ.
    weight_decay : float
        λ. It joins the gradient before the square is taken.
    initial_accumulator_value : float
        s₀.
    eps : float
        ε.
    maximize : bool
        Climb instead of descend.
    l1 : float
        λ of a penalty λ Σ |θ|, whose slope joins the gradient before all else: the same as `l1_penalty` in the loss.
    max_norm, clip_value : float, optional
        Limits on the gradients, taken before a step: of each entry first (`clip_value`), then of the norm of all.
    """

    moments = ("sum",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        settings = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        start = {"initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, settings | start | {"maximize": maximize, "l1": l1}, max_norm, clip_value)

    def check(self, group: Mapping[str, Any]) -> None:
        at_least_zero(group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def to_torch_state(self) -> dict[str, Any]:
        """The `state_dict` as PyTorch's Adagrad has it: with a sum for parameters that were never updated, too."""
        torch = import_module("torch")

        found = super().to_torch_state()
        parameters = [(p, group["initial_accumulator_value"]) for group in self.param_groups for p in group["params"]]
        for number, (p, start) in enumerate(parameters):
            unseen = {"step": torch.tensor(0.0), "sum": torch.from_numpy(np.full_like(p.data, start))}
            found["state"].setdefault(number, unseen)
        return found

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        return partial(
            adagrad_step_in_place,
            lr=float(group["lr"]),
            lr_decay=float(group["lr_decay"]),
            weight_decay=float(group["weight_decay"]),
            initial_accumulator_value=float(group["initial_accumulator_value"]),
            eps=float(group["eps"]),
            maximize=group["maximize"],
        )
