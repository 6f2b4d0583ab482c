"""What RNN, LSTM and GRU share. The oracle is one cell after the other, one sequence at a time."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.adam import Adam
from pellucid_nn.gru import GRU, GRUCell, gru, gru_cell
from pellucid_nn.linear import Linear
from pellucid_nn.lstm import LSTM, lstm
from pellucid_nn.lstm_cell import LSTMCell, lstm_cell
from pellucid_nn.recurrent import (
    RecurrentCell,
    RecurrentLayer,
    cell_by_cell,
    dropped,
    in_blocks,
    in_time,
    longest,
)
from pellucid_nn.rnn import RNN, RNNCell, rnn, rnn_cell

KINDS = {"rnn": (RNN, RNNCell, rnn, rnn_cell, 1, 1), "gru": (GRU, GRUCell, gru, gru_cell, 3, 1)}
KINDS["lstm"] = (LSTM, LSTMCell, lstm, lstm_cell, 4, 2)
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw(kind, T=4, N=3, I=2, H=3, seed=0):
    """x, first states and weights of one direction."""
    rng = np.random.default_rng(seed)
    gates, parts = KINDS[kind][4:]
    shapes = [(gates * H, I), (gates * H, H), (gates * H,), (gates * H,)]
    states = [rng.normal(size=(N, H)) for _ in range(parts)]
    return rng.normal(size=(T, N, I)), states, [0.7 * rng.normal(size=shape) for shape in shapes]


def one_after_the_other(kind, x, states, weights, lengths, reverse):
    """y and last states by cells without gradient, sequence by sequence."""
    cell = KINDS[kind][3]
    T, N, _ = x.shape
    y, last = np.zeros((T, N, states[0].shape[1])), [np.array(s) for s in states]
    for n in range(N):
        s = [part[n : n + 1] for part in states]
        steps = list(range(lengths[n]))
        for t in steps[::-1] if reverse else steps:
            s = cell(x[t, n : n + 1], *s, *weights)
            s = s if isinstance(s, tuple) else (s,)
            y[t, n] = s[0][0]
        for part, value in zip(last, s):
            part[n] = value[0]
    return y, *last


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    reverse=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_eq_1_4_5_sequences_are_cells_one_after_the_other(kind, lengths, reverse, bias, seed):
    """The function of the whole sequence and `cell_by_cell` against sequences on their own; and both gradients."""
    lengths = sorted(lengths, reverse=True)
    x, states, weights = draw(kind, N=len(lengths), seed=seed)
    weights = weights if bias else [*weights[:2], None, None]
    counts = [sum(L > t for L in lengths) for t in range(4)]
    expected = one_after_the_other(kind, x, states, weights, lengths, reverse)
    whole, cell = KINDS[kind][2], KINDS[kind][3]
    values, vjp = whole.run(x, *states, *weights, counts=counts, reverse=reverse)
    clear_values, clear_vjp = cell_by_cell(cell.run, x, states, weights, counts, reverse)
    for fast, clear, right in zip(values, clear_values, expected, strict=True):
        np.testing.assert_allclose(fast, right, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(clear, right, rtol=1e-12, atol=1e-14)
    rng = np.random.default_rng(seed)
    dys = [rng.normal(size=y.shape) for y in values]
    kept = [np.array(dy) for dy in dys]
    for _ in range(2):  # a second pass over the same graph gives the same
        for fast, clear in zip(vjp(*dys), clear_vjp(*dys), strict=True):
            if fast is None:
                assert clear is None
            else:
                np.testing.assert_allclose(fast, clear, rtol=1e-10, atol=1e-12)
    for dy, old in zip(dys, kept):
        np.testing.assert_array_equal(dy, old)


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("counts", [None, [3, 3, 2, 1]])
def test_eq_1_5_gradients_of_either_form_to_the_second_order(kind, counts, reverse):
    x, states, weights = draw(kind, seed=3)
    whole, cell, K = KINDS[kind][2], KINDS[kind][3], len(states)

    def by_cells(x, *rest):
        return cell_by_cell(lambda *a: (cell(*a), None), x, rest[:K], rest[K:], counts, reverse)[0]

    gradcheck(by_cells, x, *states, *weights)
    gradcheck(lambda *a: whole(*a, counts=counts, reverse=reverse), x, *states, *weights, order=2)
    gradcheck(lambda *a: whole(*a, None, None, counts=counts, reverse=reverse), x, *states, *weights[:2], order=2)


@every_kind
def test_eq_5_the_gradient_passes_the_dot_product_test(kind):
    """⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩, with J v from finite differences, over everything at once."""
    x, states, weights = draw(kind, seed=4)
    arguments, whole = [x, *states, *weights], KINDS[kind][2]
    rng = np.random.default_rng(5)
    values, vjp = whole.run(*arguments)
    dys, v = [rng.normal(size=y.shape) for y in values], [rng.normal(size=a.shape) for a in arguments]
    ahead, behind = (whole.run(*[a + s * 1e-6 * d for a, d in zip(arguments, v)])[0] for s in (1, -1))
    left = sum((dy * (p - q)).sum() for dy, p, q in zip(dys, ahead, behind)) / 2e-6
    right = sum((dx * d).sum() for dx, d in zip(vjp(*dys), v))
    np.testing.assert_allclose(left, right, rtol=1e-7)


@every_kind
def test_eq_2_layers_and_directions_stand_on_each_other(kind):
    Layer, _, whole, _, _, parts = KINDS[kind]
    layer = Layer(2, 3, num_layers=2, bidirectional=True, rng=0)
    x = np.random.default_rng(1).normal(size=(4, 5, 2))
    first = [np.random.default_rng(2).normal(size=(4, 5, 3)) for _ in range(parts)]
    below, finals = x, [[] for _ in first]
    for k in range(2):
        ys = []
        for direction, end in enumerate(("", "_reverse")):
            weights = [getattr(layer, f"{name}_l{k}{end}").data for name in ("weight_ih", "weight_hh")]
            weights += [getattr(layer, f"{name}_l{k}{end}").data for name in ("bias_ih", "bias_hh")]
            states = [s[2 * k + direction] for s in first]
            y, *last = one_after_the_other(kind, below, states, weights, [4] * 5, reverse=bool(direction))
            ys.append(y)
            for of_part, s in zip(finals, last):
                of_part.append(s)
        below = np.concatenate(ys, axis=2)
    y, last = layer(x, tuple(first) if parts > 1 else first[0])
    np.testing.assert_allclose(y.data, below, rtol=1e-12)
    for s, expected in zip(last if parts > 1 else (last,), finals):
        np.testing.assert_allclose(s.data, expected, rtol=1e-12)


def test_eq_3_dropout_zeroes_a_part_and_keeps_the_mean():
    x = np.full((200, 50, 10), 3.0)
    for p in (0.25, 0.9):
        y = dropped(x, p, np.random.default_rng(0))
        assert set(np.unique(y)) == {0.0, 3 / (1 - p)}
        np.testing.assert_allclose((y == 0).mean(), p, atol=0.01)
        np.testing.assert_allclose(y.mean(), 3, rtol=0.03)
    assert not dropped(x, 1.0, np.random.default_rng(0)).any()
    np.testing.assert_array_equal(dropped(x, 0.0, np.random.default_rng(0)), x)


class Half:
    """Uniform numbers that are all one half."""

    def uniform(self, size):
        return np.full(size, 0.5)


def test_eq_3_a_number_equal_to_p_is_kept():
    np.testing.assert_array_equal(dropped(np.ones(3), 0.5, Half()), np.full(3, 2.0))


@every_kind
def test_eq_3_dropout_acts_between_layers_while_training(kind):
    Layer, *_ = KINDS[kind]
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    layer = Layer(2, 3, num_layers=2, dropout=1.0, rng=0)
    blind = Layer(3, 3, rng=0)
    state = layer.state_dict()
    blind.load_state_dict({name: state[name.replace("l0", "l1")] for name in blind.state_dict()})
    y = layer(x)[0].data
    np.testing.assert_array_equal(y, blind(np.zeros((3, 4, 3)))[0].data)  # the layer above saw nothing
    assert not np.array_equal(layer.eval()(x)[0].data, y)
    np.testing.assert_array_equal(layer(x)[0].data, layer(x)[0].data)
    drops = Layer(2, 3, num_layers=2, dropout=0.5, rng=0)
    assert [name for name, _ in drops.named_generators()] == ["generator"]
    stands = drops.generator.bit_generator.state
    first = drops(x)[0].data
    assert not np.array_equal(drops(x)[0].data, first)
    drops.generator.bit_generator.state = stands
    np.testing.assert_array_equal(drops(x)[0].data, first)


@every_kind
@pytest.mark.parametrize("lengths", [[4, 2, 1], [1, 4, 2], [2, 2, 0], [0, 0, 0], [4, 4, 4], np.array([3, 4, 4], "u1")])
def test_eq_4_padded_sequences_give_what_each_gives_on_its_own(kind, lengths):
    Layer, *_, parts = KINDS[kind]
    layer = Layer(2, 3, num_layers=2, bidirectional=True, rng=0)
    x, first = np.random.default_rng(0).normal(size=(4, 3, 2)), np.random.default_rng(1).normal(size=(parts, 4, 3, 3))
    hx = tuple(first) if parts > 1 else first[0]
    padded = np.array(x)
    for n, L in enumerate(lengths):
        padded[L:, n] = np.nan  # what is there does not matter
    x_t = Tensor(padded, requires_grad=True)
    y, last = layer(x_t, hx, lengths=lengths)
    np.sum(y * np.cos(np.arange(y.size)).reshape(y.shape)).backward()
    dW = [p.grad.data for p in layer.parameters()]
    layer.zero_grad()
    weights = np.cos(np.arange(y.size)).reshape(y.shape)
    for n, L in enumerate(lengths):
        alone = Tensor(x[: int(L), n], requires_grad=True)
        states = tuple(s[:, n] for s in first)
        y_n, last_n = layer(alone, states if parts > 1 else states[0])
        np.testing.assert_allclose(y.data[: int(L), n], y_n.data, rtol=1e-12)
        assert not y.data[int(L) :, n].any()
        for s, s_n in zip(last if parts > 1 else (last,), last_n if parts > 1 else (last_n,)):
            np.testing.assert_allclose(s.data[:, n], s_n.data, rtol=1e-12)
        np.sum(y_n * weights[: int(L), n]).backward()
        np.testing.assert_allclose(x_t.grad.data[: int(L), n], alone.grad.data, rtol=1e-10, atol=1e-14)
        assert not x_t.grad.data[int(L) :, n].any()
    for mine, p in zip(dW, layer.parameters(), strict=True):
        np.testing.assert_allclose(mine, p.grad.data, rtol=1e-10, atol=1e-12)


@every_kind
def test_eq_6_initial_values_fill_the_interval_evenly(kind):
    Layer, Cell, *_ = KINDS[kind]
    for module in (Layer(50, 100, rng=0), Cell(50, 100, rng=0)):
        for values in (p.data for p in module.parameters() if p.ndim == 2):
            assert values.min() >= -0.1 and values.max() < 0.1
            shares, _ = np.histogram(values, bins=5, range=(-0.1, 0.1))
            np.testing.assert_allclose(shares / values.size, 0.2, atol=0.02)
        for values in (p.data for p in module.parameters() if p.ndim == 1):
            assert np.abs(values).max() <= 0.1 and values.std() > 0.04


@every_kind
def test_batches_in_a_row_do_not_disturb_each_other(kind):
    """numpy-ml's layers kept the steps of one batch for the next."""
    Layer, *_ = KINDS[kind]
    layer, rng = Layer(2, 3, bidirectional=True, rng=0), np.random.default_rng(0)
    xs = [rng.normal(size=(T, N, 2)) for T, N in ((4, 3), (2, 5), (6, 1), (4, 3))]
    alone = []
    for x in xs:
        layer.zero_grad()
        np.sum(layer(x)[0] ** 2).backward()
        alone.append([np.array(p.grad.data) for p in layer.parameters()])
    losses = [np.sum(layer(x)[0] ** 2) for x in xs]
    for loss, expected in zip(losses[::-1], alone[::-1]):
        layer.zero_grad()
        loss.backward()
        for p, dp in zip(layer.parameters(), expected, strict=True):
            np.testing.assert_array_equal(p.grad.data, dp)


