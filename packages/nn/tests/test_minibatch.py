import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid_nn import minibatches


@given(n_rows=st.integers(0, 50), batch_size=st.integers(1, 60), seed=st.none() | st.integers(0, 9))
def test_every_row_comes_once_in_batches_of_the_size(n_rows, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    batches = list(minibatches(n_rows, batch_size, rng=rng))
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(n_rows))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches) == -(-n_rows // batch_size)
    assert all(len(batch) > 0 for batch in batches)


def test_order():
    assert [batch.tolist() for batch in minibatches(5, 2)] == [[0, 1], [2, 3], [4]]
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(list(minibatches(100, 7, rng=rng))) for _ in range(2))
    assert (first != np.arange(100)).any() and (first != second).any()


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="batch_size is 0"):
        minibatches(5, 0)


def test_a_seed_repeats():
    first, second = ([batch.tolist() for batch in minibatches(9, 2, rng=3)] for _ in range(2))
    assert first == second == [b.tolist() for b in minibatches(9, 2, rng=np.random.default_rng(3))]
