"""Pictures are drawn for every shape of result; their looks are for eyes to judge."""

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from pellucid import ModelSpec
from pellucid_cli.faults import Fault
from pellucid_cli.pictures import draw, loss_curves
from pellucid_cli.scores import baseline, score
from pellucid_cli.table_encoder import TableEncoder
from pellucid_cli.target import Target
from pellucid_cli.training import Trained


def trained(y, predicted, classes=(), model=None):
    task = "classification" if classes else "regression"
    answer, trivial = baseline(task, y, y)
    scores = score(task, y, predicted)
    return Trained(
        spec=ModelSpec(id="toy/model", target="toy:Model", summary="A model", tasks=(task,)),
        model=model, encoder=TableEncoder(()), target=Target("y", task, tuple(classes)), data="t.csv", columns=["y"],
        n_train=10, n_test=len(y), n_dropped=0, y=y, predicted=predicted, scores=scores, train_scores=scores,
        baseline_scores=trivial, baseline_answer=classes[int(answer)] if classes else answer, seconds=0.1, unit="epoch",
    )  # fmt: skip


@pytest.mark.parametrize("K", [2, 3, 10, 26, 60])
@pytest.mark.parametrize("name", ["c{}", "a very long name of a class, number {}", "${} to $9", "类 {}", "", "a\n{}"])
def test_confusion_matrices_of_all_sizes(tmp_path, K, name):
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, K, 200), rng.integers(0, K, 200)
    y[:K] = np.arange(K)
    model = SimpleNamespace(loss_=[1.0, 0.5])
    draw(trained(y, predicted, [name.format(k) for k in range(K)], model), tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 5000


@pytest.mark.parametrize("n", [1, 2, 50, 20000])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e6])
def test_residuals_of_all_sizes(tmp_path, n, scale):
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    draw(trained(y, y + scale * rng.normal(size=n)), tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 5000


def test_a_picture_that_cannot_be_written(tmp_path):
    with pytest.raises(Fault, match="cannot be written"):
        draw(trained(np.arange(3.0), np.arange(3.0)), Path(tmp_path / "no" / "p.png"))


History = namedtuple("History", "losses scores converged")


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ({"loss_": [3.0, 2.0]}, ["loss"]),
        ({"loss_": 0.5}, []),
        ({"loss_": np.array([3.0])}, []),
        ({"loss_curve_": [3.0, 2.0], "loss_": 2.0}, ["loss"]),
        (
            {"history_": {"loss": [3.0, 2.0], "validation_loss": [4.0, 3.0], "accuracy": [0, 1]}},
            ["loss", "validation_loss"],
        ),
        ({"history_": [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]}, ["loss"]),
        ({"history_": History([3.0, 2.0], [], True)}, ["losses"]),
        ({"history_": ["words"]}, []),
        ({"loss_": [float("nan"), float("nan")]}, []),
        ({}, []),
    ],
)
def test_loss_curves_are_found_where_models_keep_them(kept, names):
    assert list(loss_curves(SimpleNamespace(**kept))) == names


def test_history_without_losses_falls_back():
    assert list(loss_curves(SimpleNamespace(history_={"accuracy": [0, 1]}, loss_=[3.0, 2.0]))) == ["loss"]
