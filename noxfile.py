"""What the repository can do, each in an environment of its own: `nox -s demo`, `nox -s tests`, `nox --list`.

A machine needs Python 3.11 or later and pip. With uv on it, environments are made in a second.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PACKAGES = sorted((path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")), key=lambda p: (p != "core", p))
TEST_TOOLS = ("pytest>=8.2", "hypothesis>=6.100")
SIDE_BY_SIDE = "pytest-xdist>=3.5"
PEERS = ("scikit-learn", "scipy", "statsmodels", "pandas", "autograd", "torch==2.13.0")
DEMO_PACKAGES = ("core", "datasets", "linear", "nn", "cli[plot]")
BESIDE_A_PLUGIN = ("core", "datasets", "linear", "cli")  # whose wheels a stranger's package is installed beside
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]


# For everyone


@nox.session
def demo(session: nox.Session) -> None:
    """Train an MLP on digits and a logistic regression on wines from nothing; then one of them by hand."""
    install(session, *editable(*DEMO_PACKAGES))
    out = session.posargs[0] if session.posargs else "demo"
    session.run("pellucid", "demo", "--out-dir", out)
    session.log("the second model again, by hand:")
    session.run("pellucid", "fit", "linear/logistic-regression", "dataset:wine", "--out", f"{out}/by-hand.npz")
    session.log(f"models and pictures are in {Path(out).resolve()}")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test of every package, all installed together. Arguments go to pytest: nox -s tests -- -k ridge."""
    install(session, *TEST_TOOLS, SIDE_BY_SIDE, "tqdm>=4.66", "joblib>=1.3", *editable(*everything()))
    session.run("python", "-m", "pytest", "--numprocesses=auto", *session.posargs, env=ONE_THREAD)


# Checks


@nox.session(venv_backend="virtualenv")
def oracles(session: nox.Session) -> None:
    """The comparisons with scikit-learn, PyTorch, SciPy and the others, which skip where those are missing."""
    install(session, *TEST_TOOLS, SIDE_BY_SIDE, *PEERS, *editable(*everything()), by_pip=True)
    session.run("python", "-m", "pytest", "--oracles", "--numprocesses=auto", *session.posargs, env=ONE_THREAD)


