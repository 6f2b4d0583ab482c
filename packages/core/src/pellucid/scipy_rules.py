"""Derivatives of the functions of `scipy.special`.

About half of its ufuncs have one. The others raise `NoRuleError`: elliptic integrals and functions (`ellip*`),
orthogonal polynomials (`eval_*`), Legendre's functions, those of Kelvin (`ber`, `kei`), Struve and Mathieu, parabolic
cylinder (`pb*`) and spheroidal (`pro_*`, `obl_*`) functions, integrals of Bessel functions (`it*`), Wright's Bessel
functions, a few more (`agm`, `airye`, `modfresnelm`, `tklmbda`, `voigt_profile`, `zetac`), and all distributions but
the normal, `chdtr`, `chdtrc`, `stdtr` and `stdtrit`.

At points without a derivative: an exponentially scaled Bessel function counts |x| as flat at 0; `huber` has the slope
±δ at r = ±δ, and `pseudo_huber` is flat where r and δ are 0. Where 0 · log 0 is taken for 0, at x = y = 0, `xlogy` and
`xlog1py` are flat, and so is `rel_entr` by y; an infinite slope stays one, such as that of `entr` at 0. A sum of
nothing, log 0, sends 0 to its terms in `logsumexp`, and an infinite sum shares evenly among its infinite terms. Ci and
Chi, which are −∞ at 0, are flat there. A parameter by which no derivative is known in these functions raises
`NoRuleError` too: the order of a Bessel function, a and b of the incomplete gamma and beta functions.

Use
---
The rules are loaded with the first of these functions that meets a Tensor. `logsumexp`, `softmax`, `log_softmax`,
`multigammaln` and `polygamma` are no ufuncs: SciPy's own would make arrays of their arguments, and refuse a Tensor.
They stand here under the same names, and `special` is `scipy.special` with these in place:

    >>> import numpy as np
    >>> from pellucid import Tensor
    >>> from pellucid.scipy_rules import special
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> special.logsumexp(x).backward()
    >>> bool(np.allclose(x.grad.data, special.softmax(x.data)))
    True

References
----------
Olver et al. (2010), "NIST Handbook of Mathematical Functions": 5.2 and 5.9 (gamma), 6.2 (integrals), 7.2 and 7.10
(error functions), 8.8 and 8.17 (incomplete gamma and beta), 10.6 and 10.29 (Bessel), 13.3 (confluent hypergeometric).
"""

import inspect
from typing import Any

import numpy as np
import scipy.special  # type: ignore[import-untyped, import-not-found, unused-ignore]

from pellucid.rules.elementwise import base_slope
from pellucid.rules.elementwise import exponent_slope as power_slope
from pellucid.tape import constant, rule, rules
from pellucid.tensor import data_of, holds_tensor, record

LN2, LN10 = np.log(2.0).item(), np.log(10.0).item()
PER_DEGREE = np.pi / 180
ROOT_2, ROOT_PI, ROOT_2PI = np.sqrt(2.0).item(), np.sqrt(np.pi).item(), np.sqrt(2 * np.pi).item()


class Special:
    """`scipy.special`, with its functions in a form that takes Tensors."""

    def __getattr__(self, name: str) -> Any:
        """A function of this file, or SciPy's: what has a rule, below what SciPy wraps around it for other arrays."""
        if name in OWN:
            return globals()[name]
        return inspect.unwrap(getattr(scipy.special, name), stop=rules.__contains__)


OWN = ("logsumexp", "softmax", "log_softmax", "multigammaln", "polygamma")
special = Special()


