"""Penalties on parameters, and limits on gradients: what holds a network back.

Large parameters fit noise. A penalty makes them cost something, and goes onto the loss, or its gradient straight into
the gradients:

    L1    R = λ Σ |θᵢ|         ∂R/∂θᵢ = λ sign θᵢ                                                (1)
    L2    R = λ/2 Σ θᵢ²        ∂R/∂θᵢ = λ θᵢ                                                     (2)

The slope of (1) does not fade near 0, so that parameters end there; that of (2) does. (1) in the gradients is the
option `l1` of the optimizers, and (2) is the weight decay of SGD. What (1) holds near 0 jumps over it and back, by a
step that grows shorter with the learning rate.

A step along a gradient that is far too long undoes what was learnt. With G the norm of all gradients g together, as if
they were one vector,

    G = (Σ |gᵢ|ᵖ)^(1/p),    G = max |gᵢ|  for p = ∞                                              (3)

all of them are shortened, by one factor, so that the direction stays:

    gᵢ ← gᵢ min(1, M / (G + 10⁻⁶))                                                               (4)

or each entry is cut off on its own:

    gᵢ ← min(max(gᵢ, −M), M)                                                                     (5)

Symbols
-------
    paper   code                      shape   meaning
    θ       theta                     any     a parameter
    λ       l1, l2                    ()      how much a penalty counts
    R       l1_penalty, l2_penalty    ()      the penalty
    g       g                         as θ    gradient of a parameter
    p       norm_type                 ()      2 for length, ∞ for the largest entry
    G       total                     ()      norm of all gradients
    M       max_norm, clip_value      ()      what it is limited to

Cost: O(P) for P parameters.

References
----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso": (1).
    Hoerl & Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems": (2).
    Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural networks", Algorithm 1: (4).
Differs from them: 10⁻⁶ in (4), and the norm over all parameters at once, as PyTorch's clip_grad_norm_. Norms are taken
of gradients divided by their largest entry, so that no square overflows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, no_grad
from pellucid.tensor import data_of
from pellucid_nn.module import Module
from pellucid_nn.settings import number

Parameters = Module | Tensor | Iterable[Tensor]

SMALL = 1e-6


def l1_penalty(parameters: Parameters, l1: float) -> Any:
    """λ Σ |θ| over the parameters of a module, or over those given: a number that is added to the loss.

    Parameters
    ----------
    parameters : Module, Parameter or iterable of Parameter
        What is to stay small. ``[p for name, p in net.named_parameters() if name.endswith("weight")]`` leaves biases
        out.
    l1 : float
        λ, 0 or more.

    Raises
    ------
    ValueError
        If λ is negative.
    """
    l1 = _checked("l1", l1)
    return sum(l1 * np.sum(np.abs(theta)) for theta in _listed(parameters))  #                    (1)


def l2_penalty(parameters: Parameters, l2: float) -> Any:
    """λ/2 Σ θ² over the parameters of a module, or over those given; see `l1_penalty`."""
    l2 = _checked("l2", l2)
    return sum(0.5 * l2 * np.sum(theta * theta) for theta in _listed(parameters))  #              (2)


def add_penalty_gradients(parameters: Parameters, *, l1: float = 0.0, l2: float = 0.0) -> None:
    """Add the gradients of both penalties to ``.grad``, after the backward pass of the loss.

    Frozen parameters are passed by; a parameter without a gradient gets that of the penalties.

    Parameters
    ----------
    parameters : Module, Parameter or iterable of Parameter
        What is to stay small.
    l1, l2 : float
        λ of each, 0 or more.

    Raises
    ------
    ValueError
        If one of them is negative.
    """
    l1, l2 = _checked("l1", l1), _checked("l2", l2)
    for p in _listed(parameters):
        if p.requires_grad:
            theta = data_of(p)
            slope = l1 * np.sign(theta) + l2 * theta  #                                       (1) (2)
            p.grad = Tensor(slope if p.grad is None else data_of(p.grad) + slope)


def with_l1_slope(gradient: NDArray[Any], theta: NDArray[Any], l1: float, out: NDArray[Any]) -> NDArray[Any]:
    """A gradient together with that of λ Σ |θ|, written into `out`: (P,), (P,), (), (P,) -> (P,)."""
    np.sign(theta, out=out)  #                                                                    (1)
    np.multiply(out, l1, out=out)  #                                                              (1)
    np.add(gradient, out, out=out)  #                                                             (1)
    return out


def get_total_norm(tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> float:
    """The norm of all arrays together, as if they were one vector.

    Parameters
    ----------
    tensors : Tensor, array, or iterable of these
        Gradients, for instance.
    norm_type : float
        p, above 0; ``math.inf`` for the largest entry.
    error_if_nonfinite : bool
        Whether a norm that is not finite is an error.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If p is not above 0, or the norm is not finite and that is an error.
    """
    norm_type = number("norm_type", norm_type)
    if not norm_type > 0:
        raise ValueError(f"norm_type must be above 0, or math.inf; got {norm_type}")
    given = [tensors] if isinstance(tensors, Tensor | np.ndarray) else list(tensors)
    sizes: list[NDArray[Any]] = [np.abs(np.asarray(data_of(x), dtype=float)) for x in given]
    largest = float(np.max([size.max() for size in sizes if size.size], initial=0.0))
    total = largest
    if norm_type != math.inf and 0 < largest < math.inf:
        scaled = [size / largest for size in sizes]
        total = largest * sum(float(np.sum(size**norm_type)) for size in scaled) ** (1 / norm_type)  # (3)
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(
            f"the norm of order {norm_type} of {len(given)} arrays is {total}: look for the layer whose gradient is "
            f"not finite, or pass error_if_nonfinite=False"
        )
    return total


def clip_grad_norm_(
    parameters: Parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Shorten the gradients of all parameters by one factor, so that their common norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Module, Parameter or iterable of Parameter
        Those whose gradients count; without a gradient they are passed by.
    max_norm : float
        M, 0 or more.
    norm_type : float
        p, above 0; ``math.inf`` for the largest entry.
    error_if_nonfinite : bool
        Whether a norm that is not finite is an error. If not, an infinite one makes all gradients 0 or NaN.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    ValueError
        If `max_norm` is negative or p not above 0, or the norm is not finite and that is an error.
    """
    max_norm = _checked("max_norm", max_norm)
    having = [p for p in _listed(parameters) if p.grad is not None]
    total = get_total_norm([p.grad for p in having], norm_type, error_if_nonfinite)
    factor = max_norm / (total + SMALL)  #                                                        (4)
    if not factor >= 1:  # NaN too
        _replace(having, lambda g: g * g.dtype.type(factor))  #                                   (4)
    return total


def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Cut off every entry of the gradients at ±`clip_value`.

    Parameters
    ----------
    parameters : Module, Parameter or iterable of Parameter
        Those whose gradients are cut off; without a gradient they are passed by.
    clip_value : float
        M, 0 or more.

    Raises
    ------
    ValueError
        If it is negative.
    """
    clip_value = _checked("clip_value", clip_value)
    having = [p for p in _listed(parameters) if p.grad is not None]
    _replace(having, lambda g: np.clip(g, -clip_value, clip_value))  #                            (5)


def _replace(having: list[Tensor], change: Any) -> None:
    """Other gradients, in the place of those that are there; the arrays themselves are not written into."""
    with no_grad(), np.errstate(invalid="ignore"):
        for p in having:
            p.grad = Tensor(change(data_of(p.grad)))


def _listed(parameters: Parameters) -> list[Any]:
    if isinstance(parameters, Module):
        return list(parameters.parameters())
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _checked(name: str, value: float) -> float:
    value = number(name, value)
    if not value >= 0:
        raise ValueError(f"{name} must be 0 or more; got {value}")
    return value
