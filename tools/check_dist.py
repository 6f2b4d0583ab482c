"""Check the wheels and source archives in a folder before they are published.

    python tools/check_dist.py dist

For every package under packages/ there must be one of each, and
    wheel       `py3-none-any`; holds its own import package and its metadata, nothing else: no tests, no tools; every
                file of the source folder is in it; py.typed and the licence are; the metadata are valid (names,
                versions, requirements, a Markdown description); the entry points are those of its pyproject.toml
    source      unpacks to one folder with pyproject.toml, README.md, LICENSE and src, nothing compiled

Exit status 0, or 1 with one line for each fault.
"""

from __future__ import annotations

import configparser
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.metadata import InvalidMetadata, Metadata

import model_files

JUNK = ("__pycache__", ".pyc", ".pyo", ".so", ".pyd", ".DS_Store")


def faults(dist: Path, package: Path) -> Iterator[str]:
    """What is wrong with one package's archives."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    wheel, source = dist / f"{stem}-py3-none-any.whl", dist / f"{stem}.tar.gz"
    yield from wheel_faults(wheel, package, project) if wheel.exists() else [f"{wheel.name}: is missing"]
    yield from source_faults(source, stem) if source.exists() else [f"{source.name}: is missing"]


def wheel_faults(wheel: Path, package: Path, project: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a wheel."""
    folder = model_files.source_folder(package)
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
        tops = {PurePosixPath(name).parts[0] for name in names}
        for top in sorted(tops - {folder.name, info}):
            yield f"{wheel.name}: holds {top}, which is not its own"
        for name in names:
            if any(junk in name for junk in JUNK) or "tests" in PurePosixPath(name).parts:
                yield f"{wheel.name}: holds {name}"
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder.parent).as_posix()
            if path.is_file() and not any(junk in name for junk in JUNK) and name not in names:
                yield f"{wheel.name}: lacks {name}"
        if f"{folder.name}/py.typed" not in names:
            yield f"{wheel.name}: lacks {folder.name}/py.typed, so its types are not seen"
        if not any(name.startswith(f"{info}/") and name.endswith("LICENSE") for name in names):
            yield f"{wheel.name}: lacks the licence"
        try:
            metadata = Metadata.from_email(archive.read(f"{info}/METADATA"))
        except (ExceptionGroup, InvalidMetadata, KeyError) as error:
            reasons = getattr(error, "exceptions", [error])
            yield from (f"{wheel.name}: metadata: {reason}" for reason in reasons)
            return
        entry_points = ""
        if f"{info}/entry_points.txt" in names:
            entry_points = archive.read(f"{info}/entry_points.txt").decode()
    yield from (f"{wheel.name}: metadata: {fault}" for fault in _metadata_faults(metadata, project))
    if _entry_points(entry_points) != _declared_entry_points(project):
        yield f"{wheel.name}: its entry points are not those of pyproject.toml"


def _metadata_faults(metadata: Metadata, project: dict[str, Any]) -> Iterator[str]:
    if metadata.name != project["name"] or str(metadata.version) != project["version"]:
        yield f"says {metadata.name} {metadata.version}, pyproject.toml {project['name']} {project['version']}"
    if not (metadata.description or "").strip() or metadata.description_content_type != "text/markdown":
        yield 'there is no Markdown description: `readme = "README.md"`'
    for field in ("summary", "license_expression", "requires_python"):
        if not getattr(metadata, field):
            yield f"{field} is empty"
    for requirement in metadata.requires_dist or []:
        if requirement.name.startswith("pellucid-") or requirement.name == "pellucid":
            if not requirement.extras and not any(s.operator in ("<", "~=", "==") for s in requirement.specifier):
                yield f"{requirement} has no upper bound"
        if requirement.url:
            yield f"{requirement} points at a place, not at a release"


def _entry_points(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def _declared_entry_points(project: dict[str, Any]) -> dict[str, dict[str, str]]:
    declared = {group: dict(points) for group, points in project.get("entry-points", {}).items()}
    if project.get("scripts"):
        declared["console_scripts"] = dict(project["scripts"])
    return declared


def source_faults(source: Path, stem: str) -> Iterator[str]:
    """What is wrong with a source archive."""
    with tarfile.open(source) as archive:
        names = [member.name for member in archive.getmembers() if member.isfile()]
    for name in names:
        if PurePosixPath(name).parts[0] != stem:
            yield f"{source.name}: holds {name}, outside {stem}/"
        if any(junk in name for junk in JUNK):
            yield f"{source.name}: holds {name}"
    for wanted in ("pyproject.toml", "README.md", "LICENSE", "PKG-INFO"):
        if f"{stem}/{wanted}" not in names:
            yield f"{source.name}: lacks {wanted}"
    if not any(name.startswith(f"{stem}/src/") for name in names):
        yield f"{source.name}: lacks src"


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or not Path(given[0]).is_dir():
        print("check_dist: say which folder holds the archives: python tools/check_dist.py dist", file=sys.stderr)
        return 2
    dist, packages = Path(given[0]), model_files.packages()
    found = [fault for package in packages for fault in faults(dist, package)]
    for fault in found:
        print(fault)
    if not found:
        print(f"check_dist: {len(packages)} wheels and {len(packages)} source archives are as they should be")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
