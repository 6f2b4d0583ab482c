"""The alias table: every column is full and holds two things at most, so that a draw is one column and one height.

    python packages/nn/examples/alias_sampler.py [picture.png]

Eight things with very different probabilities are poured into eight columns of the same size. What overflows in one
column fills up another one. To draw, choose a column, each as likely, and a height in it: below the line it is the
column's own thing, above it the other one. That takes as long for eight things as for a million. Draws the columns
before and after filling, and how often each thing was drawn (with matplotlib, if there is one).
"""

import sys

import numpy as np

from pellucid_nn import AliasSampler

weights = np.array([1, 12, 3, 26, 5, 2, 17, 8])
sampler = AliasSampler(weights)
heights, aliases, K = sampler.heights, sampler.aliases, len(weights)
p = weights / weights.sum()
print("thing       ", *(f"{k:5d}" for k in range(K)))
print("probability ", *(f"{value:5.3f}" for value in p))
print("own height  ", *(f"{value:5.2f}" for value in heights))
print("filled up by", *(f"{a:5d}" if h < 1 else "    -" for a, h in zip(aliases, heights)))
assert np.allclose(sampler.probabilities(), p, atol=1e-15), "the areas of the table are the probabilities"
assert np.all((heights >= 0) & (heights <= 1))

N = 10_000
draws = sampler.sample(N, rng=0)
counts = np.bincount(draws, minlength=K)
chi2 = np.sum((counts - N * p) ** 2 / (N * p))
print(f"{N} draws: chi² = {chi2:.1f}, of which {K - 1} are expected")
assert chi2 < 24.3, "more than that comes by chance once in a thousand times"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "alias_sampler.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
colours = ("#003d5b", "#edae49", "#7fb8c4", "#d1495b", "#8a6fb0", "#c9b18b", "#30638e", "#00798c")
columns = np.arange(K)
panels[0].bar(columns, K * p, color=colours, width=0.8)
panels[0].axhline(1, color="black", lw=1, ls="--")
panels[0].set(title="before: too little or too much", ylabel="K p", xlabel="column")
panels[1].bar(columns, heights, color=colours, width=0.8)
panels[1].bar(columns, 1 - heights, bottom=heights, color=[colours[a] for a in aliases], width=0.8)
for k, (height, other) in enumerate(zip(heights, aliases)):
    if height < 1:
        panels[1].hlines(height, k - 0.4, k + 0.4, color="white", lw=2)
        panels[1].text(k, (1 + height) / 2, other, ha="center", va="center", color="white", fontsize=11)
    panels[1].text(k, height / 2, k, ha="center", va="center", color="white", fontsize=11)
panels[1].set(title="after: every column is full", ylabel="height", xlabel="column", ylim=(0, 1.05))
panels[2].bar(columns, counts / N, color=colours, width=0.8, label="drawn")
panels[2].plot(columns, p, ls="", marker="_", ms=22, mew=2, color="black", label="probability")
panels[2].set(title=f"shares of {N:,} draws".replace(",", " "), ylabel="share", xlabel="thing")
panels[2].legend(*[part[:1] for part in panels[2].get_legend_handles_labels()], frameon=False)
for panel in panels:
    panel.set_xticks(columns)
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
