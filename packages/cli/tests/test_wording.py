from pellucid_cli.wording import brief, closest, did_you_mean, enumerate_names, plural


def test_case_spaces_and_punctuation_count_for_nothing():
    assert closest("Petal Width", ["petal_width", "petal_length"]) == ["petal_width"]


def test_a_slip_of_the_finger_is_found():
    assert did_you_mean("speceis", ["species", "soil"]) == " Did you mean 'species'?"


def test_a_part_of_a_name_is_found():
    assert closest("width", ["petal_width", "soil"]) == ["petal_width"]


def test_nothing_like_it_says_nothing():
    assert did_you_mean("zzz", ["species"]) == ""


def test_long_lists_are_cut():
    assert enumerate_names("abcd", most=2) == "a, b and 2 more"
    assert enumerate_names("ab", most=2) == "a, b"


def test_items_stay_on_their_line():
    assert enumerate_names(["k\n1", "x\x1b[31m"]) == "k 1, x [31m"
    assert enumerate_names(["y" * 100]) == "y" * 59 + "…"


def test_counts_and_numbers():
    assert plural(1, "row") == "1 row" and plural(2000, "row") == "2,000 rows"
    assert [brief(x) for x in (123456.7, 1.3, 1e-9, 2.5e12)] == ["123,457", "1.3", "1e-09", "2.5e+12"]
