"""Multilayer perceptron (MLP): layers of weighted sums with a bend between them.

    h₀ = x,    hₗ = f(Wₗ hₗ₋₁ + bₗ)    for the hidden layers l = 1 … L−1                         (1)
    z = W_L h_{L−1} + b_L                                                                        (2)

The bend f is ReLU, tanh or the logistic function; without it the layers would fold into one. What the output z means,
and the loss ℓ that judges it, is said where the models are: `mlp_classifier.py` and `mlp_regressor.py`.

Learning.  Batch after batch, Adam or SGD goes against the gradient of the weighted mean of ℓ plus a penalty on weights:

    J = Σₙ sₙ ℓₙ / S + α/(2S) Σₗ ‖Wₗ‖²,    S = Σₙ sₙ over the batch                              (3)
    ∂J/∂Wₗ = Σₙ (sₙ/S) ∂ℓₙ/∂Wₗ + (α/S) Wₗ                                                        (4)

The tape finds the sum in (4); the other term is what optimizers call weight decay, with λ = α/S. Learning ends after
`max_iter` epochs, or when more than `n_iter_no_change` of them in a row have not improved J by `tol` (with early
stopping: the score on rows held out, and then the layers of the best epoch are kept).

Symbols
-------
    paper   code         shape              meaning
    x       x, X         (N, D)             rows
    y       y            (N,) or (N, T)     class indices, or target numbers
    W, b    W, b         (O, I), (O,)       weights and biases of a layer; `coefs_` holds Wᵀ, as in scikit-learn
    h       h            (N, I)             what a layer is given
    z       z            (N, K)             output of the last layer
    f       f            a function         the bend
    ℓ       losses       (B,)               loss of each row of a batch
    s, S    s, S         (B,), ()           sample weights (1 if none are given), and their sum
    α       alpha        ()                 strength of the penalty
    J       J            ()                 what is minimised

Cost: 6 N Σₗ Iₗ Oₗ operations per epoch: three matrix products for each layer and batch, two for the first layer.

References
----------
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors".
    Kingma & Ba (2015), "Adam: a method for stochastic optimization".
Differs from them: parameters are those of scikit-learn's MLPClassifier and MLPRegressor, with the same meaning; initial
weights are those of `linear.py`.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import ConvergenceWarning, Estimator, fit_run
from pellucid.tape import written
from pellucid.tensor import data_of
from pellucid.validation import FloatArray, check_rng
from pellucid_nn.activations import relu, sigmoid, tanh
from pellucid_nn.adam import Adam
from pellucid_nn.linear import Linear, linear
from pellucid_nn.minibatch import minibatches
from pellucid_nn.module import Parameter
from pellucid_nn.optimizer import Optimizer
from pellucid_nn.sgd import SGD

Array = NDArray[Any]
Function = Callable[..., Any]

BENDS: dict[str, Function] = {"identity": lambda x: x, "logistic": sigmoid, "tanh": tanh, "relu": relu}


class Layer(NamedTuple):
    """One layer; its members are Parameters while it learns, arrays afterwards."""

    W: Any  # (O, I)
    b: Any  # (O,)


class Rows(NamedTuple):
    """Data to learn from, or to score on."""

    X: Array  # (N, D)
    y: Array  # (N,) or (N, T)
    s: Array  # (N,)


class Trace(NamedTuple):
    """What `fit` says of its epochs."""

    losses: list[float]  # J of each epoch, the mean over its batches
    scores: list[float]  # score on the rows held out after each epoch, if there are any
    converged: bool  # whether it ended because nothing improved any more


def initial_layers(sizes: Sequence[int], *, rng: np.random.Generator, dtype: Any) -> list[Layer]:
    """Layers of random weights that lead from sizes[0] inputs through hidden layers to sizes[-1] outputs."""
    drawn = [Linear(n_in, n_out, rng=rng, dtype=dtype) for n_in, n_out in zip(sizes, sizes[1:])]
    return [Layer(layer.weight, layer.bias) for layer in drawn]


def arrays_of(layers: Sequence[Layer]) -> list[Layer]:
    """The same layers as plain arrays, which share their memory."""
    return [Layer(data_of(W), data_of(b)) for W, b in layers]


def forward(x: Any, layers: Sequence[Layer], f: Function) -> Any:
    """The output of the last layer for each row: (N, D), _, _ -> (N, K)."""
    h = x
    for W, b in layers[:-1]:
        h = f(linear(h, W, b))  # (N, O)                                                          (1)
    W, b = layers[-1]
    return linear(h, W, b)  # (N, K)                                                              (2)


def train_step(
    layers: Sequence[Layer], optimizer: Optimizer, batch: Rows, f: Function, losses: Function, alpha: float
) -> tuple[float, float]:
    """Move the layers against the gradient of J on one batch; return J, from before the step, and S."""
    S = float(batch.s.sum())
    optimizer.zero_grad()
    loss = np.sum(losses(forward(batch.X, layers, f), batch.y) * (batch.s / S))
    J = loss.item() + alpha / (2 * S) * sum(float(np.vdot(data_of(W), data_of(W))) for W, _ in layers)  # (3)
    loss.backward()
    optimizer.param_groups[0]["weight_decay"] = alpha / S  # group 0 holds the weights            (4)
    optimizer.step(keep_gradients=False)
    return J, S


def fit(
    layers: Sequence[Layer],
    optimizer: Optimizer,
    rows: Rows,
    *,
    f: Function,
    losses: Function,
    alpha: float,
    batch_size: int,
    max_iter: int,
    shuffle: bool,
    tol: float,
    n_iter_no_change: int,
    rng: np.random.Generator,
    held: Rows | None = None,
    score: Function | None = None,
    report: Callable[..., bool] | None = None,
) -> Trace:
    """Move the layers until nothing improves: the algorithm of this file.

    Parameters
    ----------
    layers, optimizer
        What learns, and how. Group 0 of the optimizer holds the weights, group 1 the biases.
    rows : Rows
        What to learn from.
    f : callable
        The bend (1).
    losses : callable
        ``losses(z, y)`` of each row of a batch.
    held : Rows, optional
        Rows held out. Then the layers of the epoch with the best score on them are kept.
    score : callable, optional
        ``score(z, y, s)`` of these; higher is better.
    report : callable, optional
        Told the numbers of every epoch; returns True to end.
    """
    epoch_losses: list[float] = []
    scores: list[float] = []
    best, best_arrays, waited = -math.inf, None, 0
    for _ in range(max_iter):
        steps = [
            train_step(layers, optimizer, Rows(*(a[chosen] for a in rows)), f, losses, alpha)
            for chosen in minibatches(len(rows.X), batch_size, rng=rng if shuffle else None)
        ]
        epoch_losses.append(sum(J * S for J, S in steps) / sum(S for _, S in steps))
        if not math.isfinite(epoch_losses[-1]):
            raise FloatingPointError(
                f"the loss became {epoch_losses[-1]} in epoch {len(epoch_losses)}: lower learning_rate_init, or bring "
                f"the columns of X (and the numbers y) to a common scale"
            )
        if held is not None and score is not None:
            scores.append(score(forward(held.X, arrays_of(layers), f), held.y, held.s))
        goodness = scores[-1] if scores else -epoch_losses[-1]
        waited = 0 if goodness >= best + tol else waited + 1
        if goodness > best:
            best = goodness
            best_arrays = [np.copy(array) for layer in arrays_of(layers) for array in layer] if scores else None
        if report is not None and report(loss=epoch_losses[-1], **({"score": scores[-1]} if scores else {})):
            break
        if waited > n_iter_no_change:
            break
    if best_arrays is not None:
        for parameter, array in zip([array for layer in layers for array in layer], best_arrays):
            data_of(parameter)[...] = array
            written(parameter)
    return Trace(epoch_losses, scores, waited > n_iter_no_change)


def hold_out(
    y: Array, fraction: float, *, by_class: bool, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the rows at random: numbers of those to learn from, and of a fraction (of each class) to score on."""
    groups = [np.flatnonzero(y == k) for k in np.unique(y)] if by_class else [np.arange(len(y))]
    learn, held = [], []
    for group in groups:
        n_held = min(max(1, round(fraction * len(group))), len(group) - 1)  # at least one stays to learn from
        shuffled = rng.permutation(group)
        held.append(shuffled[:n_held])
        learn.append(shuffled[n_held:])
    return np.sort(np.concatenate(learn)), np.sort(np.concatenate(held))


