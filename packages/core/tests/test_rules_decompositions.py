"""The rules of cholesky, qr, eigh, eig and svd: finite differences, what is decided, and what is refused."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import LinAlgError

from pellucid import Tensor, grad, gradcheck, rulecheck, vjp
from pellucid.rules.decompositions import eigvals, nearest

rng = np.random.default_rng(1)
EPS = np.finfo(float).eps
CASES = {}


def real(*shape):
    return rng.normal(size=shape)


def mixed(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def definite(x):
    return x @ adjoint(x) + np.eye(x.shape[-1])


def orthogonal(n):
    return np.linalg.qr(real(n, n))[0]


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


def modulus(v):
    return np.abs(v) ** 2


def of_eigh(a, UPLO="L"):
    """What does not depend on the phase of the vectors."""
    w, v = np.linalg.eigh(a, UPLO)
    return [w, modulus(v), (v * np.expand_dims(np.exp(w / 3), -2)) @ adjoint(v)]


def of_svd(a, **keywords):
    u, s, vh = np.linalg.svd(a, full_matrices=False, **keywords)
    return [s, modulus(u), modulus(vh), u @ vh, (u * np.expand_dims(s**2, -2)) @ vh]


for kind, x in {"": real, " complex": mixed}.items():
    for upper in (False, True):
        case(f"cholesky upper={upper}{kind}", lambda a, u=upper: np.linalg.cholesky(a, upper=u), definite(x(3, 3)))
    case(f"cholesky stack{kind}", np.linalg.cholesky, definite(x(2, 2, 3, 3)))
    case(f"cholesky one{kind}", np.linalg.cholesky, definite(x(1, 1)))
    for m, n in ((4, 3), (3, 3), (2, 4), (1, 1), (1, 3), (3, 1)):
        case(f"qr {m} {n}{kind}", np.linalg.qr, x(2, m, n))
        case(f"qr r {m} {n}{kind}", lambda a: np.linalg.qr(a, mode="r"), x(2, m, n))
        case(f"svd {m} {n}{kind}", of_svd, x(2, m, n))
        case(f"svd values of {m} {n}{kind}", lambda a: np.linalg.svd(a, compute_uv=False), x(2, m, n))
        case(f"svdvals {m} {n}{kind}", np.linalg.svdvals, x(m, n))
    case(f"svd u{kind}", lambda a: modulus(np.linalg.svd(a, full_matrices=False)[0])[:2], x(4, 3))
    case(f"svd vh{kind}", lambda a: modulus(np.linalg.svd(a, full_matrices=False)[2])[:, 1:], x(3, 4))
    case(f"svd of a square{kind}", lambda a: (lambda u, s, vh: [s, u @ vh])(*np.linalg.svd(a)), x(3, 3))
    for m, n in ((4, 2), (2, 4)):
        case(
            f"svd full_matrices {m} {n}{kind}",
            lambda a: (lambda u, s, vh: [s, u[..., :2] @ vh[..., :2, :]])(*np.linalg.svd(a)),
            x(2, m, n),
        )
    case(
        f"svd hermitian{kind}",
        lambda a: (lambda u, s, vh: [modulus(u), s, u @ vh])(*np.linalg.svd(a, hermitian=True)),
        x(2, 3, 3),
    )
    case(f"svd hermitian values{kind}", lambda a: np.linalg.svd(a, True, False, True), x(2, 3, 3))
    case(f"qr complete{kind}", lambda a: np.linalg.qr(a, "complete"), x(3, 3))
    case(f"qr complete wide{kind}", lambda a: np.linalg.qr(a, "complete"), x(2, 3))
    case(
        f"qr complete high{kind}",
        lambda a: (lambda q, r: [q[..., :2], r])(*np.linalg.qr(a, "complete")),
        x(2, 4, 2),
    )
    for UPLO in "LUlu":
        case(f"eigh {UPLO}{kind}", lambda a, t=UPLO: of_eigh(a, t), x(3, 3))
        case(f"eigvalsh {UPLO}{kind}", lambda a, t=UPLO: np.linalg.eigvalsh(a, UPLO=t), x(3, 3))
    case(f"eigh{kind}", of_eigh, x(2, 4, 4))
    case(f"eigh one{kind}", of_eigh, x(1, 1))
    case(f"eigvalsh{kind}", np.linalg.eigvalsh, x(2, 2, 3, 3))
    case(f"eig{kind}", np.linalg.eig, x(2, 4, 4))
    case(f"eig one{kind}", np.linalg.eig, x(1, 1))
    case(f"eigvals{kind}", np.linalg.eigvals, x(2, 4, 4))
case("svd hermitian vectors", lambda a: np.linalg.svd(a, hermitian=True), real(2, 3, 3))
case("eigh vectors", np.linalg.eigh, real(2, 3, 3))
case("svd vectors", lambda a: np.linalg.svd(a, full_matrices=False), real(2, 4, 3))
case("eig real values", np.linalg.eig, np.diag([1.0, 2, 3]) + 0.1 * real(3, 3))
case("eig complex pairs", np.linalg.eig, np.array([[0.0, 1, 0.3], [-2, 0.1, 0.2], [0.5, 0.4, 1]]))
case(  # squares, since the sign may change
    "eig with a zero above the largest component",
    lambda a: np.linalg.eig(a)[1][:, 0] ** 2,
    np.array([[-1.0, 0, 0, 0], [1, -1, 1, 1], [-1, -2, -2, 2], [0, 0, -1, -1]]),
)
case(
    "eig with a largest component that is negative",
    np.linalg.eig,
    np.array([[1.0, 0, -1, -1], [-2, -2, -2, -2], [2, 1, 2, 0], [1, 2, 1, 1]]),
)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        assert rulecheck(f, *xs)


@pytest.mark.parametrize("f", [np.linalg.svdvals, np.linalg.eigvalsh, np.linalg.eigvals, np.linalg.qr])
def test_third_derivatives(f):
    assert gradcheck(f, np.diag([1.0, 2, 4]) + 0.3 * real(3, 3), order=3)


@given(st.integers(1, 4), st.integers(1, 4), st.booleans(), st.sampled_from([of_svd, np.linalg.qr, np.linalg.svdvals]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_random_shapes(m, n, is_complex, f):
    a = np.random.default_rng(10 * m + n).normal(size=(2, m, n)) * (1 + 0.5j if is_complex else 1)
    a = a + np.arange(n) * np.eye(m, n)
    assert rulecheck(f, a)


@given(st.lists(st.integers(1, 2), max_size=2), st.integers(1, 4), st.sampled_from([of_eigh, np.linalg.eigvals]))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_random_stacks(stack, n, f):
    a = np.random.default_rng(n).normal(size=(*stack, n, n)) + 3 * np.diag(np.arange(n))
    assert gradcheck(f, a, order=2)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
@pytest.mark.parametrize("f", [np.linalg.cholesky, np.linalg.qr, of_eigh, np.linalg.eig, of_svd, np.linalg.svdvals])
def test_matrices_without_entries(f, shape):
    assert rulecheck(f, np.zeros(shape))


# Which triangle


@pytest.mark.parametrize("x", [real, mixed])
def test_the_gradient_stands_in_the_triangle_that_numpy_reads(x):
    a = definite(x(3, 3))
    for f, upper in (
        (np.linalg.cholesky, False),
        (lambda a: np.linalg.cholesky(a, upper=True), True),
        (np.linalg.eigvalsh, False),
        (lambda a: np.linalg.eigvalsh(a, "U"), True),
        (lambda a: np.linalg.svd(a, hermitian=True)[1], False),
    ):
        da = grad(lambda a, f=f: np.sum(f(a).real ** 2))(a)
        other = np.tril(da, -1) if upper else np.triu(da, 1)
        assert not other.any() and np.abs(da).sum() > 1
        assert not np.diag(da).imag.any()


def test_along_symmetric_directions_it_is_the_symmetric_gradient():
    a = definite(real(3, 3))
    w, v = np.linalg.eigh(a)
    da = grad(lambda a: np.linalg.eigvalsh(a)[0])(a)
    np.testing.assert_allclose((da + da.T) / 2, np.outer(v[:, 0], v[:, 0]), atol=1e-14)


def test_what_stands_in_the_other_triangle_does_not_matter():
    a = definite(real(3, 3))
    b = np.where(np.tri(3, dtype=bool), a, np.nan)
    for f in (np.linalg.cholesky, lambda a: np.linalg.eigh(a)[1]):
        np.testing.assert_array_equal(*[grad(lambda a, f=f: np.sum(f(a) ** 3))(x) for x in (a, b)])


# Equal values


def twice(values=(1.0, 1.0, 3.0)):
    q = orthogonal(len(values))
    return q @ np.diag(values) @ q.T


def test_equal_eigenvalues_have_a_gradient_where_the_function_has():
    a = twice()
    for f in (np.linalg.eigvalsh, np.linalg.eigvals, np.linalg.svdvals):
        da = grad(lambda a, f=f: np.sum(f(a) ** 3).real)(a)
        np.testing.assert_allclose((da + da.T) / 2, 3 * a @ a, atol=1e-12)


def test_vectors_of_other_values_have_one_too():
    a = twice((1.0, 1.0, 1.0, 3.0))
    da = grad(lambda a: np.linalg.eigh(a)[1][0, 3] ** 2)(a)  # (v vᵀ)₀₀ of the largest one
    step = 1e-5 * (lambda x: x + x.T)(real(4, 4))
    f = [np.linalg.eigh(x)[1][0, 3] ** 2 for x in (a + step, a - step)]
    np.testing.assert_allclose(np.sum(da * step), (f[0] - f[1]) / 2, rtol=1e-5)
    da = grad(lambda a: (lambda u, s, vh: u[0, 0] * vh[0, 0] * s[0])(*np.linalg.svd(a)))(a)
    f = [(lambda u, s, vh: u[0, 0] * vh[0, 0] * s[0])(*np.linalg.svd(x)) for x in (a + step, a - step)]
    np.testing.assert_allclose(np.sum(da * step), (f[0] - f[1]) / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("eigh", lambda a: np.linalg.eigh(a)[1][0, 0]),
        ("eigh", lambda a: -np.linalg.eigh(a)[1][0, 0]),
        ("eigh", lambda a: (lambda w, v: w[0] + v[0, 2])(*np.linalg.eigh(a))),
        ("eigh", lambda a: (lambda w, v: v[0, 2] - w[0])(*np.linalg.eigh(a))),
        ("eig", lambda a: (lambda w, v: np.sum(v * w).real)(*np.linalg.eig(a))),
        ("svd", lambda a: np.linalg.svd(a)[0][0, 2]),
        ("svd", lambda a: np.linalg.svd(a)[2][2, 0]),
        ("svd", lambda a: (lambda u, s, vh: u[0, 0] + s[2])(*np.linalg.svd(a))),
    ],
)
def test_vectors_of_equal_values_are_refused(name, f):
    with pytest.raises(
        LinAlgError, match=rf"np.linalg.{name} needs vectors of values that differ; here 1 is there twice"
    ):
        grad(f)(twice())


def test_second_derivatives_through_equal_values_are_refused_where_they_would_be_wrong():
    a = np.diag([0.0, 0.0, 1.0])
    for f in (np.linalg.eigvalsh, np.linalg.eigvals, np.linalg.svdvals):
        slope = grad(lambda a, f=f: np.sum(f(a) ** 2).real)
        np.testing.assert_allclose(slope(a), 2 * a, atol=1e-14)
        with pytest.raises(LinAlgError, match="values that differ; here 0 is"):
            grad(lambda a, slope=slope: np.sum(slope(a) * np.ones((3, 3))))(a)
    largest = grad(lambda a: np.linalg.eigvalsh(a)[-1])
    np.testing.assert_allclose(  # d²w/dt² = 2 Σ |vᵢᵀ da v|² / (w − wᵢ)
        grad(lambda a: np.sum(largest(a) * np.tri(3)))(a)[2], [2, 2, 0], atol=1e-14
    )


def test_vectors_of_a_singular_value_0_are_refused():
    a = np.diag([2.0, 1.0, 0.0])
    np.testing.assert_allclose(grad(lambda a: np.sum(np.linalg.svdvals(a) ** 3))(a), 3 * a @ a, atol=1e-15)
    np.testing.assert_allclose(grad(lambda a: np.linalg.svd(a)[0][0, 1])(a)[:2, :2], [[0, -1 / 3], [-2 / 3, 0]])
    assert gradcheck(lambda a: (lambda u, s, vh: [s[:2], u[:, :2] ** 2, vh[:2] ** 2])(*np.linalg.svd(a)), a)
    for f in (lambda a: np.linalg.svd(a)[0][0, 2], lambda a: np.linalg.svd(a)[2][2, 0]):
        with pytest.raises(LinAlgError, match="svd needs vectors of values that differ; here 0 is"):
            grad(f)(a)
    with pytest.raises(LinAlgError, match="here 0 is"):
        grad(lambda a: np.linalg.svd(a, full_matrices=False)[0][0, 1])(a[:, :2] * [1, 0])


def test_what_counts_as_equal():
    def first_vector(w):
        return grad(lambda a: np.linalg.eigh(a)[1][0, 0])(np.diag(w))

    with pytest.raises(LinAlgError, match="here 1 is there twice"):
        first_vector([1, 1 + 20 * EPS])
    first_vector([1, 1 + 21 * EPS])
    first_vector([1 / 16, 1 / 16 + 2 * EPS])
    with pytest.raises(LinAlgError, match="here 1 is there twice"):
        first_vector([1, 1 + 40 * EPS, 2])
    first_vector([1, 1 + 41 * EPS, 2])
    with pytest.raises(LinAlgError, match="here 1 is there twice"):
        grad(lambda a: np.linalg.eigh(a)[1][0, 1])(np.diag([-3, 1, 1 + 50 * EPS]))
    for smallest, refused in ((20 * EPS, True), (21 * EPS, False)):  # of a singular value, as 0
        slope = grad(lambda a: np.linalg.svd(a)[0][0, 1])
        if refused:
            with pytest.raises(LinAlgError, match="here 4.44089e-15 is"):
                slope(np.diag([1, smallest]))
        else:
            slope(np.diag([1, smallest]))


def test_how_little_counts_as_nothing():
    a = np.diag([1.0, 1.0, 3.0])

    def f(part):
        return grad(lambda a: (lambda w, v: v[0, 2] + part * v[1, 1])(*np.linalg.eigh(a)))(a)

    f(1.4e-8)  # √ε = 1.49e-8
    with pytest.raises(LinAlgError):
        f(1.6e-8)


def test_stacks_are_looked_at_one_by_one():
    a = np.stack([np.diag([1.0, 2.0]), np.diag([1e20, 3e20])])
    da = grad(lambda a: np.sum(np.linalg.eigh(a)[1][..., 0, 1]))(a)
    assert np.abs(da[0]).max() == 1
    b = np.stack([np.diag([1.0, 1.0, 3.0]), np.diag([1.0, 2.0, 3.0])])
    grad(lambda b: np.linalg.eigh(b)[1][1, 0, 1])(b)
    with pytest.raises(LinAlgError):
        grad(lambda b: np.sum(np.linalg.eigh(b)[1][:, 0, 1] * np.array([1e-12, 1.0])))(b)


# Sign and phase


def test_a_gradient_that_depends_on_the_phase_is_refused():
    a = mixed(3, 3)
    for name, f in (
        ("eigh", lambda a: np.linalg.eigh(a)[1][1, 1].real),
        ("svd", lambda a: np.linalg.svd(a)[0][1, 1].real),
        ("svd", lambda a: np.linalg.svd(a)[2][1, 1].imag),
    ):
        with pytest.raises(LinAlgError, match=f"np.linalg.{name} depends on the phase"):
            grad(f)(a)


@pytest.mark.parametrize(("part", "refused"), [(0.8e-3, False), (1.2e-3, True)])
def test_how_much_may_depend_on_the_phase(part, refused):
    """Rounding alone must not refuse a gradient: a thousandth of its size passes."""
    a, v = mixed(3, 3), None
    a = a + adjoint(a)
    v = np.linalg.eigh(a)[1]
    dv = np.conj(v) * (1 + 1j * part)  # Σ dv v = 1 + i part in every column
    y, pullback = vjp(lambda a: np.linalg.eigh(a)[1], a)
    if refused:
        with pytest.raises(LinAlgError, match="phase"):
            pullback(dv)
    else:
        pullback(dv)
    u, s, vh = np.linalg.svd(a)
    y, pullback = vjp(lambda a: list(np.linalg.svd(a)), a)
    parts = [np.conj(u) * (1 + 2j * part), np.zeros(3), np.conj(vh)]
    if refused:
        with pytest.raises(LinAlgError, match="phase"):
            pullback(parts)
    else:
        pullback(parts)


def test_the_size_of_a_gradient_does_not_matter_to_its_phase_but_the_other_columns_do():
    a = mixed(3, 3)
    a = a + adjoint(a)
    v = np.linalg.eigh(a)[1]
    turning = 1j * np.conj(v)  # all of it turns the phases
    _, pullback = vjp(lambda a: np.linalg.eigh(a)[1], a)
    with pytest.raises(LinAlgError, match="phase"):
        pullback(1e-9 * turning)
    pullback(turning * np.array([1e-9, 0, 0]) + np.conj(v) * np.array([0, 1, 0]))
    _, pullback = vjp(lambda a: np.linalg.eigh(a)[1], np.stack([a, a]))
    with pytest.raises(LinAlgError, match="phase"):  # of the second matrix, however large the first gradient is
        pullback(np.stack([1e9 * np.conj(v), turning]))


def test_phases_that_u_and_vh_share_may_turn():
    a = mixed(3, 3)
    da = grad(lambda a: (lambda u, s, vh: np.imag(u[0, 1] * vh[1, 2]))(*np.linalg.svd(a)))(a)
    step = 1e-5 * mixed(3, 3)
    f = [(lambda u, s, vh: np.imag(u[0, 1] * vh[1, 2]))(*np.linalg.svd(x)) for x in (a + step, a - step)]
    np.testing.assert_allclose(np.sum(da * step).real, (f[0] - f[1]) / 2, rtol=1e-6)


def test_eig_keeps_length_and_phase():
    """Where two components are equally large and one is real, that one stays real."""
    a = np.array([[0.0, -1.0], [1.0, 0.0]])
    v = np.linalg.eig(a)[1]
    assert v[0, 0].imag == 0 and abs(v[1, 0].real) < 1e-16
    for b in (a, np.array([[1.0, -1.0], [1.0, 0.0]])):  # LAPACK takes the first and the second component here
        k = np.flatnonzero(np.linalg.eig(b)[1][:, 0].imag == 0)[0]
        da = grad(lambda a, k=k: np.linalg.eig(a)[1][k, 0].imag)(b)
        np.testing.assert_allclose(da, 0, atol=1e-16)
    da = grad(lambda a: np.sum(np.abs(np.linalg.eig(a)[1]) ** 2))(mixed(3, 3))
    np.testing.assert_allclose(da, 0, atol=1e-14)


def test_eigvals_come_in_the_order_of_numpy():
    a = np.random.default_rng(0).normal(size=(130, 130))  # large enough for LAPACK to go another way without vectors
    y = np.linalg.eigvals(Tensor(a, requires_grad=True))
    np.testing.assert_allclose(y.data, np.linalg.eigvals(a), atol=1e-10)


def test_eigvals_are_put_in_that_order(monkeypatch):
    a = np.diag([1.0, 2.0, 4.0]) + 0.1 * real(3, 3)
    w = np.linalg.eigvals(a)[[1, 2, 0]]
    monkeypatch.setattr(np.linalg, "eigvals", lambda a: w)
    np.testing.assert_allclose(eigvals(Tensor(a, requires_grad=True)).data, w, atol=1e-14)


def test_nearest_takes_every_place_once():
    found = np.array([[1.0, 1.0 + 1e-9, 3.0], [0.0, 5.0, 5.0]])
    wanted = np.array([[3.0, 1.0, 1.0], [5.0, 0.1, 5.0]])
    np.testing.assert_array_equal(nearest(found, wanted), [[2, 0, 1], [1, 0, 2]])


# What is refused


def test_columns_that_are_an_arbitrary_basis_have_no_gradient():
    a = real(4, 2)
    with pytest.raises(LinAlgError, match=r"beyond the first 2 .* full_matrices=False"):
        grad(lambda a: np.linalg.svd(a)[0][0, 3])(a)
    with pytest.raises(LinAlgError, match=r"beyond the first 2 .* full_matrices=False"):
        grad(lambda a: np.linalg.svd(a)[2][3, 0])(a.T)
    with pytest.raises(LinAlgError, match=r"last 2 of the 4 columns of q .* mode='reduced'"):
        grad(lambda a: np.linalg.qr(a, "complete")[0][0, 2])(a)
    np.testing.assert_array_equal(grad(lambda a: np.linalg.qr(a, "complete")[1][3, 1])(a), np.zeros((4, 2)))


def test_qr_of_dependent_columns_and_its_raw_form_are_refused():
    a = real(4, 3)
    with pytest.raises(ValueError, match="not for 'raw'"):
        grad(lambda a: np.linalg.qr(a, "raw")[0][0, 0])(a)
    a[:, 1] = 2 * a[:, 0]
    with pytest.raises(LinAlgError, match="first 3 columns are linearly independent; these are not"):
        grad(lambda a: np.linalg.qr(a)[1][0, 0])(a)
    upper = np.diag([1.0, 40 * EPS])
    for f in (lambda a: np.linalg.qr(a)[1][0, 1], lambda a: np.linalg.qr(a, "r")[0, 1]):
        with pytest.raises(LinAlgError, match=r"falls to 8.88e-15"):
            grad(f)(upper)
        grad(f)(np.diag([1.0, 41 * EPS]))
        grad(f)(1e-30 * np.eye(2))
        with pytest.raises(LinAlgError, match="linearly independent"):
            grad(f)(1e30 * upper)
    stack = np.stack([np.eye(2), 1e30 * np.eye(2)])
    np.testing.assert_allclose(grad(lambda a: np.sum(np.linalg.qr(a)[1][:, 0, 1]))(stack)[:, 0, 1], [1, 1])


def test_a_defective_matrix_is_refused():
    a = np.array([[1.0, 1.0], [0.0, 1.0]])
    for f in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[1]):
        with pytest.raises(LinAlgError, match="defective"):
            grad(lambda a, f=f: np.sum(f(a)))(a)
        with pytest.raises(LinAlgError, match="defective"):
            grad(lambda a, f=f: np.sum(f(a)))(np.stack([np.diag([1.0, 2.0]), a]))
    with pytest.raises(LinAlgError, match="defective"):
        grad(lambda a: np.linalg.eigvals(a)[0])(np.array([[1.0, 1.0], [0.0, 1 + 32 * EPS]]))
    grad(lambda a: np.linalg.eigvals(a)[0])(np.array([[1.0, 1.0], [0.0, 1 + 64 * EPS]]))
    a[0, 1] = 0.0
    grad(lambda a: np.sum(np.linalg.eigvals(a)))(a)


def test_the_vectors_of_the_values_that_are_not_zero():
    a = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 3.0, 1.0]])  # the third row is the sum of the others
    assert gradcheck(lambda a: (lambda u, s, vh: [u[:, :2] ** 2, vh[:2] ** 2])(*np.linalg.svd(a)), a)
    assert gradcheck(lambda a: np.linalg.svd(a)[0][:, :2] ** 2, a)
