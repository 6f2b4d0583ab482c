"""Each check of input lets the sound models pass and catches a model that is broken in the one way it looks for."""

import sys

import numpy as np
import pytest
from sound_models import SOUND, Centroids, Plane, Scale, checks_of, result, subject

from pellucid.testing import input_checks

CHECKS = checks_of("input_checks")


# Models that are broken, each in one way


class Reads(Scale):
    """What the mutants of X derive from: they read the table in their own way, at fit and after it."""

    def read(self, X):
        return X

    def fit(self, X, y=None):
        return super().fit(self.read(X))

    def transform(self, X):
        return super().transform(self.read(X))


class WantsAShape(Reads):
    def read(self, X):
        return X.reshape(X.shape)


class ReadsMemory(Reads):
    def read(self, X):
        return np.ravel(X, order="K").reshape(np.shape(X)) if isinstance(X, np.ndarray) else X


class RoundsFloat32(Reads):
    def read(self, X):
        return np.round(X) if getattr(X, "dtype", None) == np.float32 else X


class RoundsLabelsOfFloat32(Centroids):
    def predict(self, X):
        labels = super().predict(X)
        return np.full_like(labels, labels[0]) if X.dtype == np.float32 else labels


class AnswersInFloat64(Scale):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


class HalvesIntegers(Plane):
    def predict(self, X):
        return super().predict(X // 2 if np.asarray(X).dtype.kind == "i" else X)


class SubtractsBools(Reads):
    def read(self, X):
        return X - X[:1] if isinstance(X, np.ndarray) else X


class InventsNames(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self.feature_names_in_ = np.array([f"x{d}" for d in range(self.n_features_in_)], dtype=object)
        return self


class CountsRowsAsFeatures(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.n_features_in_ = len(X)
        return self

    def predict(self, X):
        return np.asarray(X) @ self.coef_ + self.intercept_


class RefusesFrames(Reads):
    def read(self, X):
        if hasattr(X, "columns"):
            raise TypeError("only arrays")
        return X


class DropsNames(Reads):
    def read(self, X):
        return np.asarray(X)


class TakesNaNForZero(Reads):
    def read(self, X):
        return np.nan_to_num(X, posinf=np.inf, neginf=-np.inf) if _numeric(X) else X


class Clips(Reads):
    def read(self, X):
        return np.clip(X, -1e300, 1e300) if _numeric(X) else X


class TakesTheRealPart(Reads):
    def read(self, X):
        return X.real if np.iscomplexobj(X) else X


class NumbersWords(Reads):
    def read(self, X):
        A = np.asarray(X)
        if A.dtype.kind == "U" or any(isinstance(value, str) for value in A.flat):
            return np.unique(A.astype(str), return_inverse=True)[1].reshape(A.shape)
        return X


class SaysBad(Reads):
    def read(self, X):
        try:
            return np.asarray(X, dtype=float)
        except (TypeError, ValueError):
            raise ValueError("bad input") from None


class TakesObjectsForZero(Reads):
    def read(self, X):
        A = np.asarray(X)
        if A.dtype != object:
            return X
        return np.vectorize(lambda value: value if isinstance(value, float) else 0.0, otypes=[float])(A)


class BoxesSparse(Reads):
    def read(self, X):
        return np.asarray(X, dtype=float) if hasattr(X, "toarray") else X


class ReadsSparseTransposed(Plane):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X.toarray()[:, ::-1] if hasattr(X, "toarray") else X, y, sample_weight)

    def predict(self, X):
        return super().predict(X.toarray() if hasattr(X, "toarray") else X)


class FlattensToTwo(Reads):
    def read(self, X):
        return X.reshape(len(X), -1) if isinstance(X, np.ndarray) else X


class ImaginesARow(Reads):
    def read(self, X):
        return np.zeros((1, np.shape(X)[1])) if len(X) == 0 else X


class ImaginesAColumn(Reads):
    def read(self, X):
        return np.zeros((len(X), 1)) if np.shape(X)[1:] == (0,) else X


class CutsToSize(Scale):
    def transform(self, X):
        self._check_fitted()
        return super().transform(X[:, : self.n_features_in_])


class SaysWidthOnly(Scale):
    def transform(self, X):
        self._check_fitted()
        if np.shape(X)[1] != self.n_features_in_:
            raise ValueError("X has another width than at fit")
        return super().transform(X)


class ScalesBy(Scale):
    """What the mutants of edges derive from: their scale comes from a number that is not always there."""

    def number(self, X):
        return 1.0

    def fit(self, X, y=None):
        super().fit(X)
        with np.errstate(all="ignore"):
            self.scale_ = np.ones(self.n_features_in_) * self.number(np.asarray(X, dtype=float))
        return self

    def transform(self, X):
        with np.errstate(all="ignore"):
            return super().transform(X)


class DividesByRowsLessOne(ScalesBy):
    def number(self, X):
        return np.sum(np.abs(X - X.mean(axis=0)) + 1) / np.float64(len(X) - 1) * 0.0 + 1.0


class LooksAtTheSecondColumn(ScalesBy):
    def number(self, X):
        return np.abs(X[:, 1]).max() + 1


class LooksAtTheSecondDistinctRow(ScalesBy):
    def number(self, X):
        return 1.0 + np.abs(np.unique(X, axis=0)[1] if len(X) == 2 else 0.0)


class DividesByAllVariation(ScalesBy):
    def number(self, X):
        return np.linalg.norm(X - X.mean(axis=0))


class DividesByEachDeviation(ScalesBy):
    def number(self, X):
        return np.ptp(X, axis=0)


class InvertsTheCovariance(ScalesBy):
    def number(self, X):
        deviations = X - X.mean(axis=0)
        return 1 / (1e-300 + np.linalg.svd(np.linalg.inv(deviations.T @ deviations), compute_uv=False)[0])


class DividesFourthPowers(ScalesBy):
    def number(self, X):
        return np.mean(X**4) / np.mean(X**2) ** 2


class CubesAnswers(Plane):
    def predict(self, X):
        X = self._check_X(X)
        with np.errstate(all="ignore"):
            return np.cbrt((X @ self.coef_ + self.intercept_) ** 3)


class SquaresSums(Plane):
    """Normal equations of rows that are not centred: the offset eats the digits."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        A = np.column_stack([X, np.ones(len(X))])
        weights = np.linalg.pinv(A.T @ A) @ (A.T @ y)
        self.coef_, self.intercept_ = weights[:-1], weights[-1]
        return self


class CentresWhatItIsAsked(Scale):
    def transform(self, X):
        return super().transform(X - np.mean(np.asarray(X), axis=0))


class CountsRows(Scale):
    def transform(self, X):
        return super().transform(X) + 1e-3 * np.arange(len(X))[:, None]


class PairsWhatItCan(Plane):
    def fit(self, X, y, sample_weight=None):
        n = min(len(X), len(y)) if y is not None else 0
        return super().fit(X[:n], y[:n] if n else y, sample_weight)


class NeedsNoTarget(Plane):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, np.zeros(len(X)) if y is None else y, sample_weight)


class SaysNothingOfY(Plane):
    def fit(self, X, y, sample_weight=None):
        if y is None:
            raise ValueError("a target is needed")
        return super().fit(X, y, sample_weight)


class FillsTargets(Plane):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y if y is None else np.nan_to_num(np.asarray(y, dtype=float)), sample_weight)


class RefusesColumns(Plane):
    def fit(self, X, y, sample_weight=None):
        if np.ndim(y) == 2:
            raise ValueError("y must be 1d")
        return super().fit(X, y, sample_weight)


class NeedsASecondClass(Centroids):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.second_ = self.classes_[1]
        return self


class RefusesOneClassWithoutAWord(Centroids):
    def fit(self, X, y, sample_weight=None):
        if y is not None and len(set(np.ravel(y))) == 1:
            raise ValueError("nothing to learn")
        return super().fit(X, y, sample_weight)


class AnswersWithIndices(Centroids):
    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class LooksLabelsUp(Centroids):
    def score(self, X, y, sample_weight=None):
        place = {label: k for k, label in enumerate(self.classes_.tolist())}
        return float(
            np.mean(self.predict_proba(X).argmax(axis=1) == [place[label] for label in np.asarray(y).tolist()])
        )


class WantsAFloatTarget(Plane):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y if y is None else y.astype(np.float64, casting="safe"), sample_weight)


def _numeric(X):
    return np.asarray(X).dtype.kind in "fiub"


MUTANTS = {
    "lists-do-as-well-as-arrays": WantsAShape,
    "memory-layout-does-not-matter": ReadsMemory,
    "float32-gives-nearly-the-same": RoundsFloat32,
    "float32-stays-float32": AnswersInFloat64,
    "integers-equal-floats": HalvesIntegers,
    "bools-equal-zeros-and-ones": SubtractsBools,
    "width-is-remembered": InventsNames,
    "pandas-frames-work": RefusesFrames,
    "polars-frames-work": RefusesFrames,
    "columns-in-another-order-are-noticed": DropsNames,
    "nan-is-refused": TakesNaNForZero,
    "infinity-is-refused": Clips,
    "complex-numbers-are-refused": TakesTheRealPart,
    "text-is-refused": NumbersWords,
    "objects-are-refused": TakesObjectsForZero,
    "sparse-matrices-are-no-surprise": BoxesSparse,
    "one-dimension-is-refused": FlattensToTwo,
    "three-dimensions-are-refused": FlattensToTwo,
    "no-rows-are-refused": ImaginesARow,
    "no-columns-are-refused": ImaginesAColumn,
    "another-width-is-refused": CutsToSize,
    "one-row-is-enough-or-refused": DividesByRowsLessOne,
    "one-column-is-enough-or-refused": LooksAtTheSecondColumn,
    "two-identical-rows-make-sense": LooksAtTheSecondDistinctRow,
    "identical-rows-make-sense": DividesByAllVariation,
    "constant-column-makes-sense": DividesByEachDeviation,
    "repeated-column-makes-sense": InvertsTheCovariance,
    "huge-numbers-make-sense": DividesFourthPowers,
    "tiny-numbers-make-sense": DividesFourthPowers,
    "distance-from-zero-does-not-matter": SquaresSums,
    "each-row-is-answered-alone": CentresWhatItIsAsked,
    "answers-follow-their-rows": CountsRows,
    "y-of-another-length-is-refused": PairsWhatItCan,
    "y-may-not-be-missing": NeedsNoTarget,
    "nan-in-y-is-refused": FillsTargets,
    "y-may-be-a-column": RefusesColumns,
    "one-class-is-learnt-or-refused": NeedsASecondClass,
    "labels-keep-their-type": AnswersWithIndices,
    "unknown-labels-score-nothing": LooksLabelsUp,
    "targets-may-be-of-any-type": WantsAFloatTarget,
}
SAID = {  # what the message tells
    "lists-do-as-well-as-arrays": "'list' object has no attribute",
    "memory-layout-does-not-matter": "with Fortran order transform differs",
    "float32-gives-nearly-the-same": "with float32 transform differs",
    "float32-stays-float32": "transform has dtype float64",
    "bools-equal-zeros-and-ones": "boolean subtract",
    "width-is-remembered": "there is a feature_names_in_",
    "pandas-frames-work": "only arrays",
    "polars-frames-work": "only arrays",
    "columns-in-another-order-are-noticed": "took them for column 0, column 1, column 2, column 3",
    "nan-is-refused": "fit with NaN in X raised nothing",
    "infinity-is-refused": "fit with inf in X raised nothing",
    "complex-numbers-are-refused": "fit with complex X raised nothing",
    "text-is-refused": "fit with text in X of dtype <U3 raised nothing",
    "objects-are-refused": "fit with an object in X raised nothing",
    "sparse-matrices-are-no-surprise": "does not say what came",
    "one-dimension-is-refused": "fit with an X of one dimension raised nothing",
    "three-dimensions-are-refused": "fit with an X of three dimensions raised nothing",
    "no-rows-are-refused": "fit with an X without rows raised nothing",
    "no-columns-are-refused": "fit with an X without columns raised nothing",
    "another-width-is-refused": "transform of 5 columns after a fit to 4 raised nothing",
    "one-row-is-enough-or-refused": "with one row transform holds nan",
    "one-column-is-enough-or-refused": "IndexError",
    "two-identical-rows-make-sense": "IndexError",
    "identical-rows-make-sense": "with identical rows transform holds nan in 240 of 240 places",
    "constant-column-makes-sense": "with a constant column transform holds nan in 60 of 240 places",
    "repeated-column-makes-sense": "LinAlgError, which does not say what is wrong with the data",
    "huge-numbers-make-sense": "an X around 1e150",
    "tiny-numbers-make-sense": "an X around 1e-150",
    "distance-from-zero-does-not-matter": "with a million added to X, and 0.99",
    "y-of-another-length-is-refused": "60 rows of X and 59 of y raised nothing",
    "y-may-not-be-missing": "fit(X, None) raised nothing",
    "nan-in-y-is-refused": "fit with NaN in y raised nothing",
    "y-may-be-a-column": "y must be 1d",
    "one-class-is-learnt-or-refused": "IndexError",
    "labels-keep-their-type": "labels that are strings predict has dtype int64",
    "unknown-labels-score-nothing": "KeyError",
    "targets-may-be-of-any-type": "'list' object has no attribute",
}
FRAMES = {"pandas-frames-work": "pandas", "polars-frames-work": "polars"}
NETWORK = {"tags": ("neural network",)}


def tags(name):
    return NETWORK if name == "float32-stays-float32" else {}


def need(name):
    if name in FRAMES:
        pytest.importorskip(FRAMES[name])
    if name == "columns-in-another-order-are-noticed":
        pytest.importorskip("pandas")


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    need(name)
    found = result(name, subject(MUTANTS[name], **tags(name)))
    assert found.status == "failed"
    assert SAID.get(name, "differs") in found.saw


@pytest.mark.parametrize("name", MUTANTS)
def test_the_model_that_a_mutant_is_derived_from_passes(name):
    need(name)
    sound = next(cls for cls in SOUND if issubclass(MUTANTS[name], cls))
    assert result(name, subject(sound, **tags(name))).status == "passed"


@pytest.mark.parametrize("cls", SOUND)
def test_sound_models_pass_every_check(cls):
    model = subject(cls)
    results = [result(name, model) for name, check in CHECKS.items() if model.task in check.tasks]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []


# More ways to be broken, for checks that look at several things


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("float32-gives-nearly-the-same", RoundsLabelsOfFloat32, "with float32 predict agrees in"),
        ("width-is-remembered", CountsRowsAsFeatures, "n_features_in_ is 60 after a fit to 4 columns"),
        ("text-is-refused", SaysBad, "fit with text in X of dtype <U3 does not say what came: bad input"),
        ("sparse-matrices-are-no-surprise", ReadsSparseTransposed, "it took a sparse matrix, and predict differs"),
        ("another-width-is-refused", SaysWidthOnly, "transform of 3 columns after a fit to 4"),
        ("huge-numbers-make-sense", CubesAnswers, "with an X around 1e150 after fit predict holds"),
        ("y-may-not-be-missing", SaysNothingOfY, "does not speak of y: a target is needed"),
        ("one-class-is-learnt-or-refused", RefusesOneClassWithoutAWord, "does not speak of classes: nothing to learn"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, subject(cls))
    assert found.status == "failed"
    assert said in found.saw


def test_a_model_that_depends_on_the_distance_from_zero_may():
    class NearZero(Plane):
        def fit(self, X, y, sample_weight=None):
            super().fit(X, y, sample_weight)
            self.coef_ = self.coef_ / (1 + np.abs(np.mean(X)) ** 2)
            return self

    class RefusesLargeNumbers(Plane):
        def fit(self, X, y, sample_weight=None):
            if np.max(np.asarray(X, dtype=float)) > 50:
                raise ValueError("too large")
            return super().fit(X, y, sample_weight)

    name = "distance-from-zero-does-not-matter"
    assert result(name, subject(NearZero)).saw == "what it learns depends on the distance of X from zero, and may"
    assert result(name, subject(RefusesLargeNumbers)).saw == "it refuses an X that is moved by 100"
    assert result(name, subject(Plane, tags=("binary",))).saw == "its X cannot be moved"
    assert result(name, subject(Centroids)).status == "passed"


def test_a_model_that_takes_missing_values_may_take_nan():
    model = subject(TakesNaNForZero, tags=("missing values",))
    assert result("nan-is-refused", model).saw == "it takes NaN for a missing value"


def test_a_model_that_takes_sparse_matrices_passes_if_it_says_the_same():
    class TakesSparse(Reads):
        def read(self, X):
            return X.toarray() if hasattr(X, "toarray") else X

    assert result("sparse-matrices-are-no-surprise", subject(TakesSparse)).status == "passed"


def test_a_model_that_knows_only_sparse_matrices_of_scipy_may_refuse_those():
    sparse = pytest.importorskip("scipy.sparse")

    class KnowsSciPy(SaysBad):
        def read(self, X):
            if sparse.issparse(X):
                raise TypeError("sparse X")
            return super().read(X)

    assert result("sparse-matrices-are-no-surprise", subject(KnowsSciPy)).status == "passed"


def test_a_warning_of_columns_in_another_order_is_enough():
    pytest.importorskip("pandas")

    class Warns(Scale):
        def transform(self, X):
            return super().transform(np.asarray(X))  # warns that there are no names any more

    assert result("columns-in-another-order-are-noticed", subject(Warns)).status == "passed"


def test_a_clusterer_without_predict_is_not_asked_about_other_rows():
    class OnlyLabels(next(cls for cls, task in SOUND.items() if task == "clustering")):
        predict = None

        def __getattribute__(self, name):
            if name == "predict":
                raise AttributeError(name)
            return super().__getattribute__(name)

    for name in ("each-row-is-answered-alone", "another-width-is-refused"):
        assert result(name, subject(OnlyLabels)).saw == "it says nothing of data that it was not fitted to"
    assert result("nan-is-refused", subject(OnlyLabels)).status == "passed"


def test_without_scipy_something_like_its_matrices_is_tried(monkeypatch):
    monkeypatch.delitem(sys.modules, "scipy.sparse", raising=False)
    assert result("sparse-matrices-are-no-surprise", subject(Scale)).status == "passed"
    assert "not '_CSR'" in result("sparse-matrices-are-no-surprise", subject(BoxesSparse)).saw


def test_checks_of_frames_are_skipped_where_there_are_none(monkeypatch):
    monkeypatch.setattr(input_checks, "_frame_maker", lambda library: None)
    model = subject(Scale)
    assert result("pandas-frames-work", model).saw == "pandas is not installed"
    assert result("columns-in-another-order-are-noticed", model).saw == "neither pandas nor polars is installed"
