"""What goes in at the door, and what is turned away with which words."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.validation import (
    check_array,
    check_class_weight,
    check_feature_names,
    check_labels,
    check_rng,
    check_rows,
    check_sample_weight,
    check_target,
    feature_names,
    is_number,
    is_whole,
)


class Frame:
    """The least a data frame offers: column names, and an array when asked."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self._values = list(columns.values())

    def __array__(self, dtype=None, copy=None):
        columns = [np.asarray(values) for values in self._values]
        numeric = all(column.dtype.kind in "biuf" for column in columns)
        return np.stack([column if numeric else column.astype(object) for column in columns], axis=1)


# data that are let in


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_proper_array_is_returned_as_it_is(dtype, order):
    X = np.ones((3, 2), dtype=dtype, order=order)
    assert check_array(X) is X


def test_a_read_only_view_is_not_copied():
    X = np.arange(12.0).reshape(4, 3)[::2]
    X.flags.writeable = False
    assert np.shares_memory(check_array(X), X)


def test_a_memory_map_is_not_read_into_memory(tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float64, shape=(5, 2))
    assert np.shares_memory(check_array(X), X)


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3, 4]],
        ((True, False), (False, True)),
        np.ones((2, 2), dtype=np.uint8),
        np.ones((2, 2), dtype=np.float16),
        np.ones((2, 2), dtype=np.longdouble),
        np.ones((2, 2), dtype=">f8"),
        np.array([[1, 2.5], [True, np.int8(3)]], dtype=object),
        Frame(a=[1, 2], b=[0.5, 1.5]),
        Frame(a=[1, 2], b=[True, False]),
    ],
)
def test_every_other_real_type_becomes_float64(X):
    A = check_array(X)
    assert A.dtype == np.float64 and A.dtype.isnative and A.shape == (2, 2)
    np.testing.assert_array_equal(A, np.asarray(X).astype(float))


@given(
    arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=st.floats(allow_nan=False, allow_infinity=False))
)
def test_any_finite_numbers_are_let_in_however_large(X):
    assert check_array(X) is X


@given(
    arrays(np.float64, (3, 4), elements=st.floats(0, 1)), st.integers(0, 11), st.sampled_from([np.nan, np.inf, -np.inf])
)
def test_one_bad_number_anywhere_is_found_and_its_place_told(X, n, bad):
    X.flat[n] = bad
    with pytest.raises(ValueError, match=f"once in row {n // 4}, column {n % 4}") as caught:
        check_array(X)
    assert ("NaN" if np.isnan(bad) else "infinity") in str(caught.value)


def test_nan_may_be_allowed_infinity_never():
    X = np.array([[np.nan, 1.0]])
    assert check_array(X, allow_nan=True) is X
    with pytest.raises(ValueError, match="infinity"):
        check_array(np.array([[np.nan, np.inf]]), allow_nan=True)


def test_missing_values_in_objects_become_nan():
    X = np.array([[1, None], [2.5, type("NAType", (), {})()]], dtype=object)
    np.testing.assert_array_equal(check_array(X, allow_nan=True), [[1, np.nan], [2.5, np.nan]])
    with pytest.raises(ValueError, match="NaN.*\n.*2 times, first in row 0, column 1"):
        check_array(X)


