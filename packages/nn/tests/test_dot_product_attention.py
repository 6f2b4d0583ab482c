"""The oracle is the definition: weights of one query at a time, with Python's sums."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.dot_product_attention import (
    DotProductAttention,
    attention,
    both,
    causal,
    dropout_factors,
    scaled_dot_product_attention,
)

T, S, E, V = 3, 4, 2, 5


def draw(seed=0, front=()):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(*front, *shape)) for shape in ((T, E), (S, E), (S, V)))
    return rng, q, k, v


def by_definition(q, k, v, c, M=None, allowed=None, D=None):
    """One head; every number by itself."""
    T, S, V = len(q), len(k), v.shape[-1]
    y, A = np.zeros((T, V)), np.zeros((T, S))
    for t in range(T):
        weights = []
        for s in range(S):
            score = c * sum(q[t, e] * k[s, e] for e in range(q.shape[-1])) + (0 if M is None else M[t, s])
            weights.append(math.exp(score) if allowed is None or allowed[t, s] else 0.0)
        for s in range(S):
            if sum(weights):
                A[t, s] = weights[s] / sum(weights) * (1 if D is None else D[t, s])
            y[t] += A[t, s] * v[s]
    return y, A


@pytest.mark.parametrize("masks", [(), ("M",), ("allowed",), ("M", "allowed", "D")])
def test_eq_1_2_3_4_weights_and_result_by_definition(masks):
    rng, q, k, v = draw()
    allowed = rng.uniform(size=(T, S)) < 0.6
    allowed[1] = False
    all_of_them = {"M": rng.normal(size=(T, S)), "allowed": allowed, "D": rng.uniform(size=(T, S))}
    given = {name: all_of_them[name] for name in masks}
    y, A = attention(q, k, v, given.get("M"), c=0.7, **{k: x for k, x in given.items() if k != "M"})
    expected = by_definition(q, k, v, 0.7, **given)
    np.testing.assert_allclose(y, expected[0], rtol=1e-13)
    np.testing.assert_allclose(A, expected[1], rtol=1e-13)


@pytest.mark.parametrize("masked", [False, True])
def test_eq_6_7_8_9_gradients_are_those_of_finite_differences(masked):
    rng, q, k, v = draw(1)
    M, D, allowed = rng.normal(size=(T, S)), rng.uniform(size=(T, S)), np.ones((T, S), bool)
    allowed[0, 1:] = allowed[1] = False
    options = {"c": 0.6, "D": D, "allowed": allowed} if masked else {"c": 0.6}
    gradcheck(lambda q, k, v, M: attention(q, k, v, M, **options), q, k, v, M, order=2)
    gradcheck(lambda q, k, v: attention(q, k, v, None, **options)[0], q, k, v, order=2)
    gradcheck(lambda q, k: attention(q, k, v, None, **options)[1], q, k, order=2)


def test_eq_6_7_8_9_dot_product_test():
    """⟨dy, J u⟩ = ⟨Jᵀ dy, u⟩ over all arguments at once."""
    rng, q, k, v = draw(2)
    given = [q, k, v, rng.normal(size=(T, S))]
    directions = [rng.normal(size=x.shape) for x in given]
    dy, dA, D = rng.normal(size=(T, V)), rng.normal(size=(T, S)), rng.uniform(size=(T, S))
    _, vjp = attention.run(*given, D=D, c=0.5)

    def along(h):
        y, A = attention(*[x + h * u for x, u in zip(given, directions)], D=D, c=0.5)
        return (dy * y).sum() + (dA * A).sum()

    left = (along(1e-6) - along(-1e-6)) / 2e-6
    np.testing.assert_allclose(left, sum((g * u).sum() for g, u in zip(vjp(dy, dA), directions)), rtol=1e-7)


def test_eq_5_scores_of_independent_entries_have_variance_1():
    q, k = np.random.default_rng(0).normal(size=(2, 400, 64))
    v = np.eye(400)
    score = np.log(scaled_dot_product_attention(q, k, v))
    score -= score.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(score.var(), 1, atol=0.05)
    y = scaled_dot_product_attention(q[:T], k[:S], v[:S], scale=0.3)
    np.testing.assert_allclose(y, by_definition(q[:T], k[:S], v[:S], 0.3)[0], rtol=1e-12)
    np.testing.assert_allclose(
        scaled_dot_product_attention(q, k, v), scaled_dot_product_attention(q, k, v, scale=0.125), rtol=1e-12
    )


def test_eq_3_dropout_factors_have_mean_1_and_come_from_the_generator():
    D = dropout_factors((200, 300), 0.3, np.float32, np.random.default_rng(0))
    assert D.dtype == np.float32
    np.testing.assert_allclose(np.unique(D), [0, 1 / 0.7], rtol=1e-6)
    np.testing.assert_allclose((D == 0).mean(), 0.3, atol=0.01)
    assert dropout_factors((2, 3), 0, np.float64, np.random.default_rng(0)) is None
    assert not dropout_factors((2, 3), 1.0, np.float64, np.random.default_rng(0)).any()
    _, q, k, v = draw(3, (2,))
    D = dropout_factors((2, T, S), 0.5, np.float64, np.random.default_rng(7))
    dropped = scaled_dot_product_attention(q, k, v, dropout_p=0.5, rng=7)
    for n in range(2):
        np.testing.assert_allclose(dropped[n], by_definition(q[n], k[n], v[n], E**-0.5, D=D[n])[0], rtol=1e-12)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_eq_1_2_3_4_axes_in_front_broadcast(data):
    axes = [data.draw(st.sampled_from([(), (1,), (2,), (3, 1), (1, 2), (3, 2)])) for _ in range(4)]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    q, k, v = (rng.normal(size=(*a, *s)) for a, s in zip(axes, ((T, E), (S, E), (S, V))))
    kind = data.draw(st.sampled_from(["none", "bool", "float"]))
    causally = data.draw(st.booleans())
    pair = data.draw(st.sampled_from([(T, S), (1, S), (T, 1), (S,)]))
    mask_shape = (*axes[3], *pair) if len(pair) > 1 else pair
    mask = {"none": None, "bool": rng.uniform(size=mask_shape) < 0.7, "float": rng.normal(size=mask_shape)}[kind]
    y = scaled_dot_product_attention(q, k, v, mask, is_causal=causally)
    lead = np.broadcast_shapes(*axes[:3], () if mask is None else mask_shape[:-2])
    assert y.shape == (*lead, T, V)
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    mask = None if mask is None else np.broadcast_to(mask, (*lead, T, S))
    for n in np.ndindex(lead):
        allowed = [[s <= t for s in range(S)] for t in range(T)] if causally else np.ones((T, S), bool)
        allowed = allowed & mask[n] if kind == "bool" else np.array(allowed)
        M = mask[n] if kind == "float" else None
        np.testing.assert_allclose(y[n], by_definition(q[n], k[n], v[n], E**-0.5, M, allowed)[0], rtol=1e-11)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_may_attend_to_nothing_gets_zeros_and_no_nan_in_any_gradient(kind):
    _, q, k, v = draw(4)
    allowed = np.ones((T, S), bool)
    allowed[1] = False
    mask = allowed if kind == "bool" else np.where(allowed, 0.0, -np.inf)
    with np.errstate(all="raise"):
        qt, kt, vt = (Tensor(x, requires_grad=True) for x in (q, k, v))
        y = scaled_dot_product_attention(qt, kt, vt, mask)
        np.sum(y**2).backward(create_graph=True)
        penalty = np.sum(qt.grad**2) + np.sum(kt.grad**2) + np.sum(vt.grad**2)
        qt.grad = kt.grad = vt.grad = None
        penalty.backward()
    assert not y.data[1].any() and not qt.grad.data[1].any()
    assert all(np.isfinite(x.grad.data).all() and x.grad.data.any() for x in (qt, kt, vt))


def test_scores_of_1e4_do_not_overflow_and_their_weights_are_exact():
    for dtype in (np.float32, np.float64):
        q, k = np.array([[1e4], [-1e4]], dtype), np.array([[1.0], [-1.0]], dtype)
        v = np.array([[3.0], [5.0]], dtype)
        with np.errstate(over="raise", invalid="raise"):
            qt, kt, vt = (Tensor(x, requires_grad=True) for x in (q, k, v))
            y = scaled_dot_product_attention(qt, kt, vt)
            np.sum(y).backward()
        np.testing.assert_array_equal(y.data, [[3], [5]])
        np.testing.assert_array_equal(vt.grad.data, [[1], [1]])
        assert not qt.grad.data.any() and not kt.grad.data.any()


def test_nan_passes_through_to_the_rows_that_see_it():
    _, q, k, v = draw(5)
    q[1, 0] = np.nan
    assert np.isnan(scaled_dot_product_attention(q, k, v)).all(axis=1).tolist() == [False, True, False]
    _, q, k, v = draw(5)
    k[2, 0] = np.nan
    assert np.isnan(scaled_dot_product_attention(q, k, v, is_causal=True)).all(axis=1).tolist() == [False, False, True]


def test_float32_stays_float32():
    _, *given = draw(6, (2,))
    q, k, v = (Tensor(x.astype(np.float32), requires_grad=True) for x in given)
    M = Tensor(np.zeros((T, S), np.float32), requires_grad=True)
    for run in (
        lambda: scaled_dot_product_attention(q, k, v, M, 0.2, True, rng=0),
        lambda: attention(q, k, v, M, D=np.ones((T, S), np.float32), allowed=causal(T, S))[0],
    ):
        y = run()
        np.sum(y).backward()
        assert {y.dtype, q.grad.dtype, k.grad.dtype, v.grad.dtype, M.grad.dtype} == {np.dtype(np.float32)}


def test_arguments_of_any_layout_are_read_and_never_written():
    _, q, k, v = draw(7, (2,))
    M = np.random.default_rng(0).normal(size=(2, T, S))
    y = scaled_dot_product_attention(q, k, v, M)
    for form in (np.asfortranarray, lambda x: np.repeat(x, 2, axis=-1)[..., ::2], lambda x: x[:, ::-1][:, ::-1]):
        others = [form(x) for x in (q, k, v, M)]
        for x in others:
            x.flags.writeable = False
        np.testing.assert_allclose(scaled_dot_product_attention(*others), y, rtol=1e-13)
        tensors = [Tensor(x, requires_grad=True) for x in others]
        np.sum(scaled_dot_product_attention(*tensors)).backward()


@pytest.mark.parametrize("sizes", [(0, T, S), (2, 0, S), (2, T, 0), (0, 0, 0)])
def test_nothing_at_all_gives_a_result_and_gradients_of_the_right_shapes(sizes):
    N, T, S = sizes
    q, k, v = (Tensor(np.ones(shape), requires_grad=True) for shape in ((N, T, E), (N, S, E), (N, S, V)))
    for y in (scaled_dot_product_attention(q, k, v), attention(q, k, v, None)[0]):
        q.grad = k.grad = v.grad = None
        assert y.shape == (N, T, V) and not (S == 0 and y.data.any())
        np.sum(y).backward()
        assert [x.grad.shape for x in (q, k, v)] == [x.shape for x in (q, k, v)]
        assert not q.grad.data.any() and not (T == 0 and v.grad.data.any())


def test_causal_results_do_not_depend_on_what_comes_later():
    _, q, k, v = draw(8)
    y = scaled_dot_product_attention(q, k, v, is_causal=True)
    k[2:], v[2:] = 9, -9
    np.testing.assert_array_equal(scaled_dot_product_attention(q, k, v, is_causal=True)[:2], y[:2])
    assert causal(3, 4).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]
    a, b = np.array([True, True, False]), np.array([True, False, False])
    assert both(a, b).tolist() == [True, False, False]
    assert both(None, b) is b and both(a, None) is a and both(None, None) is None


def test_the_module_scales_and_drops_as_it_was_told():
    _, q, k, v = draw(9)
    layer = DotProductAttention()
    np.testing.assert_array_equal(layer(q, k, v), scaled_dot_product_attention(q, k, v))
    np.testing.assert_array_equal(
        DotProductAttention(scale=False)(q, k, v, causal(T, S)),
        scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0),
    )
    np.testing.assert_array_equal(layer(q, k, v, is_causal=True), layer(q, k, v, causal(T, S)))
    noisy = DotProductAttention(dropout_p=0.5, rng=3)
    first, second = noisy(q, k, v), noisy(q, k, v)
    np.testing.assert_array_equal(first, scaled_dot_product_attention(q, k, v, dropout_p=0.5, rng=3))
    assert (first != second).any()
    np.testing.assert_array_equal(noisy.eval()(q, k, v), layer(q, k, v))
    assert [name for name, _ in noisy.named_generators()] == ["rng"]
    assert repr(noisy) == "DotProductAttention(scale=True, dropout_p=0.5)"
    assert layer.state_dict() == {}
    assert layer.multiply_adds(np.zeros((2, T, V)), *draw(0, (2,))[1:]) == 2 * T * S * (E + V)
    with no_grad():
        assert isinstance(layer(q, k, v), np.ndarray)


def test_bad_input_is_named():
    _, q, k, v = draw()
    attend = scaled_dot_product_attention
    with pytest.raises(TypeError, match="query is float32, key float64, value float64"):
        attend(q.astype(np.float32), k, v)
    with pytest.raises(TypeError, match="query is int64"):
        attend(*(np.ones(x.shape, int) for x in (q, k, v)))
    for bad in ((q[0], k, v), (q[:, :1], k, v), (q, k[1:], v), (q[:, :0], k[:, :0], v)):
        with pytest.raises(ValueError, match=r"attention needs shapes \(..., T, E\).*query has shape"):
            attend(*bad)
    with pytest.raises(ValueError, match=r"must broadcast: query has shape \(2, 3, 2\), key \(3, 4, 2\)"):
        attend(np.stack([q] * 2), np.stack([k] * 3), v)
    for shape in ((T, S + 1), (2, S), (5, 1, T, S + 2), (S, T)):
        with pytest.raises(ValueError, match=r"broadcast to \(..., T, S\) = \(..., 3, 4\), not"):
            attend(q, k, v, np.ones(shape, bool))
    with pytest.raises(ValueError, match=r"= \(..., 1, 4\), not \(2, 4\)"):
        attend(q[:1], k, v, np.ones((2, S), bool))
    with pytest.raises(TypeError, match="attn_mask must be bool .* or float64 .* it is int64"):
        attend(q, k, v, np.ones((T, S), int))
    for p in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f"between 0 and 1; got {p}"):
            attend(q, k, v, dropout_p=p)
        with pytest.raises(ValueError, match=f"between 0 and 1; got {p}"):
            DotProductAttention(dropout_p=p)


def test_eq_3_factors_have_the_dtype_that_was_asked_for():
    D = dropout_factors((50,), np.float64(0.5), np.float32, np.random.default_rng(0))
    assert D.dtype == np.float32 and set(D.tolist()) == {0.0, 2.0}


def test_a_mask_of_infinity_makes_its_row_nan_without_a_warning():
    _, q, k, v = draw()
    M = np.zeros((T, S))
    M[1, 2] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in (scaled_dot_product_attention(q, k, v, M), attention(q, k, v, M)[0]):
            assert np.isnan(y).all(axis=-1).tolist() == [False, True, False]
            assert not np.isnan(y[[0, 2]]).any()
