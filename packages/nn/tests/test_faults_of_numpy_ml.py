"""Faults that numpy-ml has, each as a test that ours passes.

Nothing of it is copied or imported. A docstring says what the fault was; the test compares with a definition: a loop, a
finite difference, or what must stay as it is.
"""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn import (
    GRU,
    LSTM,
    RNN,
    SGD,
    Adam,
    BatchNorm1d,
    CrossEntropyLoss,
    Dropout,
    Embedding,
    EmbeddingBag,
    Linear,
    LogSoftmax,
    LSTMCell,
    MaxPool2d,
    MSELoss,
    MultiheadAttention,
    ReLU,
    Sequential,
    Softmax,
    Tanh,
    WassersteinGradientPenalty,
    generator_loss,
)
from pellucid_nn.functional import scaled_dot_product_attention

rng = np.random.default_rng(0)


def slope(value, array):
    """The gradient of a number, entry by entry, by central differences in the array itself."""
    found = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + 1e-6
        above = float(value())
        array[place] = kept - 1e-6
        found[place] = (above - float(value())) / 2e-6
        array[place] = kept
    return found


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# Dropout


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9, 1.0])
def test_the_gradient_of_dropout_has_its_mask(p):
    """The gradient was scaled, but went through entries that had been dropped, too."""
    x = Tensor(rng.uniform(1, 2, (40, 5)), requires_grad=True)
    dy = rng.normal(size=x.shape)
    y = Dropout(p, rng=0)(x)
    y.backward(dy)
    factor = y.data / x.data  # the mask, enlarged
    close(x.grad.data, dy * factor)
    assert (x.grad.data[y.data == 0] == 0).all()
    close(factor[factor != 0], 1 / (1 - p) if p < 1 else 0)


def test_dropout_rests_in_eval_mode():
    """What was scaled while learning did not fit to what predicting did."""
    layer, x = Dropout(0.4, rng=0).eval(), Tensor(np.ones((3, 4)), requires_grad=True)
    layer(x).backward(np.full((3, 4), 2.0))
    close(layer(x).data, 1)
    close(x.grad.data, 2)


# Max-pooling


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("padding, stride", [(0, 2), (1, 2), (1, 1), ((1, 0), 3)])
def test_max_pooling_with_padding_by_loops(padding, stride, sign):
    """Zeros of the padding won over negative entries, and took the gradient to a wrong place."""
    x = sign * rng.uniform(1, 2, (2, 3, 7, 6))
    ph, pw = np.broadcast_to(padding, 2)
    a = Tensor(x, requires_grad=True)
    y = MaxPool2d(3, stride, padding)(a)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    dx = np.zeros_like(x)
    for n, c, t, u in np.ndindex(y.shape):
        seen = {
            (i, j): x[n, c, i, j]
            for i in range(t * stride - ph, t * stride - ph + 3)
            for j in range(u * stride - pw, u * stride - pw + 3)
            if 0 <= i < 7 and 0 <= j < 6
        }
        i, j = max(seen, key=seen.get)
        assert y.data[n, c, t, u] == x[n, c, i, j]
        dx[n, c, i, j] += dy[n, c, t, u]
    close(a.grad.data, dx)


# Softmax


