"""Two small models, registered by `--plugin toy_models.py`: what the command line's own tests train."""

import time

import numpy as np

import pellucid
from pellucid import Classifier, Regressor, fit_run


class NearestMean(Classifier):
    """The class whose mean is nearest.

    Parameters
    ----------
    shrink : float
        Pulls the means towards zero. Zero leaves them where they are.
    n_steps, wait : int, float
        Steps that it pretends to take, and the seconds
        that each lasts.
    hidden : tuple of int
        Not used.

    Attributes
    ----------
    means_ : ndarray
        The means.
    """

    def __init__(self, shrink=0.0, n_steps=5, wait=0.0, hidden=(64,), mode="auto", random_state=None):
        self.shrink, self.n_steps, self.wait = shrink, n_steps, wait
        self.hidden, self.mode, self.random_state = hidden, mode, random_state

    def fit(self, X, y, sample_weight=None):
        X, y, _ = self._check_fit(X, y, sample_weight)
        self.means_ = (1 - self.shrink) * np.stack([X[y == k].mean(axis=0) for k in range(len(self.classes_))])
        self.loss_ = []
        with fit_run(self, total=self.n_steps, unit="epoch") as run:
            for n in range(self.n_steps):
                time.sleep(self.wait)
                self.loss_.append(1 / (1 + n))
                if run.step(accuracy=0.5, loss=self.loss_[-1]):
                    break
        return self

    def _squared_distances(self, X):
        return ((self._check_X(X)[:, None] - self.means_) ** 2).sum(axis=2)  # (N, K)

    def predict(self, X):
        return self.classes_[self._squared_distances(X).argmin(axis=1)]

    def predict_proba(self, X):
        d = self._squared_distances(X)
        p = np.exp(d.min(axis=1, keepdims=True) - d)
        return p / p.sum(axis=1, keepdims=True)


class Plane(Regressor):
    """Least squares with a little ridge."""

    def __init__(self, alpha=1e-6):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X, y, _ = self._check_fit(X, y, sample_weight)
        self.mean_, self.intercept_ = X.mean(axis=0), y.mean()
        A = X - self.mean_
        self.coef_ = np.linalg.solve(A.T @ A + self.alpha * np.eye(A.shape[1]), A.T @ (y - self.intercept_))
        return self

    def predict(self, X):
        return (self._check_X(X) - self.mean_) @ self.coef_ + self.intercept_


class Grumpy(Classifier):
    """Refuses everything."""

    def fit(self, X, y):
        raise ValueError("the data\nare not to my taste")


pellucid.register(NearestMean, id="toy/nearest-mean", aliases=("nearest",), references=("A. Author (2001), A Book",))
pellucid.register(Plane, id="toy/plane")
pellucid.register(
    pellucid.ModelSpec(
        id="toy/counter",
        target="toy_models:Plane",
        summary="Wants y as it is",
        tasks=("regression",),
        tags=("unscaled target",),
    )  # fmt: skip
)
pellucid.register(Grumpy, id="toy/grumpy")
pellucid.register(
    pellucid.ModelSpec(id="toy/lost", target="toy_models:Lost", summary="Is not there", tasks=("classification",))
)
pellucid.register(
    pellucid.ModelSpec(id="toy/groups", target="toy_models:Plane", summary="Finds groups", tasks=("clustering",))
)
