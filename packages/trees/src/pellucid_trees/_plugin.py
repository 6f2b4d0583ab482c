"""What this family registers. Imports no NumPy and no model, so that listing stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid import ModelSpec, hookimpl


@hookimpl
def pellucid_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        id="trees/decision-tree-classifier",
        target="pellucid_trees.decision_tree:DecisionTreeClassifier",
        summary="Questions about single features, one after the other (CART)",
        tasks=("classification",),
        aliases=("cart-classifier",),
        tags=("multi-class", "probabilities", "missing values"),
        references=("Breiman, Friedman, Olshen & Stone (1984), Classification and regression trees",),
    )
    yield ModelSpec(
        id="trees/decision-tree-regressor",
        target="pellucid_trees.decision_tree:DecisionTreeRegressor",
        summary="Questions about single features, one after the other (CART)",
        tasks=("regression",),
        aliases=("cart-regressor",),
        tags=("multi-output", "missing values"),
        references=("Breiman, Friedman, Olshen & Stone (1984), Classification and regression trees",),
    )
