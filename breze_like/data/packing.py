"""Whole sequences side by side and one after another, in batches of one shape with little padding.

Sequences differ much in length, each new shape of a batch costs a compilation, and padding costs as much as
data. So a column of a batch holds several sequences, with a step of padding between them, at which models
reset their states.

>>> (batch,) = pack([4, 1, 2])
>>> batch.mask.T.tolist()
[[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pytensor import config

from breze_like.quoting import quote

# Steps of a batch, all columns together, draws of the latents included: bounds the memory.
MAX_STEPS = 32_000
# Columns of a batch, if its sequences fill as many: recurrences take so many at a time, whatever the length.
MIN_COLUMNS = 8
# How much longer than the longest sequence columns may be, if that leaves less padding.
STRETCHES = np.linspace(1, 2, 9)


class Packing:
    """The positions of sequences in a batch.

    Parameters
    ----------
    indices : ndarray of int, shape (n,)
        Which sequences they are.
    lengths, columns, starts : ndarray of int, shape (n,)
        Their numbers of steps, their columns, and their first steps.
    shape : tuple of int
        (n_steps, n_columns).
    """

    def __init__(self, indices, lengths, columns, starts, shape):
        self.indices, self.lengths, self.shape = indices, lengths, shape
        places = list(zip(starts, starts + lengths, columns, strict=True))
        self._places = [(slice(start, stop), column) for start, stop, column in places]
        # Of all steps of one sequence after the other, in a batch whose columns' steps are in one row.
        steps = [np.arange(start, stop) * shape[1] + column for start, stop, column in places]
        self._rows = np.concatenate(steps)

    def own(self, items: Sequence) -> list:
        """The items for its own sequences, from a list with an item for every sequence."""
        return [items[i] for i in self.indices]

    @property
    def mask(self) -> NDArray:
        """1 where a step is real: ndarray, (n_steps, n_columns), floatX."""
        mask = np.zeros(self.shape, config.floatX)
        mask.reshape(-1)[self._rows] = 1
        return mask

    def place(self, arrays: Sequence[NDArray]) -> NDArray:
        """Put one array (length, ...) for each sequence in its place: (n_steps, n_columns, ...), floatX."""
        batch = np.zeros((*self.shape, *arrays[0].shape[1:]), config.floatX)
        batch.reshape(-1, *batch.shape[2:])[self._rows] = np.concatenate(arrays)
        return batch

    def take(self, batch: NDArray) -> list[NDArray]:
        """The part of a batch (n_steps, n_columns, ...) for each sequence: a list of arrays (length, ...)."""
        return [batch[place] for place in self._places]

    def sums(self, terms: NDArray) -> NDArray[np.float64]:
        """Sums over the steps of each sequence, of terms (n_steps, n_columns, ...): (n, ...), in doubles."""
        return np.array([np.add.reduce(term, axis=0, dtype=float) for term in self.take(terms)])


def packed(
    *arrays: Sequence[NDArray], max_steps: int = MAX_STEPS, min_columns: int = MIN_COLUMNS
) -> Iterator[tuple[Packing, list[NDArray]]]:
    """All sequences, batch by batch: the loop for all computations with whole sequences.

    Parameters
    ----------
    *arrays : list of ndarray, each (length, ...)
        One or more lists, each with one array for each sequence; their lengths must agree.
    max_steps, min_columns : int
        As for `pack`.

    Yields
    ------
    batch : Packing
    placed : list of ndarray, each (n_steps, n_columns, ...)
        One of each kind, by `Packing.place`.

    Raises
    ------
    ValueError
        If the lengths of one kind are not those of another, or as `pack` does.
    """
    lengths, *others = ([len(array) for array in kind] for kind in arrays)
    for i, found in enumerate(others, 1):
        if found != lengths:
            raise ValueError(
                f"arrays[{i}] must have the lengths of arrays[0], {quote(lengths)}, got {quote(found)}"
            )
    for batch in pack(lengths, max_steps, min_columns=min_columns):
        yield batch, [batch.place(batch.own(kind)) for kind in arrays]


def over_batches(
    function: Callable[[Packing, NDArray], Sequence[NDArray]], sequences: Sequence[NDArray], n_draws: int = 1
) -> list[list[NDArray]]:
    """Apply a function of batches to sequences.

    Parameters
    ----------
    function : callable
        From a `Packing` and observations (n_steps, n_columns, n_visible) to arrays (n_steps, n_columns, ...).
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_draws : int
        Number of columns that the function makes of each one; batches are smaller by this factor.

    Returns
    -------
    list of list of ndarray
        For each output of the function, its values for each sequence: an array (n_steps, ...).
    """
    made = [None] * len(sequences)
    for batch, (observations,) in packed(sequences, max_steps=max(1, MAX_STEPS // n_draws), min_columns=1):
        outputs = [batch.take(output) for output in function(batch, observations)]
        for index, *own in zip(batch.indices, *outputs, strict=True):
            made[index] = own
    return [list(output) for output in zip(*made, strict=True)]


def pack(
    lengths: ArrayLike, max_steps: int = MAX_STEPS, max_padding: float = 0.1, min_columns: int = MIN_COLUMNS
) -> list[Packing]:
    """Batches of whole sequences.

    Longest first, each sequence goes into the first column that has room for it. Columns are as long as the
    longest sequence; if that leaves too much padding, they are longer.

    Parameters
    ----------
    lengths : sequence of int
        Of all sequences, positive.
    max_steps : int
        Upper bound of ``n_steps * n_columns`` of a batch, which bounds the memory; but a batch may have
        `min_columns` columns, however long they are.
    max_padding : float
        Share of the steps of all columns up to which columns are not made longer.
    min_columns : int
        With 1, a batch of more steps than `max_steps` is a single column.

    Returns
    -------
    list of Packing
        All of one shape.

    Raises
    ------
    ValueError
        If there is no sequence, or one of no steps, or `max_steps` is not positive.
    """
    lengths = np.asarray(lengths, int)
    if len(lengths) == 0 or lengths.min() < 1:
        raise ValueError(
            f"lengths must have at least one entry, and be positive, got {quote(lengths.tolist())}"
        )
    if max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, got {max_steps}")
    return list(_pack(tuple(lengths.tolist()), max_steps, max_padding, min_columns))


@lru_cache(maxsize=16)  # of data sets that are scored again and again
def _pack(lengths, max_steps, max_padding, min_columns):
    lengths = np.array(lengths)
    n_steps, columns, starts = _fit(lengths, max_padding)
    n_columns = int(columns.max()) + 1
    n_batches = -(-n_columns // max(max_steps // n_steps, min_columns))
    width = -(-n_columns // n_batches)
    batches = []
    for first in range(0, n_columns, width):
        indices = np.flatnonzero((first <= columns) & (columns < first + width))
        own = lengths[indices], columns[indices] - first, starts[indices]
        batches.append(Packing(indices, *own, (n_steps, width)))
    return batches


def _fit(lengths, max_padding):
    """Number of steps of the columns; column and first step of each sequence."""
    fits = []
    for n_steps in dict.fromkeys((STRETCHES * lengths.max()).astype(int)):
        columns, starts = _first_fit(lengths, n_steps)
        padding = 1 - lengths.sum() / (n_steps * (columns.max() + 1))
        fits.append((padding, int(n_steps), columns, starts))
        if padding <= max_padding:
            return fits[-1][1:]
    return min(fits, key=lambda fit: fit[0])[1:]


def _first_fit(lengths, n_steps):
    """Column and first step of each sequence; columns are filled from the end, as `pad` does it."""
    columns, starts = np.empty_like(lengths), np.empty_like(lengths)
    free = np.full(len(lengths), n_steps)
    for i in np.argsort(-lengths, kind="stable"):
        columns[i] = column = np.argmax(free >= lengths[i])
        starts[i] = free[column] - lengths[i]
        free[column] = starts[i] - 1
    return columns, starts
