import numpy as np
import pytest

from pellucid import Tensor, grad, rulecheck

a, b = np.array([1.0, 2.0, 0.5]), np.array([[4.0], [3.0]])
z = np.array([1.0 + 1j, 2.0 - 0.5j])
CASES = {
    "linspace": (lambda a, b: np.linspace(a, b, 5), 1.0, 3.0),
    "linspace arrays": (lambda a, b: np.linspace(a, b, 4) ** 2, a, b),
    "linspace axis": (lambda a, b: np.linspace(a, b, 4, axis=1) ** 2, a, b),
    "linspace last axis": (lambda a, b: np.linspace(a, b, 4, axis=-1) ** 2, a, b),
    "linspace without its end": (lambda a, b: np.linspace(a, b, 4, endpoint=False) ** 2, a, b),
    "linspace and step": (lambda a, b: list(np.linspace(a * a, b, 4, retstep=True)), a, b),
    "linspace and step without its end": (lambda a, b: list(np.linspace(a, b * b, 4, False, True)), a, b),
    "linspace of one": (lambda a, b: np.linspace(a * a, b, 1) + 0 * b, a, b),
    "linspace of none": (lambda a, b: np.sum(np.linspace(a, b, 0)) + np.sum(a * b), a, b),
    "linspace of two": (lambda a, b: np.linspace(a, b, 2) ** 2, a, b),
    "linspace of two and step": (lambda a, b: list(np.linspace(a * a, b * b, 2, retstep=True)), a, b),
    "linspace of fifty": (lambda a, b: np.linspace(a, b) ** 2, 1.0, 3.0),
    "linspace complex": (lambda z, b: np.linspace(z, b, 3) ** 2, z, b),
    "linspace from a number": (lambda b: np.linspace(0.0, b, 3) ** 2, b),
    "linspace to a number": (lambda b: np.linspace(b, 7.0, 3) ** 2, b),
    "logspace": (lambda a, b: np.logspace(a, b, 4), a, b),
    "logspace of fifty": (lambda a, b: np.logspace(a, b), 0.2, 0.5),
    "logspace axis": (lambda a, b: np.logspace(a, b, 4, axis=-1, endpoint=False, base=2.0), a, b),
    "logspace base": (lambda c, a, b: np.logspace(a, b, 3, base=c), a + 1, a, b),
    "logspace base axis": (lambda c: np.logspace(0.5, 2.0, 3, base=c, axis=1), a + 1),
    "geomspace": (lambda a, b: np.geomspace(a, b, 4), a, b),
    "geomspace of fifty": (lambda a, b: np.geomspace(a, b), 1.0, 3.0),
    "geomspace negative": (lambda a, b: np.geomspace(-a, -b, 4, axis=1), a, b),
    "geomspace without its end": (lambda a, b: np.geomspace(a, b, 4, endpoint=False, axis=-1) ** 2, a, b),
    "geomspace complex": (lambda z, b: np.geomspace(z, b, 3) * (1 + 1j), z, b),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, *xs = CASES[name]
    assert rulecheck(f, *xs)


def test_one_number_has_no_step():
    y, step = np.linspace(Tensor(2.0, requires_grad=True), 3.0, 1, retstep=True)
    assert np.isnan(step.item())
    assert grad(lambda x: np.linspace(x, 3.0, 1, retstep=True)[0][0])(2.0) == 1.0
    assert grad(lambda x: np.linspace(x, 3.0, 1, retstep=True)[1])(2.0) == 0.0
    assert grad(lambda x: np.linspace(2.0, x, 1, retstep=True)[1])(3.0) == 0.0


def test_types_and_refusals_are_numpys():
    x = Tensor(1.0, requires_grad=True)
    assert np.linspace(x, 2.0, 3, dtype=np.float32).dtype == np.float32
    assert np.logspace(x, 2.0, 3, dtype=np.float32).dtype == np.float32
    assert grad(lambda x: np.sum(np.linspace(x, 2.0, 3, dtype=np.float32)))(1.0) == 1.5
    with pytest.raises(ValueError, match="non-negative"):
        np.linspace(x, 2.0, -1)
    with pytest.raises(ValueError, match="zero"):
        np.geomspace(x, 0.0)
