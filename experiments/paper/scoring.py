"""All scores of a model, from the same draws for every run."""

import math

import numpy as np

from breze_like.estimators import (
    annealed_nll,
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

# Of annealed importance sampling: how many draws are moved, and how often for each of the other draws.
N_MOVED, MOVES_PER_DRAW = 4, 0.1


def in_draws(name, kept, n_samples=None):
    """How many draws a score was made from, in words; empty if neither its `averages` nor `n_samples` say."""
    n_draws = kept.get("n_draws", n_samples)
    if n_draws is None:
        return ""
    if name == "particle_filter":
        return f"{N_FILTERS} filters of {n_draws // N_FILTERS} particles"
    return f"{n_draws} draws" + (f" moved {kept['n_moves']} times" if name == "annealed" else "")


def score(model, sequences, n_samples=50, seed=NOISE_SEED, progress=False):
    """All scores of a model on sequences, in nats per time step.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_samples : int
        Draws of the latents, for all estimates but a particle filter's and annealed ones, which take fewer.
        With 0, there are none of these, nor importance sampled ones, and a few draws for the others, by what
        a validation has compiled already.
    seed : int
        Of the draws.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    dict
        ``"nll"`` of a model without latents; else ``"bound"``, exact, with ``"kl"`` and ``"reconstruction"``,
        its parts, ``"objective"``, what was trained on, ``"importance_sampled"`` and, if the
        model `can_be_filtered`, ``"particle_filter"``, else ``"annealed"``, with ``"n_moves"``. Each is a
        dict as of `averages`.

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
    if not n_samples:
        return scores
    if can_be_filtered(model):
        n_particles = min(n_samples, N_PARTICLES)
        filtered = particle_filter_nll(model, sequences, rng(), n_particles, N_FILTERS, progress)
        return scores | {"particle_filter": averages(filtered, N_FILTERS * n_particles)}
    n_moves = math.ceil(MOVES_PER_DRAW * n_samples)
    annealed = annealed_nll(model, sequences, rng(), N_MOVED, n_moves, progress=progress)
    return scores | {"annealed": {**averages(annealed, N_MOVED), "n_moves": n_moves}}
