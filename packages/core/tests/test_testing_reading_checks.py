"""The rules for a model file, each broken once in a file that is otherwise in order."""

import ast

import pytest
from acme_package import Acme, names_of, result_of

from pellucid.testing import Subject, reading


@pytest.fixture
def acme(site, tmp_path):
    return Acme(tmp_path)


W_LINE = "    coef = np.linalg.lstsq(Xc, yc)[0]  #                                     (2)\n"
SECOND = " " * 57 + "(2)\n\nSymbols"
BROKEN = {  # what is wrong -> (check that finds it, text in the file, what is put in its place, what must be said)
    "number twice": (
        "equations-are-numbered-in-order",
        SECOND,
        SECOND.replace("2", "1"),
        "line 6: (1) already numbers the equation on line 5",
    ),
    "numbers in disorder": (
        "equations-are-numbered-in-order",
        SECOND,
        SECOND.replace("2", "0"),
        "line 6: (0) comes after (1): renumber",
    ),
    "equation without code": (
        "every-equation-has-its-line",
        W_LINE,
        "    coef = 0\n",
        "line 6: no line of code is equation (2)",
    ),
    "code without equation": (
        "every-equation-has-its-line",
        W_LINE,
        W_LINE.replace("(2)", "(2) (3)"),
        "the docstring has no equation (3)",
    ),
    "number without code": (
        "every-equation-has-its-line",
        W_LINE,
        "    # (2)\n    coef = 0\n",
        "(2) stands on a line without code",
    ),
    "number too close": (
        "every-equation-has-its-line",
        SECOND,
        SECOND.strip(" "),
        "the docstring has no equation (2)",
    ),
    "symbol that is no name": (
        "symbols-exist-in-the-code",
        "w       coef     ",
        "w       coefs    ",
        "line 13: 'coefs' is in the table but is no name in the code",
    ),
    "table without a header": (
        "symbols-exist-in-the-code",
        "paper   code  ",
        "paper   name  ",
        "the Symbols table must start with the row",
    ),
    "columns too close": (
        "symbols-exist-in-the-code",
        "w       coef        (D,)",
        "w coef (D,)",
        "columns must be two spaces apart: line 13",
    ),
    "no cost": ("sections-are-there", "Cost: O(N", "Time: O(N", "the docstring has no Cost"),
    "no references": ("sections-are-there", "References\n", "Books\n", "the docstring has no References"),
    "no differences": ("sections-are-there", "Differs", "Apart", "the docstring has no Differs"),
    "no symbols": ("sections-are-there", "Symbols\n", "Names\n", "the docstring has no Symbols"),
    "no line under symbols": ("sections-are-there", "Symbols\n-------", "Symbols:\n", "Symbols is not readable"),
    "control character": (
        "docstrings-have-no-control-characters",
        "The plane:",
        "The \\beta plane:",
        "line 30: control character '\\x08'",
    ),
}


def test_every_rule_has_a_mutant(acme):
    names = {name for name in names_of("reading_checks") if not name.startswith("other-files")}
    assert {name for name, *_ in BROKEN.values()} == names
    assert len(names) == len(reading.RULES)


def test_a_file_in_order_passes_everything(acme):
    results = [result_of(name, acme.model()) for name, *_ in BROKEN.values()]
    assert [(r.id, r.saw) for r in results if r.status != "passed"] == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found_and_its_line_is_said(acme, what):
    name, old, new, saw = BROKEN[what]
    acme.change("plane.py", old, new)
    found = result_of(name, acme.model())
    assert (found.status, saw in found.saw) == ("failed", True), found.saw


def test_the_line_is_the_one_to_change(acme):
    acme.change("plane.py", W_LINE, "    coef = 0\n")
    path = acme.folder / "pellucid_acme" / "plane.py"
    (problem,) = reading.problems(reading.ModelFile.read(path))
    assert path.read_text(encoding="utf-8").split("\n")[problem.line - 1].endswith("(2)")
    assert str(problem) == f"{path}:6: tags: {problem.text}"


def test_a_file_that_numbers_no_equations_is_not_held_to_them(acme):
    acme.change("plane.py", "(1)\n    w", "\n    w")
    acme.change("plane.py", "(2)\n\nSym", "\n\nSym")
    assert result_of("sections-are-there", acme.model()).saw == "its file numbers no equations"


def test_a_class_without_a_file_is_not_held_to_it():
    for cls in (dict, type("Typed", (), {"__module__": "typed_at_the_prompt"})):
        subject = Subject(cls, None, "regression")
        assert result_of("sections-are-there", subject).saw == "its source cannot be read"


def test_files_without_equations_are_not_among_the_other_files(acme):
    (acme.folder / "pellucid_acme" / "template.py").write_text("def {{ name }}(): ...\n")  # not Python, and not read
    (acme.folder / "pellucid_acme" / "slope.py").unlink()
    assert result_of("other-files-keep-the-rules-of-reading", acme.plugin()).saw == "no other file numbers equations"


def test_a_file_without_a_docstring_or_equation_breaks_the_first_rule(tmp_path):
    said = {}
    for text in ("x = 1\n", '"""Says nothing."""\n'):
        model = reading.ModelFile.parse(tmp_path / "x.py", text)
        said[text] = [problem.text for problem in reading.broken(model, "equations")]
    assert [texts[0].split(":")[0] for texts in said.values()] == [
        "a model file starts with a docstring that holds its equations",
        "no equation is numbered",
    ]


def test_numbers_may_have_letters_and_gaps(tmp_path):
    text = '"""T.\n\n    a  (1)\n    b  (2a)\n    c  (2b)\n    d  (10)\n"""\n'
    model = reading.ModelFile.parse(tmp_path / "x.py", text)
    assert [tag.number for tag in model.equations] == ["1", "2a", "2b", "10"]
    assert list(reading.broken(model, "equations")) == []


@pytest.mark.parametrize(
    "comment, numbers",
    [("# (N, K)   (2)", ["2"]), ("# (1) (3b)", ["1", "3b"]), ("# as in (2).", []), ("# f(2)", []), ("#", [])],
)
def test_the_numbers_at_the_end_of_a_comment(comment, numbers):
    assert reading.comment_tags(comment) == numbers


def test_reading_needs_nothing_but_the_standard_library():
    tree = ast.parse(open(reading.__file__, encoding="utf-8").read())
    imported = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {getattr(node, "module", None) or node.names[0].name for node in imported}
    assert not {name for name in names if name.startswith(("pellucid", "numpy"))}
