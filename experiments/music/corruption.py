"""Corruption on which the tasks are shown: noise added to sequences, and frames removed from them."""

import numpy as np

# Probability that a note is switched on, and the frames that are removed, in the paper's Figure 3.
P_ON = 0.05
N_REMOVED = 8

# Variance of the noise on real values, in units of the variance of the sequence's own.
NOISE_SHARE = 0.25


def add_noise(sequence, noise, rng):
    """Switch on each note with probability `noise`; real values get normal noise of that variance.

    What is missing, NaN, stays so.
    """
    if sequence.dtype == np.uint8:
        return sequence | (rng.random(sequence.shape) < noise)
    if is_roll(sequence):
        return np.where((rng.random(sequence.shape) < noise) & ~np.isnan(sequence), 1, sequence)
    return (sequence + np.sqrt(noise) * rng.standard_normal(sequence.shape)).astype(sequence.dtype)


def add_usual_noise(sequence, rng):
    """Switch on each note of a roll with probability `P_ON`; real values get normal noise.

    Its variance is `NOISE_SHARE` of that of each feature in the sequence.

    Parameters
    ----------
    sequence : ndarray, shape (n_steps, n_features)
        ``uint8`` if it is binary.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of the same shape and type
    """
    if is_roll(sequence):
        return add_noise(sequence, P_ON, rng)
    variance = np.ma.masked_invalid(sequence).var(axis=0).filled(0)
    return add_noise(sequence, NOISE_SHARE * variance, rng)


def is_roll(sequence):
    """Whether it is of zeros and ones: of integers or, where some are missing, of floating-point numbers."""
    if sequence.dtype == np.uint8:
        return True
    absent = np.isnan(sequence)
    return bool(absent.any() and ((sequence == 0) | (sequence == 1) | absent).all())


def remove_frames(sequence):
    """Take out `N_REMOVED` frames in a row from the middle, or a third of a sequence that is too short.

    Returns
    -------
    observed : ndarray of bool, shape (n_steps, n_features)
        False where something is missing.
    """
    n_removed = min(N_REMOVED, -(-len(sequence) // 3))
    first = (len(sequence) - n_removed) // 2
    observed = np.ones(sequence.shape, bool)
    observed[first : first + n_removed] = False
    return observed


def remove_somewhere(sequence, rng):
    """What is known after `N_REMOVED` frames in a row are taken out, fewer if need be; never the first."""
    n_removed = min(N_REMOVED, len(sequence) - 1)
    first = rng.integers(1, len(sequence) - n_removed + 1)
    observed = np.ones(sequence.shape, bool)
    observed[first : first + n_removed] = False
    return observed


def corrupt(sequences, seed):
    """The sequences with noise, and which entries are observed of them with gaps."""
    rng = np.random.default_rng(seed)
    noisy = [add_usual_noise(x, rng) for x in sequences]
    return noisy, [remove_somewhere(x, rng) for x in sequences]
