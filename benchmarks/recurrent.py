"""Recurrent layers beside PyTorch: forward and backward over a batch of sequences.

The row "products alone" is what NumPy's BLAS needs for the multiplications of an LSTM: one product for all inputs and
one a step forward; one a step and three for all of them backward. No way that goes through BLAS can be faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid_nn.gru import GRU
from pellucid_nn.lstm import LSTM
from pellucid_nn.rnn import RNN
from stopwatch import compare, peer

SIZES = 100, 32, 64, 128  # steps, sequences, inputs, hidden units
LAYERS = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}

rng = np.random.default_rng(0)


def forward_and_backward(name: str, sizes: tuple[int, int, int, int], **options: Any) -> dict[str, Any]:
    """Gradients of the input and of all parameters, from a random gradient of all results."""
    T, N, I, H = sizes
    x = rng.standard_normal((T, N, I)).astype(np.float32)
    layer = LAYERS[name](I, H, rng=0, dtype=np.float32, **options)
    dy = rng.standard_normal(layer(x)[0].shape).astype(np.float32)
    x_ours = Tensor(x, requires_grad=True)

    def ours() -> None:
        x_ours.grad = None
        layer.zero_grad()
        layer(x_ours)[0].backward(dy)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": ours, "torch": None}
    twin = getattr(torch.nn, name)(I, H, **options)
    twin.load_state_dict(layer.to_torch_state())
    x_theirs, dy_theirs = torch.tensor(x, requires_grad=True), torch.tensor(dy)

    def theirs() -> None:
        x_theirs.grad = None
        twin.zero_grad()
        twin(x_theirs)[0].backward(dy_theirs)

    ours()
    theirs()
    worst = np.abs(x_ours.grad.data - x_theirs.grad.numpy()).max()  # type: ignore[attr-defined]
    if not worst < 1e-4:
        raise ValueError(f"the gradients of {name} differ by {worst}: compare like with like")
    return {"pellucid": ours, "torch": theirs}


def products_alone(sizes: tuple[int, int, int, int]) -> Callable[[], None]:
    """The matrix products of an LSTM, forward and backward, into arrays that are there."""
    T, N, I, H = sizes
    x, h, da, Wx, Wh = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((T * N, I), (T, N, H), (T, N, 4 * H), (4 * H, I), (4 * H, H))
    )
    a, dh, dx, dWx, dWh = np.empty_like(da), np.empty_like(h), np.empty_like(x), np.empty_like(Wx), np.empty_like(Wh)

    def run() -> None:
        np.matmul(x, Wx.T, out=a.reshape(T * N, 4 * H))
        for t in range(T):
            np.matmul(h[t], Wh.T, out=a[t])
        for t in range(T):
            np.matmul(da[t], Wh, out=dh[t])
        flat = da.reshape(T * N, 4 * H)
        np.matmul(flat, Wx, out=dx)
        np.matmul(flat.T, x, out=dWx)
        np.matmul(flat.T, h.reshape(T * N, H), out=dWh)

    return run


def forward(name: str, sizes: tuple[int, int, int, int]) -> dict[str, Callable[[], Any] | None]:
    """Without gradients."""
    from pellucid import no_grad

    T, N, I, H = sizes
    x = rng.standard_normal((T, N, I)).astype(np.float32)
    layer = LAYERS[name](I, H, rng=0, dtype=np.float32)

    def ours() -> None:
        with no_grad():
            layer(x)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": ours, "torch": None}
    twin, x_theirs = getattr(torch.nn, name)(I, H), torch.tensor(x)

    def theirs() -> None:
        with torch.no_grad():
            twin(x_theirs)

    return {"pellucid": ours, "torch": theirs}


def main() -> None:
    """Print all tables."""
    T, N, I, H = SIZES
    words = f"T{T} N{N} D{I} H{H}, float32"
    for name in LAYERS:
        contestants = forward_and_backward(name, SIZES)
        if name == "LSTM":
            contestants["products alone"] = products_alone(SIZES)
        print(compare(f"{name} {words}, forward and backward", contestants, baseline="torch", seconds=5))
    contestants = forward_and_backward("LSTM", SIZES, num_layers=2, bidirectional=True)
    print(compare(f"LSTM {words}, two layers, two directions", contestants, baseline="torch", seconds=5))
    print(compare(f"LSTM {words}, forward alone", forward("LSTM", SIZES), baseline="torch", seconds=3))
    one = (T, 1, I, H)
    print(compare("LSTM, the same for one sequence", forward_and_backward("LSTM", one), baseline="torch", seconds=3))


if __name__ == "__main__":
    main()
