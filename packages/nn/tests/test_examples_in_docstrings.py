import doctest
import importlib
import pkgutil

import pytest

import pellucid_nn

MODULES = [pellucid_nn.__name__, *(f"pellucid_nn.{m.name}" for m in pkgutil.iter_modules(pellucid_nn.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
