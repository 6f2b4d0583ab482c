"""What a model of texts is for: topics are distributions over words, a language gives every next word its chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.testing import tasks
from pellucid.testing.checks import check, expect, raises
from pellucid.testing.subjects import Subject
from pellucid.testing.task_checks import adjusted_rand, method, sums_to_one
from pellucid.testing.tasks import Data

UNSEEN = "zygomorphic"  # no word of the toy documents

# Topics


@check("task", "topics")
def shares_of_topics_sum_to_one(model: Subject) -> None:
    """transform gives each document a distribution over the topics, of which components_ has as many rows."""
    shares, components = np.asarray(model.fitted.transform(model.data.X)), np.asarray(model.fitted.components_)
    sums_to_one("transform", shares, (24, len(components)))


@check("task", "topics")
def topics_are_weights_of_words(model: Subject) -> None:
    """components_ holds a row of weights for each topic, one for each word, none negative and not all zero."""
    components = np.asarray(model.fitted.components_)
    expect(
        components.ndim == 2 and components.shape[1] == 10, f"components_ has shape {components.shape} for ten words"
    )
    expect(np.all(components >= 0), f"the least weight is {components.min():.4g}")
    expect(np.all(components.sum(axis=1) > 0), "a topic has no word")


@check("task", "topics")
def finds_two_subjects(model: Subject) -> None:
    """With two topics, documents on two subjects are told apart: the adjusted Rand index is above 0.5."""
    one = model.make(**({"n_components": 2} if "n_components" in model.parameters else {}))
    model.fit(one)
    found = adjusted_rand(np.argmax(one.transform(model.data.X), axis=1), np.arange(24) % 2)
    expect(found > 0.5, f"it is {found:.3f}")


@check("task", "topics")
def new_documents_have_topics(model: Subject) -> None:
    """New documents, and one without words, get distributions over the topics too, each its own."""
    X = np.concatenate([tasks.two_subjects(seed=1).X[:5], np.zeros((1, 10), dtype=np.int64)])
    shares = np.asarray(model.fitted.transform(X))
    sums_to_one("transform of new documents", shares, (6, len(model.fitted.components_)))
    alone = np.asarray(model.fitted.transform(X[2:3]))
    away = float(np.max(np.abs(alone - shares[2])))
    expect(away < 0.05, f"alone, a document has shares that differ by {away:.3g} from those it has among others")


@check("task", "topics")
def perplexity_is_below_the_number_of_words(model: Subject) -> None:
    """perplexity of the documents is lower than ten, that of ten words with equal chances, and one at least."""
    found = float(method(model, "perplexity")(model.data.X))
    expect(1 <= found < 10, f"it is {found:.4g}")


@check("task", "topics")
def counts_are_counts(model: Subject) -> None:
    """Negative counts, and documents with another number of words, are refused."""
    X = model.data.X
    raises("transform with a word more", lambda: model.fitted.transform(np.column_stack([X, X[:, 0]])))
    X[3, 4] = -1
    raises("fit with a negative count", lambda: model.fit(data=Data(X)))


# Language


def contexts(model: Subject) -> dict[str, list[str]]:
    """Beginnings of texts of all kinds: known ones, unknown ones, none."""
    text = model.data.X[0]
    return {
        "no context": [],
        "one word": text[:1],
        "a context that was seen": text[:9],
        "words that never stood together": ["."] * 3,
        "a word that was never seen": [UNSEEN],
        "a known word after an unknown one": [UNSEEN, text[0]],
    }


def chances(model: Subject, context: list[str]) -> NDArray[Any]:
    """The score of every word of the vocabulary: (V,)."""
    return np.array([model.fitted.score(word, context) for word in model.fitted.vocab])


@check("task", "language")
def vocabulary_holds_the_words(model: Subject) -> None:
    """vocab goes through all words of the documents, each once."""
    words = list(model.fitted.vocab)
    missing = {word for text in model.data.X for word in text} - set(words)
    expect(not missing, f"vocab lacks {', '.join(sorted(missing))}")
    expect(len(set(words)) == len(words), f"vocab has {len(words)} words, and {len(set(words))} different ones")


@check("task", "language")
def next_words_have_chances_that_sum_to_one(model: Subject) -> None:
    """Over the vocabulary, the scores after any context are a distribution, also after one that was never seen."""
    for kind, context in contexts(model).items():
        P = chances(model, context)
        sums_to_one(f"score after {kind}", P, P.shape)


@check("task", "language")
def context_tells_the_next_word(model: Subject) -> None:
    """A word that often follows a context has a higher score than words that never do."""
    text = model.data.X[0]
    often, never = model.fitted.score(text[1], text[:1]), model.fitted.score(UNSEEN, text[:1])
    expect(often > never, f"after {text[0]!r}, {text[1]!r} has {often:.4g}, a word that was never seen {never:.4g}")


@check("task", "language")
def logscore_is_the_logarithm(model: Subject) -> None:
    """logscore is the logarithm of score, to base 2."""
    logscore, text = method(model, "logscore"), model.data.X[0]
    for i in (0, 1, 5):
        found, score = float(logscore(text[i], text[:i])), float(model.fitted.score(text[i], text[:i]))
        expect(abs(2**found - score) < 1e-9, f"logscore is {found:.6g}, and score {score:.6g}, of {text[i]!r}")


@check("task", "language")
def perplexity_is_below_the_size_of_the_vocabulary(model: Subject) -> None:
    """perplexity of the documents is lower than that of equal chances, the size of the vocabulary, and one at least."""
    found, V = float(method(model, "perplexity")(model.data.X)), len(list(model.fitted.vocab))
    expect(1 <= found < V, f"it is {found:.4g}, and the vocabulary has {V} words")


@check("task", "language")
def generates_words_of_its_vocabulary(model: Subject) -> None:
    """generate(n) gives n words of the vocabulary, the same with the same seed."""
    generate = method(model, "generate")
    first, second, other = (list(generate(30, random_seed=seed)) for seed in (0, 0, 1))
    expect(len(first) == 30, f"generate(30) gave {len(first)} words")
    strange = sorted(set(first) - set(model.fitted.vocab))
    expect(not strange, f"it gave {', '.join(map(repr, strange[:5]))}, which vocab does not have")
    differ = sum(a != b for a, b in zip(first, second, strict=True))
    expect(not differ, f"with the same random_seed, {differ} of 30 words differ")
    expect(first != other or len(set(first)) == 1, "with another random_seed, all of 30 words are the same")
