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