def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Record a function of this file if it is given a Tensor."""
    return record(function, args, kwargs) if holds_tensor(args) else function(*args, **kwargs)


# Sums of exponentials


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log Σ b eᵃ along an axis, as `scipy.special.logsumexp`.

    Parameters
    ----------
    a : array_like
        The exponents.
    axis : int or tuple of int, optional
        What is summed over; everything by default.
    b : array_like, optional
        Weights of the terms.
    keepdims : bool
        Keep the summed axes, with length 1.
    return_sign : bool
        Return log |Σ b eᵃ| and the sign of the sum, which for a complex sum is its direction.
    """
    if return_sign and (np.iscomplexobj(a) or np.iscomplexobj(b)):
        y = logsumexp(a, axis, b, keepdims)
        return np.real(y), np.exp(1j * np.imag(y))
    y = run(log_of_sum, a, b, axis=axis, keepdims=keepdims, signed=return_sign)
    if return_sign:
        return y, scipy.special.logsumexp(data_of(a), axis, data_of(b), keepdims, return_sign=True)[1]
    return y


def log_of_sum(a: Any, b: Any, axis: Any, keepdims: Any, signed: Any) -> Any:
    y = scipy.special.logsumexp(a, axis, b, keepdims, return_sign=signed)
    return y[0] if signed else y


def shares(y: Any, a: Any, b: Any, axis: Any, keepdims: Any, signed: Any) -> Any:
    """eᵃ / Σ b eᵃ."""
    y = y if axis is None or keepdims else np.expand_dims(y, axis)
    endless = (a == y) & np.isinf(y)
    # mutate: number equivalent because `alike` stands in these places
    share = np.exp(np.where(endless, 0.0, a) - np.where(endless, 0.0, y))
    if signed:  # y knows the absolute value of the sum
        # mutate: operator equivalent because the sum is 1 or −1
        share = share * np.sum(share if b is None else b * share, axis=axis, keepdims=True)
    # mutate: boundary, number equivalent because y is infinite where this is used
    alike = (np.real(y) > 0) / np.maximum(np.sum(endless, axis=axis, keepdims=True), 1)
    return np.where(endless, alike, share)


def exponent_slope(dy: Any, y: Any, a: Any, b: Any, axis: Any, keepdims: Any, signed: Any) -> Any:
    """b eᵃ / Σ b eᵃ; a term with the weight 0 has none, however large."""
    dy = dy if axis is None or keepdims else np.expand_dims(dy, axis)
    if b is None:
        return dy * shares(y, a, b, axis, keepdims, signed)
    return dy * b * shares(y, np.where(b == 0, -np.inf, a), b, axis, keepdims, signed)


def weight_slope(dy: Any, y: Any, a: Any, b: Any, axis: Any, keepdims: Any, signed: Any) -> Any:
    dy = dy if axis is None or keepdims else np.expand_dims(dy, axis)
    return dy * shares(y, a, b, axis, keepdims, signed)


def softmax(x: Any, axis: Any = None) -> Any:
    """eˣ / Σ eˣ along an axis, as `scipy.special.softmax`."""
    return run(exponential_shares, x, axis=axis)


def exponential_shares(x: Any, axis: Any) -> Any:
    return scipy.special.softmax(x, axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """x − log Σ eˣ along an axis, as `scipy.special.log_softmax`."""
    return run(log_shares, x, axis=axis)


def log_shares(x: Any, axis: Any) -> Any:
    return scipy.special.log_softmax(x, axis)


rule(log_of_sum, exponent_slope, weight_slope)
rule(exponential_shares, lambda dy, y, x, axis: y * (dy - np.sum(dy * y, axis=axis, keepdims=True)))
rule(log_shares, lambda dy, y, x, axis: dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True))


# The gamma function and its relatives


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order n of the digamma function, as `scipy.special.polygamma`, for real x."""
    if np.iscomplexobj(x):
        raise TypeError(
            "polygamma(n, x) is known for real x only, so digamma has no derivative at complex x, and gamma and "
            "loggamma have no second one: take the real part of x, or detach() it"
        )
    return run(derivative_of_digamma, n, x)


def derivative_of_digamma(n: Any, x: Any) -> Any:
    return scipy.special.polygamma(n, x)


def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the gamma function of d dimensions, as `scipy.special.multigammaln`."""
    return run(log_gamma_of_dimensions, a, d)


def log_gamma_of_dimensions(a: Any, d: Any) -> Any:
    return scipy.special.multigammaln(a, d)


