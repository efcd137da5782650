"""Independent binary variables."""

import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.observed import sum_of_observed


class Bernoulli(Distribution):
    """Independent binary variables, given by their logits log(p / (1 - p)), which are precise near 0 and 1.

    Parameters
    ----------
    logits : TensorVariable, shape (..., n)
    """

    def __init__(self, logits):
        self.logits = logits

    @property
    def mean(self):
        """The probabilities of a 1."""
        return pt.sigmoid(self.logits)

    @property
    def mode(self):
        """1 where it is at least as probable as 0."""
        return pt.ge(self.logits, 0).astype(self.logits.dtype)

    def log_prob(self, x):
        """sum [x log p + (1 - x) log(1 - p)], for x in [0, 1], shape (...), nats."""
        return self._log_probs(x).sum(axis=-1)

    def observed_log_prob(self, x):
        """The same, of the entries of x that are not NaN."""
        return sum_of_observed(self._log_probs, x)

    def sample(self, noise):
        """1 where the noise is below the probability."""
        return pt.lt(noise, self.mean).astype(self.logits.dtype)

    def tempered(self, temperature):
        """With logits / temperature."""
        return Bernoulli(self.logits / temperature)

    @staticmethod
    def draw_noise(rng, shape):
        """Noise uniform in [0, 1)."""
        return rng.random(shape)

    def _log_probs(self, x):
        return x * self.logits - pt.softplus(self.logits)
