"""What each kind of mutant does to a line, and which lines are broken at all."""

import ast
from pathlib import Path

import pytest

import model_files
import mutants


def model(tmp_path: Path, code: str) -> model_files.ModelFile:
    path = tmp_path / "line.py"
    path.write_text(f'"""T.\n\n    a  (1)\n    b  (2)\n"""\n{code}\n', encoding="utf-8")
    return model_files.read(path)


def broken(tmp_path: Path, line: str, kind: str) -> list[str]:
    """The mutants of one kind of a tagged line, without redundant parentheses."""
    found = [m for m in mutants.mutants(model(tmp_path, f"{line}  # (1)")) if m.kind == kind]
    return [ast.unparse(ast.parse(m.after.strip())) for m in found]


# fmt: off
@pytest.mark.parametrize(("kind", "line", "expected"), [
    ("operator", "y = a + b * c", ["y = a - b * c", "y = a + b / c"]),
    ("operator", "y = a @ b", ["y = a * b"]),
    ("operator", "y += a", ["y -= a"]),
    ("drop", "y = a + b", ["y = a", "y = b"]),
    ("drop", "y = a - b / c", ["y = a", "y = -(b / c)", "y = a - b"]),
    ("drop", "y *= a", ["y = a", "pass"]),
    ("drop", "np.add.at(y, i, a)", ["pass"]),
    ("sign", "y = a", ["y = -a"]),
    ("sign", "y = -a * b", ["y = -(-a * b)", "y = a * b"]),
    ("sign", "y = (a, b)", ["y = (-a, b)", "y = (a, -b)"]),
    ("sign", "y = Params(a, b=c)", ["y = Params(-a, b=c)", "y = Params(a, b=-c)"]),
    ("sign", "f = lambda x: x", ["f = lambda x: -x"]),
    ("sign", "y = a < b", []),
    ("factor", "y = a", ["y = 2 * a"]),
    ("number", "y = 2 + 0.5 + x[1]", ["y = 3 + 0.5 + x[1]", "y = 2 + 1.0 + x[1]"]),
    ("number", "y = f(a, -1, True)", ["y = f(a, -2, True)", "y = f(a, -1, False)"]),
    ("axis", "y = a.cumsum(axis=-1)", ["y = a.cumsum()", "y = a.cumsum(axis=0)"]),
    ("axis", "y = a.cumsum(axis=0)", ["y = a.cumsum()", "y = a.cumsum(axis=1)"]),
    ("index", "y = a[0]", ["y = a[1]", "y = a[-1]"]),
    ("index", "y = a[1:n]", ["y = a[:n]", "y = a[2:n]", "y = a[1:]"]),
    ("index", "y = a[:, None]", ["y = a[None, :]"]),
    ("index", "y = a[i, j]", ["y = a[j, i]"]),
    ("comparison", "y = a < b", ["y = a >= b"]),
    ("comparison", "y = a and not b", ["y = a or not b", "y = a and b"]),
    ("boundary", "y = a < b", ["y = a <= b"]),
    ("transpose", "y = a.T @ b.mT", ["y = a @ b.mT", "y = a.T @ b"]),
    ("arguments", "y = np.where(a, b, c)", ["y = np.where(b, a, c)", "y = np.where(a, c, b)"]),
    ("arguments", "y = np.maximum(a, b)", []),
    ("arguments", "y = a @ b", ["y = b @ a"]),
    ("function", "y = np.exp(a)", ["y = a", "y = np.expm1(a)"]),
    ("function", "y = f(a).max()", ["y = f(a)", "y = f(a).min()"]),
    ("branch", "y = a if c else b", ["y = a", "y = b"]),
    ("einsum", "y = np.einsum('ij,jk->ik', a, b)",
        ["y = np.einsum('ij,jk->ki', a, b)", "y = np.einsum('jk,ij->ik', a, b)"]),
])
# fmt: on
def test_each_kind_breaks_its_part_of_the_line(tmp_path, kind, line, expected):
    assert sorted(broken(tmp_path, line, kind)) == sorted(expected)


def test_no_mutant_equals_the_file_or_another(tmp_path):
    found = mutants.mutants(model(tmp_path, "y = 1 * a + 1 * a  # (1)"))
    texts = [ast.dump(ast.parse(m.source)) for m in found]
    assert len(set(texts)) == len(texts) and ast.dump(model(tmp_path, "y = 1 * a + 1 * a  # (1)").tree) not in texts


def test_only_tagged_statements_are_broken_and_all_of_their_lines(tmp_path):
    code = "x = a + b\ny = f(\n    a + b,\n    c,\n)  # (N,)   (2)\nz = a + b"
    found = mutants.mutants(model(tmp_path, code))
    assert {m.number for m in found} == {"2"}
    assert any("a - b" in m.after for m in found)
    for mutant in found:
        assert mutant.source.count("\n") == code.count("\n") + 6
        assert mutant.source.split("\n")[5] == "x = a + b" and "z = a + b" in mutant.source


def test_letters_outside_ascii_before_the_line_and_in_it(tmp_path):
    found = mutants.mutants(model(tmp_path, "é = {'Σμ': ü + (ε + b)}  # (1)"))
    assert any(m.source.split("\n")[5] == "é = {'Σμ': ü + ((ε - b))}  # (1)" for m in found)


def test_a_tag_on_a_header_breaks_the_header_and_on_a_def_the_whole_function(tmp_path):
    header = mutants.mutants(model(tmp_path, "if a < b:  # (1)\n    y = c + d"))
    assert {m.kind for m in header} == {"comparison", "boundary"}
    function = mutants.mutants(model(tmp_path, "def f(a):  # (1)\n    if a < b:\n        a = a + 1\n    return a * 2"))
    assert {"comparison", "operator", "number", "factor"} <= {m.kind for m in function}
    assert {m.line for m in function} == {7, 8, 9}


