"""Priors on latent sequences: Markov processes, and Gaussian processes with any kernel; `PRIORS` has names.

Latents have shape (n_steps, n_sequences, n_latents) and are independent across sequences and latents.
A mask (n_steps, n_sequences), 1 where a step is real and 0 before or after, places a sequence in its column;
the first real step is t = 1, whatever precedes it. A column may hold several sequences, with padding between
them; these are independent.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
import pytensor.tensor as pt
from pytensor import config

from breze_like.backends import compile_function
from breze_like.checks import is_number
from breze_like.distributions.normal import LOG_2_PI, DiagonalNormal, normal_log_density
from breze_like.moments import Moments
from breze_like.recurrence import linear_recurrence
from breze_like.recurrence.loop import count_steps


class Process(ABC):
    """A distribution of sequences whose density is a product over steps, given the steps before."""

    draw_noise = staticmethod(DiagonalNormal.draw_noise)

    @classmethod
    def make(cls, parameters, name, n_latent):
        """The process as the prior of a model, called `name`; here it may declare its own parameters.

        Parameters
        ----------
        parameters : ParameterSet
        name : str
        n_latent : int
        """
        return cls()

    @abstractmethod
    def log_prob(self, z, mask):
        """log p(z_t | z_1, ..., z_{t-1}), summed over latents.

        Parameters
        ----------
        z : TensorVariable, shape (n_steps, n_sequences, n_latents)
        mask : TensorVariable, shape (n_steps, n_sequences)

        Returns
        -------
        TensorVariable, shape (n_steps, n_sequences), nats; 0 where the mask is 0.
        """

    @abstractmethod
    def sample(self, noise):
        """Sequences without padding, from standard normal noise of their shape."""

    def check_steps(self, n_steps):
        """Raise a ValueError if it is not a distribution for this number of steps."""
        return  # it always is, but for processes that say otherwise


class MarkovProcess(Process):
    """z_t | z_{t-1} ~ N(c z_{t-1}, v), independent over latents, with z_0 ~ N(0, v_0).

    Parameters
    ----------
    coefficient, variance : float or TensorVariable, shape (n_latents,)
        c and v.
    initial_variance : float
        v_0.
    """

    def __init__(self, coefficient, variance=1.0, initial_variance=0.0):
        self.coefficient = coefficient
        self.variance = variance
        self.initial_variance = initial_variance

    def forecast(self, z, first=0.0):
        """Moments of z_t from those of z_{t-1}, of shape (..., n_latents).

        `first` is 1 where z_{t-1} is z_0, and its moments are given as 0; it broadcasts against the mean.
        """
        mean, variance = z.uncertain
        return Moments(self.coefficient * mean, self.coefficient**2 * variance + self.given_past(first))

    def given_past(self, first):
        """Variance of z_t given z_{t-1}; where `first` is 1, of z_1, whatever z_0 was."""
        if self.initial_variance == 0:
            return self.variance
        return self.variance + self.coefficient**2 * (self.initial_variance * first)

    def log_prob(self, z, mask):
        return self.log_prob_of_difference(z - self.coefficient * previous(z, mask), mask)

    def log_prob_of_difference(self, difference, mask):
        """`log_prob` from z_t - c z_{t-1}."""
        variance = self.given_past(first_steps(mask))
        return mask * normal_log_density(difference, 0.0, variance).sum(axis=-1)

    def log_prob_of_pairs(self, z, mask):
        """log p(z_t | z_{t-1}) of each of some draws of z_t given each one of those of z_{t-1}.

        Parameters
        ----------
        z : TensorVariable, shape (n_steps, n_sequences, n_draws, n_latents)
        mask : TensorVariable, shape (n_steps, n_sequences)

        Returns
        -------
        TensorVariable, shape (n_steps, n_sequences, n_draws of z_t, n_draws of z_{t-1}), nats
        """
        variance = pt.zeros_like(z[:, :, 0]) + self.given_past(first_steps(mask))
        difference = z[:, :, :, None] - (self.coefficient * previous(z, mask))[:, :, None]
        return normal_log_density(difference, 0.0, variance[:, :, None, None]).sum(axis=-1)

    def sample(self, noise, start=None):
        """Sequences without padding, from standard normal noise of their shape.

        With a `start` (n_sequences, n_latents), they follow it: it is their z_0, and known.
        """
        first = pt.eq(count_steps(noise), 1)[:, None, None]
        given = self.given_past(first if start is None else 0.0)
        terms = pt.sqrt(pt.cast(given, noise.dtype)) * noise
        if start is not None:
            terms += first * (self.coefficient * start)
        return linear_recurrence(pt.zeros_like(noise) + self.coefficient, terms)


class WhiteNoise(MarkovProcess):
    """z_t ~ N(0, 1), independent over t."""

    def __init__(self):
        super().__init__(coefficient=0.0)


class WienerProcess(MarkovProcess):
    """z_t - z_{t-1} ~ N(0, 1), independent over t, with z_0 = 0."""

    def __init__(self):
        super().__init__(coefficient=1.0)


class OrnsteinUhlenbeck(MarkovProcess):
    """Stationary: z_t ~ N(0, 1), with covariance exp(-|t - r| / time_constant).

    A very short time constant gives white noise; a very long one, a Wiener process except for its scale.
    As the prior of a model, it has a learned time constant for each latent.

    Parameters
    ----------
    time_constant : float or TensorVariable, shape (n_latents,)
        In steps; positive.

    Raises
    ------
    ValueError
        If it is a number that is not positive.

    References
    ----------
    Uhlenbeck & Ornstein (1930), On the theory of the Brownian motion.
    """

    # Where a learned time constant starts.
    START = 4.0

    def __init__(self, time_constant=START):
        given = is_number(time_constant)
        if given and not time_constant > 0:
            raise ValueError(f"time_constant must be positive, got {time_constant!r}")
        exp, expm1 = (math.exp, math.expm1) if given else (pt.exp, pt.expm1)
        super().__init__(exp(-1 / time_constant), -expm1(-2 / time_constant), initial_variance=1.0)

    @classmethod
    def make(cls, parameters, name, n_latent):
        """With the logarithm of its time constants, in units of `START`, as a parameter."""
        parameters.declare(f"{name}/log_time_constant", (n_latent,))
        return cls(cls.START * pt.exp(parameters[f"{name}/log_time_constant"]))


PRIORS = {"white": WhiteNoise, "wiener": WienerProcess, "ornstein_uhlenbeck": OrnsteinUhlenbeck}


class GaussianProcess(Process):
    """(z_1, ..., z_T) ~ N(0, K) with K[t, r] = kernel(t, r), independent over latents.

    Costs O(n_steps^3) once and O(n_steps^2) for each sequence and latent.

    Parameters
    ----------
    kernel : callable
        Positive definite function of two arrays of times 1, 2, ..., which it takes and returns as symbolic
        variables: ``lambda t, r: pt.exp(-((t - r) / 10) ** 2 / 2) + 1e-3 * pt.eq(t, r)``. Smooth kernels need
        such a term for noise, to be positive definite in floating point; estimators and tasks check that.
    """

    def __init__(self, kernel):
        self.kernel = kernel
        self._n_checked = 0

    def check_steps(self, n_steps):
        """Raise a ValueError if K is not positive definite, in the precision that it is computed in."""
        if n_steps <= self._n_checked:  # K of a shorter sequence is the corner of that of a longer one
            return
        like = pt.vector()
        matrix = compile_function([like], self._covariance(like))(np.zeros(n_steps, config.floatX))
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise ValueError(
                f"kernel must be positive definite, and in {config.floatX} it is not, for {n_steps} steps: "
                "add noise, as 1e-3 * pt.eq(t, r)"
            ) from None
        self._n_checked = n_steps

    def log_prob(self, z, mask):
        rows, log_deviations = self.whitening(mask)
        whitened = apply_over_time(rows, z)
        terms = -(LOG_2_PI + whitened**2) / 2 - log_deviations[:, :, None]
        return mask * terms.sum(axis=-1)

    def sample(self, noise):
        cholesky = self._cholesky(noise, noise.shape[0])
        return pt.tensordot(cholesky, noise, axes=1)

    def whitening(self, mask):
        """The maps that turn z into independent standard normal variables, in the order of time.

        With K = L L', z_t given z_1, ..., z_{t-1} has standard deviation L[t, t], and (L^-1 z)_t is standard
        normal.

        Parameters
        ----------
        mask : TensorVariable, shape (n_steps, n_sequences)

        Returns
        -------
        rows : TensorVariable, shape (n_sequences, n_steps, n_steps)
            L^-1 of each sequence, placed at its real steps; 0 elsewhere. Columns may hold several sequences.
        log_deviations : TensorVariable, shape (n_steps, n_sequences)
            log L[t, t], likewise.
        """
        steps = linear_recurrence(mask, mask).astype("int64")
        cholesky = self._cholesky(mask, steps.max())
        inverse = pt.linalg.solve_triangular(
            cholesky, pt.eye(cholesky.shape[0], dtype=mask.dtype), lower=True
        )
        # The place of each step in its own sequence: L of a shorter sequence is the corner of that of a
        # longer one.
        place = pt.maximum(steps - 1, 0).T
        start = (count_steps(mask)[:, None] - steps).T
        real = mask.T
        together = pt.eq(start[:, :, None], start[:, None, :]) * real[:, :, None] * real[:, None, :]
        rows = inverse[place[:, :, None], place[:, None, :]] * together
        return rows, (pt.log(pt.diagonal(cholesky))[place] * real).T

    def _cholesky(self, like, n_steps):
        """L for so many steps; beyond these, that of independent variables.

        Columns may be longer than any sequence, and K for so many steps need not be positive definite.
        """
        times = count_steps(like)
        within = pt.le(pt.maximum(times[:, None], times[None, :]), n_steps)
        independent = pt.eq(times[:, None], times[None, :]).astype(like.dtype)
        return pt.linalg.cholesky(pt.switch(within, self._covariance(like), independent))

    def _covariance(self, like):
        """K for as many steps as `like` has."""
        times = count_steps(like, like.dtype)
        return self.kernel(times[:, None], times[None, :])


def previous(u, mask):
    """u_{t-1}, with u_0 = 0 before the first real step.

    Parameters
    ----------
    u : TensorVariable, shape (n_steps, n_sequences, ..., n)
    mask : TensorVariable, shape (n_steps, n_sequences)
    """
    kept = u * pt.shape_padright(mask, u.ndim - 2)
    return pt.set_subtensor(pt.zeros_like(kept)[1:], kept[:-1])


def first_steps(mask):
    """1 at the first step of each sequence, else 0: (n_steps, n_sequences, 1), from a mask."""
    real = mask[:, :, None]
    return real * (1 - previous(real, mask))


def apply_over_time(matrices, u):
    """One matrix (n_steps, n_steps) for each sequence, applied to u of shape (n_steps, n_sequences, n)."""
    return (matrices @ u.transpose(1, 0, 2)).transpose(1, 0, 2)
