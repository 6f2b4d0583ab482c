import json

import numpy as np
import polars as pl
import pytest

from pellucid_cli.faults import Fault
from pellucid_cli.table_encoder import TableEncoder

COLOURS = ["red", "blue", "red", "blue", "red", "red"]


def frame(**columns):
    return pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], **columns}, strict=False)


def test_numbers_are_standardised_with_the_training_mean_and_sd():
    encoder, remarks = TableEncoder.learn(frame())
    X, _ = encoder.encode(frame())
    np.testing.assert_allclose([X.mean(), X.std()], [0, 1], atol=1e-15)
    new, _ = encoder.encode(pl.DataFrame({"x": [4]}))  # the training mean
    assert new[0, 0] == 0
    assert remarks == ["1 column of numbers: standardised with the training mean and sd"]


def test_no_scale_leaves_numbers():
    encoder, _ = TableEncoder.learn(frame(), scale=False)
    assert encoder.encode(frame())[0][:, 0].tolist() == [1, 2, 3, 4, 5, 9]


def test_missing_numbers_become_the_training_median_also_where_training_had_none_missing():
    for training in (frame(), frame().with_columns(x=pl.Series([1.0, 2.0, 3.0, 4.0, None, None]))):
        encoder, _ = TableEncoder.learn(training, scale=False)
        median = float(training["x"].median())
        X, remarks = encoder.encode(pl.DataFrame({"x": [None, float("nan"), 7.0]}))
        assert X[:, 0].tolist() == [median, median, 7]
        assert remarks == [f"2 missing values in 'x': filled with the training median {median:g}"]


def test_very_large_numbers_do_not_overflow():
    big = pl.DataFrame({"x": [1e308, -1e308, 1e307, 0.0]})
    encoder, _ = TableEncoder.learn(big)
    assert np.isfinite(encoder.encode(big)[0]).all()


def test_numbers_out_of_all_proportion_are_refused():
    encoder, _ = TableEncoder.learn(pl.DataFrame({"x": [1e-300, 2e-300, 3e-300]}))
    with pytest.raises(Fault, match="'x' has numbers too large"):
        encoder.encode(pl.DataFrame({"x": [1e300]}))


def test_categories_become_columns_in_order():
    encoder, remarks = TableEncoder.learn(frame(c=COLOURS))
    X, _ = encoder.encode(frame(c=COLOURS))
    assert encoder.feature_names == ["x", "c=blue", "c=red"]
    assert X[:2, 1:].tolist() == [[0, 1], [1, 0]]
    assert "'c' becomes 2 columns of 0 and 1 (blue, red)" in remarks


def test_a_missing_category_has_its_own_column_only_if_training_had_one():
    holes = frame(c=["red", None, "red", "blue", None, "red"])
    encoder, _ = TableEncoder.learn(holes)
    assert encoder.feature_names[1:] == ["c=blue", "c=red", "c=missing"]
    X, remarks = encoder.encode(holes)
    assert X[1, 1:].tolist() == [0, 0, 1]
    assert remarks == ["2 missing values in 'c': a category of its own"]
    encoder, _ = TableEncoder.learn(frame(c=COLOURS))
    X, remarks = encoder.encode(holes)
    assert X[1, 1:].tolist() == [0, 0]
    assert remarks == ["2 missing values in 'c': all zeros, for there was none in training"]


def test_categories_never_seen_are_all_zeros_and_told():
    encoder, _ = TableEncoder.learn(frame(c=COLOURS))
    X, remarks = encoder.encode(frame(c=["red", "mauve", "mauve", "blue", "teal", "red"]))
    assert X[1, 1:].tolist() == [0, 0]
    assert remarks == ["3 values of 'c' never seen in training ('mauve', 'teal'): all zeros"]


def test_booleans_categoricals_and_enums_are_categories():
    flags = [True, False] * 3
    kinds = frame(
        b=flags,
        c=pl.Series(COLOURS, dtype=pl.Categorical),
        e=pl.Series(COLOURS, dtype=pl.Enum(["red", "blue", "green"])),
    )
    encoder, _ = TableEncoder.learn(kinds)
    assert encoder.feature_names == ["x", "b=false", "b=true", "c=blue", "c=red", "e=blue", "e=red"]
    plain = frame(b=["true", "false"] * 3, c=COLOURS, e=COLOURS)  # as a CSV file would have them
    np.testing.assert_array_equal(encoder.encode(kinds)[0], encoder.encode(plain)[0])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([7] * 6, "is constant"),
        ([7, None, 7, 7, 7, 7], "is constant"),
        (["a"] * 6, "is constant"),
        ([None] * 6, "is empty"),
        (pl.Series([None] * 6, dtype=pl.String), "is empty"),
        (list("abcdef"), "is different in every row, like an identifier"),
        (["2020-01-0" + str(i) for i in range(1, 7)], "holds dates or times"),
        (["3.1.2020", "4/5/21", "6-7-2021 10:00", "1.1.2020", "1.2.2020", "1.3.2020"], "holds dates or times"),
        (["10:00", "11:30:05"] * 3, "holds dates or times"),
        (pl.Series(range(6)).cast(pl.Datetime), "holds dates or times"),
        (pl.Series(range(6)).cast(pl.Duration), "holds dates or times"),
        ([[1, 2]] * 6, "holds lists"),
        ([b"x", b"y"] * 3, "holds Python objects or bytes"),
    ],
)
def test_columns_that_say_nothing_are_left_out(values, why):
    encoder, remarks = TableEncoder.learn(frame(c=values))
    assert encoder.left_out == {"c": why} and encoder.feature_names == ["x"]
    assert remarks[0].startswith(f"'c' {why}: left out")


