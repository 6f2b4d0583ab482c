import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.squared_error import MSELoss, squared_error

Y, T = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), np.array([[0.0, 4.0, -1.0], [1.0, -3.0, 1.5]])
SQUARES = np.array([[1.0, 4.0, 0.0], [0.25, 9.0, 2.25]])


def test_eq_1_entries():
    np.testing.assert_array_equal(squared_error(Y, T), SQUARES)
    np.testing.assert_array_equal(MSELoss(reduction="none")(Y, T), SQUARES)


def test_eq_2_mean_and_sum():
    assert MSELoss()(Y, T) == SQUARES.sum() / 6
    assert MSELoss(reduction="sum")(Y, T) == SQUARES.sum()
    assert MSELoss()(Tensor(Y), Tensor(T)).item() == SQUARES.sum() / 6


def test_eq_3_4_gradients():
    dlosses = np.array([[1.0, -2.0, 5.0], [0.5, 3.0, 1.0]])
    _, (dy, dt) = squared_error.run(Y, T)
    for n in range(2):
        for i in range(3):
            assert dy(dlosses)[n, i] == 2 * (Y[n, i] - T[n, i]) * dlosses[n, i]
            assert dt(dlosses)[n, i] == -2 * (Y[n, i] - T[n, i]) * dlosses[n, i]
    for reduction in ("mean", "sum", "none"):
        gradcheck(MSELoss(reduction=reduction), Y, T)
        gradcheck(MSELoss(reduction=reduction), Y, T, order=2)


def test_targets_take_the_dtype_of_the_predictions():
    for target in (T, T.astype(int), T.tolist()):
        y = Tensor(Y.astype(np.float32), requires_grad=True)
        loss = MSELoss()(y, target)
        loss.backward()
        assert loss.dtype == y.grad.dtype == np.float32


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"y has \(2, 3\), t has \(2,\)"):
        MSELoss()(Y, T[:, 0])
    with pytest.raises(ValueError, match=r"y has \(2,\), t has \(2, 1\)"):
        MSELoss()(Y[:, 0], T[:, :1])
    with pytest.raises(TypeError, match="y is int64"):
        MSELoss()(np.zeros(3, dtype=np.int64), np.zeros(3))
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none'; got 'average'"):
        MSELoss(reduction="average")
    with pytest.raises(ValueError, match=r"at least one entry; the losses have shape \(0, 3\)"):
        MSELoss()(np.zeros((0, 3)), np.zeros((0, 3)))
    assert MSELoss(reduction="sum")(np.zeros((0, 3)), np.zeros((0, 3))) == 0
    assert np.isnan(MSELoss()(np.array([np.nan, 1]), np.zeros(2)))


def test_repr():
    assert repr(MSELoss()) == "MSELoss()" and repr(MSELoss(reduction="sum")) == "MSELoss(reduction='sum')"
