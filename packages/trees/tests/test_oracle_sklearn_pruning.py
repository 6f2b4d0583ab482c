"""Agreement with scikit-learn's pruning, on trees that it has grown."""

import numpy as np
import pytest

from pellucid_trees.pruning import prune, pruning_path
from pellucid_trees.tree import Tree

pytest.importorskip("sklearn")
tree_module = pytest.importorskip("sklearn.tree")


def as_record(model):
    theirs = model.tree_
    leaf = theirs.children_left < 0
    value = theirs.value[:, 0, :] if hasattr(model, "classes_") else theirs.value[:, :, 0]
    return Tree(
        feature=np.where(leaf, -1, theirs.feature),
        threshold=np.where(leaf, np.nan, theirs.threshold),
        left=theirs.children_left,
        right=theirs.children_right,
        missing_left=theirs.missing_go_to_left.astype(bool) & ~leaf,
        value=value,
        impurity=theirs.impurity,
        points=theirs.n_node_samples,
        weight=theirs.weighted_n_node_samples,
    )


def problem(kind, seed):
    rng = np.random.default_rng(seed)
    N = int(rng.integers(5, 300))
    X = rng.normal(size=(N, 4))
    if seed % 2:
        X = X.round(1)
    if seed % 3 == 0:
        X[rng.random(X.shape) < 0.1] = np.nan
    weights = None if seed % 4 < 2 else rng.uniform(size=N)
    f = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 + rng.normal(size=N)
    criterion, classes = kind
    if classes:
        return tree_module.DecisionTreeClassifier, X, np.digitize(f, np.linspace(-1, 2, classes - 1)), weights
    return tree_module.DecisionTreeRegressor, X, f if seed % 5 else np.column_stack([f, rng.normal(size=N)]), weights


KINDS = [("gini", 2), ("gini", 4), ("entropy", 3), ("squared_error", 0), ("absolute_error", 0)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
@pytest.mark.parametrize("seed", range(12))
def test_path_and_pruned_trees(kind, seed):
    Model, X, y, weights = problem(kind, seed)
    whole = Model(criterion=kind[0], random_state=0).fit(X, y, weights)
    theirs = whole.cost_complexity_pruning_path(X, y, weights)
    alphas, impurities = pruning_path(as_record(whole))
    # Where two prices are equal up to rounding, one of us may close two nodes at once and the other one by one:
    # prices are compared as a set, and what is unexplained beyond each of them.
    close = 1e-12 * max(1.0, alphas[-1])
    for ours, other in ((alphas, theirs.ccp_alphas), (theirs.ccp_alphas, alphas)):
        assert np.all(np.min(np.abs(ours[:, None] - other), axis=1) <= close)
    middle = np.unique(alphas)
    middle = ((middle[:-1] + middle[1:]) / 2)[np.diff(middle) > 4 * close]
    at = [np.searchsorted(path, middle, side="right") - 1 for path in (alphas, theirs.ccp_alphas)]
    np.testing.assert_allclose(impurities[at[0]], theirs.impurities[at[1]], rtol=1e-12, atol=close)
    np.testing.assert_allclose([impurities[0], impurities[-1]], theirs.impurities[[0, -1]], atol=close)

    for alpha in [*middle[:: max(1, len(middle) // 4)], alphas[-1] + 1]:
        if alpha > 0:
            theirs_pruned = as_record(Model(criterion=kind[0], random_state=0, ccp_alpha=alpha).fit(X, y, weights))
            for ours, other in zip(prune(as_record(whole), alpha), theirs_pruned):
                np.testing.assert_array_equal(ours, other)
