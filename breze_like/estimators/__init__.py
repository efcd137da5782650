"""Scores of models on sequences, in nats; lower is better. `scores` says what a score knows.

===============  ==========================================================================
bounds           exact, of models without latents; the variational bound, with a few draws
validation       what training minimises
importance       importance sampled scores, and both bounds, with many draws
particle_filter  bounds by particle filters, of models whose x_t depends on no later latents
annealing        bounds by annealed importance sampling, of all models with latents
===============  ==========================================================================
"""

from breze_like.estimators.annealing import annealed_nll
from breze_like.estimators.bounds import negative_log_likelihood, variational_bound
from breze_like.estimators.importance import importance_sampled_nll, sampled_scores
from breze_like.estimators.particle_filter import particle_filter_nll
from breze_like.estimators.scores import Score
from breze_like.estimators.validation import training_objective, validation_score

__all__ = [
    "Score",
    "annealed_nll",
    "importance_sampled_nll",
    "negative_log_likelihood",
    "particle_filter_nll",
    "sampled_scores",
    "training_objective",
    "validation_score",
    "variational_bound",
]
