"""Probabilities from yes and no: scores that learnt to tell words from noise are log-probabilities.

    python packages/nn/examples/noise_contrastive_estimation.py [picture.png]

A language of 40 words in three contexts, each with its own probabilities. The model never sums over the vocabulary: it
looks at the right word and k random ones, and says which is which. Still its scores become the log-probabilities, and
their exponentials sum to 1 by themselves. More noise words for each right one bring them nearer. Draws scores beside
the truth, the sums while learning, and the error by k (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

V, C, BATCH, STEPS = 40, 3, 256, 600
rng = np.random.default_rng(0)
zipf = 1 / np.arange(1, V + 1)
truth = np.array([rng.permutation(zipf) * rng.uniform(0.5, 1.5, V) for _ in range(C)])
truth /= truth.sum(axis=1, keepdims=True)  # (C, V): probability of a word in a context
words_of = [nn.AliasSampler(row) for row in truth]
contexts = np.eye(C)
noise = truth.mean(axis=0)  # how frequent words are on the whole


def learn(k):
    """Scores (C, V), the sums (600, C) of their exponentials while learning, and counts (C, V) of the words seen."""
    rng = np.random.default_rng(1)
    loss = nn.NCELoss(noise, C, num_noise=k, rng=rng)
    nn.zeros_(loss.bias)  # by itself it begins with the noise, for which sums are near 1 already
    optimizer = nn.Adam(loss.parameters(), lr=0.1)
    rates = nn.CosineAnnealingLR(optimizer, T_max=STEPS)
    sums, counts = [], np.zeros((C, V))
    for _ in range(STEPS):
        sums.append(np.exp(loss.scores(contexts).data).sum(axis=1))
        c = rng.integers(0, C, BATCH)
        words = np.choose(c, [sampler.sample(BATCH, rng=rng) for sampler in words_of])
        np.add.at(counts, (c, words), 1)
        optimizer.zero_grad()
        loss(contexts[c], words).backward()
        optimizer.step()
        rates.step()
    return loss.scores(contexts).data, np.array(sums), counts


def distance(log_p):
    """From the true log-probabilities, on average over words as they come: (C, V) -> ()."""
    return np.mean(np.sum(truth * np.abs(log_p - np.log(truth)), axis=1))


results = {k: learn(k) for k in (1, 5, 25)}
errors = {k: distance(scores) for k, (scores, _, _) in results.items()}
scores, sums, counts = results[25]
by_counting = distance(np.log(counts / counts.sum(axis=1, keepdims=True)))
for k, error in errors.items():
    print(f"k = {k:2d}: scores are {error:.3f} from log p on average; Σ exp s = {results[k][1][-1].round(3)}")
print(f"counting the same {STEPS * BATCH} words: {by_counting:.3f} from log p")
assert all(np.allclose(sums[-1], 1, atol=0.05) for _, sums, _ in results.values()), "they sum to 1 by themselves"
assert errors[25] < errors[5] < errors[1] < 0.1, errors
assert np.corrcoef(scores.ravel(), np.log(truth).ravel())[0, 1] > 0.99

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "noise_contrastive_estimation.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", width_ratios=(1.1, 1.1, 0.8))
for c, colour in enumerate(("#30638e", "#edae49", "#d1495b")):
    panels[0].scatter(np.log(truth[c]), scores[c], color=colour, s=22, alpha=0.85, lw=0, label=f"context {c}")
    panels[1].plot(sums[:, c], color=colour, lw=1.6)
ends = np.log([truth.min(), truth.max()])
panels[0].plot(ends, ends, color="black", lw=0.8)
panels[0].set(title="scores of words, k = 25", xlabel="true log-probability", ylabel="score s")
panels[0].legend(frameon=False)
panels[1].axhline(1, color="black", lw=0.8, ls=":")
panels[1].set(title="Σ exp s, which nothing holds at 1", xlabel="step", ylabel="sum over all words", yscale="log")
panels[1].set_yticks([1, 10, 50], ["1", "10", "50"])
panels[2].bar(
    [*(f"k = {k}" for k in errors), "counts"], [*errors.values(), by_counting], color=3 * ["#00798c"] + ["#b8c4cc"]
)
panels[2].set(title="mean distance from log p", ylabel="distance")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
