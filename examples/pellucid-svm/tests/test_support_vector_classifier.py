"""The oracles: duality, the margin, examples with a known answer, rows repeated and left out, votes counted by hand."""

import itertools
import pickle
import warnings

import numpy as np
import pellucid
import pytest

from pellucid_svm import RBF, SVC, Linear, Polynomial
from pellucid_svm.support_vector_classifier import bounds, folded, pairs, scores, unfolded, votes


def draw(N=40, D=2, K=2, seed=0, noise=0.7):
    """Overlapping clouds, one for each class."""
    rng = np.random.default_rng(seed)
    y = np.arange(N) % K
    return rng.normal(scale=3, size=(K, D))[y] * noise + rng.normal(size=(N, D)), y


def sums_of(model, X):
    """Σₙ βₙ k(xₙ, x) for two classes."""
    return model.kernel_(X, model.support_vectors_) @ model.dual_coef_[0]


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_eq_1_2_3_price_and_dual_objective_meet(C, kernel):
    """Half the squared length and all prices are never less than minus the dual objective; at the optimum they meet."""
    X, y = draw(60)
    weights = np.random.default_rng(1).uniform(0.2, 3, 60)
    model = SVC(C, kernel=kernel, tol=1e-9).fit(X, y, weights)
    sign, f = 2 * y - 1, model.decision_function(X)
    np.testing.assert_allclose(f, sums_of(model, X) + model.intercept_, rtol=1e-9, atol=1e-12)
    length = model.dual_coef_[0] @ sums_of(model, model.support_vectors_)
    price = C * np.sum(weights * np.maximum(0, 1 - sign * f))
    assert length / 2 + price == pytest.approx(-model.loss_[-1], rel=1e-7)


@pytest.mark.parametrize("C", [0.1, 10.0])
def test_eq_1_2_3_the_street_and_who_stands_in_it(C):
    X, y = draw(60)
    weights = np.random.default_rng(1).uniform(0.2, 3, 60)
    model = SVC(C, tol=1e-9).fit(X, y, weights)
    margin = (2 * y - 1) * model.decision_function(X)
    pull = np.zeros(60)
    pull[model.support_] = (2 * y[model.support_] - 1) * model.dual_coef_[0]
    limit = C * weights
    assert (pull >= 0).all() and (pull <= limit * (1 + 1e-12)).all() and abs(np.sum((2 * y - 1) * pull)) < 1e-9
    free = (pull > 0) & (pull < limit)
    assert free.any() and (pull == limit).any()
    np.testing.assert_allclose(margin[free], 1, atol=1e-8)
    assert (margin[pull == 0] >= 1 - 1e-8).all() and (margin[pull == limit] <= 1 + 1e-8).all()


def test_eq_2_each_unknown_has_the_sign_of_its_class():
    low, high = bounds(np.array([1.0, -1.0, 1.0]), np.array([2.0, 3.0, 0.5]))
    assert low.tolist() == [0, -3, 0] and high.tolist() == [2, 0, 0.5]


def test_eq_3_two_points_have_the_street_between_them():
    """f runs straight from −1 to 1: w = 2 (b − a) / ‖b − a‖²."""
    a, b = np.array([1.0, 2.0]), np.array([4.0, 6.0])
    model = SVC(100, kernel="linear").fit([a, b], [0, 1])
    np.testing.assert_allclose(model.coef_, [2 * (b - a) / 25])
    np.testing.assert_allclose(model.decision_function([a, b, (a + b) / 2]), [-1, 1, 0], atol=1e-12)


def test_eq_3_exclusive_or_with_products_of_the_columns():
    """With k(x, y) = (1 + xᵀy)² every one of the four has α = 1/8, and f(x) = x₁ x₂."""
    X, y = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]]), [1, 0, 0, 1]
    model = SVC(100, kernel=Polynomial(2, 1.0, 1.0), tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.dual_coef_, [[-1 / 8, -1 / 8, 1 / 8, 1 / 8]])
    np.testing.assert_allclose(model.decision_function([[0.5, 3.0], [2.0, -1.0]]), [1.5, -2.0], atol=1e-9)


