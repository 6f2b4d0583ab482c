"""Schedules of the learning rate: what each of them makes of one rate in 200 steps.

    python packages/nn/examples/schedulers.py [picture.png]

Every schedule moves the rate of one optimizer, and after every step the rate is read from there. Warm-ups begin below
the full rate, decays end below it; the last two do both. A cosine that is asked for more steps than its half wave goes
up again, one with a warm-up stays at its end. Draws all rates (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

STEPS, FULL, NOAM = 200, 0.1, "NoamLR\nup for 40 steps, then 1/√t"
makers = {
    "ConstantLR\na third for 50 steps": lambda o: nn.ConstantLR(o, factor=1 / 3, total_iters=50),
    "LinearLR\na warm-up of 100 steps": lambda o: nn.LinearLR(o, start_factor=0.05, total_iters=100),
    "StepLR\nhalved every 40 steps": lambda o: nn.StepLR(o, step_size=40, gamma=0.5),
    "ExponentialLR\nhalved in 40 steps": lambda o: nn.ExponentialLR(o, 0.5, stage_length=40),
    "CosineAnnealingLR\nhalf a wave in 150 steps": lambda o: nn.CosineAnnealingLR(o, T_max=150, eta_min=0.01),
    NOAM: lambda o: nn.NoamLR(o, d_model=512, warmup_steps=40),
    "CosineWarmup\n40 steps up, down until 150": lambda o: nn.CosineWarmup(o, 40, 150, eta_min=0.01),
}


def rates_of(make, lr):
    """The rate before each of the steps: _, () -> (200,)."""
    optimizer = nn.SGD([nn.Parameter(np.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


full = dict.fromkeys(makers, FULL) | {NOAM: FULL * np.sqrt(512 * 40)}  # NoamLR divides by √(D W)
rates = {name: rates_of(make, full[name]) for name, make in makers.items()}
for name, rate in rates.items():
    first, last = f"from {rate[0]:.4f} to {rate[-1]:.4f}", f"highest {rate.max():.4f} at step {rate.argmax()}"
    print(f"{name.splitlines()[0]:>17}: {first}, {last}")
steps, smooth, wave, noam, both = list(rates.values())[2:]
assert np.allclose(steps, smooth[np.arange(STEPS) // 40 * 40]), "StepLR is ExponentialLR seen every 40 steps"
assert np.isclose(wave[75], (FULL + 0.01) / 2), "half way in time is half way in the rate"
assert np.isclose(wave[150], 0.01), "after 150 steps a wave is at its lowest"
assert np.all(wave[151:] > wave[150:-1]), "and then it goes up again"
assert noam.argmax() == 39, "the 40th step is the longest one"
assert np.isclose(noam[159], noam[39] / 2), "after four times as many steps it is half as long"
assert np.all(both[150:] == 0.01), "with a warm-up it stays at its end"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "schedulers.png"
figure, panels = plt.subplots(2, 4, figsize=(11, 5.2), layout="constrained", sharex=True, sharey=True)
kinds = ["#edae49", "#edae49", "#30638e", "#30638e", "#30638e", "#d1495b", "#d1495b"]
for panel, (name, rate), colour in zip(panels.flat, rates.items(), kinds):
    panel.axhline(FULL, color="black", lw=0.8, ls=":")
    panel.fill_between(range(STEPS), rate, color=colour, alpha=0.15, lw=0)
    panel.plot(rate, color=colour, lw=2)
    panel.set_title(name, fontsize=10.5)
    panel.spines[["top", "right"]].set_visible(False)
key = panels.flat[-1]
key.set_axis_off()
words = {"#edae49": "low at first", "#30638e": "low in the end", "#d1495b": "both", "black": "the full rate"}
for row, (colour, word) in enumerate(words.items()):
    key.plot([5, 45], [0.085 - 0.022 * row] * 2, color=colour, lw=0.8 if row == 3 else 3, ls=":" if row == 3 else "-")
    key.text(58, 0.085 - 0.022 * row, word, va="center", fontsize=11)
panels[0, 0].set(ylim=(0, 0.11), xlim=(0, STEPS), xticks=(0, 50, 100, 150))
figure.supxlabel("step", fontsize=11)
figure.supylabel("learning rate", fontsize=11)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
