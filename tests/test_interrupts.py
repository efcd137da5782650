"""Signals that wait until somebody looks."""

import gc
import os
import signal
import sys
import threading
import time

import pytest

from breze_like import interrupts
from breze_like.interrupts import deferred


@pytest.fixture(autouse=True)
def handled():
    """As in a script that handles both signals; and a list of those that it had to handle."""
    came = []
    before = {n: signal.signal(n, lambda number, _: came.append(number)) for n in interrupts.STOPPING}
    yield came
    assert all(callable(signal.getsignal(number)) for number in before)  # they are as they were
    for number, handler in before.items():
        signal.signal(number, handler)


def kill(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # in which it is handled


@pytest.mark.parametrize("number", interrupts.STOPPING)
def test_it_is_raised_where_one_looks(handled, number):
    done = []
    with pytest.raises(KeyboardInterrupt) as stopped, deferred() as look:
        for update in range(3):
            look()
            if update == 1:
                kill(number)
            done.append(update)
    assert (done, stopped.value.args, handled) == ([0, 1], (number,), [])


def test_it_is_not_lost_in_a_callback_of_the_garbage_collector(handled, monkeypatch):
    """An exception is: it is printed, and forgotten."""
    monkeypatch.setattr(interrupts, "GRACE", 60.0)

    def callback(phase, _):
        if phase == "start":
            kill()

    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt), deferred() as look:
            gc.collect()
            look()
    finally:
        gc.callbacks.remove(callback)


def test_at_the_end_it_does_what_it_would_have_done(handled):
    with deferred():
        kill(signal.SIGTERM)
        assert handled == []
    assert handled == [signal.SIGTERM]


def test_the_second_one_is_not_deferred(handled, monkeypatch):
    monkeypatch.setattr(interrupts, "SAME_SECONDS", 0.05)
    with pytest.raises(KeyboardInterrupt), deferred() as look:
        kill()
        kill()  # told to the process, and to its group
        assert handled == []
        time.sleep(0.06)
        kill()
        assert handled == [signal.SIGINT]
        look()


def test_where_nobody_looks_it_is_raised_again_and_again(handled, monkeypatch):
    monkeypatch.setattr(interrupts, "GRACE", 0.02)
    monkeypatch.setattr(interrupts, "AGAIN", 0.02)
    n_lost = 0
    with pytest.raises(KeyboardInterrupt), deferred():
        kill()
        while True:
            try:
                time.sleep(5)
            except KeyboardInterrupt:
                n_lost += 1
                if n_lost == 3:
                    raise
    before = signal.getsignal(signal.SIGALRM)
    time.sleep(0.05)  # nothing follows
    assert before in (signal.SIG_DFL, signal.SIG_IGN)


def test_nothing_is_said_of_one_that_is_lost(handled, monkeypatch):
    monkeypatch.setattr(interrupts, "GRACE", 0.02)
    monkeypatch.setattr(interrupts, "AGAIN", 0.02)
    told, before = [], sys.unraisablehook
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def callback(phase, _):
        if phase == "start":
            kill()
            time.sleep(5)

    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt), deferred():
            gc.collect()
            gc.callbacks.remove(callback)
            time.sleep(5)
    finally:
        gc.callbacks[:] = [c for c in gc.callbacks if c is not callback]
    assert told == [] and sys.unraisablehook == told.append
    monkeypatch.undo()
    assert sys.unraisablehook == before


def test_an_error_does_not_hide_it(handled):
    with pytest.raises(KeyboardInterrupt) as stopped, deferred():
        kill()
        raise ZeroDivisionError
    assert isinstance(stopped.value.__cause__, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError), deferred():
        raise ZeroDivisionError


def test_contexts_may_be_nested(handled):
    with pytest.raises(KeyboardInterrupt), deferred() as look:
        with deferred():
            kill()
        assert handled == []
        look()


def test_what_is_ignored_or_ends_the_process_stays_so(handled):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with deferred() as look:
        kill(signal.SIGTERM)
        look()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, lambda *_: None)


def test_in_another_thread_nothing_changes(handled):
    def work():
        with deferred() as look:
            look()
            during.append(signal.getsignal(signal.SIGINT))

    during, before = [], signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [before]
