"""The oracle is a cold fit at each price, and the path of uncorrelated columns, which is a set of straight lines."""

import numpy as np
import pytest

from pellucid import ConvergenceWarning
from pellucid_linear import ElasticNet, active_set, enet_path, lasso_path


def draw(seed=0, N=50, D=12):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + 2
    return X, X[:, :3] @ [3.0, -2.0, 1.0] + rng.normal(size=N) + 5, rng.uniform(0.5, 3, N)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_eq_1_prices_fall_from_the_first_that_leaves_nothing_by_a_constant_share(l1_ratio, positive):
    X, y, _ = draw()
    alphas, coefs, gaps = enet_path(X, y, l1_ratio=l1_ratio, eps=0.01, n_alphas=21, positive=positive)
    assert alphas.shape == gaps.shape == (21,) and coefs.shape == (12, 21)
    slopes = X.T @ y / 50
    np.testing.assert_allclose(alphas[0], (slopes if positive else np.abs(slopes)).max() / l1_ratio, rtol=1e-12)
    np.testing.assert_allclose(alphas[1:] / alphas[:-1], 0.01 ** (1 / 20), rtol=1e-12)
    np.testing.assert_allclose(alphas[-1], 0.01 * alphas[0], rtol=1e-12)
    assert not coefs[:, 0].any() and coefs[:, 1].any()


def test_eq_1_one_price_is_the_first():
    X, y, _ = draw()
    alphas, coefs, _ = lasso_path(X, y, n_alphas=1)
    assert alphas.shape == (1,) and not coefs.any()


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("N, D", [(50, 12), (15, 40)])
def test_each_column_is_what_a_fit_at_that_price_finds(N, D, fit_intercept, positive):
    X, y, s = draw(1, N, D)
    for l1_ratio, path in ((1.0, lasso_path), (0.4, enet_path)):
        more = {} if path is lasso_path else {"l1_ratio": l1_ratio}
        alphas, coefs, gaps = path(
            X, y, n_alphas=10, sample_weight=s, fit_intercept=fit_intercept, positive=positive, tol=0, **more
        )
        for alpha, coef, gap in zip(alphas, coefs.T, gaps):
            model = ElasticNet(alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, positive=positive, tol=0)
            np.testing.assert_allclose(coef, model.fit(X, y, s).coef_, atol=1e-10)
            assert gap <= 1e-10
        assert coefs[:, -1].any() and not coefs[:, 0].any()


def test_weights_of_uncorrelated_columns_are_straight_lines():
    X = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], dtype=float)
    given = [0.0, 3.5, 1.5, 0.5, 2.5]
    alphas, coefs, gaps = lasso_path(X, X @ [3.0, -2.0, 1.0], alphas=given)
    np.testing.assert_array_equal(alphas, [3.5, 2.5, 1.5, 0.5, 0.0])
    expected = [[0, 0.5, 1.5, 2.5, 3], [0, 0, -0.5, -1.5, -2], [0, 0, 0, 0.5, 1]]
    np.testing.assert_allclose(coefs, expected, atol=1e-12)
    assert np.all(gaps <= 1e-12)


def test_alphas_may_be_any_list_and_l1_ratio_zero_needs_one():
    X, y, _ = draw()
    alphas, coefs, _ = enet_path(X, y, l1_ratio=0.0, alphas=np.array([0.1, 1.0]))
    for alpha, coef in zip(alphas, coefs.T):
        np.testing.assert_allclose(
            coef, ElasticNet(alpha, l1_ratio=0.0, fit_intercept=False).fit(X, y).coef_, rtol=1e-9
        )
    with pytest.raises(ValueError, match="there is no highest price. Pass alphas"):
        enet_path(X, y, l1_ratio=0.0)


def test_float32_stays_float32():
    X, y, _ = draw()
    assert lasso_path(X.astype(np.float32), y)[1].dtype == np.float32


@pytest.mark.parametrize(
    "params, message",
    [
        ({"l1_ratio": 2.0}, "l1_ratio must be a number from 0 to 1"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"tol": -1.0}, "tol must be a number of 0 or more"),
        ({"eps": 0.0}, "eps must be between 0 and 1 and n_alphas 1 or more, got 0.0 and 100"),
        ({"eps": 1.5}, "eps must be"),
        ({"n_alphas": 0}, "n_alphas 1 or more"),
        ({"alphas": [1.0, -1.0]}, "alphas must be finite and 0 or more"),
        ({"alphas": [np.nan]}, "alphas must be finite"),
        ({"alphas": []}, "one at least"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    X, y, _ = draw()
    with pytest.raises(ValueError, match=message):
        enet_path(X, y, **params)


def test_wrong_data_say_so():
    X, y, _ = draw()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        lasso_path(X, y[:-1])
    with pytest.raises(ValueError, match="1d|1-d|one-dim|column"):
        lasso_path(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="NaN"):
        lasso_path(X, y * np.nan)


def test_prices_that_did_not_converge_are_a_warning(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    X, y, _ = draw()
    with pytest.warns(
        ConvergenceWarning, match="max_iter=1 rounds were not enough for .* of 3 prices, the first of them"
    ):
        lasso_path(X, y, n_alphas=3, max_iter=1)
