import copy
import gc
import weakref
from collections import OrderedDict, defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pellucid
from pellucid import Tensor, elementwise_grad, grad, hessian, hvp, jacobian, no_grad, value_and_grad, vjp
from pellucid.transforms import stop_gradient

Point = namedtuple("Point", "x y")


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
    with pytest.raises(TypeError, match="returned None: does it lack a return"):
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


def test_keywords_and_strings_reach_the_function_as_they_are():
    def f(x, how, *, power=1, table=None):
        assert how == "cubes"
        assert table == {"k": [1, "two"]}
        return np.sum(x**power)

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0]), "cubes", power=3, table={"k": [1, "two"]}), [3, 12])


def test_named_tuples_ordered_dicts_and_none_are_nested():
    p = {"at": Point(np.ones(2), 2.0), "none": None, "more": [OrderedDict(b=3.0, a=1.0), ()]}
    dp = grad(lambda p: np.sum(p["at"].x) * p["at"].y * p["more"][0]["b"])(p)
    assert isinstance(dp["at"], Point)
    np.testing.assert_array_equal(dp["at"].x, [6, 6])
    assert dp["at"].y == 6.0
    assert dp["none"] is None
    assert dp["more"] == [{"b": 4.0, "a": 0.0}, ()]


def test_several_arguments_of_which_one_is_nested():
    a, b = grad(lambda p, n, x: p["w"] * x**n, argnums=[0, 2])({"w": 2.0}, 3, 5.0)
    assert (a, b) == ({"w": 125.0}, 150.0)


def test_integers_in_a_nested_argument_are_named():
    with pytest.raises(TypeError, match=r"\['layers'\]\[1\]\.y of this argument holds int64: write 1.0 for 1"):
        grad(lambda p: 1.0)({"layers": [1.0, Point(2.0, 3)]})
    for wrong, kind in (("a", "str"), (b"a", "bytes"), (object(), "object"), (True, "bool"), ({1}, "set")):
        with pytest.raises(TypeError, match=f"this argument holds {kind}.*argnums"):
            grad(lambda x: 1.0)(wrong)


def test_arguments_by_name_cannot_be_chosen():
    with pytest.raises(TypeError, match="argnums=0 .*it got 0 by position"):
        grad(lambda x: x)(x=1.0)


def test_has_aux_wants_a_pair():
    with pytest.raises(TypeError, match=r"has_aux=True is for a function that returns \(value, anything\)"):
        grad(lambda x: x, has_aux=True)(1.0)
    with pytest.raises(TypeError, match="has_aux"):
        vjp(lambda x: (x, x, x), 1.0, has_aux=True)


def test_vjp_with_aux():
    y, pullback, aux = vjp(lambda x: (x**2, {"half": x / 2, "name": "a"}), np.array([1.0, 2.0]), has_aux=True)
    np.testing.assert_array_equal(y, [1, 4])
    np.testing.assert_array_equal(aux["half"], [0.5, 1.0])
    assert type(aux["half"]) is np.ndarray
    assert aux["name"] == "a"
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2, 4])


def test_dtypes_are_kept():
    x = np.array([0.5, 2.0], np.float32)
    value, dx = value_and_grad(lambda x: np.sum(np.tanh(x) * 2.0))(x)
    assert value.dtype == dx.dtype == np.float32
    assert vjp(np.tanh, x)[1](np.ones(2))[0].dtype == np.float32
    assert grad(np.tanh)(np.float32(0.5)).dtype == np.float32
    assert grad(lambda z: np.real(z * z))(np.complex64(1 + 2j)).dtype == np.complex64
    assert grad(lambda x: 1.0)(x).dtype == np.float32


def test_complex_values_have_no_gradient_unless_they_are_holomorphic():
    z = 1.0 + 2.0j
    for complex_value in (lambda z: z * z, lambda z: 2j, lambda z: np.ones(1) * 1j):
        with pytest.raises(TypeError, match="complex value.*real part.*vjp.*holomorphic=True"):
            grad(complex_value)(z)
    with pytest.raises(TypeError, match="complex value"):
        grad(lambda x: np.exp(1j * x))(0.5)
    assert grad(lambda z: z**3, holomorphic=True)(z) == pytest.approx(3 * z**2)
    assert grad(grad(lambda z: z**3, holomorphic=True), holomorphic=True)(z) == pytest.approx(6 * z)
    value, dz = value_and_grad(np.exp, holomorphic=True)(z)
    assert value == dz == np.exp(z)
    with pytest.raises(TypeError, match="holomorphic=True is for complex.*one of float64: write 1[+]0j"):
        grad(np.exp, holomorphic=True)(1.0)
    with pytest.raises(TypeError, match="one of float64"):
        grad(np.abs, holomorphic=True)(z)


def test_the_gradient_of_a_real_function_of_complex_numbers():
    # |z|² = x² + y², and the gradient is ∂/∂x − i ∂/∂y
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z) ** 2))(np.array([3 + 4j, 1j])), [6 - 8j, -2j])
    # Re z² = x² − y²
    np.testing.assert_allclose(grad(lambda z: np.real(z * z))(3 + 4j), 6 + 8j)


