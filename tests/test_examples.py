"""Every example runs: those in docstrings, with their output, and scripts, which draw a picture and assert a number."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parent.parent / "packages"
MODULES = sorted(
    ".".join(path.relative_to(source).with_suffix("").parts)
    for source in PACKAGES.glob("*/src")
    for path in source.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
SCRIPTS = sorted(PACKAGES.glob("*/examples/*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_a_docstring(module):
    name = module.removesuffix(".__init__")
    if name == "pellucid.scipy_rules":
        pytest.importorskip("scipy")
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_script(script, tmp_path):
    picture = tmp_path / "picture.png"
    done = subprocess.run(
        [sys.executable, str(script), str(picture)],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    if importlib.util.find_spec("matplotlib"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_there_are_examples():
    assert len(MODULES) >= 8
    assert len(SCRIPTS) >= 4
