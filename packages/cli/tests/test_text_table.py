import gzip

import polars as pl
import pytest

from pellucid_cli.faults import Fault
from pellucid_cli.text_table import read_text_table


def read(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_text_table(path)


def test_columns_are_typed_by_all_their_values(tmp_path):
    rows = ["n,x,flag,word,mixed"] + [f"{i},{i}.5,true,w,{i}" for i in range(300)] + ["1,-1e-3,FALSE,v,abc"]
    frame, given, remarks = read(tmp_path, "\n".join(rows))
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.Boolean, pl.String, pl.String]
    assert given.dtypes == [pl.String] * 5 and given["x"][300] == "-1e-3"
    assert frame["flag"].to_list()[-2:] == [True, False] and remarks == ()


def test_the_words_for_missing_are_missing(tmp_path):
    frame, _, _ = read(tmp_path, "a,b\n1,x\nNA,?\n , \nnan,null\n")
    assert frame["a"].to_list() == [1, None, None, None] and frame["b"].null_count() == 3


def test_spaces_around_names_and_values_do_not_count(tmp_path):
    frame, _, _ = read(tmp_path, "a, b\n1, 2\n 3 ,4\n")
    assert frame.columns == ["a", "b"] and frame["a"].to_list() == [1, 3]


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_other_separators_are_found(tmp_path, separator):
    frame, _, remarks = read(tmp_path, f"a{separator}b\n1{separator}x, y\n")
    assert frame.row(0) == (1, "x, y") and "not commas" in remarks[0]


def test_tsv_needs_no_remark(tmp_path):
    frame, _, remarks = read(tmp_path, "a\tb\n1\t2\n", "t.tsv")
    assert frame.row(0) == (1, 2) and remarks == ()


def test_decimal_commas(tmp_path):
    frame, given, remarks = read(tmp_path, "a;b\n1,5;x\n-2;y\n")
    assert frame["a"].to_list() == [1.5, -2.0] and given["a"][0] == "1,5"
    assert remarks[1] == "'a' is written with decimal commas: read as numbers"


@pytest.mark.parametrize(
    ("content", "values", "how"),
    [
        ('a,b\n"1,234",x\n-,y\n"12,345,678.5",z\n', [1234, None, 12345678.5], "like '1,234'"),
        ("a,b\n12.5%,x\n7 %,y\n", [12.5, 7], "like '12.5%'"),
        ('a,b\n"$1,200.50",x\n-$3,y\n', [1200.5, -3], "like '$1,200.50'"),
        ("a,b\n−2.5,x\n3,y\n", [-2.5, 3], "like '−2.5'"),
        ('a,b\n"0,126",x\n"1,5",y\n', [0.126, 1.5], "with decimal commas"),
        ("a;b\n1.234,5;x\n7;y\n", [1234.5, 7], "with decimal commas"),
    ],
)
def test_numbers_as_people_write_them(tmp_path, content, values, how):
    frame, given, remarks = read(tmp_path, content)
    assert frame["a"].to_list() == values and given["a"].dtype == pl.String
    assert remarks[-1] == f"'a' is written {how}: read as numbers"


@pytest.mark.parametrize(
    "values", [("10.100.200", "10.100.201"), ("1-2", "3"), ("%", "5%"), ("+", "-"), ("01/02", "3")]
)
def test_codes_are_no_numbers(tmp_path, values):
    frame, _, remarks = read(tmp_path, "a,b\n" + "".join(f"{value},1\n" for value in values))
    assert frame["a"].to_list() == list(values) and remarks == ()


def test_leading_zeros_make_a_code(tmp_path):
    frame, _, remarks = read(tmp_path, "zip,x\n01234,0\n90210,0.5\n")
    assert frame["zip"].to_list() == ["01234", "90210"] and frame["x"].dtype == pl.Float64
    assert remarks == ("'zip' has leading zeros, as codes have: read as text",)


