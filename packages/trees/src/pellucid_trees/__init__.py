"""Trees you can read: decision trees, random forests and gradient boosting in NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid_trees.decision_tree import DecisionTreeClassifier as DecisionTreeClassifier
    from pellucid_trees.decision_tree import DecisionTreeRegressor as DecisionTreeRegressor
    from pellucid_trees.extra_trees import ExtraTreesClassifier as ExtraTreesClassifier
    from pellucid_trees.extra_trees import ExtraTreesRegressor as ExtraTreesRegressor
    from pellucid_trees.feature_importance import permutation_importance as permutation_importance
    from pellucid_trees.gradient_boosting import GradientBoostingClassifier as GradientBoostingClassifier
    from pellucid_trees.gradient_boosting import GradientBoostingRegressor as GradientBoostingRegressor
    from pellucid_trees.random_forest import RandomForestClassifier as RandomForestClassifier
    from pellucid_trees.random_forest import RandomForestRegressor as RandomForestRegressor

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "DecisionTreeClassifier": "decision_tree",
    "DecisionTreeRegressor": "decision_tree",
    "ExtraTreesClassifier": "extra_trees",
    "ExtraTreesRegressor": "extra_trees",
    "GradientBoostingClassifier": "gradient_boosting",
    "GradientBoostingRegressor": "gradient_boosting",
    "RandomForestClassifier": "random_forest",
    "RandomForestRegressor": "random_forest",
    "permutation_importance": "feature_importance",
}
__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "permutation_importance",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
