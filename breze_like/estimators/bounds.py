"""The exact score of a model without latents, and the variational bound of one that has some.

Sequences are a list of arrays (n_steps, n_visible). All scores are in nats; lower is better.
"""

from itertools import accumulate, pairwise

import numpy as np

from breze_like.checks import check_positive_integers, check_rng
from breze_like.data import packed
from breze_like.estimators.scores import Bound, Mean, Score, score_of, sizes_of
from breze_like.models.base import check_observations
from breze_like.models.objectives import weighs_draws
from breze_like.sequences import listed

# Expressions (n_steps, n_sequences) that scores are made of.
TERMS = ("kl", "emission/log_prob", "objective")


def negative_log_likelihood(model, sequences):
    """The exact score of a model without latents.

    Parameters
    ----------
    model : OneStepPredictor, FrameNADE or HiddenMarkov
    sequences : list of ndarray, shape (n_steps, n_visible)

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If the model has latents that have to be drawn.
    """
    if model.has_latents:
        raise ValueError(
            f"model must have no latents, but {type(model).__name__} has some: use variational_bound "
            "or importance_sampled_nll"
        )
    sequences = listed(sequences, "sequences")
    return score_of(sequences, sums_of(model, sequences)["objective"])


def variational_bound(model, sequences, rng, n_draws=1):
    """Exact KL(q || p) plus a Monte Carlo estimate of E_q[-log p(x | z)].

    The whole model runs once for each draw, by the same function as in validation. Use this for a few draws,
    and `sampled_scores` for many.

    Parameters
    ----------
    model : VariationalModel
        The divergence here is the exact one, whatever objective it was trained on.
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
    n_draws : int
        Draws of the latents for each sequence. Any number gives an unbiased estimate of the bound; with two
        or more, it has a standard error.

    Returns
    -------
    Bound

    Raises
    ------
    ValueError
        If the model has no latents, or `n_draws` is not positive.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """
    check_latents(model)
    sequences = listed(sequences, "sequences")
    log_prob, sums = means(model, sequences, rng, n_draws, "emission/log_prob")
    return bound_of(sequences, sums["kl"], log_prob)


def bound_of(sequences, kl, log_prob):
    """The `Bound` of the exact divergence of each sequence, and of a `Mean` of log-probabilities."""
    nats, errors, sizes = -log_prob.mean, log_prob.standard_errors, sizes_of(sequences)
    parts = {"kl": Score(kl, **sizes), "reconstruction": Score(nats, standard_errors=errors, **sizes)}
    return Bound(kl + nats, standard_errors=errors, **sizes, **parts)


def means(model, sequences, rng, n_draws, name):
    """The `Mean` of a term over draws, and all that `sums_of` gives for the last one."""
    check_positive_integers(n_draws=n_draws)
    mean = Mean(len(sequences))
    for _ in range(n_draws):
        sums = sums_of(model, sequences, rng)
        mean.add(np.arange(len(sequences)), sums[name][None])
    return mean, sums


def sums_of(model, sequences, rng=None):
    """Sums over the steps of each sequence of the terms that the model has, by name.

    All of them come from one function, so that the validation and all scores share its compilation.
    """
    if model.has_latents:
        check_rng(rng)
    names = [name for name in TERMS if name in model.expressions]
    names += ["latents/log_ratio"] if weighs_draws(model) else []
    inputs = ["observations", "mask"] + (["noise"] if model.has_latents else [])
    function = model.function(inputs, names)
    checked = check_observations(model, sequences)
    of_sequences = [checked, *([noise_of(model, checked, rng)] if model.has_latents else [])]
    sums = {name: np.empty(len(checked)) for name in names}
    for batch, (observations, *noise) in packed(*of_sequences):
        for name, terms in zip(names, function(observations, batch.mask, *noise), strict=True):
            sums[name][batch.indices] = batch.sums(terms)
    return sums


def noise_of(model, sequences, rng):
    """A draw for each sequence, in their order: scores don't depend on how these are packed."""
    lengths = [len(sequence) for sequence in sequences]
    drawn = model.draw_noise(rng, sum(lengths), 1)[:, 0]
    return [drawn[i:j] for i, j in pairwise(accumulate(lengths, initial=0))]


def check_latents(model):
    """Raise a ValueError if a model has none."""
    if not model.has_latents:
        raise ValueError(
            f"model must have latents, but {type(model).__name__} has none: use negative_log_likelihood"
        )