@every_kind
def test_batch_first_and_one_sequence_are_the_same_numbers(kind):
    Layer, *_ = KINDS[kind]
    layer, front = Layer(2, 3, bidirectional=True, rng=0), Layer(2, 3, bidirectional=True, batch_first=True, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    with no_grad():
        y, last = layer(x)
        y_front, last_front = front(x.swapaxes(0, 1), lengths=[4] * 5)
        np.testing.assert_array_equal(y_front, y.swapaxes(0, 1))
        np.testing.assert_array_equal(last_front, last)
        for either in (layer, front):
            y_1, last_1 = either(x[:, 1])
            np.testing.assert_allclose(y_1, y[:, 1], rtol=1e-12)
            np.testing.assert_allclose(last_1, np.asarray(last)[..., 1, :], rtol=1e-12)
        assert isinstance(y, np.ndarray)


@every_kind
@pytest.mark.parametrize("T, N", [(0, 3), (4, 0), (0, 0), (1, 1), (1, 3), (4, 1)])
def test_no_steps_no_sequences_and_one_of_each(kind, T, N):
    Layer, *_, parts = KINDS[kind]
    layer = Layer(2, 3, num_layers=2, bidirectional=True, rng=0)
    x = Tensor(np.random.default_rng(0).normal(size=(T, N, 2)), requires_grad=True)
    for lengths in (None, [T] * N):
        hx = Tensor(np.ones((4, N, 3)), requires_grad=True)
        y, last = layer(x, (hx, hx) if parts > 1 else hx, lengths=None if lengths is None else np.array(lengths, int))
        last = last if parts > 1 else (last,)
        assert y.shape == (T, N, 6) and all(s.shape == (4, N, 3) for s in last)
        (np.sum(y) + sum(np.sum(s) for s in last)).backward()
        assert x.grad.shape == (T, N, 2) and hx.grad.shape == (4, N, 3)
        if T == 0:  # the state stays as it is
            np.testing.assert_array_equal(last[0].data, hx.data)
            np.testing.assert_array_equal(hx.grad.data, np.full((4, N, 3), float(parts)))
        if T * N == 0:
            assert not any(p.grad.data.any() for p in layer.parameters())


@every_kind
def test_no_steps_in_the_clear_form(kind):
    x, states, weights = draw(kind, T=0)
    (y, *last), vjp = cell_by_cell(KINDS[kind][3].run, x, states, weights)
    assert y.shape == (0, 3, 3)
    dx, *dstates = vjp(y, *last)[: 1 + len(states)]
    assert dx.shape == x.shape
    for ds, s in zip(dstates, last):
        np.testing.assert_array_equal(ds, s)


@every_kind
def test_float32_stays_float32(kind):
    Layer, Cell, *_, parts = KINDS[kind]
    wide, narrow = (Layer(2, 3, 2, bidirectional=True, rng=0, dtype=dtype) for dtype in (np.float64, np.float32))
    assert narrow.dropout == 0
    narrow.dropout = 0.5
    x = Tensor(np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32), requires_grad=True)
    for lengths in (None, [2, 4, 1]):
        y, last = narrow(x, lengths=lengths)
        for create_graph in (False, True):
            narrow.zero_grad()
            np.sum(y).backward(create_graph=create_graph, retain_graph=True)
            assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in narrow.parameters())} == {np.dtype(np.float32)}
        assert {s.dtype for s in (last if parts > 1 else (last,))} == {np.dtype(np.float32)}
    narrow.eval()
    np.testing.assert_allclose(narrow(x)[0].data, wide(x.data.astype(float))[0].data, atol=1e-6)
    cell = Cell(2, 3, rng=0, dtype=np.float32)
    h = cell(x[0])
    h = h[0] if parts > 1 else h
    np.sum(h).backward()
    assert {h.dtype, *(p.grad.dtype for p in cell.parameters())} == {np.dtype(np.float32)}