def test_eq_4_every_pair_has_a_vote_and_the_first_wins_a_tie():
    rng = np.random.default_rng(0)
    F = np.concatenate([rng.normal(size=(30, 6)), np.zeros((1, 6))])
    count = votes(F, 4)
    for n, f in enumerate(F):
        names = [a if said >= 0 else b for said, (a, b) in zip(f, itertools.combinations(range(4), 2))]
        assert count[n].tolist() == [names.count(k) for k in range(4)]
    assert (count.sum(axis=1) == 6).all()
    assert votes(np.array([[1.0, -1.0, 1.0]]), 3).tolist() == [[1, 1, 1]]  # 0 beats 1, 2 beats 0, 1 beats 2


def test_eq_5_6_scores_order_classes_with_equally_many_votes_and_no_others():
    f = np.array([[0.5, -1.0, 2.0]])  # 0 over 1 by a half, 2 over 0 by one, 1 over 2 by two
    together = np.array([0.5 - 1.0, -0.5 + 2.0, 1.0 - 2.0])
    np.testing.assert_allclose(scores(f, 3), [1 + together / (3 * (abs(together) + 1))])
    F = 1e6 * np.random.default_rng(0).normal(size=(200, 6))
    assert (np.abs(scores(F, 4) - votes(F, 4)) < 0.5).all()


def test_ties_among_votes_are_broken_only_where_that_is_asked_for():
    X, y = draw(60, K=3, noise=0.2)
    plain, breaking = SVC().fit(X, y), SVC(break_ties=True).fit(X, y)
    grid = np.random.default_rng(0).normal(size=(2000, 2)) * 2
    F = SVC(decision_function_shape="ovo").fit(X, y).decision_function(grid)
    tied = (votes(F, 3) == 1).all(axis=1)
    assert 0 < tied.sum() < 400
    assert (plain.predict(grid)[tied] == 0).all()
    assert (breaking.predict(grid) == scores(F, 3).argmax(axis=1)).all()
    assert (plain.predict(grid) == breaking.predict(grid))[~tied].all()


@pytest.mark.parametrize("K", [2, 3, 5])
def test_coefficients_of_pairs_are_folded_and_unfolded(K):
    rng = np.random.default_rng(0)
    y = rng.integers(K, size=20)
    beta = rng.normal(size=(len(pairs(K)), 20))
    for pair, (a, b) in enumerate(pairs(K)):
        beta[pair, (y != a) & (y != b)] = 0
    coef = folded(beta, y, K)
    assert coef.shape == (K - 1, 20)
    for n, c in enumerate(y):
        with_others = [beta[pair, n] for other in range(K) for pair, p in enumerate(pairs(K)) if set(p) == {c, other}]
        assert coef[:, n].tolist() == with_others
    np.testing.assert_array_equal(unfolded(coef, y), beta)


def test_each_pair_is_the_machine_of_these_two_classes_alone():
    X, y = draw(60, K=4)
    model = SVC(C=2, gamma=0.3, tol=1e-9, decision_function_shape="ovo").fit(X, y)
    F = model.decision_function(X)
    for pair, (a, b) in enumerate(itertools.combinations(range(4), 2)):
        of_two = (y == a) | (y == b)
        two = SVC(C=2, gamma=0.3, tol=1e-9).fit(X[of_two], y[of_two])
        np.testing.assert_allclose(F[:, pair], -two.decision_function(X), atol=1e-7)
    assert (np.diff(y[model.support_]) >= 0).all() and model.n_support_.tolist() == np.bincount(
        y[model.support_]
    ).tolist()
    assert model.dual_coef_.shape == (3, len(model.support_))


def test_points_outside_the_street_can_be_left_out():
    X, y = draw(80, noise=1.5)
    model = SVC(gamma=0.3, tol=1e-9).fit(X, y)
    assert len(model.support_) < 60
    again = SVC(gamma=0.3, tol=1e-9).fit(X[model.support_], y[model.support_])
    np.testing.assert_allclose(again.decision_function(X), model.decision_function(X), atol=1e-7)


# weights


