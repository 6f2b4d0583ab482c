import copy
import pickle

import numpy as np
import pytest

from pellucid import LoadError, Tensor, no_grad
from pellucid_nn import (
    LSTM,
    BCELoss,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    GRUCell,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
)


class Block(Module):
    def __init__(self, rng):
        self.inner = Linear(2, 2, rng=rng)
        self.scale = Parameter(np.ones(2))
        self.register_buffer("mean", np.zeros(2))
        self.register_buffer("mask", np.ones(2, dtype=bool), persistent=False)
        self.rng = rng

    def forward(self, x):
        return self.scale * (self.inner(x) - self.mean)


class Net(Module):
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.first = Linear(3, 2, rng=rng)
        self.blocks = [Block(rng), (Block(rng), {"last": Linear(2, 1, bias=False, rng=rng)})]
        self.n_calls = 0

    def forward(self, x):
        x = self.first(x)
        x = self.blocks[0](x)
        x = self.blocks[1][0](x)
        return self.blocks[1][1]["last"](x)


NAMES = [
    "first.weight",
    "first.bias",
    "blocks.0.scale",
    "blocks.0.inner.weight",
    "blocks.0.inner.bias",
    "blocks.1.0.scale",
    "blocks.1.0.inner.weight",
    "blocks.1.0.inner.bias",
    "blocks.1.1.last.weight",
]


class Tied(Module):
    """One layer under two names, which also knows its parent."""

    def __init__(self):
        self.a = Linear(2, 2, rng=np.random.default_rng(0))
        self.b = self.a
        self.weight = self.a.weight
        self.a.parent = self


def test_parameters_are_found_wherever_they_are_kept():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert all(isinstance(p, Parameter) and p.requires_grad and p.is_leaf for p in net.parameters())
    assert [name for name, _ in net.named_parameters("net")][0] == "net.first.weight"
    assert [p.shape for p in net.blocks[0].parameters(recurse=False)] == [(2,)]
    assert [name for name, _ in net.named_children()] == ["first", "blocks.0", "blocks.1.0", "blocks.1.1.last"]
    assert [type(m).__name__ for m in net.children()] == ["Linear", "Block", "Block", "Linear"]
    assert [name for name, _ in net.named_modules()][:4] == ["", "first", "blocks.0", "blocks.0.inner"]
    assert len(list(net.modules())) == 7
    assert [name for name, _ in net.named_buffers()][:2] == ["blocks.0.mean", "blocks.0.mask"]
    assert [name for name, _ in net.named_generators()] == ["blocks.0.rng", "blocks.1.0.rng"]


def test_a_later_attribute_takes_the_place_of_an_earlier_one():
    net = Net()
    net.first = Linear(3, 2, bias=False, rng=np.random.default_rng(1))
    assert [name for name, _ in net.named_parameters()][:2] == ["first.weight", "blocks.0.scale"]
    del net.first
    assert next(iter(net.state_dict())) == "blocks.0.scale"


def test_what_is_shared_is_listed_once_and_saved_under_each_name():
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["weight", "a.bias"]
    assert len(list(tied.modules())) == 2
    assert set(tied.state_dict()) == {"weight", "a.weight", "a.bias", "b.weight", "b.bias"}


def test_state_dict_round_trip():
    net, other = Net(0), Net(1)
    net.blocks[0].mean[:] = 5
    state = net.state_dict()
    assert sorted(state) == sorted([*NAMES, "blocks.0.mean", "blocks.1.0.mean"])
    x = np.random.default_rng(2).normal(size=(4, 3))
    assert not np.allclose(net(x).data, other(x).data)
    assert other.load_state_dict(state) == ([], [])
    np.testing.assert_array_equal(net(x).data, other(x).data)


