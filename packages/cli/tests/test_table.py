from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from pellucid_cli.faults import Fault
from pellucid_cli.output import check_writable, write_table
from pellucid_cli.table import read_table


def test_parquet(tmp_path):
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    frame.write_parquet(tmp_path / "t.parquet")
    table = read_table(str(tmp_path / "t.parquet"))
    assert table.frame.equals(frame) and table.name == "t.parquet" and table.target is None


def test_npz_with_x_and_y(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.eye(3), y=np.array(["a", "b", "c"]))
    table = read_table(str(tmp_path / "t.npz"))
    assert table.frame.columns == ["x0", "x1", "x2", "y"] and table.target == "y"
    assert table.frame["y"].to_list() == ["a", "b", "c"]


def test_npz_with_one_table_and_images(tmp_path):
    np.savez(tmp_path / "t.npz", anything=np.arange(6).reshape(3, 2), other=np.arange(3))
    assert read_table(str(tmp_path / "t.npz")).frame["x1"].to_list() == [1, 3, 5]
    np.savez(tmp_path / "i.npz", X=np.zeros((4, 2, 3)))
    table = read_table(str(tmp_path / "i.npz"))
    assert table.frame.width == 6 and "laid out flat" in table.remarks[0]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 3))}, "it holds: a (2, 2), b (2, 3)"),
        ({}, "it holds: nothing"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "one value for each of the 3 rows"),
        ({"X": np.array([[object()]])}, "holds Python objects"),
        ({"X": np.zeros((3, 2), dtype=complex)}, "must hold numbers or text"),
    ],
)
def test_npz_of_another_shape(tmp_path, arrays, said):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(Fault) as error:
        read_table(str(tmp_path / "t.npz"))
    assert said in str(error.value)


def test_what_is_not_there(tmp_path):
    (tmp_path / "flowers.csv").write_text("a,b\n1,2\n")
    (tmp_path / "only.csv").write_text("a,b\n")
    (tmp_path / "noise.parquet").write_bytes(b"noise")
    (tmp_path / "noise.npz").write_bytes(b"noise")
    (tmp_path / "t.xlsx").write_bytes(b"")
    for name, said in {
        "flowrs.csv": f"Did you mean {tmp_path / 'flowers.csv'}?",
        "no/t.csv": "does not exist either",
        "": "is a folder",
        "only.csv": "has no rows of data, only a header",
        "noise.parquet": "cannot be read as Parquet",
        "noise.npz": "is not an .npz file",
        "t.xlsx": "cannot read .xlsx",
    }.items():
        with pytest.raises(Fault) as error:
            read_table(str(tmp_path / name) if name else str(tmp_path))
        assert said in str(error.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl"])
def test_written_tables_read_back(tmp_path, suffix):
    frame = pl.DataFrame({"a": [1.5, None, 3.0], "b": ["x", "ü,", None]})
    out = str(tmp_path / f"o{suffix}")
    write_table(frame, out)
    readers = {".json": pl.read_json, ".jsonl": pl.read_ndjson}
    back = readers[suffix](out) if suffix in readers else read_table(out).frame
    assert back.equals(frame)
    assert [p.name for p in tmp_path.iterdir()] == [f"o{suffix}"]


@pytest.mark.parametrize(
    ("suffix", "column"),
    [(".csv", [[1], [2]]), (".tsv", [{"u": 1}, {"u": 2}]), (".csv", [timedelta(1)] * 2), (".json", [b"x", b"y"])],
)
def test_what_a_form_cannot_hold_is_told(tmp_path, suffix, column):
    with pytest.raises(Fault, match=r"cannot hold 'k', which is .*; write a \.parquet file"):
        write_table(pl.DataFrame({"a": [1, 2], "k": column}), str(tmp_path / f"o{suffix}"))
    assert not list(tmp_path.iterdir())


def test_bytes_and_long_doubles_in_an_npz_file(tmp_path):
    np.savez(tmp_path / "d.npz", X=np.array([[1.5], [2]], dtype=np.longdouble), y=np.array([b"u", b"v"]))
    assert read_table(str(tmp_path / "d.npz")).frame.rows() == [(1.5, "u"), (2.0, "v")]


def test_names_of_parquet_files_are_no_patterns(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t[1].parquet")
    assert read_table(str(tmp_path / "t[1].parquet")).frame["a"].to_list() == [1]


def test_a_dash_is_stdout(capsys):
    write_table(pl.DataFrame({"a": [1]}), "-")
    assert capsys.readouterr().out == "a\n1\n"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.csv").write_text("old", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_table(pl.DataFrame({"a": [1]}), str(tmp_path / "link.csv"))
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_a_file_in_a_folder_that_is_read_only(tmp_path, monkeypatch):
    (tmp_path / "o.csv").touch()
    monkeypatch.setattr("os.access", lambda place, _: place != tmp_path)
    with pytest.raises(Fault, match="permission denied"):
        check_writable(str(tmp_path / "o.csv"))


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(Fault, match="there is no folder"):
        check_writable(str(tmp_path / "no" / "o.csv"))
    with pytest.raises(Fault, match="is a folder"):
        check_writable(str(tmp_path))
    with pytest.raises(Fault, match="cannot be written"):
        write_table(pl.DataFrame({"a": [1]}), str(tmp_path / "no" / "o.csv"))
