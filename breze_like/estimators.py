"""Scores of models on sequences, in nats; lower is better.

Sequences are a list of arrays (n_steps, n_visible). `scores` says what a score knows.
"""

from itertools import accumulate, pairwise

import numpy as np

from breze_like.checks import check_positive_integers, check_rng
from breze_like.data import packed
from breze_like.latent_draws import over_draws
from breze_like.models.base import check_observations
from breze_like.models.objectives import log_weight, weighs_draws
from breze_like.scores import Bound, ImportanceSampled, LogMean, Mean, Sampled, Score, score_of, sizes_of
from breze_like.sequences import listed

# Of the draws of all validations, so that their scores compare.
VALIDATION_SEED = 1234
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
    return score_of(sequences, _sums(model, sequences)["objective"])


def training_objective(model, sequences, rng, n_draws=1, kl_weight=1.0):
    """What training minimises: the loss of each sequence, with any weight of the divergence.

        kl_weight KL(q || p) - E_q[log p(x | z)]

    or, if the model is trained on importance weights, with S = `n_draws`,

        -log 1/S sum_s p(x | z_s) (p(z_s) / q(z_s | x))^kl_weight

    or, with that number S of draws, `TensorMonteCarlo.by_step` where that is what the model is trained on.

    It is a bound only if the model's divergence is the exact one, and its weight is 1. Other parameters and
    the returned value are those of `variational_bound`, the latter without its parts.

    For all other objectives, it is the first one. So `FreeBits` are left out here: they are defined for a
    minibatch, not for a sequence, and validation minimises the bound itself, without them.
    """
    sequences = listed(sequences, "sequences")
    if "loss/by_step" in model.expressions:
        return score_of(sequences, _by_step(model, sequences, rng, n_draws, kl_weight))
    if weighs_draws(model):
        check_positive_integers(n_draws=n_draws)
        weights = LogMean(len(sequences))
        for _ in range(n_draws):
            sums = _sums(model, sequences, rng)
            weights.add(np.arange(len(sequences)), log_weight(sums, kl_weight)[None])
        return score_of(sequences, -weights.log_mean, weights.standard_errors)
    nats, sums = _means(model, sequences, rng, n_draws, "objective")
    divergence = sums["objective"] + sums["emission/log_prob"]
    return score_of(sequences, nats.mean - (1 - kl_weight) * divergence, nats.standard_errors)


def validation_score(model, sequences, n_draws=1, kl_weight=1.0):
    """The `training_objective` per step, from the same draws each time: what validation minimises.

    This is the variational bound with the divergence used in training, by default with its full weight also
    during annealing. For an objective that weighs draws it is that objective's own bound, or the importance
    weighted one. Free bits are ignored.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_draws : int
        As in training. They are used if the objective weighs draws against each other; else one is enough.
    kl_weight : float
    """
    rng = np.random.default_rng(VALIDATION_SEED)
    return training_objective(
        model, sequences, rng, n_draws if weighs_draws(model) else 1, kl_weight
    ).per_step


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
    _check_latents(model)
    sequences = listed(sequences, "sequences")
    log_prob, sums = _means(model, sequences, rng, n_draws, "emission/log_prob")
    return _bound(sequences, sums["kl"], log_prob)


def importance_sampled_nll(model, sequences, rng, n_draws=50, progress=False):
    """-log 1/S sum_s p(x, z_s) / q(z_s | x), for each sequence, with S draws z_s ~ q(z | x).

    In expectation, this is an upper bound on the negative log-likelihood that falls towards it as S grows:
    the importance weighted bound, which can also be used in training (see `models.objectives`). Published
    scores often use 2000 draws.

    The standard errors are those of the mean weight, relative to it (the delta method). If many draws
    contribute, they are right, and the estimate exceeds the negative log-likelihood by half their square. If
    the effective sample size is small, the largest weights have probably not been drawn: the estimate is then
    too high by more than its standard error suggests.

    Parameters
    ----------
    model : VariationalModel
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
        See `sampled_scores`.
    n_draws : int
        S. Memory does not depend on it, and with two or more there is a standard error.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ImportanceSampled

    Raises
    ------
    ValueError
        If the model has no latents, or `n_draws` is not positive.

    References
    ----------
    Rezende et al. (2014), Stochastic backpropagation, appendix; Burda et al. (2016), Importance weighted
    autoencoders.
    """
    sequences = listed(sequences, "sequences")
    weights = LogMean(len(sequences))
    _sums_over_draws(model, sequences, rng, n_draws, [], {"log_weight": weights}, progress)
    return _importance_sampled(sequences, weights)


