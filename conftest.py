"""What every test run in this repository shares. The packages' own tests do not need it."""

import math
import os
import sys

import pytest

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # many small matrices: threads only get in each other's way
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy is imported: scikit-learn skips a check without it

pytest_plugins = ["shape_arrows", "oracles"]  # tools/shape_arrows.py, tools/oracles.py

_starts: dict[str, object] = {}  # of each test module's own generator


@pytest.fixture(autouse=True)
def same_numbers_whichever_test_ran_before(request: pytest.FixtureRequest) -> None:
    """A module's `rng` draws the same for a test, alone or among others, in any order."""
    rng = getattr(getattr(request, "module", None), "rng", None)
    if hasattr(rng, "bit_generator"):
        rng.bit_generator.state = _starts.setdefault(request.module.__name__, rng.bit_generator.state)


@pytest.fixture(autouse=True)
def ctrl_c_is_pressed_for_the_first_time() -> None:
    """A test that presses Ctrl-C is not the second to do so, however soon it comes after another one."""
    events = sys.modules.get("pellucid.events")
    if events is not None:
        events._Guard.last_answer = -math.inf
