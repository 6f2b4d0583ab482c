"""A small package with one model file, for the tools to work on."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent

MODEL = '''
"""Weighted line: the slope through the origin that fits best.

    s = Σₙ wₙ xₙ yₙ                                                        (1)
    a = s / Σₙ wₙ xₙ²                                                      (2)

Symbols
-------
    paper   code     shape   meaning
    xₙ      x        (N,)    where
    yₙ      y        (N,)    what was seen there
    wₙ      weights  (N,)    how much it counts, which may
                             be nothing
    a       slope    ()      the answer

Cost: O(N) time, O(1) memory.

References
----------
    Gauss (1809), "Theoria motus".
Differs from them: nothing.
"""

import numpy as np


def slope(x, y, weights):
    """The best slope: (N,), (N,), (N,) -> ()."""
    s = np.sum(weights * x * y)  # ()                                      (1)
    return s / np.sum(
        weights * x**2,
    )  #                                                                   (2)
'''

TESTS = """
import numpy as np
from pellucid_toy.line import slope


def test_eq_1_2_slope_cannot_be_improved():
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(3, 9))
    weights = weights**2
    best = slope(x, y, weights)
    loss = lambda a: np.sum(weights * (a * x - y) ** 2)
    assert loss(best) < min(loss(best + 1e-3), loss(best - 1e-3))
"""


class Toy:
    """A package on disk whose model file and tests can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "packages" / "toy"
        self.source = self.package / "src" / "pellucid_toy"
        self.model = self.source / "line.py"
        self.tests = self.package / "tests" / "test_line.py"
        self.source.mkdir(parents=True)
        self.tests.parent.mkdir()
        (self.package / "pyproject.toml").write_text("")
        (self.source / "__init__.py").write_text("")
        self.write(self.model, MODEL)
        self.write(self.tests, TESTS)

    def write(self, path: Path, text: str) -> None:
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")

    def change(self, old: str, new: str, path: Path | None = None) -> None:
        """Replace a text that must be there."""
        path = path or self.model
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the package's tests in a fresh process that knows the tools."""
        paths = os.pathsep.join([str(TOOLS), str(self.package / "src")])
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(self.root), *arguments]
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)
