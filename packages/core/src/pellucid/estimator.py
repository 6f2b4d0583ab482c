"""Estimators: what a model class is handed by its base, so that its own file holds only the model.

An estimator behaves as scikit-learn's do, and needs nothing of it. The rules of that behaviour:

- the constructor stores its arguments under their own names and does nothing else;
- `fit` checks its input, learns, stores what it learnt in attributes that end in an underscore, and returns `self`;
- nothing that a caller passes in is ever written to.

A subclass calls one of the `_check_fit...` methods at the start of `fit` and `_check_X` at the start of everything that
comes after. What scikit-learn asks for beyond this is in `sklearn_protocols`; nothing here imports scikit-learn.

    class Mean(Regressor):
        def __init__(self, shrink=0.0):
            self.shrink = shrink

        def fit(self, X, y, sample_weight=None):
            X, y, w = self._check_fit(X, y, sample_weight)
            self.mean_ = (1 - self.shrink) * np.average(y, weights=w)
            return self

        def predict(self, X):
            X = self._check_X(X)
            return np.full(len(X), self.mean_)
"""

from __future__ import annotations

import copy
import html
import inspect
import warnings
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid import sklearn_protocols
from pellucid.sklearn_protocols import NotFittedError as NotFittedError
from pellucid.sklearn_protocols import not_fitted
from pellucid.validation import (
    FloatArray,
    IndexArray,
    check_array,
    check_class_weight,
    check_feature_names,
    check_labels,
    check_rows,
    check_sample_weight,
    check_target,
    feature_names,
)

T = TypeVar("T")

_SET_BY_CHECKS = ("n_features_in_", "feature_names_in_", "classes_")  # before anything is learnt


def clone(model: T) -> T:
    """Return an unfitted model with the same parameters.

    Parameters
    ----------
    model : Estimator, or any object with `get_params`
        Models inside its parameters are cloned too; other parameters are deep copies.

    Returns
    -------
    The same class, not fitted.

    Raises
    ------
    TypeError
        When `model` is a class, or has no `get_params`.
    RuntimeError
        When the constructor does more than store its arguments.
    """
    if isinstance(model, type) or not hasattr(model, "get_params"):
        raise TypeError(f"clone needs a model with get_params, got {model!r}. Pass an instance, not a class.")
    params = {name: _clone_value(value) for name, value in model.get_params(deep=False).items()}
    copied = type(model)(**params)
    stored = copied.get_params(deep=False)
    for name, value in params.items():
        if stored[name] is not value:
            raise RuntimeError(
                f"Cannot clone {type(model).__name__}: its constructor must store the parameter {name!r} as it came; "
                "move checks and conversions to fit."
            )
    for name in ("_metadata_request", "_sklearn_output_config"):
        if name in vars(model):
            setattr(copied, name, copy.deepcopy(getattr(model, name)))
    return copied


def _clone_value(value: Any) -> Any:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return clone(value)
    if type(value) in (list, tuple):
        return type(value)(_clone_value(item) for item in value)
    if type(value) is dict:
        return {key: _clone_value(item) for key, item in value.items()}
    return copy.deepcopy(value)


# -- the base of all -----------------------------------------------------------------------------------------------


