"""The same numbers as PyTorch's RNN, LSTM and GRU, their cells, and its packed sequences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.bidirectional import BidirectionalLSTM
from pellucid_nn.gru import GRU, GRUCell
from pellucid_nn.lstm import LSTM
from pellucid_nn.lstm_cell import LSTMCell
from pellucid_nn.rnn import RNN, RNNCell

torch = pytest.importorskip("torch")
packing = torch.nn.utils.rnn

LAYERS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}
CELLS = {"RNNCell": RNNCell, "LSTMCell": LSTMCell, "GRUCell": GRUCell}


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def leaves(*arrays):
    """Each array twice: a Tensor of ours and one of theirs, that ask for gradients."""
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def flat(result):
    """The arrays of (y, h) or (y, (h, c)) or (h, c) or h, in one list."""
    if not isinstance(result, tuple):
        return [result]
    return [part for each in result for part in flat(each)]


def compare(ours, theirs, inputs, parameters, rng):
    """Values, and the gradients of everything from random gradients of all results."""
    ours, theirs = flat(ours), flat(theirs)
    loss, their_loss = 0.0, 0.0
    for y, their_y in zip(ours, theirs, strict=True):
        close(y.data, their_y)
        dy = rng.normal(size=y.shape)
        loss, their_loss = loss + np.sum(dy * y), their_loss + (torch.tensor(dy) * their_y).sum()
    loss.backward()
    their_loss.backward()
    for a, b in [*zip(*inputs, strict=True), *zip(*parameters, strict=True)]:
        close(a.grad.data, b.grad)


def twins(kind, rng, *sizes, **options):
    """A module of ours, and PyTorch's with the same parameters."""
    ours = {**LAYERS, **CELLS}[kind](*sizes, rng=rng, **options)
    theirs = getattr(torch.nn, kind)(*sizes, dtype=torch.float64, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.to_torch_state())
    return ours, theirs


options_of_layers = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 3),
        "bias": st.booleans(),
        "batch_first": st.booleans(),
        "bidirectional": st.booleans(),
    }
)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["RNN", "LSTM", "GRU", "relu"]),
    options=options_of_layers,
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    padded=st.booleans(),
    batched=st.booleans(),
    started=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_layers(kind, options, sizes, padded, batched, started, seed):
    rng = np.random.default_rng(seed)
    I, H, T, N = sizes
    if kind == "relu":
        kind, options = "RNN", options | {"nonlinearity": "relu"}
    ours, theirs = twins(kind, rng, I, H, **options)
    layers = options["num_layers"] * (1 + options["bidirectional"])
    x = rng.normal(size=((N, T, I) if options["batch_first"] else (T, N, I)) if batched else (T, I))
    states = [rng.normal(size=(layers, N, H) if batched else (layers, H)) for _ in range(1 + (kind == "LSTM"))]
    xs, hs = leaves(x), leaves(*states)
    given = [(tuple(s) if len(s) > 1 else s[0]) if started else None for s in hs]
    if padded and batched:
        lengths = rng.integers(1, T + 1, N)
        packed = packing.pack_padded_sequence(xs[1][0], torch.tensor(lengths), options["batch_first"], False)
        y, last = theirs(packed, given[1])
        y, _ = packing.pad_packed_sequence(y, options["batch_first"], total_length=T)
        results = ours(xs[0][0], given[0], lengths=lengths), (y, last)
    else:
        results = ours(xs[0][0], given[0]), theirs(xs[1][0], given[1])
    inputs = [a + b if started else a for a, b in zip(xs, hs)]
    compare(*results, inputs, (list(ours.parameters()), list(theirs.parameters())), rng)


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from([*CELLS, "relu"]),
    bias=st.booleans(),
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    batched=st.booleans(),
    started=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_cells_over_three_steps(kind, bias, sizes, batched, started, seed):
    rng = np.random.default_rng(seed)
    I, H, N = sizes
    options = {"bias": bias}
    if kind == "relu":
        kind, options = "RNNCell", options | {"nonlinearity": "relu"}
    ours, theirs = twins(kind, rng, I, H, **options)
    states = [rng.normal(size=(N, H) if batched else H) for _ in range(1 + (kind == "LSTMCell"))]
    xs, hs = leaves(*rng.normal(size=(3, N, I) if batched else (3, I))), leaves(*states)
    s, their_s = [(tuple(s) if len(s) > 1 else s[0]) if started else None for s in hs]
    for x, their_x in zip(*xs):
        s, their_s = ours(x, s), theirs(their_x, their_s)
    inputs = [a + b if started else a for a, b in zip(xs, hs)]
    compare(s, their_s, inputs, (list(ours.parameters()), list(theirs.parameters())), rng)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_double_backward(kind, padded):
    rng = np.random.default_rng(0)
    ours, theirs = twins(kind, rng, 2, 3, num_layers=2, bidirectional=True)
    (x,), (their_x,) = leaves(rng.normal(size=(4, 3, 2)))
    if padded:
        lengths = np.array([2, 4, 1])
        y, _ = ours(x, lengths=lengths)
        their_y, _ = theirs(packing.pack_padded_sequence(their_x, torch.tensor(lengths), enforce_sorted=False))
        their_y, _ = packing.pad_packed_sequence(their_y)
    else:
        y, their_y = ours(x)[0], theirs(their_x)[0]
    np.sum(y**2).backward(create_graph=True)
    penalty = np.sum(x.grad**2)
    x.grad = None
    ours.zero_grad()
    penalty.backward()
    (their_dx,) = torch.autograd.grad((their_y**2).sum(), their_x, create_graph=True)
    (their_dx**2).sum().backward()
    close(x.grad.data, their_x.grad, 1e-8)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad.data, q.grad, 1e-8)


@pytest.mark.parametrize("kind", LAYERS)
def test_states_are_exchanged_by_name_and_modules_are_shown_alike(kind):
    for options in ({}, {"num_layers": 2, "bias": False, "batch_first": True, "dropout": 0.5, "bidirectional": True}):
        ours, theirs = LAYERS[kind](3, 4, rng=0, **options), getattr(torch.nn, kind)(3, 4, **options).double()
        ours.from_torch_state(theirs.state_dict())
        for name, array in theirs.state_dict().items():
            np.testing.assert_array_equal(ours.state_dict()[name], array.numpy())
        theirs.load_state_dict(ours.to_torch_state())
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("kind", CELLS)
def test_cells_are_shown_alike(kind):
    for options in ({}, {"bias": False}):
        assert repr(CELLS[kind](3, 4, **options)) == repr(getattr(torch.nn, kind)(3, 4, **options))
    assert repr(RNNCell(3, 4, nonlinearity="relu")) == repr(torch.nn.RNNCell(3, 4, nonlinearity="relu"))


@pytest.mark.parametrize("kind", [*LAYERS, *CELLS])
def test_initial_values_come_from_the_same_interval(kind):
    ours, theirs = {**LAYERS, **CELLS}[kind](30, 40, rng=0), getattr(torch.nn, kind)(30, 40)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(np.abs(p.data).max(), q.abs().max().item(), rtol=0.15)


def test_the_state_of_a_bidirectional_lstm_loads_into_the_merging_one():
    theirs = torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True).double()
    ours, x = BidirectionalLSTM(3, 4, 2, rng=0), np.random.default_rng(0).normal(size=(5, 2, 3))
    ours.from_torch_state(theirs.state_dict())
    close(ours(x)[0].data, theirs(torch.tensor(x))[0].detach())
    theirs.load_state_dict(ours.lstm.to_torch_state())