# data that are turned away


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (3.0, ValueError, r"scalar array instead \(3.0\)"),
        ([1.0, 2.0], ValueError, r"1D array instead \(shape=\(2,\)\)(.|\n)*Reshape your data"),
        (np.ones((2, 2, 2)), ValueError, r"dim 3, while dim <= 2 is required by Toy. Its shape is \(2, 2, 2\)"),
        (np.empty((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required by Toy"),
        (np.empty((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required by Toy"),
        ([[1, 2], [3]], ValueError, "row 0 has 2 values, row 1 has 1 values"),
        ([[1, 2], 3], ValueError, "row 0 has 2 values, row 1 has a single value"),
        ([[[1], [2, 3]], [[1], [2]]], ValueError, "not single numbers"),
        (np.ones((2, 2)) * 1j, ValueError, "Complex data not supported"),
        (np.array([[1j, 1]], dtype=object), ValueError, "Complex data not supported"),
        ([["a", "b"]], ValueError, "got text .* Encode categories"),
        ([[b"a"]], ValueError, "got text"),
        (np.array([["1", 2]], dtype=object), ValueError, "got the text '1' in row 0, column 0"),
        (Frame(age=[1, 2], city=["Graz", "Linz"]), ValueError, "got the text 'Graz' in row 0, column 'city'"),
        (np.zeros((2, 2), "M8[D]"), ValueError, "got dates .*timedelta64"),
        (np.zeros((2, 2), "m8[s]"), ValueError, "got time spans .*timedelta64"),
        (np.array([[np.datetime64("2020-01-01", "D").item()]], dtype=object), ValueError, "got the date .* in row 0"),
        (np.zeros((2, 1), "f8,i4"), ValueError, "got records .*structured_to_unstructured"),
        (
            np.array([[{"a": 1}, 2]], dtype=object),
            TypeError,
            "got dict in row 0, column 0 .*argument must be .* string",
        ),
        (np.ma.masked_less([[1.0, -1.0]], 0), ValueError, "masked entries. Fill them first"),
        ({"a": [1]}, TypeError, "got dict"),
        ({1, 2}, TypeError, "got set"),
        ((row for row in [[1]]), TypeError, "got generator"),
        (None, TypeError, "got NoneType"),
        ("text", ValueError, "got text"),
        (type("Sparse", (), {"toarray": None})(), TypeError, "Sparse data .*toarray"),
        (type("Lazy", (), {"collect": None})(), TypeError, "got Lazy. Call .collect"),
        (
            np.array([[np.longdouble("1e400")]]) if np.finfo(np.longdouble).max > 1e308 else [[np.inf]],
            ValueError,
            "infin",
        ),
    ],
)
def test_what_is_no_table_of_numbers_is_turned_away(X, error, words):
    with pytest.raises(error, match=words), warnings.catch_warnings():
        warnings.simplefilter("error")
        check_array(X, name="Toy")


def test_the_column_of_a_bad_number_is_named():
    with pytest.raises(
        ValueError, match="NaN.*\nToy does not accept it; it stands 2 times, first in row 1, column 'b'"
    ):
        check_array(Frame(a=[1.0, 2.0, 3.0], b=[1.0, np.nan, np.nan]), name="Toy")


def test_a_minimum_of_rows():
    with pytest.raises(ValueError, match="1 sample.* while a minimum of 2"):
        check_array([[1.0]], min_rows=2)


# column names


def test_names_are_those_of_a_frame_only():
    np.testing.assert_array_equal(feature_names(Frame(a=[1], b=[2])), np.array(["a", "b"], dtype=object))
    assert feature_names(np.ones((2, 2))) is None
    assert feature_names([[1]]) is None
    frame = Frame(a=[1])
    frame.columns = [0]
    assert feature_names(frame) is None
    frame.columns = ["a", 0]
    with pytest.raises(TypeError, match=r"\['int', 'str'\] as feature name"):
        feature_names(frame)


def test_names_are_held_against_those_at_fit():
    fitted = np.array(["a", "b"], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_feature_names(fitted, Frame(a=[1], b=[2]), "Toy")
        check_feature_names(None, np.ones((1, 2)), "Toy")
    with pytest.warns(UserWarning, match="X has feature names, but Toy was fitted without feature names"):
        check_feature_names(None, Frame(a=[1], b=[2]), "Toy")
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Toy was fitted with feature names"):
        check_feature_names(fitted, np.ones((1, 2)), "Toy")
    with pytest.raises(ValueError, match="must be in the same order"):
        check_feature_names(fitted, Frame(b=[1], a=[2]), "Toy")
    with pytest.raises(
        ValueError, match="unseen at fit time:\n- c\nFeature names seen at fit time, yet now missing:\n- b"
    ):
        check_feature_names(fitted, Frame(a=[1], c=[2]), "Toy")
    many = {f"c{n}": [n] for n in range(7)}
    with pytest.raises(ValueError, match="- c4\n- ...\n"):
        check_feature_names(fitted, Frame(a=[1], b=[1], **many), "Toy")


# targets


def test_a_target_is_one_dimensional_unless_several_are_wanted():
    assert check_target([1, 2, 3]).dtype == np.float64
    assert check_target([1, 2, 3], dtype=np.float32).dtype == np.float32
    assert check_target(np.ones((3, 2)), multi_output=True).shape == (3, 2)
    assert check_target(np.ones((3, 1)), multi_output=True).shape == (3, 1)
    with pytest.warns(UserWarning, match="column-vector"):
        assert check_target(np.ones((3, 1))).shape == (3,)
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(3, 2\)"):
        check_target(np.ones((3, 2)))
    with pytest.raises(ValueError, match="y should be a 1d or 2d array"):
        check_target(np.ones((3, 2, 1)), multi_output=True)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([1.0, np.nan], "Input y contains NaN.\n.*once in row 1"),
        ([1.0, -np.inf], "Input y contains infinity"),
        (["a", "b"], "y must hold numbers, got text"),
        ([1j], "Complex data"),
        (3.0, r"got an array of shape \(\)"),
    ],
)
def test_what_is_no_target_is_turned_away(y, words):
    with pytest.raises(ValueError, match=words):
        check_target(y)


def test_a_target_beyond_float32_is_reported_and_not_made_infinite():
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        check_target([1e300], dtype=np.float32)


# labels


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        ([3, 1, 3], "i", [1, 3]),
        ([True, False, True], "b", [False, True]),
        (["b", "a", "b"], "U", ["a", "b"]),
        (np.array(["b", "a", "b"], dtype=object), "O", ["a", "b"]),
        (np.array([2, 1, 2], dtype=object), "i", [1, 2]),
        (np.array([True, False], dtype=object), "b", [False, True]),
        (np.array([np.int8(2), 1], dtype=object), "i", [1, 2]),
        ([2.0, 1.0], "f", [1.0, 2.0]),
        (np.array([2.0, 1], dtype=object), "f", [1.0, 2.0]),
        (np.array([200, 3], dtype=np.uint8), "u", [3, 200]),
        (np.array(["b", "a"], dtype=np.dtypes.StringDType()), "O", ["a", "b"]),
    ],
)
def test_labels_become_indices_and_come_back(y, kind, classes):
    found, indices = check_labels(y)
    assert found.dtype.kind == kind and found.tolist() == classes and indices.dtype == np.int64
    assert found[indices].tolist() == np.asarray(y).tolist()


@given(st.lists(st.one_of(st.text(max_size=3)), min_size=1))
def test_any_text_is_a_label(y):
    classes, indices = check_labels(np.array(y, dtype=object))
    assert classes[indices].tolist() == y and len(set(classes)) == len(classes)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed"),
        ([0.5, 1.0], r"Unknown label type: continuous.* \(the first: 0.5\).* np.digitize"),
        ([1.0, np.nan], "Input y contains NaN"),
        (np.array(["a", None], dtype=object), "Input y contains NaN.\nToy needs a label .* row 1 has None"),
        (np.array(["a", np.nan], dtype=object), "row 1 has nan"),
        (np.array(["a", 1], dtype=object), "Unknown label type: unknown.* int, str"),
        (np.array([True, 1], dtype=object), "Unknown label type: unknown.* bool, int"),
        (np.array([(1,), (2, 3)], dtype=object), "Unknown label type: unknown.* tuple"),
        ([b"a", b"b"], r"Unknown label type: .*astype\(str\)"),
        (np.zeros(2, "M8[D]"), "Unknown label type: datetime64"),
        ([[1, 2], [3, 4]], r"y should be a 1d array, got an array of shape \(2, 2\)"),
        ([1j], "Complex data"),
        (1, r"shape \(\)"),
    ],
)
def test_what_is_no_label_is_turned_away(y, words):
    with pytest.raises(ValueError, match=words):
        check_labels(y, name="Toy")


