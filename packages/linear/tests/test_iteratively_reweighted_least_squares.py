"""The oracle is the definition: loops, finite differences, searches whose outcome was laid out beforehand."""

import itertools

import numpy as np
import pytest

from pellucid_linear import iteratively_reweighted_least_squares as irls
from pellucid_linear.families_and_links import FAMILIES, LINKS
from pellucid_linear.iteratively_reweighted_least_squares import Point, Problem

PAIRS = [pair for pair in itertools.product(FAMILIES, LINKS) if pair not in {("poisson", "logit"), ("gamma", "logit")}]
every_pair = pytest.mark.parametrize("family, link", PAIRS)
both = pytest.mark.parametrize("fit_intercept", [True, False])


def draw(family, link, N=12, D=3, fit_intercept=True, seed=0, alpha=0.3):
    """A problem, and weights at which every mean is one of the family's."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.1, 0.5, (N, D)) + (0.5 if fit_intercept else 0)
    y = rng.uniform(0.1, 0.9, N) if family == "binomial" or link == "logit" else rng.uniform(0.5, 3, N)
    y = y / 3 if (family, link) == ("binomial", "inverse") else y
    s = rng.uniform(0.5, 2, N)
    centre = np.full(D, 0.5) if fit_intercept else np.zeros(D)
    alpha = alpha / 100 if (family, link) == ("binomial", "inverse") else alpha  # small w, means above 1
    price = np.append(np.full(D, alpha), [0.0] * fit_intercept)
    if link == "logit":
        w = rng.normal(size=D)
    elif link == "log":
        w = -rng.uniform(0.2, 1, D)  # means below 1, which suit all
    else:
        w = rng.uniform(0.1, 0.5, D) + (1.5 if link == "inverse" else 0)
    w = np.append(w, {"identity": 0.1, "log": -0.3, "logit": 0.2, "inverse": 1.2}[link]) if fit_intercept else w
    if link == "inverse" and not fit_intercept:
        w = w * 3
    offset = rng.uniform(0, 0.05, N) * (-1 if link == "log" else 1)
    return Problem(X, y, s / s.sum(), offset, centre, price, FAMILIES[family], LINKS[link]), w


def rows(problem):
    """x as the equations mean it: centred, with a last 1 where there is an intercept."""
    ones = np.ones((len(problem.X), len(problem.price) - problem.X.shape[1]))
    return np.column_stack([problem.X - problem.centre, ones])


def loss_of(problem, w):
    """L by a loop."""
    total = 0.5 * np.sum(problem.price * w**2)
    for x, y, s, o in zip(rows(problem), problem.y, problem.s, problem.offset):
        mu = problem.link.inverse(np.array([w @ x + o]))
        total += 0.5 * s * problem.family.deviance(np.array([y]), mu)[0]
    return total


def numeric_gradient(f, w, h=1e-6):
    return np.array([(f(w + h * e) - f(w - h * e)) / (2 * h) for e in np.eye(len(w))])


@both
@every_pair
def test_eq_1_2_3_loss_is_that_of_a_loop(family, link, fit_intercept):
    problem, w = draw(family, link, fit_intercept=fit_intercept)
    found = irls.point(problem, w)
    np.testing.assert_allclose(found.eta, [w @ x + o for x, o in zip(rows(problem), problem.offset)], rtol=1e-13)
    np.testing.assert_allclose(found.mu, problem.link.inverse(found.eta), rtol=1e-14)
    np.testing.assert_allclose(found.L, loss_of(problem, w), rtol=1e-12)
    np.testing.assert_array_equal(found.w, w)


@both
@every_pair
def test_eq_4_5_6_7_8_step_solves_the_definition(family, link, fit_intercept):
    """The gradient by finite differences. Fisher's information is the Hessian, also by finite differences, of a loss
    whose targets are the means, since it is linear in the targets."""
    problem, w = draw(family, link, fit_intercept=fit_intercept, seed=1)
    at = irls.point(problem, w)
    assert np.isfinite(at.L)
    step, slope = irls.direction(problem, at)
    g = numeric_gradient(lambda v: loss_of(problem, v), w)
    expected = problem._replace(y=at.mu)
    F = np.array(
        [
            numeric_gradient(lambda v, e=e: numeric_gradient(lambda u: loss_of(expected, u), v, 1e-4) @ e, w, 1e-4)
            for e in np.eye(len(w))
        ]
    )
    np.testing.assert_allclose(F @ step, -g, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(slope, step @ g, rtol=1e-4, atol=1e-7)


@both
def test_eq_5_6_7_sums_are_those_of_a_loop(fit_intercept, monkeypatch):
    problem, _ = draw("gaussian", "identity", N=23, fit_intercept=fit_intercept)
    rng = np.random.default_rng(2)
    r, omega = rng.normal(size=23), rng.random(23)
    for size in (irls.BLOCK, 5):
        monkeypatch.setattr(irls, "BLOCK", size)
        score, F = irls.sums(problem, r, omega)
        x = rows(problem)
        np.testing.assert_allclose(score, sum(a * v for a, v in zip(r, x)), rtol=1e-12)
        np.testing.assert_allclose(F, sum(a * np.outer(v, v) for a, v in zip(omega, x)), rtol=1e-12)
    mu = np.array([0.3, 0.6])
    part = problem._replace(s=np.array([0.4, 0.2]), family=FAMILIES["gamma"], link=LINKS["logit"])
    np.testing.assert_allclose(irls.curvature(part, mu), [0.4 * 0.21**2 / 0.09, 0.2 * 0.24**2 / 0.36])


def test_eq_8_units_of_the_columns_do_not_count():
    rng = np.random.default_rng(3)
    M = rng.normal(size=(9, 3)) * [1, 1e-8, 1e8]
    F, x = M.T @ M, np.array([1.0, 2e8, -3e-8])
    np.testing.assert_allclose(irls.solve(F, F @ x), x, rtol=1e-10)
    assert irls.solve(np.diag([2.0, 0.0]), np.array([4.0, 0.0])).tolist() == pytest.approx([2.0, 0.0])
    np.testing.assert_allclose(irls.solve(np.ones((2, 2)), np.ones(2)), 0.5, rtol=1e-6)  # and it gets through


@pytest.mark.parametrize(
    "losses, length, rounding",
    [
        ({1: 7.5, 0.5: 8.0}, 1.0, 0.0),  # ¼ of what the slope of −10 promises is enough, to the digit
        ({1: 7.5 + 1e-9, 0.5: 8.75 + 1e-9, 0.25: 9.375 - 1e-9}, 0.25, 0.0),
        ({1: 7.59, 0.5: 8.0}, 1.0, 0.01),  # losses of 10 cannot be told apart within 0.1
        ({1: 7.61, 0.5: 8.84}, 0.5, 0.01),
        ({1: np.inf, 0.5: 8.76, 0.25: 9.37}, 0.25, 1e-13),
        ({1: np.nan, 0.5: np.inf, 0.25: np.inf, 0.125: 9.6}, 0.125, 1e-13),
    ],
)
def test_eq_9_the_first_step_that_lowers_the_loss_enough_is_taken(losses, length, rounding, monkeypatch):
    problem, _ = draw("gaussian", "identity", D=1, fit_intercept=False)
    nothing = np.ones(12)
    monkeypatch.setattr(irls, "ROUNDING", rounding)
    monkeypatch.setattr(irls, "EPSILON", 0.0)
    monkeypatch.setattr(irls, "start", lambda problem: Point(np.zeros(1), nothing, nothing, 10.0))
    monkeypatch.setattr(irls, "direction", lambda problem, at: (np.array([1.0]), -10.0))
    monkeypatch.setattr(irls, "point", lambda problem, w: Point(w, nothing * w[0], nothing, losses.get(w[0], 99.0)))
    at, trace = irls.fit(problem, max_iter=1)
    assert at.w[0] == trace.length == length and not trace.converged
    assert trace.losses.tolist() == [10.0, losses[length]] and trace.moved == 1 - length


def test_eq_9_without_any_step_it_stays(monkeypatch):
    problem, _ = draw("gaussian", "identity", D=1, fit_intercept=False)
    nothing = np.ones(12)
    monkeypatch.setattr(irls, "start", lambda problem: Point(np.zeros(1), nothing, nothing, 10.0))
    monkeypatch.setattr(irls, "direction", lambda problem, at: (np.array([1.0]), -10.0))
    monkeypatch.setattr(irls, "point", lambda problem, w: Point(w, nothing, nothing, np.inf))
    at, trace = irls.fit(problem)
    assert at.w[0] == 0 and not trace.converged and trace.length < 1e-9 and trace.losses.tolist() == [10.0]


@both
@every_pair
def test_eq_10_start_is_a_weighted_least_squares_of_linear_parts(family, link, fit_intercept):
    problem, _ = draw(family, link, fit_intercept=fit_intercept, seed=4)
    mean = 0.5 if family == "binomial" else np.average(problem.y, weights=problem.s)
    mu = (problem.y + mean) / 2
    z, omega = problem.link.link(mu), problem.s * problem.link.slope(mu) ** 2 / problem.family.variance(mu)
    root = np.sqrt(omega)[:, None]
    A = np.vstack([root * rows(problem), np.diag(np.sqrt(problem.price))])
    b = np.append(root[:, 0] * (z - problem.offset), np.zeros(len(problem.price)))
    expected = np.linalg.lstsq(A, b)[0]
    if np.isfinite(irls.point(problem, expected).L):
        np.testing.assert_allclose(irls.start(problem).w, expected, rtol=1e-7)
    else:
        assert not irls.start(problem).w[:-1].any()


def test_start_falls_back_to_the_intercept_or_to_nothing():
    problem, _ = draw("binomial", "identity", N=11, D=1, seed=5, alpha=0.0)
    x, s = np.append(np.arange(10.0), 100.0), np.append(np.full(10, 0.1), 1e-12)
    far = problem._replace(X=x[:, None], y=(x > 4).astype(float), s=s)  # a line that reaches 1 well before x = 100
    start = irls.start(far)
    assert start.w[0] == 0
    np.testing.assert_allclose(start.mu, 0.5 + far.offset - far.offset @ s)
    no_intercept = far._replace(price=np.zeros(1), centre=np.zeros(1))
    assert irls.start(no_intercept) is None and irls.fit(no_intercept) is None
    negative, _ = draw("gaussian", "log", N=10, D=1)
    negative = negative._replace(y=np.repeat([-30.0, 40.0], 5), s=np.full(10, 0.1), offset=np.zeros(10))
    np.testing.assert_allclose(irls.start(negative).mu, 5)


def test_start_where_no_event_was_counted():
    problem, _ = draw("poisson", "log", seed=5)
    start = irls.start(problem._replace(y=np.zeros(12)))
    assert np.all(start.mu > 0) and np.isfinite(start.L)


@both
@every_pair
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_fit_ends_where_the_gradient_vanishes(family, link, fit_intercept, alpha):
    problem, _ = draw(family, link, N=40, fit_intercept=fit_intercept, seed=6, alpha=alpha)
    at, trace = irls.fit(problem)
    assert trace.converged and np.all(np.diff(trace.losses) <= 1e-12)
    g = numeric_gradient(lambda v: loss_of(problem, v), at.w)
    np.testing.assert_allclose(g, 0, atol=2e-8)


def test_fit_reports_each_step_and_stops_when_told():
    problem, _ = draw("gamma", "log", seed=7)
    seen = []
    _, whole = irls.fit(problem, report=lambda loss: seen.append(loss))
    assert seen == whole.losses[1:].tolist() and len(seen) > 3
    _, short = irls.fit(problem, report=lambda loss: True)
    assert short.losses.tolist() == whole.losses[:2].tolist() and not short.converged
    _, one = irls.fit(problem, max_iter=2)
    assert len(one.losses) == 3 and not one.converged
    _, loose = irls.fit(problem, tol=1e-3)
    assert loose.converged and len(loose.losses) < len(whole.losses)


def test_float32_rows_are_summed_in_float64():
    problem, w = draw("poisson", "log", seed=8)
    single = problem._replace(X=problem.X.astype(np.float32))
    double = problem._replace(X=single.X.astype(np.float64))
    for centre in (problem.centre, np.zeros(3)):
        for a, b in zip(
            irls.sums(single._replace(centre=centre), problem.y, problem.y),
            irls.sums(double._replace(centre=centre), problem.y, problem.y),
        ):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(
            irls.linear_part(single._replace(centre=centre), w), irls.linear_part(double._replace(centre=centre), w)
        )
