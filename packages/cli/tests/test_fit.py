"""`pellucid fit` from the outside: a CSV in, a score, a model and a picture out."""

import json
import sys

import numpy as np
import polars as pl
import pytest

import pellucid


def test_every_decision_is_one_line(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--no-plot", "--out", "m.npz")
    assert done.code == 0, done.err
    for line in (
        "toy/nearest-mean on flowers.csv",
        "  60 rows, 8 columns",
        "  1 row without a value in 'species': dropped",
        "  target 'species': 3 classes (setosa, versicolor, virginica)",
        "  47 rows to learn from, 12 held out (each class with its share, seed 0)",
        "  'plant' is different in every row, like an identifier: left out",
        "  'unit' is constant: left out",
        "  2 columns of numbers: standardised with the training mean and sd",
    ):
        assert line in done.out.splitlines()
    assert "'found' holds dates or times: left out" in done.out
    assert "1 missing value in 'width': filled with the training median" in done.out
    assert "1 missing value in 'soil': a category of its own" in done.out
    assert "5 epochs, accuracy 0.5, loss 0.2" in done.out
    assert "on 12 held-out rows" in done.out and "baseline (always" in done.out and "m.npz" in done.out


def test_json_is_all_there_is(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--json", "--set", "n_steps=2", "shrink=0.5")
    document = json.loads(done.out)
    assert done.err == "" and document["model"] == "toy/nearest-mean"
    assert document["settings"] == {"n_steps": 2, "shrink": 0.5}
    assert document["rows"] == {"train": 47, "test": 12, "dropped": 1}
    assert document["classes"] == ["setosa", "versicolor", "virginica"]
    assert document["scores"]["accuracy"] > document["baseline"]["accuracy"]
    assert document["left_out"]["unit"] == "is constant" and document["model_file"] is None
    assert "settings: n_steps = 2, shrink = 0.5" in document["messages"]


def test_quiet_leaves_the_scores(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--quiet")
    assert done.err == "" and [line.split()[0] for line in done.out.splitlines()] == ["on", "baseline"]


def test_the_seed_decides_the_split_and_the_model(run, flowers):
    def rows(seed):
        return json.loads(run("fit", "nearest", flowers, "--target", "species", "--seed", seed, "--json").out)["scores"]

    assert rows(3) == rows(3)


def test_regression_has_r2_and_rmse_beside_the_mean(run, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X @ [1, -2] + 5}).write_parquet(tmp_path / "t.parquet")
    document = json.loads(run("fit", "toy/plane", "t.parquet", "--target", "y", "--json").out)
    assert document["task"] == "regression" and document["scores"]["r2"] > 0.99
    assert document["baseline"]["r2"] < 0.1 and abs(document["baseline"]["answer"] - 5) < 1


def test_the_target_is_standardised_too_unless_the_model_wants_it_as_it_is(run, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{1000 + 3 * i}\n" for i in range(20)))
    for words, standardised in ((["toy/plane"], True), (["toy/plane", "--no-scale"], False), (["toy/counter"], False)):
        done = run("fit", *words[:1], "t.csv", "--target", "y", *words[1:])
        assert done.code == 0 and ("target 'y': standardised too" in done.out) is standardised


def test_rows_are_held_out_before_anything_is_learnt(run, tmp_path):
    """The test rows' values have no way into the encoding."""
    from pellucid.saving import load_with_notes

    table = pl.DataFrame({"x": np.arange(50.0), "y": ["a", "b"] * 25})
    table.write_csv(tmp_path / "t.csv")
    assert run("fit", "nearest", "t.csv", "--target", "y", "--out", "m.npz", "--no-plot").code == 0
    _, notes = load_with_notes(tmp_path / "m.npz")
    mean = notes["encoder"]["columns"][0]["mean"]
    from pellucid_cli.split import split_rows

    train, _ = split_rows(50, 0.2, rng=np.random.default_rng(0), classes=np.arange(50) % 2)
    assert mean == pytest.approx(train.mean()) and mean != 24.5


def test_a_test_size_of_0_is_told(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--test-size", "0")
    assert done.code == 0 and "no rows held out" in done.out and "on the 59 training rows" in done.out


def test_columns_can_be_dropped(run, flowers):
    document = json.loads(run("fit", "nearest", flowers, "--target", "species", "--drop", "soil", "--json").out)
    assert not any(name.startswith("soil") for name in document["features"])


def test_data_with_its_own_target_needs_no_name(run, tmp_path):
    np.savez(tmp_path / "t.npz", X=np.arange(20.0).reshape(10, 2), y=np.arange(10) % 2)
    assert run("fit", "nearest", "t.npz").code == 0
    done = run("fit", "toy/plane", "t.npz", "--target", "x1")
    assert done.code == 0 and "target 'x1'" in done.out


def test_whole_numbers_stand_for_themselves(run, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{3 + i % 2}\n" for i in range(20)))
    assert run("fit", "nearest", "t.csv", "--target", "y", "--out", "m.npz", "--no-plot").code == 0
    assert run("predict", "m.npz", "t.csv", "--out", "o.csv").code == 0
    assert set(pl.read_csv(tmp_path / "o.csv")["y_predicted"]) <= {3, 4}


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        ("a,y\n1,b\n2,c\n", ["--target", "Y"], "t.csv has no column 'Y'. Did you mean 'y'? Its columns: a, y"),
        ("a,y\n1,b\n", ["--target", "y"], "t.csv has 1 row with a target; it takes 2 to learn from"),
        ("a,y\n1,\n2,\n", ["--target", "y"], "t.csv has 0 rows with a target"),
        ("a,y\n1,b\n2,b\n", ["--target", "y"], "'b' in all 2 rows: nothing to tell apart"),
        ("a,y\n1,b\n2,c\n3,b\n", ["--target", "y", "--drop", "b"], "no column 'b' to leave out"),
        ("a,y\n1,b\n2,c\n3,b\n", ["--target", "y", "--drop", "y"], "'y' is the target"),
        ("a,y\n1,0.5\n2,0.7\n3,0.1\n", ["--target", "y"], "for numbers use "),
        ("", ["--target", "y"], "t.csv is empty"),
        ("a,y\ninf,b\n2,c\n3,b\n", ["--target", "y"], "'a' must be finite, but row 1 has inf"),
        ("a,y\n1,b\n2,c\n3,b\n", ["--target", "y", "--out", "no/m.npz"], "no/m.npz cannot be written"),
    ],
)
def test_data_at_fault_is_1_and_one_line(run, tmp_path, content, words, said):
    (tmp_path / "t.csv").write_text(content)
    done = run("fit", "nearest", "t.csv", *words)
    assert done.code == 1 and said in done.err and done.err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]  # nothing half-done is left


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--target is needed: which of plant, length"),
        (["--target", "species", "--set", "shrnk=1"], "no parameter 'shrnk'. Did you mean 'shrink'?"),
        (["--target", "species", "--set", "shrink=x"], "shrink is a number, not 'x'"),
        (["--target", "species", "more"], "unexpected argument 'more'"),
        (["--target", "species", "--test-size", "2"], "is not in the range"),
        (["--target", "species", "--plot", "p.bmp"], "--plot takes a file ending in .png"),
        (["--target", "species", "--plot", "p.png", "--no-plot"], "contradict"),
    ],
)
def test_a_wrong_command_line_is_2(run, flowers, words, said):
    done = run("fit", "nearest", flowers, *words)
    assert done.code == 2 and said in done.err


