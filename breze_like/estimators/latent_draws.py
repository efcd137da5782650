"""Draws of the latents of whole sequences, side by side and in blocks, so that any number of them fits.

The recognition network runs once for each sequence. Everything after it is computed for many columns at a
time, one for each draw, so that matrix products are large, but for no more than memory allows. Each sequence
has its own stream of random numbers, from which its draws are taken in turn: results for a sequence depend
neither on other sequences nor, except for rounding, on how many draws there are in a block.
"""

import numpy as np
from tqdm import tqdm

from breze_like.checks import check_rng
from breze_like.data import packed
from breze_like.data.packing import MAX_STEPS


def streams(rng, n):
    """Generators of n sequences' own random numbers: what one draws does not change the others."""
    check_rng(rng)
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
    batch : Packing
        Where sequences lie in what follows.
    terms : list of ndarray, shape (n_steps, n_columns)
        By `of_sequences`.
    blocks : iterator of list of ndarray, shape (n_steps, n_columns, n_here)
        By `of_draws`, for the next n_here draws. To be used up before the next batch.
    """
    recognised = model.recognised.variables
    recognise = model.function(["observations", "mask"], [*recognised, *of_sequences])
    # The graph is cut there, so that the draws share one run of the recognition network.
    evaluate = model.function([*recognised, "observations", "mask", "noise"], of_draws)
    rngs, n_steps = streams(rng, len(sequences)), sum(map(len, sequences))
    settings = {"unit": "frame", "unit_scale": True, "leave": False}
    with tqdm(total=n_draws * n_steps, disable=None if progress else True, **settings) as bar:

        def blocks(batch, known):
            for n_here, n_columns in _block_sizes(n_draws, *batch.shape):
                values = evaluate(*known, noise_of(model, batch, rngs, n_columns))
                yield [by_draw(v, n_columns)[:, :, :n_here] for v in values]
                bar.update(n_here * int(batch.lengths.sum()))

        for batch, (observations,) in packed(sequences, max_steps=max(1, MAX_STEPS // n_draws)):
            values = recognise(observations, batch.mask)
            known, terms = values[: len(recognised)], values[len(recognised) :]
            yield batch, terms, blocks(batch, [*known, observations, batch.mask])


def noise_of(model, batch, rngs, n_draws):
    """For the input ``"noise"``: (n_steps, n_draws * n_columns, n_latent), 0 in the padding."""
    drawn = []
    for rng, length in zip(batch.own(rngs), batch.lengths, strict=True):
        noise = model.draw_noise(rng, n_draws * length, 1)
        drawn.append(noise.reshape((n_draws, length, -1)).swapaxes(0, 1))
    return batch.place(drawn).swapaxes(1, 2).reshape((batch.shape[0], -1, model.n_latent))


def _block_sizes(n_draws, n_steps, n_columns):
    """How many draws each block is for, and how many it has: all the same, since a new shape is compiled."""
    most = max(1, MAX_STEPS // (n_steps * n_columns))
    size = -(-n_draws // -(-n_draws // most))
    for first in range(0, n_draws, size):
        yield min(size, n_draws - first), size


def by_draw(values, n_draws):
    """(n_steps, n_draws * n_columns) as (n_steps, n_columns, n_draws)."""
    return values.reshape((len(values), n_draws, -1)).swapaxes(1, 2)
