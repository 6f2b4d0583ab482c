"""Best-first growth: with a limited number of leaves, the split that gains most comes first.

Every split makes one leaf more. Of all nodes that could be split, the next one is that whose split takes away most of
the impurity of the whole, until there are as many leaves as allowed.

What a node's split is does not depend on when it is made. So a tree may grow level by level all the same, and be cut
back to what best-first growth would have made of it. As long as only the upper levels are known, the nodes beneath them
count as no gain; what best-first growth reaches then is all that it could reach, since more gain further down would
only use up leaves.
"""

from __future__ import annotations

import heapq

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.level import BoolArray


def reached(left: IndexArray, right: IndexArray, gain: FloatArray, roots: int, max_leaf_nodes: int) -> BoolArray:
    """Which nodes are split: (M,), (M,), (M,), _, _ -> (M,).

    Nodes are numbered so that children come after their parents; the first ones are the roots of a tree each. `left`
    and `right` are the children of those nodes that can be split, and `gain` what that takes away; -inf for the others.
    Of equal gains the first node's comes first.
    """
    split = np.zeros(len(gain), np.bool_)
    for root in range(roots):
        queue = [(-float(gain[root]), root)]
        for _ in range(max_leaf_nodes - 1):
            if not queue or queue[0][0] == np.inf:
                break
            _, node = heapq.heappop(queue)
            split[node] = True
            for child in (int(left[node]), int(right[node])):
                heapq.heappush(queue, (-float(gain[child]), child))
    return split