def rgamma_slope(dy: Any, y: Any, x: Any) -> Any:
    """−ψ(x) / Γ(x), and on the left, where both have poles, the slope of sin(πx) Γ(1 − x) / π, which is the same."""
    # mutate: boundary, number, factor equivalent because both hold at the border, and twice true is true
    left = (np.real(x) < 0.5) & (np.abs(np.imag(x)) < 1)
    # mutate: number equivalent because any places will do that are no poles
    right, x = np.where(left, 1.0, x), np.where(left, x, 0.0)
    mirrored = np.cos(np.pi * x) - np.sin(np.pi * x) / np.pi * special.digamma(1 - x)
    return dy * np.where(left, special.gamma(1 - x) * mirrored, -y * special.digamma(right))


def quotient_slope(y: Any, up: Any, down: Any, mirrored: Any) -> Any:
    """y (ψ(up) − ψ(down)) for y = c Γ(up) / Γ(down), at the poles of Γ(down) too.

    Where y is 0 there, it is the slope of y = c Γ(up) Γ(j) sin(πj) / π with j = 1 − down, where `mirrored` gives
    c Γ(up) Γ(j). Where it is not, Γ(up) has a pole as well, and ψ(up) − ψ(down) is ψ(1 − up) − ψ(1 − down).
    """
    # mutate: function equivalent because whole numbers are rounded alike
    pole = (down <= 0) & (down == np.floor(down))
    zero, both = pole & (y == 0), pole & (y != 0)  # mutate: factor equivalent because twice true is true
    # mutate: number equivalent because any places will do that are no poles
    j, top = np.where(zero, 1 - down, 1.0), np.where(zero, up, 2.0)
    turn = (special.digamma(top) - special.digamma(j)) * np.sin(np.pi * j) / np.pi - np.cos(np.pi * j)
    # mutate: number equivalent because of the same
    up, down = (np.where(both, 1 - z, np.where(zero, 1.0, z)) for z in (up, down))
    return np.where(zero, mirrored(top, j) * turn, y * (special.digamma(up) - special.digamma(down)))


def gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹ e⁻ˣ / Γ(a); for large a, where that cancels, by μ = x / a − 1 and Stirling's series of Γ(a)."""
    # mutate: factor, boundary, number equivalent because both hold at the border, and twice true is true
    large = (a > 1000) & (x > 0)
    # mutate: number equivalent because any number but 0 will do
    b, z = np.where(large, a, 1.0), np.where(large, x, 1.0)
    mu = (z - b) / b
    by_mu = np.sqrt(b) / (ROOT_2PI * z) * np.exp(b * (np.log1p(mu) - mu) - (1 - 1 / b / b / 30) / b / 12)
    x = np.where(large, 1.0, x)  # mutate: number equivalent because of the same
    return np.where(large, by_mu, np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a)))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """xᵃ⁻¹ (1 − x)ᵇ⁻¹ / B(a, b)."""
    # mutate: arguments equivalent because B(a, b) = B(b, a)
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


def student_density(df: Any, t: Any) -> Any:
    # mutate: arguments equivalent because B(a, b) = B(b, a)
    return np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - special.betaln(df / 2, 0.5)) / np.sqrt(df)


# fmt: off
rule(special.gammaln,    lambda dy, y, x: dy * special.digamma(x))
rule(special.loggamma,   lambda dy, y, x: dy * special.digamma(x))
rule(special.gamma,      lambda dy, y, x: dy * y * special.digamma(x))
rule(special.rgamma,     rgamma_slope)
rule(special.digamma,    lambda dy, y, x: dy * polygamma(1, x))
rule(derivative_of_digamma, None, lambda dy, y, n, x: dy * polygamma(n + 1, x))
rule(special._ufuncs._zeta, None, lambda dy, y, x, q: -dy * x * special.zeta(x + 1, q))
rule(log_gamma_of_dimensions,
                         lambda dy, y, a, d: dy * sum(special.digamma(a - j / 2) for j in range(d)))
