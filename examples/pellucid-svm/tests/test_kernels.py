"""The oracle is the definition: loops over points, explicit feature maps, eigenvalues, repeated rows."""

import itertools
import math

import numpy as np
import pytest

from pellucid_svm import RBF, Linear, Polynomial, Sigmoid, kernels

KERNELS = [Linear(), Polynomial(2, 0.5, 1.5), Polynomial(3, 0.7, -0.2), RBF(0.3), Sigmoid(0.4, -0.3)]
every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=repr)


def draw(N=7, M=4, D=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)), rng.normal(size=(M, D))


def by_loop(k, X, Y):
    return [[k(x.tolist(), y.tolist()) for y in Y] for x in X]


def dot(x, y):
    return sum(a * b for a, b in zip(x, y))


def test_eq_1_linear_is_the_sum_of_products():
    X, Y = draw()
    np.testing.assert_allclose(Linear()(X, Y), by_loop(dot, X, Y))


def test_eq_2_polynomial_is_the_inner_product_of_all_squares_and_products():
    X, Y = draw()
    gamma, c = 0.5, 1.5

    def features(x):
        """φ(x) with φ(x)ᵀφ(y) = (γ xᵀy + c)², written out."""
        first, second = zip(*itertools.combinations(x, 2))
        products = math.sqrt(2) * gamma * np.multiply(first, second)
        return np.concatenate([gamma * x**2, products, math.sqrt(2 * gamma * c) * x, [c]])

    expected = [[features(x) @ features(y) for y in Y] for x in X]
    np.testing.assert_allclose(Polynomial(2, gamma, c)(X, Y), expected)
    expected = by_loop(lambda x, y: (0.7 * dot(x, y) - 0.2) ** 3, X, Y)
    np.testing.assert_allclose(Polynomial(3, 0.7, -0.2)(X, Y), expected)


def test_eq_3_rbf_fades_with_the_squared_distance():
    X, Y = draw()
    expected = by_loop(lambda x, y: math.exp(-0.3 * math.dist(x, y) ** 2), X, Y)
    np.testing.assert_allclose(RBF(0.3)(X, Y), expected)


def test_eq_4_sigmoid_is_the_tanh_of_a_weighted_sum():
    X, Y = draw()
    np.testing.assert_allclose(Sigmoid(0.4, -0.3)(X, Y), by_loop(lambda x, y: math.tanh(0.4 * dot(x, y) - 0.3), X, Y))


@every_kernel
def test_eq_1_2_3_4_diag_is_the_diagonal(kernel):
    X, _ = draw()
    np.testing.assert_allclose(kernel.diag(X), kernel(X, X).diagonal())
    assert kernel.diag(X).shape == (7,)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_eq_5_distances_stay_precise_far_from_the_origin(offset):
    X, Y = np.round(np.array(draw(4, 4)), 3) + offset
    expected = by_loop(lambda x, y: math.dist(x, y) ** 2, X, Y)
    np.testing.assert_allclose(kernels.squared_distances(X, Y), expected, rtol=1e-12)
    X = np.repeat(X, 3, axis=0)
    assert kernels.squared_distances(X, X).min() == 0  # and never less


@pytest.mark.parametrize("far", [1e3, 1e8, 1e12, 1e200])
@pytest.mark.parametrize("tile", [1 << 16, 5])
def test_eq_5_one_far_point_costs_the_others_no_digit(far, tile, monkeypatch):
    monkeypatch.setattr(kernels, "TILE", tile)
    X, Y = draw()
    expected = by_loop(lambda x, y: math.dist(x, y) ** 2, X, Y)
    X, Y = np.vstack([X, [[far] * 3] * 2]), np.vstack([Y, [far] * 3])
    with np.errstate(over="ignore", invalid="ignore"):
        square = kernels.squared_distances(X, Y)
    np.testing.assert_allclose(square[:7, :4], expected, rtol=1e-11)
    assert (square[7:, 4] == 0).all() and (np.sqrt(square[7:, :4]) > far).all() and (np.sqrt(square[:7, 4]) > far).all()


def test_eq_5_two_tight_clouds_far_apart(monkeypatch):
    monkeypatch.setattr(kernels, "ENTRIES", 10)
    X = np.concatenate(draw()) + np.repeat([0.0, 1e6], [7, 4])[:, None]
    square = kernels.squared_distances(X, X)
    np.testing.assert_allclose(square, by_loop(lambda x, y: math.dist(x, y) ** 2, X, X), rtol=1e-11)


def test_eq_5_distances_of_ordinary_points_need_no_other_way(monkeypatch):
    monkeypatch.setattr(kernels, "CANCELS", -np.inf)
    X, Y = draw()
    np.testing.assert_allclose(kernels.squared_distances(X, Y), by_loop(lambda x, y: math.dist(x, y) ** 2, X, Y))


def test_distances_of_no_rows_are_an_empty_table():
    X, Y = draw()
    assert kernels.squared_distances(X, Y[:0]).shape == (7, 0) and kernels.squared_distances(X[:0], Y).shape == (0, 4)


