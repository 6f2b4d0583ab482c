"""One small model for each task whose data are no plain table: the shortest text of each interface, and right.

The conformance kit must find nothing in them; its mutants are made by spoiling them. For tables the guide is
`pellucid.estimator`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import Estimator, Tensor
from pellucid.validation import check_rng


class TwoStates(Estimator):
    """Sequence: a hidden Markov model with Gaussian rows of variance 1, by Viterbi training.

    Each round takes the best path through the states and sets their means to what lies on it.
    """

    def __init__(self, n_components: int = 2, max_iter: int = 10, random_state: Any = None) -> None:
        self.n_components, self.max_iter, self.random_state = n_components, max_iter, random_state

    def fit(self, X: Any, lengths: Any = None) -> TwoStates:
        X, K = self._check_fit_X(X), self.n_components
        sequences = split(X, lengths)
        A = 1 + 4 * K * np.eye(K)
        self.transmat_ = A / A.sum(axis=1, keepdims=True)
        self._learn(X, np.argsort(np.argsort(X @ np.ptp(X, axis=0))) * K // len(X))  # at first by rank along a diagonal
        self.log_likelihoods_ = []
        for _ in range(self.max_iter):
            log_p, states = self._best_paths(sequences)
            self.log_likelihoods_.append(log_p)
            self._learn(X, states)
        return self

    def _learn(self, X: Any, states: Any) -> None:
        self.means_ = np.stack([X[states == k].mean(axis=0) for k in range(self.n_components)])  # (K, D)

    def _log_emissions(self, X: Any) -> Any:
        squares = ((X[:, None] - self.means_) ** 2).sum(axis=2)
        return -0.5 * squares - 0.5 * X.shape[1] * np.log(2 * np.pi)  # (T, K)

    def _emit(self, states: Any, rng: np.random.Generator) -> Any:
        return self.means_[states] + rng.normal(size=(len(states), self.means_.shape[1]))

    def _best_paths(self, sequences: Any) -> tuple[float, Any]:
        paths = [viterbi(self._log_emissions(s), np.log(self.transmat_)) for s in sequences]
        return sum(log_p for log_p, _ in paths), np.concatenate([states for _, states in paths])

    def _log_posteriors(self, X: Any) -> tuple[float, Any]:
        log_e, log_A = self._log_emissions(X), np.log(self.transmat_)
        forward, backward = np.empty_like(log_e), np.zeros_like(log_e)
        forward[0] = log_e[0] - np.log(self.n_components)
        for t in range(1, len(X)):
            forward[t] = log_e[t] + np.logaddexp.reduce(forward[t - 1][:, None] + log_A, axis=0)
        for t in range(len(X) - 2, -1, -1):
            backward[t] = np.logaddexp.reduce(log_A + log_e[t + 1] + backward[t + 1], axis=1)
        log_p = np.logaddexp.reduce(forward[-1])
        return float(log_p), forward + backward - log_p

    def score(self, X: Any, lengths: Any = None) -> float:
        return sum(self._log_posteriors(s)[0] for s in split(self._check_X(X), lengths))

    def predict_proba(self, X: Any, lengths: Any = None) -> Any:
        return np.exp(np.concatenate([self._log_posteriors(s)[1] for s in split(self._check_X(X), lengths)]))

    def decode(self, X: Any, lengths: Any = None) -> tuple[float, Any]:
        return self._best_paths(split(self._check_X(X), lengths))

    def predict(self, X: Any, lengths: Any = None) -> Any:
        return self.decode(X, lengths)[1]

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[Any, Any]:
        self._check_fitted()
        rng = check_rng(self.random_state if random_state is None else random_state)
        states = [int(rng.integers(self.n_components))]
        while len(states) < n_samples:
            states.append(int(rng.choice(self.n_components, p=self.transmat_[states[-1]])))
        return self._emit(states, rng), np.array(states)


class TwoStatesOfSymbols(TwoStates):
    """Sequence, with the tag "symbols": the same with rows of one whole number, and a chance of each in each state."""

    def _learn(self, X: Any, states: Any) -> None:
        counts = np.ones(
            (self.n_components, int(X.max()) + 1)
        )  # one more than were seen, so that nothing is impossible
        np.add.at(counts, (states, X[:, 0].astype(int)), 1)
        self.chances_ = counts / counts.sum(axis=1, keepdims=True)  # (K, M)

    def _log_emissions(self, X: Any) -> Any:
        return np.log(self.chances_[:, X[:, 0].astype(int)]).T  # (T, K)

    def _emit(self, states: Any, rng: np.random.Generator) -> Any:
        return np.array([[rng.choice(self.chances_.shape[1], p=self.chances_[k])] for k in states])


def split(X: Any, lengths: Any) -> list[Any]:
    lengths = [len(X)] if lengths is None else list(lengths)
    if sum(lengths) != len(X):
        raise ValueError(f"lengths must sum to the number of rows, {len(X)}; they sum to {sum(lengths)}")
    return np.split(X, np.cumsum(lengths)[:-1])


def viterbi(log_e: Any, log_A: Any) -> tuple[float, Any]:
    """The best path through states with these log emissions (T, K) and transitions (K, K)."""
    best, back = log_e[0] - np.log(len(log_A)), []
    for row in log_e[1:]:
        ways = best[:, None] + log_A
        back.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    z = [int(best.argmax())]
    for from_ in reversed(back):
        z.append(int(from_[z[-1]]))
    return float(best.max()), np.array(z[::-1])


class SharesOfTopics(Estimator):
    """Topics: probabilistic latent semantic analysis with a little smoothing, by EM."""

    def __init__(self, n_components: int = 2, max_iter: int = 50, random_state: Any = None) -> None:
        self.n_components, self.max_iter, self.random_state = n_components, max_iter, random_state

    def fit(self, X: Any, y: Any = None) -> SharesOfTopics:
        X = self._counts(self._check_fit_X(X))
        rng = check_rng(self.random_state)
        components = rng.dirichlet(np.ones(X.shape[1]), self.n_components)  # (K, V)
        self.log_likelihoods_ = []
        for _ in range(self.max_iter):
            shares = self._shares(X, components, 5)
            self.log_likelihoods_.append(float(np.sum(X * np.log(shares @ components))))
            components = components * (shares.T @ (X / (shares @ components))) + 0.01
            components /= components.sum(axis=1, keepdims=True)
        self.components_ = components
        return self

    def transform(self, X: Any) -> Any:
        return self._shares(self._counts(self._check_X(X)), self.components_, 50)

    def perplexity(self, X: Any) -> float:
        X = self._counts(self._check_X(X))
        return float(np.exp(-np.sum(X * np.log(self.transform(X) @ self.components_)) / X.sum()))

    def _shares(self, X: Any, components: Any, n_rounds: int) -> Any:
        shares = np.full((len(X), len(components)), 1 / len(components))  # (N, K)
        for _ in range(n_rounds):
            shares = shares * ((X / (shares @ components)) @ components.T) + 0.01
            shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def _counts(self, X: Any) -> Any:
        if X.min() < 0:
            raise ValueError(f"X must hold counts, 0 or more; its smallest number is {X.min()}")
        return X


class Bigrams(Estimator):
    """Language: words after the one before, each counted once more than it was seen."""

    UNKNOWN, END = "<UNK>", "</s>"

    def fit(self, documents: Any, y: Any = None) -> Bigrams:
        self.vocabulary_ = sorted({word for text in documents for word in text} | {self.UNKNOWN, self.END})
        self.counts_ = np.ones((len(self.vocabulary_), len(self.vocabulary_)))
        for text in documents:
            for pair in self._pairs(text):
                self.counts_[pair] += 1
        return self

    @property
    def vocab(self) -> list[str]:
        self._check_fitted()
        return self.vocabulary_

    def _place(self, word: str) -> int:
        return self.vocab.index(word if word in self.vocab else self.UNKNOWN)

    def _pairs(self, text: Any) -> list[tuple[int, int]]:
        places = [self._place(word) for word in [self.END, *text, self.END]]  # the end of one text begins the next
        return list(zip(places[:-1], places[1:]))

    def score(self, word: str, context: Any = None) -> float:
        before, after = self._place(context[-1] if context else self.END), self._place(word)
        return float(self.counts_[before, after] / self.counts_[before].sum())

    def logscore(self, word: str, context: Any = None) -> float:
        return float(np.log2(self.score(word, context)))

    def perplexity(self, documents: Any) -> float:
        self._check_fitted()
        P = self.counts_ / self.counts_.sum(axis=1, keepdims=True)
        return float(np.exp(-np.mean([np.log(P[pair]) for text in documents for pair in self._pairs(text)])))

    def generate(self, num_words: int = 1, text_seed: Any = None, random_seed: Any = None) -> list[str]:
        rng, words, text = check_rng(random_seed), [], list(text_seed or [])
        for _ in range(num_words):
            words.append(str(rng.choice(self.vocab, p=[self.score(word, text + words) for word in self.vocab])))
        return words


class OneGaussian(Estimator):
    """Generation: rows from the Gaussian that has the mean and the covariance of the data."""

    def __init__(self, random_state: Any = None) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> OneGaussian:
        X = self._check_fit_X(X)
        self.mean_ = X.mean(axis=0)
        self.deviations_ = (X - self.mean_) / np.sqrt(len(X))  # (N, D), whose product with itself is the covariance
        return self

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        self._check_fitted()
        rng = check_rng(self.random_state if random_state is None else random_state)
        return self.mean_ + rng.normal(size=(n_samples, len(self.deviations_))) @ self.deviations_


class TableOfValues(Estimator):
    """Control: Q-learning with one value for each observation and action; vectors are rounded to a grid."""

    def __init__(self, learning_rate: float = 0.5, gamma: float = 0.9, epsilon: float = 0.2, seed: Any = None) -> None:
        self.learning_rate, self.gamma, self.epsilon, self.seed = learning_rate, gamma, epsilon, seed

    def learn(self, env: Any, total_timesteps: int) -> TableOfValues:
        rng = check_rng(self.seed)
        self.n_actions_, self.values_ = int(env.action_space.n), {}
        over = True
        for _ in range(total_timesteps):
            if over:
                observation, _ = env.reset()
            Q = self._of(observation)
            action = int(rng.integers(len(Q)) if rng.random() < self.epsilon else np.argmax(Q))
            new, reward, terminated, truncated, _ = env.step(action)
            future = 0.0 if terminated else self.gamma * np.max(self._of(new))  # truncation is not the end of the world
            Q[action] += self.learning_rate * (reward + future - Q[action])
            observation, over = new, terminated or truncated
        return self

    def _of(self, observation: Any) -> Any:
        cell = " ".join(f"{x:.1f}" for x in np.ravel(observation))
        return self.values_.setdefault(cell, np.zeros(self.n_actions_))

    def predict(self, observation: Any, state: Any = None, deterministic: bool = True) -> tuple[Any, Any]:
        self._check_fitted()
        return int(np.argmax(self._of(observation))), state


class MostlyTheBest(Estimator):
    """Bandit: the arm with the highest mean so far, one time in ten any arm; with contexts, a mean for each."""

    def __init__(self, n_arms: int = 2, epsilon: float = 0.1, random_state: Any = None) -> None:
        self.n_arms, self.epsilon, self.random_state = n_arms, epsilon, random_state

    def _of(self, context: Any) -> Any:
        """Sums of rewards, and how many they were: (2, n_arms)."""
        if not hasattr(self, "rng_"):
            self.rng_, self.seen_ = check_rng(self.random_state), {}
        place = "" if context is None else " ".join(f"{x:g}" for x in context)
        return self.seen_.setdefault(place, np.zeros((2, self.n_arms)))

    def act(self, context: Any = None) -> int:
        sums, counts = self._of(context)
        if self.rng_.random() < self.epsilon:
            return int(self.rng_.integers(self.n_arms))
        return int(
            np.argmax(np.where(counts > 0, sums / np.maximum(counts, 1), np.inf))
        )  # what was never tried is next

    def update(self, arm: int, reward: float, context: Any = None) -> MostlyTheBest:
        if not 0 <= arm < self.n_arms:
            raise ValueError(f"arm must be one of 0, ..., {self.n_arms - 1}; got {arm}")
        self._of(context)[:, arm] += (reward, 1)
        return self


class TwoLayers:
    """Network: y = V tanh(W x + b) + c. With a base class such as PyTorch's Module only three methods are its own."""

    training = True

    def __init__(self, n_hidden: int = 16, rng: Any = None) -> None:
        rng = check_rng(rng)
        shapes = {"W": (4, n_hidden), "b": (n_hidden,), "V": (n_hidden, 3), "c": (3,)}
        self._parameters = {n: Tensor(rng.normal(size=s) / 2, requires_grad=True) for n, s in shapes.items()}

    def forward(self, x: Any) -> Any:
        W, b, V, c = self._parameters.values()
        return np.tanh(x @ W + b) @ V + c  # (B, 3)

    __call__ = forward

    def example_input(self, rng: np.random.Generator) -> Any:
        return rng.normal(size=(8, 4))

    def named_parameters(self) -> Any:
        return iter(self._parameters.items())

    def parameters(self) -> Any:
        return iter(self._parameters.values())

    def state_dict(self) -> dict[str, Any]:
        return {name: parameter.numpy().copy() for name, parameter in self._parameters.items()}

    def load_state_dict(self, state: Any) -> None:
        own = {name: parameter.numpy() for name, parameter in self._parameters.items()}
        wrong = [f"{name} is missing" for name in own.keys() - state.keys()]
        wrong += [f"{name} is unknown" for name in state.keys() - own.keys()]
        wrong += [
            f"{name} has shape {np.shape(state[name])}" for name in own if np.shape(state.get(name)) != own[name].shape
        ]
        if wrong:
            raise ValueError("the state does not fit: " + ", ".join(wrong))
        for name, values in state.items():
            self._parameters[name].data = np.array(values, dtype=own[name].dtype)

    def train(self, mode: bool = True) -> TwoLayers:
        self.training = mode
        return self

    def eval(self) -> TwoLayers:
        return self.train(False)

    def float(self) -> TwoLayers:
        for parameter in self.parameters():
            parameter.data = parameter.numpy().astype(np.float32)
        return self


SOUND = {
    "sequence": TwoStates,
    "topics": SharesOfTopics,
    "language": Bigrams,
    "generation": OneGaussian,
    "control": TableOfValues,
    "bandit": MostlyTheBest,
    "network": TwoLayers,
}
