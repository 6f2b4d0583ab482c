"""How sure is a prediction?  Bands that narrow as data come in, and intervals that hold as often as they say.

    python packages/linear/examples/bayesian_linear_regression.py [picture.png]

Targets are drawn around a known curve, and ten bumps are fitted to them, whose weights have a normal prior. Draws (with
matplotlib, if there is one) what is known of the curve after 4, 12 and 60 points, the posterior of each panel being the
prior of the next: the band is wide where no point has been. Below, the diabetes data: with every further patient the
interval for the next one narrows to what the noise leaves, and about 90 % of unseen patients lie in the 90 % interval.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear.bayesian_linear_regression import BayesianLinearRegression

rng = np.random.default_rng(1)
centres = np.linspace(0, 1, 10)


def truth(x):
    return np.sin(2 * np.pi * x) + 0.5 * x


def bumps(x):
    return np.exp(-0.5 * ((x[:, None] - centres) / 0.1) ** 2)  # (N, 10)


x = np.concatenate([rng.uniform(0, 0.6, 12), rng.uniform(0, 1, 48)])
y = truth(x) + 0.2 * rng.normal(size=60)
grid, model, panels_of = np.linspace(0, 1, 300), BayesianLinearRegression(0.2**2, prior_precision=1.0), []
for start, end in ((0, 4), (4, 12), (12, 60)):
    model.partial_fit(bumps(x[start:end]), y[start:end])
    bands = [model.predict_interval(bumps(grid), 0.9, of_mean=of_mean) for of_mean in (False, True)]
    draws = model.sample(5, random_state=0)
    panels_of.append((end, model.predict(bumps(grid)), *bands, bumps(grid) @ draws.coef.T + draws.intercept))
    print(f"{end:2} points: log evidence {model.log_marginal_likelihood_:.1f}", end="  ")
    print(f"width of the band at 0.9: {np.ptp(model.predict_interval(bumps(np.array([0.9])), 0.9, of_mean=True)):.2f}")

data = pellucid.dataset("diabetes")
rows = np.random.default_rng(0).permutation(len(data.y))
seen, unseen = rows[:221], rows[221:]
sizes, widths, shares = np.unique(np.geomspace(15, 221, 25).astype(int)), [], []
for size in sizes:
    some = BayesianLinearRegression().fit(data.X[seen[:size]], data.y[seen[:size]])  # σ² unknown, flat priors
    low, high = some.predict_interval(data.X[unseen], 0.9)
    widths.append(np.median(high - low))
    shares.append(np.mean((low < data.y[unseen]) & (data.y[unseen] < high)))
print(f"after {size} patients the 90 % interval is {widths[-1]:.0f} wide and holds {shares[-1]:.1%} of unseen patients")
assert abs(shares[-1] - 0.9) < 0.04

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "bayesian_linear_regression.png"
figure = plt.figure(figsize=(11, 7.4), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=[1.15, 1])
panels = upper.subplots(1, 3, sharey=True)
for panel, (end, mean, target, curve, draws) in zip(panels, panels_of):
    panel.fill_between(grid, *target, color="#30638e", alpha=0.12, linewidth=0, label="90 % of targets")
    panel.fill_between(grid, *curve, color="#30638e", alpha=0.3, linewidth=0, label="90 % for the curve")
    panel.plot(grid, draws, color="#30638e", linewidth=0.6, alpha=0.7)
    panel.plot(grid, mean, color="#30638e", linewidth=2, label="mean, and five draws")
    panel.plot(grid, truth(grid), color="black", linestyle="--", label="truth")
    panel.plot(x[:end], y[:end], "o", color="#d1495b", markersize=4)
    panel.set(title=f"{end} points", xlabel="x", ylim=(-3.5, 3.5))
panels[2].legend(loc="lower left", fontsize=8)
left, right = lower.subplots(1, 2, sharex=True)
left.plot(sizes, widths, color="#30638e")
left.set(xscale="log", xlabel="patients seen", ylabel="width", title="width of the 90 % interval of a prediction")
left.set_ylim(0)
right.plot(sizes, shares, color="#30638e", marker="o", markersize=3)
right.axhline(0.9, color="black", linestyle="--")
right.set(xscale="log", xlabel="patients seen", title="share of 221 unseen patients in their interval", ylim=(0.5, 1))
for panel in (left, right):
    panel.set_xticks([20, 50, 100, 200], ["20", "50", "100", "200"], minor=False)
    panel.minorticks_off()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