@every_kind
def test_extreme_values_saturate_without_a_warning(kind):
    Layer, Cell, *_, parts = KINDS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module, front in ((Layer(2, 3, rng=0), (5, 4)), (Cell(2, 3, rng=0), (4,))):
            for size in (1e4, -1e4, 1e8):
                x = Tensor(np.full((*front, 2), size), requires_grad=True)
                y = module(x)
                y = y[0] if isinstance(y, tuple) else y
                np.sum(y).backward()
                for array in (y, x.grad, *(p.grad for p in module.parameters())):
                    assert np.isfinite(array.data).all()


@every_kind
def test_nan_reaches_later_steps_of_its_own_sequence_and_nothing_else(kind):
    layer = KINDS[kind][0](2, 3, rng=0)
    x = np.zeros((4, 3, 2))
    x[2, 1] = np.nan
    expected = np.zeros((4, 3), bool)
    expected[2:, 1] = True
    y = layer(x)[0].data
    np.testing.assert_array_equal(np.isnan(y).all(axis=2), expected)
    np.testing.assert_array_equal(np.isnan(y).any(axis=2), expected)


@every_kind
def test_any_layout_in_memory_will_do_and_nothing_is_written_into(kind):
    Layer, *_, parts = KINDS[kind]
    layer = Layer(2, 3, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    hx = np.random.default_rng(1).normal(size=(parts, 1, 5, 3))
    expected = layer(x, tuple(hx) if parts > 1 else hx[0])[0].data
    for layout in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x[::-1].copy()[::-1]):
        layout.flags.writeable = hx.flags.writeable = False
        states = tuple(np.asfortranarray(s) for s in hx) if parts > 1 else np.asfortranarray(hx[0])
        x_t = Tensor(layout, requires_grad=True)
        y, _ = layer(x_t, states)
        np.testing.assert_allclose(y.data, expected, rtol=1e-13)
        np.sum(y).backward()
        assert x_t.grad.shape == x.shape
    before = layer.state_dict()
    np.sum(layer(x, lengths=[1, 2, 3, 4, 0])[0]).backward()
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@every_kind
def test_the_gradient_of_the_input_is_left_out_where_nobody_needs_it(kind):
    x, states, weights = draw(kind)
    values, vjp = KINDS[kind][2].run(x, *states, *weights, needs_dx=False)
    assert vjp(*values)[0] is None
    layer, x_t = KINDS[kind][0](2, 3, 2, rng=0), Tensor(x, requires_grad=True)
    np.sum(layer(x)[0]).backward()
    without = [np.array(p.grad.data) for p in layer.parameters()]
    layer.zero_grad()
    np.sum(layer(x_t)[0]).backward()
    for dp, p in zip(without, layer.parameters(), strict=True):
        np.testing.assert_array_equal(dp, p.grad.data)
    assert x_t.grad.data.all()


