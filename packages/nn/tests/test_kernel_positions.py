"""Sizes and slices, compared with what is found by moving a kernel by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_nn.kernel_positions import margins, pair, positions, whole_number


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
)
def test_the_kernel_stops_as_often_as_it_fits(size, kernel, stride, dilation, before, after):
    padded = size + before + after
    stops = [t for t in range(0, padded, stride) if t + dilation * (kernel - 1) < padded]
    settings = {"stride": (stride, 1), "padding": (before, after, 0, 0), "dilation": (dilation, 1)}
    if not stops:
        with pytest.raises(ValueError, match=f"reaches over {dilation * (kernel - 1) + 1} x 1 .* has {padded} x 1"):
            positions((size, 1), (kernel, 1), **settings)
        return
    at = positions((size, 1), (kernel, 1), **settings)
    assert at.out == (len(stops), 1)
    assert at.padded == (padded, 1)
    image = np.arange(padded)[:, None]
    assert [i for i, _ in at.each()] == list(range(kernel))
    for i, j in at.each():
        assert image[at.met_by(i, j)][:, 0].tolist() == [t + dilation * i for t in stops]
    assert image[at.inside][:, 0].tolist() == list(range(before, before + size))


def test_margins():
    pads = {0: ((0, 0), (0, 0)), 2: ((2, 2), (2, 2)), (1, 2): ((1, 1), (2, 2)), (1, 2, 3, 4): ((1, 2), (3, 4))}
    for padding, expected in {**pads, "valid": ((0, 0), (0, 0)), "same": ((3, 3), (1, 2))}.items():
        assert margins(padding, (3, 4), (1, 1), (3, 1)) == expected


def test_a_pair_is_one_number_twice_or_two():
    assert pair(3, "n") == pair([3], "n") == pair(np.array([3, 3]), "n") == (3, 3)
    assert pair((1, 2), "n") == (1, 2) and pair(4, "n", length=1) == (4,)
    for bad in (0, (1, 0), (1, 2, 3), 1.0, "a", None, True, [], [1, (2, 3)]):
        with pytest.raises(ValueError, match="n must be a whole number of 1 or more, or a pair of them"):
            pair(bad, "n")
    with pytest.raises(ValueError, match="n must be a whole number of 2 or more: "):
        pair((3, 3), "n", 2, length=1)
    with pytest.raises(ValueError, match=r"a pair of them \(left, right\): -1"):
        pair(-1, "n", axes="(left, right)")


def test_a_whole_number_is_one_number():
    assert whole_number(np.int32(2), "n") == 2 and type(whole_number(np.int32(2), "n")) is int
    for bad in (0, -1, 1.0, (1,), np.array([1]), None, True, "1"):
        with pytest.raises(ValueError, match="n must be a whole number of 1 or more: "):
            whole_number(bad, "n")
