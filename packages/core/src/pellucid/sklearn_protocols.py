"""What scikit-learn asks of an estimator, answered without importing it before it asks.

scikit-learn knows its errors and warnings by class, learns about an estimator from tags, passes sample weights along by
metadata routing, and lets the user choose in which container a transformer's output comes. Its modules are imported
only inside functions that scikit-learn itself sets off, or looked up when the user has loaded them already.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

_ROUTED = (  # the methods that metadata can be routed to
    "fit",
    "partial_fit",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "transform",
    "inverse_transform",
)
_CONTAINERS = ("default", "pandas", "polars")


# -- errors and warnings -------------------------------------------------------------------------------------------


class NotFittedError(ValueError, AttributeError):
    """A method that needs a fitted model was called before `fit`."""


class DataConversionWarning(UserWarning):
    """Data came in a form that was converted, and the caller may want to know."""


def not_fitted(message: str) -> NotFittedError:
    """Build a `NotFittedError` that is also scikit-learn's, if that is loaded."""
    exceptions = sys.modules.get("sklearn.exceptions")
    if exceptions is None:
        return NotFittedError(message)
    bases = (NotFittedError, exceptions.NotFittedError)
    both: Any = type("NotFittedError", bases, {"__module__": __name__, "__reduce__": lambda e: (not_fitted, e.args)})
    error: NotFittedError = both(message)
    return error


def conversion_warning() -> type[Warning]:
    """Return the category for converted data: scikit-learn's, if that is loaded, so that its filters apply."""
    exceptions = sys.modules.get("sklearn.exceptions")
    found: type[Warning] = DataConversionWarning if exceptions is None else exceptions.DataConversionWarning
    return found


# -- tags ----------------------------------------------------------------------------------------------------------


def tags(model: Any, kind: str | None, multi_output: bool, words: tuple[str, ...] = ()) -> Any:
    """Return the tags of an estimator of this kind ("classifier", "regressor", "transformer", "clusterer" or None).

    `words` are those of a `ModelSpec`: where scikit-learn has a tag for one, it is set.
    """
    utils: Any = importlib.import_module("sklearn.utils")
    return utils.Tags(
        estimator_type=kind,
        target_tags=utils.TargetTags(
            required=kind in ("classifier", "regressor") or "needs y" in words,
            multi_output=multi_output,
            positive_only="positive target" in words,
        ),
        classifier_tags=utils.ClassifierTags(multi_class="two classes" not in words) if kind == "classifier" else None,
        regressor_tags=utils.RegressorTags() if kind == "regressor" else None,
        transformer_tags=utils.TransformerTags(["float64", "float32"]) if hasattr(model, "transform") else None,
        input_tags=utils.InputTags(
            positive_only="non-negative" in words, allow_nan="missing values" in words, string="text" in words
        ),
        requires_fit="stateless" not in words,
    )


# -- metadata routing ----------------------------------------------------------------------------------------------


def add_request_setters(cls: type) -> None:
    """Give a class `set_fit_request` and its like, one for each method that takes more than X and y."""
    for method in _ROUTED:
        if names := _metadata_names(cls, method):
            setattr(cls, f"set_{method}_request", _request_setter(method, names))


def routing(model: Any) -> Any:
    """Return what each method of a model asks for: nothing was decided yet, unless a request was set."""
    if "_metadata_request" in vars(model):
        return copy.deepcopy(vars(model)["_metadata_request"])
    requests = importlib.import_module("sklearn.utils.metadata_routing").MetadataRequest(owner=type(model).__name__)
    for method in _ROUTED:
        for name in _metadata_names(type(model), method):
            getattr(requests, method).add_request(param=name, alias=None)
    return requests


def _metadata_names(cls: type, method: str) -> list[str]:
    """The named arguments of a method beside X and y."""
    function = getattr(cls, method, None)
    if not inspect.isfunction(function):
        return []
    parameters = list(inspect.signature(function).parameters.values())[1:]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [name for name in named if name not in ("X", "y", "Y", "Xt", "yt")]


def _request_setter(method: str, names: list[str]) -> Callable[..., Any]:
    def set_request(self: Any, **requests: bool | str | None) -> Any:
        for name in requests:
            if name not in names:
                raise TypeError(f"set_{method}_request got {name!r}, but {method} takes {', '.join(names)}")
        asked = self.get_metadata_routing()
        for name, alias in requests.items():
            getattr(asked, method).add_request(param=name, alias=alias)
        self._metadata_request = asked
        return self

    set_request.__name__ = f"set_{method}_request"
    set_request.__doc__ = f"Ask scikit-learn's metadata routing for arguments of `{method}`: {', '.join(names)}."
    return set_request


# -- the container of a transformer's output -----------------------------------------------------------------------


def check_container(name: str) -> None:
    """Raise ValueError unless there is such a container."""
    if name not in _CONTAINERS:
        raise ValueError(f"output config must be in {sorted(_CONTAINERS)}, got {name!r}")


def in_chosen_container(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a `transform`, so that the array it returns comes in the container that was chosen."""

    @functools.wraps(method)
    def wrapped(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, X, *args, **kwargs)
        container = _chosen_container(self)
        if container == "default" or not isinstance(result, np.ndarray):
            return result
        try:
            frames: Any = importlib.import_module(container)
        except ModuleNotFoundError as error:
            raise ImportError(f"output in {container} needs that package: pip install {container}") from error
        names = list(self.get_feature_names_out())
        if container == "polars":
            return frames.DataFrame(result, schema=names, orient="row")
        return frames.DataFrame(result, columns=names, index=X.index if isinstance(X, frames.DataFrame) else None)

    return wrapped


def _chosen_container(model: Any) -> str:
    """What `set_output` chose for this model, else scikit-learn's own setting, if that is loaded."""
    own = getattr(model, "_sklearn_output_config", {}).get("transform")
    if own is not None:
        return str(own)
    sklearn = sys.modules.get("sklearn")
    return "default" if sklearn is None else str(sklearn.get_config().get("transform_output", "default"))
