"""Embedding: a table of vectors, one for each word, and the sum, mean or maximum of those of a bag of words.

What a network is told as a whole number (a word, a user, a place) becomes a vector that it learns. Number i stands for
row i of a table, and m runs over all numbers of the input:

    y_m = W[i_m]                                                                                 (1)

Gradient.  Row k is used wherever i_m = k, and collects what comes back from there; (1) and (2) are each the gradient of
the other:

    dW[k] = Σ dy_m over all m with i_m = k                                                       (2)

The row of the padding number, which fills up short sequences, learns nothing.

Bags.  For a text as a whole, the vectors of its n_b words are added up with weights s, averaged, or compared:

    sum     y_b  = Σ s_m W[i_m] over the m in bag b                                              (3)
    mean    y_b  = Σ W[i_m] / n_b                                                                (4)
    max     y_bj = max W[i_m, j]                                                                 (5)

Padding counts in none of them, and a bag without words gives zeros. The gradients of (3) and (4) follow from (2), as
these are the sums of (2) with the bags in the place of the numbers. In (5) all goes to the first of the largest, μ_bj:

    d(W[i_m, j]) = dy_bj [m = μ_bj]                                                              (6)

Symbols
-------
    paper   code       shape       meaning
    i       index      (M,)        numbers 0 … K−1; `embedding` takes any shape
    W       W, weight  (K, D)      table
    y       y          (M, D)      vectors, or (B, D) for bags
    b       bag        (M,)        which bag each number is in, rising
    s       s          (M,)        weights, 1 if none are given
    n_b     count      (B,)        numbers in each bag, padding left out
    μ       first      (B, D)      where the largest entry stands
    d·      dy         as ·        gradient of the loss

Cost: O(M D) time and memory forward; O(M D + M log M + K D) backward, as the gradient is a dense table and equal
numbers are brought together by sorting.

References
----------
    Bengio, Ducharme, Vincent & Jauvin (2003), "A neural probabilistic language model", sec. 2: the table (1).
    Joulin, Grave, Bojanowski & Mikolov (2017), "Bag of tricks for efficient text classification": bags, with (4).
Differs from them: nothing in (1)-(4); names, padding and (5) are PyTorch's. With scale_grad_by_freq a row's gradient is
divided by how often its number is in the batch, for bags too, where PyTorch 2 takes the counts of other numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import Tensor, primitive
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.module import Module, Parameter

MODES = ("sum", "mean", "max")


@primitive
def embedding(W: Any, index: Any, *, padding_idx: int | None = None, scale_grad_by_freq: bool = False) -> Any:
    """The rows of W that `index` names; with the gradient of W.

    Parameters
    ----------
    W : array, shape (K, D)
        Table.
    index : array of int, any shape (...)
        Numbers of rows; negative ones count from the end.
    padding_idx : int, optional
        A number whose row gets no gradient; it counts from the front.
    scale_grad_by_freq : bool
        Whether the gradient of a row is divided by how often its number is in `index`.

    Returns
    -------
    array, shape (..., D)

    Raises
    ------
    IndexError
        If a number names no row, or is not whole.
    """
    y = W[index]  # (M, D)                                                                        (1)

    def dW(dy: Any) -> Any:
        if padding_idx is not None:
            dy = np.where((index == padding_idx)[..., None], 0, dy)
        return sum_rows(dy, index, n=len(W), by_freq=scale_grad_by_freq)  # (K, D)                (2)

    return y, (dW, None)


@primitive
def sum_rows(values: Any, index: Any, *, n: int, by_freq: bool = False) -> Any:
    """Add up the vectors that have the same number: row k of the n rows is the sum of those with index k.

    With `by_freq` a row is divided by how many these are. What is scaled is no derivative any more; as in PyTorch it is
    scaled once, and the gradient of this function itself is left as it is.
    """
    D = np.shape(values)[-1]
    flat, vectors = index.ravel(), data_of(values).reshape(-1, D)  # (M,), (M, D)
    flat = np.where(flat < 0, flat + n, flat)  # a negative number and the one that it stands for are the same row
    order = np.argsort(flat, kind="stable")  # brings equal numbers together
    ordered = flat[order]
    starts = run_starts(ordered)
    y = np.zeros((n, D), values.dtype)
    if len(starts):
        y[ordered[starts]] = np.add.reduceat(vectors[order], starts)  # (n, D)            (2)
        if by_freq:
            y[ordered[starts]] /= np.diff(starts, append=len(flat))[:, None].astype(values.dtype)
    return y, (lambda dy: embedding(dy, index), None)  # (M, D)                                   (1)


@primitive
def largest_rows(rows: Any, bag: Any, *, n: int) -> Any:
    """The largest entries of every bag, column by column, with the gradient: (M, D), (M,) -> (n, D)."""
    values, places = data_of(rows), np.arange(len(bag))[:, None]  # (M, D), (M, 1)
    y = np.zeros((n, values.shape[1]), values.dtype)
    first = np.zeros(y.shape, int)
    if starts := run_starts(bag).tolist():
        full = bag[starts]  # the bags that have numbers in them
        y[full] = np.maximum.reduceat(values, starts)  # (B, D)                           (5)
        largest = (values == y[bag]) | np.isnan(values)
        first[full] = np.minimum.reduceat(np.where(largest, places, len(bag)), starts)

    def drows(dy: Any) -> Any:
        return np.where(places == first[bag], embedding(dy, bag), 0)  # (M, D)                    (6)

    return y, (drows, None)


def run_starts(ordered: NDArray[Any]) -> NDArray[Any]:
    """Where runs of equal numbers begin: (M,) -> (R,)."""
    changes = np.ones(len(ordered), bool)
    changes[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(changes)


def embedding_bag(
    W: Any,
    index: NDArray[Any],
    bag: NDArray[Any],
    s: Any = None,
    *,
    n: int,
    mode: str = "mean",
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Any:
    """Sum, mean or maximum of rows of W over each of n bags: (K, D), (M,), (M,), (M,) -> (n, D).

    Parameters
    ----------
    W : array, shape (K, D)
        Table.
    index : array of int, shape (M,)
        Numbers of rows.
    bag : array of int, shape (M,)
        In which bag each is, rising.
    s : array, shape (M,), optional
        Weights, for ``mode="sum"``.
    n : int
        How many bags there are.
    mode : {"sum", "mean", "max"}
        Equation (3), (4) or (5).
    padding_idx : int, optional
        A number that counts in no bag; it counts from the front.
    scale_grad_by_freq : bool
        As for `embedding`.
    """
    kept = index != (-1 if padding_idx is None else padding_idx)
    if not kept.all():
        index, bag, s = index[kept], bag[kept], None if s is None else s[kept]
    rows = embedding(W, index, scale_grad_by_freq=scale_grad_by_freq)  # (M, D)
    if mode == "max":
        return largest_rows(rows, bag, n=n)
    y = sum_rows(rows if s is None else s[:, None] * rows, bag, n=n)  # (n, D)                    (3)
    if mode == "mean":
        count = np.bincount(bag, minlength=n)
        y = y / np.maximum(count, 1).astype(W.dtype)[:, None]  # (n, D)                           (4)
    return y


class Embedding(Module):
    """A table of vectors.

    Parameters
    ----------
    num_embeddings : int
        K, the size of the vocabulary.
    embedding_dim : int
        D.
    padding_idx : int, optional
        The number that stands for nothing: its vector begins with 0 and learns nothing. A negative one counts from the
        end.
    max_norm, norm_type
        As in PyTorch, but only None is accepted: `forward` does not change parameters here.
    scale_grad_by_freq : bool
        Whether the gradient of a row is divided by how often its number is in the batch.
    sparse : bool
        As in PyTorch, but only False is accepted: gradients are dense.
    rng : Generator, int or None
        Draws the table from N(0, 1).
    dtype : dtype
        Of the table.

    Attributes
    ----------
    weight : Parameter, shape (K, D)

    Raises
    ------
    ValueError
        If a size is not 1 or more, `padding_idx` names no row, or an option is given that is not supported.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.weight, self.padding_idx = _table(num_embeddings, embedding_dim, padding_idx, max_norm, sparse, rng, dtype)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.scale_grad_by_freq = scale_grad_by_freq

    def forward(self, index: Any) -> Any:
        """The vectors of whole numbers of any shape (...): the result is (..., D).

        Raises
        ------
        TypeError
            If `index` does not hold whole numbers.
        ValueError
            If one of them is not in 0 … K−1.
        """
        index = _checked(index, self.num_embeddings)
        options: Any = {"padding_idx": self.padding_idx, "scale_grad_by_freq": self.scale_grad_by_freq}
        return embedding(self.weight, index, **options)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        scaled = ", scale_grad_by_freq=True" * self.scale_grad_by_freq
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}{scaled}"


