"""Attention beside PyTorch: multi-head attention, and the attention inside it for short and long sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor
from pellucid_nn.dot_product_attention import scaled_dot_product_attention
from pellucid_nn.multi_head_attention import MultiheadAttention
from stopwatch import compare, peer

rng = np.random.default_rng(0)
Runs = dict[str, Callable[[], Any] | None]


def multi_head(N: int, T: int, E: int, H: int, need_weights: bool = False) -> Runs:
    """Self-attention of (N, T, E), forward and backward, with the gradients of input and parameters."""
    x, dy = rng.standard_normal((2, N, T, E)).astype(np.float32)
    ours = MultiheadAttention(E, H, batch_first=True, rng=0, dtype=np.float32)
    ours_x = Tensor(x, requires_grad=True)

    def our_pass() -> None:
        ours.zero_grad()
        ours_x.grad = None
        ours(ours_x, ours_x, ours_x, need_weights=need_weights)[0].backward(dy)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": our_pass, "torch": None}
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True)
    their_x, their_dy = torch.tensor(x, requires_grad=True), torch.tensor(dy)

    def their_pass() -> None:
        theirs.zero_grad()
        their_x.grad = None
        theirs(their_x, their_x, their_x, need_weights=need_weights)[0].backward(their_dy)

    return {"pellucid": our_pass, "torch": their_pass}


def one_attention(N: int, H: int, T: int, E: int, is_causal: bool) -> Runs:
    """Attention without projections, the heads lying in memory as they come out of a projection."""
    *arrays, dy = rng.standard_normal((4, N, T, H, E)).astype(np.float32).transpose(0, 1, 3, 2, 4)
    ours = [Tensor(x, requires_grad=True) for x in arrays]

    def our_pass() -> None:
        for x in ours:
            x.grad = None
        q, k, v = ours
        scaled_dot_product_attention(q, k, v, is_causal=is_causal).backward(dy)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": our_pass, "torch": None}
    theirs, their_dy = [torch.tensor(x, requires_grad=True) for x in arrays], torch.tensor(dy)

    def their_pass() -> None:
        for x in theirs:
            x.grad = None
        torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=is_causal).backward(their_dy)

    return {"pellucid": our_pass, "torch": their_pass}


def main() -> None:
    """Print all tables."""
    what = "float32, forward and backward"
    for need_weights in (False, True):
        name = f"multi-head attention N8 T128 d256 h8{', with weights' if need_weights else ''}, {what}"
        print(compare(name, multi_head(8, 128, 256, 8, need_weights), baseline="torch", seconds=5))
    for N, H, T, E, is_causal in ((8, 8, 128, 32, False), (1, 4, 2048, 64, False), (1, 4, 2048, 64, True)):
        name = f"attention N{N} h{H} T{T} d{E}{', causal' if is_causal else ''}, {what}"
        print(compare(name, one_attention(N, H, T, E, is_causal), baseline="torch", seconds=5))


if __name__ == "__main__":
    main()