rule(special.beta,       lambda dy, y, a, b: dy * y * (special.digamma(a) - special.digamma(a + b)),
                         lambda dy, y, a, b: dy * y * (special.digamma(b) - special.digamma(a + b)))
rule(special.betaln,     lambda dy, y, a, b: dy * (special.digamma(a) - special.digamma(a + b)),
                         lambda dy, y, a, b: dy * (special.digamma(b) - special.digamma(a + b)))
rule(special.binom,      lambda dy, y, n, k: dy * quotient_slope(y, n + 1, n - k + 1, special.beta),
                         lambda dy, y, n, k:
                         # mutate: arguments equivalent because B is symmetric
                         -dy * quotient_slope(y, k + 1, n - k + 1, lambda top, j: special.beta(top - j, j)))
rule(special.poch,       lambda dy, y, a, m:
                         dy * quotient_slope(y, a + m, a, lambda top, j: special.gamma(top) * special.gamma(j)),
                         lambda dy, y, a, m: dy * y * special.digamma(a + m))

rule(special.gammainc,     None, lambda dy, y, a, x: dy * gamma_density(a, x))
rule(special.gammaincc,    None, lambda dy, y, a, x: -dy * gamma_density(a, x))
rule(special.gammaincinv,  None, lambda dy, y, a, p: dy / gamma_density(a, y))
rule(special.gammainccinv, None, lambda dy, y, a, p: -dy / gamma_density(a, y))
rule(special.chdtr,        None, lambda dy, y, v, x: dy * gamma_density(v / 2, x / 2) / 2)
rule(special.chdtrc,       None, lambda dy, y, v, x: -dy * gamma_density(v / 2, x / 2) / 2)
rule(special.betainc,      None, None, lambda dy, y, a, b, x: dy * beta_density(a, b, x))
rule(special.betaincc,     None, None, lambda dy, y, a, b, x: -dy * beta_density(a, b, x))
rule(special.betaincinv,   None, None, lambda dy, y, a, b, p: dy / beta_density(a, b, y))
rule(special.betainccinv,  None, None, lambda dy, y, a, b, p: -dy / beta_density(a, b, y))
rule(special.stdtr,        None, lambda dy, y, df, t: dy * student_density(df, t))
rule(special.stdtrit,      None, lambda dy, y, df, p: dy / student_density(df, y))
# fmt: on


# The error function and its relatives


def normal_hazard(x: Any, y: Any) -> Any:
    """φ(x) / Φ(x), where y is log Φ(x): through erfcx where both are tiny."""
    if np.iscomplexobj(x):
        return np.exp(-x * x / 2 - y) / ROOT_2PI
    left = x < 0  # mutate: boundary, number equivalent because both forms hold around 0
    # mutate: number equivalent because any place will do where this form is not used
    tail = ROOT_2 / (ROOT_PI * special.erfcx(np.where(left, -x, 0.0) / ROOT_2))
    # mutate: number equivalent because any finite number will do where this form is not used
    return np.where(left, tail, np.exp(-x * x / 2 - np.where(left, 0.0, y)) / ROOT_2PI)


FAR = 100.0  # from here on the series below is exact to 14 digits


def series(t: Any) -> Any:
    """t + 3 t² + 3·5 t³ + …, of which the slopes of erfcx, dawsn and wofz are made far from 0."""
    return t * (1 + 3 * t * (1 + 5 * t * (1 + 7 * t)))


def erfcx_slope(dy: Any, y: Any, x: Any) -> Any:
    """2xy − 2/√π, and far on the right its series in t = −1/2x²."""
    far = np.real(x) + np.abs(np.imag(x)) > FAR  # mutate: boundary equivalent because both forms hold there
    # mutate: sign, number equivalent because it is squared, and where it is not far any number will do
    inverse = 1 / np.where(far, x, 1.0)
    near = 2 * np.where(far, 0.0, x) * y - 2 / ROOT_PI  # mutate: number equivalent because it is not chosen there
    return dy * np.where(far, 2 / ROOT_PI * series(-inverse * inverse / 2), near)


