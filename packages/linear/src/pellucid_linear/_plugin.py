"""What this family registers. Imports no NumPy and no model, so that listing stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid import ModelSpec, hookimpl


@hookimpl
def pellucid_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        id="linear/linear-regression",
        target="pellucid_linear.linear_regression:LinearRegression",
        summary="Weighted sum of features, fitted by least squares",
        tasks=("regression",),
        aliases=("ols", "least-squares"),
        tags=("closed form", "multi-output"),
        references=("Golub & Van Loan (2013), Matrix computations, 4th ed., sec. 5.5",),
    )
    yield ModelSpec(
        id="linear/ridge",
        target="pellucid_linear.ridge:Ridge",
        summary="Least squares with a price on large weights (L2)",
        tasks=("regression",),
        aliases=("ridge-regression", "tikhonov"),
        tags=("closed form", "multi-output", "L2"),
        references=("Hoerl & Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems",),
    )
    yield ModelSpec(
        id="linear/logistic-regression",
        target="pellucid_linear.logistic_regression:LogisticRegression",
        summary="Class probabilities from weighted sums of features, fitted by Newton's method (L2)",
        tasks=("classification",),
        aliases=("logreg", "logistic", "softmax-regression"),
        tags=("multi-class", "L2", "probabilities"),
        references=("Bishop (2006), Pattern recognition and machine learning, sec. 4.3.4",),
    )
    yield ModelSpec(
        id="linear/ridge-cv",
        target="pellucid_linear.ridge_cv:RidgeCV",
        summary="Ridge regression that chooses its price by leaving out one point at a time",
        tasks=("regression",),
        tags=("closed form", "multi-output", "L2", "cross-validation"),
        references=(
            "Golub, Heath & Wahba (1979), Generalized cross-validation as a method for choosing a good ridge parameter",
        ),
    )
    yield ModelSpec(
        id="linear/lasso",
        target="pellucid_linear.lasso:Lasso",
        summary="Least squares with a price on absolute weights (L1), which leaves most of them at zero",
        tasks=("regression",),
        tags=("sparse", "multi-output", "L1"),
        smoke={"alpha": 0.1},  # a price that targets of about 1 can pay
        references=("Tibshirani (1996), Regression shrinkage and selection via the lasso",),
    )
    yield ModelSpec(
        id="linear/elastic-net",
        target="pellucid_linear.elastic_net:ElasticNet",
        summary="Least squares with a price on large weights and on weights that are not zero (L1 and L2)",
        tasks=("regression",),
        aliases=("enet",),
        tags=("sparse", "multi-output", "L1", "L2"),
        references=("Zou & Hastie (2005), Regularization and variable selection via the elastic net",),
    )
    yield ModelSpec(
        id="linear/bayesian-linear-regression",
        target="pellucid_linear.bayesian_linear_regression:BayesianLinearRegression",
        summary="A probability distribution over the weights: predictions with intervals, and evidence",
        tasks=("regression",),
        aliases=("bayesian-regression",),
        tags=("closed form", "intervals", "online"),
        references=("Bishop (2006), Pattern recognition and machine learning, sec. 3.3",),
    )
    yield ModelSpec(
        id="linear/generalized-linear-model",
        target="pellucid_linear.generalized_linear_model:GeneralizedLinearModel",
        summary="Counts, shares and positive numbers from weighted sums of features",
        tasks=("regression",),
        aliases=("glm", "poisson-regression", "gamma-regression"),
        tags=("counts", "offsets", "standard errors"),
        references=("McCullagh & Nelder (1989), Generalized linear models, 2nd ed.",),
    )
    yield ModelSpec(
        id="linear/gaussian-nb",
        target="pellucid_linear.gaussian_nb:GaussianNB",
        summary="A normal distribution for each class and feature; the likeliest class wins",
        tasks=("classification",),
        aliases=("naive-bayes", "gaussian-naive-bayes"),
        tags=("multi-class", "probabilities", "online"),
        references=("Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, sec. 6.6.3",),
    )
