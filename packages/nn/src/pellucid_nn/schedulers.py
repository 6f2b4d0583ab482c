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
group starts from its own η₀, kept in the group as "initial_lr". What else changes the rate η of a group, a second
scheduler or a hand, stays in it as a factor:

    η ← e + (η − e) mₜ / mₜ₋₁        with mₜ what ηₜ would be for η₀ = 1 and e = 0               (8)

with e = 0 in all schedules that have none. As ηₜ = e + (η₀ − e) mₜ, an η that is ηₜ₋₁ becomes ηₜ. Where mₜ₋₁ is 0, η
grows by (η₀ − e) mₜ instead.

Symbols
-------
    paper   code                          shape   meaning
    t       t, last_epoch                 ()      calls of `step` so far, from 0
    η₀      base, base_lrs                ()      the group's rate when the first scheduler was built
    ηₜ      rate_at                       ()      the rate after t calls
    mₜ      share, before, after          ()      the same, for η₀ = 1 and e = 0
    η       lr                            ()      the group's rate
    f, h    factor, start_factor,         ()      shares of η₀ at the start and at the end
            end_factor
    T       total_iters, T_max,           ()      how many steps the change takes
            total_steps
    γ       gamma                         ()      factor per stage
    S       step_size, stage_length       ()      length of a stage
    e       eta_min, lowest               ()      the lowest rate
    D       d_model                       ()      width of the Transformer
    W       warmup_steps                  ()      steps of the warm-up

Cost: O(1) time and memory for each group and step.

References
----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", eq. 5: (5), without restarts.
    Vaswani et al. (2017), "Attention is all you need", eq. 3: (6), named for Noam Shazeer; ours counts steps from 0.
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour": warm-up as in (2) and (7).
Differs from them: as PyTorch in (1)-(5) and (8), names included. PyTorch always multiplies the rate of the step before;
ours rounds once where a scheduler is alone. Built with last_epoch, ours goes on as if nothing had happened; PyTorch's
StepLR and ConstantLR multiply once more if that very step changed the rate. In (8) an mₜ below 10⁻³⁰⁸ is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero, counts, flags, number


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


def moved(lr: float, base: float, before: float, after: float, lowest: float = 0.0) -> float:
    """A rate after a step that takes the share of the schedule from `before` to `after`."""
    if before == 0:
        return lr + (base - lowest) * after
    return lowest + (lr - lowest) * after / before  #                                             (8)


class LRScheduler:
    """What the schedulers share: a rate for every group of an optimizer, as a function of the number of steps.

    Several may work on one optimizer, stepped together or one after another: they multiply.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set, at once and by every `step`.
    last_epoch : int
        Steps taken before, less one; −1 starts anew, from the rates that the groups have now. To go on, load the
        optimizer's state first: its groups must have the rates of that step, and "initial_lr".
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
        if not (number("last_epoch", last_epoch) >= -1 and last_epoch % 1 == 0):
            raise ValueError(f"last_epoch must be −1 for a new schedule, or the number of a step; it is {last_epoch}")
        if last_epoch >= 0 and not all("initial_lr" in group for group in optimizer.param_groups):
            raise ValueError(
                f"to go on at last_epoch = {last_epoch} every group must say the rate it started from: load the "
                f'optimizer\'s state, or set group["initial_lr"] in optimizer.param_groups'
            )
        self.check(settings)
        self.optimizer, self.last_epoch = optimizer, int(last_epoch) + 1
        self._rate, self._settings = rate, tuple(settings)
        vars(self).update(settings)
        for group in optimizer.param_groups if self.last_epoch == 0 else ():
            lr = float(group["lr"])
            base = group.setdefault("initial_lr", lr)
            group["lr"] = self.rate_at(base, 0) if lr == base else moved(lr, base, 1.0, self.share(0), self.lowest(0))

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError or TypeError if the settings make no sense."""

    def lowest(self, t: int) -> float:
        """e in (8), on the way to step `t`."""
        return 0.0

    def rate_at(self, base: float, t: int, **others: float) -> float:
        """The rate after `t` steps of a group that starts at `base`, with these settings or some others."""
        return float(self._rate(base, t, **{name: getattr(self, name) for name in self._settings} | others))

    def share(self, t: int) -> float:
        """The rate after `t` steps from 1 towards 0."""
        return self.rate_at(1.0, t, **{"eta_min": 0.0} if "eta_min" in self._settings else {})

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

        Raises
        ------
        TypeError
            If a whole number is given, which must be meant as the number of a step.
        """
        if isinstance(loss, Integral):
            raise TypeError(
                f"a scheduler counts its steps itself, and a loss is a float; got {loss}: call step() without it, or "
                f"build the scheduler with last_epoch to begin at a given step"
            )
        self.last_epoch = t = self.last_epoch + 1
        for group in self.optimizer.param_groups:
            lr = float(group["lr"])
            base = group.setdefault("initial_lr", lr)
            if lr == self.rate_at(base, t - 1):  # nothing else has moved it: no rounding adds up
                group["lr"] = self.rate_at(base, t)
            else:
                group["lr"] = moved(lr, base, self.share(t - 1), self.share(t), self.lowest(t))

    def get_last_lr(self) -> list[float]:
        """The rate of every group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs: the settings, the number of steps, every group's first rate and its last."""
        settings = {name: getattr(self, name) for name in self._settings}
        return settings | {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs, "_last_lr": self.get_last_lr()}

    beyond_pytorch: Mapping[str, Any] = {}  # settings that a state of PyTorch lacks, and what they are there

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state of `state_dict`, or of the same scheduler in PyTorch, and set the rates to match.

        Raises
        ------
        ValueError, TypeError
            If something is missing or unknown, as in the state of another kind of scheduler, the number of groups
            differs, or a setting makes no sense; nothing is changed then.
        """
        state = {**self.beyond_pytorch, **state}
        public = {name for name in state if not name.startswith("_")} - {"verbose"}  # PyTorch has more of its own
        known = {"last_epoch", "base_lrs", *self._settings}
        if public != known:
            raise ValueError(
                f"the state of a {type(self).__name__} has {sorted(known)}; this one lacks {sorted(known - public)}, "
                f"and what it has more is {sorted(public - known)}"
            )
        groups, bases = self.optimizer.param_groups, list(state["base_lrs"])
        rates = list(state.get("_last_lr", bases))
        if not len(bases) == len(rates) == len(groups):
            raise ValueError(f"the state is of {len(bases)} groups with {len(rates)} rates; here are {len(groups)}")
        settings = {name: state[name] for name in self._settings}
        self.check(settings)
        counts(state, "last_epoch", least=0)
        for rate in (*bases, *rates):
            at_least_zero({"a rate": rate}, "a rate")
        vars(self).update(settings)
        self.last_epoch = int(state["last_epoch"])
        for group, base, rate in zip(groups, bases, rates, strict=True):
            group["initial_lr"] = float(base)
            group["lr"] = float(rate) if "_last_lr" in state else self.rate_at(float(base), self.last_epoch)

    def __repr__(self) -> str:
        settings = [f"{name}={getattr(self, name)}" for name in self._settings]
        return f"{type(self).__name__}({', '.join([*settings, f'last_epoch={self.last_epoch}'])})"


class ConstantLR(LRScheduler):
    """A share `factor` of the rate for `total_iters` steps, then all of it (1)."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        super().__init__(optimizer, last_epoch, constant, factor=factor, total_iters=total_iters)

    def check(self, settings: Mapping[str, Any]) -> None:
        at_least_zero(settings, "factor")
        counts(settings, "total_iters")


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
        factors = {"start_factor": start_factor, "end_factor": end_factor}
        super().__init__(optimizer, last_epoch, linear, **factors, total_iters=total_iters)

    def check(self, settings: Mapping[str, Any]) -> None:
        at_least_zero(settings, "start_factor", "end_factor")
        counts(settings, "total_iters")


