"""A noisy loss, the steps for which it has not fallen, and the rate that drops when these are too many.

    python packages/nn/examples/dlib_scheduler.py [picture.png]

Stochastic gradient descent falls until its own noise holds it up: how high that plateau is depends on the rate. Nobody
tells the scheduler when it is reached; it sees only losses with noise on them. Whenever 150 of them in a row may as
well rise as fall, it takes three tenths of the rate, and the loss falls on. Draws the losses with and without the
scheduler, what its test counts, and the rate (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid_nn.dlib_scheduler import steps_without_decrease_by_sums

STEPS, PATIENCE, D = 1200, 150, 100


def descend(patience=None):
    """Losses, rates and counts of SGD on ‖θ‖²/2 whose gradients have noise; without a patience the rate stays."""
    rng = np.random.default_rng(0)
    theta = nn.Parameter(np.full(D, 3.0))
    optimizer = nn.SGD([theta], lr=0.1)
    scheduler = nn.DlibScheduler(optimizer, patience, factor=0.3) if patience else None
    losses, rates, counts = [], [], []
    for _ in range(STEPS):
        loss = 0.5 * (theta**2).sum()
        losses.append(loss.item() * rng.lognormal(0, 0.2))  # what a mini-batch would show
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        (loss + theta @ (3 * rng.normal(size=D))).backward()
        optimizer.step()
        if scheduler:
            known = np.append(scheduler.losses, losses[-1])[-2 * patience :]
            counts.append(min(steps_without_decrease_by_sums(known, discard=q) for q in (0.0, 0.1)))
            scheduler.step(losses[-1])  # lowers the rate if the count has reached the patience
    return np.array(losses), np.array(rates), np.array(counts)


fixed, _, _ = descend()
losses, rates, counts = descend(PATIENCE)
drops = np.flatnonzero(np.diff(rates)) + 1
plateau = fixed[-500:].mean()
for drop in drops:
    mean = losses[drop - 100 : drop].mean()
    print(f"step {drop}: the last 100 losses have the mean {mean:.2f}; the rate drops to {rates[drop]:.4f}")
print(f"the last 100 losses: {losses[-100:].mean():.2f}; with the first rate throughout {fixed[-100:].mean():.2f}")
assert len(drops) >= 2, drops
assert np.array_equal(drops, np.flatnonzero(counts >= PATIENCE) + 1), "the rate drops when the count says so"
assert losses[drops[0] - 100 : drops[0]].mean() < 1.1 * plateau, "no drop before the plateau"
assert losses[-100:].mean() < 0.2 * plateau, "lower rates bring lower losses"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "dlib_scheduler.png"
figure, panels = plt.subplots(
    3, 1, figsize=(9.5, 6.4), layout="constrained", sharex=True, gridspec_kw={"height_ratios": (2.2, 1.2, 1)}
)
panels[0].plot(fixed, color="#edae49", lw=0.7, label="the rate stays as it is")
panels[0].plot(losses, color="#30638e", lw=0.7, label="the rate drops")
panels[0].set(title="the loss falls, rests on a plateau, and falls on when the rate drops", ylabel="loss", yscale="log")
panels[0].legend(frameon=False, loc="lower left")
panels[1].fill_between(range(STEPS), counts, color="#00798c", alpha=0.3, lw=0)
panels[1].plot(counts, color="#00798c", lw=0.8)
panels[1].axhline(PATIENCE, color="#d1495b", lw=1)
panels[1].text(STEPS, PATIENCE + 5, "patience", color="#d1495b", ha="right", va="bottom")
panels[1].set(title="for how many steps it has not fallen, as the test says", ylabel="steps", ylim=(0, 220))
panels[2].step(range(STEPS), rates, color="#003d5b", where="post")
panels[2].set(title="rate", ylabel="rate", xlabel="step", yscale="log", xlim=(0, STEPS))
for panel in panels:
    for drop in drops:
        panel.axvline(drop, color="#d1495b", lw=0.8, ls=":")
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
