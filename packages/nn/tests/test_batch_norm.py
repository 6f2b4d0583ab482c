"""The definition with Python's sums, finite differences, and statistics that are followed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.batch_norm import BatchNorm1d, BatchNorm2d, batch_norm, moments

EPS = 0.1
SHAPES = [(5, 3), (4, 3, 2), (3, 2, 2, 3), (1, 2, 4), (1, 1, 2, 2), (2, 3, 1)]


def draw(shape, seed=0):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(2, shape[1]))
    return 2 + 3 * rng.normal(size=shape), w, b, rng.normal(size=shape)


def channels(x):
    """(N, C, ...) as C lists of numbers."""
    return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1).tolist()


def by_definition(x, w, b, eps=EPS):
    rows = []
    for row, wc, bc in zip(channels(x), w, b):
        mean = math.fsum(row) / len(row)
        r = 1 / math.sqrt(math.fsum((v - mean) ** 2 for v in row) / len(row) + eps)
        rows.append([wc * r * (v - mean) + bc for v in row])
    return np.moveaxis(np.reshape(rows, (x.shape[1], x.shape[0], *x.shape[2:])), 0, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_eq_1_2_3_4_5_channels_are_normalized_by_the_batch(shape):
    x, w, b, _ = draw(shape)
    np.testing.assert_allclose(batch_norm(x, w, b, eps=EPS), by_definition(x, w, b), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(batch_norm(x, eps=EPS), by_definition(x, w * 0 + 1, b * 0), rtol=1e-12, atol=1e-14)
    layer = make(shape, eps=EPS)
    layer.weight.data[...], layer.bias.data[...] = w, b
    np.testing.assert_allclose(layer(x).data, by_definition(x, w, b), rtol=1e-12, atol=1e-14)


def make(shape, **options):
    return (BatchNorm2d if len(shape) == 4 else BatchNorm1d)(shape[1], **options)


@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 2), (2, 2, 2, 1)])
def test_eq_8_9_10_11_gradients_are_those_of_the_definition(shape):
    x, w, b, dy = draw(shape, 2)
    _, (dx, dW, db) = batch_norm.run(x, w, b, eps=EPS)

    def loss(x, w, b):
        return math.fsum((dy * by_definition(x, w, b)).ravel())

    h = 1e-5
    for which, slope in enumerate((dx(dy), dW(dy), db(dy))):
        for place in np.ndindex(slope.shape):
            ends = []
            for step in (h, -h):
                moved = [x.copy(), w.copy(), b.copy()]
                moved[which][place] += step
                ends.append(loss(*moved))
            np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / (2 * h), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_eq_1_2_3_4_5_8_9_10_11_to_second_order(shape):
    x, w, b, _ = draw(shape, 3)
    gradcheck(lambda x, w, b: batch_norm(x, w, b, eps=EPS), x, w, b, order=2)
    gradcheck(lambda x: batch_norm(x, eps=EPS), x, order=2)
    layer = make(shape, affine=False)
    gradcheck(lambda x: layer(x), x, order=2)
    gradcheck(lambda x: layer.eval()(x), x, order=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_eq_11_the_dot_product_test(n, c, t, seed):
    """⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩, with J v by a complex step, which has no rounding."""
    shape = (n, c, t) if t else (n, c)
    x, w, _, dy = draw(shape, seed)
    v = np.random.default_rng(seed + 1).normal(size=shape)
    axes = (0, 2)[: x.ndim - 1]
    z = x + 1e-30j * v
    z = z - z.mean(axis=axes, keepdims=True)
    z = z / np.sqrt((z * z).mean(axis=axes, keepdims=True) + EPS)
    Jv = (z * w.reshape(-1, *[1] * (x.ndim - 2))).imag * 1e30
    _, (dx, _, _) = batch_norm.run(x, w, eps=EPS)
    np.testing.assert_allclose(np.sum(dy * Jv), np.sum(dx(dy) * v), rtol=1e-9, atol=1e-10)


def expected_moments(x):
    rows = channels(x)
    means = [math.fsum(row) / len(row) for row in rows]
    return means, [math.fsum((v - mean) ** 2 for v in row) / len(row) for row, mean in zip(rows, means)]


@pytest.mark.parametrize("shape", SHAPES)
def test_eq_1_2_moments(shape):
    x = draw(shape)[0]
    for found, expected in zip(moments(x), expected_moments(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    far = (1e6 + 0.25 * x).astype(np.float32)
    for found, expected in zip(moments(far), expected_moments(far.astype(float)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_eq_1_2_moments_of_many_numbers_far_from_zero():
    far = (1e6 + np.random.default_rng(0).normal(size=(1000, 2, 3))).astype(np.float32)
    mean, var = moments(far)
    assert mean.dtype == var.dtype == np.float32
    np.testing.assert_allclose(var, expected_moments(far.astype(float))[1], rtol=1e-5)
    np.testing.assert_allclose(mean, expected_moments(far.astype(float))[0], atol=0.04)


@pytest.mark.parametrize("momentum", [0.1, 0.7, 0.0, 1.0, None])
@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 2), (2, 2, 3, 2)])
def test_eq_6_7_running_statistics_follow(shape, momentum):
    layer = make(shape, momentum=momentum)
    M = np.prod(shape) // shape[1]
    mean, var = np.zeros(shape[1]), np.ones(shape[1])
    for step in range(1, 4):
        x = draw(shape, step)[0]
        layer(x)
        layer.eval()(x)  # changes nothing
        layer.train()
        own = expected_moments(x)
        share = 1 / step if momentum is None else momentum
        mean = [old + share * (new - old) for old, new in zip(mean, own[0])]
        var = [old + share * (new * M / (M - 1) - old) for old, new in zip(var, own[1])]
        np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)
        assert layer.num_batches_tracked.shape == () and layer.num_batches_tracked == step


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 2), (2, 2, 3, 2)])
def test_eq_3_4_5_eval_mode_uses_the_running_statistics(shape):
    layer = make(shape, eps=EPS)
    for step in range(3):
        layer(draw(shape, step)[0])
    layer.eval()
    x, w, b, dy = draw(shape, 9)
    layer.weight.data[...], layer.bias.data[...] = w, b
    t = Tensor(x, requires_grad=True)
    y = layer(t)
    y.backward(dy)
    for place in np.ndindex(shape):
        c = place[1]
        r = 1 / math.sqrt(layer.running_var[c] + EPS)
        np.testing.assert_allclose(y.data[place], w[c] * r * (x[place] - layer.running_mean[c]) + b[c], rtol=1e-12)
        np.testing.assert_allclose(t.grad.data[place], w[c] * r * dy[place], rtol=1e-12)
    np.testing.assert_allclose(layer(x[:1]).data, y.data[:1], rtol=1e-14)  # others in the batch do not matter
    layer.bias = None
    without = layer(x).data
    np.testing.assert_allclose(without, y.data - b.reshape(-1, *[1] * (x.ndim - 2)), rtol=1e-10, atol=1e-14)
    layer.weight = None
    np.testing.assert_allclose(layer(x), without / w.reshape(-1, *[1] * (x.ndim - 2)), rtol=1e-10)


def test_eval_mode_without_running_statistics_takes_the_batch():
    layer, x = BatchNorm1d(3, track_running_stats=False), draw((5, 3))[0]
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.running_mean is layer.running_var is layer.num_batches_tracked is None
    with pytest.raises(ValueError, match="more than one number per channel"):
        layer(x[:1])


def test_an_old_graph_is_not_changed_by_a_new_batch():
    layer, x = BatchNorm1d(3).eval(), draw((5, 3))[0]
    t = Tensor(x, requires_grad=True)
    y = layer(t)
    layer.train()(x)
    y.backward(np.ones((5, 3)))
    np.testing.assert_allclose(t.grad.data, 1 / math.sqrt(1 + 1e-5), rtol=1e-14)


def run(layer, x, dy=None):
    """Value and gradient of the input, every warning an error."""
    with np.errstate(all="raise", under="ignore"):
        t = Tensor(x, requires_grad=True)
        y = layer(t)
        y.backward(np.linspace(-1, 2, x.size).reshape(x.shape).astype(x.dtype) if dy is None else dy)
    assert y.dtype == t.grad.dtype == x.dtype
    return y.data, t.grad.data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 5), (2, 3, 2, 4)])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e30])
def test_constant_channels_become_the_shift(dtype, shape, value):
    layer = make(shape, dtype=dtype)
    layer.bias.data[...] = 5
    y, dx = run(layer, np.full(shape, value, dtype))
    np.testing.assert_allclose(y, 5, atol=1e-4)
    assert np.isfinite(dx).all() and np.abs(dx).max() > 1


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 5), (2, 3, 2, 4)])
@pytest.mark.parametrize("dtype, size", [(np.float32, 1e30), (np.float64, 1e200)])
def test_extreme_values_keep_value_and_gradient(shape, dtype, size):
    x, _, _, dy = draw(shape)
    layer = make(shape, dtype=dtype, track_running_stats=False)
    y, dx = run(layer, (size * x).astype(dtype), dy.astype(dtype))
    expected, (slope, _, _) = batch_norm.run(x, eps=1e-300)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx * size, slope(dy), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(batch_norm(1e152 * x, eps=1e304), batch_norm(x, eps=1.0), rtol=1e-12)


@pytest.mark.parametrize("shape", [(300, 3), (20, 3, 15), (10, 3, 5, 6)])
def test_far_from_zero_in_single_precision(shape):
    rng = np.random.default_rng(0)
    x = (1e6 + rng.normal(size=shape)).astype(np.float32)
    wide, slope = run(make(shape), x.astype(np.float64))
    narrow = make(shape, dtype=np.float32)
    y, dx = run(narrow, x)
    np.testing.assert_allclose(y, wide, atol=2e-5)
    np.testing.assert_allclose(dx, slope, atol=2e-4)
    assert narrow.running_mean.dtype == narrow.running_var.dtype == np.float32
    np.testing.assert_allclose(batch_norm(x), wide, atol=2e-5)


def test_nan_stays_in_its_channel():
    for shape in SHAPES[:3]:
        x = draw(shape)[0]
        x[(1, 1, *[0] * (x.ndim - 2))] = np.nan
        y = np.moveaxis(make(shape)(x).data, 1, 0)
        assert np.isnan(y[1]).all() and not np.isnan(np.delete(y, 1, axis=0)).any()


def test_batches_of_one_and_empty_batches():
    for shape in [(1, 3), (1, 3, 1), (1, 3, 1, 1)]:
        with pytest.raises(ValueError, match=r"more than one number per channel .* x has shape \(1, 3"):
            make(shape)(np.zeros(shape))
        assert make(shape).eval()(np.zeros(shape)).shape == shape
    for shape in [(0, 3), (0, 3, 4), (2, 3, 0), (0, 3, 2, 2)]:
        for layer in (make(shape), make(shape).eval()):
            x = Tensor(np.zeros(shape), requires_grad=True)
            y = layer(x)
            y.backward(np.zeros(shape))
            assert y.shape == x.grad.shape == shape
            y, (dx, dW, db) = batch_norm.run(np.zeros(shape), np.ones(3), np.ones(3))
            assert y.shape == dx(y).shape == shape and not dW(y).any() and not db(y).any() and len(db(y)) == 3
            assert (
                layer.num_batches_tracked == 0 and not layer.weight.grad.data.any() and not layer.bias.grad.data.any()
            )
        assert make(shape, affine=False)(np.zeros(shape)).shape == shape


def test_views_and_read_only_arrays():
    for shape in SHAPES[:3]:
        x, _, _, dy = draw(shape, 6)
        expected = run(make(shape), x, dy)
        frozen = x.copy()
        frozen.setflags(write=False)
        for same in (np.asfortranarray(x), frozen, np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)):
            for ours, theirs in zip(run(make(shape), same, np.asfortranarray(dy)), expected):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_state_precision_and_repr():
    layer = BatchNorm2d(2)
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert layer.state_dict()["running_var"].tolist() == [1, 1] and layer.state_dict()["running_mean"].tolist() == [
        0,
        0,
    ]
    assert layer.weight.data.tolist() == [1, 1] and layer.bias.data.tolist() == [0, 0]
    x = draw((3, 2, 2, 2))[0]
    layer(x)
    twin = BatchNorm2d(2)
    twin.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(twin.eval()(x).data, layer.eval()(x).data)
    assert twin.num_batches_tracked == 1 and twin.num_batches_tracked.dtype == np.int64
    layer.float()
    assert layer.running_mean.dtype == np.float32 and layer(x.astype(np.float32)).dtype == np.float32
    assert layer.num_batches_tracked.dtype == np.int64
    assert repr(layer) == "BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    assert layer.multiply_adds(x, x) == 48 and BatchNorm2d(2, affine=False).multiply_adds(x, x) == 24
    assert list(BatchNorm1d(3, track_running_stats=False, bias=False).state_dict()) == ["weight"]
    np.testing.assert_array_equal(BatchNorm2d(2, bias=False)(x).data, BatchNorm2d(2, affine=False)(x))
    assert list(BatchNorm1d(3, affine=False).state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(N, C\) or \(N, C, T\) with C = num_features = 3: x has shape \(2, 4\)"):
        BatchNorm1d(3)(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"\(N, C, H, W\) .* x has shape \(3, 2, 2\)"):
        BatchNorm2d(3)(np.zeros((3, 2, 2)))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3, 2, 2\)"):
        BatchNorm1d(3)(np.zeros((2, 3, 2, 2)))
    with pytest.raises(TypeError, match="it is int64"):
        BatchNorm1d(3)(np.zeros((2, 3), np.int64))
    with pytest.raises(TypeError, match="x is float32 and the weights are float64"):
        BatchNorm1d(3, affine=False)(np.zeros((2, 3), np.float32))
    for options, word in (
        ((0,), "num_features must be 1 or more; got 0"),
        ((3, -1.0), "eps is added to a variance and must be 0 or more; got -1"),
        ((3, np.nan), "eps"),
        ((3, 1e-5, -0.5), "momentum must be 0 or more, or None; got -0.5"),
        ((3, 1e-5, np.nan), "momentum"),
    ):
        with pytest.raises(ValueError, match=word):
            BatchNorm1d(*options)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 2, 2)])
def test_an_eps_of_0_divides_by_the_deviation_alone(shape):
    x, w, b, _ = draw(shape)
    layer = make(shape, eps=0)
    np.testing.assert_allclose(run(layer, x)[0], by_definition(x, w * 0 + 1, b * 0, 0), rtol=1e-11, atol=1e-13)
    x[:, 1] = 0.0
    layer.running_var[1] = 0.0
    with np.errstate(all="raise"):
        for y in (layer(x).data, batch_norm(x, eps=0)):
            assert np.isnan(y[:, 1]).all() and np.isfinite(np.delete(y, 1, axis=1)).all()
        layer.running_var[1] = layer.running_mean[1] = 0.0
        assert np.isfinite(np.delete(layer.eval()(x).data, 1, axis=1)).all()


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 2, 2)])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_makes_its_channel_nan_and_no_warning(shape, value):
    x = draw(shape)[0]
    x[(1, 1, *[0] * (x.ndim - 2))] = value
    with np.errstate(all="raise"):
        for y in (make(shape)(x).data, batch_norm(x)):
            assert np.isnan(y[:, 1]).all() and np.isfinite(np.delete(y, 1, axis=1)).all()


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 2, 2)])
def test_settings_may_be_numbers_of_numpy(shape):
    x, _, _, dy = draw(shape)
    x, dy = x.astype(np.float32), dy.astype(np.float32)
    layer, plain = make(shape, eps=np.float64(1e-5), momentum=np.float64(0.1), dtype=np.float32), make(shape).float()
    np.testing.assert_array_equal(run(layer, x, dy)[0], run(plain, x, dy)[0])  # compares dtypes
    assert layer.running_mean.dtype == layer.running_var.dtype == layer.weight.grad.dtype == np.float32
    np.testing.assert_array_equal(run(layer.eval(), x, dy)[0], run(plain.eval(), x, dy)[0])
    y, (dx, dW, db) = batch_norm.run(x, *np.ones((2, shape[1]), np.float32), eps=np.float64(1e-5))
    assert {y.dtype, dx(dy).dtype, dW(dy).dtype, db(dy).dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize("shape", [(64, 3), (8, 3, 5), (4, 3, 5, 2)])
def test_half_precision_gives_no_warning(shape):
    x, _, _, dy = draw(shape)
    layer = make(shape, dtype=np.float16)
    y, dx = run(layer, x.astype(np.float16), dy.astype(np.float16))
    np.testing.assert_allclose(y, make(shape)(x).data, atol=0.02)
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == np.float16


def test_eq_6_7_a_momentum_above_1_goes_beyond_the_batch():
    x, layer = draw((5, 3))[0], BatchNorm1d(3, momentum=1.5)
    layer(x)
    mean, var = expected_moments(x)
    np.testing.assert_allclose(layer.running_mean, 1.5 * np.array(mean), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, 1.5 * 5 / 4 * np.array(var) - 0.5, rtol=1e-12)


def test_eq_1_2_9_10_sums_over_a_million_rows_keep_their_digits():
    rng = np.random.default_rng(0)
    dy = rng.random((10**6, 2), dtype=np.float32)
    x = rng.random(dy.shape, dtype=np.float32)
    y, (_, dW, db) = batch_norm.run(x, np.ones(2, np.float32), np.zeros(2, np.float32))
    np.testing.assert_allclose(db(dy), [math.fsum(column) for column in dy.T.tolist()], rtol=1e-6)
    wide = (dy.astype(float) * y).sum(axis=0)
    np.testing.assert_allclose(dW(dy), wide, atol=1e-6 * np.abs(dy * y).sum(axis=0, dtype=float).max())
    mean, var = moments(x)
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=float), rtol=3e-7)
    np.testing.assert_allclose(var, x.var(axis=0, dtype=float), rtol=1e-6)


def test_eq_9_10_a_sum_is_that_of_all_its_blocks(monkeypatch):
    x, w, b, dy = draw((7, 3, 2))
    _, (dx, dW, db) = batch_norm.run(x, w, b)
    expected = dx(dy), dW(dy), db(dy)
    for rows in (1, 3, 7):
        monkeypatch.setattr("pellucid_nn.batch_norm.ROWS", rows)
        _, (dx, dW, db) = batch_norm.run(x, w, b)
        for found, other in zip((dx(dy), dW(dy), db(dy)), expected, strict=True):
            np.testing.assert_allclose(found, other, rtol=1e-12, atol=1e-14)
        gradcheck(lambda x, w, b: batch_norm(x, w, b, eps=EPS), x, w, b, order=2)