def test_eq_6_gamma_is_one_over_the_spread_of_all_entries():
    X, _ = draw()
    entries = X.ravel().tolist()
    mean = sum(entries) / 21
    variance = sum((x - mean) ** 2 for x in entries) / 21
    assert kernels.spread(X, np.ones(7)) == pytest.approx(1 / (3 * variance))
    repeated = np.repeat(X, [1, 2, 0, 3, 1, 1, 1], axis=0)
    assert kernels.spread(X, np.array([1, 2, 0, 3, 1, 1, 1])) == pytest.approx(1 / (3 * repeated.var()))
    for same in (0.0, 0.3, 1e9 + 0.1):
        assert kernels.spread(np.full((10, 2), same), np.ones(10)) == 1
    assert kernels.spread(1e9 + X, np.ones(7)) == pytest.approx(1 / (3 * variance), rel=1e-6)
    with pytest.raises(ValueError, match=r"overflow: an entry is 1e\+200"):
        kernels.spread(np.array([[1e200], [0.0]]), np.ones(2))
    for tiny in (1e-200, 1e-160):
        with pytest.raises(ValueError, match=f"vanish: the largest entry is {tiny:g}. Rescale"):
            kernels.spread(tiny * np.array([[1.0], [0.0]]), np.ones(2))


def test_only_the_linear_kernel_has_an_origin_of_its_own():
    X, _ = draw()
    np.testing.assert_allclose(kernels.origin(Linear(), X), [sum(column) / 7 for column in X.T.tolist()])
    for kernel in KERNELS[1:]:
        assert kernels.origin(kernel, X).tolist() == [0, 0, 0]
    assert kernels.origin(Linear(), X[:0]).tolist() == [0, 0, 0]


@every_kernel
@pytest.mark.parametrize("entries", [1 << 22, 9, 1])
def test_eq_7_sums_of_kernels_in_blocks_of_any_size(kernel, entries, monkeypatch):
    monkeypatch.setattr(kernels, "ENTRIES", entries)
    X, V = draw()
    coef = np.arange(8.0).reshape(2, 4) - 3
    expected = [[sum(c[m] * kernel(x[None], V)[0, m] for m in range(4)) for c in coef] for x in X]
    np.testing.assert_allclose(kernels.sums(kernel, X, V, coef), expected)
    assert not kernels.sums(kernel, X, V[:0], coef[:, :0]).any()


@pytest.mark.parametrize("kernel", [Linear(), Polynomial(2, 0.5, 1.5), RBF(0.3)], ids=repr)
def test_inner_products_have_no_negative_eigenvalue(kernel):
    X, _ = draw(30)
    assert np.linalg.eigvalsh(kernel(X, X)).min() > -1e-9
    assert np.linalg.eigvalsh(Sigmoid(1.0, -1.0)(X, X)).min() < -1  # which is none


def test_kernels_are_values():
    assert RBF(0.5) == RBF(0.5) and RBF(0.5) != RBF(0.6) and hash(RBF(0.5)) == hash(RBF(0.5))
    assert len(set(KERNELS)) == len(KERNELS)
    assert [repr(kernel) for kernel in KERNELS[1::2]] == ["Polynomial(degree=2, gamma=0.5, coef0=1.5)"] + [
        "RBF(gamma=0.3)"
    ]


@every_kernel
def test_rows_are_those_of_the_matrix_whether_it_fits_or_not(kernel):
    X, _ = draw(20)
    calls = []

    def counted(X, Y):
        calls.append(len(X))
        return kernel(X, Y)

    at_once, on_demand = kernels.rows(counted, X, 1), kernels.rows(counted, X, 1e-9)
    assert calls == [20]
    for n in (3, 3, 7, 3, 0, 7, 19):
        np.testing.assert_allclose(at_once(n), kernel(X, X)[n], rtol=1e-12)
        np.testing.assert_allclose(on_demand(n), kernel(X, X)[n], rtol=1e-12, atol=1e-15)
    assert calls == [20, 1, 1, 1, 1, 1]  # room for two rows: 3, 7, 0, 7 again, 19


@every_kernel
def test_a_plain_function_has_a_diagonal_too(kernel, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", 3)
    X, _ = draw(8)
    np.testing.assert_allclose(kernels.diagonal(lambda X, Y: kernel(X, Y), X), kernel.diag(X))


def test_what_is_no_matrix_of_numbers_is_refused():
    X, Y = draw()
    with pytest.raises(ValueError, match=r"shape \(7, 4\); it returned one of shape \(4, 7\) and dtype float64"):
        kernels.matrix(lambda X, Y: Y @ X.T, X, Y)
    with pytest.raises(ValueError, match=r"Polynomial\(degree=300.*Rescale the columns"):
        kernels.matrix(Polynomial(300, 1.0, 1e6), X, Y)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint64, np.float16, np.float32])
def test_a_kernel_may_count_in_any_type_of_number(dtype):
    X, Y = draw()

    def signs(X, Y):
        return (np.sign(X) @ np.sign(Y).T > 0).astype(dtype)

    K = kernels.matrix(signs, X, Y)
    assert K.dtype == np.float64 and K.tolist() == signs(X, Y).astype(float).tolist()
    assert kernels.diagonal(signs, X).dtype == np.float64


@pytest.mark.parametrize(
    ("diag", "message"),
    [
        (np.ones((7, 1)), r"diag of the kernel .* for each row of X, an array of shape \(7,\); .* of shape \(7, 1\)"),
        (["one"] * 7, "must return one real number"),
        (np.full(7, np.nan), "diag of the kernel .* infinite or no numbers"),
    ],
)
def test_a_diagonal_is_held_to_the_same(diag, message):
    class Odd:
        def __call__(self, X, Y):
            return X @ Y.T

        def diag(self, X):
            return diag

    with pytest.raises(ValueError, match=message):
        kernels.diagonal(Odd(), draw()[0])