class Learner(NamedTuple):
    """What `partial_fit` goes on with."""

    layers: list[Layer]
    optimizer: Optimizer
    rng: np.random.Generator


class MultilayerPerceptron(Estimator):
    """What MLPClassifier and MLPRegressor have in common: parameters, and the way from these to `fit`."""

    coefs_: list[Array]
    intercepts_: list[Array]
    loss_curve_: Array
    best_loss_: float
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    validation_scores_: Array | None
    best_validation_score_: float | None

    _losses: ClassVar[Function]  # losses(z, y) of each row
    _score: ClassVar[Function]  # score(z, y, s) of rows held out
    _by_class: ClassVar[bool]  # whether rows are held out class by class

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    def _check_params(self) -> None:
        """Raise ValueError if a parameter makes no sense."""
        for name, choices in (("activation", list(BENDS)), ("solver", ["adam", "sgd"])):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {getattr(self, name)!r}.")
        if min(self._hidden_sizes(), default=1) < 1:
            raise ValueError(f"hidden_layer_sizes must be 1 or more each, got {self.hidden_layer_sizes!r}.")
        if isinstance(self.batch_size, str) and self.batch_size != "auto":
            raise ValueError(f"batch_size must be a number or 'auto', got {self.batch_size!r}.")
        for name in ("batch_size", "max_iter", "n_iter_no_change"):
            value = getattr(self, name)
            if not isinstance(value, str) and not (isinstance(value, int | np.integer) and value >= 1):
                raise ValueError(f"{name} must be a whole number of 1 or more, got {value!r}.")
        for name in ("alpha", "tol", "epsilon"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number of 0 or more, got {getattr(self, name)!r}.")
        if not 0 < self.learning_rate_init < math.inf:
            raise ValueError(f"learning_rate_init must be more than 0, got {self.learning_rate_init!r}. Try 0.001.")
        for name in ("momentum", "beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and less than 1, got {getattr(self, name)!r}.")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}.")

    def _hidden_sizes(self) -> list[int]:
        sizes: list[int] = np.atleast_1d(self.hidden_layer_sizes).tolist()
        if not all(isinstance(size, int) for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be whole numbers, got {self.hidden_layer_sizes!r}.")
        return sizes

    def _new_learner(self, n_in: int, n_out: int, dtype: Any) -> Learner:
        """Layers of random weights, with an optimizer for them."""
        rng = check_rng(self.random_state)
        return self._learner_of(initial_layers([n_in, *self._hidden_sizes(), n_out], rng=rng, dtype=dtype), rng)

    def _learner_of(self, layers: list[Layer], rng: np.random.Generator) -> Learner:
        groups = [{"params": [W for W, _ in layers]}, {"params": [b for _, b in layers]}]
        rate = self.learning_rate_init
        if self.solver == "adam":
            return Learner(layers, Adam(groups, rate, (self.beta_1, self.beta_2), self.epsilon), rng)
        nesterov = self.nesterovs_momentum and self.momentum > 0
        return Learner(layers, SGD(groups, rate, self.momentum, nesterov=nesterov), rng)

    def _fit(self, X: FloatArray, y: Array, s: FloatArray | None, n_out: int) -> Self:
        """Learn from checked data and store what came of it."""
        vars(self).pop("_learner", None)
        self._check_params()
        learner = self._new_learner(X.shape[1], n_out, X.dtype)
        rows, held = _rows_that_count(X, y, s), None
        if self.early_stopping:
            learn, rest = hold_out(rows.y, self.validation_fraction, by_class=self._by_class, rng=learner.rng)
            if len(rest) == 0:
                raise ValueError(
                    f"early_stopping holds rows out, but all of these {len(rows.X)} rows are needed to learn from (at "
                    f"least one of each class is). Pass more rows, or early_stopping=False."
                )
            held, rows = Rows(*(a[rest] for a in rows)), Rows(*(a[learn] for a in rows))
        told: list[dict[str, float]] = []

        def report(**metrics: float) -> bool:
            told.append(metrics)
            return run.step(**metrics)

        def snapshot() -> MultilayerPerceptron:
            losses, scores = ([metrics[name] for metrics in told if name in metrics] for name in ("loss", "score"))
            return copy.copy(self)._store(learner, losses, scores)

        with fit_run(self, total=self.max_iter, unit="epoch", snapshot=snapshot) as run:
            trace = self._run(learner, rows, self.max_iter, held, report)
        self._store(learner, trace.losses, trace.scores)
        if not trace.converged and run.stopped is None:
            warnings.warn(
                f"{type(self).__name__} still improved after max_iter={self.max_iter} epochs. Raise max_iter, or "
                f"accept it with a larger tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _partial_fit(self, X: FloatArray, y: Array, s: FloatArray | None, n_out: int) -> Self:
        """One epoch more, from where the last one ended."""
        self._check_params()
        learner: Learner | None = vars(self).get("_learner")
        if not hasattr(self, "coefs_"):
            learner = self._new_learner(X.shape[1], n_out, X.dtype)
        elif learner is None:  # after fit, or loaded from a file
            layers = [Layer(Parameter(W.T.copy()), Parameter(b.copy())) for W, b in zip(self.coefs_, self.intercepts_)]
            learner = self._learner_of(layers, check_rng(self.random_state))
        rows = _rows_that_count(X.astype(learner.layers[0].W.dtype, copy=False), y, s)
        before = getattr(self, "loss_curve_", np.zeros(0))
        trace = self._run(learner, rows, 1, None, None)
        self._store(learner, [*before, *trace.losses])
        self._learner = learner
        return self

    def _run(
        self, learner: Learner, rows: Rows, max_iter: int, held: Rows | None, report: Callable[..., bool] | None
    ) -> Trace:
        """`fit` with the parameters of this model."""
        return fit(
            learner.layers,
            learner.optimizer,
            rows,
            f=BENDS[self.activation],
            losses=self._losses,
            alpha=self.alpha,
            batch_size=min(200, len(rows.X)) if isinstance(self.batch_size, str) else self.batch_size,
            max_iter=max_iter,
            shuffle=self.shuffle,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            rng=learner.rng,
            held=held,
            score=self._score,
            report=report,
        )

    def _store(self, learner: Learner, losses: Sequence[float], scores: Sequence[float] | None = None) -> Self:
        self.coefs_ = [np.array(W.T, order="C") for W, _ in arrays_of(learner.layers)]
        self.intercepts_ = [np.array(b) for _, b in arrays_of(learner.layers)]
        self.loss_curve_ = np.array(losses)
        self.best_loss_ = float(self.loss_curve_.min())
        self.n_iter_ = len(losses)
        self.n_layers_ = len(self.coefs_) + 1
        self.n_outputs_ = len(self.intercepts_[-1])
        if scores is not None:
            self.validation_scores_ = np.array(scores) if scores else None
            self.best_validation_score_ = max(scores, default=None)
        return self

    def _output(self, X: Any) -> Array:
        """z of every row: array-like -> array (N, K)."""
        X = self._check_X(X)
        layers = [Layer(W.T, b) for W, b in zip(self.coefs_, self.intercepts_)]
        z: Array = forward(X, layers, BENDS[self.activation])
        return z


def _rows_that_count(X: Array, y: Array, s: Array | None) -> Rows:
    """The rows of positive weight, with their weights: 1 if none are given."""
    if s is None:
        return Rows(X, y, np.ones(len(X), X.dtype))
    chosen = np.flatnonzero(s)
    return Rows(X[chosen], y[chosen], s[chosen].astype(X.dtype, copy=False))
