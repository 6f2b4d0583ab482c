"""Small models that are sound and do not take just any data: their tags say so, and then all checks pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from sound_models import Bell, Centroids, Plane, Scale
from sound_models_of_tasks import TableOfValues

from pellucid import Classifier, Regressor, Transformer
from pellucid.validation import check_labels, check_rows, feature_names


class Exponential(Plane):
    """Least squares of the logarithm, so that y must be above 0."""

    _tags = ("positive target",)
    _multi_output = True

    def fit(self, X, y, sample_weight=None):
        checked = self._check_fit(X, y, sample_weight)[1]
        if checked.min() <= 0:
            del self.n_features_in_
            raise ValueError(f"y must be above 0, its smallest number is {checked.min()}.")
        X, y, weights = self._check_fit(X, y, sample_weight)
        A = np.column_stack([X, np.ones(len(X))])
        root = np.ones(len(y)) if weights is None else np.sqrt(weights)
        solved = np.linalg.lstsq(A * root[:, None], (np.log(y).T * root).T)[0]
        self.coef_, self.intercept_ = solved[:-1], solved[-1]
        return self

    def predict(self, X):
        return np.exp(np.clip(super().predict(X), -700, 700))


class Between(Classifier):
    """Two classes, told apart half-way between their means."""

    _tags = ("two classes",)

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        if len(self.classes_) > 2:  # in the words that scikit-learn's checks look for
            raise ValueError("Only binary classification is supported. The type of the target is multiclass.")
        if len(self.classes_) < 2:
            raise ValueError("Between is for two classes, but the data contains only one class.")
        first, second = X[y == 0].mean(axis=0), X[y == 1].mean(axis=0)
        self.direction_ = second - first
        self.threshold_ = (first + second) @ self.direction_ / 2
        return self

    def decision_function(self, X):
        return self._check_X(X) @ self.direction_ - self.threshold_

    def predict_proba(self, X):
        p = 0.5 + 0.5 * np.tanh(self.decision_function(X) / 2)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        chosen = (self.decision_function(X) > 0).astype(int)
        return self.classes_[chosen]


class Best(Transformer):
    """The two columns that go best with y."""

    _tags = ("needs y",)

    def fit(self, X, y):
        X = self._check_fit_X(X)
        if y is None:
            raise ValueError("Best requires y to be passed, but the target y is None.")
        labels = check_labels(y, name="Best")[1]
        check_rows(len(X), labels)
        means = np.stack([X[labels == k].mean(axis=0) for k in np.unique(labels)])  # (K, D)
        self.kept_ = np.sort(np.argsort(-means.var(axis=0), kind="stable")[:2])
        return self

    def transform(self, X):
        X = self._check_X(X)
        return X[:, self.kept_]

    def get_feature_names_out(self, input_features=None):
        return super().get_feature_names_out(input_features)[self.kept_]


class CentredCentroids(Centroids, Transformer):
    """A classifier that transforms as well: the distance to each mean."""

    def transform(self, X):
        X = self._check_X(X)
        return np.sqrt(np.sum((X[:, None] - self.means_) ** 2, axis=2))

    @property
    def _n_features_out(self):
        return len(self.means_)


class Steps(Regressor):
    """The mean of y in each of four parts of the only column."""

    _tags = ("one column",)

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        if X.shape[1] != 1:
            width = self.n_features_in_
            del self.n_features_in_
            raise ValueError(f"Steps takes one column, X has {width}.")
        edges = np.quantile(X[:, 0], [0.25, 0.5, 0.75])
        part = np.searchsorted(edges, X[:, 0])
        self.edges_ = edges
        self.values_ = np.array([y[part == k].mean() if np.any(part == k) else y.mean() for k in range(4)])
        return self

    def predict(self, X):
        X = self._check_X(X)
        return self.values_[np.searchsorted(self.edges_, X[:, 0])]


class OneBell(Bell):
    """A normal distribution of one column."""

    _tags = ("one column",)

    def fit(self, X, y=None):
        super().fit(X)
        if self.n_features_in_ != 1:
            width = self.n_features_in_
            self._forget()
            raise ValueError(f"OneBell takes one column, X has {width}.")
        return self


class UnitRows(Transformer):
    """Each row divided by its length."""

    _tags = ("stateless",)

    def fit(self, X, y=None):
        self._check_fit_X(X)
        return self

    def transform(self, X):
        X = self._check_X(X)
        most = np.abs(X).max(axis=1, keepdims=True)
        X = X / np.where(most > 0, most, 1)
        length = np.linalg.norm(X, axis=1, keepdims=True)
        return X / np.where(length > 0, length, 1)


class Numbered(Transformer):
    """The number of each word among the words of its column; -1 for those that were not there."""

    _tags = ("text",)

    def _words(self, X: Any) -> Any:
        name, A = type(self).__name__, np.asarray(X, dtype=object)
        if A.ndim != 2 or 0 in A.shape:
            raise ValueError(f"{name} takes a table of 2 dimensions with rows and columns, got shape {A.shape}.")
        return A.astype(str)

    def fit(self, X, y=None):
        A = self._words(X)
        self._start_over(X, A)
        self.words_ = [np.unique(column) for column in A.T]
        return self

    def transform(self, X):
        self._check_fitted()
        names, seen = feature_names(X), getattr(self, "feature_names_in_", None)
        if names is not None and seen is not None and list(names) != list(seen):
            raise ValueError(f"Numbered was fitted to the columns {list(seen)}, got {list(names)}.")
        A = self._words(X)
        if A.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {A.shape[1]} features, but Numbered is expecting {self.n_features_in_}.")
        numbers = [np.where(np.isin(c, w), np.searchsorted(w, c), -1) for c, w in zip(A.T, self.words_)]
        return np.column_stack(numbers).astype(float)


class CommonWords(Classifier):
    """Naive Bayes of words."""

    _tags = ("text",)

    def fit(self, X, y):
        numbers = Numbered().fit(X)
        classes, y = check_labels(y, name="CommonWords")
        check_rows(len(X), y)
        self._start_over(X, np.asarray(X, dtype=object))
        self.classes_ = classes
        coded = np.asarray(numbers.transform(X)).astype(int)  # (N, D)
        self.words_ = [words.tolist() for words in numbers.words_]
        self.counts_ = [
            np.array([[1 + np.sum(coded[y == k, d] == w) for w in range(len(words))] for k in range(len(classes))])
            for d, words in enumerate(self.words_)
        ]
        return self

    def predict_proba(self, X):
        self._check_fitted()
        numbers = Numbered()
        numbers.words_, numbers.n_features_in_ = [np.array(words) for words in self.words_], self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            numbers.feature_names_in_ = self.feature_names_in_
        coded = np.asarray(numbers.transform(X)).astype(int)
        log_p = np.zeros((len(coded), len(self.classes_)))
        for d, counts in enumerate(self.counts_):
            log_share = np.log(counts / counts.sum(axis=1, keepdims=True))  # (K, M)
            log_p += np.where(coded[:, d, None] >= 0, log_share.T[coded[:, d]], 0)
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X):
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class Steers(TableOfValues):
    """Q-learning between two actions that are vectors: all to the left, all to the right."""

    _tags = ("continuous actions",)

    def learn(self, env, total_timesteps):
        class TwoWays:
            action_space = type("Two", (), {"n": 2})
            reset = env.reset

            def step(self, action):
                return env.step(np.array([2.0 * action - 1.0]))

        return super().learn(TwoWays(), total_timesteps)

    def predict(self, observation, state=None, deterministic=True):
        action, state = super().predict(observation, state)
        return np.array([2.0 * action - 1.0]), state


SOUND: list[tuple[type[Any], tuple[str, ...]]] = [  # with its tasks; the tags are those of the class
    (Exponential, ("regression",)),
    (Between, ("classification",)),
    (Best, ("transform",)),
    (CentredCentroids, ("classification", "transform")),
    (CentredCentroids, ("transform", "classification")),
    (Steps, ("regression",)),
    (OneBell, ("density",)),
    (UnitRows, ("transform",)),
    (Numbered, ("transform",)),
    (CommonWords, ("classification",)),
    (Steers, ("control",)),
    (Scale, ("transform",)),
]
