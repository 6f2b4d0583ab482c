import numpy as np
import pytest

from pellucid import gradcheck, primitive
from pellucid.gradient_check import GradientError


def test_eq_1_a_right_gradient_passes_to_any_order():
    rng = np.random.default_rng(0)
    assert gradcheck(lambda x, W: np.tanh(x @ W), rng.normal(size=(3, 2)), rng.normal(size=(2, 4)), order=3, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.001, 2.0])
def test_eq_1_a_wrong_factor_is_found(factor):
    @primitive
    def square(x):
        return x * x, (lambda dy: dy * 2 * x * factor,)

    with pytest.raises(GradientError, match="square, argument 0, derivative of order 1"):
        gradcheck(square, np.array([1.0, -2.0, 3.0]))


def test_eq_1_the_argument_with_the_wrong_gradient_is_named():
    @primitive
    def product(a, b):
        return a * b, (lambda dy: dy * b, lambda dy: dy * b)

    with pytest.raises(GradientError, match="argument 1"):
        gradcheck(product, np.array([1.0, 2.0]), np.array([3.0, 5.0]))


def test_a_wrong_second_derivative_behind_a_right_first_one_is_found():
    @primitive
    def cube(x):
        frozen = np.array(getattr(x, "data", x))  # a gradient that does not depend on x any more
        return x**3, (lambda dy: dy * 3 * frozen**2,)

    assert gradcheck(cube, np.array([1.0, 2.0]))
    with pytest.raises(GradientError, match="order 2"):
        gradcheck(cube, np.array([1.0, 2.0]), order=2)


def test_nested_arguments_and_results():
    def f(p):
        return {"a": p["w"] * 2.0, "b": (np.sum(p["v"][0] * p["w"]),)}

    assert gradcheck(f, {"w": np.ones(3), "v": [np.arange(3.0)]}, order=2)


def test_nan_is_not_agreement():
    with pytest.raises(GradientError), np.errstate(all="ignore"):
        gradcheck(np.log, np.array([-1.0]))


def test_integers_are_refused():
    with pytest.raises(TypeError, match=r"int.*write 1.0 for 1"):
        gradcheck(np.tanh, np.array([1]))
