"""Long sequences whose likelihood is known, for the estimators that are made for such."""

import numpy as np
import pytest
from linear_gaussian import draw, exact_nll


@pytest.fixture(scope="session")
def sequences():
    rng = np.random.default_rng(1)
    return [draw(rng, n_steps) for n_steps in (40, 3, 60, 1)]


@pytest.fixture(scope="session")
def nll(sequences):
    return np.array([exact_nll(s) for s in sequences])
