"""The definition with Python's sums, finite differences, and what normalization promises."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.layer_norm import LayerNorm, layer_norm

N, D, EPS = 4, 5, 0.1


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return 2 + 3 * rng.normal(size=(N, D)), rng.normal(size=D), rng.normal(size=D), rng.normal(size=(N, D))


def by_definition(row, w, b, eps=EPS):
    mean = math.fsum(row) / len(row)
    r = 1 / math.sqrt(math.fsum((v - mean) ** 2 for v in row) / len(row) + eps)
    return [wi * r * (v - mean) + bi for v, wi, bi in zip(row, w, b)]


def test_eq_1_2_3_4_rows_are_normalized_one_by_one():
    x, w, b, _ = draw()
    y = layer_norm(x, w, b, normalized_shape=(D,), eps=EPS)
    np.testing.assert_allclose(y, [by_definition(row, w, b) for row in x.tolist()], rtol=1e-13)
    np.testing.assert_allclose(layer_norm(x, w, None, normalized_shape=(D,), eps=EPS), y - b, rtol=1e-12, atol=1e-15)
    bare = layer_norm(x, normalized_shape=(D,), eps=EPS)
    np.testing.assert_allclose(bare, [by_definition(row, [1] * D, [0] * D) for row in x.tolist()], rtol=1e-13)


def test_eq_1_2_3_rows_have_mean_0_and_variance_1():
    x = draw(1)[0]
    y = layer_norm(x, normalized_shape=(D,), eps=1e-12)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-11)
    np.testing.assert_allclose(layer_norm(7 * x - 2, normalized_shape=(D,), eps=1e-12), y, rtol=1e-10)


def test_eq_5_6_7_8_gradients_are_those_of_the_definition():
    """Central differences of the definition in Python's floats."""
    x, w, b, dy = draw(2)
    _, (dx, dW, db) = layer_norm.run(x, w, b, normalized_shape=(D,), eps=EPS)

    def loss(x, w, b):
        rows = [by_definition(row, w, b) for row in x.tolist()]
        return math.fsum(u * v for us, vs in zip(dy.tolist(), rows) for u, v in zip(us, vs))

    h = 1e-5
    for which, slope in enumerate((dx(dy), dW(dy), db(dy))):
        for place in np.ndindex(slope.shape):
            ends = []
            for step in (h, -h):
                moved = [x.copy(), w.copy(), b.copy()]
                moved[which][place] += step
                ends.append(loss(*moved))
            np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / (2 * h), rtol=1e-8, atol=1e-8)


