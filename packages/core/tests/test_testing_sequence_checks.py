"""Each check of sequences lets the sound models pass and catches the one that is broken where it looks."""

from __future__ import annotations

import numpy as np
import pytest
from sound_models import checks_of, result, subject
from sound_models_of_tasks import TwoStates, TwoStatesOfSymbols

from pellucid.testing import tasks

CHECKS = checks_of("sequence_checks")


def one_of(cls, **fields):
    """A class as the kit sees it."""
    tags = ("symbols",) if issubclass(cls, TwoStatesOfSymbols) else ()
    return subject(cls, tasks=("sequence",), tags=tags, **fields)


# Models that are broken, each in one way


class OneLongSequence(TwoStates):
    def score(self, X, lengths=None):
        return super().score(X)


class ForgetsTheStates(TwoStates):
    def _learn(self, X, states):
        self.means_ = np.tile(X.mean(axis=0), (self.n_components, 1))


class ScoresThePathTooHigh(TwoStates):
    def decode(self, X, lengths=None):
        log_p, states = super().decode(X, lengths)
        return -log_p, states


class PredictsOtherStates(TwoStates):
    def predict(self, X, lengths=None):
        return 1 - super().predict(X, lengths)


class JointProbabilities(TwoStates):
    def predict_proba(self, X, lengths=None):
        return super().predict_proba(X, lengths) / 2


class TakesAnyLengths(TwoStates):
    def score(self, X, lengths=None):
        return super().score(X)


class TraceOfLosses(TwoStates):
    def fit(self, X, lengths=None):
        super().fit(X, lengths)
        self.log_likelihoods_ = [-log_p for log_p in self.log_likelihoods_]
        return self


class SamplesRowsAlone(TwoStates):
    def sample(self, n_samples=1, random_state=None):
        return super().sample(n_samples, random_state)[0]


