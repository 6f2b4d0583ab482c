"""What counts as a number, a count and a flag, by lists of examples."""

from fractions import Fraction

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn.settings import at_least_zero, counts, flags, number


@pytest.mark.parametrize("value", [2, 2.0, Fraction(4, 2), np.int8(2), np.float32(2), np.float64(2)])
def test_numbers_become_floats(value):
    assert number("x", value) == 2 and type(number("x", value)) is float
    at_least_zero({"x": value}, "x")
    counts({"x": value}, "x")


@pytest.mark.parametrize("value", [True, np.True_, "2", None, 2j, [2], np.array(2.0), Tensor(2.0)])
def test_what_is_no_number(value):
    for check in (at_least_zero, counts, lambda settings, name: number(name, settings[name])):
        with pytest.raises(TypeError, match="x must be a number; it is .*: pass a float"):
            check({"y": 1, "x": value}, "x")


def test_bounds():
    at_least_zero({"x": 0}, "x")
    counts({"x": 0}, "x", least=0)
    for value in (-1e-9, np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=f"x must be a finite number of 0 or more; it is {value}"):
            at_least_zero({"y": 1, "x": value}, "y", "x")
    for value in (0, 1.5, np.nan, np.inf, -1):
        with pytest.raises(ValueError, match=f"x must be a whole number of at least 1; it is {value}"):
            counts({"y": 1, "x": value}, "y", "x")


def test_flags():
    flags({"x": True, "y": np.False_}, "x", "y")
    for value in (1, 0.0, "no", None):
        with pytest.raises(TypeError, match=f"x must be True or False; it is {value!r}"):
            flags({"y": True, "x": value}, "y", "x")
