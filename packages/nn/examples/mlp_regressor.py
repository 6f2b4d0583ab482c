"""Diabetes: how far a disease has gone after a year, by a multilayer perceptron that knows when to stop.

    python packages/nn/examples/mlp_regressor.py [picture.png]

With 442 patients a network can learn its rows by heart. Early stopping holds some of them out and keeps the layers of
the epoch that did best on these. Draws predictions beside measurements, and the score that it watched (with matplotlib,
if there is one).
"""

import sys
import warnings

import numpy as np

import pellucid
from pellucid_nn import MLPRegressor
from pellucid_nn.mlp import ConvergenceWarning

X, y = pellucid.dataset("diabetes")
order = np.random.default_rng(0).permutation(len(X))
held, learn = order[: len(X) // 5], order[len(X) // 5 :]
X = (X - X[learn].mean(axis=0)) / X[learn].std(axis=0)
mean, spread = y[learn].mean(), y[learn].std()
t = (y - mean) / spread

settings = {"hidden_layer_sizes": (100,), "learning_rate_init": 0.003, "random_state": 0}
stopped = MLPRegressor(**settings, early_stopping=True, validation_fraction=0.2, n_iter_no_change=30)
by_heart = MLPRegressor(**settings, max_iter=400, alpha=0.0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    scores = {}
    for name, model in (("early stopping", stopped), ("by heart", by_heart)):
        scores[name] = [model.fit(X[learn], t[learn]).score(X[rows], t[rows]) for rows in (learn, held)]
for name, (on_learnt, on_held) in scores.items():
    print(f"{name:>14}: explains {on_learnt:.0%} of the variance of its rows, {on_held:.0%} of others'")
assert scores["early stopping"][1] > 0.35 > scores["by heart"][1], scores

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "mlp_regressor.png"
figure, panels = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for panel, (name, model) in zip(panels, (("early stopping", stopped), ("by heart", by_heart))):
    for rows, colour, label in ((learn, "#edae49", "learnt from"), (held, "#30638e", "held out")):
        panel.scatter(y[rows], mean + spread * model.predict(X[rows]), s=14, color=colour, alpha=0.7, label=label)
    panel.plot([25, 350], [25, 350], color="black", lw=0.8)
    panel.set(title=f"{name}: R² = {scores[name][1]:.2f} on rows held out", xlabel="measured", ylabel="predicted")
    panel.legend(frameon=False)
panels[2].plot(stopped.validation_scores_, color="#30638e")
panels[2].set(title="R² on the rows that early stopping watches", xlabel="epoch", ylim=(-0.1, 0.7))
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