@nox.session(venv_backend="virtualenv")
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def isolated(session: nox.Session, package: str) -> None:
    """Each package alone, installed as a user gets it with only what it declares, runs its own tests."""
    paths = [f"./packages/{name}" for name in needed_by(package)]
    tools = (*TEST_TOOLS, SIDE_BY_SIDE)
    session.run("python", "-m", "pip", "install", "-q", *tools, *paths)  # never stamped: these are copies
    session.run("python", "-m", "pip", "check")
    command = ("python", "-m", "pytest", f"packages/{package}/tests", "--numprocesses=auto")
    session.run(*command, *session.posargs, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, layout, boundaries between packages, and text against code against tests."""
    install(session, "ruff>=0.12", "import-linter>=2.3")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    sources = os.pathsep.join(str(ROOT / "packages" / name / "src") for name in PACKAGES)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": sources})
    session.run("python", "tools/check_reading.py")
    session.run("python", "tools/reading_map.py", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, on every package."""
    install(session, "mypy>=1.15", "pytest>=8.2", *editable(*everything()))
    session.run("mypy", *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """Break the tagged lines; every mutant must die. Arguments: packages, files, --max N, --list."""
    install(session, *TEST_TOOLS, *editable(*everything()))
    session.run("python", "tools/mutate.py", *session.posargs, env=ONE_THREAD)


@nox.session(venv_backend="virtualenv")
def bench(session: nox.Session) -> None:
    """Times beside the peers, as Markdown tables: nox -s bench -- nn core."""
    install(session, *PEERS, *editable(*everything()), by_pip=True)
    session.run("python", "benchmarks/run.py", *session.posargs, env=ONE_THREAD)


@nox.session(reuse_venv=False)
def plugin(session: nox.Session) -> None:
    """A stranger's packages, one just written and examples/pellucid-svm, from their source to their uninstalling."""
    session.install("pip", "pytest>=8.2", "build>=1.2", "uv_build>=0.9,<1", "ruff>=0.12")
    wheels = Path(session.virtualenv.location) / "wheels"
    for name in BESIDE_A_PLUGIN:
        words = ("--wheel", "--no-isolation", "--outdir", str(wheels), f"packages/{name}")
        session.run("python", "-m", "build", *words, silent=True)
    session.install(*sorted(str(path) for path in wheels.glob("*.whl")))
    asked = {**ONE_THREAD, "PELLUCID_END_TO_END": "1"}
    session.run("python", "-m", "pytest", "tests/test_plugin_end_to_end.py", *session.posargs, env=asked)


@nox.session
def svm(session: nox.Session) -> None:
    """The tests of examples/pellucid-svm, as its author runs them, beside scikit-learn."""
    session.install("pytest>=8.2", "hypothesis>=6.100", "ruff>=0.12", "scikit-learn", "pandas")
    session.install(*(f"./packages/{name}" for name in BESIDE_A_PLUGIN), "./examples/pellucid-svm")
    session.run("ruff", "check", "examples/pellucid-svm")
    session.run("python", "-m", "pytest", "-q", *session.posargs, "examples/pellucid-svm", env=ONE_THREAD)


# Publishing


@nox.session(venv_backend="virtualenv")
def build(session: nox.Session) -> None:
    """Wheels and source archives of every package, looked into, and installed in a fresh environment."""
    install(session, "build>=1.2", "uv_build>=0.9,<1", "packaging>=24.2", by_pip=True)
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    for name in PACKAGES:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(dist), f"packages/{name}", silent=True)
    session.run("python", "tools/check_dist.py", str(dist))
    wheels = sorted(str(path) for path in dist.glob("*.whl"))

    fresh = Path(session.create_tmp()) / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    session.run("python", "-m", "venv", str(fresh))
    scripts = fresh / ("Scripts" if os.name == "nt" else "bin")
    session.run(str(scripts / "python"), "-m", "pip", "install", "-q", *wheels, external=True)
    session.run(str(scripts / "python"), "-m", "pip", "check", external=True)
    session.run(str(scripts / "pellucid"), "list", external=True)
    session.run(str(scripts / "pellucid"), "plugins", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """The website, strictly: a dead link, a failing example or a page outside the navigation stops it."""
    install(session, *TEST_TOOLS, SIDE_BY_SIDE, "-r", "docs/requirements.txt", *editable(*everything()))
    quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    session.run("python", "tools/docs_pages.py")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={**ONE_THREAD, **quiet})
    session.run("python", "-m", "pytest", "tests/test_docs.py", "--numprocesses=auto", env={**ONE_THREAD, **quiet})


# Environments


def everything() -> list[str]:
    """All packages, the command line with its pictures."""
    return [f"{name}[plot]" if name == "cli" else name for name in PACKAGES]


def editable(*packages: str) -> list[str]:
    """Arguments that install packages of this repository so that a change in a file is seen at once."""
    return [part for name in packages for part in ("-e", f"./packages/{name}")]


def needed_by(package: str) -> list[str]:
    """The packages of this repository that one declares, directly or through others, and itself."""
    text = (ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.search(r"^dependencies = \[(.*?)\]", text, re.S | re.M)
    names = re.findall(r'"pellucid(?:-(\w+))?[^"]*"', declared[1]) if declared else []
    found: list[str] = []
    for name in [name or "core" for name in names]:
        found += [other for other in needed_by(name) if other not in found]
    return [*found, package]


def install(session: nox.Session, *arguments: str, by_pip: bool = False) -> None:
    """Install into the session's environment, unless it already holds exactly this.

    The stamp covers the arguments, the Python and every file that says what a package needs. `by_pip` is for what uv
    does not find where pip does.
    """
    told = [*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("docs/requirements.txt")]
    state = hashlib.sha256(repr((arguments, sys.version)).encode())
    for path in sorted(told):
        state.update(path.read_bytes())
    stamp = Path(session.virtualenv.location) / ".installed"
    if stamp.exists() and stamp.read_text() == state.hexdigest():
        session.debug("nothing to install: the stamp is up to date")
        return
    stamp.unlink(missing_ok=True)
    if by_pip:
        session.run("python", "-m", "pip", "install", "-q", *arguments)
    else:
        session.install(*arguments)
    stamp.write_text(state.hexdigest())
