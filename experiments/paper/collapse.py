"""Detecting that a model has learned nothing, or does not use its latents: q has become the prior."""

import numpy as np

from breze_like.estimators.scores import Score
from breze_like.models import IndependentBernoulli
from breze_like.trained import bounds_nothing

# Nats per time step: a divergence below this says nothing, and a score is no better than that of independent
# notes if it is at most so much less.
SMALL = 0.05


def floor(train, sequences):
    """The score of independent notes with the frequencies of the training set."""
    model = IndependentBernoulli(train)
    nats = np.array([-model.log_prob(sequence).sum() for sequence in sequences])
    return Score(nats, np.array([len(sequence) for sequence in sequences]))


def describe(scores, config, dataset, split="valid"):
    """A line about what has collapsed, and what to try; None if nothing has.

    Parameters
    ----------
    scores : dict
        As of `scoring.score`, on the sequences of the split, which may be cut into chunks.
    config : dict
        Of the run.
    dataset : Dataset
    split : str
    """
    lowest = (
        floor(dataset.train, getattr(dataset, split)).per_step if dataset.is_of_zeros_and_ones else np.inf
    )
    if "objective" not in scores:
        found, advice = _no_better(scores["nll"], lowest), "more --n-epochs"
    else:
        found = _unused(scores, config) or _no_better(scores["objective"], lowest)
        n_updates = config["training"]["annealing_updates"]
        advice = f"--annealing-updates above {n_updates}, with more --n-epochs, or --free-bits"
    return found and f"{found}: try {advice}"


def _unused(scores, config):
    # That of the published objective is not the exact one, and objectives that weigh draws have none.
    if bounds_nothing(config):
        divergence = scores["objective"]["per_step"] - scores["reconstruction"]["per_step"]
    else:
        divergence = scores["kl"]["per_step"]
    if divergence < SMALL:
        return (
            "the latents have collapsed to the prior, the divergence is only "
            f"{divergence:.3f} nats per time step"
        )


def _no_better(kept, lowest):
    if kept["per_step"] > lowest - SMALL:
        return f"the model ({kept['per_step']:.2f}) is no better than independent notes ({lowest:.2f})"