def dawsn_slope(dy: Any, y: Any, x: Any) -> Any:
    """1 − 2xy, and far from 0 its series in t = 1/2x²."""
    far = np.abs(np.real(x)) - np.abs(np.imag(x)) > FAR  # mutate: boundary equivalent because both forms hold there
    # mutate: sign, number equivalent because it is squared, and where it is not far any number will do
    inverse = 1 / np.where(far, x, 1.0)
    near = 1 - 2 * np.where(far, 0.0, x) * y  # mutate: number equivalent because it is not chosen there
    return dy * np.where(far, -series(inverse * inverse / 2), near)


def wofz_slope(dy: Any, y: Any, z: Any) -> Any:
    """2i/√π − 2zy, and far above 0 its series in t = 1/2z²."""
    far = np.abs(np.real(z)) + np.imag(z) > FAR  # mutate: boundary equivalent because both forms hold there
    # mutate: sign, number equivalent because it is squared, and where it is not far any number will do
    inverse = 1 / np.where(far, z, 1.0)
    near = 2j / ROOT_PI - 2 * np.where(far, 0.0, z) * y  # mutate: number equivalent because it is not chosen there
    return dy * np.where(far, -2j / ROOT_PI * series(inverse * inverse / 2), near)


# fmt: off
rule(special.erf,        lambda dy, y, x: dy * (2 / ROOT_PI * np.exp(-x * x)))
rule(special.erfc,       lambda dy, y, x: dy * (-2 / ROOT_PI * np.exp(-x * x)))
rule(special.erfi,       lambda dy, y, x: dy * (2 / ROOT_PI * np.exp(x * x)))
rule(special.erfcx,      erfcx_slope)
rule(special.dawsn,      dawsn_slope)
rule(special.wofz,       wofz_slope)
rule(special.erfinv,     lambda dy, y, p: dy * (ROOT_PI / 2 * np.exp(y * y)))
rule(special.erfcinv,    lambda dy, y, p: dy * (-ROOT_PI / 2 * np.exp(y * y)))
rule(special.ndtr,       lambda dy, y, x: dy * (np.exp(-x * x / 2) / ROOT_2PI))
rule(special.log_ndtr,   lambda dy, y, x: dy * normal_hazard(x, y))
rule(special.ndtri,      lambda dy, y, p: dy * (ROOT_2PI * np.exp(y * y / 2)))
rule(special.ndtri_exp,  lambda dy, y, log_p: dy * (ROOT_2PI * np.exp(log_p + y * y / 2)))
# mutate: sign equivalent because the cosine is even
rule(special.fresnel,    lambda dy, y, x: dy[0] * np.sin(np.pi / 2 * x * x) + dy[1] * np.cos(np.pi / 2 * x * x))
rule(special.owens_t,    lambda dy, y, h, a: -dy * np.exp(-h * h / 2) * special.erf(a * h / ROOT_2) / (2 * ROOT_2PI),
                         lambda dy, y, h, a: dy * np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a)))
# fmt: on


# Logarithms, entropies, losses


def log(x: Any) -> Any:
    """The logarithm; of 0 it is −∞ without a warning."""
    return special.xlogy(1.0, x)


