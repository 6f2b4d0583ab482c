"""The oracles: every set of bounds enumerated, each step held against f itself, optimality."""

import itertools

import numpy as np
import pytest

from pellucid_svm import RBF, Sigmoid
from pellucid_svm.smo import TAU, intercept, slopes, solve

BUMPS = RBF(0.5)


def problem(N=12, D=2, S=1, C=1.0, seed=0, kernel=BUMPS):
    """K, p, low, high of a classifier (S = 1) or a regression (S = 2)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    K = kernel(X, X)
    if S == 1:
        p = np.where(X[:, :1].T + rng.normal(size=(1, N)) > 0, 1.0, -1.0)
        p[0, :2] = 1, -1
        return K, p, np.minimum(0, C * p), np.maximum(0, C * p)
    y, price = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=N), C * rng.uniform(0.5, 1.5, N)
    return K, np.stack([y - 0.1, y + 0.1]), np.stack([0 * y, -price]), np.stack([price, 0 * y])


def run(K, p, low, high, **settings):
    return solve(lambda n: K[n], K.diagonal(), p, low, high, **{"max_iter": 5000, **settings})


def objective(K, p, beta):
    """(1), with the copies of a point added up in K."""
    pull = beta.sum(axis=0)
    return 0.5 * pull @ K @ pull - np.sum(p * beta)


def lowest(K, p, low, high):
    """The least f: for every set of unknowns at their bounds, the others from f's vanishing derivatives."""
    S, N = p.shape
    K, p, low, high = np.tile(K, (S, S)), p.ravel(), low.ravel(), high.ravel()
    best, found = np.inf, None
    for where in itertools.product("lfh", repeat=S * N):
        beta = np.select([np.equal(where, "l"), np.equal(where, "h")], [low, high], 0.0)
        free = np.flatnonzero(np.equal(where, "f"))
        system = np.block(
            [[K[np.ix_(free, free)], np.ones((len(free), 1))], [np.ones((1, len(free))), np.zeros((1, 1))]]
        )
        right = np.append(p[free] - K[free] @ beta, -beta.sum())
        answer, *_ = np.linalg.lstsq(system, right)
        if not np.allclose(system @ answer, right, atol=1e-9):
            continue
        beta[free] = answer[:-1]
        if (beta >= low - 1e-9).all() and (beta <= high + 1e-9).all():
            f = 0.5 * beta @ K @ beta - p @ beta
            if f < best - 1e-12:
                best, found = f, beta.reshape(S, N)
    return best, found


def check_step(K, p, low, high, before, after):
    """The exchange is the one that the text describes, from v = p − Kβ anew and f along the line."""
    rose, fell = np.argwhere(after > before), np.argwhere(after < before)
    assert len(rose) == len(fell) == 1
    i, j = tuple(rose[0]), tuple(fell[0])
    v = p - K @ before.sum(axis=0)
    assert v[i] >= v[before < high].max() - 1e-9

    def f(t, step):
        moved = before.copy()
        moved[i] += step
        moved[t] -= step
        return objective(K, p, moved)

    def parabola(t):
        """Slope and curvature of f where the unknown at i rises by what the one at t falls."""
        slope = (f(t, 1e-3) - f(t, -1e-3)) / 2e-3
        bend = (f(t, 1.0) + f(t, -1.0) - 2 * f(t, 0.0)) / 1.0
        return slope, max(bend, 1e-9)  # where it is not convex the deepest is the one with the steepest slope

    can_fall = [tuple(t) for t in np.argwhere(before > low) if v[tuple(t)] < v[i] - 1e-9]
    depth = {t: slope**2 / bend for t in can_fall for slope, bend in [parabola(t)]}
    assert depth[j] >= max(depth.values()) * (1 - 1e-6)
    slope, bend = parabola(j)
    step = min(-slope / bend, high[i] - before[i], before[j] - low[j])
    assert after[i] - before[i] == pytest.approx(step, rel=1e-6, abs=1e-9)
    assert before[j] - after[j] == pytest.approx(step, rel=1e-6, abs=1e-9)


def check_optimal(K, p, low, high, solution, tol):
    """The bounds, the balance, and a b between all who can rise and all who can fall."""
    beta = solution.beta
    assert (beta >= low).all() and (beta <= high).all()
    assert abs(beta.sum()) < 1e-9
    v = p - K @ beta.sum(axis=0)
    top, bottom = v[beta < high].max(), v[beta > low].min()
    assert top - bottom <= tol + 1e-9
    assert bottom - tol - 1e-9 <= solution.b <= top + tol + 1e-9 or top <= solution.b <= bottom


