"""The rules of np.linalg but for the decompositions: finite differences, definitions, what is decided and refused."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import LinAlgError

from pellucid import Tensor, grad, gradcheck, rulecheck, vjp

rng = np.random.default_rng(2)
EPS = np.finfo(float).eps
CASES = {}
DOUBLE_ONLY = {}  # what single precision sees as something else: a matrix that is singular in double precision


def real(*shape):
    return rng.normal(size=shape)


def mixed(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def no_zeros(x, *shape):
    """Away from the kink of a modulus."""
    y = x(*shape)
    return y + np.sign(y) / 10


def regular(x, *shape):
    """Matrices far from singular."""
    return x(*shape) / 2 + np.diag(np.arange(shape[-1]) + 2.0)


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


def kind_of(x):
    return " complex" if x is mixed else ""


def dependent(x, n, rank):
    """An n x n matrix of that rank, with entries that are exact."""
    a = np.round(4 * x(n, n)) / 4
    for i in range(rank, n):
        a[i] = a[0] - (i - rank + 1) * a[1 % rank] if rank else 0
    return a


for x in (real, mixed):
    kind = kind_of(x)
    case(f"inv{kind}", np.linalg.inv, regular(x, 3, 3))
    case(f"inv stack{kind}", np.linalg.inv, regular(x, 2, 1, 3, 3))
    for a, b in (
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((3, 3), (3, 0)),
        ((2, 3, 3), (3,)),
        ((2, 3, 3), (3, 1)),
        ((3, 3), (4, 3, 2)),
        ((2, 3, 3), (2, 3, 2)),
        ((1, 3, 3), (2, 3, 2)),
        ((2, 1, 3, 3), (4, 3, 2)),
        ((1, 1), (1,)),
    ):
        case(f"solve {a} {b}{kind}", np.linalg.solve, regular(x, *a), x(*b))
    case(f"solve and real{kind}", np.linalg.solve, regular(x, 3, 3), real(3))
    case(f"solve real and{kind}", np.linalg.solve, regular(real, 3, 3), x(3, 2))
    case(f"solve with a list{kind}", lambda b: np.linalg.solve([[2.0, 1.0], [0.0, 3.0]], b), x(2))
    case(f"tensorinv{kind}", np.linalg.tensorinv, x(2, 3, 6))
    case(f"tensorinv ind{kind}", lambda a: np.linalg.tensorinv(a, ind=1), x(6, 2, 3))
    case(f"tensorinv ind=3{kind}", lambda a: np.linalg.tensorinv(a, 3), x(1, 2, 2, 4))
    case(f"tensorsolve{kind}", np.linalg.tensorsolve, x(2, 3, 6), x(2, 3))
    case(f"tensorsolve several unknowns{kind}", np.linalg.tensorsolve, x(6, 2, 3), x(6))
    case(f"tensorsolve axes{kind}", lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)), x(3, 6, 2), x(6))
    case(
        f"tensorsolve one axis{kind}",
        lambda a, b: np.linalg.tensorsolve(a, b, (0,)),
        x(2, 3, 2, 3)[:, :, :, :],
        x(3, 2),
    )
    for n in (-3, -1, 1, 2, 3, 4, 5, 6):
        case(f"matrix_power {n}{kind}", lambda a, n=n: np.linalg.matrix_power(a, n) * 1, regular(x, 2, 3, 3))
    case(f"multi_dot two{kind}", lambda a, b: np.linalg.multi_dot([a, b]), x(2, 3), x(3, 4))
    case(f"multi_dot four{kind}", lambda *xs: np.linalg.multi_dot(xs), x(5, 3), x(3, 4), x(4, 2), x(2, 3))
    case(f"multi_dot from a vector{kind}", lambda *xs: np.linalg.multi_dot(xs), x(3), x(3, 4), x(4, 2))
    case(f"multi_dot to a vector{kind}", lambda *xs: np.linalg.multi_dot(xs), x(5, 3), x(3, 4), x(4))
    case(f"multi_dot of vectors{kind}", lambda a, b, c: np.linalg.multi_dot([a, b, c]), x(3), x(3, 4), x(4))
    case(f"multi_dot of two vectors{kind}", lambda a, b: np.linalg.multi_dot([a, b]), x(3), x(3))
    case(f"multi_dot of one array{kind}", np.linalg.multi_dot, x(3, 2, 2))
    case(f"multi_dot with constants{kind}", lambda a: np.linalg.multi_dot([a, np.ones((3, 2)), a], out=None), x(2, 3))
    for m, n in ((4, 3), (3, 3), (2, 4), (1, 1), (1, 3)):
        case(f"pinv {m} {n}{kind}", np.linalg.pinv, x(2, m, n))
    case(f"pinv rcond{kind}", lambda a: np.linalg.pinv(a, 1e-9), x(3, 4))
    case(f"pinv rcond cuts{kind}", lambda a: np.linalg.pinv(a, rcond=0.5), np.diag([3.0, 2, 1]) + 0.2 * x(3, 3))
    case(f"pinv rcond cuts wide{kind}", lambda a: np.linalg.pinv(a, 0.5), np.diag([3.0, 2, 1, 0])[:3] + 0.1 * x(3, 4))
    case(f"pinv rtol{kind}", lambda a: np.linalg.pinv(a, rtol=np.array([0.5, 1e-9])), np.eye(3, 4) + 0.4 * x(2, 3, 4))
    case(f"pinv rtol None{kind}", lambda a: np.linalg.pinv(a, rtol=None), x(3, 2))
    case(f"pinv hermitian{kind}", lambda a: np.linalg.pinv(a, hermitian=True), regular(x, 2, 3, 3))
    case(
        f"pinv hermitian cuts{kind}",
        lambda a: np.linalg.pinv(a, rtol=0.5, hermitian=True),
        np.diag([3.0, -2, 1]) + 0.2 * x(3, 3),
    )
    for a, b in (((4, 3), (4,)), ((4, 3), (4, 2)), ((3, 3), (3, 2)), ((2, 4), (2,)), ((2, 4), (2, 3)), ((4, 1), (4,))):
        case(
            f"lstsq {a} {b}{kind}",
            lambda a, b: [y for y in np.linalg.lstsq(a, b)[:2] if np.size(y)],
            x(*a),
            x(*b),
        )
    case(f"lstsq residuals{kind}", lambda a, b: np.linalg.lstsq(a, b, rcond=1e-9)[1], x(5, 2), x(5, 3))
    case(f"lstsq with a list{kind}", lambda b: np.linalg.lstsq([[1.0, 2], [3, 4], [5, 7]], b)[0], x(3))
    case(f"lstsq of a list{kind}", lambda a: np.linalg.lstsq(a, [[1.0, 2], [3, 4], [5, 7]])[0], x(3, 2))
    case(f"det{kind}", np.linalg.det, x(3, 3))
    case(f"det stack{kind}", np.linalg.det, x(2, 1, 3, 3))
    case(f"det one{kind}", np.linalg.det, x(1, 1))
    case(f"det of rank n - 1{kind}", np.linalg.det, dependent(x, 4, 3))
    case(f"det stack with singular ones{kind}", np.linalg.det, np.stack([x(3, 3), dependent(x, 3, 2)]))
    case(f"slogdet{kind}", lambda a, k=kind: list(np.linalg.slogdet(a))[k == "" :], x(2, 3, 3))
    for ord in (None, 2, 1, 3, 2.5, 0.5, -1, -2.5, np.inf, -np.inf):
        case(f"norm of a vector {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o), x(4))
        case(f"norm axis {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o, 1), x(2, 3, 2))
        case(
            f"norm axis keepdims {ord}{kind}",
            lambda a, o=ord: np.linalg.norm(a, ord=o, axis=-2, keepdims=True),
            x(3, 2),
        )
        if ord is None:
            continue
        case(f"vector_norm {ord}{kind}", lambda a, o=ord: np.linalg.vector_norm(a, ord=o), x(2, 3))
        case(
            f"vector_norm axis {ord}{kind}", lambda a, o=ord: np.linalg.vector_norm(a, ord=o, axis=1), no_zeros(x, 3, 2)
        )
        case(
            f"vector_norm axes {ord}{kind}",
            lambda a, o=ord: np.linalg.vector_norm(a, axis=(0, -1), keepdims=True, ord=o),
            x(2, 3, 2),
        )
    case(f"norm{kind}", np.linalg.norm, x(2, 3, 2))
    case(f"norm keepdims{kind}", lambda a: np.linalg.norm(a, keepdims=True), x(2, 3, 2))
    case(f"norm of a number{kind}", np.linalg.norm, x())
    case(f"norm one axis in a tuple{kind}", lambda a: np.linalg.norm(a, 3, (1,)), x(2, 3))
    for ord in (None, "fro", "f", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        for m, n in ((4, 3), (2, 3)):
            case(f"norm of a matrix {m} {n} {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o), x(m, n))
        case(f"norm axes {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o, (2, 0)), x(3, 2, 4))
        case(f"norm axes keepdims {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o, (0, -2), True), x(3, 4, 2))
        if ord is not None:
            case(f"matrix_norm {ord}{kind}", lambda a, o=ord: np.linalg.matrix_norm(a, ord=o), x(2, 4, 3))
    case(f"matrix_norm{kind}", lambda a: np.linalg.matrix_norm(a, keepdims=True), x(2, 4, 3))
    for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"):
        case(f"cond {p}{kind}", lambda a, p=p: np.linalg.cond(a, p), np.diag([1.0, 2, 4]) + 0.3 * x(2, 3, 3))
    case(f"cond of one{kind}", np.linalg.cond, np.diag([1.0, 2, 4]) + 0.3 * x(3, 3))
    for p in (None, 2, -2):
        case(f"cond of a high matrix {p}{kind}", lambda a, p=p: np.linalg.cond(a, p), x(4, 2))
    DOUBLE_ONLY[f"det of rank n - 2{kind}"] = np.linalg.det, [dependent(x, 4, 2)]
    DOUBLE_ONLY[f"det of zeros{kind}"] = np.linalg.det, [np.zeros((3, 3)) + 0 * x(3, 3)]
    DOUBLE_ONLY[f"det of zero{kind}"] = np.linalg.det, [np.zeros((1, 1)) + 0 * x(1, 1)]
    DOUBLE_ONLY[f"det almost singular{kind}"] = np.linalg.det, [dependent(x, 3, 2) + 1e-9 * x(3, 3)]
    DOUBLE_ONLY[f"pinv of low rank{kind}"] = lambda a, b: np.linalg.pinv(a @ b), [x(4, 2), x(2, 3)]
    DOUBLE_ONLY[f"pinv of low rank, high{kind}"] = lambda a, b: np.linalg.pinv(a @ b, 1e-12), [x(3, 1), x(1, 4)]
    DOUBLE_ONLY[f"lstsq of low rank{kind}"] = lambda a, b, c: np.linalg.lstsq(a @ b, c)[0], [x(4, 2), x(2, 3), x(4, 2)]
    DOUBLE_ONLY[f"lstsq of low rank, wide{kind}"] = (
        lambda a, b, c: np.linalg.lstsq(a @ b, c)[0],
        [x(3, 1), x(1, 4), x(3)],
    )
case(
    "pinv rcond cuts small and large",
    lambda a: np.linalg.pinv(a, 0.5),
    np.array([[[1.0]], [[10.0]]]) * np.diag([3.0, 1.0]) + 0.1 * real(2, 2, 2),
)
DOUBLE_ONLY["det of different ranks"] = np.linalg.det, [np.stack([dependent(real, 4, 3), np.diag([2.0, 1, 0, 0])])]
case("norm of a vector -2", lambda a: np.linalg.norm(a, -2), np.array([1.0, -2.0, 0.5]))


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        assert rulecheck(f, *xs)


@pytest.mark.parametrize("name", DOUBLE_ONLY)
def test_rule_where_the_rank_is_low(name):
    f, xs = DOUBLE_ONLY[name]
    with warnings.catch_warnings(action="error"):
        assert gradcheck(f, *xs, order=2)


@given(st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_solve_of_random_stacks(data):
    n = data.draw(st.integers(1, 3))
    stack = data.draw(st.lists(st.integers(1, 2), max_size=2))
    a = real(*[k if data.draw(st.booleans()) else 1 for k in stack], n, n) + 3 * np.eye(n)
    b = real(n) if data.draw(st.booleans()) else real(*stack[data.draw(st.integers(0, len(stack))) :], n, 2)
    assert rulecheck(np.linalg.solve, a, b)


@given(st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_random_norms(data):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    axes = tuple(data.draw(st.permutations(range(len(shape))))[:2])
    ord = data.draw(st.sampled_from([None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]))
    keepdims = data.draw(st.booleans())
    x = real(*shape) + 2 * rng.permutation(np.arange(np.prod(shape))).reshape(shape)
    assert rulecheck(lambda x: np.linalg.norm(x, ord, axes, keepdims), x)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0), (0, 3), (3, 0)])
def test_matrices_without_entries(shape):
    x = np.zeros(shape)
    with warnings.catch_warnings(action="error"):
        for f in (
            np.linalg.pinv,
            lambda x: np.linalg.pinv(x, 0.1),
            np.linalg.norm,
            *(lambda x, o=o: np.linalg.matrix_norm(x, ord=o) for o in ("fro", "nuc", 1, 2, np.inf)),
            lambda x: np.linalg.vector_norm(x, ord=np.inf),
        ):
            assert rulecheck(f, x)
        if shape[-1] == shape[-2]:
            for f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet, lambda x: np.linalg.matrix_power(x, 3) * 1):
                assert rulecheck(f, x)
    assert rulecheck(lambda b: np.linalg.lstsq(np.ones((3, 2)), b)[0], np.zeros((3, 0)))


# Determinants


def minor(a, i, j):
    """Leibniz' sum over permutations, of what is left without row i and column j."""
    rest = np.delete(np.delete(a, i, 0), j, 1)
    n = len(rest)
    total = 0
    for p in itertools.permutations(range(n)):
        sign = (-1) ** sum(p[s] > p[t] for s in range(n) for t in range(s + 1, n))
        total = total + sign * np.prod([rest[s, p[s]] for s in range(n)])
    return (-1) ** (i + j) * total


