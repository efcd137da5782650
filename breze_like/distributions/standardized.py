"""Distributions of standardised values, expressed in the original units."""

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution


class Standardized(Distribution):
    """The distribution of x = mean + sqrt(variance) u, given that of u, including the Jacobian.

        log p(x) = log p(u) - 1/2 sum log variance

    Parameters
    ----------
    of_standardized : Distribution
        Of u.
    mean, variance : ndarray, shape (n,)
    """

    def __init__(self, of_standardized, mean, variance):
        self.of_standardized = of_standardized
        self._moments = mean, variance
        dtype = of_standardized.mean.dtype
        arrays = mean, np.sqrt(variance), np.log(variance) / 2
        self._mean, self._scale, self._log_scales = (pt.cast(array, dtype) for array in arrays)

    @property
    def mean(self):
        return self._in_units(self.of_standardized.mean)

    @property
    def mode(self):
        return self._in_units(self.of_standardized.mode)

    def log_prob(self, x):
        """Log-density of x in its own units, nats."""
        return self.of_standardized.log_prob(self._standardized(x)) - self._log_scales.sum()

    def observed_log_prob(self, x):
        """The same, of the entries of x that are not NaN."""
        log_scales = pt.switch(pt.isnan(x), 0, self._log_scales).sum(axis=-1)
        return self.of_standardized.observed_log_prob(self._standardized(x)) - log_scales

    def sample(self, noise):
        return self._in_units(self.of_standardized.sample(noise))

    def given(self, x):
        return Standardized(self.of_standardized.given(self._standardized(x)), *self._moments)

    def tempered(self, temperature):
        return Standardized(self.of_standardized.tempered(temperature), *self._moments)

    def draw_noise(self, rng, shape):
        return self.of_standardized.draw_noise(rng, shape)

    def _standardized(self, x):
        return (x - self._mean) / self._scale

    def _in_units(self, u):
        return self._mean + self._scale * u
