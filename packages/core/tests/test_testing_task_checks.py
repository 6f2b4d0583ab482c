"""Each check of a task on tables lets the sound models pass and catches the one that is broken where it looks."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sound_models import SOUND, Bell, Centroids, Means, Plane, Scale, checks_of, result, subject

from pellucid.testing import tasks
from pellucid.testing.task_checks import adjusted_rand
from pellucid.validation import check_rng

CHECKS = checks_of("task_checks")


# Sound models with all that these checks look at


class Nearest(Centroids):
    def decision_function(self, X):
        X = self._check_X(X)
        scores = -np.sum((X[:, None] - self.means_) ** 2, axis=2)  # (N, K)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_log_proba(self, X):
        return np.log(np.maximum(self.predict_proba(X), 1e-300))


class Planes(Plane):
    """Least squares for several targets."""

    _multi_output = True

    def fit(self, X, y, sample_weight=None):
        X, Y, _ = self._check_fit(X, y, sample_weight)
        weights = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), Y)[0]  # (D + 1,) or (D + 1, T)
        self.coef_, self.intercept_ = weights[:-1], weights[-1]
        return self


class Axes(Scale):
    """Principal components: two of them, of which two columns of the four can come back only in part."""

    def fit(self, X, y=None):
        X = self._check_fit_X(X)
        self.mean_ = X.mean(axis=0)
        self.components_ = np.linalg.svd(X - self.mean_, full_matrices=False)[2][:2]  # (2, D)
        return self

    @property
    def _n_features_out(self):
        return len(self.components_)

    def transform(self, X):
        return (self._check_X(X) - self.mean_) @ self.components_.T

    def inverse_transform(self, X):
        return np.asarray(X) @ self.components_ + self.mean_


class SeededBell(Bell):
    def sample(self, n=1, random_state=None):
        return check_rng(random_state).normal(self.mean_, self.scale_, size=(n, len(self.mean_)))


class LabelledBell(Bell):
    def sample(self, n=1):
        return super().sample(n), np.zeros(n, dtype=int)


RICH = {
    Nearest: "classification",
    Planes: "regression",
    Axes: "transform",
    SeededBell: "density",
    LabelledBell: "density",
}


# Models that are broken, each in one way


class AlwaysTheFirst(Nearest):
    def predict(self, X):
        return np.repeat(self.classes_[:1], len(self._check_X(X)))


class CountsClasses(Nearest):
    def predict(self, X):
        return super().predict(X) + 1


class KeepsTheOrderOfRows(Nearest):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        order = np.argsort([np.flatnonzero(np.asarray(y) == label)[0] for label in self.classes_])
        self.classes_, self.means_ = self.classes_[order], self.means_[order]
        return self


class ConfusesTwo(Nearest):
    def predict(self, X):
        labels = super().predict(X)
        return labels if len(self.classes_) > 2 else np.where(labels == self.classes_[0], *self.classes_[::-1])


class AtMostTen(Nearest):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.classes_, self.means_ = self.classes_[:10], self.means_[:10]
        return self


class ScalesUpOfTwo(Nearest):
    def predict_proba(self, X):
        found = super().predict_proba(X)
        return np.minimum(1.3 * found, 1.0) if len(self.classes_) == 2 else found


class SwapsTwo(Nearest):
    def predict_proba(self, X):
        found = super().predict_proba(X)
        return found[:, ::-1] if len(self.classes_) == 2 else found

    def predict(self, X):
        return self.classes_[super().predict_proba(X).argmax(axis=1)]


class ScalesDownOfMany(Nearest):
    def predict_proba(self, X):
        return super().predict_proba(X) * (0.9 if len(self.classes_) > 3 else 1.0)


class OneAgainstTheRest(Nearest):
    def predict_proba(self, X):
        return np.exp(-0.1 * np.sum((self._check_X(X)[:, None] - self.means_) ** 2, axis=2))


class PredictsTheLeast(Nearest):
    def predict(self, X):
        return self.classes_[np.argmax(super().predict_proba(X) * [1.0, 1.0, 0.1][: len(self.classes_)], axis=1)]


class LogarithmToBaseTwo(Nearest):
    def predict_log_proba(self, X):
        return super().predict_log_proba(X) / np.log(2)


class FirstClassIsPositive(Nearest):
    def decision_function(self, X):
        scores = super().decision_function(X)
        return -scores if scores.ndim == 1 else scores


class ScoresMistakes(Nearest):
    def score(self, X, y, sample_weight=None):
        return 1 - super().score(X, y, sample_weight)


class OnlyTheMean(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)
        self.coef_, self.intercept_ = 0 * self.coef_, np.mean(y)
        return self


class PredictsAColumn(Plane):
    def predict(self, X):
        return super().predict(X)[:, None]


class MixesUpTargets(Planes):
    def predict(self, X):
        found = super().predict(X)
        return found[:, ::-1] if found.ndim == 2 else found


class ScoresTheError(Planes):
    def score(self, X, y, sample_weight=None):
        return float(np.mean((self.predict(X) - y) ** 2))


class LabelsAsFloats(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.labels_ = self.labels_.astype(float)
        return self


class StartsAgain(Means):
    def fit_predict(self, X, y=None):
        return 2 - self.fit(X).labels_


class ForgetsItsLabels(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.means_ = self.means_[::-1]
        return self


class CutsAtTheMedian(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.labels_ = (X[:, 3] > np.median(X[:, 3])).astype(int)
        return self


class DensityOfZero(Bell):
    def score_samples(self, X):
        found = super().score_samples(X)
        return np.where(found > np.median(found), found, -np.inf)


class ForgetsTheConstant(Bell):
    def score_samples(self, X):
        return super().score_samples(X) + 0.5 * X.shape[1] * np.log(2 * np.pi)


class FlatDensity(Bell):
    def score_samples(self, X):
        return np.full(len(self._check_X(X)), -np.log(80.0))


class SumsTheScore(Bell):
    def score(self, X, y=None):
        return float(np.sum(self.score_samples(X)))


class ScoresTheLeast(Bell):
    def score(self, X, y=None):
        return float(np.min(self.score_samples(X)))


class SamplesAColumn(Bell):
    def sample(self, n=1):
        return super().sample(n)[:, :1]


class SamplesFromTheClock(SeededBell):
    def sample(self, n=1, random_state=None):
        return super().sample(n)


class SamplesAroundZero(SeededBell):
    def sample(self, n=1, random_state=None):
        return super().sample(n, random_state) - self.mean_ - 3


class DropsARow(Scale):
    def transform(self, X):
        return super().transform(X)[1:]


class ForgetsToCentre(Scale):
    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X) + self.mean_


class NamesTooMany(Axes):
    @property
    def _n_features_out(self):
        return 4


class ForgetsToUncentre(Axes):
    def inverse_transform(self, X):
        return np.asarray(X) @ self.components_ + 2 * self.mean_ + 1


class IgnoresItsContainer(Scale):
    def set_output(self, *, transform=None):
        return self


MUTANTS = {  # check -> (class, what must be said)
    "beats-the-most-frequent-class": (AlwaysTheFirst, "33% of the labels were right"),
    "predicts-its-classes": (CountsClasses, "predict gave [3], and classes_ is [0, 1, 2]"),
    "classes-are-sorted": (KeepsTheOrderOfRows, "classes_ is [2, 1, 0]"),
    "two-classes": (ConfusesTwo, "% of the labels -1 and 1 were right"),
    "many-classes": (AtMostTen, "classes_ has 10 labels"),
    "probabilities-sum-to-one": (OneAgainstTheRest, "a row of predict_proba sums to"),
    "predicts-the-most-probable-class": (PredictsTheLeast, "predict and the highest predict_proba disagree in"),
    "log-probabilities-are-logarithms": (LogarithmToBaseTwo, "exp(predict_log_proba) differs by up to"),
    "decides-by-its-decision-function": (FirstClassIsPositive, "disagree in 40 of 40 rows"),
    "score-is-the-accuracy": (ScoresMistakes, "of the labels are right"),
    "beats-the-mean": (OnlyTheMean, "R² is 0.000 for the data of the fit"),
    "predicts-one-number-for-each-row": (PredictsAColumn, "predict of 60 rows has shape (60, 1)"),
    "several-targets": (MixesUpTargets, "R² of the three targets: -"),
    "score-is-r-squared": (ScoresTheError, "and R² is"),
    "every-row-has-a-cluster": (LabelsAsFloats, "labels_ holds float64"),
    "fit-predict-gives-the-labels": (StartsAgain, "of 60 places, compared with labels_ after fit"),
    "predicts-the-labels-of-its-data": (ForgetsItsLabels, "of 60 rows"),
    "finds-three-clouds": (CutsAtTheMedian, "with 2 clusters"),
    "log-densities-are-finite": (DensityOfZero, "30 of 60 log densities are not finite"),
    "density-integrates-to-one": (ForgetsTheConstant, "it integrates to 2.5066"),
    "far-points-are-less-dense": (FlatDensity, "log density -4.382 far away, -4.382 at a row"),
    "score-is-the-mean-log-density": (ScoresTheLeast, "and the sum -"),
    "samples-have-the-columns-of-the-data": (SamplesAColumn, "sample(1) has shape (1, 1)"),
    "same-seed-same-sample": (SamplesFromTheClock, "the second sample differs by up to"),
    "samples-look-like-the-data": (SamplesAroundZero, "standard deviations away from that of the data"),
    "rows-are-kept": (DropsARow, "transform of 60 rows has shape (59, 4)"),
    "fit-transform-is-fit-then-transform": (ForgetsToCentre, "fit_transform differs by up to"),
    "output-columns-have-names": (NamesTooMany, "there are 2 columns and 4 names"),
    "inverse-transform-brings-back": (ForgetsToUncentre, "transforms to something else"),
    "set-output-chooses-the-container": (IgnoresItsContainer, "with pandas chosen, transform gave ndarray"),
}


def skip_without_pandas(name):
    """Only the check of containers needs it."""
    if name == "set-output-chooses-the-container":
        pytest.importorskip("pandas")


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    skip_without_pandas(name)
    mutant, said = MUTANTS[name]
    found = result(name, subject(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("name", MUTANTS)
def test_the_model_that_a_mutant_is_derived_from_passes(name):
    skip_without_pandas(name)
    found = result(name, subject(MUTANTS[name][0].__base__))
    assert found.status == "passed", found.saw


@pytest.mark.parametrize("cls", [*SOUND, *RICH])
def test_sound_models_pass_every_check(cls):
    model = subject(cls, tasks=((SOUND | RICH)[cls],))
    results = [result(name, model) for name, check in CHECKS.items() if model.task in check.tasks]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []


@pytest.mark.parametrize("cls", RICH)
def test_nothing_is_skipped_of_a_model_that_has_everything(cls):
    pytest.importorskip("pandas")
    model = subject(cls, tasks=(RICH[cls],))
    names = [name for name, check in CHECKS.items() if model.task in check.tasks]
    assert [name for name in names if result(name, model).status != "passed"] == []


# More ways to be broken, for checks that look at several things


class SaysHowManyClasses(Nearest):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, :2]


class AnswersInWords(Nearest):
    def predict(self, X):
        return super().predict(X).astype(float)


class NegativeProbabilities(Nearest):
    def predict_proba(self, X):
        return super().predict_proba(X) * 2 - 1 / len(self.classes_)


class TwoColumnsForTwoClasses(Nearest):
    def decision_function(self, X):
        found = super().decision_function(X)
        return np.column_stack([-found, found]) if found.ndim == 1 else found


class PredictsWhole(Plane):
    def predict(self, X):
        return super().predict(X).astype(int)


class PredictsText(Plane):
    def predict(self, X):
        return super().predict(X).astype(str)


class Picks(Scale):
    """Two of the columns; the others come back as zeros, as from scikit-learn's selectors."""

    def transform(self, X):
        return self._check_X(X)[:, :2].copy()

    def inverse_transform(self, X):
        return np.column_stack([X, np.zeros((len(X), self.n_features_in_ - 2))])


