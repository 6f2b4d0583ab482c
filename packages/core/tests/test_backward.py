"""The oracle is the definition of a derivative, or a number worked out by hand."""

import gc
import sys
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pellucid import Tensor, grad, no_grad, primitive, vjp
from pellucid.backward import gradients
from pellucid.tape import written


def directional(f, x, v, h=1e-6):
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def gradient(f, x):
    t = Tensor(x, requires_grad=True)
    f(t).backward()
    return t.grad.data


def curve(x):
    A = np.arange(9.0).reshape(3, 3) / 9
    return (np.sin(A @ x * x) * np.exp(x * 0.3)).sum()


@pytest.fixture
def point():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2)), rng.normal(size=(3, 2))


def test_plain_numpy_is_recorded_and_differentiated(point):
    x, v = point
    slope = directional(lambda x: float(curve(x)), x, v)
    np.testing.assert_allclose(np.sum(gradient(curve, x) * v), slope, rtol=1e-7)


def test_eq_1_every_use_of_x_sends_its_gradient_back():
    np.testing.assert_allclose(gradient(lambda x: x * x + x * 3.0 + x, np.array(5.0)), 2 * 5 + 4)


def test_eq_1_many_uses_of_one_array_are_summed_in_place_without_touching_what_they_came_from():
    x = Tensor(np.ones(3), requires_grad=True)
    doubled = x * 2.0
    dy = np.array([1.0, 10.0, 100.0])
    (doubled + doubled + doubled + doubled).backward(dy)
    np.testing.assert_array_equal(x.grad.data, 8 * dy)
    np.testing.assert_array_equal(dy, [1, 10, 100])


def test_eq_2_a_result_used_late_is_still_visited_after_its_users():
    def f(x):
        early = x * 2.0
        return early * (x * early)  # 4 x³

    np.testing.assert_allclose(gradient(f, np.array(3.0)), 12 * 9)


def test_eq_2_depth_costs_no_recursion():
    x = Tensor(0.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0


@pytest.mark.parametrize(
    "step", [lambda y: y + 1.0, np.tanh, lambda y: y[::-1], lambda y: y.T, np.copy, lambda y: _written(y)]
)
def test_a_graph_is_freed_at_once_without_recursion_and_without_the_cycle_collector(step):
    gc.disable()
    try:
        x = Tensor(np.ones((2, 1)), requires_grad=True)
        y = x * 1.0
        for _ in range(100_000):
            y = step(y)
        node = weakref.ref(y.step)
        del y
        assert node() is None
        y = step(step(x))
        node = weakref.ref(y.step)
        y.backward(np.ones(y.shape))
        del y
        assert node() is None
    finally:
        gc.enable()


def _written(y):
    y = y * 1.0
    y[0] = y[1]
    return y


def test_an_operation_costs_300_bytes_beyond_its_data_and_nothing_is_left_after_backward():
    x = Tensor(0.0, requires_grad=True)

    def chain(n):
        y = x
        for _ in range(n):
            y = y * 0.999
        return y

    tracemalloc.start()
    chain(10_000).backward()  # Python keeps some of the memory of tuples for other tuples
    before = tracemalloc.get_traced_memory()[0]
    y = chain(10_000)
    assert (tracemalloc.get_traced_memory()[0] - before) / 10_000 - 32 <= 300  # the number itself takes 32
    y.backward()
    del y
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert left < 2000


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1)])
def test_eq_3_the_gradient_has_the_shape_of_x(shape):
    dx = gradient(lambda x: (x * np.ones((4, 2, 3))).sum(), np.ones(shape))
    assert dx.shape == shape
    assert dx.sum() == 24  # each of the 24 products counts once


def test_eq_3_the_gradient_has_the_dtype_of_x():
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    (x * np.array([1.0, 2.0, 3.0])).sum().backward()  # float64 from here on
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.data, [1, 2, 3])


def test_eq_4_the_gradient_by_a_complex_number():
    z, x = Tensor(np.array([1.0 + 2.0j]), requires_grad=True), Tensor(np.array([3.0]), requires_grad=True)
    np.real(z * z * x).sum().backward()  # Re: 3 (a² − b²), by a = 1 and b = 2
    np.testing.assert_array_equal(z.grad.numpy(), [6 + 12j])  # ∂/∂a − i ∂/∂b
    np.testing.assert_array_equal(x.grad.numpy(), [-3])
    assert x.grad.dtype == np.float64


def test_leaves_accumulate_over_passes():
    x = Tensor(2.0, requires_grad=True)
    (x * 3.0).backward()
    (x * 4.0).backward()
    assert x.grad.item() == 7.0


