from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from pellucid import Tensor
from pellucid.nesting import LEAF, flatten, matching, paths, unflatten

Point = namedtuple("Point", "x y")


class Pair(tuple):
    """A tuple of another class, made as tuples are."""


def test_flatten_and_unflatten_are_inverse():
    a, t = np.ones(2), Tensor(1.0)
    nested = {"b": [a, None, (t, "text")], "a": Point(1.0, {}), 3: Pair([2.0])}
    leaves = []
    form = flatten(nested, leaves)
    assert [id(x) for x in leaves] == [id(x) for x in (a, t, "text", 1.0, 2.0)]
    assert form == {"b": [LEAF, None, (LEAF, LEAF)], "a": Point(LEAF, {}), 3: Pair([LEAF])}
    again = unflatten(form, iter(leaves))
    assert again["b"][0] is a
    assert again["b"][1] is None
    assert isinstance(again["a"], Point)
    assert isinstance(again[3], Pair)
    assert list(again) == ["b", "a", 3]


def test_a_leaf_may_be_the_word_that_stands_for_one():
    leaves = []
    form = flatten(["leaf", 1.0], leaves)
    assert unflatten(form, iter(leaves)) == ["leaf", 1.0]


def test_paths_are_written_as_in_python():
    form = flatten({"W": [1.0, Point(2.0, (3.0,))], 4: None}, [])
    assert list(paths(form)) == ["['W'][0]", "['W'][1].x", "['W'][1].y[0]"]
    assert list(paths(flatten(1.0, []))) == [""]


def test_matching_goes_by_the_names_in_a_dict():
    leaves = []
    form = flatten(OrderedDict(b=1.0, a=[2.0, None]), leaves)
    assert matching("v", {"a": (20.0, None), "b": 10.0}, "x", form, leaves) == [10.0, 20.0]
    assert matching("v", {"a": None, "b": 10.0}, "x", form, leaves, constants=True) == [10.0, None]
    with pytest.raises(ValueError, match=r"v\['a'\] must be nested as x is: \['leaf', None\], not None"):
        matching("v", {"a": None, "b": 10.0}, "x", form, leaves)
    with pytest.raises(ValueError, match=r"v\['a'\]\[1\] must be nested as x is: None, not leaf"):
        matching("v", {"a": [1.0, 2.0], "b": 10.0}, "x", form, leaves)
    with pytest.raises(ValueError, match=r"v\['b'\] must have the shape of x there: \(\), not \(1,\)"):
        matching("v", {"a": [1.0, None], "b": [10.0]}, "x", form, leaves)
