import sys

import pellucid
from pellucid_cli import progress


def fit(listener, steps=3, total=None):
    with pellucid.listening(listener), pellucid.fit_run("model", total=total, unit="epoch") as run:
        for n in range(steps):
            with pellucid.fit_run("inner", unit="part") as inner:
                inner.step(loss=99.0)
            if run.step(accuracy=0.5, training_loss=1.0, loss=1 / (1 + n)):
                break


def test_a_listener_remembers_the_outermost_fit():
    listener = progress.Listener()
    assert listener.summary() == ""
    fit(listener)
    assert listener.summary() == "3 epochs, accuracy 0.5, training loss 1, loss 0.3333"


def test_lines_come_now_and_then_and_begin_with_what_is_monitored(capsys, monkeypatch):
    fit(progress.Lines())
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    fit(progress.Lines(), steps=2, total=2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  epoch 1 of 2, loss 1, accuracy 0.5, training loss 1" and len(lines) == 2


def test_a_bar_draws_on_stderr_and_goes_away(capsys):
    bar = progress.Bar()
    fit(bar, steps=4, total=4)
    assert capsys.readouterr().out == "" and bar.n_steps == 4


def test_the_listener_suits_the_terminal(monkeypatch):
    assert type(progress.listener(quiet=True)) is progress.Listener
    assert type(progress.listener(quiet=False)) is progress.Lines
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(progress.listener(quiet=False)) is progress.Bar


def test_a_bar_without_total(capsys):
    fit(progress.Bar(), steps=2)
