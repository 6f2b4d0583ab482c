import json


def test_list_shows_ids_tasks_and_summaries(run):
    lines = run("list").out.splitlines()
    assert lines[0].split() == ["MODEL", "TASKS", "SUMMARY"]
    assert any(line.split()[:2] == ["toy/nearest-mean", "classification"] for line in lines)


def test_list_can_be_narrowed(run):
    specs = json.loads(run("list", "--family", "toy", "--task", "regression", "--json").out)
    assert [spec["id"] for spec in specs] == ["toy/plane", "toy/counter"] and specs[0]["summary"]
    assert json.loads(run("list", "--family", "toy", "--task", "bandit", "--json").out) == []
    assert "no registered model" in run("list", "--family", "toy", "--task", "bandit").err


def test_a_family_that_is_not_installed_is_named_with_its_package(run, monkeypatch):
    import pellucid

    monkeypatch.setitem(pellucid.OFFICIAL_FAMILIES, "stars", "pellucid-stars")
    done = run("list", "--family", "stars")
    assert done.code == 2 and "pip install pellucid-stars" in done.err


def test_show_tells_what_a_reader_needs(run):
    done = run("show", "nearest")
    assert done.code == 0
    for said in ("toy/nearest-mean", "A. Author (2001), A Book", "toy_models.py", "also called   nearest"):
        assert said in done.out
    rows = [line.split(maxsplit=2) for line in done.out.splitlines()]
    assert ["shrink", "0.0", "Pulls the means towards zero"] in rows
    assert ["wait", "0.0", "Steps that it pretends to take, and the seconds that each lasts"] in rows
    assert ["hidden", "(64,)", "Not used"] in rows


def test_show_as_json(run):
    told = json.loads(run("show", "toy/nearest-mean", "--json").out)
    assert told["tasks"] == ["classification"] and told["file"].endswith("toy_models.py")
    assert told["parameters"][0] == {
        "name": "shrink",
        "default": 0.0,
        "required": False,
        "description": "Pulls the means towards zero",
    }


def test_datasets_as_json(run):
    assert isinstance(json.loads(run("datasets", "--json").out), list)
