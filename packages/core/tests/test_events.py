"""Listeners hear what a fit does; Ctrl-C ends a fit gently, once."""

from __future__ import annotations

import gc
import math
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref

import pluggy
import pytest

from pellucid import events, fit_run, hookimpl, listening, registry
from pellucid.events import InterruptWarning


class Diary:
    """Writes down what it hears."""

    def __init__(self):
        self.lines = []

    @hookimpl
    def pellucid_fit_start(self, run):
        self.lines.append(f"start {run.model} of {run.total}")

    @hookimpl
    def pellucid_fit_step(self, run):
        self.lines.append(f"{run.unit} {run.n_steps}: {run.metrics}")

    @hookimpl
    def pellucid_fit_end(self, run):
        self.lines.append(f"end {run.stopped} {type(run.error).__name__}")


class StopAt:
    def __init__(self, step):
        self.step = step

    @hookimpl
    def pellucid_fit_step(self, run):
        if run.n_steps == self.step:
            run.stop(f"step {self.step}")


def fit(n_steps=5, model="m", action=lambda step: None):
    """A stand-in for a model's fit: returns the run after at most n_steps."""
    with fit_run(model, total=n_steps, unit="epoch") as run:
        for step in range(n_steps):
            action(step)
            if run.step(loss=float(step)):
                break
    return run


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


# ---- listeners


def test_without_listeners_a_run_counts_and_never_stops():
    run = fit(3)
    assert (run.n_steps, run.metrics, run.stopped, run.interrupted, run.error) == (3, {"loss": 2.0}, None, False, None)


def test_a_listener_hears_start_steps_and_end():
    with listening(Diary()) as diary:
        fit(2)
    fit(2)  # outside the block: not heard
    assert diary.lines == ["start m of 2", "epoch 1: {'loss': 0.0}", "epoch 2: {'loss': 1.0}", "end None NoneType"]


def test_a_listener_may_have_one_hook_only_and_stop_the_fit():
    with listening(StopAt(2)):
        run = fit(5)
    assert run.n_steps == 2 and run.stopped == "step 2"


def test_the_first_reason_to_stop_stays_and_every_listener_hears_the_last_step():
    with listening(StopAt(2)), listening(Diary()) as diary, listening(StopAt(2)):
        assert fit(5).stopped == "step 2"
    assert diary.lines[-2:] == ["epoch 2: {'loss': 1.0}", "end step 2 NoneType"]


def test_an_error_in_the_fit_is_told_and_goes_on():
    def fail(step):
        raise ZeroDivisionError

    with listening(Diary()) as diary, pytest.raises(ZeroDivisionError):
        fit(action=fail)
    assert diary.lines[-1] == "end None ZeroDivisionError"


@pytest.mark.parametrize("hook", ["pellucid_fit_start", "pellucid_fit_step", "pellucid_fit_end"])
def test_an_error_in_a_listener_goes_on_and_leaves_nothing_behind(hook):
    def fail(self, run):
        raise RuntimeError(hook)

    broken = type("Broken", (), {hook: hookimpl(fail)})()
    handler = signal.getsignal(signal.SIGINT)
    with listening(Diary()) as outer, listening(broken), listening(Diary()) as inner:
        with pytest.raises(RuntimeError, match=hook):
            fit()
    assert outer.lines[-1].startswith("end") and inner.lines[-1].startswith("end")
    assert signal.getsignal(signal.SIGINT) is handler
    assert fit(2).stopped is None


def test_a_listener_with_a_mistake_is_refused_at_once():
    misspelt = type("Misspelt", (), {"pellucid_fit_stop": hookimpl(lambda self, run: None)})()
    with pytest.raises(pluggy.PluginValidationError, match="pellucid_fit_stop"), listening(misspelt):
        pass
    unmarked = type("Unmarked", (), {"pellucid_fit_step": lambda self, run: None})()
    with pytest.raises(TypeError, match="not marked"), listening(unmarked):
        pass


def test_every_listener_that_fails_at_the_end_is_in_the_traceback():
    class Fails:
        def __init__(self, word):
            self.word = word

        @hookimpl
        def pellucid_fit_end(self, run):
            raise RuntimeError(self.word)

    with listening(Fails("outer")), listening(Fails("middle")), listening(Fails("inner")):
        with pytest.raises(RuntimeError) as raised:
            fit()
        with pytest.raises(RuntimeError) as after_an_error, fit_run("m"):
            raise ZeroDivisionError
    for error, first in ((raised.value, type(None)), (after_an_error.value, ZeroDivisionError)):
        chain = [error, error.__context__, error.__context__.__context__]
        assert [str(one) for one in chain] == ["outer", "middle", "inner"]
        assert isinstance(chain[-1].__context__, first)


def test_a_listener_in_two_blocks_hears_everything_once():
    diary = Diary()
    with listening(diary):
        with listening(diary) as same:
            fit(1)
        fit(1)
    fit(1)
    assert same is diary and diary.lines == ["start m of 1", "epoch 1: {'loss': 0.0}", "end None NoneType"] * 2


def test_a_run_that_is_over_holds_neither_listeners_nor_what_its_snapshot_needs():
    class Needed:
        pass

    needed, listener = Needed(), Diary()
    gone = weakref.ref(needed), weakref.ref(listener)
    with listening(listener), fit_run("m", snapshot=lambda needed=needed: needed) as run:
        run.step(loss=1.0)
    del needed, listener
    gc.collect()
    assert run.n_steps == 1 and [reference() for reference in gone] == [None, None]