def test_a_weight_is_a_number_of_rows():
    X, y = draw(30, K=3)
    counts = np.random.default_rng(0).integers(0, 4, 30)
    weighted = SVC(tol=1e-9).fit(X, y, counts)
    repeated = SVC(tol=1e-9).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), atol=1e-7)
    assert weighted.kernel_.gamma == pytest.approx(repeated.kernel_.gamma)


def test_class_weights_are_sample_weights():
    X, y = draw(50)
    y[:15] = 0
    labels = np.array(["no", "yes"])[y]
    by_class = SVC(class_weight={"yes": 5, "no": 0.5}, gamma=0.5, tol=1e-9).fit(X, labels)
    by_row = SVC(gamma=0.5, tol=1e-9).fit(X, labels, np.where(y == 1, 5, 0.5))
    np.testing.assert_allclose(by_class.decision_function(X), by_row.decision_function(X), atol=1e-8)
    balanced = SVC(class_weight="balanced", gamma=0.5, tol=1e-9).fit(X, labels)
    by_row = SVC(gamma=0.5, tol=1e-9).fit(X, labels, (25 / np.bincount(y))[y])
    np.testing.assert_allclose(balanced.decision_function(X), by_row.decision_function(X), atol=1e-8)


def test_a_class_that_is_weighted_away_gets_no_vote_against_another():
    X, y = draw(60, K=3)
    model = SVC().fit(X, y, (y != 1).astype(float))
    two = SVC().fit(X[y != 1], y[y != 1])
    assert model.classes_.tolist() == [0, 1, 2] and model.n_support_[1] == 0
    assert (model.predict(X) == two.predict(X)).all()
    with pytest.raises(ValueError, match="at least two classes with weights above 0"):
        SVC().fit(X, y, (y == 1).astype(float))


@pytest.mark.parametrize("away", [{2: 0, 3: 0}, {0: 0, 1: 0}, {0: 0, 3: 0}, {0: 0, 1: 0, 2: 0}])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_pair_of_classes_that_are_both_weighted_away_has_no_vote(away, kernel):
    X, y = draw(90, K=5)
    left = ~np.isin(y, list(away))
    two = SVC(kernel=kernel, gamma=0.3, tol=1e-9).fit(X[left], y[left])
    for settings in ({"break_ties": True}, {"break_ties": False}):
        model = SVC(kernel=kernel, gamma=0.3, tol=1e-9, class_weight=away, **settings).fit(X, y)
        assert (two.set_params(**settings).predict(X) == model.predict(X)).all()
        assert np.isin(model.classes_[model.decision_function(X).argmax(axis=1)], two.classes_).all()


def test_balanced_classes_count_alike_with_sample_weights_too():
    X, y = draw(40)
    counts = np.where(y == 1, 1, np.random.default_rng(0).integers(1, 6, 40))
    weighted = SVC(class_weight="balanced", tol=1e-9).fit(X, y, counts)
    repeated = SVC(class_weight="balanced", tol=1e-9).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), atol=1e-7)


# odd data


def test_one_class_is_too_few():
    with pytest.raises(ValueError, match=r"at least 2 classes, but the data contains only one class: \['a'\]"):
        SVC().fit([[1.0], [2.0]], ["a", "a"])


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "sigmoid"])
def test_equal_rows_with_different_labels_go_by_the_majority(kernel):
    X, y = np.full((10, 2), 0.3), np.repeat([0, 1], [3, 7])
    model = SVC(kernel=kernel).fit(X, y)
    assert model.predict(X).tolist() == [1] * 10 and model.n_iter_.max() < 10


def test_constant_columns_change_nothing_but_the_default_gamma():
    X, y = draw()
    more = np.column_stack([X, np.full(40, 7.0)])
    one, other = SVC(gamma=0.5, tol=1e-9).fit(X, y), SVC(gamma=0.5, tol=1e-9).fit(more, y)
    np.testing.assert_allclose(one.decision_function(X), other.decision_function(more), atol=1e-8)
    nothing = SVC().fit(np.zeros((4, 2)), [0, 1, 1, 1])
    assert nothing.kernel_ == RBF(1.0) and nothing.predict([[5.0, 5.0]]).tolist() == [1]


