"""`pellucid predict` repeats the encoding of `fit`, and says what is different in the new table."""

import json

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def model(run, flowers):
    done = run("fit", "nearest", flowers, "--target", "species", "--out", "m.npz", "--no-plot")
    assert done.code == 0, done.err
    return "m.npz"


def test_the_table_comes_back_as_it_was_with_the_prediction(run, model, flowers, tmp_path):
    done = run("predict", model, flowers, "--out", "o.csv")
    assert done.code == 0, done.err
    given, written = flowers.read_text().splitlines(), (tmp_path / "o.csv").read_text().splitlines()
    assert written[0] == given[0] + ",species_predicted" and len(written) == len(given)
    for before, after in zip(given[1:], written[1:], strict=True):
        assert after.rpartition(",")[0] == before  # every field, in its order, letter for letter
        assert after.rpartition(",")[2] in ("setosa", "versicolor", "virginica")


def test_the_score_is_printed_where_the_target_is(run, model, flowers, tmp_path):
    done = run("predict", model, flowers, "--out", "o.csv")
    table = pl.read_csv(tmp_path / "o.csv")
    share = (table["species"] == table["species_predicted"]).mean()
    assert f"on 59 rows with 'species'  accuracy {share:.3f}" in done.out
    pl.read_csv(flowers).drop("species").write_csv(tmp_path / "new.csv")
    assert "accuracy" not in run("predict", model, "new.csv", "--out", "o.csv").out


def test_predictions_are_those_of_the_model_in_memory(run, model, flowers, tmp_path):
    from pellucid.saving import load_with_notes
    from pellucid_cli.table import read_table
    from pellucid_cli.table_encoder import TableEncoder

    loaded, notes = load_with_notes(model)
    X, _ = TableEncoder.from_json(notes["encoder"]).encode(read_table(str(flowers)).frame)
    run("predict", model, flowers, "--out", "o.parquet", "--proba")
    table = pl.read_parquet(tmp_path / "o.parquet")
    classes = notes["target"]["classes"]
    assert table["species_predicted"].to_list() == loaded.predict(X).tolist()
    P = table.select(f"species_probability_{c}" for c in classes).to_numpy()
    np.testing.assert_allclose(P, loaded.predict_proba(X))


def test_columns_in_another_order_and_extra_ones(run, model, flowers, tmp_path):
    table = pl.read_csv(flowers)
    run("predict", model, flowers, "--out", "o.csv")
    before = pl.read_csv(tmp_path / "o.csv")["species_predicted"]
    table.select(reversed(table.columns)).with_columns(mood=pl.lit("good")).write_csv(tmp_path / "new.csv")
    done = run("predict", model, "new.csv", "--out", "o.csv")
    assert "not used, for the model does not know them: 'mood'" in done.out
    assert pl.read_csv(tmp_path / "o.csv")["species_predicted"].equals(before)


def test_columns_that_the_model_does_not_use_may_be_missing(run, model, flowers, tmp_path):
    pl.read_csv(flowers).drop("plant", "found", "unit").write_csv(tmp_path / "new.csv")
    assert run("predict", model, "new.csv", "--out", "o.csv").code == 0


def test_a_missing_column_is_1_and_named(run, model, flowers, tmp_path):
    pl.read_csv(flowers).drop("width").write_csv(tmp_path / "new.csv")
    done = run("predict", model, "new.csv", "--out", "o.csv")
    assert done.code == 1 and not (tmp_path / "o.csv").exists()
    assert done.err == "error: new.csv lacks the column 'width' that the model was trained on.\n"
    pl.read_csv(flowers).rename({"width": "Width"}).write_csv(tmp_path / "new.csv")
    assert "Did you mean 'Width'?" in run("predict", model, "new.csv", "--out", "o.csv").err


def test_new_categories_and_missing_values_are_told(run, model, flowers, tmp_path):
    table = pl.read_csv(flowers).head(3).with_columns(soil=pl.Series(["peat", "peat", "clay"]), width=None)
    table.write_csv(tmp_path / "new.csv")
    done = run("predict", model, "new.csv", "--out", "o.csv")
    assert "2 values of 'soil' never seen in training ('peat'): all zeros" in done.out
    assert "3 missing values in 'width': filled with the training median" in done.out


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl"])
def test_every_form_of_output(run, model, flowers, tmp_path, suffix):
    assert run("predict", model, flowers, "--out", f"o{suffix}").code == 0
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".json": pl.read_json, ".jsonl": pl.read_ndjson}
    table = (
        pl.read_csv(tmp_path / "o.tsv", separator="\t") if suffix == ".tsv" else read[suffix](tmp_path / f"o{suffix}")
    )
    assert table.height == 60 and table.columns[-1] == "species_predicted"


def test_a_dash_is_stdout_and_nothing_else_is(run, model, flowers):
    done = run("predict", model, flowers, "--out", "-")
    assert len(done.out.splitlines()) == 61 and done.out.startswith("plant,") and "predicted:" in done.err
    assert run("predict", model, flowers, "--out", "-", "--quiet").err.count("\n") == 1  # the score


def test_json(run, model, flowers):
    document = json.loads(run("predict", model, flowers, "--out", "o.csv", "--json").out)
    assert document["rows"] == 60 and document["scored_rows"] == 59 and document["scores"]["accuracy"] > 0.9
    assert document["columns"] == ["species_predicted"]


