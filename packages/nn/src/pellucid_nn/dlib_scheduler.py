"""The scheduler of dlib (the "King" scheduler): lower the rate when the loss has stopped falling.

Whether a noisy loss still falls is a question for a statistical test. A line is fitted to the last n losses; if its
slope may as well be positive as negative, these n steps have brought nothing. The rate falls when that is so for more
steps than one has patience for: no schedule has to be guessed, and plateaus of any height are found.

For losses yᵢ at the steps xᵢ, taken as a line with independent normal noise around it, the slope of least squares, the
variance of the noise and that of the slope are

    β = Σᵢ (xᵢ − x̄) (yᵢ − ȳ) / Σᵢ (xᵢ − x̄)²                                                      (1)
    s² = Σᵢ (yᵢ − ȳ − β (xᵢ − x̄))² / (n − 2)                                                     (2)
    v = s² / Σᵢ (xᵢ − x̄)²,        = 12 s² / (n³ − n) for n steps in a row                        (3)

and the true slope is negative with the probability, Φ being the normal distribution,

    P(slope < 0) = Φ(−β / √v)                                                                    (4)

Losses of which the last n have a P below 0.51 for some large n have not fallen for long:

    steps without decrease = max { n ≥ 3 : P(slope of the last n losses < 0) < p }               (5)

One loss far above the rest tilts the line: early among the n steps it feigns a decrease, late it hides one. So the test
is made twice, with all losses and without the largest tenth of them (6), and the rate falls only if both find no
decrease for `patience` steps (7):

    yᵢ is kept if yᵢ ≤ quantile of y at 1 − q                                                    (6)
    ηⱼ ← min(ηⱼ, max(f ηⱼ, ηₘᵢₙ)) in every group j, and the losses so far are forgotten          (7)

On a plateau P is uniform between 0 and 1, so about every second test finds no decrease and a drop comes soon after
`patience` steps. If the loss falls by k standard deviations of its slope, one test with all losses finds no decrease
with the probability Φ(0.025 − k): 0.1 % at k = 3.

Symbols
-------
    paper   code                     shape   meaning
    x, y    x, y, steps, losses      (N,)    numbers of the steps, and the losses there
    β       slope                    ()      slope of the line of least squares
    s²      noise                    ()      variance of the losses around the line
    v       variance                 ()      variance of β
    P       probability_of_decrease  ()      that the true slope is negative
    p       probability              ()      below which the loss counts as not falling
    q       discard                  ()      share of the largest losses that is left out
    f       factor                   ()      what the rates are multiplied by
    ηₘᵢₙ    min_lr                   ()      no rate is lowered below this

Cost: O(H) time and memory for each step, where H, at most 2 `patience`, losses are kept.

References
----------
    King (2018), "Automatic learning rate scheduling that really works", the blog of dlib: the test, p = 0.51, and the
    largest tenth left out.
Differs from it: losses that are kept keep the numbers of their steps, the quantile interpolates, at most 2 `patience`
losses are remembered, all are forgotten after a drop, and the test is made at every step. A loss that is not finite is
a step without an observation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid_nn.optimizer import Optimizer
from pellucid_nn.settings import at_least_zero, counts, number

KEPT = ("patience", "factor", "probability", "discard", "min_lr")  # the settings


def probability_of_decrease(steps: NDArray[Any], losses: NDArray[Any]) -> float:
    """How likely the line behind noisy losses falls, for three losses or more: (N,), (N,) -> ()."""
    x, y = steps - steps.mean(), losses - losses.mean()  # (N,), (N,)
    # mutate: arguments equivalent because the inner product is symmetric
    slope = (x @ y) / (x @ x)  #                                                                  (1)
    noise = np.sum((y - slope * x) ** 2) / (len(x) - 2)  #                                        (2)
    variance = noise / (x @ x)  #                                                                 (3)
    if variance == 0:
        return float(slope < 0) if slope else 0.5
    return NormalDist().cdf(-slope / math.sqrt(variance))  #                                      (4)


def kept(losses: NDArray[Any], discard: float) -> NDArray[np.bool_]:
    """Which losses to fit the line to: (N,), () -> (N,)."""
    finite: NDArray[np.bool_] = np.isfinite(losses)  # (N,)
    if not finite.any():
        return finite
    finite &= losses <= np.quantile(losses[finite], 1 - discard)  #                               (6)
    return finite


def steps_without_decrease(losses: ArrayLike, probability: float = 0.51, discard: float = 0.0) -> int:
    """For how many steps, counted from the last, the losses have not fallen, as the equations say it.

    Parameters
    ----------
    losses : array, shape (N,)
        In the order of the steps.
    probability : float
        p: less is no decrease.
    discard : float
        Share q of the largest losses that are left out of the fit.
    """
    y = np.asarray(losses, np.float64)
    x, keep, longest = np.arange(len(y)), kept(y, discard), 0
    for n in range(3, len(y) + 1):
        last = x[-n:][keep[-n:]]  # steps among the last n that are kept
        if len(last) >= 3 and probability_of_decrease(last, y[last]) < probability:
            longest = n  #                                                                        (5)
    return longest


def steps_without_decrease_by_sums(losses: ArrayLike, probability: float = 0.51, discard: float = 0.0) -> int:
    """The same in O(N): sums over the last n losses for all n at once, from the back.

    The losses are taken less the last one of them, so that what is subtracted in the sums is small where n is.
    """
    y = np.asarray(losses, np.float64)[::-1]
    keep = kept(y, discard)
    if keep.sum() < 3:
        return 0
    y = np.where(keep, y - y[keep][0], 0.0)
    x = np.where(keep, np.arange(len(y)), 0.0)  # steps counted back: slopes change their sign
    n, sum_x, sum_y, sum_xx, sum_xy, sum_yy = np.cumsum([keep, x, y, x * x, x * y, y * y], axis=1)  # (N,) each
    with np.errstate(divide="ignore", invalid="ignore"):
        xx, xy, yy = sum_xx - sum_x**2 / n, sum_xy - sum_x * sum_y / n, sum_yy - sum_y**2 / n
        fall = xy / xx  #                                                                         (1)
        noise = np.maximum(yy - fall * xy, 0) / (n - 2)  #                                        (2)
        z = np.where(xy == 0, 0.0, fall / np.sqrt(noise / xx))  #                                 (3) (4)
    none = np.flatnonzero((n >= 3) & (z < NormalDist().inv_cdf(probability)))  #                  (4) (5)
    return int(none[-1]) + 1 if len(none) else 0  #                                               (5)


class DlibScheduler:
    """Multiplies the rates by `factor` when the loss has not fallen for `patience` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates fall.
    patience : int
        Steps without decrease that are too many; at least 3.
    factor : float
        f, in [0, 1).
    probability : float
        p, in (0, 1): the loss counts as falling while that is at least this likely.
    discard : float
        q, in [0, 1): share of the largest losses that the second test leaves out.
    min_lr : float
        No rate falls below this.

    Attributes
    ----------
    last_epoch : int
        Steps so far.
    losses : ndarray
        The last losses, since the rates last fell.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        patience: int = 2000,
        factor: float = 0.1,
        *,
        probability: float = 0.51,
        discard: float = 0.1,
        min_lr: float = 0.0,
    ) -> None:
        settings = {"patience": patience, "factor": factor, "probability": probability, "discard": discard}
        _check(settings | {"min_lr": min_lr})
        self.optimizer, self.patience, self.factor = optimizer, int(patience), factor
        self.probability, self.discard, self.min_lr = probability, discard, min_lr
        self.last_epoch = 0
        self.losses = np.zeros(0)

    def step(self, loss: float) -> None:
        """Take note of the loss of a step, and lower the rates if it no longer falls.

        Parameters
        ----------
        loss : float
            Of this batch or epoch: noise is allowed for.
        """
        self.last_epoch += 1
        self.losses = np.append(self.losses[1 - 2 * self.patience :], float(loss))
        if len(self.losses) >= self.patience and all(
            steps_without_decrease_by_sums(self.losses, self.probability, discard) >= self.patience  #  (5) (6)
            for discard in (0.0, self.discard)
        ):
            for group in self.optimizer.param_groups:
                group["lr"] = min(group["lr"], max(self.factor * group["lr"], self.min_lr))  #    (7)
            # mutate: sign, factor equivalent because nothing is left
            self.losses = self.losses[:0]  #                                                      (7)

    def get_last_lr(self) -> list[float]:
        """The rate of every group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs: the settings, the number of steps, the losses kept and the rates."""
        settings = {name: getattr(self, name) for name in KEPT}
        return settings | {"last_epoch": self.last_epoch, "losses": self.losses.copy(), "rates": self.get_last_lr()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict` returned, rates included.

        Raises
        ------
        ValueError, TypeError
            If something is missing, the number of groups differs, or a setting makes no sense; nothing is changed then.
        """
        missing = sorted({*KEPT, "last_epoch", "losses", "rates"} - set(state))
        groups = self.optimizer.param_groups
        if missing or len(state["rates"]) != len(groups):
            came = f"it lacks {missing}" if missing else f"it has {len(state['rates'])} rates for {len(groups)} groups"
            raise ValueError(f"this is no state of a DlibScheduler with these groups: {came}")
        _check(state)
        counts(state, "last_epoch", least=0)
        for rate in state["rates"]:
            at_least_zero({"a rate": rate}, "a rate")
        losses = np.array(state["losses"], np.float64)
        if losses.ndim != 1:
            raise ValueError(f"the losses of a DlibScheduler are one row of numbers; they have shape {losses.shape}")
        vars(self).update({name: state[name] for name in (*KEPT, "last_epoch")})
        self.losses = losses
        for group, rate in zip(groups, state["rates"], strict=True):
            group["lr"] = rate

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)}" for name in KEPT)
        return f"DlibScheduler({settings}, last_epoch={self.last_epoch})"


def _check(settings: Mapping[str, Any]) -> None:
    patience, factor, probability, discard = (number(name, settings[name]) for name in KEPT[:4])
    if not (patience >= 3 and patience % 1 == 0):
        raise ValueError(f"patience must be a whole number of at least 3, as for a line; it is {settings['patience']}")
    if not (0 <= factor < 1 and 0 < probability < 1 and 0 <= discard < 1):
        raise ValueError(
            f"factor and discard must be at least 0 and below 1, probability between 0 and 1; they are "
            f"{settings['factor']}, {settings['discard']} and {settings['probability']}"
        )
    at_least_zero(settings, "min_lr")
