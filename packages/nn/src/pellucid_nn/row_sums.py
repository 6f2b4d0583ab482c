"""Sums over many rows, which round no more than those over few.

`a.sum(axis=0)` adds row after row to one running sum, and each addition rounds what it has by then: in float32, after
a million rows, the sum is off in its fifth digit. Here blocks of rows are summed first, and then the sums of the blocks
in the same way, so that no running sum is longer than two blocks. Few rows are summed as always.
"""

from __future__ import annotations

from typing import Any

ROWS = 256  # of a block


def sum_of_rows(a: Any) -> Any:
    """The sum over the first axis, of an array or a Tensor: (N, D) -> (D,)."""
    n = len(a) // ROWS
    if n < 2:
        return a.sum(axis=0)
    blocks = a[: n * ROWS].reshape(n, ROWS, a.shape[1]).sum(axis=1)  # (n, D)
    return sum_of_rows(blocks) + a[n * ROWS :].sum(axis=0)
