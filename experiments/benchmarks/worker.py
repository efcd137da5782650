"""One system of the benchmark in a separate process, which is asked to do one thing at a time.

In this way, systems can take turns without compiling again; see `process`.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress

from experiments.command_line.processes import ENVIRONMENT


class WorkerFailed(RuntimeError):
    """A system could not do what it was asked for; the message says why."""


class Worker:
    """The process of a system, as a context manager.

    Parameters
    ----------
    system : str
        Name of a module in `experiments.benchmarks.peers`.
    environment : dict of str to str, optional
        Variables of the process, beside those of this one; None removes one.

    """

    def __init__(self, system, environment=None):
        variables = {**os.environ, **ENVIRONMENT, **(environment or {})}
        flags = filter(None, [variables.get("PYTENSOR_FLAGS"), "floatX=float32"])
        variables["PYTENSOR_FLAGS"] = ",".join(flags)
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmarks.process", system],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for who started it; it ends when that does
            env={name: value for name, value in variables.items() if value is not None},
        )

    def ask(self, request, **arguments):
        """The answer to a request, which is the name of a method of `process.Peer`.

        Raises
        ------
        WorkerFailed
            If it fails, as all requests do if the system is not installed, or the process has ended.
        """
        with suppress(OSError):  # if the process has ended, it does not answer either
            self._process.stdin.write(json.dumps([request, arguments]) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise WorkerFailed(f"the process ended with status {self._process.wait()}: {self._last_error()}")
        answer = json.loads(answer)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def close(self):
        """End the process."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what it was not told any more
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _last_error(self):
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it printed nothing")
