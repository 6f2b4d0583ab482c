"""What an arrow says is compared with what a call does."""

import numpy as np
import pytest

import shape_arrows
from shape_arrows import ArrowError, ShapeError, checked, parse


@pytest.fixture(autouse=True)
def own_tally(monkeypatch):
    """What is called here does not count in the line at the end of the run."""
    monkeypatch.setattr(shape_arrows, "tally", shape_arrows.Tally())


def make(arrow, result=None, parameters="x, y=None, *rest, key=None"):
    """A function with this arrow that returns `result`, or its first argument."""
    space = {"result": result}
    exec(f"def f({parameters}):\n    return result if result is not None else x", space)
    space["f"].__doc__ = f"Does something: {arrow}."
    space["f"].__module__ = "toy"
    return checked(space["f"])


def test_parse_reads_every_kind_of_entry():
    arrow = parse("Title: (N, D), (2, 4H), (..., D), (N, _), (), _ -> (K,), _.\n\nMore.")
    assert arrow.inputs == ((("N", "D"),), (("2", "4H"),), (("...", "D"),), (("N", "_"),), ((),), None)
    assert arrow.outputs == ((("K",),), None)
    assert parse("Title: (N,) or (N, N') -> _").inputs == ((("N",), ("N", "Nʹ")),)


@pytest.mark.parametrize(
    "line", ["", "No arrow.", "vjp(f, *xs) -> (y, pullback): a pair", "from x -> y", "dict[int] -> int"]
)
def test_prose_is_no_arrow(line):
    assert parse(line) is None


@pytest.mark.parametrize(
    "line", ["Title: (N,) -> (N,) and more", "(N) , (D,) -> (N,)", "(N!) -> (N,)", "(N**2,) -> ()", "(..., ...) -> ()"]
)
def test_an_arrow_that_cannot_be_read_is_an_error(line):
    with pytest.raises(ArrowError):
        parse(line)


@pytest.mark.parametrize(
    ("arrow", "arguments"),
    [
        ("(N, D), (D,) -> (N, D)", [np.ones((3, 2)), np.ones(2)]),
        ("(..., D) -> (..., D)", [np.ones((4, 3, 2))]),
        ("(..., D) -> (D,)", [np.ones(2)]),
        ("(N, 2K), (K,) -> _", [np.ones((3, 8)), np.ones(4)]),
        ("(K+1, T//2), (K, T) -> _", [np.ones((3, 2)), np.ones((2, 5))]),
        ("(N, _), (N, 1) -> (N, _)", [np.ones((3, 7)), np.ones((3, 1))]),
        ("(), () -> ()", [1.5, np.float64(2)]),
        ("(N,), (N,) -> (N,)", [[1, 2], None]),
        ("(N,), (N,) or (N, T) -> _", [np.ones(3), np.ones((3, 2))]),
        ("(N,), (N,) or (N, T) -> _", [np.ones(3), np.ones(3)]),
        ("(N,), (N,) or (T, N) or (N, T) -> _", [np.ones(3), np.ones((3, 2))]),
        ("(N,), (N',) -> (N,)", [np.ones(3), np.ones(2)]),
        ("(M+1,) -> _", [np.ones(3)]),  # nothing binds M: not compared
    ],
)
def test_what_agrees_passes(arrow, arguments):
    result = arguments[0] if not isinstance(arguments[0], list) else np.ones(2)
    make(arrow, result)(*arguments)


@pytest.mark.parametrize(
    ("arrow", "arguments", "message"),
    [
        (
            "(N, D), (D,) -> _",
            [np.ones((3, 2)), np.ones(3)],
            r"f\(y\) has shape \(3,\), its arrow says \(D,\).*N=3, D=2",
        ),
        ("(N, D) -> _", [np.ones(3)], r"f\(x\) has shape \(3,\), its arrow says \(N, D\)"),
        ("(N, N) -> _", [np.ones((3, 2))], "at N"),
        ("(N, 2K), (K,) -> _", [np.ones((3, 8)), np.ones(3)], "at 2K"),
        ("(N-1,), (N,) -> _", [np.ones(3), np.ones(3)], "at N-1"),
        ("(3,) -> _", [np.ones(2)], "at 3"),
        ("(2, ..., D) -> _", [np.ones(3)], r"\(2, \.\.\., D\)"),
        ("(N,) -> ()", [np.ones(3)], "the result of toy.f has shape"),
        ("(N,) -> (N,), ()", [np.ones(3)], "returned 3 results, its arrow says 2"),
        ("(N,) -> _", ["text"], "no shape"),
        ("(N,) or (N, N) -> _", [np.ones((3, 2))], r"its arrow says \(N,\) or \(N, N\) \(at N\) with N=3"),
        ("(N, D) -> _", [[[1, 2], [3]]], "no shape"),
    ],
)
def test_what_disagrees_says_the_shape_and_the_arrow(arrow, arguments, message):
    with pytest.raises(ShapeError, match=message):
        make(arrow)(*arguments)


