"""What the machines of this package share: which kernel, for what price, how precisely, and what is said afterwards.

`pellucid.save` finds the kernels that a machine holds among the names of this module.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from pellucid import ConvergenceWarning, Estimator
from pellucid.events import FitRun
from pellucid.validation import FloatArray

from pellucid_svm import kernels
from pellucid_svm.kernels import RBF, Kernel, Linear, Polynomial, Sigmoid


class KernelMachine(Estimator):
    """A sum of kernels at support vectors."""

    C: float
    kernel: str | Kernel
    degree: int
    gamma: str | float
    coef0: float
    tol: float
    max_iter: int
    cache_size: float

    support_vectors_: FloatArray
    kernel_: Kernel

    def _check_parameters(self) -> None:
        """Raise ValueError where a parameter that has nothing to do with the kernel is out of range."""
        if not (is_number(self.C) and self.C > 0):
            raise ValueError(
                f"C must be finite and more than 0, got {self.C!r}. Try C=1.0; C=1e6 allows hardly any error."
            )
        if not (isinstance(self.tol, Real) and self.tol > 0):
            raise ValueError(f"tol must be more than 0, got {self.tol!r}. Try tol=1e-3.")
        if not (isinstance(self.max_iter, Integral) and self.max_iter >= 1):
            raise ValueError(f"max_iter must be 1 or more, a whole number, got {self.max_iter!r}. Try max_iter=100000.")
        if not (isinstance(self.cache_size, Real) and self.cache_size > 0):
            raise ValueError(f"cache_size must be more than 0 megabytes, got {self.cache_size!r}. Try cache_size=200.")

    def _chosen_kernel(self, X: FloatArray, weights: FloatArray) -> Kernel:
        """The kernel that the parameters name, with γ as a number: (N, D), (N,) -> _."""
        match self.kernel:
            case "linear":
                return Linear()
            case "poly":
                if not (isinstance(self.degree, Integral) and self.degree >= 0):
                    raise ValueError(f"degree must be a whole number of 0 or more, got {self.degree!r}. Try degree=3.")
                return Polynomial(int(self.degree), self._gamma(X, weights), self._coef0())
            case "rbf":
                return RBF(self._gamma(X, weights))
            case "sigmoid":
                return Sigmoid(self._gamma(X, weights), self._coef0())
        if callable(self.kernel):
            return self.kernel
        advice = "Try kernel='rbf'."
        if self.kernel == "precomputed":
            advice = (
                "Where K is the matrix of all points, take row numbers for X, np.arange(len(K))[:, None], and "
                "kernel=lambda a, b: K[a.astype(int), b.T.astype(int)]."
            )
        raise ValueError(
            f"kernel must be 'linear', 'poly', 'rbf', 'sigmoid' or a function of X and Y, got {self.kernel!r}. {advice}"
        )

    def _gamma(self, X: FloatArray, weights: FloatArray) -> float:
        gamma = self.gamma
        if gamma == "scale":
            return kernels.spread(X, weights)
        if gamma == "auto":
            return 1.0 / int(X.shape[1])
        if is_number(gamma) and float(gamma) >= 0:
            return float(gamma)
        raise ValueError(f"gamma must be 'scale', 'auto' or a finite number of 0 or more, got {gamma!r}.")

    def _coef0(self) -> float:
        if not is_number(self.coef0):
            raise ValueError(f"coef0 must be a finite number, got {self.coef0!r}. Try coef0=0.0.")
        return float(self.coef0)

    def _warn_of(self, gap: float, n_steps: int, run: FitRun) -> None:
        """Warn of a gap that is too large, unless somebody wanted the fit to end."""
        if not gap <= self.tol and run.stopped is None:
            last = (
                f"raise max_iter={self.max_iter}" if n_steps >= self.max_iter else "raise tol: rounding allows no less"
            )
            warnings.warn(
                f"{type(self).__name__} did not converge: the optimality conditions are {gap:.3g} off, more than "
                f"tol={self.tol:g}. Centre the columns and scale them alike, lower C={self.C:g} or {last}.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _anchors(self) -> FloatArray:
        """The support vectors, from the origin where the sums are most precise: -> (M, D)."""
        V = self.support_vectors_.astype(np.float64)
        return V - kernels.origin(self.kernel_, V)

    def _sums(self, X: FloatArray, coef: FloatArray) -> FloatArray:
        """Sums of kernels at the support vectors, one for each row of coefficients: (N, D), (J, M) -> (N, J)."""
        return kernels.sums(self.kernel_, X.astype(np.float64), self._anchors(), coef)

    def _coefficients(self) -> FloatArray:
        """One row of coefficients for each function that was learnt: an array (J, M)."""
        raise NotImplementedError

    @property
    def coef_(self) -> FloatArray:
        """The weights of the columns in each function that was learnt, with the linear kernel only: an array (J, D)."""
        self._check_fitted()
        if not isinstance(self.kernel_, Linear):
            raise AttributeError(f"coef_ is there with kernel='linear' only; this kernel is {self.kernel_!r}.")
        coef: FloatArray = self._coefficients() @ self._anchors()
        return coef


def is_number(value: Any) -> bool:
    """Whether this is one finite real number."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))
