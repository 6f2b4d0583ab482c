"""Synthetic data in the plane: spirals, moons, circles, blobs and XOR, each a picture of what a classifier must learn.

Every class is a curve or a cloud with a known equation, so the right answer is known too. Point i of the n points of
class k of K is at

spirals   r = i / n,   i = 1, ..., n                                     (1)
          θ = 2π (k / K + turns · r) + noise · ε                         (2)
          x = (r cos θ, r sin θ)                                         (3)
moons     t = π i / (n − 1),   i = 0, ..., n − 1                         (4)
          x = (cos t, sin t) in class 0                                  (5)
          x = (1 − cos t, ½ − sin t) in class 1                          (6)
circles   t = 2π i / n                                                   (7)
          x = factorᵏ (cos t, sin t)                                     (8)
blobs     x = μₖ + σₖ ε                                                  (9)
xor       x = s ∘ u,   u uniform in the unit square                      (10)
          s₁ = ±1, a fair coin;   s₂ = s₁ in class 0, −s₁ in class 1     (11)

with ε standard normal, drawn anew for every number. Moons, circles and XOR are then blurred,

          x ← x + noise · ε                                              (12)

while a spiral's noise turns a point about the centre, in radians (2): arms blur outwards and never near the centre.

Symbols
-------
    paper   code       shape         meaning
    x       X          (N, D)        points, one per row; D = 2 but for blobs
    k       k, y       scalar, (N,)  class of a point, 0..K-1; y holds it for every row
    n       n, sizes   scalar, K     points in one class; sizes has those of all K classes
    r, θ    r, theta   (n,)          radius and angle on an arm
    turns   turns      scalar        how often an arm winds about the centre
    t       t, t0, t1  (n,)          angle on a circle or moon
    factor  factor     scalar        radius of the inner circle
    μₖ, σₖ  mu, sigma  (K, D), (K,)  centre and standard deviation of each blob
    s, u    s, u       (N, 2)        quadrant, and place in it
    noise   noise      scalar        standard deviation

Cost: O(N D) time and memory.

References
----------
    Lang & Witbrock (1988), "Learning to tell two spirals apart", Proc. Connectionist Models Summer School: two arms,
        three turns. The three arms here are those of countless lectures since, such as Stanford's CS231n.
    Pedregosa and others (2011), "Scikit-learn", JMLR 12: its make_moons, make_circles and make_blobs draw (4)-(9).
    Minsky & Papert (1969), "Perceptrons": a line cannot draw XOR.
Differs from them: an arm starts at r = 1/n, not 0, so that no two classes share a point, and arms are 1/K of a turn
apart; extra points go to the first classes; moons and circles have some noise unless told otherwise; the same call
draws the same points (`seed=0`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import SupportsFloat

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import ArrayLike, NDArray

from pellucid import Dataset
from pellucid_datasets._plugin import SPECS

Points = NDArray[np.float64]
Sizes = tuple[int, ...]  # points in each class
Seed = int | SeedSequence | Generator | None


# The curves. Rows are sorted by class: the first sizes[0] belong to class 0, and so on.


def spiral_points(sizes: Sizes, turns: float, noise: float, *, rng: Generator) -> Points:
    """One arm per class: _, _, _ -> (N, 2)."""
    arms = []
    for k, n in enumerate(sizes):
        r = np.arange(1, n + 1) / n  # (n,)                                                  (1)
        theta = 2 * np.pi * (k / len(sizes) + turns * r) + noise * rng.standard_normal(n)  # (2)
        arms.append(np.stack([r * np.cos(theta), r * np.sin(theta)], axis=1))  # (n, 2)      (3)
    return np.concatenate(arms)


def moon_points(sizes: Sizes) -> Points:
    """Two half circles: _ -> (N, 2)."""
    t0, t1 = (np.linspace(0, np.pi, n) for n in sizes)  # (n,) each                          (4)
    upper = np.stack([np.cos(t0), np.sin(t0)], axis=1)  #                                    (5)
    lower = np.stack([1 - np.cos(t1), 0.5 - np.sin(t1)], axis=1)  #                          (6)
    return np.concatenate([upper, lower])


def circle_points(sizes: Sizes, factor: float) -> Points:
    """A circle of radius 1 and one of radius `factor`: _, _ -> (N, 2)."""
    rings = []
    for k, n in enumerate(sizes):
        t = 2 * np.pi * np.arange(n) / n  # (n,)                                             (7)
        rings.append(factor**k * np.stack([np.cos(t), np.sin(t)], axis=1))  # (n, 2)         (8)
    return np.concatenate(rings)


def blob_points(sizes: Sizes, mu: Points, sigma: Points, *, rng: Generator) -> Points:
    """One Gaussian cloud per class: _, (K, D), (K,) -> (N, D)."""
    y = _labels(sizes)
    return mu[y] + sigma[y, None] * rng.standard_normal((len(y), mu.shape[1]))  # (N, D)     (9)


def xor_points(sizes: Sizes, *, rng: Generator) -> Points:
    """Four quadrants of the square [-1, 1]², opposite ones alike: _ -> (N, 2)."""
    y = _labels(sizes)
    u = rng.random((len(y), 2))
    s1 = rng.choice([-1.0, 1.0], size=len(y))
    s = np.stack([s1, np.where(y == 0, s1, -s1)], axis=1)  # (N, 2)                          (11)
    return s * u  #                                                                          (10)


def blur(X: Points, noise: float, *, rng: Generator) -> Points:
    """Move every point a little: (N, D), _ -> (N, D)."""
    return X + noise * rng.standard_normal(X.shape)  #                                       (12)


# The data sets: check the options, draw the points, put them in a random order.


def spirals(
    n_samples: int | Sequence[int] = 300,
    *,
    n_classes: int = 3,
    noise: float = 0.2,
    turns: float = 0.75,
    shuffle: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Points on interleaved spiral arms, one arm per class; equations (1)-(3).

    Parameters
    ----------
    n_samples : int or sequence of int
        Points in all, shared evenly between the classes, or the points of each class.
    n_classes : int
        Arms, at least 2.
    noise : float
        Standard deviation of the angle, in radians.
    turns : float
        How often an arm winds about the centre on its way out. Negative: the other way round.
    shuffle : bool
        Rows in random order; otherwise sorted by class, and from the centre outwards.
    seed : int, SeedSequence, Generator or None
        The same number draws the same points (with the same NumPy); None draws new ones at every call. A test set is
        the same call with another seed.

    Returns
    -------
    Dataset
        X (n_samples, 2), y (n_samples,).

    Raises
    ------
    ValueError
        If an option is out of its range.
    TypeError
        If an option is not a number, or not a whole one where one is needed.
    """
    sizes = _sizes(n_samples, _count("n_classes", n_classes, at_least=2))
    noise, turns = _spread("noise", noise), _number("turns", turns)
    rng = _generator(seed)
    X = spiral_points(sizes, turns, noise, rng=rng)
    return _dataset("spirals", X, sizes, [f"arm_{k}" for k in range(len(sizes))], shuffle, rng)