def test_dy_is_checked():
    pullback = vjp(lambda x: {"a": x * 2.0, "b": (np.sum(x),)}, np.ones(3))[1]
    np.testing.assert_array_equal(pullback({"b": (1,), "a": [1, 2, 3]})[0], [3, 5, 7])
    with pytest.raises(ValueError, match=r"dy\['a'\] must have the shape of the value.*there: \(3,\), not \(2,\)"):
        pullback({"a": np.ones(2), "b": (1.0,)})
    with pytest.raises(ValueError, match=r"dy must have the shape of the value of the function: \(3,\), not \(\)"):
        vjp(np.tanh, np.ones(3))[1](1.0)
    with pytest.raises(ValueError, match=r"nested as the value of the function is: {'a': 'leaf'"):
        pullback({"a": np.ones(3)})
    with pytest.raises(TypeError, match="dy is complex where the value of the function is real"):
        vjp(np.tanh, np.ones(3))[1](np.ones(3) * 1j)
    with pytest.raises(ValueError, match="nested"):
        vjp(np.tanh, 1.0)[1](None)


def test_none_in_a_value_takes_none():
    y, pullback = vjp(lambda x: (x * 2.0, None), 3.0)
    assert y == (6.0, None)
    assert pullback((1.0, None)) == (2.0,)


def test_parts_of_a_value_that_depend_on_nothing():
    y, pullback = vjp(lambda x: (x * 2.0, 7, "word"), 3.0)
    assert y == (6.0, 7, "word")
    assert pullback((1.0, 0.0, "")) == (2.0,)


# Writes inside a function


def test_a_function_may_write_into_its_variables():
    x = np.array([1.0, 2.0, 3.0])

    def first_is_zero(x):
        x[0] = 0.0
        return np.sum(x**2)

    def shifted(x):
        x += 1.0
        x *= x
        return np.sum(x)

    np.testing.assert_array_equal(grad(first_is_zero)(x), [0, 4, 6])
    np.testing.assert_array_equal(grad(shifted)(x), 2 * (x + 1))
    np.testing.assert_array_equal(x, [1, 2, 3])
    assert grad(shifted)(2.0) == 6.0


def test_a_variable_written_over_whole_has_gradient_zero():
    def f(x):
        x[:] = 1.0
        return np.sum(x)

    np.testing.assert_array_equal(grad(f)(np.ones(2)), [0, 0])


def test_writes_inside_nested_transforms():
    def f(x):
        y = x * 1.0
        x[1] = y[0] * x[2]
        return x[1] * x[0]  # x₀² x₂

    x = np.array([2.0, 5.0, 3.0])
    np.testing.assert_array_equal(grad(f)(x), [12, 0, 4])
    np.testing.assert_array_equal(grad(lambda x: np.sum(grad(f)(x)))(x), [2 * 3 + 2 * 2, 0, 2 * 2])
    np.testing.assert_array_equal(x, [2, 5, 3])
    outer = Tensor(x, requires_grad=True)
    np.sum(grad(f)(outer)).backward()
    np.testing.assert_array_equal(outer.grad.data, [10, 0, 4])
    np.testing.assert_array_equal(outer.data, x)


def test_a_hook_on_a_variable_sees_its_gradient():
    seen = []

    def f(x):
        x.register_hook(lambda dx: seen.append(dx.item()))
        return x * x

    assert grad(f)(3.0) == 6.0
    assert seen == [6.0]


# What is a Tensor and what is plain


def test_inside_a_transform_what_depends_on_nothing_is_plain():
    def f(b):
        slope = grad(lambda a: a * a)(2.0)
        assert type(slope) is np.float64
        y, pullback = vjp(np.tanh, np.ones(2))
        assert type(y) is np.ndarray
        assert type(pullback(np.ones(2))[0]) is np.ndarray
        return b * float(slope)

    assert grad(f)(0.5) == 4.0


def test_a_tensor_without_a_gradient_is_a_value():
    x = Tensor([1.0, 2.0])
    assert type(grad(lambda x: np.sum(x * x))(x)) is np.ndarray
    assert type(value_and_grad(lambda x: np.sum(x * x))(x)[0]) is np.float64


def test_a_pullback_taken_outside_and_used_inside():
    _, pullback = vjp(lambda x: x**3, np.array([1.0, 2.0]))
    slope = grad(lambda u: np.sum(pullback(u)[0] ** 2))(np.ones(2))
    assert type(slope) is np.ndarray
    np.testing.assert_array_equal(slope, [2 * 9, 2 * 144])


