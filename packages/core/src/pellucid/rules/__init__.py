"""The derivatives of NumPy's functions, one line each, by topic.

Each is written with `np.*` on whatever it is handed: arrays in a plain backward pass, Tensors when the pass is
recorded. `dy` is the gradient of the result, `y` the result. Axes that broadcasting added are summed by the engine.
"""

from pellucid.rules import (
    calculus,
    choosing,
    complex_numbers,
    elementwise,
    fourier,
    indexing,
    joining,
    linear_algebra,
    ordering,
    polynomials,
    products,
    ranges,
    reductions,
    shapes,
    statistics,
)
from pellucid.tape import rule

__all__ = [
    "rule",
    "calculus",
    "choosing",
    "complex_numbers",
    "elementwise",
    "fourier",
    "indexing",
    "joining",
    "linear_algebra",
    "ordering",
    "polynomials",
    "products",
    "ranges",
    "reductions",
    "shapes",
    "statistics",
]