def log_1p(x: Any) -> Any:
    """The logarithm of 1 + x; of 0 it is −∞ without a warning."""
    return special.xlog1py(1.0, x)


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where both are 0."""
    nothing = (x == 0) & (y == 0)  # mutate: factor equivalent because twice true is true
    # mutate: number equivalent because any number but 0 will do below 0
    return np.where(nothing, 0.0, x) / np.where(nothing, 1.0, y)


def log_beside(x: Any, y: Any) -> Any:
    """The logarithm of y, and 0 where x and y are 0."""
    return log(np.where((x == 0) & (y == 0), 1.0, y))


def box_cox_slope(lmbda: Any, log_x: Any) -> Any:
    """By λ: log² x ∫₀¹ t xᵗᵞ dt with γ = λ, which is smooth at λ = 0; at x = 0 it is 1 / λ² for λ ≥ 0."""
    none = (log_x == -np.inf) & (lmbda >= 0)  # mutate: factor equivalent because twice true is true
    # mutate: sign, number equivalent because of the squares, and any number will do
    log_x, positive = np.where(none, 0.0, log_x), np.where(none, lmbda, 1.0)
    return np.where(none, 1 / (positive * positive), log_x * log_x * special.hyp1f1(2, 3, lmbda * log_x) / 2)


def part(x: Any, whole: Any) -> Any:
    """x / whole for |x| ≤ whole: 0 where both are 0, and ±1 where both are infinite."""
    endless = np.isinf(x)
    # mutate: number equivalent because where x is infinite any number will do
    return np.where(endless, np.copysign(1.0, x), ratio(np.where(endless, 0.0, x), np.where(endless, 1.0, whole)))


def pseudo_huber_delta(dy: Any, y: Any, delta: Any, r: Any) -> Any:
    """r⁴ / (s (s + δ)²) with s = √(δ² + r²), which is 2 (s − δ) − r² / s without its cancellation."""
    s = np.hypot(delta, r)
    return dy * r * part(r, s) * part(r, s + delta) ** 2


# fmt: off
rule(special.expit,       lambda dy, y, x: dy * y * special.expit(-x))
rule(special.log_expit,   lambda dy, y, x: dy * special.expit(-x))
rule(special.logit,       lambda dy, y, p: dy / (p * (1 - p)))
rule(special.xlogy,       lambda dy, y, x, z: dy * log_beside(x, z),     lambda dy, y, x, z: dy * ratio(x, z))
rule(special.xlog1py,     lambda dy, y, x, z: dy * log_beside(x, 1 + z), lambda dy, y, x, z: dy * ratio(x, 1 + z))
rule(special.entr,        lambda dy, y, x: -dy * (log(x) + 1))
rule(special.rel_entr,    lambda dy, y, p, q: dy * (log(p) - log(q) + 1), lambda dy, y, p, q: -dy * ratio(p, q))
rule(special.kl_div,      lambda dy, y, p, q: dy * (log(p) - log(q)),    lambda dy, y, p, q: dy * (1 - ratio(p, q)))
# mutate: arguments equivalent because the larger of r and −δ is that of −δ and r
rule(special.huber,       lambda dy, y, delta, r: dy * np.maximum(np.abs(r) - delta, 0.0),
                          lambda dy, y, delta, r: dy * np.clip(r, -delta, delta))
rule(special.pseudo_huber, pseudo_huber_delta,
                          lambda dy, y, delta, r: dy * delta * part(r, np.hypot(delta, r)))
rule(special.boxcox,      lambda dy, y, x, lmbda: dy * x ** (lmbda - 1.0),
                          lambda dy, y, x, lmbda: dy * box_cox_slope(lmbda, log(x)))
rule(special.boxcox1p,    lambda dy, y, x, lmbda: dy * (1 + x) ** (lmbda - 1.0),
                          lambda dy, y, x, lmbda: dy * box_cox_slope(lmbda, log_1p(x)))
rule(special.inv_boxcox,  lambda dy, y, z, lmbda: dy * y ** (1.0 - lmbda),
                          lambda dy, y, z, lmbda: -dy * y ** (1.0 - lmbda) * box_cox_slope(lmbda, log(y)))
rule(special.inv_boxcox1p, lambda dy, y, z, lmbda: dy * (1 + y) ** (1.0 - lmbda),
                          lambda dy, y, z, lmbda: -dy * (1 + y) ** (1.0 - lmbda) * box_cox_slope(lmbda, log_1p(y)))
rule(special.exprel,      lambda dy, y, x: dy * special.hyp1f1(2, 3, x) / 2)
rule(special.expm1,       lambda dy, y, x: dy * (y + 1))
rule(special.log1p,       lambda dy, y, x: dy / (1 + x))
rule(special.exp2,        lambda dy, y, x: dy * y * LN2)
rule(special.exp10,       lambda dy, y, x: dy * y * LN10)
rule(special.cbrt,        lambda dy, y, x: dy / (3 * y * y))
rule(special.cosm1,       lambda dy, y, x: -dy * np.sin(x))
# mutate: arguments equivalent because the two are multiplied
rule(special.powm1,       base_slope,
                          lambda dy, y, a, b: power_slope(dy, a**b, a, b))
rule(special.sindg,       lambda dy, y, x: dy * special.cosdg(x) * PER_DEGREE)
rule(special.cosdg,       lambda dy, y, x: -dy * special.sindg(x) * PER_DEGREE)
rule(special.tandg,       lambda dy, y, x: dy * (1 + y * y) * PER_DEGREE)
rule(special.cotdg,       lambda dy, y, x: -dy * (1 + y * y) * PER_DEGREE)
rule(special._ufuncs._lambertw, lambda dy, y, z, k, tol: dy / (z + np.exp(y)))
rule(special.wrightomega, lambda dy, y, z: dy * y / (1 + y))
constant(special.gammasgn, special.round)
# fmt: on


# Integrals


def over(x: Any, numerator: Any) -> Any:
    """numerator / x, and 0 where x is 0."""
    # mutate: number equivalent because any number but 0 will do below 0
    return np.where(x == 0, 0.0, numerator) / np.where(x == 0, 1.0, x)


def sinhc(x: Any) -> Any:
    """sinh x / x, smooth at 0."""
    # mutate: sign equivalent because sinc is even
    return np.sinc(1j * x / np.pi) if np.iscomplexobj(x) else (special.exprel(x) + special.exprel(-x)) / 2


def expn_slope(dy: Any, y: Any, n: Any, x: Any) -> Any:
    """−Eₙ₋₁(x); SciPy's begin with E₀."""
    return -dy * np.where(n == 0, (np.exp(-x) + y) / x, special.expn(np.maximum(n - 1, 0), x))


