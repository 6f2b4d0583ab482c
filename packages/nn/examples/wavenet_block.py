"""WaveNet blocks: four of them, each with twice the dilation, let one output see 16 steps back.

    python packages/nn/examples/wavenet_block.py [picture.png]

Every line is an entry of a Jacobian that is not 0: it joins what goes into a block to what comes out of it. In blue are
those on the way to the last output. Each entry of the past is reached in exactly one way, and no line leads back in
time. On the right: how far an output sees with one block, two, three, four; and the gate, which lets tanh(u) pass as
far as σ(v) is open. Draws all three (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import WaveNetBlock, receptive_field
from pellucid_nn.wavenet_block import gated_activation

T, C, dilations = 24, 4, [1, 2, 4, 8]
rng = np.random.default_rng(0)
blocks = [WaveNetBlock(C, 8, C, kernel_size=2, dilation=d, rng=rng) for d in dilations]
x = rng.standard_normal((C, T))


def connections(block, x):
    """Whether output t of a block depends on input s: (C, T) -> (T, T)."""
    J = pellucid.jacobian(lambda x: block(x)[0].sum(axis=0))(x).numpy()  # (T, C, T)
    return np.abs(J).sum(axis=1) > 0


def last_output(x, depth):
    """The sum over channels of what the first blocks hand on at the last time."""
    for block in blocks[:depth]:
        x, _ = block(x)
    return x[:, -1].sum()


links, h = [], x
for block in blocks:
    links.append(connections(block, h))
    h = block(h)[0].numpy()
on_the_way = [np.arange(T) == T - 1]  # from the last output downwards: which times take part
for link in reversed(links):
    on_the_way.insert(0, link[on_the_way[0]].any(axis=0))

fields = [0]
for depth in range(1, len(blocks) + 1):
    dx = np.abs(pellucid.grad(last_output)(x, depth).numpy()).sum(axis=0)  # (T,)
    seen = np.flatnonzero(dx)
    fields.append(receptive_field(2, dilations[:depth]))
    print(f"dilations {dilations[:depth]}: the last output sees times {seen[0]} to {seen[-1]}, in all {len(seen)}")
    assert np.array_equal(seen, np.arange(T - fields[-1], T)), (seen, fields)
assert all(np.array_equal(link, np.eye(T) + np.eye(T, k=-d) > 0) for link, d in zip(links, dilations))
ways = np.linalg.multi_dot([link.astype(int) for link in reversed(links)])  # from each input to each output
assert np.array_equal(ways[-1], on_the_way[0]) and ways[-1].sum() == fields[-1] == 16
u = np.linspace(-4, 4, 161)
shut, open_ = gated_activation(u, np.full_like(u, -40)), gated_activation(u, np.full_like(u, 40))
assert np.allclose(shut, 0) and np.allclose(open_, np.tanh(u))

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "wavenet_block.png"
figure = plt.figure(figsize=(11, 5.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1))
panel = left.subplots()
for level, link in enumerate(links):
    for t, s in np.argwhere(link):
        used = on_the_way[level + 1][t]
        panel.plot([s, t], [level, level + 1], color="#30638e" if used else "#e3e3e3", lw=1 + used, zorder=used)
for level, used in enumerate(on_the_way):
    panel.scatter(np.arange(T), [level] * T, s=45, zorder=3, edgecolors="white", c=np.where(used, "#30638e", "#cccccc"))
panel.scatter(T - 1, len(blocks), s=110, color="#d1495b", zorder=4)
panel.set_yticks(range(len(blocks) + 1), ["input", *(f"dilation {d}" for d in dilations)])
panel.set(title=f"the last output (red) sees {on_the_way[0].sum()} entries of the input", xlabel="time")
panel.spines[["top", "right", "left"]].set_visible(False)
panel.tick_params(left=False)

far, gate = right.subplots(2, 1)
colours = ["#edae49", "#d1495b", "#00798c", "#003d5b"]
for depth, colour in enumerate(colours, start=1):
    new = np.arange(fields[depth - 1], fields[depth])  # what the block adds to the field
    far.bar(new, dx[::-1][new], width=0.9, color=colour, label=f"{depth}: {fields[depth]} entries")
far.set(title="how much it depends on each", xlabel="steps back", ylabel="|gradient|", yscale="log")
far.set_xticks([0, 3, 7, 15])
far.set_ylim(top=100)
far.legend(frameon=False, title="blocks: what they let it see", fontsize=9, ncols=2)
for v, colour in zip((-4.0, -1.0, 0.0, 4.0), colours):
    gate.plot(u, gated_activation(u, np.full_like(u, v)), color=colour, lw=2, label=f"v = {v:.0f}".replace("-", "−"))
gate.set(title="the gate: tanh(u) σ(v)", xlabel="u")
gate.legend(frameon=False, fontsize=9)
for panel in (far, gate):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
