"""Linear models you can read: least squares, ridge, lasso, logistic, Bayesian and generalized ones in NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid_linear.bayesian_linear_regression import BayesianLinearRegression as BayesianLinearRegression
    from pellucid_linear.elastic_net import ElasticNet as ElasticNet
    from pellucid_linear.gaussian_nb import GaussianNB as GaussianNB
    from pellucid_linear.generalized_linear_model import GeneralizedLinearModel as GeneralizedLinearModel
    from pellucid_linear.lasso import Lasso as Lasso
    from pellucid_linear.linear_regression import LinearRegression as LinearRegression
    from pellucid_linear.logistic_regression import LogisticRegression as LogisticRegression
    from pellucid_linear.regularization_path import enet_path as enet_path
    from pellucid_linear.regularization_path import lasso_path as lasso_path
    from pellucid_linear.ridge import Ridge as Ridge
    from pellucid_linear.ridge import ridge_path as ridge_path
    from pellucid_linear.ridge_cv import RidgeCV as RidgeCV

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "BayesianLinearRegression": "bayesian_linear_regression",
    "ElasticNet": "elastic_net",
    "GaussianNB": "gaussian_nb",
    "GeneralizedLinearModel": "generalized_linear_model",
    "Lasso": "lasso",
    "LinearRegression": "linear_regression",
    "LogisticRegression": "logistic_regression",
    "Ridge": "ridge",
    "RidgeCV": "ridge_cv",
    "enet_path": "regularization_path",
    "lasso_path": "regularization_path",
    "ridge_path": "ridge",
}
__all__ = [
    "BayesianLinearRegression",
    "ElasticNet",
    "GaussianNB",
    "GeneralizedLinearModel",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "Ridge",
    "RidgeCV",
    "enet_path",
    "lasso_path",
    "ridge_path",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
