"""Variational inference of latent state sequences with fast-dropout recurrent networks."""

__version__ = "0.1.0"

from breze_like.backends.process import prepare_process
from breze_like.estimators import (
    annealed_nll,
    importance_sampled_nll,
    negative_log_likelihood,
    particle_filter_nll,
    sampled_scores,
    training_objective,
    variational_bound,
)
from breze_like.gradients import check_gradient
from breze_like.initialize import Initialization
from breze_like.models import DOTSRNN, DTSRNN, FDRNN, RNN, VOSP, VRAE, FrameNADE, HiddenMarkov
from breze_like.parameters import ParameterSet
from breze_like.pictures.shown import show
from breze_like.runs import Run
from breze_like.tasks import denoise, impute, impute_draws, outlier_scores, sample
from breze_like.trained import load, load_model
from breze_like.training import EMSettings, Member, TrainingSettings, fit, fit_em, fit_population

__all__ = [
    "DOTSRNN",
    "DTSRNN",
    "EMSettings",
    "FDRNN",
    "FrameNADE",
    "HiddenMarkov",
    "Initialization",
    "Member",
    "ParameterSet",
    "RNN",
    "Run",
    "TrainingSettings",
    "VOSP",
    "VRAE",
    "annealed_nll",
    "check_gradient",
    "denoise",
    "fit",
    "fit_em",
    "fit_population",
    "importance_sampled_nll",
    "impute",
    "impute_draws",
    "load",
    "load_model",
    "negative_log_likelihood",
    "outlier_scores",
    "particle_filter_nll",
    "prepare_process",
    "sample",
    "sampled_scores",
    "show",
    "training_objective",
    "variational_bound",
]
