"""What a model of each task is fitted to, how, and what it says afterwards.

The interfaces are those that users know:

    classification, regression   fit(X, y), predict(X); predict_proba(X), decision_function(X)
    clustering                   fit(X), labels_; predict(X)
    density                      fit(X), score_samples(X); score(X), sample(n)
    transform                    fit(X), transform(X); inverse_transform(X)
    sequence                     fit(X, lengths), score, decode, predict(X, lengths); sample(n)      (as in hmmlearn)
    topics                       fit(X), transform(X), components_; perplexity(X)
    language                     fit(documents), score(word, context), vocab; perplexity(documents),
                                 logscore(word, context), generate(n, random_seed=0)                 (as in nltk.lm)
    generation                   fit(X), sample(n)
    control                      learn(env, total_timesteps), predict(observation) -> (action, state)
    bandit                       act(context=None) -> arm, update(arm, reward, context=None), n_arms
    network                      a Module: forward(x), parameters(), named_parameters(), state_dict(),
                                 load_state_dict(state), train(), eval(), and example_input(rng);
                                 float(), double(), modules()                                        (as in PyTorch)

What stands after a semicolon is checked where it is there. In particular:

- The X of a sequence are the rows of all sequences, one after the other, and `lengths` says how many each has.
- The X of topics are counts: documents by words. Those of a language are documents, each a list of words; a `context`
  is a list of the words before, as many as there are (the model uses the last ones), and `vocab` goes through all
  words that have a probability, with those that stand for unseen words and for the end of a text.
- `sample` returns the rows, alone or first in a tuple. It takes `random_state`, `seed` or `rng`, or the model does.
- A bandit has as many arms as its parameter `n_arms` says, and can act before its first update.
- `example_input` of a network returns a batch of eight examples, or a tuple of such arrays, one for each argument.
- `score` of a density is the mean of `score_samples`, or their sum.

The toy data suit every model of a task. Some words among a spec's `tags` ask for others: "non-negative" (X ≥ 0),
"binary" (X of zeros and ones), "text" (X of words), "one column" (X with one column), "positive target" (y > 0), "two
classes", "needs y" (a y for fits that do without as a rule), "symbols" (a sequence of whole numbers), "continuous" (an
environment whose observations are vectors), "continuous actions" (one whose actions are), "contextual" (a bandit with
contexts).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.nesting import flatten
from pellucid.specs import ModelSpec
from pellucid.tensor import data_of
from pellucid.testing import environments

SEEDS = ("random_state", "seed", "rng")  # names that the seed of a model or of a sample goes by


@dataclass
class Data:
    """What a fit gets.

    Attributes
    ----------
    X : array, list or object
        The data: a table, the rows of all sequences, documents, an environment, a bandit; of a network the seed of its
        example.
    y : array or None
        The target, where there is one.
    extra : dict
        Keyword arguments of `fit` that belong to the data: `lengths`.
    """

    X: Any
    y: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments of `fit`."""
        return (self.X,) if self.y is None else (self.X, self.y)


@dataclass(frozen=True)
class Task:
    """How models of one task are used.

    Attributes
    ----------
    data : callable
        ``data(spec) -> Data``: toy data.
    fit : callable
        ``fit(model, data, **kwargs)``: what the model's own fit returns.
    answers : callable
        ``answers(model, data) -> {method: array}``: what the fitted model says, without chance.
    """

    data: Callable[[ModelSpec], Data]
    fit: Callable[..., Any]
    answers: Callable[[Any, Data], Mapping[str, Any]]


# Toy data, small enough that fits take milliseconds


def three_clouds(spec: ModelSpec | None = None, seed: int = 0) -> Data:
    """Three Gaussian clouds of 20 points in four columns; their classes 0, 1, 2."""
    tags = () if spec is None else spec.tags
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(2), 30) if "two classes" in tags else np.repeat(np.arange(3), 20)
    centres = np.array([[0.0, 0.0, 0.0, 0.0], [3.0, 1.0, 0.0, 0.0], [0.0, 3.0, 2.0, 0.0]])
    if "one column" in tags:
        centres[:, 0] = 0.0, 4.0, -4.0
    X = centres[y] + rng.normal(size=(60, 4))
    order = rng.permutation(60)
    return Data(within(spec, X[order]), y[order])


def bent_plane(spec: ModelSpec | None = None, seed: int = 0) -> Data:
    """60 points in four columns; the target is a plane, bent a little, with a little noise."""
    tags = () if spec is None else spec.tags
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 4))
    slopes = [2.0, 0.0, 0.0, 0.0] if "one column" in tags else [2.0, -1.0, 0.5, 0.0]
    y = X @ slopes + 0.3 * np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=60) + 5.0
    return Data(within(spec, X), 5.0 * np.exp(y / 4 - 1.25) if "positive target" in tags else y)


