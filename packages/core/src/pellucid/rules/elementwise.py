"""Derivatives of the element-wise functions: y depends on x at the same place only.

At points without a derivative: |x| and the sign-like functions give 0 at 0; where two arguments tie, `maximum` and
`minimum` give each one half; `clip` lets the gradient pass at its bounds, as PyTorch does.
"""

from typing import Any

import numpy as np

from pellucid.tape import constant, rule, written_as

LN2, LN10 = np.log(2.0).item(), np.log(10.0).item()
PER_DEGREE = np.pi / 180


def exponent_slope(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """d aᵇ / db = aᵇ ln a, and 0 where a is 0 (the limit for b > 0)."""
    return dy * y * np.log(np.where(a == 0, 1.0, a))


def base_slope(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """d aᵇ / da = b aᵇ⁻¹, and 0 where b is 0 even if a is 0 or infinite."""
    if isinstance(b, int | float):  # the usual case, spared the general power where it is simple
        return dy * (2 * a) if b == 2 else dy * (b * a ** (b - 1)) if b != 0 else dy * np.zeros_like(a)
    return dy * (b * np.where((b == 0) & ((a == 0) | np.isinf(a)), 1.0, a) ** (b - 1.0))


def share(a: Any, b: Any, y: Any) -> Any:
    """How much of the gradient `a` gets where y is max(a, b) or min(a, b): all, none, or half in a tie."""
    return (a == y) / (1.0 + (a == b))


def softshare(a: Any, b: Any, y: Any) -> Any:
    """exp(a − y), the share of `a` in log(eᵃ + eᵇ); infinities are shared as `maximum` does."""
    infinite = np.isinf(y)
    return np.where(infinite, share(a, b, y), np.exp(np.where(infinite, 0.0, a) - np.where(infinite, 0.0, y)))


def sinc_slope(x: Any) -> Any:
    """d sinc(x) / dx, which is 0 at 0."""
    at = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 0.0, (np.cos(np.pi * at) - np.sinc(at)) / at)


def cast(x: Any, dtype: Any) -> Any:
    """The same values in another floating-point type."""
    return x.astype(dtype)


# fmt: off
rule(np.add,         lambda dy, y, a, b: dy,                lambda dy, y, a, b: dy)
rule(np.subtract,    lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy)
rule(np.multiply,    lambda dy, y, a, b: dy * b,            lambda dy, y, a, b: dy * a)
rule(np.divide,      lambda dy, y, a, b: dy / b,            lambda dy, y, a, b: -dy * y / b)
rule(np.power,       base_slope,                            exponent_slope)
rule(np.float_power, base_slope,                            exponent_slope)
rule(np.remainder,   lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy * np.floor_divide(a, b))
rule(np.fmod,        lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy * np.trunc(a / b))
rule(np.divmod,      lambda dy, y, a, b: dy[1],             lambda dy, y, a, b: -dy[1] * np.floor_divide(a, b))
rule(np.arctan2,     lambda dy, y, a, b: dy * b / (a * a + b * b), lambda dy, y, a, b: -dy * a / (a * a + b * b))
rule(np.hypot,       lambda dy, y, a, b: dy * a / np.where(y == 0, 1.0, y),
                     lambda dy, y, a, b: dy * b / np.where(y == 0, 1.0, y))
rule(np.maximum,     lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.minimum,     lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.fmax,        lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.fmin,        lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.logaddexp,   lambda dy, y, a, b: dy * softshare(a, b, y), lambda dy, y, a, b: dy * softshare(b, a, y))
rule(np.logaddexp2,  lambda dy, y, a, b: dy * softshare(a * LN2, b * LN2, y * LN2),
                     lambda dy, y, a, b: dy * softshare(b * LN2, a * LN2, y * LN2))
rule(np.copysign,    lambda dy, y, a, b: dy * np.copysign(1.0, a) * np.copysign(1.0, b), lambda dy, y, a, b: None)
rule(np.ldexp,       lambda dy, y, a, b: np.ldexp(dy, b))
rule(np.nextafter,   lambda dy, y, a, b: dy,                lambda dy, y, a, b: None)

rule(np.negative,    lambda dy, y, x: -dy)
rule(np.positive,    lambda dy, y, x: dy)
rule(np.absolute,    lambda dy, y, x: dy * np.sign(x))
rule(np.fabs,        lambda dy, y, x: dy * np.sign(x))
rule(np.exp,         lambda dy, y, x: dy * y)
rule(np.exp2,        lambda dy, y, x: dy * y * LN2)
rule(np.expm1,       lambda dy, y, x: dy * (y + 1))
rule(np.log,         lambda dy, y, x: dy / x)
rule(np.log2,        lambda dy, y, x: dy / (x * LN2))
rule(np.log10,       lambda dy, y, x: dy / (x * LN10))
rule(np.log1p,       lambda dy, y, x: dy / (1 + x))
rule(np.sqrt,        lambda dy, y, x: dy / (2 * y))
rule(np.cbrt,        lambda dy, y, x: dy / (3 * y * y))
rule(np.square,      lambda dy, y, x: dy * (2 * x))
rule(np.reciprocal,  lambda dy, y, x: -dy * y * y)
rule(np.sin,         lambda dy, y, x: dy * np.cos(x))
rule(np.cos,         lambda dy, y, x: -dy * np.sin(x))
rule(np.tan,         lambda dy, y, x: dy * (1 + y * y))
rule(np.arcsin,      lambda dy, y, x: dy / np.sqrt(1 - x * x))
rule(np.arccos,      lambda dy, y, x: -dy / np.sqrt(1 - x * x))
rule(np.arctan,      lambda dy, y, x: dy / (1 + x * x))
rule(np.sinh,        lambda dy, y, x: dy * np.cosh(x))
rule(np.cosh,        lambda dy, y, x: dy * np.sinh(x))
rule(np.tanh,        lambda dy, y, x: dy * (1 - y * y))
rule(np.arcsinh,     lambda dy, y, x: dy / np.sqrt(1 + x * x))
rule(np.arccosh,     lambda dy, y, x: dy / np.sqrt(x * x - 1))
rule(np.arctanh,     lambda dy, y, x: dy / (1 - x * x))
rule(np.deg2rad,     lambda dy, y, x: dy * PER_DEGREE)
rule(np.radians,     lambda dy, y, x: dy * PER_DEGREE)
rule(np.rad2deg,     lambda dy, y, x: dy / PER_DEGREE)
rule(np.degrees,     lambda dy, y, x: dy / PER_DEGREE)
rule(np.sinc,        lambda dy, y, x: dy * sinc_slope(x))
rule(np.conjugate,   lambda dy, y, x: dy)
rule(np.real,        lambda dy, y, x: dy)
rule(np.modf,        lambda dy, y, x: dy[0])
rule(np.nan_to_num,  lambda dy, y, x, *_, **__: dy * np.isfinite(x))
rule(np.clip,        lambda dy, y, x, *_, **__: dy * (y == x),
                     lambda dy, y, x, lo=None, hi=None, **__: dy * ((y == lo) & (y != x) & (y != hi)),
                     lambda dy, y, x, lo=None, hi=None, **__: dy * ((y == hi) & (y != x)))
rule(np.where,       None, lambda dy, y, mask, a, b: np.where(mask, dy, 0.0),
                           lambda dy, y, mask, a, b: np.where(mask, 0.0, dy))
rule(np.heaviside,   lambda dy, y, x, at_0: None,         lambda dy, y, x, at_0: dy * (x == 0))
rule(cast,           lambda dy, y, x, dtype: dy)
rule(np.copy,        lambda dy, y, x, *_, **__: dy)
# fmt: on

if hasattr(np, "astype"):  # NumPy 2.1
    rule(np.astype, lambda dy, y, x, *_, **__: dy)


@written_as(np.frexp)
def frexp(x: Any) -> Any:
    exponent = np.frexp(x.data)[1]
    return x * 2.0**-exponent, exponent


constant(
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around, np.floor_divide,
    np.signbit, np.spacing, np.imag, np.isnan, np.isinf, np.isfinite, np.isneginf, np.isposinf, np.isreal,
    np.iscomplex, np.isclose,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.zeros_like, np.ones_like, np.empty_like, np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj,
    np.result_type, np.allclose, np.array_equal, np.array_equiv, np.may_share_memory, np.shares_memory,
)  # fmt: skip