@every_kind
def test_states_survive_a_round_trip_and_lazy_sizes_come_from_the_first_input(kind):
    Layer, Cell, *_ = KINDS[kind]
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    for module, options in ((Layer, {"num_layers": 2, "bidirectional": True}), (Layer, {"bias": False}), (Cell, {})):
        known, lazy = module(2, 3, rng=0, **options), module(None, 3, rng=0, **options)
        with pytest.raises(ValueError, match="no parameters yet"):
            lazy.state_dict()
        input = x if module is Layer else x[0]
        lazy(input)
        assert lazy.input_size == 2
        for name, array in known.state_dict().items():
            np.testing.assert_array_equal(lazy.state_dict()[name], array)
        other = module(2, 3, rng=1, **options)
        other.load_state_dict(known.state_dict())
        ours, theirs = (np.asarray(part) for part in _first(known(input), other(input)))
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="has no axes"):
        Layer(None, 3)(1.0)


def _first(*results):
    return [(r[0] if isinstance(r, tuple) else r).data for r in results]


@every_kind
def test_work_is_counted(kind):
    Layer, Cell, *_, gates, _ = KINDS[kind]
    assert Layer(2, 3, num_layers=2, bidirectional=True).summary((4, 5, 2)).multiply_adds == (
        20 * gates * 3 * 2 * ((2 + 3) + (6 + 3))
    )
    assert Layer(2, 3).summary((4, 2)).multiply_adds == 4 * gates * 3 * (2 + 3)
    assert Cell(2, 3).summary((5, 2)).multiply_adds == 5 * gates * 3 * (2 + 3)
    assert Cell(2, 3).summary((2,)).multiply_adds == gates * 3 * (2 + 3)


