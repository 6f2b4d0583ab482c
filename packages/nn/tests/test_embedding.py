"""Loops over the numbers, and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.embedding import Embedding, EmbeddingBag, embedding, embedding_bag, largest_rows, sum_rows

K, D = 5, 3
INDEX = np.array([[1, 3, 3], [0, 1, 3]])


def table(seed=0):
    return np.random.default_rng(seed).normal(size=(K, D))


def test_eq_1_2_rows_and_the_sums_that_come_back():
    W, dy = table(), np.random.default_rng(1).normal(size=(2, 3, D))
    y, (dW, _) = embedding.run(W, INDEX)
    expected = np.zeros((K, D))
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(y[place], W[INDEX[place]])
        expected[INDEX[place]] += dy[place]
    np.testing.assert_allclose(dW(dy), expected, rtol=1e-14)
    np.testing.assert_allclose(sum_rows(dy, INDEX, n=K), expected, rtol=1e-14)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, K - 1), max_size=12), st.integers(0, 99))
def test_eq_1_2_each_is_the_gradient_of_the_other(index, seed):
    rng, index = np.random.default_rng(seed), np.array(index, int)
    W, v = rng.normal(size=(K, D)), rng.normal(size=(len(index), D))
    sums = sum_rows(v, index, n=K)
    np.testing.assert_allclose(sums, [v[index == k].sum(axis=0) for k in range(K)], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.sum(embedding(W, index) * v), np.sum(W * sums), rtol=1e-10, atol=1e-12)
    _, (dv, _) = sum_rows.run(v, index, n=K)
    np.testing.assert_array_equal(dv(W), W[index])


@pytest.mark.parametrize("options", [{}, {"padding_idx": 3}, {"scale_grad_by_freq": True}])
def test_eq_1_2_to_second_order(options):
    layer = Embedding(K, D, **options)

    def cubes(W):
        return embedding(W, INDEX, padding_idx=layer.padding_idx, scale_grad_by_freq=layer.scale_grad_by_freq) ** 3

    if not options:
        gradcheck(cubes, table(), order=2)
        gradcheck(lambda v: sum_rows(v, INDEX, n=K) ** 3, np.random.default_rng(0).normal(size=(2, 3, D)), order=2)
    W = Tensor(table(), requires_grad=True)
    cubes(W).backward(np.ones((2, 3, D)), create_graph=True)
    slope = W.grad
    factor = np.array([1.0, 2.0, 0.0, 3.0, 0.0])[:, None]  # how often each number is there
    if options:
        factor[3] = 0 if "padding_idx" in options else factor[3]
        factor = np.minimum(factor, 1) if "scale_grad_by_freq" in options else factor
    np.testing.assert_allclose(slope.data, factor * 3 * W.data**2, rtol=1e-13)
    W.grad = None
    slope.backward(np.ones((K, D)))
    assert W.grad.shape == (K, D) and (W.grad.data[0] != 0).all()


BAG, N = np.array([0, 0, 2, 2, 2, 3]), 5  # bags 1 and 4 are empty
WORDS = np.array([4, 1, 0, 1, 1, 2])


def by_definition(W, mode, s, padding_idx=None):
    y = np.zeros((N, D))
    for b in range(N):
        inside = [m for m in range(len(BAG)) if BAG[m] == b and WORDS[m] != padding_idx]
        for j in range(D if inside else 0):
            column = [s[m] * W[WORDS[m], j] for m in inside]
            y[b, j] = max(column) if mode == "max" else sum(column) / (len(inside) if mode == "mean" else 1)
    return y


@pytest.mark.parametrize("padding_idx", [None, 0, 1, 2])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_eq_3_4_5_6_bags(mode, padding_idx):
    W, s = table(), np.random.default_rng(2).uniform(0.5, 2, len(BAG))
    options = {"n": N, "mode": mode, "padding_idx": padding_idx}
    ones = np.ones(len(BAG))
    np.testing.assert_allclose(
        embedding_bag(W, WORDS, BAG, **options), by_definition(W, mode, ones, padding_idx), rtol=1e-13
    )
    gradcheck(lambda W: embedding_bag(W, WORDS, BAG, **options), W, order=2)
    if mode == "sum":
        np.testing.assert_allclose(
            embedding_bag(W, WORDS, BAG, s, **options), by_definition(W, mode, s, padding_idx), rtol=1e-13
        )
        gradcheck(lambda W, s: embedding_bag(W, WORDS, BAG, s, **options), W, s, order=2)


def test_eq_5_6_ties_go_to_the_first_and_nan_passes():
    rows = np.array([[1.0, 5.0], [2.0, 5.0], [2.0, 4.0], [-7.0, 0.0]])
    bag = np.array([1, 1, 1, 2])
    y, (drows, _) = largest_rows.run(rows, bag, n=4)
    assert y.tolist() == [[0, 0], [2, 5], [-7, 0], [0, 0]]
    dy = np.arange(1.0, 9).reshape(4, 2)
    assert drows(dy).tolist() == [[0, 4], [3, 0], [0, 0], [5, 6]]
    rows[1, 1] = np.nan
    assert np.isnan(largest_rows(rows, bag, n=4)).tolist() == [[False] * 2, [False, True], [False] * 2, [False] * 2]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_eq_1_2_3_4_5_6_the_two_forms_of_input_agree(mode):
    layer = EmbeddingBag(K, D, mode=mode, rng=0)
    bags = layer(INDEX)
    bags.backward(np.ones((2, D)))
    slope = layer.weight.grad.data
    layer.zero_grad()
    flat = layer(INDEX.ravel(), np.array([0, 3]))
    flat.backward(np.ones((2, D)))
    np.testing.assert_array_equal(flat.data, bags.data)
    np.testing.assert_array_equal(layer.weight.grad.data, slope)
    ends = EmbeddingBag(K, D, mode=mode, rng=0, include_last_offset=True)(INDEX.ravel().tolist(), [0, 3, 3, 6])
    np.testing.assert_array_equal(ends.data[[0, 2]], bags.data)
    assert not ends.data[1].any()


def test_padding_begins_with_zeros_and_learns_nothing():
    for padding_idx in (1, -4):
        layer = Embedding(K, D, padding_idx, rng=0)
        assert layer.padding_idx == 1 and not layer.weight.data[1].any() and layer.weight.data[0].all()
        layer(INDEX).backward(np.ones((2, 3, D)))
        assert layer.weight.grad.data[:, 0].tolist() == [1, 0, 0, 3, 0]
    bag = EmbeddingBag(K, D, mode="sum", padding_idx=1, rng=0)
    assert not bag.weight.data[1].any()
    bag.weight.data[1] = 100
    np.testing.assert_allclose(bag(INDEX).data[0], 2 * bag.weight.data[3])


@pytest.mark.parametrize("mode, share", [("sum", 1.0), ("mean", 1 / 3)])
def test_bags_divide_by_how_often_a_number_is_there(mode, share):
    layer = EmbeddingBag(K, D, scale_grad_by_freq=True, mode=mode, rng=0)
    layer(INDEX).backward(np.ones((2, D)))
    np.testing.assert_allclose(layer.weight.grad.data, np.outer([share, share, 0, share, 0], np.ones(D)), rtol=1e-14)
    assert repr(layer) == f"EmbeddingBag(5, 3, scale_grad_by_freq=True, mode='{mode}')"


def test_the_table_is_drawn_from_the_normal_distribution():
    W = Embedding(300, 200, rng=0).weight.data
    np.testing.assert_allclose([W.mean(), W.std(), (W**4).mean()], [0, 1, 3], atol=0.05)
    np.testing.assert_array_equal(W, EmbeddingBag(300, 200, rng=0).weight.data)


def test_shapes_precision_and_empty_input():
    for dtype in (np.float32, np.float64):
        layer, bag = Embedding(K, D, rng=0, dtype=dtype), EmbeddingBag(K, D, rng=0, dtype=dtype)
        for shape in ((), (4,), (2, 3), (0,), (2, 0), (0, 3)):
            y = layer(np.zeros(shape, np.int32))
            y.backward(np.ones((*shape, D)))
            assert y.shape == (*shape, D) and y.dtype == layer.weight.grad.dtype == dtype
        for shape, rows in (((2, 0), 2), ((0, 3), 0), ((1, 1), 1)):
            for mode in ("sum", "mean", "max"):
                bag.mode = mode
                bag.zero_grad()
                y = bag(np.zeros(shape, np.uint8))
                y.backward(np.ones((rows, D)))
                assert y.shape == (rows, D) and y.dtype == bag.weight.grad.dtype == dtype
                assert bag.weight.grad.data.any() == (rows == 1)
    assert bag([], []).shape == (0, D) and not bag([], [0, 0]).data.any()
    frozen = INDEX.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(layer(frozen).data, layer(Tensor(np.asfortranarray(INDEX))).data)


def test_state_and_repr():
    layer, twin = Embedding(K, D, 2, rng=0), Embedding(K, D, 2, rng=1)
    twin.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(twin(INDEX).data, layer.eval()(INDEX).data)
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "Embedding(5, 3, padding_idx=2)" and repr(Embedding(2, 1)) == "Embedding(2, 1)"
    assert repr(EmbeddingBag(5, 3)) == "EmbeddingBag(5, 3, mode='mean')"
    assert repr(EmbeddingBag(5, 3, padding_idx=0)) == "EmbeddingBag(5, 3, mode='mean', padding_idx=0)"


def test_bad_input_is_named():
    for layer in (Embedding(K, D), EmbeddingBag(K, D)):
        with pytest.raises(ValueError, match=r"0 ... num_embeddings - 1 = 4; it goes from -1 to 5"):
            layer(np.array([[-1, 5]]))
        with pytest.raises(ValueError, match="it goes from 5 to 5"):
            layer(np.array([[5]]))
        with pytest.raises(ValueError, match="it goes from -1 to -1"):
            layer(np.array([[-1]]))
        with pytest.raises(TypeError, match="whole numbers, not float64"):
            layer(np.array([[1.0]]))
    for kind in (Embedding, EmbeddingBag):
        for options, word in (
            ({"max_norm": 1.0}, "max_norm is not supported"),
            ({"sparse": True}, "sparse=False"),
            ({"padding_idx": 5}, "one of the 5 rows; got 5"),
            ({"padding_idx": -6}, "got -6"),
        ):
            with pytest.raises(ValueError, match=word):
                kind(K, D, **options)
        with pytest.raises(ValueError, match="num_embeddings is 0"):
            kind(0, D)
        with pytest.raises(ValueError, match="embedding_dim is 0"):
            kind(K, 0)
    with pytest.raises(ValueError, match="mode must be one of"):
        EmbeddingBag(K, D, mode="median")
    with pytest.raises(ValueError, match="not with 'max'"):
        EmbeddingBag(K, D, mode="max", scale_grad_by_freq=True)
    bag, weights = EmbeddingBag(K, D, mode="sum"), np.ones((2, 3))
    for index, offsets in ((np.zeros(3, int), None), (INDEX, [0]), (np.zeros((1, 1, 1), int), None)):
        with pytest.raises(ValueError, match="without offsets"):
            bag(index, offsets)
    for offsets in ([], [1], [0, 2, 1], [0, 9], [[0]]):
        with pytest.raises(ValueError, match="rise from 0"):
            bag([1, 2, 3], offsets)
    with pytest.raises(ValueError, match="which is the last"):
        EmbeddingBag(K, D, include_last_offset=True)([1, 2, 3], [0, 2])
    with pytest.raises(TypeError, match="offsets must hold whole numbers"):
        bag([1, 2, 3], [0.0])
    with pytest.raises(ValueError, match=r"shape of index, \(2, 3\); got \(3,\)"):
        bag(INDEX, per_sample_weights=np.ones(3))
    with pytest.raises(TypeError, match="are float32 and the table is float64"):
        bag(INDEX, per_sample_weights=weights.astype(np.float32))
    with pytest.raises(ValueError, match="the mode is 'mean'"):
        EmbeddingBag(K, D)(INDEX, per_sample_weights=weights)


@pytest.mark.parametrize("by_freq", [False, True])
def test_eq_2_a_negative_number_and_the_one_that_it_stands_for_are_one_row(by_freq):
    W = Tensor(np.eye(3), requires_grad=True)
    embedding(W, np.array([[-1, 2], [0, -3]]), scale_grad_by_freq=by_freq).sum().backward()
    np.testing.assert_array_equal(W.grad.data, np.outer([2, 0, 2], np.ones(3)) / (2 if by_freq else 1))
