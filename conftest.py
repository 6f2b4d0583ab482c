"""What every test run in this repository shares. The packages' own tests do not need it."""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # many small matrices: threads only get in each other's way
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy is imported: scikit-learn skips a check without it

pytest_plugins = ["shape_arrows", "oracles"]  # tools/shape_arrows.py, tools/oracles.py