@every_kind
def test_a_layer_learns_with_others(kind):
    """What was first, told five steps later."""
    rng = np.random.default_rng(0)
    layer, out = KINDS[kind][0](1, 8, rng=rng), Linear(8, 1, rng=rng)
    x = rng.choice([-1.0, 1.0], size=(5, 40, 1))
    optimizer = Adam([*layer.parameters(), *out.parameters()], lr=0.03)
    for _ in range(100):
        optimizer.zero_grad()
        loss = np.mean((out(layer(x)[0][-1]) - x[0]) ** 2)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@every_kind
def test_bad_input_is_named(kind):
    Layer, Cell, *_, parts = KINDS[kind]
    layer, cell = Layer(2, 3, num_layers=2, rng=0), Cell(2, 3, rng=0)
    x = np.zeros((4, 5, 2))
    for shape in ((4, 5, 3), (2,), (1, 4, 5, 2)):
        with pytest.raises(ValueError, match=r"x must have shape \(T, N, 2\), or \(T, 2\) .* it has shape"):
            layer(np.zeros(shape))
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 2\)"):
        Layer(2, 3, batch_first=True)(np.zeros((4, 5, 3)))
    for shape in ((5, 3), (4, 5, 2), ()):
        with pytest.raises(ValueError, match=r"x must have shape \(N, 2\) or \(2,\), .* it has shape"):
            cell(np.zeros(shape))
    for module, input in ((layer, x), (cell, x[0])):
        with pytest.raises(TypeError, match=r"x is float32 and the weights are float64: convert x with x.astype\(np.f"):
            module(input.astype(np.float32))
        with pytest.raises(TypeError, match="x is int64 and the weights are float64"):
            module(input.astype(np.int64))
        wrong = np.zeros((2, 5, 4))
        with pytest.raises(ValueError, match=r"the first state h0 must have shape .*5, 3\); it has shape \(2, 5, 4\)"):
            module(input, (wrong, wrong) if parts > 1 else wrong)
    short = np.zeros((2, 5, 3), np.float32)
    with pytest.raises(TypeError, match=r"h0 is float32 and x is float64: convert it with h0.astype\(np.float64\)"):
        layer(x, (short, short) if parts > 1 else short)
    for lengths, error, message in (
        ([1, 2], ValueError, r"lengths must have shape \(5,\), .* got shape \(2,\)"),
        ([1, 2, 3, 4, 5], ValueError, "between 0 and the 4 steps of x; got 1 to 5"),
        ([1, 2, 3, 4, -1], ValueError, "got -1 to 4"),
        ([1.0, 2, 3, 4, 4], TypeError, "lengths must be whole numbers; they are float64"),
    ):
        with pytest.raises(error, match=message):
            layer(x, lengths=lengths)
    with pytest.raises(ValueError, match=r"lengths are for batches; one sequence is cut with x\[:3\]"):
        layer(x[:, 0], lengths=3)
    for sizes in ((0, 3), (3, 0)):
        for module in (Layer, Cell):
            with pytest.raises(ValueError, match=f"input_size is {sizes[0]}, hidden_size is {sizes[1]}"):
                module(*sizes)
    with pytest.raises(ValueError, match="num_layers must be at least 1; got 0"):
        Layer(2, 3, num_layers=0)
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"dropout must be a probability, between 0 and 1; got {p}"):
            Layer(2, 3, num_layers=2, dropout=p)
    with pytest.warns(UserWarning, match="dropout=0.5 acts between layers, and there is only one"):
        Layer(2, 3, dropout=0.5)


