"""Files are read in a separate process: this is what that process does.

A damaged or malicious file can crash or hang the libraries that read it, or make them use up all memory.
`breze_like.data.process` starts the process, says which files are to be read and within which limits, and
receives the results. The process starts quickly, since it needs neither PyTensor nor JAX.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from breze_like.child_process import end_with
from breze_like.data.process import PATIENCE, Found, Job, Limits
from breze_like.quoting import shown


def read_job(job: Job) -> Found:
    """Read a file.

    Raises
    ------
    Exception
        Any, if it is damaged.
    """
    return _READERS[job.kind](Path(job.path), *job.arguments)


def _read_data_set(path):
    from breze_like.data.formats import read_content

    content = read_content(path)
    about = {name: getattr(content, name) for name in ("name", "source", "licence", "warning")}
    about["sizes"] = {split: len(sequences) for split, sequences in content.splits.items()}
    return Found([array for sequences in content.splits.values() for array in sequences], about)


def _read_array(path, name):
    from breze_like.data.arrays import read_array

    return Found([read_array(path, name)], {})


def _read_table(path, name):
    from breze_like.data.tables import read_table

    values, names = read_table(path, name)
    return Found([values], {"columns": names})


def _read_midi(path, name, steps_per_quarter):
    from breze_like.music.midi import read_midi

    song = read_midi(path, steps_per_quarter, name)
    return Found([song.roll], {"n_notes": song.n_notes, "left_out": song.left_out, "damage": song.damage})


def _read_stored(path, *names):
    from breze_like.files.stored import read_whole

    arrays, texts = read_whole(path, names)
    return Found(list(arrays.values()), {"names": list(arrays), "texts": texts})


_READERS = {
    "data set": _read_data_set,
    "array": _read_array,
    "table": _read_table,
    "midi": _read_midi,
    "stored": _read_stored,
}


def answer(job: Job, limits: Limits | None) -> Found | ValueError:
    """What was found in a file, or what is wrong with it, in one line."""
    try:
        if limits is not None:
            limits.check_file(job.n_bytes)
        found = read_job(job)
        if limits is not None:
            limits.check(found.arrays)
        return found
    except MemoryError:
        return ValueError(f"takes too much memory: {Limits.ADVICE}")
    except OSError as error:
        return ValueError(shown(error.strerror or error))
    except ValueError as error:
        return ValueError(shown(error, 1000))
    except Exception as error:
        return ValueError(f"can't be read: {shown(f'{type(error).__name__}: {error}')}")


def main() -> None:
    """Read the files that standard input says; answers go to standard output, as `write` has them."""
    request = json.load(sys.stdin)
    limits = request["limits"] and Limits(**request["limits"])
    with os.fdopen(os.dup(1), "wb") as stream, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what libraries say
        end_with(request["parent"])
        for job in (Job(*job) for job in request["jobs"]):
            stream.write(b"\n")  # the file was begun
            stream.flush()
            with _limited(limits, job):
                write(answer(job, limits), stream)


def write(found: Found | ValueError, stream: BinaryIO) -> None:
    """One line of JSON, and the bytes of the arrays."""
    if isinstance(found, ValueError):
        stream.write(json.dumps({"error": str(found)}).encode() + b"\n")
        return
    arrays = [np.ascontiguousarray(array) for array in found.arrays]
    kinds = [[array.dtype.str, array.shape] for array in arrays]
    stream.write(json.dumps({"about": found.about, "arrays": kinds}).encode() + b"\n")
    for array in arrays:
        stream.write(array.reshape(-1).view(np.uint8))
    stream.flush()


@contextmanager
def _limited(limits: Limits | None, job: Job) -> Iterator[None]:
    """Let the kernel end the process at the limits of a file, as far as there are such limits."""
    if limits is None or not hasattr(signal, "setitimer"):
        yield
        return
    import resource

    for kind, value in (("RLIMIT_AS", limits.memory_of(job.n_bytes)), ("RLIMIT_CORE", 0)):
        with suppress(ValueError, OSError, AttributeError):
            _, hard = resource.getrlimit(getattr(resource, kind))
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, kind), (value, hard))
    seconds = limits.seconds_of(job.n_bytes)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    yield
    for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
        signal.setitimer(timer, 0)
