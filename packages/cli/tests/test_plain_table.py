import pytest

from pellucid_cli.plain_table import plain_table


def test_columns_are_aligned_and_lines_do_not_end_in_spaces():
    assert plain_table(["A", "B"], [["long", "x"], ["y", ""]]) == "A     B\nlong  x\ny"


def test_the_last_column_is_cut_to_the_width():
    assert plain_table(["A", "B"], [["a", "x" * 90]], width=40).splitlines()[1] == "a  " + "x" * 36 + "…"


def test_rows_have_as_many_cells_as_the_header():
    with pytest.raises(ValueError):
        plain_table(["A", "B"], [["a"], ["b"]])