def test_what_subclasses_must_define_is_named():
    with pytest.raises(NotImplementedError, match="RecurrentCell must define step"):
        RecurrentCell(2, 3).step()
    with pytest.raises(NotImplementedError, match="RecurrentLayer must define sequence"):
        RecurrentLayer(2, 3)(np.zeros((4, 5, 2)))


@every_kind
def test_seeds_repeat_and_their_absence_does_not(kind):
    Layer, Cell, *_ = KINDS[kind]
    for module, name in ((Layer, "weight_ih_l0"), (Cell, "weight_ih")):
        one, two = getattr(module(2, 3, rng=3), name), getattr(module(2, 3, rng=3), name)
        np.testing.assert_array_equal(one.data, two.data)
        assert not np.array_equal(getattr(module(2, 3), name).data, getattr(module(2, 3), name).data)


@every_kind
def test_no_lengths_for_no_sequences(kind):
    y = KINDS[kind][0](2, 3, rng=0)(np.zeros((4, 0, 2)), lengths=[])[0]
    assert y.shape == (4, 0, 3)


@pytest.mark.parametrize("dtype, a", [(np.float64, -40.0), (np.float32, -20.0)])
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_eq_1_5_gates_that_are_nearly_closed_keep_their_digits(kind, dtype, a):
    """Every gate in turn, against the cell: values and gradients, whose exponentials are e⁻²⁰ or e⁻⁴⁰."""
    _, _, layer, cell, gates, _ = KINDS[kind]
    x, states, (Wx, Wh, bx, bh) = draw(kind, T=2)
    for gate in {"gru": (0, 1), "lstm": (0, 1, 3)}[kind]:
        b = bx.copy()
        b.reshape(gates, -1)[gate] = a
        arguments = [v.astype(dtype) for v in (x, *states, Wx, Wh, b, bh)]
        (y, *last), vjp = layer.run(*arguments)
        s, expected = arguments[1 : 1 + len(states)], []
        for x_t in arguments[0]:
            s = cell(x_t, *s, *arguments[1 + len(states) :])
            s = s if isinstance(s, tuple) else (s,)
            expected.append(s[0])
        np.testing.assert_allclose(y, expected, rtol=100 * np.finfo(dtype).eps)
        _, clear = cell_by_cell(cell.run, arguments[0], arguments[1 : 1 + len(states)], arguments[1 + len(states) :])
        ours, theirs = (v(*[np.ones_like(part) for part in (y, *last)]) for v in (vjp, clear))
        db, expected = (g[-1].reshape(gates, -1)[gate] for g in (ours, theirs))
        assert (db != 0).all()
        np.testing.assert_allclose(db, expected, rtol=1000 * np.finfo(dtype).eps)