@pytest.mark.parametrize("shape, axis", [((4,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 1), ((2, 3, 4, 2), -3)])
def test_softmax_over_any_axis(shape, axis):
    """Forward and gradient were those of the last axis of a matrix, whatever axis was asked for."""
    x = rng.normal(size=shape)
    p = np.apply_along_axis(lambda row: np.exp(row) / sum(np.exp(row)), axis, x)
    close(Softmax(axis)(x), p)
    close(LogSoftmax(axis)(x), np.log(p))
    assert gradcheck(Softmax(axis), x)
    assert gradcheck(LogSoftmax(axis), x)


# Recurrent layers


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_recurrent_layers_can_be_made_and_learn_from_several_batches(kind):
    """They could not be constructed, and kept the steps of one batch until the next, whatever its length."""
    layer, fresh = kind(3, 4, rng=0), kind(3, 4, rng=0)
    for T, N in ((5, 2), (3, 4), (5, 2), (1, 1)):
        x = rng.normal(size=(T, N, 3))
        for each in (layer, fresh):
            each.zero_grad()
            np.sum(each(x)[0] ** 2).backward()
        for p, q in zip(layer.parameters(), fresh.parameters(), strict=True):
            np.testing.assert_array_equal(p.grad.data, q.grad.data)
        fresh = kind(3, 4, rng=0)
    value = lambda: np.sum(layer(x)[0] ** 2).item()
    for p in layer.parameters():
        close(p.grad.data, slope(value, p.data.view(np.ndarray)), 1e-6)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_gradients_of_two_batches_add_up(kind):
    """The gradient of a second batch went through what was left of the first one."""
    first, second = rng.normal(size=(4, 2, 3)), rng.normal(size=(6, 5, 3))
    together, alone = kind(3, 4, rng=0), [kind(3, 4, rng=0), kind(3, 4, rng=0)]
    for x, layer in zip((first, second), alone):
        np.sum(together(x)[0] ** 2).backward()
        np.sum(layer(x)[0] ** 2).backward()
    for p, q, r in zip(together.parameters(), *[layer.parameters() for layer in alone], strict=True):
        close(p.grad.data, q.grad.data + r.grad.data)


def test_an_lstm_is_its_cell_step_by_step():
    """Cell and layer kept their states inside, and a second sequence began where the first had ended."""
    layer, cell = LSTM(3, 4, rng=0), LSTMCell(3, 4)
    for name, p in layer.named_parameters():
        getattr(cell, name.removesuffix("_l0")).data[...] = p.data
    for T in (3, 6):
        x, state = rng.normal(size=(T, 2, 3)), None
        y, (h, c) = layer(x)
        for t in range(T):
            state = cell(x[t], state)
            close(y.data[t], state[0].data)
        close(h.data[0], state[0].data)
        close(c.data[0], state[1].data)


def test_an_lstm_learns_over_many_batches():
    """No training loop ran: tell whether the first of the last three bits is set."""
    lstm, last = LSTM(1, 8, rng=0), Linear(8, 1, rng=0)
    optimizer = Adam([*lstm.parameters(), *last.parameters()], lr=0.05)
    losses = []
    for _ in range(400):
        bits = rng.integers(0, 2, (5, 32, 1)).astype(float)
        loss = MSELoss()(last(lstm(bits)[0][-1]), bits[-3])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.2 and np.mean(losses[-5:]) < 0.02


# Embeddings


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_the_gradient_of_a_pooled_embedding_by_a_loop(mode):
    """The gradient of a bag went to its words in the wrong size, and words that came twice got it once."""
    bags = np.array([[1, 4, 1], [0, 4, 2]])
    layer = EmbeddingBag(6, 3, mode=mode, rng=0)
    dy = rng.normal(size=(2, 3))
    y = layer(bags)
    y.backward(dy)
    dW = np.zeros((6, 3))
    for b, bag in enumerate(bags):
        words = layer.weight.data[bag]
        close(y.data[b], words.sum(axis=0) if mode == "sum" else words.mean(axis=0))
        for word in bag:
            dW[word] += dy[b] / (len(bag) if mode == "mean" else 1)
    close(layer.weight.grad.data, dW)


@pytest.mark.parametrize("pool", [np.sum, np.mean])
def test_an_embedding_may_be_pooled_by_numpy(pool):
    """Pooling was a part of the layer, and its gradient was not that of what it computed."""
    words, layer = np.array([[1, 4, 1], [0, 4, 2]]), Embedding(6, 3, rng=0)
    value = lambda: np.sum(pool(layer(words), axis=1) ** 3)
    value().backward()
    close(layer.weight.grad.data, slope(lambda: value().item(), layer.weight.data.view(np.ndarray)), 1e-6)


# Attention


def attended(q, k, v, allowed):
    """Attention of one head, by loops: the definition."""
    y = np.zeros((len(q), v.shape[1]))
    for t in range(len(q)):
        weights = [np.exp(q[t] @ k[s] / np.sqrt(len(q[t]))) if allowed[t, s] else 0.0 for s in range(len(k))]
        y[t] = sum(w * v[s] for s, w in enumerate(weights)) / sum(weights)
    return y


@pytest.mark.parametrize("T, S", [(3, 3), (2, 7), (7, 2), (1, 1), (40, 60)])
def test_attention_with_masks_and_sequences_of_two_lengths(T, S):
    """There was no mask, and queries and keys had to be of one number."""
    q, k, v = (rng.normal(size=shape) for shape in ((2, T, 4), (2, S, 4), (2, S, 3)))
    padding = np.arange(S) < [[max(1, S - 2)], [S]]  # what is there, of two sequences
    masks = {"none": np.ones((2, T, S), bool), "padding": np.repeat(padding[:, None], T, axis=1)}
    masks["causal"] = np.broadcast_to(np.tri(T, S, dtype=bool), (2, T, S))
    for allowed in masks.values():
        expected = [attended(*each) for each in zip(q, k, v, allowed)]
        close(scaled_dot_product_attention(q, k, v, allowed), expected, 1e-10)
        close(scaled_dot_product_attention(q, k, v, np.where(allowed, 0, -np.inf)), expected, 1e-10)
    close(scaled_dot_product_attention(q, k, v, is_causal=True), expected, 1e-10)
    if T * S < 50:
        assert gradcheck(lambda *a: scaled_dot_product_attention(*a, allowed), q, k, v)


def test_multi_head_attention_sees_nothing_of_padding_and_of_the_future():
    """All positions attended to all, those that only filled up a batch included."""
    layer, x = MultiheadAttention(6, 2, batch_first=True, rng=0).eval(), rng.normal(size=(2, 5, 6))
    padding = np.arange(5) >= [[3], [5]]
    short, weights = layer(x, x, x, padding)
    close(short.data[:1, :3], layer(x[:1, :3], x[:1, :3], x[:1, :3])[0].data[:, :3])
    assert not weights.data[0, :, 3:].any()
    changed = x.copy()
    changed[:, 3:] = 100
    before, after = (layer(a, a, a, is_causal=True)[0].data for a in (x, changed))
    close(before[:, :3], after[:, :3])
    a = Tensor(x, requires_grad=True)
    np.sum(layer(a, a, a, padding)[0][0, :3] ** 2).backward()
    assert not a.grad.data[0, 3:].any() and a.grad.data[0, :3].all()


# Freezing


def test_frozen_layers_stay_and_learn_again_when_unfrozen():
    """Freezing did not reach the layers inside of a module, and could not be undone."""
    net = Sequential(Linear(3, 4, rng=0), Sequential(Tanh(), Linear(4, 4, rng=1)), Linear(4, 1, rng=2))
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    optimizer = SGD(net.parameters(), lr=0.1)

    def moved():
        before = net.state_dict()
        optimizer.zero_grad()
        MSELoss()(net(x), t).backward()
        optimizer.step()
        return {name.rpartition(".")[0] for name, array in net.state_dict().items() if (array != before[name]).any()}

    assert moved() == {"0", "1.1", "2"}
    net[1].freeze()
    assert moved() == {"0", "2"}
    assert all(p.grad is None for p in net[1].parameters())
    net.freeze()
    net[2].unfreeze()
    assert moved() == {"2"}
    net.unfreeze()
    assert moved() == {"0", "1.1", "2"}


def test_the_gradient_goes_through_frozen_layers():
    """What stood before a frozen layer stopped learning, too."""
    net = Sequential(Linear(3, 4, rng=0), Tanh(), Linear(4, 1, rng=1))
    x = Tensor(rng.normal(size=(5, 3)), requires_grad=True)
    np.sum(net(x) ** 2).backward()
    expected = x.grad.data, net[0].weight.grad.data
    x.grad = None
    net.zero_grad()
    net[2].freeze()
    np.sum(net(x) ** 2).backward()
    np.testing.assert_array_equal(x.grad.data, expected[0])
    np.testing.assert_array_equal(net[0].weight.grad.data, expected[1])


# Saving


def test_a_fresh_layer_takes_what_was_saved(tmp_path):
    """Loading into a layer that had not seen data yet lost the weights without a word."""

    def network(seed):
        return Sequential(Linear(3, 4, rng=seed), BatchNorm1d(4), ReLU(), Linear(4, 2, rng=seed))

    old, x = network(0), rng.normal(size=(8, 3))
    optimizer = SGD(old.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        CrossEntropyLoss()(old(x), rng.integers(0, 2, 8)).backward()
        optimizer.step()
    new = network(1)
    assert new.load_weights(old.save_weights(tmp_path / "network.npz")) == ([], [])
    with no_grad():
        np.testing.assert_array_equal(new.eval()(x), old.eval()(x))
    for name, array in old.state_dict().items():
        np.testing.assert_array_equal(new.state_dict()[name], array)
    with pytest.raises(ValueError, match="missing: 1.weight"):
        Sequential(Linear(3, 4), BatchNorm1d(4)).load_state_dict({"0.weight": np.ones((4, 3)), "0.bias": np.ones(4)})


# Wasserstein loss


def test_the_generator_receives_its_gradient():
    """The generator's gradient was never computed, so that it stayed as it was drawn."""
    generator = Sequential(Linear(2, 5, rng=0), Tanh(), Linear(5, 3, rng=1))
    critic = Sequential(Linear(3, 4, rng=2), Tanh(), Linear(4, 1, rng=3))
    noise = rng.normal(size=(6, 2))
    generator_loss(critic, generator(noise)).backward()
    for p in generator.parameters():
        value = lambda: -np.mean(critic(generator(noise)).data)
        close(p.grad.data, slope(value, p.data.view(np.ndarray)), 1e-8)
        assert p.grad.data.any()


def test_a_generator_learns_where_the_data_are():
    """Training ran, and the made-up examples never moved to the real ones."""
    generator, critic = Linear(1, 1, rng=0), Sequential(Linear(1, 16, rng=1), Tanh(), Linear(16, 1, rng=2))
    betas = (0.5, 0.9)
    players = Adam(generator.parameters(), lr=0.05, betas=betas), Adam(critic.parameters(), lr=0.05, betas=betas)
    loss = WassersteinGradientPenalty(0.1, rng=3)  # little, or a slope of one number could not change its sign
    where = []
    for _ in range(160):
        for _ in range(2):
            real, fake = rng.normal(2.0, 0.5, (32, 1)), generator(rng.normal(size=(32, 1)))
            players[1].zero_grad()
            loss(critic, real, fake.detach()).backward()
            players[1].step()
        players[0].zero_grad()
        generator_loss(critic, generator(rng.normal(size=(32, 1)))).backward()
        players[0].step()
        where.append(generator.bias.data[0])
    assert where[0] < 0 and abs(np.mean(where[-50:]) - 2) < 0.3
