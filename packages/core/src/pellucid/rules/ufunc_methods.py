"""The methods of ufuncs on Tensors: ``np.add.reduce`` is a sum, ``np.subtract.outer`` is broadcasting, and so on."""

from typing import Any

import numpy as np

from pellucid.tape import NoRuleError, recording

REDUCE: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
ACCUMULATE: dict[Any, Any] = {np.add: np.cumsum}


def call(ufunc: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """Run ``ufunc.method(*args, **kwargs)`` as a function that has a rule."""
    from pellucid.tensor import data_of, parent_of, without_graph

    if method != "at" and not (recording() and any(parent_of(x) is not None for x in args)):
        return without_graph(getattr(ufunc, method)(*[data_of(x) for x in args], **kwargs))
    if method == "reduce":
        return reduce(ufunc, *args, **kwargs)
    if method == "accumulate" and ufunc in ACCUMULATE:
        return ACCUMULATE[ufunc](*args, **{"axis": 0, **kwargs})
    if method == "outer":
        a, b = args
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **kwargs)
    raise NoRuleError(f"np.{ufunc.__name__}.{method} has no gradient rule: write it with functions that have one")


def reduce(ufunc: Any, x: Any, axis: Any = 0, keepdims: Any = False, **others: Any) -> Any:
    others = {name: value for name, value in others.items() if value is not None}
    if ufunc in REDUCE:
        return REDUCE[ufunc](x, axis=axis, keepdims=keepdims, **others)
    if ufunc is np.logaddexp and not others:
        top = np.max(x.data, axis=axis, keepdims=True)
        total = np.sum(np.exp(x - np.where(np.isfinite(top), top, 0.0)), axis=axis, keepdims=True)
        y = np.log(np.where(top == -np.inf, 1.0, total)) + top  # log 0 has no gradient to share
        return y if keepdims else np.squeeze(y, axis=axis)
    raise NoRuleError(f"np.{ufunc.__name__}.reduce has no gradient rule: write it with functions that have one")