def test_state_dict_is_a_copy_and_loading_keeps_the_arrays():
    net = Net()
    state = net.state_dict()
    before = net.first.weight.data
    net.first.weight.data[...] = 7
    assert not (state["first.weight"] == 7).any()
    net.load_state_dict(state)
    assert np.shares_memory(net.first.weight.data, before)
    np.testing.assert_array_equal(before, state["first.weight"])
    state["first.weight"][...] = 9
    assert not (before == 9).any()


def test_a_state_that_does_not_fit_changes_nothing_and_names_every_problem():
    net = Net()
    before = net.state_dict()
    wrong = Net(1).state_dict()
    del wrong["first.bias"]
    wrong["extra"] = np.zeros(1)
    wrong["blocks.0.scale"] = np.ones(3)
    wrong["blocks.1.0.scale"] = np.ones(2, dtype=complex)
    with pytest.raises(ValueError) as error:
        net.load_state_dict(wrong)
    for words in (
        "missing: first.bias",
        "unexpected: extra",
        "blocks.0.scale has shape (3,) in the state and (2,) in the module",
        "blocks.1.0.scale is complex128 in the state and float64 in the module",
        "does not fit Net",
    ):
        assert words in str(error.value)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(ValueError, match="blocks.0.scale has shape"):
        net.load_state_dict(wrong, strict=False)
    del wrong["blocks.0.scale"], wrong["blocks.1.0.scale"]
    keys = net.load_state_dict(wrong, strict=False)
    assert keys.missing_keys == ["first.bias", "blocks.0.scale", "blocks.1.0.scale"]
    assert keys.unexpected_keys == ["extra"]
    np.testing.assert_array_equal(net.first.weight.data, wrong["first.weight"])


def test_loading_under_a_recorded_operation_is_noticed():
    net = Net()
    loss = np.sum(net(np.ones((1, 3))) ** 2)
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match="written into"):
        loss.backward()


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())


def test_gradients_are_forgotten_and_parameters_frozen():
    net = Net()
    np.sum(net(np.ones((2, 3)))).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.blocks[0].requires_grad_(False)
    np.sum(net(np.ones((2, 3)))).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == NAMES[2:5]
    assert len(list(net.parameters())) == 9


def test_apply_goes_from_the_inside_out():
    seen = []
    net = Sequential(ReLU(), Sequential(ReLU()))
    assert net.apply(seen.append) is net
    assert seen[-1] is net and set(map(id, seen)) == set(map(id, net.modules())) and len(seen) == 4
    assert seen.index(net[1]) > seen.index(net[1][0])


