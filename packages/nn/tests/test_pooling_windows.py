"""Windows are counted by hand."""

import numpy as np
import pytest

from pellucid_nn.pooling_windows import check_images, pooling_settings, windows


def along(H, k, s, p, d=1, ceil_mode=False):
    """The entries of the input that each window sees, padding left out."""
    at = windows((H, 1), (k, 1), (s, 1), (p, 0), (d, 1), ceil_mode)
    wide = at.surrounded(np.arange(H)[:, None], -1)
    columns = [wide[at.met_by(i, 0)][:, 0] for i in range(k)]
    return [[n for n in row if n >= 0] for row in np.transpose(columns).tolist()]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ((5, 2, 2, 0), [[0, 1], [2, 3]]),
        ((5, 2, 2, 0, 1, True), [[0, 1], [2, 3], [4]]),
        ((5, 3, 3, 1), [[0, 1], [2, 3, 4]]),
        ((5, 3, 3, 1, 1, True), [[0, 1], [2, 3, 4]]),
        ((4, 2, 2, 1, 1, True), [[0], [1, 2], [3]]),
        ((3, 2, 2, 1, 1, True), [[0], [1, 2]]),
        ((6, 3, 1, 0, 2), [[0, 2, 4], [1, 3, 5]]),
        ((6, 2, 3, 1, 2, True), [[1], [2, 4], [5]]),
        ((3, 1, 5, 0), [[0]]),
        ((7, 2, 4, 0), [[0, 1], [4, 5]]),
    ],
)
def test_windows_along_an_axis(settings, expected):
    assert along(*settings) == expected


def test_both_axes_have_their_own_settings():
    at = windows((4, 9), (2, 3), (1, 2), (1, 0), (1, 2))
    assert at.out == (5, 3) and at.room == (6, 9)
    x = np.arange(36.0).reshape(4, 9)
    wide = at.surrounded(x, -5)
    np.testing.assert_array_equal(wide[at.inside], x)
    assert (wide[[0, -1]] == -5).all() and wide[at.met_by(1, 2)][2].tolist() == x[2, [4, 6, 8]].tolist()


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match=r"the input is 2 x 5 .* the kernel \(3, 1\)"):
        windows((2, 5), (3, 1), (1, 1), (0, 0))
    for value in (0, -1, 1.5, (1, 2, 3), (1, 0), "2", True):
        for place, name in enumerate(("kernel_size", "stride", "dilation")):
            settings = [1, 1, 0, 1]
            settings[place + (place > 1)] = value
            with pytest.raises(ValueError, match=f"{name} must be a whole number of 1 or more"):
                pooling_settings(*settings)
    with pytest.raises(ValueError, match="kernel_size must be"):
        pooling_settings(0, None, 9, 0)
    with pytest.raises(ValueError, match="padding must be a whole number of 0 or more"):
        pooling_settings(3, 1, -1)
    with pytest.raises(ValueError, match=r"at most half of the kernel.* is \(1, 2\), the kernel \(2, 3\)"):
        pooling_settings((2, 3), 1, (1, 2))
    assert pooling_settings([2, np.int64(3)], None, 1) == ((2, 3), (2, 3), (1, 1), (1, 1))
    assert pooling_settings((2,), (3, 4), 0, 5) == ((2, 2), (3, 4), (0, 0), (5, 5))
    with pytest.raises(ValueError, match=r"x has shape \(2, 2\)"):
        check_images(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="it is int64"):
        check_images(np.zeros((1, 2, 2), np.int64))
    check_images(np.zeros((1, 2, 2), np.uint8), "fiu")
    with pytest.raises(TypeError, match="x must be numbers; it is complex128"):
        check_images(np.zeros((1, 2, 2), complex), "fiu")