def test_a_tiny_price_leaves_everybody_in_the_street_and_a_huge_one_nobody():
    X, y = draw()
    y = (X @ [1.0, 2.0] > 0.3).astype(int)
    tiny = SVC(1e-8).fit(X, y)
    counts = np.bincount(y)
    assert np.abs(tiny.dual_coef_).max() == 1e-8 and len(tiny.support_) >= 2 * counts.min()
    huge = SVC(1e10, kernel="linear").fit(X, y)
    assert huge.score(X, y) == 1 and len(huge.support_) <= 3 + 1
    assert ((2 * y - 1) * huge.decision_function(X)).min() == pytest.approx(1, abs=2e-3)
    stretched = SVC(1e10, kernel="linear").fit(1000 * X, y)
    np.testing.assert_allclose(stretched.decision_function(1000 * X), huge.decision_function(X), atol=5e-3)


def test_two_rows_are_enough():
    for kernel in ("linear", "rbf", "poly", "sigmoid"):
        model = SVC(kernel=kernel, gamma=0.1).fit([[0.0], [1.0]], ["b", "a"])
        assert model.predict([[0.0], [1.0]]).tolist() == ["b", "a"] and model.support_.tolist() == [1, 0]


def test_too_large_numbers_are_told_apart_from_a_wrong_answer():
    with pytest.raises(ValueError, match="Rescale the columns"):
        SVC().fit([[1e200], [0.0]], [0, 1])
    with pytest.raises(ValueError, match="Rescale the columns"):
        SVC(kernel="linear").fit([[1e200], [0.0]], [0, 1])
    with pytest.raises(ValueError, match="infinite or no numbers"):
        SVC(kernel=lambda X, Y: np.full((len(X), len(Y)), np.nan)).fit([[1.0], [0.0]], [0, 1])


@pytest.mark.parametrize("far", [1e8, 1e12, 1e200])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_what_is_said_of_a_row_does_not_depend_on_the_others(kernel, far):
    X, y = draw(60, K=3)
    model = SVC(kernel=kernel, gamma=0.5).fit(X, y)
    alone = model.decision_function(X)
    beside = model.decision_function(np.vstack([X, [far, far]]))[:60]
    np.testing.assert_allclose(beside, alone, atol=1e-12)


def test_a_far_row_does_not_blur_the_others_in_the_fit():
    X, y = draw(60)
    far, label = np.vstack([X, [1e9, 1e9]]), np.append(y, 1)
    probe = np.random.default_rng(0).normal(size=(100, 2))
    model = SVC(kernel=lambda X, Y: np.exp(-0.5 * ((X[:, None] - Y) ** 2).sum(axis=2)), tol=1e-9).fit(far, label)
    found = SVC(gamma=0.5, tol=1e-9).fit(far, label).decision_function(probe)
    np.testing.assert_allclose(found, model.decision_function(probe), atol=1e-7)


@pytest.mark.parametrize("offset", [1e5, 1e7, 1e8])
def test_the_linear_kernel_is_as_precise_far_from_the_origin(offset):
    X, y = draw(60, K=3)
    X = np.round(64 * X) / 64  # so that X + offset is exact
    near, far = (SVC(kernel="linear", tol=1e-9).fit(at, y) for at in (X, X + offset))
    F = near.decision_function(X)
    np.testing.assert_allclose(far.decision_function(X + offset), F, atol=1e-14 * offset + 1e-8)
    np.testing.assert_allclose(far.coef_, near.coef_, atol=1e-8)
    np.testing.assert_allclose(far.intercept_, near.intercept_ - offset * near.coef_.sum(axis=1), rtol=1e-7)


def test_rounding_that_keeps_a_fit_from_its_end_is_a_warning():
    X, y = draw(60)
    with pytest.warns(pellucid.ConvergenceWarning, match="Centre the columns .* raise tol: rounding allows no less"):
        model = SVC(kernel="poly", degree=1, gamma=1.0).fit(X + 1e8, y)
    assert model.n_iter_.max() < 100_000