@every_kind
def test_eq_5_gradients_of_biases_over_many_rows_in_float32(kind):
    """Row after row, the sum would be off by 1e-5 and more."""
    _, _, layer, cell, _, parts = KINDS[kind]
    x, states, weights = draw(kind, T=1, N=400_000, I=1, H=2)
    narrow = [a.astype(np.float32) for a in (x, *states, *weights)]
    wide = [a.astype(np.float64) for a in narrow]
    found = []
    for arrays in (narrow, wide):
        values, vjp = layer.run(*arrays)
        nothing, ones = np.zeros_like(values[0]), np.ones_like(values[1])
        of_cell = cell.run(arrays[0][0], *arrays[1:])[1](*[ones] * parts)
        found.append((vjp(nothing, *[ones] * parts)[-2:], of_cell[-2:]))
    for ours, exact in zip(*found, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-6 * np.max(exact))


def test_blocks_cover_all_steps_in_their_order():
    for reverse in (False, True):
        blocks = in_blocks(70, 16, 4, None, reverse)
        assert [step for _, steps in blocks for step in steps] == in_time(70, 16, None, reverse)
        assert [len(steps) for _, steps in blocks] == [16, 16, 16, 16, 6]
        assert all(list(range(*span.indices(70))) == sorted(t for t, _ in steps) for span, steps in blocks)
        assert longest(blocks) == 16
    assert longest(in_blocks(0, 3, 4, None, False)) == 0
    assert longest(in_blocks(3, 10_000, 4, None, False)) == 1
    assert longest(in_blocks(99, 16, 1024, None, False)) == 99
