"""Activations: functions of one number, applied to every entry between two linear layers.

Without them a stack of linear layers would be one linear layer. The table has the functions and what each sends back;
a gradient is written with the result y where that is at hand, instead of the input x.

    ReLU          y = max(x, 0)                          dx = dy [y > 0]                         (1)
    Tanh          y = tanh x                             dx = dy (1 − y²)                        (2)
    Sigmoid       y = σ(x) = 1 / (1 + e⁻ˣ)               dx = dy σ(x) σ(−x)                      (3)
    Identity      y = x                                  dx = dy                                 (4)
    Affine        y = s x + i                            dx = s dy                               (5)
    LeakyReLU     y = x if x > 0 else a x                dx = dy (1 if x > 0 else a)             (6)
    ELU           y = x if x > 0 else α (eˣ − 1)         dx = dy (1 if x > 0 else α eˣ)          (7)
    SELU          y = λ ELU(x)                           with the α and the λ below              (8)
    GELU          y = x Φ(x)                             dx = dy (Φ(x) + x φ(x))                 (9)
      tanh        y = x σ(v),  v = c (x + 0.044715 x³)   dx = dy σ(v) (1 + x v′ σ(−v))          (10)
    SiLU          y = x σ(x)                             dx = dy σ(x) (1 + x σ(−x))             (11)
    Exponential   y = eˣ                                 dx = dy y                              (12)
    HardSigmoid   y = x/6 + ½, cut at 0 and at 1         dx = dy/6 where −3 < x < 3             (13)
    Softplus      y = log(1 + e^(βx)) / β                dx = dy σ(βx)                          (14)

At a corner the gradient is that of the left side; that of HardSigmoid is 0 at both. In (3), 1 − σ(x) = σ(−x) = e⁻ˣ σ(x)
says what is missing to 1 where σ(x) itself is rounded to 1. (10) replaces Φ(x) by σ(v) with c = √(8/π); it is mostly
written with a tanh, ½ (1 + tanh(v/2)) = σ(v). Above βx = t, Softplus is taken for the line y = x. SELU keeps mean 0 and
variance 1 of its inputs, if they are normal, and that determines α and λ. At ±∞ values and gradients are the limits.

Symbols
-------
    paper   code                     shape   meaning
    x, y    x, y                     any     input, result
    s, i    slope, intercept         ()      a line
    a       negative_slope           ()      slope of the left half
    α, λ    alpha, ALPHA, LAMBDA     ()      limit at −∞, with the other sign; a factor
    Φ, φ    normal_cdf, normal_pdf   any     normal distribution function and density
    v       v                        any     argument of σ in place of Φ
    β, t    beta, threshold          ()      sharpness; where Softplus goes over to the line
    d·      dy                       as ·    gradient of the loss

Cost: a few passes forward and backward over the entries; GELU's Φ takes about sixty (`erf.py`). The tape keeps y or x,
or what is made of x on the way.

References
----------
    Nair & Hinton (2010), "Rectified linear units improve restricted Boltzmann machines": ReLU.
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors": (3).
    Maas, Hannun & Ng (2013), "Rectifier nonlinearities improve neural network acoustic models": LeakyReLU.
    Clevert, Unterthiner & Hochreiter (2016), "Fast and accurate deep network learning by exponential linear units".
    Klambauer, Unterthiner, Mayr & Hochreiter (2017), "Self-normalizing neural networks": SELU, α and λ.
    Hendrycks & Gimpel (2016), "Gaussian error linear units (GELUs)": (9), (10), and SiLU.
    Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), "Incorporating second-order functional knowledge for better option
    pricing": Softplus.
Differs from them: HardSigmoid, and the defaults, are PyTorch's.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from pellucid import Tensor, primitive
from pellucid_nn.module import Module
from pellucid_nn.normal_distribution import normal_cdf, normal_pdf

ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805  # of SELU


@primitive
def relu(x: Any) -> Any:
    """max(x, 0), with its gradient: (...) -> (...)."""
    zeros = np.zeros(x.shape[-1:], x.dtype)  # one row of them: NumPy is twice as fast as with the number 0
    y = np.maximum(x, zeros)
    return y, lambda dy: dy * (y > 0)  #                                                          (1)


@primitive
def tanh(x: Any) -> Any:
    """tanh x, with its gradient: (...) -> (...)."""
    y = np.tanh(x)
    return y, lambda dy: dy * (1 - y * y)  #                                                      (2)


@primitive
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ), with its gradient: (...) -> (...)."""
    if isinstance(x, Tensor):
        return sigmoid(x), lambda dy: dy * (sigmoid(x) * sigmoid(-x))  #                          (3)
    with np.errstate(over="ignore", under="ignore"):
        exp = np.exp(-x)  # may be ∞: then y = 0 is right
        y = 1 / (1 + exp)  #                                                                      (3)

    def dx(dy: Any) -> Any:
        slope = np.minimum(exp, np.finfo(x.dtype).max)  # so that 0 · ∞ is 0 here                 (3)
        slope *= y  #                                                                             (3)
        slope *= y  #                                                                             (3)
        return dy * slope  #                                                                      (3)

    return y, dx