class EmbeddingBag(Module):
    """Sum, mean or maximum of the vectors of bags of words.

    Parameters
    ----------
    num_embeddings : int
        K, the size of the vocabulary.
    embedding_dim : int
        D.
    max_norm, norm_type, sparse
        As in `Embedding`.
    scale_grad_by_freq : bool
        As in `Embedding`; not with ``mode="max"``.
    mode : {"sum", "mean", "max"}
        How the vectors of a bag become one.
    include_last_offset : bool
        Whether `offsets` ends with the length of the input.
    padding_idx : int, optional
        A number that counts in no bag.
    rng : Generator, int or None
        Draws the table from N(0, 1).
    dtype : dtype
        Of the table.

    Attributes
    ----------
    weight : Parameter, shape (K, D)

    Raises
    ------
    ValueError
        As in `Embedding`, or if `mode` is another word, or "max" comes with `scale_grad_by_freq`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        *,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, MODES))}; got {mode!r}")
        if mode == "max" and scale_grad_by_freq:
            raise ValueError("scale_grad_by_freq goes with mode 'sum' or 'mean', not with 'max'")
        self.weight, self.padding_idx = _table(num_embeddings, embedding_dim, padding_idx, max_norm, sparse, rng, dtype)
        self.num_embeddings, self.embedding_dim, self.mode = num_embeddings, embedding_dim, mode
        self.scale_grad_by_freq, self.include_last_offset = scale_grad_by_freq, include_last_offset

    def forward(self, index: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        """One vector per bag.

        Parameters
        ----------
        index : array of int, shape (B, n) or (M,)
            Bags of n numbers each, or all numbers one bag after the other.
        offsets : array of int, shape (B,), optional
            For (M,): where each bag begins. The first begins at 0; equal neighbours make an empty bag.
        per_sample_weights : Tensor or array, shape of `index`, optional
            s, for ``mode="sum"``.

        Returns
        -------
        Tensor, shape (B, D)

        Raises
        ------
        TypeError
            If `index` or `offsets` do not hold whole numbers, or the weights have another dtype than the table.
        ValueError
            If a number is not in 0 … K−1, offsets or weights do not fit, or weights come with another mode than sum.
        """
        index = _checked(index, self.num_embeddings)
        if index.ndim == 2 and offsets is None:
            n = len(index)
            bag = np.repeat(np.arange(n), index.shape[1])
        elif index.ndim == 1 and offsets is not None:
            ends = self._ends(_whole(offsets, "offsets"), len(index))
            n = len(ends) - 1
            bag = np.repeat(np.arange(n), np.diff(ends))
        else:
            raise ValueError(
                f"index must be (B, n) without offsets, or (M,) with them: it has shape {index.shape}, and offsets "
                f"{'are not given' if offsets is None else 'are given'}"
            )
        s = per_sample_weights
        if s is not None:
            s = s if isinstance(s, Tensor) else np.asarray(s)
            if self.mode != "sum":
                raise ValueError(f"per_sample_weights go with mode 'sum'; the mode is {self.mode!r}")
            if s.shape != index.shape:
                raise ValueError(f"per_sample_weights must have the shape of index, {index.shape}; got {s.shape}")
            if s.dtype != self.weight.dtype:
                raise TypeError(f"per_sample_weights are {s.dtype} and the table is {self.weight.dtype}: convert them")
            s = s.reshape(-1)
        options: Any = {"padding_idx": self.padding_idx, "scale_grad_by_freq": self.scale_grad_by_freq}
        return embedding_bag(self.weight, index.ravel(), bag, s, n=n, mode=self.mode, **options)

    def _ends(self, offsets: NDArray[Any], M: int) -> NDArray[Any]:
        """Where bags begin, and M."""
        ends = offsets if self.include_last_offset else np.append(offsets, M)
        if offsets.ndim != 1 or not len(ends) or (np.diff(ends) < 0).any() or ends[-1] != M or ends[0]:
            raise ValueError(
                f"offsets must rise from 0 and not beyond the {M} numbers of index"
                f"{', which is the last of them' * self.include_last_offset}; got {offsets.tolist()}"
            )
        return ends

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        scaled = ", scale_grad_by_freq=True" * self.scale_grad_by_freq
        return f"{self.num_embeddings}, {self.embedding_dim}{scaled}, mode={self.mode!r}{padding}"


def _table(
    K: int, D: int, padding_idx: int | None, max_norm: float | None, sparse: bool, rng: Any, dtype: DTypeLike
) -> tuple[Parameter, int | None]:
    """The table, and the number of its padding row counted from the front."""
    if K < 1 or D < 1:
        raise ValueError(f"a table needs rows and columns; num_embeddings is {K}, embedding_dim is {D}")
    if max_norm is not None:
        raise ValueError("max_norm is not supported, as forward changes no parameter here: clip rows after each step")
    if sparse:
        raise ValueError("sparse gradients are not supported: leave sparse=False")
    if padding_idx is not None and not -K <= padding_idx < K:
        raise ValueError(f"padding_idx must name one of the {K} rows; got {padding_idx}")
    W = check_rng(rng).standard_normal((K, D))
    if padding_idx is not None:
        padding_idx %= K
        W[padding_idx] = 0
    return Parameter(W, dtype=dtype), padding_idx


def _whole(index: Any, name: str) -> NDArray[Any]:
    index = np.asarray(data_of(index))
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"{name} must hold whole numbers, not {index.dtype}: convert with {name}.astype(int)")
    whole: NDArray[Any] = index.astype(np.intp)
    return whole


def _checked(index: Any, K: int) -> NDArray[Any]:
    whole = _whole(index, "index")
    if whole.size and (whole.min() < 0 or whole.max() >= K):
        raise ValueError(
            f"index must be in 0 ... num_embeddings - 1 = {K - 1}; it goes from {whole.min()} to {whole.max()}"
        )
    return whole
