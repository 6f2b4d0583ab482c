"""Derivatives of the element-wise functions: y depends on x at the same place only.

At points without a derivative: |x|, the functions like a sign, `hypot` and `arctan2` at the origin give 0; where two
arguments tie, `maximum` and `minimum` give each one half, and so does `logaddexp` of two equal infinities; `clip` lets
the gradient pass at its bounds, as PyTorch does; `where` and `nan_to_num` send exact zeros to what was not taken. The
slope of aᵇ by b is 0 at a = 0 for b ≥ 0, and NaN for a < 0, where a real power exists at whole b only. Where the slope
is infinite (a root or a logarithm at 0), it is. Beside an infinite leg, a finite one gets 0 from `hypot`; of two
infinite legs each gets 1/√2.
"""

from functools import reduce, wraps
from math import factorial
from typing import Any

import numpy as np

from pellucid.tape import constant, rule, written_as

LN2, LN10 = np.log(2.0).item(), np.log(10.0).item()
PER_DEGREE = np.pi / 180


def exponent_slope(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """d aᵇ / db = aᵇ ln a, and 0 where a is 0 and b is not negative."""
    base = np.where((a == 0) & (b >= 0), 1.0, a)
    return dy * y * np.log(base.astype(y.dtype))  # where y is complex, a < 0 has a logarithm


def base_slope(dy: Any, y: Any, a: Any, b: Any) -> Any:
    """d aᵇ / da = b aᵇ⁻¹, and 0 where b is 0 even if a is 0."""
    if isinstance(b, int | float):  # the usual case, spared the general power where it is simple
        # mutate: branch equivalent because the square is done apart for speed only
        return dy * (2 * a) if b == 2 else dy * (b * a ** (b - 1)) if b != 0 else np.zeros_like(a)
    # mutate: number equivalent because any number but 0 will do
    return dy * (b * np.where((a == 0) & (b == 0), 1.0, a) ** (b - 1.0))


def per(a: Any, r: Any) -> Any:
    """a / r, and 0 where r is 0, in the derivatives too."""
    # mutate: number equivalent because any number but 0 will do
    return np.where(r == 0, 0.0, a / np.where(r == 0, 1.0, r))


def leg(a: Any, b: Any, y: Any) -> Any:
    """a / y where y is √(a² + b²), and 0 at the origin; beside an infinity what is finite is 0."""
    endless = np.isinf(y)
    a, b = (np.where(endless, np.copysign(np.isinf(z), z), z) for z in (a, b))
    return per(a, np.where(endless, np.hypot(a, b), y))


def share(a: Any, b: Any, y: Any) -> Any:
    """How much of the gradient `a` gets where y is max(a, b) or min(a, b): all, none, or half in a tie."""
    return (a == y) / (1.0 + (a == b))


def gap(a: Any, b: Any) -> Any:
    """a − b, and 0 where both are the same infinity."""
    # mutate: factor equivalent because twice true is true
    same = (a == b) & np.isinf(a)
    return np.where(same, 0.0, a) - np.where(same, 0.0, b)


def softshare(a: Any, b: Any) -> Any:
    """eᵃ / (eᵃ + eᵇ), the share of `a` in log(eᵃ + eᵇ), in a form that keeps its derivatives exact far from a = b."""
    return np.exp(-np.logaddexp(0.0, gap(b, a)))


def absolute_slope(dy: Any, y: Any, x: Any) -> Any:
    return dy * np.sign(x).conj()


# 1 − x² and 1 + x² below are written so that the imaginary part of a complex x keeps the sign of its zero: on a branch
# cut that sign says which side is meant. Only subtracting a real number keeps it: (2 + 0i) − 1, and not 1 − (2 + 0i).


def arcsin_slope(dy: Any, y: Any, x: Any) -> Any:
    """1 / √(1 − x²)."""
    return dy / np.sqrt(-(x - 1) * (x - -1) if x.dtype.kind == "c" else (1 - x) * (1 + x))


def arccosh_slope(dy: Any, y: Any, x: Any) -> Any:
    """1 / √(x² − 1), with the branch of arccosh."""
    return dy / (np.sqrt(x - 1) * np.sqrt(x - -1))


# mutate: number equivalent because the last of the terms are for higher derivatives
SINC = [(-1) ** k * 2 * k / factorial(2 * k + 1) for k in range(1, 15)]


def sinc_slope(x: Any) -> Any:
    """(cos πx − sinc x) / x; near 0, where that cancels, the series Σₖ (−1)ᵏ 2k π²ᵏ x²ᵏ⁻¹ / (2k + 1)!"""
    near = np.abs(x) < 1  # mutate: boundary equivalent because both forms hold there
    # mutate: number equivalent because any place will do that the other form holds at
    small, large = np.where(near, x, 0.0), np.where(near, 1.0, x)
    square = (np.pi * small) ** 2
    series = reduce(lambda total, coefficient: total * square + coefficient, reversed(SINC))
    return np.where(near, np.pi**2 * small * series, (np.cos(np.pi * large) - np.sinc(large)) / large)


# mutate: sign, function equivalent because the angles lie evenly, and the sign of a cosine cancels
COSINES = np.cos((np.arange(64) + 0.5) * np.pi / 128)  # of 64 angles between 0 and π/2


def bessel_i1(x: Any) -> Any:
    """I₁(x) = 2/π ∫ cos θ sinh(x cos θ) dθ from 0 to π/2: midpoints, exact to rounding for all x with a finite I₀."""
    return np.sinh(x[..., None] * COSINES) @ (COSINES / 64)


@wraps(np.clip)
def clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def clip_slope(dy: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where(y == x, dy, 0.0)


def lower_bound_slope(dy: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where((y == low) & (y != x) & (y != high), dy, 0.0)


def upper_bound_slope(dy: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where((y == high) & (y != x), dy, 0.0)


def cast(x: Any, dtype: Any, order: Any = "K", casting: Any = "unsafe") -> Any:
    """The same values in another floating-point type."""
    return x.astype(dtype, order, casting)


# fmt: off
rule(np.add,         lambda dy, y, a, b: dy,                lambda dy, y, a, b: dy)
rule(np.subtract,    lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy)
rule(np.multiply,    lambda dy, y, a, b: dy * b,            lambda dy, y, a, b: dy * a)
rule(np.divide,      lambda dy, y, a, b: dy / b,            lambda dy, y, a, b: -dy * y / b)
rule(np.power,       base_slope,                            exponent_slope)
rule(np.float_power, base_slope,                            exponent_slope)
rule(np.remainder,   lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy * np.floor_divide(a, b))
rule(np.fmod,        lambda dy, y, a, b: dy,                lambda dy, y, a, b: -dy * np.rint((a - y) / b))
rule(np.divmod,      lambda dy, y, a, b: dy[1],             lambda dy, y, a, b: -dy[1] * y[0])
rule(np.arctan2,     lambda dy, y, a, b: dy * per(leg(b, a, r := np.hypot(a, b)), r),
                     lambda dy, y, a, b: -dy * per(leg(a, b, r := np.hypot(a, b)), r))
rule(np.hypot,       lambda dy, y, a, b: dy * leg(a, b, y), lambda dy, y, a, b: dy * leg(b, a, y))
rule(np.maximum,     lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.minimum,     lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.fmax,        lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.fmin,        lambda dy, y, a, b: dy * share(a, b, y), lambda dy, y, a, b: dy * share(b, a, y))
rule(np.logaddexp,   lambda dy, y, a, b: dy * softshare(a, b), lambda dy, y, a, b: dy * softshare(b, a))
rule(np.logaddexp2,  lambda dy, y, a, b: dy * softshare(a * LN2, b * LN2),
                     lambda dy, y, a, b: dy * softshare(b * LN2, a * LN2))
rule(np.copysign,    lambda dy, y, a, b: dy * np.sign(a) * np.sign(y), lambda dy, y, a, b: None)
rule(np.ldexp,       lambda dy, y, a, b: np.ldexp(dy, b))
rule(np.nextafter,   lambda dy, y, a, b: dy,                lambda dy, y, a, b: None)
rule(np.heaviside,   lambda dy, y, x, at_0: None,           lambda dy, y, x, at_0: np.where(x == 0, dy, 0.0))

rule(np.negative,    lambda dy, y, x: -dy)
rule(np.positive,    lambda dy, y, x: dy)
rule(np.absolute,    absolute_slope)
rule(np.fabs,        absolute_slope)
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
rule(np.arcsin,      arcsin_slope)
rule(np.arccos,      lambda dy, y, x: -arcsin_slope(dy, y, x))
rule(np.arctan,      lambda dy, y, x: dy / (1 + x * x))
rule(np.sinh,        lambda dy, y, x: dy * np.cosh(x))
rule(np.cosh,        lambda dy, y, x: dy * np.sinh(x))
rule(np.tanh,        lambda dy, y, x: dy * (1 - y * y))
rule(np.arcsinh,     lambda dy, y, x: dy / np.sqrt(x * x - -1))
rule(np.arccosh,     arccosh_slope)
rule(np.arctanh,     lambda dy, y, x: dy / ((1 - x) * (1 + x)))
rule(np.deg2rad,     lambda dy, y, x: dy * PER_DEGREE)
rule(np.radians,     lambda dy, y, x: dy * PER_DEGREE)
rule(np.rad2deg,     lambda dy, y, x: dy / PER_DEGREE)
rule(np.degrees,     lambda dy, y, x: dy / PER_DEGREE)
rule(np.sinc,        lambda dy, y, x: dy * sinc_slope(x))
rule(np.i0,          lambda dy, y, x: dy * bessel_i1(x))
rule(np.modf,        lambda dy, y, x: dy[0])
rule(np.frexp,       lambda dy, y, x: np.ldexp(dy[0], -y[1]))
rule(clip,           clip_slope, lower_bound_slope, upper_bound_slope)
rule(np.where,       None, lambda dy, y, mask, a, b: np.where(mask, dy, 0.0),
                           lambda dy, y, mask, a, b: np.where(mask, 0.0, dy))
rule(cast,           lambda dy, y, x, dtype, order="K", casting="unsafe": dy)
rule(np.copy,        lambda dy, y, x, order="K", subok=False: dy)
# fmt: on

if hasattr(np, "astype"):  # NumPy 2.1
    rule(np.astype, lambda dy, y, x, dtype, copy=True, device=None: dy)


def where_finite(dy: Any, x: Any, test: Any) -> Any:
    """`dy` where x, or the part of a complex x that it belongs to, passes the test."""
    if x.dtype.kind == "c":
        return np.where(test(np.real(x)), np.real(dy), 0.0) + 1j * np.where(test(np.imag(x)), np.imag(dy), 0.0)
    return np.where(test(x), dy, 0.0)


def filler_slope(dy: Any, x: Any, test: Any) -> Any:
    """The same number fills both parts of a complex x; ∂L/∂ Im y is −Im ȳ."""
    dx = where_finite(dy, x, test)
    return np.real(dx) - np.imag(dx)


def finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """`nan_to_num` into a new array."""
    return np.nan_to_num(x, True, nan, posinf, neginf)


rule(
    finite,
    lambda dy, y, x, *fill: where_finite(dy, x, np.isfinite),
    lambda dy, y, x, *fill: filler_slope(dy, x, np.isnan),
    lambda dy, y, x, *fill: filler_slope(dy, x, np.isposinf),
    lambda dy, y, x, *fill: filler_slope(dy, x, np.isneginf),
)


@written_as(np.nan_to_num)
def nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    from pellucid.tensor import record

    y = record(finite, (x, nan, posinf, neginf), {})
    return y if copy else x._become(y)


def filled(like: Any, fill_value: Any, **layout: Any) -> Any:
    """`full_like` as a function of its fill value."""
    return np.full_like(like, fill_value, **layout)


rule(filled, None, lambda dy, y, like, fill_value, **layout: dy)


@written_as(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,  # mutate: number equivalent because what the Tensor holds is of no subclass
    shape: Any = None,
    device: Any = None,
) -> Any:
    from pellucid.tensor import data_of, record

    layout = dict(dtype=dtype, order=order, subok=subok, shape=shape, device=device)
    return record(filled, (data_of(a), fill_value), layout)


NOTHING: Any = np._NoValue  # NumPy's own mark


@written_as(np.clip)
def clip_by_names(
    a: Any, a_min: Any = NOTHING, a_max: Any = NOTHING, out: Any = None, *, min: Any = NOTHING, max: Any = NOTHING
) -> Any:
    """With the bounds under either of their names; since NumPy 2.1 `min` and `max`, of which one may be left out."""
    from pellucid.tensor import record

    if min is not NOTHING or max is not NOTHING:
        if a_min is not NOTHING or a_max is not NOTHING:
            raise ValueError("np.clip takes its bounds as a_min and a_max, or as min and max, but not as both")
        a_min, a_max = (None if bound is NOTHING else bound for bound in (min, max))
    return record(clip, (a, a_min, a_max), {})


array_clip: Any = np._core.umath.clip  # type: ignore[attr-defined]  # what array.clip(tensor, tensor) calls
rule(array_clip, clip_slope, lower_bound_slope, upper_bound_slope)

# fmt: off
constant(
    np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around, np.floor_divide, np.signbit, np.spacing,
    np.isnan, np.isinf, np.isfinite, np.isneginf, np.isposinf, np.isreal, np.iscomplex, np.isclose,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count,
    np.gcd, np.lcm, np.isnat,
    np.zeros_like, np.ones_like, np.empty_like,
    np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj,
    np.result_type, np.common_type, np.min_scalar_type, np.can_cast,
    np.allclose, np.array_equal, np.array_equiv, np.may_share_memory, np.shares_memory,
    np.array_repr, np.array_str, np.array2string, np.save, np.savez, np.savez_compressed, np.savetxt,
)
# fmt: on
