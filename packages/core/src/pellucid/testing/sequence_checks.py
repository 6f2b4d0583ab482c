"""What a model of sequences is for: its likelihood, its path of hidden states and its samples fit together."""

from __future__ import annotations

from functools import partial

import numpy as np

from pellucid.testing import tasks
from pellucid.testing.checks import NotApplicable, check, expect, raises
from pellucid.testing.subjects import Subject
from pellucid.testing.task_checks import method, sums_to_one


@check("task", "sequence")
def sequences_are_scored_one_by_one(model: Subject) -> None:
    """score is a finite number, and that of all sequences is the sum of each one's own."""
    one, X, lengths = model.fitted, model.data.X, model.data.extra["lengths"]
    whole = float(one.score(X, lengths))
    expect(np.isfinite(whole), f"score is {whole}")
    parts = [float(one.score(part)) for part in np.split(X, np.cumsum(lengths)[:-1])]
    away = abs(whole - sum(parts))
    expect(away <= 1e-6 * abs(whole), f"score is {whole:.6f} with lengths, and the sum over sequences {sum(parts):.6f}")


@check("task", "sequence")
def beats_rows_without_order(model: Subject) -> None:
    """The likelihood of the data is higher than that of rows that know nothing of each other."""
    data = model.data
    if "symbols" in model.spec.tags:
        counts = np.unique(data.X, return_counts=True)[1]
        alone = float(np.sum(counts * np.log(counts / counts.sum())))
    else:
        alone = float(-0.5 * len(data.X) * np.sum(np.log(2 * np.pi * np.e * np.var(data.X, axis=0))))
    found = float(model.fitted.score(data.X, **data.extra))
    expect(found > alone, f"the log likelihood is {found:.2f}; independent rows from one distribution have {alone:.2f}")


@check("task", "sequence")
def decode_gives_a_path(model: Subject) -> None:
    """decode gives the log probability of a path, which is none above the likelihood, and its state for each row."""
    data = model.data
    log_p, states = model.fitted.decode(data.X, **data.extra)
    states = np.asarray(states)
    expect(states.shape == (60,), f"the path through 60 rows has shape {states.shape}")
    expect(states.dtype.kind in "iu" and states.min() >= 0, f"the path holds {states.dtype} from {states.min()}")
    most = float(model.fitted.score(data.X, **data.extra))
    expect(
        float(log_p) <= most + 1e-6, f"the path has log probability {float(log_p):.4f}, all paths together {most:.4f}"
    )


@check("task", "sequence")
def predict_gives_the_path(model: Subject) -> None:
    """predict gives the states of decode, and the path of a sequence does not depend on those that come with it."""
    predict, data = method(model, "predict"), model.data
    path = np.asarray(model.fitted.decode(data.X, **data.extra)[1])
    wrong = int(np.sum(np.asarray(predict(data.X, **data.extra)) != path))
    expect(not wrong, f"predict and decode differ in {wrong} of 60 rows")
    n = data.extra["lengths"][0]
    wrong = int(np.sum(np.asarray(predict(data.X[:n])) != path[:n]))
    expect(not wrong, f"the first sequence alone has another path in {wrong} of {n} rows")


@check("task", "sequence")
def state_probabilities_sum_to_one(model: Subject) -> None:
    """predict_proba gives each row a distribution over the states that decode uses."""
    predict_proba, data = method(model, "predict_proba"), model.data
    P = np.asarray(predict_proba(data.X, **data.extra))
    expect(P.ndim == 2, f"predict_proba has shape {P.shape}")
    sums_to_one("predict_proba", P, (60, P.shape[1]))
    most = int(np.max(model.fitted.decode(data.X, **data.extra)[1]))
    expect(most < P.shape[1], f"predict_proba has {P.shape[1]} columns, and decode uses state {most}")


@check("task", "sequence")
def lengths_add_up(model: Subject) -> None:
    """Lengths that do not sum to the number of rows are refused, by fit and by score."""
    X = model.data.X
    for lengths in ([25, 20], [25, 20, 16]):
        raises(f"score of 60 rows with lengths {lengths}", partial(model.fitted.score, X, lengths))
        raises(f"fit of 60 rows with lengths {lengths}", partial(model.make_quick().fit, X, lengths))


@check("task", "sequence")
def likelihood_rises(model: Subject) -> None:
    """log_likelihoods_, the trace of the fit, never falls."""
    trace = getattr(model.fitted, "log_likelihoods_", None)
    if trace is None:
        raise NotApplicable("it has no log_likelihoods_")
    trace = np.asarray(trace, dtype=float)
    expect(trace.ndim == 1 and trace.size, f"log_likelihoods_ has shape {trace.shape}")
    falls = np.diff(trace)
    least = float(np.min(falls, initial=0.0))
    expect(least >= -1e-6 * np.abs(trace).max(), f"it falls by {-least:.4g} in step {np.argmin(falls) + 2}")


@check("task", "sequence")
def sample_gives_rows_and_states(model: Subject) -> None:
    """sample(n) gives n rows like those of the data, and the hidden state of each."""
    method(model, "sample")
    X = model.data.X
    found = tasks.sample(model.fitted, 50)
    expect(len(found) == 2, f"sample gave {len(found)} arrays")
    rows, states = np.asarray(found[0]), np.asarray(found[1])
    shapes = (50, X.shape[1]), (50,)
    expect(
        (rows.shape, states.shape) == shapes, f"rows and states of sample(50) have shapes {rows.shape}, {states.shape}"
    )
    if "symbols" in model.spec.tags:
        expect(
            np.isin(rows, X).all(), f"it holds the symbols {np.unique(rows).tolist()}, the data {np.unique(X).tolist()}"
        )
    else:
        away = np.abs(rows.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)
        expect(np.all(away < 2), f"the mean of a column is {away.max():.3g} standard deviations from that of the data")
