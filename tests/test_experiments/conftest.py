"""A small data set, and a run on it."""

import numpy as np
import pytest

from breze_like.data import Dataset, write_hdf5


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Path of a file with short piano rolls of unequal lengths."""
    rng = np.random.default_rng(0)

    def rolls(n):
        return [(rng.random((length, 88)) < 0.05).astype(np.uint8) for length in rng.integers(3, 9, n)]

    path = tmp_path_factory.mktemp("data") / "small.h5"
    write_hdf5(path, Dataset("small", rolls(6), rolls(3), rolls(3)))
    return path
