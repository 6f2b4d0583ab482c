"""Run benchmarks: `python benchmarks/run.py nn core` runs benchmarks/nn.py and benchmarks/core.py; no name runs all.

Each file has a `main()` that prints its results as Markdown tables, made with stopwatch.py.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NOT_BENCHMARKS = ("run", "stopwatch")


def available() -> list[str]:
    """The benchmarks there are: one per family."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NOT_BENCHMARKS)


def main(arguments: list[str]) -> int:
    """Run the named benchmarks in order; 2 where one does not exist."""
    names = arguments or available()
    if unknown := [name for name in names if name not in available()]:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(available()) or 'none'}", file=sys.stderr)
        return 2
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # before NumPy is imported
    import stopwatch

    print(f"{stopwatch.machine()}\n")
    for name in names:
        print(f"## {name}\n", flush=True)
        importlib.import_module(name).main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
