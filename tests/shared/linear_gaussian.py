"""A model whose likelihood is known: a Wiener process seen through linear-Gaussian observations."""

from types import SimpleNamespace

import numpy as np
import pytensor.tensor as pt
from scipy.stats import multivariate_normal

from breze_like.distributions import DiagonalNormal, GaussMarkov
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments

LOADINGS = np.array([[1.2, -0.9]])  # x_t = z_t LOADINGS + noise
NOISE_VARIANCE = 0.6
PRECISION = (LOADINGS**2).sum() / NOISE_VARIANCE  # what one observation says about z_t


class LinearGaussian(VariationalModel):
    emits_from_step = True

    def __init__(self, posterior, **choices):
        super().__init__(2, 1, posterior=posterior, **choices)

    def _make_networks(self, *_):
        self.emission = SimpleNamespace(binary=False)

    def recognise(self, observations, mask):
        return Recognised(self.posterior_class.recognise(observations, mask))

    def generate(self, latents, mask):
        return DiagonalNormal(latents @ LOADINGS, NOISE_VARIANCE)


class OfPresent(GaussMarkov):
    """Sees of x what x_t alone says of z_t."""

    @staticmethod
    def recognise(x, mask):
        return Moments(x @ LOADINGS.T / NOISE_VARIANCE)


class Bootstrap(OfPresent):
    """The prior itself, whatever is observed."""

    @classmethod
    def from_recognition(cls, outputs, mask):
        zeros = pt.zeros_like(outputs.mean)
        return cls(1.0 + zeros, zeros, 1.0 + zeros, mask)


class Filtering(OfPresent):
    """p(z_t | z_{t-1}, x_t), which does not know what comes."""

    @classmethod
    def from_recognition(cls, outputs, mask):
        variance = pt.ones_like(outputs.mean) / (1 + PRECISION)
        return cls(variance, variance * outputs.mean, variance, mask)


def draw(rng, n_steps):
    """A sequence of the model's."""
    z = rng.standard_normal((n_steps, 1)).cumsum(axis=0)
    return z @ LOADINGS + np.sqrt(NOISE_VARIANCE) * rng.standard_normal((n_steps, 2))


def exact_nll(sequence):
    times = np.arange(1, len(sequence) + 1)
    covariance = np.kron(np.minimum.outer(times, times), LOADINGS.T @ LOADINGS)
    covariance += NOISE_VARIANCE * np.eye(len(covariance))
    return -multivariate_normal(cov=covariance).logpdf(sequence.ravel())
