"""The three spirals: a network of two layers draws a boundary that no straight line could.

    python packages/nn/examples/spirals.py [picture.png]

Trains Linear-Tanh-Linear-Tanh-Linear with Adam and the Trainer, which keeps the parameters of the epoch that was best
on points of its own. Draws what the network answers after 5 and after all epochs, and the loss (with matplotlib, if
there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import Adam, CrossEntropyLoss, Linear, Sequential, Tanh, Trainer

train, validation, test = (pellucid.dataset("spirals", n_samples=300, seed=seed) for seed in (0, 1, 2))

rng = np.random.default_rng(0)
net = Sequential(Linear(2, 64, rng=rng), Tanh(), Linear(64, 64, rng=rng), Tanh(), Linear(64, 3, rng=rng))
trainer = Trainer(net, CrossEntropyLoss(), Adam(net.parameters(), lr=0.01), rng=rng)


def accuracy(output, target):
    """Share of the rows whose largest output is that of their class."""
    return np.mean(output.argmax(axis=1) == target)


side = np.linspace(-1.2, 1.2, 241)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)  # (241², 2)

options = {"batch_size": 32, "validation": (validation.X, validation.y), "metrics": {"accuracy": accuracy}}
answers = {}  # number of epochs -> class of each point of the grid
trainer.fit(train.X, train.y, epochs=5, **options)
answers[5] = trainer.predict(grid).argmax(axis=1)
history = trainer.fit(train.X, train.y, epochs=295, patience=100, **options)
answers[len(history["loss"])] = trainer.predict(grid).argmax(axis=1)

score = accuracy(trainer.predict(test.X), test.y)
print(f"after {len(history['loss'])} epochs {score:.1%} of the test points are classified right")
assert score >= 0.97, score

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "spirals.png"
colours = matplotlib.colors.ListedColormap(["#d1495b", "#edae49", "#30638e"])
figure, panels = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for panel, (epochs, regions) in zip(panels, answers.items()):
    regions = regions.reshape(len(side), -1)
    panel.pcolormesh(side, side, regions, cmap=colours, alpha=0.25, shading="nearest", rasterized=True)
    panel.scatter(*test.X.T, c=test.y, cmap=colours, s=16, edgecolors="white", linewidths=0.4)
    panel.set(title=f"after {epochs} epochs", aspect="equal")
panels[2].plot(history["loss"], color="#30638e", label="training")
panels[2].plot(history["validation_loss"], color="#edae49", label="validation")
panels[2].set(title="loss", xlabel="epoch", yscale="log")
panels[2].legend(frameon=False)
panels[2].spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
