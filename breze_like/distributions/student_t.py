"""Student's t-distribution: like the normal one, but with heavier tails, which allow for outliers."""

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.observed import sum_of_observed


class StudentT(Distribution):
    """Independent variables x = location + scale t, where t has Student's distribution.

    Parameters
    ----------
    location : TensorVariable, shape (..., n)
    scale, degrees : TensorVariable
        Scale, positive, and degrees of freedom, more than 1 for there to be an expectation; they broadcast
        against the location.

    References
    ----------
    Bailey (1994), Polar generation of random variates with the t-distribution.
    """

    def __init__(self, location, scale, degrees):
        self.location = location
        self.scale = scale
        self.degrees = degrees

    @property
    def mean(self):
        return self.location

    @property
    def mode(self):
        return self.location

    def log_prob(self, x):
        """sum log [Gamma((d + 1) / 2) / (Gamma(d / 2) s sqrt(pi d)) (1 + u^2 / d)^(-(d + 1) / 2)], nats.

        With u = (x - location) / s; shape (...).
        """
        return self._log_probs(x).sum(axis=-1)

    def observed_log_prob(self, x):
        """The same, of the entries of x that are not NaN."""
        return sum_of_observed(self._log_probs, x)

    def sample(self, noise):
        """By Bailey's polar method: t = cos(2 pi v) sqrt(d (u^(-2 / d) - 1)), of uniform u and v."""
        noise, n, d = pt.as_tensor(noise), self.location.shape[-1], self.degrees
        u, v = noise[..., :n], noise[..., n:]
        t = pt.cos(2 * np.pi * v) * pt.sqrt(d * pt.expm1(-2 / d * pt.log(u)))
        return self.location + self.scale * t

    def tempered(self, temperature):
        """With scale * sqrt(temperature), so that the variance is multiplied by the temperature.

        For temperatures above d + 1, the tempered density has no finite integral.
        """
        return StudentT(self.location, self.scale * pt.sqrt(temperature), self.degrees)

    @staticmethod
    def draw_noise(rng, shape):
        """Two numbers for each variable, uniform in (0, 1], one behind all variables of a vector."""
        *others, n = shape
        return 1 - rng.random((*others, 2 * n))

    def _log_probs(self, x):
        d = self.degrees
        u = (x - self.location) / self.scale
        constant = pt.gammaln((d + 1) / 2) - pt.gammaln(d / 2) - pt.log(np.pi * d) / 2 - pt.log(self.scale)
        return constant - (d + 1) / 2 * pt.log1p(u**2 / d)
