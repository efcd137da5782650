"""The mixture of diagonal normal distributions."""

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.normal import DiagonalNormal
from breze_like.log_space import log_sum_exp


class NormalMixture(Distribution):
    """Vectors, each of which comes from one of several diagonal normal distributions.

        p(x) = sum_k w_k N(x; mean_k, variance_k),  w = softmax(logits)

    Parameters
    ----------
    logits : TensorVariable, shape (..., n_components)
    means, variances : TensorVariable, shape (..., n_components, n)
        The variances are positive and broadcast against the means.

    References
    ----------
    Bishop (1994), Mixture density networks.
    """

    def __init__(self, logits, means, variances):
        self.logits = logits
        self.components = DiagonalNormal(means, variances)

    @property
    def mean(self):
        """sum_k w_k mean_k."""
        return (self.weights[..., None] * self.components.mean).sum(axis=-2)

    @property
    def mode(self):
        """An approximation: the mean of the component whose own density there, times its weight, is largest.

        Components that overlap can have their highest peak elsewhere.
        """
        peaks = self.logits + self.components.log_prob(self.components.mode)
        return self._component(pt.argmax(peaks, axis=-1)).mode

    @property
    def weights(self):
        """The probabilities w of the components."""
        return pt.special.softmax(self.logits, axis=-1)

    def log_prob(self, x):
        """log sum_k w_k N(x; mean_k, variance_k), shape (...), nats."""
        return self._over_components(self.components.log_prob(x[..., None, :]))

    def observed_log_prob(self, x):
        """The same, of the entries of x that are not NaN: each component is marginalised by itself."""
        return self._over_components(self.components.observed_log_prob(x[..., None, :]))

    def sample(self, noise):
        """Of one component, which the last number chooses by the cumulated weights, from the other noise."""
        noise = pt.as_tensor(noise)
        reached = pt.ge(noise[..., -1, None], pt.cumsum(self.weights, axis=-1)[..., :-1])
        return self._component(reached.sum(axis=-1)).sample(noise[..., :-1])

    def given(self, x):
        """With the weights of the components given the entries of x that are not NaN."""
        components = self.components
        observed = components.observed_log_prob(x[..., None, :])
        return NormalMixture(self.logits + observed, components.mean, components.variance)

    def tempered(self, temperature):
        """An approximation: the weights and the components are tempered, each by themselves."""
        components = self.components.tempered(temperature)
        return NormalMixture(self.logits / temperature, components.mean, components.variance)

    @staticmethod
    def draw_noise(rng, shape):
        """Standard normal noise with one more number at the end of each vector, uniform in [0, 1)."""
        *others, n = shape
        normal, uniform = DiagonalNormal.draw_noise(rng, shape), rng.random((*others, 1))
        return np.concatenate([normal, uniform], axis=-1)

    def _over_components(self, log_prob):
        """log sum_k w_k p_k, from log p_k, (..., n_components)."""
        return log_sum_exp(pt.special.log_softmax(self.logits, axis=-1) + log_prob, axis=-1)

    def _component(self, index):
        """One component for each vector, by its index of shape (...)."""
        counted = pt.cumsum(pt.ones_like(self.logits), axis=-1) - 1
        chosen = pt.eq(counted, index[..., None])[..., None]
        means, variances = self.components.mean, self.components.variance
        return DiagonalNormal(*(pt.switch(chosen, m, 0.0).sum(axis=-2) for m in (means, variances)))
