"""How to train: numbers, and what follows from them for each update."""

import math
from dataclasses import dataclass, field, fields

import numpy as np

# Factor of the step rate, as a function of the fraction of all updates that is done: training can go on from
# any point, which climin's schedules, iterators, don't allow. The exponential one has the values of its
# `decaying`.
SCHEDULES = {
    "constant": lambda fraction: 1.0,
    "exponential": lambda fraction: 0.01**fraction,
    "cosine": lambda fraction: (1.0 + math.cos(math.pi * fraction)) / 2.0,
}


def _is_integer(value, least):
    return isinstance(value, int | np.integer) and value >= least


def _is_number(value):
    return isinstance(value, int | float | np.number) and math.isfinite(value)


_COUNT = ("a positive integer", lambda value: _is_integer(value, 1))
_COUNT_OR_ZERO = ("a non-negative integer", lambda value: _is_integer(value, 0))
_COUNT_OR_NONE = ("a positive integer or None", lambda value: value is None or _is_integer(value, 1))
_POSITIVE = ("a positive number", lambda value: _is_number(value) and value > 0)
_FRACTION = ("in [0, 1)", lambda value: _is_number(value) and 0 <= value < 1)
_SCHEDULE = (f"one of {sorted(SCHEDULES)}", lambda value: isinstance(value, str) and value in SCHEDULES)


def _setting(default, rule):
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Parameters
    ----------
    n_epochs : int
        Upper bound of passes over the training set.
    batch_size : int
        Sequences, or chunks of them, in a minibatch.
    chunk_length : int
        Steps; longer sequences are cut.
    step_rate, momentum, decay : float
        Of climin's RmsProp.
    step_rate_schedule : "constant", "exponential" or "cosine"
        The second one lets the step rate fall to a hundredth over `n_epochs`, the third one to 0.
    max_gradient_norm : float
        Longer gradients are scaled down to it.
    annealing_updates : int
        The weight of the KL divergence rises from 0 to 1 over so many updates. Without that the approximate
        posterior may collapse to the prior.
    n_draws : int
        Draws of the latents of each chunk.
    validate_every : int
        Epochs between validations; there is one after the last epoch in any case.
    patience : int or None
        Training ends after so many validations without improvement; None: never. They are counted once the
        weight of the KL divergence is 1: until then another objective than the validated one is pursued.
    max_skipped : int
        Training ends with an error if more updates in a row than these meet numbers that are not finite.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    n_epochs: int = _setting(100, _COUNT)
    batch_size: int = _setting(16, _COUNT)
    chunk_length: int = _setting(100, _COUNT)
    step_rate: float = _setting(0.003, _POSITIVE)
    momentum: float = _setting(0.9, _FRACTION)
    decay: float = _setting(0.9, _FRACTION)
    step_rate_schedule: str = _setting("constant", _SCHEDULE)
    max_gradient_norm: float = _setting(225.0, _POSITIVE)
    annealing_updates: int = _setting(0, _COUNT_OR_ZERO)
    n_draws: int = _setting(1, _COUNT)
    validate_every: int = _setting(1, _COUNT)
    patience: int | None = _setting(None, _COUNT_OR_NONE)
    max_skipped: int = _setting(10, _COUNT_OR_ZERO)

    def __post_init__(self):
        for setting in fields(self):
            (rule, holds), value = setting.metadata["rule"], getattr(self, setting.name)
            if not holds(value):
                raise ValueError(f"{setting.name} must be {rule}, got {value!r}")

    def kl_weight(self, update):
        """Weight of the KL divergence after so many updates: min(1, update / annealing_updates)."""
        return min(1.0, update / self.annealing_updates) if self.annealing_updates else 1.0

    def scheduled_step_rate(self, fraction):
        """Step rate when a `fraction` of all updates is done, in [0, 1]."""
        return self.step_rate * SCHEDULES[self.step_rate_schedule](fraction)

    def n_validations(self, epoch):
        """Number of validations that are due after so many epochs."""
        return -(-epoch // self.validate_every) if epoch == self.n_epochs else epoch // self.validate_every