def sampled_scores(model, sequences, rng, n_draws=50, progress=False):
    """All scores from the same draws of the latents: both bounds above, and the training objective.

    The same generator, data and backend give the same numbers. The draws for a sequence depend on the
    generator and on its place in the list, but not on the other sequences; and, except for rounding, results
    do not depend on the number of draws in a block.

    Parameters
    ----------
    model, sequences, rng, n_draws, progress
        As for `importance_sampled_nll`.

    Returns
    -------
    Sampled

    Raises
    ------
    ValueError
        If the model has no latents, or `n_draws` is not positive.
    """
    sequences = listed(sequences, "sequences")
    log_prob, weights = Mean(len(sequences)), LogMean(len(sequences))
    draws = {"emission/log_prob": log_prob, "log_weight": weights}
    divergences = ["kl", "objective_kl"]
    sums = _sums_over_draws(model, sequences, rng, n_draws, divergences, draws, progress)
    bound, weighted = _bound(sequences, sums["kl"], log_prob), _importance_sampled(sequences, weights)
    if weighs_draws(model):
        return Sampled(bound, weighted, weighted)
    objective = score_of(sequences, sums["objective_kl"] - log_prob.mean, log_prob.standard_errors)
    return Sampled(bound, objective, weighted)


def _means(model, sequences, rng, n_draws, name):
    """The `Mean` of a term over draws, and the `_sums` of the last one."""
    check_positive_integers(n_draws=n_draws)
    mean = Mean(len(sequences))
    for _ in range(n_draws):
        sums = _sums(model, sequences, rng)
        mean.add(np.arange(len(sequences)), sums[name][None])
    return mean, sums


def _sums_over_draws(model, sequences, rng, n_draws, of_sequences, of_draws, progress):
    """Add sums over the steps to `of_draws`, a `Mean` or `LogMean` by name; returns those `of_sequences`."""
    _check_latents(model)
    check_rng(rng)
    check_positive_integers(n_draws=n_draws)
    checked = check_observations(model, sequences)
    sums = {name: np.empty(len(checked)) for name in of_sequences}
    names = [of_sequences, list(of_draws)]
    for batch, terms, blocks in over_draws(model, checked, rng, n_draws, *names, progress):
        for name, values in zip(of_sequences, terms, strict=True):
            sums[name][batch.indices] = batch.sums(values)
        for block in blocks:
            for estimate, values in zip(of_draws.values(), block, strict=True):
                estimate.add(batch.indices, batch.sums(values).T)
    return sums


def _bound(sequences, kl, log_prob):
    nats, errors, sizes = -log_prob.mean, log_prob.standard_errors, sizes_of(sequences)
    parts = {"kl": Score(kl, **sizes), "reconstruction": Score(nats, standard_errors=errors, **sizes)}
    return Bound(kl + nats, standard_errors=errors, **sizes, **parts)


def _importance_sampled(sequences, weights):
    score = score_of(sequences, -weights.log_mean, weights.standard_errors)
    return ImportanceSampled(**vars(score), effective_sample_sizes=weights.effective_sample_sizes)


def _sums(model, sequences, rng=None):
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
    of_sequences = [checked, *([_noise(model, checked, rng)] if model.has_latents else [])]
    sums = {name: np.empty(len(checked)) for name in names}
    for batch, (observations, *noise) in packed(*of_sequences):
        for name, terms in zip(names, function(observations, batch.mask, *noise), strict=True):
            sums[name][batch.indices] = batch.sums(terms)
    return sums


def _by_step(model, sequences, rng, n_draws, kl_weight):
    """Sums over the steps of each sequence of the objective, of so many draws."""
    check_positive_integers(n_draws=n_draws)
    check_rng(rng)
    checked = check_observations(model, sequences)
    function = model.function(model.training_inputs, "loss/by_step")
    drawn = [_noise(model, checked, rng) for _ in range(n_draws)]
    sums = np.empty(len(checked))
    for batch, (observations, *noise) in packed(checked, *drawn):
        terms = function(observations, batch.mask, np.concatenate(noise, axis=1), kl_weight)
        sums[batch.indices] = batch.sums(terms)
    return sums


def _noise(model, sequences, rng):
    """A draw for each sequence, in their order: scores don't depend on how these are packed."""
    lengths = [len(sequence) for sequence in sequences]
    drawn = model.draw_noise(rng, sum(lengths), 1)[:, 0]
    return [drawn[i:j] for i, j in pairwise(accumulate(lengths, initial=0))]


def _check_latents(model):
    if not model.has_latents:
        raise ValueError(
            f"model must have latents, but {type(model).__name__} has none: use negative_log_likelihood"
        )
