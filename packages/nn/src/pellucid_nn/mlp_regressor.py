"""Multilayer perceptron for numbers, one or several per row.

The T outputs z of the network of `mlp.py` are the predictions themselves. The loss of a row is half its squared error,
and early stopping watches how much of the variance of the targets is explained:

    ℓₙ = ½ Σₜ (zₙₜ − yₙₜ)²                                                                       (1)
    R² = 1 − Σₙ sₙ (yₙ − zₙ)² / Σₙ sₙ (yₙ − ȳ)²,    ȳ = Σₙ sₙ yₙ / Σₙ sₙ                         (2)

With several targets (2) is the mean of theirs; a target that is constant there counts as 1 − Σₙ sₙ (yₙ − zₙ)².

Symbols
-------
    paper   code      shape     meaning
    z       z         (N, T)    predictions
    y       y         (N, T)    targets
    s       s         (N,)      sample weights

Cost: that of `mlp.py`.

References
----------
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors": (1) is their total
    error.
Differs from it: nothing.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Regressor
from pellucid.validation import FloatArray
from pellucid_nn.mlp import MultilayerPerceptron
from pellucid_nn.squared_error import squared_error

Array = NDArray[Any]


def number_losses(z: Any, y: Array) -> Any:
    """Half the squared error of each row: (N, T), (N, T) -> (N,)."""
    # mutate: arguments equivalent because a square has no sign
    return 0.5 * np.sum(squared_error(z, y), axis=1)  #                                           (1)


def r_squared(z: Array, y: Array, s: Array) -> float:
    """How much of the variance of the targets is explained: (N, T), (N, T), (N,) -> ()."""
    residual = s @ (y - z) ** 2  # (T,)
    total = s @ (y - np.average(y, axis=0, weights=s)) ** 2  # (T,)
    return float(np.mean(1 - residual / np.where(total > 0, total, 1)))  #                        (2)


class MLPRegressor(Regressor, MultilayerPerceptron):
    """Multilayer perceptron for numbers, one or several per row.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter, shuffle, random_state, tol
        As for `MLPClassifier`.
    momentum, nesterovs_momentum, beta_1, beta_2, epsilon, early_stopping, validation_fraction, n_iter_no_change
        As for `MLPClassifier`.

    Attributes
    ----------
    coefs_, intercepts_, loss_curve_, best_loss_, n_iter_, n_layers_, n_outputs_
        As for `MLPClassifier`.
    validation_scores_, best_validation_score_ : ndarray, float, or None
        R² on the rows held out, with early stopping.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-3, 3, 200).reshape(-1, 1)
    >>> model = MLPRegressor(50, learning_rate_init=0.02, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> bool(abs(model.predict([[1.5]])[0] - np.sin(1.5)) < 0.05)
    True
    """

    _losses = staticmethod(number_losses)
    _score = staticmethod(r_squared)
    _by_class = False
    _multi_output = True

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows X (N, D) and their numbers y (N,) or (N, T); return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
            Learning is quickest when all columns, and y, have a similar scale.
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, do not fit together, or a parameter is out of its range.
        FloatingPointError
            When the loss grows beyond all numbers.

        Warns
        -----
        ConvergenceWarning
            When the loss still fell after `max_iter` epochs.
        """
        X, y, s = self._check_fit(X, y, sample_weight)
        return self._fit(X, _columns(y), s, _columns(y).shape[1])

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go once through these rows, on from where the last call (of this, or of `fit`) ended; return the model.

        After `fit`, and after loading, the optimizer starts without memory.
        """
        X, y, s = self._check_fit(X, y, sample_weight, partial=True)
        y = _columns(y)
        if hasattr(self, "n_outputs_") and y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} columns, but this {type(self).__name__} learns {self.n_outputs_}.")
        return self._partial_fit(X, y, s, y.shape[1])

    def predict(self, X: Any) -> FloatArray:
        """Return the numbers of each row of X (N, D), as (N, T), or (N,) if there is one target."""
        z = self._output(X)
        return z[:, 0] if self.n_outputs_ == 1 else z


def _columns(y: Array) -> Array:
    """(N,) or (N, T) -> (N, T)."""
    return y.reshape(len(y), -1)
