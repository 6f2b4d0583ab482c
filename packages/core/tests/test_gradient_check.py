import numpy as np
import pytest

from pellucid import Tensor, gradcheck, primitive, rulecheck
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


# Complex values, and what a rule must hold


@primitive
def conjugate_square(z):
    return np.conj(z) ** 2, lambda dy: np.conj(dy) * 2 * z  # Re(dy 2 z̄ dz̄) = Re(dȳ 2 z dz)


def test_eq_1_complex_values_in_the_convention_of_autograd():
    z = np.array([1.0 + 2.0j, -0.5j])
    assert gradcheck(conjugate_square, z, order=2)
    with pytest.raises(GradientError):
        gradcheck(primitive(lambda z: (np.conj(z) ** 2, lambda dy: dy * 2 * np.conj(z))), z)


def test_rulecheck_passes_a_right_rule():
    assert rulecheck(lambda x, z: [np.exp(z) * x, np.sum(x)], np.array([1.0, 2.0]), np.array([1j, 0.5]))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (primitive(lambda x: (x * np.float64(2.0) + np.zeros(2), lambda dy: dy * 3)), "order 1"),
        (lambda x: [x * 2.0, np.sign(x)], "no Tensor"),
        (lambda x: x * np.zeros(2) if isinstance(x, Tensor) else x * np.ones(2), "the values differ"),
        (lambda x: np.exp(x).astype(np.float64) if isinstance(x, Tensor) else np.exp(x), "float64 came out"),
        (lambda x: [x] if isinstance(x, Tensor) else x * 1.0, "nested otherwise"),
    ],
)
def test_rulecheck_names_what_is_wrong(f, message):
    with pytest.raises(GradientError, match=message):
        rulecheck(f, np.array([0.3, 0.7]), order=1)


def test_rulecheck_finds_a_write_into_an_argument():
    @primitive
    def shift(x):
        x += 1.0
        return x, lambda dy: dy

    with pytest.raises(ValueError, match="read-only"):
        rulecheck(shift, np.array([0.3, 0.7]))


def test_rulecheck_finds_a_gradient_that_single_precision_changes():
    @primitive
    def double(x):
        return 2 * x, lambda dy: dy * (2 if x.dtype == np.float64 else 3)

    with pytest.raises(GradientError, match="single precision"):
        rulecheck(double, np.array([0.3, 0.7]))


@pytest.mark.parametrize("option", ["order", "directions"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_a_check_of_nothing_is_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be a whole number, 1 or more"):
        gradcheck(np.sin, 1.0, **{option: value})


def test_whole_numbers_are_refused():
    with pytest.raises(TypeError, match="rulecheck wants floating-point arguments; number 0 holds int64"):
        rulecheck(np.sin, 3)
