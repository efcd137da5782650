"""Checks before the first update, each with a ValueError that says what is wrong and what to do."""

import warnings
from functools import partial

import numpy as np

from breze_like.estimators import validation_score
from breze_like.models.base import check_model, check_observations
from breze_like.models.standardization import AsTheyAre
from breze_like.runs import Run
from breze_like.sequences import check_sequences
from breze_like.training.settings import TrainingSettings

# The least standard deviation, and the largest root mean square, of features that need not be standardised.
SMALLEST_SIZE, LARGEST_SIZE = 0.1, 10.0


def checked(model, sequences, name):
    """Sequences that a model can be trained on, as `check_observations` returns them."""
    if hasattr(model, "emission"):
        return check_observations(model, sequences, name)
    return check_sequences(sequences, binary=False, name=name)


def check_parameters(model, parameters):
    """Raise a ValueError if the model has not been initialised."""
    if model.layers and not parameters.any():
        raise ValueError("model must have initial parameters, but all are 0: call its initialize(rng) first")


def check_settings(model, settings):
    """Raise a ValueError unless these are settings of a training, and for what the model has."""
    check_model(model)
    if not isinstance(settings, TrainingSettings):
        raise ValueError(f"settings must be TrainingSettings, got {settings!r}")
    for name, value, needed in (("annealing_updates", 0, "kl_weight"), ("n_draws", 1, "noise")):
        given = getattr(settings, name)
        if given not in (value, None) and needed not in model.training_inputs:
            raise ValueError(f"{name} must be {value} for a model without the input {needed!r}, got {given}")


def check_run(run):
    """Raise a ValueError unless it is a run, or None."""
    if run is not None and not isinstance(run, Run):
        raise ValueError(f"run must be a Run, such as Run.create(folder, config), got {run!r}")


def validation(validate, model, n_draws=1):
    """What validates a model: a function of sequences, by default its `validation_score`.

    Raises
    ------
    ValueError
        If `validate` is something else.
    """
    if validate is None:
        return partial(validation_score, model, n_draws=n_draws)
    if not callable(validate):
        raise ValueError(f"validate must be a function of sequences, got {validate!r}")
    return validate


def warn_of_scale(model, sequences):
    """Warn of real values far from unit size that the model takes as they are."""
    as_they_are = isinstance(getattr(model, "standardization", None), AsTheyAre)
    is_real = not getattr(getattr(model, "emission", None), "binary", True)
    if as_they_are and is_real and (advice := scale_advice(sequences)):
        warnings.warn(advice, stacklevel=4)


def scale_advice(sequences):
    """What to do about a feature whose size is far from 1, in a sentence; None if there is none.

    It is too large, or varies too little; a feature that never varies is of no size.

    Parameters
    ----------
    sequences : list of ndarray, shape (n_steps, n_visible)
    """
    frames = np.concatenate(sequences).astype(float)
    known = np.ma.masked_invalid(frames)
    mean, deviation = known.mean(axis=0).filled(0), known.std(axis=0).filled(0)
    too_large = np.hypot(mean, deviation) > LARGEST_SIZE
    far = too_large | ((deviation > 1e-6 * abs(mean)) & (deviation < SMALLEST_SIZE))
    if not far.any():
        return None
    worst = far.argmax()
    return (
        f"values are far from unit size, feature {worst} has mean {mean[worst]:.2g} and standard deviation "
        f"{deviation[worst]:.2g}: standardise them, by standardization=Standardization.of(train) "
        "(in experiments.train, --standardize)"
    )
