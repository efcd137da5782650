"""Likelihoods by particle filters: importance sampling step by step, dropping draws that explain little."""

import numpy as np
import pytensor.tensor as pt
from scipy.special import logsumexp, softmax
from tqdm import tqdm

from breze_like.checks import check_positive_integers, check_rng
from breze_like.data import over_batches
from breze_like.distributions import MarkovProcess
from breze_like.distributions.normal import LOG_2_PI, normal_log_density
from breze_like.estimators.latent_draws import streams
from breze_like.estimators.scores import LogMean, score_of
from breze_like.models.base import check_observations
from breze_like.models.variational import Columns
from breze_like.sequences import listed

# Particles of all sequences that are filtered side by side: bounds the memory.
MAX_PARTICLES = 32_000


def particle_filter_nll(model, sequences, rng, n_particles=1000, n_filters=2, progress=False):
    """-log of an unbiased estimate of the likelihood of each sequence, from z_t ~ q(z_t | z_{t-1}, x).

        p(x) ~ prod_t 1/S sum_s w_t,s,    w_t = p(x_t | z_t) p(z_t | z_{t-1}) / q(z_t | z_{t-1}, x)

    Before a step, particles are resampled (systematically) if the effective sample size is less than half of
    their number; until then, the weights of the steps are multiplied, as in `importance_sampled_nll`. Like
    that score, this is an upper bound on the negative log-likelihood in expectation. But its variance grows
    with the number of steps, while that of the product of all weights grows exponentially with it: the
    same number of draws gives a tighter bound.

    Parameters
    ----------
    model : VariationalModel
        One that `can_be_filtered`.
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
        Of the sequences' own streams, as for `sampled_scores`.
    n_particles : int
        S.
    n_filters : int
        Number of independent filters: the score is that of the mean of their likelihoods. With two or more,
        it has a standard error (by the delta method: too small if filters differ by more than a nat).
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If the model can't be filtered, or a number is not positive.

    References
    ----------
    Gordon, Salmond & Smith (1993), Novel approach to nonlinear/non-Gaussian Bayesian state estimation;
    Maddison et al. (2017), Filtering variational objectives.
    """
    if not can_be_filtered(model):
        raise ValueError(
            "model must have latents with a Markov process as their prior, and x_t must depend on z_t "
            f"alone, as in a VOSP, got {model!r}: use importance_sampled_nll or negative_log_likelihood"
        )
    check_rng(rng)
    check_positive_integers(n_particles=n_particles, n_filters=n_filters)
    sequences = listed(sequences, "sequences")
    checked = check_observations(model, sequences)
    filters = _Filters(model, n_filters, n_particles)
    terms, rngs = _recognised(model, checked), streams(rng, len(checked))
    by_length = np.argsort([-len(sequence) for sequence in checked], kind="stable")
    n_together = max(1, min(len(checked), MAX_PARTICLES // (n_filters * n_particles)))
    settings = {"unit": "frame", "unit_scale": True, "leave": False}
    log_likelihoods = LogMean(len(checked))
    with tqdm(total=sum(map(len, checked)), disable=None if progress else True, **settings) as bar:
        for first in range(0, len(checked), n_together):
            indices = by_length[first : first + n_together]
            batch = [[*terms[i], checked[i]] for i in indices]
            log_likelihoods.add(
                indices, filters.log_likelihoods(batch, [rngs[i] for i in indices], n_together)
            )
            bar.update(sum(len(checked[i]) for i in indices))
    return score_of(sequences, -log_likelihoods.log_mean, log_likelihoods.standard_errors)


def can_be_filtered(model):
    """Whether z is a Markov process, and x_t depends on z_t alone, and on what is known without z."""
    return model.has_latents and model.emits_from_step and isinstance(model.prior, MarkovProcess)


def _recognised(model, sequences):
    """Of each sequence a, m and v of q, see `posteriors`, and the context: tuples of arrays (n_steps, n)."""
    q = model.posterior
    coefficient = pt.zeros_like(q.offset) + q.coefficient
    outputs = [coefficient, q.offset, q.innovation_variance, *model.recognised.context]
    recognise = model.function(["observations", "mask"], outputs)
    parts = over_batches(lambda batch, x: recognise(x, batch.mask), sequences)
    return list(zip(*parts, strict=True))


class _Filters:
    """Filters of some sequences side by side; arrays are (n_filters, n_particles, n_sequences, ...)."""

    def __init__(self, model, n_filters, n_particles):
        self.model, self.shape = model, (n_filters, n_particles)
        z, noise, first = pt.tensor3("z"), pt.tensor3("noise"), pt.scalar("first")
        known = [pt.tensor3() for _ in range(4 + len(model.recognised.context))]
        columns = Columns(z, pt.ones_like(known[0][:, :, 0]))
        coefficient, offset, variance, *context, x = map(columns, known)
        innovation = offset + pt.sqrt(variance) * noise
        # z_t - c z_{t-1}, without the digits that the difference of two rounded numbers would lose.
        difference = (coefficient - model.prior.coefficient) * z + innovation
        new_z = coefficient * z + innovation
        log_prior = normal_log_density(difference, 0.0, model.prior.given_past(first)).sum(axis=-1)
        log_posterior = -((noise**2 + LOG_2_PI + pt.log(variance)) / 2).sum(axis=-1)
        log_emission = model.generate(new_z, columns.mask, *context).log_prob(x)
        self._step = model.function(
            [z, noise, first, *known], [new_z, log_emission + log_prior - log_posterior]
        )

    def log_likelihoods(self, batch, rngs, n_together):
        """Estimates by each filter, (n_filters, n_sequences).

        Parameters
        ----------
        batch : list of list of ndarray, each (n_steps, n)
            Of each sequence what is recognised, and the observations.
        rngs : list of Generator
        n_together : int
            How many sequences there is room for: a new shape would be compiled.
        """
        lengths = np.zeros(n_together, int)
        lengths[: len(batch)] = [len(observations) for *_, observations in batch]
        noise = np.zeros((*self.shape, n_together, self.model.n_latent))
        known = [np.ones((1, n_together, array.shape[1])) for array in batch[0]]
        z, log_weights = np.zeros(noise.shape), np.zeros(noise.shape[:-1])
        log_likelihoods = np.zeros((len(noise), n_together))
        for t in range(lengths.max()):
            going_on = np.flatnonzero(lengths > t)
            for i in going_on:
                log_likelihoods[:, i] += resample(z[:, :, i], log_weights[:, :, i], rngs[i])
                drawn = self.model.draw_noise(rngs[i], 1, log_weights[:, :, i].size)
                noise[:, :, i] = drawn.reshape(z[:, :, i].shape)
                for values, array in zip(known, batch[i], strict=True):
                    values[0, i] = array[t]
            columns = (u.reshape((1, -1, u.shape[-1])) for u in (z, noise))
            new_z, terms = self._step(*columns, float(t == 0), *known)
            z = np.array(new_z).reshape(z.shape)
            log_weights[:, :, going_on] += terms.reshape(log_weights.shape)[:, :, going_on]
        return (log_likelihoods + log_mean(log_weights))[:, : len(batch)]


def log_mean(log_weights):
    """Of (n_filters, n_particles, ...), over the particles."""
    return logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])


def resample(z, log_weights, rng):
    """Draw new particles for filters in which fewer than half of them count; arrays are changed in place.

    Parameters
    ----------
    z : ndarray, shape (n_filters, n_particles, n_latent)
    log_weights : ndarray, shape (n_filters, n_particles)
        0 where they were drawn anew.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_filters,)
        Logarithms of the means of the weights that are 0 now; else 0.
    """
    n_particles = log_weights.shape[1]
    weights = softmax(log_weights, axis=1)
    due = np.flatnonzero(n_particles * (weights**2).sum(axis=1) > 2)
    log_likelihoods = np.zeros(len(z))
    log_likelihoods[due] = log_mean(log_weights[due])
    for i in due:
        places = (rng.random() + np.arange(n_particles)) / n_particles
        ancestors = np.searchsorted(np.cumsum(weights[i]), places)
        z[i], log_weights[i] = z[i, np.minimum(ancestors, n_particles - 1)], 0.0
    return log_likelihoods