@pytest.mark.parametrize("x", [real, mixed])
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_the_gradient_of_det_is_the_matrix_of_cofactors(x, rank):
    a = dependent(x, 4, rank)
    cofactors = [[minor(a, i, j) for j in range(4)] for i in range(4)]
    da = vjp(np.linalg.det, a)[1](1.0)[0]
    np.testing.assert_allclose(da, cofactors, atol=1e-13 * np.max(np.abs(a)) ** 3)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 0.0])
def test_second_derivatives_of_det_however_close_to_singular(gap):
    a = real(3, 3)
    a[2] = a[0] + a[1] + gap * np.array([1.0, -1.0, 0.5])
    row = grad(lambda a: vjp(np.linalg.det, a)[1](1.0)[0][0, 0])(a)  # of a₁₁ a₂₂ − a₁₂ a₂₁
    expected = [[0, 0, 0], [0, a[2, 2], -a[2, 1]], [0, -a[1, 2], a[1, 1]]]
    np.testing.assert_allclose(row, expected, atol=1e-7 if gap == 1e-6 else 1e-9)


def test_second_derivatives_of_det_of_rank_1():
    """Singular values that are 0 come out as rounding, and what is left of a can be exactly singular."""
    for _ in range(50):
        a = np.outer(*rng.integers(-4, 5, size=(2, 3))).astype(float)
        row = grad(lambda a: vjp(np.linalg.det, a)[1](1.0)[0][0, 0])(a)
        expected = [[0, 0, 0], [0, a[2, 2], -a[2, 1]], [0, -a[1, 2], a[1, 1]]]
        np.testing.assert_allclose(row, expected, atol=1e-12)