def test_a_pullback_made_inside_and_used_there_depends_on_the_outer_variable():
    np.testing.assert_allclose(grad(lambda a: vjp(lambda x: a * x**2, 3.0)[1](2.0)[0])(5.0), 12.0)
    np.testing.assert_allclose(grad(lambda a: vjp(lambda x: x**2, 3.0)[1](a)[0])(5.0), 6.0)
    np.testing.assert_allclose(grad(lambda a: vjp(lambda x: x**2, a)[1](1.0)[0])(5.0), 2.0)


def test_the_value_of_an_inner_function_that_ignores_its_variable():
    # the inner value depends on the outer variable and not on its own
    value_and_slope = value_and_grad(lambda a: value_and_grad(lambda x: a * a)(1.0)[0])(3.0)
    assert value_and_slope == (9.0, 6.0)
    assert grad(lambda a: a + grad(lambda x: a * a)(1.0))(3.0) == 1.0


def test_backward_inside_a_function():
    def f(x):
        w = Tensor(2.0, requires_grad=True)
        (w**2).backward()
        return x * w.grad.item()

    assert grad(f)(1.0) == 4.0


def test_threads_without_a_transform_around_them():
    w = Tensor(2.0, requires_grad=True)
    with ThreadPoolExecutor(4) as threads:
        slopes = list(threads.map(lambda k: grad(lambda x: w * x**k)(1.0), range(1, 9)))
    sum(slopes).backward()
    assert w.grad.item() == 36.0


def test_the_graph_of_a_transform_is_freed_without_the_cycle_collector():
    gc.collect()
    gc.disable()
    try:
        seen = []

        def f(x):
            y = np.tanh(x)
            seen.append(weakref.ref(y.step))
            return np.sum(y)

        grad(f)(np.ones(3))
        grad(lambda x: np.sum(grad(f)(x)))(np.ones(3))
        vjp(f, np.ones(3))[1](1.0)
        assert all(ref() is None for ref in seen)
    finally:
        gc.enable()


def test_stop_gradient():
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    dx, dy = grad(lambda x, y: x * stop_gradient({"a": [y, "text"], "b": None})["a"][0], argnums=(0, 1))(3.0, 4.0)
    assert (dx, dy) == (4.0, 0.0)
    a = np.ones(2)
    assert stop_gradient(a) is a
    assert stop_gradient((1, None, Point(a, "s"))) == (1, None, Point(a, "s"))
    x = Tensor(a, requires_grad=True)
    assert not stop_gradient(x).requires_grad
    assert np.shares_memory(stop_gradient(x).numpy(), a)
    # d²/dx² of x · stop(x) is 0, of (x · stop(x))² by the product rule 2 stop(x)²
    assert grad(grad(lambda x: x * stop_gradient(x)))(3.0) == 1.0 - 1.0
    assert grad(grad(lambda x: (x * stop_gradient(x)) ** 2))(3.0) == 2 * 9.0


def test_a_pair_without_has_aux_is_named():
    with pytest.raises(TypeError, match="returned a tuple of 2: has_aux=True if the second"):
        grad(lambda x: (np.sum(x), x))(np.ones(2))
    with pytest.raises(TypeError, match="returned a list of 3: use vjp"):
        grad(lambda x: [x, x, x])(1.0)
    with pytest.raises(TypeError, match=r"returned shape \(2,\): sum it, or use vjp"):
        grad(lambda x: x)(np.ones(2))


@pytest.mark.parametrize("transform", [elementwise_grad, jacobian, hessian, lambda f: lambda x: vjp(f, x)])
def test_a_value_without_a_number_is_named(transform):
    with pytest.raises(TypeError, match="<lambda> returned None: does it lack a return?"):
        transform(lambda x: None)(1.0)
    for value in ("word", (), {"a": None}):
        with pytest.raises(TypeError, match=f"<lambda> returned {type(value).__name__} without a number"):
            transform(lambda x, value=value: value)(1.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, hvp, elementwise_grad])
@pytest.mark.parametrize("argnums", ["x", None, True, 1.0, np.ones(2), (0, "b")])
def test_argnums_are_checked_before_the_function_is_called(transform, argnums):
    with pytest.raises(TypeError, match=r"argnums must be the place of an argument.*write grad\(f\)\(x\)"):
        transform(np.sum, argnums)


def test_dicts_of_other_classes_stay_what_they_are():
    class Bunch(dict):
        __getattr__ = dict.__getitem__

    slopes = grad(lambda p: p.a * p.inner["b"])(Bunch(a=2.0, inner=defaultdict(float, b=3.0)))
    assert type(slopes) is Bunch and type(slopes.inner) is defaultdict
    assert slopes == {"a": 3.0, "inner": {"b": 2.0}}


def test_the_value_of_vjp_may_be_written_into():
    x = np.array([1.0, 2.0])
    for f in (np.exp, lambda x: x, lambda x: {"y": x}):
        y, pullback = vjp(f, x)
        expected = pullback(y)[0]
        (y["y"] if isinstance(y, dict) else y)[:] = 0.0
        np.testing.assert_array_equal(pullback(f(x))[0], expected)
        assert x.tolist() == [1.0, 2.0]
