"""The floor that every model has to beat: independent notes."""

import numpy as np


class IndependentBernoulli:
    """Each key is on with a probability of its own, at all times.

    Parameters
    ----------
    sequences : list of ndarray, shape (n_steps, n_visible)
        Binary training sequences. The probability of a key that is on in k of n frames is (k + 1) / (n + 2).
    """

    def __init__(self, sequences):
        frames = np.concatenate(sequences)
        self.probability = (frames.sum(axis=0, dtype=float) + 1) / (len(frames) + 2)

    def log_prob(self, sequence):
        """Log-probability of each frame of a sequence (n_steps, n_visible): shape (n_steps,), nats."""
        on, off = np.log(self.probability), np.log1p(-self.probability)
        return sequence @ on + (1 - np.asarray(sequence, float)) @ off
