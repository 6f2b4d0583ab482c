"""A test file that notices everything lets no mutant live; one that looks away is told what it missed."""

import pytest

import model_files
import mutants
import mutate

pytestmark = pytest.mark.skipif(not hasattr(mutate.os, "fork"), reason="mutate.py needs a system that can fork")


def run(toy, *options: str) -> int:
    return mutate.main([str(toy.model), "--jobs", "2", *options])


def test_every_mutant_dies_in_tests_that_look(toy, capfd):
    before = toy.model.read_bytes()
    files = sorted(toy.root.rglob("*"))
    assert run(toy) == 0
    said = capfd.readouterr().out
    n = len(mutants.mutants(model_files.read(toy.model)))
    assert f"{n} mutants: {n} died, 0 excused, 0 survived" in said
    assert toy.model.read_bytes() == before and sorted(toy.root.rglob("*")) == files


def test_a_survivor_is_told_with_its_line_its_equation_and_its_text(toy, capfd):
    toy.change("loss = lambda", "return\n    loss = lambda", toy.tests)
    assert run(toy, "--max", "4") == 1
    said = capfd.readouterr().out
    assert "packages/toy/src/pellucid_toy/line.py:28: survived: sign" in said
    assert "equation (1)  s = Σₙ wₙ xₙ yₙ" in said
    assert "mutant        s = (-np.sum(weights * x * y))" in said
    assert "4 mutants: 0 died, 0 excused, 4 survived" in said


def test_an_excused_survivor_is_printed_and_an_excuse_for_nothing_is_an_error(toy, capfd):
    toy.change("x**2,", "x**2 * 1.0**1,")
    toy.change("    return s", "    # mutate: drop, operator, number, sign equivalent because 1 is 1\n    return s")
    toy.change("    s = np", "    # mutate: sign equivalent because nothing\n    s = np")
    assert run(toy) == 1
    said = capfd.readouterr().out
    assert "excused: " in said and "because       1 is 1" in said
    assert "0 survived" in said
    assert "the allow comment '... because nothing' excuses no survivor" in said


def test_a_mutant_that_hangs_is_stopped_and_one_that_crashes_counts_as_dead(toy):
    toy.write(
        toy.model,
        '''
        """Count.

            n  (1)
        """
        def count(n):
            i = 0
            while i != n:
                i += 1  # (1)
            return i
        ''',
    )
    toy.write(toy.tests, "from pellucid_toy.line import count\n\ndef test_eq_1_it():\n    assert count(3) == 3\n")
    model = model_files.read(toy.model)
    chosen = [m for m in mutants.mutants(model) if m.after in ("i -= 1", "i += (2)", "pass")]
    outcome = mutate.mutate(model, chosen, jobs=3, least_seconds=0.5)
    assert outcome.error == "" and outcome.fates == [mutate.TIMEOUT] * 3
    crash = mutants.Mutant(8, "1", "sign", "", "", model.source.replace("i += 1", "__import__('os').abort()"))
    assert mutate.mutate(model, [crash], jobs=1).fates == ["signal 6"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("assert", "assert not", "fails without any mutant"),
        ("from pellucid_toy.line import slope", "slope = lambda x, y, w: np.sum(w*x*y)/np.sum(w*x*x)", "never imports"),
        ("def test_eq", "def no_test_eq", "has no test that runs"),
    ],
)
def test_tests_that_cannot_judge_are_an_error_not_a_pass(toy, capfd, old, new, message):
    toy.change(old, new, toy.tests)
    assert run(toy, "--max", "2") == 2
    assert message in capfd.readouterr().err


def test_the_command_line_lists_and_refuses(toy, capfd):
    assert run(toy, "--list") == 0
    assert ": mutant: " in capfd.readouterr().out
    assert mutate.main(["no-such-package"]) == 2
    assert "neither a file nor a package" in capfd.readouterr().err
    assert run(toy, "--file", "other") == 2
    assert "no tagged line" in capfd.readouterr().err


def test_at_most_n_are_spread_over_the_file():
    assert mutate.spread(list(range(10)), 3) == [0, 3, 6]
    assert mutate.spread([1, 2], None) == [1, 2]


RULES = """
import numpy as np
from pellucid_toy.table import constant, rule

rule(np.square, lambda dy, x: dy * (2 * x))
constant(np.sign, np.floor)
"""

RULE_TESTS = """
import numpy as np
import pytest
import pellucid_toy.rules
from pellucid_toy.table import constants, rules


@pytest.mark.parametrize("name", ["absent", "square"])
def test_rule(name):
    if name == "square":
        assert rules[np.square](3.0, 5.0) == 30.0


def test_constants():
    assert constants == {np.sign, np.floor}
"""


def test_the_rules_of_a_broken_file_are_the_ones_that_the_tests_see(toy, capfd):
    table = "rules, constants, constant = {}, set(), lambda *f: constants.update(f)\nrule = rules.__setitem__\n"
    toy.write(toy.source / "table.py", table)
    (toy.source / "rules").mkdir()
    toy.write(toy.source / "rules" / "__init__.py", "from pellucid_toy.rules import powers\n")
    toy.model = toy.source / "rules" / "powers.py"
    toy.write(toy.model, RULES)
    tests = toy.tests.with_name("test_rules_powers.py")
    toy.write(tests, RULE_TESTS)
    assert run(toy) == 0
    assert "0 survived" in capfd.readouterr().out
    toy.change("{np.sign, np.floor}", "constants", tests)
    assert run(toy) == 1
    said = capfd.readouterr().out
    assert "mutant        constant(*(), np.floor)" in said and "3 survived" in said
    assert model_files.rule_files(toy.package) == [toy.model]
