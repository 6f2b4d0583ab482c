"""Normalization, pooling and embeddings beside PyTorch: forward and backward in single precision, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid_nn.avg_pool2d import AvgPool2d
from pellucid_nn.batch_norm import BatchNorm1d, BatchNorm2d
from pellucid_nn.embedding import Embedding
from pellucid_nn.layer_norm import LayerNorm, layer_norm
from pellucid_nn.max_pool2d import MaxPool2d
from pellucid_nn.module import Module
from stopwatch import compare, peer

rng = np.random.default_rng(0)


def ours(module: Module, x: np.ndarray[Any, Any], dy: np.ndarray[Any, Any]) -> Callable[[], Any]:
    t, dt = Tensor(x, requires_grad=x.dtype.kind == "f"), Tensor(dy)

    def run() -> None:
        t.grad = None
        module.zero_grad()
        module(t).backward(dt)

    return run


def theirs(name: str, arguments: tuple[Any, ...], x: np.ndarray[Any, Any], dy: np.ndarray[Any, Any]) -> Any:
    torch = peer("torch")
    if torch is None:
        return None
    module, u, du = getattr(torch.nn, name)(*arguments), torch.tensor(x), torch.tensor(dy)
    if x.dtype.kind == "f":
        u.requires_grad_()

    def run() -> None:
        u.grad = None
        module.zero_grad()
        module(u).backward(du)

    return run


def clear_layer_norm(x: np.ndarray[Any, Any], dy: np.ndarray[Any, Any]) -> Callable[[], Any]:
    """What a reader sees in layer_norm.py, without blocks."""
    D = x.shape[-1]
    layer, t, dt = LayerNorm(D, dtype=x.dtype), Tensor(x, requires_grad=True), Tensor(dy)

    def run() -> None:
        t.grad = None
        layer.zero_grad()
        layer_norm(t, layer.weight, layer.bias, normalized_shape=(D,)).backward(dt)

    return run


def main() -> None:
    """Print all tables."""
    single: dict[str, Any] = {"dtype": np.float32}
    for module, arguments, shape in (
        (LayerNorm(256, **single), (256,), (32, 128, 256)),
        (BatchNorm2d(64, **single), (64,), (32, 64, 28, 28)),
        (BatchNorm1d(256, **single), (256,), (256, 256)),
        (MaxPool2d(2), (2,), (32, 64, 28, 28)),
        (AvgPool2d(2), (2,), (32, 64, 28, 28)),
    ):
        name = type(module).__name__
        x = rng.standard_normal(shape).astype(np.float32)
        dy = rng.standard_normal(module(x).shape).astype(np.float32)
        contestants = {"pellucid": ours(module, x, dy), "torch": theirs(name, arguments, x, dy)}
        if name == "LayerNorm":
            contestants["pellucid, clear form"] = clear_layer_norm(x, dy)
        print(compare(f"{name}, {shape}, float32, forward and backward", contestants, baseline="torch", seconds=4))

    index, K, D = rng.integers(0, 10_000, (32, 128)), 10_000, 64
    dy = rng.standard_normal((*index.shape, D)).astype(np.float32)
    contestants = {
        "pellucid": ours(Embedding(K, D, **single), index, dy),
        "torch": theirs("Embedding", (K, D), index, dy),
    }
    print(compare(f"Embedding, {index.shape} of {K} x {D}, float32", contestants, baseline="torch"))


if __name__ == "__main__":
    main()
