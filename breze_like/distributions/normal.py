"""The diagonal normal distribution."""

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.observed import sum_of_observed

LOG_2_PI = np.log(2 * np.pi).item()


class DiagonalNormal(Distribution):
    """Independent normal variables.

    Parameters
    ----------
    mean : TensorVariable, shape (..., n)
    variance : TensorVariable or float
        Positive; broadcasts against the mean.
    """

    def __init__(self, mean, variance):
        self._mean = mean
        self.variance = pt.cast(variance, mean.dtype)  # PyTensor takes sqrt(2.0) in single precision

    @property
    def mean(self):
        return self._mean

    @property
    def mode(self):
        return self.mean

    def log_prob(self, x):
        """-1/2 sum [log(2 pi variance) + (x - mean)^2 / variance], shape (...), nats."""
        return self._log_probs(x).sum(axis=-1)

    def observed_log_prob(self, x):
        """The same, of the entries of x that are not NaN."""
        return sum_of_observed(self._log_probs, x)

    def sample(self, noise):
        """mean + sqrt(variance) noise."""
        return self.mean + pt.sqrt(self.variance) * noise

    def tempered(self, temperature):
        """With variance * temperature."""
        return DiagonalNormal(self.mean, self.variance * temperature)

    @staticmethod
    def draw_noise(rng, shape):
        """Standard normal noise."""
        return rng.standard_normal(shape)

    def _log_probs(self, x):
        return normal_log_density(x, self.mean, self.variance)


def normal_log_density(x, mean, variance):
    """log N(x; mean, variance), element-wise, nats."""
    variance = pt.cast(variance, x.dtype)
    return -(LOG_2_PI + pt.log(variance) + (x - mean) ** 2 / variance) / 2
