"""Five small models that pass every check of the conformance kit; the tests of the checks break them one at a time."""

import warnings

import numpy as np

import pellucid
from pellucid import Classifier, Clusterer, ConvergenceWarning, Estimator, ModelSpec, Regressor, Transformer, fit_run
from pellucid.testing import Result, Subject
from pellucid.testing.cases import Case
from pellucid.testing.checks import all_checks
from pellucid.validation import check_rng


class Centroids(Classifier):
    """Each class is its mean; the nearest mean decides."""

    def fit(self, X, y, sample_weight=None):
        X, y, weights = self._check_fit(X, y, sample_weight)
        members = np.eye(len(self.classes_))[y] * (1 if weights is None else weights[:, None])  # (N, K)
        self.means_ = (members.T @ X) / members.sum(axis=0)[:, None]  # (K, D)
        return self

    def predict_proba(self, X):
        X = self._check_X(X)
        scores = -np.sum((X[:, None] - self.means_) ** 2, axis=2)  # (N, K)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X):
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class Plane(Regressor):
    """Least squares."""

    def __init__(self, fit_intercept=True):
        self.fit_intercept = fit_intercept

    def fit(self, X, y, sample_weight=None):
        X, y, weights = self._check_fit(X, y, sample_weight)
        x_mean, y_mean = np.zeros(X.shape[1]), 0.0
        if self.fit_intercept:
            x_mean, y_mean = np.average(X, axis=0, weights=weights), np.average(y, weights=weights)
        root = np.ones(len(y)) if weights is None else np.sqrt(weights)
        self.coef_ = np.linalg.lstsq(root[:, None] * (X - x_mean), root * (y - y_mean))[0]
        self.intercept_ = y_mean - x_mean @ self.coef_
        return self

    def predict(self, X):
        X = self._check_X(X)
        return X @ self.coef_ + self.intercept_


class Means(Clusterer):
    """k-means."""

    def __init__(self, n_clusters=3, *, max_iter=50, random_state=None):
        self.n_clusters = n_clusters
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X, y=None):
        X = self._check_fit_X(X)
        if len(X) < self.n_clusters:
            raise ValueError(f"Means needs a row for each of n_clusters={self.n_clusters} clusters, got {len(X)}.")
        means = X[check_rng(self.random_state).choice(len(X), self.n_clusters, replace=False)]  # (K, D)
        losses, settled = [], False
        with fit_run(self, total=self.max_iter) as run:
            while len(losses) < self.max_iter and not settled:
                labels = self._nearest(X, means)
                losses.append(float(np.sum((X - means[labels]) ** 2)))
                old, means = means, means.copy()
                for k in np.unique(labels):
                    means[k] = X[labels == k].mean(axis=0)
                settled = run.step(loss=losses[-1]) or np.array_equal(means, old)
        if not settled:
            warnings.warn(f"Means still moved after max_iter={self.max_iter}.", ConvergenceWarning, stacklevel=2)
        self.means_, self.losses_ = means, np.array(losses)
        self.labels_ = self._nearest(X, means)
        return self

    def predict(self, X):
        X = self._check_X(X)
        return self._nearest(X, self.means_)

    def _nearest(self, X, means):
        return np.argmin(np.sum((X[:, None] - means) ** 2, axis=2), axis=1)


class Scale(Transformer):
    """Every column with mean 0 and deviation 1."""

    def fit(self, X, y=None):
        X = self._check_fit_X(X)
        self.mean_, deviation = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1)
        return self

    def partial_fit(self, X, y=None):
        X = self._check_fit_X(X, partial=True)
        latest, share = Scale().fit(X), 0.5 if hasattr(self, "mean_") else 0.0  # of what was learnt before
        self.mean_ = share * getattr(self, "mean_", 0.0) + (1 - share) * latest.mean_
        self.scale_ = share * getattr(self, "scale_", 0.0) + (1 - share) * latest.scale_
        return self

    def transform(self, X):
        X = self._check_X(X)
        return (X - self.mean_) / self.scale_

    def inverse_transform(self, X):
        self._check_fitted()
        return np.asarray(X) * self.scale_ + self.mean_


class Bell(Estimator):
    """A normal distribution for each column."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        X = self._check_fit_X(X)
        self.mean_, deviation = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1)
        return self

    def score_samples(self, X):
        X = self._check_X(X)
        z = (X - self.mean_) / self.scale_
        return -0.5 * np.sum(z**2 + np.log(2 * np.pi) + 2 * np.log(self.scale_), axis=1)

    def score(self, X, y=None):
        return float(np.mean(self.score_samples(X)))

    def sample(self, n=1):
        self._check_fitted()
        rng = check_rng(self.random_state)
        return rng.normal(self.mean_, self.scale_, size=(n, len(self.mean_)))


SOUND = {
    Centroids: "classification",
    Plane: "regression",
    Means: "clustering",
    Scale: "transform",
    Bell: "density",
}


def subject(cls, *, registered=False, tasks=(), **fields) -> Subject:
    """A class as the kit sees it; a model broken on purpose has the task of the sound one that it is derived from."""
    tasks = tasks or next((task,) for base, task in SOUND.items() if issubclass(cls, base))
    if registered:
        pellucid.register(cls, tasks=tasks, **fields)
    fields = {"id": "local/x", "target": f"{cls.__module__}:{cls.__name__}", "summary": "x", "tasks": tasks, **fields}
    spec = pellucid.registry.spec_of(cls) if registered else ModelSpec(**fields)
    return Subject(cls, spec, tasks[0], registered)


def result(name, model: Subject) -> Result:
    """What comes of one check, by its name."""
    one = next(check for check in all_checks() if check.name == name)
    return Case(f"{model.spec.id}::{name}", one, model).run()


def checks_of(module):
    """The checks of one file of the kit, by name."""
    return {check.name: check for check in all_checks() if check.run.__module__ == f"pellucid.testing.{module}"}
