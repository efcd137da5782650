"""Latent sequences of different lengths in one batch, and dense reference formulas."""

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.distributions import (
    POSTERIORS,
    PRIORS,
    GaussianProcess,
    MarkovProcess,
    OrnsteinUhlenbeck,
)


class Batch:
    """Sequences placed in the columns of one array: the first full, others with padding at one end or both.

    Two of them share a column.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_latents : int
    """

    n_steps = 6
    # Column and steps of each sequence.
    places = (
        (0, slice(0, 6)),
        (1, slice(2, 6)),
        (2, slice(0, 4)),
        (3, slice(2, 3)),
        (4, slice(1, 5)),
        (5, slice(0, 4)),
        (5, slice(5, 6)),
    )

    def __init__(self, rng, n_latents=3):
        self.shape = self.n_steps, self.places[-1][0] + 1, n_latents
        self.mask = np.zeros(self.shape[:2])
        for column, place in self.places:
            self.mask[place, column] = 1
        # What stands in the padding is as wild as the rest; a trace of it in a result is an error.
        self.coefficient = rng.uniform(0.05, 0.95, self.shape)
        self.offset = rng.normal(size=self.shape)
        self.variance = rng.uniform(0.1, 2.0, self.shape)
        self.noise = rng.normal(size=self.shape)
        self.latents = rng.normal(size=self.shape)

    def each(self):
        """(place, column, latent) of every one-dimensional sequence."""
        for column, place in self.places:
            for latent in range(self.shape[2]):
                yield place, column, latent

    def real(self, x):
        """What x, time and sequence first, has at the real steps: one row for each."""
        return x[self.mask == 1]


@pytest.fixture(scope="package")
def batch():
    return Batch(np.random.default_rng(1))


def smooth_kernel(t, r):
    """A smooth covariance that NumPy and PyTensor both evaluate."""
    return 1.5 * 2.0 ** (-(((t - r) / 3) ** 2)) + 1e-2 * (abs(t - r) < 0.5)


def damped(n, c, v, v_0):
    """Covariance of z_1, ..., z_n with z_t = c z_{t-1} + N(0, v) and z_0 ~ N(0, v_0), from its own matrix."""
    inverse = np.linalg.inv(np.eye(n) - c * np.eye(n, k=-1))
    return inverse @ np.diag([v + c**2 * v_0, *[v] * (n - 1)]) @ inverse.T


COVARIANCES = {
    "white": lambda n: np.eye(n),
    "wiener": lambda n: np.minimum.outer(np.arange(1, n + 1), np.arange(1, n + 1)),
    "gp_wiener": lambda n: np.minimum.outer(np.arange(1, n + 1), np.arange(1, n + 1)),
    "ornstein_uhlenbeck": lambda n: np.exp(-np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / 3.0),
    "gp_smooth": lambda n: np.array(
        [[smooth_kernel(t, r) for r in range(1, n + 1)] for t in range(1, n + 1)], float
    ),
}


@pytest.fixture(scope="package")
def priors():
    """Name -> (process, function from a number of steps to the dense covariance).

    Of a Markov process that has no covariance above, it is that of its coefficient and variances.
    """
    processes = {
        **{name: prior() for name, prior in PRIORS.items()},
        "ornstein_uhlenbeck": OrnsteinUhlenbeck(3.0),
        # Not stationary: z_0 has another variance than the steps come to.
        "markov": MarkovProcess(0.6, 1.7, 2.5),
        "gp_wiener": GaussianProcess(pt.minimum),
        "gp_smooth": GaussianProcess(smooth_kernel),
    }

    def covariance(p):
        return lambda n: damped(n, p.coefficient, p.variance, p.initial_variance)

    return {name: (p, COVARIANCES.get(name) or covariance(p)) for name, p in processes.items()}


@pytest.fixture(scope="package")
def make_posterior():
    """An approximate posterior by name: with the coefficients, if its class leaves these open."""

    def make(name, coefficient, offset, variance, mask):
        q = POSTERIORS[name]
        return q(offset, variance, mask) if q.n_outputs == 1 else q(coefficient, offset, variance, mask)

    return make


@pytest.fixture(scope="package")
def coefficient_of():
    """The coefficients that an approximate posterior has by name, if it is given these."""

    def coefficient_of(name, coefficient):
        q = POSTERIORS[name]
        return np.full_like(coefficient, q.a) if q.n_outputs == 1 else coefficient

    return coefficient_of


@pytest.fixture(scope="package")
def dense_posterior():
    """Mean and covariance of z = A^-1 (m + sqrt(v) eps), with A = 1 - shift(a), and A^-1; of one sequence."""

    def moments(coefficient, offset, variance):
        forward = np.eye(len(offset)) - np.diag(coefficient[1:], -1)
        inverse = np.linalg.inv(forward)
        return inverse @ offset, inverse @ np.diag(variance) @ inverse.T, inverse

    return moments