class Estimator:
    """Base of everything with `fit`: parameters, checks, representation and state.

    A subclass that does not take just any table says so in `_tags`, in the words of `pellucid.ModelSpec`:
    ``_tags = ("positive target",)``. `pellucid.register` and scikit-learn read them. One that has nothing to learn has
    ``_tags = ("stateless",)``, and answers before `fit` too.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns at fit.
    feature_names_in_ : ndarray of str
        Their names, when the data had names.
    """

    _estimator_type: ClassVar[str | None] = None
    _multi_output: ClassVar[bool] = False
    _tags: ClassVar[tuple[str, ...]] = ()

    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        sklearn_protocols.add_request_setters(cls)

    # Parameters

    @classmethod
    def _parameters(cls) -> dict[str, inspect.Parameter]:
        """The constructor's parameters by name, in its order."""
        if cls.__init__ is object.__init__:
            return {}
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise RuntimeError(
                    f"{cls.__name__}.__init__ must name each of its parameters, but it takes {parameter}: write them "
                    "out, so that they can be listed, copied and saved."
                )
        return {parameter.name: parameter for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, also those of models inside them, as `outer__inner`."""
        params: dict[str, Any] = {}
        for name in self._parameters():
            value = getattr(self, name)
            params[name] = value
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params.update((f"{name}__{inner}", v) for inner, v in value.get_params().items())
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, `outer__inner` for those of a model inside; return the model.

        Raises
        ------
        ValueError
            When there is no such parameter.
        """
        valid = list(self._parameters())
        own = {name: value for name, value in params.items() if "__" not in name}
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in valid:
                raise ValueError(
                    f"Invalid parameter {outer!r} for estimator {self!r}. Valid parameters are: {valid!r}."
                )
            if inner:
                nested.setdefault(outer, {})[inner] = value
        for name, value in own.items():
            setattr(self, name, value)
        for outer, inner_params in nested.items():
            model = getattr(self, outer)
            if not hasattr(model, "set_params"):
                raise ValueError(
                    f"Invalid parameter {next(iter(inner_params))!r} for {outer} of {type(self).__name__}: {outer} is "
                    f"{model!r}, which has no parameters of its own."
                )
            model.set_params(**inner_params)
        return self

    def _changed_params(self) -> dict[str, Any]:
        """The parameters that differ from the constructor's defaults."""
        changed = {}
        for name, parameter in self._parameters().items():
            value = getattr(self, name, None)
            default = parameter.default
            if value is not default and (type(value) is not type(default) or repr(value) != repr(default)):
                changed[name] = value
        return changed

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={_short(value)}" for name, value in self._changed_params().items())
        return f"{type(self).__name__}({inside})"

    def _repr_html_(self) -> str:
        changed = self._changed_params()
        rows = "".join(
            f"<tr><td>{'<b>' + name + '</b>' if name in changed else name}</td>"
            f"<td style='text-align:left'><code>{html.escape(_short(value))}</code></td></tr>"
            for name, value in self.get_params(deep=False).items()
        )
        state = "fitted" if self.__sklearn_is_fitted__() else "not fitted"
        return (
            f"<details><summary><code>{html.escape(type(self).__name__)}</code> ({state})</summary>"
            f"<table>{rows}</table></details>"
        )

    # Checks, for subclasses

    def _check_fit_X(self, X: Any, *, min_rows: int = 1, allow_nan: bool = False, partial: bool = False) -> FloatArray:
        """Check the data of a fit and remember their width and column names: array-like -> (N, D).

        With `partial`, for `partial_fit`, a fitted model keeps what it learnt and X is held against it.
        """
        A, fresh = self._check_rows(X, min_rows, allow_nan, partial)
        if fresh:
            self._start_over(X, A)
        return A

    def _check_rows(self, X: Any, min_rows: int, allow_nan: bool, partial: bool) -> tuple[FloatArray, bool]:
        """Check the data of a fit: -> X (N, D), and whether nothing was learnt that must be kept."""
        if partial and self.__sklearn_is_fitted__() and hasattr(self, "n_features_in_"):
            return self._check_X(X, allow_nan=allow_nan), False
        return check_array(X, name=type(self).__name__, min_rows=min_rows, allow_nan=allow_nan), True

    def _check_X(self, X: Any, *, allow_nan: bool = False) -> FloatArray:
        """Check data after the fit, against what the fit saw: array-like -> (N, D)."""
        self._check_fitted()
        name = type(self).__name__
        check_feature_names(getattr(self, "feature_names_in_", None), X, name)
        A = check_array(X, name=name, allow_nan=allow_nan)
        width = getattr(self, "n_features_in_", A.shape[1])  # what is stateless may not have been fitted
        if A.shape[1] != width:
            raise ValueError(f"X has {A.shape[1]} features, but {name} is expecting {width} features as input.")
        return A

    def _check_fitted(self) -> None:
        """Raise NotFittedError before `fit`."""
        if not self.__sklearn_is_fitted__():
            began = " Its fit has begun, and stored nothing that it learnt: no attribute that ends in an underscore. "
            advice = "If there is nothing to learn, give the class _tags = ('stateless',)."
            raise not_fitted(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                f"using this estimator.{began + advice if hasattr(self, 'n_features_in_') else ''}"
            )

    def _start_over(self, X: Any, A: FloatArray) -> None:
        """Forget an earlier fit, unless `warm_start` is set, and remember the width and the column names of the data.

        A fit that fails half-way then leaves a model that is not fitted, never one that is half old and half new.
        """
        if not getattr(self, "warm_start", False):
            self._forget()
        vars(self).pop("feature_names_in_", None)
        names = feature_names(X)
        if names is not None:
            self.feature_names_in_ = names
        self.n_features_in_ = A.shape[1]

    def _forget(self) -> None:
        for name in [name for name in vars(self) if _is_learnt(name)]:
            delattr(self, name)

    # State, for saving

    def get_state(self) -> dict[str, Any]:
        """Return what `fit` learnt: every attribute whose name ends, and does not begin, with an underscore."""
        return {name: value for name, value in vars(self).items() if _is_learnt(name)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` returned, in place of what was learnt since.

        Raises
        ------
        ValueError
            When a name is not that of a learnt attribute, or is a method or property of the class.
        """
        for name in state:
            if not (isinstance(name, str) and name.isidentifier() and _is_learnt(name)):
                raise ValueError(
                    f"{type(self).__name__} cannot take the state {name!r}: the name of a learnt attribute ends, and "
                    "does not begin, with an underscore."
                )
            if hasattr(type(self), name):
                raise ValueError(
                    f"{type(self).__name__} cannot take the state {name!r}: the class itself defines that name."
                )
        self._forget()
        vars(self).update(state)

    # scikit-learn's protocols

    def __sklearn_is_fitted__(self) -> bool:
        return "stateless" in self._tags or any(_is_learnt(name) and name not in _SET_BY_CHECKS for name in vars(self))

    def __sklearn_tags__(self) -> Any:
        return sklearn_protocols.tags(self, self._estimator_type, self._multi_output, self._tags)

    def get_metadata_routing(self) -> Any:
        """Return which metadata (`sample_weight`, say) each method asks scikit-learn for."""
        return sklearn_protocols.routing(self)


def _is_learnt(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _short(value: Any, most: int = 200) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= most else f"{words[: most // 2]}...{words[-most // 4 :]}"


# -- the four kinds ------------------------------------------------------------------------------------------------


class Classifier(Estimator):
    """Base of classifiers: labels in, labels out.

    A subclass's `fit` begins with `X, y, w = self._check_fit(X, y, sample_weight)` and its `predict` ends with
    `self.classes_[indices]`.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels seen at fit, sorted.
    """

    _estimator_type = "classifier"

    classes_: NDArray[Any]

    def _check_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        min_rows: int = 1,
        min_classes: int = 1,
        allow_nan: bool = False,
        partial: bool = False,
        classes: Any = None,
        dtype: type[np.floating[Any]] | None = None,
    ) -> tuple[FloatArray, IndexArray, FloatArray | None]:
        """Check the arguments of a fit, set `classes_`: -> X (N, D), y (N,) indices into it, weights (N,) or None.

        The weights have this `dtype`, that of X unless it is given. With `partial`, for `partial_fit`, a fitted model
        keeps what it learnt and the data are held against it; the first time, `classes` may name classes that `y` does
        not show yet.
        """
        name = type(self).__name__
        A, fresh = self._check_rows(X, min_rows, allow_nan, partial)
        classes, indices = check_labels(y, name=name, known=classes if fresh else self.classes_)
        check_rows(len(A), indices)
        weights = check_sample_weight(sample_weight, len(A), name=name, dtype=dtype or A.dtype)
        if len(classes) < min_classes:
            raise ValueError(
                f"{name} needs samples of at least {min_classes} classes, but the data contains "
                + ("only one class" if len(classes) == 1 else f"{len(classes)} classes")
                + f": {classes.tolist()!r}."
            )
        if fresh:
            self._start_over(X, A)
            self.classes_ = classes
        return A, indices, weights

    def _apply_class_weight(
        self, y: IndexArray, weights: FloatArray | None, dtype: np.dtype[Any] | type[np.floating[Any]] = np.float64
    ) -> FloatArray | None:
        """Multiply the parameter `class_weight` into the sample weights: (N,), (N,) or None -> (N,) or None.

        `y` are indices into `classes_`; `dtype` is that of X.
        """
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return weights
        by_row = check_class_weight(class_weight, self.classes_, y, weights)[y]  # (N,)
        return (by_row if weights is None else by_row * weights).astype(dtype, copy=False)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row of X (N, D): an array (N,)."""
        raise NotImplementedError(f"{type(self).__name__} must define predict.")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose label is predicted, weighted if asked.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When `X`, `y` and the weights do not fit together.
        """
        predicted = self.predict(X)
        classes, indices = check_labels(y, name=type(self).__name__)
        check_rows(len(predicted), indices)
        if (classes.dtype.kind in "OU") != (predicted.dtype.kind in "OU"):
            raise ValueError(
                f"y holds {'text' if classes.dtype.kind in 'OU' else 'numbers'} (the first: {classes[indices[0]]!r}), "
                f"but {type(self).__name__} was fitted with labels such as {predicted[0]!r}. Give both the same labels."
            )
        weights = check_sample_weight(sample_weight, len(predicted), name=type(self).__name__)
        return float(np.average(predicted == classes[indices], weights=weights))


class Regressor(Estimator):
    """Base of regressors: numbers in, numbers out.

    A subclass's `fit` begins with `X, y, w = self._check_fit(X, y, sample_weight)`. One that also takes several targets
    at once, y (N, T), sets `_multi_output = True`.
    """

    _estimator_type = "regressor"

    def _check_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        multi_output: bool | None = None,
        min_rows: int = 1,
        allow_nan: bool = False,
        partial: bool = False,
        dtype: type[np.floating[Any]] | None = None,
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Check the arguments of a fit: -> X (N, D), y (N,) or with `multi_output` (N, T), weights (N,) or None.

        The target and the weights have this `dtype`, that of X unless it is given. `multi_output` is the class's
        `_multi_output` unless given. With `partial`, for `partial_fit`, a fitted model keeps what it learnt and X is
        held against it.
        """
        name = type(self).__name__
        A, fresh = self._check_rows(X, min_rows, allow_nan, partial)
        several = self._multi_output if multi_output is None else multi_output
        target = check_target(y, name=name, multi_output=several, dtype=dtype or A.dtype)
        check_rows(len(A), target)
        weights = check_sample_weight(sample_weight, len(A), name=name, dtype=dtype or A.dtype)
        if fresh:
            self._start_over(X, A)
        return A, target, weights

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        raise NotImplementedError(f"{type(self).__name__} must define predict.")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² = 1 − Σ w (y − ŷ)² / Σ w (y − ȳ)², the mean over targets if there are several.

        1 is perfect, 0 is what the mean of `y` would score. A constant `y` scores 1 if it is predicted exactly and 0
        otherwise. With fewer than two rows R² is not defined: NaN, with a warning.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When `X`, `y` and the weights do not fit together.
        """
        name = type(self).__name__
        predicted = np.asarray(self.predict(X), dtype=np.float64)
        target = check_target(y, name=name, multi_output=predicted.ndim == 2)
        check_rows(len(predicted), target)
        weights = check_sample_weight(sample_weight, len(predicted), name=name)
        if len(predicted) < 2:
            warnings.warn("R^2 score is not well-defined with less than two samples.", UserWarning, stacklevel=2)
            return float("nan")
        target, predicted = target.reshape(len(target), -1), predicted.reshape(len(predicted), -1)  # (N, T)
        if target.shape != predicted.shape:
            raise ValueError(f"y has {target.shape[1]} columns, but {name} predicts {predicted.shape[1]}.")
        used = target if weights is None else target[weights > 0]
        constant = np.all(used == used[0], axis=0)  # (T,)
        deviation = target - np.average(target, axis=0, weights=weights)  # (N, T)
        scale = np.where(constant, 1.0, np.max(np.abs(deviation), axis=0))  # (T,), so that no square overflows
        with np.errstate(over="ignore"):  # a hopeless prediction scores -inf
            residual = np.average(((target - predicted) / scale) ** 2, axis=0, weights=weights)  # (T,)
        total = np.where(constant, 1.0, np.average((deviation / scale) ** 2, axis=0, weights=weights))  # (T,)
        return float(np.mean(np.where(constant, residual == 0, 1 - residual / total)))


class Transformer(Estimator):
    """Base of transformers: a table in, a table out.

    A subclass defines `fit` and `transform`, which returns an array. If the output has other columns than the input,
    it also overrides the property `_n_features_out` with their number, or `get_feature_names_out` with their names.
    """

    _estimator_type = "transformer"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for method in ("transform", "fit_transform"):
            if method in vars(cls):
                setattr(cls, method, sklearn_protocols.in_chosen_container(vars(cls)[method]))

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the rows of X (N, D); return the transformer."""
        raise NotImplementedError(f"{type(self).__name__} must define fit.")

    def transform(self, X: Any) -> Any:
        """Return the transformed rows of X (N, D), one row for each."""
        raise NotImplementedError(f"{type(self).__name__} must define transform.")

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit, then return the transformed rows of the same data."""
        return self.fit(X, y, **fit_params).transform(X)

    @property
    def _n_features_out(self) -> int | None:
        """Number of output columns; None when they are the input columns."""
        return None

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the input columns, for data that had none. Otherwise they must be those seen at fit.

        Raises
        ------
        ValueError
            When the names do not fit the data seen at fit.
        """
        self._check_fitted()
        seen = getattr(self, "feature_names_in_", None)
        if input_features is None and not hasattr(self, "n_features_in_"):
            raise not_fitted(
                f"This {type(self).__name__} has seen no data, so it does not know how many columns there are. Call "
                "'fit', or name the columns: get_feature_names_out(['a', 'b'])."
            )
        if input_features is None:
            names = np.array([f"x{d}" for d in range(self.n_features_in_)], dtype=object) if seen is None else seen
        else:
            names = np.array(input_features, dtype=object)
            if seen is not None and not np.array_equal(seen, names):
                raise ValueError(f"input_features is not equal to feature_names_in_: {list(names)} and {list(seen)}.")
            if len(names) != getattr(self, "n_features_in_", len(names)):
                raise ValueError(
                    f"input_features should have length equal to number of features ({self.n_features_in_}), "
                    f"got {len(names)}"
                )
        if self._n_features_out is None:
            return names
        return np.array([f"{type(self).__name__.lower()}{d}" for d in range(self._n_features_out)], dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` returns: "default" (an array), "pandas" or "polars"; None changes nothing.

        Raises
        ------
        ValueError
            When the container is not one of these.
        """
        if transform is not None:
            sklearn_protocols.check_container(transform)
            self._sklearn_output_config = {**getattr(self, "_sklearn_output_config", {}), "transform": transform}
        return self


class Clusterer(Estimator):
    """Base of clusterers: `fit` begins with `X = self._check_fit_X(X)` and stores `labels_`, each row's cluster."""

    _estimator_type = "clusterer"

    labels_: IndexArray

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the clusters of the rows of X (N, D); return the clusterer."""
        raise NotImplementedError(f"{type(self).__name__} must define fit.")

    def fit_predict(self, X: Any, y: Any = None, **fit_params: Any) -> IndexArray:
        """Fit, then return `labels_`, the cluster of each row."""
        return self.fit(X, y, **fit_params).labels_
