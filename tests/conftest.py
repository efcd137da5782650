"""Settings and fixtures shared by the tests: double precision, reference values, data sets."""

import os
from pathlib import Path

import numpy as np
import pytest

# Before anything imports PyTensor or starts a thread pool, and for the processes that tests start.
os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, [os.environ.get("PYTENSOR_FLAGS"), "floatX=float64"]))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

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
def rng():
    """Random numbers that are the same in every run."""
    return np.random.default_rng(0)
