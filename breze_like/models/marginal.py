"""The baseline that every model has to beat, called the floor: independent notes."""

import numpy as np


class IndependentBernoulli:
    """Each key is on with its own probability, which is the same at all times.

    Parameters
    ----------
    sequences : list of ndarray, shape (n_steps, n_visible)
        Binary training sequences. The probability of a key that is on in k of n frames is (k + 1) / (n + 2),
        where frames in which it is missing, NaN, are not among the n.
    """

    def __init__(self, sequences):
        frames = np.concatenate(sequences)
        n_on, n_known = np.nansum(frames, axis=0, dtype=float), (~np.isnan(frames)).sum(axis=0)
        self.probability = (n_on + 1) / (n_known + 2)

    def log_prob(self, sequence):
        """Log-probability of the observed entries of each frame (n_steps, n_visible): (n_steps,), nats."""
        on, off = np.log(self.probability), np.log1p(-self.probability)
        x = np.asarray(sequence, float)
        return np.nan_to_num(x) @ on + np.nan_to_num(1 - x) @ off
