"""im2col and its kin: what slides over an image, as arrays that can be looked at.

`im2col` writes every neighbourhood that a kernel sees as a column, so that a convolution becomes one product of
matrices; `col2im` adds such columns back to where they came from. `pad` puts zeros around an image and `dilate` puts
them between its entries. With stride s, dilation d, and the column l = t Wo + u of the stop (t, u),

    colsₙ[(c kh + i) kw + j, l] = x̂nc[s t + d i, s u + d j]                                      (1)
    x̂nc[s t + d i, s u + d j] += colsₙ[(c kh + i) kw + j, l]      for all i, j, t, u             (2)
    x̂nc[top + h, left + w] = xnc[h, w],   other entries 0                                        (3)
    znc[d h, d w] = xnc[h, w],            other entries 0                                        (4)

Gradient.  All four only move numbers, so each gradient moves them back. (1) and (2) are each other's gradients; that
of (3) cuts the margin off, and that of (4) takes every d-th entry:

    dxnc[h, w] = dx̂nc[top + h, left + w]                                                         (5)
    dxnc[h, w] = dznc[d h, d w]                                                                  (6)

Symbols
-------
    paper   code     shape                    meaning
    x       x        (N, C, H, W)             images
    x̂       x_hat    with its margin          padded images
    cols    cols     (N, C kh kw, Ho Wo)      neighbourhoods, one a column
    z       z        (N, C, d (H−1)+1, ...)   dilated images
    d·      dy       as ·                     gradient of the loss

Cost: (1) and (2) move N C kh kw Ho Wo numbers, each entry of x up to kh kw times; (3) and (4) move each once.

References
----------
    Chellapilla, Puri & Simard (2006), "High performance convolutional neural networks for document processing": (1).
Differs from it: the order of the rows, which is that of a kernel (C, kh, kw) laid flat, as in PyTorch's `unfold`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import primitive
from pellucid.tensor import data_of
from pellucid_nn.kernel_positions import Positions, margins, pair, positions


@primitive
def im2col(x: Any, *, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """Every neighbourhood that a kernel sees, as a column, with the gradient.

    Parameters
    ----------
    x : array, shape (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding, dilation
        As for `conv2d`.

    Returns
    -------
    array, shape (N, C kh kw, Ho Wo) or (C kh kw, Ho Wo)

    Raises
    ------
    ValueError
        If `x` has other axes, or the kernel is larger than the padded image.
    """
    _check_images(x)
    at = positions(x.shape[-2:], kernel_size, stride, padding, dilation)
    how = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    return _neighbourhoods(data_of(x), at), (lambda dy: col2im(dy, output_size=at.size, **how),)  # (2)


@primitive
def col2im(
    cols: Any, *, output_size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Any:
    """Add columns back to where `im2col` took them from, with the gradient.

    Parameters
    ----------
    cols : array, shape (N, C kh kw, Ho Wo) or (C kh kw, Ho Wo)
    output_size : pair
        H and W of the images.
    kernel_size, stride, padding, dilation
        As for `conv2d`.

    Returns
    -------
    array, shape (N, C, H, W) or (C, H, W)
        Entries that several neighbourhoods share hold the sum.

    Raises
    ------
    ValueError
        If the columns are not those of such a kernel over such an image.
    """
    at = positions(pair(output_size, "output_size"), kernel_size, stride, padding, dilation)
    kh, kw = at.kernel
    if cols.ndim not in (2, 3) or cols.shape[-2] % (kh * kw) or cols.shape[-1] != at.n_stops:
        raise ValueError(
            f"the columns must have C x {kh} x {kw} rows and there must be {at.out[0]} x {at.out[1]} of them, for "
            f"images of {at.size[0]} x {at.size[1]}: their shape is {cols.shape}"
        )
    how = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    return _images(data_of(cols), at), (lambda dy: im2col(dy, **how),)  #                         (1)


def _neighbourhoods(x: Any, at: Positions) -> Any:
    """Images to columns, axes in front as they are."""
    front, C = x.shape[:-3], x.shape[-3]
    x_hat = np.pad(x, [(0, 0)] * (x.ndim - 2) + list(at.padding))
    cols = np.empty((*front, C, *at.kernel, *at.out), x.dtype)
    for i, j in at.each():
        cols[..., i, j, :, :] = x_hat[at.met_by(i, j)]  #                                         (1)
    return cols.reshape(*front, C * at.kernel[0] * at.kernel[1], at.n_stops)


def _images(cols: Any, at: Positions) -> Any:
    """Columns to images, axes in front as they are."""
    front, C = cols.shape[:-2], cols.shape[-2] // (at.kernel[0] * at.kernel[1])
    cols = cols.reshape(*front, C, *at.kernel, *at.out)
    x_hat = np.zeros((*front, C, *at.padded), cols.dtype)
    for i, j in at.each():
        x_hat[at.met_by(i, j)] += cols[..., i, j, :, :]  #                                        (2)
    return x_hat[at.inside]


@primitive
def pad(x: Any, *, padding: Any) -> Any:
    """Zeros around the last two axes, with the gradient.

    Parameters
    ----------
    x : array, shape (..., H, W)
    padding : int, pair or 4-tuple
        How many: on all sides; (rows, columns); (top, bottom, left, right).

    Returns
    -------
    array, shape (..., top+H+bottom, left+W+right)

    Raises
    ------
    ValueError
        If `x` has fewer than two axes, or `padding` is something else.
    """
    if x.ndim < 2 or isinstance(padding, str):
        raise ValueError(f"pad needs an array (..., H, W) and numbers: x has shape {x.shape}, padding is {padding!r}")
    (top, bottom), (left, right) = margins(padding, (1, 1), (1, 1), (1, 1))
    H, W = x.shape[-2:]
    x_hat = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(top, bottom), (left, right)])  #                (3)
    return x_hat, (lambda dy: dy[..., top : top + H, left : left + W],)  #                        (5)


@primitive
def dilate(x: Any, *, dilation: Any) -> Any:
    """Zeros between the entries of the last two axes, with the gradient.

    Parameters
    ----------
    x : array, shape (..., H, W)
    dilation : int or pair
        The distance of entries that were neighbours: both axes, or (rows, columns). 1 changes nothing.

    Returns
    -------
    array, shape (..., d (H−1) + 1, d (W−1) + 1)
        Without entries there is nothing to put zeros between: 0 stays 0.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes, or `dilation` is something else.
    """
    if x.ndim < 2:
        raise ValueError(f"dilate needs an array (..., H, W): x has shape {x.shape}")
    dh, dw = pair(dilation, "dilation")
    H, W = (max(0, d * (n - 1) + 1) for d, n in zip((dh, dw), x.shape[-2:]))
    z = np.zeros((*x.shape[:-2], H, W), x.dtype)
    z[..., ::dh, ::dw] = data_of(x)  #                                                            (4)
    return z, (lambda dy: dy[..., ::dh, ::dw],)  #                                                (6)


def _check_images(x: Any) -> None:
    if x.ndim not in (3, 4):
        raise ValueError(f"images must be (N, C, H, W) or (C, H, W), not {x.shape}")
