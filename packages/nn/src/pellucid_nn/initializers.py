"""Initial values: how large random weights must be for signals to keep their size from layer to layer.

A sum of n products of independent numbers, with variance 1 on the one side and v on the other, has variance n v.
Forward, n is how many inputs an output sums up; backward, it is how many outputs send a gradient to an input. For
weights (O, I, …), with R kernel positions behind the first two axes:

    fan_in = I R        fan_out = O R                                                            (1)

A transposed convolution keeps its weights as (I, O, …), so that there the two change places. An activation changes the
variance, which a gain g makes up for:

    g = 1: linear, sigmoid    5/3: tanh    √2: ReLU    √(2/(1 + a²)): LeakyReLU    3/4: SELU      (2)

Glorot's compromise serves both directions, Kaiming's serves one, whose fan is n:

    σ² = 2 g² / (fan_in + fan_out)        Glorot, also called Xavier                             (3)
    σ² = g² / n                           Kaiming                                                (4)
    U(−√3 σ, √3 σ) has the variance σ²                                                           (5)

A normal distribution that is cut at a and b is drawn through its inverse distribution function:

    x = μ + σ Φ⁻¹(u),    u ~ U(Φ((a − μ)/σ), Φ((b − μ)/σ))                                       (6)

Above the mean Φ is near 1 and loses digits; there the mirror image is drawn. An orthogonal matrix changes no length at
all. It comes from a normal one, A = Q R, and is uniform among all of them if the signs of R's diagonal go into Q,
column j times that of Rⱼⱼ:

    wⱼ = g sign(Rⱼⱼ) qⱼ                                                                          (7)

Symbols
-------
    paper   code                      shape    meaning
    I, O    shape                     ()       inputs and outputs of a layer
    R       positions                 ()       kernel positions, 1 for a linear layer
    n       fan                       ()       fan_in or fan_out
    g       gain                      ()       what an activation takes away
    σ, μ    std, mean                 ()       standard deviation, mean
    Φ, Φ⁻¹  normal_cdf, normal_quantile        the normal distribution function and its inverse
    A, Q    A, Q                      (M, N)   a normal matrix, an orthogonal one, with columns qⱼ
    R       R                         (N, N)   an upper triangle; in (1) it is a number
    wⱼ      Q                         (M,)     column of the weights

Cost: one pass over the weights; (7) a QR decomposition.

References
----------
    Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks": (3).
    He, Zhang, Ren & Sun (2015), "Delving deep into rectifiers": (4) with the gains of ReLU and LeakyReLU.
    Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks": orthogonal weights.
    Mezzadri (2007), "How to generate random matrices from the classical compact groups": the signs in (7).
Differs from them: names, defaults, the gains of tanh and SELU and the meaning of fans are those of torch.nn.init, which
takes every weight for (O, I, …); for transposed convolutions pass transposed=True.
"""

from __future__ import annotations

from math import isfinite, prod, sqrt
from typing import Any

import numpy as np

from pellucid.tape import written
from pellucid.tensor import Tensor, data_of
from pellucid.validation import check_rng
from pellucid_nn.normal_distribution import normal_cdf, normal_quantile
from pellucid_nn.settings import number

Rng = np.random.Generator | int | None
LEAST_PROBABILITY = 1e-316  # floats below are too few to tell numbers apart
PLAIN = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What weights before an activation are multiplied by, so that the variance survives it.

    Parameters
    ----------
    nonlinearity : str
        "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", or the name of a convolution.
    param : float, optional
        Slope of the left half of "leaky_relu", 0.01 if not given.

    Raises
    ------
    ValueError
        If the name is none of these.
    """
    a = 0.01 if param is None else param
    gains = {"tanh": 5 / 3, "relu": sqrt(2), "leaky_relu": sqrt(2 / (1 + a * a)), "selu": 3 / 4}  #  (2)
    gains |= dict.fromkeys(PLAIN, 1.0)  #                                                         (2)
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity must be one of {', '.join(gains)}; got {nonlinearity!r}")
    return gains[nonlinearity]


def fans(shape: tuple[int, ...], transposed: bool = False) -> tuple[int, int]:
    """fan_in and fan_out of weights.

    Parameters
    ----------
    shape : tuple of int
        (O, I, kernel...); of a transposed convolution (I, O, kernel...).
    transposed : bool
        Which of the two it is.

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(
            f"fans need weights with at least two axes, outputs and inputs; the shape is {shape}: for a bias use zeros_"
        )
    positions = prod(shape[2:])
    fan_in, fan_out = shape[1] * positions, shape[0] * positions  #                               (1)
    return (fan_out, fan_in) if transposed else (fan_in, fan_out)


def fill(tensor: Any, values: Any) -> Any:
    """Write values into a Parameter, Tensor or array, which is returned; no graph records it."""
    array = data_of(tensor)
    if array.dtype.kind != "f":
        raise TypeError(f"initial values go into floating-point arrays; this one is {array.dtype}")
    array[...] = values
    if isinstance(tensor, Tensor):
        written(tensor, "an initializer")
    return tensor


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, *, rng: Rng = None) -> Any:
    """Fill with numbers from U(a, b).

    Parameters
    ----------
    tensor : Parameter, Tensor or array
        What is filled, in place, and returned.
    a, b : float
        Bounds.
    rng : Generator, int or None
        Draws the numbers; so it does in all functions of this file.
    """
    return fill(tensor, check_rng(rng).uniform(a, b, tensor.shape))


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> Any:
    """Fill with normal numbers."""
    return fill(tensor, check_rng(rng).normal(mean, std, tensor.shape))


