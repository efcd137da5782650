"""What a model has to beat at denoising and imputation of piano rolls: counts of the training set."""

import numpy as np

from breze_like.models import IndependentBernoulli


class Marginals:
    """Each key is on with a probability of its own, at all times.

    Parameters
    ----------
    train : list of ndarray, shape (n_steps, n_visible)
        Binary.
    """

    def __init__(self, train):
        self.probability = IndependentBernoulli(train).probability

    def denoise(self, sequences, p_on):
        """The most probable entries, if each was switched on with probability `p_on`, and none off."""
        return [x * (self.probability >= p_on * (1 - self.probability)) for x in sequences]

    def expect(self, sequences, observed):
        """The probability of each entry to be 1; observed ones are themselves."""
        return [np.where(o, x, self.probability) for x, o in zip(sequences, observed, strict=True)]


class LastKnown:
    """A missing entry depends on the last known one of its key, and on how many steps ago that was.

    The probability of a key to be on d steps after it was on, or off, is its frequency among the pairs of
    such steps in the training set; the key's own frequency counts like one pair more.

    Parameters
    ----------
    train : list of ndarray, shape (n_steps, n_visible)
        Binary.
    max_distance : int
        Largest d; farther steps have its probabilities.
    """

    def __init__(self, train, max_distance):
        marginal = Marginals(train).probability
        # (last entry, distance, key); a distance of 0 is for keys of which nothing is known before.
        self.probability = np.tile(marginal, (2, max_distance + 1, 1))
        for d in range(1, max_distance + 1):
            long = [x for x in train if len(x) > d]
            if not long:
                continue
            before, after = np.concatenate([x[:-d] for x in long]), np.concatenate([x[d:] for x in long])
            for last in (0, 1):
                among = before == last
                n_on = (among & (after == 1)).sum(axis=0)
                self.probability[last, d] = (n_on + marginal) / (among.sum(axis=0) + 1)

    def expect(self, sequences, observed):
        """The probability of each entry to be 1; observed ones are themselves."""
        longest = self.probability.shape[1] - 1
        expected = []
        for x, o in zip(sequences, observed, strict=True):
            last, distance = last_known(x, o)
            p = self.probability[last, np.minimum(distance, longest), np.arange(x.shape[1])]
            expected.append(np.where(o, x, p))
        return expected

    @staticmethod
    def copy(sequences, observed):
        """The last known entries themselves; 0 where there is none."""
        return [last_known(x, o)[0] for x, o in zip(sequences, observed, strict=True)]


def last_known(sequence, observed):
    """The last known entry of each key, and how many steps ago it was; both 0 where there is none.

    Parameters
    ----------
    sequence : ndarray of int, shape (n_steps, n_visible)
    observed : ndarray of bool, of that shape

    Returns
    -------
    values, distances : ndarray of int, of that shape
    """
    steps = np.arange(len(sequence))[:, None]
    place = np.maximum.accumulate(np.where(observed, steps, -1))
    values = np.take_along_axis(sequence, np.maximum(place, 0), axis=0)
    return np.where(place >= 0, values, 0), np.where(place >= 0, steps - place, 0)
