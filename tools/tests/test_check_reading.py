"""Each rule is broken once in a file that is otherwise in order; the kit's own tests break them in every way."""

import re

import pytest

import check_reading
from pellucid.testing import reading


def said(toy):
    return [str(problem) for problem in check_reading.problems(toy.model)]


def test_a_file_in_order_has_no_problem(toy, capsys):
    assert said(toy) == []
    assert check_reading.main([str(toy.model)]) == 0
    assert "1 model file(s), 2 equation(s)" in capsys.readouterr().out


S_LINE = "    s = np.sum(weights * x * y)  # ()                                      (1)\n"
SECOND = " " * 54 + "(2)\n"

BROKEN = {  # rule -> (text in the file, what is put in its place, the start of what must be said)
    "equations": (SECOND, "    (1)\n", "equations: (1) already numbers the equation on line 3"),
    "tags": (S_LINE, "    s = 0\n", "tags: no line of code is equation (1)"),
    "symbols": ("yₙ      y  ", "yₙ      y_n", "symbols: 'y_n' is in the table"),
    "sections": ("Cost: O(N)", "Time: O(N)", "sections: the docstring has no Cost"),
    "text": ("The best slope:", "The best \\beta slope:", "text: control character '\\x08'"),
}


@pytest.mark.parametrize("rule", reading.RULES)
def test_every_rule_of_the_kit_is_checked_and_said_with_its_line(toy, capsys, rule):
    old, new, message = BROKEN[rule]
    toy.change(old, new)
    assert check_reading.main([str(toy.model)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(f": {message}" in line for line in lines), lines
    assert all(re.match(r".*line\.py:\d+: \w+: ", line) for line in lines)


def test_an_equation_without_a_test_and_a_test_without_an_equation(toy):
    toy.change("test_eq_1_2_slope", "test_eq_1_3_slope", toy.tests)
    first, second = sorted(said(toy))
    assert "equation (2) has no test: name one test_eq_2_..." in first
    assert "test_eq_1_3_slope_cannot_be_improved names equation (3)" in second


def test_a_missing_test_file_is_named(toy):
    toy.tests.unlink()
    (problem,) = said(toy)
    assert "tests/test_line.py, which does not exist" in problem


def test_python_that_does_not_parse_and_a_file_that_is_not_there(toy):
    toy.model.write_text("def (")
    assert "text: this is not Python" in said(toy)[0]
    toy.model.unlink()
    assert check_reading.main([str(toy.model)]) == 1


def test_a_file_without_any_equation_is_a_problem_when_it_is_named(toy):
    toy.model.write_text('"""Says nothing."""\n')
    assert any("no equation is numbered" in problem for problem in said(toy))


def test_finding_no_file_is_not_success(monkeypatch, capsys):
    monkeypatch.setattr(check_reading.model_files, "packages", lambda: [])
    assert check_reading.main([]) == 2
    assert "nothing was checked" in capsys.readouterr().err


def test_a_registered_file_must_be_a_model_file(toy, monkeypatch):
    plain = toy.source / "plain.py"
    plain.write_text("class Plain: ...\n")
    (toy.source / "_plugin.py").write_text(
        "SPEC = ModelSpec(id='toy/plain', target='pellucid_toy.plain:Plain')\n"
        "DATA = DatasetSpec(id='x', target='pellucid_toy.data:x')\n"
    )
    files = check_reading.model_files.model_files(toy.package)
    assert [path.name for path in files] == ["line.py", "plain.py"]
    monkeypatch.setattr(check_reading.model_files, "packages", lambda: [toy.package])
    assert check_reading.main([]) == 1


def test_targets_that_are_put_together_are_found_by_their_look(toy):
    (toy.source / "_plugin.py").write_text(
        "SPECS = [ModelSpec(id=i, target=t) for i, t in [('toy/line', 'pellucid_toy.line:Line')]]\n"
        "DATA = DatasetSpec(id='x', target='pellucid_toy.data:x')\n"
    )
    assert list(check_reading.model_files.registered(toy.package).values()) == ["pellucid_toy.line:Line"]
