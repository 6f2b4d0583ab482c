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
