"""From sequences to columns of batches and back; separate random numbers for each sequence."""

import numpy as np

from breze_like.data import packed

# Steps of a batch, all columns together: bounds the memory.
STEPS_AT_ONCE = 20_000


def over_batches(function, sequences, n_draws=1):
    """Apply a function of batches to sequences.

    Parameters
    ----------
    function : callable
        From a `Packing` and observations (n_steps, n_columns, n_visible) to a list of arrays (n_steps,
        n_columns, ...).
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_draws : int
        Number of columns that the function makes of each one; batches are smaller by this factor.

    Returns
    -------
    list of list of ndarray
        For each output of the function, its values for each sequence: an array (n_steps, ...).
    """
    made = [None] * len(sequences)
    for batch, (observations,) in packed(
        sequences, max_steps=max(1, STEPS_AT_ONCE // n_draws), min_columns=1
    ):
        outputs = [batch.take(output) for output in function(batch, observations)]
        for index, *own in zip(batch.indices, *outputs, strict=True):
            made[index] = own
    return [list(output) for output in zip(*made, strict=True)]


class Noise:
    """Random numbers for a batch, from each sequence's own stream.

    Parameters
    ----------
    batch : Packing
    rngs : list of numpy.random.Generator
        Of all sequences.
    n_draws : int
        The columns of a draw are n_columns; those of the next one follow.
    """

    def __init__(self, batch, rngs, n_draws=1):
        self._batch, self._rngs, self._n_draws = batch, batch.own(rngs), n_draws

    def __call__(self, draw):
        """Noise (n_steps, n_draws * n_columns, n), by a function of a stream and a number of steps."""

        def one_draw():
            each = zip(self._rngs, self._batch.lengths, strict=True)
            return self._batch.place([draw(rng, n) for rng, n in each])

        return np.concatenate([one_draw() for _ in range(self._n_draws)], axis=1)

    def latents(self, model):
        """For the input ``"noise"`` of a variational model."""
        return self(lambda rng, n_steps: model.draw_noise(rng, n_steps, 1)[:, 0])

    def observations(self, model):
        """For the input ``"emission_noise"``."""
        return self(lambda rng, n_steps: model.emission.draw_noise(rng, (n_steps, model.n_visible)))
