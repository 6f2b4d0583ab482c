"""The command line from end to end, as a user runs it: real models, real data, one process per command."""

import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

pl = pytest.importorskip("polars")
pellucid_datasets = pytest.importorskip("pellucid_datasets")
for family in ("pellucid_cli", "pellucid_linear", "pellucid_nn", "pellucid_trees"):
    pytest.importorskip(family)

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
REAL_MODELS = {
    "linear/logistic-regression": "species",
    "nn/mlp-classifier": "species",
    "linear/linear-regression": "petal_length",
    "linear/ridge": "petal_length",
    "nn/mlp-regressor": "petal_length",
    "linear/gaussian-nb": "species",
    "trees/decision-tree-classifier": "species",
    "trees/random-forest-regressor": "petal_length",
    "trees/gradient-boosting-classifier": "species",
}


@pytest.fixture
def pellucid(tmp_path):
    """Run `pellucid` in an empty folder: pellucid("list") -> the finished process."""

    def call(*words, code=0, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "pellucid_cli", *map(str, words)],
            cwd=tmp_path, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.fixture
def plants(tmp_path):
    """Iris as somebody might keep it: with text, a date, an identifier, missing values and a row without a species."""
    import pellucid

    iris = pellucid.dataset("iris")
    rng = random.Random(0)
    rows = ["plant;found;sepal_length;sepal_width;petal_length;petal_width;soil;species"]
    for n, (x, k) in enumerate(zip(iris.X, iris.y, strict=True)):
        numbers = [f"{value:.1f}" for value in x]
        if n in (3, 77, 120):
            numbers[3] = "NA"
        soil = "" if n in (5, 60, 61, 130) else rng.choice(["clay", "loam", "sand"])
        species = "" if n == 9 else iris.target_names[k]
        rows.append(";".join([f"p{n:03}", f"2024-05-{n % 28 + 1:02}", *numbers, soil, species]))
    text = "\n".join(rows) + "\n"
    (tmp_path / "plants.csv").write_text(text.replace(";", ","), encoding="utf-8")
    (tmp_path / "european.csv").write_text(text.replace(".", ","), encoding="utf-8")
    return tmp_path / "plants.csv"


def test_a_csv_the_tool_has_never_seen_from_fit_to_prediction(pellucid, plants, tmp_path):
    done = pellucid("fit", "linear/logistic-regression", "plants.csv", "--target", "species", "--out", "m.npz")
    for said in (
        "1 row without a value in 'species': dropped",
        "target 'species': 3 classes (setosa, versicolor, virginica)",
        "'plant' is different in every row, like an identifier: left out",
        "'found' holds dates or times: left out",
        "'soil' becomes 4 columns of 0 and 1 (clay, loam, sand, missing)",
        "3 missing values in 'petal_width': filled with the training median 1.3",
        "4 missing values in 'soil': a category of its own",
        "30 held out",
        "baseline (always ",
        "m.npz",
    ):
        assert said in done.stdout

    table = pl.read_csv(plants)
    new = table.drop("species", "plant").with_columns(weather=pl.lit("dry"), soil=pl.lit("peat"))
    new.write_csv(tmp_path / "new.csv")
    done = pellucid("predict", "m.npz", "new.csv", "--out", "predictions.csv", "--proba")
    assert "not used, for the model does not know them: 'weather'" in done.stdout
    assert "150 values of 'soil' never seen in training ('peat'): all zeros" in done.stdout
    written = pl.read_csv(tmp_path / "predictions.csv")
    assert written.columns[: new.width] == new.columns and written.height == 150
    assert (written["species_predicted"] == table["species"]).mean() > 0.93
    P = written.select(f"species_probability_{k}" for k in ("setosa", "versicolor", "virginica")).to_numpy()
    np.testing.assert_allclose(P.sum(axis=1), 1)

    table.drop("petal_length").write_csv(tmp_path / "short.csv")
    done = pellucid("predict", "m.npz", "short.csv", "--out", "p.csv", code=1)
    assert done.stderr == "error: short.csv lacks the column 'petal_length' that the model was trained on.\n"