@pytest.mark.parametrize("seed", [14, 15, 16])
def test_second_derivatives_of_det_of_what_is_just_almost_singular(seed):
    """Where the condition number of order 1 is too large for a division, that of order 2 may be small enough."""
    a = np.random.default_rng(seed).normal(size=(3, 3))
    gap = np.array([1.0, -1.0, 0.5])
    a[2] = a[0] + a[1] + 1e-6 * gap
    a[2] = a[0] + a[1] + 1e-6 * np.linalg.cond(a, 1) * np.sqrt(EPS) / 1.2 * gap
    assert np.linalg.cond(a) < 1 / np.sqrt(EPS) < np.linalg.cond(a, 1)
    row = grad(lambda a: vjp(np.linalg.det, a)[1](1.0)[0][0, 0])(a)
    expected = [[0, 0, 0], [0, a[2, 2], -a[2, 1]], [0, -a[1, 2], a[1, 1]]]
    np.testing.assert_allclose(row, expected, atol=1e-12)


@pytest.mark.parametrize("x", [real, mixed])
def test_the_gradient_of_det_of_many_rows_of_different_rank_and_size(x):
    """The cofactors of u s w are those of s, turned by u and w."""
    u, w = np.linalg.qr(x(2, 16, 16))[0], np.linalg.qr(x(2, 16, 16))[0]
    s = np.linspace(2, 1, 16) * (np.arange(16) < [[15], [14]])
    cofactors = np.conj(u[0, :, -1:] * w[0, -1]) * np.prod(s[0, :-1]) * np.linalg.det(u[0]) * np.linalg.det(w[0])
    size = np.array([1e9, 1e-9])
    f = lambda a: np.sum(np.real(np.linalg.det(size[:, None, None] * a) / size**16))
    da = grad(f)((u * s[:, None]) @ w)
    np.testing.assert_allclose(da[0], cofactors, atol=1e-11)
    np.testing.assert_allclose(da[1], np.zeros((16, 16)), atol=1e-11)


