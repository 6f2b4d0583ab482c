"""Built-in listeners show a fit, write it down, stop it, and save its model on the way."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import signal
import sys
import threading
import types
import warnings

import numpy as np
import pytest

import pellucid
from pellucid import fit_run, listeners, listening, registry
from pellucid.listeners import Checkpoint, CSVLogger, EarlyStopping, JSONLogger, Listener, NotebookBar, ProgressBar
from pellucid.saving import load_with_notes


class Mean(pellucid.Regressor):
    """Learns the mean of y, a tenth of the way with each step."""

    def __init__(self, n_steps=5, early=True):
        self.n_steps = n_steps
        self.early = early

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        mean = 0.0
        with fit_run(self, total=self.n_steps, unit="epoch") as run:
            for _ in range(self.n_steps):
                mean += 0.1 * (y.mean() - mean)
                if self.early:
                    self.mean_ = mean
                if run.step(loss=abs(y.mean() - mean)):
                    break
        self.mean_ = mean
        return self

    def predict(self, X):
        return np.full(len(self._check_X(X)), self.mean_)


X, y = np.zeros((4, 1)), np.full(4, 8.0)


@pytest.fixture
def mean(site):
    """The model above, registered for one test."""
    return registry.register(Mean, id="mine/mean")


def run_with(listener, reports, *, total=None, unit="epoch", monitor="loss", inner=False):
    """A fit that reports these metrics, one dict a step; with `inner` each step has a fit of its own."""
    with listening(listener), fit_run("model", total=total, unit=unit, monitor=monitor) as run:
        for metrics in reports:
            if inner:
                with fit_run("inner", unit="part") as part:
                    part.step(loss=99.0)
                    assert not part.stopped
            if run.step(**metrics):
                break
    return run


def losses(*values):
    return [{"loss": value} for value in values]


# ---- the outermost fit


class Diary(Listener):
    def __init__(self):
        self.lines = []

    def start(self, run):
        self.lines.append(f"start {run.model}")

    def step(self, run):
        self.lines.append(run.n_steps)

    def end(self, run):
        self.lines.append(f"end {type(run.error).__name__}")


def test_only_the_outermost_fit_is_heard_and_each_anew():
    diary = Diary()
    first = run_with(diary, losses(1, 2), inner=True)
    assert diary.run is first
    second = run_with(diary, losses(3))
    assert diary.lines == ["start model", 1, 2, "end NoneType", "start model", 1, "end NoneType"]
    assert diary.run is second and diary.run.metrics == {"loss": 3}


def test_a_listener_that_cannot_start_is_not_told_of_the_end_and_may_listen_again():
    class Late(Diary):
        def start(self, run):
            super().start(run)
            if len(self.lines) == 1:
                raise OSError("no room")

    late = Late()
    with pytest.raises(OSError, match="no room"):
        run_with(late, losses(1))
    assert late.lines == ["start model"]
    run_with(late, losses(1))
    assert late.lines[1:] == ["start model", 1, "end NoneType"]


def fits_in_two_threads(listener):
    """What came of a second fit, in another thread, in the middle of the first one of five steps."""
    came = []

    def second():
        try:
            came.append(run_with(listener, losses(1.0)).n_steps)
        except RuntimeError as error:
            came.append(str(error))

    with listening(listener), fit_run("model") as run:
        for loss in (5.0, 4.0, 3.0, 3.0, 3.0):
            if run.n_steps == 1:
                thread = threading.Thread(target=second)
                thread.start()
                thread.join()
            if run.step(loss=loss):
                break
    return run, came[0]


def test_a_listener_does_not_leave_its_fit_for_one_in_another_thread(tmp_path):
    run, error = fits_in_two_threads(EarlyStopping(patience=1))
    assert run.n_steps == 4 and run.stopped.startswith("loss has not improved")
    assert "one fit at a time, and this EarlyStopping follows one in another thread: give every thread its own" in error
    run_with(logger := CSVLogger(tmp_path / "a"), losses(9.0))
    assert "this CSVLogger" in fits_in_two_threads(logger)[1]
    assert len((tmp_path / "a").read_text().splitlines()) == 1 + 1 + 5
    assert run_with(logger, losses(1.0)).n_steps == 1  # it is free again


def test_a_listener_may_end_in_an_error_and_listen_again_in_another_thread():
    class Late(Diary):
        def end(self, run):
            super().end(run)
            if len(self.lines) == 3:
                raise OSError("no room")

    late, done = Late(), []
    with pytest.raises(OSError, match="no room"):
        run_with(late, losses(1))
    thread = threading.Thread(target=lambda: done.append(run_with(late, losses(1, 2)).n_steps))
    thread.start()
    thread.join()
    assert done == [2] and late.lines[3:] == ["start model", 1, 2, "end NoneType"]


@pytest.mark.parametrize("kind", ["bar", "lines", "notebook", "csv", "json", "stopping", "checkpoint"])
def test_a_listener_that_was_used_can_be_pickled_and_used_again(kind, mean, tmp_path, terminal, monkeypatch):
    if kind == "bar":
        monkeypatch.setattr(sys, "stderr", terminal)
    if kind == "notebook":
        pytest.importorskip("tqdm")
    make = {"bar": ProgressBar, "lines": ProgressBar, "notebook": NotebookBar, "stopping": EarlyStopping}.get(kind)
    paths = {"csv": CSVLogger, "json": JSONLogger, "checkpoint": Checkpoint}
    listener = make() if make else paths[kind](tmp_path / "file.npz")
    with listening(listener), fit_run("model", snapshot=lambda: mean().fit(X, y)) as run:
        run.step(loss=1.0)
    again = pickle.loads(pickle.dumps(listener))
    assert again.run.n_steps == 1 and again.run.metrics == {"loss": 1.0}
    with listening(again), fit_run("model", snapshot=lambda: mean().fit(X, y)) as run:
        run.step(loss=2.0)
    if kind in ("csv", "json"):
        assert "2.0" in (tmp_path / "file.npz").read_text().splitlines()[-1]


def test_names_are_there_without_an_import():
    assert pellucid.listeners is listeners and {"listeners", "testing"} <= set(dir(pellucid))
    assert {name for name in listeners.__all__ if not issubclass(getattr(listeners, name), Listener)} == set()


# ---- bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Shown(ProgressBar):
    """Keeps what it shows, for a look at it afterwards."""

    def start(self, run):
        super().start(run)
        self.view = self._view


@pytest.fixture
def terminal(monkeypatch):
    """A terminal; a test makes it stderr."""
    pytest.importorskip("rich")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(listeners, "SECONDS_BETWEEN_FRAMES", 0.0)
    return Terminal()


HIDE, SHOW, ERASE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"  # the cursor, the line


def test_a_bar_on_a_terminal_is_drawn_and_taken_away(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = Shown()
    run_with(bar, [{"f1[macro]": 0.5, "loss": 0.25}] * 3, total=4)
    bar.view._progress.refresh()  # nothing is drawn any more
    drawn = terminal.getvalue()
    assert drawn.startswith(HIDE) and drawn.endswith(ERASE) and SHOW in drawn
    assert "3/4" in drawn and "epochs" in drawn and "loss 0.25  f1[macro] 0.5" in drawn


def test_a_bar_is_taken_away_by_ctrl_c(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    bar = Shown()
    try:
        with pytest.raises(KeyboardInterrupt), listening(bar), fit_run("model", total=9) as run:
            run.step(loss=1.0)
            assert bar.view._progress.live.is_started
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not bar.view._progress.live.is_started
    assert terminal.getvalue().endswith(ERASE) and terminal.getvalue().count(HIDE) == terminal.getvalue().count(SHOW)


def test_a_bar_needs_no_total_and_no_metrics(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = Shown()
    run_with(bar, [{}, {}])
    assert bar.view._progress.tasks[0].completed == 2


def test_lines_come_elsewhere_and_begin_with_what_is_monitored(capsys):
    reports = [{"accuracy": 0.5, "training_loss": 1.0, "loss": 1 / n} for n in (1, 3)]
    run_with(ProgressBar(), reports)
    assert capsys.readouterr() == ("", "")  # all within five seconds
    run_with(ProgressBar(every=0), reports, total=2000, inner=True)
    assert capsys.readouterr().err == (
        "  epoch 1 of 2,000, loss 1, accuracy 0.5, training loss 1\n"
        "  epoch 2 of 2,000, loss 0.3333, accuracy 0.5, training loss 1\n"
    )
    run_with(ProgressBar(every=0), [{}])
    assert capsys.readouterr().err == "  epoch 1\n"


def test_a_terminal_without_rich_has_lines(monkeypatch):
    monkeypatch.setattr(listeners, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    run_with(ProgressBar(every=0), losses(2.0))
    assert sys.stderr.getvalue() == "  epoch 1, loss 2\n"


def test_a_program_without_stderr_is_shown_nothing_and_fits(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert run_with(ProgressBar(every=0), losses(2.0)).n_steps == 1
    assert capsys.readouterr().out == ""


def test_a_notebook_bar_moves_shows_numbers_and_closes(monkeypatch):
    told = []

    class Tqdm:
        def __init__(self, **settings):
            told.append(settings)

        def set_postfix_str(self, text, refresh):
            told.append(text)
            assert not refresh

        def update(self):
            told.append("update")

        def close(self):
            told.append("close")

    fake = types.ModuleType("tqdm.auto")
    fake.tqdm = Tqdm
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", fake)
    run_with(NotebookBar(), [{"score": 1.0, "loss": 0.5}], total=3, inner=True)
    assert told == [{"total": 3, "unit": "epoch", "leave": True}, "loss 0.5  score 1", "update", "close"]
    told.clear()
    with pytest.raises(ZeroDivisionError), listening(NotebookBar(leave=False)), fit_run("model"):
        1 / 0  # noqa: B018
    assert told == [{"total": None, "unit": "iteration", "leave": False}, "close"]


def test_a_notebook_bar_of_the_real_tqdm(capsys):
    pytest.importorskip("tqdm")
    run_with(NotebookBar(), losses(*[0.5] * 7), total=7)
    assert "7/7" in capsys.readouterr().err


def test_a_notebook_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'pellucid\[notebook\]'"):
        NotebookBar()


# ---- logs


@pytest.fixture(params=[CSVLogger, JSONLogger])
def log(request, tmp_path):
    """A kind of logger, its file, and a call that reads it: rows of text or numbers, empty where there is none."""
    path = tmp_path / "log.txt"

    def read():
        text = path.read_text(encoding="utf-8")
        if request.param is JSONLogger:
            return [json.loads(line) for line in text.splitlines()]
        rows = csv.DictReader(text.splitlines())
        return [{name: float(value) if value else None for name, value in row.items()} for row in rows]

    return request.param, path, read


def test_a_log_has_fit_step_seconds_and_metrics(log):
    kind, path, read = log
    run_with(
        kind(path), [{"loss": np.float64(0.1), "error rate, %": 3}, {"loss": 1e-300, "error rate, %": 2}], inner=True
    )
    rows = read()
    assert [list(row) for row in rows] == [["fit", "step", "seconds", "loss", "error rate, %"]] * 2
    assert [(row["fit"], row["step"], row["loss"]) for row in rows] == [(1, 1, 0.1), (1, 2, 1e-300)]
    assert 0 <= rows[0]["seconds"] <= rows[1]["seconds"] < 10


def test_a_log_is_complete_after_each_step(log):
    kind, path, read = log
    with listening(kind(path)), fit_run("model") as run:
        for n in range(1, 4):
            run.step(loss=0.0)
            assert len(read()) == n and path.read_bytes().endswith(b"\n")


def test_metrics_that_come_later_or_stay_away_are_no_trouble(log):
    kind, path, read = log
    run_with(kind(path), [{"loss": 3.0}, {"loss": 2.0, "score": 0.5}, {}, {"accuracy": 1.0}])
    found = [(row["step"], row.get("loss"), row.get("score"), row.get("accuracy")) for row in read()]
    assert found == [(1, 3.0, None, None), (2, 2.0, 0.5, None), (3, None, None, None), (4, None, None, 1.0)]


def test_several_fits_with_one_logger_are_numbered(log):
    kind, path, read = log
    logger = kind(path)
    for _ in range(2):
        run_with(logger, losses(1.0, 2.0))
    assert [(row["fit"], row["step"]) for row in read()] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_a_log_that_exists_is_replaced_or_gone_on_with(log):
    kind, path, read = log
    run_with(kind(path), losses(1.0))
    run_with(kind(path), losses(2.0))
    assert [(row["fit"], row["loss"]) for row in read()] == [(1, 2.0)]
    run_with(kind(path, append=True), [{"loss": 3.0, "score": 0.5}])
    assert [(row["fit"], row["loss"], row.get("score")) for row in read()] == [(1, 2.0, None), (2, 3.0, 0.5)]


def test_appending_to_nothing_begins_a_log(log):
    kind, path, read = log
    run_with(kind(path, append=True), losses(1.0))
    path2 = path.with_name("empty")
    path2.touch()
    run_with(kind(path2, append=True), losses(1.0))
    assert path2.read_text().partition("seconds")[0] == path.read_text().partition("seconds")[0]


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"fit,step,seconds\nx,1,2\n", b'{"loss": 1}\n', b"\xff\xfe\n", b"[1]\n"]
)
def test_appending_to_something_else_is_an_error_and_leaves_it_alone(log, content):
    kind, path, _ = log
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"not a log that {kind.__name__} wrote"):
        run_with(kind(path, append=True), losses(1.0))
    assert path.read_bytes() == content


@pytest.mark.parametrize("n_bytes", [1, 2, 5])
def test_a_log_whose_last_line_was_cut_off_is_refused_and_left_alone(log, n_bytes):
    kind, path, _ = log
    run_with(kind(path), [{"a": 0.2, "loss": 1.0}] * 2)
    content = path.read_bytes()[:-n_bytes]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="was cut off in the middle of one: delete that line, choose another file"):
        run_with(kind(path, append=True), losses(1e-5))
    assert path.read_bytes() == content
    path.write_bytes(content[: content.rfind(b"\n") + 1])
    run_with(kind(path, append=True), losses(3.0))


def test_a_log_that_is_deleted_between_two_fits_begins_with_its_columns(log):
    kind, path, read = log
    logger = kind(path)
    run_with(logger, losses(1.0))
    path.unlink()
    run_with(logger, losses(2.0, 3.0))
    assert [(row["fit"], row["loss"]) for row in read()] == [(2, 2.0), (2, 3.0)]


def test_a_log_that_could_not_be_opened_at_first_is_begun_by_the_next_fit(log):
    kind, path, read = log
    path.mkdir()
    logger = kind(path)
    with pytest.raises(OSError):
        run_with(logger, losses(1.0))
    path.rmdir()
    path.write_text("somebody's words\nand more\n")  # which a first fit replaces
    run_with(logger, losses(2.0))
    assert [(row["fit"], row["loss"]) for row in read()] == [(1, 2.0)]


def test_a_log_that_cannot_be_written_ends_the_fit(log, tmp_path):
    kind, _, _ = log
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_with(kind(tmp_path / "nowhere" / "log"), losses(1.0))


def test_a_number_that_is_not_finite(log):
    kind, path, read = log
    run_with(kind(path), losses(math.nan, math.inf))
    found = [row["loss"] for row in read()]
    assert found == [None, None] if kind is JSONLogger else (math.isnan(found[0]) and found[1] == math.inf)


def test_a_metric_called_step_does_not_hide_the_step(log):
    kind, path, read = log
    run_with(kind(path), [{"step": 99.0, "loss": 1.0}])
    assert read()[0]["step"] == 1


def test_an_error_in_the_fit_closes_the_log(log):
    kind, path, read = log
    logger = kind(path)
    with pytest.raises(ZeroDivisionError), listening(logger), fit_run("model") as run:
        run.step(loss=1.0)
        file = logger._file
        1 / 0  # noqa: B018
    assert file.closed and len(read()) == 1


# ---- early stopping


def test_early_stopping_waits_for_patience_and_says_why():
    stopping = EarlyStopping(patience=2)
    run = run_with(stopping, losses(3, 2, 2, 1, 1.5, 1, 0.5), inner=True)
    assert run.n_steps == 6 and (stopping.best, stopping.best_step) == (1, 4)
    assert run.stopped == "loss has not improved for 2 epochs; its best was 1, in epoch 4"


def test_a_fit_that_improves_goes_on_and_the_next_one_starts_anew():
    stopping = EarlyStopping(patience=1)
    assert run_with(stopping, losses(3, 2, 1)).stopped is None
    run = run_with(stopping, losses(9, 8, 8))
    assert run.n_steps == 3 and run.stopped == "loss has not improved for 1 epoch; its best was 8, in epoch 2"


def test_an_improvement_is_more_than_min_delta():
    assert run_with(EarlyStopping(patience=2, min_delta=0.5), losses(3, 2.6, 2.5, 1)).n_steps == 3
    assert run_with(EarlyStopping(patience=2, min_delta=0.5), losses(3, 2.6, 2.4, 1)).n_steps == 4


@pytest.mark.parametrize("patience", [1, 10**9])
def test_nan_stops_at_once(patience):
    run = run_with(EarlyStopping(patience=patience), losses(3, math.nan, 1))
    assert run.n_steps == 2 and run.stopped == "loss became NaN in epoch 2"


@pytest.mark.parametrize(
    "monitor, more",
    [("accuracy", True), ("validation_score", True), ("log_likelihood", True), ("r2", True), ("mean_reward", True)]
    + [("loss", False), ("negative_log_likelihood", False), ("perplexity", False), ("accuracy_loss", False)]
    + [(name, True) for name in ("val_acc", "acc", "top1", "f1_macro", "validation_iou", "bleu", "recall@10", "mAP50")]
    + [(name, True) for name in ("neg_mean_squared_error", "neg_log_loss", "balanced accuracy score", "F1-score")]
    + [(name, False) for name in ("neg_log_likelihood", "val_nll", "brier_score", "top1_err", "cross_entropy", "rmse")],
)
def test_which_way_is_better_is_read_off_the_name_unless_said(monitor, more):
    def stops(values, **settings):
        return run_with(EarlyStopping(patience=1, **settings), [{monitor: value} for value in values]).n_steps == 2

    rising, falling = (1, 2, 3), (3, 2, 1)
    assert stops(falling, monitor=monitor) == more and stops(rising, monitor=monitor) != more
    assert stops(falling, monitor=monitor, mode="max") and not stops(falling, monitor=monitor, mode="min")


def test_a_fit_that_gets_better_is_not_stopped():
    for name, values in {
        "neg_log_likelihood": (100, 90, 80, 70, 60),
        "val_acc": (0.1, 0.2, 0.3, 0.4, 0.5),
        "neg_mean_squared_error": (-9, -8, -7, -6, -5),
    }.items():
        assert run_with(EarlyStopping(name, patience=3), [{name: value} for value in values]).stopped is None


@pytest.mark.parametrize("name", ["temperature", "learning_rate", "false_negative_rate", "lose", "", "42"])
@pytest.mark.parametrize("kind", [EarlyStopping, lambda **settings: Checkpoint("m", best_only=True, **settings)])
def test_a_name_that_does_not_say_which_way_is_better_needs_a_mode(kind, name):
    with pytest.raises(ValueError, match=f"values of '{name}' are better, .* pass mode='min' or mode='max'"):
        run_with(kind(monitor=name), [{name: 1.0}])
    with pytest.raises(ValueError, match="pass mode"):
        run_with(kind(), [{name: 1.0}], monitor=name)


def test_a_checkpoint_of_every_step_compares_nothing(mean, tmp_path):
    with listening(Checkpoint(tmp_path / "m")) as checkpoint, fit_run(mean().fit(X, y), monitor="temperature") as run:
        run.step(temperature=1.0)
    assert checkpoint.saved.exists()


def test_the_models_own_choice_is_monitored_unless_said():
    reports = [{"loss": 1 / n, "validation_loss": n} for n in (1, 2, 3)]
    assert run_with(EarlyStopping(patience=1), reports, monitor="validation_loss").n_steps == 2
    assert run_with(EarlyStopping("loss", patience=1), reports, monitor="validation_loss").stopped is None


def test_steps_without_the_metric_do_not_count():
    reports = [{"score": 1.0}, {}, {}, {"score": 0.5}, {}, {"score": 0.5}]
    assert run_with(EarlyStopping("score", patience=2), reports).n_steps == 6


def test_a_metric_that_never_came_is_said_at_the_end():
    with pytest.warns(UserWarning, match="EarlyStopping watched 'los' in vain; the metrics of str: loss, score"):
        run_with(EarlyStopping("los", mode="min"), [{"loss": 1.0, "score": 2.0}])
    with warnings.catch_warnings(), pytest.raises(ZeroDivisionError), listening(EarlyStopping("los", mode="min")):
        warnings.simplefilter("error")  # an error says enough
        with fit_run("model") as run:
            run.step(loss=1 / 1)
            run.step(loss=1 / 0)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"mode": "up"}, "mode must be"),
        ({"patience": 0}, "patience must be 1"),
        ({"min_delta": -1}, "min_delta must be 0"),
    ],
)
def test_early_stopping_says_what_it_does_not_take(settings, words):
    with pytest.raises(ValueError, match=words):
        EarlyStopping(**settings)


# ---- checkpoints


def test_a_checkpoint_is_the_model_as_it_was(mean, tmp_path):
    checkpoint = Checkpoint(tmp_path / "mean-{step:02}.npz", every=2)
    with listening(checkpoint):
        model = mean(5).fit(X, y)
    assert [path.name for path in sorted(tmp_path.glob("mean-*"))] == ["mean-01.npz", "mean-02.npz", "mean-04.npz"]
    assert checkpoint.saved == tmp_path / "mean-04.npz"
    loaded, notes = load_with_notes(checkpoint.saved)
    with listening(Checkpoint(tmp_path / "last")):
        four = mean(4).fit(X, y)
    assert loaded.predict(X)[0] == four.mean_ != model.mean_
    assert notes == {"step": 4, "metrics": {"loss": pytest.approx(8 * 0.9**4)}}
    assert pellucid.load(tmp_path / "last.npz").mean_ == four.mean_


def test_only_the_best_is_kept(mean, tmp_path):
    class Wandering(mean):
        def fit(self, X, y):
            X, y, _ = self._check_fit(X, y)
            with fit_run(self, unit="epoch") as run:
                for self.mean_ in (1.0, 3.0, 2.0):
                    run.step(score=self.mean_)
            return self

    registry.register(Wandering)
    best = Checkpoint(tmp_path / "best", best_only=True, monitor="score")
    with listening(best), listening(Checkpoint(tmp_path / "worst", best_only=True, monitor="score", mode="min")):
        with listening(Checkpoint(tmp_path / "last")):
            Wandering().fit(X, y)
    found = [pellucid.load(tmp_path / f"{name}.npz").mean_ for name in ("best", "worst", "last")]
    assert found == [3.0, 1.0, 2.0] and (best.best, best.best_step) == (3.0, 2)
    with pytest.warns(UserWarning, match="Checkpoint watched 'loss' in vain"):
        with listening(Checkpoint(tmp_path / "none", best_only=True)):
            Wandering().fit(X, y)
    assert not (tmp_path / "none.npz").exists()


def test_a_model_that_gives_a_snapshot_is_saved_by_it(mean, tmp_path):
    with listening(Checkpoint(tmp_path / "m")), fit_run(mean(), snapshot=lambda: mean(7).fit(X, y)) as run:
        run.step(loss=1.0)
    assert pellucid.load(tmp_path / "m").n_steps == 7


def test_a_model_that_keeps_what_it_learns_to_itself_is_an_error_in_the_first_step(mean, tmp_path):
    with pytest.raises(TypeError, match="Mean cannot be saved after epoch 1: it keeps what it learnt to itself until"):
        with listening(Checkpoint(tmp_path / "m", every=3)):
            mean(5, early=False).fit(X, y)
    assert not list(tmp_path.glob("m*.npz"))


def test_a_model_that_is_not_registered_is_an_error_in_the_first_step(site, tmp_path):
    with pytest.raises(TypeError, match="not a registered model"), listening(Checkpoint(tmp_path / "m", every=3)):
        Mean().fit(X, y)


def test_a_checkpoint_that_cannot_be_written_ends_the_fit(mean, tmp_path):
    model = mean()
    with pytest.raises(FileNotFoundError), listening(Checkpoint(tmp_path / "nowhere" / "m.npz")):
        model.fit(X, y)


@pytest.mark.parametrize("path", ["m-{epoch}", "m-{", "m-{0}", "m-{}", "m-{step.x}", "m-{step[0]}", "m-{step:zzz}"])
def test_a_path_holds_no_other_braces(path):
    with pytest.raises(ValueError, match="'{step}' and no other braces"):
        Checkpoint(path)


@pytest.mark.parametrize("settings, words", [({"every": 0}, "every must be 1"), ({"mode": "up"}, "mode must be")])
def test_a_checkpoint_says_what_it_does_not_take(settings, words):
    with pytest.raises(ValueError, match=words):
        Checkpoint("m", **settings)


# ---- errors


@pytest.mark.parametrize("method", ["start", "step", "end"])
def test_an_error_in_a_listener_ends_the_fit_and_the_others_end_well(method):
    def fail(self, run):
        raise RuntimeError(method)

    broken, diary = type("Broken", (Listener,), {method: fail})(), Diary()
    with listening(diary), pytest.raises(RuntimeError, match=method):
        run_with(broken, losses(1.0))
    assert diary.lines[0] == "start model" and diary.lines[-1].startswith("end")
    assert run_with(Listener(), losses(1.0)).n_steps == 1
