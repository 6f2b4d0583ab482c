"""Layer-sequential unit variance (LSUV): initial weights that are measured instead of calculated.

Formulas for the size of initial weights assume something about activations and inputs. Here a batch of real inputs is
sent through the network instead, and each layer in turn, in the order in which they run, is scaled until its outputs
have variance 1:

    W ← an orthogonal matrix,    b ← 0                                                           (1)
    W ← W / √Var[y]    until |Var[y] − 1| < tol                                                  (2)

y is all that the layer gives for the batch. Without b it is proportional to W, so that one step is enough, unless the
layer runs several times in one pass.

Symbols
-------
    paper   code               shape      meaning
    X       X                  (B, ...)   a batch of inputs
    W, b    weight, bias                  of the layer at hand
    Var[y]  variance           ()         variance of the layer's outputs
    tol     tol                ()         how near 1 is near enough

Cost: two to three passes through the whole network for each layer with weights.

References
----------
    Mishkin & Matas (2016), "All you need is a good init": the algorithm.
Differs from it: nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import no_grad
from pellucid.tensor import data_of
from pellucid_nn.initializers import Rng, fill, orthogonal_, zeros_
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.module import Module, Parameter


def lsuv_(module: Module, X: Any, tol: float = 0.1, max_iter: int = 10, *, rng: Rng = None) -> Module:
    """Set the weights of all layers inside, so that each gives outputs of variance 1 for these inputs.

    Parameters
    ----------
    module : Module
        Its layers are those that run in it and have a `weight` with at least two axes that is not frozen. A
        `LayerNorm` is none of them: its weight is no matrix, and makes its outputs as large as they should be.
    X : array_like, or tuple of them
        A batch that the module is called on, in the mode (train or eval) it is in; several inputs stand in a tuple.
    tol : float
        How far from 1 a variance may be.
    max_iter : int
        How often a layer is scaled at most.
    rng : Generator, int or None
        Draws the orthogonal matrices.

    Returns
    -------
    Module
        The same module.

    Raises
    ------
    ValueError
        If a layer gives the same output everywhere, so that no scale makes its variance 1.
    """
    rng, inputs = np.random.default_rng(rng), X if isinstance(X, tuple) else (X,)
    with no_grad():
        for layer in layers_as_they_run(module, inputs):
            orthogonal_(layer.weight, rng=rng)  #                                                 (1)
            if learns(layer, "bias"):
                zeros_(layer.bias)  #                                                             (1)
            for _ in range(max_iter):
                variance = variance_of_outputs(layer, module, inputs)
                if abs(variance - 1) < tol:  #                                                    (2)
                    break
                if not 0 < variance < np.inf:
                    raise ValueError(
                        f"the outputs of {layer!r} have variance {variance} for this X, which no scale brings to 1: "
                        f"use a batch of several different examples, without NaN"
                    )
                fill(layer.weight, data_of(layer.weight) / variance**0.5)  #                      (2)
    return module


def layers_as_they_run(module: Module, inputs: tuple[Any, ...]) -> list[Any]:
    """The layers with weights inside, in the order in which they first run."""
    order: dict[int, Module] = {}
    module(*inputs)  # lazy layers make their weights
    found: list[Any] = list(module.modules())
    layers = [m for m in found if learns(m, "weight") and m.weight.ndim > 1 and not isinstance(m, LayerNorm)]

    def note(layer: Module, args: Any) -> None:
        order.setdefault(id(layer), layer)

    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return list(order.values())


def learns(layer: Module, name: str) -> bool:
    """Whether a layer has a parameter of this name that is not frozen."""
    parameter = getattr(layer, name, None)
    return isinstance(parameter, Parameter) and parameter.requires_grad


def variance_of_outputs(layer: Module, module: Module, inputs: tuple[Any, ...]) -> float:
    """Variance of all that a layer gives while the module is called on these inputs."""
    found: list[Any] = []
    with layer.register_forward_hook(lambda layer, args, y: found.append(np.ravel(data_of(y)))):
        module(*inputs)
    return float(np.var(np.concatenate(found)))
