"""What all rules have in common: kinks, refusals, keywords. The rules themselves: one test_rules_*.py for each file."""

import warnings

import numpy as np
import pytest

from pellucid import NoRuleError, Tensor, grad, rule, tape
from pellucid.tape import rules

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
S = rng.normal(size=(3, 3))
v = rng.normal(size=4)


def test_ties_share_the_gradient():
    np.testing.assert_array_equal(grad(np.max)(np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(np.min)(np.array([1.0, 1.0, 3.0])), [0.5, 0.5, 0])
    assert grad(np.maximum)(2.0, 2.0) == 0.5
    assert grad(np.minimum, argnums=1)(2.0, 2.0) == 0.5


def test_kinks():
    assert grad(np.abs)(0.0) == 0.0
    assert grad(lambda x: np.clip(x, 0.0, 1.0))(1.0) == 1.0
    assert grad(lambda x: np.sum(np.std(x)))(np.ones(3)).tolist() == [0, 0, 0]
    assert grad(lambda x: x**0)(0.0) == 0.0
    assert grad(np.power, argnums=1)(0.0, 2.0) == 0.0
    assert grad(np.hypot)(0.0, 0.0) == 0.0
    assert grad(lambda x: np.sum(x ** np.array([0.0, 1.0])))(np.array([np.inf, 1.0])).tolist() == [0, 1]
    assert grad(lambda b: grad(np.power)(2.0, b))(0.0) == 0.5  # of b aᵇ⁻¹ by b
    assert grad(lambda h: np.heaviside(0.0, h) + np.heaviside(1.0, h))(2.0) == 1.0
    lo, hi = grad(lambda lo, hi: np.clip(0.0, lo, hi), argnums=(0, 1))(1.0, 1.0)
    assert lo + hi == 1.0
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        assert np.isnan(grad(lambda x: np.var(x, ddof=1))(np.ones(1))).all()


def test_infinities_and_nan():
    assert grad(np.logaddexp)(-np.inf, 1.0) == 0.0
    assert grad(np.logaddexp, argnums=1)(-np.inf, 1.0) == 1.0
    assert grad(np.logaddexp)(-np.inf, -np.inf) == 0.5
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.full(2, -np.inf)), [0.5, 0.5])
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.array([-np.inf, 1.0])), [0, 1])
    assert grad(np.fmax)(1.0, np.nan) == 1.0
    assert grad(np.fmax, argnums=1)(1.0, np.nan) == 0.0


def test_a_product_with_zeros_is_exact_to_second_order():
    x = np.array([0.0, 2.0, 3.0])
    np.testing.assert_array_equal(grad(np.prod)(x), [6, 0, 0])
    hessian_row = grad(lambda x: grad(np.prod)(x)[1])(x)  # ∂²/∂x₁∂xⱼ
    np.testing.assert_array_equal(hessian_row, [3, 0, 0])


