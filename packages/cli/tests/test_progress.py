import sys

import pytest

import pellucid
from pellucid.listeners import Listener, ProgressBar
from pellucid_cli import progress


def fit(listener, reports, unit="epoch"):
    with pellucid.listening(listener), pellucid.fit_run("model", unit=unit) as run:
        for metrics in reports:
            run.step(**metrics)


def test_a_quiet_listener_shows_nothing_and_knows_the_fit(capsys):
    assert type(progress.listener(quiet=False)) is ProgressBar
    listener = progress.listener(quiet=True)
    assert type(listener) is Listener and listener.run is None
    fit(listener, [{"loss": 1.0}])
    assert listener.run.n_steps == 1 and capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "reports, words",
    [
        ([{"accuracy": 0.5, "training_loss": 1.0, "loss": 1 / n} for n in (1, 2, 3)],
         "3 epochs, accuracy 0.5, training loss 1, loss 0.3333"),
        ([{}] * 2000, "2,000 epochs"),
        ([{"loss": 0.0312}], "1 epoch, loss 0.0312"),
        ([{}], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_a_fit_in_a_few_words(reports, words):
    listener = progress.listener(quiet=True)
    fit(listener, reports)
    assert progress.summary(listener.run) == words


def test_a_model_that_reports_nothing_has_nothing_to_tell():
    assert progress.summary(None) == ""


def test_the_command_line_draws_a_bar_on_a_terminal_and_takes_it_away(run, flowers, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    done = run("fit", "toy/nearest-mean", flowers, "--target", "species")
    assert done.code == 0 and "fitted in" in done.out
