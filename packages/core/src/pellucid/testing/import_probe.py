"""What a plugin's imports do, seen from a process that has imported nothing yet.

Run as a program, this module prints one line of JSON: what listing imported, what was printed on the way, and what was
changed that belongs to all. `probe` runs it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

from pellucid.discovery import GROUP, PluginInfo, collect, describe

SECONDS = 60  # the longest that imports may take


def probe(plugins: Iterable[PluginInfo], modules: Iterable[str]) -> dict[str, Any]:
    """Run `probed` in a new process that finds the same packages.

    Raises
    ------
    RuntimeError
        If the process ends without an answer.
    """
    entries = [(info.family, info.distribution, info.target) for info in plugins]
    order = json.dumps({"plugins": entries, "modules": list(modules)})
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pellucid.testing.import_probe", order],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode or not done.stdout.strip():
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise RuntimeError(f"importing it ended the process with status {done.returncode} and {last[0]!r}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def probed(plugins: Iterable[tuple[str, str, str]], modules: Iterable[str]) -> dict[str, Any]:
    """List what these plugins bring, as the registry does, then import everything.

    Parameters
    ----------
    plugins : iterable of (family, distribution, target)
        The entry points.
    modules : iterable of str
        All modules that their specs name.

    Returns
    -------
    dict
        "listed": the modules that listing needed; "printed": by the imports, on stdout and stderr; "changed": what they
        changed of NumPy's and Python's global settings; "failed": error messages.
    """
    printed = io.StringIO()
    failed: list[str] = []
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        for family, distribution, target in plugins:
            try:
                collect(PluginInfo(family=family, distribution=distribution), EntryPoint(family, target, GROUP).load())
            except (Exception, SystemExit) as error:
                failed.append(f"{target}: {describe(error)}")
        listed = sorted(sys.modules)
        before = _shared_by_all()
        for module in modules:
            try:
                importlib.import_module(module)
            except (Exception, SystemExit) as error:
                failed.append(f"{module}: {describe(error)}")
        after = _shared_by_all()
    changed = [name for name, state in before.items() if after[name] != state]
    return {"listed": listed, "printed": printed.getvalue(), "changed": changed, "failed": failed}


def _shared_by_all() -> dict[str, Any]:
    """What no import may change, by its name."""
    import numpy as np

    return {
        "random": repr(random.getstate()),
        "np.random": repr([part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()]),
        "np.seterr": np.geterr(),
        "np.set_printoptions": repr(np.get_printoptions()),
        "the working directory": os.getcwd(),
    }


if __name__ == "__main__":
    print(json.dumps(probed(**json.loads(sys.argv[1]))))