def test_piecewise_constant_functions_return_plain_arrays():
    x = Tensor(A, requires_grad=True)
    for y in (x > 0, np.sign(x), np.floor(x), np.argmax(x), np.isnan(x), np.round(x), x == x, np.argsort(x), x // 1):
        assert not isinstance(y, Tensor)


# What is refused


def test_where_of_a_mask_alone_gives_places():
    x = Tensor(A, requires_grad=True)
    np.testing.assert_array_equal(np.where(x), np.where(A))


def test_a_function_without_a_rule_says_how_to_give_it_one(monkeypatch):
    x = Tensor(np.ones(3), requires_grad=True)
    monkeypatch.delitem(rules, np.i0)
    with pytest.raises(NoRuleError, match=r"np.i0 has no gradient rule.*pellucid.rule\(np.i0"):
        np.i0(x)
    assert isinstance(np.i0(x.detach()), Tensor)
    rule(np.i0, lambda dy, y, x: dy * 7)
    np.testing.assert_array_equal(grad(lambda x: np.i0(x).sum())(np.ones(2)), [7, 7])


def test_the_nearest_function_that_has_a_rule_is_named(monkeypatch):
    monkeypatch.delitem(rules, np.nanmean)
    with pytest.raises(NoRuleError, match="nearest that has one: np.nanme|nearest that has one: np.mean"):
        np.nanmean(Tensor(np.ones(3), requires_grad=True))


def test_the_last_word_on_a_function_holds(monkeypatch):
    for name in ("rules", "compositions", "constants"):
        monkeypatch.setattr(tape, name, type(getattr(tape, name))(getattr(tape, name)))
    monkeypatch.setattr("pellucid.tensor.rules", tape.rules)
    rule(np.floor, lambda dy, y, x: dy)
    assert grad(np.floor)(1.5) == 1.0
    tape.written_as(np.floor)(lambda x: x * 3.0)
    assert grad(np.floor)(1.5) == 3.0
    tape.constant(np.floor)
    assert not isinstance(np.floor(Tensor(1.5, requires_grad=True)), Tensor)


def test_out_and_where_are_refused_clearly():
    x = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(TypeError, match=r"np.add\(\.\.\., out=\)"):
        np.add(x, 1.0, out=np.zeros(3))
    with pytest.raises(TypeError, match=r"np.add\(\.\.\., where=\).*np.where"):
        np.add(x, 1.0, where=np.array([True, False, True]))
    with pytest.raises(TypeError, match="out="):
        np.sum(x, out=np.zeros(()))
    with pytest.raises(TypeError, match="out="):
        np.sum(Tensor(A, requires_grad=True), 0, None, np.zeros(4))
    with pytest.raises(TypeError, match="out"):
        np.take(x, [0], 0, np.zeros(1))
    with pytest.raises(TypeError, match="out="):
        a = np.zeros(3)
        a += x
    with pytest.raises(TypeError, match=r"np.add.at would write a Tensor into a plain array"):
        np.add.at(np.zeros(3), [0], x[0])


def test_a_keyword_that_a_rule_does_not_know_is_named_at_once(monkeypatch):
    monkeypatch.setitem(rules, np.sort, (lambda dy, y, x, axis=-1: dy,))
    x = Tensor(A, requires_grad=True)
    with pytest.raises(NoRuleError, match="np.sort has no gradient with its keyword 'kind'"):
        np.sort(x, kind="stable")
    np.sort(x.detach(), kind="stable")


def test_take_along_axis_refuses_what_numpy_refuses():
    with pytest.raises(IndexError):
        np.take_along_axis(Tensor(A, requires_grad=True), np.zeros((2, 4), int), axis=1)


def test_repeating_by_counts_costs_what_it_copies():
    x = Tensor(np.ones(100_000), requires_grad=True)
    np.repeat(x, np.full(100_000, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full(100_000, 2.0))


def test_ufunc_methods_of_tensors_without_gradient_are_numpys():
    assert np.hypot.reduce(Tensor([3.0, 4.0])).item() == 5.0
    assert np.multiply.accumulate(Tensor([3.0, 4.0])).tolist() == [3.0, 12.0]


def test_an_argument_without_a_rule_is_named():
    mask = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(NoRuleError, match="np.where has no gradient for its argument 0"):
        np.where(mask, 1.0, 2.0).sum().backward()


def test_keywords_may_hold_tensors():
    x = Tensor(np.array([0.2, 2.0]), requires_grad=True)
    top = Tensor(1.0, requires_grad=True)
    np.clip(x, a_min=0.0, a_max=top).sum().backward()
    assert top.grad.item() == 1.0
    np.testing.assert_array_equal(x.grad.data, [1, 0])
    square = Tensor(S, requires_grad=True)
    (np.sum(square, axis=1, where=Tensor(np.ones((3, 3), bool))) * v[:3]).sum().backward()
    np.testing.assert_array_equal(square.grad.data, np.repeat(v[:3, None], 3, axis=1))


def test_every_ufunc_of_real_numbers_has_a_rule():
    of_integers = {
        "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "gcd", "invert", "isnat", "lcm", "left_shift",
        "right_shift",
    }  # fmt: skip
    ufuncs = [f for f in vars(np).values() if isinstance(f, np.ufunc)]
    known = {*rules, *tape.constants, *tape.compositions}
    assert {f.__name__ for f in ufuncs if f not in known} <= of_integers
