"""The processes that work on a search: how they are started, watched, and stopped."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from multiprocessing import resource_tracker

import optuna
import pytensor
from tqdm import tqdm

from breze_like import prepare_process
from breze_like.interrupts import deferred
from experiments.command_line.processes import ENVIRONMENT
from experiments.search.storage import without_password
from experiments.search.worker import work

# Where XLA looks for the number of its threads. Last digits of scores depend on it.
THREADS = "NPROC"

# Seconds between looks at the study.
LOOK_SECONDS = 2

# So many workers that are killed at once, one after the other, have more in common than bad luck.
MOST_DEATHS, SUDDEN_SECONDS = 5, 5

# Seconds between looks at signals; and until a worker ends whose parent has, if it can't save before.
PAUSE_SECONDS, ORPHAN_SECONDS = 0.1, 5

# Ctrl-C, and how batch systems say it.
STOPPING = signal.SIGINT, signal.SIGTERM

# Statuses of a worker that was stopped, and of one that met an error.
STOPPED, FAILED = 130, 2


class SearchProcess:
    """A process that works on a plan.

    Parameters
    ----------
    plan : Plan
    n_threads : int
    """

    def __init__(self, plan, n_threads):
        context = multiprocessing.get_context("spawn")
        self._line, sending = context.Pipe(duplex=False)
        arguments = plan, pytensor.config.floatX, sending
        self._process = context.Process(target=_work, args=arguments, daemon=False)
        self.started = time.monotonic()
        variables = ENVIRONMENT | {THREADS: str(n_threads)}
        resource_tracker.ensure_running()  # which lets signals through when it begins
        with _environment(variables), _without_signals():
            self._process.start()
        sending.close()

    @property
    def pid(self):
        """Number of the process."""
        return self._process.pid

    @property
    def status(self):
        """The exit status of the process, negative if a signal killed it; None if it is running."""
        return self._process.exitcode

    @property
    def error(self):
        """The error that it reported; can be read once."""
        with contextlib.suppress(EOFError):
            return self._line.recv()
        return f"a worker ended with status {self.status}"

    def stop(self):
        """Make it save its state, and stop."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def join(self):
        """Wait for its end."""
        self._process.join()

    def kill(self):
        """End the process, whatever it is doing."""
        self._process.kill()


def supervise(plan, n_workers, n_threads, look):
    """Have workers work on a plan until it is done.

    A worker that is killed is replaced; after an error of one of them, the others are stopped.

    Parameters
    ----------
    plan : Plan
    n_workers, n_threads : int
    look : callable
        Is called again and again, with a line of news, or None.

    Raises
    ------
    OSError
        The error of a worker.
    """
    workers = []
    try:
        with deferred() as stop_if_told:
            _watch(workers, plan, n_workers, n_threads, look, stop_if_told)
    except BaseException:
        _stop(workers)
        raise


def _watch(workers, plan, n_workers, n_threads, look, stop_if_told):
    """Start workers, and replace those that are killed, until the plan is done."""
    n_deaths = 0
    while len(workers) < n_workers:
        stop_if_told()
        workers.append(SearchProcess(plan, n_threads))
    while workers:
        news = None
        for worker in [w for w in workers if w.status is not None]:
            workers.remove(worker)
            if worker.status == 0:
                continue
            sudden = time.monotonic() - worker.started < SUDDEN_SECONDS
            n_deaths = n_deaths + 1 if sudden else 0
            killed = worker.status < 0 or worker.status == STOPPED
            if not killed or n_deaths == MOST_DEATHS:
                raise OSError(worker.error)
            news = f"a worker was killed (status {worker.status}); another one takes its place"
            workers.append(SearchProcess(plan, n_threads))
        look(news)
        for _ in range(round(LOOK_SECONDS / PAUSE_SECONDS)):
            stop_if_told()
            time.sleep(PAUSE_SECONDS)


def _stop(workers):
    """Let workers save what they have; a second Ctrl-C ends them at once."""
    try:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        for worker in workers:
            worker.kill()
        raise


@contextlib.contextmanager
def _environment(variables):
    """The environment that processes started here have."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _without_signals():
    """Defer Ctrl-C; a process that is started here defers it until it can stop properly."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _work(plan, float_type, line):
    """What a worker's process does; errors are told on the `line`."""
    os.setsid()  # Ctrl-C reaches the process that supervises, which has this one stop, once
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    # A heartbeat that can't be recorded: the worker meets the same error.
    threading.excepthook = lambda _: None
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    prepare_process()
    pytensor.config.floatX = float_type
    # Its usual lock for several processes would be left behind by one that ends at once.
    tqdm.set_lock(threading.RLock())
    # Runs keep the command line.
    sys.argv = [without_password(word) for word in sys.argv]
    try:
        with deferred():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            work(plan)
    except KeyboardInterrupt:
        os._exit(STOPPED)  # now: a thread that gives signs of life may not know yet
    except (ValueError, OSError) as error:
        line.send(" ".join(str(error).split()))
        sys.exit(FAILED)
    except Exception as error:
        traceback.print_exc()
        line.send(f"a worker failed, {type(error).__name__}: {' '.join(str(error).split())}")
        sys.exit(FAILED)


def _stop_with_parent():
    multiprocessing.parent_process().join()  # a pipe that closes, however it ends
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(ORPHAN_SECONDS)
    os._exit(STOPPED)
