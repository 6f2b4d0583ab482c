"""Multilayer perceptron for classes.

The network of `mlp.py` gives every class an output z. Softmax makes them probabilities; the largest decides:

    pₖ = exp zₖ / Σⱼ exp zⱼ                                                                      (1)
    log pₖ = zₖ − log Σⱼ exp zⱼ                                                                  (2)

The loss of a row is how surprising its class y is, and early stopping watches how often the largest output is right:

    ℓ = −log p_y                                                                                 (3)
    accuracy = Σₙ sₙ [argmaxₖ zₙₖ = yₙ] / Σₙ sₙ                                                  (4)

Symbols
-------
    paper   code      shape     meaning
    z       z         (N, K)    outputs of the network
    y       y         (N,)      class of each row, 0 … K−1
    s       s         (N,)      sample weights

Cost: that of `mlp.py`.

References
----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs": (1), trained by (3).
Differs from it: nothing. Unlike scikit-learn's MLPClassifier, two classes have two outputs.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier
from pellucid.validation import FloatArray
from pellucid_nn.cross_entropy import one_hot, softmax_cross_entropy
from pellucid_nn.mlp import MultilayerPerceptron

Array = NDArray[Any]


def softmax(z: Array) -> Array:
    """Probabilities of the classes: (N, K) -> (N, K)."""
    exp = np.exp(z - z.max(axis=1, keepdims=True))  # the same ratios, and no exp that overflows
    p: Array = exp / exp.sum(axis=1, keepdims=True)  #                                            (1)
    return p


def log_softmax(z: Array) -> Array:
    """Log probabilities of the classes: (N, K) -> (N, K)."""
    shifted = z - z.max(axis=1, keepdims=True)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  #                (2)
    return log_p


def class_losses(z: Any, y: Array) -> Any:
    """−log p of the class of each row: (N, K), (N,) -> (N,)."""
    return softmax_cross_entropy(z, one_hot(y, z.shape[1], z.dtype))  #                           (3)


def accuracy(z: Array, y: Array, s: Array) -> float:
    """Share of the rows whose class has the largest output: (N, K), (N,), (N,) -> ()."""
    return float(np.average(z.argmax(axis=1) == y, weights=s))  #                                 (4)


class MLPClassifier(Classifier, MultilayerPerceptron):
    """Multilayer perceptron for classes.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        How many units each hidden layer has; () for none.
    activation : {"relu", "tanh", "logistic", "identity"}
        The bend f between layers.
    solver : {"adam", "sgd"}
        Which optimizer moves the weights.
    alpha : float
        Strength of the penalty on large weights, (3) of mlp.py.
    batch_size : int or "auto"
        Rows per step; "auto" is 200, or all if there are fewer.
    learning_rate_init : float
        The optimizer's learning rate.
    max_iter : int
        The most epochs.
    shuffle : bool
        Whether the rows are put in another order for each epoch.
    random_state : None, int or Generator
        Draws the initial weights and the order of the rows.
    tol : float
        What counts as an improvement.
    momentum, nesterovs_momentum : float, bool
        For "sgd".
    early_stopping : bool
        Whether to hold rows out, end when the score on them no longer rises, and keep the best layers.
    validation_fraction : float
        Share of the rows (of each class) that is held out then.
    beta_1, beta_2, epsilon : float
        For "adam".
    n_iter_no_change : int
        How many epochs without an improvement are waited for.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    coefs_ : list of ndarray, shapes (I, O)
        Weights of each layer, one column per output.
    intercepts_ : list of ndarray, shapes (O,)
        Biases of each layer.
    loss_curve_ : ndarray of shape (n_iter_,)
        J of each epoch, the mean over its batches.
    best_loss_ : float
        The least of them.
    n_iter_, n_layers_, n_outputs_ : int
        Epochs, layers with input and output, outputs.
    validation_scores_, best_validation_score_ : ndarray, float, or None
        Accuracy on the rows held out, with early stopping.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = np.where((X**2).sum(axis=1) < 1, "inside", "outside")
    >>> model = MLPClassifier(32, learning_rate_init=0.02, tol=1e-3, random_state=0).fit(X, y)
    >>> model.predict([[0.1, 0.2], [2.0, 0.0]])
    array(['inside', 'outside'], dtype='<U7')
    """

    _losses = staticmethod(class_losses)
    _score = staticmethod(accuracy)
    _by_class = True

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows X (N, D) and their labels y (N,); return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
            Learning is quickest when all columns have a similar scale.
        y : array-like of shape (N,)
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
        return self._fit(X, y, s, len(self.classes_))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go once through these rows, on from where the last call (of this, or of `fit`) ended; return the model.

        After `fit`, and after loading, the optimizer starts without memory.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (K,)
            All labels that will ever come; needed in the first call.

        Raises
        ------
        ValueError
            When `classes` are missing or differ from those of the first call, or `y` has others.
        """
        if classes is None and not self.__sklearn_is_fitted__():
            raise ValueError("classes must be passed on the first call to partial_fit: all labels that will ever come.")
        known = vars(self).get("classes_")
        if classes is not None and known is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes are not those of the first call: {list(classes)} now, {known.tolist()} then.")
        X, y, s = self._check_fit(X, y, sample_weight, partial=True, classes=classes)
        return self._partial_fit(X, y, s, len(self.classes_))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of every class for each row of X (N, D), as (N, K)."""
        return softmax(self._output(X))

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the log probability of every class for each row of X (N, D), as (N, K)."""
        return log_softmax(self._output(X))

    def predict(self, X: Any) -> Array:
        """Return the label of each row of X (N, D), as (N,)."""
        z = self._output(X)
        labels: Array = self.classes_[z.argmax(axis=1)]
        return labels