def test_none_is_no_result():
    with pytest.raises(ShapeError, match="NoneType"):
        checked_none = make("(N,) -> (N,)", parameters="x, y=None")
        checked_none(None)


def test_keywords_defaults_and_further_arguments_are_matched_by_parameter():
    f = make("(N,), (N,), (N,), () -> (N,)")
    f(np.ones(2), np.ones(2), np.ones(2), np.ones(2), key=3.0)
    f(y=np.ones(2), x=np.ones(2))
    with pytest.raises(ShapeError, match="rest"):
        f(np.ones(2), np.ones(2), np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match="missing"):
        f()


def test_more_entries_than_parameters_is_an_error():
    with pytest.raises(ArrowError, match=r"toy\.f: the arrow has 3 inputs, the function 1 parameters"):
        make("(N,), (N,), (N,) -> _", parameters="x")


def test_a_primitive_is_held_to_its_value():
    def f(x):
        """Double: (N,) -> (N,)."""
        return 2 * x, (lambda dy: 2 * dy,)

    shape_arrows.checked_primitive(f)(np.ones(3))
    with pytest.raises(ShapeError):
        checked(f)(np.ones(3))


MODULE = '''
"""Arrows in every place."""
from __future__ import annotations
import functools


def primitive(f):
    return functools.wraps(f)(lambda *a: f(*a)[0])


def outer(x):
    """Give: (N,) -> (N,)."""
    def inner(dy):
        """Give back: (N,) -> (1,)."""
        return dy
    return inner(x)


class Model:
    def method(self, x):
        """Method: (N, D) -> (N,)."""
        return x

    @staticmethod
    def static(x):
        """Static: (N,) -> ()."""
        return x


@primitive
def double(x):
    """Double: (N,) -> (N, 1)."""
    return 2 * x, None
'''

MODULE_TESTS = """
import inspect
import numpy as np
import pytest
from pellucid_toy import places
from pellucid_toy.places import Model, double, outer

@pytest.mark.parametrize("call", [lambda: outer(np.ones(3)), lambda: Model().method(np.ones((3, 2))),
                                  lambda: Model.static(np.ones(2)), lambda: double(np.ones(2))])
def test_it(call):
    with pytest.raises(AssertionError, match="its arrow says"):
        call()

def test_the_module_looks_as_before():
    assert places.__doc__ == "Arrows in every place."
    assert "return inner(x)" in inspect.getsource(outer)
    assert list(inspect.signature(outer).parameters) == ["x"]
"""


def test_the_plugin_reaches_functions_methods_inner_functions_and_primitives(toy):
    toy.write(toy.source / "places.py", MODULE)
    toy.write(toy.tests, MODULE_TESTS)
    with_it = toy.pytest("-q", "-p", "shape_arrows")
    assert with_it.returncode == 0, with_it.stdout
    assert "shape arrows:" in with_it.stdout
    without = toy.pytest("-q")
    assert "4 failed, 1 passed" in without.stdout, without.stdout


def test_the_plugin_says_how_much_it_saw(toy):
    done = toy.pytest("-q", "-p", "shape_arrows")
    assert "shape arrows: 1 of 1 functions called, 1 calls checked" in done.stdout, done.stdout


def test_an_unreadable_arrow_stops_the_import_and_names_the_function(toy):
    toy.change("(N,), (N,), (N,) -> ().", "(N,), (N,), (N,), (N,) -> ().")
    done = toy.pytest("-q", "-p", "shape_arrows")
    assert done.returncode != 0 and "pellucid_toy.line.slope: the arrow has 4 inputs" in done.stdout, done.stdout