def test_the_gradient_of_det_of_regular_matrices_needs_no_singular_values(monkeypatch):
    monkeypatch.setattr(np.linalg, "svd", None)
    np.testing.assert_allclose(grad(np.linalg.det)(np.diag([1.0, 2.0, 3.0])), np.diag([6.0, 3.0, 2.0]))


def test_third_derivatives_of_det():
    assert gradcheck(np.linalg.det, np.zeros((3, 3)), order=3)
    assert gradcheck(np.linalg.det, dependent(real, 3, 1), order=3, atol=1e-5)
    assert gradcheck(np.linalg.det, real(3, 3), order=3, atol=1e-5)


def test_det_of_a_matrix_with_nan_has_gradient_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(grad(np.linalg.det)(np.full((2, 2), np.nan))).all()


def test_slogdet_of_a_singular_matrix_is_refused():
    a = np.stack([np.eye(2), np.ones((2, 2))])
    with pytest.raises(LinAlgError, match="slogdet has a gradient where the matrix is invertible"):
        grad(lambda a: np.linalg.slogdet(a)[1][0])(a)


# Rank


def test_pinv_of_a_hermitian_matrix_reads_its_lower_triangle():
    a = mixed(3, 3)
    for f in (
        lambda a: np.linalg.pinv(a, hermitian=True),
        lambda a: np.linalg.pinv(a, rcond=1e-9, hermitian=True),
        lambda a: np.linalg.pinv(a, rcond=0.6, hermitian=True),
    ):
        da = grad(lambda a, f=f: np.sum(np.abs(f(a)) ** 2))(a)
        assert not np.triu(da, 1).any() and not np.diag(da).imag.any() and np.abs(da).sum() > 0.1


