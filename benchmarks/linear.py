"""Linear models beside scikit-learn, and beside what one product of matrices costs."""

from __future__ import annotations

import numpy as np

from pellucid_linear import (
    BayesianLinearRegression,
    GaussianNB,
    GeneralizedLinearModel,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
    lasso_path,
)
from stopwatch import compare, peer

theirs = peer("sklearn.linear_model")
their_bayes = peer("sklearn.naive_bayes")


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


def chosen_price(N: int, D: int, A: int) -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, D))
    y, alphas = X @ rng.standard_normal(D) + rng.standard_normal(N), np.logspace(-2, 3, A)
    print(
        compare(
            f"ridge by leave-one-out, {N:,} x {D}, {A} prices",
            {
                "pellucid RidgeCV": lambda: RidgeCV(alphas).fit(X, y),
                "scikit-learn RidgeCV": theirs and (lambda: theirs.RidgeCV(alphas).fit(X, y)),
            },
            baseline="scikit-learn RidgeCV",
        )
    )


def changed_rows(N: int, D: int) -> None:
    """One row joins and another leaves: by the inverse, or all over again."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((N, D)), rng.standard_normal(N)
    model, x, t = LinearRegression().fit(X, y).update(X[:1], y[:1]), X[:1], y[:1]
    print(
        compare(
            f"least squares, a row more and a row less, {N:,} x {D}",
            {
                "pellucid update, downdate": lambda: model.update(x, t).downdate(x, t),
                "pellucid fit": lambda: LinearRegression().fit(X, y),
                "scikit-learn LinearRegression": theirs and (lambda: theirs.LinearRegression().fit(X, y)),
            },
            baseline="scikit-learn LinearRegression",
        )
    )


def naive_bayes(N: int, D: int, K: int) -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, K, N)
    X = rng.standard_normal((N, D)) + rng.standard_normal((K, D))[y]
    ours, other = GaussianNB().fit(X, y), their_bayes and their_bayes.GaussianNB().fit(X, y)
    for what in ("fit", "predict", "predict_proba"):
        tasks = {
            "pellucid GaussianNB": lambda what=what: (
                GaussianNB().fit(X, y) if what == "fit" else getattr(ours, what)(X)
            ),
            "scikit-learn GaussianNB": other
            and (lambda what=what: other.fit(X, y) if what == "fit" else getattr(other, what)(X)),
        }
        title = f"Gaussian naive Bayes, {what}, {N:,} x {D}, {K} classes"
        print(compare(title, tasks, baseline="scikit-learn GaussianNB"))


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


def sparse_regression(N: int, D: int, correlation: float = 0.0) -> None:
    """Lasso at a tenth and a hundredth of the highest price, and its path, with a twentieth of the features at work."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, D))
    for j in range(1, D):
        X[:, j] = correlation * X[:, j - 1] + (1 - correlation**2) ** 0.5 * X[:, j]
    X -= X.mean(axis=0)
    k = max(5, D // 20)
    y = X[:, rng.permutation(D)[:k]] @ rng.standard_normal(k) + rng.standard_normal(N)
    y -= y.mean()
    highest = np.abs(X.T @ y).max() / N
    exact = {"tol": 1e-10, "max_iter": 100_000}

    def at(alpha: float) -> dict[str, object]:
        return {
            "pellucid Lasso": lambda: Lasso(alpha).fit(X, y),
            "scikit-learn Lasso": theirs and (lambda: theirs.Lasso(alpha).fit(X, y)),
            "scikit-learn Lasso, tol=1e-10": theirs and (lambda: theirs.Lasso(alpha, **exact).fit(X, y)),
        }

    for share in (0.1, 0.01):
        task = f"lasso, {N:,} x {D:,}, correlation {correlation:g}, price {share:g} of the highest"
        print(compare(task, at(share * highest), baseline="scikit-learn Lasso"))
    print(
        compare(
            f"lasso path of 100 prices, {N:,} x {D:,}, correlation {correlation:g}",
            {
                "pellucid lasso_path": lambda: lasso_path(X, y),
                "scikit-learn lasso_path": theirs and (lambda: theirs.lasso_path(X, y)),
                "scikit-learn lasso_path, tol=1e-10": theirs and (lambda: theirs.lasso_path(X, y, **exact)),
            },
            baseline="scikit-learn lasso_path",
        )
    )


def sparse_classification(N: int, D: int, K: int, C: float) -> None:
    rng = np.random.default_rng(4)
    X, W = rng.standard_normal((N, D)), np.zeros((D, K))
    W[: max(5, D // 50)] = rng.standard_normal((max(5, D // 50), K))
    y = (X @ W + rng.gumbel(size=(N, K))).argmax(axis=1)

    def fit_theirs(solver: str) -> object:
        return theirs and (lambda: theirs.LogisticRegression(C=C, l1_ratio=1, solver=solver).fit(X, y))

    print(
        compare(
            f"logistic regression with an L1 price, {N:,} x {D:,}, {K} classes, C={C:g}",
            {
                "pellucid LogisticRegression": lambda: LogisticRegression(C, l1_ratio=1.0).fit(X, y),
                "scikit-learn saga": fit_theirs("saga"),
                "scikit-learn liblinear": fit_theirs("liblinear") if K == 2 else None,
            },
            baseline="scikit-learn saga",
        )
    )


def bayesian(N: int, D: int) -> None:
    """A posterior with its evidence. Theirs also looks for both variances, in some ten steps."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((N, D))
    y = X @ rng.standard_normal(D) + rng.standard_normal(N)
    known, unknown = {"noise_variance": 1.0, "prior_precision": 1.0}, {"prior_precision": 1.0}
    print(
        compare(
            f"Bayesian linear regression, {N:,} x {D:,}",
            {
                "pellucid, noise variance known": lambda: BayesianLinearRegression(**known).fit(X, y),
                "pellucid, noise variance unknown": lambda: BayesianLinearRegression(**unknown).fit(X, y),
                "NumPy, X.T @ X alone": lambda: X.T @ X,
                "scikit-learn BayesianRidge": theirs and (lambda: theirs.BayesianRidge().fit(X, y)),
            },
            baseline="scikit-learn BayesianRidge",
        )
    )


def counts(N: int, D: int) -> None:
    """Poisson regression, everything that is reported included; scikit-learn's finds the weights alone."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((N, D))
    y = rng.poisson(np.exp(X @ rng.standard_normal(D) / D + 1)).astype(float)
    sm = peer("statsmodels.api")
    same = {"alpha": 0.0, "tol": 1e-8, "solver": "newton-cholesky"}
    print(
        compare(
            f"Poisson regression, {N:,} x {D}",
            {
                "pellucid GeneralizedLinearModel": lambda: GeneralizedLinearModel("poisson").fit(X, y),
                "statsmodels GLM": sm and (lambda: sm.GLM(y, sm.add_constant(X), sm.families.Poisson()).fit()),
                "scikit-learn PoissonRegressor": theirs and (lambda: theirs.PoissonRegressor(**same).fit(X, y)),
            },
            baseline="statsmodels GLM",
        )
    )


def main() -> None:
    regression(1_000_000, 50)
    regression(1_000, 10)
    wide_regression(500, 5_000)
    chosen_price(100_000, 50, 20)
    changed_rows(10_000, 50)
    naive_bayes(100_000, 50, 5)
    naive_bayes(1_000, 10, 3)
    classification(100_000, 50, 2)
    classification(20_000, 50, 5)
    real_data("wine")
    real_data("digits")
    sparse_regression(1_000, 200)
    sparse_classification(1_000, 200, 2, 0.1)
    bayesian(1_000_000, 50)
    counts(100_000, 20)