def test_other_precisions():
    net = Net()
    assert net.float() is net and {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net.blocks[0].mean.dtype == np.float32 and net.blocks[0].mask.dtype == bool
    assert net(np.ones((1, 3), np.float32)).dtype == np.float32
    assert {p.dtype for p in net.double().parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_apart(twin_of):
    net = Net()
    twin = twin_of(net)
    assert isinstance(twin.first.weight, Parameter) and twin.first.weight.requires_grad
    twin.first.weight.data[...] = 0
    assert net.first.weight.data.all()
    assert list(twin.state_dict()) == list(net.state_dict())


def test_repr_is_a_tree():
    class Empty(Module):
        pass

    class Named(Module):
        def __init__(self):
            self.inner = Sequential(Empty(), ReLU())

        def extra_repr(self):
            return "p=0.5"

    expected = "Named(\n  p=0.5\n  (inner): Sequential(\n    (0): Empty()\n    (1): ReLU()\n  )\n)"
    assert repr(Named()) == expected
    with pytest.raises(NotImplementedError, match=r"Empty must define forward\(self, x\)"):
        Empty()(1)


def test_parameters_must_be_floating_point():
    with pytest.raises(TypeError, match="int64"):
        Parameter(np.arange(3))
    assert not Parameter(np.ones(2), requires_grad=False).requires_grad
    assert isinstance(Parameter(np.ones(2)) + 1, Tensor)
    assert not isinstance(Parameter(np.ones(2)) + 1, Parameter)


class Pair(Module):
    def __init__(self):
        self.a = Linear(2, 2, rng=0)

    def forward(self, x, scale=1.0):
        y = self.a(x) * scale
        return y, {"sum": [y.sum()], "none": None}


def test_without_recording_arrays_give_arrays():
    net, x = Pair(), np.ones((1, 2))
    with no_grad():
        y, more = net(x)
        assert type(y) is np.ndarray and isinstance(more["sum"][0], np.float64) and more["none"] is None
        assert isinstance(net(Tensor(x))[0], Tensor)
        assert isinstance(net(x, scale=Tensor(2.0))[0], Tensor)
    assert isinstance(net(x)[0], Tensor)


def test_hooks_see_and_change_what_goes_in_and_out():
    layer, x, seen = Linear(2, 2, rng=0), np.ones((1, 2)), []
    plain = layer(x).numpy()
    after = layer.register_forward_hook(lambda module, args, y: seen.append((module, args, y)))
    layer(x)
    assert seen[0][0] is layer and seen[0][1][0] is x and seen[0][2].shape == (1, 2)
    before = layer.register_forward_pre_hook(lambda module, args: args[0] * 2.0)
    with layer.register_forward_hook(lambda module, args, y: y - 1.0):
        np.testing.assert_allclose(layer(x).numpy(), 2 * (plain - layer.bias.data) + layer.bias.data - 1)
    after.remove()
    after.remove()
    before.remove()
    np.testing.assert_array_equal(layer(x).numpy(), plain)
    assert len(seen) == 2 and list(layer.state_dict()) == ["weight", "bias"]
    with layer.register_forward_pre_hook(lambda module, args: (args[0] * 0.0,)):
        np.testing.assert_array_equal(layer(x).numpy(), layer.bias.data[None])


def test_a_module_may_be_a_hook():
    net, relu = Linear(2, 2, rng=0), ReLU()
    net.register_forward_hook(lambda module, args, y: relu(y))
    assert [name for name, _ in net.named_modules()] == [""]
    assert (net(np.ones((4, 2))).numpy() >= 0).all()


def test_weights_survive_a_file(tmp_path):
    net, other = Net(seed=0), Net(seed=1)
    path = net.save_weights(tmp_path / "net")
    assert path.name == "net.npz"
    assert other.load_weights(path) == ([], [])
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
    with pytest.raises(ValueError, match="missing: weight"):
        Linear(2, 2).load_weights(path)
    with pytest.raises(LoadError, match="No such file"):
        net.load_weights(tmp_path / "nothing.npz")
    path.write_bytes(path.read_bytes()[:-100])
    before = net.state_dict()
    with pytest.raises(LoadError):
        net.load_weights(path)
    assert all((net.state_dict()[name] == array).all() for name, array in before.items())


def test_frozen_parameters_do_not_learn():
    net = Net()
    assert net.freeze() is net and not any(p.requires_grad for p in net.parameters())
    assert not net(np.ones((1, 3))).requires_grad
    assert net.unfreeze() is net and all(p.requires_grad for p in net.parameters())
    np.sum(net(np.ones((1, 3)))).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_lazy_module_is_made_by_its_first_input():
    net = Sequential(Linear(None, 2, rng=0), ReLU(), Linear(None, 3, bias=False, rng=1))
    for ask in (net.state_dict, lambda: list(net.parameters()), lambda: net.load_state_dict({})):
        with pytest.raises(ValueError, match=r"0 \(Linear\) has no parameters yet.*call the module once"):
            ask()
    assert "in_features=None" in repr(net)
    assert net(np.ones((4, 5))).shape == (4, 3)
    assert {name: a.shape for name, a in net.state_dict().items()} == {
        "0.weight": (2, 5), "0.bias": (2,), "2.weight": (3, 2),
    }  # fmt: skip
    np.testing.assert_array_equal(net[0].weight.data, Linear(5, 2, rng=0).weight.data)
    assert pickle.loads(pickle.dumps(Linear(None, 2))).lazy


def test_a_lazy_module_is_made_by_a_state_too():
    class Net(Module):
        def __init__(self, lazy):
            self.layers = [Linear(None if lazy else 5, 2, rng=0), LSTM(None if lazy else 3, 2, 2, rng=0)]
            self.cell = GRUCell(None if lazy else 4, 3, rng=0)
            self.images = Conv2d(None if lazy else 6, 4, (3, 2), groups=2, rng=0)
            self.larger = ConvTranspose2d(None if lazy else 6, 4, 3, groups=2, rng=0)
            self.sequences = Conv1d(None if lazy else 2, 4, 3, bias=False, rng=0)

    net, state = Net(True), Net(False).state_dict()
    for name, words in (("images.weight", "images .Conv2d. has no parameters"), ("layers.1.weight_hh_l1", "has shape")):
        with pytest.raises(ValueError, match=words):
            net.load_state_dict(state | {name: state[name][1:]})
        assert all(part.lazy for part in (*net.layers, net.cell, net.images, net.larger, net.sequences))
        assert "in_features=None" in repr(net)
    assert net.load_state_dict(state) == ([], [])
    assert not any(part.lazy for part in net.modules())
    assert repr(net) == repr(Net(False))
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    other = Linear(None, 2)
    assert other.load_state_dict(Linear(7, 2).state_dict()) == ([], []) and other.in_features == 7


@pytest.mark.parametrize(
    "build, refused, right",
    [
        (lambda rng: Linear(None, 2, rng=rng), [np.zeros((3, 0)), np.zeros(()), np.ones((2, 3), int)], np.ones((3, 4))),
        (lambda rng: LSTM(None, 2, rng=rng), [np.zeros(5), np.zeros(()), np.zeros((2, 3, 0))], np.ones((3, 1, 4))),
        (lambda rng: GRUCell(None, 2, rng=rng), [np.zeros((1, 1, 5)), np.ones((1, 3), np.float32)], np.ones((3, 4))),
        (
            lambda rng: Conv2d(None, 2, 3, rng=rng),
            [np.ones((1, 3, 2, 2)), np.ones((1, 0, 5, 5)), np.ones((1, 3, 5, 5), int), np.ones(3)],
            np.ones((1, 4, 5, 5)),
        ),
    ],
)
def test_an_input_that_is_refused_decides_about_nothing(build, refused, right):
    layer = build(np.random.default_rng(0))
    before = repr(layer)
    for x in refused:
        with pytest.raises((ValueError, TypeError)):
            layer(x)
        assert layer.lazy and repr(layer) == before
    np.testing.assert_array_equal(
        Sequential(layer)(right)[0].data if isinstance(layer, LSTM) else layer(right).data,
        build(0)(right)[0].data if isinstance(layer, LSTM) else build(0)(right).data,
    )


def test_hooks_of_a_first_call_are_called_once():
    layer, seen = Linear(None, 2), []
    layer.register_forward_pre_hook(lambda module, args: seen.append("before"))
    layer.register_forward_hook(lambda module, args, y: seen.append("after"))
    layer(np.ones((1, 3)))
    assert seen == ["before", "after"]


def test_hooks_may_be_put_in_front():
    layer, seen = ReLU(), []
    for register in (layer.register_forward_pre_hook, layer.register_forward_hook):
        register(lambda *_: seen.append("second"))
        handle = register(lambda *_: seen.append("first"), prepend=True)
        register(lambda *_: seen.append("third"))
        layer(np.ones(2))
        assert seen[:3] == ["first", "second", "third"]
        seen.clear()
        handle.remove()
        layer(np.ones(2))
        assert "first" not in seen
        seen.clear()
        layer.__dict__.pop("_hooks")


def test_without_recording_a_hook_gives_arrays_too():
    layer = ReLU()
    layer.register_forward_hook(lambda module, args, y: Tensor(y + 1))
    with no_grad():
        assert type(layer(np.ones(2))) is np.ndarray
        assert isinstance(layer(Tensor(np.ones(2))), Tensor)
    assert isinstance(layer(np.ones(2)), Tensor)


def test_buffers_are_copies():
    weight = np.ones(3)
    loss = BCELoss(weight)
    loss.load_state_dict({"weight": np.full(3, 5.0)})
    assert weight.tolist() == [1, 1, 1] and loss.weight.tolist() == [5, 5, 5]


def test_a_read_only_array_is_found_before_anything_is_written():
    net = Module()
    net.p = Parameter(np.zeros(2))
    net.register_buffer("b", np.broadcast_to(0.0, (3,)))
    assert net.load_state_dict({"p": np.ones(2), "b": np.ones(3)}) == ([], [])
    net.b = np.broadcast_to(0.0, (3,))
    with pytest.raises(ValueError, match="b is read-only in the module"):
        net.load_state_dict({"p": np.full(2, 7.0), "b": np.ones(3)})
    assert net.p.tolist() == [1, 1]


def test_buffers_may_be_missing_replaced_and_deleted():
    net = Module()
    net.register_buffer("later", None)
    net.register_buffer("n", np.array(0), persistent=False)
    net.register_buffer("m", np.array(1.0))
    assert net.later is None and list(net.state_dict()) == ["m"]
    net.later, net.m = np.ones(2), net.m + 1  # NumPy makes a number of an array without axes
    assert sorted(net.state_dict()) == ["later", "m"]
    net.load_state_dict({"later": np.zeros(2), "m": np.array(7.0)})
    assert net.m == 7 and net.later.tolist() == [0, 0]
    del net.m
    assert list(net.state_dict()) == ["later"] and [name for name, _ in net.named_buffers()] == ["later", "n"]
    assert len(list(net.buffers())) == 2
    net.register_buffer("later", Tensor(np.ones(3)))
    assert net.get_buffer("later").tolist() == [1, 1, 1]
    for name in ("forward", "training", "a.b", "", "_hooks", 3):
        with pytest.raises(ValueError, match="cannot be the name of a module|is in use"):
            net.register_buffer(name, np.ones(2))
    assert net.training is True and callable(net.forward)


def test_a_parameter_gives_its_place_to_parameters_only():
    layer = Linear(2, 2, rng=0)
    for value in (np.zeros((2, 2)), 3.0, ReLU()):
        with pytest.raises(TypeError, match=rf"weight is a Parameter, and {type(value).__name__} cannot"):
            layer.weight = value
    layer.weight, layer.bias = Parameter(np.ones((2, 2))), None
    assert list(layer.state_dict()) == ["weight"] and layer(np.ones((1, 2))).tolist() == [[2, 2]]
    layer.bias = np.zeros(2)  # nobody's place
    factor = Tensor(2.0, requires_grad=True)
    layer.weight = factor * np.ones((2, 2))  # computed from something else, which gets the gradient
    np.sum(layer(np.ones((1, 2)))).backward()
    assert factor.grad == 4 and not layer.state_dict()


def test_two_arrays_of_one_name_are_refused():
    net = Module()
    net.steps = {1: Parameter(np.ones(1)), "1": Parameter(np.ones(1))}
    assert len(list(net.parameters())) == 2
    for ask in (net.state_dict, lambda: net.load_state_dict({})):
        with pytest.raises(ValueError, match=r"two arrays of this Module have the name 'steps\.1'"):
            ask()
    net.steps = {1: "what is no array", "1": Parameter(np.ones(1))}
    assert list(net.state_dict()) == ["steps.1"]


def test_a_state_may_be_of_tensors_and_of_the_module_itself():
    net, other = Net(0), Net(1)
    assert other.load_state_dict(dict(net.named_parameters()), strict=False).unexpected_keys == []
    np.testing.assert_array_equal(other.first.weight.data, net.first.weight.data)
    pair = Module()
    pair.a, pair.b = Parameter(np.zeros(2)), Parameter(np.ones(2))
    pair.load_state_dict({"a": pair.b, "b": pair.a})
    assert pair.a.tolist() == [1, 1] and pair.b.tolist() == [0, 0]


def test_what_strict_does_not_help_against_does_not_mention_it():
    layer = Linear(2, 2)
    with pytest.raises(ValueError) as error:
        layer.load_state_dict({"weight": np.ones(3), "bias": np.ones(2)})
    assert "strict" not in str(error.value)
    with pytest.raises(ValueError, match="missing: weight\n.*pass strict=False"):
        layer.load_state_dict({"bias": np.ones(2)})


def test_members_are_given_and_found_by_name():
    net = Module()
    net.add_module("inner", Linear(2, 2, rng=0))
    net.register_parameter("scale", Parameter(np.ones(2)))
    net.register_parameter("nothing", None)
    net.add_module("nobody", None)
    net.blocks = [ReLU(), {"last": net.inner}]
    assert [name for name, _ in net.named_parameters()] == ["scale", "inner.weight", "inner.bias"]
    assert net.get_submodule("") is net and net.get_submodule("blocks.0") is net.blocks[0]
    assert net.get_submodule("blocks.1.last") is net.inner
    assert net.get_parameter("blocks.1.last.weight") is net.inner.weight
    net.add_module("inner", Linear(2, 3, rng=0))
    assert net.inner.weight.shape == (3, 2)
    for ask, words in (
        (lambda: net.get_submodule("other"), "no module 'other'; it has '', 'inner'"),
        (lambda: net.get_parameter("inner"), "no parameter 'inner'; it has 'scale', 'inner.weight'"),
        (lambda: net.get_buffer("x"), "no buffer 'x'; it has none at all"),
    ):
        with pytest.raises(AttributeError, match=words):
            ask()
    with pytest.raises(ValueError, match="'scale' is in use: in this Module it is a Parameter"):
        net.add_module("scale", ReLU())
    with pytest.raises(ValueError, match="'forward' is in use"):
        net.register_parameter("forward", Parameter(np.ones(1)))
    with pytest.raises(TypeError, match="must be a Parameter or None, not ndarray"):
        net.register_parameter("p", np.ones(1))
    with pytest.raises(TypeError, match=r"Module holds modules, and got .*write ReLU\(\)"):
        net.add_module("relu", ReLU)


def test_duplicates_are_listed_on_demand():
    tied = Tied()
    assert [name for name, _ in tied.named_modules(remove_duplicate=False)] == ["", "a", "b"]
    assert [name for name, _ in tied.named_parameters(remove_duplicate=False)] == [
        "weight", "a.weight", "a.bias", "b.weight", "b.bias",
    ]  # fmt: skip
    tied.a.register_buffer("n", np.ones(1))
    assert [name for name, _ in tied.named_buffers()] == ["a.n"]
    assert [name for name, _ in tied.named_buffers("net", remove_duplicate=False)] == ["net.a.n", "net.b.n"]
    assert list(tied.buffers(recurse=False)) == []


def test_gradients_may_become_zeros():
    layer = Linear(2, 2, rng=0)
    np.sum(layer(np.ones((1, 2)))).backward()
    layer.bias.grad = None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0], [0, 0]] and layer.bias.grad is None


def test_apply_takes_siblings_in_order():
    seen = []
    net = Sequential(ReLU(), Sequential(ReLU(), ReLU()), ReLU())
    net.apply(lambda module: seen.append(next(name for name, other in net.named_modules() if other is module)))
    assert seen == ["0", "1.0", "1.1", "1", "2", ""]