def test_classes_never_seen_count_as_wrong(run, model, flowers, tmp_path):
    table = pl.read_csv(flowers).head(4).with_columns(species=pl.lit("rosa"))
    table.write_csv(tmp_path / "new.csv")
    done = run("predict", model, "new.csv", "--out", "o.csv")
    assert "4 rows of classes not known from training: 'rosa'" in done.out and "accuracy 0.000" in done.out


def test_predicting_twice_replaces_the_prediction(run, model, flowers, tmp_path):
    run("predict", model, flowers, "--out", "o.csv")
    done = run("predict", model, "o.csv", "--out", "o.csv")
    assert done.code == 0 and "replaced: 'species_predicted'" in done.out
    assert (tmp_path / "o.csv").read_text().splitlines()[0].count("species_predicted") == 1


def test_names_that_look_like_numbers_keep_their_zeros(run, tmp_path):
    rows = "".join(f"{i},{code},{'xy'[i % 2]}\n" for i, code in enumerate(["007", "07", "A7"] * 10))
    (tmp_path / "t.csv").write_text("n,code,y\n" + rows)
    assert run("fit", "nearest", "t.csv", "--target", "y", "--out", "m.npz", "--no-plot").code == 0
    (tmp_path / "new.csv").write_text("n,code\n1,007\n2,NA\n3, 07\n")  # nothing but numbers in this one
    done = run("predict", "m.npz", "new.csv", "--out", "o.csv")
    assert done.code == 0 and "never seen" not in done.out and "1 missing value in 'code'" in done.out
    assert (tmp_path / "o.csv").read_text().splitlines()[1].startswith("1,007,")


def test_regression(run, tmp_path):
    table = pl.DataFrame({"a": np.arange(20.0), "b": np.arange(20) % 3, "y": 2.0 * np.arange(20) + 1})
    table.write_csv(tmp_path / "t.csv")
    assert run("fit", "toy/plane", "t.csv", "--target", "y", "--out", "m.npz", "--no-plot").code == 0
    table.with_columns(y=pl.Series([None, *table["y"][1:]])).write_csv(tmp_path / "new.csv")
    done = run("predict", "m.npz", "new.csv", "--out", "o.csv")
    assert "on 19 rows with 'y'  R² 1.000" in done.out
    assert pl.read_csv(tmp_path / "o.csv")["y_predicted"].to_numpy() == pytest.approx(table["y"].to_numpy(), abs=1e-3)
    done = run("predict", "m.npz", "t.csv", "--out", "o.csv", "--proba")
    assert done.code == 1 and "gives no probabilities" in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["no.npz", "flowers.csv", "--out", "o.csv"], 1, "no.npz"),
        (["flowers.csv", "m.npz", "--out", "o.csv"], 2, "MODEL is the first word"),
        (["m.npz", "m.npz", "--out", "o.csv"], 1, "m.npz holds a model, not a table"),
        (["m.npz", "no.csv", "--out", "o.csv"], 1, "there is no file no.csv"),
        (["m.npz", "flowers.csv", "--out", "no/o.csv"], 1, "there is no folder no"),
        (["m.npz", "flowers.csv", "--out", "o.xls"], 2, "--out takes a file ending in .csv"),
        (["m.npz", "flowers.csv"], 2, "Missing option '--out'"),
        (["m.npz", "flowers.csv", "--out", "-", "--json"], 2, "both write to stdout"),
    ],
)
def test_wrong_calls(run, model, words, code, said):
    done = run("predict", *words)
    assert done.code == code and said in done.err
    assert code == 2 or done.err.count("\n") == 1


def test_a_model_saved_from_python_says_why_it_cannot_be_used(run, flowers, tmp_path):
    import pellucid

    run("list")  # registers the toy models
    model = pellucid.make("toy/plane").fit(np.arange(8.0).reshape(4, 2), np.arange(4.0))
    pellucid.save(model, tmp_path / "bare.npz")
    done = run("predict", "bare.npz", flowers, "--out", "o.csv")
    assert done.code == 1 and "was not written by `pellucid fit`" in done.err


def test_notes_that_contradict_the_model_are_refused(run, model, flowers, tmp_path):
    import pellucid
    from pellucid.saving import load_with_notes

    loaded, notes = load_with_notes(model)
    for change, said in (
        ({"format": 99}, "newer pellucid-cli"),
        ({"encoder": notes["encoder"] | {"columns": notes["encoder"]["columns"][:1]}}, "contradicts itself"),
        ({"encoder": 3}, "notes on its columns"),
        ({"columns": 3}, "notes on its columns"),
        ({"target": {"name": "y"}}, "notes on its target"),
    ):
        pellucid.save(loaded, tmp_path / "bad.npz", notes=notes | change)
        done = run("predict", "bad.npz", flowers, "--out", "o.csv")
        assert done.code == 1 and said in done.err, done.err


def test_classes_with_leading_zeros_are_predicted_as_they_were(run, tmp_path):
    lines = ["x,zip"] + [f"{n % 3},{('01234', '02345', '90210')[n % 3]}" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    assert run("fit", "nearest", "t.csv", "--target", "zip", "--out", "z.npz", "--no-plot").code == 0
    assert run("predict", "z.npz", "t.csv", "--out", "o.csv").code == 0
    assert (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()[1] == "0,01234,01234"
