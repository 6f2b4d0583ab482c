import gc
import tracemalloc
import weakref
from collections import namedtuple

import numpy as np
import pytest

from pellucid import Tensor, grad, no_grad, value_and_grad, vjp
from pellucid.checkpointing import checkpoint
from pellucid.derivatives import hessian, hvp, jacobian, jvp

Pair = namedtuple("Pair", "a b")
rng = np.random.default_rng(0)
W, x0 = rng.normal(size=(3, 3)), rng.normal(size=3)


def layer(x, W=W):
    return np.tanh(W @ x) * x


def test_eq_1_2_value_and_gradient_are_those_of_the_function():
    f = lambda x: np.sum(layer(x) ** 2)
    g = lambda x: np.sum(checkpoint(layer)(x) ** 2)
    for a, b in zip(value_and_grad(f)(x0), value_and_grad(g)(x0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    for transform in (hessian, jacobian, lambda f: lambda x: hvp(f)(x, np.ones(3))):
        np.testing.assert_allclose(transform(f)(x0), transform(g)(x0), rtol=1e-12)
    np.testing.assert_allclose(jvp(f, (x0,), (x0,)), jvp(g, (x0,), (x0,)), rtol=1e-12)
    third = lambda f: grad(lambda x: np.sum(grad(lambda x: np.sum(grad(f)(x) ** 2))(x) ** 2))
    np.testing.assert_allclose(third(f)(x0), third(g)(x0), rtol=1e-10)


def test_eq_1_the_operations_are_dropped_from_the_tape():
    runs = []

    @checkpoint
    def f(x):
        runs.append(1)
        return np.exp(np.tanh(x)) * 2

    x = Tensor(x0, requires_grad=True)
    y = f(x)
    assert y.step.parents == (x,)
    assert len(runs) == 1
    np.sum(y).backward()
    assert len(runs) == 2
    np.testing.assert_allclose(x.grad.data, 2 * np.exp(np.tanh(x0)) * (1 - np.tanh(x0) ** 2))


def test_nested_arguments_and_values():
    @checkpoint
    def f(p, n, *, how, scale):
        assert how == "both"
        return {"power": p["x"] ** n, "n": n, "pair": Pair([p["more"][0] * scale], None), "plain": Tensor(2.0)}

    def loss(p, scale):
        y = f(p, 3, how="both", scale=scale)
        assert y["n"] == 3
        assert y["plain"].item() == 2.0
        assert isinstance(y["pair"], Pair)
        assert y["pair"].b is None
        return np.sum(y["power"]) + y["pair"].a[0] * 5.0

    dp, ds = grad(loss, argnums=(0, 1))({"x": np.array([1.0, 2.0]), "more": (3.0, None)}, 7.0)
    np.testing.assert_array_equal(dp["x"], [3, 12])
    assert dp["more"] == (35.0, None)
    assert ds == 15.0


def test_arguments_that_come_from_each_other_or_twice():
    x = Tensor(2.0, requires_grad=True)
    y = x * x
    z = checkpoint(lambda a, b, c: a * b * b * c)(x, y, x)  # x · x⁴ · x
    z.backward()
    assert x.grad.item() == 6 * 2.0**5


def test_only_one_of_two_values_is_used():
    x = Tensor(2.0, requires_grad=True)
    a, b = checkpoint(lambda x: (x**2, x**3))(x)
    b.backward()
    assert x.grad.item() == 12.0


def test_an_argument_that_is_not_used_and_one_that_is_returned():
    x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    a, b = checkpoint(lambda x, y: (x, x * 1.0))(x, y)
    (a + b).backward()
    assert x.grad.item() == 2.0
    assert y.grad is None


# Tensors from around it


def test_tensors_from_around_it_get_their_gradients():
    w = Tensor(2.0, requires_grad=True)
    v = w**2  # a result, which leads on to w

    @checkpoint
    def f(x):
        return np.sum(np.stack([w * x, v])) * w + v  # w² x + w³ + w²

    y = f(Tensor(5.0)) + w
    y.backward()
    assert w.grad.item() == pytest.approx(2 * 2 * 5 + 3 * 4 + 2 * 2 + 1)
    assert f(5.0).requires_grad
    assert checkpoint(lambda: w)().step.parents == (w,)


def test_tensors_from_around_it_to_second_order():
    def f(w):
        v = w**2
        return checkpoint(lambda x: v * x * w)(3.0)  # 3 w³

    assert f(2.0) == 24.0
    assert grad(f)(2.0) == 36.0
    assert grad(grad(f))(2.0) == 36.0
    assert grad(grad(grad(f)))(2.0) == 18.0


def test_a_transform_inside():
    @checkpoint
    def f(x, a):
        return grad(lambda z: a * z**3 + x * z)(2.0) * x  # (12 a + x) x

    dx, da = grad(f, argnums=(0, 1))(5.0, 1.0)
    assert (dx, da) == (12.0 + 10.0, 60.0)
    assert grad(grad(f))(5.0, 1.0) == 2.0


def test_one_inside_another():
    inner = checkpoint(np.tanh)
    outer = checkpoint(lambda x: inner(inner(x)) * x)
    plain = lambda x: np.tanh(np.tanh(x)) * x
    assert grad(outer)(0.5) == pytest.approx(grad(plain)(0.5), rel=1e-14)
    assert grad(grad(outer))(0.5) == pytest.approx(grad(grad(plain))(0.5), rel=1e-13)


def test_hooks_run_once():
    w, x = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    v, h = w * 1.0, x * 1.0
    for t in (w, v, x, h):
        t.register_hook(lambda dx: dx * 2)
    for create_graph in (False, True):
        w.grad = x.grad = None
        checkpoint(lambda h: v * h * w)(h).backward(create_graph=create_graph, retain_graph=True)  # w² x
        assert w.grad.item() == (2 * 6.0 + 6.0) * 2
        assert x.grad.item() == 4.0 * 4


def test_what_a_function_hands_out_on_the_side_keeps_its_graph():
    seen = []
    w = Tensor(2.0, requires_grad=True)

    @checkpoint
    def f(x):
        y = x * w
        seen.append(y)
        return y**2

    x = Tensor(3.0, requires_grad=True)
    y = f(x) + seen[0]
    y.backward()
    assert x.grad.item() == 2 * 3 * 4.0 + 2.0
    assert w.grad.item() == 2 * 2 * 9.0 + 3.0


# What cannot be right raises


def test_random_numbers_are_found():
    numbers = np.random.default_rng(0)

    @checkpoint
    def noisy(x):
        return x * numbers.normal()

    for create_graph in (False, True):
        y = noisy(Tensor(1.0, requires_grad=True))
        with pytest.raises(RuntimeError, match=r"checkpoint\(.*noisy\) gave another value.*random numbers"):
            y.backward(create_graph=create_graph)


def test_other_tensors_are_found():
    w = [Tensor(1.0, requires_grad=True), Tensor(1.0, requires_grad=True)]

    @checkpoint
    def f(x):
        return x * w.pop()

    y = f(Tensor(1.0, requires_grad=True))
    with pytest.raises(RuntimeError, match="used other Tensors from around it when it was run again"):
        y.backward()


def test_another_number_of_values_is_found():
    many = [3, 2]
    f = checkpoint(lambda x: [x * k for k in range(many.pop(0))])
    parts = f(Tensor(1.0, requires_grad=True))
    with pytest.raises(RuntimeError, match="gave another value"):
        parts[2].backward()


def test_a_leaf_that_was_written_into_since_is_found():
    w = Tensor(np.ones(2), requires_grad=True)
    x = Tensor(np.ones(2), requires_grad=True)
    for changed in (w, x):
        y = np.sum(checkpoint(lambda x: w * x)(x))
        with no_grad():
            changed -= 0.5
        with pytest.raises(RuntimeError, match="written into since"):
            y.backward()


def test_where_nothing_is_recorded():
    w = Tensor(2.0, requires_grad=True)
    runs = []
    f = checkpoint(lambda x: runs.append(1) or w * x)
    with no_grad():
        assert not f(w).requires_grad
    assert type(checkpoint(np.tanh)(0.5)) is np.float64
    assert not checkpoint(np.tanh)(Tensor(0.5)).requires_grad
    assert len(runs) == 1


def test_name_and_documentation():
    assert checkpoint(layer).__name__ == "layer"
    y = checkpoint(layer)(Tensor(x0, requires_grad=True))
    assert repr(y).endswith("from checkpoint(layer))")


# Memory


def chain(x, n):
    for _ in range(n):
        x = np.tanh(x)
    return x


def peak(run):
    gc.collect()
    tracemalloc.start()
    try:
        value = run()
        return tracemalloc.get_traced_memory()[1], value
    finally:
        tracemalloc.stop()


def test_pieces_of_length_20_of_a_chain_of_400_need_a_sixth_of_the_memory():
    x = np.linspace(-1, 1, 10_000)
    piece = checkpoint(lambda x: chain(x, 20))

    def in_pieces(x):
        for _ in range(20):
            x = piece(x)
        return np.sum(x)

    whole, expected = peak(lambda: grad(lambda x: np.sum(chain(x, 400)))(x))
    pieces, found = peak(lambda: grad(in_pieces)(x))
    np.testing.assert_array_equal(found, expected)
    assert whole > 400 * x.nbytes
    assert pieces < 55 * x.nbytes  # 20 inputs, 20 operations of one piece, and a few on the way


def test_nothing_is_left_after_the_backward_pass():
    x = Tensor(np.linspace(-1, 1, 10_000), requires_grad=True)
    piece = checkpoint(lambda x: chain(x, 20))
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        y = np.sum(piece(piece(x)))
        y.backward()
        kept = tracemalloc.get_traced_memory()[0]
        assert kept < 1.2 * x.data.nbytes  # the gradient
    finally:
        tracemalloc.stop()
        gc.enable()


def test_a_second_backward_pass():
    x = Tensor(2.0, requires_grad=True)
    y = checkpoint(lambda x: x**3)(x)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24.0
    with pytest.raises(RuntimeError, match="second backward pass"):
        y.backward()


def test_a_pullback_of_it_can_be_pulled_many_times():
    y, pullback = vjp(checkpoint(layer), x0)
    rows = np.stack([pullback(u)[0] for u in np.eye(3)])
    np.testing.assert_allclose(rows, jacobian(layer)(x0))


def test_a_write_into_an_argument_is_refused():
    def f(x):
        x[0] = 3.0 * x[1]
        return np.sum(x**2)

    with pytest.raises(RuntimeError, match="f wrote into its argument.*write into a copy"):
        grad(lambda x: checkpoint(f)(1.0 * x))(np.ones(3))


@pytest.mark.parametrize("from_around", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_constant_that_was_written_into_since_is_noticed(from_around, create_graph):
    a = Tensor(np.ones((2, 2)))
    b = Tensor(np.zeros((2, 2)), requires_grad=True)  # so that the value does not show it
    product = checkpoint((lambda b: (b @ a.T).sum()) if from_around else lambda b, a: (b @ a.T).sum())
    y = product(b) if from_around else product(b, a)
    a *= 3.0
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward(create_graph=create_graph)
    y = product(b) if from_around else product(b, a)
    y.backward(create_graph=create_graph)
    assert b.grad.tolist() == [[6, 6], [6, 6]]


def test_what_the_function_wrote_into_its_own_arrays_is_no_matter():
    @checkpoint
    def f(x):
        room = Tensor(np.zeros(3))
        room += 2.0
        return x * room

    x = Tensor(x0, requires_grad=True)
    f(x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_small_values_are_compared_too():
    draw = np.random.default_rng(0)
    y = checkpoint(lambda x: x * 1e-12 * draw.uniform())(Tensor(1.0, requires_grad=True))
    with pytest.raises(RuntimeError, match="another value"):
        y.backward()


def test_a_checkpointed_graph_is_freed_without_the_collector():
    gc.disable()
    try:
        y = checkpoint(layer)(Tensor(x0, requires_grad=True))
        gone = weakref.ref(y.step)
        del y
        assert gone() is None
    finally:
        gc.enable()
