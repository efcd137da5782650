"""From sequences to columns of padded batches and back; random numbers of each column's own."""

import numpy as np

from breze_like.data import batches_by_length, pad

# Steps of a batch, all columns together: bounds the memory.
STEPS_AT_ONCE = 20_000


def over_batches(function, sequences, n_draws=1):
    """Apply a function of padded batches to sequences.

    Parameters
    ----------
    function : callable
        From indices, observations and mask, as of `batches_by_length`, to a list of arrays (n_steps,
        n_columns, ...).
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_draws : int
        How many columns the function makes of each one; batches are as much smaller.

    Returns
    -------
    list of list of ndarray
        For each output of the function, its columns: one array (n_steps, ...) for each sequence.
    """
    columns = [None] * len(sequences)
    for indices, observations, mask in batches_by_length(sequences, max(1, STEPS_AT_ONCE // n_draws)):
        outputs = function(indices, observations, mask)
        for column, index in enumerate(indices):
            columns[index] = [output[-len(sequences[index]) :, column] for output in outputs]
    return [list(output) for output in zip(*columns, strict=True)]


def pad_columns(arrays, mask):
    """Arrays (length, n) as the first columns of a batch with that mask; zeros elsewhere."""
    n_steps, n_columns = mask.shape
    dummy = np.zeros((0, arrays[0].shape[1]))
    return pad([*arrays, *[dummy] * (n_columns - len(arrays))], n_steps)[0]


class Noise:
    """Random numbers of the columns of a batch, from each sequence's own stream.

    Parameters
    ----------
    rngs : list of numpy.random.Generator
        Of the sequences in the first columns.
    mask : ndarray, shape (n_steps, n_columns)
    n_draws : int
        The columns of a draw are n_columns; those of the next one follow.
    """

    def __init__(self, rngs, mask, n_draws=1):
        self._rngs, self._mask, self._n_draws = rngs, mask, n_draws
        self._lengths = mask.sum(axis=0).astype(int)[: len(rngs)]

    def __call__(self, draw):
        """Noise (n_steps, n_draws * n_columns, n), by a function of a stream and a number of steps."""

        def one_draw():
            drawn = [draw(rng, n) for rng, n in zip(self._rngs, self._lengths, strict=True)]
            return pad_columns(drawn, self._mask)

        return np.concatenate([one_draw() for _ in range(self._n_draws)], axis=1)

    def latents(self, model):
        """For the input ``"noise"`` of a variational model."""
        return self(lambda rng, n_steps: model.draw_noise(rng, n_steps, 1)[:, 0])

    def observations(self, model):
        """For the input ``"emission_noise"``."""
        return self(lambda rng, n_steps: model.emission.draw_noise(rng, (n_steps, model.n_visible)))
