"""Neural networks you can read: layers, losses, optimizers and a trainer in NumPy.

>>> import numpy as np
>>> from pellucid_nn import Linear, ReLU, Sequential
>>> rng = np.random.default_rng(0)
>>> net = Sequential(Linear(4, 8, rng=rng), ReLU(), Linear(8, 3, rng=rng))
>>> net(np.ones((5, 4))).shape
(5, 3)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "Module": "module",
    "Parameter": "module",
    "Linear": "linear",
    "ReLU": "activations",
    "Tanh": "activations",
    "Sigmoid": "activations",
    "Sequential": "sequential",
    "CrossEntropyLoss": "cross_entropy",
    "MSELoss": "squared_error",
    "Optimizer": "optimizer",
    "SGD": "sgd",
    "Adam": "adam",
    "Trainer": "trainer",
    "minibatches": "minibatch",
    "MLPClassifier": "mlp_classifier",
    "MLPRegressor": "mlp_regressor",
}

if TYPE_CHECKING:
    from pellucid_nn.activations import ReLU as ReLU
    from pellucid_nn.activations import Sigmoid as Sigmoid
    from pellucid_nn.activations import Tanh as Tanh
    from pellucid_nn.adam import Adam as Adam
    from pellucid_nn.cross_entropy import CrossEntropyLoss as CrossEntropyLoss
    from pellucid_nn.linear import Linear as Linear
    from pellucid_nn.minibatch import minibatches as minibatches
    from pellucid_nn.mlp_classifier import MLPClassifier as MLPClassifier
    from pellucid_nn.mlp_regressor import MLPRegressor as MLPRegressor
    from pellucid_nn.module import Module as Module
    from pellucid_nn.module import Parameter as Parameter
    from pellucid_nn.optimizer import Optimizer as Optimizer
    from pellucid_nn.sequential import Sequential as Sequential
    from pellucid_nn.sgd import SGD as SGD
    from pellucid_nn.squared_error import MSELoss as MSELoss
    from pellucid_nn.trainer import Trainer as Trainer

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"pellucid_nn.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'pellucid_nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