def test_rows_must_agree():
    check_rows(2, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 3\]"):
        check_rows(2, np.ones(3))


# weights


def test_sample_weights():
    assert check_sample_weight(None, 3) is None
    w = np.array([0.0, 1.0, 2.0])
    assert check_sample_weight(w, 3) is w
    assert check_sample_weight([0, 1, 2], 3, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(check_sample_weight(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(check_sample_weight([-1, 1], 2, allow_negative=True), [-1, 1])


@pytest.mark.parametrize(
    ("w", "words"),
    [
        ([1, 2], r"sample_weight.shape == \(2,\), expected \(3,\)"),
        ([[1, 2, 3]], r"1D array or scalar, got an array of shape \(1, 3\)"),
        ([1, -0.5, 2], "Negative values in data passed to `sample_weight`: row 1 has -0.5"),
        ([1, np.nan, 2], "sample_weight contains NaN.\n.*row 1"),
        ([1, np.inf, 2], "sample_weight contains infinity"),
        ([0, 0, 0], "all are zero"),
        (["a", "b", "c"], "sample_weight must hold numbers"),
    ],
)
def test_what_is_no_weight_is_turned_away(w, words):
    with pytest.raises(ValueError, match=words):
        check_sample_weight(w, 3)


def test_class_weights():
    classes, indices = check_labels(["a", "b", "a", "a"])
    np.testing.assert_array_equal(check_class_weight(None, classes, indices), [1, 1])
    np.testing.assert_allclose(check_class_weight("balanced", classes, indices), [4 / 6, 2])
    np.testing.assert_array_equal(check_class_weight({"a": 2, "b": 0.5}, classes, indices), [2, 0.5])
    np.testing.assert_array_equal(check_class_weight({"b": 3}, classes, indices), [1, 3])
    np.testing.assert_array_equal(check_class_weight({"a": 1, "b": 2, "c": 3}, classes, indices), [1, 2])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_balanced_classes_weigh_alike_and_all_rows_as_before(y, data):
    classes, indices = check_labels(y)
    w = np.array(data.draw(st.lists(st.floats(0.1, 10), min_size=len(y), max_size=len(y))))
    by_row = check_class_weight("balanced", classes, indices, w)[indices] * w
    np.testing.assert_allclose(np.bincount(indices, by_row), np.sum(w) / len(classes))


def test_a_balanced_class_without_weight_has_none():
    classes, indices = check_labels([0, 1, 1])
    np.testing.assert_array_equal(check_class_weight("balanced", classes, indices, np.array([0.0, 1.0, 1.0])), [0, 0.5])


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ({"c": 2}, r"\['a', 'b'\], are not in class_weight.*\['c'\]"),
        ("heavy", "must be None, 'balanced' or a dict"),
        ({"a": -1, "b": 1}, "finite numbers of 0 or more"),
        ({"a": np.nan, "b": 1}, "finite numbers of 0 or more"),
        ([1, 2], "must be None, 'balanced' or a dict"),
    ],
)
def test_what_is_no_class_weight_is_turned_away(class_weight, words):
    classes, indices = check_labels(["a", "b"])
    with pytest.raises(ValueError, match=words):
        check_class_weight(class_weight, classes, indices)


# random states


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: np.int32(7),
        lambda: np.random.SeedSequence(7),
        lambda: np.random.PCG64(7),
        lambda: np.random.RandomState(7),
        lambda: np.random.default_rng(7),
    ],
)
def test_the_same_random_state_gives_the_same_numbers(make):
    assert check_rng(make()).normal() == check_rng(make()).normal()


