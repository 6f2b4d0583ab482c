"""Medians of both sides of every cut, against impurity.median of each side alone."""

import numpy as np
import pytest

from pellucid_trees.impurity import median
from pellucid_trees.split_medians import split_medians


@pytest.mark.parametrize("kind", ["none", "whole", "any"])
@pytest.mark.parametrize("seed", range(12))
def test_both_sides_of_every_cut(seed, kind):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 20, int(rng.integers(1, 6)))
    start, m = size.cumsum() - size, int(size.sum())
    y = rng.integers(-3, 4, m) / 2.0 if seed % 2 else rng.normal(size=m)
    w = {"none": None, "whole": rng.integers(1, 4, m) * 1.0, "any": rng.integers(1, 2**20, m) / 2**20}[kind]
    up_to, after = split_medians(y, w, start, size)
    each = np.ones(m) if w is None else w
    for s, n in zip(start, size):
        for i in range(s, s + n):
            assert up_to[i] == median(y[s : i + 1, None], each[s : i + 1])
            if i + 1 < s + n:
                assert after[i] == median(y[i + 1 : s + n, None], each[i + 1 : s + n])
