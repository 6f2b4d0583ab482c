"""Linear models beside scikit-learn, and beside what one product of matrices costs."""

from __future__ import annotations

import numpy as np

from pellucid_linear import LinearRegression, LogisticRegression, Ridge
from stopwatch import compare, peer

theirs = peer("sklearn.linear_model")


def regression(N: int, D: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D))
    y = X @ rng.standard_normal(D) + rng.standard_normal(N)
    print(
        compare(
            f"least squares and ridge, {N:,} x {D}",
            {
                "pellucid Ridge": lambda: Ridge().fit(X, y),
                "pellucid LinearRegression": lambda: LinearRegression().fit(X, y),
                "NumPy, X.T @ X alone": lambda: X.T @ X,
                "scikit-learn Ridge": theirs and (lambda: theirs.Ridge().fit(X, y)),
                "scikit-learn LinearRegression": theirs and (lambda: theirs.LinearRegression().fit(X, y)),
            },
            baseline="scikit-learn Ridge",
        )
    )


def wide_regression(N: int, D: int) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((N, D)), rng.standard_normal(N)
    print(
        compare(
            f"ridge with more features than points, {N:,} x {D:,}",
            {
                "pellucid Ridge": lambda: Ridge().fit(X, y),
                "scikit-learn Ridge": theirs and (lambda: theirs.Ridge().fit(X, y)),
            },
            baseline="scikit-learn Ridge",
        )
    )


def classification(N: int, D: int, K: int) -> None:
    rng = np.random.default_rng(2)
    X, W = rng.standard_normal((N, D)), rng.standard_normal((D, K)) / 3
    y = (X @ W + rng.gumbel(size=(N, K))).argmax(axis=1)

    def fit_theirs(**params: object) -> object:
        return theirs and (lambda: theirs.LogisticRegression(**params).fit(X, y))

    print(
        compare(
            f"logistic regression, {N:,} x {D}, {K} classes",
            {
                "pellucid LogisticRegression": lambda: LogisticRegression().fit(X, y),
                "the same, tol=1e-3": lambda: LogisticRegression(tol=1e-3).fit(X, y),
                "scikit-learn newton-cholesky": fit_theirs(solver="newton-cholesky"),
                "scikit-learn lbfgs": fit_theirs(),
            },
            baseline="scikit-learn newton-cholesky",
        )
    )


def real_data(name: str) -> None:
    datasets = peer("sklearn.datasets")
    if datasets is None:
        return
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    print(
        compare(
            f"logistic regression, {name} as it comes, {X.shape[0]:,} x {X.shape[1]}",
            {
                "pellucid LogisticRegression": lambda: LogisticRegression().fit(X, y),
                "scikit-learn newton-cholesky": lambda: theirs.LogisticRegression(solver="newton-cholesky").fit(X, y),
                "scikit-learn lbfgs": lambda: theirs.LogisticRegression(max_iter=10_000).fit(X, y),
            },
            baseline="scikit-learn newton-cholesky",
        )
    )


def main() -> None:
    regression(1_000_000, 50)
    regression(1_000, 10)
    wide_regression(500, 5_000)
    classification(100_000, 50, 2)
    classification(20_000, 50, 5)
    real_data("wine")
    real_data("digits")
