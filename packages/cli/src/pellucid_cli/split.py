"""Holding rows out: a test set that every class is in with its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Rows = np.ndarray[Any, np.dtype[np.int64]]


def split_rows(n: int, test_size: float, *, rng: np.random.Generator, classes: Rows | None = None) -> tuple[Rows, Rows]:
    """Choose the rows to learn from and the rows to hold out.

    Every class gives its share to the test set, rounded so that the sum is right, and keeps at least one row to learn
    from. Both answers are in ascending order.

    Parameters
    ----------
    n : int
        Number of rows, at least 2.
    test_size : float
        Share of the rows to hold out, 0 <= test_size < 1. Above 0 at least one row is held out, if any can be spared.
    rng : numpy.random.Generator
        Decides which.
    classes : ndarray of shape (n,), optional
        The class of each row. Without it all rows are of one class.

    Returns
    -------
    train, test : ndarray of int
        Row numbers from 0.
    """
    import numpy as np

    groups = np.zeros(n, dtype=np.int64) if classes is None else np.unique(classes, return_inverse=True)[1]
    sizes = np.bincount(groups)  # (K,)
    wanted = 0 if test_size == 0 else min(max(round(test_size * n), 1), int((sizes - 1).sum()))
    share = wanted * sizes / n
    take = np.minimum(np.floor(share).astype(np.int64), sizes - 1)
    order = np.lexsort((rng.random(len(sizes)), -(share - take)))  # largest remainder first, ties by lot
    while take.sum() < wanted:
        for k in order:
            if take.sum() < wanted and take[k] < sizes[k] - 1:
                take[k] += 1
    shuffled = rng.permutation(n)
    held_out = [shuffled[groups[shuffled] == k][: take[k]] for k in range(len(sizes))]
    test = np.sort(np.concatenate(held_out)).astype(np.int64)
    return np.setdiff1d(np.arange(n), test), test
