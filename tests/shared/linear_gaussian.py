"""A model whose likelihood is known: a Wiener process seen through linear-Gaussian observations."""

from types import SimpleNamespace

import numpy as np
from scipy.stats import multivariate_normal

from breze_like.distributions import DiagonalNormal
from breze_like.models.variational import Recognised, VariationalModel

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


def exact_nll(sequence):
    times = np.arange(1, len(sequence) + 1)
    covariance = np.kron(np.minimum.outer(times, times), LOADINGS.T @ LOADINGS)
    covariance += NOISE_VARIANCE * np.eye(len(covariance))
    return -multivariate_normal(cov=covariance).logpdf(sequence.ravel())
