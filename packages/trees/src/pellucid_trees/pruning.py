"""Minimal cost-complexity pruning: close the branches of a tree that cost more leaves than they are worth.

A large tree follows the noise. Let every leaf have a price α, and the cost of a tree be what its leaves leave
unexplained plus their price:

    R(t) = w(t) i(t) / w(root)                                                 (1)
    cost = Σ R(t) + α · number of leaves,   the sum over the leaves t

with the impurity i(t) of node t and the weight w(t) of its points. For each α there is a smallest tree that costs least
and has the same root. As α grows it only ever loses branches: a node t that is closed, and so has become a leaf, stays
one. Before that its branch has L leaves, whose R sum to B. The leaf t costs R(t) + α, the branch B + α L; they are
equal at

    α(t) = (R(t) − B) / (L − 1)                                                (2)

Search.  B and L depend on which nodes below t are closed by then, and those have an α of their own. Go through the
nodes from the leaves to the root. If everything below t were closed before t, its branch would be its two children:

    B = R(left) + R(right),   L = 2                                            (3)

That gives an α(t) by (2). If of the nodes s below, which close one after the other as α grows, the last one closes only
at α(s) ≥ α(t), then it is still open when t is closed. It is opened again,

    B ← B − (R(s) − B(s)),   L ← L + L(s) − 1                                  (4)

with the B(s) and L(s) that its α was computed from, (2) is computed anew, and so on to the next last one. What was
opened will be closed with t and not on its own. The nodes that are left at the end close at their α, one by one, and
each adds R(s) − B(s) to what the tree leaves unexplained:

    impurity after k closings = Σ R(t) over the leaves of the whole tree + Σⱼ₌₁ᵏ (R(sⱼ) − B(sⱼ))       (5)

Symbols
-------
    paper          code      shape    meaning
    α(t)           alpha     (M,)     price of a leaf at which a node is closed
    R(t)           R         (M,)     what a node leaves unexplained, as a share of the tree's weight
    B, L           B, L      scalar   of a branch just before it is closed: sum of R over its leaves, their number
    R(s) − B(s)    lost      (M,)     what closing a node adds to the unexplained
    L(s) − 1       saved     (M,)     leaves that closing it saves
    s              last      scalar   of the nodes below t, the last that is closed

Cost: O(M log² M) time for M nodes, whatever their depth; O(M) memory.

References
----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees", ch. 3: (1), (2) and why a closed
    node stays closed.
Differs from it: the search. There the node with the smallest (2), the weakest link, is closed and (2) is computed anew
for all nodes above it, over and over; here each node is opened at most once.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.tree import Tree


class Closings(NamedTuple):
    alpha: FloatArray  # (M,), infinite at leaves
    lost: FloatArray  # (M,)
    one_by_one: IndexArray  # the nodes that close on their own and not with a node above them, in that order


def unexplained(tree: Tree) -> FloatArray:
    """R of every node: _ -> (M,)."""
    R: FloatArray = tree.weight / tree.weight[0] * tree.impurity  #             (1)
    return R


def closings(tree: Tree) -> Closings:
    """Find the price at which each node closes, from the leaves to the root."""
    M = len(tree.left)
    R, left, right = unexplained(tree).tolist(), tree.left.tolist(), tree.right.tolist()
    alpha, lost, saved = [np.inf] * M, [0.0] * M, [0] * M
    heaps: dict[int, list[tuple[float, int]]] = {}  # of a node: what closes below it on its own, on top what is last
    for t in range(M - 1, -1, -1):
        if left[t] < 0:
            continue
        below = merged(heaps.pop(left[t], []), heaps.pop(right[t], []))
        B, L = R[left[t]] + R[right[t]], 2  #                                   (3)
        while True:
            alpha[t] = (R[t] - B) / (L - 1)  #                                  (2)
            if not below or -below[0][0] < alpha[t]:
                break
            _, last = heapq.heappop(below)
            B, L = B - lost[last], L + saved[last]  #                           (4)
        lost[t], saved[t] = R[t] - B, L - 1
        heapq.heappush(below, (-alpha[t], t))
        heaps[t] = below
    one_by_one = sorted((-price, t) for price, t in heaps.get(0, []))
    return Closings(np.array(alpha), np.array(lost), np.array([t for _, t in one_by_one], dtype=np.int64))


def merged(one: list[tuple[float, int]], other: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Two heaps in one: the smaller goes into the larger."""
    small, large = sorted((one, other), key=len)
    for item in small:
        heapq.heappush(large, item)
    return large


def pruning_path(tree: Tree) -> tuple[FloatArray, FloatArray]:
    """The prices at which something closes, and what the tree leaves unexplained from there on: _ -> (P,), (P,).

    Returns
    -------
    ccp_alphas : array of shape (P,)
        0 for the whole tree, then one α for each node that closes, rising.
    impurities : array of shape (P,)
        The sum of R over the leaves that are left.
    """
    found = closings(tree)
    whole = unexplained(tree)[tree.left < 0].sum()
    impurities = whole + np.append(0.0, np.cumsum(found.lost[found.one_by_one]))  #       (5)
    return np.append(0.0, np.maximum(found.alpha[found.one_by_one], 0)), impurities  # not below 0 by rounding


def prune(tree: Tree, ccp_alpha: float) -> Tree:
    """The smallest tree that costs least when a leaf costs `ccp_alpha`; at 0 the tree as it is.

    Its nodes are in pre-order again.

    Raises
    ------
    ValueError
        When `ccp_alpha` is negative or not a number.
    """
    if not ccp_alpha >= 0:
        raise ValueError(f"ccp_alpha must be 0 or more, got {ccp_alpha!r}. `pruning_path` lists the values to try.")
    if ccp_alpha == 0:
        return tree
    stays_inner = closings(tree).alpha > ccp_alpha
    stays_inner &= tree.left >= 0
    return without_branches(tree, stays_inner)


def without_branches(tree: Tree, inner: NDArray[np.bool_]) -> Tree:
    """The tree in which only nodes with a True have children: _, (M,) -> _."""
    kept = np.zeros(len(inner), bool)
    here = np.zeros(1, np.int64)
    while len(here):
        kept[here] = True
        here = here[inner[here]]
        here = np.concatenate([tree.left[here], tree.right[here]])
    number = np.cumsum(kept) - 1  # in the order of before, which is pre-order
    inner, tree = inner[kept], Tree._make(array[kept] for array in tree)
    return tree._replace(
        feature=np.where(inner, tree.feature, -1),
        threshold=np.where(inner, tree.threshold, np.nan),
        left=np.where(inner, number[tree.left], -1),
        right=np.where(inner, number[tree.right], -1),
        missing_left=inner & tree.missing_left,
    )
