"""Small worlds for agents: a corridor with Gymnasium's interface, and a bandit.

    >>> corridor = make_corridor()
    >>> observation, _ = corridor.reset(seed=0)
    >>> corridor.step(1)[:4]
    (1, -0.1, False, False)

Nothing here needs Gymnasium. Where it is installed, the spaces are its own and the corridor is one of its environments,
so that an agent may ask ``isinstance(env.action_space, gymnasium.spaces.Discrete)`` or wrap the environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from pellucid.validation import FloatArray

STEP_COST, PRIZE = -0.1, 1.0


class Discrete:
    """The whole numbers 0, 1, ..., n − 1, as `gymnasium.spaces.Discrete`."""

    start = 0
    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.int64)

    def __init__(self, n: int) -> None:
        self.n = n
        self.seed(0)

    def seed(self, seed: int | None = None) -> None:
        """Start the random numbers of `sample` again."""
        self._rng = np.random.default_rng(seed)

    def sample(self) -> np.int64:
        """One of its numbers, each as likely."""
        return self._rng.integers(self.n)

    def contains(self, x: Any) -> bool:
        """Whether x is one of its numbers."""
        whole = isinstance(x, int) or (isinstance(x, np.generic | np.ndarray) and x.dtype.kind in "iu" and x.ndim == 0)
        return whole and 0 <= int(x) < self.n

    def __contains__(self, x: Any) -> bool:
        return self.contains(x)

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


class Box:
    """The vectors between two bounds, as `gymnasium.spaces.Box`."""

    def __init__(self, low: FloatArray, high: FloatArray, dtype: Any = np.float32) -> None:
        self.low, self.high, self.dtype = np.asarray(low, dtype), np.asarray(high, dtype), np.dtype(dtype)
        self.shape = self.low.shape
        self.seed(0)

    def seed(self, seed: int | None = None) -> None:
        """Start the random numbers of `sample` again."""
        self._rng = np.random.default_rng(seed)

    def sample(self) -> FloatArray:
        """One of its vectors, each as likely."""
        return self._rng.uniform(self.low, self.high).astype(self.dtype)

    def contains(self, x: Any) -> bool:
        """Whether x is one of its vectors."""
        x = np.asarray(x)
        return x.dtype.kind in "fiu" and x.shape == self.shape and bool(np.all((x >= self.low) & (x <= self.high)))

    def __contains__(self, x: Any) -> bool:
        return self.contains(x)

    def __repr__(self) -> str:
        return f"Box({self.low}, {self.high}, {self.shape}, {self.dtype})"


class Corridor:
    """Walk from the left end of a corridor to the right one; every step costs a little, the arrival is worth 1.

    The actions are 0, to the left, and 1, to the right; or vectors of one number from -1 to 1, to the right where it is
    above 0. The observation is the number of the cell. The episode is terminated by the arrival and truncated after
    `limit` steps.

    Parameters
    ----------
    limit : int
        The most steps of an episode.
    n_cells : int
        Its length.
    ends : bool
        With False it goes on after the arrival too: episodes are only truncated.
    continuous_actions : bool
        Whether the actions are vectors.

    Attributes
    ----------
    observation_space, action_space : spaces
        As in Gymnasium.
    asked : list
        Observations of all kinds, to ask an agent about.
    n_steps : int
        The steps that were ever taken.
    """

    metadata: dict[str, Any] = {"render_modes": []}
    render_mode = None
    spec = None

    def __init__(self, limit: int = 30, n_cells: int = 6, ends: bool = True, continuous_actions: bool = False) -> None:
        one = np.ones(1, np.float32)
        self.action_space: Any = (
            spaces().Box(-one, one, dtype=np.float32) if continuous_actions else spaces().Discrete(2)
        )
        self.continuous_actions = continuous_actions
        self.limit, self.n_cells, self.ends = limit, n_cells, ends
        self.n_steps = 0
        self.over = True  # until the first reset
        self.cell = self.t = 0
        self.look_around()

    def look_around(self) -> None:
        """Set what depends on the kind of observation."""
        self.observation_space: Any = spaces().Discrete(self.n_cells)
        self.asked: list[Any] = list(range(self.n_cells))

    def observation(self) -> Any:
        """What the agent sees now."""
        return self.cell

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode: -> observation, info."""
        if seed is not None:
            self.np_random = np.random.default_rng(seed)  # Gymnasium's name; nothing here is left to chance
        self.over, self.cell, self.t = False, 0, 0
        return self.observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one step: -> observation, reward, terminated, truncated, info."""
        if self.over:
            raise RuntimeError("step was called before reset, or after the end of an episode; call reset first")
        if not self.allows(action):
            raise ValueError(f"step wants an action from {self.action_space}; it got {action!r}")
        self.n_steps, self.t = self.n_steps + 1, self.t + 1
        right = float(np.ravel(action)[0]) > 0 if self.continuous_actions else action == 1
        self.cell = min(max(self.cell + (1 if right else -1), 0), self.n_cells - 1)
        arrived = self.cell == self.n_cells - 1
        terminated, truncated = self.ends and arrived, self.t >= self.limit
        self.over = terminated or truncated
        return self.observation(), PRIZE if arrived else STEP_COST, terminated, truncated, {}

    def allows(self, action: Any) -> bool:
        """Whether this is one of its actions; a vector may be float64, which Gymnasium's spaces refuse."""
        if self.continuous_actions and isinstance(action, np.ndarray) and action.dtype.kind in "fiu":
            action = action.astype(np.float32)
        return bool(self.action_space.contains(action))

    def random_action(self, rng: np.random.Generator) -> Any:
        """One of its actions, each as likely."""
        return rng.uniform(-1.0, 1.0, 1).astype(np.float32) if self.continuous_actions else int(rng.integers(2))

    def render(self) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Give nothing back."""


class OpenCorridor(Corridor):
    """The corridor with vectors as observations: the place between 0 and 1, and the distance to the right end."""

    def look_around(self) -> None:
        self.observation_space = spaces().Box(np.zeros(2, np.float32), np.ones(2, np.float32), dtype=np.float32)
        places = np.linspace(0.0, 1.0, self.n_cells)
        self.asked = list(np.column_stack([places, 1.0 - places]).astype(np.float32))

    def observation(self) -> FloatArray:
        vector: FloatArray = self.asked[self.cell].copy()
        return vector


def make_corridor(continuous: bool = False, continuous_actions: bool = False, **options: Any) -> Any:
    """A corridor, a `gymnasium.Env` where Gymnasium is installed.

    Its observations are vectors if `continuous`, its actions if `continuous_actions`.
    """
    cls = OpenCorridor if continuous else Corridor
    gymnasium = installed("gymnasium")
    made: Any = type(cls.__name__, (cls, gymnasium.Env), {}) if gymnasium else cls
    return made(continuous_actions=continuous_actions, **options)


def spaces() -> Any:
    """Gymnasium's spaces, or these."""
    gymnasium = installed("gymnasium")
    return gymnasium.spaces if gymnasium else SimpleNamespace(Discrete=Discrete, Box=Box)