def test_float32_is_computed_as_precisely():
    X, y = draw(K=3)
    narrow = X.astype(np.float32)
    model, exact = SVC().fit(narrow, y), SVC().fit(narrow.astype(np.float64), y)
    assert model.support_vectors_.dtype == model.decision_function(narrow).dtype == np.float32
    np.testing.assert_array_equal(model.dual_coef_, exact.dual_coef_)
    np.testing.assert_allclose(model.decision_function(narrow), exact.decision_function(narrow), rtol=1e-5)


# kernels


def test_a_kernel_is_a_name_an_object_or_a_function():
    X, y = draw()
    expected = SVC(gamma=0.4).fit(X, y).decision_function(X)

    def bumps(X, Y):
        return np.exp(-0.4 * np.sum((X[:, None] - Y) ** 2, axis=2))

    for kernel in (RBF(0.4), bumps):
        model = SVC(kernel=kernel).fit(X, y)
        assert model.kernel_ == kernel
        np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-9)
    assert SVC(kernel="linear").fit(X, y).kernel_ == Linear()
    assert SVC(kernel="poly", gamma="auto", coef0=1).fit(X, y).kernel_ == Polynomial(3, 0.5, 1.0)
    assert repr(SVC(kernel="sigmoid", gamma=2).fit(X, y).kernel_) == "Sigmoid(gamma=2.0, coef0=0.0)"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float16, np.float32])
def test_a_kernel_of_narrow_or_unsigned_numbers_is_computed_in_float64(dtype):
    A = np.random.default_rng(0).integers(3, size=(40, 6)).astype(float)
    y = (A[:, 0] + A[:, 1] > 2).astype(int)

    def alike(X, Y):
        return 10.0 * (X[:, None] == Y).sum(axis=2)

    expected = SVC(kernel=alike).fit(A, y).decision_function(A)
    found = SVC(kernel=lambda X, Y: alike(X, Y).astype(dtype)).fit(A, y).decision_function(A)
    np.testing.assert_array_equal(found, expected)


def test_the_advice_for_a_matrix_that_is_there_already_works():
    X, y = draw()
    with pytest.raises(ValueError, match="got 'precomputed'") as caught:
        SVC(kernel="precomputed").fit(X, y)
    K = RBF(0.4)(X, X)
    rows, kernel = str(caught.value).split("take row numbers for X, ")[1].split(", and kernel=")
    rows, kernel = (eval(text.rstrip("."), {"K": K, "np": np}) for text in (rows, kernel))
    found = SVC(kernel=kernel).fit(rows, y).decision_function(rows[::2])
    np.testing.assert_allclose(found, SVC(kernel=RBF(0.4)).fit(X, y).decision_function(X[::2]), atol=1e-9)


def test_weights_of_the_columns_are_there_for_the_linear_kernel():
    X, y = draw(K=3)
    model = SVC(kernel="linear", decision_function_shape="ovo").fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), X @ model.coef_.T + model.intercept_, atol=1e-9)
    assert not hasattr(SVC().fit(X, y), "coef_") and not hasattr(SVC(kernel="linear"), "coef_")


@pytest.mark.parametrize("megabytes", [1e-9, 1e-3, 200])
def test_the_size_of_the_cache_changes_no_result(megabytes):
    X, y = draw(60, K=3)
    model = SVC(cache_size=megabytes).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), SVC().fit(X, y).decision_function(X), atol=1e-9)


# the trace, and who watches


def test_the_trace_is_the_dual_objective_of_all_pairs_so_far():
    X, y = draw(60, K=3)
    model = SVC().fit(X, y)
    assert model.n_iter_.shape == (3,) and len(model.loss_) == model.n_iter_.sum() + 1
    assert model.loss_[0] == 0 and (np.diff(model.loss_) < 0).all()
    gamma = model.kernel_.gamma
    alone = [SVC(gamma=gamma).fit(X[of], y[of]).loss_[-1] for of in (y != 2, y != 1, y != 0)]
    np.testing.assert_allclose(model.loss_[np.cumsum(model.n_iter_)], np.cumsum(alone), rtol=1e-3)