def moons(n_samples: int | Sequence[int] = 200, *, noise: float = 0.1, shuffle: bool = True, seed: Seed = 0) -> Dataset:
    """Two half circles that hook into each other; equations (4)-(6) and (12).

    Parameters
    ----------
    n_samples : int or sequence of two int
        Points in all, or the points of the upper and of the lower moon.
    noise : float
        Standard deviation of what is added to both coordinates.
    shuffle, seed
        As in `spirals`.

    Returns
    -------
    Dataset
        X (n_samples, 2), y (n_samples,): 0 for the upper moon, 1 for the lower.

    Raises
    ------
    ValueError, TypeError
        As in `spirals`.
    """
    sizes, noise = _sizes(n_samples, 2), _spread("noise", noise)
    rng = _generator(seed)
    X = blur(moon_points(sizes), noise, rng=rng)
    return _dataset("moons", X, sizes, ["upper", "lower"], shuffle, rng)


def circles(
    n_samples: int | Sequence[int] = 200,
    *,
    noise: float = 0.05,
    factor: float = 0.5,
    shuffle: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """A small circle inside a large one; equations (7), (8) and (12).

    Parameters
    ----------
    n_samples : int or sequence of two int
        Points in all, or the points of the outer and of the inner circle.
    noise : float
        Standard deviation of what is added to both coordinates.
    factor : float
        Radius of the inner circle, 0 <= factor < 1; the outer one has radius 1.
    shuffle, seed
        As in `spirals`.

    Returns
    -------
    Dataset
        X (n_samples, 2), y (n_samples,): 0 for the outer circle, 1 for the inner.

    Raises
    ------
    ValueError, TypeError
        As in `spirals`.
    """
    sizes, noise, factor = _sizes(n_samples, 2), _spread("noise", noise), _number("factor", factor)
    if not 0 <= factor < 1:
        raise ValueError(f"factor, the inner radius, must be at least 0 and less than 1, but is {factor}; try 0.5")
    rng = _generator(seed)
    X = blur(circle_points(sizes, factor), noise, rng=rng)
    return _dataset("circles", X, sizes, ["outer", "inner"], shuffle, rng)


def blobs(
    n_samples: int | Sequence[int] = 300,
    *,
    centers: int | ArrayLike = 3,
    n_features: int = 2,
    cluster_std: float | Sequence[float] = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    shuffle: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Round Gaussian clouds, one per class; equation (9).

    Parameters
    ----------
    n_samples : int or sequence of int
        Points in all, shared evenly between the classes, or the points of each class.
    centers : int or array-like of shape (K, D)
        How many clouds, their centres drawn at random in `center_box`; or the centres themselves.
    n_features : int
        Columns D. Given centres say it themselves, and this is not looked at.
    cluster_std : float or sequence of K float
        Standard deviation in every direction, for all clouds or for each.
    center_box : (float, float)
        Least and greatest value of each coordinate of a random centre.
    shuffle, seed
        As in `spirals`. A seed draws the centres too: for a test set from the same clouds, give the centres.

    Returns
    -------
    Dataset
        X (n_samples, D), y (n_samples,).

    Raises
    ------
    ValueError, TypeError
        As in `spirals`.
    """
    rng = _generator(seed)
    mu = _centers(centers, _count("n_features", n_features, at_least=1), center_box, rng)  # (K, D)
    K = len(mu)
    sizes = _sizes(n_samples, K)
    stds = list(cluster_std) if isinstance(cluster_std, Iterable) else [cluster_std] * K
    if len(stds) != K:
        raise ValueError(f"cluster_std must be one number or one per centre, but has {len(stds)} for {K} centres")
    sigma = np.array([_spread("cluster_std", std) for std in stds])  # (K,)
    X = blob_points(sizes, mu, sigma, rng=rng)
    return _dataset("blobs", X, sizes, [f"blob_{k}" for k in range(K)], shuffle, rng)


def xor(n_samples: int | Sequence[int] = 200, *, noise: float = 0.0, shuffle: bool = True, seed: Seed = 0) -> Dataset:
    """Four quadrants, opposite ones alike; equations (10)-(12).

    Parameters
    ----------
    n_samples : int or sequence of two int
        Points in all, or the points whose coordinates have the same sign and those whose signs differ.
    noise : float
        Standard deviation of what is added to both coordinates, after the class is set.
    shuffle, seed
        As in `spirals`.

    Returns
    -------
    Dataset
        X (n_samples, 2), y (n_samples,): 0 where the signs agree, 1 where they differ.

    Raises
    ------
    ValueError, TypeError
        As in `spirals`.
    """
    sizes, noise = _sizes(n_samples, 2), _spread("noise", noise)
    rng = _generator(seed)
    X = blur(xor_points(sizes, rng=rng), noise, rng=rng)
    return _dataset("xor", X, sizes, ["same_sign", "opposite_sign"], shuffle, rng)


def _labels(sizes: Sizes) -> NDArray[np.int64]:
    """Class of each row when rows are sorted by class: _ -> (N,)."""
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)


def _dataset(name: str, X: Points, sizes: Sizes, target_names: list[str], shuffle: bool, rng: Generator) -> Dataset:
    """The record: points sorted by class, put in a random order if asked."""
    y, spec = _labels(sizes), SPECS[name]
    if shuffle:
        order = rng.permutation(len(y))
        X, y = X[order], y[order]
    return Dataset(
        X=X,
        y=y,
        feature_names=tuple(f"x{d}" for d in range(1, X.shape[1] + 1)),
        target_names=tuple(target_names),
        target="label",
        task=spec.task,
        summary=spec.summary,
        source=spec.source,
        licence=spec.licence,
    )


# What the options must be. Each error says what must hold, what came, and what to try.


def _number(name: str, value: SupportsFloat) -> float:
    """A finite float, or an error."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, but is {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, but is {number}")
    return number


def _spread(name: str, value: SupportsFloat) -> float:
    """A standard deviation: finite and not negative."""
    number = _number(name, value)
    if number < 0:
        raise ValueError(f"{name} is a standard deviation and must be at least 0, but is {number}; try {-number}")
    return number


def _count(name: str, value: int, *, at_least: int, why: str = "") -> int:
    """A whole number that is not too small."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, but is {value!r}; try int(...)") from None
    if count < at_least:
        raise ValueError(f"{name} must be at least {at_least}{why}, but is {count}")
    return count


def _generator(seed: Seed) -> Generator:
    """A random generator from a seed; a Generator is used as it is."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(
            f"seed must be None, a whole number of at least 0 or a numpy.random.Generator, but is {seed!r}; try seed=0"
        ) from None


