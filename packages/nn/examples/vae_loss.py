"""A variational autoencoder of small digits: two numbers for each, a map of them, and what its loss is made of.

    python packages/nn/examples/vae_loss.py [picture.png]

The loss is the price of a picture: how badly it is rebuilt from two numbers, plus how much these numbers tell about it.
At first the numbers tell nothing, and nothing better can be done than to rebuild the mean digit; then telling more
pays. No label is used, but digits of one kind end up side by side, and points between them decode to digits as well.
Draws both parts of the loss, the map, and what its points decode to (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
import pellucid_nn as nn

digits = pellucid.dataset("digits")
X, y = (digits.X > 7).astype(np.float32), digits.y
rng = np.random.default_rng(0)
f32 = {"rng": rng, "dtype": np.float32}
encoder = nn.Sequential(nn.Linear(64, 128, **f32), nn.Tanh(), nn.Linear(128, 4, **f32))
decoder = nn.Sequential(nn.Linear(2, 128, **f32), nn.Tanh(), nn.Linear(128, 64, **f32))
EPOCHS, BATCH = 50, 64
optimizer = nn.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.004)
rates = nn.CosineAnnealingLR(optimizer, T_max=EPOCHS)
whole, rebuilding = nn.BernoulliVAELoss(), nn.BernoulliVAELoss(beta=0)


def encoded(x):
    """Means and log-variances: (N, 64) -> (N, 2), (N, 2)."""
    both = encoder(x)
    return both[:, :2], both[:, 2:]


parts = []  # per epoch: the price of rebuilding, and of what the numbers tell, both in nats
for _ in range(EPOCHS + 1):
    mu, log_var = encoded(X)
    logits = decoder(nn.draw_latent(mu, log_var, rng.normal(size=mu.shape).astype(np.float32)))
    rebuilt = rebuilding(logits, X, mu, log_var).item()
    parts.append((rebuilt, whole(logits, X, mu, log_var).item() - rebuilt))
    for rows in np.array_split(rng.permutation(len(X)), len(X) // BATCH):
        mu, log_var = encoded(X[rows])
        u = nn.draw_latent(mu, log_var, rng.normal(size=mu.shape).astype(np.float32))
        optimizer.zero_grad()
        whole(decoder(u), X[rows], mu, log_var).backward()
        optimizer.step()
    rates.step()
parts = np.array(parts)  # (51, 2)

mean = X.mean(axis=0)
by_mean = rebuilding(np.log((mean + 1e-6) / (1 - mean + 1e-6)) + 0 * X, X, 0 * X[:, :2], 0 * X[:, :2]).item()
mu = encoded(X)[0].data  # (1797, 2)
distances = ((mu[:, None] - mu) ** 2).sum(axis=-1)
np.fill_diagonal(distances, np.inf)
alike = np.mean(y[np.argpartition(distances, 5, axis=1)[:, :5]] == y[:, None])
for epoch in (0, 1, 10, EPOCHS):
    print(f"after {epoch:2d} epochs: rebuilding {parts[epoch, 0]:5.2f} nats, divergence {parts[epoch, 1]:4.2f}")
print(f"the mean digit, without any numbers: {by_mean:.2f} nats")
print(f"of the five nearest on the map {alike:.0%} are the same digit, of any five 10%")
assert parts[-1].sum() < by_mean - 3, (parts[-1], by_mean)
assert parts[0, 1] < 0.1 and parts[-1, 1] > 1.5 and alike > 0.4, (parts[-1], alike)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "vae_loss.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", width_ratios=(0.9, 1, 1))
panels[0].stackplot(range(EPOCHS + 1), parts.T, colors=("#30638e", "#edae49"), alpha=0.85)
panels[0].axhline(by_mean, color="black", lw=1, ls=":")
panels[0].text(EPOCHS, by_mean + 0.4, "the mean digit", ha="right", va="bottom")
panels[0].text(EPOCHS / 2, parts[-1, 0] / 2, "rebuilding", color="white", ha="center", va="center", fontsize=12)
panels[0].text(EPOCHS / 2, parts[25].sum() + 0.7, "divergence", color="#a36b00", ha="center", va="bottom", fontsize=12)
panels[0].set(title="price of a digit, in nats", xlabel="epoch", ylabel="loss", xlim=(0, EPOCHS), ylim=(0, 34))
panels[0].spines[["top", "right"]].set_visible(False)
panels[1].scatter(*mu.T, c=y, cmap="tab10", s=7, alpha=0.6, lw=0)
for k in range(10):
    at = np.median(mu[y == k], axis=0)
    white = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
    panels[1].text(*at, str(k), ha="center", va="center", fontsize=12, bbox=white)
panels[1].set(
    title="the map: means, coloured by digit", xlabel="u₁", ylabel="u₂", xlim=(-2.75, 2.75), ylim=(-2.75, 2.75)
)
panels[1].set_aspect("equal")
panels[1].spines[["top", "right"]].set_visible(False)
side = np.linspace(-2.5, 2.5, 11, dtype=np.float32)
points = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)
tiles = np.zeros((121, 10, 10))
tiles[:, 1:-1, 1:-1] = nn.Sigmoid()(decoder(points).data).reshape(-1, 8, 8)
sheet = tiles.reshape(11, 11, 10, 10).swapaxes(1, 2).reshape(110, 110)
panels[2].imshow(sheet, cmap="gray_r", extent=(-2.75, 2.75, -2.75, 2.75))
panels[2].set(title="what its points decode to", xlabel="u₁", ylabel="u₂", xticks=range(-2, 3), yticks=range(-2, 3))
panels[2].spines[:].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
