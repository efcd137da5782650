"""From lists of sequences to padded, time-major batches.

A data set is a list of arrays of shape ``(n_steps, n_features)``, one for each sequence. The
models see batches of shape ``(n_steps, n_sequences, n_features)`` and a mask
``(n_steps, n_sequences)`` that is 1 where a step is real. Shorter sequences are padded in *front*.
Transposing to time-major happens here and nowhere else.

>>> import numpy as np
>>> observations, mask = pad([np.ones((2, 3)), np.ones((1, 3))])
>>> observations.shape
(2, 2, 3)
>>> mask.tolist()
[[1.0, 0.0], [1.0, 1.0]]
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pytensor import config

from breze_like.sequences import check_any


def chunk(sequences: Sequence[NDArray], length: int = 100) -> list[NDArray]:
    """Cut every sequence into consecutive pieces of `length` steps; its last piece may be shorter.

    Parameters
    ----------
    sequences : list of ndarray, each (n_steps, n_features)
    length : int

    Returns
    -------
    list of ndarray
        Views of the sequences, in their order; no step is lost or repeated.
    """
    _check_count(length, "length")
    return [
        sequence[start : start + length]
        for sequence in sequences
        for start in range(0, len(sequence), length)
    ]


def pad(sequences: Sequence[NDArray], n_steps: int | None = None) -> tuple[NDArray, NDArray]:
    """Stack sequences of different lengths into one batch, with zeros in front of the shorter ones.

    Padding goes in front so that every sequence ends at the last step and a recurrent state simply
    holds its initial value until the sequence begins.

    Parameters
    ----------
    sequences : list of ndarray, each (length, n_features)
    n_steps : int, optional
        Number of steps of the batch; by default the length of the longest sequence.

    Returns
    -------
    observations : ndarray, (n_steps, n_sequences, n_features), floatX
    mask : ndarray, (n_steps, n_sequences), floatX
        1 where a step is real, 0 where it is padding.

    Raises
    ------
    ValueError
        If there is no sequence or one is longer than `n_steps`.
    """
    check_any(sequences, "sequences")
    longest = max(len(sequence) for sequence in sequences)
    n_steps = longest if n_steps is None else n_steps
    if n_steps < longest:
        raise ValueError(f"n_steps must be at least the longest length {longest}, got {n_steps}")
    n_features = sequences[0].shape[1]
    observations = np.zeros((n_steps, len(sequences), n_features), dtype=config.floatX)
    mask = np.zeros((n_steps, len(sequences)), dtype=config.floatX)
    for column, sequence in enumerate(sequences):
        observations[n_steps - len(sequence) :, column] = sequence
        mask[n_steps - len(sequence) :, column] = 1
    return observations, mask


def minibatches(n: int, batch_size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Indices of one epoch's minibatches, in random order.

    Every minibatch has the same size, because each new shape costs a compilation: the last one is
    filled up from the start of the same permutation. So every index occurs at least once, and fewer
    than `batch_size` of them occur twice.

    Parameters
    ----------
    n : int
        Number of sequences.
    batch_size : int
        Sequences in a minibatch; if there are fewer than that, all of them are one minibatch.
    rng : numpy.random.Generator

    Returns
    -------
    list of ndarray of int, each (min(batch_size, n),)
    """
    _check_count(n, "n")
    _check_count(batch_size, "batch_size")
    size = min(batch_size, n)
    n_batches = -(-n // size)
    return list(np.resize(rng.permutation(n), (n_batches, size)))


def batches_by_length(
    sequences: Sequence[NDArray], max_steps: int = 20_000, max_padding: float = 0.25
) -> Iterator[tuple[NDArray[np.int64], NDArray, NDArray]]:
    """Batches of whole sequences of similar length, in few different shapes.

    Whole sequences differ much in length, and each new shape of a batch costs a compilation. So the
    sequences are sorted by length and cut into groups, and all batches of a group have one shape:
    as long as the group's longest sequence and equally wide, filled up with all-masked dummy
    sequences where needed. There are as few groups as keep the padding, in front and in dummies,
    within `max_padding`; for that number of groups the cuts are the best possible.

    For a split of JSB Chorales this makes 3 shapes, of Nottingham 3 or 4, of Piano-midi.de 3 to 5
    and of MuseData 6, with 17 to 25 % padding. (One shape for all of a split would be 53 to 90 %
    padding; a batch for each sequence would have none, but dozens or hundreds of shapes.)

    Parameters
    ----------
    sequences : list of ndarray, each (length, n_features)
    max_steps : int
        Upper bound of ``n_steps * n_sequences`` of a batch, which bounds the memory; a longer
        sequence is a batch of its own.
    max_padding : float
        Fraction of all batches' steps that may be padding, in [0, 1).

    Yields
    ------
    indices : ndarray of int, (n_real,)
        Which sequences the first ``n_real`` columns are; the other columns are dummies.
    observations : ndarray, (n_steps, n_sequences, n_features), floatX
    mask : ndarray, (n_steps, n_sequences), floatX
    """
    _check_count(max_steps, "max_steps")
    if not 0 <= max_padding < 1:
        raise ValueError(f"max_padding must be in [0, 1), got {max_padding}")
    check_any(sequences, "sequences")
    lengths = np.array([len(sequence) for sequence in sequences])
    order = np.argsort(lengths, kind="stable")
    dummy = np.zeros((0, sequences[0].shape[1]))
    for start, stop in _groups(lengths[order], max_steps, max_padding):
        longest = lengths[order[stop - 1]]
        _, width = _batch_shape(stop - start, longest, max_steps)
        for first in range(start, stop, width):
            indices = order[first : min(first + width, stop)]
            columns = [sequences[index] for index in indices] + [dummy] * (width - len(indices))
            yield indices, *pad(columns, longest)


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


def _check_count(value, name):
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
