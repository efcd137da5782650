"""From probabilities to one answer."""

import numpy as np


def likely_ones(p):
    """Which entries to take for 1, so that their F1 is, as far as can be expected, as large as possible.

    Those are the n entries of the largest probability, with

        n = argmax_k  2 sum_{i <= k} p_(i) / (k + sum_i p_i)

    or none, if that there is none is more probable than this is large. Where 1 is rare, as notes are, no
    entry may have a probability above 1/2: the most probable values of all are 0 then, which is no answer.

    Parameters
    ----------
    p : ndarray, shape (n,)
        Probabilities to be 1; entries count as independent.

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
