"""Convolutions beside PyTorch, forward and backward in float32.

The rows "products alone" are what NumPy's BLAS needs for the multiplications: three matrix products, with everything
that a kernel meets already in columns, results written into arrays that are there. No way that goes through BLAS can be
faster; where that is slower than PyTorch, so are we.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid_nn.conv1d import conv1d
from pellucid_nn.conv2d import conv2d
from pellucid_nn.conv_transpose2d import conv_transpose2d
from stopwatch import compare, peer

rng = np.random.default_rng(0)


def contestants(name: str, x_shape: tuple[int, ...], W_shape: tuple[int, ...], **options: Any) -> dict[str, Any]:
    """Forward and backward, with gradients of inputs and weights; `padding="causal"` is padded by hand for PyTorch."""
    x, W = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, W_shape))
    ours = {"conv1d": conv1d, "conv2d": conv2d, "conv_transpose2d": conv_transpose2d}[name]
    a, b = Tensor(x, requires_grad=True), Tensor(W, requires_grad=True)
    dy = rng.standard_normal(ours(x, W, **options).shape).astype(np.float32)
    our_dy = Tensor(dy)

    def our_pass() -> None:
        a.grad = b.grad = None
        ours(a, b, **options).backward(our_dy)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": our_pass, "torch": None}
    functional: Any = torch.nn.functional
    theirs: Callable[..., Any] = getattr(functional, name)
    c, d = (torch.tensor(array, requires_grad=True) for array in (x, W))
    their_dy, front, rest = torch.tensor(dy), 0, dict(options)
    if rest.get("padding") == "causal":
        front, rest["padding"] = rest["dilation"] * (W_shape[-1] - 1), 0

    def their_pass() -> None:
        c.grad = d.grad = None
        theirs(functional.pad(c, (front, 0)) if front else c, d, **rest).backward(their_dy)

    return {"pellucid": our_pass, "torch": their_pass}


def functional_shape(name: str, x: tuple[int, ...], W: tuple[int, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """Of the result."""
    ours = {"conv1d": conv1d, "conv2d": conv2d}[name]
    shape: tuple[int, ...] = ours(np.zeros(x, np.float32), np.zeros(W, np.float32), **options).shape
    return shape


def products_alone(x: tuple[int, ...], W: tuple[int, ...], groups: int, n_stops: int) -> Callable[[], None]:
    """The products of forward, dx and dW, of columns (C k, N n_stops), in each group."""
    rows, inner, columns = W[0] // groups, int(np.prod(W[1:])), x[0] * n_stops
    a, b, y = (
        rng.standard_normal((groups, *shape)).astype(np.float32)
        for shape in ((rows, inner), (inner, columns), (rows, columns))
    )
    dx, dW = np.empty_like(b), np.empty_like(a)

    def run() -> None:
        np.matmul(a, b, out=y)
        np.matmul(a.mT, y, out=dx)
        np.matmul(y, b.mT, out=dW)

    return run


def main() -> None:
    """Print all tables."""
    for words, name, x, W, options in (
        ("conv2d, 32 x 16 x 32 x 32, 32 kernels 3 x 3", "conv2d", (32, 16, 32, 32), (32, 16, 3, 3), {"padding": 1}),
        (
            "dilated causal conv1d, 16 x 64 x 1024, 64 kernels of 3, dilation 8",
            "conv1d",
            (16, 64, 1024),
            (64, 64, 3),
            {"padding": "causal", "dilation": 8},
        ),
        (
            "transposed conv2d, 16 x 32 x 16 x 16 to 16 x 16 x 32 x 32, 4 x 4, stride 2",
            "conv_transpose2d",
            (16, 32, 16, 16),
            (32, 16, 4, 4),
            {"stride": 2, "padding": 1},
        ),
        ("first layer of LeNet, 64 x 1 x 28 x 28", "conv2d", (64, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
        ("second layer of LeNet, 64 x 6 x 14 x 14", "conv2d", (64, 6, 14, 14), (16, 6, 5, 5), {}),
        (
            "conv2d, stride 2, 16 x 64 x 32 x 32, 128 kernels 3 x 3",
            "conv2d",
            (16, 64, 32, 32),
            (128, 64, 3, 3),
            {"stride": 2, "padding": 1},
        ),
        (
            "depthwise conv2d, 16 x 64 x 32 x 32, 3 x 3",
            "conv2d",
            (16, 64, 32, 32),
            (64, 1, 3, 3),
            {"padding": 1, "groups": 64},
        ),
    ):
        task = f"{words}, forward and backward, float32"
        racers = contestants(name, x, W, **options)
        if name != "conv_transpose2d":
            out = functional_shape(name, x, W, options)
            racers["products alone"] = products_alone(x, W, x[1] // W[1], int(np.prod(out[2:])))
        print(compare(task, racers, baseline="torch"))


if __name__ == "__main__":
    main()
