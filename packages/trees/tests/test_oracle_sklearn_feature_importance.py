"""Agreement with scikit-learn's permutation importance, in distribution; data frames; several features at a time."""

import numpy as np
import pytest

from pellucid_trees.feature_importance import permutation_importance

inspection = pytest.importorskip("sklearn.inspection")
ensemble = pytest.importorskip("sklearn.ensemble")
metrics = pytest.importorskip("sklearn.metrics")


def fitted(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.3 * rng.normal(size=300) > 0.3).astype(int)
    return ensemble.RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, y), X, y, rng.uniform(size=300)


@pytest.mark.parametrize("scoring", [None, "neg_brier_score"])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_means_and_deviations(scoring, weighted):
    model, X, y, weights = fitted()
    s = weights if weighted else None
    how = {"n_repeats": 30, "random_state": 0, "sample_weight": s}
    ours = permutation_importance(model, X, y, scoring=scoring and metrics.get_scorer(scoring), **how)
    theirs = inspection.permutation_importance(model, X, y, scoring=scoring, **how)
    assert ours.importances.shape == theirs.importances.shape
    error = np.sqrt((ours.importances_std**2 + theirs.importances_std**2) / 30)
    assert np.all(np.abs(ours.importances_mean - theirs.importances_mean) <= 4 * error)
    np.testing.assert_allclose(ours.importances_std, theirs.importances_std, rtol=0.5, atol=1e-4)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_stay_data_frames(library):
    frames = pytest.importorskip(library)
    model, X, y, _ = fitted()
    frame = frames.DataFrame({name: column for name, column in zip("abcd", X.T)})
    if library == "pandas":
        frame.index = np.arange(len(X)) * 3 + 7
    before = frame.copy() if library == "pandas" else frame.clone()
    shown = []

    def scoring(model, X, y):
        shown.append(X)
        return model.score(X.to_numpy(), y)

    found = permutation_importance(model, frame, y, scoring=scoring, random_state=1)
    np.testing.assert_array_equal(found.importances, permutation_importance(model, X, y, random_state=1).importances)
    assert all(type(table) is type(frame) and list(table.columns) == list("abcd") for table in shown)
    assert frame.equals(before)


def test_several_at_a_time_give_the_same():
    joblib = pytest.importorskip("joblib")
    model, X, y, _ = fitted()
    alone = permutation_importance(model, X, y, random_state=2)
    with joblib.parallel_config(backend="threading"):
        together = permutation_importance(model, X, y, random_state=2, n_jobs=3)
    for array, other in zip(alone, together):
        np.testing.assert_array_equal(array, other)
