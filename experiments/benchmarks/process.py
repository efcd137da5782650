"""The process of one system of the benchmark: requests and answers are lines of JSON on its standard streams.

    python -m experiments.benchmarks.process SYSTEM

`worker.Worker` starts it.
"""

import importlib
import json
import os
import queue
import resource
import sys
import threading
import time

from experiments.benchmarks.peers.problem import Problem

# For which a system runs before it is timed, if one run is shorter.
SECONDS_TO_SETTLE = 0.5
# Within which a process ends whose parent has, whatever it is doing.
SECONDS_TO_END = 2


class Peer:
    """A system of the benchmark, in the process that a `Worker` has started."""

    def __init__(self, module):
        self._module = importlib.import_module(f"experiments.benchmarks.peers.{module}")
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
        """The time that a run takes after others of the same kind, as in training, and the way that it went.

        Before these, the systems whose turn it was have filled the caches, and this one's threads have slept:
        it takes a while until the operating system has given each a core of its own again.
        """
        seconds = {}
        for way, run in self._ways.items():
            ready = time.perf_counter() + SECONDS_TO_SETTLE
            run()
            while time.perf_counter() < ready:
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
    system, lines = None, queue.Queue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    for line in iter(lines.get, None):
        request, arguments = json.loads(line)
        try:
            system = system or Peer(module)
            answer = getattr(system, request)(**arguments)
        except Exception as error:  # whatever goes wrong in a system is a result of the benchmark
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _read(requests, lines):
    """Put requests into the queue. When there can be no more, end: who asked has ended, too."""
    for line in requests:
        lines.put(line)
    lines.put(None)
    time.sleep(SECONDS_TO_END)
    os._exit(0)


if __name__ == "__main__":
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.argv[1], sys.stdin, answers)
