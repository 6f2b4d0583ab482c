"""The map is made of what stands in the files."""

import reading_map


def test_a_row_has_topic_file_source_equations_and_tests(toy):
    row = reading_map.reading_map(toy.root).strip().split("\n")[-1]
    assert row == (
        "| Weighted line: the slope through the origin that fits best "
        "| [line.py](packages/toy/src/pellucid_toy/line.py) | Gauss (1809) "
        "| [(1)-(2)](packages/toy/tests/test_line.py) |  |"
    )


def test_an_example_is_linked_when_there_is_one(toy):
    (toy.package / "examples").mkdir()
    (toy.package / "examples" / "line.py").write_text("")
    assert reading_map.reading_map(toy.root).rstrip().endswith("| [line.py](packages/toy/examples/line.py) |")


def test_check_says_when_the_file_is_old(toy, monkeypatch, capsys):
    monkeypatch.setattr(reading_map, "ROOT", toy.root)
    monkeypatch.setattr(reading_map, "reading_map", lambda: "new\n")
    assert reading_map.main(["--check"]) == 1
    assert reading_map.main([]) == 0
    assert reading_map.main(["--check"]) == 0
    (toy.root / "READING.md").write_text("old\n")
    assert reading_map.main(["--check"]) == 1
    assert "not up to date" in capsys.readouterr().err
