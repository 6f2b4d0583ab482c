"""The oracle is the definition: sums written as loops, and finite differences."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.linear import Linear, linear

B, I, O = 3, 4, 2


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(B, I)), rng.normal(size=(O, I)), rng.normal(size=O), rng.normal(size=(B, O))


def test_eq_1_outputs_are_weighted_sums():
    x, W, b, _ = draw()
    y = linear(x, W, b)
    for n in range(B):
        for o in range(O):
            np.testing.assert_allclose(y[n, o], sum(x[n, i] * W[o, i] for i in range(I)) + b[o], rtol=1e-14)


def test_eq_2_3_4_gradients_are_the_sums_of_the_chain_rule():
    x, W, b, dy = draw(1)
    _, (dx, dW, db) = linear.run(x, W, b)
    for n in range(B):
        for i in range(I):
            np.testing.assert_allclose(dx(dy)[n, i], sum(dy[n, o] * W[o, i] for o in range(O)), rtol=1e-13)
    for o in range(O):
        for i in range(I):
            np.testing.assert_allclose(dW(dy)[o, i], sum(dy[n, o] * x[n, i] for n in range(B)), rtol=1e-13)
        np.testing.assert_allclose(db(dy)[o], sum(dy[n, o] for n in range(B)), rtol=1e-14)


@pytest.mark.parametrize("front", [(), (5,), (2, 3), (0,), (2, 0, 3)])
def test_eq_1_2_3_4_with_any_axes_in_front(front):
    rng = np.random.default_rng(2)
    x, (_, W, b, _) = rng.normal(size=(*front, I)), draw(2)
    assert linear(x, W, b).shape == (*front, O)
    if 0 not in front:
        gradcheck(linear, x, W, b)
        gradcheck(linear, x, W, b, order=2)
        gradcheck(lambda x, W: linear(x, W), x, W)
    else:
        W_t, b_t = Tensor(W, requires_grad=True), Tensor(b, requires_grad=True)
        np.sum(linear(x, W_t, b_t)).backward()
        assert not W_t.grad.data.any() and not b_t.grad.data.any()


def test_eq_5_initial_values_fill_the_interval_evenly():
    layer = Linear(16, 4000, rng=np.random.default_rng(0))
    for values in (layer.weight.data, layer.bias.data):
        assert values.min() >= -0.25 and values.max() < 0.25
        shares, _ = np.histogram(values, bins=5, range=(-0.25, 0.25))
        np.testing.assert_allclose(shares / values.size, 0.2, atol=0.02)


def test_the_first_layer_computes_no_gradient_for_its_input(monkeypatch):
    x, W, b, dy = draw(3)
    ran = []

    def watched(x, W, b):
        y, (dx, dW, db) = linear.run(x, W, b)
        return y, (lambda dy: ran.append("dx") or dx(dy), lambda dy: ran.append("dW") or dW(dy), db)

    monkeypatch.setattr("pellucid_nn.linear.linear", type(linear)(watched))
    layer = Linear(I, O, rng=np.random.default_rng(0))
    layer(x).backward(dy)
    layer(Tensor(x)).backward(dy)
    assert ran == ["dW", "dW"]
    layer(Tensor(x, requires_grad=True)).backward(dy)
    assert ran == ["dW"] * 2 + ["dx", "dW"]


def test_the_layer_is_the_function_of_its_parameters():
    layer = Linear(I, O, rng=np.random.default_rng(0))
    x = draw(4)[0]
    np.testing.assert_array_equal(layer(x).data, x @ layer.weight.data.T + layer.bias.data)
    bare = Linear(I, O, bias=False, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(bare(x.tolist()).data, x @ bare.weight.data.T)
    assert [name for name, _ in bare.named_parameters()] == ["weight"]
    assert repr(bare) == f"Linear(in_features={I}, out_features={O}, bias=False)"


def test_float32_stays_float32():
    layer = Linear(I, O, rng=np.random.default_rng(0), dtype=np.float32)
    y = layer(draw()[0].astype(np.float32))
    np.sum(y).backward()
    assert {y.dtype, layer.weight.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {np.dtype(np.float32)}


def test_same_seed_same_values_in_either_precision():
    wide, narrow = (Linear(I, O, rng=np.random.default_rng(7), dtype=dtype) for dtype in (np.float64, np.float32))
    np.testing.assert_array_equal(wide.weight.data.astype(np.float32), narrow.weight.data)


def test_bad_input_is_named():
    layer = Linear(I, O, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"in_features = 4 .* x has shape \(3, 5\), weight has shape \(2, 4\)"):
        layer(np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        layer(np.zeros(()))
    with pytest.raises(TypeError, match=r"x is int64 and the weights are float64: convert x with x.astype\(np.float64"):
        layer(np.zeros((3, 4), dtype=np.int64))
    with pytest.raises(TypeError, match="x is float32 and the weights are float64"):
        layer(np.zeros((3, 4), dtype=np.float32))
    for sizes in ((0, 3), (3, -1)):
        with pytest.raises(ValueError, match=f"in_features is {sizes[0]}, out_features is {sizes[1]}"):
            Linear(*sizes, rng=np.random.default_rng(0))


def test_empty_batch_and_nan_pass_through():
    layer = Linear(I, O, rng=np.random.default_rng(0))
    assert layer(np.zeros((0, I))).shape == (0, O)
    x = np.zeros((2, I))
    x[1, 0] = np.nan
    assert np.isnan(layer(x).data).tolist() == [[False, False], [True, True]]


def test_without_a_generator_the_initial_values_are_drawn_anew_and_a_seed_repeats_them():
    assert not np.array_equal(Linear(I, O).weight.data, Linear(I, O).weight.data)
    np.testing.assert_array_equal(Linear(I, O, rng=3).weight.data, Linear(I, O, rng=3).weight.data)


def test_eq_4_a_million_rows_in_float32():
    """Row after row, the sum would be off by 2e-5."""
    n = 1_000_000
    dy = np.random.default_rng(0).uniform(0.5, 1.5, (n, O)).astype(np.float32)
    _, (_, _, db) = linear.run(np.zeros((n, 1), np.float32), np.zeros((O, 1), np.float32), np.zeros(O, np.float32))
    assert db(dy).dtype == np.float32
    np.testing.assert_allclose(db(dy), dy.sum(axis=0, dtype=np.float64), rtol=1e-6)
