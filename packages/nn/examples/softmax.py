"""Softmax: from scores to probabilities, hot and cold, and with scores that no exponential survives.

    python packages/nn/examples/softmax.py [picture.png]

Four scores, divided by a temperature: a cold softmax gives all to the highest, a hot one the same to all, and the order
never changes. On the right one of two scores grows. The formula as it is written overflows above 709; with the highest
score subtracted from both nothing does, not even at 10,000, and `log_softmax` still tells how small a probability is
where softmax has rounded it to 0. Draws all three (with matplotlib, if there is one).
"""

import sys

import numpy as np

from pellucid_nn import functional as F

scores = np.array([1.0, 2.0, 0.0, 3.0])
temperatures = np.geomspace(0.05, 50, 121)
p = F.softmax(scores / temperatures[:, None])  # (121, 4)
for temperature in (0.1, 1.0, 10.0):
    print(f"temperature {temperature:4}: {np.round(F.softmax(scores / temperature), 3)}")
assert np.allclose(p.sum(axis=1), 1) and np.all(p[:, scores.argsort()[:-1]] <= p[:, scores.argsort()[1:]])
assert p[0].max() > 0.999 and np.ptp(p[-1]) < 0.02
assert np.allclose(F.softmax(scores), np.exp(scores) / np.exp(scores).sum())

highest = np.arange(10001.0)
rows = np.stack([highest, np.zeros_like(highest)], axis=1)  # two scores, one of which grows
with np.errstate(over="ignore", invalid="ignore"):
    as_written = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)  # nothing subtracted
with np.errstate(all="raise", under="ignore"):
    stable, log_p = F.softmax(rows), F.log_softmax(rows)
last = highest[np.isfinite(as_written[:, 0])][-1]
print(f"as written: NaN for scores above {last:.0f}; softmax of [10000, 0]: {stable[-1]}, its log: {log_p[-1]}")
assert last == 709 and np.isnan(as_written[-1, 0])
assert np.isfinite(stable).all() and np.allclose(stable.sum(axis=1), 1) and np.isclose(log_p[-1, 1], -1e4)
assert np.allclose(stable[highest <= last], as_written[highest <= last])

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "softmax.png"
colours = dict(zip((3.0, 2.0, 1.0, 0.0), ("#d1495b", "#edae49", "#00798c", "#003d5b")))
figure, (bars, curves, large) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for place, temperature in enumerate((0.25, 1.0, 4.0)):
    for offset, (score, share) in enumerate(sorted(zip(scores, F.softmax(scores / temperature)))):
        bars.bar(place + 0.2 * offset - 0.3, share, 0.18, color=colours[score])
bars.set_xticks(range(3), ["0.25", "1", "4"])
bars.set(title="the same four scores, cold to hot", xlabel="temperature", ylabel="probability", ylim=(0, 1))
for score, colour in colours.items():
    curves.plot(temperatures, p[:, scores == score], color=colour, lw=2, label=f"score {score:.0f}")
curves.axhline(0.25, color="black", lw=0.6, ls=":")
curves.set(title="from all for one to the same for all", xlabel="temperature", xscale="log", ylabel="probability")
curves.legend(frameon=False)
with np.errstate(divide="ignore"):
    logs = {
        "log_softmax": -log_p[:, 1],
        "log of softmax": -np.log(stable[:, 1]),
        "log of the formula": -np.log(as_written[:, 1]),
    }
ends = {"log_softmax": "", "log of softmax": ": p is 0 above 745", "log of the formula": ": NaN above 709"}
for (name, line), colour, width in zip(logs.items(), ("#edae49", "#30638e", "#d1495b"), (9, 5, 2)):
    large.plot(highest, np.where(np.isfinite(line), line, np.nan), color=colour, lw=width, label=name + ends[name])
large.set(xlabel="s, with scores s and 0", ylabel="−log p of the score 0", xlim=(600, 800), ylim=(600, 900))
large.set(xticks=[600, 650, 700, 750, 800], yticks=[600, 700, 800, 900])
large.set_title("a score too high for exponentials")
large.legend(frameon=False, loc="upper left")
for panel in (bars, curves, large):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
