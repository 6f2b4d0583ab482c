"""Derivatives of functions of complex numbers, and of `np.emath`.

The gradient of a complex x is x̄ = ∂L/∂ Re x − i ∂L/∂ Im x, so dL = Re x̄ dx, and a holomorphic function's rule is its
complex derivative; those stand with the other element-wise functions. At 0 the angle and the direction z / |z| have no
derivative: their gradient is 0 there. The functions of `np.emath` choose real or complex numbers by the values, as
NumPy does; where they turn complex, a real argument gets the real part of the gradient.
"""

from typing import Any

import numpy as np

from pellucid.rules.elementwise import PER_DEGREE, per
from pellucid.tape import rule, written_as


def direction(z: Any) -> Any:
    """z / |z|, and 0 at 0."""
    return np.sign(z)


def direction_slope(dy: Any, y: Any, z: Any) -> Any:
    """dy dz / |z|, without the part of dz along z, which does not turn it."""
    return per(dy - np.real(dy * y) * np.conj(y), np.abs(z))


@written_as(np.sign)
def sign(x: Any) -> Any:
    """The direction of a complex number moves with it; the sign of a real one is constant, and a plain array."""
    from pellucid.tensor import data_of, record

    return record(direction, (x,), {}) if x.dtype.kind == "c" else np.sign(data_of(x))


def angle_slope(dy: Any, y: Any, z: Any, deg: Any = False) -> Any:
    dz = dy * per(-1j, z)
    return dz / PER_DEGREE if deg else dz


rule(direction, direction_slope)
rule(np.angle, angle_slope)
rule(np.conjugate, lambda dy, y, z: dy.conj())  # the method: real arrays are not copied
rule(np.real, lambda dy, y, z: dy)
rule(np.imag, lambda dy, y, z: -1j * dy)
rule(np.real_if_close, lambda dy, y, z, tol=100: dy)


# np.emath: a real argument becomes complex as soon as one of its values is outside the real function's domain


def complex_if(x: Any, outside: Any) -> Any:
    """x, made complex where some of its real values are outside the domain."""
    from pellucid.tensor import data_of

    values = np.asarray(data_of(x))
    if not np.any(np.isreal(values) & outside(values)):
        return x
    kind = np.complex64 if values.dtype.char in "fFbBhH" else np.complex128  # as NumPy chooses
    return (x if hasattr(x, "astype") else values).astype(kind)


def negative(values: Any) -> Any:
    return values < 0


def beyond_one(values: Any) -> Any:
    return np.abs(values) > 1


for extended, function, outside in (
    (np.emath.sqrt, np.sqrt, negative),
    (np.emath.log, np.log, negative),
    (np.emath.log2, np.log2, negative),
    (np.emath.log10, np.log10, negative),
    (np.emath.arcsin, np.arcsin, beyond_one),
    (np.emath.arccos, np.arccos, beyond_one),
    (np.emath.arctanh, np.arctanh, beyond_one),
):
    written_as(extended)(lambda x, function=function, outside=outside: function(complex_if(x, outside)))


@written_as(np.emath.logn)
def logn(n: Any, x: Any) -> Any:
    return np.log(complex_if(x, negative)) / np.log(complex_if(n, negative))


@written_as(np.emath.power)
def power(x: Any, p: Any) -> Any:
    from pellucid.tensor import data_of

    whole = np.asarray(data_of(p)).dtype.kind in "iu"  # NumPy refuses negative whole exponents of whole numbers
    return np.power(complex_if(x, negative), np.asarray(p, float) if whole else p)
