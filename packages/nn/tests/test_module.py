import copy
import pickle

import numpy as np
import pytest

from pellucid import LoadError, Tensor, no_grad
from pellucid_nn import Linear, Module, Parameter, ReLU, Sequential


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
