import numpy as np
import pytest

import pellucid
from pellucid import Tensor, grad, no_grad, value_and_grad, vjp


def test_grad_of_grad_of_grad():
    np.testing.assert_allclose(grad(grad(grad(np.sin)))(0.3), -np.cos(0.3), rtol=1e-12)


def test_plain_in_plain_out():
    dx = grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    assert type(dx) is np.ndarray
    y, dx = value_and_grad(np.tanh)(0.5)
    assert not isinstance(y, Tensor)
    assert not isinstance(dx, Tensor)


def test_tensors_in_tensors_out_with_a_graph():
    x = Tensor(2.0, requires_grad=True)
    slope = grad(lambda z: z**3)(x)
    slope.backward()
    assert slope.item() == 12.0
    assert x.grad.item() == 12.0


def test_inside_another_transform_variables_of_both_meet():
    # d/da of (d/dx (a x²) at x = 3) = 2·3
    assert grad(lambda a: grad(lambda x: a * x * x)(3.0))(5.0) == 6.0


def test_the_same_variable_in_both():
    # d/dx [x · d/dz (x z²)|z=x] = d/dx 2x³ = 6x²
    np.testing.assert_allclose(grad(lambda x: x * grad(lambda z: x * z**2)(x))(2.0), 24.0)


def test_nested_arguments_keep_their_form():
    def loss(p, scale):
        return scale * np.sum(p["W"] @ p["bs"][0]) + p["bs"][1]

    p = {"W": np.ones((2, 3)), "bs": (np.arange(3.0), 7.0)}
    dp = grad(loss)(p, 2.0)
    np.testing.assert_array_equal(dp["W"], 2 * np.tile(np.arange(3.0), (2, 1)))
    np.testing.assert_array_equal(dp["bs"][0], [4, 4, 4])
    assert dp["bs"][1] == 1.0
    assert isinstance(dp["bs"], tuple)


def test_argnums_and_aux():
    def f(a, b):
        return a * b, {"sum": a + b}

    (value, aux), (da, db) = value_and_grad(f, argnums=(0, 1), has_aux=True)(2.0, 3.0)
    assert (value, aux["sum"], da, db) == (6.0, 5.0, 3.0, 2.0)
    da, aux = grad(f, has_aux=True)(2.0, 3.0)
    assert (da, aux["sum"]) == (3.0, 5.0)
    assert grad(f, argnums=1, has_aux=True)(2.0, 3.0)[0] == 2.0


def test_arguments_that_do_not_matter_have_gradient_zero():
    np.testing.assert_array_equal(grad(lambda x: 3.0)(np.ones(2)), [0, 0])
    dx, dz = grad(lambda x, z: np.sum(x), argnums=(0, 1))(np.ones(2), np.ones(3))
    np.testing.assert_array_equal(dz, np.zeros(3))


def test_the_same_array_twice_has_two_gradients():
    x = np.array([1.0, 2.0])
    da, db = grad(lambda a, b: np.sum(a * a * b), argnums=(0, 1))(x, x)
    np.testing.assert_array_equal(da, 2 * x * x)
    np.testing.assert_array_equal(db, x * x)


def test_vjp_can_be_pulled_many_times():
    A = np.arange(6.0).reshape(2, 3)
    y, pullback = vjp(lambda x: A @ x, np.ones(3))
    np.testing.assert_array_equal(y, A.sum(axis=1))
    rows = [pullback(dy)[0] for dy in np.eye(2)]
    np.testing.assert_array_equal(rows, A)


def test_vjp_of_several_results():
    (s, c), pullback = vjp(lambda x: (np.sin(x), np.cos(x)), 0.5)
    np.testing.assert_allclose([s, c], [np.sin(0.5), np.cos(0.5)])
    np.testing.assert_allclose(pullback((1.0, 2.0)), [np.cos(0.5) - 2 * np.sin(0.5)])
    with pytest.raises(ValueError, match="nested"):
        pullback(1.0)


def test_transforms_work_inside_no_grad():
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0


def test_integers_and_vectors_are_refused_with_help():
    with pytest.raises(TypeError, match=r"int64.*write 1.0 for 1"):
        grad(np.sin)(1)
    with pytest.raises(TypeError, match=r"one number as its value.*shape \(2,\)"):
        grad(np.sin)(np.ones(2))
    with pytest.raises(TypeError, match="argnums"):
        grad(np.sin, argnums=2)(1.0)


def test_an_outside_leaf_gets_no_gradient_from_a_transform():
    w = Tensor(2.0, requires_grad=True)
    assert grad(lambda x: w * x)(1.0) == 2.0
    assert w.grad is None


def test_public_names():
    for name in ("grad", "value_and_grad", "vjp", "gradcheck", "no_grad", "rule", "primitive", "Tensor"):
        assert callable(getattr(pellucid, name))
