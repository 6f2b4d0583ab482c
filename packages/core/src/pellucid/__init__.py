"""Pellucid: machine learning you can read.

The core holds four things: a `Tensor` that makes NumPy's own functions differentiable, a registry of models that any
package can add to, the estimator contract, and saving without pickle. Names load when they are first used, so that
`import pellucid` needs neither NumPy nor any plugin.

    >>> import numpy as np, pellucid
    >>> float(pellucid.grad(np.tanh)(0.0))
    1.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "Tensor": "tensor",
    "array": "building",
    "stack": "building",
    "no_grad": "tape",
    "enable_grad": "tape",
    "rule": "rules",
    "primitive": "primitives",
    "grad": "transforms",
    "value_and_grad": "transforms",
    "vjp": "transforms",
    "stop_gradient": "transforms",
    "elementwise_grad": "derivatives",
    "jvp": "derivatives",
    "jacobian": "derivatives",
    "hessian": "derivatives",
    "hvp": "derivatives",
    "checkpoint": "checkpointing",
    "checked": "checking",
    "graph": "graph_drawing",
    "gradcheck": "gradient_check",
    "rulecheck": "gradient_check",
    "GradientError": "gradient_check",
    "NoRuleError": "tape",
    "ModelSpec": "specs",
    "DatasetSpec": "specs",
    "ComponentSpec": "specs",
    "CommandSpec": "specs",
    "hookimpl": "hookspecs",
    "models": "registry",
    "spec": "registry",
    "get": "registry",
    "make": "registry",
    "register": "registry",
    "plugins": "registry",
    "dataset": "registry",
    "dataset_specs": "registry",
    "component": "registry",
    "components": "registry",
    "Dataset": "dataset_record",
    "Estimator": "estimator",
    "Classifier": "estimator",
    "Regressor": "estimator",
    "Transformer": "estimator",
    "Clusterer": "estimator",
    "clone": "estimator",
    "NotFittedError": "estimator",
    "save": "saving",
    "load": "saving",
    "LoadError": "saving",
    "listening": "events",
    "fit_run": "events",
    "ConvergenceWarning": "events",
    "InterruptWarning": "events",
}

_MODULES = ("listeners", "parallel", "testing")  # attributes of pellucid that are imported when they are used

OFFICIAL_FAMILIES = {  # family -> distribution; these names belong to us, and `pellucid.<family>` names what to install
    family: f"pellucid-{family}"
    for family in (
        "nn",
        "trees",
        "linear",
        "nonparametric",
        "gmm",
        "hmm",
        "lda",
        "ngram",
        "rl",
        "bandits",
        "factorization",
        "preprocessing",
        "utils",
        "datasets",
        "cli",
    )
}

if TYPE_CHECKING:
    from pellucid import listeners as listeners
    from pellucid import parallel as parallel
    from pellucid import testing as testing
    from pellucid.building import array as array
    from pellucid.building import stack as stack
    from pellucid.checking import checked as checked
    from pellucid.checkpointing import checkpoint as checkpoint
    from pellucid.dataset_record import Dataset as Dataset
    from pellucid.derivatives import elementwise_grad as elementwise_grad
    from pellucid.derivatives import hessian as hessian
    from pellucid.derivatives import hvp as hvp
    from pellucid.derivatives import jacobian as jacobian
    from pellucid.derivatives import jvp as jvp
    from pellucid.estimator import Classifier as Classifier
    from pellucid.estimator import Clusterer as Clusterer
    from pellucid.estimator import Estimator as Estimator
    from pellucid.estimator import NotFittedError as NotFittedError
    from pellucid.estimator import Regressor as Regressor
    from pellucid.estimator import Transformer as Transformer
    from pellucid.estimator import clone as clone
    from pellucid.events import ConvergenceWarning as ConvergenceWarning
    from pellucid.events import InterruptWarning as InterruptWarning
    from pellucid.events import fit_run as fit_run
    from pellucid.events import listening as listening
    from pellucid.gradient_check import GradientError as GradientError
    from pellucid.gradient_check import gradcheck as gradcheck
    from pellucid.gradient_check import rulecheck as rulecheck
    from pellucid.graph_drawing import graph as graph
    from pellucid.hookspecs import hookimpl as hookimpl
    from pellucid.primitives import primitive as primitive
    from pellucid.registry import component as component
    from pellucid.registry import components as components
    from pellucid.registry import dataset as dataset
    from pellucid.registry import dataset_specs as dataset_specs
    from pellucid.registry import get as get
    from pellucid.registry import make as make
    from pellucid.registry import models as models
    from pellucid.registry import plugins as plugins
    from pellucid.registry import register as register
    from pellucid.registry import spec as spec
    from pellucid.rules import rule as rule
    from pellucid.saving import LoadError as LoadError
    from pellucid.saving import load as load
    from pellucid.saving import save as save
    from pellucid.specs import CommandSpec as CommandSpec
    from pellucid.specs import ComponentSpec as ComponentSpec
    from pellucid.specs import DatasetSpec as DatasetSpec
    from pellucid.specs import ModelSpec as ModelSpec
    from pellucid.tape import NoRuleError as NoRuleError
    from pellucid.tape import enable_grad as enable_grad
    from pellucid.tape import no_grad as no_grad
    from pellucid.tensor import Tensor as Tensor
    from pellucid.transforms import grad as grad
    from pellucid.transforms import stop_gradient as stop_gradient
    from pellucid.transforms import value_and_grad as value_and_grad
    from pellucid.transforms import vjp as vjp

__all__ = [*_HOME, "OFFICIAL_FAMILIES", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"pellucid.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"pellucid.{name}")
    if name in OFFICIAL_FAMILIES:
        module = f"pellucid_{name}"
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(
                f"the family {name!r} is not installed: pip install {OFFICIAL_FAMILIES[name]}"
            ) from None
    raise AttributeError(f"module 'pellucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES, *OFFICIAL_FAMILIES])
