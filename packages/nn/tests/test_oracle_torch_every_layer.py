"""Every class that PyTorch has under our name, with random options: states both ways, values, all gradients.

States go in with `from_torch_state` and out with `to_torch_state`. Values and gradients agree to 1e-10; the gradients
of a function of all gradients, those of inputs and of parameters, agree to 1e-8.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid_nn
from pellucid import Tensor
from pellucid.nesting import flatten

torch = pytest.importorskip("torch")
nn = torch.nn

SHARED = {
    name
    for name in pellucid_nn.__all__
    if isinstance(getattr(nn, name, None), type) and name not in ("Module", "Parameter")
}


class Given(NamedTuple):
    """What a class is made with and called on."""

    args: tuple[Any, ...] = ()
    options: dict[str, Any] = {}
    learns: tuple[Any, ...] = ()  # inputs with a gradient
    plain: tuple[Any, ...] = ()  # inputs after them, without
    masks: dict[str, Any] = {}  # inputs by name, without


# What to draw for each class: d(least, most) is a whole number, d(*choices) one of them; r the random numbers


def shape_of(d, axes):
    return tuple(d(1, 3) for _ in range(axes))


def elementwise(*options):
    """Any shape, and for each option its choices."""

    def make(d, r):
        chosen = {name: d(*choices) for name, choices in options if d(True, False)}
        return Given((), chosen, (r.normal(size=shape_of(d, d(0, 1, 2, 3))),))

    return make


def softmax(d, r):
    axes = d(1, 2, 3, 4)
    return Given((d(-axes, axes - 1) if axes > 1 else 0,), {}, (r.normal(size=shape_of(d, axes)),))


def dropout(d, r):
    """What is the same for any mask."""
    return Given((d(0.0, 1.0),), {}, (r.normal(size=shape_of(d, d(0, 1, 2, 3))),))


def dense(d, r):
    I, O = shape_of(d, 2)
    return Given((I, O), {"bias": d(True, False)}, (r.normal(size=(*shape_of(d, d(0, 1, 2)), I)),))


def lazy_dense(d, r):
    (_, O), options, learns, *_ = dense(d, r)
    return Given((O,), options, learns)


def flat(d, r):
    axes = d(2, 3, 4)
    start = d(0, axes - 1)
    return Given((start, d(start, axes - 1)), {}, (r.normal(size=shape_of(d, axes)),))


def embedding(d, r):
    n, D = d(2, 5), d(1, 3)
    by_freq = d(True, False)
    options = {"padding_idx": d(None, 0, -1), "scale_grad_by_freq": by_freq}
    return Given((n, D), options, (), (r.integers(0, n, shape_of(d, d(1, 2))),))


def embedding_bag(d, r):
    n, D, mode = d(2, 5), d(1, 3), d("sum", "mean", "max")
    options = {"mode": mode, "padding_idx": d(None, 0)}
    index = r.integers(0, n, shape_of(d, 2))
    if d(True, False):
        return Given((n, D), options, (), (index,))
    options["include_last_offset"] = last = d(True, False)
    ends = np.sort(r.integers(0, index.size + 1, 2))
    return Given((n, D), options, (), (index.ravel(), np.array([0, *ends, index.size] if last else [0, *ends])))


def convolution(n_axes, transposed=False, lazy=False):
    def make(d, r):
        G = d(1, 2)
        C, F = G * d(1, 2), G * d(1, 2)
        k, s, dil = (shape_of(d, n_axes) for _ in range(3))
        options = {"stride": s, "dilation": dil, "groups": G, "bias": d(True, False)}
        if transposed:
            p = tuple(d(0, min(1, a * (b - 1))) for a, b in zip(dil, k))
            options["output_padding"] = tuple(d(0, max(a, b) - 1) for a, b in zip(s, dil))
            size = tuple(d(2, 4) for _ in k)
        else:
            p = d("same", "valid", tuple(d(0, 2) for _ in k))
            options |= {"stride": 1} if p == "same" else {}
            options["padding_mode"] = d("zeros", "zeros", "reflect", "replicate", "circular")
            size = tuple(max(a * (b - 1) + 1, 3) + d(0, 3) for a, b in zip(dil, k))
        options["padding"] = p
        # a margin of another kind is not looked for where there is no batch
        batched = options.get("padding_mode", "zeros") != "zeros" or d(True, False)
        x = r.normal(size=(*([d(1, 3)] if batched else []), C, *size))
        return Given((F, k) if lazy else (C, F, k), options, (x,))

    return make


def pooling(average):
    def make(d, r):
        k = shape_of(d, 2)
        options = {"stride": d(None, shape_of(d, 2)), "ceil_mode": d(True, False)}
        options["padding"] = tuple(d(0, a // 2) for a in k)
        dil = (1, 1)
        if average:
            options |= {"count_include_pad": d(True, False), "divisor_override": d(None, 3)}
        else:
            options["dilation"] = dil = shape_of(d, 2)
        size = [a * (b - 1) + 1 + d(0, 3) for a, b in zip(dil, k)]
        return Given((k,), options, (r.normal(size=(*shape_of(d, d(1, 2)), *size)),))

    return make


def batch_norm(axes):
    def make(d, r):
        C = d(1, 3)
        options = {"eps": d(0.1, 0.5), "momentum": d(0.1, None), "affine": d(True, False)}
        options["track_running_stats"] = d(True, False)
        return Given((C,), options, (r.normal(size=(d(2, 4), C, *shape_of(d, d(*axes)))),))

    return make


def layer_norm(d, r):
    own = (d(2, 4), *shape_of(d, d(0, 1)))
    options = {"eps": d(0.1, 0.5), "elementwise_affine": d(True, False), "bias": d(True, False)}
    return Given((own,), options, (r.normal(size=(*shape_of(d, d(0, 1, 2)), *own)),))


def recurrent(states, more=()):
    def make(d, r):
        I, H, T, N = shape_of(d, 4)
        options = {"num_layers": d(1, 2), **{name: d(*choices) for name, choices in more}}
        options |= {name: d(True, False) for name in ("bias", "batch_first", "bidirectional")}
        batched, started = d(True, False), d(True, False)
        x = r.normal(size=((N, T, I) if options["batch_first"] else (T, N, I)) if batched else (T, I))
        layers = options["num_layers"] * (1 + options["bidirectional"])
        size = (layers, N, H) if batched else (layers, H)
        return Given((I, H), options, (x, *[r.normal(size=size) for _ in range(states * started)]))

    return make


def cell(states, more=()):
    def make(d, r):
        I, H, N = shape_of(d, 3)
        options = {"bias": d(True, False), **{name: d(*choices) for name, choices in more}}
        front, started = ((N,) if d(True, False) else ()), d(True, False)
        arrays = [r.normal(size=(*front, H)) for _ in range(states * started)]
        return Given((I, H), options, (r.normal(size=(*front, I)), *arrays))

    return make


def may_attend(r, *shape):
    """True keeps out; of each row something is left, as PyTorch would give NaN."""
    return (r.uniform(size=shape) < 0.4) & (np.arange(shape[-1]) > 0)


def attention(d, r):
    H, N, T, S = shape_of(d, 4)
    E, first = H * d(1, 2), d(True, False)
    options = {"bias": d(True, False), "kdim": d(None, 2), "vdim": d(None, 3), "batch_first": first}
    sizes = ((T, E), (S, options["kdim"] or E), (S, options["vdim"] or E))
    arrays = [r.normal(size=(N, a, b) if first else (a, N, b)) for a, b in sizes]
    masks = {"key_padding_mask": may_attend(r, N, S), "attn_mask": may_attend(r, *d((T, S), (N * H, T, S)))}
    masks = {name: mask for name, mask in masks.items() if d(True, False)}
    return Given((E, H), options, tuple(arrays), (), masks | {"average_attn_weights": d(True, False)})


def transformer(decoder):
    def make(d, r):
        N, T, S = shape_of(d, 3)
        E, first = 4, d(True, False)
        options = {"dim_feedforward": 3, "dropout": 0.0, "activation": d("relu", "gelu"), "layer_norm_eps": 0.1}
        options |= {"batch_first": first, "norm_first": d(True, False), "bias": d(True, False)}
        arrays = [r.normal(size=(N, n, E) if first else (n, N, E)) for n in ((T, S) if decoder else (T,))]
        masks = {"tgt_mask" if decoder else "src_mask": ~np.tri(T, dtype=bool)}
        masks["tgt_key_padding_mask" if decoder else "src_key_padding_mask"] = may_attend(r, N, T)
        masks |= {"memory_key_padding_mask": may_attend(r, N, S), "memory_mask": may_attend(r, T, S)} if decoder else {}
        masks = {name: mask for name, mask in masks.items() if d(True, False)}
        return Given((E, 2), options, tuple(arrays), (), masks)

    return make


def between(targets="normal", weights=(), more=()):
    """A loss of two arrays of one shape; the weights are options, and parts of the state."""

    def make(d, r):
        shape = shape_of(d, d(1, 2, 3))
        options = {"reduction": d("mean", "sum", "none"), **{name: d(*choices) for name, choices in more}}
        options |= {name: r.uniform(0.5, 2, shape[-1]) for name in weights if d(True, False)}
        y, t = r.normal(size=(2, *shape))
        if targets == "signs":
            return Given((), options, (y,), (np.where(t > 0, 1.0, -1.0),))
        if targets == "certain":
            y = r.uniform(0.05, 0.95, shape)
        return Given((), options, (y, r.uniform(0.05, 0.95, shape) if targets != "normal" else t))

    return make


def cross_entropy(d, r):
    shape = (d(1, 3), d(2, 4), *shape_of(d, d(0, 1, 2)))
    options = {"reduction": d("mean", "sum", "none"), "label_smoothing": d(0.0, 0.2)}
    options |= {"weight": r.uniform(0.5, 2, shape[1])} if d(True, False) else {}
    z = 2 * r.normal(size=shape)
    if d(True, False):
        return (
            Given((), options, (z, r.dirichlet(np.ones(shape[1]), (shape[0], *shape[2:])).swapaxes(1, -1)))
            if (len(shape) < 4)
            else Given((), options, (z, r.uniform(size=shape)))
        )
    y = r.integers(0, shape[1], (shape[0], *shape[2:]))
    y.flat[0] = 1
    return Given((), options | {"ignore_index": d(-100, 0)}, (z,), (y,))


def multi_margin(d, r):
    N, K = d(1, 3), d(2, 4)
    options = {"p": d(1, 2), "margin": d(0.5, 1.0), "reduction": d("mean", "sum", "none")}
    options |= {"weight": r.uniform(0.5, 2, K)} if d(True, False) else {}
    return Given((), options, (r.normal(size=(N, K)),), (r.integers(0, K, N),))


def container(d, r):
    return Given((), {}, (r.normal(size=(d(1, 4), 3)),))


DRAWN = {
    **{name: elementwise() for name in ("Identity", "ReLU", "Tanh", "Sigmoid", "SELU", "SiLU", "Hardsigmoid")},
    "LeakyReLU": elementwise(("negative_slope", (0.0, 0.3, 2.0))),
    "ELU": elementwise(("alpha", (0.5, 2.0))),
    "GELU": elementwise(("approximate", ("none", "tanh"))),
    "Softplus": elementwise(("beta", (0.5, 3.0)), ("threshold", (1.0, 30.0))),
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "Dropout": dropout,
    "Linear": dense,
    "LazyLinear": lazy_dense,
    "Flatten": flat,
    "Embedding": embedding,
    "EmbeddingBag": embedding_bag,
    "Conv1d": convolution(1),
    "Conv2d": convolution(2),
    "LazyConv1d": convolution(1, lazy=True),
    "LazyConv2d": convolution(2, lazy=True),
    "ConvTranspose2d": convolution(2, transposed=True),
    "MaxPool2d": pooling(False),
    "AvgPool2d": pooling(True),
    "BatchNorm1d": batch_norm((0, 1)),
    "BatchNorm2d": batch_norm((2, 2)),
    "LayerNorm": layer_norm,
    "RNN": recurrent(1, [("nonlinearity", ("tanh", "relu"))]),
    "LSTM": recurrent(2),
    "GRU": recurrent(1),
    "RNNCell": cell(1, [("nonlinearity", ("tanh", "relu"))]),
    "LSTMCell": cell(2),
    "GRUCell": cell(1),
    "MultiheadAttention": attention,
    "TransformerEncoderLayer": transformer(False),
    "TransformerDecoderLayer": transformer(True),
    "MSELoss": between(),
    "L1Loss": between(),
    "HuberLoss": between(more=[("delta", (0.5, 1.0, 3.0))]),
    "SmoothL1Loss": between(more=[("beta", (0.0, 0.5, 3.0))]),
    "BCELoss": between("certain", ["weight"]),
    "BCEWithLogitsLoss": between("probable", ["weight", "pos_weight"]),
    "HingeEmbeddingLoss": between("signs", more=[("margin", (0.5, 1.0))]),
    "MultiMarginLoss": multi_margin,
    "CrossEntropyLoss": cross_entropy,
    **{name: container for name in ("Sequential", "ModuleList", "ModuleDict")},
}

# PyTorch has no second derivatives of these, and says so
ONCE = {"EmbeddingBag", "MultiMarginLoss"}


# Both, side by side


class TorchHardsigmoid(nn.Module):
    """In two steps, as PyTorch's own sends back a 1/6 of single precision, once."""

    def forward(self, x):
        return nn.functional.relu6(x + 3) / 6


