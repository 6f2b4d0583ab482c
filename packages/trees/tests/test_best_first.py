"""Best-first growth against a list that is searched for the largest gain again and again."""

import numpy as np
import pytest

from pellucid_trees.best_first import reached


def by_definition(left, right, gain, root, max_leaf_nodes):
    leaves, split = [root], set()
    while len(leaves) < max_leaf_nodes:
        best = max(leaves, key=lambda node: (gain[node], -node))
        if gain[best] == -np.inf:
            break
        leaves.remove(best)
        leaves += [left[best], right[best]]
        split.add(int(best))
    return split


def random_nodes(rng):
    """Two trees, level by level, whose nodes may be split or not."""
    parents, left, right, gain = [0, 1], [-1] * 2, [-1] * 2, [-np.inf] * 2
    while parents:
        children = []
        for node in parents:
            if rng.random() < 0.7 and len(left) < 60:
                left[node], right[node], gain[node] = len(left), len(left) + 1, float(rng.integers(0, 6))
                children += [len(left), len(left) + 1]
                left += [-1] * 2
                right += [-1] * 2
                gain += [-np.inf] * 2
        parents = children
    return np.array(left), np.array(right), np.array(gain)


@pytest.mark.parametrize("seed", range(40))
def test_the_largest_gain_first(seed):
    rng = np.random.default_rng(seed)
    left, right, gain = random_nodes(rng)
    for most in (2, 3, 5, 100):
        expected = by_definition(left, right, gain, 0, most) | by_definition(left, right, gain, 1, most)
        assert set(np.flatnonzero(reached(left, right, gain, 2, most)).tolist()) == expected


@pytest.mark.parametrize("seed", range(40))
def test_what_is_unknown_can_only_take_splits_away(seed):
    """As long as nodes below some level count as no gain, all that will be reached above it is reached."""
    rng = np.random.default_rng(seed)
    left, right, gain = random_nodes(rng)
    known = int(rng.integers(2, len(gain) + 1))
    gain_so_far = np.where(np.arange(len(gain)) < known, gain, -np.inf)
    for most in (2, 3, 5, 8):
        whole, so_far = reached(left, right, gain, 2, most), reached(left, right, gain_so_far, 2, most)
        assert not np.any(whole[:known] & ~so_far[:known])
