import copy
import math
import pickle
from collections import namedtuple

import numpy as np
import pytest

from pellucid import Tensor, no_grad


def leaf(x):
    return Tensor(x, requires_grad=True)


def test_an_ndarray_is_used_not_copied():
    x = np.ones(3)
    assert np.shares_memory(Tensor(x).data, x)
    assert np.shares_memory(leaf(x).numpy(), x)


def test_only_floats_can_ask_for_gradients():
    for bad in (1, [True], np.array([2]), ["a"]):
        with pytest.raises(TypeError, match="floating-point"):
            leaf(bad)
    assert leaf(np.ones(2, np.float32)).dtype == np.float32
    assert leaf(np.array([1j])).dtype == np.complex128


def test_properties_and_repr():
    x = leaf(np.ones((2, 3)))
    assert (x.shape, x.ndim, x.size, len(x), x.T.shape, x.is_leaf) == ((2, 3), 2, 6, 2, (3, 2), True)
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(leaf(1.0)) == "Tensor(1., requires_grad=True)"
    assert repr(leaf(1.0) * 2.0) == "Tensor(2., from np.multiply)"
    assert "dtype=float32" in repr(Tensor(np.ones(1, np.float32)))
    assert f"{leaf(0.5):.2f}" == "0.50"


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b,
        lambda a, b: a % b, lambda a, b: a // b, lambda a, b: a @ b, lambda a, b: a < b, lambda a, b: a >= b,
        lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a <= b, lambda a, b: a > b,
        lambda a, b: -a, lambda a, b: +a, lambda a, b: abs(a),
    ],
)  # fmt: skip
def test_operators_on_either_side(f):
    a, b = np.array([1.0, -2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for x, y in ((leaf(a), leaf(b)), (leaf(a), b), (a, leaf(b))):
        result = f(x, y)
        np.testing.assert_array_equal(getattr(result, "data", result), f(a, b))


def test_numbers_and_lists_as_operands():
    x = leaf([1.0, 2.0])
    np.testing.assert_array_equal((1 + x * 2 - [1.0, 1.0]).data, [2, 4])
    np.testing.assert_array_equal((2**x).data, [2, 4])
    np.testing.assert_array_equal((np.float64(2) * x).data, [2, 4])
    with pytest.raises(TypeError):
        x + None
    with pytest.raises(TypeError):
        x + "a"


METHODS = {
    "sum": (), "prod": (), "mean": (), "var": (), "std": (), "max": (), "min": (), "cumsum": (), "argmax": (),
    "argmin": (), "argsort": (), "reshape": (3, 2), "ravel": (), "flatten": (), "transpose": (), "swapaxes": (0, 1),
    "squeeze": (), "take": ([0, 1],), "repeat": (2,), "diagonal": (), "trace": (), "clip": (-1, 1), "round": (),
    "astype": (np.float32,), "copy": (), "conj": (), "tolist": (), "item": None,
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_an_array(name):
    x = np.arange(6.0).reshape(2, 3) - 2.5
    if METHODS[name] is None:
        assert leaf(2.0).item() == 2.0
        return
    expected, found = getattr(x, name)(*METHODS[name]), getattr(leaf(x), name)(*METHODS[name])
    np.testing.assert_array_equal(getattr(found, "data", found), expected)


def test_axes_of_methods():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert leaf(x).transpose(2, 0, 1).shape == leaf(x).transpose((2, 0, 1)).shape == (4, 2, 3)
    assert leaf(x).reshape((6, -1)).shape == leaf(x).reshape(6, -1).shape == (6, 4)
    assert leaf(x).sum(axis=(0, 2), keepdims=True).shape == (1, 3, 1)
    assert leaf(x).mT.shape == (2, 4, 3)


def test_leaving_the_graph_by_accident_raises_and_on_purpose_does_not():
    x = leaf([1.0, 2.0])
    for accident in (
        lambda: np.asarray(x),
        lambda: np.array([x, x]),
        lambda: np.append(np.ones(2).tolist(), [x[0]]),
        lambda: np.ones(2).dot(x),
        lambda: np.zeros((2, 2)).__setitem__(0, x),
        lambda: Tensor(x * 2.0),
        lambda: math.sin(x[0]),
        lambda: float(x[0]),
        lambda: int(x[0]),
        lambda: complex(x[0]),
    ):
        with pytest.raises(TypeError, match="silently drop"):
            accident()
    np.testing.assert_array_equal(np.asarray(x.detach()), [1, 2])
    assert float(x.detach()[0]) == 1.0
    assert x[1].item() == 2.0
    with no_grad():
        assert float(x[0]) == 1.0


def test_detach_shares_memory_and_carries_no_gradient():
    x = leaf([1.0, 2.0])
    d = x.detach()
    assert np.shares_memory(d.data, x.data)
    (d * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1, 2])


def test_truth_and_iteration():
    assert leaf(1.0)
    assert not leaf(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf([1.0, 2.0]))
    assert [r.item() for r in leaf([1.0, 2.0])] == [1.0, 2.0]
    with pytest.raises(TypeError, match="one number"):
        iter(leaf(1.0))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        leaf([1.0, 2.0]).item()


def test_tensors_are_keys_by_identity():
    x, y = leaf(1.0), leaf(1.0)
    assert len({x, y}) == 2


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(duplicate):
    x = leaf([1.0, 2.0])
    y = duplicate(x)
    assert y is not x
    assert y.requires_grad
    np.testing.assert_array_equal(y.data, x.data)
    z = duplicate((x * 2.0).detach())
    assert not z.requires_grad


def test_a_copy_of_a_result_passes_its_gradient_on_and_it_cannot_be_pickled():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    (copy.copy(y) + copy.deepcopy({"y": y})["y"]).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [6, 6])
    with pytest.raises(TypeError, match=r"a pickle of this Tensor would silently drop its gradient: detach\(\)"):
        pickle.dumps(x * 2.0)
    assert pickle.loads(pickle.dumps((x * 2.0).detach())).tolist() == [2.0, 4.0]
    with no_grad():
        assert not pickle.loads(pickle.dumps(x * 2.0)).requires_grad
        assert not copy.copy(x * 2.0).requires_grad


def test_in_place_updates_of_a_leaf():
    w = leaf([1.0, 2.0])
    same = w
    with pytest.raises(RuntimeError, match="no_grad"):
        w += 1.0
    with no_grad():
        w -= 0.5 * np.ones(2)
        w *= 2.0
        w /= 4.0
    assert same is w
    np.testing.assert_array_equal(w.data, [0.25, 0.75])
    y = w * 1.0
    y += 1.0  # a result is rebound, as a number would be
    np.testing.assert_array_equal(y.data, [1.25, 1.75])


def test_requires_grad_can_be_switched_on_a_leaf():
    x = Tensor([1.0])
    x.requires_grad_()
    (x * 2.0).backward()
    assert x.grad.item() == 2.0
    with pytest.raises(ValueError, match="detach"):
        (x * 2.0).requires_grad_(False)
    with pytest.raises(TypeError, match="floating-point"):
        Tensor([1]).requires_grad_()


def test_requires_grad_keeps_the_gradient_and_the_memory_of_writes():
    x = leaf([1.0])
    (x * 2.0).backward()
    y = x * x
    with no_grad():
        x += 1.0
    x.requires_grad_()
    assert x.grad.item() == 2.0
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward()


def test_tensors_inside_an_index():
    x = leaf(np.arange(4.0))
    i = Tensor(np.array([1, 1, 3]))
    np.testing.assert_array_equal(x[i].data, [1, 1, 3])


def test_functions_on_tensors_without_gradient_need_no_rule():
    y = np.linalg.eigh(Tensor(np.eye(2)))
    assert isinstance(y.eigenvalues, Tensor)
    assert not y.eigenvalues.requires_grad


def test_a_subclass_takes_part():
    class Weight(Tensor):
        __slots__ = ()

    w = Weight([1.0, 2.0], requires_grad=True)
    (w * w + np.tanh(w)).sum().backward()
    np.testing.assert_allclose(w.grad.data, 2 * w.data + 1 - np.tanh(w.data) ** 2)


def test_integers_made_from_a_tensor_carry_no_gradient():
    x = leaf([1.5, 2.5])
    for y in (x.astype(np.int64), np.sum(x, dtype=int), x.astype(bool)):
        assert not y.requires_grad
    assert x.astype(np.float32).requires_grad


def test_complex_results_carry_gradients():
    x = leaf([1.0, -2.0])
    for f, slope in (
        (lambda: np.abs(x * 1j), [1, -1]),
        (lambda: np.real(np.multiply(x, 1j + 2)), [2, 2]),
        (lambda: np.real(x.astype(complex) * 3.0), [3, 3]),
        (lambda: np.real(np.einsum("i,i", x, [1j, 1])), [0, 1]),
    ):
        x.grad = None
        f().sum().backward()
        assert x.grad.dtype == np.float64
        np.testing.assert_allclose(x.grad.numpy(), slope)


def test_a_complex_number_has_no_direction_to_descend():
    with pytest.raises(ValueError, match="real part"):
        leaf(1.0 + 1j).backward()


def test_tensors_in_a_list_that_stands_for_an_array():
    X, v = leaf(np.arange(9.0).reshape(3, 3)), leaf([1.0, 2.0, 3.0])
    np.multiply(X, [v[0], v[1], v[2]]).sum().backward()
    np.testing.assert_array_equal(v.grad.data, X.data.sum(axis=0))
    with pytest.raises(TypeError, match="list in a list.*argument 1.*np.stack"):
        np.multiply(X, [[v[0], v[1], v[2]]])


def test_tensors_in_a_named_tuple():
    pair = namedtuple("Pair", "a b")(leaf([1.0, 2.0]), leaf([3.0, 4.0]))
    for join in (np.stack, np.concatenate):
        assert join(pair).requires_grad
    np.concatenate(pair).sum().backward()
    np.testing.assert_array_equal(pair.b.grad.data, [1, 1])


def test_requires_grad_is_checked_wherever_it_is_set():
    whole = Tensor(np.arange(3))
    with pytest.raises(TypeError, match="these are int64"):
        whole.requires_grad = True
    for wrong in ("no", np.float32, 1):
        with pytest.raises(TypeError, match="requires_grad must be True or False.*dtype="):
            Tensor([1.0], wrong)
    leaf = Tensor([1.0])
    leaf.requires_grad = True
    y = leaf * 2.0
    with pytest.raises(ValueError, match="only a leaf can change requires_grad"):
        y.requires_grad = False
    assert y.requires_grad and Tensor([1.0], np.True_).requires_grad is True


def test_an_item_at_a_place():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert t.item(2) == 3.0 and t.item(0, 1) == 2.0
    with pytest.raises(ValueError, match=r"exactly one value, or a place; this Tensor has shape \(2, 2\)"):
        t.item()


def test_a_gradient_that_the_user_put_there_is_added_to():
    t = Tensor([1.0, 2.0], requires_grad=True)
    t.grad = np.ones(2)
    np.sum(t).backward()
    assert t.grad.tolist() == [2.0, 2.0]


def test_backward_takes_its_options_by_name():
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError):
        t.backward(np.ones(2), True)
    with pytest.raises(TypeError, match="dy is complex where the Tensor"):
        (2.0 * t).backward(np.array([1j, 1.0]))


def test_astype_without_a_copy_is_the_tensor_itself():
    t = Tensor([1.0, 2.0], requires_grad=True)
    assert t.astype(float, copy=False) is t
    single = t.astype(np.float32, order="C", casting="same_kind", copy=False)
    np.sum(single).backward()
    assert single.dtype == np.float32 and t.grad.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="Cannot cast"):
        t.astype(np.float32, casting="safe")
