"""All scores of a model, from the same draws for every run."""

import math

import numpy as np

from breze_like.estimators import (
    negative_log_likelihood,
    sampled_scores,
    training_objective,
    variational_bound,
)
from breze_like.estimators.particle_filter import can_be_filtered, particle_filter_nll
from breze_like.training import TrainingDiverged
from experiments.paper.averages import averages

# All scores of all runs see the same noise, so that their differences are those of the parameters.
NOISE_SEED = 1234

# Draws of the latents where it is to be quick.
N_FEW = 5

# Of a particle filter, if there are as many draws; more of them hardly make its scores lower.
N_PARTICLES, N_FILTERS = 200, 2


def in_filters(n_draws):
    """The number of draws of a particle filter's score, in words: how many filters of how many particles."""
    return f"{N_FILTERS} filters of {n_draws // N_FILTERS} particles"


def score(model, sequences, n_samples=50, seed=NOISE_SEED, progress=False):
    """All scores of a model on sequences, in nats per time step.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_samples : int
        Draws of the latents, for all estimates but a particle filter's, which takes fewer. With 0, there are
        no importance sampled ones, nor is there a filter, and a few draws for the others, by what a
        validation has compiled already.
    seed : int
        Of the draws.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    dict
        ``"nll"`` of a model without latents; else ``"bound"``, exact, with ``"kl"`` and ``"reconstruction"``,
        its parts, ``"objective"``, what was trained on, ``"importance_sampled"`` and, if the
        model `can_be_filtered`, ``"particle_filter"``. Each is a dict as of `averages`.

    Raises
    ------
    TrainingDiverged
        If one of them is not finite: the parameters are those of a training that went wrong.
    """
    scores = _score(model, sequences, n_samples, seed, progress)
    for name, kept in scores.items():
        if not math.isfinite(kept["per_step"]) or not math.isfinite(kept["per_sequence"]):
            raise TrainingDiverged(
                f"{name} is {kept['per_step']} nats per time step: try a smaller step_rate"
            )
    return scores


def _score(model, sequences, n_samples, seed, progress):
    if not model.has_latents:
        return {"nll": averages(negative_log_likelihood(model, sequences))}

    def rng():
        return np.random.default_rng(seed)

    n_draws = n_samples or N_FEW
    if n_samples:
        bound, objective, weighted = sampled_scores(model, sequences, rng(), n_draws, progress)
        more = {"importance_sampled": weighted}
    else:
        bound = variational_bound(model, sequences, rng(), n_draws)
        objective, more = training_objective(model, sequences, rng(), n_draws), {}
    estimates = {"reconstruction": bound.reconstruction, "objective": objective, **more}
    scores = {
        "bound": averages(bound, n_draws),
        "kl": averages(bound.kl),
        **{name: averages(estimate, n_draws) for name, estimate in estimates.items()},
    }
    if n_samples and can_be_filtered(model):
        n_particles = min(n_samples, N_PARTICLES)
        filtered = particle_filter_nll(model, sequences, rng(), n_particles, N_FILTERS, progress)
        scores["particle_filter"] = averages(filtered, N_FILTERS * n_particles)
    return scores