def test_listeners_belong_to_their_thread():
    with listening(Diary()) as diary:
        thread = threading.Thread(target=fit)
        thread.start()
        thread.join()
    assert diary.lines == []


def test_plugins_listen_once_they_are_loaded(site):
    code = """
        heard = []

        @hookimpl
        def pellucid_fit_step(run):
            heard.append(run.n_steps)
    """
    site("pellucid-acme", code)
    fit(2)
    assert [plugin.status for plugin in registry.plugins()] == ["ok"]
    import pellucid_acme_site

    assert pellucid_acme_site.heard == []
    fit(2)
    assert pellucid_acme_site.heard == [1, 2]


# ---- Ctrl-C


@pytest.fixture(autouse=True)
def usual_ctrl_c():
    """Python's own handler, also where the tests were started in the background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    events._Guard.last_answer = -math.inf
    yield
    signal.signal(signal.SIGINT, before)
    events._Guard.last_answer = -math.inf  # the next test presses Ctrl-C for the first time


def test_the_first_ctrl_c_ends_the_fit_after_the_step_with_a_warning():
    with pytest.warns(InterruptWarning, match="str was stopped by Ctrl-C after epoch 2") as caught:
        run = fit(5, action=lambda step: press_ctrl_c() if step == 1 else None)
    assert (run.n_steps, run.interrupted, run.stopped) == (2, True, "interrupted by Ctrl-C")
    assert len(caught) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_ctrl_c_is_a_keyboard_interrupt():
    def press_twice(step):
        press_ctrl_c()
        press_ctrl_c()

    with listening(Diary()) as diary, pytest.raises(KeyboardInterrupt):
        fit(action=press_twice)
    assert diary.lines[-1] == "end None KeyboardInterrupt"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_ctrl_c_that_no_step_could_answer_is_not_lost():
    with pytest.raises(KeyboardInterrupt), fit_run("m") as run:
        run.step(loss=1.0)
        press_ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def fits_in_a_row(presses, n_steps=10):
    """The steps of four fits, while Ctrl-C is pressed in the third step of some."""
    counts = []

    def press(step):
        if step == 2 and len(counts) in presses:
            press_ctrl_c()

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InterruptWarning)
            for _ in range(4):
                counts.append(fit(n_steps, action=press).n_steps)
    except KeyboardInterrupt:
        counts.append("KeyboardInterrupt")
    return counts


def test_a_second_ctrl_c_in_the_next_fit_ends_a_loop_of_fits(monkeypatch):
    assert fits_in_a_row({0}) == [3, 10, 10, 10]
    events._Guard.last_answer = -math.inf
    assert fits_in_a_row({0, 2}) == [3, 10, "KeyboardInterrupt"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr(events, "SECONDS_TO_INSIST", 0.0)  # as after a while
    assert fits_in_a_row({0, 2}) == [3, 10, 3, 10]


def test_a_loop_of_fits_ends_at_the_first_ctrl_c_if_the_warning_is_made_an_error():
    with warnings.catch_warnings(), pytest.raises(InterruptWarning, match="stopped by Ctrl-C after epoch 3"):
        warnings.simplefilter("error", InterruptWarning)
        fit(5, action=lambda step: press_ctrl_c() if step == 2 else None)


def test_a_fit_in_another_thread_does_not_answer_for_the_main_thread():
    runs = []
    with warnings.catch_warnings(), pytest.raises(KeyboardInterrupt):
        warnings.simplefilter("error")
        with fit_run("m"):
            press_ctrl_c()
            thread = threading.Thread(target=lambda: runs.append(fit(3)))
            thread.start()
            thread.join()
    assert runs[0].n_steps == 3 and not runs[0].interrupted and runs[0].stopped is None


def test_an_error_after_ctrl_c_is_raised_as_it_is():
    with warnings.catch_warnings(), pytest.raises(ZeroDivisionError):
        warnings.simplefilter("error")
        with fit_run("m"):
            press_ctrl_c()
            raise ZeroDivisionError


def test_a_fit_inside_a_fit_stops_with_it_and_only_the_outer_one_warns():
    with pytest.warns(InterruptWarning, match="outer was stopped") as caught:
        with fit_run(type("outer", (), {})()) as outer:
            inner = fit(5, action=lambda step: press_ctrl_c() if step == 1 else None)
            assert outer.step(loss=0.0)
    assert (inner.n_steps, outer.n_steps) == (2, 1) and inner.interrupted and outer.interrupted
    assert len(caught) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_is_left_alone():
    pressed = []
    signal.signal(signal.SIGINT, lambda signum, frame: pressed.append(signum))
    run = fit(3, action=lambda step: press_ctrl_c())
    assert run.n_steps == 3 and len(pressed) == 3 and not run.interrupted


def test_a_handler_that_is_set_during_the_fit_stays():
    def handler(signum, frame):
        pass

    fit(1, action=lambda step: signal.signal(signal.SIGINT, handler))
    assert signal.getsignal(signal.SIGINT) is handler


def test_outside_the_main_thread_ctrl_c_is_not_touched():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(fit(2)))
    thread.start()
    thread.join()
    assert runs[0].n_steps == 2 and not runs[0].interrupted


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one process there")
def test_ctrl_c_from_outside_ends_a_real_process_gently():
    code = (
        "import signal, time, pellucid\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with pellucid.fit_run('m') as run:\n"
        "    print('ready', flush=True)\n"
        "    while not run.step(loss=0.0): time.sleep(0.01)\n"
        "print('kept', run.stopped)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and out == "kept interrupted by Ctrl-C\n" and "InterruptWarning" in err
