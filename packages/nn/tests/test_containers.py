import numpy as np
import pytest

from pellucid_nn import Linear, Module, Parameter, ReLU, Tanh
from pellucid_nn.containers import ModuleDict, ModuleList

rng = np.random.default_rng(0)


class Net(Module):
    def __init__(self):
        self.steps = ModuleList([Linear(3, 3, rng=rng), ReLU()])
        self.heads = ModuleDict({"a": Linear(3, 2, rng=rng), "b": Linear(3, 1, rng=rng)})

    def forward(self, x, head):
        for step in self.steps:
            x = step(x)
        return self.heads[head](x)


def test_members_are_found_under_the_names_of_pytorch():
    net = Net()
    assert list(net.state_dict()) == [
        "steps.0.weight", "steps.0.bias", "heads.a.weight", "heads.a.bias", "heads.b.weight", "heads.b.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules()] == [
        "",
        "steps",
        "steps.0",
        "steps.1",
        "heads",
        "heads.a",
        "heads.b",
    ]
    net(np.ones((2, 3)), "a").sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == ["heads.b.weight", "heads.b.bias"]
    assert not net.eval().heads["b"].training
    assert repr(net.steps) == ("ModuleList(\n  (0): Linear(in_features=3, out_features=3, bias=True)\n  (1): ReLU()\n)")


def test_a_module_list_is_a_list():
    a, b, c = ReLU(), ReLU(), ReLU()
    modules = ModuleList([a]).append(c)
    assert modules.insert(1, b) is modules
    assert len(modules) == 3 and list(modules) == [a, b, c] and modules[-1] is c and b in modules
    part = modules[1:]
    assert isinstance(part, ModuleList) and list(part) == [b, c]
    modules[0] = c
    del modules[1]
    assert list(modules) == [c, c] and b not in modules
    assert list(modules.extend([a, b])) == [c, c, a, b]
    with pytest.raises(NotImplementedError, match="ModuleList must define forward"):
        modules(1)


def test_a_module_dict_is_a_dict():
    a, b = ReLU(), ReLU()
    modules = ModuleDict([("a", a)])
    modules.update({"b": b})
    assert list(modules) == list(modules.keys()) == ["a", "b"] and list(modules.values()) == [a, b]
    assert dict(modules.items()) == {"a": a, "b": b} and "a" in modules and len(modules) == 2
    assert modules.pop("a") is a and "a" not in modules
    del modules["b"]
    modules["c"] = a
    modules.clear()
    assert len(modules) == 0
    for name in ("a.b", "", 3):
        with pytest.raises(ValueError, match="cannot be the name of a module"):
            modules[name] = a


def test_what_is_no_module_is_named():
    with pytest.raises(TypeError, match=r"ModuleList holds modules, and got .*ReLU.*; write ReLU\(\) for an instance"):
        ModuleList([ReLU])
    with pytest.raises(TypeError, match="ModuleDict holds modules, and got 3"):
        ModuleDict({"a": 3})


class Scaled(ModuleList):
    """A list that learns something itself."""

    def __init__(self, modules):
        super().__init__(modules)
        self.scale = Parameter(np.ones(1))
        self.last = ReLU()


def test_what_a_container_owns_itself_is_found():
    assert list(Scaled([Linear(1, 1)]).state_dict()) == ["scale", "0.weight", "0.bias"]
    assert repr(Scaled([Tanh(), Tanh()])) == "Scaled(\n  (last): ReLU()\n  (0-1): 2 x Tanh()\n)"
    heads = ModuleDict({"a": Linear(1, 1)})
    heads.scale = Parameter(np.ones(1))
    assert list(heads.state_dict()) == ["scale", "a.weight", "a.bias"]
    heads["scale"] = Linear(1, 1)  # scale.weight and scale are two names
    heads.a = Linear(1, 1)
    with pytest.raises(ValueError, match=r"the name 'a\.weight'"):
        heads.state_dict()


def test_neighbours_that_look_alike_share_a_line():
    modules = ModuleList([ReLU(), ReLU(), Linear(1, 2), Linear(1, 2), Linear(1, 2), ReLU()])
    assert repr(modules) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n  (2-4): 3 x Linear(in_features=1, out_features=2, bias=True)\n"
        "  (5): ReLU()\n)"
    )
    assert repr(ModuleList([ModuleList([ReLU()])] * 2)) == (
        "ModuleList(\n  (0-1): 2 x ModuleList(\n    (0): ReLU()\n  )\n)"
    )
    assert repr(ModuleList()) == "ModuleList()"


def test_lists_of_modules_grow_and_shrink():
    a, b, c = ReLU(), Tanh(), ReLU()
    modules = same = ModuleList([a])
    modules += [b]
    assert modules is same and list(modules) == [a, b]
    assert list(modules.extend(modules)) == [a, b, a, b]
    assert modules.pop() is b and modules.pop(0) is a and list(modules) == [b, a]
    assert list(modules + [c]) == [b, a, c] and len(modules) == 2
    modules.add_module("2", c)
    assert modules[2] is c
    with pytest.raises(ValueError, match="is called '3', not '7'"):
        modules.add_module("7", c)
    assert len(ModuleList(None)) == len(ModuleDict(None)) == 0


def test_private_names_are_refused():
    for name in ("_hooks", "_buffers"):
        with pytest.raises(ValueError, match=f"'{name}' cannot be the name of a module"):
            ModuleDict({name: ReLU()})
    modules = ModuleDict({"_members": Linear(1, 1)})
    modules.add_module("b", ReLU())
    assert list(modules.state_dict()) == ["_members.weight", "_members.bias"] and "b" in modules
