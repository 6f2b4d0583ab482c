"""L-BFGS: the minimum of a smooth function of very many weights, from gradients alone.

Newton's method needs the Hessian or its products. BFGS learns about it from how the gradient has changed, and with
limited memory it keeps the last ten steps and changes only. The method itself is SciPy's; this file hands it the
problem in good units. With mⱼ the Hessian's diagonal at the start, or something like it,

    vⱼ = √mⱼ wⱼ                                                                (1)
    ∂L/∂vⱼ = (∂L/∂wⱼ) / √mⱼ                                                    (2)

have the curvature 1 along each axis, whatever the units of the features are. The fit ends when no |∂L/∂vⱼ| is above
tol, or when rounding hides what is left to gain.

Symbols
-------
    paper      code      shape    meaning
    w, v       w, v      (M,)     weights, and in other units
    mⱼ         diagonal  (M,)     diagonal of the Hessian
    √mⱼ        root      (M,)     unit of a weight
    L          L         scalar   the smooth function
    ∂L/∂wⱼ     g         (M,)     its gradient

Cost: one gradient and O(M) a step, in more steps than Newton's method takes: about the root of the condition for each
digit.

References
----------
    Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization".
    Nocedal & Wright (2006), "Numerical optimization", 2nd ed., sec. 7.2: the algorithm.
Differs from them: only (1) and (2) are ours. Needs SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear.newton import ROUNDING, Minimum, Report, Smooth


def minimise(smooth: Smooth, start: FloatArray, *, tol: float, max_iter: int, report: Report | None = None) -> Minimum:
    """Minimise L from `start`: _, (M,) -> _.

    Calls `report(w, losses)` after each step and ends when that returns True.

    Raises
    ------
    ImportError
        Without SciPy.
    FloatingPointError
        When the Hessian overflows.
    """
    try:
        from scipy.optimize import minimize  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise ImportError("solver='lbfgs' needs SciPy: pip install scipy. Or take solver='newton'.") from error

    L, state = smooth.look(start)
    root, losses = np.sqrt(smooth.diagonal(state)), [L]
    if not np.isfinite(root).all():
        raise FloatingPointError("the Hessian overflows")

    def value_and_gradient(v: FloatArray) -> tuple[float, FloatArray]:
        w = v / root
        L, state = smooth.look(w)
        g = smooth.gradient(w, state)
        return L, g / root  #                                                   (2)

    def after_step(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun))
        if report is not None and report(intermediate_result.x / root, losses):
            raise StopIteration

    v = root * start  #                                                         (1)
    options = {"maxiter": max_iter, "maxfun": 100 * max_iter, "gtol": tol, "ftol": 0.0, "maxls": 50}
    found = minimize(value_and_gradient, v, jac=True, method="L-BFGS-B", callback=after_step, options=options)
    w, size = found.x / root, float(np.abs(found.jac).max())
    return Minimum(w, losses, size <= max(tol, float(np.sqrt(ROUNDING * found.fun))))  # less is hidden by rounding