def clouds_without_classes(spec: ModelSpec | None = None) -> Data:
    """The clouds alone."""
    data = three_clouds(spec)
    if spec is None or not needs_y(spec):
        return Data(data.X)
    return Data(data.X, data.y if "classification" in spec.tasks else data.y + 1.0)


def needs_y(spec: ModelSpec) -> bool:
    """Whether a fit takes y: the tag says so, or another task of the model does."""
    return "needs y" in spec.tags or bool({"classification", "regression"} & {*spec.tasks})


def within(spec: ModelSpec | None, X: Any) -> Any:
    """X (N, D) as the model's tags want it: its bounds, its width, numbers or words."""
    tags = () if spec is None else spec.tags
    X = X[:, :1] if "one column" in tags else X
    if "text" in tags:
        return np.array(["ash", "birch", "oak", "pine"], dtype=object)[np.digitize(X, [0.0, 1.0, 2.0])]
    if "binary" in tags:
        return (X > 1.0).astype(float)
    return np.maximum(X + 4.0, 0.0) if "non-negative" in tags else X


def two_moods(spec: ModelSpec | None = None, seed: int = 0) -> Data:
    """Three sequences, 60 rows together, from two hidden states that seldom change; two columns, or one of symbols."""
    rng = np.random.default_rng(seed)
    lengths = [25, 20, 15]
    states = np.concatenate([(rng.integers(2) + np.cumsum(rng.random(n) < 0.1)) % 2 for n in lengths])
    if spec is not None and "symbols" in spec.tags:
        chances = np.array([[0.7, 0.2, 0.05, 0.05], [0.05, 0.05, 0.2, 0.7]])
        X = (rng.random((60, 1)) > np.cumsum(chances[states], axis=1)).sum(axis=1, keepdims=True)  # (60, 1)
    else:
        X = np.array([[0.0, 0.0], [4.0, 3.0]])[states] + rng.normal(size=(60, 2))
    return Data(X, extra={"lengths": lengths})


def two_subjects(spec: ModelSpec | None = None, seed: int = 0) -> Data:
    """24 documents of 30 words each as counts of ten words; each document is mostly about one of two subjects."""
    rng = np.random.default_rng(seed)
    words = np.array([[0.19] * 5 + [0.01] * 5, [0.01] * 5 + [0.19] * 5])
    share = np.where(np.arange(24) % 2 == 0, 0.95, 0.05)  # of the first subject
    return Data(rng.multinomial(30, np.outer(share, words[0]) + np.outer(1 - share, words[1])))


def two_stories(spec: ModelSpec | None = None, seed: int = 0) -> Data:
    """Two documents of twelve sentences, 72 words each, from a small grammar; some words are rare."""
    rng = np.random.default_rng(seed)
    who, does, what = "dog cat bird fish".split(), "sees likes wants".split(), "tree house river moon".split()

    def one(words: list[str]) -> str:
        chances = 1.0 / np.arange(1, len(words) + 1)
        return words[rng.choice(len(words), p=chances / chances.sum())]

    def story() -> list[str]:
        return [word for _ in range(12) for word in ("the", one(who), one(does), "the", one(what), ".")]

    return Data([story(), story()])


def corridor(spec: ModelSpec | None = None) -> Data:
    """A corridor of six cells."""
    return Data(corridor_for(spec), extra={"total_timesteps": 1500})


def corridor_for(spec: ModelSpec | None = None, **options: Any) -> Any:
    """A corridor with the observations and the actions that the model's tags ask for."""
    tags = () if spec is None else spec.tags
    return environments.make_corridor("continuous" in tags, "continuous actions" in tags, **options)


def one_good_arm(spec: ModelSpec | None = None) -> Data:
    """A bandit of which one arm pays nine times in ten."""
    return Data(environments.Bandit(contextual=spec is not None and "contextual" in spec.tags))


# How a model is fitted


def fit(model: Any, data: Data, **kwargs: Any) -> Any:
    """``model.fit`` of the data."""
    return model.fit(*data.args, **{**data.extra, **kwargs})


def learn(model: Any, data: Data, **kwargs: Any) -> Any:
    """``model.learn`` in an environment."""
    return model.learn(data.X, **{**data.extra, **kwargs})


def play(model: Any, data: Data, **kwargs: Any) -> Any:
    """Let a model play a bandit; the model."""
    environments.play(model, data.X, **kwargs)
    return model


def leave(model: Any, data: Data, **kwargs: Any) -> Any:
    """Leave a network with its initial values; the model."""
    return model


# What a model says


