"""What training minimises, computed of whole sequences: the validation score."""

import numpy as np

from breze_like.checks import check_positive_integers, check_rng
from breze_like.data import packed
from breze_like.estimators.bounds import means, noise_of, sums_of
from breze_like.estimators.scores import LogMean, score_of
from breze_like.models.base import check_observations
from breze_like.models.objectives import log_weight, weighs_draws
from breze_like.sequences import listed

# Of the draws of all validations, so that their scores compare.
VALIDATION_SEED = 1234


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
            sums = sums_of(model, sequences, rng)
            weights.add(np.arange(len(sequences)), log_weight(sums, kl_weight)[None])
        return score_of(sequences, -weights.log_mean, weights.standard_errors)
    nats, sums = means(model, sequences, rng, n_draws, "objective")
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


def _by_step(model, sequences, rng, n_draws, kl_weight):
    """Sums over the steps of each sequence of the objective, of so many draws."""
    check_positive_integers(n_draws=n_draws)
    check_rng(rng)
    checked = check_observations(model, sequences)
    function = model.function(model.training_inputs, "loss/by_step")
    drawn = [noise_of(model, checked, rng) for _ in range(n_draws)]
    sums = np.empty(len(checked))
    for batch, (observations, *noise) in packed(checked, *drawn):
        terms = function(observations, batch.mask, np.concatenate(noise, axis=1), kl_weight)
        sums[batch.indices] = batch.sums(terms)
    return sums
