"""Mini-batches: the rows of a data set in portions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import check_rng


def minibatches(
    n_rows: int, batch_size: int, *, rng: np.random.Generator | int | None = None
) -> Iterator[NDArray[np.int64]]:
    """Go once through `n_rows` rows: yield the row numbers of one batch after the other.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    batch_size : int
        Rows per batch; the last batch has what is left.
    rng : Generator, int or None
        Puts the rows in random order; a number is a seed. Without it they keep theirs.

    Raises
    ------
    ValueError
        If `batch_size` is below 1.

    Examples
    --------
    >>> [rows.tolist() for rows in minibatches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    if batch_size < 1:
        raise ValueError(f"a batch needs at least one row; batch_size is {batch_size}")
    order = np.arange(n_rows) if rng is None else check_rng(rng).permutation(n_rows)
    return (order[start : start + batch_size] for start in range(0, n_rows, batch_size))
