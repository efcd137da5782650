"""Kernels that are not in Numba's cache are compiled by separate processes, while this one continues.

Numba compiles in Python, one function at a time in a process. So each kernel has a process, as many at a time
as there are cores; they leave the compiled code in the cache. If that fails, for example without a writable
cache, the process that needs a kernel compiles it itself.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache

import numpy as np

from breze_like.backends.process import n_cores
from breze_like.child_process import WITHOUT_PACKAGES, end_with, starting

START = f"""{WITHOUT_PACKAGES}
from breze_like.native.ahead import main
main()
"""
_FREE_CORES = threading.BoundedSemaphore(n_cores())


def begin(factories, scalar):
    """Have the tasks of a kernel compiled in a precision, unless they are there; returns at once.

    Parameters
    ----------
    factories : tuple of callable
        The `Kernel.tasks`.
    scalar : type
        NumPy's scalar type.
    """
    if n_cores() > 1:
        _begun(factories, scalar)


def wait(factories, scalar):
    """Wait for what was begun."""
    if n_cores() > 1:
        thread = _begun(factories, scalar)
        if thread is not None:
            thread.join()


@cache
def _begun(factories, scalar):
    """The thread that waits for the process; None if all tasks are in the cache."""
    from breze_like.native.dispatch import is_kept

    if all(is_kept(factory, scalar) for factory in factories):
        return None
    thread = threading.Thread(target=_compile_apart, args=(factories, scalar), daemon=True)
    thread.start()
    return thread


def _compile_apart(factories, scalar):
    names = [[factory.__module__, factory.__name__] for factory in factories]
    request = {"parent": os.getpid(), "tasks": names, "scalar": np.dtype(scalar).name}
    command = starting(START, "backends")
    nowhere = subprocess.DEVNULL
    with _FREE_CORES, suppress(OSError):
        subprocess.run(
            command, input=json.dumps(request).encode(), stdout=nowhere, stderr=nowhere, check=False
        )


def main():
    """Compile what standard input says."""
    from breze_like.native.dispatch import compile_task

    request = json.load(sys.stdin)
    end_with(request["parent"])
    gc.disable()  # it ends soon
    for module, name in request["tasks"]:
        compile_task(getattr(importlib.import_module(module), name), np.dtype(request["scalar"]).type)