def test_row_numbers_are_left_out_but_other_counts_are_not():
    encoder, _ = TableEncoder.learn(frame(id=[1, 2, 3, 5, 6, 7], year=[2001, 2002, 2003, 2004, 2005, 2006]))
    assert encoder.left_out == {"id": "numbers the rows"}


def test_names_that_are_nearly_all_different_are_left_out():
    names = [f"n{i}" for i in range(299)] + ["n0"]
    encoder, _ = TableEncoder.learn(pl.DataFrame({"x": range(300), "name": names}))
    assert encoder.left_out == {"name": "has 299 different texts in 300 rows, like an identifier"}


def test_of_many_categories_the_most_frequent_stay():
    cities = [f"c{i:03}" for i in range(150)] * 2 + ["c149"] * 10
    table = pl.DataFrame({"city": cities})
    encoder, remarks = TableEncoder.learn(table)
    assert len(encoder.feature_names) == 100 and "city=c149" in encoder.feature_names
    assert remarks[0] == "'city' has 150 different texts: the 100 most frequent become columns"
    assert encoder.encode(table)[0].sum() == 100 * 2 + 10


def test_numbers_with_a_few_words_among_them_are_numbers():
    ages = [str(20 + i) for i in range(19)] + ["unknown"]
    table = pl.DataFrame({"age": ages})
    encoder, _ = TableEncoder.learn(table, scale=False)
    X, remarks = encoder.encode(table)
    assert X[-1, 0] == 29
    assert remarks[0] == "1 missing value in 'age': filled with the training median 29"
    assert remarks[1] == "1 value of 'age' cannot be read as a number (row 20 has 'unknown'): taken as missing"


def test_nothing_left_to_learn_from():
    with pytest.raises(Fault, match="no column is left to learn from: 'a' is constant; 'b' is different in every row"):
        TableEncoder.learn(pl.DataFrame({"a": [1, 1, 1], "b": ["x", "y", "z"]}))
    with pytest.raises(Fault, match="there is only the target"):
        TableEncoder.learn(pl.DataFrame())


def test_infinite_numbers_are_refused_with_their_row():
    table = pl.DataFrame({"x": [1.0, float("inf"), 3.0]})
    encoder, _ = TableEncoder.learn(table)
    with pytest.raises(Fault, match="'x' must be finite, but row 8 has inf"):
        encoder.encode(table, rows=[7, 8, 9])


def test_a_missing_column_is_named_and_a_renamed_one_found():
    encoder, _ = TableEncoder.learn(frame(petal_width=COLOURS))
    with pytest.raises(Fault) as error:
        encoder.encode(frame(Petal_Width=COLOURS), "new.csv")
    assert str(error.value) == (
        "new.csv lacks the column 'petal_width' that the model was trained on. Did you mean 'Petal_Width'?"
    )
    with pytest.raises(Fault, match="lacks 2 columns 'x', 'petal_width'"):
        encoder.encode(pl.DataFrame({"y": [1]}))


def test_columns_of_another_kind_than_in_training():
    encoder, _ = TableEncoder.learn(frame(c=COLOURS))
    with pytest.raises(Fault, match="'x' must hold numbers, as it did in training; row 1 has 'a'"):
        encoder.encode(pl.DataFrame({"x": ["a", "b"], "c": ["red", "red"]}))
    with pytest.raises(Fault, match="'x' must hold numbers.* it holds Date"):
        encoder.encode(pl.DataFrame({"x": pl.Series([1]).cast(pl.Date), "c": ["red"]}))
    with pytest.raises(Fault, match="'c' must hold text"):
        encoder.encode(pl.DataFrame({"x": [1], "c": [[1]]}))
    X, _ = encoder.encode(pl.DataFrame({"c": [1], "x": ["4"]}))  # text that reads as a number; a class that is none
    assert X.tolist() == [[0, 0, 0]]


def test_json_brings_back_the_same_encoder():
    holes = frame(c=["red", None, "red", "blue", None, "red"], k=[1] * 6)
    encoder, _ = TableEncoder.learn(holes)
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    with pytest.raises(Fault, match="cannot be read"):
        TableEncoder.from_json({"columns": [{"kind": "number"}]})


def test_many_remarks_of_one_kind_are_summed_up():
    table = pl.DataFrame({f"c{i}": [1.0, None, 3.0, 5.0] for i in range(40)} | {f"k{i}": [1] * 4 for i in range(40)})
    encoder, remarks = TableEncoder.learn(table)
    assert len(remarks) == 2 and remarks[0].startswith("40 columns left out, each is constant: 'k0', 'k1'")
    assert encoder.encode(table)[1][-1] == "and 35 more columns with missing values, treated in the same way"


def test_an_empty_table_is_encoded_to_no_rows():
    encoder, _ = TableEncoder.learn(frame(c=COLOURS))
    assert encoder.encode(frame(c=COLOURS).head(0))[0].shape == (0, 3)