def said(*methods: str, attributes: tuple[str, ...] = ()) -> Callable[[Any, Data], dict[str, Any]]:
    """Answers: what those of these methods return that the model has, given X; and learnt attributes."""

    def answers(model: Any, data: Data) -> dict[str, Any]:
        found = {name: getattr(model, name)(data.X, **data.extra) for name in methods if hasattr(model, name)}
        return found | {name: getattr(model, name) for name in attributes if hasattr(model, name)}

    return answers


def sequence_answers(model: Any, data: Data) -> dict[str, Any]:
    """The likelihood, the path of states and the probability of each state."""
    found = said("score", "predict", "predict_proba")(model, data)
    log_probability, states = model.decode(data.X, **data.extra)
    return found | {"decode": states, "decode's log probability": log_probability}


def language_answers(model: Any, data: Data) -> dict[str, Any]:
    """The probability of each word of the documents after the words before it."""
    asked = [(word, text[:i]) for text in data.X for i, word in enumerate(text[:20])]
    found = {"score": np.array([model.score(word, context) for word, context in asked])}
    return found | ({"perplexity": model.perplexity(data.X)} if hasattr(model, "perplexity") else {})


def generation_answers(model: Any, data: Data) -> dict[str, Any]:
    """Ten rows from a copy of the model, whose random numbers stay where they are."""
    return {"sample": sample(copy.deepcopy(model), 10)[0]}


def control_answers(model: Any, data: Data) -> dict[str, Any]:
    """The action that it would take for each observation."""
    return {"predict": np.array([choose(model, observation) for observation in data.X.asked])}


def bandit_answers(model: Any, data: Data) -> dict[str, Any]:
    """The arms that a copy of it pulls in the next 50 rounds."""
    arms, _ = environments.play(copy.deepcopy(model), environments.Bandit(data.X.contextual, seed=1), n_rounds=50)
    return {"act": np.array(arms)}


def network_answers(model: Any, data: Data) -> dict[str, Any]:
    """What it puts out for its example, as while predicting; with several outputs, each of them."""
    before = model.training
    model.eval()
    outputs = outputs_of(model, *example(model, data))
    model.train(before)
    return {f"output {i}" if i else "output": np.asarray(data_of(y)) for i, y in enumerate(outputs)}


def sample(model: Any, n: int, seed: int = 0) -> tuple[Any, ...]:
    """``model.sample(n)``, with the seed if it takes one: the rows, and what comes with them."""
    name = next((name for name in SEEDS if name in inspect.signature(model.sample).parameters), "")
    found = model.sample(n, **({name: seed} if name else {}))
    return found if isinstance(found, tuple) else (found,)


def choose(model: Any, observation: Any) -> Any:
    """The action that a model predicts, without chance if it can be asked for that."""
    sure = {"deterministic": True} if "deterministic" in inspect.signature(model.predict).parameters else {}
    return model.predict(observation, **sure)[0]


def example(model: Any, data: Data) -> tuple[Any, ...]:
    """A network's example input: a tuple of its arguments."""
    found = model.example_input(np.random.default_rng(data.X))
    return tuple(np.asarray(x) for x in found) if isinstance(found, tuple) else (np.asarray(found),)


def outputs_of(model: Any, *inputs: Any) -> list[Any]:
    """What a network puts out: a list, whether it is one array or nested."""
    outputs: list[Any] = []
    flatten(model(*inputs), outputs)
    return outputs


TABLE_ANSWERS = {
    "classification": ("predict", "predict_proba", "decision_function"),
    "regression": ("predict",),
    "clustering": ("predict",),
    "density": ("score_samples",),
    "transform": ("transform",),
}

TASKS: dict[str, Task] = {
    "classification": Task(three_clouds, fit, said(*TABLE_ANSWERS["classification"])),
    "regression": Task(bent_plane, fit, said(*TABLE_ANSWERS["regression"])),
    "clustering": Task(clouds_without_classes, fit, said(*TABLE_ANSWERS["clustering"], attributes=("labels_",))),
    "density": Task(clouds_without_classes, fit, said(*TABLE_ANSWERS["density"])),
    "transform": Task(clouds_without_classes, fit, said(*TABLE_ANSWERS["transform"])),
    "sequence": Task(two_moods, fit, sequence_answers),
    "topics": Task(two_subjects, fit, said("transform", "perplexity", attributes=("components_",))),
    "language": Task(two_stories, fit, language_answers),
    "generation": Task(clouds_without_classes, fit, generation_answers),
    "control": Task(corridor, learn, control_answers),
    "bandit": Task(one_good_arm, play, bandit_answers),
    "network": Task(lambda spec: Data(0), leave, network_answers),
}
