import numpy as np
import pytest

from pellucid import Tensor, gradcheck, primitive


@primitive
def linear(x, W, b):
    """x Wᵀ + b."""
    return x @ W.T + b, (lambda dy: dy @ W, lambda dy: dy.T @ x, lambda dy: np.sum(dy, axis=0))


@primitive
def softplus(x, *, sharpness=1.0):
    y = np.logaddexp(0.0, sharpness * x) / sharpness
    return y, lambda dy: dy * np.exp(sharpness * (x - y))


@primitive
def sin_cos(x):
    s, c = np.sin(x), np.cos(x)
    return (s, c), lambda ds, dc: (ds * c - dc * s,)


rng = np.random.default_rng(0)
x, W, b = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)


def test_called_with_arrays_it_is_a_plain_function():
    assert type(linear(x, W, b)) is np.ndarray
    assert linear.__doc__ == "x Wᵀ + b."
    assert linear.__name__ == "linear"
    assert "linear" in repr(linear)


def test_gradient_to_any_order():
    gradcheck(linear, x, W, b, order=3)
    gradcheck(softplus, x, order=3)
    gradcheck(lambda x: softplus(x, sharpness=3.0), x, order=2, rtol=1e-5)
    gradcheck(sin_cos, x, order=2)
    gradcheck(lambda x: sin_cos(x)[1], x, order=2)  # the other result sends nothing back


def test_without_gradients_nothing_is_recorded():
    y = linear(Tensor(x), W, b)
    assert isinstance(y, Tensor)
    assert not y.requires_grad
    assert y.is_leaf


def test_none_is_no_gradient():
    @primitive
    def pick(x, i):
        return x[i], lambda dy: (np.eye(len(x))[i] * dy, None)

    t = Tensor(np.arange(3.0), requires_grad=True)
    pick(t, 1).backward()
    np.testing.assert_array_equal(t.grad.data, [0, 1, 0])


def test_an_argument_without_a_gradient_is_named():
    @primitive
    def f(a, b):
        return a * b, (lambda dy: dy * b,)

    with pytest.raises(TypeError, match="f has no gradient for its argument 1"):
        f(Tensor(1.0), Tensor(2.0, requires_grad=True)).backward()


@pytest.mark.parametrize("answer", [lambda dy: dy, lambda dy: (dy,), lambda dy: (dy, dy, dy)])
def test_a_vjp_that_forgets_an_argument_is_found(answer):
    @primitive
    def f(a, b):
        return a * b, answer

    with pytest.raises(TypeError, match="vjp of f must return a tuple .* each of its 2 arguments"):
        f(Tensor(1.0, requires_grad=True), Tensor(2.0)).backward()


def test_a_vjp_of_one_argument_may_return_its_gradient_in_a_tuple():
    def slope(answer):
        x = Tensor([2.0, 3.0], requires_grad=True)
        primitive(lambda x: (x * x, answer(x)))(x).sum().backward()
        return x.grad

    assert slope(lambda x: lambda dy: (2 * x * dy,)).data.tolist() == [4, 6]
    assert slope(lambda x: lambda dy: 2 * x * dy).data.tolist() == [4, 6]
    assert slope(lambda x: lambda dy: (None,)) is None
    for wrong in ((), (1.0, 2.0)):
        with pytest.raises(TypeError, match=f"each of its 1 arguments; it returned {len(wrong)}"):
            slope(lambda x, wrong=wrong: lambda dy: wrong)


@pytest.mark.parametrize(
    "give", [lambda a: linear([a], W, b), lambda a: linear(x, W, b=a), lambda a: linear({"x": a}, W, b)]
)
def test_tensors_where_no_gradient_would_reach_them_are_refused(give):
    with pytest.raises(TypeError, match="linear takes Tensors as positional arguments only"):
        give(Tensor(b, requires_grad=True))


def test_a_tensor_from_around_it_is_refused():
    outside = Tensor(2.0, requires_grad=True)

    @primitive
    def f(x):
        return x * outside, lambda dy: (dy * outside,)

    with pytest.raises(TypeError, match="f used a Tensor that is not among its arguments"):
        f(Tensor(1.0, requires_grad=True))


def test_numbers_of_python_are_values_and_gradients():
    @primitive
    def f(x):
        return float(np.sum(x)), lambda dy: (float(dy) * 3.0 * np.ones_like(x) if np.ndim(x) else 3.0,)

    for at in (np.ones(2), np.array(1.0)):
        t = Tensor(at, requires_grad=True)
        f(t).backward()
        np.testing.assert_array_equal(t.grad.data, 3 * at)


def test_a_primitive_that_draws_random_numbers_is_not_run_again():
    rng = np.random.default_rng(0)

    @primitive
    def dropout(x):
        kept = rng.random(4)
        return (x * kept, x), lambda dy, _: (dy * kept,)

    t = Tensor(np.ones(4), requires_grad=True)
    dropout(t)[0].sum().backward()
    with pytest.raises(RuntimeError, match="dropout gave another value.*random numbers"):
        dropout(t)[0].sum().backward(create_graph=True)


@pytest.mark.parametrize("returned", [lambda x: x * 2, lambda x: (x, None), lambda x: (x, lambda dy: dy, 1)])
def test_a_primitive_without_a_vjp_says_what_to_return(returned):
    f = primitive(returned)
    for x in (np.array([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)):
        with pytest.raises(TypeError, match="returns its value and its vjp; .* write return y, lambda dy: dx"):
            f(x)


@pytest.mark.parametrize(("dtype", "error", "is_same"), [
    (np.float64, 1e-9, True), (np.float64, 1e-4, False), (np.float32, 1e-4, True), (np.float32, 1e-2, False),
    (np.complex64, 1e-4, True),
])  # fmt: skip
def test_a_value_that_is_made_again_may_differ_by_rounding_only(dtype, error, is_same):
    @primitive
    def square(x):  # its slow form is another one than its fast form
        return x * x * (1 + error * isinstance(x, Tensor)), lambda dy: (2 * x * dy,)

    x = Tensor(np.array([3.0], dtype), requires_grad=True)
    if is_same:
        square(x).backward(np.ones(1, dtype), create_graph=True)
        assert x.grad.tolist() == [6]
    else:
        with pytest.raises(RuntimeError, match="another value"):
            square(x).backward(np.ones(1, dtype), create_graph=True)
