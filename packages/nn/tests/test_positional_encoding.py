"""The oracle is the definition, number by number, and what the encoding is for."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.positional_encoding import PositionalEncoding, sinusoids


@pytest.mark.parametrize("E", [1, 2, 5, 8])
@pytest.mark.parametrize("base", [10_000.0, 50.0])
def test_eq_1_2_waves_number_by_number(E, base):
    P = sinusoids(20, E, base)
    assert P.shape == (20, E)
    for t in range(20):
        for e in range(E):
            angle = t / base ** ((e - e % 2) / E)
            np.testing.assert_allclose(P[t, e], math.cos(angle) if e % 2 else math.sin(angle), rtol=1e-12, atol=1e-13)


def test_eq_1_2_a_step_is_a_rotation_wherever_it_starts():
    P = sinusoids(50, 6).reshape(50, 3, 2)
    step = 7
    for i in range(3):
        turn = np.linalg.lstsq(P[:-step, i], P[step:, i], rcond=None)[0]
        np.testing.assert_allclose(P[:-step, i] @ turn, P[step:, i], atol=1e-12)
        np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-12)


def test_eq_3_the_encoding_is_added_in_every_layout():
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    P = sinusoids(5, 4)
    np.testing.assert_array_equal(PositionalEncoding(4)(x[0]), x[0] + P)
    np.testing.assert_array_equal(PositionalEncoding(4, batch_first=True)(x), x + P)
    np.testing.assert_array_equal(PositionalEncoding(4)(x.swapaxes(0, 1)), (x + P).swapaxes(0, 1))
    np.testing.assert_array_equal(PositionalEncoding(4, base=9.0)(x[0]), x[0] + sinusoids(5, 4, 9.0))
    gradcheck(PositionalEncoding(4, batch_first=True), x, order=2)


def test_eq_3_dropout_follows_in_train_mode_only():
    x = np.random.default_rng(0).normal(size=(2, 50, 4))
    layer = PositionalEncoding(4, 0.5, True, rng=0)
    y, full = layer(x), x + sinusoids(50, 4)
    kept = y != 0
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(y[kept], 2 * full[kept])
    np.testing.assert_array_equal(layer.eval()(x), full)
    assert [name for name, _ in layer.named_generators()] == ["dropout.rng"]


def test_float32_stays_float32_and_sizes_of_nothing_pass():
    layer = PositionalEncoding(4, batch_first=True)
    x = Tensor(np.zeros((2, 3, 4), np.float32), requires_grad=True)
    y = layer(x)
    np.sum(y).backward()
    assert y.dtype == x.grad.dtype == np.float32
    for shape in ((0, 3, 4), (2, 0, 4), (1, 1, 4), (0, 4)):
        assert layer(np.zeros(shape)).shape == shape
    with no_grad():
        assert isinstance(layer(np.zeros((1, 4))), np.ndarray)
    assert layer.state_dict() == {}
    assert repr(layer).splitlines()[1] == "  d_model=4, batch_first=True"
    assert repr(PositionalEncoding(4)).splitlines()[1] == "  d_model=4"


def test_bad_input_is_named():
    layer = PositionalEncoding(4)
    for shape in ((3, 5), (4,), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match="d_model = 4 entries: its shape is"):
            layer(np.zeros(shape))
    with pytest.raises(TypeError, match="x must be floating point, and is int64"):
        layer(np.zeros((3, 4), int))
    for bad in ({"d_model": 0}, {"d_model": 4, "base": 0.0}):
        with pytest.raises(ValueError, match="d_model must be 1 or more and base positive"):
            PositionalEncoding(**bad)
    with pytest.raises(ValueError, match="between 0 and 1; got 3"):
        PositionalEncoding(4, 3)
