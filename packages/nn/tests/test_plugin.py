"""What the family registers exists, and listing it imports neither NumPy nor a model."""

import subprocess
import sys

import numpy as np
import pytest

import pellucid
import pellucid_nn
from pellucid.registry import components, resolve
from pellucid_nn import _plugin, functional

MODELS = {spec.id: spec for spec in _plugin.pellucid_models()}
PARTS = {spec.id: spec for spec in _plugin.pellucid_components()}


def test_models_are_found():
    assert {spec.id for spec in pellucid.models(family="nn")} == set(MODELS)
    assert pellucid.get("mlp") is pellucid_nn.MLPClassifier
    assert pellucid.get("nn/mlp-regressor") is pellucid_nn.MLPRegressor
    assert set(PARTS) <= {spec.id for spec in components()}


@pytest.mark.parametrize("spec", [*MODELS.values(), *PARTS.values()], ids=lambda spec: spec.id)
def test_targets_exist_and_are_public(spec):
    found = resolve(spec)
    assert getattr(pellucid_nn, found.__name__) is found


@pytest.mark.filterwarnings("ignore::pellucid.ConvergenceWarning")
@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.id)
def test_smoke_parameters_make_a_quick_model(spec):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] > 0 if "classification" in spec.tasks else X[:, 0]
    model = pellucid.make(spec.id, **spec.smoke)
    assert model.fit(X, y).score(X, y) > 0.85


def test_public_names_are_those_of_the_modules():
    for name in pellucid_nn.__all__:
        assert hasattr(pellucid_nn, name)
        assert name in dir(pellucid_nn)
    with pytest.raises(AttributeError, match="module 'pellucid_nn' has no attribute 'Nonsense'"):
        pellucid_nn.Nonsense  # noqa: B018


def test_functions_behind_the_layers_are_under_one_roof():
    assert functional.__all__ == sorted(functional.__all__)
    for name in functional.__all__:
        assert callable(getattr(functional, name))


def test_listing_imports_no_numpy():
    code = (
        "import sys, pellucid_nn, pellucid_nn._plugin as p; list(p.pellucid_models()); list(p.pellucid_components());"
        "print([m for m in sys.modules if m == 'numpy' or m.startswith('pellucid_nn.') and not m.endswith('_plugin')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