def test_a_dash_among_numbers_is_a_missing_value(tmp_path):
    frame, _, _ = read(tmp_path, "a,b\n1,+\n-,-\n3,+\n")
    assert frame["a"].to_list() == [1, None, 3] and frame["b"].to_list() == ["+", "-", "+"]


@pytest.mark.parametrize("name", ["t[1].csv", "t*.csv", "t?.csv"])
def test_names_of_files_are_no_patterns(tmp_path, name):
    read(tmp_path, "other\n9\n", "t1.csv")
    assert read(tmp_path, "a,b\n1,2\n", name)[0].to_dict(as_series=False) == {"a": [1], "b": [2]}


def test_excel_says_its_separator_in_a_line_of_its_own(tmp_path):
    frame, _, remarks = read(tmp_path, "\ufeffsep=;\r\na;b;c\r\n1;2;3\r\n4;5\r\n")
    assert frame.columns == ["a", "b", "c"] and frame["a"].to_list() == [1, 4]
    assert remarks[1] == "1 row has fewer than 3 fields (line 4): what is not there counts as missing"


def test_lines_of_old_macs(tmp_path):
    assert read(tmp_path, "a,b\r1,2\r3,4\r")[0]["b"].to_list() == [2, 4]


def test_separators_inside_quotes_do_not_count(tmp_path):
    assert read(tmp_path, '"a;1;2;3",b\n1,2\n')[0].columns == ["a;1;2;3", "b"]


def test_quotes_newlines_and_a_byte_order_mark(tmp_path):
    frame, _, _ = read(tmp_path, '\ufeffa,b\n"x,\ny",1\n')
    assert frame.row(0) == ("x,\ny", 1) and frame.columns == ["a", "b"]


def test_gzip(tmp_path):
    frame, _, _ = read(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz")
    assert frame.row(0) == (1, 2)


def test_blank_lines_are_no_rows(tmp_path):
    assert read(tmp_path, "a,b\n1,2\n\n3,4\n\n")[0].height == 2
    assert read(tmp_path, "a\n1\n\n3\n")[0].height == 3  # in a single column they are missing values


def test_short_rows_are_told(tmp_path):
    frame, _, remarks = read(tmp_path, "a,b,c\n1,2,3\n4,5\n6\n")
    assert frame["c"].to_list() == [3, None, None]
    assert remarks == ("2 rows have fewer than 3 fields (line 3): what is not there counts as missing",)


def test_names_that_occur_twice_are_told(tmp_path):
    assert "'a' more than once" in read(tmp_path, "a,a\n1,2\n")[2][0]


def test_a_header_that_looks_like_data_is_told(tmp_path):
    assert "looks like data: 5.1,3.5" in read(tmp_path, "5.1,3.5\n4.9,3.0\n")[2][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "t.csv is empty"),
        (b"\n\n", "t.csv is empty"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 fields but the header names 2"),
        (b"sep=;\na;b\n1;2;3\n", "line 3 has 3 fields but the header names 2"),
        (b"Our flowers\n\na,b\n1,2\n", "the first line must be the header: remove what stands above it"),
        (b'a,b\nx,1\n5" pipe,2\n6" pipe,2\ny,3\n', "line 3 has a quotation mark without a second one"),
        ("a,b\nx,1\nké,2\n".encode("latin-1"), "is not UTF-8 text: byte 0xe9 in line 3"),
        ("a,b\nx,1\n".encode("utf-16"), "is UTF-16 text"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(tmp_path, content, said):
    with pytest.raises(Fault) as error:
        read(tmp_path, content)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_whatever_polars_says_becomes_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise pl.exceptions.ComputeError("Field `x` is not\nproperly escaped.\n\nYou might want to try:\n- this")

    monkeypatch.setattr(pl, "read_csv", refuse)
    with pytest.raises(Fault) as error:
        read(tmp_path, "a,b\n1,2\n")
    assert str(error.value) == (
        "t.csv cannot be read as a table with commas between its columns: Field `x` is not properly escaped."
    )
