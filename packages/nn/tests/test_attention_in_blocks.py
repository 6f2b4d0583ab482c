"""The oracle is the clear form, `dot_product_attention.py`, whose own tests compare it with its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn import attention_in_blocks as module
from pellucid_nn.attention_in_blocks import attention_in_blocks, pieces
from pellucid_nn.dot_product_attention import attention, both, causal


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_pieces_cover_every_entry_once_and_none_is_too_large(shape, most):
    seen = np.zeros(shape, int)
    for piece in pieces(tuple(shape), most):
        assert len(piece) == len(shape) and isinstance(piece[-1], slice)
        assert seen[piece].size <= most
        seen[piece] += 1
    assert (seen == 1).all()


def test_pieces_are_as_few_as_whole_axes_allow():
    assert len(list(pieces((4, 3, 10), 120))) == 1
    assert len(list(pieces((4, 3, 10), 60))) == 2
    assert len(list(pieces((4, 3, 10), 30))) == 4
    assert len(list(pieces((4, 3, 10), 29))) == 8
    assert len(list(pieces((4, 3, 10), 5))) == 24


def draw(data):
    """Random arguments of both forms, with every option there or not."""
    T, S, E, V = (data.draw(st.integers(1, 6)) for _ in range(4))
    axes = [data.draw(st.sampled_from([(), (1,), (2,), (3, 1), (1, 2), (3, 2)])) for _ in range(6)]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    q, k, v = (rng.normal(size=(*a, *s)) for a, s in zip(axes, ((T, E), (S, E), (S, V))))
    M = rng.normal(size=(*axes[3], T, S)) if data.draw(st.booleans()) else None
    allowed = rng.uniform(size=(*axes[4], T, S)) < 0.7 if data.draw(st.booleans()) else None
    D = rng.uniform(size=(*axes[5], T, S)) if data.draw(st.booleans()) else None
    return rng, q, k, v, M, {"allowed": allowed, "D": D, "c": 0.7}, data.draw(st.booleans())


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_eq_1_2_3_4_5_blocks_of_any_size_give_what_the_clear_form_gives(data):
    rng, q, k, v, M, options, is_causal = draw(data)
    clear = options | {"allowed": both(options["allowed"], causal(q.shape[-2], k.shape[-2]) if is_causal else None)}
    given = [x for x in (q, k, v, M) if x is not None]
    rest = [None] * (4 - len(given))
    ours, theirs = ([Tensor(x, requires_grad=True) for x in given] for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", 8 * data.draw(st.integers(0, 80)))
        patch.setattr(module, "KEPT", data.draw(st.sampled_from([0, 1 << 26])))
        y = attention_in_blocks(*ours, *rest, is_causal=is_causal, **options)
        expected = attention(*theirs, *rest, **clear)[0]
        np.testing.assert_allclose(y.data, expected.data, rtol=1e-11, atol=1e-13)
        dy = rng.normal(size=y.shape)
        y.backward(dy)
        expected.backward(dy)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.grad.data, b.grad.data, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("kept", [0, 1 << 26])
def test_eq_1_2_3_4_5_gradients_are_those_of_finite_differences(kept, is_causal, monkeypatch):
    monkeypatch.setattr(module, "KEPT", kept)
    monkeypatch.setattr(module, "BLOCK", 64)
    rng = np.random.default_rng(0)
    q, k, v, M = (rng.normal(size=shape) for shape in ((2, 5, 2), (1, 4, 2), (2, 4, 3), (5, 4)))
    options = {"D": rng.uniform(size=(2, 5, 4)), "allowed": rng.uniform(size=(5, 4)) < 0.7, "is_causal": is_causal}
    gradcheck(lambda q, k, v, M: attention_in_blocks(q, k, v, M, c=0.6, **options), q, k, v, M, order=2)
    gradcheck(lambda q, k, v: attention_in_blocks(q, k, v, None, is_causal=is_causal), q, k, v, order=2)


def test_eq_1_scores_of_any_size_in_one_block_neither_overflow_nor_vanish():
    q, k, v = np.array([[1e4], [-1e4], [1.0]]), np.array([[1.0], [-1.0]]), np.array([[3.0], [5.0]])
    share = 1 / (1 + np.exp(-2))
    with np.errstate(over="raise", invalid="raise"):
        y, vjp = attention_in_blocks.run(q, k, v, None)
        np.testing.assert_allclose(y, [[3], [5], [3 * share + 5 * (1 - share)]], rtol=1e-14)
        y = attention_in_blocks(q, k, v, np.array([[-3e4], [3e4], [-1e5]]))
        np.testing.assert_allclose(y[:, 0], [3, 5, 3 * share + 5 * (1 - share)], rtol=1e-9)
        dq, _, dv, _ = vjp(np.ones((3, 1)))
    np.testing.assert_allclose(dv, [[1 + share], [2 - share]], rtol=1e-14)
    np.testing.assert_allclose(dq, [[0], [0], [-4 * share * (1 - share)]], atol=1e-14)


def counted(monkeypatch, what):
    """How often a NumPy function runs from here on, as the module sees it."""
    calls = []

    class Counting:
        def __getattr__(self, name):
            if name == what:
                calls.append(1)
            return getattr(np, name)

    monkeypatch.setattr(module, "np", Counting())
    return calls


def test_eq_1_exponentials_are_kept_up_to_a_bound_and_computed_again_beyond_it(monkeypatch):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 2, 6, 5))
    for bound, expected in ((2 * 6 * 6 * 8, 1), (2 * 6 * 6 * 8 - 1, 2)):
        with monkeypatch.context() as patch:
            patch.setattr(module, "KEPT", bound)
            calls = counted(patch, "exp")
            Q = Tensor(q, requires_grad=True)
            attention_in_blocks(Q, k, v, None).backward(v)
            assert len(calls) == expected


def test_under_a_causal_mask_blocks_leave_out_the_keys_ahead(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2 * 6 * 8)
    k = np.random.default_rng(0).normal(size=(6, 3))
    v = k.copy()
    v[4:] = np.nan  # a product with it would be seen, even with a weight of 0
    y = attention_in_blocks(k, k, v, None, is_causal=True)
    assert np.isnan(y).all(axis=1).tolist() == [False] * 4 + [True] * 2


def test_the_way_back_can_be_taken_twice():
    rng = np.random.default_rng(0)
    q, k, v, dy = rng.normal(size=(4, 3, 4))
    _, vjp = attention_in_blocks.run(q, k, v, None, D=rng.uniform(size=(3, 3)))
    for one, two in zip(vjp(dy)[:3], vjp(dy)[:3]):
        np.testing.assert_array_equal(one, two)


def test_the_result_lies_in_memory_as_the_queries_do():
    """So that heads which were split off the last axis join it again without a copy."""
    heads = np.zeros((2, 5, 3, 4)).transpose(0, 2, 1, 3)
    y = attention_in_blocks(heads, heads, heads, None)
    assert np.shares_memory(y, y.transpose(0, 2, 1, 3).reshape(2, 5, 12))


def test_float32_can_be_differentiated_twice():
    """The value of the second pass must be that of the first, also where terms cancel."""
    rng = np.random.default_rng(0)
    q, k, v = (Tensor(x, requires_grad=True) for x in rng.normal(size=(3, 4, 30, 8)).astype(np.float32))
    np.sum(attention_in_blocks(q, k, v, None)).backward(create_graph=True)
    np.sum(q.grad**2).backward()
    assert q.grad.dtype == np.float32
