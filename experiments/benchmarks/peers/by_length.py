"""Batches with one column per sequence, for systems that cannot start a new sequence within a column."""

import numpy as np


def batches_by_length(lengths, max_steps=20_000, max_padding=0.25):
    """Shapes of batches of whole sequences of similar length, of which few differ.

    Sequences are sorted by length and cut into groups. All batches of a group have one shape: as long as the
    group's longest sequence and equally wide, filled up with dummies. There are as few groups as keep the
    padding, in front and in dummies, within `max_padding`; for that number of groups the cuts are the best
    possible.

    Parameters
    ----------
    lengths : sequence of int
        Of all sequences.
    max_steps : int
        Upper bound of ``n_steps * n_columns``; a longer sequence is a batch of its own.
    max_padding : float
        Share of all batches' steps that may be padding, in [0, 1).

    Returns
    -------
    list of tuple of int
        (n_steps, n_columns) of each batch.
    """
    ascending = np.sort(lengths)
    shapes = []
    for start, stop in _groups(ascending, max_steps, max_padding):
        n_batches, width = _batch_shape(stop - start, ascending[stop - 1], max_steps)
        shapes += [(int(ascending[stop - 1]), int(width))] * int(n_batches)
    return shapes


def _batch_shape(n_sequences, longest, max_steps):
    """Number and width of equally wide batches; every argument may be an array."""
    n_batches = -(-n_sequences // np.maximum(max_steps // longest, 1))
    return n_batches, -(-n_sequences // n_batches)


def _groups(lengths, max_steps, max_padding):
    """Cut ascending `lengths` into the fewest ranges that keep to `max_padding`.

    Dynamic programming over the last group's start: if ``cost[i, j]`` is the number of steps in the
    batches of one group of the sequences i to j, then the least number for the sequences up to j in
    k groups is ``total_k[j] = min_i total_{k-1}[i - 1] + cost[i, j]``.
    """
    n = len(lengths)
    size = np.arange(1, n + 1) - np.arange(n)[:, None]
    n_batches, width = _batch_shape(np.maximum(size, 1), lengths, max_steps)
    cost = np.where(size > 0, n_batches * width * lengths, np.inf)
    allowed = lengths.sum() / (1 - max_padding)
    total, starts = cost[0], [np.zeros(n, dtype=int)]
    while total[-1] > allowed and len(starts) < n:
        candidates = np.append(np.inf, total[:-1])[:, None] + cost
        starts.append(candidates.argmin(axis=0))
        total = candidates.min(axis=0)
    ranges, stop = [], n
    for start in reversed(starts):
        ranges.append((int(start[stop - 1]), stop))
        stop = ranges[-1][0]
    return ranges[::-1]
