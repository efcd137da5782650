"""Separate random numbers for each sequence, in the columns of a batch."""

import numpy as np


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
