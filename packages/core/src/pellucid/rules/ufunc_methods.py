"""The methods of ufuncs on Tensors: ``np.add.reduce`` is a sum, ``np.subtract.outer`` is broadcasting, and so on."""

from typing import Any

import numpy as np

from pellucid.tape import NoRuleError

REDUCE: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
ACCUMULATE: dict[Any, Any] = {np.add: np.cumsum}


def call(ufunc: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """Run ``ufunc.method(*args, **kwargs)`` as a function that has a rule."""
    if method == "reduce":
        return reduce(ufunc, *args, **kwargs)
    if method == "accumulate" and ufunc in ACCUMULATE:
        x, axis = (*args, kwargs.get("axis", 0))[:2]
        return ACCUMULATE[ufunc](x, axis=axis)
    if method == "outer":
        a, b = args
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **kwargs)
    raise NoRuleError(f"np.{ufunc.__name__}.{method} has no gradient rule: write it with functions that have one")


def reduce(ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    if ufunc in REDUCE:
        return REDUCE[ufunc](x, axis=axis, keepdims=keepdims)
    if ufunc is np.logaddexp:
        top = np.max(x.data, axis=axis, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
        return y if keepdims else np.squeeze(y, axis=axis)
    raise NoRuleError(f"np.{ufunc.__name__}.reduce has no gradient rule: write it with functions that have one")
