"""Small real and synthetic data sets for Pellucid, shipped in the wheel.

    >>> import pellucid
    >>> X, y = pellucid.dataset("digits")
    >>> X.shape, y.shape
    ((1797, 64), (1797,))

The same functions can be called directly, `pellucid_datasets.digits()`. Names load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "iris": "real",
    "digits": "real",
    "wine": "real",
    "breast_cancer": "real",
    "diabetes": "real",
    "british_doctors": "real",
    "spirals": "synthetic",
    "moons": "synthetic",
    "circles": "synthetic",
    "blobs": "synthetic",
    "xor": "synthetic",
}

if TYPE_CHECKING:
    from pellucid_datasets.real import breast_cancer as breast_cancer
    from pellucid_datasets.real import british_doctors as british_doctors
    from pellucid_datasets.real import diabetes as diabetes
    from pellucid_datasets.real import digits as digits
    from pellucid_datasets.real import iris as iris
    from pellucid_datasets.real import wine as wine
    from pellucid_datasets.synthetic import blobs as blobs
    from pellucid_datasets.synthetic import circles as circles
    from pellucid_datasets.synthetic import moons as moons
    from pellucid_datasets.synthetic import spirals as spirals
    from pellucid_datasets.synthetic import xor as xor

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pellucid_datasets' has no attribute {name!r}; it has {', '.join(_HOME)}")
    value = getattr(importlib.import_module(f"pellucid_datasets.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
