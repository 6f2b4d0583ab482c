"""The oracle is the sum in float64."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn import row_sums
from pellucid_nn.row_sums import ROWS, sum_of_rows


@pytest.mark.parametrize("n", [0, 1, ROWS - 1, 2 * ROWS - 1, 2 * ROWS, 2 * ROWS + 1, 5 * ROWS + 7, 2 * ROWS**2 + 3])
def test_every_row_is_summed_once(n):
    for D in (1, 3, 0):
        a = np.arange(n * D, dtype=float).reshape(n, D) % 1009
        np.testing.assert_array_equal(sum_of_rows(a), a.sum(axis=0))


def test_a_million_rows_of_float32_round_no_more_than_a_few():
    a = np.random.default_rng(0).uniform(0.5, 1.5, (1_000_000, 2)).astype(np.float32)
    ours = sum_of_rows(a)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, a.sum(axis=0, dtype=np.float64), rtol=5e-7)


def test_tensors_are_summed_and_differentiated_twice(monkeypatch):
    monkeypatch.setattr(row_sums, "ROWS", 2)
    a = np.random.default_rng(0).normal(size=(11, 2))
    gradcheck(lambda a: sum_of_rows(a * a), a, order=2)
    y = sum_of_rows(Tensor(a, requires_grad=True))
    np.testing.assert_allclose(y.data, a.sum(axis=0), rtol=1e-13)
