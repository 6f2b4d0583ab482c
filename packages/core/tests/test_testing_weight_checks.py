"""Each check of weights lets the sound models pass and catches a model that is broken in the one way it looks for."""

import numpy as np
import pytest
from sound_models import SOUND, Bell, Centroids, Means, Plane, Scale, checks_of, result, subject

from pellucid.validation import check_rng, check_sample_weight

CHECKS = checks_of("weight_checks")


# Sound models with weights


class Priors(Centroids):
    """The nearest mean; the nearer, the rarer a class is."""

    def __init__(self, class_weight=None):
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        X, y, weights = self._check_fit(X, y, sample_weight)
        weights = self._apply_class_weight(y, np.ones(len(y)) if weights is None else weights)
        self.means_ = np.array([np.average(X[y == k], axis=0, weights=weights[y == k]) for k in range(y.max() + 1)])
        self.chances_ = np.bincount(y, weights)  # (K,)
        return self

    def predict_proba(self, X):
        X = self._check_X(X)
        scores = np.log(self.chances_) - np.sum((X[:, None] - self.means_) ** 2, axis=2)  # (N, K)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)


class WeightedScale(Scale):
    def fit(self, X, y=None, sample_weight=None):
        X = self._check_fit_X(X)
        weights = check_sample_weight(sample_weight, len(X), name="WeightedScale", dtype=X.dtype)
        self.mean_ = np.average(X, axis=0, weights=weights)
        self.scale_ = np.sqrt(np.average((X - self.mean_) ** 2, axis=0, weights=weights))
        return self


class WeightedMeans(Means):
    def fit(self, X, y=None, sample_weight=None):
        super().fit(X)
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        self.means_ = np.array([np.average(X[self.labels_ == k], 0, weights[self.labels_ == k]) for k in range(3)])
        return self


class Bootstrap(Plane):
    """Least squares of rows that are drawn by their weights."""

    def __init__(self, fit_intercept=True, random_state=None):
        super().__init__(fit_intercept)
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        A, y, weights = self._check_fit(X, y, sample_weight)
        weights = np.ones(len(y)) if weights is None else weights
        rows = check_rng(self.random_state).choice(len(y), 2 * len(y), p=weights / weights.sum())
        return super().fit(A[rows], y[rows])


OWN = {Priors: "classification", WeightedScale: "transform", Bootstrap: "regression"}


# Models that are broken, each in one way


class CountsWeightsTwice(Plane):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, None if sample_weight is None else np.asarray(sample_weight) ** 2)


class GivesEveryRowALittle(Plane):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, None if sample_weight is None else np.maximum(sample_weight, 0.1))


class ShiftsWithWeights(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.intercept_ = self.intercept_ + (0.1 if sample_weight is not None else 0)
        return self


class TakesAnyWeight(Plane):
    def fit(self, X, y, sample_weight=None):
        weights = None if sample_weight is None else np.abs(np.nan_to_num(np.resize(sample_weight, len(X))))
        return super().fit(X, y, weights)


class IgnoresWeights(Bootstrap):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


class ForgetsWeightsOfMeans(WeightedMeans):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X)


class ScoresWithoutWeights(Plane):
    def score(self, X, y, sample_weight=None):
        return super().score(X, y)


class ForgetsClassWeights(Priors):
    def _apply_class_weight(self, y, weights, dtype=np.float64):
        return weights


MUTANTS = {  # check -> (class, what must be said)
    "weights-of-one-change-nothing": (ShiftsWithWeights, "predict differs"),
    "weight-is-repetition": (CountsWeightsTwice, "predict differs"),
    "weight-of-zero-leaves-out": (GivesEveryRowALittle, "predict differs"),
    "weights-decide": (IgnoresWeights, "whichever half of the rows has a thousand times the weight"),
    "bad-weights-are-refused": (TakesAnyWeight, "a weight of -1.0 raised nothing"),
    "score-counts-weights": (ScoresWithoutWeights, "with weights the score is"),
    "class-weight-decides": (ForgetsClassWeights, "the label 1 with ten times the weight of the other was predicted"),
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    mutant, said = MUTANTS[name]
    found = result(name, subject(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("name", MUTANTS)
def test_the_model_that_a_mutant_is_derived_from_passes(name):
    found = result(name, subject(MUTANTS[name][0].__base__))
    assert found.status == "passed", found.saw


@pytest.mark.parametrize("cls", [*SOUND, *OWN])
def test_sound_models_pass_every_check(cls):
    model = subject(cls)
    results = [result(name, model) for name, check in CHECKS.items() if model.task in check.tasks]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []


@pytest.mark.parametrize("tags", [("one column",), ("non-negative",), ("binary",)])
def test_weights_decide_on_every_kind_of_table(tags):
    assert result("weights-decide", subject(WeightedScale, tags=tags)).status == "passed"


def test_weights_of_a_clusterer_may_leave_the_labels_as_they_are():
    assert result("weights-decide", subject(WeightedMeans)).status == "passed"
    assert result("weights-decide", subject(ForgetsWeightsOfMeans)).status == "failed"


def test_a_fit_with_chance_is_not_held_to_weights_as_repetition():
    assert result("weight-is-repetition", subject(Bootstrap)).saw == "its fit has chance in it"
    assert result("weights-of-one-change-nothing", subject(Bootstrap)).status == "passed"


def test_a_seed_alone_is_no_chance():
    class IgnoresItsSeed(Plane):
        def __init__(self, fit_intercept=True, random_state=None):
            super().__init__(fit_intercept)
            self.random_state = random_state

    class IgnoresWeightsToo(IgnoresItsSeed):
        def fit(self, X, y, sample_weight=None):
            return super().fit(X, y)

    assert not subject(IgnoresItsSeed).has_chance
    assert result("weight-is-repetition", subject(IgnoresItsSeed)).status == "passed"
    assert result("weight-is-repetition", subject(IgnoresWeightsToo)).status == "failed"


def test_what_is_drawn_and_forgotten_is_chance_too():
    class DrawsForNothing(Bell):
        def fit(self, X, y=None):
            check_rng(self.random_state).random()
            return super().fit(X)

    class SpawnsForNothing(Bell):
        def fit(self, X, y=None):
            check_rng(self.random_state).spawn(1)
            return super().fit(X)

    class SaysSeed(Bell):
        def __init__(self, seed=None):
            self.seed = seed

    class TakesNoGenerator(Bell):
        def fit(self, X, y=None):
            return super().fit(X[int(self.random_state or 0) * 0 :])

    found = [subject(cls).has_chance for cls in (DrawsForNothing, SpawnsForNothing, SaysSeed, TakesNoGenerator, Bell)]
    assert found == [True, True, False, False, False]


def test_a_model_without_weights_is_not_asked_for_them():
    assert result("weights-decide", subject(Scale)).saw == "its fit takes no sample_weight"
    assert result("class-weight-decides", subject(Centroids)).saw == "it has no class_weight"


def test_a_score_without_weights_is_not_asked_for_them():
    class PlainScore(Plane):
        def score(self, X, y):
            return super().score(X, y)

    assert result("score-counts-weights", subject(PlainScore)).saw == "its score takes no sample_weight"
