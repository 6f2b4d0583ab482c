"""Schedulers: the learning rate as a function of the number of the step.

Long steps at first find the region of a minimum, short ones at the end settle in it; and a network whose first
gradients are wild is better started slowly. A schedule says which rate η₀ becomes after t steps. Each one here is one
line:

    ConstantLR           ηₜ = f η₀ for t < T, then η₀                                            (1)
    LinearLR             ηₜ = η₀ (f + (h − f) min(t, T) / T)                                     (2)
    StepLR               ηₜ = η₀ γ^⌊t / S⌋                                                       (3)
    ExponentialLR        ηₜ = η₀ γ^(t / S), or staged, which is (3)                              (4)
    CosineAnnealingLR    ηₜ = e + (η₀ − e) (1 + cos(π t / T)) / 2                                (5)
    NoamLR               ηₜ = η₀ D^(−1/2) min((t + 1)^(−1/2), (t + 1) W^(−3/2))                  (6)
    CosineWarmup         ηₜ = η₀ (t + 1) / (W + 1) for t < W,
                         then (5) over the T − W steps that are left, and e from step T on       (7)

(6) rises in a straight line for W steps to η₀ / √(D W), and then falls with the root of the number of steps. (5) goes
up again after T steps, and comes back to η₀ after 2 T.

    scheduler = CosineWarmup(optimizer, warmup_steps=100, total_steps=5000)
    for x, t in batches:
        ...
        optimizer.step()
        scheduler.step()

`step` may be called after every update, as `Trainer` does, or after every epoch: t counts the calls. The rate of every
group starts from its own η₀, kept in the group as "initial_lr".

Symbols
-------
    paper   code                          shape   meaning
    t       t, last_epoch                 ()      calls of `step` so far, from 0
    η₀      base, base_lrs                ()      the group's rate when the scheduler was built
    ηₜ      rate                          ()      the rate after t calls
    f, h    factor, start_factor,         ()      shares of η₀ at the start and at the end
            end_factor
    T       total_iters, T_max,           ()      how many steps the change takes
            total_steps
    γ       gamma                         ()      factor per stage
    S       step_size, stage_length       ()      length of a stage
    e       eta_min                       ()      the lowest rate
    D       d_model                       ()      width of the Transformer
    W       warmup_steps                  ()      steps of the warm-up

Cost: O(1) time and memory for each group and step.

References
----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", eq. 5: (5), without restarts.
    Vaswani et al. (2017), "Attention is all you need", eq. 3: (6), named for Noam Shazeer; ours counts steps from 0.
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour": warm-up as in (2) and (7).
Differs from them: as PyTorch in (1)-(5), names included. PyTorch multiplies the rate of the step before, so that a rate
written by hand stays in it; ours is a function of t, which forgets no η₀ and rounds once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from pellucid_nn.optimizer import Optimizer


def constant(base: float, t: int, *, factor: float, total_iters: int) -> float:
    return base * factor if t < total_iters else base  #                                          (1)


def linear(base: float, t: int, *, start_factor: float, end_factor: float, total_iters: int) -> float:
    return base * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)  #    (2)


def stepwise(base: float, t: int, *, step_size: int, gamma: float) -> float:
    return base * gamma ** (t // step_size)  #                                                    (3)


def exponential(base: float, t: int, *, gamma: float, stage_length: int, staged: bool) -> float:
    return base * gamma ** (t // stage_length if staged else t / stage_length)  #                 (4)


def cosine(base: float, t: int, *, T_max: int, eta_min: float) -> float:
    return eta_min + (base - eta_min) * (1 + math.cos(math.pi * t / T_max)) / 2  #                (5)


def noam(base: float, t: int, *, d_model: int, warmup_steps: int) -> float:
    return float(base * d_model**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup_steps**-1.5))  #    (6)


def cosine_with_warmup(base: float, t: int, *, warmup_steps: int, total_steps: int, eta_min: float) -> float:
    if t < warmup_steps:
        return base * (t + 1) / (warmup_steps + 1)  #                                             (7)
    length = total_steps - warmup_steps  #                                                        (7)
    return cosine(base, min(t - warmup_steps, length), T_max=length, eta_min=eta_min)  #          (7)


class LRScheduler:
    """What the schedulers share: a rate for every group of an optimizer, as a function of the number of steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set, at once and by every `step`.
    last_epoch : int
        Steps taken before, less one; −1 starts anew, from the rates that the groups have now.
    rate : callable
        ``rate(η₀, t, **settings)`` is the rate after `t` steps.
    **settings
        Its settings, which become attributes.

    Attributes
    ----------
    last_epoch : int
        Steps so far.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int, rate: Callable[..., float], **settings: Any) -> None:
        if last_epoch < -1:
            raise ValueError(f"last_epoch must be −1 for a new schedule, or the number of a step; it is {last_epoch}")
        if last_epoch >= 0 and not all("initial_lr" in group for group in optimizer.param_groups):
            raise ValueError(
                f"to go on at last_epoch = {last_epoch} every group must say the rate it started from: set "
                f'group["initial_lr"] in optimizer.param_groups'
            )
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        self._rate, self._settings = rate, tuple(settings)
        vars(self).update(settings)
        self._set_rates()

    def _set_rates(self) -> None:
        settings = {name: getattr(self, name) for name in self._settings}
        for group in self.optimizer.param_groups:
            base = group.setdefault("initial_lr", float(group["lr"]))
            group["lr"] = self._rate(base, self.last_epoch, **settings)

    @property
    def base_lrs(self) -> list[float]:
        """η₀ of every group."""
        return [group["initial_lr"] for group in self.optimizer.param_groups]

    def step(self, loss: float | None = None) -> None:
        """Count a step and set the rates for the next one.

        Parameters
        ----------
        loss : float, optional
            Not looked at; `Trainer` tells it to every scheduler.
        """
        self.last_epoch += 1
        self._set_rates()

    def get_last_lr(self) -> list[float]:
        """The rate of every group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs: the settings, the number of steps and every group's first rate."""
        settings = {name: getattr(self, name) for name in self._settings}
        return settings | {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state of `state_dict`, or of the same scheduler in PyTorch, and set the rates to match.

        Raises
        ------
        ValueError
            If something is missing or the number of groups differs; nothing is changed then.
        """
        missing = sorted({"last_epoch", "base_lrs"} - set(state))
        groups = self.optimizer.param_groups
        if missing or len(state["base_lrs"]) != len(groups):
            came = f"it lacks {missing}" if missing else f"it has {len(state['base_lrs'])}"
            raise ValueError(
                f"the state of a scheduler has last_epoch, and base_lrs for each of {len(groups)} groups; {came}"
            )
        vars(self).update({name: state[name] for name in self._settings if name in state})
        self.last_epoch = state["last_epoch"]
        for group, base in zip(groups, state["base_lrs"], strict=True):
            group["initial_lr"] = base
        self._set_rates()

    def __repr__(self) -> str:
        settings = [f"{name}={getattr(self, name)}" for name in self._settings]
        return f"{type(self).__name__}({', '.join([*settings, f'last_epoch={self.last_epoch}'])})"


class ConstantLR(LRScheduler):
    """A share `factor` of the rate for `total_iters` steps, then all of it (1)."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        _not_negative(factor=factor)
        _counts(total_iters=total_iters)
        super().__init__(optimizer, last_epoch, constant, factor=factor, total_iters=total_iters)


class LinearLR(LRScheduler):
    """From the share `start_factor` of the rate to `end_factor` in a straight line: a warm-up, or a decay (2)."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        _not_negative(start_factor=start_factor, end_factor=end_factor)
        _counts(total_iters=total_iters)
        factors = {"start_factor": start_factor, "end_factor": end_factor}
        super().__init__(optimizer, last_epoch, linear, **factors, total_iters=total_iters)


class StepLR(LRScheduler):
    """The rate is multiplied by `gamma` every `step_size` steps (3)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        _counts(step_size=step_size)
        _not_negative(gamma=gamma)
        super().__init__(optimizer, last_epoch, stepwise, step_size=step_size, gamma=gamma)


class ExponentialLR(LRScheduler):
    """The rate falls by the factor `gamma` in every `stage_length` steps: smoothly, or `staged`, all at once (4)."""

    def __init__(
        self,
        optimizer: Optimizer,
        gamma: float,
        last_epoch: int = -1,
        *,
        stage_length: int = 1,
        staged: bool = False,
    ) -> None:
        _not_negative(gamma=gamma)
        _counts(stage_length=stage_length)
        super().__init__(optimizer, last_epoch, exponential, gamma=gamma, stage_length=stage_length, staged=staged)


class CosineAnnealingLR(LRScheduler):
    """From the rate down to `eta_min` in `T_max` steps, along half a wave of a cosine, and up again (5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        _counts(T_max=T_max)
        _not_negative(eta_min=eta_min)
        super().__init__(optimizer, last_epoch, cosine, T_max=T_max, eta_min=eta_min)


class NoamLR(LRScheduler):
    """The Transformer's schedule: a warm-up, then one over the root of the number of steps (6).

    With ``lr=1`` in the optimizer the rates are those of the paper; another `lr` multiplies them.
    """

    def __init__(
        self, optimizer: Optimizer, d_model: int = 512, warmup_steps: int = 4000, last_epoch: int = -1
    ) -> None:
        _counts(d_model=d_model, warmup_steps=warmup_steps)
        super().__init__(optimizer, last_epoch, noam, d_model=d_model, warmup_steps=warmup_steps)


class CosineWarmup(LRScheduler):
    """A warm-up of `warmup_steps`, then a cosine down to `eta_min` at `total_steps`, where it stays (7)."""

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        total_steps: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                f"warmup_steps must be at least 0 and below total_steps; they are {warmup_steps} and {total_steps}"
            )
        _not_negative(eta_min=eta_min)
        steps = {"warmup_steps": warmup_steps, "total_steps": total_steps}
        super().__init__(optimizer, last_epoch, cosine_with_warmup, **steps, eta_min=eta_min)


def _not_negative(**settings: float) -> None:
    for name, value in settings.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a finite number of 0 or more; it is {value}")


def _counts(**settings: int) -> None:
    for name, value in settings.items():
        if not (value >= 1 and value % 1 == 0):
            raise ValueError(f"{name} must be a whole number of at least 1; it is {value}")
