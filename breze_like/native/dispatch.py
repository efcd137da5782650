"""The work of a call of XLA's, divided into tasks that run on all cores.

The handler and the tasks are compiled separately, since otherwise Numba would optimise everything again at
each level of calls; they are connected by a table of addresses.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from numba import types

from breze_like.native import call_frame, code_cache, threads
from breze_like.native.call_frame import ADDRESS, N_STAGES, SCRATCH
from breze_like.native.functions import MATH


class CallPlan(NamedTuple):
    """How a kernel does a call.

    Attributes
    ----------
    arguments, results : list of tuple of int
        Shapes.
    n_tasks : tuple of int
        Of each stage.
    scratch : int
        Numbers of 8 bytes of each member's scratch, which the tasks of both stages share.
    """

    arguments: list
    results: list
    n_tasks: tuple
    scratch: int = 0


class Kernel(NamedTuple):
    """A computation in one or two stages: the second one begins when all tasks of the first have ended.

    Attributes
    ----------
    plan : callable
        From the settings and the shapes of the arguments, as they come in, to the `CallPlan`.
    tasks : tuple of callable
        For each stage, what makes the task: from `sources`, which the task must refer to, and a NumPy scalar
        type, to a function of three integers, which returns `DONE`. These are the call's frame, the number of
        the task and the address of the scratch.
    n_flags : int
        So many arguments, the first ones, are boolean.
    """

    plan: Callable
    tasks: tuple
    n_flags: int = 0


@cache
def _sources():
    """What tells versions of all this code apart.

    Numba's cache looks at the file of a function only, not at those of the functions that it calls, but also
    at the variables of its closure: so each function that is kept there has this as one of them.
    """
    folder = Path(__file__).parent
    paths = [*sorted(folder.glob("*.py")), folder.parent / "moments.py"]  # its constants are in kernels
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@cache
def compile_task(factory, scalar):
    """The machine code of a task; from Numba's cache if it was compiled before."""
    task = _code(factory, 3, scalar)
    task.compile()
    return task


def is_kept(factory, scalar):
    """Whether a task is in Numba's cache."""
    return code_cache.is_kept(_code(factory, 3, scalar))


@cache
def compile_handler():
    """The machine code of the handler."""
    handler = _code(_handler, 1)
    handler.compile()
    return handler


@cache
def compile_helper():
    """The machine code of what XLA's threads call."""
    helper = _code(_helper, 1)
    helper.compile()
    return helper


def _code(factory, n_words, *details):
    signature = types.int64(*[types.int64] * n_words)
    return code_cache.make_cfunc(signature, factory(_sources(), *details), MATH)


def _handler(sources):
    """The handler that XLA calls."""

    def handle(frame):
        sources  # noqa: B018
        if call_frame.is_query(frame):
            return 0
        n_members, n_failed = call_frame.n_members(frame), 0
        scratch = threads.allocate(max(1, n_members * call_frame.number(frame, SCRATCH)))
        if scratch == 0:
            return threads.error(frame)
        for stage in range(N_STAGES):
            n_tasks = n_members * call_frame.n_tasks(frame, stage)
            task = call_frame.function(call_frame.number(frame, ADDRESS) + stage)
            if n_tasks > 0 and n_failed == 0:
                n_failed = threads.run(task, frame, n_tasks, scratch)
        threads.release(scratch)
        return threads.error(frame) if n_failed > 0 else 0

    return handle


def _helper(sources):
    """What a thread of XLA's calls to take part."""

    def help(shared):
        sources  # noqa: B018
        threads.take_part(shared)
        threads.leave(shared)
        return 0

    return help
