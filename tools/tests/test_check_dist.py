"""Archives written by hand, in order and with one fault each."""

import io
import tarfile
import zipfile

import pytest

import check_dist

PROJECT = """
[project]
name = "pellucid-toy"
version = "0.1.0"
[project.entry-points."pellucid.v1"]
toy = "pellucid_toy._plugin"
[project.scripts]
toy = "pellucid_toy.line:main"
"""
METADATA = """\
Metadata-Version: 2.4
Name: pellucid-toy
Version: 0.1.0
Summary: A toy.
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: pellucid>=0.1,<0.2
Description-Content-Type: text/markdown

# Toy
"""
POINTS = "[console_scripts]\ntoy = pellucid_toy.line:main\n[pellucid.v1]\ntoy = pellucid_toy._plugin\n"
INFO = "pellucid_toy-0.1.0.dist-info"
STEM = "pellucid_toy-0.1.0"


@pytest.fixture
def dist(toy):
    """The folder, the package, and what its archives hold, to be changed before they are written."""
    (toy.package / "pyproject.toml").write_text(PROJECT)
    (toy.source / "py.typed").write_text("")
    wheel = {f"pellucid_toy/{name}": "" for name in ("__init__.py", "line.py", "py.typed")}
    wheel |= {f"{INFO}/METADATA": METADATA, f"{INFO}/entry_points.txt": POINTS, f"{INFO}/licenses/LICENSE": "MIT"}
    names = ("pyproject.toml", "README.md", "LICENSE", "PKG-INFO", "src/pellucid_toy/__init__.py")
    source = {f"{STEM}/{name}": "" for name in names}
    return toy, wheel, source


def faults(dist) -> list[str]:
    toy, wheel, source = dist
    with zipfile.ZipFile(toy.root / f"{STEM}-py3-none-any.whl", "w") as archive:
        for name, text in wheel.items():
            archive.writestr(name, text)
    with tarfile.open(toy.root / f"{STEM}.tar.gz", "w:gz") as archive:
        for name, text in source.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return list(check_dist.faults(toy.root, toy.package))


def test_archives_in_order_have_no_fault(dist):
    assert faults(dist) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tests/test_line.py", "", "holds tests, which is not its own"),
        ("pellucid_toy/tests/test_line.py", "", "holds pellucid_toy/tests/test_line.py"),
        ("pellucid_toy/line.pyc", "", "holds pellucid_toy/line.pyc"),
        ("pellucid_toy/line.py", None, "lacks pellucid_toy/line.py"),
        ("pellucid_toy/py.typed", None, "its types are not seen"),
        (f"{INFO}/licenses/LICENSE", None, "lacks the licence"),
        (f"{INFO}/entry_points.txt", None, "its entry points are not those"),
        (f"{INFO}/entry_points.txt", POINTS.replace("_plugin", "plugin"), "its entry points are not those"),
        (f"{INFO}/METADATA", METADATA.replace("0.1.0", "0.2.0"), "says pellucid-toy 0.2.0"),
        (f"{INFO}/METADATA", METADATA.replace("0.1.0", "first"), "metadata: "),
        (f"{INFO}/METADATA", METADATA.replace("text/markdown", "text/plain"), "no Markdown description"),
        (f"{INFO}/METADATA", METADATA.replace("License-Expression: MIT\n", ""), "license_expression is empty"),
        (f"{INFO}/METADATA", METADATA.replace(",<0.2", ""), "has no upper bound"),
        (f"{INFO}/METADATA", METADATA.replace("pellucid>=0.1,<0.2", "pellucid @ file:///x"), "points at a place"),
    ],
)
def test_each_fault_of_a_wheel_is_told(dist, name, text, message):
    _, wheel, _ = dist
    if text is None:
        del wheel[name]
    else:
        wheel[name] = text
    assert any(message in fault for fault in faults(dist)), faults(dist)


def test_each_fault_of_a_source_archive_is_told(dist):
    _, _, source = dist
    for name in (f"{STEM}/LICENSE", f"{STEM}/src/pellucid_toy/__init__.py"):
        del source[name]
    source |= {"elsewhere/file": "", f"{STEM}/src/pellucid_toy/x.so": ""}
    said = " | ".join(faults(dist))
    for message in ("lacks LICENSE", "outside", "holds pellucid_toy-0.1.0/src/pellucid_toy/x.so"):
        assert message in said


def test_missing_archives_and_a_missing_folder(dist, capsys):
    toy, _, _ = dist
    assert len(list(check_dist.faults(toy.root, toy.package))) == 2
    assert check_dist.main([str(toy.root / "nowhere")]) == 2
