"""What holds a network back: L1 makes weights vanish, L2 makes them small, and a limit saves a step at a cliff.

    python packages/nn/examples/penalties.py [picture.png]

Of thirty inputs only five matter. Without a penalty all thirty get a weight; L2 shrinks all of them; the slope of L1
does not fade, and takes those that do not matter to 0. Beside the valley of a recurrent unit there is a cliff: its
gradient is so long that one step undoes all the others. Shortened, it still points the same way, and the descent goes
on. Draws how weights shrink as a penalty grows, and the two descents (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

rng = np.random.default_rng(0)
N, D = 60, 30
truth = np.zeros(D)
truth[:5] = 2.0, -1.5, 1.0, -0.8, 0.5
X = rng.normal(size=(N, D))
t = X @ truth + 0.7 * rng.normal(size=N)


def learn(penalty, strength, steps=300):
    """Weights that make the mean squared error plus the penalty small: _ -> (30,)."""
    layer = nn.Linear(D, 1, bias=False, rng=0)
    optimizer, loss = nn.SGD(layer.parameters(), lr=0.1), nn.MSELoss()
    rates = nn.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(layer(X)[:, 0], t).backward()
        nn.add_penalty_gradients(layer, **{penalty: strength})
        optimizer.step()
        rates.step()
    return layer.weight.data[0]


strengths = np.geomspace(0.01, 5, 12)
paths = {penalty: np.array([learn(penalty, s) for s in strengths]) for penalty in ("l1", "l2")}
for name, w in {"none": learn("l1", 0.0), "L1": paths["l1"][6], "L2": paths["l2"][6]}.items():
    print(f"{name:>4}: {np.sum(np.abs(w) < 0.02):2d} of 30 weights below 0.02, largest {np.abs(w).max():.2f}")
w, strength = paths["l1"][6], strengths[6]
gradient = 2 * X.T @ (X @ w - t) / N  # of the loss alone
zero = np.abs(w) < 0.02
assert zero[5:].sum() >= 18 and not zero[:5].any(), w
assert np.all(np.abs(gradient[zero]) < strength + 0.05), "at 0, the loss pulls less than the penalty"
assert np.allclose(gradient[~zero], -strength * np.sign(w[~zero]), atol=0.05), "elsewhere both pull alike"
ridge = np.linalg.solve(2 * X.T @ X / N + strength * np.eye(D), 2 * X.T @ t / N)
assert np.allclose(paths["l2"][6], ridge, atol=0.02), "L2 is ridge regression"


def recurrent(w, b):
    """Squared distance from 0.7 of what x ← σ(w x + b) comes to in 25 steps from 0.5."""
    x = 0.5
    for _ in range(25):
        x = 1 / (1 + np.exp(-w * x - b))
    return (x - 0.7) ** 2


def descend(limit, steps=110):
    """Where w and b are after each step, and how long the gradients were before they were shortened."""
    theta = nn.Parameter(np.array([7.0, -2.5]))
    optimizer = nn.SGD([theta], lr=1.0)
    path, lengths = [theta.data.copy()], []
    for _ in range(steps):
        optimizer.zero_grad()
        recurrent(theta[0], theta[1]).backward()
        lengths.append(nn.clip_grad_norm_([theta], limit))
        optimizer.step()
        path.append(theta.data.copy())
    return np.array(path), np.array(lengths)


wild, wild_lengths = descend(limit=np.inf)
tame, _ = descend(limit=0.3)
longest = wild_lengths.argmax()
for name, path in (("as it is", wild), ("at most 0.3", tame)):
    jump = np.linalg.norm(np.diff(path, axis=0), axis=1).max()
    print(
        f"gradient {name:>11}: longest step {jump:.2f}, loss {recurrent(*path[0]):.3f}, then {recurrent(*path[-1]):.3f}"
    )
assert np.allclose(wild[: longest + 1], tame[: longest + 1]), "short gradients are left alone"
ours, theirs = (np.diff(path, axis=0)[longest] for path in (tame, wild))
assert np.isclose(np.linalg.norm(ours), 0.3) and np.isclose(ours[0] * theirs[1], ours[1] * theirs[0])
assert recurrent(*tame[-1]) < 0.05 < 0.4 < recurrent(*wild[-1])

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "penalties.png"
figure = plt.figure(figsize=(11, 5.4), layout="constrained")
grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.25))
titles = {"l1": "L1: one weight after another is 0", "l2": "L2: all of them shrink, none is 0"}
for row, (penalty, title) in enumerate(titles.items()):
    panel = figure.add_subplot(grid[row, 0])
    panel.plot(strengths, paths[penalty][:, 5:], color="#b8c4cc", lw=1)
    panel.plot(strengths, paths[penalty][:, :5], color="#30638e", lw=2)
    panel.plot([], [], color="#30638e", lw=2, label="inputs that matter")
    panel.plot([], [], color="#b8c4cc", lw=1, label="the others")
    panel.set(title=title, xscale="log", ylabel="weight", xlabel="penalty λ" if row else None, ylim=(-3, 2.2))
    panel.spines[["top", "right"]].set_visible(False)
    if row == 0:
        panel.legend(frameon=False, loc="lower right", fontsize=9)
cliff = figure.add_subplot(grid[:, 1])
w, b = np.meshgrid(np.linspace(2, 9, 281), np.linspace(-8, 0, 321))
shades = matplotlib.colors.LinearSegmentedColormap.from_list("", ["#ffffff", "#a3ccd5", "#4d7c92"])
image = cliff.contourf(w, b, recurrent(w, b), levels=np.linspace(0, 0.5, 26), cmap=shades)
cliff.plot(*wild.T, color="#d1495b", lw=1.5, marker="o", ms=4, label="gradient as it is")
cliff.plot(*tame.T, color="#edae49", lw=1.5, marker="o", ms=4, label="at most 0.3 long")
cliff.plot(7.0, -2.5, color="black", marker="o", ms=8)
cliff.legend(frameon=True, loc="lower right")
cliff.set(title="descents beside a cliff", xlabel="weight w of a recurrent unit", ylabel="its bias b")
figure.colorbar(image, ax=cliff, label="loss", ticks=(0, 0.25, 0.5))
figure.savefig(path, dpi=120)
print(f"picture: {path}")
