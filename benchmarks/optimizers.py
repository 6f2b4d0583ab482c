"""One step of each optimizer beside PyTorch, on the parameters of a small network and of a large one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid_nn.adagrad import Adagrad
from pellucid_nn.adam import Adam
from pellucid_nn.adamw import AdamW
from pellucid_nn.dlib_scheduler import steps_without_decrease_by_sums
from pellucid_nn.module import Parameter
from pellucid_nn.rmsprop import RMSprop
from stopwatch import compare, peer

SIZES = (784, 256, 128, 10)
SHAPES: list[tuple[int, ...]] = [shape for i, o in zip(SIZES, SIZES[1:]) for shape in ((o, i), (o,))]
LARGE: list[tuple[int, ...]] = [(1000, 2000), (1000,)] * 2

rng = np.random.default_rng(0)


def our_update(optimizer: Callable[..., Any], shapes: list[tuple[int, ...]], settings: dict[str, Any]) -> Any:
    parameters = [Parameter(rng.standard_normal(shape), dtype=np.float32) for shape in shapes]
    for parameter in parameters:
        parameter.grad = Tensor(rng.standard_normal(parameter.shape).astype(np.float32))
    return optimizer(parameters, **settings).step


def torch_update(name: str, shapes: list[tuple[int, ...]], settings: dict[str, Any]) -> Any:
    torch = peer("torch")
    if torch is None:
        return None
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape)
    return getattr(torch.optim, name)(parameters, **settings).step


def main() -> None:
    """Print all tables."""
    kinds: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (Adam, {}),
        (AdamW, {}),
        (AdamW, {"amsgrad": True}),
        (RMSprop, {}),
        (RMSprop, {"momentum": 0.9, "centered": True}),
        (Adagrad, {}),
    ]
    for what, shapes in (("235,146 parameters", SHAPES), ("4 million parameters", LARGE)):
        for kind, settings in kinds:
            name = kind.__name__
            contestants = {
                "pellucid": our_update(kind, shapes, settings),
                "torch": torch_update(name, shapes, settings),
            }
            words = "".join(f", {key} {value}" for key, value in settings.items())
            print(compare(f"{name}{words}: one step, {what}, float32", contestants, baseline="torch"))

    losses = rng.standard_normal(4000)
    test = {"pellucid": lambda: steps_without_decrease_by_sums(losses)}
    print(compare("dlib's test on 4000 losses", test, baseline="pellucid"))


if __name__ == "__main__":
    main()
