"""The oracle is what the model was shown, and expectations in closed form."""

import numpy as np
import pytest

from pellucid_trees.feature_importance import permutation_importance


class Linear:
    """A model whose weights are known; it remembers what it was shown."""

    def __init__(self, *weights):
        self.weights, self.shown = np.array(weights), []

    def predict(self, X):
        return X @ self.weights

    def score(self, X, y, sample_weight=None):
        """Minus the mean squared error."""
        self.shown.append((np.array(X), y, sample_weight))
        return -np.average((self.predict(X) - y) ** 2, weights=sample_weight)


def draw(N=60, D=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)), rng.normal(size=N), rng.uniform(size=N)


def test_eq_1_2_3_4_by_what_the_model_was_shown():
    X, y, weights = draw()
    model = Linear(3.0, -1.0, 0.5)
    found = permutation_importance(model, X, y, n_repeats=4, random_state=0, sample_weight=weights)
    assert found.importances.shape == (3, 4) and len(model.shown) == 1 + 3 * 4
    np.testing.assert_array_equal(model.shown[0][0], X)
    before = model.score(X, y, weights)
    orders = []
    for i, (shuffled, targets, w) in enumerate(model.shown[1:13]):
        d, r = divmod(i, 4)
        np.testing.assert_array_equal(np.delete(shuffled, d, axis=1), np.delete(X, d, axis=1))
        order = np.argmax(X[:, d] == shuffled[:, [d]], axis=1)
        np.testing.assert_array_equal(np.sort(order), np.arange(60))
        orders.append(tuple(order))
        assert targets is y and w is weights
        np.testing.assert_allclose(found.importances[d, r], before - model.score(shuffled, y, weights), rtol=1e-12)
    assert len(set(orders)) == 12
    for d, row in enumerate(found.importances):
        mean = sum(row) / 4
        np.testing.assert_allclose(found.importances_mean[d], mean)
        np.testing.assert_allclose(found.importances_std[d], (sum((i - mean) ** 2 for i in row) / 4) ** 0.5)


def test_eq_1_2_3_the_expectation():
    """Two random values of a column differ by 2 Var on average, squared; so a feature is worth 2 w² Var."""
    X, _, _ = draw(N=500, seed=1)
    model = Linear(3.0, 1.0, 0.0)
    found = permutation_importance(model, X, model.predict(X), n_repeats=200, random_state=1)
    np.testing.assert_allclose(found.importances_mean, 2 * model.weights**2 * X.var(axis=0), rtol=0.01)
    assert found.importances_mean[2] == found.importances_std[2] == 0


def test_eq_1_every_permutation_is_equally_likely():
    X = np.arange(3.0)[:, None]
    model = Linear(1.0)
    permutation_importance(model, X, np.zeros(3), n_repeats=6000, random_state=2)
    _, counts = np.unique([shown[:, 0] for shown, _, _ in model.shown[1:]], axis=0, return_counts=True)
    assert len(counts) == 6 and np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000 * 5 / 6))


def test_the_same_seed_gives_the_same_and_a_generator_moves_on():
    X, y, _ = draw()
    model = Linear(3.0, -1.0, 0.5)
    first = permutation_importance(model, X, y, random_state=3)
    np.testing.assert_array_equal(permutation_importance(model, X, y, random_state=3).importances, first.importances)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(permutation_importance(model, X, y, random_state=rng).importances, first.importances)
    assert np.any(permutation_importance(model, X, y, random_state=rng).importances != first.importances)


def test_any_score():
    X, y, weights = draw()
    calls = []

    def scoring(model, X, y, **rest):
        calls.append(rest)
        return X[0, 0]

    found = permutation_importance(object(), X, y, scoring=scoring, n_repeats=30, random_state=4)
    assert calls == [{}] * 91 and np.any(found.importances[0] != 0) and np.all(found.importances[1:] == 0)
    permutation_importance(object(), X, y, scoring=scoring, n_repeats=1, sample_weight=weights)
    assert calls[-1]["sample_weight"] is weights
    assert permutation_importance(object(), X, None, scoring=scoring, n_repeats=1).importances.shape == (3, 1)


def test_nothing_is_written_to_and_any_table_will_do(tmp_path):
    X, y, _ = draw()
    model = Linear(3.0, -1.0, 0.5)
    expected = permutation_importance(model, X, y, random_state=5).importances
    kept = X.copy()
    X.flags.writeable = False
    mapped = np.memmap(tmp_path / "X", dtype=float, mode="w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    for table in (X, X.tolist(), np.asfortranarray(X), np.memmap(tmp_path / "X", float, mode="r", shape=X.shape)):
        np.testing.assert_array_equal(permutation_importance(model, table, y, random_state=5).importances, expected)
    np.testing.assert_array_equal(X, kept)
    words = np.array([["a", "b"], ["c", "d"]])
    found = permutation_importance(None, words, [0, 1], scoring=lambda model, X, y: float(X[0, 0] == "a"))
    assert set(found.importances[0]) <= {0.0, 1.0} and np.all(found.importances[1] == 0)


def test_one_row_and_no_column():
    assert np.all(permutation_importance(Linear(1.0), [[2.0]], [1.0]).importances == 0)
    found = permutation_importance(Linear(), np.empty((3, 0)), np.zeros(3))
    assert found.importances.shape == (0, 5) and found.importances_mean.shape == (0,)


@pytest.mark.parametrize("n_repeats", [0, -1, 2.5, True, None])
def test_wrong_number_of_repeats_says_so(n_repeats):
    with pytest.raises(ValueError, match="n_repeats must be a whole number of 1 or more, got"):
        permutation_importance(Linear(1.0), [[2.0]], [1.0], n_repeats=n_repeats)


def test_what_is_no_table_or_cannot_be_scored_says_so():
    with pytest.raises(ValueError, match=r"table with one row or more, got shape \(3,\)"):
        permutation_importance(Linear(1.0), [1.0, 2.0, 3.0], [1.0])
    with pytest.raises(ValueError, match="one row or more"):
        permutation_importance(Linear(1.0), np.empty((0, 1)), [])
    with pytest.raises(ValueError, match="got 2 and 3"):
        permutation_importance(Linear(1.0), [[1.0], [2.0]], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="object has no score: pass scoring"):
        permutation_importance(object(), [[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(TypeError, match="got 'accuracy'. For one of scikit-learn's names"):
        permutation_importance(Linear(1.0), [[1.0], [2.0]], [1.0, 2.0], scoring="accuracy")
