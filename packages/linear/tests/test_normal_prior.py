"""The oracle is the joint normal density of targets and weights, written out, and sums over fine grids."""

import numpy as np
import pytest

from pellucid_linear import linear_regression, normal_prior
from pellucid_linear.normal_prior import Posterior, Prior


def draw(seed, N, D, T=2, weighted=True):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)) + 2
    return X, Y, rng.uniform(0.3, 3, N) if weighted else np.ones(N)


def root(D, kind, seed=0):
    """H, one number, a diagonal or a matrix that is not symmetric; and V₀."""
    rng = np.random.default_rng(seed)
    H = {"number": np.full(D, 1.7), "diagonal": rng.uniform(0.5, 2, D), "matrix": rng.normal(size=(D, D))}[kind]
    return H, np.diag(H**2) if H.ndim == 1 else H @ H.T


def factor_of(X, Y, s, fit_intercept):
    return linear_regression.gathered(X, Y, s, fit_intercept=fit_intercept)


kinds = pytest.mark.parametrize("kind", ["number", "diagonal", "matrix"])
shapes = pytest.mark.parametrize("N, D", [(30, 3), (4, 9), (5, 5), (1, 2)])


@kinds
@shapes
def test_eq_1_2_3_4_5_6_posterior_is_the_joint_normal_given_the_targets(N, D, kind):
    """Without intercept: Cov(w, y) = V₀Xᵀ, Cov(y, y) = XV₀Xᵀ + diag(1/s), and the rule for conditional normals."""
    X, Y, s = draw(1, N, D)
    H, V_0 = root(D, kind)
    m_0 = np.random.default_rng(2).normal(size=(2, D))
    cross, of_y = V_0 @ X.T, X @ V_0 @ X.T + np.diag(1 / s)
    coef = m_0 + (cross @ np.linalg.solve(of_y, Y - X @ m_0.T)).T
    V = V_0 - cross @ np.linalg.solve(of_y, cross.T)
    found = normal_prior.learn(Prior(m_0, H), factor_of(X, Y, s, False), fit_intercept=False)
    np.testing.assert_allclose(found.coef, coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(normal_prior.covariance(found), V, rtol=1e-9, atol=1e-11)
    points = np.vstack([X, np.random.default_rng(3).normal(size=(4, D)), np.zeros(D)])
    np.testing.assert_allclose(
        normal_prior.spread(points, found), np.einsum("nd,de,ne->n", points, V, points), rtol=1e-9, atol=1e-12
    )


@kinds
@shapes
@pytest.mark.parametrize("weighted", [True, False])
def test_eq_1_3_4_5_8_intercept_is_one_more_weight_without_a_prior(N, D, kind, weighted):
    """Then the precision of (w, b) is that of the prior plus Σₙ sₙ (xₙ, 1)(xₙ, 1)ᵀ."""
    X, Y, s = draw(4, N, D, weighted=weighted)
    H, V_0 = root(D, kind)
    m_0 = np.random.default_rng(5).normal(size=(2, D))
    precision, right = np.zeros((D + 1, D + 1)), np.zeros((D + 1, 2))
    precision[:D, :D] = np.linalg.inv(V_0)
    right[:D] = precision[:D, :D] @ m_0.T
    for x, y, weight in zip(np.column_stack([X, np.ones(N)]), Y, s):
        precision += weight * np.outer(x, x)
        right += weight * np.outer(x, y)
    covariance = np.linalg.inv(precision)
    both = covariance @ right
    found = normal_prior.learn(Prior(m_0, H), factor_of(X, Y, s if weighted else None, True))
    np.testing.assert_allclose(found.coef, both[:D].T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.y_mean - found.coef @ found.x_mean, both[D], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(normal_prior.covariance(found), covariance[:D, :D], rtol=1e-8, atol=1e-10)
    points = np.random.default_rng(6).normal(size=(5, D))
    ones = np.column_stack([points, np.ones(5)])
    expected = np.einsum("nd,de,ne->n", ones, covariance, ones)
    np.testing.assert_allclose(normal_prior.spread(points, found), expected, rtol=1e-8)


def test_eq_5_blocks_of_rows_are_all_the_same(monkeypatch):
    X, Y, s = draw(7, 20, 3)
    found = normal_prior.learn(Prior(np.zeros((2, 3)), np.ones(3)), factor_of(X, Y, s, True))
    whole = normal_prior.spread(X, found)
    monkeypatch.setattr(normal_prior, "BLOCK", 7)
    np.testing.assert_allclose(normal_prior.spread(X, found), whole, rtol=1e-14)


def test_eq_3_4_the_share_of_the_data_along_a_direction():
    """With one weight: w goes the share γ²/(1 + γ²) from the prior's mean 1 to the 3 of the data."""
    X, Y = np.array([[2.0], [0.0]]), np.array([[6.0], [0.0]])
    found = normal_prior.learn(
        Prior(np.ones((1, 1)), np.array([0.5])), factor_of(X, Y, None, False), fit_intercept=False
    )
    np.testing.assert_allclose(found.precision, [1 + (2 * 0.5) ** 2])
    np.testing.assert_allclose(found.coef, [[1 + 0.5 * (3 - 1)]])


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_1_3_4_5_6_flat_prior_is_least_squares(fit_intercept):
    X, Y, s = draw(8, 25, 4)
    X[:, 2] *= 1e7  # in whatever units
    A = np.column_stack([X, np.ones(25)]) if fit_intercept else X
    V = np.linalg.inv((A.T * s) @ A)
    both = V @ (A.T * s) @ Y
    found = normal_prior.learn(
        Prior(np.zeros((2, 4)), None), factor_of(X, Y, s, fit_intercept), fit_intercept=fit_intercept
    )
    np.testing.assert_allclose(found.coef, both[:4].T, rtol=1e-6)
    np.testing.assert_allclose(normal_prior.covariance(found), V[:4, :4], rtol=1e-6)
    np.testing.assert_allclose(normal_prior.spread(X, found), np.einsum("nd,de,ne->n", A, V, A), rtol=1e-6)


def test_eq_4_flat_prior_forgets_its_mean():
    X, Y, s = draw(9, 25, 4)
    factor = factor_of(X, Y, s, True)
    one, other = (normal_prior.learn(Prior(np.full((2, 4), m), None), factor) for m in (0.0, 5.0))
    np.testing.assert_allclose(one.coef, other.coef, rtol=1e-10)
    np.testing.assert_allclose(one.misfit, other.misfit, rtol=1e-10)


def test_eq_4_5_6_a_flat_prior_is_infinitely_uncertain_where_no_row_has_been():
    X, Y, _ = draw(10, 30, 3)
    X = np.column_stack([X, X[:, 0]])  # w₀ + w₃ is determined, the two alone are not
    factor = factor_of(X, Y, None, True)
    found = normal_prior.learn(Prior(np.zeros((2, 4)), None), factor)
    same = normal_prior.learn(Prior(np.zeros((2, 3)), None), factor_of(X[:, :3], Y, None, True))
    np.testing.assert_allclose(found.coef[:, 0], same.coef[:, 0] / 2, rtol=1e-9)
    np.testing.assert_allclose(found.coef[:, 0], found.coef[:, 3], rtol=1e-9)
    np.testing.assert_allclose(normal_prior.spread(X, found), normal_prior.spread(X[:, :3], same), rtol=1e-8)
    assert normal_prior.spread(np.eye(4)[:1], found) == np.inf
    V = normal_prior.covariance(found)
    assert V[0, 0] == V[3, 3] == np.inf and np.isnan([V[0, 3], V[0, 1], V[2, 3], V[1, 0]]).all()
    np.testing.assert_allclose(V[1:3, 1:3], normal_prior.covariance(same)[1:3, 1:3], rtol=1e-8)
    proper = normal_prior.learn(Prior(np.zeros((2, 4)), np.full(4, 1e4)), factor)  # and nearly so is the limit
    np.testing.assert_allclose(proper.coef, found.coef, rtol=1e-6)


def test_eq_9_error_of_a_flat_prior_is_that_of_least_squares_with_any_columns():
    X, Y, s = draw(22, 20, 3)
    X = np.column_stack([X, X[:, 0], np.zeros(20)])
    root = np.sqrt(s)[:, None]
    for fit_intercept in (True, False):
        A = root * (np.column_stack([X, np.ones(20)]) if fit_intercept else X)
        expected = np.sum((root * Y - A @ np.linalg.lstsq(A, root * Y)[0]) ** 2, axis=0)
        factor = factor_of(X, Y, s, fit_intercept)
        found = normal_prior.learn(Prior(np.zeros((2, 5)), None), factor, fit_intercept=fit_intercept)
        np.testing.assert_allclose(found.misfit, expected, rtol=1e-9)


def test_eq_5_what_of_a_point_is_rounding_depends_on_its_size():
    """Known is the first of two directions. A part of 0.8e-5 in the other one is taken for rounding, 1.2e-5 is not."""
    found = Posterior(
        np.zeros((1, 2)),
        np.zeros(2),
        np.zeros(1),
        np.inf,
        np.ones(2),
        np.eye(2)[:, :1],
        np.ones(1),
        0.0,
        np.zeros(1),
        3,
    )
    points = np.array([[1.0, 0.8e-5], [1.0, 1.2e-5], [1e12, 0.8e7], [1e-9, 1.2e-14], [0.0, 0.0]])
    np.testing.assert_allclose(normal_prior.spread(points, found), [1, np.inf, 1e24, np.inf, 0])


class Given:
    """A generator that returns the numbers it was given."""

    def __init__(self, *arrays):
        self.arrays = list(arrays)

    def standard_normal(self, shape):
        array = self.arrays.pop(0)
        assert array.shape == tuple(shape)
        return array


@kinds
@pytest.mark.parametrize("N, D", [(30, 3), (2, 5)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_7_8_draws_are_the_root_of_the_covariance_times_normal_numbers(N, D, kind, fit_intercept):
    X, Y, s = draw(11, N, D)
    H, _ = root(D, kind)
    found = normal_prior.learn(
        Prior(np.zeros((2, D)), H), factor_of(X, Y, s, fit_intercept), fit_intercept=fit_intercept
    )
    rng = np.random.default_rng(12)
    e, e_level, noise = rng.normal(size=(6, 2, D)), rng.normal(size=(6, 2)), rng.uniform(0.5, 2, (6, 2))
    w, b = normal_prior.draw(found, noise, rng=Given(e, e_level))
    H = np.diag(H) if H.ndim == 1 else H
    G = np.linalg.inv(H)
    values, vectors = np.linalg.eigh(G @ normal_prior.covariance(found) @ G.T)
    symmetric_root = H @ (vectors * np.sqrt(values)) @ vectors.T
    for i in range(6):
        for t in range(2):
            expected = found.coef[t] + np.sqrt(noise[i, t]) * symmetric_root @ e[i, t]
            np.testing.assert_allclose(w[i, t], expected, rtol=1e-7, atol=1e-9)
            level = Y[:, t] @ s / s.sum() + np.sqrt(noise[i, t] / s.sum()) * e_level[i, t] if fit_intercept else 0
            np.testing.assert_allclose(
                b[i, t], level - (X.T @ s / s.sum() @ w[i, t] if fit_intercept else 0), atol=1e-9
            )


def test_eq_7_8_draws_have_the_mean_and_the_covariance():
    X, Y, s = draw(13, 8, 2, T=1)
    found = normal_prior.learn(Prior(np.zeros((1, 2)), np.ones(2)), factor_of(X, Y, s, True))
    w, b = normal_prior.draw(found, np.full((100_000, 1), 0.5), rng=np.random.default_rng(14))
    np.testing.assert_allclose(w[:, 0].mean(axis=0), found.coef[0], atol=0.01)
    np.testing.assert_allclose(np.cov(w[:, 0].T), 0.5 * normal_prior.covariance(found), atol=0.003)
    points = np.array([[0.0, 0.0], [1.0, -2.0]])
    predicted = w[:, 0] @ points.T + b
    np.testing.assert_allclose(predicted.var(axis=0), 0.5 * normal_prior.spread(points, found), rtol=0.02)


def evidence(X, Y, s, prior, noise, fit_intercept=True):
    factor = factor_of(X, Y, s, fit_intercept)
    found = normal_prior.learn(prior, factor, fit_intercept=fit_intercept)
    log_c = normal_prior.evidence_constant(found, float(np.log(s).sum()))
    return normal_prior.log_evidence(found, log_c, noise)


def log_normal(y, mean, covariance):
    root = np.linalg.cholesky(covariance)
    e = np.linalg.solve(root, y - mean)
    return -0.5 * e @ e - np.log(np.diag(root)).sum() - 0.5 * len(y) * np.log(2 * np.pi)


@kinds
@shapes
def test_eq_9_10_11_12_evidence_is_the_density_of_the_targets(N, D, kind):
    X, Y, s = draw(15, N, D)
    H, V_0 = root(D, kind)
    m_0, noise = np.random.default_rng(16).normal(size=(2, D)), 0.7
    found = evidence(X, Y, s, Prior(m_0, H), noise, fit_intercept=False)
    covariance = noise * (X @ V_0 @ X.T + np.diag(1 / s))
    expected = [log_normal(y, X @ m, covariance) for y, m in zip(Y.T, m_0)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("N, D", [(6, 2), (1, 2), (3, 5)])
def test_eq_9_10_11_12_evidence_with_intercept_is_an_integral_over_its_levels(N, D):
    """The sum over a fine grid, which for a bell has all its digits."""
    X, Y, s = draw(17, N, D, T=1)
    noise, levels = 0.7, np.linspace(-60, 60, 4001)
    covariance = noise * (X @ X.T + np.diag(1 / s))
    density = [np.exp(log_normal(Y[:, 0] - b, np.zeros(N), covariance)) for b in levels]
    expected = np.log(np.sum(density) * (levels[1] - levels[0]))
    np.testing.assert_allclose(
        evidence(X, Y, s, Prior(np.zeros((1, D)), np.ones(D)), noise), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_9_10_11_12_evidence_of_a_flat_prior_is_an_integral_over_weights_and_intercept(fit_intercept):
    X, Y, s = draw(18, 6, 1, T=1)
    noise, grid = 0.7, np.linspace(-15, 15, 801)
    w, b = np.meshgrid(grid, grid if fit_intercept else [0.0], indexing="ij")
    error = Y[:, 0] - w[..., None] * X[:, 0] - b[..., None]
    log_density = -0.5 * error**2 @ s / noise - 0.5 * np.sum(np.log(2 * np.pi * noise / s))
    cell = (grid[1] - grid[0]) ** (1 + fit_intercept)
    found = evidence(X, Y, s, Prior(np.zeros((1, 1)), None), noise, fit_intercept)
    np.testing.assert_allclose(found, np.log(np.exp(log_density).sum() * cell), rtol=1e-9)


def test_eq_10_rows_left():
    X, Y, s = draw(19, 8, 3)
    s[:2] = 0
    X[:, 2] = X[:, 1]
    for prior, fit_intercept, left in (
        (np.ones(3), True, 5),
        (np.ones(3), False, 6),
        (None, True, 3),
        (None, False, 4),
    ):
        factor = factor_of(X, Y, s, fit_intercept)
        assert normal_prior.learn(Prior(np.zeros((2, 3)), prior), factor, fit_intercept=fit_intercept).nu == left


def test_eq_11_evidence_is_infinite_where_a_flat_prior_leaves_a_direction_open():
    X, Y, s = draw(20, 8, 2)
    X[:, 1] = 3 * X[:, 0]
    assert np.isposinf(evidence(X, Y, s, Prior(np.zeros((2, 2)), None), 1.0)).all()


def test_nearly_collinear_columns_and_far_means_keep_their_digits():
    """Beside exact fractions: y = x₁ and a second column that differs from the first by 1e-7 of itself."""
    from fractions import Fraction

    rng = np.random.default_rng(21)
    X = np.round(rng.normal(size=(12, 2)) * 64) / 64
    X[:, 1] = X[:, 0] + X[:, 1] * 2.0**-23
    Y = np.round(rng.normal(size=(12, 1)) * 64) / 64
    A = [[Fraction(float(v)) for v in row] for row in X]
    gram = [[sum(r[i] * r[j] for r in A) + (Fraction(1, 2**40) if i == j else 0) for j in (0, 1)] for i in (0, 1)]
    right = [sum(r[i] * Fraction(float(y)) for r, y in zip(A, Y[:, 0])) for i in (0, 1)]
    determinant = gram[0][0] * gram[1][1] - gram[0][1] ** 2
    w = [
        (gram[1][1] * right[0] - gram[0][1] * right[1]) / determinant,
        (gram[0][0] * right[1] - gram[0][1] * right[0]) / determinant,
    ]
    found = normal_prior.learn(
        Prior(np.zeros((1, 2)), np.full(2, 2.0**20)), factor_of(X, Y, None, False), fit_intercept=False
    )
    np.testing.assert_allclose(found.coef[0], [float(v) for v in w], rtol=1e-7)
    np.testing.assert_allclose(normal_prior.covariance(found)[0, 0], float(gram[1][1] / determinant), rtol=1e-7)
