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
    yield ModelSpec(
        id="trees/random-forest-classifier",
        target="pellucid_trees.random_forest:RandomForestClassifier",
        summary="The mean of many trees, each grown on a random sample with random features",
        tasks=("classification",),
        tags=("multi-class", "probabilities", "missing values"),
        references=("Breiman (2001), Random forests",),
        smoke={"n_estimators": 10},
    )
    yield ModelSpec(
        id="trees/random-forest-regressor",
        target="pellucid_trees.random_forest:RandomForestRegressor",
        summary="The mean of many trees, each grown on a random sample with random features",
        tasks=("regression",),
        tags=("multi-output", "missing values"),
        references=("Breiman (2001), Random forests",),
        smoke={"n_estimators": 10},
    )
    yield ModelSpec(
        id="trees/extra-trees-classifier",
        target="pellucid_trees.extra_trees:ExtraTreesClassifier",
        summary="The mean of many trees whose thresholds are drawn at random",
        tasks=("classification",),
        aliases=("extremely-randomized-trees-classifier",),
        tags=("multi-class", "probabilities", "missing values"),
        references=("Geurts, Ernst & Wehenkel (2006), Extremely randomized trees",),
        smoke={"n_estimators": 10},
    )
    yield ModelSpec(
        id="trees/extra-trees-regressor",
        target="pellucid_trees.extra_trees:ExtraTreesRegressor",
        summary="The mean of many trees whose thresholds are drawn at random",
        tasks=("regression",),
        aliases=("extremely-randomized-trees-regressor",),
        tags=("multi-output", "missing values"),
        references=("Geurts, Ernst & Wehenkel (2006), Extremely randomized trees",),
        smoke={"n_estimators": 10},
    )
    yield ModelSpec(
        id="trees/gradient-boosting-classifier",
        target="pellucid_trees.gradient_boosting:GradientBoostingClassifier",
        summary="A sum of small trees, each fitted to what the ones before it left over",
        tasks=("classification",),
        aliases=("gbm-classifier",),
        tags=("multi-class", "probabilities", "missing values"),
        references=("Friedman (2001), Greedy function approximation: a gradient boosting machine",),
        smoke={"n_estimators": 10},
    )
    yield ModelSpec(
        id="trees/gradient-boosting-regressor",
        target="pellucid_trees.gradient_boosting:GradientBoostingRegressor",
        summary="A sum of small trees, each fitted to what the ones before it left over",
        tasks=("regression",),
        aliases=("gbm-regressor",),
        tags=("missing values",),
        references=("Friedman (2001), Greedy function approximation: a gradient boosting machine",),
        smoke={"n_estimators": 10},
    )