MUTANTS = {  # check -> (class, what must be said)
    "sequences-are-scored-one-by-one": (OneLongSequence, "with lengths, and the sum over sequences"),
    "beats-rows-without-order": (ForgetsTheStates, "independent rows from one distribution have"),
    "decode-gives-a-path": (ScoresThePathTooHigh, "the path has log probability"),
    "predict-gives-the-path": (PredictsOtherStates, "predict and decode differ in 60 of 60 rows"),
    "state-probabilities-sum-to-one": (JointProbabilities, "a row of predict_proba sums to 0.5"),
    "lengths-add-up": (TakesAnyLengths, "score of 60 rows with lengths [25, 20] raised nothing"),
    "likelihood-rises": (TraceOfLosses, "it falls by"),
    "sample-gives-rows-and-states": (SamplesRowsAlone, "sample gave 1 arrays"),
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    mutant, said = MUTANTS[name]
    found = result(name, one_of(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("name", [*CHECKS, "same-seed-same-sample"])
@pytest.mark.parametrize("cls", [TwoStates, TwoStatesOfSymbols])
def test_sound_models_pass(name, cls):
    found = result(name, one_of(cls))
    assert found.status == "passed", found.saw


@pytest.mark.parametrize("n_components", [1, 3])
def test_other_numbers_of_states_are_no_fault(n_components):
    model = one_of(TwoStates, smoke={"n_components": n_components})
    kinds = {name: result(name, model) for name in CHECKS if name != "beats-rows-without-order"}
    assert [found.saw for found in kinds.values() if found.status != "passed"] == []


# More ways to be broken, for checks that look at several things


class MinusInfinity(TwoStates):
    def score(self, X, lengths=None):
        return super().score(X) if lengths is None else -np.inf


class PathOfPairs(TwoStates):
    def decode(self, X, lengths=None):
        log_p, states = super().decode(X, lengths)
        return log_p, states[1:]


class LikelihoodOfStates(TwoStates):
    def predict_proba(self, X, lengths=None):
        return super().predict_proba(X, lengths)[:, 1]


class KnowsOneState(TwoStates):
    def predict_proba(self, X, lengths=None):
        return np.ones((len(X), 1))


class TraceOfOneNumber(TwoStates):
    def fit(self, X, lengths=None):
        super().fit(X, lengths)
        self.log_likelihoods_ = self.log_likelihoods_[-1]
        return self


class PathOfFloats(TwoStates):
    def _best_paths(self, sequences):
        log_p, states = super()._best_paths(sequences)
        return log_p, states.astype(float)


class LooksAtTheNextSequence(TwoStates):
    def predict(self, X, lengths=None):
        return super().predict(X, lengths) if len(X) == 60 else 1 - super().predict(X, lengths)


class FitsToAnyLengths(TwoStates):
    def fit(self, X, lengths=None):
        return super().fit(X)


class ForgetsATail(TwoStates):
    def sample(self, n_samples=1, random_state=None):
        rows, states = super().sample(n_samples, random_state)
        return rows, states[1:]


class SamplesAtZero(TwoStates):
    def _emit(self, states, rng):
        return super()._emit(states, rng) - 20.0


class SamplesUnknownSymbols(TwoStatesOfSymbols):
    def _emit(self, states, rng):
        return super()._emit(states, rng) + 1


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("sequences-are-scored-one-by-one", MinusInfinity, "score is -inf"),
        ("decode-gives-a-path", PathOfPairs, "the path through 60 rows has shape (59,)"),
        ("state-probabilities-sum-to-one", LikelihoodOfStates, "predict_proba has shape (60,)"),
        ("state-probabilities-sum-to-one", KnowsOneState, "predict_proba has 1 columns, and decode uses state 1"),
        ("likelihood-rises", TraceOfOneNumber, "log_likelihoods_ has shape ()"),
        ("decode-gives-a-path", PathOfFloats, "the path holds float64"),
        (
            "predict-gives-the-path",
            LooksAtTheNextSequence,
            "the first sequence alone has another path in 25 of 25 rows",
        ),
        ("lengths-add-up", FitsToAnyLengths, "fit of 60 rows with lengths [25, 20] raised nothing"),
        ("sample-gives-rows-and-states", ForgetsATail, "have shapes (50, 2), (49,)"),
        ("sample-gives-rows-and-states", SamplesAtZero, "standard deviations from that of the data"),
        ("sample-gives-rows-and-states", SamplesUnknownSymbols, "it holds the symbols [1, 2, 3, 4]"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, one_of(cls))
    assert found.status == "failed"
    assert said in found.saw


def test_a_fit_without_a_trace_is_not_asked_for_one():
    class NoTrace(TwoStates):
        def fit(self, X, lengths=None):
            super().fit(X, lengths)
            del self.log_likelihoods_
            return self

    assert result("likelihood-rises", one_of(NoTrace)).saw == "it has no log_likelihoods_"


def test_the_toy_sequences_have_two_states_that_seldom_change():
    data = tasks.two_moods()
    assert data.X.shape == (60, 2) and sum(data.extra["lengths"]) == 60
    states = data.X.sum(axis=1) > 3.5
    assert 0 < np.mean(states) < 1
    assert np.mean(states[1:] != states[:-1]) < 0.3


def test_symbols_are_whole_numbers():
    X = one_of(TwoStatesOfSymbols).data.X
    assert X.shape == (60, 1) and X.dtype.kind == "i" and set(np.unique(X)) == {0, 1, 2, 3}


def test_the_score_of_a_sound_model_is_the_sum_over_all_paths():
    X = tasks.two_moods().X[:5]
    model = TwoStates().fit(tasks.two_moods().X)
    log_e, log_A = model._log_emissions(X), np.log(model.transmat_)
    paths = np.array(np.meshgrid(*[[0, 1]] * 5)).reshape(5, -1).T  # all 32
    each = [np.log(0.5) + log_e[range(5), path].sum() + log_A[path[:-1], path[1:]].sum() for path in paths]
    assert model.score(X) == pytest.approx(np.logaddexp.reduce(each))
    log_p, best = model.decode(X)
    assert log_p == pytest.approx(max(each))
    assert best.tolist() == paths[int(np.argmax(each))].tolist()