# fmt: off
rule(special.expi,   lambda dy, y, x: dy * np.exp(x) / x)
rule(special.exp1,   lambda dy, y, x: -dy * np.exp(-x) / x)
rule(special.expn,   None, expn_slope)
rule(special.sici,   lambda dy, y, x: dy[0] * np.sinc(x / np.pi) + dy[1] * over(x, np.cos(x)))
rule(special.shichi, lambda dy, y, x: dy[0] * sinhc(x) + dy[1] * over(x, np.cosh(x)))
rule(special.spence, lambda dy, y, z:
                     dy * (np.log(z) / (1 - z) if np.iscomplexobj(z) else -1 / special.exprel(np.log(z))))
rule(special.hyp0f1, None, lambda dy, y, v, x: dy * special.hyp0f1(v + 1, x) / v)
rule(special.hyp1f1, None, None, lambda dy, y, a, b, x: dy * a / b * special.hyp1f1(a + 1, b + 1, x))
rule(special.hyperu, None, None, lambda dy, y, a, b, x: -dy * a * special.hyperu(a + 1, b + 1, x))
# mutate: arguments equivalent because ₂F₁ is symmetric in a and b
rule(special.hyp2f1, None, None, None,
                     lambda dy, y, a, b, c, x: dy * a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, x))
# fmt: on


# Bessel functions


def real(name: str, x: Any) -> Any:
    """x, or an error if it is complex: the scale e^−|Im x| or e^−|Re x| has no complex derivative."""
    if np.iscomplexobj(x):
        raise TypeError(
            f"special.{name} of complex numbers is scaled by an absolute value and has no complex derivative: scale "
            f"special.{name.removesuffix('e')} yourself"
        )
    return x


def scaled(sign: int, a: float, near: Any) -> Any:
    """The slope of e⁻ˣ Iᵥ(x), sign 1, or eˣ Kᵥ(x), sign −1: `near`, whose terms cancel where x is large.

    From 10⁴ on it is y times the slope of log y = … − log(x) / 2 − sign a / x − a / 2x², with a = (4v² − 1) / 8.
    """

    def back(dy: Any, y: Any, x: Any) -> Any:
        far = np.abs(x) > 1e4  # mutate: boundary equivalent because both forms hold there
        t = 1 / np.where(far, x, 1.0)  # mutate: number equivalent because any number but 0 will do
        # mutate: number equivalent because any number will do
        return dy * np.where(far, y * t * (a * t * (sign * np.sign(t) + t) - 0.5), near(y, np.where(far, 1.0, x)))

    return back


