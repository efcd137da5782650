"""Detecting that a model does not use its latents: its approximate posterior has become the prior."""

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
    if "objective" not in scores:
        return None
    objective, reconstruction = (scores[name]["per_step"] for name in ("objective", "reconstruction"))
    lowest = (
        floor(dataset.train, getattr(dataset, split)).per_step if dataset.is_of_zeros_and_ones else np.inf
    )
    # That of the published objective is not the exact one, and objectives that weigh draws have none.
    divergence = objective - reconstruction if bounds_nothing(config) else scores["kl"]["per_step"]
    if divergence < SMALL:
        found = (
            "the latents have collapsed to the prior, the divergence is only "
            f"{divergence:.3f} nats per time step"
        )
    elif objective > lowest - SMALL:
        found = f"the model ({objective:.2f}) is no better than independent notes ({lowest:.2f})"
    else:
        return None
    n_updates = config["training"]["annealing_updates"]
    return f"{found}: try --annealing-updates above {n_updates}, with more --n-epochs, or --free-bits"
