"""Fixtures for the core's tests."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from pellucid import registry

sys.path.insert(0, str(Path(__file__).parent))  # for sound_models.py, which several tests share

Install = Callable[..., None]
IMPORTS = "from pellucid import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, hookimpl\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """A registry that has loaded nothing yet, and a call that installs plugins for it alone to see."""
    modules = set(sys.modules)
    distributions = metadata.distributions
    monkeypatch.setattr(metadata, "distributions", lambda: distributions(path=[str(tmp_path)]))
    monkeypatch.setattr(registry, "_state", registry._State())
    monkeypatch.syspath_prepend(str(tmp_path))
    for variable in ("PLUGINS", "DISABLE_PLUGINS", "STRICT", "TRACE"):
        monkeypatch.delenv(f"PELLUCID_{variable}", raising=False)

    def install(
        distribution: str, code: str, *, family: str = "", group: str = "pellucid.v1", requires: str = "pellucid>=0.1"
    ) -> None:
        module = distribution.replace("-", "_") + "_site"  # never the name of a package that is really installed
        (tmp_path / f"{module}.py").write_text(IMPORTS + textwrap.dedent(code), encoding="utf-8")
        info = tmp_path / f"{module}-0.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 0.3\nRequires-Dist: {requires}\n")
        entry = f"[{group}]\n{family or distribution.removeprefix('pellucid-')} = {module}\n"
        with (info / "entry_points.txt").open("a") as file:
            file.write(entry)

    yield install
    for name in set(sys.modules) - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]