# fmt: off
rule(special.j0,   lambda dy, y, x: -dy * special.j1(x))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.j1,   lambda dy, y, x: dy * (special.j0(x) - special.jv(2, x)) / 2)
rule(special.y0,   lambda dy, y, x: -dy * special.y1(x))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.y1,   lambda dy, y, x: dy * (special.y0(x) - special.yv(2, x)) / 2)
rule(special.i0,   lambda dy, y, x: dy * special.i1(x))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.i1,   lambda dy, y, x: dy * (special.i0(x) + special.iv(2, x)) / 2)
rule(special.k0,   lambda dy, y, x: -dy * special.k1(x))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.k1,   lambda dy, y, x: -dy * (special.k0(x) + special.kv(2, x)) / 2)
rule(special.i0e,  scaled(1, -1 / 8, lambda y, x: special.i1e(x) - np.sign(x) * y))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.i1e,  scaled(1, 3 / 8, lambda y, x: (special.i0e(x) + special.ive(2, x)) / 2 - np.sign(x) * y))
rule(special.k0e,  scaled(-1, -1 / 8, lambda y, x: y - special.k1e(x)))
# mutate: sign equivalent because those of orders 2 and −2 are the same function
rule(special.k1e,  scaled(-1, 3 / 8, lambda y, x: y - (special.k0e(x) + special.kve(2, x)) / 2))
rule(special.jv,   None, lambda dy, y, v, x: dy * (special.jv(v - 1, x) - special.jv(v + 1, x)) / 2)
rule(special.yv,   None, lambda dy, y, v, x: dy * (special.yv(v - 1, x) - special.yv(v + 1, x)) / 2)
rule(special.iv,   None, lambda dy, y, v, x: dy * (special.iv(v - 1, x) + special.iv(v + 1, x)) / 2)
rule(special.kv,   None, lambda dy, y, v, x: -dy * (special.kv(v - 1, x) + special.kv(v + 1, x)) / 2)
rule(special.yn,   None, lambda dy, y, n, x: dy * (special.yv(n - 1, x) - special.yv(n + 1, x)) / 2)
rule(special.kn,   None, lambda dy, y, n, x: -dy * (special.kv(n - 1, x) + special.kv(n + 1, x)) / 2)
rule(special.jve,  None, lambda dy, y, v, x: dy * (special.jv(v - 1, real("jve", x)) - special.jv(v + 1, x)) / 2)
rule(special.yve,  None, lambda dy, y, v, x: dy * (special.yv(v - 1, real("yve", x)) - special.yv(v + 1, x)) / 2)
rule(special.ive,  None, lambda dy, y, v, x:
                   dy * ((special.ive(v - 1, real("ive", x)) + special.ive(v + 1, x)) / 2 - np.sign(x) * y))
rule(special.kve,  None, lambda dy, y, v, x: dy * (y - (special.kve(v - 1, x) + special.kve(v + 1, x)) / 2))
rule(special.hankel1,  None, lambda dy, y, v, x: dy * (special.hankel1(v - 1, x) - special.hankel1(v + 1, x)) / 2)
rule(special.hankel2,  None, lambda dy, y, v, x: dy * (special.hankel2(v - 1, x) - special.hankel2(v + 1, x)) / 2)
rule(special.hankel1e, None, lambda dy, y, v, x:
                   dy * ((special.hankel1e(v - 1, x) - special.hankel1e(v + 1, x)) / 2 - 1j * y))
rule(special.hankel2e, None, lambda dy, y, v, x:
                   dy * ((special.hankel2e(v - 1, x) - special.hankel2e(v + 1, x)) / 2 + 1j * y))
rule(special.airy, lambda dy, y, x: dy[0] * y[1] + dy[1] * x * y[0] + dy[2] * y[3] + dy[3] * x * y[2])
# fmt: on
