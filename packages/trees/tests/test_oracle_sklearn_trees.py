"""Agreement with scikit-learn: the same splits or ties, the same loss, its own checks, its tools around our trees."""

import warnings

import numpy as np
import pytest

from pellucid_trees import DecisionTreeClassifier, DecisionTreeRegressor

sklearn = pytest.importorskip("sklearn")
sklearn_tree = pytest.importorskip("sklearn.tree")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [
    DecisionTreeClassifier(),
    DecisionTreeRegressor(),
    DecisionTreeClassifier(criterion="entropy", class_weight="balanced", max_leaf_nodes=20),
    DecisionTreeRegressor(criterion="absolute_error", max_depth=5),
]


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [(i, *pair) for i, m in enumerate(MODELS) for pair in estimator_checks.estimator_checks_generator(m)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "check"),
    [pair for _, *pair in CHECKS],
    ids=[f"{type(model).__name__}-{i}-{check.func.__name__}" for i, model, check in CHECKS],
)
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same trees --------------------------------------------------------------------------------------------------


def compare(ours, theirs):
    """Go down both trees together, from the root to all leaves or to where equally good splits part them.

    Return how many nodes were compared, and whether any two splits were different.
    """
    a, b = ours.tree_, theirs.tree_
    size = max(1, np.abs(a.value[0]).max(), a.impurity[0] ** 0.5) ** 2
    share = a.weight / a.weight[0]
    stack, n_nodes, parted = [(0, 0)], 0, False
    while stack:
        i, j = stack.pop()
        n_nodes += 1
        value = b.value[j, 0] if isinstance(ours, DecisionTreeClassifier) else b.value[j, :, 0]
        assert a.points[i] == b.n_node_samples[j]
        np.testing.assert_allclose(a.weight[i], b.weighted_n_node_samples[j], rtol=1e-12, atol=1e-15 * a.weight[0])
        np.testing.assert_allclose(a.impurity[i], b.impurity[j], rtol=1e-12, atol=1e-12 * size)
        np.testing.assert_allclose(a.value[i], value, rtol=1e-10, atol=1e-12)
        left, right = b.children_left[j], b.children_right[j]
        if a.left[i] < 0 and left >= 0 and a.impurity[i] == 0:
            parted = True  # rounding errors keep them from seeing that the node is pure
        elif a.left[i] < 0 or left < 0:
            assert a.left[i] < 0 and left < 0
        else:
            their_share = b.weighted_n_node_samples / b.weighted_n_node_samples[0]
            mass, their_mass = share * a.impurity, their_share * b.impurity
            gain = mass[i] - mass[a.left[i]] - mass[a.right[i]]
            their_gain = their_mass[j] - their_mass[left] - their_mass[right]
            np.testing.assert_allclose(gain, their_gain, rtol=1e-11, atol=1e-12 * size)
            same = (a.feature[i], a.threshold[i]) == (b.feature[j], b.threshold[j])
            if same and a.missing_left[i] == b.missing_go_to_left[j]:
                stack += [(a.left[i], left), (a.right[i], right)]
            else:
                parted = True
    return n_nodes, parted


def loss(tree):
    """Impurity of the leaves together."""
    left = tree.left if hasattr(tree, "left") else tree.children_left
    weight = tree.weight if hasattr(tree, "weight") else tree.weighted_n_node_samples
    return np.sum((weight / weight[0] * tree.impurity)[left < 0])


def problem(seed):
    """Data that float32 holds exactly, with ties, missing values, weights, and limits of all kinds."""
    rng = np.random.default_rng(seed)
    N, D = int(rng.integers(2, 200)), int(rng.integers(1, 7))
    X = rng.normal(size=(N, D)) if seed % 2 else rng.integers(0, int(rng.integers(2, 30)), (N, D))
    X = X.astype(np.float32).astype(float)
    if seed % 3 == 0:
        X[rng.random(X.shape) < 0.15] = np.nan
    weights = [None, rng.integers(0, 4, N).astype(float), rng.uniform(0.1, 2, N)][rng.integers(3)]
    weights = None if weights is None or weights.sum() == 0 else weights
    params = {
        "max_depth": [None, None, 3][rng.integers(3)],
        "min_samples_split": [2, 5, 0.1][rng.integers(3)],
        "min_samples_leaf": [1, 1, 3, 0.05][rng.integers(4)],
        "min_weight_fraction_leaf": [0, 0, 0.03][rng.integers(3)],
        "min_impurity_decrease": [0, 0, 0.01][rng.integers(3)],
    }
    z = np.nan_to_num(X) @ rng.normal(size=D) + rng.normal(size=N)
    kind = ["gini", "entropy", "squared_error", "absolute_error"][seed % 4]
    params["criterion"] = kind
    if kind in ("gini", "entropy"):
        K = int(rng.integers(1, 6))
        y = np.digitize(z, np.quantile(z, np.linspace(0, 1, K + 1)[1:-1]))
        params["class_weight"] = "balanced" if weights is None and seed % 8 < 4 else None
        return X, y, weights, params, DecisionTreeClassifier, sklearn_tree.DecisionTreeClassifier
    T = int(rng.integers(1, 4))
    if seed % 5 == 0:
        Y = rng.integers(0, 9, (N, T)).astype(float)
    else:
        Y = z[:, None] + rng.normal(size=(N, T))
        if T == 1 and seed % 8 >= 4:
            params["monotonic_cst"] = rng.integers(-1, 2, D)
        if kind == "squared_error":  # where no two gains are equal, so that it is clear what comes first or goes first
            params["max_leaf_nodes"] = [None, None, 5, 12][rng.integers(4)]
            params["ccp_alpha"] = [0, 0, 0.01][rng.integers(3)]
    return X, Y[:, 0] if T == 1 else Y, weights, params, DecisionTreeRegressor, sklearn_tree.DecisionTreeRegressor


