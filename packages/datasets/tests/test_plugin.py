"""What the package registers, and how it is found."""

import doctest
import importlib
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import pellucid
import pellucid_datasets
from pellucid_datasets import _plugin

NAMES = tuple("iris digits wine breast_cancer diabetes british_doctors spirals moons circles blobs xor".split())


def in_a_fresh_process(code):
    """Run code in a new interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_listing_needs_no_numpy():
    code = (
        "import sys, pellucid_datasets._plugin as plugin;"
        "print(len(list(plugin.pellucid_datasets())), sorted(m for m in sys.modules if m.split('.')[0] == 'numpy'))"
    )
    assert in_a_fresh_process(code) == "11 []"


def test_the_package_is_lazy_and_names_what_it_has():
    code = "import sys, pellucid_datasets as d; print('numpy' in sys.modules, len(dir(d)) > 10, d.iris().X.shape)"
    assert in_a_fresh_process(code) == "False True (150, 4)"
    assert set(NAMES) < set(dir(pellucid_datasets))
    with pytest.raises(AttributeError, match=r"no attribute 'irises'; it has iris, digits"):
        pellucid_datasets.irises  # noqa: B018


def test_every_name_is_registered_with_its_own_function():
    specs = list(_plugin.pellucid_datasets())
    assert [spec.id for spec in specs] == [name.replace("_", "-") for name in NAMES]
    for name, spec in zip(NAMES, specs, strict=True):
        module, _, function = spec.target.partition(":")
        assert function == name
        assert getattr(importlib.import_module(module), function) is getattr(pellucid_datasets, name)


@pytest.mark.parametrize("name", NAMES)
def test_every_spec_says_what_it_is_and_where_it_is_from(name):
    spec = _plugin.SPECS[name]
    assert 20 < len(spec.summary) < 110
    assert spec.summary.endswith(".")
    assert spec.source
    assert spec.licence


def test_licences_agree_with_the_file_beside_the_code():
    text = (resources.files("pellucid_datasets") / "DATA.md").read_text(encoding="utf-8")
    for name in NAMES[:6]:
        (row,) = re.findall(rf"^\| `{name}\.csv\.gz` .*$", text, re.M)
        spec = _plugin.SPECS[name]
        assert f"| {spec.n_rows} x {spec.n_columns} |" in row
        assert ("[CC BY 4.0]" in row) == (spec.licence == "CC BY 4.0")
        for doi in re.findall(r"doi:(\S+?)(?=[;,]|\s|$)", spec.source):
            assert doi in row


@pytest.mark.parametrize("name", NAMES)
def test_pellucid_finds_it_by_name(name):
    data = pellucid.dataset(name)
    assert isinstance(data, pellucid.Dataset)
    X, y = data
    np.testing.assert_array_equal(X, getattr(pellucid_datasets, name)().X)
    assert len(X) == len(y)


def test_options_reach_the_generator():
    ours, direct = pellucid.dataset("spirals", seed=1, noise=0.1), pellucid_datasets.spirals(seed=1, noise=0.1)
    np.testing.assert_array_equal(ours.X, direct.X)


@pytest.mark.parametrize(("name", "option"), [("spirals", "noize"), ("digits", "seed")])
def test_an_unknown_option_is_named(name, option):
    with pytest.raises(TypeError, match=option):
        pellucid.dataset(name, **{option: 1})


def test_the_readme_and_the_docstring_tell_the_truth():
    readme = Path(__file__).parents[1] / "README.md"
    code = re.search(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.S)[1]
    names = {}
    exec(code, names)
    assert (names["X"].shape, names["y"].shape) == ((1797, 64), (1797,))
    assert names["wines"].feature_names[:2] == ("alcohol", "malic_acid")
    assert names["wines"].target_names == ("barolo", "grignolino", "barbera")
    result = doctest.testmod(pellucid_datasets)
    assert (result.attempted, result.failed) == (3, 0)


def test_pellucid_lists_them():
    listed = {spec.id for spec in pellucid.dataset_specs()}
    assert {name.replace("_", "-") for name in NAMES} <= listed
