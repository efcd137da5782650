"""Distributions of frames, priors and approximate posteriors of latent sequences, and their divergences."""

from breze_like.distributions.base import Distribution
from breze_like.distributions.bernoulli import Bernoulli
from breze_like.distributions.kl import (
    KLS,
    drawn_log_ratio,
    independent_increments_kl,
    kl_by_latent,
    kl_divergence,
    register,
)
from breze_like.distributions.mixture import NormalMixture
from breze_like.distributions.nade import NADE
from breze_like.distributions.normal import DiagonalNormal
from breze_like.distributions.observed import Observed, without_missing
from breze_like.distributions.posteriors import (
    POSTERIORS,
    Diagonal,
    GaussMarkov,
    Increments,
    MarkovPosterior,
)
from breze_like.distributions.processes import (
    PRIORS,
    GaussianProcess,
    MarkovProcess,
    OrnsteinUhlenbeck,
    Process,
    WhiteNoise,
    WienerProcess,
)
from breze_like.distributions.standardized import Standardized
from breze_like.distributions.student_t import StudentT

__all__ = [
    "KLS",
    "NADE",
    "POSTERIORS",
    "PRIORS",
    "Bernoulli",
    "Diagonal",
    "DiagonalNormal",
    "Distribution",
    "GaussMarkov",
    "GaussianProcess",
    "Increments",
    "MarkovPosterior",
    "MarkovProcess",
    "NormalMixture",
    "Observed",
    "OrnsteinUhlenbeck",
    "Process",
    "Standardized",
    "StudentT",
    "WhiteNoise",
    "WienerProcess",
    "drawn_log_ratio",
    "independent_increments_kl",
    "kl_by_latent",
    "kl_divergence",
    "register",
    "without_missing",
]