@pytest.mark.parametrize("S, N", [(1, 5), (2, 3)])
@pytest.mark.parametrize("C", [0.2, 1.0, 5.0, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_eq_1_no_choice_of_bounds_does_better(S, N, C, seed):
    args = problem(N, S=S, C=C, seed=seed)
    best, beta = lowest(*args)
    solution = run(*args, tol=1e-9)
    assert solution.gap <= 1e-9
    assert solution.losses[-1] == pytest.approx(best, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(solution.beta.sum(axis=0), beta.sum(axis=0), rtol=1e-5, atol=1e-6 * min(C, 1))


@pytest.mark.parametrize("S", [1, 2])
@pytest.mark.parametrize("C", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("kernel", [RBF(0.5), RBF(5.0), Sigmoid(1.0, -1.0)], ids=repr)
def test_eq_2_3_5_6_7_8_9_every_step_is_the_deepest_exchange(S, C, kernel):
    args = problem(S=S, C=C, kernel=kernel)
    solution = run(*args, tol=1e-2)
    n_steps = len(solution.losses) - 1
    assert n_steps > 4
    betas = [run(*args, tol=1e-2, max_iter=n).beta for n in range(n_steps + 1)]
    assert not betas[0].any()
    for n in range(n_steps):
        check_step(*args, betas[n], betas[n + 1])
        assert solution.losses[n + 1] == pytest.approx(objective(*args[:2], betas[n + 1]), rel=1e-9, abs=1e-9)


def test_eq_5_6_7_equal_points_with_opposite_labels_have_a_curvature_to_divide_by():
    K = np.ones((4, 4))
    p = np.array([[1.0, -1.0, 1.0, -1.0]])
    solution = run(K, p, np.minimum(0, 2 * p), np.maximum(0, 2 * p))
    assert solution.gap <= 0 and solution.losses.tolist() == [0, -4, -8]
    assert solution.beta.tolist() == [[2, -2, 2, -2]] and solution.b == 0
    nothing = run(0 * K, p, np.minimum(0, 2 * p), np.maximum(0, 2 * p))
    assert nothing.gap <= 0 and nothing.beta.tolist() == [[2, -2, 2, -2]]


def test_eq_7_a_curvature_too_small_to_believe_is_lifted_to_tau():
    """Two points so close that a is rounding: the step is (vᵢ − vⱼ) / τ, which stays far below the bound here."""
    K = np.array([[1.0, 1.0], [1.0, 1.0]])
    p = np.array([[1e-3, -1e-3]])
    solution = run(K, p, np.array([[0.0, -1e12]]), np.array([[1e12, 0.0]]), tol=1e-6, max_iter=1)
    np.testing.assert_allclose(solution.beta, [[2e-3 / TAU, -2e-3 / TAU]])


@pytest.mark.parametrize("S", [1, 2])
@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-8])
def test_eq_4_the_fit_ends_as_soon_as_the_gap_is_small_enough(S, tol):
    args = problem(N=40, S=S, C=10)
    gaps = []

    def report(loss, gap):
        gaps.append(gap)
        return False

    solution = run(*args, tol=tol, report=report)
    assert solution.gap <= tol and len(gaps) == len(solution.losses) - 1
    assert min(gaps[:-1]) > tol and gaps[-1] == max(solution.gap, 0)
    check_optimal(*args, solution, tol)


def test_eq_4_a_gap_of_just_tol_is_small_enough():
    K, p = np.eye(2), np.array([[1.0, -1.0]])
    bounds = np.array([[0.0, -5.0]]), np.array([[5.0, 0.0]])
    assert len(run(K, p, *bounds, tol=2.0).losses) == 1
    assert len(run(K, p, *bounds, tol=1.9).losses) == 2


@pytest.mark.parametrize("seed", range(3))
def test_eq_2_4_the_fit_ends_by_a_v_made_anew(seed):
    """Rows that are off at first leave a v that says the fit is over; made anew, it says that more is to be done."""
    args = problem(N=40, C=10, seed=seed)
    K, calls, rng = args[0], [], np.random.default_rng(seed)

    def row(n):
        calls.append(n)
        return K[n] + (rng.normal(size=40) / 10 if len(calls) < 40 else 0)

    solution = solve(row, K.diagonal(), *args[1:], max_iter=5000)
    check_optimal(*args, solution, 1e-3)
    v = args[1] - K @ solution.beta[0]
    assert solution.gap == pytest.approx(v[solution.beta < args[3]].max() - v[solution.beta > args[2]].min(), abs=1e-9)


def test_eq_4_a_fit_ends_where_rounding_allows_no_smaller_gap():
    args = problem(N=40, C=10)
    rng = np.random.default_rng(0)
    solution = solve(lambda n: args[0][n] + rng.normal(size=40), args[0].diagonal(), *args[1:], tol=0.05)
    assert solution.gap > 0.05 and not solution.stopped and len(solution.losses) < 100_000


@pytest.mark.parametrize("offset", [0.0, 1e5, 1e7])
def test_eq_2_a_v_made_anew_is_precise_where_rows_are_large_and_alike(offset):
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.where(np.arange(40) % 2, 1.0, -1.0)
    K, p = (X + y[:, None] + offset) @ (X + y[:, None] + offset).T, y[None]
    solution = run(K, p, np.minimum(0, p), np.maximum(0, p), max_iter=20_000)
    v = p - (K.astype(np.longdouble) @ solution.beta[0].astype(np.longdouble))
    found = slopes(lambda n: K[n], p, solution.beta)
    np.testing.assert_allclose((found - v).astype(float), float((found - v).mean()), atol=1e-12 + 4e-12 * offset)
    assert (solution.gap <= 1e-3) == (offset < 1e7)  # where 2e14 in K is rounded by more than tol


def test_eq_8_the_losses_are_the_objective_and_only_fall():
    args = problem(N=40, C=10)
    K, p, *_ = args
    solution = run(*args)
    assert solution.losses[0] == 0 and (np.diff(solution.losses) < 0).all()
    assert solution.losses[-1] == pytest.approx(objective(K, p, solution.beta), rel=1e-9)


def test_eq_10_b_is_where_the_free_agree():
    v = np.array([[0.2, 0.4, 7.0, -7.0]])
    beta, low, high = np.array([[0.5, -0.5, 1.0, -1.0]]), np.array([[0.0, -1, 0, -1]]), np.array([[1.0, 0, 1, 0]])
    assert intercept(v, beta, low, high) == pytest.approx(0.3)


def test_eq_11_with_nobody_free_b_is_the_middle():
    v = np.array([[0.1, 0.3, 1.0, 2.0]])
    low, high = np.array([[0.0, -1, 0, -1]]), np.array([[1.0, 0, 1, 0]])
    beta = np.array([[0.0, -1, 1, 0]])  # who can rise: 0.1, 0.3; who can fall: 1, 2
    assert intercept(v, beta, low, high) == pytest.approx(0.65)
    assert intercept(v[:, :1], beta[:, :1], low[:, :1], high[:, :1]) == pytest.approx(0.1)  # nobody can fall
    assert intercept(v[:, :0], beta[:, :0], low[:, :0], high[:, :0]) == 0


def test_unknowns_end_exactly_at_their_bounds():
    K, p, low, high = problem(N=60, C=0.1)
    beta = run(K, p, low, high).beta
    near = np.minimum(np.abs(beta - low), np.abs(beta - high))
    assert ((near == 0) | (near > 1e-6)).all() and (near == 0).sum() > 40


def test_without_room_there_is_no_step():
    K, p, low, high = problem()
    solution = run(K, p, 0 * low, 0 * high)
    assert solution.gap == -np.inf and not solution.beta.any() and len(solution.losses) == 1
    one_class = run(K, np.abs(p), 0 * low, np.abs(high))
    assert one_class.gap == -np.inf and not one_class.beta.any() and one_class.b == 1


def test_max_iter_and_the_listener_end_the_fit():
    args = problem(N=40, C=10)
    whole = run(*args)
    part = run(*args, max_iter=5)
    assert part.gap > 1e-3 and part.losses.tolist() == whole.losses[:6].tolist()
    stopped = run(*args, report=lambda loss, gap: loss <= whole.losses[3])
    assert stopped.stopped and not whole.stopped and stopped.losses.tolist() == whole.losses[:4].tolist()
    assert run(*args, max_iter=len(whole.losses) - 1).gap == whole.gap <= 1e-3


@pytest.mark.parametrize("C", [1.0, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_a_kernel_that_is_no_inner_product_comes_to_an_end(C, seed):
    args = problem(N=60, C=C, seed=seed, kernel=Sigmoid(2.0, -1.0))
    assert np.linalg.eigvalsh(args[0]).min() < -1
    solution = run(*args)
    assert (np.diff(solution.losses) <= 0).all()
    check_optimal(*args, solution, 1e-3 + 1e-12 * C)


def test_the_answer_does_not_depend_on_the_units_of_the_kernel():
    K, p, low, high = problem(N=30, C=10)
    expected = run(K, p, low, high, tol=1e-8).beta
    for unit in (1e-20, 1e20):
        beta = run(unit * K, p, low / unit, high / unit, tol=1e-8).beta * unit
        np.testing.assert_allclose(beta, expected, atol=1e-5)
