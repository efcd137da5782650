"""From probabilities to one answer."""

import numpy as np


def likely_ones(p):
    """Which entries to set to 1 for a large expected F1, which is approximated by a ratio of expectations.

    These are the n entries with the largest probabilities, where

        n = argmax_k  2 sum_{i <= k} p_(i) / (k + sum_i p_i)

    or none, if the probability that no entry is 1 exceeds this maximum. If ones are rare, as notes are, it
    may be that no entry has a probability above 1/2: the most probable values would then all be 0, a useless
    answer.

    Parameters
    ----------
    p : ndarray, shape (n,)
        Probabilities of being 1; entries are treated as independent.

    Returns
    -------
    ndarray of bool, shape (n,)

    References
    ----------
    Lewis (1995), Evaluating and optimizing autonomous text classification systems; Lipton et al. (2014),
    Optimal thresholding of classifiers to maximize F1 measure.
    """
    taken = np.zeros(len(p), bool)
    largest_first = np.argsort(-p, kind="stable")
    expected = 2 * np.cumsum(p[largest_first]) / (np.arange(1, len(p) + 1) + p.sum())
    if len(p) and expected.max() > np.prod(1 - p):
        taken[largest_first[: expected.argmax() + 1]] = True
    return taken
