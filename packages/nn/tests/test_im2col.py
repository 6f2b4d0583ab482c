"""The definitions are loops; moving numbers there and back is a transposition."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.im2col import col2im, dilate, im2col, pad

OPTIONS = [
    dict(kernel_size=(2, 3), stride=(2, 1), padding=(1, 0, 2, 1), dilation=(1, 2)),
    dict(kernel_size=2),
    dict(kernel_size=(3, 1), padding="same", dilation=2),
    dict(kernel_size=(1, 2), stride=3, padding=(0, 1)),
]


def stops(x, kernel_size, stride=1, padding=0, dilation=1):
    """(row, column, h, w) for every entry of the columns: which entry of x it is, if it is one."""
    (kh, kw), (sh, sw), (dh, dw) = (np.broadcast_to(v, 2).tolist() for v in (kernel_size, stride, dilation))
    C, H, W = x.shape[-3:]
    if padding == "same":
        padding = dh * (kh - 1) // 2, dw * (kw - 1) // 2
    top, bottom, left, right = padding if np.size(padding) == 4 else np.repeat(np.broadcast_to(padding, 2), 2).tolist()
    Ho = len([t for t in range(0, H + top + bottom, sh) if t + dh * (kh - 1) < H + top + bottom])
    Wo = len([u for u in range(0, W + left + right, sw) if u + dw * (kw - 1) < W + left + right])
    for c, i, j, t, u in np.ndindex(C, kh, kw, Ho, Wo):
        h, w = sh * t + dh * i - top, sw * u + dw * j - left
        yield (c * kh + i) * kw + j, t * Wo + u, (c, h, w) if 0 <= h < H and 0 <= w < W else None


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_eq_1_2_columns_are_neighbourhoods(options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 6, 5))
    cols = im2col(x, **options)
    places = list(stops(x, **options))
    assert cols.shape[1:] == (max(r for r, _, _ in places) + 1, max(l for _, l, _ in places) + 1)
    dcols = rng.normal(size=cols.shape)
    back = np.zeros_like(x)
    for n in range(2):
        for row, column, entry in places:
            assert cols[n, row, column] == (0 if entry is None else x[n][entry])
            if entry is not None:
                back[n][entry] += dcols[n, row, column]
    np.testing.assert_allclose(col2im(dcols, output_size=(6, 5), **options), back, atol=1e-14)
    np.testing.assert_array_equal(im2col(x[0], **options), cols[0])
    np.testing.assert_allclose(col2im(dcols[0], output_size=(6, 5), **options), back[0], atol=1e-14)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_eq_1_2_they_are_each_others_gradients(options):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 1, 6, 5))
    cols = im2col(x, **options)
    dcols = rng.normal(size=cols.shape)
    np.testing.assert_allclose((cols * dcols).sum(), (x * col2im(dcols, output_size=(6, 5), **options)).sum())
    gradcheck(lambda x: im2col(x, **options) ** 2, x, order=2)
    gradcheck(lambda cols: col2im(cols, output_size=(6, 5), **options) ** 2, dcols, order=2)


def test_eq_3_5_padding_is_zeros_around_the_image():
    x = np.random.default_rng(2).normal(size=(2, 3, 4))
    for padding, sides in ((1, (1, 1, 1, 1)), ((1, 2), (1, 1, 2, 2)), ((4, 3, 2, 1), (4, 3, 2, 1)), (0, (0,) * 4)):
        top, bottom, left, right = sides
        y = pad(x, padding=padding)
        assert y.shape == (2, top + 3 + bottom, left + 4 + right)
        np.testing.assert_array_equal(y[:, top : top + 3, left : left + 4], x)
        assert (y != 0).sum() == x.size
        gradcheck(lambda x, padding=padding: pad(x, padding=padding) ** 2, x, order=2)


def test_eq_4_6_dilation_is_zeros_between_the_entries():
    x = np.random.default_rng(3).normal(size=(2, 3, 4))
    for dilation, (dh, dw) in ((1, (1, 1)), (3, (3, 3)), ((2, 3), (2, 3))):
        z = dilate(x, dilation=dilation)
        assert z.shape == (2, dh * 2 + 1, dw * 3 + 1)
        for n, h, w in np.ndindex(x.shape):
            assert z[n, dh * h, dw * w] == x[n, h, w]
        assert (z != 0).sum() == x.size
        gradcheck(lambda x, dilation=dilation: dilate(x, dilation=dilation) ** 2, x, order=2)
    assert dilate(np.zeros((0, 1)), dilation=3).shape == (0, 1)


@pytest.mark.parametrize(
    "f",
    [lambda x: im2col(x, kernel_size=2), lambda x: pad(x, padding=1), lambda x: dilate(x, dilation=2)],
    ids=["im2col", "pad", "dilate"],
)
def test_dtype_empty_batches_and_nan(f):
    x = np.ones((2, 1, 3, 3), np.float32)
    x[1, 0, 0, 0] = np.nan
    x.flags.writeable = False
    assert f(x).dtype == np.float32 and f(np.asfortranarray(x)).shape == f(x).shape
    assert np.isnan(f(x)[0]).sum() == 0 and np.isnan(f(x)[1]).sum() == 1
    t = Tensor(x, requires_grad=True)
    np.sum(f(t)).backward()
    assert t.grad.dtype == np.float32
    empty = Tensor(x[:0], requires_grad=True)
    np.sum(f(empty)).backward()
    assert f(empty).shape == (0, *f(x).shape[1:]) and empty.grad.shape == (0, 1, 3, 3)


def test_col2im_of_nothing_and_of_float32():
    cols = np.ones((0, 8, 4), np.float32)
    y = col2im(cols, output_size=3, kernel_size=2)
    assert y.shape == (0, 2, 3, 3) and y.dtype == np.float32


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"must be \(N, C, H, W\) or \(C, H, W\), not \(3, 3\)"):
        im2col(np.ones((3, 3)), kernel_size=2)
    with pytest.raises(ValueError, match="must fit into the padded input: it reaches over 4 x 4"):
        im2col(np.ones((1, 3, 3)), kernel_size=4)
    for shape in ((8, 3), (7, 4), (4,), (1, 1, 8, 4)):
        with pytest.raises(ValueError, match="must have C x 2 x 2 rows and there must be 2 x 2 of them, for images of"):
            col2im(np.ones(shape), output_size=(3, 3), kernel_size=2)
    with pytest.raises(ValueError, match=r"x has shape \(3,\)"):
        pad(np.ones(3), padding=1)
    with pytest.raises(ValueError, match="padding is 'same'"):
        pad(np.ones((3, 3)), padding="same")
    with pytest.raises(ValueError, match=r"dilate needs an array \(..., H, W\): x has shape \(3,\)"):
        dilate(np.ones(3), dilation=1)
    with pytest.raises(ValueError, match="dilation must be a whole number of 1 or more"):
        dilate(np.ones((3, 3)), dilation=0)
