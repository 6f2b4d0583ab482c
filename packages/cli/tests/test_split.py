import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid_cli.split import split_rows


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6).filter(lambda s: sum(s) >= 2),
    test_size=st.floats(0, 0.99),
    seed=st.integers(0, 10),
)
def test_a_split_is_a_partition_that_gives_every_class_its_share(sizes, test_size, seed):
    classes = np.repeat(np.arange(len(sizes)), sizes)
    n = len(classes)
    train, test = split_rows(n, test_size, rng=np.random.default_rng(seed), classes=classes)
    assert sorted([*train, *test]) == list(range(n))
    assert list(train) == sorted(train) and list(test) == sorted(test)
    assert set(classes[train]) == set(range(len(sizes)))  # every class can be learnt
    spare = n - len(sizes)
    wanted = 0 if test_size == 0 else min(max(round(test_size * n), 1), spare)
    assert len(test) == wanted
    if all(size >= 2 / (1 - test_size) for size in sizes):  # no class is short of rows
        shares = np.bincount(classes[test], minlength=len(sizes)) - wanted * np.array(sizes) / n
        assert np.abs(shares).max() < 1


def test_without_classes_it_takes_the_share():
    train, test = split_rows(10, 0.3, rng=np.random.default_rng(0))
    assert len(train) == 7 and len(test) == 3


def test_the_seed_decides():
    def rows(seed):
        return list(split_rows(100, 0.2, rng=np.random.default_rng(seed))[1])

    assert rows(1) == rows(1) != rows(2)