def test_listeners_hear_every_step_and_may_end_the_fit():
    X, y = draw(60, K=3)

    class Listener:
        def __init__(self, most):
            self.most, self.heard = most, []

        @pellucid.hookimpl
        def pellucid_fit_step(self, run):
            self.heard.append(run.metrics["loss"])
            if run.n_steps >= self.most:
                run.stop("enough")

    with pellucid.listening(Listener(10**6)) as listener:
        model = SVC().fit(X, y)
    np.testing.assert_allclose(listener.heard, model.loss_[1:])
    with pellucid.listening(Listener(5)), warnings.catch_warnings():
        warnings.simplefilter("error")
        stopped = SVC().fit(X, y)
    assert stopped.n_iter_.tolist() == [5, 0, 0] and stopped.predict(X).shape == (60,)


def test_pairs_whose_turn_had_not_come_have_no_vote():
    """Stopped in the pair (0, 1) of three classes: without votes for 0 and 1 from the others, it alone decides."""
    X, y = draw(60, K=3)

    class Listener:
        @pellucid.hookimpl
        def pellucid_fit_step(self, run):
            run.stop("enough")

    for break_ties in (False, True):
        with pellucid.listening(Listener()):
            model = SVC(break_ties=break_ties, decision_function_shape="ovo").fit(X, y)
        F = model.decision_function(X)
        assert not F[:, 1:].any() and (F[:, 0] > 0).any() and (F[:, 0] < 0).any()
        assert (model.predict(X) == (F[:, 0] < 0)).all()
        model.decision_function_shape = "ovr"
        np.testing.assert_allclose(model.decision_function(X), scores(F, 3, [1, 2]))
        assert model.decision_function(X)[:, 2].tolist() == [0] * 60


def test_too_few_steps_are_a_warning():
    X, y = draw(60)
    with pytest.warns(
        pellucid.ConvergenceWarning, match="SVC did not converge: .* more than tol=0.001.*or raise max_iter=3"
    ) as caught:
        model = SVC(max_iter=3).fit(X, y)
    assert model.n_iter_.tolist() == [3] and caught[0].filename == __file__


# parameters and copies


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"C": 0}, "C must be finite and more than 0, got 0"),
        ({"C": np.inf}, "C must be finite"),
        ({"C": "1"}, "C must be finite and more than 0, got '1'"),
        ({"C": [1.0]}, "C must be finite"),
        ({"tol": "x"}, "tol must be more than 0, got 'x'"),
        ({"tol": np.nan}, "tol must be more than 0"),
        ({"max_iter": None}, "max_iter must be 1 or more, a whole number, got None"),
        ({"max_iter": 2.5}, "max_iter must be 1 or more, a whole number, got 2.5"),
        ({"cache_size": "all"}, "cache_size must be more than 0 megabytes, got 'all'"),
        ({"kernel": "sigmoid", "coef0": "x"}, "coef0 must be a finite number, got 'x'"),
        ({"tol": 0.0}, "tol must be more than 0"),
        ({"max_iter": 0}, "max_iter must be 1 or more"),
        ({"cache_size": -1}, "cache_size must be more than 0"),
        ({"kernel": "gauss"}, "kernel must be 'linear', 'poly', 'rbf', 'sigmoid' or a function"),
        ({"kernel": "poly", "degree": 2.5}, "degree must be a whole number"),
        ({"kernel": "poly", "degree": -1}, "degree must be a whole number"),
        ({"gamma": "wide"}, "gamma must be 'scale', 'auto' or a finite number of 0 or more, got 'wide'"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"gamma": None}, "gamma must be"),
        ({"kernel": "sigmoid", "coef0": np.nan}, "coef0 must be a finite number"),
        ({"decision_function_shape": "all"}, "decision_function_shape must be 'ovr' or 'ovo'"),
        ({"kernel": lambda X, Y: X @ X.T + 1j}, "must return one real number .* and dtype complex128"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SVC(**parameters).fit(*draw())


def test_copies_have_the_kernel_and_pickles_the_fit():
    X, y = draw()
    model = SVC(kernel=RBF(0.4)).fit(X, y)
    assert pellucid.clone(model).kernel == RBF(0.4) and "kernel=RBF(gamma=0.4)" in repr(model)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
