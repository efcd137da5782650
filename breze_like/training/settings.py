"""Settings of a training, and what follows from them for each update."""

import math
from dataclasses import dataclass, replace
from typing import Self

from breze_like.training.rules import (
    COUNT,
    COUNT_OR_NONE,
    FRACTION,
    POSITIVE,
    POSITIVE_COUNT,
    POSITIVE_COUNT_OR_NONE,
    check,
    setting,
)

# Factor of the step rate, as a function of the fraction of all updates that is done: training can go on from
# any point, which climin's schedules, iterators, don't allow. The exponential one has the values of its
# `decaying`.
SCHEDULES = {
    "constant": lambda fraction: 1.0,
    "exponential": lambda fraction: 0.01**fraction,
    "cosine": lambda fraction: (1.0 + math.cos(math.pi * fraction)) / 2.0,
}

# The weight of the divergence rises over this share of all updates by default, and over so many at most:
# published models with latents were annealed over thousands of updates.
ANNEALING_SHARE, MAX_ANNEALING = 1 / 3, 5000

_SCHEDULE = (f"one of {sorted(SCHEDULES)}", lambda value: isinstance(value, str) and value in SCHEDULES)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Parameters
    ----------
    n_epochs : int
        Largest number of passes over the training set.
    batch_size : int
        Sequences, or chunks of them, in a minibatch.
    chunk_length : int
        In time steps; longer sequences are cut into chunks. So are those of the validation set, and since a
        model knows nothing of what came before a chunk, its scores on longer chunks are better.
    step_rate, momentum, decay : float
        Of climin's RmsProp.
    step_rate_schedule : "constant", "exponential" or "cosine"
        With the second one, the step rate falls to a hundredth over `n_epochs`, with the third one to 0.
    max_gradient_norm : float
        Gradients with a larger norm are scaled down to it.
    annealing_updates : int or None
        The weight of the KL divergence rises from 0 to 1 over this number of updates. Without annealing, the
        approximate posterior may collapse to the prior. None: over a third of all updates, at most 5000, if
        the model has such a weight; see `settled`.
    n_draws : int
        Number of draws of the latents for each chunk.
    validate_every : int
        Epochs between validations; there is always one after the last epoch.
    patience : int or None
        Training ends after this number of validations without improvement; None: never. They are counted only
        once the weight of the KL divergence is 1: until then, the training objective is a different one.
    max_skipped : int
        Training ends with an error if more than this number of successive updates meet numbers that are not
        finite.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    n_epochs: int = setting(100, POSITIVE_COUNT)
    batch_size: int = setting(16, POSITIVE_COUNT)
    chunk_length: int = setting(100, POSITIVE_COUNT)
    step_rate: float = setting(0.003, POSITIVE)
    momentum: float = setting(0.9, FRACTION)
    decay: float = setting(0.9, FRACTION)
    step_rate_schedule: str = setting("constant", _SCHEDULE)
    max_gradient_norm: float = setting(225.0, POSITIVE)
    annealing_updates: int | None = setting(None, COUNT_OR_NONE)
    n_draws: int = setting(1, POSITIVE_COUNT)
    validate_every: int = setting(1, POSITIVE_COUNT)
    patience: int | None = setting(None, POSITIVE_COUNT_OR_NONE)
    max_skipped: int = setting(10, COUNT)

    def __post_init__(self):
        check(self)

    def settled(self, n_updates: int, has_kl_weight: bool) -> Self:
        """The same with a number for `annealing_updates`, for a training of `n_updates` in all."""
        if self.annealing_updates is not None:
            return self
        number = min(round(ANNEALING_SHARE * n_updates), MAX_ANNEALING) if has_kl_weight else 0
        return replace(self, annealing_updates=number)

    def kl_weight(self, update: int) -> float:
        """Weight of the KL divergence after so many updates: min(1, update / annealing_updates).

        The settings are `settled`.
        """
        return min(1.0, update / self.annealing_updates) if self.annealing_updates else 1.0

    def scheduled_step_rate(self, fraction: float) -> float:
        """Step rate when a `fraction` of all updates is done, in [0, 1]."""
        return self.step_rate * SCHEDULES[self.step_rate_schedule](fraction)

    def validates_after(self, epoch: int) -> bool:
        """Whether a validation is due after so many epochs."""
        return epoch > 0 and (epoch % self.validate_every == 0 or epoch == self.n_epochs)

    def n_validations(self, epoch: int) -> int:
        """Number of validations that are due after so many epochs."""
        return -(-epoch // self.validate_every) if epoch == self.n_epochs else epoch // self.validate_every