def test_a_model_that_fails_is_1_and_one_line(run, flowers):
    done = run("fit", "toy/grumpy", flowers, "--target", "species")
    assert done.code == 1
    assert done.err == "error: toy/grumpy cannot be fitted to this: the data are not to my taste\n"


def test_the_model_holds_the_labels_themselves(run, flowers, tmp_path):
    run("fit", "nearest", flowers, "--target", "species", "--out", "m.npz")
    assert pellucid.load(tmp_path / "m.npz").classes_.tolist() == ["setosa", "versicolor", "virginica"]


def test_a_model_that_cannot_be_saved_is_1_and_one_line(run, flowers, tmp_path):
    (tmp_path / "acme_models.py").write_text(
        "import pellucid\n"
        "class Odd(pellucid.Classifier):\n"
        "    def fit(self, X, y):\n"
        "        self._check_fit(X, y)\n"
        "        self.secret_ = lambda: 1\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return self.classes_[self._check_X(X)[:, 0].astype(int) * 0]\n"
        "pellucid.register(Odd, id='acme/odd')\n"
    )
    words = ["--plugin", "acme_models.py", "fit", "acme/odd", flowers, "--target", "species", "--out", "m.npz"]
    done = run(*words)
    assert done.code == 1 and done.err.startswith("error: acme/odd cannot be saved: ")
    assert done.err.count("\n") == 1 and not (tmp_path / "m.npz").exists()