def test_gradients_of_two_leaves_share_no_memory():
    a, b = Tensor(np.ones(2), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    dy = np.ones(2)
    (a + b).backward(dy)
    a.grad.data[0] = 5.0
    assert b.grad.data[0] == 1.0
    assert dy[0] == 1.0


def test_the_gradient_of_a_broadcast_sum_can_be_written_to():
    x = Tensor(np.ones(3), requires_grad=True)
    x.sum().backward()
    x.grad.data *= 0.5
    np.testing.assert_array_equal(x.grad.data, [0.5] * 3)


def test_gradients_are_tensors_without_a_graph_unless_asked(point):
    x = Tensor(point[0], requires_grad=True)
    curve(x).backward()
    assert isinstance(x.grad, Tensor)
    assert not x.grad.requires_grad
    x.grad = None
    curve(x).backward(create_graph=True)
    assert x.grad.requires_grad


def test_gradients_have_gradients(point):
    x, v = point
    t = Tensor(x, requires_grad=True)
    curve(t).backward(create_graph=True)
    first, t.grad = t.grad, None
    (first * v).sum().backward()
    slope = directional(lambda x: gradient(curve, x), x, v)
    np.testing.assert_allclose(t.grad.data, slope, rtol=1e-6, atol=1e-9)


def test_nothing_is_computed_for_inputs_that_need_no_gradient():
    asked = []

    @primitive
    def product(a, b):
        return a * b, (lambda dy: asked.append("a") or dy * b, lambda dy: asked.append("b") or dy * a)

    x = Tensor(3.0, requires_grad=True)
    product(Tensor(2.0), x).backward()
    assert asked == ["b"]


def test_a_transform_computes_nothing_for_variables_around_it():
    asked = []

    @primitive
    def product(a, b):
        return a * b, (lambda dy: asked.append("a") or dy * b, lambda dy: asked.append("b") or dy * a)

    outside = Tensor(2.0, requires_grad=True)
    assert grad(lambda x: product(outside, x))(3.0) == 2.0
    assert asked == ["b"]
    assert outside.grad is None


def test_a_second_pass_over_a_freed_graph_says_how_to_keep_it():
    x = Tensor(2.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"np.multiply.*retain_graph=True"):
        y.backward()
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.item() == 12.0


def test_memory_is_freed_on_the_way():
    def run(x):
        for _ in range(50):
            x = np.tanh(x)
        return x.sum()

    x = Tensor(np.zeros(100_000), requires_grad=True)
    y = run(x)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y.backward()
    after, peak = (m - before for m in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    assert peak < 6 * x.data.nbytes  # a few arrays at a time, not fifty
    assert after < 2 * x.data.nbytes


def test_a_write_between_the_two_passes_is_noticed():
    w, x = Tensor(np.ones(2), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    y = (w * x).sum()
    with no_grad():
        w += 1.0
    with pytest.raises(RuntimeError, match=r"np.multiply.*written into since"):
        y.backward()
    (w * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [2, 2])


def test_no_grad_holds_for_its_own_thread_only():
    x = Tensor(1.0, requires_grad=True)
    seen = []
    with no_grad():
        assert not (x * 2.0).requires_grad
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]
    assert (x * 2.0).requires_grad


def test_no_grad_decorates_and_survives_an_error():
    x = Tensor(1.0, requires_grad=True)

    @no_grad()
    def fail():
        assert not (x * 2.0).requires_grad
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (x * 2.0).requires_grad


def test_backward_from_many_numbers_asks_for_dy():
    with pytest.raises(ValueError, match=r"this Tensor has shape \(3,\): pass dy, or sum it"):
        (Tensor(np.ones(3), requires_grad=True) * 2.0).backward()
    with pytest.raises(ValueError, match=r"\(3,\), not \(2,\)"):
        (Tensor(np.ones(3), requires_grad=True) * 2.0).backward(np.ones(2))


def test_backward_without_a_leaf_says_so():
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (Tensor(1.0) * 2.0).backward()


def test_several_ends_share_one_pass():
    x = Tensor(3.0, requires_grad=True)
    shared = x * x
    sums = gradients([shared * 2.0, shared * 5.0], [np.array(1.0), np.array(10.0)])
    assert sums[x] == 2 * 3 * (2 + 50)


def test_reading_an_array_piece_by_piece_costs_one_array_of_zeros():
    x = Tensor(np.ones(1000), requires_grad=True)
    total = sum([x[i] * float(i) for i in range(1000)])
    total.backward()
    np.testing.assert_array_equal(x.grad.data, np.arange(1000.0))


@pytest.mark.parametrize("make", [lambda x: x, lambda x: x + 1.0, lambda x: x[0] + x[0], lambda x: np.sum(x + x)])
def test_create_graph_leaves_tensors_where_the_gradient_is_constant(make):
    x = Tensor(np.ones(2), requires_grad=True)
    make(x).sum().backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    leaf = Tensor(1.0, requires_grad=True)
    leaf.backward(create_graph=True)
    assert isinstance(leaf.grad, Tensor)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x**3 + (x + x)),
        lambda x: np.sum((x + x) + x**3),
        lambda x: x[0] + np.sum(x**3),
        lambda x: np.sum(x**3) + x[0],
        lambda x: x[0] + np.sum(x**3) + x[1],
        lambda x: x[[0, 0]].sum() + np.sum(x**3) + (x + x).sum(),
    ],
)
def test_eq_1_constant_and_recorded_gradients_are_summed_in_any_order(f):
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(grad(f)(x)))(x), 6 * x)
    np.testing.assert_array_equal(gradient(f, x), grad(f)(x))


