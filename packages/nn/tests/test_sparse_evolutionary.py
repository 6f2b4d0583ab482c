"""Loops over connections, coins counted, and what must stay true however often the layer evolves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.adam import Adam
from pellucid_nn.sgd import SGD
from pellucid_nn.sparse_evolutionary import (
    SparseEvolutionary,
    connection_probability,
    draw_weights,
    evolve,
    masked_linear,
    weakest,
)

B, I, O = 4, 3, 2
MASK = np.array([[True, False, True], [False, True, True]])


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(B, I)), rng.normal(size=(O, I)), rng.normal(size=O), rng.normal(size=(B, O))


def test_eq_1_2_the_number_of_connections_is_that_of_the_coins():
    assert connection_probability(200, 100, 4.0) == pytest.approx(0.06, rel=1e-12)
    assert connection_probability(3, 2, 20.0) == 1.0
    counts = np.array([SparseEvolutionary(50, 20, 2.0, rng=i).n_connections for i in range(400)])
    p = 2 * 70 / 1000
    assert abs(counts.mean() - 1000 * p) < 4 * np.sqrt(1000 * p * (1 - p) / 400)
    assert counts.var() == pytest.approx(1000 * p * (1 - p), rel=0.25)
    every = sum(SparseEvolutionary(50, 20, 2.0, rng=i).mask for i in range(400))
    assert abs(every - 400 * p).max() < 5 * np.sqrt(400 * p * (1 - p))  # no place is preferred


def test_eq_3_weights_are_uniform_within_the_bound_of_the_inputs_that_there_are():
    layer = SparseEvolutionary(400, 300, 10.0, rng=0)
    bound = 1 / np.sqrt(400 * 10 * 700 / (400 * 300))
    W = layer.weight.data[layer.mask]
    assert abs(W).max() <= bound and not layer.weight.data[~layer.mask].any()
    np.testing.assert_allclose(
        np.quantile(W, [0.05, 0.25, 0.5, 0.75, 0.95]) / bound, [-0.9, -0.5, 0, 0.5, 0.9], atol=0.05
    )
    bias = layer.bias.data
    np.testing.assert_allclose(np.quantile(bias, [0.25, 0.5, 0.75]) / bound, [-0.5, 0, 0.5], atol=0.12)
    assert abs(bias).max() <= bound
    dense = draw_weights(5000, 9, 1.0, np.random.default_rng(0))
    np.testing.assert_allclose([dense.min(), dense.max()], [-1 / 3, 1 / 3], atol=1e-3)


def test_eq_4_5_6_7_8_outputs_and_gradients_have_no_other_weights():
    x, W, b, dy = draw()
    y, (dx, dW, _, db) = masked_linear.run(x, W, MASK, b)
    for n, o in np.ndindex(B, O):
        expected = sum(x[n, i] * W[o, i] for i in range(I) if MASK[o, i]) + b[o]
        np.testing.assert_allclose(y[n, o], expected, rtol=1e-13)
    for n, i in np.ndindex(B, I):
        np.testing.assert_allclose(dx(dy)[n, i], sum(dy[n, o] * W[o, i] for o in range(O) if MASK[o, i]), rtol=1e-13)
    for o, i in np.ndindex(O, I):
        expected = sum(dy[n, o] * x[n, i] for n in range(B)) if MASK[o, i] else 0
        np.testing.assert_allclose(dW(dy)[o, i], expected, rtol=1e-13)
    for o in range(O):
        np.testing.assert_allclose(db(dy)[o], sum(dy[n, o] for n in range(B)), rtol=1e-13)
    np.testing.assert_allclose(masked_linear(x, W, MASK), y - b, atol=1e-14)


@pytest.mark.parametrize("front", [(), (2, 3)])
def test_eq_4_5_6_7_8_gradients_are_those_of_finite_differences(front):
    rng = np.random.default_rng(1)
    x, W, b = rng.normal(size=(*front, I)), rng.normal(size=(O, I)), rng.normal(size=O)
    gradcheck(lambda x, W, b: masked_linear(x, W, MASK, b), x, W, b, order=2)
    gradcheck(lambda x, W: masked_linear(x, W, MASK), x, W, order=2)
    dy, step = rng.normal(size=(*front, O)), [rng.normal(size=a.shape) for a in (x, W, b)]
    _, (dx, dW, _, db) = masked_linear.run(x, W, MASK, b)
    up, down = (masked_linear(x + s * step[0], W + s * step[1], MASK, b + s * step[2]) for s in (1e-6, -1e-6))
    expected = (dy * (up - down)).sum() / 2e-6
    np.testing.assert_allclose(sum((g(dy) * v).sum() for g, v in zip((dx, dW, db), step)), expected, rtol=1e-7)


def test_eq_4_7_what_is_written_at_other_places_does_nothing():
    x, W, b, _ = draw(2)
    for value in (1e300, np.inf, np.nan):
        spoilt = Tensor(np.where(MASK, W, value), requires_grad=True)
        y = masked_linear(x, spoilt, MASK, b)
        np.testing.assert_array_equal(y.data, masked_linear(x, W, MASK, b))
        np.sum(y * y).backward()
        assert np.isfinite(spoilt.grad).all() and not spoilt.grad[~MASK].any() and spoilt.grad[MASK].all()


def test_eq_9_10_the_weakest_of_each_sign_give_way():
    W = np.array([[0.5, -0.1, 3.0, 0.2], [-2.0, 0.1, 0.0, -0.3], [0.01, -0.02, 0.4, -0.4]])
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]], bool)
    # w ≥ 0, in order: 0 .1 .2 .4 .5 3;  w < 0: −.1 −.3 −.4 −2
    for zeta, expected in (
        (0, []),
        (0.2, [0.0]),
        (0.25, [0.0, -0.1]),
        (0.5, [0.0, 0.1, 0.2, -0.1, -0.3]),
        (0.7, [0.0, 0.1, 0.2, 0.4, -0.1, -0.3]),
        (1, [0, 0.1, 0.2, 0.4, 0.5, 3, -0.1, -0.3, -0.4, -2]),
    ):
        assert W.flat[weakest(W, mask, zeta)].tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    I=st.integers(1, 8),
    O=st.integers(1, 8),
    zeta=st.floats(0, 1),
    share=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_eq_3_9_10_evolution_keeps_the_number_and_the_strong(I, O, zeta, share, seed):
    rng = np.random.default_rng(seed)
    W, mask = rng.normal(size=(O, I)), rng.uniform(size=(O, I)) < share
    W0, mask0 = W.copy(), mask.copy()
    out = np.zeros(O * I, bool)
    out[weakest(W, mask, zeta)] = True
    out = out.reshape(O, I)
    W_, mask_ = evolve(W, mask, zeta=zeta, p=0.5, rng=rng)
    np.testing.assert_array_equal(W, W0)
    np.testing.assert_array_equal(mask, mask0)
    assert mask_.sum() == mask.sum() and mask_.dtype == bool
    kept = mask & ~out
    assert mask_[kept].all()
    np.testing.assert_array_equal(W_[kept], W[kept])
    assert not W_[~mask_].any()
    new = mask_ & ~kept
    assert new.sum() == out.sum() and (abs(W_[new]) <= 1 / np.sqrt(0.5 * I)).all()


def test_eq_3_new_connections_are_everywhere_alike_and_their_weights_uniform():
    rng = np.random.default_rng(0)
    W = np.array([[1.0, 2.0, -1.0, -2.0, 0.0, 0.0]])
    mask = np.array([[True, True, True, True, False, False]])
    count, values = np.zeros(6), []
    for _ in range(1000):
        W_, mask_ = evolve(W, mask, zeta=0.5, p=0.6, rng=rng)
        assert mask_[0, 1] and mask_[0, 3]  # the strong ones
        count += mask_[0]
        new = mask_.copy()
        new[0, [1, 3]] = False
        values += W_[new].tolist()
    np.testing.assert_allclose(count[[0, 2, 4, 5]] / 1000, 0.5, atol=0.06)  # two of four free places
    bound = 1 / np.sqrt(0.6 * 6)
    np.testing.assert_allclose(
        np.quantile(values, [0, 0.25, 0.5, 0.75, 1]), np.array([-1, -0.5, 0, 0.5, 1]) * bound, atol=0.05
    )


@pytest.mark.parametrize("optimizer", [lambda p: SGD(p, lr=0.1, momentum=0.9), lambda p: Adam(p, lr=0.02)])
def test_a_layer_keeps_its_connections_and_learns_while_it_evolves(optimizer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    y = x[:, [3]] - 2 * x[:, [17]]
    layer = SparseEvolutionary(30, 1, 0.33, 0.5, rng=1)
    n, first, losses = layer.n_connections, layer.mask.copy(), []
    assert 6 < n < 15
    steps = optimizer(layer.parameters())
    for step in range(400):
        steps.zero_grad()
        loss = np.mean((layer(x) - y) ** 2)
        loss.backward()
        assert not layer.weight.grad[~layer.mask].any()
        steps.step()
        losses.append(float(loss.data))
        if step % 10 == 9 and step < 300:
            before = layer.mask
            layer.evolve()
            assert layer.mask is not before  # a graph may still hold the old one
            assert not layer.weight.data[~layer.mask].any()
        assert layer.n_connections == n
        with no_grad():
            left = np.where(layer.mask, layer.weight.data, 0)
            np.testing.assert_array_equal(layer(x), x @ left.T + layer.bias.data)
    assert (layer.mask != first).any()
    assert losses[-1] < 0.1 < losses[0] and layer.mask[0, 3] and layer.mask[0, 17]  # found what matters


def test_a_graph_older_than_an_evolution_keeps_its_connections():
    layer, x = SparseEvolutionary(6, 5, 1.0, rng=0), Tensor(np.ones((2, 6)), requires_grad=True)
    mask = layer.mask
    y = layer(x)
    layer.evolve()
    assert (layer.mask != mask).any()
    other = layer(x)
    np.sum(other).backward()
    assert not layer.weight.grad[~layer.mask].any() and layer.weight.grad[layer.mask].all()
    assert y.shape == other.shape


def test_state_goes_round_with_connections_and_generator():
    one, other = SparseEvolutionary(6, 5, 1.0, rng=0), SparseEvolutionary(6, 5, 1.0, rng=7)
    one.evolve()
    assert list(one.state_dict()) == ["weight", "bias", "mask"]
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(other(np.eye(6)).data, one(np.eye(6)).data)
    assert dict(one.named_generators()) == {"rng": one.rng}
    other.rng.bit_generator.state = one.rng.bit_generator.state
    one.evolve(), other.evolve()
    np.testing.assert_equal(one.state_dict(), other.state_dict())
    assert SparseEvolutionary(6, 5, bias=False).bias is None
    assert SparseEvolutionary(6, 5).zeta == 0.3 and SparseEvolutionary(6, 5).epsilon == 20
    assert repr(one) == "SparseEvolutionary(in_features=6, out_features=5, epsilon=1.0, zeta=0.3, bias=True)"
    np.testing.assert_equal(
        SparseEvolutionary(6, 5, 1.0, rng=3).state_dict(), SparseEvolutionary(6, 5, 1.0, rng=3).state_dict()
    )
    still = SparseEvolutionary(6, 5, 1.0, 0.0, rng=3)
    state = still.state_dict()
    still.evolve()
    np.testing.assert_equal(still.state_dict(), state)


def test_float32_stays_float32_and_sizes_of_nothing_pass():
    layer = SparseEvolutionary(I, O, 0.5, rng=0, dtype=np.float32)
    for shape in ((B, I), (1, I), (I,), (0, I), (2, B, I)):
        x = Tensor(np.ones(shape, np.float32), requires_grad=True)
        y = layer(x)
        np.sum(y * y).backward()
        assert y.shape == (*shape[:-1], O)
        assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
        assert x.grad.shape == shape and (x.size or not layer.weight.grad.any())
        layer.zero_grad()
    layer.evolve()
    assert layer.weight.dtype == np.float32
    with no_grad():
        assert isinstance(layer(np.ones((B, I), np.float32)), np.ndarray)
    assert layer.summary((B, I)).multiply_adds == B * I * O


def test_inputs_in_any_layout_are_only_read():
    layer, (x, *_) = SparseEvolutionary(I, O, rng=0), draw()
    frozen = np.asfortranarray(x)
    frozen.flags.writeable = False
    np.testing.assert_allclose(layer(frozen).data, layer(x).data, rtol=1e-13)
    np.testing.assert_allclose(layer(np.repeat(x, 2, axis=1)[:, ::2]).data, layer(x).data, rtol=1e-13)
    assert np.isnan(layer(np.full((1, I), np.nan)).data).all()


def test_bad_input_is_named():
    layer = SparseEvolutionary(I, O, rng=0)
    with pytest.raises(ValueError, match=r"in_features = 3 entries: x has shape \(4, 2\), weight has shape \(2, 3\)"):
        layer(np.ones((4, 2)))
    with pytest.raises(TypeError, match="float32 and the weights are float64"):
        layer(np.ones((4, 3), np.float32))
    with pytest.raises(TypeError, match="floating point"):
        layer(np.ones((4, 3), int))
    with pytest.raises(ValueError, match="in_features is 0, out_features is 2"):
        SparseEvolutionary(0, 2)
    with pytest.raises(ValueError, match="epsilon must be positive.*try 20"):
        SparseEvolutionary(3, 2, 0.0)
    for zeta in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="zeta.* must be between 0 and 1"):
            SparseEvolutionary(3, 2, zeta=zeta)


def test_eq_8_many_rows_in_float32():
    dy = np.random.default_rng(0).uniform(0.5, 1.5, (300_000, 2)).astype(np.float32)
    arrays = [np.zeros(shape, np.float32) for shape in ((len(dy), 1), (2, 1), (2, 1), (2,))]
    _, (_, _, _, db) = masked_linear.run(*arrays)
    np.testing.assert_allclose(db(dy), dy.sum(axis=0, dtype=np.float64), rtol=1e-6)
