"""The oracle is the definition: uncorrelated columns, where each weight can be found by hand."""

import inspect

import numpy as np
import pytest

from pellucid_linear import ElasticNet, Lasso


def test_eq_1_all_of_the_price_is_on_absolute_values():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 6)), rng.normal(size=50)
    for alpha in (0.0, 0.01, 0.1, 10.0):
        lasso, net = Lasso(alpha).fit(X, y), ElasticNet(alpha, l1_ratio=1.0).fit(X, y)
        np.testing.assert_array_equal(lasso.coef_, net.coef_)
        assert lasso.intercept_ == net.intercept_ and lasso.dual_gap_ == net.dual_gap_


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0, 2.5, 4.0])
def test_eq_1_uncorrelated_columns_lose_the_price_and_not_more(alpha):
    """Columns of a Hadamard matrix: uncorrelated, with mean 0 and variance 1."""
    X = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], dtype=float)
    alone = np.array([3.0, -2.0, 1.0])  # the weights of least squares
    model = Lasso(alpha).fit(X, X @ alone + 7)
    np.testing.assert_allclose(model.coef_, np.sign(alone) * np.maximum(np.abs(alone) - alpha, 0), atol=1e-12)
    assert np.count_nonzero(model.coef_) == np.sum(np.abs(alone) > alpha)
    np.testing.assert_allclose(model.intercept_, 7)
    np.testing.assert_allclose(model.loss_[-1], 0.5 * np.sum(np.minimum(np.abs(alone), alpha) ** 2)
                               + alpha * np.abs(model.coef_).sum())  # fmt: skip


def test_parameters_are_those_of_elastic_net_but_for_the_share():
    ours, theirs = (inspect.signature(cls.__init__).parameters for cls in (Lasso, ElasticNet))
    assert {name: p.default for name, p in theirs.items() if name != "l1_ratio"} == {
        name: p.default for name, p in ours.items()
    }
    model = Lasso(0.3, fit_intercept=False, max_iter=7, tol=0.1, warm_start=True, positive=True, random_state=4)
    assert model.get_params() == {
        "alpha": 0.3,
        "fit_intercept": False,
        "max_iter": 7,
        "tol": 0.1,
        "warm_start": True,
        "positive": True,
        "random_state": 4,
        "selection": "cyclic",
    }
    assert Lasso(selection="random").selection == "random"


def test_positive_weights_alone_are_those_of_the_columns_that_help():
    X = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], dtype=float)
    np.testing.assert_allclose(Lasso(0.5, positive=True).fit(X, X @ [3.0, -2.0, 1.0]).coef_, [2.5, 0, 0.5], atol=1e-12)