def test_random_states_of_their_own():
    rng = np.random.default_rng(0)
    assert check_rng(rng) is rng
    assert check_rng(7).normal() == np.random.default_rng(7).normal()
    assert check_rng(None).normal() != check_rng(None).normal()
    legacy = np.random.RandomState(7)
    assert check_rng(legacy).normal() != check_rng(legacy).normal()  # each draws a seed, and moves it on


def test_the_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    check_rng(None).normal()
    check_rng(3).normal()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("bad", [-1, 1.5, "seed", True, [1, 2], np.random])
def test_what_is_no_random_state_is_turned_away(bad):
    with pytest.raises(ValueError, match="random_state must be None, an integer of 0 or more"):
        check_rng(bad)


# real frames


def test_pandas_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}, index=["x", "y"])
    np.testing.assert_array_equal(check_array(frame), [[1, 0.5], [2, 1.5]])
    assert feature_names(frame).tolist() == ["a", "b"]
    nullable = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [0.5, 1.5]})
    np.testing.assert_array_equal(check_array(nullable, allow_nan=True), [[1, 0.5], [np.nan, 1.5]])
    with pytest.raises(ValueError, match="NaN.*\n.*column 'a'"):
        check_array(nullable)
    with pytest.raises(ValueError, match="text 'u' in row 0, column 'c'"):
        check_array(frame.assign(c=["u", "v"]))
    with pytest.raises(ValueError, match="text 'u' in row 0, column 'c'"):
        check_array(frame.assign(c=pd.Categorical(["u", "v"])))
    with pytest.raises(ValueError, match="date .* in row 0, column 'd'"):
        check_array(frame.assign(d=pd.to_datetime(["2020-01-01", "2020-01-02"])))
    with pytest.raises(ValueError, match="got dates"):
        check_array(pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}))
    classes, _ = check_labels(pd.Series(["u", "v"], dtype="string"))
    assert classes.tolist() == ["u", "v"]
    with pytest.raises(ValueError, match="Input y contains NaN"):
        check_labels(pd.Series(["u", None]))


def test_polars_frames():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    np.testing.assert_array_equal(check_array(frame), [[1, 0.5], [2, 1.5]])
    assert feature_names(frame).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="NaN.*\n.*row 1, column 'a'"):
        check_array(pl.DataFrame({"a": [1, None], "b": [0.5, 1.5]}))
    with pytest.raises(ValueError, match="text 'u' in row 0, column 'c'"):
        check_array(frame.with_columns(c=pl.Series(["u", "v"])))
    with pytest.raises(TypeError, match="collect"):
        check_array(frame.lazy())
    assert check_labels(pl.Series(["v", "u"]))[0].tolist() == ["u", "v"]


def test_numbers_and_whole_numbers_among_parameters():
    for value in (3, np.int8(3), np.uint64(3)):
        assert is_whole(value) and is_number(value)
    for value in (3.0, np.float32(0.5), np.inf, -np.inf):
        assert is_number(value) and not is_whole(value)
    for value in (True, np.True_, np.nan, "3", None, [3], np.array([3]), 3j):
        assert not is_number(value) and not is_whole(value)