@primitive
def affine(x: Any, *, slope: float = 1.0, intercept: float = 0.0) -> Any:
    """A line, with its gradient: (...) -> (...).

    Parameters
    ----------
    x : array, any shape
    slope, intercept : float
        s and i of (5).
    """
    slope, intercept = float(slope), float(intercept)  # a number of NumPy's would widen single precision
    return slope * x + intercept, lambda dy: slope * dy  #                                        (5)


@primitive
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """x, with another slope where it is negative, and its gradient: (...) -> (...).

    Parameters
    ----------
    x : array, any shape
    negative_slope : float
        a of (6).
    """
    negative_slope = float(negative_slope)
    with np.errstate(over="ignore", invalid="ignore"):  # on the right side, where the product is not taken
        # mutate: boundary equivalent because both sides are 0 at 0
        y = np.where(x > 0, x, negative_slope * x)  #                                             (6)
    return y, lambda dy: dy * np.where(x > 0, x.dtype.type(1), x.dtype.type(negative_slope))  #   (6)


@primitive
def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """x, bent towards −α where it is negative, and its gradient: (...) -> (...).

    Parameters
    ----------
    x : array, any shape
    alpha : float
        α of (7).
    """
    alpha = float(alpha)
    left = np.where(x > 0, 0, x)  # an e^x that cannot overflow
    # mutate: boundary equivalent because both sides are 0 at 0
    y = np.where(x > 0, x, alpha * np.expm1(left))  #                                             (7)
    return y, lambda dy: dy * np.where(x > 0, 1, alpha * np.exp(left))  #                         (7)


def selu(x: Any) -> Any:
    """The ELU that keeps mean 0 and variance 1: (...) -> (...)."""
    return LAMBDA * elu(x, alpha=ALPHA)  #                                                        (8)


@primitive
def gelu_exact(x: Any) -> Any:
    """x Φ(x), with its gradient: (...) -> (...)."""
    cdf, near = normal_cdf(x), np.clip(x, -40, 40)  # farther out Φ is 0 or 1 and φ is 0: no ∞ · 0
    return np.maximum(x, near) * cdf, lambda dy: dy * (cdf + near * normal_pdf(x))  #             (9)


@primitive
def gelu_tanh(x: Any) -> Any:
    """x σ(v), with its gradient: (...) -> (...)."""
    near, c = np.clip(x, -30, 30), (8 / pi) ** 0.5  # σ is 0 or 1 farther out, and x³ cannot overflow
    v = c * (near + 0.044715 * near * near * near)  #                                            (10)
    cdf = sigmoid(v)

    def dx(dy: Any) -> Any:
        dv = c * (1 + 3 * 0.044715 * near * near)  #                                             (10)
        return dy * (cdf * (1 + near * dv * sigmoid(-v)))  #                                     (10)

    return np.maximum(x, near) * cdf, dx  #                                                      (10)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the probability that a standard normal number is below x: (...), _ -> (...).

    Parameters
    ----------
    x : array, any shape
    approximate : {"none", "tanh"}
        Equation (9) or (10).

    Raises
    ------
    ValueError
        If `approximate` is anything else.
    """
    return form_of_gelu(approximate)(x)


def form_of_gelu(approximate: str) -> Any:
    """(9) or (10), or an error."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f'approximate must be "none" or "tanh"; got {approximate!r}')
    return gelu_tanh if approximate == "tanh" else gelu_exact


@primitive
def silu(x: Any) -> Any:
    """x σ(x), with its gradient: (...) -> (...)."""
    s, near = sigmoid(x), np.clip(x, -1e3, 1e3)  # farther out σ is 0 or 1: no ∞ · 0
    return np.maximum(x, near) * s, lambda dy: dy * (s * (1 + near * sigmoid(-x)))  #            (11)


@primitive
def exponential(x: Any) -> Any:
    """eˣ, with its gradient: (...) -> (...)."""
    with np.errstate(over="ignore"):
        y = np.exp(x)
    return y, lambda dy: dy * y  #                                                               (12)


