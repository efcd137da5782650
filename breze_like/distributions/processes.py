"""Priors on latent sequences: white noise, the Wiener process, Gaussian processes.

Latents have shape (n_steps, n_sequences, n_latents) and are independent across sequences and latents.
A mask (n_steps, n_sequences), 1 where a step is real and 0 before or after, places a sequence in its column;
its first real step is t = 1, whatever precedes it. A column may hold several sequences, with padding between
them, which are independent.
"""

from abc import ABC, abstractmethod

import pytensor.tensor as pt

from breze_like.distributions.normal import LOG_2_PI, DiagonalNormal, normal_log_density
from breze_like.recurrence import linear_recurrence
from breze_like.recurrence.loop import count_steps


class Process(ABC):
    """A distribution of sequences whose density is a product over steps, given the steps before."""

    draw_noise = staticmethod(DiagonalNormal.draw_noise)

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


class MarkovProcess(Process):
    """A process whose z_t depends on the steps before through z_{t-1} only, with z_0 = 0."""

    @abstractmethod
    def forecast(self, mean, variance):
        """Moments of z_t from moments of z_{t-1}, of any shape; the variance may be a number."""


class WhiteNoise(MarkovProcess):
    """z_t ~ N(0, 1), independent over t."""

    def forecast(self, mean, variance):
        return pt.zeros_like(mean), pt.ones_like(mean)

    def log_prob(self, z, mask):
        return mask * normal_log_density(z, 0.0, 1.0).sum(axis=-1)

    def sample(self, noise):
        return noise


class WienerProcess(MarkovProcess):
    """z_t - z_{t-1} ~ N(0, 1), independent over t, with z_0 = 0."""

    def forecast(self, mean, variance):
        return mean, pt.ones_like(mean) + variance

    def log_prob(self, z, mask):
        return mask * normal_log_density(z - previous(z, mask), 0.0, 1.0).sum(axis=-1)

    def sample(self, noise):
        return pt.cumsum(noise, axis=0)


class GaussianProcess(Process):
    """(z_1, ..., z_T) ~ N(0, K) with K[t, r] = kernel(t, r), independent over latents.

    Costs O(n_steps^3) once and O(n_steps^2) for each sequence and latent.

    Parameters
    ----------
    kernel : callable
        Positive definite function of two arrays of times 1, 2, ..., which it takes and returns as symbolic
        variables: ``lambda t, r: pt.exp(-((t - r) / 10) ** 2 / 2) + 1e-3 * pt.eq(t, r)``. Smooth kernels need
        such a term for noise, to be positive definite in floating point.
    """

    def __init__(self, kernel):
        self.kernel = kernel

    def log_prob(self, z, mask):
        rows, log_deviations = self.whitening(mask)
        whitened = apply_over_time(rows, z)
        terms = -(LOG_2_PI + whitened**2) / 2 - log_deviations[:, :, None]
        return mask * terms.sum(axis=-1)

    def sample(self, noise):
        cholesky = self._cholesky(noise)
        return pt.tensordot(cholesky, noise, axes=1)

    def whitening(self, mask):
        """What turns z into independent standard normal variables, in order of time.

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
        cholesky = self._cholesky(mask)
        inverse = pt.linalg.solve_triangular(
            cholesky, pt.eye(cholesky.shape[0], dtype=mask.dtype), lower=True
        )
        # The place of each step in its own sequence: L of a shorter sequence is the corner of that of a
        # longer one.
        steps = linear_recurrence(mask, mask).astype("int64")
        place = pt.maximum(steps - 1, 0).T
        start = (count_steps(mask)[:, None] - steps).T
        real = mask.T
        together = pt.eq(start[:, :, None], start[:, None, :]) * real[:, :, None] * real[:, None, :]
        rows = inverse[place[:, :, None], place[:, None, :]] * together
        return rows, (pt.log(pt.diagonal(cholesky))[place] * real).T

    def _cholesky(self, like):
        times = count_steps(like, like.dtype)
        return pt.linalg.cholesky(self.kernel(times[:, None], times[None, :]))


def previous(u, mask):
    """u_{t-1}, with u_0 = 0 before the first real step.

    Parameters
    ----------
    u : TensorVariable, shape (n_steps, n_sequences, n)
    mask : TensorVariable, shape (n_steps, n_sequences)
    """
    kept = u * mask[:, :, None]
    return pt.set_subtensor(pt.zeros_like(kept)[1:], kept[:-1])


def apply_over_time(matrices, u):
    """One matrix (n_steps, n_steps) for each sequence, applied to u of shape (n_steps, n_sequences, n)."""
    return (matrices @ u.transpose(1, 0, 2)).transpose(1, 0, 2)