def installed(name: str) -> Any:
    """A package that may be there, or None."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def episode_return(env: Any, act: Callable[[Any], Any]) -> float:
    """The sum of the rewards of one episode in which ``act(observation)`` chooses the actions."""
    observation, _ = env.reset()
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(act(observation))
        total, over = total + float(reward), terminated or truncated
    return total


class Bandit:
    """A row of arms, as many as the agent likes: one pays 1 nine times in ten, the others once in ten; else 0.

    The good one is arm 1. With contexts, vectors (1, ±1), it is arm 1 where the second number is positive, and arm 0
    where it is not.

    Parameters
    ----------
    contextual : bool
        Whether there are contexts.
    seed : int
        Of its random numbers.
    """

    def __init__(self, contextual: bool = False, seed: int = 0) -> None:
        self.contextual = contextual
        self.rng = np.random.default_rng(seed)

    def context(self) -> FloatArray | None:
        """What the agent sees before it chooses; None without contexts."""
        return np.array([1.0, self.rng.choice([-1.0, 1.0])]) if self.contextual else None

    def best(self, context: FloatArray | None) -> int:
        """The good arm."""
        return 1 if context is None or context[1] > 0 else 0

    def pull(self, arm: int, context: FloatArray | None) -> float:
        """The reward of an arm."""
        return float(self.rng.random() < (0.9 if arm == self.best(context) else 0.1))


def play(
    agent: Any, bandit: Bandit, n_rounds: int = 400, pay: Callable[[float], Any] = float
) -> tuple[list[Any], list[int]]:
    """Let an agent play, and learn from what it gets: -> the arms that it pulled, the arms that were the good ones.

    Parameters
    ----------
    agent : a bandit model
    bandit : Bandit
    n_rounds : int
    pay : callable
        What the agent is given for a reward.
    """
    arms, best = [], []
    for _ in range(n_rounds):
        context = bandit.context()
        given = () if context is None else (context,)
        arms.append(agent.act(*given))
        best.append(bandit.best(context))
        agent.update(arms[-1], pay(bandit.pull(arms[-1], context)), *given)
    return arms, best
