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

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pytensor import config

from breze_like.quoting import quote
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
        raise ValueError(f"n_steps must be at least the longest length {longest}, got {quote(n_steps)}")
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


def _check_count(value, name):
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {quote(value)}")
