"""Restricted Boltzmann machine: a distribution over rows of bits, with hidden bits that explain them.

Each visible bit is joined to each hidden bit, and bits of one side are not joined to each other. An energy says how
well two sides go together, and low energies are probable:

    E(v, h) = −bᵀv − cᵀh − hᵀWv                                                                  (1)
    p(v, h) = exp(−E(v, h)) / Z,        Z = Σᵥ Σₕ exp(−E(v, h))

As no two hidden bits are joined, E is a sum over them when v is known, and each is a coin of its own; so is each
visible bit when h is known. With a = Wv + c,

    P(hⱼ = 1 | v) = σ(aⱼ)                                                                        (2)
    P(vᵢ = 1 | h) = σ((Wᵀh)ᵢ + bᵢ)                                                               (3)

Drawing h from (2) and then v from (3), again and again, is Gibbs sampling: the rows come to be distributed as p says.
The sum over h, taken one bit at a time, leaves the free energy of v, and then p(v) = exp(−F(v)) / Z:

    F(v) = −log Σₕ exp(−E(v, h)) = −bᵀv − Σⱼ log(1 + exp aⱼ)                                     (4)
    log Z = log Σₕ exp(cᵀh + Σᵢ log(1 + exp((Wᵀh)ᵢ + bᵢ)))                                       (5)

where (5), the same sum with the sides exchanged, has 2^H terms, or 2^V if that is less: no more than a check for small
machines.

Gradient.  The derivative of log(1 + exp a) is σ(a), so with p = σ(a)

    ∂F/∂v = −b − Wᵀp                                                                             (6)
    ∂F/∂W = −p vᵀ        ∂F/∂b = −v        ∂F/∂c = −p                                            (7)

and since ∂ log Z/∂θ = Σᵥ p(v) (−∂F(v)/∂θ), the log-likelihood of N rows X rises along

    ∂/∂θ Σₙ log p(xₙ)/N = −Σₙ ∂F(xₙ)/∂θ / N + E_p[∂F(v)/∂θ]

Only the mean over p is out of reach. Contrastive divergence puts rows there that k steps of Gibbs sampling have made of
the data; its persistent form those that k steps have made of the chains of the last time, which by and by forget where
they began. With rows v in the one place or in the other,

    g = −Σₙ ∂F(xₙ)/∂θ / N + Σₘ ∂F(vₘ)/∂θ / M                                                     (8)
    θ ← θ + η g                                                                                  (9)

Symbols
-------
    paper   code          shape     meaning
    v, x    v, X          (N, V)    visible bits, one row per example
    h       h             (N, H)    hidden bits
    W       W, weight     (H, V)    joins hidden bit j and visible bit i
    b       b, visible_bias    (V,)    biases of the visible bits
    c       c, hidden_bias     (H,)    biases of the hidden bits
    a       a             (N, H)    what the hidden bits get
    p       p             (N, H)    their probabilities
    F       free_energy   (N,)      free energies
    g       g             as θ      direction of a step
    k       k             ()        steps of Gibbs sampling
    η       lr            ()        step length

Cost: 4 N V H operations for a step of Gibbs sampling, 2 N V H for a free energy or a side of (8).

References
----------
    Smolensky (1986), "Information processing in dynamical systems: foundations of harmony theory": (1)-(3).
    Hinton (2002), "Training products of experts by minimizing contrastive divergence": (8).
    Tieleman (2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient": its
    persistent form. Hinton (2012), "A practical guide to training restricted Boltzmann machines": initial values.
Differs from them: nothing; both sides of (8) use probabilities of the hidden bits, as the last one advises.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import Tensor, primitive
from pellucid.tape import written
from pellucid.tensor import data_of
from pellucid.validation import check_rng
from pellucid_nn.activations import sigmoid
from pellucid_nn.layer_norm import check_dtype
from pellucid_nn.module import Module, Parameter
from pellucid_nn.row_sums import sum_of_rows

MOST_BITS = 20  # of the smaller side, for sums over all of its states


class Params(NamedTuple):
    W: NDArray[Any]  # (H, V)
    b: NDArray[Any]  # (V,)
    c: NDArray[Any]  # (H,)


def energy(params: Params, v: Any, h: Any) -> Any:
    """E of pairs of rows: _, (..., V), (..., H) -> (...)."""
    W, b, c = params
    return -v @ b - h @ c - ((h @ W) * v).sum(axis=-1)  #                                         (1)


def hidden_given_visible(params: Params, v: Any) -> Any:
    """P(hⱼ = 1 | v): _, (..., V) -> (..., H)."""
    W, _, c = params
    return sigmoid(v @ W.T + c)  #                                                                (2)


def visible_given_hidden(params: Params, h: Any) -> Any:
    """P(vᵢ = 1 | h): _, (..., H) -> (..., V)."""
    W, b, _ = params
    return sigmoid(h @ W + b)  #                                                                  (3)


def softplus(a: Any) -> Any:
    """log(1 + exp a), which neither overflows nor warns of NaN."""
    return np.maximum(a, 0) + np.log1p(np.exp(-abs(a)))


@primitive
def free_energy(v: Any, W: Any, b: Any, c: Any) -> Any:
    """F of every row, with its gradients: (..., V), (H, V), (V,), (H,) -> (...)."""
    a = v @ W.T + c  # (..., H)
    F = -v @ b - softplus(a).sum(axis=-1)  # (...)                                         (4)
    p = sigmoid(a)  # (..., H)

    def rows(x: Any) -> Any:
        return x.reshape(-1, x.shape[-1])

    def dv(dF: Any) -> Any:
        return dF[..., None] * (-b - p @ W)  # (..., V)                                           (6)

    def dW(dF: Any) -> Any:
        return -rows(dF[..., None] * p).T @ rows(v)  # (H, V)                                     (7)

    def db(dF: Any) -> Any:
        return -sum_of_rows(rows(dF[..., None] * v))  # (V,)                                       (7)

    def dc(dF: Any) -> Any:
        return -sum_of_rows(rows(dF[..., None] * p))  # (H,)                                       (7)

    return F, (dv, dW, db, dc)


def log_partition(params: Params) -> Any:
    """log Z, from all states of the smaller side: _ -> ()."""
    W, b, c = params
    if len(c) > len(b):
        W, b, c = W.T, c, b
    h = all_states(len(c)).astype(W.dtype)  # (2^H, H)
    terms = h @ c + softplus(h @ W + b).sum(axis=-1)  # (2^H,)
    top = terms.max()
    return top + np.log(np.exp(terms - top).sum())  #                                             (5)


def all_states(n: int) -> NDArray[np.int64]:
    """Every row of n bits: _ -> (_, n)."""
    if n > MOST_BITS:
        raise ValueError(
            f"the exact likelihood sums over all states of the smaller side, which must have at most {MOST_BITS} bits; "
            f"it has {n}: compare free energies instead, which differ from it by one number"
        )
    return np.arange(2**n)[:, None] >> np.arange(n) & 1


def coins(p: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Bits that are 1 with these probabilities; NaN stays."""
    return np.where(np.isnan(p), p, rng.random(p.shape) < p).astype(p.dtype)


