"""Support vector machines you can read: classification and regression in NumPy, for Pellucid."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid_svm.kernels import RBF as RBF
    from pellucid_svm.kernels import Linear as Linear
    from pellucid_svm.kernels import Polynomial as Polynomial
    from pellucid_svm.kernels import Sigmoid as Sigmoid
    from pellucid_svm.support_vector_classifier import SVC as SVC
    from pellucid_svm.support_vector_regressor import SVR as SVR

_HOME = {  # public name -> the module that defines it
    "SVC": "support_vector_classifier",
    "SVR": "support_vector_regressor",
    "Linear": "kernels",
    "Polynomial": "kernels",
    "RBF": "kernels",
    "Sigmoid": "kernels",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
