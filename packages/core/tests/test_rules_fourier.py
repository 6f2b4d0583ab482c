"""The rules of np.fft: against finite differences, against their definition as matrices, and what is refused."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, rulecheck, vjp

rng = np.random.default_rng(0)
CASES = {}


def real(*shape):
    return rng.normal(size=shape)


def mixed(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


OF_ANY, OF_REAL, OF_HALF = ("fft", "ifft"), ("rfft", "ihfft"), ("irfft", "hfft")
for name in OF_ANY + OF_REAL + OF_HALF:
    f = getattr(np.fft, name)
    inputs = {"": real} if name in OF_REAL else {"": real, " complex": mixed}
    for kind, x in inputs.items():
        for n in (None, 1, 2, 3, 6, 7):  # cut, as it is, filled with zeros; even and odd
            for length in (4, 5):
                case(f"{name} {length} to {n}{kind}", lambda x, f=f, n=n: f(x, n), x(length))
        case(f"{name} first axis{kind}", lambda x, f=f: f(x, axis=0), x(4, 3))
        case(f"{name} middle axis, cut{kind}", lambda x, f=f: f(x, 3, axis=1), x(2, 4, 2))
        case(f"{name} middle axis from behind, longer{kind}", lambda x, f=f: f(x, n=9, axis=-2), x(2, 4, 2))
        for norm in ("backward", "ortho", "forward"):
            case(f"{name} {norm}{kind}", lambda x, f=f, norm=norm: f(x, norm=norm), x(2, 5))
            case(f"{name} {norm} even{kind}", lambda x, f=f, norm=norm: f(x, 6, -1, norm), x(4))
    case(f"{name} out", lambda x, f=f: f(x, out=None), real(4))
for name in ("fft", "ifft"):
    case(f"{name} of one value", getattr(np.fft, name), mixed(1))
for name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "irfft2", "irfftn"):
    f = getattr(np.fft, name)
    for kind, x in {"": real, " complex": mixed}.items():
        if kind and name.startswith("r"):
            continue
        case(f"{name}{kind}", f, x(2, 3, 4))
        case(f"{name} norm{kind}", lambda x, f=f: f(x, norm="ortho"), x(3, 3))
        case(f"{name} axes{kind}", lambda x, f=f: f(x, axes=(2, 0)), x(3, 2, 4))
        case(f"{name} s{kind}", lambda x, f=f: f(x, (2, 5), axes=(0, 1)), x(3, 4, 2))
        case(f"{name} s open{kind}", lambda x, f=f: f(x, s=(-1, 3), axes=(0, 2)), x(3, 2, 4))
        case(f"{name} s open at the end{kind}", lambda x, f=f: f(x, s=(3, -1), axes=(0, 2)), x(3, 2, 4))
        case(f"{name} one axis{kind}", lambda x, f=f: f(x, axes=(1,)), x(2, 4, 2))
        case(f"{name} an axis twice{kind}", lambda x, f=f: f(x, (5, 3), axes=(0, 0)), x(4, 2))
        case(f"{name} out{kind}", lambda x, f=f: f(x, out=None), x(2, 3))
for name in ("fftshift", "ifftshift"):
    f = getattr(np.fft, name)
    case(f"{name}", lambda x, f=f: f(x) ** 2, real(3, 5))
    case(f"{name} complex", lambda x, f=f: f(x) ** 2, mixed(5))
    case(f"{name} axes", lambda x, f=f: f(x, axes=(0, -1)) ** 2, real(3, 2, 5))
    case(f"{name} axis", lambda x, f=f: f(x, 1) ** 2, real(3, 5))
case("fftfreq spacing", lambda d: np.fft.fftfreq(5, d), np.array(0.5))
case("rfftfreq spacing", lambda d: np.fft.rfftfreq(6, d), np.array(0.5))


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        assert rulecheck(f, *xs)


@pytest.mark.parametrize("n", [5, 6])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_fft_is_its_matrix_and_back_its_transpose(n, norm):
    at = np.arange(n)
    waves = np.exp(-2j * np.pi * np.outer(at, at) / n) / {None: 1, "ortho": np.sqrt(n), "forward": n}[norm]
    y, pullback = vjp(lambda x: np.fft.fft(x, norm=norm), mixed(n))
    dy = mixed(n)
    np.testing.assert_allclose(pullback(dy)[0], waves.T @ dy, atol=1e-14)


@pytest.mark.parametrize("name", OF_HALF)
@pytest.mark.parametrize("n", [6, 7])
def test_irfft_and_hfft_do_not_look_at_imaginary_parts_of_real_coefficients(name, n):
    dx = grad(lambda x: np.sum(getattr(np.fft, name)(x, n) ** 3))(mixed(4))
    own = np.array([True, False, False, n == 6])
    np.testing.assert_array_equal(np.abs(dx.imag) > 1e-6, ~own)
    np.testing.assert_allclose(dx.imag[own], 0, atol=1e-14)


def test_coefficients_that_a_short_transform_cuts_off_get_zeros():
    np.testing.assert_array_equal(grad(lambda x: np.fft.fft(x, 2).real.sum())(real(4)), [2, 0, 0, 0])
    np.testing.assert_array_equal(grad(lambda x: np.fft.irfft(x, 2)[0])(real(4)), [0.5, 0.5, 0, 0])


@given(st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_random_shapes_and_lengths(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    name = data.draw(st.sampled_from(OF_ANY + OF_REAL + OF_HALF))
    n = data.draw(st.integers(1, 7))
    norm = data.draw(st.sampled_from([None, "backward", "ortho", "forward"]))
    x = real(*shape) if name in OF_REAL else mixed(*shape)
    assert rulecheck(lambda x: getattr(np.fft, name)(x, n, axis, norm), x)


@given(st.data())
@settings(max_examples=20, deadline=None, derandomize=True)
def test_random_axes(data):
    shape = data.draw(st.lists(st.integers(2, 4), min_size=2, max_size=3))
    name = data.draw(st.sampled_from(["fftn", "ifftn", "rfftn", "irfftn"]))
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))]
    s = data.draw(st.one_of(st.none(), st.tuples(*[st.integers(1, 5)] * len(axes))))
    assert rulecheck(lambda x: getattr(np.fft, name)(x, s, axes), real(*shape))


def test_s_without_axes_means_the_last_ones():
    x = real(2, 3, 4)
    with warnings.catch_warnings(action="ignore"):  # NumPy will ask for axes some day
        assert rulecheck(lambda x: np.fft.fftn(x, (4, 2)), x)
        assert rulecheck(lambda x: np.fft.irfftn(x, (4, 2)), x)


def test_what_is_refused():
    x = Tensor(real(3, 4), requires_grad=True)
    with pytest.raises(ValueError, match=r"2 and 1 values"):
        np.fft.fftn(x, (2, 2), axes=(0,))
    with pytest.raises(TypeError, match="out="):
        np.fft.fft(x, out=np.zeros((3, 4), complex))
    with pytest.raises(ValueError, match="norm"):
        np.fft.fft(x, norm="other")
