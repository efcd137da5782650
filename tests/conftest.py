"""Settings and fixtures shared by the tests: double precision, reference values, data sets."""

import os
import signal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

# Before anything imports PyTensor or starts a thread pool, and for the processes that tests start.
FLAGS = "floatX=float64"
os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, [os.environ.get("PYTENSOR_FLAGS"), FLAGS]))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")


# In a shell's background it is ignored, by all that tests start, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def quick_compilation():
    """Flags with which XLA compiles in a fifth of the time, by jaxlib 0.10, or else in half of it.

    Programs of tests are many and small. Who wants them compiled as users have it sets XLA_FLAGS, to nothing:
    it ends a process if it does not know a flag, as later versions don't know the second one.
    """
    flags = ["--xla_backend_optimization_level=0"]
    try:
        if version("jaxlib").startswith("0.10."):
            flags.append("--xla_cpu_use_fusion_emitters=false")
    except PackageNotFoundError:
        pass
    return " ".join(flags)


os.environ.setdefault("XLA_FLAGS", quick_compilation())

from breze_like.backends.process import prepare_process  # noqa: E402

prepare_process()

from breze_like.data import process  # noqa: E402
from breze_like.data.reading import answer  # noqa: E402
from breze_like.native import ahead  # noqa: E402

# Tests keep all cores busy: who needs a kernel compiles it, which is less work than a process of its own.
ahead.n_cores = lambda: 1

# Tests read files in their own process, at once; those of the other process call this one.
IN_A_PROCESS = process.run
process.run = lambda jobs, limits: ([answer(job, limits) for job in jobs], None)

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent


@pytest.fixture(scope="session")
def goldens():
    """Load a file of reference values: ``goldens("g1_transfer.npz")["exact_tanh_mean"]``.

    The folder is ``$BREZE_LIKE_GOLDENS``, else ``tests/goldens``, whose README describes the files.
    """
    folder = Path(os.environ.get("BREZE_LIKE_GOLDENS", TESTS / "goldens"))

    def load(name):
        if not (folder / name).is_file():
            pytest.skip(f"no reference values {name} in {folder}")
        with np.load(folder / name) as arrays:
            return dict(arrays)

    return load


@pytest.fixture(scope="session")
def standard_data():
    """Folder of the four standard piano-roll data sets, which the project does not contain.

    It is ``$BREZE_LIKE_DATA``, else ``shared/datasets`` beside the repository.
    """
    beside = REPOSITORY.parent / "shared" / "datasets"
    folder = Path(os.environ.get("BREZE_LIKE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no standard data sets: {folder} is no folder")
    return folder


@pytest.fixture
def apart(monkeypatch):
    """Let files be read in a process of their own, as they are for users."""
    monkeypatch.setattr(process, "run", IN_A_PROCESS)


@pytest.fixture
def rng():
    """Random numbers that are the same in every run."""
    return np.random.default_rng(0)