def test_gradients_share_no_memory_with_a_dy_that_is_a_tensor_or_with_each_other():
    a, b, dy = (Tensor(np.ones(2), requires_grad=i < 2) for i in range(3))
    (a + b).backward(dy, create_graph=True)
    (a + b).sum().backward(create_graph=True)
    c = Tensor(np.ones(2), requires_grad=True)
    (c + 1.0).backward(dy)
    a.grad.data[0] = c.grad.data[0] = 5.0
    assert dy.data[0] == 1.0
    assert b.grad.data[0] == 2.0
    assert c.grad._array.flags.owndata


def test_dy_takes_the_dtype_of_its_tensor():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    x.backward(Tensor(np.ones(2)))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 1), (6,)])
def test_eq_3_a_gradient_that_does_not_sum_to_the_shape_of_x_is_refused(shape):
    @primitive
    def wrong(x):
        return np.sum(x), lambda dy: (np.ones(shape),)

    with pytest.raises(ValueError, match=r"wrong for an argument of shape \(2, 3\) came out in shape"):
        gradient(wrong, np.ones((2, 3)))


def test_a_write_into_what_a_transform_closed_over_is_noticed():
    w, v = Tensor(np.ones((2, 2)), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    for f in (lambda x: w * x, lambda x: x @ w.T, lambda x: np.stack([w[0], x])):
        assert len(vjp(f, np.ones(2))[1](f(np.ones(2)).data)) == 1
    pullbacks = [vjp(f, np.ones(2))[1] for f in (lambda x: w * x, lambda x: x @ w.T)]
    elsewhere = vjp(lambda x: x * np.tanh(w[0]) * v, np.ones(2))[1]
    with no_grad():
        w += 1.0
    for pullback, dy in zip(pullbacks, (np.ones((2, 2)), np.ones(2)), strict=True):
        with pytest.raises(RuntimeError, match="written into since"):
            pullback(dy)
    assert elsewhere(np.ones(2))[0].shape == (2,)  # it kept tanh(w), which is as it was


def test_a_write_that_the_tape_is_told_of_is_noticed():
    x = Tensor(np.ones(3), requires_grad=True)
    y = x * 2.0
    z = y * y
    written(y, "a program in C")
    with pytest.raises(RuntimeError, match=r"written into since \(by a program in C\)"):
        z.sum().backward()
    (x + x).sum().backward()


def test_a_write_matters_only_where_the_values_are_needed():
    x = Tensor(np.ones(3), requires_grad=True)
    y = np.reshape(x + 1.0, (3, 1)) - 2.0 * x[0]
    with no_grad():
        x[0] = 5.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [-5, 1, 1])


def test_generators_may_leave_no_grad_in_any_order():
    def off():
        with no_grad():
            yield

    x, first, second = Tensor(1.0, requires_grad=True), off(), off()
    next(first)
    next(second)
    first.close()
    assert not (x * 2.0).requires_grad
    second.close()
    thread_is_off, done = threading.Event(), threading.Event()

    def hold():
        with no_grad():
            thread_is_off.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    thread_is_off.wait(10)
    try:
        assert (x * 2.0).requires_grad
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("product", [np.multiply, np.dot, np.inner, np.outer, np.matmul])
def test_a_factor_may_change_where_the_other_needs_no_gradient(product):
    w, x = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    for y in (np.sum(product(w, x)), np.sum(product(x, w))):
        with no_grad():
            w *= 2.0
        w.grad = None
        y.backward()
        np.testing.assert_array_equal(w.grad.data, [7, 7] if product is np.outer else x)
    y = np.sum(product(w, w))
    with no_grad():
        w *= 2.0
    with pytest.raises(RuntimeError, match="its gradient needs the old values"):
        y.backward()


def test_threads_add_to_one_leaf():
    x = Tensor(np.ones(2), requires_grad=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: [(x * 1.0).sum().backward() for _ in range(500)], range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert x.grad.tolist() == [2000, 2000]
