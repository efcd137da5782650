"""Draws of the latents of whole sequences, side by side and in blocks, so that any number of them fits.

The recognition network runs once for each sequence. What comes after that is computed for so many columns,
one for each draw, that matrix products are large and memory stays bounded. Each sequence has a stream of
random numbers of its own, from which one draw follows the other: what comes of a sequence depends neither on
those beside it nor, but for rounding, on how many draws there are in a block.
"""

import numpy as np
from tqdm import tqdm

from breze_like.data import batches_by_length

# Steps of all columns of a block together: bounds the memory, whatever the number of draws.
MAX_STEPS = 20_000
# A block has as many columns, at least, whatever their length: recurrences take so many at a time.
MIN_COLUMNS = 8
# Of a batch's steps: each costs as many times more as there are draws, so it may cost another compilation.
MAX_PADDING = 0.15


def streams(rng, n):
    """Generators of n sequences' own random numbers: what one draws does not change the others."""
    return [np.random.default_rng(seed) for seed in rng.integers(2**63, size=n)]


def over_draws(model, sequences, rng, n_draws, of_sequences, of_draws, progress=False):
    """Terms of a variational model for all draws of the latents, batch by batch and block by block.

    Parameters
    ----------
    model : VariationalModel
    sequences : list of ndarray, shape (n_steps, n_visible)
        As `check_observations` returns them.
    rng : numpy.random.Generator
        Of the sequences' own streams, see `streams`.
    n_draws : int
    of_sequences, of_draws : list of str
        Names of expressions that are computed once for each sequence, and for each draw.
    progress : bool
        Whether to show a bar.

    Yields
    ------
    indices : ndarray of int, shape (n,)
        Of the batch's sequences.
    terms : list of ndarray, shape (n_steps, n)
        By `of_sequences`, 0 in the padding, which is in front.
    blocks : iterator of list of ndarray, shape (n_here, n_steps, n)
        By `of_draws`, likewise, for the next draws. To be used up before the next batch.
    """
    recognised = model.recognised.variables
    recognise = model.function(["observations", "mask"], [*recognised, *of_sequences])
    # The graph is cut there, so that the draws share one run of the recognition network.
    given = [*recognised, "observations", "mask", "noise"]
    evaluate = model.function(given, of_draws)
    rngs = streams(rng, len(sequences))
    total = n_draws * sum(map(len, sequences))
    settings = {"unit": "frame", "unit_scale": True, "leave": False}
    with tqdm(total=total, disable=not progress, **settings) as bar:

        def blocks(known, noise, n):
            for n_here, n_columns in _block_sizes(n_draws, *noise.mask.shape):
                values = evaluate(*known, noise(n_columns))
                yield [_by_draw(v, n_columns)[:n_here, :, :n] for v in values]
                bar.update(n_here * noise.n_real_steps)

        for indices, *batch in batches_by_length(sequences, max(1, MAX_STEPS // n_draws), MAX_PADDING):
            values, n = recognise(*batch), len(indices)
            known, terms = values[: len(recognised)], values[len(recognised) :]
            noise = _Noise(model, [rngs[i] for i in indices], batch[1])
            yield indices, [t[:, :n] for t in terms], blocks([*known, *batch], noise, n)


class _Noise:
    """Noise of the latents of a batch, from a stream of each sequence, one draw after the other."""

    def __init__(self, model, rngs, mask):
        self.mask = mask
        self._model, self._rngs = model, rngs
        self._lengths = mask.sum(axis=0).astype(int)[: len(rngs)]
        self.n_real_steps = self._lengths.sum()

    def __call__(self, n_draws):
        """For the input ``"noise"``: (n_steps, n_draws * n_sequences, n_latent), 0 in the padding."""
        n_steps, n_sequences = self.mask.shape
        noise = np.zeros((n_steps, n_draws, n_sequences, self._model.n_latent), self.mask.dtype)
        for i, (rng, length) in enumerate(zip(self._rngs, self._lengths, strict=True)):
            drawn = self._model.draw_noise(rng, n_draws * length, 1)
            noise[n_steps - length :, :, i] = drawn.reshape((n_draws, length, -1)).swapaxes(0, 1)
        return noise.reshape((n_steps, -1, self._model.n_latent))


def _block_sizes(n_draws, n_steps, n_sequences):
    """How many draws each block is for, and how many it has: all the same, since a new shape is compiled."""
    most = max(MAX_STEPS // (n_steps * n_sequences), -(-MIN_COLUMNS // n_sequences))
    size = -(-n_draws // -(-n_draws // most))
    for first in range(0, n_draws, size):
        yield min(size, n_draws - first), size


def _by_draw(values, n_draws):
    """(n_steps, n_draws * n_sequences) as (n_draws, n_steps, n_sequences)."""
    return values.reshape((len(values), n_draws, -1)).swapaxes(0, 1)
