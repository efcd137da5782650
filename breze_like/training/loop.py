"""The loop: minibatches, steps, validation, early stopping, checkpoints."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breze_like.backends import accelerator
from breze_like.interrupts import deferred
from breze_like.models.base import Model
from breze_like.runs import Run
from breze_like.runs.records import COUNT, NUMBER, OBJECT, POSITIVE_COUNT, check
from breze_like.training.before import check_run, check_settings, validation
from breze_like.training.course import Course, n_batches
from breze_like.training.device import DeviceRmsProp, pure_loss_and_gradient
from breze_like.training.history import History
from breze_like.training.optimization import GuardedRmsProp
from breze_like.training.progress import Bar
from breze_like.training.settings import TrainingSettings


class Progress(NamedTuple):
    """How far a run has come: the updates that are done, their total, and the seconds that they took."""

    update: int
    n_updates: int
    seconds: float


def fit(
    model: Model,
    train: Sequence[NDArray],
    valid: Sequence[NDArray],
    settings: TrainingSettings,
    rng: np.random.Generator,
    validate: Callable[[list[NDArray]], float] | None = None,
    run: Run | None = None,
    progress: bool = True,
    until: float = 1.0,
) -> History:
    """Train a model. Afterwards its parameters are those with the best validation score.

    Parameters
    ----------
    model : Model
        With initial parameters.
    train, valid : list of ndarray, each (n_steps, n_features)
    settings : TrainingSettings
    rng : numpy.random.Generator
        For the order of the chunks and the noise.
    validate : callable, by default `validation_score` of the model
        Takes the chunks of `valid`, a list of the same kind, and returns the score of the model's current
        parameters; lower is better. It must be deterministic.
    run : Run, optional
        Where to log and to save. If it has a checkpoint, training continues from there, with the random
        numbers stored in it; if it is finished, nothing is left to do, unless there are now more `n_epochs`,
        and the step rate is constant.
    progress : bool
        Whether to show a progress bar or, without a terminal, a line for each validation.
    until : float
        The share of all updates, in (0, 1], after which to stop. With a run, the same call with a larger
        value continues from there as if training had never stopped: step rate and weight of the divergence
        are always those of the whole training. If it stops before the end, the model's parameters are those
        of the last update.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If there is no sequence, or one that the model can't emit; if the model has no initial parameters, or
        the settings are for latents that it does not have; if `until` is out of its range; if the run's
        checkpoint is damaged or was written with another model, precision, settings or data, or another
        process trains the run.
    TrainingDiverged
        If too many successive updates meet numbers that are not finite. As after any other error, the
        parameters are those after the last good update, and the run can be resumed from them.
    """
    if not 0 < until <= 1:
        raise ValueError(f"until must be in (0, 1], got {until!r}")
    check_settings(model, settings)
    check_run(run)
    validate = validation(validate, model, settings.n_draws)
    with run.locked() if run else nullcontext():
        course = Course(model, settings, train, valid, rng, model.parameters.data, run)
        if not course.has_come_to(until):
            _train(model, course, validate, progress, until)
    model.parameters.data[...] = course.best_parameters if course.state.finished else course.state.parameters
    return course.history


def _train(model, course, validate, progress, until):
    """Go along the course to a share of its updates, or to its end."""
    optimizer = make_optimizer(model, course.settings)
    optimizer.restore({name: getattr(course.state, name) for name in optimizer.state_fields})
    bar = Bar(progress, total=course.n_updates, initial=course.state.update, unit="update")
    try:
        with deferred() as look:
            while not course.has_come_to(until):
                look()
                with course.timed():
                    if course.validation_due:
                        model.parameters.data[...] = course.state.parameters
                        course.validated(float(validate(course.valid_chunks)))
                        bar.validated(course.summary())
                    else:
                        batch = course.draw()
                        outcome = optimizer.step(batch.inputs, batch.step_rate)
                        course.stepped(outcome, batch, optimizer.state())
                        bar.update()
                bar.set_postfix_str(course.summary(), refresh=False)
            if not course.state.finished:  # else it is saved with the last validation
                course.save()
    except BaseException:  # Ctrl-C, divergence, an error in `validate`: what was learned so far is kept
        model.parameters.data[...] = course.state.parameters
        course.save()
        raise
    finally:
        bar.close()


def make_optimizer(model, settings):
    """What makes the steps of `fit`: on a GPU a `DeviceRmsProp`, else climin's, a `GuardedRmsProp`."""
    names = ("decay", "momentum", "max_gradient_norm")
    choices = {name: getattr(settings, name) for name in names}
    if model.backend == "jax" and accelerator():
        return DeviceRmsProp(model.parameters.data, pure_loss_and_gradient(model), **choices)
    function = model.function(list(model.training_inputs), ["loss", "gradient"])
    return GuardedRmsProp(model.parameters.data, function, **choices)


def is_finished(run: Run) -> bool:
    """Whether the training of a run is finished; this needs no model.

    Raises
    ------
    ValueError
        If the checkpoint is damaged.
    """
    if not run.has_checkpoint:
        return run.has_weights
    _, attributes = run.read_checkpoint()
    state = attributes.get("state", {})
    return bool(isinstance(state, dict) and state.get("finished"))


def progress_of(run: Run) -> Progress:
    """The `Progress` of a run; this needs no model.

    Raises
    ------
    ValueError
        If the checkpoint is missing or damaged.
    """
    _, attributes = run.read_checkpoint()
    where = run.folder / "checkpoint.h5"
    check(attributes, {"state": OBJECT, "setup": OBJECT}, where)
    state, setup = attributes["state"], attributes["setup"]
    check(state, {"update": COUNT, "seconds": NUMBER}, where)
    check(setup, dict.fromkeys(("n_epochs", "n_chunks", "batch_size"), POSITIVE_COUNT), where)
    n_updates = setup["n_epochs"] * n_batches(setup["n_chunks"], setup["batch_size"])
    return Progress(state["update"], n_updates, state["seconds"])


def load_parameters(run: Run, model: Model) -> None:
    """Give a model the best parameters of a run.

    Parameters
    ----------
    run : Run
    model : Model
        With the same shapes; it may compute in another precision.

    Raises
    ------
    ValueError
        If there is neither a checkpoint nor weights, or they are damaged or of another model, or nothing has
        been validated yet.
    """
    if run.has_weights and not run.has_checkpoint:
        best = run.read_weights(model.parameters)
    else:
        arrays, _ = run.read_checkpoint(model.parameters)
        if "best_parameters" not in arrays:
            raise ValueError(
                f"run must have been validated, got {run.folder}, which has not been validated yet"
            )
        best = arrays["best_parameters"]
    if best.shape != (model.parameters.size,) or not np.isfinite(best).all():
        raise ValueError(
            f"parameters of {run.folder} must be {model.parameters.size} finite numbers, they have shape "
            f"{best.shape}, and {np.isfinite(best).sum()} of them are finite: restore a copy"
        )
    model.parameters.data[...] = best
