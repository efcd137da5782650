"""Approximate posteriors of latent sequences: z_t | z_{t-1} ~ N(a_t z_{t-1} + m_t, v_t), with z_0 = 0.

============== ================ =================================================
class          a_t              z
============== ================ =================================================
`Diagonal`     0                independent over time; the paper's
`Increments`   1                independent increments; nothing corrects their sum
`GaussMarkov`  between 0 and 1  both of them, and all between
============== ================ =================================================

Everything that follows from a, m and v is in `MarkovPosterior`; the three classes differ in how sums over
time are computed. Sequences that share a column, with padding between them, are independent. Shapes are
(n_steps, n_sequences, n_latents), and masks (n_steps, n_sequences), as in `processes`.
"""

from abc import ABC, abstractmethod
from functools import cached_property

import pytensor.tensor as pt

from breze_like.distributions.normal import LOG_2_PI, DiagonalNormal, normal_log_density
from breze_like.distributions.processes import previous
from breze_like.moments import Moments
from breze_like.recurrence import linear_recurrence


class MarkovPosterior(ABC):
    """z_t | z_{t-1} ~ N(a_t z_{t-1} + m_t, v_t).

    Parameters
    ----------
    coefficient : TensorVariable or float
        a.
    offset : TensorVariable
        m.
    innovation_variance : TensorVariable
        v, positive.
    mask : TensorVariable
    """

    draw_noise = staticmethod(DiagonalNormal.draw_noise)

    # How many output units of a recognition network one latent takes.
    n_outputs = 1

    def __init__(self, coefficient, offset, innovation_variance, mask):
        self.coefficient = coefficient
        self.offset = offset
        self.innovation_variance = innovation_variance
        self.mask = mask

    @classmethod
    @abstractmethod
    def from_recognition(cls, outputs, mask):
        """The posterior given by a recognition network's outputs.

        Parameters
        ----------
        outputs : Moments, shape (n_steps, n_sequences, n_outputs * n_latents)
            Of the output units, with a variance.
        mask : TensorVariable, shape (n_steps, n_sequences)
        """

    def accumulate(self, coefficient, u):
        """y_t = coefficient_t y_{t-1} + u_t, with y_0 = 0; in the padding, both of them are 0."""
        return linear_recurrence(coefficient, u)

    @cached_property
    def mean(self):
        """E[z_t]."""
        return self.accumulate(self._masked(self.coefficient), self._masked(self.offset))

    @property
    def mode(self):
        """The most probable sequence; of a normal distribution, the mean."""
        return self.mean

    @cached_property
    def variance(self):
        """V[z_t]."""
        return self.accumulate(self._masked(self.coefficient**2), self._masked(self.innovation_variance))

    @property
    def moments(self):
        """Those of z_t, as `Moments`."""
        return Moments(self.mean, self.variance)

    def forecast(self, z, less=0.0):
        """Moments of z_t - less z_{t-1} from those of z_{t-1}, of the shape that the posterior has."""
        remaining = self.coefficient - less
        mean, variance = z.uncertain
        return Moments(remaining * mean + self.offset, remaining**2 * variance + self.innovation_variance)

    def difference(self, coefficient):
        """Moments of z_t - coefficient z_{t-1}; with 1, of the increments."""
        if self._leaves_nothing(coefficient):
            return Moments(self.offset, self.innovation_variance)
        return self.forecast(self.moments.map(lambda u: previous(u, self.mask)), coefficient)

    def sample(self, noise):
        """A draw from standard normal noise of its shape."""
        return self.accumulate(self._masked(self.coefficient), self._masked(self._innovation(noise)))

    def drawn_difference(self, z, noise, coefficient):
        """z_t - coefficient z_{t-1} of the draw z of some noise; from the noise, which has more digits."""
        innovation = self._innovation(noise)
        if self._leaves_nothing(coefficient):
            return innovation
        return (self.coefficient - coefficient) * previous(z, self.mask) + innovation

    def drawn_log_prob(self, noise):
        """`log_prob` of the draw of some noise, from the noise."""
        log_variance = pt.log(self.innovation_variance)
        return -self.mask * ((noise**2 + LOG_2_PI + log_variance) / 2).sum(axis=-1)

    def log_prob(self, z):
        """log q(z_t | z_{t-1}) summed over latents, (n_steps, n_sequences), nats; 0 where the mask is 0."""
        expected = self.coefficient * previous(z, self.mask) + self.offset
        return self.mask * normal_log_density(z, expected, self.innovation_variance).sum(axis=-1)

    def responses(self):
        """dz_t / d(innovation of step s), (n_steps t, n_steps s, n_sequences, n_latents); 0 in padding."""
        like = self._masked(pt.ones_like(self.offset))
        impulses = pt.eye(like.shape[0], dtype=like.dtype)[:, :, None, None] * like[:, None]
        return self.accumulate((self.coefficient * like)[:, None], impulses)

    def _innovation(self, noise):
        return self.offset + pt.sqrt(self.innovation_variance) * noise

    def _leaves_nothing(self, coefficient):
        """Whether the posterior's own coefficient is this one, at all steps."""
        remaining = self.coefficient - coefficient
        return isinstance(remaining, float) and remaining == 0

    def _masked(self, u):
        return u * self.mask[:, :, None]


class _FixedCoefficient(MarkovPosterior):
    """With the same a at all steps."""

    a = None

    def __init__(self, mean, variance, mask):
        super().__init__(self.a, mean, variance, mask)

    @classmethod
    def from_recognition(cls, outputs, mask):
        return cls(*outputs, mask)


class Diagonal(_FixedCoefficient):
    """z_t ~ N(m_t, v_t), independent over t."""

    a = 0.0

    def accumulate(self, coefficient, u):
        return u


class Increments(_FixedCoefficient):
    """z_t - z_{t-1} ~ N(m_t, v_t), independent over t."""

    a = 1.0


class GaussMarkov(MarkovPosterior):
    """z_t | z_{t-1} ~ N(a_t z_{t-1} + m_t, v_t), with a_t in (0, 1)."""

    n_outputs = 2

    @classmethod
    def from_recognition(cls, outputs, mask):
        """The moments of one half of the units are m and v; the sigmoid of the other half's mean is a."""
        n = outputs.mean.shape[-1] // 2
        return cls(pt.sigmoid(outputs.mean[:, :, n:]), *outputs.map(lambda u: u[:, :, :n]), mask)


POSTERIORS = {"diagonal": Diagonal, "increments": Increments, "gauss_markov": GaussMarkov}