def test_a_mutant_belongs_to_the_tag_at_or_below_its_line(tmp_path):
    code = "table = (\n    lambda a: a + 1,  # (1)\n    lambda a: a - 2,  # (2)\n)"
    found = mutants.mutants(model(tmp_path, code))
    assert {m.number for m in found if m.line == 7} == {"1"}
    assert {m.number for m in found if m.line == 8} == {"2"}


@pytest.mark.parametrize(
    "code",
    [
        "# mutate: boundary, sign equivalent because of this\ny = a < -b  # (1)",
        "y = a < -b  # mutate: boundary, sign equivalent because of this  (1)",
        "y = (\n    a  # mutate: boundary, sign equivalent because of this\n    < -b\n)  # (1)",
    ],
)
def test_an_allow_comment_excuses_the_kinds_that_it_names(tmp_path, code):
    found = mutants.mutants(model(tmp_path, code))
    assert {m.kind for m in found if m.allowed} == {"boundary", "sign"}
    assert {m.kind for m in found if not m.allowed} == {"comparison"}
    assert all(m.reason.startswith("of this") for m in found if m.allowed)


def test_an_allow_comment_without_a_kind_excuses_all_and_of_two_lines_only_one(tmp_path):
    code = "# mutate: equivalent because of this\ny = a < b  # (1)\nz = a < b  # (2)"
    found = mutants.mutants(model(tmp_path, code))
    assert {(m.number, m.allowed) for m in found} == {("1", True), ("2", False)}


def test_an_allow_comment_that_cannot_be_read_or_belongs_to_nothing_is_told(tmp_path):
    with pytest.raises(ValueError, match="line 6: cannot read '# mutate: please not'"):
        mutants.mutants(model(tmp_path, "# mutate: please not\ny = a  # (1)"))
    with pytest.raises(ValueError, match="with kinds from"):
        mutants.mutants(model(tmp_path, "# mutate: colour equivalent because blue\ny = a  # (1)"))
    (stray,) = mutants.unused_allowances(model(tmp_path, "# mutate: equivalent because blue\ny = a\nz = a  # (1)"))
    assert stray.line == 6


# Rule files: every statement counts

RULES = '''
"""Derivatives."""
import numpy as np
from pellucid.tape import constant, rule, written_as

TABLE = {np.add: np.sum, np.maximum: np.max}
__all__ = ["rule", "TABLE"]

def slope(dy, y, x, k=1, out=0, *, m=-1):
    """Text."""
    if k:
        dy = 3 * dy  # mutate: factor equivalent because of this
    return dy * m

rule(np.exp, lambda dy, y, x, base=2, unused=5: dy * y * base)
rule(np.square, slope)

@written_as(np.negative)
def negative(x):
    return np.reshape(0 - x, (-1, 2))

constant(np.sign, np.floor)
'''


def rule_file(folder, code=RULES):
    path = folder / "rules" / "topic.py"
    path.parent.mkdir()
    path.write_text(code, encoding="utf-8")
    return model_files.read(path)


def test_every_statement_of_a_rule_file_is_broken(tmp_path):
    rules = rule_file(tmp_path)
    assert rules.is_rules and rules.test_file.name == "test_rules_topic.py"
    found = [(m.line, m.kind, m.after) for m in mutants.mutants(rules)]
    for line, kind, part in [
        (6, "drop", "(object()): np.sum"),
        (6, "drop", "(object()): np.max"),
        (9, "number", "k=(2)"),
        (9, "number", "m=(-2)"),
        (11, "comparison", "not k"),
        (12, "number", "dy = (4) * dy"),
        (13, "drop", "return (dy)"),
        (15, "drop", "pass"),
        (15, "number", "base=(3)"),
        (15, "drop", "dy * y)"),
        (16, "drop", "pass"),
        (20, "operator", "0 + x"),
        (22, "drop", "constant(*(), np.floor)"),
        (22, "drop", "constant(np.sign, *())"),
    ]:
        assert any(f[:2] == (line, kind) and part in f[2] for f in found), (line, kind, part)
    assert not [f for f in found if f[0] == 7 or "out=" in f[2].replace("out=0", "") or "unused=(" in f[2]]
    assert not [f for f in found if "-2, 2)" in f[2]]  # NumPy takes -2 for -1


def test_a_mutant_of_a_rule_file_knows_whose_derivative_it_breaks(tmp_path):
    of = {m.line: m.functions for m in mutants.mutants(rule_file(tmp_path))}
    assert of[13] == of[16] == ("square",) and of[15] == ("exp",) and of[20] == ("negative",)


def test_an_allow_comment_in_a_rule_file_holds_for_its_statement(tmp_path):
    rules = rule_file(tmp_path)
    assert {(m.line, m.kind) for m in mutants.mutants(rules) if m.allowed} == {(12, "factor")}
    assert mutants.unused_allowances(rules) == []


def test_truth_and_zeros_have_no_sign_and_strict_is_left_alone(tmp_path):
    assert mutants.mutants(model(tmp_path, "y = np.isnan(a)  # (1)")) == []
    assert {m.kind for m in mutants.mutants(model(tmp_path, "y = np.zeros(a)  # (1)"))} == {"function"}
    kinds = {m.kind for m in mutants.mutants(model(tmp_path, "y = zip(a, b, strict=True)  # (1)"))}
    assert kinds == {"sign", "factor", "arguments"}
    assert not [m for m in mutants.mutants(model(tmp_path, "y = np.swapaxes(a, 0, 1)  # (1)")) if "1, 0" in m.after]