def test_pinv_of_many_rows_makes_no_square_of_them():
    a = real(100_000, 2)
    for x in (a, a.T):
        assert np.isfinite(grad(lambda x: np.sum(np.linalg.pinv(x) ** 2))(x)).all()


def test_pinv_cuts_among_equal_singular_values_only_what_is_0():
    """Where something is cut, singular vectors are needed; those of equal singular values have no derivative."""
    slope = grad(lambda a: np.sum(np.linalg.pinv(a, 1e-6)))
    for size in (1, 2.0**16, 2.0**-16):
        assert np.isfinite(slope(size * np.diag([1, 1, 20 * EPS]))).all()
        with pytest.raises(LinAlgError, match=f"values that differ; here {size:.6g} is there twice"):
            slope(size * np.diag([1, 1, 21 * EPS]))


def test_pinv_cuts_a_singular_value_that_is_just_at_the_limit():
    a = np.array([[2.0, 0.0], [0.0, 1.0]])
    slopes = [grad(lambda a, limit=limit: np.sum(np.linalg.pinv(a, limit)))(a) for limit in (0.5, 0.6)]
    np.testing.assert_array_equal(*slopes)


def test_lstsq_refuses_what_has_no_gradient():
    a, b = np.diag([2.0, 1.0, 0.5])[:, :2] + 0.0, real(3)
    with pytest.raises(LinAlgError, match="through the singular values"):
        grad(lambda a: np.linalg.lstsq(a, b)[3][0])(a)
    with pytest.raises(LinAlgError, match=r"cut a singular value 1 \(the largest is 2\)"):
        grad(lambda a: np.linalg.lstsq(a, b, rcond=0.6)[0][0])(a)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(grad(lambda a: np.linalg.lstsq(a, b)[0][0])(np.zeros((3, 2))), np.zeros((3, 2)))
    for size in (1, 2.0**16, 2.0**-16):
        grad(lambda a: np.linalg.lstsq(a, b, rcond=1e-6)[0][0])(size * np.eye(3, 2) * [1, 20 * EPS])
        with pytest.raises(LinAlgError, match=f"cut a singular value {size * 21 * EPS:.3g}"):
            grad(lambda a: np.linalg.lstsq(a, b, rcond=1e-6)[0][0])(size * np.eye(3, 2) * [1, 21 * EPS])