@primitive
def hardsigmoid(x: Any) -> Any:
    """A line from 0 to 1 in place of a sigmoid, with its gradient: (...) -> (...)."""
    y = np.clip(x / 6 + 0.5, 0, 1)  #                                                            (13)
    return y, lambda dy: dy * ((x > -3) & (x < 3)) / 6  #                                        (13)


@primitive
def softplus(x: Any, *, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(βx)) / β, with its gradient: (...) -> (...).

    Parameters
    ----------
    x : array, any shape
    beta, threshold : float
        β, not 0, and t of (14).
    """
    beta = float(beta)
    z = beta * x
    y = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta  #                              (14)
    line = z > threshold
    return np.where(line, x, y), lambda dy: dy * np.where(line, 1, sigmoid(z))  #                (14)


def checked(x: Any) -> Any:
    """x as an array or a Tensor of floating-point numbers, or a TypeError."""
    x = x if isinstance(x, Tensor) else np.asarray(x)
    if x.dtype.kind != "f":
        raise TypeError(f"an activation needs floating-point values; x is {x.dtype}: convert it with x.astype(float)")
    return x


def check_inplace(inplace: bool) -> None:
    """Raise ValueError where a layer is asked to write into its input."""
    if inplace:
        raise ValueError(
            "inplace=True is not supported, as no layer writes into its input: leave it out; memory of an input that "
            "nobody needs any more is freed by itself"
        )


class ReLU(Module):
    """max(x, 0).

    Parameters
    ----------
    inplace : bool
        As in PyTorch, but only False is accepted; so in all layers here.

    Raises
    ------
    ValueError
        If `inplace` is True.
    TypeError
        When called, if `x` is not floating point; so in all layers here but Identity.
    """

    def __init__(self, inplace: bool = False) -> None:
        check_inplace(inplace)

    def forward(self, x: Any) -> Any:
        return relu(checked(x))


class Tanh(Module):
    """tanh x, in (−1, 1)."""

    def forward(self, x: Any) -> Any:
        return tanh(checked(x))


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ), in (0, 1)."""

    def forward(self, x: Any) -> Any:
        return sigmoid(checked(x))


class Identity(Module):
    """x itself. Any arguments are accepted, so that it can take the place of any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        y = x if isinstance(x, Tensor) else np.asarray(x)
        return y  #                                                                               (4)


class Affine(Module):
    """slope · x + intercept, both fixed numbers."""

    def __init__(self, slope: float = 1.0, intercept: float = 0.0) -> None:
        self.slope, self.intercept = slope, intercept

    def forward(self, x: Any) -> Any:
        return affine(checked(x), slope=self.slope, intercept=self.intercept)

    def extra_repr(self) -> str:
        return f"slope={self.slope}, intercept={self.intercept}"


class LeakyReLU(Module):
    """x where it is positive, negative_slope · x elsewhere."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        check_inplace(inplace)
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return leaky_relu(checked(x), negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, alpha (eˣ − 1) elsewhere, in (−alpha, ∞)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        check_inplace(inplace)
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return elu(checked(x), alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """The ELU, scaled, that keeps mean 0 and variance 1."""

    def __init__(self, inplace: bool = False) -> None:
        check_inplace(inplace)

    def forward(self, x: Any) -> Any:
        return selu(checked(x))


class GELU(Module):
    """x Φ(x); or an approximation with a tanh.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Equation (9) or (10).

    Raises
    ------
    ValueError
        If `approximate` is anything else.
    """

    def __init__(self, approximate: str = "none") -> None:
        form_of_gelu(approximate)
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return gelu(checked(x), self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x σ(x), also called swish."""

    def __init__(self, inplace: bool = False) -> None:
        check_inplace(inplace)

    def forward(self, x: Any) -> Any:
        return silu(checked(x))


class Exponential(Module):
    """eˣ, in (0, ∞)."""

    def forward(self, x: Any) -> Any:
        return exponential(checked(x))


class Hardsigmoid(Module):
    """x/6 + ½, cut at 0 and at 1."""

    def __init__(self, inplace: bool = False) -> None:
        check_inplace(inplace)

    def forward(self, x: Any) -> Any:
        return hardsigmoid(checked(x))


HardSigmoid = Hardsigmoid  # PyTorch writes it with a small s


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, a ReLU with a round corner.

    Parameters
    ----------
    beta : float
        How sharp the corner is.
    threshold : float
        Where beta x is above this, the result is x.

    Raises
    ------
    ValueError
        If `beta` is 0.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        if beta == 0:
            raise ValueError("beta divides the result and must not be 0; for a line use Affine(0.5)")
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Any:
        return softplus(checked(x), beta=self.beta, threshold=self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"
