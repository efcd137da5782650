"""Distributions of vectors of which only some entries were observed; the others are NaN."""

import pytensor.tensor as pt

from breze_like.distributions.base import Distribution


class Observed(Distribution):
    """A distribution whose likelihoods are those of the observed entries: NaN entries are integrated out.

        log p(x_observed) = log integral p(x_observed, x_missing) dx_missing

    Everything else is as for the whole distribution.

    Parameters
    ----------
    whole : Distribution
        One that has an `observed_log_prob`, exact.

    Raises
    ------
    ValueError
        If it has none.
    """

    def __init__(self, whole):
        if not hasattr(whole, "observed_log_prob"):
            raise ValueError(
                "emission must be one whose missing entries can be left out, such as 'bernoulli' or "
                f"'gaussian_shared', got {type(whole).__name__}, for which missing must be 'refuse'"
            )
        self.whole = whole

    @property
    def mean(self):
        return self.whole.mean

    @property
    def mode(self):
        return self.whole.mode

    def log_prob(self, x):
        """Of the entries of x that are not NaN, shape (...), nats; 0 where all of them are missing."""
        return self.whole.observed_log_prob(x)

    def sample(self, noise):
        return self.whole.sample(noise)

    def given(self, x):
        return Observed(self.whole.given(x))

    def tempered(self, temperature):
        return Observed(self.whole.tempered(temperature))

    def draw_noise(self, rng, shape):
        return self.whole.draw_noise(rng, shape)


def without_missing(x):
    """x with 0 in place of NaN; there, the gradient is 0, too."""
    return pt.switch(pt.isnan(x), 0, x).astype(x.dtype)


def sum_of_observed(log_probs, x):
    """sum_i log p(x_i) of the entries that are not NaN, by a function that gives log p(x_i), shape (..., n).

    Missing entries are first replaced by numbers, and the results for these are then left out: NaN would
    spread to everything computed from it, and to gradients even if it had been left out.
    """
    return pt.switch(pt.isnan(x), 0, log_probs(without_missing(x))).sum(axis=-1)
