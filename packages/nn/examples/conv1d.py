"""One-dimensional convolution: which entries of a sequence reach which output, and who may look into the future.

    python packages/nn/examples/conv1d.py [picture.png]

Above: the Jacobian of a convolution with three weights, one row for each output, with a colour for each weight: the
same three in every row, a step farther each time. With padding "causal" nothing stands to the right of the diagonal. A
dilation moves the weights apart, a stride leaves rows out. Below: a running mean over 15 entries. That with padding
"same" rises before the signal does; the causal one waits for it. Draws both (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import functional as F

T = 16
kernel = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3)  # so that a number tells which weight it is
settings = {
    'padding "same"': {"padding": "same"},
    'padding "causal"': {"padding": "causal"},
    "causal, dilation 4": {"padding": "causal", "dilation": 4},
    "causal, stride 2": {"padding": "causal", "stride": 2},
}
jacobians = {}
for name, options in settings.items():
    J = pellucid.jacobian(lambda x, options=options: F.conv1d(x[None], kernel, **options)[0])(np.zeros(T))  # (To, T)
    times = np.arange(len(J)) * options.get("stride", 1)  # the entry at which each output stands
    future = (J != 0) & (np.arange(T) > times[:, None])
    last = np.flatnonzero(J[-1])
    print(f"{name:>18}: the last output sees entries {last}; outputs that see the future: {future.any(axis=1).sum()}")
    assert future.any() == (name == 'padding "same"'), name
    jacobians[name] = J
d = np.arange(T)[:, None] - np.arange(T)  # how far each input lies behind each output
assert np.array_equal(jacobians["causal, dilation 4"], 3.0 * (d == 0) + 2.0 * (d == 4) + 1.0 * (d == 8))
assert np.array_equal(jacobians["causal, stride 2"], jacobians['padding "causal"'][::2])

rng = np.random.default_rng(0)
t = np.arange(120)
clean = np.where(t >= 60, 1.0, 0.0)
noisy = clean + 0.15 * rng.standard_normal(len(t))
mean = np.full((1, 1, 15), 1 / 15)
smooth, delay = {}, {}
for padding in ("same", "causal"):
    smooth[padding] = F.conv1d(noisy[None], mean, padding=padding)[0]
    answer = F.conv1d(clean[None], mean, padding=padding)[0]
    starts, half = np.flatnonzero(answer > 1e-12)[0] - 60, np.flatnonzero(answer > 0.5)[0] - 60
    delay[padding] = int(half)
    print(f"{padding:>8}: the mean starts to rise {starts:+d} and is at one half {half:+d} entries after the step")
    assert (starts < 0) == (padding == "same"), starts
assert delay == {"same": 0, "causal": 7}, delay  # (15 − 1)/2 later

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "conv1d.png"
weights = matplotlib.colors.ListedColormap(["white", "#edae49", "#d1495b", "#30638e"])
figure = plt.figure(figsize=(11, 6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1))
panels = above.subplots(1, 4)
for panel, (name, J) in zip(panels, jacobians.items()):
    rows = np.zeros((T, T))
    rows[:: T // len(J)] = J  # outputs that a stride leaves out stay empty
    panel.pcolormesh(rows, cmap=weights, vmin=-0.5, vmax=3.5, edgecolors="#dddddd", linewidth=0.5)
    panel.plot([0, T], [0, T], color="black", lw=0.8)
    panel.set(title=name, xlabel="input at time", xlim=(0, T), ylim=(T, 0), aspect="equal")
    panel.set_xticks([0.5, 8.5, 15.5], [0, 8, 15])
    panel.set_yticks([0.5, 8.5, 15.5], [0, 8, 15])
    panel.text(15.5, 0.7, "the future", ha="right", va="top", fontsize=9, color="#777777")
panels[0].set_ylabel("output at time")
for index in (1, 2, 3):
    panels[0].plot([], [], "s", color=weights(index), label=f"weight {index}")
panels[0].legend(frameon=False, fontsize=9, loc="lower left", handletextpad=0.1)
panel = below.subplots()
panel.plot(t, noisy, ".", color="#bbbbbb", label="signal: a step at 60, with noise")
panel.plot(t, smooth["same"], color="#edae49", lw=2, label='mean, padding "same": rises before the step')
panel.plot(t, smooth["causal"], color="#30638e", lw=2, label='mean, padding "causal": 7 entries later')
panel.axvline(60, color="black", lw=0.8)
panel.set(xlabel="time", ylabel="value", xlim=(20, 100))
panel.legend(frameon=False, loc="upper left")
panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
