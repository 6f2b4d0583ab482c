"""Each check of topics and languages lets the sound models pass and catches the one that is broken where it looks."""

from __future__ import annotations

import numpy as np
import pytest
from sound_models import checks_of, result, subject
from sound_models_of_tasks import Bigrams, SharesOfTopics

from pellucid.testing import tasks

CHECKS = checks_of("text_checks")


def one_of(cls, **fields):
    """A class as the kit sees it."""
    return subject(cls, tasks=("topics" if issubclass(cls, SharesOfTopics) else "language",), **fields)


# Models that are broken, each in one way


class CountsOfTopics(SharesOfTopics):
    def transform(self, X):
        return super().transform(X) * np.asarray(X).sum(axis=1, keepdims=True)


class CentredTopics(SharesOfTopics):
    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = self.components_ - self.components_.mean(axis=1, keepdims=True)
        return self


class LearnsOneTopicTwice(SharesOfTopics):
    def _shares(self, X, components, n_rounds):
        return np.full((len(X), len(components)), 1 / len(components))


class DividesByTheLength(SharesOfTopics):
    def transform(self, X):
        found = super().transform(X)
        return np.where(np.asarray(X).sum(axis=1, keepdims=True) > 0, found, np.nan)


class LogPerplexity(SharesOfTopics):
    def perplexity(self, X):
        return -np.log(super().perplexity(X))


class TakesNegativeCounts(SharesOfTopics):
    def _counts(self, X):
        return np.abs(X)


class VocabularyOfOneText(Bigrams):
    def fit(self, documents, y=None):
        return super().fit([[word for word in documents[0] if word != "house"]])


class ForgetsTheUnknown(Bigrams):
    def score(self, word, context=None):
        return 0.0 if word == self.UNKNOWN else super().score(word, context)


class LooksAtNoContext(Bigrams):
    def score(self, word, context=None):
        return 1 / len(self.vocab)


class NaturalLogarithm(Bigrams):
    def logscore(self, word, context=None):
        return float(np.log(self.score(word, context)))


class PerplexityOfChance(Bigrams):
    def perplexity(self, documents):
        return float(len(self.vocab))


class GeneratesFromTheClock(Bigrams):
    def generate(self, num_words=1, text_seed=None, random_seed=None):
        return super().generate(num_words, text_seed)


MUTANTS = {  # check -> (class, what must be said)
    "shares-of-topics-sum-to-one": (CountsOfTopics, "not in [0, 1]"),
    "topics-are-weights-of-words": (CentredTopics, "the least weight is -0."),
    "finds-two-subjects": (LearnsOneTopicTwice, "it is 0.000"),
    "new-documents-have-topics": (DividesByTheLength, "not in [0, 1]"),
    "perplexity-is-below-the-number-of-words": (LogPerplexity, "it is -1.9"),
    "counts-are-counts": (TakesNegativeCounts, "fit with a negative count raised nothing"),
    "vocabulary-holds-the-words": (VocabularyOfOneText, "vocab lacks house"),
    "next-words-have-chances-that-sum-to-one": (ForgetsTheUnknown, "a row of score after no context sums to 0.9"),
    "context-tells-the-next-word": (LooksAtNoContext, "a word that was never seen 0.06667"),
    "logscore-is-the-logarithm": (NaturalLogarithm, "logscore is -"),
    "perplexity-is-below-the-size-of-the-vocabulary": (PerplexityOfChance, "it is 15, and the vocabulary has 15 words"),
    "generates-words-of-its-vocabulary": (GeneratesFromTheClock, "with the same random_seed"),
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    mutant, said = MUTANTS[name]
    found = result(name, one_of(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("name", CHECKS)
def test_sound_models_pass(name):
    found = result(name, one_of(SharesOfTopics if "topics" in CHECKS[name].tasks else Bigrams))
    assert found.status == "passed", found.saw


def test_more_topics_are_no_fault():
    model = one_of(SharesOfTopics, smoke={"n_components": 5})
    results = [result(name, model) for name, check in CHECKS.items() if "topics" in check.tasks]
    assert [found.saw for found in results if found.status != "passed"] == []


# More ways to be broken, for checks that look at several things


class TopicsOfOtherWords(SharesOfTopics):
    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = self.components_[:, 1:]
        return self


class ATopicOfNothing(SharesOfTopics):
    def fit(self, X, y=None):
        super().fit(X)
        self.components_ = self.components_ * [[1.0], [0.0]]
        return self


class LooksAtOtherDocuments(SharesOfTopics):
    def transform(self, X):
        shares = super().transform(X)
        return (shares + shares.mean(axis=0)) / 2


class TakesMoreWords(SharesOfTopics):
    def transform(self, X):
        return super().transform(np.asarray(X)[:, :10])


class NamesWordsTwice(Bigrams):
    @property
    def vocab(self):
        return super().vocab * 2


class GeneratesTooFew(Bigrams):
    def generate(self, num_words=1, text_seed=None, random_seed=None):
        return super().generate(num_words, text_seed, random_seed)[1:]


class GeneratesCapitals(Bigrams):
    def generate(self, num_words=1, text_seed=None, random_seed=None):
        return [word.title() for word in super().generate(num_words, text_seed, random_seed)]


class IgnoresItsSeed(Bigrams):
    def generate(self, num_words=1, text_seed=None, random_seed=None):
        return super().generate(num_words, text_seed, 0)


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("topics-are-weights-of-words", TopicsOfOtherWords, "components_ has shape (2, 9) for ten words"),
        ("topics-are-weights-of-words", ATopicOfNothing, "a topic has no word"),
        ("new-documents-have-topics", LooksAtOtherDocuments, "from those it has among others"),
        ("counts-are-counts", TakesMoreWords, "transform with a word more raised nothing"),
        ("vocabulary-holds-the-words", NamesWordsTwice, "vocab has 30 words, and 15 different ones"),
        ("generates-words-of-its-vocabulary", GeneratesTooFew, "generate(30) gave 29 words"),
        ("generates-words-of-its-vocabulary", GeneratesCapitals, "which vocab does not have"),
        ("generates-words-of-its-vocabulary", IgnoresItsSeed, "with another random_seed"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, one_of(cls))
    assert found.status == "failed"
    assert said in found.saw


def test_the_toy_documents_are_about_one_subject_each():
    X = tasks.two_subjects().X
    assert X.shape == (24, 10) and set(X.sum(axis=1)) == {30}
    share = X[:, :5].sum(axis=1) / 30
    assert share[::2].min() > 0.7 and share[1::2].max() < 0.3


def test_the_toy_stories_have_words_of_different_frequency():
    first, second = tasks.two_stories().X
    assert len(first) == len(second) == 72 and first != second
    counts = np.unique(first + second, return_counts=True)[1]
    assert counts.min() < 6 and counts.max() == 48