def test_the_same_table_with_semicolons_and_decimal_commas_gives_the_same_scores(pellucid, plants):
    def scores(file):
        words = ["fit", "linear/logistic-regression", file, "--target", "species", "--json"]
        return json.loads(pellucid(*words).stdout)["scores"]

    assert scores("european.csv") == scores("plants.csv")


@pytest.mark.parametrize("model", REAL_MODELS)
def test_every_model_here_beats_the_baseline_and_comes_back_from_its_file(pellucid, plants, tmp_path, model):
    target = REAL_MODELS[model]
    words = ["fit", model, "plants.csv", "--target", target, "--out", "m.npz", "--no-plot", "--json"]
    fitted = json.loads(pellucid(*words).stdout)
    better = {name: fitted["scores"][name] - fitted["baseline"][name] for name in fitted["scores"]}
    assert better.get("accuracy", 0) > 0.5 or better.get("r2", 0) > 0.8
    predicted = json.loads(pellucid("predict", "m.npz", "plants.csv", "--out", "p.parquet", "--json").stdout)
    assert predicted["rows"] == 150 and predicted["scored_rows"] == (149 if target == "species" else 150)
    assert pl.read_parquet(tmp_path / "p.parquet").columns[-1] == f"{target}_predicted"


def test_the_same_seed_is_the_same_model(pellucid, plants):
    def scores(seed):
        words = ["fit", "nn/mlp-classifier", "plants.csv", "--target", "species", "--seed", seed, "--json"]
        document = json.loads(pellucid(*words, "--set", "hidden_layer_sizes=8,8", "max_iter=30").stdout)
        return document["scores"], document["train_scores"], document["settings"]

    assert scores(1) == scores(1)
    assert scores(1)[2] == {"hidden_layer_sizes": [8, 8], "max_iter": 30}


def test_the_demo_reads_digits_in_time(pellucid, tmp_path):
    start = time.perf_counter()
    done = pellucid("demo", "--out-dir", "shown", "--json")
    seconds = time.perf_counter() - start
    digits, wine = json.loads(done.stdout)
    assert digits["model"] == "nn/mlp-classifier" and digits["scores"]["accuracy"] >= 0.97
    assert digits["rows"] == {"train": 1438, "test": 359, "dropped": 0}
    assert wine["model"] == "linear/logistic-regression" and wine["scores"]["accuracy"] >= 0.94
    assert seconds < 60  # about 5 on an idle machine
    for result in (digits, wine):
        assert (tmp_path / result["model_file"]).exists()
        assert result["picture"] is None or (tmp_path / result["picture"]).exists()
    assert len(list((tmp_path / "shown").iterdir())) in (2, 4)  # with matplotlib, a picture beside each model


def test_the_demo_prints_commands_that_work(pellucid):
    done = pellucid("demo", "linear/ridge", "--out-dir", "shown")
    commands = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("  pellucid ")]
    assert [command[0] for command in commands[:2]] == ["fit", "predict"]
    for command in commands[:2]:
        pellucid(*command)


