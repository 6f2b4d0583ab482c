import numpy as np
import pytest

from pellucid_nn import Linear, Module, ReLU, Sequential


class Twice(Module):
    """One layer that is used twice, beside one that is not used, in two parts of a result."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.layer = Linear(3, 3, rng=rng)
        self.idle = Linear(3, 2, rng=rng)

    def forward(self, x):
        y = self.layer(self.layer(x))
        return y, (y[0], None)


def test_the_table():
    rng = np.random.default_rng(0)
    net = Sequential(Linear(4, 8, rng=rng), ReLU(), Sequential(Linear(8, 1000, bias=False, rng=rng)))
    net[0].freeze()
    assert str(net.summary((5, 4))) == (
        "layer            output shape  parameters  multiply-adds\n"
        "--------------------------------------------------------\n"
        "Sequential       (5,1000)\n"
        "  0: Linear      (5,8)                 40            160\n"
        "  1: ReLU        (5,8)\n"
        "  2: Sequential  (5,1000)\n"
        "    0: Linear    (5,1000)           8,000         40,000\n"
        "--------------------------------------------------------\n"
        "8,040 parameters, 40 of them frozen; 40,160 multiply-adds"
    )
    assert repr(net.summary((5, 4))) == str(net.summary(np.zeros((5, 4))))


def test_shared_layers_count_once_but_work_twice():
    table = Twice().summary((2, 3))
    assert [(row.name, row.output) for row in table.rows] == [
        ("", "((2,3), ((3,), None))"), ("layer", "(2,3)"), ("idle", "not called"),
    ]  # fmt: skip
    assert (table.n_parameters, table.multiply_adds, table.n_frozen) == (20, 36, 0)


def test_a_network_is_left_as_it_was():
    net = Twice()
    net.layer.eval()
    net.summary((2, 3))
    assert net.training and not net.layer.training and net.idle.training
    assert all(p.grad is None for p in net.parameters())
    seen = []
    with net.register_forward_hook(lambda *_: seen.append(1)), pytest.raises(ValueError, match="in_features = 3"):
        net.summary((2, 4))
    assert not seen and not net.layer.__dict__["_hooks"].after and net.training


def test_zeros_have_the_dtype_of_the_parameters_and_lazy_layers_are_made():
    assert Sequential(ReLU()).summary((2,)).rows[0].output == "(2,)"
    assert Linear(3, 2).float().summary((4, 3)).multiply_adds == 24
    net = Sequential(Linear(None, 2), ReLU())
    assert net.summary((4, 5)).n_parameters == 12
    assert net[0].in_features == 5
