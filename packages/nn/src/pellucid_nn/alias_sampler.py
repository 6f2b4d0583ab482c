"""Alias method: draw one of K things with given probabilities, in the same short time for every draw.

Give each thing k a box of size 1, and pour qₖ = K pₖ into it. Some boxes are not full, others overflow; the total is
just K. What is missing in a box is filled up from another one, so that every box ends up full and holds two kinds of
things at most: its own up to a height h, and above it those of its alias a. To draw, choose a box and a height in it:

    j ~ U{1 … K},   v ~ U(0, 1):    j if v < hⱼ, else aⱼ                                         (1)

which returns k with the probability that its share of all boxes says,

    pₖ = (hₖ + Σ (1 − hⱼ) over all j with aⱼ = k) / K                                            (2)

Filling.  Line up the boxes that are not full, and those that are at least full, each kind in its order. Let Dᵢ be what
is missing in the first i of the one and Sⱼ what is too much in the first j of the other:

    Dᵢ = Σ (1 − q) over i boxes that are not full                                                (3)
    Sⱼ = Σ (q − 1) over j boxes that are full                                                    (4)

Fill the first kind in turn from the second kind in turn. Box i is not full, and finds the first donor j that has
something left after the boxes before i:

    a = the first j with Sⱼ > Dᵢ₋₁,    h = qᵢ                                                    (5)

That may take more than the donor had too much. Then the donor itself is not full any more, and the next donor fills it,
from the same surplus that the boxes behind it look at:

    a = j + 1,    h = 1 + Sⱼ − Dᵢ    with the first i for which Dᵢ ≥ Sⱼ                          (6)

All of (3)-(6) are cumulative sums and binary searches: no loop over things.

Symbols
-------
    paper   code                shape   meaning
    p       p                   (K,)    probabilities
    q       q                   (K,)    what is poured into each box, K p
    D       missing             (I,)    what is missing in the boxes that are not full
    S       surplus             (J,)    what is too much in the others
    h       own, heights        (K,)    up to where a box holds its own thing
    a       alias, aliases      (K,)    what it holds above
    j, v    box, height         any     what a draw chooses

Cost: O(K log K) time to fill the boxes, O(K) memory; O(1) time for a draw, whatever K is.

References
----------
    Walker (1977), "An efficient method for generating discrete random variables with general distributions": (1), (2).
    Vose (1991), "A linear algorithm for generating random numbers with a given distribution": filling in linear time.
    Hübschle-Schneider & Sanders (2022), "Parallel weighted random sampling": filling in turn, by prefix sums.
Differs from them: binary searches over whole arrays in the place of Vose's loop; rounding ends in the last donor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.validation import check_rng


def alias_table(p: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Heights and aliases of probabilities that sum to 1: (K,) -> (K,), (K,)."""
    q = len(p) * p
    own, alias = np.ones(len(p)), np.arange(len(p))
    full = q >= 1
    poor, rich = np.flatnonzero(~full), np.flatnonzero(full)
    if len(poor) == 0 or len(rich) == 0:  # all alike, up to rounding
        return own, alias
    missing = np.cumsum(1 - q[poor])  # (I,)                                                      (3)
    surplus = np.cumsum(q[rich] - 1)  # (J,)                                                      (4)
    before = np.concatenate([[0.0], missing[:-1]])
    donor = np.searchsorted(surplus, before, side="right")  # (I,)                                (5)
    alias[poor] = rich[np.minimum(donor, len(rich) - 1)]  #                                       (5)
    own[poor] = q[poor]  #                                                                        (5)
    last = np.searchsorted(missing, surplus[:-1])  # (J-1,): the box that exhausts a donor        (6)
    last = np.minimum(last, len(poor) - 1)  # where rounding lets the boxes end before the donors
    alias[rich[:-1]] = rich[1:]  #                                                                (6)
    own[rich[:-1]] = np.minimum(1 + surplus[:-1] - missing[last], 1)  #                           (6)
    return own, alias


class AliasSampler:
    """Draws numbers 0 … K−1 with given probabilities.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Probabilities, or numbers in proportion to them (counts of words): 0 or more, not all 0.

    Attributes
    ----------
    p : array, shape (K,)
        The probabilities.
    heights, aliases : array, shape (K,)
        The boxes.

    Raises
    ------
    ValueError
        If the weights are not one row of finite numbers of 0 or more, or all are 0.
    """

    def __init__(self, weights: ArrayLike) -> None:
        given = np.asarray(weights, dtype=float)
        if given.ndim != 1 or not np.isfinite(given).all() or (given < 0).any() or not given.any():
            raise ValueError(
                f"weights must be one row of finite numbers of 0 or more, and not all 0; got shape {given.shape}"
                + (f", from {given.min()} to {given.max()}" if given.size else "")
            )
        scaled = given / given.max()  # so that the sum cannot overflow
        self.p = scaled / scaled.sum()
        self.heights, self.aliases = alias_table(self.p)

    def sample(self, size: int | tuple[int, ...] | None = None, *, rng: np.random.Generator | int | None = None) -> Any:
        """Draw independent numbers.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result; None for one number.
        rng : Generator, int or None
            Where they are drawn from; a number is a seed.

        Returns
        -------
        array of int, shape `size`
        """
        rng = check_rng(rng)
        shape = () if size is None else size
        box, height = rng.integers(len(self.p), size=shape), rng.random(shape)
        return np.where(height < self.heights[box], box, self.aliases[box])[()]  #                (1)

    def probabilities(self) -> NDArray[Any]:
        """What the boxes say: `p`, up to rounding."""
        shares = self.heights + np.bincount(self.aliases, 1 - self.heights, minlength=len(self.p))
        return shares / len(self.p)  #                                                            (2)

    def __repr__(self) -> str:
        return f"AliasSampler(<{len(self.p)} weights>)"