def test_rows_are_numbered_as_in_the_file(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1,b\n2,\n3,c\ninf,b\n5,c\n6,b\n")
    assert "row 4 has inf" in run("fit", "nearest", "t.csv", "--target", "y").err


def test_without_matplotlib_the_picture_is_left_out(run, flowers, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("fit", "nearest", flowers, "--target", "species", "--out", "m.npz")
    assert done.code == 0 and 'pip install "pellucid-cli[plot]"' in done.out
    assert (tmp_path / "m.npz").exists() and not (tmp_path / "m.png").exists()


def test_the_picture_is_beside_the_model(run, flowers, tmp_path):
    pytest.importorskip("matplotlib")
    done = run("fit", "nearest", flowers, "--target", "species", "--out", "m.npz")
    assert done.code == 0 and (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert run("fit", "nearest", flowers, "--target", "species", "--plot", "p.svg").code == 0
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")


def test_the_model_is_loaded_by_the_core_alone(run, flowers, tmp_path):
    import pellucid

    run("fit", "nearest", flowers, "--target", "species", "--out", "m.npz", "--no-plot")
    model = pellucid.load(tmp_path / "m.npz")
    assert type(model).__name__ == "NearestMean" and model.n_features_in_ == 7


def test_demo_without_its_packages_says_what_to_install(run, monkeypatch):
    import pellucid

    monkeypatch.setattr(pellucid, "plugins", lambda: [])
    done = run("demo")
    assert done.code == 1 and "pip install pellucid-datasets pellucid-linear pellucid-nn" in done.err


def test_demo_of_a_model_takes_data_for_its_task(run, monkeypatch, tmp_path):
    import pellucid

    rng = np.random.default_rng(0)
    data = pellucid.Dataset(
        X=rng.normal(size=(30, 1)), y=np.arange(30) % 2, feature_names=("a",), target_names=("n", "p")
    )
    spec = pellucid.DatasetSpec(id="acme/coins", target="acme:coins", summary="Coins", task="classification")
    monkeypatch.setattr(pellucid, "dataset_specs", lambda: [spec])
    monkeypatch.setattr(pellucid.registry, "dataset", lambda name: data)
    done = run("demo", "nearest", "--out-dir", "out")
    assert done.code == 0, done.err
    assert "pellucid fit toy/nearest-mean dataset:acme/coins --out " in done.out
    assert (tmp_path / "out" / "toy-nearest-mean-acme-coins.npz").exists()
    assert json.loads(run("demo", "nearest", "--out-dir", "out", "--json").out)[0]["model"] == "toy/nearest-mean"
    assert run("demo", "toy/groups").code == 2
    assert run("demo", "toy/plane").code == 1  # no data for regression


@pytest.mark.parametrize("out", ["m.pkl", "m.png", "-", ".", "flowers.csv"])
def test_a_model_is_written_as_npz_only(run, flowers, out):
    before = flowers.read_bytes()
    done = run("fit", "nearest", flowers, "--target", "species", "--out", out)
    assert done.code == 2 and "--out takes a file ending in .npz" in done.err
    assert flowers.read_bytes() == before and [p.name for p in flowers.parent.iterdir()] == ["flowers.csv"]


@pytest.mark.parametrize("out", ["d.npz", "d", "./d.npz"])
def test_the_model_never_replaces_the_data(run, tmp_path, out):
    np.savez(tmp_path / "d.npz", X=np.arange(20.0).reshape(10, 2), y=np.arange(10) % 2)
    before = (tmp_path / "d.npz").read_bytes()
    done = run("fit", "nearest", "d.npz", "--out", out)
    assert done.code == 2 and "is DATA itself" in done.err and (tmp_path / "d.npz").read_bytes() == before


def test_a_share_of_nan_is_none(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--test-size", "nan")
    assert done.code == 2 and "--test-size is a share" in done.err


def test_codes_newlines_and_escapes_in_the_data_stay_on_one_line(run, tmp_path):
    rows = "".join(f'{n},"k\n{n % 2}",x\x1b[31m{n % 3}\n' for n in range(30))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows, encoding="utf-8")
    done = run("fit", "nearest", "t.csv", "--target", "y")
    assert done.code == 0 and "\x1b" not in done.out
    assert "  'b' becomes 2 columns of 0 and 1 (k 0, k 1)" in done.out.splitlines()
