"""The walls of the house: the core uses no family, no family another, and none what it does not declare."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
FAMILIES = sorted(set(PROJECTS) - {"core"})
IMPORTS = {name: "pellucid" if name == "core" else f"pellucid_{name}" for name in PROJECTS}  # folder -> import name
PEERS = {"autograd", "pandas", "scipy", "sklearn", "torch"}
ONLY_FOR_CLI = {"click", "matplotlib", "polars", "rich"}

BLOCKER = """
import importlib, importlib.abc, pkgutil, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocked())
"""


NEEDS_AN_EXTRA = {"pellucid.scipy_rules": "scipy"}  # modules for users of another library -> the extra with its name


def run(code: str, blocked: set[str]) -> str:
    """Run code in a fresh Python that cannot import `blocked`; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
    done = subprocess.run(
        [sys.executable, "-c", f"BLOCKED = {blocked!r}\n{BLOCKER}\n{code}"],
        capture_output=True,
        text=True,
        env={**environment, "PELLUCID_DISABLE_PLUGINS": ""},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_packages_to_look_at():
    assert "core" in PROJECTS and FAMILIES


@pytest.mark.parametrize("package", PROJECTS)
def test_every_module_imports_without_the_other_families_and_without_peers(package):
    others = {IMPORTS[name] for name in FAMILIES if name != package}
    blocked = others | PEERS | (set() if package == "cli" else ONLY_FOR_CLI)
    printed = run(
        f"""
package = importlib.import_module({IMPORTS[package]!r})
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith("__main__") and name not in {set(NEEDS_AN_EXTRA)!r}:
        importlib.import_module(name)
print(len(names))
""",
        blocked,
    )
    assert int(printed) > 0 or not list((ROOT / "packages" / package / "src" / IMPORTS[package]).glob("[!_]*.py"))


def test_the_registry_lists_and_every_family_imports_without_numpy():
    printed = run(
        f"""
import pellucid
ids = [spec.id for spec in pellucid.models()]
pellucid.dataset_specs()
bad = [f"{{info.family}}: {{info.error}}" for info in pellucid.plugins() if info.status != "ok"]
assert not bad, bad
for family in {[IMPORTS[name] for name in FAMILIES]!r}:
    importlib.import_module(family)
print(" ".join(ids))
""",
        {"numpy"} | PEERS | ONLY_FOR_CLI,
    )
    families = {model_id.partition("/")[0] for model_id in printed.split()}
    assert families <= set(PROJECTS)
    assert {"linear", "nn", "trees"} <= families


def test_every_package_is_in_the_contracts_that_list_packages():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linter = settings["tool"]["importlinter"]
    contracts = {contract["id"]: contract for contract in linter["contracts"]}
    everyone, families = set(IMPORTS.values()), {IMPORTS[name] for name in FAMILIES}
    lists = {
        "root_packages": (linter["root_packages"], everyone),
        "core: forbidden_modules": (contracts["core"]["forbidden_modules"], families),
        "families: modules": (contracts["families"]["modules"], families),
        "peers: source_modules": (contracts["peers"]["source_modules"], everyone),
        "light: source_modules": (contracts["light"]["source_modules"], everyone - {"pellucid_cli"}),
    }
    wrong = {name: sorted(set(listed) ^ wanted) for name, (listed, wanted) in lists.items() if set(listed) != wanted}
    assert not wrong, f"pyproject.toml lists too few or too many packages: {wrong}"


def test_the_core_offers_every_family_as_an_extra_and_all_of_them_together():
    extras = PROJECTS["core"]["optional-dependencies"]
    for family in FAMILIES:
        assert [re.split("[<>=]", extras[family][0])[0]] == [PROJECTS[family]["name"]]
    (everything,) = extras["all"]
    assert sorted(re.search(r"\[(.*)\]", everything)[1].split(",")) == FAMILIES


def test_every_package_has_the_same_version_and_a_name_of_ours():
    assert len({project["version"].rpartition(".")[0] for project in PROJECTS.values()}) == 1
    for family in FAMILIES:
        assert PROJECTS[family]["name"] == f"pellucid-{family}"


@pytest.mark.parametrize("package", PROJECTS)
def test_a_package_declares_what_its_modules_import(package):
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in PROJECTS[package]["dependencies"]]
    declared = {name.replace("-", "_") for name in names} | {IMPORTS[package]}
    missing = set()
    for path in (ROOT / "packages" / package / "src").rglob("*.py"):
        extra = NEEDS_AN_EXTRA.get(f"{IMPORTS[package]}.{path.stem}")
        optional = {extra} if extra in PROJECTS[package].get("optional-dependencies", {}) else set()
        missing |= {(path.name, name) for name in at_import(path) - declared - optional - set(sys.stdlib_module_names)}
    assert not missing, f"add to packages/{package}/pyproject.toml, or import where it is used: {sorted(missing)}"


def at_import(path: Path) -> set[str]:
    """Top-level names that a file imports when it is itself imported: not in functions, not for type checkers."""
    found, waiting = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found
