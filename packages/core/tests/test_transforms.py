import copy
from concurrent.futures import ThreadPoolExecutor

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


def test_a_function_that_uses_a_tensor_from_around_it_keeps_its_gradient():
    w = Tensor(2.0, requires_grad=True)
    for second in (
        lambda: grad(lambda x: w * x * x)(3.0),
        lambda: grad(lambda x, v: v * x * x)(3.0, w),
        lambda: 2.0 * value_and_grad(lambda x: w * x)(3.0)[0],
        lambda: 2.0 * vjp(lambda x: w * x, 3.0)[0],
        lambda: vjp(lambda x: w * x, 3.0)[1](6.0)[0],
        lambda: grad(lambda x: np.sum(np.stack([w * x, w]) ** 2))(1.0) * 1.5 / w,
        lambda: 2.0 * grad(lambda x: (x, w * x), has_aux=True)(3.0)[1],
    ):
        w.grad = None
        (w * 0.5 + second()).backward()
        np.testing.assert_allclose(w.grad.item(), 0.5 + (6.0 if second() > 7 else 3.0))


def test_nested_transforms_of_plain_arrays_return_plain_arrays():
    assert type(grad(lambda b: grad(lambda a: a**b)(2.0))(0.5)) is np.float64
    assert type(grad(lambda b: b * vjp(lambda a: a * a, 2.0)[0])(0.5)) is np.float64


def test_a_transform_in_a_thread_of_another_one():
    def f(a):
        with ThreadPoolExecutor(2) as threads:
            return sum(threads.map(lambda k: grad(lambda x: a * x**k)(2.0), [1, 2, 3]))

    assert grad(f)(5.0) == 1 + 4 + 12


def test_no_grad_around_a_transform_makes_its_result_a_constant():
    def f(x):
        with no_grad():
            slope = grad(lambda z: z**2)(x)
        return x * slope

    assert grad(f)(3.0) == 6.0
    w = Tensor(2.0, requires_grad=True)
    with no_grad():
        assert type(grad(lambda x: w * x)(w)) is np.float64


def test_a_copy_inside_a_transform_passes_its_gradient_on():
    for duplicate in (copy.copy, copy.deepcopy, lambda x: copy.copy(x * 1.0)):
        np.testing.assert_array_equal(grad(lambda x, d=duplicate: np.sum(d(x) ** 2))(np.ones(2)), [2, 2])


def test_dy_may_name_its_parts_in_another_order():
    pullback = vjp(lambda x: ({"a": x * 1.0, "b": [x * 2.0]},), 1.0)[1]
    assert pullback(({"b": [1.0], "a": 0.0},)) == (2.0,)
    for wrong in (({"a": 1.0},), ({"a": 1.0, "b": 1.0},), {"a": 1.0, "b": [1.0]}):
        with pytest.raises(ValueError, match="nested"):
            pullback(wrong)


def test_a_function_that_forgets_to_return_is_found():
    with pytest.raises(TypeError, match="returned NoneType"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="returned dict"):
        grad(lambda x: {"loss": x})(1.0)


def test_argnums_from_the_end_and_twice():
    assert grad(lambda a, b: a * b, argnums=-1)(2.0, 3.0) == 2.0
    with pytest.raises(TypeError, match="twice"):
        grad(lambda a, b: a * b, argnums=(1, -1))(2.0, 3.0)
    with pytest.raises(TypeError, match="was not given"):
        grad(lambda a, b: a * b, argnums=-3)(2.0, 3.0)


def test_an_error_inside_a_transform_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 // 0)(1.0)
    assert type(grad(np.sin)(1.0)) is np.float64
