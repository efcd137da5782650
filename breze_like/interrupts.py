"""Ctrl-C, and SIGTERM if a program handles it, at a moment of the program's choice: between two updates.

>>> with deferred() as look:
...     while not done():
...         look()
...         update()

An exception that is raised at an arbitrary place can be lost: in a callback, for instance of the garbage
collector, it is printed and ignored.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds to wait for somebody to look, and between the attempts to raise an exception in any place then.
GRACE, AGAIN = 2.0, 0.5

# What comes sooner after the first signal is the same one, told to a process and to its group.
SAME_SECONDS = 0.5

STOPPING = (signal.SIGINT, signal.SIGTERM)

# Whether a signal has been deferred, be it now or before.
noted = False


class _Deferral:
    """What came within a context: the number of the first signal, or None."""

    def __init__(self):
        self.number = None
        self._open = True
        handlers = {number: signal.getsignal(number) for number in STOPPING}
        # Those that are ignored, or end the process, stay as they are.
        self._before = {number: handler for number, handler in handlers.items() if callable(handler)}
        for number in self._before:
            signal.signal(number, self._note)

    def look(self):
        """Raise what came."""
        if self.number is not None:
            raise KeyboardInterrupt(self.number)

    def close(self):
        """Have signals do what they did before."""
        self._open = False
        if self.number is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm_before)
            sys.unraisablehook = self._hook_before
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pass_on(self):
        """Have what came do what it would have done."""
        if self.number is not None:
            self._before[self.number](self.number, None)

    def _note(self, number, frame):
        global noted
        if self.number is not None:
            if time.monotonic() - self._since > SAME_SECONDS:  # the second one is not waited with
                self._before[number](number, frame)
            return
        self.number, self._since, noted = number, time.monotonic(), True
        if hasattr(signal, "setitimer"):  # Windows has none
            self._alarm_before = signal.signal(signal.SIGALRM, self._force)
            self._hook_before, sys.unraisablehook = sys.unraisablehook, self._lost
            signal.setitimer(signal.ITIMER_REAL, GRACE, AGAIN)

    def _force(self, *_):
        if self._open:
            raise KeyboardInterrupt(self.number)

    def _lost(self, unraisable):
        """Say nothing of an exception of this that was raised where it is lost: it will be raised again."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            self._hook_before(unraisable)


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """A context in which signals wait until the program looks for them.

    It gives a function that raises KeyboardInterrupt, with the number of the signal, if there was one. If the
    function has not been called for `GRACE` seconds, for example during a compilation, it is raised wherever
    the program is. A second signal is not deferred. At the end of the context, a pending signal has its usual
    effect. In threads other than the main one, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    deferral = _Deferral()
    try:
        yield deferral.look
    except BaseException as error:
        deferral.close()
        if deferral.number is not None and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(deferral.number) from error
        raise
    deferral.close()
    deferral.pass_on()