def test_a_damaged_model_is_one_line(pellucid, plants, tmp_path):
    pellucid("fit", "linear/logistic-regression", "plants.csv", "--target", "species", "--out", "m.npz", "--no-plot")
    whole = (tmp_path / "m.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (whole[: len(whole) // 2], bytes(flipped), b""):
        (tmp_path / "m.npz").write_bytes(damaged)
        done = pellucid("predict", "m.npz", "plants.csv", "--out", "p.csv", code=1)
        assert done.stderr.startswith("error: m.npz") and done.stderr.count("\n") == 1


def test_a_model_of_a_family_that_is_not_there_names_what_to_install(pellucid, plants):
    pellucid("fit", "linear/logistic-regression", "plants.csv", "--target", "species", "--out", "m.npz", "--no-plot")
    done = pellucid("predict", "m.npz", "plants.csv", "--out", "p.csv", code=1, PELLUCID_PLUGINS="datasets")
    assert "linear/logistic-regression" in done.stderr and done.stderr.count("\n") == 1


def test_listings(pellucid):
    listed = {spec["id"] for spec in json.loads(pellucid("list", "--json").stdout)}
    assert set(REAL_MODELS) <= listed
    assert {"iris", "digits", "wine"} <= {spec["id"] for spec in json.loads(pellucid("datasets", "--json").stdout)}
    plugins = json.loads(pellucid("plugins", "--json").stdout)
    assert {"linear", "nn", "datasets"} <= {plugin["family"] for plugin in plugins if plugin["status"] == "ok"}


@pytest.mark.parametrize("model", REAL_MODELS)
def test_show_has_a_word_for_the_parameters_and_a_file_to_read(pellucid, model):
    told = json.loads(pellucid("show", model, "--json").stdout)
    assert told["references"] and os.path.isfile(told["file"]) and told["from"].startswith("pellucid-")
    assert told["parameters"] and any(parameter["description"] for parameter in told["parameters"])


def test_a_strangers_model_in_one_file_works_in_all_of_them(pellucid, plants, tmp_path):
    (tmp_path / "acme.py").write_text(
        '''"""A stranger's model."""
import numpy as np
import pellucid


class Majority(pellucid.Classifier):
    """The most frequent class, whatever comes."""

    def __init__(self, bias=0.0):
        self.bias = bias

    def fit(self, X, y, sample_weight=None):
        X, y, w = self._check_fit(X, y, sample_weight)
        self.winner_ = int(np.bincount(y).argmax())
        return self

    def predict(self, X):
        return np.full(len(self._check_X(X)), self.classes_[self.winner_])


pellucid.register(Majority, id="acme/majority")
'''
    )
    plugin = ["--plugin", "acme.py"]
    assert "acme/majority" in pellucid(*plugin, "list").stdout
    assert "The most frequent class" in pellucid(*plugin, "show", "acme/majority").stdout
    done = pellucid(*plugin, "fit", "acme/majority", "plants.csv", "--target", "species", "--out", "m.npz", "--no-plot")
    assert "accuracy 0.333" in done.stdout
    pellucid(*plugin, "predict", "m.npz", "plants.csv", "--out", "p.csv")
    pellucid(*plugin, "demo", "acme/majority", "--out-dir", "shown")
    assert "acme/majority" in pellucid("predict", "m.npz", "plants.csv", "--out", "p.csv", code=1).stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fit", "linear/ridge", "plants.csv", "--target", "species"], 1, "for classes use linear/logistic-regression"),
        (["fit", "nn/mlp-classifier", "plants.csv", "--target", "petal_width"], 1, "for numbers use linear/"),
        (["fit", "linear/logistic-regression", "plants.csv", "--target", "Spezies"], 1, "Did you mean 'species'?"),
        (["fit", "linear/ridge", "dataset:diabets"], 1, "Did you mean diabetes?"),
        (["fit", "linear/rigde", "plants.csv", "--target", "petal_width"], 2, "Did you mean linear/ridge"),
        (
            ["fit", "linear/ridge", "plants.csv", "--target", "petal_width", "--set", "alfa=1"],
            2,
            "Did you mean 'alpha'?",
        ),
        (["fit", "linear/ridge", "plants.csv", "--target", "petal_width", "--set", "alpha=-1"], 1, "alpha"),
        (["show", "trees/random-forest-classifier"], 2, "pip install pellucid-trees"),
    ],
)
def test_wrong_calls_say_what_would_be_right(pellucid, plants, words, code, said):
    if "pip install" in said and _installed("pellucid_trees"):
        pytest.skip("pellucid-trees is installed")
    assert said in pellucid(*words, code=code).stderr


def _installed(module):
    import importlib.util

    return importlib.util.find_spec(module) is not None
