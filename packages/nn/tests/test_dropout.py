"""Masks that are known, and frequencies over many coins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.dropout import Dropout, check_probability, draw_mask, dropout

MASK = np.array([[True, False, True], [False, True, True]])


def test_eq_2_3_what_is_kept_is_enlarged_and_so_is_its_gradient():
    x, dy = np.random.default_rng(0).normal(size=(2, 2, 3))
    y, (dx, _) = dropout.run(x, MASK, p=0.2)
    for i, j in np.ndindex(2, 3):
        factor = 1.25 if MASK[i, j] else 0.0
        np.testing.assert_allclose(y[i, j], x[i, j] * factor, rtol=1e-14)
        np.testing.assert_allclose(dx(dy)[i, j], dy[i, j] * factor, rtol=1e-14)
    gradcheck(lambda x: dropout(x, MASK, p=0.3), x, order=2)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_eq_1_each_entry_is_dropped_with_probability_p(p):
    m = draw_mask((200, 500), p, np.random.default_rng(0))
    np.testing.assert_allclose(1 - m.mean(), p, atol=0.01)
    for axis in (0, 1):  # no row and no column is dropped as a whole: independent coins
        np.testing.assert_allclose(m.mean(axis=axis).std(), np.sqrt(p * (1 - p) / m.shape[axis]), rtol=0.15)


def test_eq_1_a_draw_that_is_exactly_p_is_kept():
    class Zeros(np.random.Generator):
        def random(self, shape, dtype):
            return np.zeros(shape, dtype)

    assert draw_mask((3,), 0.0, Zeros(np.random.PCG64(0))).all()


def test_eq_1_2_the_mean_over_the_masks_is_x():
    layer = Dropout(0.3, rng=0)
    np.testing.assert_allclose(layer(np.full(100_000, 2.0)).mean(), 2, rtol=0.01)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.floats(0, 1), st.integers(0, 99))
def test_eq_2_3_the_gradient_has_the_mask_of_the_value(shape, p, seed):
    x = Tensor(np.ones(shape), requires_grad=True)
    y = Dropout(p, rng=seed)(x)
    y.backward(np.ones(shape))
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert np.isin(y.data, [0, 1 / (1 - p) if p < 1 else 0]).all()


def test_the_ends():
    x = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(Dropout(0)(x), x)
    with np.errstate(all="raise"):
        t = Tensor(x, requires_grad=True)
        y = Dropout(1.0)(t)
        y.backward(np.ones_like(x))
        assert not y.data.any() and not t.grad.data.any()
        assert (Dropout(1.0)(np.full(4, 1e308)) == 0).all()
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="must be between 0 and 1; got"):
            Dropout(p)


def test_eval_mode_is_the_identity():
    layer = Dropout(0.9, rng=0).eval()
    x = Tensor(np.arange(5.0), requires_grad=True)
    y = layer(x)
    y.backward(np.ones(5))
    np.testing.assert_array_equal(y.data, x.data)
    np.testing.assert_array_equal(x.grad.data, np.ones(5))
    layer.train()
    assert (layer(np.ones(100)) == 0).any()


def test_masks_change_from_call_to_call_and_repeat_with_the_seed():
    layer, twin, x = Dropout(0.5, rng=7), Dropout(0.5, rng=np.random.default_rng(7)), np.ones(100)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(twin(x), first)
    np.testing.assert_array_equal(twin(x), second)
    assert [name for name, _ in layer.named_generators()] == ["rng"] and not layer.state_dict()
    single = Dropout(0.5, rng=7)(x.astype(np.float32))
    np.testing.assert_array_equal(single, first)


def test_second_order_runs_with_the_same_mask():
    x = Tensor(np.arange(1.0, 101), requires_grad=True)
    np.sum(Dropout(0.5, rng=0)(x) ** 2).backward(create_graph=True)
    kept = x.grad.data != 0
    slope = x.grad
    x.grad = None
    np.sum(slope).backward()
    np.testing.assert_array_equal(x.grad.data, 8.0 * kept)


def test_dtypes_empty_and_nan():
    for dtype in (np.float32, np.float64):
        x = Tensor(np.ones((4, 5), dtype), requires_grad=True)
        y = Dropout(0.3, rng=0)(x)
        y.backward(np.ones((4, 5)))
        assert y.dtype == x.grad.dtype == dtype
    assert Dropout()(np.zeros((0, 3))).shape == (0, 3)
    assert np.isnan(Dropout(rng=0)(np.full(9, np.nan))).all()
    with pytest.raises(TypeError, match="x is int64"):
        Dropout()(np.ones(3, np.int64))
    assert repr(Dropout(0.25)) == "Dropout(p=0.25)"


def test_views_and_read_only_arrays():
    x = np.random.default_rng(0).normal(size=(4, 6))
    frozen = x.copy()
    frozen.setflags(write=False)
    for same in (frozen, np.asfortranarray(x), x.tolist()):
        np.testing.assert_array_equal(Dropout(0.5, rng=0)(same), Dropout(0.5, rng=0)(x))


def test_the_probability_may_be_a_number_of_numpy():
    x = np.ones((4, 5), np.float32)
    assert type(check_probability(np.float64(0.5))) is type(check_probability(1)) is float
    assert Dropout(np.float64(0.5), rng=0)(x).dtype == np.float32
    assert repr(Dropout(np.float64(0.5))) == "Dropout(p=0.5)"


def test_it_does_not_write_into_its_input():
    assert repr(Dropout(0.5, False)) == "Dropout(p=0.5)"
    for refused in (lambda: Dropout(0.5, True), lambda: Dropout(inplace=True)):
        with pytest.raises(ValueError, match="inplace=True is not supported"):
            refused()
