"""The core beside PyTorch and HIPS autograd: what an operation on the tape costs, in time and in memory."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import Tensor, fit_run, listening, value_and_grad
from pellucid.listeners import EarlyStopping
from stopwatch import compare, duration, peer

DEEP, LEAVES = (100_000, 1_000_000), 4_000


def chain(x: Any, a: Any, b: Any, n: int) -> Any:
    """n operations, one after the other, on single numbers."""
    for _ in range(n // 2):
        x = x * a
        x = x + b
    return x


def ours(n: int) -> Callable[[], Any]:
    a, b = Tensor(1.0001, requires_grad=True), Tensor(1e-4, requires_grad=True)
    return lambda: chain(Tensor(0.5, requires_grad=True), a, b, n).backward()


def torchs(n: int) -> Callable[[], Any] | None:
    torch = peer("torch")
    if torch is None:
        return None

    def leaf(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    a, b = leaf(1.0001), leaf(1e-4)
    return lambda: chain(leaf(0.5), a, b, n).backward()


def autograds(n: int) -> Callable[[], Any] | None:
    autograd = peer("autograd")
    if autograd is None:
        return None
    both = autograd.value_and_grad(lambda xs: chain(xs[0], xs[1], xs[2], n))
    return lambda: both((0.5, 1.0001, 1e-4))


def in_a_row(task: Callable[[], Any] | None, n: int) -> Callable[[], Any] | None:
    """The task n times, so that its turn is not mostly spent on warming the processor's caches after another's."""
    return None if task is None else lambda: [task() for _ in range(n)]


def many_leaves(leaf: Callable[[Any], Any]) -> Callable[[], Any]:
    """Backward from the sum of 4,000 leaves; the forward pass is part of it for everybody."""
    values = np.ones(8)
    return lambda: sum([leaf(values) for _ in range(LEAVES)]).sum().backward()


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_hand(x: Any) -> Any:
    r = x[1:] - x[:-1] ** 2
    dx = np.zeros_like(x)
    dx[:-1] = -400 * r * x[:-1] - 2 * (1 - x[:-1])
    dx[1:] += 200 * r
    return np.sum(100 * r**2 + (1 - x[:-1]) ** 2), dx


def autograd_rosenbrock() -> Callable[[Any], Any] | None:
    autograd = peer("autograd")
    if autograd is None:
        return None
    anp = peer("autograd.numpy")
    return autograd.value_and_grad(  # type: ignore[no-any-return]
        lambda x: anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)  # type: ignore[union-attr]
    )


def recurrence(x: Any, W: Any, h: Any, stack: Callable[[Any], Any] | None) -> Any:
    """hₜ = tanh(W hₜ₋₁ + xₜ): rows written into an array, or collected in a list where that cannot be."""
    if stack is not None:
        rows = [h[0]]
        for t in range(1, len(h)):
            rows.append(np.tanh(W @ rows[-1] + x[t]) if isinstance(W, Tensor) else (W @ rows[-1] + x[t]).tanh())
        return (stack(rows) ** 2).sum()
    for t in range(1, len(h)):
        h[t] = np.tanh(W @ h[t - 1] + x[t])
    return (h**2).sum()


def written(T: int, D: int = 64) -> dict[str, Callable[[], Any] | None]:
    """A recurrence of T steps of D numbers, forward and backward; PyTorch refuses the form that writes."""
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(T, D)), rng.normal(size=(D, D)) / 16
    torch, zeros = peer("torch"), np.zeros((T, D))

    def by_torch() -> None:
        assert torch is not None
        weight = torch.tensor(W, requires_grad=True)
        recurrence(torch.tensor(x), weight, torch.zeros(T, D, dtype=torch.float64), torch.stack).backward()

    return {
        "pellucid, h[t] = ...": lambda: recurrence(
            x, Tensor(W, requires_grad=True), Tensor(np.zeros((T, D))), None
        ).backward(),
        "pellucid, a list": lambda: recurrence(x, Tensor(W, requires_grad=True), zeros, np.stack).backward(),
        "torch, a list": None if torch is None else by_torch,
    }


def memory_per_operation(n: int = 10_000) -> float:
    """Bytes that one recorded operation on single numbers keeps until the backward pass."""
    a, b, x = (Tensor(v, requires_grad=True) for v in (1.0001, 1e-4, 0.5))
    tracemalloc.start()
    y = chain(x, a, b, n)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del y
    return kept / n


def start_up(*arguments: str, path: str = "", rounds: int = 15) -> float:
    """Median seconds of a fresh Python with these arguments, its bytecode at hand; `path` holds more packages."""
    times = []
    with tempfile.TemporaryDirectory() as bytecode:
        more = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
        for _ in range(1 + rounds):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=os.environ | more)
            times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def install_models(folder: Path, n_packages: int, n_models: int) -> None:
    """Put packages that list models where `start_up` finds them."""
    for k in range(n_packages):
        share = range(k, n_models, n_packages)
        (folder / f"plugin_{k}.py").write_text(
            "from pellucid import ModelSpec, hookimpl\n@hookimpl\ndef pellucid_models():\n"
            f"    for n in {list(share)}:\n        yield ModelSpec(id=f'family{k}/model{{n}}', target='x:X', "
            "summary='A model that does what such models do', tasks=('classification',), aliases=(f'm{n}',))\n"
        )
        info = folder / f"plugin_{k}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: plugin-{k}\nVersion: 1.0\nRequires-Dist: pellucid>=0.1,<0.2\n")
        (info / "entry_points.txt").write_text(f"[pellucid.v1]\nfamily{k} = plugin_{k}\n")


def descend(n_steps: int, report: Callable[..., bool] | None) -> float:
    """Least squares by gradient descent, one report a step if anybody wants it."""
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(1000, 20)), rng.normal(size=1000), np.zeros(20)
    loss = math.inf
    for _ in range(n_steps):
        residual = X @ w - y
        loss = float(residual @ residual)
        w -= 1e-4 * (X.T @ residual)
        if report is not None and report(loss=loss):
            break
    return loss


def reported(n_steps: int) -> float:
    """The same as a model does it: within a run."""
    with fit_run("descent", total=n_steps) as run:
        return descend(n_steps, run.step)


def listened_to(n_steps: int, listener: object) -> float:
    """The same with somebody listening."""
    with listening(listener):
        return reported(n_steps)


def main() -> None:
    """Print all tables."""
    n, chains = 1000, 10
    table = compare(
        f"scalar chain of {n:,} operations, forward and backward, {chains} times in a row",
        {
            name: in_a_row(task, chains)
            for name, task in (("pellucid", ours(n)), ("torch", torchs(n)), ("autograd", autograds(n)))
        },
        baseline="torch",
        seconds=10,
    )
    print(table)
    print("per operation: " + ", ".join(f"{row.name} {duration(row.median / n / chains)}" for row in table.rows) + "\n")

    # autograd is left out below: it walks a graph by recursion on some paths, and needs seconds for this one.
    for deep in DEEP:
        print(compare(f"chain of {deep:,}", {"pellucid": ours(deep), "torch": torchs(deep)}, baseline="torch"))

    torch = peer("torch")
    contestants: dict[str, Any] = {"pellucid": many_leaves(lambda v: Tensor(v, requires_grad=True))}
    if torch is not None:
        contestants["torch"] = many_leaves(lambda v: torch.tensor(v, requires_grad=True))
    print(compare(f"sum of {LEAVES:,} leaves of 8 numbers, forward and backward", contestants, baseline="torch"))

    print(compare("recurrence of 500 steps, 64 numbers each", written(500), baseline="torch, a list"))

    x = np.linspace(-1, 1, 1000)
    ours_of, theirs = value_and_grad(rosenbrock), autograd_rosenbrock()
    print(
        compare(
            "value and gradient of Rosenbrock's function, 1,000 variables, plain NumPy",
            {
                "pellucid": lambda: ours_of(x),
                "autograd": None if theirs is None else lambda: theirs(x),
                "by hand": lambda: rosenbrock_by_hand(x),
            },
            baseline="by hand",
        )
    )
    print(f"memory kept per recorded operation: {memory_per_operation():.0f} bytes\n")
    print(
        compare(
            f"fit of {n:,} small steps",
            {
                "no reports": lambda: descend(n, None),
                "reports, no listener": lambda: reported(n),
                "reports, early stopping": lambda: listened_to(n, EarlyStopping(patience=n)),
            },
            baseline="no reports",
        )
    )
    print("| start | time |\n|---|--:|")
    for code in (
        "pass",
        "import numpy",
        "import pellucid",
        "import pellucid; pellucid.models()",
        "from pellucid import Tensor",
    ):
        print(f"| {code.replace('pass', 'python')} | {duration(start_up('-c', code))} |")
    with tempfile.TemporaryDirectory() as folder:
        install_models(Path(folder), n_packages=14, n_models=150)
        listing = start_up("-m", "pellucid_cli", "list", path=folder)
        print(f"| pellucid list, 150 models | {duration(listing)} |\n")


if __name__ == "__main__":
    main()
