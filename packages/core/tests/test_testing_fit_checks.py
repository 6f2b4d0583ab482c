"""Each check of fits lets the sound models pass and catches a model that is broken in the one way it looks for."""

import random
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
from sound_models import SOUND, Bell, Centroids, Means, Plane, Scale, checks_of, result, subject

from pellucid import Estimator, fit_run, registry
from pellucid.testing import Subject
from pellucid.testing.subjects import differences, strange_numbers
from pellucid.testing.tasks import Data

CHECKS = checks_of("fit_checks")


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    """A registry without plugins, so that nothing that is registered here stays."""
    state = registry._State()
    state.plugins = ()
    monkeypatch.setattr(registry, "_state", state)


# Models that are broken, each in one way


class ReturnsNothing(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)


class HidesWhatItLearns(Scale):
    def fit(self, X, y=None):
        self._mean = self._check_fit_X(X).mean(axis=0)
        return self

    def transform(self, X):
        return np.asarray(X) - self._mean


class CountsRows(Plane):
    def fit(self, X, y, sample_weight=None):
        self.n_rows = len(X)
        return super().fit(X, y, sample_weight)


class HidesHalf(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self._mean = self.mean_
        return self

    def transform(self, X):
        X = self._check_X(X)
        return (X - self._mean) / self.scale_


class ReplacesItsSeed(Means):
    def fit(self, X, y=None):
        self.random_state = np.random.default_rng(self.random_state)
        return super().fit(X)


class AddsToAParameter(Scale):
    def __init__(self, seen=None):
        self.seen = seen

    def fit(self, X, y=None):
        if self.seen is not None:
            self.seen.append(len(X))
        return super().fit(X)


class CentresInPlace(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        X -= self.mean_
        return self


class TransformsInPlace(Scale):
    def transform(self, X):
        X -= self.mean_
        return X


class ScalesItsWeights(Plane):
    def fit(self, X, y, sample_weight=None):
        if sample_weight is not None:
            sample_weight /= sample_weight.sum()
        return super().fit(X, y, sample_weight)


class WritesWhatIsThere(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        X[0, 0] = X[0, 0]
        return self


class SeedsTheWorld(Means):
    def fit(self, X, y=None):
        np.random.seed(self.random_state)
        return super().fit(X)


class AsksTheWorld(Plane):
    def predict(self, X):
        np.random.normal()
        return super().predict(X)


class Chatters(Scale):
    def fit(self, X, y=None):
        print("fitting")
        return super().fit(X)


class ComplainsToStderr(Scale):
    def transform(self, X):
        print("transforming", file=sys.stderr)
        return super().transform(X)


class DividesByZero(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self.spread_ = np.log(self.mean_ * 0)
        return self


class WarnsAtEachAnswer(Scale):
    def transform(self, X):
        warnings.warn("this was an approximation", UserWarning, stacklevel=2)
        return super().transform(X)


class TakesNoY(Scale):
    def fit(self, X):
        return super().fit(X)


class LearnsFromY(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self.mean_ = self.mean_ + (0 if y is None else np.mean(y))
        return self


class ForgetsItsSeed(Bell):
    def fit(self, X, y=None):
        super().fit(X)
        self.mean_ = self.mean_ + np.random.default_rng().normal()
        return self


class NeedsASmallSeed(Means):
    def fit(self, X, y=None):
        np.zeros(16)[self.random_state % 16]
        return super().fit(X)


class HashesItsSeed(Bell):
    def fit(self, X, y=None):
        super().fit(X)
        self.mean_ = self.mean_ + hash(self.random_state)
        return self


class Drifts(Scale):
    def transform(self, X):
        X = self._check_X(X)
        self.scale_ = self.scale_ * 1.01
        return (X - self.mean_) / self.scale_


class RemembersTheFirstFit(Scale):
    def fit(self, X, y=None):
        self._rows = getattr(self, "_rows", 0) + len(X)
        super().fit(X)
        self.mean_ = np.sum(X, axis=0) / self._rows
        return self


class KeepsAnOldAttribute(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        if np.shape(X)[1] < 4:
            self.narrow_ = True
        return self

    def _forget(self):
        pass


class SpoilsItsClone(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.fit_intercept = False
        return self


class RemembersTheNewWidth(Plane):
    def fit(self, X, y, sample_weight=None):
        self.n_features_in_ = np.shape(X)[1]
        return super().fit(X, y, sample_weight)


class LearnsBeforeItReports(Plane):
    def fit(self, X, y, sample_weight=None):
        self._check_fit(X, y, sample_weight)
        with fit_run(self, total=1) as run:
            self.intercept_ = 0.0
            run.step()
        return super().fit(X, y, sample_weight)


class DoesNotAskForFit(Plane):
    def predict(self, X):
        return np.asarray(X) @ self.coef_ + self.intercept_


class KeepsAFunction(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self.function_ = lambda x: x
        return self


class CopiesOnlyParameters(Scale):
    def __deepcopy__(self, memo):
        return type(self)()


class SavesTwoDigits(Plane):
    def get_state(self):
        return {name: np.round(value, 2) for name, value in super().get_state().items()}


class LeavesANote(Scale):
    def fit(self, X, y=None):
        self._note = "fitted"
        return super().fit(X)


class TakesAnyState(Scale):
    def set_state(self, state):
        vars(self).update(state)


class ReportsNaN(Plane):
    def fit(self, X, y, sample_weight=None):
        with fit_run(self, total=1) as run:
            run.step(loss=np.nan)
        return super().fit(X, y, sample_weight)


class ReportsNoStep(Plane):
    def fit(self, X, y, sample_weight=None):
        with fit_run(self, total=1):
            return super().fit(X, y, sample_weight)


class GoesOn(Plane):
    def fit(self, X, y, sample_weight=None):
        with fit_run(self, total=5) as run:
            for _ in range(5):
                run.step(loss=0.0)
        return super().fit(X, y, sample_weight)


class KeepsNoTrace(Means):
    def fit(self, X, y=None):
        super().fit(X)
        del self.losses_
        return self


class TracesNaN(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.losses_[0] = np.nan
        return self


class NeedsTwoSteps(Means):
    def fit(self, X, y=None):
        super().fit(X)
        self.gain_ = self.losses_[-2] - self.losses_[-1]
        return self


class CatchesCtrlC(Scale):
    def fit(self, X, y=None):
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))
        return super().fit(X)


class SharesItsScratch(Scale):
    scratch = None
    busy = threading.Barrier(2)

    def fit(self, X, y=None):
        type(self).scratch = np.asarray(X)
        if threading.current_thread() is not threading.main_thread():
            try:
                self.busy.wait(timeout=0.1)  # for another fit, if there is one
            except threading.BrokenBarrierError:
                self.busy.reset()
        return super().fit(self.scratch)


class ForgetsItsIntercept(Plane):
    def predict(self, X):
        found = super().predict(X)
        self.fit_intercept = 0
        return found


class KeepsTheRows(Scale):
    def fit(self, X, y=None):
        super().fit(X)
        self.rows_ = X
        return self

    def transform(self, X):
        return super().transform(X) - np.mean(self.rows_)


class KeepsTheTargets(Plane):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.y_ = y
        return self

    def predict(self, X):
        return super().predict(X) + np.mean(self.y_)


class HandsOutItsInput(Scale):
    def transform(self, X):
        return self._check_X(X)


class HandsOutWhatItKeeps(Bell):
    def score_samples(self, X):
        if not hasattr(self, "said_"):
            self.said_ = super().score_samples(X)
        return self.said_


class MixesInTheLastFit(Plane):
    def fit(self, X, y, sample_weight=None):
        before = getattr(self, "coef_", np.zeros(0))
        super().fit(X, y, sample_weight)
        if before.shape == self.coef_.shape:
            self.coef_ = (self.coef_ + before) / 2
        return self


class LearnsInPartsAndReturnsNothing(Scale):
    def partial_fit(self, X, y=None):
        super().partial_fit(X)


class LearnsNothingInParts(Scale):
    def partial_fit(self, X, y=None):
        return self


class LearnsAnyWidthInParts(Scale):
    def partial_fit(self, X, y=None):
        return self.fit(X)


class AnswersInOnePieceAfterParts(Scale):
    def partial_fit(self, X, y=None):
        self.in_parts_ = True
        return super().partial_fit(X)

    def transform(self, X):
        return super().transform(X).ravel() if hasattr(self, "in_parts_") else super().transform(X)


class TakesTextForThree(Means):
    def fit(self, X, y=None):
        given = self.n_clusters
        self.n_clusters = given if isinstance(given, int) else 3
        try:
            return super().fit(X)
        finally:
            self.n_clusters = given


class LooksTextUp(Means):
    def fit(self, X, y=None):
        {2: 0, 3: 0, 60: 0}[self.n_clusters]
        return super().fit(X)


MUTANTS = {
    "fit-returns-self": ReturnsNothing,
    "fit-learns-something": HidesWhatItLearns,
    "learnt-attributes-end-in-an-underscore": CountsRows,
    "learnt-state-is-complete": HidesHalf,
    "fit-leaves-parameters-alone": ReplacesItsSeed,
    "answers-leave-parameters-alone": ForgetsItsIntercept,
    "input-is-not-written-to": CentresInPlace,
    "read-only-input-works": WritesWhatIsThere,
    "data-may-change-after-fit": KeepsTheRows,
    "answers-may-be-written-to": HandsOutItsInput,
    "global-random-numbers-are-left-alone": SeedsTheWorld,
    "nothing-is-printed": Chatters,
    "nothing-is-warned-of": DividesByZero,
    "y-is-taken-and-ignored": LearnsFromY,
    "same-seed-same-result": ForgetsItsSeed,
    "other-seeds-work": NeedsASmallSeed,
    "seed-may-be-a-generator": HashesItsSeed,
    "answers-can-be-repeated": Drifts,
    "refit-forgets": RemembersTheFirstFit,
    "partial-fit-learns": LearnsInPartsAndReturnsNothing,
    "clone-learns-the-same": SpoilsItsClone,
    "failed-fit-leaves-no-half-model": RemembersTheNewWidth,
    "unfitted-model-says-so": DoesNotAskForFit,
    "text-is-no-number": TakesTextForThree,
    "fitted-model-can-be-pickled": KeepsAFunction,
    "fitted-model-can-be-copied": CopiesOnlyParameters,
    "saved-model-says-the-same": SavesTwoDigits,
    "saving-leaves-nothing-out": LeavesANote,
    "strange-state-is-refused": TakesAnyState,
    "listeners-hear-the-fit": ReportsNaN,
    "listeners-can-end-the-fit": GoesOn,
    "iterative-model-has-a-trace": TracesNaN,
    "one-step-is-enough-to-work": NeedsTwoSteps,
    "fit-works-in-a-thread": CatchesCtrlC,
    "threads-do-not-meet": SharesItsScratch,
}
SAID = {  # what the message tells
    "fit-returns-self": "it returned None",
    "fit-learns-something": "there is n_features_in_ after fit",
    "learnt-attributes-end-in-an-underscore": "fit added n_rows",
    "learnt-state-is-complete": "_mean",
    "fit-leaves-parameters-alone": "fit replaced random_state=0 by Generator",
    "answers-leave-parameters-alone": "predict replaced fit_intercept=True by 0",
    "input-is-not-written-to": "fit changed its data",
    "read-only-input-works": "read-only",
    "data-may-change-after-fit": "after X and y were overwritten, transform differs",
    "answers-may-be-written-to": "what transform returns is the caller's X, or a part of it",
    "global-random-numbers-are-left-alone": "fit moved the global state of numpy.random",
    "nothing-is-printed": "fit printed 'fitting",
    "nothing-is-warned-of": "RuntimeWarning: divide by zero",
    "other-seeds-work": "NoneType",
    "answers-can-be-repeated": "the second time transform differs",
    "partial-fit-learns": "with all rows it returned None",
    "text-is-no-number": "n_clusters='red' was taken without a word, and n_clusters has an effect: with 7",
    "failed-fit-leaves-no-half-model": "infinity in X it raises ValueError: X has 4 features",
    "unfitted-model-says-so": "predict before fit raised AttributeError instead of NotFittedError",
    "fitted-model-can-be-pickled": "pickle",
    "fitted-model-can-be-copied": "not fitted",
    "saving-leaves-nothing-out": "_note",
    "strange-state-is-refused": "raised nothing",
    "listeners-hear-the-fit": "in step 1 loss is not finite",
    "listeners-can-end-the-fit": "it went on to step 5",
    "iterative-model-has-a-trace": "losses_ holds nan in 1 of",
    "one-step-is-enough-to-work": "IndexError",
    "fit-works-in-a-thread": "main thread",
    "threads-do-not-meet": "is expecting",
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    found = result(name, subject(MUTANTS[name], registered=True))
    assert found.status == "failed"
    assert SAID.get(name, "differs") in found.saw


@pytest.mark.parametrize("name", MUTANTS)
def test_the_model_that_a_mutant_is_derived_from_passes(name):
    sound = next(cls for cls in SOUND if issubclass(MUTANTS[name], cls))
    found = result(name, subject(sound, registered=True))
    assert found.status == ("skipped" if name.startswith("listeners") else "passed"), found.saw


@pytest.mark.parametrize("cls", SOUND)
def test_sound_models_pass_every_check(cls):
    model = subject(cls, registered=True)
    results = [result(name, model) for name, check in CHECKS.items() if model.task in check.tasks]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []


def test_no_check_is_skipped_by_every_sound_model():
    models = [subject(cls, registered=True) for cls in SOUND]
    for name, check in CHECKS.items():
        assert any(result(name, model).status == "passed" for model in models if model.task in check.tasks), name


# More ways to be broken, for checks that look at several things


@pytest.mark.filterwarnings("ignore:this was an approximation")
@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("input-is-not-written-to", TransformsInPlace, "transform changed the data"),
        ("input-is-not-written-to", ScalesItsWeights, "fit changed sample_weight"),
        ("global-random-numbers-are-left-alone", AsksTheWorld, "predict moved the global state of numpy.random"),
        ("nothing-is-printed", ComplainsToStderr, "transform printed 'transforming"),
        ("nothing-is-warned-of", WarnsAtEachAnswer, "transform warned: UserWarning: this was an approximation"),
        ("y-is-taken-and-ignored", TakesNoY, "TypeError"),
        ("data-may-change-after-fit", KeepsTheTargets, "after X and y were overwritten, predict differs"),
        ("answers-may-be-written-to", HandsOutWhatItKeeps, "after its answer was overwritten, score_samples differs"),
        ("refit-forgets", KeepsAnOldAttribute, "it still has narrow_"),
        (
            "refit-forgets",
            MixesInTheLastFit,
            "after a fit to the columns in another order, unlike a new model, predict",
        ),
        ("partial-fit-learns", LearnsNothingInParts, "NotFittedError"),
        ("partial-fit-learns", LearnsAnyWidthInParts, "partial_fit with a column less raised nothing"),
        ("partial-fit-learns", AnswersInOnePieceAfterParts, "transform has shape (240,), and (60, 4) after fit"),
        ("text-is-no-number", LooksTextUp, "n_clusters='red' raised KeyError instead of ValueError or TypeError"),
        ("failed-fit-leaves-no-half-model", LearnsBeforeItReports, "a listener's error in a step"),
        ("listeners-hear-the-fit", ReportsNoStep, "no step"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, subject(cls, registered=True))
    assert found.status == "failed"
    assert said in found.saw


def test_a_parameter_that_fit_changes_in_place_is_noticed():
    found = result("fit-leaves-parameters-alone", subject(AddsToAParameter, smoke={"seen": [3]}))
    assert (found.status, found.saw) == ("failed", "fit changed seen=[3] into [3, 60]")


def test_what_an_answer_does_to_a_parameter_is_not_said_of_fit():
    model = subject(ForgetsItsIntercept)
    model.answers()
    assert model.fitted.fit_intercept == 0
    assert result("fit-leaves-parameters-alone", model).status == "passed"


def test_classes_are_named_in_the_first_of_several_parts():
    class InParts(Centroids):
        def partial_fit(self, X, y, classes=None):
            X, y, _ = self._check_fit(X, y, partial=True, classes=classes)
            self.means_ = np.array([X[y == k].mean(axis=0) for k in range(len(self.classes_))])
            return self

    assert result("partial-fit-learns", subject(InParts)).status == "passed"


def test_a_number_without_effect_may_be_a_text():
    class NeverAsked(Means):
        def __init__(self, n_clusters=3, *, max_iter=50, degree=3, random_state=None):
            super().__init__(n_clusters, max_iter=max_iter, random_state=random_state)
            self.degree = degree

    class SaysTheOpposite(NeverAsked):
        def fit(self, X, y=None):
            return super().fit(-np.asarray(X) if self.degree == "red" else X)

    class SeededByAnything(Bell):
        def __init__(self, random_state=0):
            self.random_state = random_state

        def fit(self, X, y=None):
            super().fit(X)
            self.mean_ = self.mean_ + random.Random(self.random_state).random()
            return self

    assert result("text-is-no-number", subject(NeverAsked)).status == "passed"
    assert result("text-is-no-number", subject(SeededByAnything)).status == "skipped"
    assert result("text-is-no-number", subject(SaysTheOpposite)).saw.startswith("with degree='red' predict differs")
    assert result("text-is-no-number", subject(Scale)).saw == "no parameter is a number by default"


def test_a_model_that_is_not_registered_is_not_saved():
    found = result("saved-model-says-the-same", subject(Plane))
    assert (found.status, found.saw) == ("skipped", "it is not registered, so it cannot be saved")


def test_a_fit_inside_the_fit_does_not_disturb_what_listeners_hear():
    class Inner(Means):
        def fit(self, X, y=None):
            with fit_run(self, total=2) as run:
                for _ in range(2):
                    super().fit(X)
                    if run.step(loss=1.0):
                        break
            return self

    model = subject(Inner)
    assert [result(f"listeners-{rest}", model).status for rest in ("hear-the-fit", "can-end-the-fit")] == ["passed"] * 2
    assert model.observed.reports.n_steps == 2
    assert len(model.observed.reports.events) > 6


def test_a_model_in_steps_without_a_trace_is_advised_to_keep_one():
    class Silent(Plane):
        def __init__(self, fit_intercept=True, max_iter=10):
            super().__init__(fit_intercept)
            self.max_iter = max_iter

    class SaysNothing(Silent):
        def fit(self, X, y, sample_weight=None):
            with fit_run(self, total=2) as run:
                run.step()
                run.step()
            return super().fit(X, y, sample_weight)

    for cls in (Silent, SaysNothing):
        found = result("iterative-model-has-a-trace", subject(cls))
        said = "it has coef_, intercept_, n_features_in_; none of these is a trace, and listeners hear no numbers"
        assert (found.status, found.saw) == ("warned", said)


def test_what_listeners_hear_is_a_trace_too():
    assert result("iterative-model-has-a-trace", subject(KeepsNoTrace)).status == "passed"


def test_a_history_may_be_a_dict_of_lists():
    class WithHistory(KeepsNoTrace):
        def fit(self, X, y=None):
            super().fit(X)
            self.history_ = {"loss": [2.0, float(len(X))], "note": "fine"}
            return self

    class WithBrokenHistory(WithHistory):
        def fit(self, X, y=None):
            super().fit(X)
            self.history_["loss"].append(float("nan"))
            return self

    assert result("iterative-model-has-a-trace", subject(WithHistory)).status == "passed"
    assert result("iterative-model-has-a-trace", subject(WithBrokenHistory)).saw.startswith(
        "history_['loss'] holds nan"
    )


# Subjects


def test_the_first_fit_is_shared_and_so_are_its_answers():
    model = subject(Means)
    assert model.fitted is model.fitted
    assert model.answers() is model.answers()
    assert model.glance() is model.glance()
    assert model.glance() is not model.fitted
    assert len(model.glance().losses_) == 3


def test_data_can_be_spoilt_without_harm():
    model = subject(Plane)
    model.data.X[:] = 0
    model.data.y[:] = 0
    assert np.ptp(model.data.X) > 1 and np.ptp(model.data.y) > 1


def test_other_data_are_smaller():
    assert subject(Plane).other_data.X.shape == (30, 3)
    assert subject(Plane).other_data.y.shape == (30,)
    sequence = Subject(Estimator, subject(Plane).spec, "sequence")
    rows, lengths = sequence.other_data.X, sequence.other_data.extra["lengths"]
    assert len(rows) == lengths[0] < len(sequence.data.X)
    assert len(Subject(Estimator, subject(Plane).spec, "language").other_data.X) == 1


def test_an_environment_is_looked_at_for_a_few_steps_only():
    model = subject(Plane)
    assert model.few_steps(Data(None, extra={"total_timesteps": 1500})).extra == {"total_timesteps": 100}
    assert model.few_steps(Data(None, extra={"total_timesteps": 7})).extra == {"total_timesteps": 7}


@pytest.mark.parametrize(
    "found, expected, tolerance, said",
    [
        ([1.0, 2.0], [1.0, 2.0], {}, ""),
        ([1.0, np.nan], [1.0, np.nan], {}, ""),
        ([1.0, 2.0], [1.0, 2.5], {}, "predict differs by up to 0.5"),
        ([1.0, 200.0], [1.1, 200.0], {"share": 1e-3}, ""),
        ([1.0, 200.0], [1.3, 200.0], {"share": 1e-3}, "predict differs by up to 0.3"),
        ([1, 2, 3], [1, 3, 2], {}, "predict differs in 2 of 3 places"),
        (["a"], ["b"], {}, "predict differs in 1 of 1 places"),
        ([1.0], [1.0, 2.0], {}, "predict has shape (1,), not (2,)"),
    ],
)
def test_differences_are_told_in_words(found, expected, tolerance, said):
    assert differences({"predict": np.array(found)}, {"predict": np.array(expected)}, **tolerance) == said


def test_a_missing_answer_is_a_difference():
    assert differences({}, {"predict": [1]}) == "predict is missing"


def test_strange_numbers_are_told_in_words():
    answers = {"labels": np.array(["a"]), "p": np.array([[1.0, np.inf], [np.nan, 0.0]])}
    assert strange_numbers(answers) == "p holds inf in 2 of 4 places"
    assert strange_numbers(answers, infinity=False) == "p holds nan in 1 of 4 places"


def test_global_generators_are_as_before_after_a_fit_that_moved_them():
    before = np.random.get_state()[1].copy()
    assert subject(SeedsTheWorld).observed.drew_from == ["numpy.random"]
    assert np.array_equal(np.random.get_state()[1], before)
