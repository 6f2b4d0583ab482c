"""The package as pellucid sees it; some of it needs the package to be installed, for instance by `pip install -e .`."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pellucid
import pytest
from pellucid import registry

import pellucid_svm
from pellucid_svm import RBF, SVC, SVR, _plugin


@pytest.fixture
def installed():
    try:
        return metadata.version("pellucid-svm")
    except metadata.PackageNotFoundError:
        pytest.skip("pellucid-svm is not installed")


def test_the_specs_name_what_there_is():
    for spec in [*_plugin.pellucid_models(), *_plugin.pellucid_components()]:
        assert registry.resolve(spec).__name__ in pellucid_svm.__all__
    with pytest.raises(AttributeError, match="has no attribute 'NuSVC'"):
        pellucid_svm.NuSVC  # noqa: B018


def test_the_readme_does_what_it_says():
    code = (
        (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    )
    names = {}
    exec(code, names)
    assert code.endswith("# array(['near', 'far'])\n") and "model.predict([[0.5, 0.5], [2.0, 2.0]])" in code
    assert names["model"].predict([[0.5, 0.5], [2.0, 2.0]]).tolist() == ["near", "far"]


def test_listing_imports_no_numpy():
    code = "import sys, pellucid_svm._plugin as p; list(p.pellucid_models()); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_both_are_found_by_their_names(installed):
    assert [spec.id for spec in pellucid.models(family="svm")] == ["svm/svc", "svm/svr"]
    for name, cls in (("svc", SVC), ("SVR", SVR), ("svm", SVC), ("SupportVectorRegressor", SVR)):
        assert pellucid.get(name) is cls
    assert [spec.name for spec in registry.components("kernel") if spec.family == "svm"] == [
        "linear",
        "polynomial",
        "rbf",
        "sigmoid",
    ]


@pytest.mark.parametrize("model", [SVC(), SVC(kernel=RBF(0.5)), SVC(kernel="poly"), SVR(kernel=RBF(0.5))], ids=repr)
def test_models_are_saved_and_loaded_with_their_kernels(installed, model, tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 2))
    fitted = pellucid.clone(model).fit(X, np.arange(30) % 3)
    again = pellucid.load(pellucid.save(fitted, tmp_path / "machine"))
    assert again.get_params() == fitted.get_params() and again.kernel_ == fitted.kernel_
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_a_function_of_ones_own_is_not_saved(installed, tmp_path):
    model = SVC(kernel=lambda X, Y: X @ Y.T).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="kernel.*is a function"):
        pellucid.save(model, tmp_path / "machine")
