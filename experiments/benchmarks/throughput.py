"""How long an update and a compilation take, from results of the benchmark; for any size, measured or not."""

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from experiments.benchmarks.parts import LIBRARY
from experiments.benchmarks.peers.arithmetic import n_operations
from experiments.benchmarks.peers.problem import Problem


class Estimate(NamedTuple):
    """Seconds, and what they were measured on, None if it was this itself."""

    seconds: float
    scaled_from: dict | None = None

    def __str__(self):
        return f"{'~' if self.scaled_from else ''}{self.seconds:.3g}"


def read(path):
    """The results in a file of the benchmark.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    text = Path(path).read_text()
    try:
        results = json.loads(text)
        n_cores(results), is_gpu(results), results["parts"].items()
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"--benchmarks must be files of experiments.benchmark, got {path}") from None
    return results


def joined(results):
    """One of each device, with the parts of all that were measured on it."""
    by_device = {}
    for result in results:
        one = by_device.setdefault(result["about"][LIBRARY]["device"], {**result, "parts": {}})
        for part, rows in result["parts"].items():
            one["parts"][part] = one["parts"].get(part, []) + rows
    return list(by_device.values())


def n_cores(results):
    """Of the machine that was measured."""
    return int(re.search(r"(\d+) cores", results["machine"])[1])


def is_gpu(results):
    """Whether the library was measured on a GPU."""
    return results["about"][LIBRARY]["device"] != "cpu"


def sizes_of(row):
    """Those of a row of the benchmark that determine how long an update takes."""
    return {name: row[name] for name in ("model", "n_hidden", "batch_size", "n_steps")}


def step_time(results, sizes):
    """`Estimate` of an update: measured, or scaled from the nearest one.

    That is of the same batch size and the same model if there is any. On a GPU, where the steps of a
    recurrence wait for each other however small they are, no time is scaled down.

    Parameters
    ----------
    results : dict
        Of the benchmark.
    sizes : dict
        As of `sizes_of`.

    Raises
    ------
    ValueError
        If there is no time of a training step.
    """
    rows = results["parts"].get("step", [])
    measured = [row for row in rows if "seconds" in row["systems"].get(LIBRARY, {})]
    if not measured:
        raise ValueError(
            "--benchmarks have no times of training steps: measure them by experiments.benchmark --parts step"
        )

    def ratio(row):
        ours, theirs = (n_operations(Problem(**which), gradient=True) for which in (sizes, sizes_of(row)))
        return ours / theirs

    def distance(row):
        others = [row[name] != sizes[name] for name in ("batch_size", "model")]
        return *others, abs(math.log(ratio(row)))

    nearest = min(measured, key=distance)
    seconds, found = nearest["systems"][LIBRARY]["seconds"], sizes_of(nearest)
    if found == sizes:
        return Estimate(seconds)
    return Estimate(seconds * max(ratio(nearest), 1.0 if is_gpu(results) else 0.0), found)


def compile_time(results, model):
    """`Estimate` of starting a process and compiling a model in it; of another one if it was not measured.

    Raises
    ------
    ValueError
        If there is no time of a compilation.
    """
    rows = results["parts"].get("compile", [])
    measured = [row for row in rows if "seconds" in row["cold"]]
    if not measured:
        raise ValueError(
            "--benchmarks have no times of compilation: measure them by experiments.benchmark --parts compile"
        )
    row = min(measured, key=lambda row: row["model"] != model)
    seconds = row["cold"]["start_seconds"] + row["cold"]["seconds"]
    return Estimate(seconds, None if row["model"] == model else {"model": row["model"]})
