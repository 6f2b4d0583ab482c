import numpy as np
import pytest

from pellucid import gradcheck
from pellucid_nn import Linear, Module, ReLU, Sequential, Tanh


class Plus(Module):
    def __init__(self, step):
        self.step = step

    def forward(self, x):
        return x + self.step


class Times(Module):
    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def net(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))


def test_eq_1_modules_run_in_order():
    assert Sequential(Plus(1), Times(10))(2) == 30
    assert Sequential(Times(10), Plus(1))(2) == 21
    assert Sequential()(2) == 2


def test_eq_1_gradient_is_the_chain_rule():
    x = np.random.default_rng(1).normal(size=(5, 3))
    model = net()
    gradcheck(model, x)

    def of_parameters(*arrays):
        first, last = arrays[:2], arrays[2:]
        return np.tanh(x @ first[0].T + first[1]) @ last[0].T + last[1]

    gradcheck(of_parameters, *[p.data for p in model.parameters()])
    np.testing.assert_allclose(model(x).data, of_parameters(*[p.data for p in model.parameters()]), rtol=1e-14)


def test_names_are_numbers_or_keys():
    assert [name for name, _ in net().named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    rng = np.random.default_rng(0)
    named = Sequential({"hidden": Linear(3, 4, rng=rng), "bend": ReLU()})
    assert list(named.state_dict()) == ["hidden.weight", "hidden.bias"]
    assert named.hidden is named[0]
    assert repr(named) == (
        "Sequential(\n  (hidden): Linear(in_features=3, out_features=4, bias=True)\n  (bend): ReLU()\n)"
    )


def test_it_is_a_sequence_of_modules():
    model = net()
    assert len(model) == 3 and list(model)[1] is model[1] and model[-1] is model[2]
    part = model[1:]
    assert isinstance(part, Sequential) and part[1] is model[2] and len(part) == 2
    assert model.append(ReLU()) is model and isinstance(model[3], ReLU)
    with pytest.raises(IndexError):
        model[7]


def test_bad_modules_are_named():
    with pytest.raises(TypeError, match=r"Sequential holds modules, and got .*; write ReLU\(\) for an instance"):
        Sequential(ReLU)
    with pytest.raises(TypeError, match="got 3"):
        Sequential(ReLU(), 3)
    for name in ("forward", "training", "a.b"):
        with pytest.raises(ValueError, match=f"'{name}' cannot be the name of a module"):
            Sequential({name: ReLU()})


def test_a_slice_keeps_the_names():
    model = net()
    assert list(model[1:].state_dict()) == ["2.weight", "2.bias"]
    named = Sequential({"hidden": Linear(3, 4), "bend": ReLU()})
    assert list(named[:1].state_dict()) == ["hidden.weight", "hidden.bias"] and len(named[:0]) == 0
    assert [name for name, _ in model[1:].append(ReLU()).named_children()] == ["1", "2", "3"]


def test_it_grows_and_shrinks():
    a, b, c, d = Plus(1), Times(2), Plus(3), Times(4)
    model = Sequential(a, c)
    assert model.insert(1, b) is model and list(model) == [a, b, c]
    assert [name for name, _ in model.named_children()] == ["0", "1", "2"]
    assert list(model.extend(model)) == [a, b, c, a, b, c]
    del model[3:]
    del model[0]
    assert [name for name, _ in model.named_children()] == ["0", "1"] and model(1) == 5
    model[-1] = d
    assert list(model) == [b, d] and model(1) == 8
    assert model.pop() is d and model.pop(0) is b and len(model) == 0
    model.add_module("step", a)
    assert model.step is a and list(model.insert(-1, b)) == [b, a]
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    for change in (lambda: model.pop(2), lambda: model.__setitem__(2, a), lambda: model.__delitem__(2)):
        with pytest.raises(IndexError):
            change()
    for change in (lambda: model.insert(0, 3), lambda: model.__setitem__(0, 3), lambda: model.extend([3])):
        with pytest.raises(TypeError, match="Sequential holds modules, and got 3"):
            change()
    assert list(model) == [b, a]


def test_names_that_would_be_lost_are_refused():
    for name in ("_hooks", "_buffers", "", 0, "append"):
        with pytest.raises(ValueError, match=f"{name!r} cannot be the name of a module"):
            Sequential({name: ReLU()})
