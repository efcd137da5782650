"""Filling in missing entries by a hidden Markov model: exactly, since its states need no rounds."""

import numpy as np
from scipy.special import expit

from breze_like.data import over_batches
from breze_like.tasks.columns import Noise


def complete(model, sequences, observed, rngs, n_draws):
    """Missing entries given the observed ones, by the posterior of the states given these.

    Parameters
    ----------
    model : HiddenMarkov
    sequences : list of ndarray, shape (n_steps, n_visible)
        Missing entries may have any values.
    observed : list of ndarray of bool, of these shapes
    rngs : list of numpy.random.Generator
        Of the sequences.
    n_draws : int
        If 0, the draws are empty.

    Returns
    -------
    modes, means : list of ndarray, shape (n_steps, n_visible)
        The mode at the most probable state of each step, and the probability of being 1.
    draws : list of ndarray, shape (n_steps, n_draws, n_visible)
        Independent draws of all missing entries together.
    """
    probability = expit(model.emission.view("logits"))

    def run(batch, x):
        given, mask = batch.place(batch.own(observed)), batch.mask
        modes, means, filtered = model.complete(x, given, mask)
        draws = np.zeros((*x.shape[:2], n_draws, x.shape[2]), x.dtype)
        for draw in range(n_draws):
            noise = Noise(batch, rngs)
            paths = model.draw_paths(filtered, noise(lambda rng, n: rng.random((n, 1)))[:, :, 0], mask)
            draws[:, :, draw] = noise.observations(model) < probability[paths]
        return [modes, means, draws]

    return over_batches(run, sequences, max(1, n_draws))