def test_rank_and_singular_values_of_lstsq_have_their_values():
    a = real(4, 2)
    _, _, rank, s = np.linalg.lstsq(Tensor(a, requires_grad=True), real(4))
    assert int(rank) == 2 and not rank.requires_grad
    np.testing.assert_allclose(s.data, np.linalg.svdvals(a))
    assert np.linalg.matrix_rank(Tensor(a, requires_grad=True)) == 2


def test_least_squares_without_rcond_keeps_small_singular_values():
    for small in (1e-9, 4 * EPS):
        a = np.diag([1.0, small])
        np.testing.assert_allclose(grad(lambda b, a=a: np.sum(np.linalg.lstsq(a, b)[0]))(np.ones(2)), [1, 1 / small])


def test_the_gradient_of_lstsq_counts_the_singular_values_that_its_value_counts():
    for size in (1, 2.0**16, 2.0**-16):
        a = size * np.diag([1, 24 * EPS, 14 * EPS])
        db = grad(lambda b, a=a: np.sum(np.linalg.lstsq(a, b, rcond=18 * EPS)[0]))(np.ones(3))
        np.testing.assert_allclose(db * size, [1, 1 / (24 * EPS), 0])


# Norms


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("ord", [None, 2, 1, 3, 1.5, 0.5, np.inf, -np.inf])
def test_norms_of_zeros_have_gradient_0_and_so_has_that(ord, dtype):
    slope = grad(lambda x: np.linalg.norm(x, ord))
    for x in (np.zeros(3, dtype), np.array([0, 2, 0], dtype)):
        with warnings.catch_warnings(action="error"):
            first = slope(x)
            second = grad(lambda x: np.sum(np.real(slope(x) * np.array([1.0, 2.0, 3.0]))))(x)
        assert not first[0] and not first[2]
        assert first[1] == (x[1] != 0 and ord != -np.inf)
        assert np.isfinite(second).all() and (x.any() or not second.any())