class StepLR(LRScheduler):
    """The rate is multiplied by `gamma` every `step_size` steps (3)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        super().__init__(optimizer, last_epoch, stepwise, step_size=step_size, gamma=gamma)

    def check(self, settings: Mapping[str, Any]) -> None:
        counts(settings, "step_size")
        at_least_zero(settings, "gamma")


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
        super().__init__(optimizer, last_epoch, exponential, gamma=gamma, stage_length=stage_length, staged=staged)

    beyond_pytorch: Mapping[str, Any] = {"stage_length": 1, "staged": False}

    def check(self, settings: Mapping[str, Any]) -> None:
        at_least_zero(settings, "gamma")
        counts(settings, "stage_length")
        flags(settings, "staged")


class CosineAnnealingLR(LRScheduler):
    """From the rate down to `eta_min` in `T_max` steps, along half a wave of a cosine, and up again (5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        super().__init__(optimizer, last_epoch, cosine, T_max=T_max, eta_min=eta_min)

    def check(self, settings: Mapping[str, Any]) -> None:
        counts(settings, "T_max")
        at_least_zero(settings, "eta_min")

    def lowest(self, t: int) -> float:
        return float(vars(self)["eta_min"])


class NoamLR(LRScheduler):
    """The Transformer's schedule: a warm-up, then one over the root of the number of steps (6).

    With ``lr=1`` in the optimizer the rates are those of the paper; another `lr` multiplies them.
    """

    def __init__(
        self, optimizer: Optimizer, d_model: int = 512, warmup_steps: int = 4000, last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer, last_epoch, noam, d_model=d_model, warmup_steps=warmup_steps)

    def check(self, settings: Mapping[str, Any]) -> None:
        counts(settings, "d_model", "warmup_steps")


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
        steps = {"warmup_steps": warmup_steps, "total_steps": total_steps}
        super().__init__(optimizer, last_epoch, cosine_with_warmup, **steps, eta_min=eta_min)

    def check(self, settings: Mapping[str, Any]) -> None:
        warmup_steps, total_steps = (number(name, settings[name]) for name in ("warmup_steps", "total_steps"))
        if not 0 <= warmup_steps < total_steps < math.inf:
            raise ValueError(
                f"warmup_steps must be at least 0 and below total_steps; they are {settings['warmup_steps']} and "
                f"{settings['total_steps']}"
            )
        at_least_zero(settings, "eta_min")

    def lowest(self, t: int) -> float:
        own = vars(self)
        return float(own["eta_min"]) if t > own["warmup_steps"] else 0.0
