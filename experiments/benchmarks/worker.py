"""A system of the benchmark in a process of its own, which is asked to do one thing at a time.

So that systems take turns, without compiling again. Requests and answers are lines of JSON on the standard
streams of the process.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from experiments.peers.problem import Problem

# One thread is the fastest for matrices of these sizes; a GPU's memory is shared by all systems.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class WorkerFailed(RuntimeError):
    """A system could not do what it was asked for; the message says why."""


class Worker:
    """The process of a system, as a context manager.

    Parameters
    ----------
    system : str
        Name of a module in `experiments.peers`.
    environment : dict of str to str, optional
        Variables of the process, beside those of this one; None removes one.

    """

    def __init__(self, system, environment=None):
        variables = {**os.environ, **ENVIRONMENT, **(environment or {})}
        flags = filter(None, [variables.get("PYTENSOR_FLAGS"), "floatX=float32"])
        variables["PYTENSOR_FLAGS"] = ",".join(flags)
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmark_worker", system],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={name: value for name, value in variables.items() if value is not None},
        )

    def ask(self, request, **arguments):
        """The answer to a request, which is the name of a method of `System`.

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
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


class System:
    """What a worker does, in its process."""

    def __init__(self, module):
        self._module = importlib.import_module(f"experiments.peers.{module}")
        self._ways = {}
        self._memory_before = _peak_memory()

    def about(self):
        """Versions and device."""
        return self._module.about()

    def prepare(self, task, **arguments):
        """Make ready what is timed, and run it once; the time that both took, with compilation."""
        started = time.perf_counter()
        if task == "step":
            made = self._module.loss_and_gradient(Problem(**arguments))
        else:
            made = getattr(self._module, task)(**arguments)
        self._ways = made if isinstance(made, dict) else {"only": made}
        for run in self._ways.values():
            run()
        return {"seconds": time.perf_counter() - started}

    def time(self):
        """The time that a run takes right after another one, as in training, and the way that it went.

        Before that, the systems whose turn it was have filled the caches, and this one's threads have slept.
        """
        seconds = {}
        for way, run in self._ways.items():
            run()
            started = time.perf_counter()
            run()
            seconds[way] = time.perf_counter() - started
        fastest = min(seconds, key=seconds.get)
        return {"seconds": seconds[fastest], "way": fastest}

    def memory(self):
        """The most that was in use so far: bytes of the process beyond its own, and of a GPU."""
        process = _peak_memory() - self._memory_before
        return {"memory": process, "device_memory": self._module.device_memory()}


def _peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve(module, requests, answers):
    """Answer requests, until there are no more; what fails is answered with the error."""
    system = None
    for line in requests:
        request, arguments = json.loads(line)
        try:
            system = system or System(module)
            answer = getattr(system, request)(**arguments)
        except Exception as error:  # whatever goes wrong in a system is a result of the benchmark
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.argv[1], sys.stdin, answers)