def made(name, kind, given):
    """The module of ours, or theirs, in double precision."""
    if kind is nn and name == "Hardsigmoid":
        return TorchHardsigmoid()
    if name in ("Sequential", "ModuleList", "ModuleDict"):
        parts = [kind.Linear(3, 4), kind.Tanh(), kind.Linear(4, 2)]
        if name == "ModuleDict":
            parts = dict(zip("abc", parts))
        module = kind.Sequential(*parts) if name == "Sequential" else getattr(kind, name)(parts)
        return module.double()
    options = given.options
    if kind is nn:
        options = {key: torch.tensor(a) if isinstance(a, np.ndarray) else a for key, a in options.items()}
        options = options | ({"dtype": torch.float64} if name.startswith("Lazy") else {})
    module = getattr(kind, name)(*given.args, **options)
    return module if name.startswith("Lazy") else module.double()


def called(name, f, learns, plain, masks):
    """The results, in one list."""
    if name in ("ModuleList", "ModuleDict"):
        (y,) = learns
        for module in f if name == "ModuleList" else f.values():
            y = module(y)
    elif name in ("LSTM", "LSTMCell") and len(learns) == 3:
        y = f(learns[0], tuple(learns[1:]))
    else:
        y = f(*learns, *plain, **masks)
    found: list[Any] = []
    flatten(y, found)
    return [part for part in found if part is not None]