@pytest.mark.parametrize("ord", [2, 3, 1.5])
@pytest.mark.filterwarnings("ignore:overflow")
def test_where_the_powers_leave_the_range_of_numbers_the_slope_is_that_of_a_shorter_vector(ord):
    x = np.array([[-1.0, -2.0, 0.0], [3.0, 4.0, 1.0], [0.0, 0.0, 0.0], [0.5, 0.1, -0.7]])
    for dtype, size in ((float, 1e250), (np.float32, 1e30)):
        scale = np.array([[size], [1.0], [1.0], [1 / size]], dtype)
        slope = grad(lambda x: np.sum(np.linalg.norm(x, ord, axis=1) * [2.0, 3.0, 5.0, 7.0]))
        far = slope(x.astype(dtype) * scale)
        assert far.dtype == dtype
        np.testing.assert_allclose(far, slope(x), rtol=1e-5 if dtype is np.float32 else 1e-14)
    twice = grad(lambda x: grad(lambda x: np.linalg.norm(x, ord))(x)[0])
    np.testing.assert_allclose(twice(x[1] * 1e250) * 1e250, twice(x[1]), rtol=1e-12)
    z = np.array([3e250, 4e250j, 0])
    np.testing.assert_allclose(
        grad(lambda z: np.linalg.norm(z, ord))(z), grad(lambda z: np.linalg.norm(z, ord))(z / z[0].real)
    )


def test_the_norm_of_a_matrix_that_overflows():
    x = np.array([[3e200, 0.0], [0.0, -4e200]])
    with np.errstate(over="ignore"):
        for f in (np.linalg.norm, lambda x: np.linalg.norm(x, "fro"), np.linalg.vector_norm):
            np.testing.assert_allclose(grad(f)(x), [[0.6, 0], [0, -0.8]])


def test_infinite_entries_of_a_norm():
    with warnings.catch_warnings(action="error"):
        for ord, expected in ((2, [1, 0, 0]), (1, [1, 1, 0]), (3, [1, 0, 0]), (np.inf, [1, 0, 0])):
            slope = grad(lambda x, ord=ord: 3 * np.linalg.norm(x, ord))
            np.testing.assert_array_equal(slope(np.array([np.inf, 2.0, 0.0])), 3 * np.array(expected))
        two = grad(np.linalg.norm)(np.array([np.inf, 2.0, -np.inf]))
    np.testing.assert_allclose(two, [np.sqrt(0.5), 0, -np.sqrt(0.5)])


def test_negative_orders_with_a_zero_entry():
    x = np.array([0.0, 1.0, 2.0])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, -1))(x), [0, 0, 0])


def test_norm_0_counts_and_has_gradient_0():
    for x in (np.array([0.0, 1.0, 2.0]), np.array([0, 1j, 2])):
        y, pullback = vjp(lambda x: [np.linalg.norm(x, 0), np.linalg.vector_norm(x, ord=0)], x)
        assert y == [2, 2]
        np.testing.assert_array_equal(pullback([1.0, 1.0])[0], np.zeros(3, x.dtype))


def test_equally_large_ones_share():
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, np.inf))(np.array([2.0, -2.0, 1.0])), [0.5, -0.5, 0])
    np.testing.assert_array_equal(
        grad(lambda x: np.linalg.norm(x, -np.inf))(np.array([2.0, -1.0, 1.0])), [0, -0.5, 0.5]
    )
    a = np.array([[1.0, -2.0], [2.0, 1.0]])
    for ord in (1, -1, np.inf, -np.inf):
        np.testing.assert_array_equal(grad(lambda a, o=ord: np.linalg.norm(a, o))(a), np.sign(a) / 2)
    for p in (None, 2, -2):
        np.testing.assert_allclose(grad(lambda a, p=p: np.linalg.cond(a, p))(np.eye(3)), np.zeros((3, 3)), atol=1e-15)
    for ord in (2, -2):
        np.testing.assert_allclose(grad(lambda a, o=ord: np.linalg.norm(a, o))(np.eye(4)), np.eye(4) / 4)


