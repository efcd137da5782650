"""Files are read in a separate process: how it is started, its limits, and what it returns.

Whatever happens there, a crash, a hang, or running out of memory, becomes a ValueError here, of one line. The
process is limited in its time, its memory, and the size of what it returns; it is ended by Ctrl-C, and ends
with the process that started it. Nothing of what it returns is executed.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from breze_like.child_process import WITHOUT_PACKAGES, starting
from breze_like.quoting import shown

OFF = "off"  # of $BREZE_LIKE_LIMITS
MAX_ENDS = 3  # after so many files have ended the process, others of the same folder are not read
SECONDS_TO_START = 300  # of a machine that has other things to do
PATIENCE = 6  # times the seconds of computing may pass, since others compute, too
MAX_LINE_BYTES = 50_000_000
# One thread: others would take address space, of which there is little, and there is nothing to compute.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}

START = f"""{WITHOUT_PACKAGES}
from breze_like.data.reading import main
main()
"""


@dataclass(frozen=True)
class Job:
    """A file that is to be read.

    Parameters
    ----------
    kind : str
        "data set", "array", "table", "midi" or, of an HDF5 file, all that is "stored".
    path : str
    n_bytes : int
        Of the file.
    arguments : sequence
        Further ones of its reader.
    """

    kind: str
    path: str
    n_bytes: int
    arguments: Sequence[Any] = ()


@dataclass(frozen=True, eq=False)
class Found:
    """What was read from a file: arrays of numbers, and what JSON can hold about them."""

    arrays: list[NDArray]
    about: dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What reading a file may take.

    Parameters
    ----------
    seconds : float
        Computing time, plus one second for each ten megabytes of the file; `PATIENCE` times as much time may
        pass.
    n_bytes : int
        Memory of the whole process, plus four bytes for each byte of the file.
    n_file_bytes : int
        Size of the file.
    n_result_bytes, n_sequences : int
        Size of what is read.
    """

    ADVICE: ClassVar[str] = "it is damaged, or huge: limits=False, or --no-limits, lifts the limits"

    seconds: float = 10.0
    n_bytes: int = 600_000_000
    n_file_bytes: int = 100_000_000
    n_result_bytes: int = 250_000_000
    n_sequences: int = 100_000

    def seconds_of(self, n_bytes: int) -> float:
        """Time for a file of so many bytes."""
        return self.seconds + n_bytes / 1e7

    def memory_of(self, n_bytes: int) -> int:
        """Bytes of memory for a file of so many bytes."""
        return self.n_bytes + 4 * n_bytes

    def check_file(self, n_bytes: int) -> None:
        """Raise a ValueError if a file has more bytes than may be read."""
        if n_bytes > self.n_file_bytes:
            raise ValueError(f"is larger than {self.n_file_bytes / 1e6:.0f} MB: {self.ADVICE}")

    def check(self, arrays: Sequence[NDArray]) -> None:
        """Raise a ValueError if this is more than may be returned."""
        if len(arrays) > self.n_sequences:
            raise ValueError(f"holds more than {self.n_sequences} sequences: {self.ADVICE}")
        if sum(array.nbytes for array in arrays) > self.n_result_bytes:
            raise ValueError(f"holds more than {self.n_result_bytes / 1e6:.0f} MB: {self.ADVICE}")


def usual_limits(limits: bool | None) -> Limits | None:
    """The limits, or None if there are none; by default they hold, unless $BREZE_LIKE_LIMITS is "off"."""
    on = os.environ.get("BREZE_LIKE_LIMITS") != OFF if limits is None else limits
    return Limits() if on else None


def read_apart(jobs: Sequence[Job], limits: Limits | None) -> list[Found | ValueError]:
    """Read files in a separate process, the same one for all of them.

    Returns
    -------
    list of Found or ValueError
        One for each file; the errors' messages are one line, and don't name the file.

    Raises
    ------
    ValueError
        If the process can't be started.
    """
    answers, n_ends = [], 0
    while len(answers) < len(jobs):
        if n_ends == MAX_ENDS:
            unread = ValueError(
                f"was not read, since {MAX_ENDS} other files had ended the process that reads them"
            )
            return answers + [unread] * (len(jobs) - len(answers))
        found, end = run(jobs[len(answers) :], limits)
        answers += found
        if end is not None:
            answers.append(end)
            n_ends += 1
    return answers


def run(jobs: Sequence[Job], limits: Limits | None) -> tuple[list[Found | ValueError], ValueError | None]:
    """One process: what comes back of the first files, and what the next one did to it, if it ended so."""
    seconds = None
    if limits is not None:
        seconds = SECONDS_TO_START + PATIENCE * sum(limits.seconds_of(job.n_bytes) for job in jobs)
    request = {"parent": os.getpid(), "limits": limits and asdict(limits)}
    request["jobs"] = [[job.kind, job.path, job.n_bytes, list(job.arguments)] for job in jobs]
    command = starting(START, "data", "music")
    with tempfile.TemporaryFile() as stream, tempfile.TemporaryFile() as messages:
        try:
            status = subprocess.run(
                command,
                input=json.dumps(request).encode(),
                stdout=stream,
                stderr=messages,
                timeout=seconds,
                env={**os.environ, **ONE_THREAD},
                check=False,
            ).returncode
        except OSError as error:
            raise ValueError(f"the process that reads files could not be started: {shown(error)}") from error
        except subprocess.TimeoutExpired:
            status = -signal.SIGALRM if hasattr(signal, "SIGALRM") else 1
        n_bytes = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        found, begun = _answers(stream, n_bytes, len(jobs))
        if len(found) == len(jobs):
            return found, None
        if not begun:
            messages.seek(0)
            said = messages.read(100_000).decode(errors="replace").strip().splitlines() or [
                f"status {status}"
            ]
            raise ValueError(f"the process that reads files could not be started: {shown(said[-1])}")
    return found, ValueError(_reason(status, limits, jobs[len(found)]))


def _reason(status, limits, job):
    late = [-getattr(signal, name, 0) for name in ("SIGPROF", "SIGALRM")]
    if status and status in late and limits is not None:
        return f"takes more than {limits.seconds_of(job.n_bytes):.0f} seconds to read: {Limits.ADVICE}"
    try:
        how = f"died of {signal.Signals(-status).name}"
    except ValueError:
        how = f"ended with status {status}"
    return f"can't be read: the process that read it {how}; it is damaged, or there is too little memory"


def _answers(stream: BinaryIO, n_bytes: int, n_jobs: int) -> tuple[list[Found | ValueError], bool]:
    """All that a process wrote completely, and whether it began with one that it did not."""
    found, begun = [], False
    while len(found) < n_jobs and stream.readline(2) == b"\n":
        begun = True
        try:
            found.append(_answer(stream, n_bytes))
        except (ValueError, KeyError, TypeError):
            break
        begun = False
    return found, begun


def _answer(stream, n_bytes):
    message = json.loads(stream.readline(MAX_LINE_BYTES))
    if "error" in message:
        return ValueError(shown(message["error"], 1000))
    arrays = []
    for kind, shape in message["arrays"]:
        dtype = np.dtype(kind)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or not 0 <= size <= n_bytes - stream.tell():
            raise ValueError("no array")
        # Not from a buffer: arrays are to be changed.
        array = np.empty(shape, dtype)
        if stream.readinto(array.reshape(-1).view(np.uint8)) != size:
            raise ValueError("not all of an array")
        arrays.append(array)
    return Found(arrays, message["about"])
