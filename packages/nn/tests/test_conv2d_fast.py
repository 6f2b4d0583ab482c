"""The sums of the clear form, and finite blocks, strides and margins of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_nn import conv2d_fast
from pellucid_nn.conv2d import correlate, input_gradient, weight_gradient
from pellucid_nn.kernel_positions import positions


@st.composite
def cases(draw):
    """Positions of a kernel, channels and images; the image is as small as the kernel lets it be, and larger."""
    pairs = [draw(st.tuples(st.integers(1, n), st.integers(1, n))) for n in (4, 4, 3)]
    kernel, stride, dilation = pairs
    padding = draw(st.tuples(*[st.integers(0, 5)] * 4))
    least = [max(1, d * (k - 1) + 1 - sum(p)) for d, k, p in zip(dilation, kernel, (padding[:2], padding[2:]))]
    size = [n + draw(st.integers(0, 6)) for n in least]
    at = positions(size, kernel, stride, padding, dilation, draw(st.integers(1, 3)))
    return at, at.groups * draw(st.integers(1, 3)), at.groups * draw(st.integers(1, 3)), draw(st.integers(0, 5))


@settings(max_examples=60, deadline=None)
@given(case=cases(), low=st.sampled_from([0, 8, 1000]), columns=st.sampled_from([1, 30, 1000]))
def test_eq_1_2_3_4_it_equals_the_clear_form(case, low, columns):
    at, C, F, N = case
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(N, C, *at.size)), rng.normal(size=(F, C // at.groups, *at.kernel))
    dy = rng.normal(size=(N, F, *at.out))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv2d_fast, "LOW", low)
        patch.setattr(conv2d_fast, "COLUMNS", columns)
        np.testing.assert_allclose(conv2d_fast.correlate(x, W, at), correlate(x, W, at), atol=1e-12)
        np.testing.assert_allclose(conv2d_fast.input_gradient(dy, W, at), input_gradient(dy, W, at), atol=1e-12)
        np.testing.assert_allclose(conv2d_fast.weight_gradient(x, dy, at), weight_gradient(x, dy, at), atol=1e-12)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 4)])
@pytest.mark.parametrize("low, columns", [(0, 1), (0, 40), (1000, 1), (1000, 40)])
def test_eq_1_2_3_4_with_several_blocks_of_different_length(stride, low, columns, monkeypatch):
    monkeypatch.setattr(conv2d_fast, "LOW", low)
    monkeypatch.setattr(conv2d_fast, "COLUMNS", columns)
    rng = np.random.default_rng(0)
    at = positions((7, 6), (3, 2), stride, (2, 1, 0, 3), (1, 2), 2)
    x, W, dy = rng.normal(size=(7, 4, 7, 6)), rng.normal(size=(6, 2, 3, 2)), rng.normal(size=(7, 6, *at.out))
    for array in (x, W, dy):
        array.flags.writeable = False
    np.testing.assert_allclose(conv2d_fast.correlate(x, W, at), correlate(x, W, at), atol=1e-12)
    np.testing.assert_allclose(conv2d_fast.input_gradient(dy, W, at), input_gradient(dy, W, at), atol=1e-12)
    np.testing.assert_allclose(conv2d_fast.weight_gradient(x, dy, at), weight_gradient(x, dy, at), atol=1e-12)


def test_eq_4_a_turned_kernel_has_its_last_entry_first():
    W = np.arange(12.0).reshape(2, 1, 2, 3)  # one input, two outputs
    turned = conv2d_fast.turned(W, positions((2, 3), (2, 3)))
    assert turned.tolist() == [[[[5, 4, 3], [2, 1, 0]], [[11, 10, 9], [8, 7, 6]]]]
    at = conv2d_fast.mirrored(positions((8, 9), (2, 3), padding=(0, 1, 7, 2), dilation=3))
    assert at.size == (6, 12) and at.out == (8, 9)
    assert [before for before, _ in at.padding] == [3, -1]


def test_overlap_is_what_of_a_sequence_lies_inside():
    for start in range(-7, 8):
        for step, count, size in np.ndindex(4, 6, 6):
            inside = [(t, start + (step + 1) * t) for t in range(count) if 0 <= start + (step + 1) * t < size]
            which, themselves = conv2d_fast.overlap(start, step + 1, count, size)
            found = list(zip(range(count)[which], range(size)[themselves], strict=True))
            assert found == inside, (start, step + 1, count, size)
