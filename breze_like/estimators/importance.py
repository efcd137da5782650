"""Importance sampled scores, and bounds, from many draws of the latents."""

import numpy as np

from breze_like.checks import check_positive_integers, check_rng
from breze_like.estimators.bounds import bound_of, check_latents
from breze_like.estimators.latent_draws import over_draws
from breze_like.estimators.scores import ImportanceSampled, LogMean, Mean, Sampled, score_of
from breze_like.models.base import check_observations
from breze_like.models.objectives import weighs_draws
from breze_like.sequences import listed


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
    _over_draws(model, sequences, rng, n_draws, [], {"log_weight": weights}, progress)
    return _importance_sampled(sequences, weights)


def sampled_scores(model, sequences, rng, n_draws=50, progress=False):
    """Scores from the same draws of the latents: the bound, the importance sampled one, and the objective.

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
    sums = _over_draws(model, sequences, rng, n_draws, divergences, draws, progress)
    bound, weighted = bound_of(sequences, sums["kl"], log_prob), _importance_sampled(sequences, weights)
    if weighs_draws(model):
        return Sampled(bound, weighted, weighted)
    objective = score_of(sequences, sums["objective_kl"] - log_prob.mean, log_prob.standard_errors)
    return Sampled(bound, objective, weighted)


def _importance_sampled(sequences, weights):
    score = score_of(sequences, -weights.log_mean, weights.standard_errors)
    return ImportanceSampled(**vars(score), effective_sample_sizes=weights.effective_sample_sizes)


def _over_draws(model, sequences, rng, n_draws, of_sequences, of_draws, progress):
    """Add sums over the steps to `of_draws`, a `Mean` or `LogMean` by name; returns those `of_sequences`."""
    check_latents(model)
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