def normal(arrays):
    """Numbers in the shapes of arrays, the same for both."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=tuple(a.shape)) for a in arrays]


def ours_of(name, f, given, twice):
    """Values, gradients, and the gradients of a weighted sum of their squares, of inputs and then parameters."""
    leaves = [Tensor(a, requires_grad=True) for a in given.learns]
    ys = called(name, f, leaves, given.plain, given.masks)
    leaves += f.parameters()
    total = sum([np.sum((y + y * y) * dy) for y, dy in zip(ys, normal(ys))])
    if leaves:
        total.backward(create_graph=twice)
    firsts, seconds = [a.grad for a in leaves], [None] * len(leaves)
    if twice:
        for a in leaves:
            a.grad = None
        total = sum([np.sum(g * g * w) for g, w in zip(firsts, normal(leaves)) if g is not None], Tensor(0.0))
        if total.requires_grad:  # else the gradients are constant
            total.backward()
        seconds = [a.grad for a in leaves]
    return [[None if a is None else a.data for a in some] for some in (ys, firsts, seconds)]


def theirs_of(name, f, order, given, twice):
    """The same of PyTorch, with the parameters in the order of ours."""
    leaves = [torch.tensor(a, requires_grad=True) for a in given.learns]
    masks = {key: torch.tensor(a) if isinstance(a, np.ndarray) else a for key, a in given.masks.items()}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the one that has second derivatives
        ys = called(name, f, leaves, [torch.tensor(a) for a in given.plain], masks)
    own = dict(f.named_parameters())
    leaves += [own[key] for key in order]
    total = sum([((y + y * y) * torch.tensor(dy)).sum() for y, dy in zip(ys, normal(ys))])
    firsts = torch.autograd.grad(total, leaves, create_graph=twice, allow_unused=True) if leaves else ()
    seconds: Any = [None] * len(leaves)
    if twice:
        parts = [(g * g * torch.tensor(w)).sum() for g, w in zip(firsts, normal(leaves)) if g is not None]
        if parts := [part for part in parts if part.requires_grad]:
            seconds = torch.autograd.grad(sum(parts), leaves, allow_unused=True)
    return [[None if a is None else a.numpy(force=True) for a in some] for some in (ys, firsts, seconds)]


def compare(ours, theirs):
    for some, others, tolerance in zip(ours, theirs, (1e-10, 1e-10, 1e-8), strict=True):
        for a, b in zip(some, others, strict=True):
            if a is None or b is None:  # nothing arrived there
                assert not np.any(a) and not np.any(b)
            else:
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
                assert a.shape == b.shape


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")  # PyTorch's, about its speed
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("name", DRAWN)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_states_values_and_gradients(name, data):
    def d(*choices):
        """One of the choices; of two numbers, all from one to the other."""
        if len(choices) == 2 and all(type(n) is int for n in choices):
            return data.draw(st.integers(*choices))
        return data.draw(st.sampled_from(choices))

    rng = np.random.default_rng(d(0, 2**32 - 1))
    given = DRAWN[name](d, rng)
    ours, theirs, other = (made(name, kind, given) for kind in (pellucid_nn, nn, nn))
    train = d(True, False)
    if name.startswith("Lazy"):  # they get their parameters with their first input
        for f in (ours, other, theirs):
            f(given.learns[0] if f is ours else torch.tensor(given.learns[0]))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.tensor(0.7 * rng.normal(size=parameter.shape)))
        for key, buffer in theirs.named_buffers():
            if key.startswith("running"):
                buffer.copy_(torch.tensor(rng.uniform(0.5, 2, buffer.shape)))
    assert ours.from_torch_state(theirs.state_dict()) == ([], [])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    other.load_state_dict(ours.to_torch_state())
    for f in (ours, theirs, other):
        f.train(train)

    order = [key for key, _ in ours.named_parameters()]
    expected = theirs_of(name, theirs, order, given, name not in ONCE)
    compare(theirs_of(name, other, order, given, name not in ONCE), expected)
    compare(ours_of(name, ours, given, name not in ONCE), expected)
    for key, buffer in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], buffer.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", sorted(ONCE))
def test_pytorch_has_no_second_derivatives_of_these(name):
    given = DRAWN[name](lambda *choices: choices[0], np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="not implemented"):  # NotImplementedError is one
        theirs_of(name, made(name, nn, given), [n for n, _ in made(name, nn, given).named_parameters()], given, True)


def test_every_class_of_pytorch_with_one_of_our_names_is_compared():
    assert set(DRAWN) == SHARED
