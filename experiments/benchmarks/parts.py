"""What the benchmark measures. Each part gives rows: dicts with sizes, and with the result of each system."""

import os
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from itertools import product

from experiments.benchmarks.peers.arithmetic import n_operations, n_operations_of
from experiments.benchmarks.peers.problem import Problem
from experiments.benchmarks.worker import Worker, WorkerFailed

LIBRARY = "library"
LIMIT = "limit"
PEERS = (LIBRARY, "direct_jax", "pytorch", LIMIT)

# Medians are of so many rounds at least, however long these take.
LEAST_ROUNDS = 3


def describe(systems):
    """Versions and device of each system, or why it can't be had: ``"failed"``."""
    about = {}
    for system in systems:
        try:
            with Worker(system) as worker:
                about[system] = worker.ask("about")
        except WorkerFailed as error:
            about[system] = {"failed": str(error)}
    return about


def step(options):
    """Loss and gradient of a minibatch."""
    with workers({system: (system, "step") for system in options.systems}) as team:
        for sizes in all_sizes(options):
            row = compare(team, sizes, options, sizes["n_steps"] * sizes["batch_size"])
            yield row | {"n_operations": n_operations(Problem(**sizes), gradient=True)}


def nade(options):
    """A training step of an RNN-NADE of 100 hidden units, on 1600 frames; PyTorch has none."""
    sizes = {"model": "rnn_nade", "n_hidden": 100, "batch_size": 16, "n_steps": 100}
    with workers({system: (system, "step") for system in options.systems if system != "pytorch"}) as team:
        row = compare(team, sizes, options, sizes["n_steps"] * sizes["batch_size"])
        yield row | {"n_operations": n_operations(Problem(**sizes), gradient=True)}


def evaluation(options):
    """The bound of the whole sequences of a test set, with one draw; other systems know no masks."""
    with workers({system: (system, "evaluation") for system in options.systems}) as team:
        for model, n_hidden in product(options.models, options.n_hiddens):
            sizes = {"model": model, "n_hidden": n_hidden, "lengths": options.test_lengths}
            row = compare(team, sizes, options, sum(options.test_lengths))
            yield row | {"n_operations": n_operations_of(**sizes)}


def compile(options):
    """All that a run of training compiles: training step and evaluation, each with their first call."""
    sizes = {"n_hidden": options.n_hiddens[0], "batch_size": options.batch_sizes[0]}
    sizes |= {"n_steps": options.n_steps, "lengths": options.test_lengths}
    for model in options.models:
        row = {"model": model, **sizes}
        with tempfile.TemporaryDirectory() as folder:
            for cache in ("cold", "warm"):
                try:
                    started = time.perf_counter()
                    with Worker(LIBRARY, cache_in(folder)) as worker:
                        worker.ask("about")
                        start = {"start_seconds": time.perf_counter() - started}
                        answer = worker.ask("prepare", task="training_and_evaluation", model=model, **sizes)
                        row[cache] = answer | start
                except WorkerFailed as error:
                    row[cache] = {"failed": str(error)}
        yield row


def length(options):
    """Time and memory of a training step, against the number of steps."""
    for model, n_steps in product(options.models, options.lengths):
        sizes = {"model": model, "n_hidden": options.n_hiddens[0], "batch_size": options.batch_sizes[0]}
        yield compare_afresh({**sizes, "n_steps": n_steps}, options, options.rounds)


def memory(options):
    """Memory of a training step, against the number of hidden units, of the largest minibatch."""
    for model, n_hidden in product(options.models, options.n_hiddens):
        sizes = {"model": model, "n_hidden": n_hidden, "batch_size": options.batch_sizes[-1]}
        yield compare_afresh({**sizes, "n_steps": options.n_steps}, options, rounds=0)


def population(options):
    """Updates of many models in one program, and one after another."""
    sizes = {"n_members": options.n_members, "n_hidden": options.member_n_hidden}
    sizes |= {"batch_size": options.member_batch_size, "n_steps": options.n_steps}
    for model in options.models:
        with workers({task: (LIBRARY, task) for task in ("together", "one_after_another")}) as team:
            yield compare(team, {"model": model, **sizes}, options, options.n_members)


