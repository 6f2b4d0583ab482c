"""The oracle is two LSTMs, one of them on the sequence turned round."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.bidirectional import BidirectionalLSTM
from pellucid_nn.lstm import LSTM


def test_eq_1_2_3_4_results_of_two_lstms_are_merged_number_by_number():
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    for mode in ("concat", "sum", "mean", "multiply"):
        both = BidirectionalLSTM(2, 3, merge_mode=mode, rng=0)
        state, (one, other) = both.state_dict(), (LSTM(2, 3), LSTM(2, 3))
        one.load_state_dict({name: state[f"lstm.{name}"] for name in one.state_dict()})
        other.load_state_dict({name: state[f"lstm.{name}_reverse"] for name in other.state_dict()})
        with no_grad():
            y, (h, c) = both(x)
            (ahead, (h1, c1)), (back, (h2, c2)) = one(x), other(x[::-1])
        assert y.shape == ((4, 5, 6) if mode == "concat" else (4, 5, 3))
        for t in range(4):
            for n in range(5):
                for j in range(3):
                    p, q = ahead[t, n, j], back[3 - t, n, j]
                    if mode == "concat":
                        np.testing.assert_allclose([y[t, n, j], y[t, n, 3 + j]], [p, q], rtol=1e-12)
                    else:
                        merged = {"sum": p + q, "mean": p / 2 + q / 2, "multiply": p * q}[mode]
                        np.testing.assert_allclose(y[t, n, j], merged, rtol=1e-12)
        for last, parts in ((h, (h1, h2)), (c, (c1, c2))):
            np.testing.assert_allclose(last, np.concatenate(parts), rtol=1e-12)


@pytest.mark.parametrize("mode", ["concat", "sum", "mean", "multiply"])
def test_eq_1_2_3_4_gradients_agree_with_finite_differences(mode):
    layer = BidirectionalLSTM(2, 3, num_layers=2, merge_mode=mode, rng=0)
    x = np.random.default_rng(1).normal(size=(4, 3, 2))
    gradcheck(lambda x: layer(x)[0], x, order=2)
    gradcheck(lambda x: layer(x, lengths=[2, 4, 1])[0], x, order=2)


def test_options_reach_the_lstm():
    layer = BidirectionalLSTM(2, 3, 2, False, True, 0.5, "sum", rng=0, dtype=np.float32)
    inner = layer.lstm
    assert (inner.num_layers, inner.bias, inner.batch_first, inner.dropout) == (2, False, True, 0.5)
    x = Tensor(np.ones((5, 4, 2), np.float32), requires_grad=True)
    hx = (np.zeros((4, 5, 3), np.float32), np.ones((4, 5, 3), np.float32))
    y, (h, c) = layer(x, hx, lengths=[1, 2, 3, 4, 4])
    assert y.shape == (5, 4, 3) and h.shape == c.shape == (4, 5, 3)
    np.sum(y).backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
    assert not y.data[0, 1:].any() and y.data[0, 0].all()
    assert layer.eval()(x.data[0])[0].shape == (4, 3)
    assert layer(np.zeros((0, 4, 2), np.float32))[0].shape == (0, 4, 3)
    assert "merge_mode='sum'" in repr(layer)


def test_states_survive_a_round_trip():
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    one, other = BidirectionalLSTM(2, 3, rng=0), BidirectionalLSTM(None, 3, rng=1)
    other(x)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(x)[0].data, other(x)[0].data)


def test_another_merge_mode_is_named():
    with pytest.raises(ValueError, match="merge_mode must be one of concat, sum, mean, multiply; got 'average'"):
        BidirectionalLSTM(2, 3, merge_mode="average")


def test_the_state_of_a_bidirectional_lstm_loads_with_and_without_a_prefix():
    inner = LSTM(2, 3, bidirectional=True, rng=0)
    for prefix in ("", "lstm."):
        layer = BidirectionalLSTM(2, 3, rng=1)
        keys = layer.from_torch_state({prefix + name: array for name, array in inner.state_dict().items()})
        assert not keys.missing_keys and not keys.unexpected_keys
        np.testing.assert_equal(layer.lstm.state_dict(), inner.state_dict())
    with pytest.raises(ValueError, match="lstm.weight_hh_l0_reverse"):
        layer.from_torch_state(LSTM(2, 3).state_dict())
    assert layer.from_torch_state(LSTM(2, 3).state_dict(), strict=False).missing_keys