def constant_(tensor: Any, val: float) -> Any:
    """Fill with one number."""
    return fill(tensor, val)


def zeros_(tensor: Any) -> Any:
    """Fill with zeros."""
    return fill(tensor, 0)


def ones_(tensor: Any) -> Any:
    """Fill with ones."""
    return fill(tensor, 1)


def xavier_uniform_(tensor: Any, gain: float = 1.0, *, rng: Rng = None) -> Any:
    """Fill with uniform numbers of Glorot's variance; errors are those of `fans`."""
    bound = sqrt(3) * xavier_std(tensor.shape, gain)  #                                           (5)
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: Any, gain: float = 1.0, *, rng: Rng = None) -> Any:
    """Fill with normal numbers of Glorot's variance; errors are those of `fans`."""
    return normal_(tensor, 0, xavier_std(tensor.shape, gain), rng=rng)


def xavier_std(shape: tuple[int, ...], gain: float) -> float:
    fan_in, fan_out = fans(shape)  # of transposed weights they change places: the sum is the same
    # mutate: drop, number equivalent because weights without entries take no number
    return gain * sqrt(2 / (fan_in + fan_out)) if fan_in + fan_out else 0.0  #                    (3)


def kaiming_uniform_(
    tensor: Any,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    transposed: bool = False,
    rng: Rng = None,
) -> Any:
    """Fill with uniform numbers of Kaiming's variance.

    Parameters
    ----------
    tensor : Parameter, Tensor or array
        Weights, with at least two axes.
    a : float
        Slope of the left half, for "leaky_relu".
    mode : {"fan_in", "fan_out"}
        Whether the size of the signal or that of the gradient is kept.
    nonlinearity : str
        As in `calculate_gain`.
    transposed : bool
        Whether these are the weights (I, O, ...) of a transposed convolution.
    rng : Generator, int or None
        Draws the numbers.

    Raises
    ------
    ValueError
        If `mode` or `nonlinearity` is none of these, or there are fewer than two axes.
    """
    bound = sqrt(3) * kaiming_std(tensor.shape, a, mode, nonlinearity, transposed)  #             (5)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: Any,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    transposed: bool = False,
    rng: Rng = None,
) -> Any:
    """Fill with normal numbers of Kaiming's variance; arguments and errors are those of `kaiming_uniform_`."""
    return normal_(tensor, 0, kaiming_std(tensor.shape, a, mode, nonlinearity, transposed), rng=rng)


def kaiming_std(shape: tuple[int, ...], a: float, mode: str, nonlinearity: str, transposed: bool) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out"; got {mode!r}')
    fan = fans(shape, transposed)[mode == "fan_out"]
    # mutate: number equivalent because weights without entries take no number
    return calculate_gain(nonlinearity, a) / sqrt(fan) if fan else 0.0  #                         (4)


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, rng: Rng = None
) -> Any:
    """Fill with normal numbers between a and b, which are bounds of the numbers themselves.

    Raises
    ------
    ValueError
        If a is not below b, `std` is not positive, or so little of the distribution lies between a and b (less than
        10⁻³¹⁶, beyond 38 standard deviations) that there are no floats for it.
    """
    for name, value in {"mean": mean, "std": std, "a": a, "b": b}.items():
        number(name, value)
    if not (a < b and std > 0 and isfinite(mean + std)):
        raise ValueError(f"a must be below b, and std positive; got a={a}, b={b}, std={std}, mean={mean}")
    low, high = (a - mean) / std, (b - mean) / std
    side = -1 if low > 0 else 1  # −1 draws the mirror image
    low, high = sorted((side * low, side * high))
    ends = normal_cdf(np.array([low, high]))
    if ends[1] < LEAST_PROBABILITY:
        raise ValueError(
            f"between a={a} and b={b} is next to nothing of a normal distribution with mean={mean} and std={std}: its "
            f"probability is below {LEAST_PROBABILITY}; use bounds within 38 standard deviations of the mean"
        )
    u = check_rng(rng).uniform(ends[0], ends[1], tensor.shape)  #                                 (6)
    x = mean + side * std * normal_quantile(u)  #                                                 (6)
    return fill(tensor, np.clip(x, a, b))


def orthogonal_(tensor: Any, gain: float = 1.0, *, rng: Rng = None) -> Any:
    """Fill with a matrix whose rows (or columns, if there are fewer of them) are orthogonal and of length `gain`.

    Axes behind the first count as one: (M, ...) is taken for (M, N).

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    shape = tensor.shape
    if len(shape) < 2:
        raise ValueError(f"an orthogonal matrix has at least two axes; the shape is {shape}")
    M, N = shape[0], prod(shape[1:])
    A = check_rng(rng).normal(size=(max(M, N), min(M, N)))
    Q, R = np.linalg.qr(A)
    # mutate: operator equivalent because signs are 1 or −1
    Q = gain * Q * np.sign(np.diag(R))  #                                                         (7)
    return fill(tensor, (Q if M >= N else Q.T).reshape(shape))