PARTS = {part.__name__: part for part in (step, nade, evaluation, compile, length, memory, population)}


def all_sizes(options):
    """The sizes of all training steps."""
    for model, n_hidden, batch_size in product(options.models, options.n_hiddens, options.batch_sizes):
        yield {"model": model, "n_hidden": n_hidden, "batch_size": batch_size, "n_steps": options.n_steps}


def cache_in(folder):
    """Variables of a process that keeps all that it compiles in a folder."""
    flags = ",".join(filter(None, [os.environ.get("PYTENSOR_FLAGS"), f"base_compiledir={folder}/pytensor"]))
    return {
        "XDG_CACHE_HOME": folder,
        "JAX_COMPILATION_CACHE_DIR": None,
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "PYTENSOR_FLAGS": flags,
    }


@contextmanager
def workers(tasks):
    """A worker for each name in `tasks`, dict of str to a system and its task; each with its task."""
    with ExitStack() as stack:
        yield {name: (stack.enter_context(Worker(system)), task) for name, (system, task) in tasks.items()}


def compare_afresh(sizes, options, rounds):
    """`compare` training steps in new processes, with ``"memory"`` in use beyond what they began with."""
    with workers({system: (system, "step") for system in options.systems}) as team:
        row = compare(team, sizes, options, sizes["n_steps"] * sizes["batch_size"], rounds)
        for system, result in row["systems"].items():
            if "failed" not in result and system != LIMIT:
                result |= team[system][0].ask("memory")
        return row


def compare(team, sizes, options, n_units, rounds=None):
    """Prepare a task in all workers, and let them take turns.

    Parameters
    ----------
    team : dict of str to tuple of Worker and str
        By name, workers with their tasks; the first one is what others are compared with.
    sizes : dict
    options : Namespace
        `rounds`, and `seconds` after which no further round begins.
    n_units : int
        What throughput counts: of each run.
    rounds : int, optional
        In place of those of the options.

    Returns
    -------
    dict
        The sizes, and in ``"systems"`` for each name ``"prepare_seconds"`` with the first run, ``"times"``,
        their median ``"seconds"``, ``"throughput"``, and ``"ratio"``, the median over rounds of the time to
        that of the first one, and the ``"way"`` that was the fastest of most rounds; or why it ``"failed"``.
    """
    results = {}
    for name, (worker, task) in team.items():
        try:
            seconds = worker.ask("prepare", task=task, **sizes)["seconds"]
            results[name] = {"prepare_seconds": seconds, "times": [], "ways": []}
        except WorkerFailed as error:
            results[name] = {"failed": str(error)}
    take_turns(team, results, options.rounds if rounds is None else rounds, options.seconds)
    summarise(results, n_units)
    return {**sizes, "systems": results}


def take_turns(team, results, rounds, seconds):
    """Fill in times, of all workers in each round; a worker that fails takes no further turn."""
    started = time.monotonic()
    for i in range(rounds):
        if i >= LEAST_ROUNDS and time.monotonic() - started > seconds:
            break
        for name, result in results.items():
            if "failed" not in result:
                try:
                    answer = team[name][0].ask("time")
                    result["times"].append(answer["seconds"])
                    result["ways"].append(answer["way"])
                except WorkerFailed as error:
                    results[name] = {"failed": str(error)}


def summarise(results, n_units):
    """Add medians to results; see `compare`."""
    reference = next(iter(results.values())).get("times")
    for result in results.values():
        if result.get("times"):
            result["seconds"] = statistics.median(result["times"])
            result["way"] = statistics.mode(result.pop("ways"))
            result["throughput"] = n_units / result["seconds"]
            if reference:
                pairs = zip(result["times"], reference, strict=True)
                result["ratio"] = statistics.median(theirs / first for theirs, first in pairs)
