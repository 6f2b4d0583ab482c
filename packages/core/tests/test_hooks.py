import gc

import numpy as np
import pytest

from pellucid import Tensor, grad, tape

x0 = np.array([3.0, 4.0])


def test_a_hook_sees_the_whole_gradient_of_a_leaf_and_may_change_it():
    x, seen = Tensor(x0, requires_grad=True), []
    x.register_hook(seen.append)
    handle = x.register_hook(lambda gradient: gradient * 10.0)
    (x * x + x[0]).sum().backward()
    np.testing.assert_array_equal(seen[0].numpy(), [8, 8])
    np.testing.assert_array_equal(x.grad.numpy(), [80, 80])
    assert isinstance(seen[0], Tensor)
    handle.remove()
    handle.remove()
    x.grad = None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])
    assert len(seen) == 2


def test_a_hook_on_a_result_is_called_whenever_it_was_registered():
    x = Tensor(x0, requires_grad=True)
    y = x * 2.0
    z = np.sum(y * y)
    y.register_hook(lambda gradient: np.sign(gradient.numpy()))
    z.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2])


def test_hooks_run_inside_transforms_and_are_differentiated():
    def f(x):
        y = x * x
        y.register_hook(lambda gradient: gradient * 3.0)
        return np.sum(y * y)

    np.testing.assert_allclose(grad(f)(x0), 3 * 4 * x0**3)
    np.testing.assert_allclose(grad(lambda x: np.sum(grad(f)(x)))(x0), 3 * 24 * x0**2 + 12 * x0**2)  # in both passes


def test_one_of_several_results_can_be_hooked():
    x = Tensor(np.array([1.5, 2.5]), requires_grad=True)
    quotient, rest = np.divmod(x, 1.0)
    rest.register_hook(lambda gradient: gradient * 5.0)
    rest.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [5, 5])


def test_what_a_hook_may_not_do():
    x = Tensor(x0, requires_grad=True)
    with pytest.raises(TypeError, match="function of the gradient, not int"):
        x.register_hook(3)
    with pytest.raises(RuntimeError, match="needs no gradient"):
        Tensor(x0).register_hook(print)
    x.register_hook(lambda gradient: gradient.sum())
    with pytest.raises(ValueError, match=r"shape \(2,\) and returned \(\)"):
        (x * 2.0).sum().backward()


def test_the_dtype_stays():
    x = Tensor(x0.astype(np.float32), requires_grad=True)
    x.register_hook(lambda gradient: np.ones(2))
    (x * 2.0).sum().backward()
    assert x.grad.dtype == np.float32


def test_hooks_die_with_what_they_belong_to():
    gc.collect()
    before = len(tape.hooks)
    x = Tensor(x0, requires_grad=True)
    y = x * 2.0
    y.register_hook(print)
    assert len(tape.hooks) == before + 1
    del y
    gc.collect()
    assert len(tape.hooks) == before
