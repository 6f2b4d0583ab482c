"""Against sums and products entry by entry, gradients against finite differences, and products with zeros."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.merging import Add, Flatten, Multiply, add, flatten, multiply

SHAPES = [[(3, 4)], [(3, 4), (3, 4)], [(2, 3), (3,), (2, 1)], [(1,), (2, 1, 3), (4, 1), ()]]


def entry_by_entry(fold, xs):
    stretched = [np.broadcast_to(x, np.broadcast_shapes(*[x.shape for x in xs])) for x in xs]
    return np.array([fold(entries) for entries in zip(*[x.ravel() for x in stretched])]).reshape(stretched[0].shape)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("layer, function, fold", [(Add, add, math.fsum), (Multiply, multiply, math.prod)])
def test_eq_1_2_sums_and_products(layer, function, fold, shapes):
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=shape) for shape in shapes]
    kept = [x.copy() for x in xs]
    for x in xs:
        x.flags.writeable = False
    np.testing.assert_allclose(layer()(*xs), entry_by_entry(fold, xs), rtol=1e-13)
    gradcheck(function, *xs, order=2)
    np.testing.assert_array_equal(layer()(*map(np.asfortranarray, xs)), layer()(*xs))
    for x, y in zip(xs, kept):
        np.testing.assert_array_equal(x, y)
    single = [Tensor(x.astype(np.float32), requires_grad=True) for x in xs]
    y = layer()(*single)
    y.sum().backward(create_graph=True)
    assert y.dtype == np.float32 and all(x.grad.dtype == np.float32 and x.grad.shape == x.shape for x in single)


def test_eq_1_one_input_used_twice():
    x = Tensor(np.array([2.0]), requires_grad=True)
    Multiply()(Add()(x, x), x).backward()  # 2 x²
    assert x.grad.item() == 8


def test_eq_2_a_product_with_zeros_has_a_gradient():
    xs = [Tensor(np.array(x), requires_grad=True) for x in ([0.0, 0.0, 2.0], [3.0, 0.0, 5.0], [7.0, 2.0, 0.0])]
    Multiply()(*xs).backward(np.ones(3))
    assert [x.grad.tolist() for x in xs] == [[21, 0, 0], [0, 0, 0], [0, 0, 10]]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
@settings(max_examples=40, deadline=None)
def test_eq_3_flatten_keeps_the_order_of_the_entries(shape, data):
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    x = np.arange(math.prod(shape), dtype=float).reshape(shape)
    signs = [(start, end), (start - len(shape), end - len(shape))]
    for s, e in signs:
        t = Tensor(np.asfortranarray(x), requires_grad=True)
        y = Flatten(s, e)(t)
        assert y.data.ravel().tolist() == list(range(x.size))
        assert y.shape == (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
        y.backward(y.data)
        np.testing.assert_array_equal(t.grad.data, x)


def test_eq_3_flatten_gradient():
    gradcheck(lambda x: flatten(x, start_dim=1, end_dim=2), np.ones((2, 3, 2, 2)), order=2)
    assert flatten(np.ones((2, 3))).shape == (6,) and flatten(np.array(3.0)).shape == (1,)
    assert Flatten()(np.ones((2, 3, 4))).shape == (2, 12) and Flatten()(np.ones((0, 3, 4))).shape == (0, 12)
    assert Flatten()(np.arange(6).reshape(1, 2, 3)).dtype.kind == "i"
    assert repr(Flatten(0, 1)) == "Flatten(start_dim=0, end_dim=1)"


@pytest.mark.parametrize("start, end", [(2, -1), (0, 2), (1, 0), (-3, -1), (0, -3)])
def test_flatten_wants_axes_that_exist(start, end):
    with pytest.raises(ValueError, match=rf"x has shape \(2, 3\), start_dim is {start}, end_dim is {end}"):
        Flatten(start, end)(np.ones((2, 3)))


@pytest.mark.parametrize("layer", [Add(), Multiply()])
def test_bad_input(layer):
    with pytest.raises(ValueError, match="at least one input"):
        layer()
    with pytest.raises(ValueError, match=r"broadcast against each other; their shapes are \(2,\), \(3,\)"):
        layer(np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match="one dtype; theirs are float32, float64"):
        layer(np.ones(2, np.float32), np.ones(2))
    with pytest.raises(TypeError, match="x is int64"):
        layer(np.ones(2), np.arange(2))
    assert layer(np.zeros((0, 3)), np.ones(3)).shape == (0, 3)


def test_multiplications_are_counted():
    assert Multiply().multiply_adds(np.ones((2, 3)), 1, 2, 3) == 12
