"""Ctrl-C and SIGTERM in scripts: at any moment, one line, and status 130 or 143.

A script ends at once, wherever it is: all files that it writes are replaced whole or not at all. Code that
has something to save first, such as training, defers signals; see `breze_like.interrupts`. Elsewhere, no
exception is raised, since it could be lost.
"""

import os
import signal
import sys
import threading
import time
from contextlib import suppress

STOPPING = (signal.SIGINT, signal.SIGTERM)

# Seconds after which a process is ended that is in a call of compiled code, where no signal is handled.
PATIENCE = 4

# What comes sooner after the first signal is the same one, told to a process and to its group.
SAME_SECONDS = 0.5

# What is said; `command_line.run` says what is true of a script.
text = "stopped before anything was started"

# Whether this is the process of a script.
installed = False


def install():
    """Handle signals from now on, except ignored ones, as in a shell's background jobs."""
    global installed
    handled = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    if not handled:
        return
    for number in handled:
        signal.signal(number, end)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, handled), daemon=True).start()
    installed = True


def install_for(name, said):
    """The same for a file that is run, by its ``__name__``, and not imported; `said` is what is said."""
    global text
    if name == "__main__":
        install()
        text = said


def finish():
    """Let signals be: what they would stop is done."""
    if installed:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)


def end(number, _=None):
    """End this process, in one line."""
    for path in list(getattr(sys.modules.get("breze_like.files"), "unfinished", ())):
        with suppress(OSError):
            path.unlink()
    with suppress(Exception):
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, f"{_new_line()}{text}\n".encode())
    os._exit(128 + number)


def _new_line():
    """A newline if there is a progress bar in the line."""
    bars = list(getattr(getattr(sys.modules.get("tqdm"), "tqdm", None), "_instances", ()))
    return "\n" if any(not bar.disable for bar in bars) else ""


def _watch(reading, handled):
    """End the process at its second signal, or if it did not come to handle the first one."""
    first = None
    while True:
        for number in os.read(reading, 64):
            if number not in handled:
                continue
            if first is None:
                first = time.monotonic()
                threading.Thread(target=_end_later, args=(number,), daemon=True).start()
            elif time.monotonic() - first > SAME_SECONDS:
                end(number)


def _end_later(number):
    time.sleep(PATIENCE)
    deferred = getattr(sys.modules.get("breze_like.interrupts"), "noted", False)
    if signal.getsignal(number) is end and not deferred:
        end(number)