@pytest.mark.parametrize("seed", range(200))
def test_the_same_splits_or_ties_and_the_same_loss(seed):
    X, y, weights, params, Ours, Theirs = problem(seed)
    ours = Ours(**params).fit(X, y, weights)
    theirs = Theirs(random_state=0, **params).fit(X, y, weights)
    _, parted = compare(ours, theirs)
    if parted:
        return
    size = max(1, abs(ours.tree_.impurity[0]))
    np.testing.assert_allclose(loss(ours.tree_), loss(theirs.tree_), rtol=0, atol=1e-12 * size)
    assert ours.get_depth() == theirs.get_depth() and ours.get_n_leaves() == theirs.get_n_leaves()
    rng = np.random.default_rng(seed)
    new = (np.nan_to_num(X) + rng.normal(size=X.shape)).astype(np.float32).astype(float)
    new[rng.random(X.shape) < 0.1] = np.nan
    for rows in (X, new):
        np.testing.assert_array_equal(ours.decision_path(rows).sum(axis=1), theirs.decision_path(rows).sum(axis=1).A1)
        if Ours is DecisionTreeRegressor:
            np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol=1e-11, atol=1e-12)
        else:
            np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, rtol=1e-9, atol=1e-11)


def test_most_trees_agree_to_the_last_leaf():
    """So that the test above does not look away at ties too often."""
    whole, nodes = 0, 0
    for seed in range(1, 200, 10):
        X, y, weights, params, Ours, Theirs = problem(seed)
        n_nodes, parted = compare(
            Ours(**params).fit(X, y, weights), Theirs(random_state=0, **params).fit(X, y, weights)
        )
        whole += not parted
        nodes += n_nodes
    assert whole >= 13 and nodes > 400


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_constraints_on_the_probability_of_the_second_class(seed, criterion):
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(150, 4)).astype(np.float32), rng.uniform(0.1, 2, 150)
    y = (X @ [1, 1, -1, 0] + rng.normal(size=150) > 0).astype(int)
    params = {"criterion": criterion, "monotonic_cst": rng.integers(-1, 2, 4), "min_samples_leaf": 3}
    ours = DecisionTreeClassifier(**params).fit(X, y, weights)
    theirs = sklearn_tree.DecisionTreeClassifier(random_state=0, **params).fit(X, y, weights)
    n_nodes, parted = compare(ours, theirs)
    if not parted:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_real_data(name):
    """As good on rows that were not seen, as far as ties allow."""
    X, y = getattr(pytest.importorskip("sklearn.datasets"), f"load_{name}")(return_X_y=True)
    selection = pytest.importorskip("sklearn.model_selection")
    kinds = (DecisionTreeClassifier, sklearn_tree.DecisionTreeClassifier)
    if name == "diabetes":
        kinds = (DecisionTreeRegressor, sklearn_tree.DecisionTreeRegressor)
    folds = selection.KFold(5, shuffle=True, random_state=0)
    ours, theirs = (selection.cross_val_score(Kind(max_depth=5, random_state=0), X, y, cv=folds) for Kind in kinds)
    assert abs(ours.mean() - theirs.mean()) < 0.03


@pytest.mark.parametrize(
    "splitter, params", [("random", {}), ("best", {"max_features": 2}), ("random", {"max_features": 3})]
)
def test_random_trees_are_as_good_as_theirs(splitter, params):
    """In the mean over seeds: depth, number of leaves, and error on rows that were not seen."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 6))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * rng.normal(size=600)

    def look(Kind, seed):
        model = Kind(splitter=splitter, random_state=seed, min_samples_leaf=2, **params).fit(X[:300], y[:300])
        return model.get_depth(), model.get_n_leaves(), np.mean((model.predict(X[300:]) - y[300:]) ** 2)

    kinds = DecisionTreeRegressor, sklearn_tree.DecisionTreeRegressor
    found = np.array([[look(Kind, seed) for seed in range(20)] for Kind in kinds])
    ours, theirs = found.mean(axis=1)
    spread = np.sqrt(found.var(axis=1).sum(axis=0) / 20)
    assert (abs(ours - theirs) < 3.5 * spread + [0.5, 0, 0]).all()


# -- inside scikit-learn's tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS[:2], ids=lambda m: type(m).__name__)
def test_works_in_pipelines_grids_and_cross_validation(model):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X[:, 0] > 0 if isinstance(model, DecisionTreeClassifier) else X[:, 0]
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.7
    search = selection.GridSearchCV(piped, {f"{type(model).__name__.lower()}__max_depth": [1, 3, None]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.7 and search.predict(X).shape == y.shape
    assert sklearn.clone(model).get_params() == model.get_params()