def test_the_nuclear_norm_passes_nothing_along_singular_vectors_of_0():
    a = np.diag([3.0, 1.0, 0.0])
    slope = grad(lambda a: np.linalg.norm(a, "nuc"))
    np.testing.assert_allclose(slope(a), np.diag([1.0, 1.0, 0.0]), atol=1e-15)
    assert np.isfinite(grad(lambda a: np.sum(slope(a) * np.tri(3)))(a)).all()
    np.testing.assert_array_equal(slope(np.zeros((2, 3))), np.zeros((2, 3)))
    for size in (1, 2.0**16, 2.0**-16):
        np.testing.assert_array_equal(slope(size * np.diag([1, 20 * EPS])), np.diag([1, 0]))
        np.testing.assert_array_equal(slope(size * np.diag([1, 21 * EPS])), np.eye(2))
    stack = np.stack([1e20 * np.diag([2.0, 1.0]), np.diag([2.0, 1.0])])
    da = grad(lambda a: np.sum(np.linalg.matrix_norm(a, ord="nuc")))(stack)
    np.testing.assert_array_equal(da, [np.eye(2), np.eye(2)])


def test_cond_of_a_singular_matrix_is_infinite_and_passes_no_gradient():
    a = np.stack([np.diag([1.0, 2.0]), np.zeros((2, 2)), np.ones((2, 2))])
    for p in (None, 1, np.inf, "fro"):
        with warnings.catch_warnings(action="error"):
            y, pullback = vjp(lambda a, p=p: np.linalg.cond(a, p), a)
            da = pullback(np.ones(3))[0]
        assert np.isfinite(y[0]) and y[1] == np.inf
        assert np.abs(da[0]).sum() > 0.4 and not da[1].any()


# What is refused


def test_what_is_refused():
    x = Tensor(real(2, 3), requires_grad=True)
    square = Tensor(real(2, 2), requires_grad=True)
    with pytest.raises(LinAlgError, match="square"):
        np.linalg.matrix_power(x, 2)
    with pytest.raises(TypeError, match="integer"):
        np.linalg.matrix_power(square, 2.0)
    with pytest.raises(ValueError, match="positive ind"):
        np.linalg.tensorinv(x, 0)
    with pytest.raises(LinAlgError, match="6 entries for 3 unknowns"):
        np.linalg.tensorsolve(x, np.ones(2))
    with pytest.raises(ValueError, match="can't be both set"):
        np.linalg.pinv(x, 1e-9, rtol=1e-9)
    with pytest.raises(TypeError, match="unexpected keyword"):
        np.linalg.pinv(x, other=1)
    with pytest.raises(LinAlgError, match="[Ss]ingular"):
        np.linalg.inv(Tensor(np.ones((2, 2)), requires_grad=True))
    with pytest.raises(ValueError, match="norm order"):
        np.linalg.norm(x, 3)


def test_the_power_0_is_a_constant():
    a = Tensor(real(2, 3, 3), requires_grad=True)
    y = np.linalg.matrix_power(a, 0)
    assert isinstance(y, Tensor) and not y.requires_grad
    np.testing.assert_array_equal(y.data, np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert np.linalg.matrix_power(a, np.int64(1)) is a
    np.testing.assert_array_equal(np.linalg.matrix_power(Tensor(np.zeros((2, 2)), requires_grad=True), 0), np.eye(2))


def test_matrix_power_makes_no_power_beyond_the_one_that_is_wanted():
    with warnings.catch_warnings(action="error"):
        np.testing.assert_allclose(grad(lambda a: np.linalg.matrix_power(a, 2)[0, 0])(np.array([[1e100]])), [[2e100]])