def test_eq_8_the_gradient_is_orthogonal_to_moving_and_stretching():
    x, _, _, dy = draw(3)
    _, (dx, _, _) = layer_norm.run(x, normalized_shape=(D,), eps=1e-13)
    np.testing.assert_allclose(dx(dy).sum(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose((dx(dy) * x).sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("shape, own", [((3, 4), 1), ((4,), 1), ((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3, 4), 3)])
def test_eq_1_2_3_4_5_6_7_8_over_any_trailing_axes(shape, own):
    rng = np.random.default_rng(4)
    x, tail = rng.normal(size=shape), shape[-own:]
    w, b = rng.normal(size=(2, *tail))
    flat = layer_norm(x.reshape(-1, w.size), w.ravel(), b.ravel(), normalized_shape=(w.size,))
    np.testing.assert_allclose(layer_norm(x, w, b, normalized_shape=tail), flat.reshape(shape), rtol=1e-12)
    layer = LayerNorm(tail)

    def apply(x, w, b):
        return layer_norm(x, w, b, normalized_shape=tail)

    gradcheck(apply, x, w, b, order=2)
    gradcheck(lambda x, w: layer_norm(x, w, normalized_shape=tail), x, w, order=2)
    gradcheck(lambda x: layer_norm(x, normalized_shape=tail), x, order=2)
    gradcheck(lambda x: layer(x), x, order=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_eq_8_the_dot_product_test(n, d, seed):
    """⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩, with J v by a complex step, which has no rounding."""
    rng = np.random.default_rng(seed)
    x, v, dy = rng.normal(size=(3, n, d))
    w = rng.normal(size=d)
    z = x + 1e-30j * v
    c = z - z.mean(axis=1, keepdims=True)
    Jv = (w * c / np.sqrt((c * c).mean(axis=1, keepdims=True) + EPS)).imag * 1e30
    _, (dx, _, _) = layer_norm.run(x, w, normalized_shape=(d,), eps=EPS)
    np.testing.assert_allclose(np.sum(dy * Jv), np.sum(dx(dy) * v), rtol=1e-9, atol=1e-10)


def run(layer, x):
    """Value and gradient of the input, every warning an error."""
    with np.errstate(all="raise", under="ignore"):
        t = Tensor(x, requires_grad=True)
        y = layer(t)
        y.backward(np.linspace(-1, 2, x.size).reshape(x.shape).astype(x.dtype))
    assert y.dtype == t.grad.dtype == x.dtype
    return y.data, t.grad.data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e6, 1e30])
def test_constant_rows_become_the_shift(dtype, value):
    layer = LayerNorm(7, dtype=dtype)
    layer.bias.data[...] = np.arange(7)
    y, dx = run(layer, np.full((3, 7), value, dtype))
    np.testing.assert_allclose(y, [np.arange(7)] * 3, atol=1e-4)
    assert np.isfinite(dx).all() and np.abs(dx).max() > 1


@pytest.mark.parametrize("dtype, size", [(np.float32, 1e30), (np.float64, 1e200), (np.float32, 1e-30)])
def test_extreme_values_keep_value_and_gradient(dtype, size):
    x = draw(5)[0]
    y, dx = run(LayerNorm(D, dtype=dtype), (size * x).astype(dtype))
    _, (slope, _, _) = layer_norm.run(x, normalized_shape=(D,), eps=1e-5 if size < 1 else 1e-300)
    if size > 1:
        np.testing.assert_allclose(y, layer_norm(x, normalized_shape=(D,), eps=1e-300), rtol=1e-4, atol=1e-5)
        dy = np.linspace(-1, 2, x.size).reshape(x.shape)
        np.testing.assert_allclose(dx * size, slope(dy), rtol=1e-3, atol=1e-5)
    else:
        np.testing.assert_allclose(y / size, (x - x.mean(axis=1, keepdims=True)) / math.sqrt(1e-5), rtol=1e-4)
        assert np.isfinite(dx).all() and np.abs(dx).max() > 1


def test_the_clear_form_of_extreme_values():
    x, w, b, dy = draw(5)
    y, (dx, dW, _) = layer_norm.run(1e200 * x, w, b, normalized_shape=(D,))
    expected, (slope, slope_W, _) = layer_norm.run(x, w, b, normalized_shape=(D,), eps=1e-300)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_allclose(1e200 * dx(dy), slope(dy), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(dW(dy), slope_W(dy), rtol=1e-12)
    large_eps = layer_norm(1e152 * x, normalized_shape=(D,), eps=1e304)
    np.testing.assert_allclose(large_eps, layer_norm(x, normalized_shape=(D,), eps=1.0), rtol=1e-12)


def test_far_from_zero_in_single_precision():
    rng = np.random.default_rng(0)
    x = (1e6 + rng.normal(size=(8, 300))).astype(np.float32)
    wide, slope = run(LayerNorm(300), x.astype(np.float64))
    y, dx = run(LayerNorm(300, dtype=np.float32), x)  # one rounding of the mean alone would be wrong by 0.02
    np.testing.assert_allclose(y, wide, atol=2e-5)
    np.testing.assert_allclose(dx, slope, atol=2e-4)
    np.testing.assert_allclose(layer_norm(x, normalized_shape=(300,)), wide, atol=2e-5)


def test_nan_stays_in_its_row():
    x = draw()[0]
    x[1, 2] = np.nan
    for y in (layer_norm(x, normalized_shape=(D,)), LayerNorm(D)(x).data):
        assert np.isnan(y).all(axis=1).tolist() == [False, True, False, False]
        assert np.isnan(y).any(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("shape", [(0, D), (2, 0, D), (1, D), (D,)])
def test_empty_batches_and_batches_of_one(shape):
    layer = LayerNorm(D)
    x = Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    y = layer(x)
    y.backward(np.ones(shape))
    assert y.shape == x.grad.shape == shape and layer.weight.grad.shape == (D,)
    if 0 in shape:
        assert not layer.weight.grad.data.any() and not layer.bias.grad.data.any()


def test_views_and_read_only_arrays():
    x = draw(6)[0]
    layer = LayerNorm(D)
    expected = layer(x).data
    wide = np.zeros((N, 2 * D))
    wide[:, ::2] = x
    frozen = x.copy()
    frozen.setflags(write=False)
    for same in (np.asfortranarray(x), wide[:, ::2], frozen, x.tolist()):
        np.testing.assert_allclose(layer(same).data, expected, rtol=1e-14)
    t = Tensor(np.asfortranarray(x), requires_grad=True)
    layer(t).backward(np.asfortranarray(draw(6)[3]))
    _, (dx, _, _) = layer_norm.run(x, normalized_shape=(D,))
    np.testing.assert_allclose(t.grad.data, dx(draw(6)[3]), rtol=1e-10)


def test_parameters_and_state():
    layer = LayerNorm((2, 3))
    assert {name: array.tolist() for name, array in layer.state_dict().items()} == {
        "weight": [[1.0] * 3] * 2,
        "bias": [[0.0] * 3] * 2,
    }
    assert list(LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert list(LayerNorm(3, elementwise_affine=False).state_dict()) == []
    other = LayerNorm((2, 3))
    layer.weight.data[...] = 5
    other.load_state_dict(layer.state_dict())
    assert (other.weight.data == 5).all()
    assert repr(layer) == "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True, bias=True)"
    assert repr(LayerNorm(3, bias=False)).endswith("elementwise_affine=True, bias=False)")
    assert repr(LayerNorm(3, elementwise_affine=False)).endswith("elementwise_affine=False, bias=False)")
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)
    assert layer.multiply_adds(x, x) == 48 and LayerNorm(3, elementwise_affine=False).multiply_adds(x, x) == 24


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"normalized_shape = \(3,\): x has shape \(2, 4\)"):
        LayerNorm(3)(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"normalized_shape = \(3, 4\): x has shape \(4,\)"):
        LayerNorm((3, 4))(np.zeros(4))
    with pytest.raises(TypeError, match="x must be floating point; it is int64"):
        LayerNorm(3)(np.zeros((2, 3), np.int64))
    with pytest.raises(TypeError, match="x is float32 and the weights are float64"):
        LayerNorm(3)(np.zeros((2, 3), np.float32))
    for shape in ((), 0, (3, 0)):
        with pytest.raises(ValueError, match="each 1 or more"):
            LayerNorm(shape)
    for eps in (-1e-5, np.nan):
        with pytest.raises(ValueError, match="eps is added to a variance and must be 0 or more; got"):
            LayerNorm(3, eps=eps)
    with pytest.raises(ValueError, match=r"normalized_shape = \(3,\): x has shape \(2, 4\)"):
        layer_norm(np.zeros((2, 4)), normalized_shape=(3,))
    with pytest.raises(ValueError, match=r"normalized_shape = \(\)"):
        layer_norm(np.zeros((2, 4)), normalized_shape=())


def test_an_eps_of_0_divides_by_the_deviation_alone():
    x = draw()[0]
    layer = LayerNorm(D, eps=0)
    y, dx = run(layer, x)
    np.testing.assert_allclose(y, [by_definition(row, [1] * D, [0] * D, 0) for row in x.tolist()], rtol=1e-12)
    np.testing.assert_allclose(layer_norm(x, normalized_shape=(D,), eps=0), y, rtol=1e-12)
    x[1] = 0.0
    with np.errstate(all="raise"):
        for y in (layer(x).data, layer_norm(x, normalized_shape=(D,), eps=0)):
            assert np.isnan(y).all(axis=1).tolist() == np.isnan(y).any(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_makes_its_row_nan_and_no_warning(value):
    x = draw()[0]
    x[1, 2] = value
    with np.errstate(all="raise"):
        for y in (LayerNorm(D)(x).data, layer_norm(x, normalized_shape=(D,))):
            assert np.isnan(y).all(axis=1).tolist() == np.isnan(y).any(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("size", [1.0, 1e30])
def test_eps_may_be_a_number_of_numpy(dtype, size):
    size = min(size, float(np.finfo(dtype).max) / 20)
    x = (size * draw()[0]).astype(dtype)
    y, dx = run(LayerNorm(D, np.float64(1e-5), dtype=dtype), x)  # compares dtypes
    np.testing.assert_array_equal(y, LayerNorm(D, dtype=dtype)(x).data)
    y, (slope, _, _) = layer_norm.run(x, normalized_shape=(D,), eps=np.float64(1e-5))
    assert y.dtype == slope(x).dtype == dtype
