"""numpy.polynomial for Tensors: values against NumPy's own functions, gradients against finite differences."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre
from numpy.polynomial import polynomial as powers

from pellucid import Tensor, polynomial, rulecheck

rng = np.random.default_rng(0)
FAMILIES = {
    "poly": (powers, powers.Polynomial),
    "cheb": (chebyshev, chebyshev.Chebyshev),
    "leg": (legendre, legendre.Legendre),
    "herm": (hermite, hermite.Hermite),
    "herme": (hermite_e, hermite_e.HermiteE),
    "lag": (laguerre, laguerre.Laguerre),
}
families = pytest.mark.parametrize("family", FAMILIES)


def normal(complex_, *shape):
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if complex_ else x


@families
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(
    ("x", "c", "tensor"),
    [
        ((5,), (4,), True),
        ((2, 3), (5,), True),
        ((3,), (1,), True),
        ((3,), (2,), True),
        ((3,), (4, 2), True),
        ((2, 3), (4, 2, 5), True),
        ((3,), (4, 3), False),
        ((2, 3), (4, 3), False),
        ((3,), (4, 1), False),
        ((0,), (3,), True),
    ],
)
def test_eq_2_values_and_gradients_of_a_series(family, complex_, x, c, tensor):
    f, numpys = getattr(polynomial, family + "val"), getattr(FAMILIES[family][0], family + "val")
    x, c = normal(complex_, *x), normal(complex_, *c)
    np.testing.assert_allclose(f(x, c, tensor), numpys(x, c, tensor), rtol=1e-12, atol=1e-12)
    assert rulecheck(lambda x, c: f(x, c, tensor), x, c)


@families
def test_eq_2_each_polynomial_alone(family):
    f, numpys = getattr(polynomial, family + "val"), FAMILIES[family][1]
    for k in range(7):
        unit = np.eye(7)[k]
        for x in (-1.5, 0.0, 0.25, 2.0):
            assert f(x, unit) == pytest.approx(numpys.basis(k)(x), rel=1e-13, abs=1e-13)


@families
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("shape", [(4,), (2, 3)])
@pytest.mark.parametrize("deg", [0, 1, 5])
def test_eq_1_values_and_gradients_of_the_polynomials(family, complex_, shape, deg):
    f, numpys = getattr(polynomial, family + "vander"), getattr(FAMILIES[family][0], family + "vander")
    x = normal(complex_, *shape)
    np.testing.assert_allclose(f(x, deg), numpys(x, deg), rtol=1e-12, atol=1e-12)
    assert rulecheck(lambda x: f(x, deg), x)


@families
def test_what_a_number_a_list_and_integers_are_taken_for(family):
    val, vander = (getattr(polynomial, family + end) for end in ("val", "vander"))
    numpys_val, numpys_vander = (getattr(FAMILIES[family][0], family + end) for end in ("val", "vander"))
    np.testing.assert_allclose(val(0.5, [1, 2, 3]), numpys_val(0.5, [1, 2, 3]))
    np.testing.assert_allclose(val([1, 2], 3), numpys_val([1, 2], 3))
    np.testing.assert_allclose(val((1, 2), np.array([True, False])), numpys_val((1, 2), np.array([True, False])))
    np.testing.assert_allclose(vander(2, 3), numpys_vander(2, 3))
    np.testing.assert_allclose(vander([1, 2], 3), numpys_vander([1, 2], 3))
    assert val(0.5, [1, 2, 3]).dtype == vander(2, 3).dtype == np.float64
    a, b = Tensor(0.5, requires_grad=True), Tensor(3.0, requires_grad=True)
    val([a, 2.0], [1.0, b]).sum().backward()
    slope = numpys_val(0.5, [0, 1]) + numpys_val(2.0, [0, 1])
    assert (b.grad.item(), a.grad.item()) == pytest.approx(
        (slope, 3 * numpys_val(1.0, [0, 1]) - 3 * numpys_val(0, [0, 1]))
    )


@pytest.mark.parametrize("complex_", [False, True])
def test_two_and_three_variables(complex_):
    x, y, z = normal(complex_, 2, 3), normal(complex_, 2, 3), normal(complex_, 2, 3)
    c2, c3 = normal(complex_, 3, 2), normal(complex_, 3, 2, 4)
    for name, *args in (
        ("polyval2d", x, y, c2),
        ("polyval2d", x, y, c3),
        ("polyval3d", x, y, z, c3),
        ("polygrid2d", x[0], y[:, 0], c2),
        ("polygrid2d", x, y[0], c3),
        ("polygrid3d", x[0], y[:, 0], z[0], c3),
    ):
        f = getattr(polynomial, name)
        np.testing.assert_allclose(f(*args), getattr(powers, name)(*args), rtol=1e-12, atol=1e-12)
        assert rulecheck(f, *args)
    assert polynomial.polyval2d([1, 2], [3, 4], [[1, 2], [3, 4]]).tolist() == [22.0, 47.0]


@pytest.mark.parametrize("complex_", [False, True])
def test_a_polynomial_from_its_roots(complex_):
    f, numpys = polynomial.polyvalfromroots, powers.polyvalfromroots
    for x, r, tensor in (((3,), (3,), True), ((2, 3), (4, 2), True), ((3,), (4, 3), False), ((), (4, 3), False)):
        x, r = normal(complex_, *x), normal(complex_, *r)
        np.testing.assert_allclose(f(x, r, tensor), numpys(x, r, tensor), rtol=1e-12, atol=1e-12)
        if np.ndim(x):
            assert rulecheck(lambda x, r, tensor=tensor: f(x, r, tensor), x, r)
    assert f(2, [1, 4]) == -2.0
    with pytest.raises(ValueError, match="fewer axes than r; they have 1 and 1"):
        f(np.ones(3), np.ones(3), tensor=False)


def test_what_is_refused():
    with pytest.raises(ValueError, match="0 or more, not -1"):
        polynomial.chebvander(1.0, -1)
    with pytest.raises(TypeError):
        polynomial.chebvander(1.0, 1.5)
    with pytest.raises(ValueError, match=r"they have \(2,\), \(3,\)"):
        polynomial.polyval2d(np.ones(2), np.ones(3), np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"they have \(2,\), \(2,\), \(3,\)"):
        polynomial.polyval3d(np.ones(2), np.ones(2), np.ones(3), np.ones((2, 2, 2)))


# NumPy's own functions, handed Tensors


@families
def test_numpys_evaluation_at_tensors_works_for_one_series(family):
    """It is written with operators; the coefficients must be one plain series."""
    f = getattr(FAMILIES[family][0], family + "val")
    assert rulecheck(lambda x: f(x, [1.0, -2.0, 0.5, 3.0]), normal(False, 2, 3))
    assert rulecheck(lambda x: f(x, [1.0, -2.0, 0.5, 3.0]), normal(True, 2, 3))


@families
def test_numpys_other_functions_and_classes_raise_instead_of_dropping_the_gradient(family):
    module, series = FAMILIES[family]
    x, c = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0, 3.0], requires_grad=True)
    plain = np.array([1.0, 2.0, 3.0])
    for f in (
        lambda: getattr(module, family + "val")(2.0, c),
        lambda: getattr(module, family + "val")(x, c),
        lambda: getattr(module, family + "val3d")(x, x, x, np.ones((2, 2, 2))),
        lambda: getattr(module, family + "vander")(x, 2),
        lambda: getattr(module, family + "der")(c),
        lambda: getattr(module, family + "fit")(plain, c, 1),
        lambda: series(c),
        lambda: series(plain)(x),
    ):
        with pytest.raises(TypeError, match="silently drop its gradient"):
            f()


def test_numpys_values_in_two_variables_raise():
    x, c = Tensor([1.0, 2.0], requires_grad=True), np.array([[1.0, 2.0], [3.0, 4.0]])
    for name in ("polyval2d", "polygrid2d"):
        with pytest.raises(TypeError, match=f"silently drop its gradient|np.polynomial.polynomial.{name}"):
            getattr(powers, name)(x, x * 2, c)