def _sizes(n_samples: int | Sequence[int], K: int) -> Sizes:
    """Points in each of K classes: `n_samples` shared evenly, the extra ones to the first classes; or as listed."""
    if np.ndim(n_samples) > 0:
        sizes = tuple(_count("each class size in n_samples", n, at_least=1) for n in n_samples)  # type: ignore[union-attr]
        if len(sizes) != K:
            raise ValueError(f"n_samples lists the sizes of {len(sizes)} classes, but there are {K}; list {K} numbers")
        return sizes
    N = _count("n_samples", n_samples, at_least=K, why=f", one point for each of {K} classes")  # type: ignore[arg-type]
    return tuple(N // K + (k < N % K) for k in range(K))


def _centers(centers: int | ArrayLike, D: int, box: tuple[float, float], rng: Generator) -> Points:
    """Centres as given, or drawn in the box: _, _, _ -> (K, D)."""
    if np.ndim(centers) == 0:
        K = _count("centers", centers, at_least=1)  # type: ignore[arg-type]
        if np.shape(box) != (2,) or not box[0] <= box[1]:
            raise ValueError(f"center_box must be two numbers, (least, greatest), but is {box!r}; try (-10, 10)")
        low, high = (_number("center_box", edge) for edge in box)
        return rng.uniform(low, high, (K, D))
    mu = np.array(centers, dtype=np.float64)
    if mu.ndim != 2 or 0 in mu.shape or not np.isfinite(mu).all():
        raise ValueError(
            f"centers must be a number of clouds or a finite array of shape (K, D), but has shape {mu.shape}; "
            "try [[0, 0], [3, 3]]"
        )
    return mu