class FitsTheNoise(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.known_ = {row.tobytes(): target for row, target in zip(np.asarray(X), y)}
        return self

    def predict(self, X):
        return np.array([self.known_.get(row.tobytes(), 0.0) for row in self._check_X(X)])


class GivesEachRowTwice(Nearest):
    def predict(self, X):
        return np.repeat(super().predict(X), 2)


class ThreeColumnsForTwoClasses(Nearest):
    def predict_proba(self, X):
        found = super().predict_proba(X)
        return np.column_stack([found, 0 * found[:, 0]]) if found.shape[1] == 2 else found


class ComparesPairs(Nearest):
    def decision_function(self, X):
        scores = super().decision_function(X)
        return scores[:, :2] - scores[:, 2:] if scores.ndim == 2 else scores


class DecidesByDistance(Nearest):
    def decision_function(self, X):
        scores = super().decision_function(X)
        return -scores if scores.ndim == 2 else scores


class PredictsNaN(Plane):
    def predict(self, X):
        return np.where(self._check_X(X)[:, 0] > 0, super().predict(X), np.nan)


class AddsUpTargets(Planes):
    def predict(self, X):
        found = super().predict(X)
        return found.sum(axis=1) if found.ndim == 2 else found


class LabelsInAColumn(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.labels_ = self.labels_[:, None]
        return self


class AddsUpDensities(Bell):
    def score_samples(self, X):
        return super().score_samples(X).sum()


class SamplesInfinity(SeededBell):
    def sample(self, n=1, random_state=None):
        return super().sample(n, random_state) + [0.0, 0.0, 0.0, np.inf]


class BringsBackTwoColumns(Axes):
    def inverse_transform(self, X):
        return super().inverse_transform(X)[:, :2]


class FramesByHand(Scale):
    """Frames that it makes itself, each subclass with another mistake."""

    def set_output(self, *, transform=None):
        self._frames = transform == "pandas"
        return self

    def transform(self, X):
        found = super().transform(X)
        return self._frame(found, X) if getattr(self, "_frames", False) else found

    def _frame(self, found, X):
        return sys.modules["pandas"].DataFrame(found, columns=self.get_feature_names_out(), index=X.index)


class FramesWithoutNames(FramesByHand):
    def _frame(self, found, X):
        return sys.modules["pandas"].DataFrame(found, index=X.index)


class FramesWithoutRows(FramesByHand):
    def _frame(self, found, X):
        return sys.modules["pandas"].DataFrame(found, columns=self.get_feature_names_out())


class FramesOfOtherNumbers(FramesByHand):
    def _frame(self, found, X):
        return super()._frame(found + 1, X)


class FramesForEver(FramesByHand):
    def set_output(self, *, transform=None):
        self._frames = True
        return self


class OneSampleForAll(SeededBell):
    def sample(self, n=1, random_state=None):
        return np.repeat(super().sample(1, random_state), n, axis=0)


class SamplesWithoutASeed(Bell):
    def __init__(self):
        pass

    def sample(self, n=1):
        return np.random.default_rng().normal(self.mean_, self.scale_, size=(n, len(self.mean_)))


class SamplesTheMean(SeededBell):
    def sample(self, n=1, random_state=None):
        return self.mean_ + 0.01 * check_rng(random_state).normal(size=(n, 4))


class NamesAllAlike(Scale):
    def get_feature_names_out(self, input_features=None):
        return np.array(["scaled"] * 4, dtype=object)


class BringsBackAMultiple(Axes):
    def transform(self, X):
        found = super().transform(X)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def inverse_transform(self, X):
        return 100 * np.asarray(X) @ self.components_ + self.mean_


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("probabilities-sum-to-one", SaysHowManyClasses, "has shape (60, 2), not (60, 3)"),
        ("many-classes", SaysHowManyClasses, "twelve classes has shape (60, 2)"),
        ("many-classes", ScalesDownOfMany, "a row of predict_proba of 60 rows and twelve classes sums to 0.9"),
        ("two-classes", ScalesUpOfTwo, "a row of predict_proba of 40 rows and two classes sums to 1."),
        ("two-classes", SwapsTwo, "predict and the highest predict_proba of 40 rows and two classes disagree in 40"),
        ("predicts-its-classes", AnswersInWords, "predict gave float64, and classes_ is int64"),
        ("probabilities-sum-to-one", NegativeProbabilities, "not in [0, 1]"),
        ("decides-by-its-decision-function", TwoColumnsForTwoClasses, "two classes has shape (40, 2)"),
        ("predicts-one-number-for-each-row", PredictsText, "predict gave <U32, which holds no numbers"),
        ("beats-the-mean", FitsTheNoise, "R² is 1.000 for the data of the fit and -"),
        ("same-seed-same-sample", OneSampleForAll, "all of 30 rows are ["),
        (
            "same-seed-same-sample",
            SamplesWithoutASeed,
            "neither sample nor the constructor takes random_state, seed, rng",
        ),
        ("samples-look-like-the-data", SamplesTheMean, "times that of the data"),
        ("output-columns-have-names", NamesAllAlike, "some of the names are the same"),
        ("inverse-transform-brings-back", BringsBackAMultiple, "times as far from the data as their mean"),
        ("predicts-its-classes", GivesEachRowTwice, "predict of 60 rows has shape (120,)"),
        ("two-classes", ThreeColumnsForTwoClasses, "predict_proba of 40 rows and two classes has shape (40, 3)"),
        ("decides-by-its-decision-function", ComparesPairs, "60 rows and three classes has shape (60, 2)"),
        (
            "decides-by-its-decision-function",
            DecidesByDistance,
            "the highest decision_function disagree in 60 of 60 rows",
        ),
        ("predicts-the-most-probable-class", CountsClasses, "predict gave labels that are not in classes_"),
        ("predicts-one-number-for-each-row", PredictsNaN, "of 60 predictions are not finite"),
        ("several-targets", AddsUpTargets, "predict of 60 rows and three targets has shape (60,)"),
        ("every-row-has-a-cluster", LabelsInAColumn, "labels_ of 60 rows has shape (60, 1)"),
        ("log-densities-are-finite", AddsUpDensities, "score_samples of 60 rows has shape ()"),
        ("samples-have-the-columns-of-the-data", SamplesInfinity, "sample(1) has 1 numbers that are not finite"),
        ("inverse-transform-brings-back", BringsBackTwoColumns, "inverse_transform has shape (60, 2)"),
        ("set-output-chooses-the-container", FramesWithoutNames, "the columns are [0, 1, 2, 3]"),
        (
            "set-output-chooses-the-container",
            FramesWithoutRows,
            "the rows are called [0, 1, 2], ...; they were 'row 0'",
        ),
        ("set-output-chooses-the-container", FramesOfOtherNumbers, "the frame differs by up to 1"),
        ("set-output-chooses-the-container", FramesForEver, "with default chosen, transform gave DataFrame"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    skip_without_pandas(name)
    found = result(name, subject(cls))
    assert found.status == "failed"
    assert said in found.saw


def test_what_other_libraries_do_is_sound():
    assert result("score-is-the-mean-log-density", subject(SumsTheScore)).status == "passed"
    assert result("predicts-one-number-for-each-row", subject(PredictsWhole)).status == "passed"
    for tags in ((), ("non-negative",)):
        assert result("inverse-transform-brings-back", subject(Picks, tags=tags)).status == "passed"


def test_what_a_model_does_not_have_is_not_asked_of_it():
    assert result("log-probabilities-are-logarithms", subject(Centroids)).saw == "it has no predict_log_proba"
    assert result("several-targets", subject(Plane)).status == "skipped"
    assert result("density-integrates-to-one", subject(Bell, tags=("binary",))).status == "skipped"


def test_without_pandas_the_container_is_not_checked(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert result("set-output-chooses-the-container", subject(Scale)).saw == "pandas is not installed"


# The toy data and the measures


def test_tags_ask_for_other_tables():
    assert subject(Centroids).data.X.min() < 0
    assert subject(Centroids, tags=("non-negative",)).data.X.min() >= 0
    assert set(np.unique(subject(Centroids, tags=("binary",)).data.X)) == {0.0, 1.0}


def test_new_points_are_new_and_of_the_same_kind():
    old, new = tasks.three_clouds(), tasks.three_clouds(seed=1)
    assert not np.isin(new.X, old.X).any()
    for k in range(3):
        assert np.allclose(old.X[old.y == k].mean(axis=0), new.X[new.y == k].mean(axis=0), atol=1)


def test_the_adjusted_rand_index_is_one_for_equal_clusterings_and_about_zero_by_chance():
    a = np.repeat([0, 1, 2], 20)
    assert adjusted_rand(a, 5 - a) == 1.0
    assert adjusted_rand(np.zeros(5), np.zeros(5)) == 1.0
    rng = np.random.default_rng(0)
    assert abs(np.mean([adjusted_rand(a, rng.permutation(a)) for _ in range(200)])) < 0.01


def test_the_adjusted_rand_index_counts_pairs():
    a, b = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    # pairs together in both: 2 (0-1, 4-5); in a: 6; in b: 3; of 15
    assert adjusted_rand(a, b) == pytest.approx((2 - 6 * 3 / 15) / ((6 + 3) / 2 - 6 * 3 / 15))