def gibbs_step(params: Params, v: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """The next rows of bits, by way of hidden ones: _, (N, V) -> (N, V)."""
    h = coins(hidden_given_visible(params, v), rng)  # (N, H)                                     (2)
    return coins(visible_given_hidden(params, h), rng)  #                                         (3)


def gibbs(params: Params, v: NDArray[Any], k: int, rng: np.random.Generator) -> NDArray[Any]:
    """The rows after k steps: _, (N, V) -> (N, V)."""
    for _ in range(k):
        v = gibbs_step(params, v, rng)
    return v


def ascent(params: Params, X: NDArray[Any], v: NDArray[Any]) -> Params:
    """The direction that makes the data X more probable, and rows v less: _, (N, V), (M, V) -> _."""
    p, q = hidden_given_visible(params, X), hidden_given_visible(params, v)  # (N, H), (M, H)
    N, M = max(len(X), 1), max(len(v), 1)
    W = p.T @ X / N - q.T @ v / M  # (H, V)                                                       (8)
    b = sum_of_rows(X) / N - sum_of_rows(v) / M  # (V,)                                             (8)
    c = sum_of_rows(p) / N - sum_of_rows(q) / M  # (H,)                                             (8)
    return Params(W, b, c)


def contrastive_divergence(params: Params, X: NDArray[Any], *, k: int = 1, rng: np.random.Generator) -> Params:
    """g of CD-k, whose chains begin at the data: _, (N, V) -> _."""
    return ascent(params, X, gibbs(params, X, k, rng))


def persistent_contrastive_divergence(
    params: Params, X: NDArray[Any], chains: NDArray[Any], *, k: int = 1, rng: np.random.Generator
) -> tuple[Params, NDArray[Any]]:
    """g of the persistent form, whose chains go on, and where they are now: _, (N, V), (M, V) -> _, (M, V)."""
    chains = gibbs(params, chains, k, rng)
    return ascent(params, X, chains), chains


def update(params: Params, g: Params, lr: float) -> Params:
    """One step uphill."""
    W, b, c = (x + lr * dx for x, dx in zip(params, g, strict=True))  #                           (9)
    return Params(W, b, c)


def fit(
    params: Params, X: NDArray[Any], *, n_epochs: int, batch_size: int, lr: float, k: int, persistent: bool,
    rng: np.random.Generator,
) -> tuple[Params, list[float]]:  # fmt: skip
    """Train on X (N, V), and return the parameters and the mean free energy of X after each epoch."""
    trace = []
    chains = coins(np.full((batch_size, X.shape[1]), 0.5, X.dtype), rng)
    for _ in range(n_epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            batch = X[order[start : start + batch_size]]
            if persistent:
                g, chains = persistent_contrastive_divergence(params, batch, chains, k=k, rng=rng)
            else:
                g = contrastive_divergence(params, batch, k=k, rng=rng)
            params = update(params, g, lr)
        trace.append(float(free_energy(X, *params).mean()))
    return params, trace


class RestrictedBoltzmannMachine(Module):
    """A distribution over rows of V bits, with H hidden bits.

    Called on rows of bits, or of probabilities, it gives those of the hidden bits: (..., V) -> (..., H).

    Parameters
    ----------
    n_visible, n_hidden : int
        V and H.
    rng : Generator, int or None
        Draws the initial values, and then all bits; a number is a seed. The generator is the attribute `rng`, and
        checkpoints keep where it stands.
    dtype : dtype
        Of the parameters; inputs must have the same.

    Attributes
    ----------
    weight : Parameter, shape (H, V)
        Begins with normal numbers of standard deviation 0.01.
    visible_bias : Parameter, shape (V,)
        Begins with 0.
    hidden_bias : Parameter, shape (H,)
        Begins with 0.

    Raises
    ------
    ValueError
        If a side has no bit.
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if n_visible < 1 or n_hidden < 1:
            raise ValueError(
                f"a machine needs at least one bit on each side; n_visible is {n_visible}, n_hidden is {n_hidden}"
            )
        self.n_visible, self.n_hidden, self.rng = n_visible, n_hidden, check_rng(rng)
        self.weight = Parameter(0.01 * self.rng.normal(size=(n_hidden, n_visible)), dtype=dtype)
        self.visible_bias = Parameter(np.zeros(n_visible), dtype=dtype)
        self.hidden_bias = Parameter(np.zeros(n_hidden), dtype=dtype)

    @property
    def params(self) -> Params:
        """The present parameters as arrays."""
        return Params(*map(data_of, (self.weight, self.visible_bias, self.hidden_bias)))

    def forward(self, x: Any) -> Any:
        """Probabilities of the hidden bits given x (..., V): the result is (..., H).

        Raises
        ------
        ValueError
            If the last axis of `x` is not `n_visible` long.
        TypeError
            If `x` is not floating point, or has another dtype than the weights.
        """
        x = self._checked(x)
        return hidden_given_visible(Params(self.weight, self.visible_bias, self.hidden_bias), x)  # type: ignore[arg-type]

    def free_energy(self, X: Any) -> Any:
        """F of rows of bits, which is −log p up to a constant: (..., V) -> (...).

        A Tensor. The mean over data minus the mean over samples of the model is a loss whose gradient is −g of (8), so
        that any optimizer can train the machine.
        """
        return free_energy(self._checked(X), self.weight, self.visible_bias, self.hidden_bias)

    def log_likelihood(self, X: Any) -> Any:
        """log p of rows of bits, exactly, by a sum over all states of the smaller side: (..., V) -> (...).

        Raises
        ------
        ValueError
            If both sides have more than 20 bits, or `X` has another number of columns.
        """
        return -free_energy(data_of(self._checked(X)), *self.params) - log_partition(self.params)

    def reconstruct(self, X: Any, n_steps: int = 1) -> NDArray[Any]:
        """What the machine makes of rows of bits: probabilities of the visible bits after some steps of Gibbs sampling.

        Parameters
        ----------
        X : array, shape (..., V)
        n_steps : int
            1 or more.

        Returns
        -------
        array, shape (..., V)
            P(v | h), where h was drawn last.
        """
        _at_least(n_steps, "n_steps", 1)
        v, params = data_of(self._checked(X)), self.params
        v = gibbs(params, v, n_steps - 1, self.rng)
        return np.asarray(visible_given_hidden(params, coins(hidden_given_visible(params, v), self.rng)))

    def sample(self, n_samples: int, n_steps: int = 1000) -> NDArray[Any]:
        """Rows of bits that come from the machine, as nearly as Gibbs chains do after some steps from fair coins.

        Parameters
        ----------
        n_samples : int
            How many rows, each from a chain of its own.
        n_steps : int
            How many steps of Gibbs sampling.

        Returns
        -------
        array, shape (n_samples, V)
        """
        _at_least(n_samples, "n_samples", 0)
        _at_least(n_steps, "n_steps", 0)
        v = coins(np.full((n_samples, self.n_visible), 0.5, self.weight.dtype), self.rng)
        return gibbs(self.params, v, n_steps, self.rng)

    def fit(
        self, X: Any, *, n_epochs: int = 10, batch_size: int = 32, lr: float = 0.05, k: int = 1,
        persistent: bool = False,
    ) -> Self:  # fmt: skip
        """Learn from rows of bits by contrastive divergence.

        Parameters
        ----------
        X : array, shape (N, V)
        n_epochs, batch_size : int
            How often all rows are used, and how many of them for one step.
        lr : float
            η.
        k : int
            Steps of Gibbs sampling for one step of learning.
        persistent : bool
            Whether the chains go on from one step to the next, instead of beginning at the data. Each call of `fit`
            starts new chains, as many as `batch_size`, from fair coins.

        Returns
        -------
        RestrictedBoltzmannMachine
            This one.

        Raises
        ------
        ValueError
            If `X` is not rows of numbers between 0 and 1, or `lr` is not positive and finite, or another number is too
            small.
        TypeError
            If `X` is not floating point, or has another dtype than the weights.
        """
        X = data_of(self._checked(X))
        if X.ndim != 2 or not len(X):
            raise ValueError(f"X must be rows of bits, (N, V) with N ≥ 1: its shape is {X.shape}")
        if not (X.min() >= 0 and X.max() <= 1):  # so of NaN, too
            raise ValueError(
                f"X must be bits, or probabilities of bits, between 0 and 1; it has {X.min()} to {X.max()}: scale it, "
                f"or leave out the rows with NaN"
            )
        if not 0 < lr < np.inf:
            raise ValueError(f"lr must be positive and finite; got {lr}: try 0.05")
        for value, name, least in ((n_epochs, "n_epochs", 0), (batch_size, "batch_size", 1), (k, "k", 1)):
            _at_least(value, name, least)
        how: dict[str, Any] = {"n_epochs": n_epochs, "batch_size": batch_size, "k": k, "persistent": persistent}
        params, _ = fit(self.params, X, lr=float(lr), rng=self.rng, **how)
        for parameter, array in zip((self.weight, self.visible_bias, self.hidden_bias), params, strict=True):
            data_of(parameter)[...] = array  # in place, as an optimizer may hold it
            written(parameter)
        return self

    def _checked(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else np.asarray(x)
        if x.shape[-1:] != (self.n_visible,):
            raise ValueError(
                f"the last axis of x must have n_visible = {self.n_visible} entries: x has shape {x.shape}"
            )
        check_dtype(x, self.weight)
        return x

    def multiply_adds(self, y: Any, *args: Any) -> int:
        return int(np.size(y)) * self.n_visible

    def extra_repr(self) -> str:
        return f"n_visible={self.n_visible}, n_hidden={self.n_hidden}"


def _at_least(value: int, name: str, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be {least} or more; got {value}")
