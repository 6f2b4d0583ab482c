"""The files hold what their sources say: by checksum, by published statistics, and by scikit-learn's own copy."""

import gzip
import hashlib
import importlib.util
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import pellucid_datasets
from pellucid_datasets._plugin import SPECS

DATA = resources.files("pellucid_datasets") / "data"

SHA256 = {  # of the CSV text
    "iris": "91eb642c3adbc7bad8e99c930c11fa3a5cc8a07262c7a753b4e6ecf405f2e05e",
    "digits": "592cc047d0a1cc7fdef9fd724514209dcb45a80aa147dc3ab375e3e1a9a380f4",
    "wine": "6286df3a95ddf0c6bbb8f3d2cfcaafe7ec49810c9cc424c311d6d8f0a7ce2b42",
    "breast_cancer": "518936fa92ca3d8a78c420aee22030c4e519ffcba3be15dd23e83f2fc22e20e5",
    "diabetes": "921f81fdb8f544eeda2a89a9057bd2a65f710dbbfdb946c7a4a7e39198d8bcce",
    "british_doctors": "f6b57ae9f5df243ac4f94bc35740a5b3f3b389d28bf45673b07bcfed530cac58",
}
FROM_SKLEARN = [name for name in SHA256 if name != "british_doctors"]
CLASS_SIZES = {
    "iris": [50, 50, 50],
    "digits": [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
    "wine": [59, 71, 48],
    "breast_cancer": [212, 357],
}
ALL = pytest.mark.parametrize("name", list(SHA256))


def load(name):
    return getattr(pellucid_datasets, name)()


def column(data, name):
    return data.X[:, data.feature_names.index(name)]


@ALL
def test_file_has_the_expected_text(name):
    text = gzip.decompress((DATA / f"{name}.csv.gz").read_bytes())
    assert hashlib.sha256(text).hexdigest() == SHA256[name]


def test_files_stay_small_and_are_all_described():
    files = {file.name: len(file.read_bytes()) for file in DATA.iterdir()}
    assert set(files) == {f"{name}.csv.gz" for name in SHA256}
    assert sum(files.values()) < 200_000
    described = (resources.files("pellucid_datasets") / "DATA.md").read_text(encoding="utf-8")
    for name, checksum in SHA256.items():
        assert f"`{name}.csv.gz`" in described
        assert f"{checksum}  {name}\n" in described


@ALL
def test_arrays_agree_with_the_file_read_cell_by_cell(name):
    header, *lines = gzip.decompress((DATA / f"{name}.csv.gz").read_bytes()).decode().splitlines()
    data = load(name)
    assert (*data.feature_names, data.target) == tuple(header.split(","))
    assert len(lines) == len(data.X) == len(data.y)
    for row, x, y in zip(lines, data.X, data.y, strict=True):
        *cells, target = row.split(",")
        assert [float(cell) for cell in cells] == x.tolist()
        assert (data.target_names[y] if data.target_names else float(y)) == (
            target if data.target_names else float(target)
        )


@ALL
def test_record_agrees_with_its_spec(name):
    data, spec = load(name), SPECS[name]
    assert data.X.shape == (spec.n_rows, spec.n_columns)
    assert data.X.dtype == np.float64
    assert data.X.flags.c_contiguous
    assert np.isfinite(data.X).all()
    assert len(set(data.feature_names)) == spec.n_columns
    assert all(word.isidentifier() for word in (*data.feature_names, data.target))
    assert (data.task, data.summary, data.source, data.licence) == (spec.task, spec.summary, spec.source, spec.licence)
    if spec.task == "classification":
        assert data.y.dtype == np.int64
        assert len(data.target_names) == spec.n_classes
        assert np.bincount(data.y).tolist() == CLASS_SIZES[name]
    else:
        assert data.y.dtype == np.float64
        assert data.target_names == ()


@ALL
def test_every_call_returns_new_writable_arrays(name):
    first = load(name)
    X, y = first.X.copy(), first.y.copy()
    first.X[:] = -1
    first.y[:] = 0
    second = load(name)
    np.testing.assert_array_equal(second.X, X)
    np.testing.assert_array_equal(second.y, y)


def test_iris_is_fishers_and_not_the_misprinted_copy():
    data = load("iris")
    assert data.X[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert data.X[37].tolist() == [4.9, 3.6, 1.4, 0.1]
    means = [data.X[data.y == k].mean(axis=0) for k in range(3)]
    np.testing.assert_allclose(means[0], [5.006, 3.428, 1.462, 0.246])  # Fisher (1936), table II
    np.testing.assert_allclose(means[1], [5.936, 2.770, 4.260, 1.326])
    np.testing.assert_allclose(means[2], [6.588, 2.974, 5.552, 2.026])


def test_a_poisson_model_of_the_british_doctors_is_that_of_the_textbooks():
    """Rate ratios of smoking and of each age, rate and deviance as Dobson & Barnett and Stata's manual print them."""
    data = load("british_doctors")
    age, years = column(data, "age"), column(data, "person_years")
    X = np.column_stack([np.ones(10), column(data, "smoker"), *(age == a for a in (45, 55, 65, 75))])
    w = np.linalg.lstsq(X, np.log(data.y / years), rcond=None)[0]
    for _ in range(20):  # Newton's method
        mean = years * np.exp(X @ w)
        w += np.linalg.solve((X.T * mean) @ X, X.T @ (data.y - mean))
    np.testing.assert_allclose(np.exp(w[1:]), [1.425519, 4.410584, 13.8392, 28.51678, 40.45121], rtol=1e-6)
    np.testing.assert_allclose(np.exp(w[0]), 0.0003636, atol=5e-8)
    deviance = 2 * np.sum(data.y * np.log(data.y / mean))
    assert round(float(deviance), 2) == 12.13


def test_digits_are_counts_of_dots_in_blocks_of_sixteen():
    data = load("digits")
    assert set(np.unique(data.X)) == set(range(17))
    silent = np.array(data.feature_names)[data.X.max(axis=0) == 0]
    assert silent.tolist() == ["pixel_0_0", "pixel_4_0", "pixel_4_7"]
    pictures = data.X.reshape(-1, 8, 8)
    assert pictures[5, 2, 3] == data.X[5, data.feature_names.index("pixel_2_3")]
    zeros, ones = (pictures[data.y == k].mean(axis=0) for k in (0, 1))
    assert zeros[3:5, 3:5].max() < 4 < 10 < ones[3:5, 3:5].min()  # a zero has a hole where a one has ink


def test_wine_statistics_are_those_published_with_the_data():
    data = load("wine")
    assert (column(data, "alcohol").min(), column(data, "alcohol").max()) == (11.03, 14.83)
    assert (column(data, "proline").min(), column(data, "proline").max()) == (278, 1680)
    np.testing.assert_allclose(column(data, "proline").mean(), 746.9, atol=0.05)
    np.testing.assert_allclose(column(data, "hue").mean(), 0.957, atol=0.001)


def test_breast_cancer_columns_belong_together():
    data = load("breast_cancer")
    for measure in ("radius", "area", "concave_points"):
        assert np.all(column(data, f"worst_{measure}") >= column(data, f"mean_{measure}"))
    radius, area = column(data, "mean_radius"), column(data, "mean_area")
    assert np.corrcoef(np.pi * radius**2, area)[0, 1] > 0.99
    malignant = data.y == data.target_names.index("malignant")
    assert radius[malignant].mean() > radius[~malignant].mean() + 5


def test_diabetes_is_raw_and_its_columns_are_what_their_names_say():
    data = load("diabetes")
    assert (data.y.min(), data.y.max()) == (25, 346)
    np.testing.assert_allclose(data.y.mean(), 152.13, atol=0.005)
    assert set(column(data, "sex")) == {1.0, 2.0}
    assert (column(data, "age").min(), column(data, "age").max()) == (19, 79)
    total, ldl, hdl = (column(data, name) for name in ("total_cholesterol", "ldl", "hdl"))
    triglycerides = np.exp(column(data, "log_triglycerides"))
    np.testing.assert_allclose(ldl, total - hdl - triglycerides / 5, atol=0.5)  # Friedewald, rounded
    off = np.abs(total / hdl - column(data, "cholesterol_ratio"))  # most ratios are rounded to whole numbers
    assert np.mean(off <= 0.5) > 0.97


@pytest.mark.parametrize("name", FROM_SKLEARN)
def test_values_equal_scikit_learns(name):
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = getattr(sklearn_datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    ours = load(name)
    np.testing.assert_array_equal(ours.X, theirs.data)
    np.testing.assert_array_equal(ours.y, theirs.target)


@pytest.mark.parametrize("name", list(CLASS_SIZES))  # not diabetes: its columns are checked by their values above
def test_column_names_are_in_scikit_learns_order(name):
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = [str(column).replace(" (cm)", "") for column in getattr(sklearn_datasets, f"load_{name}")().feature_names]
    assert list(load(name).feature_names) == [column.replace(" ", "_").replace("/", "_") for column in theirs]


def test_the_script_makes_the_shipped_files(monkeypatch, capsys):
    pytest.importorskip("sklearn")
    path = Path(__file__).parents[1] / "tools" / "make_datasets.py"
    if not path.exists():
        pytest.skip("the script is in the repository only")
    spec = importlib.util.spec_from_file_location("make_datasets", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr("sys.argv", ["make_datasets.py", "--check"])
    assert script.main() == 0
    printed = capsys.readouterr().out
    assert all(checksum in printed for checksum in SHA256.values())
