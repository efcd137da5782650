"""The loop: minibatches, steps, validation, early stopping, checkpoints."""

import math
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
from tqdm import tqdm

from breze_like.backends import accelerator
from breze_like.data import chunk, minibatches, pad
from breze_like.training.device import DeviceRmsProp, pure_loss_and_gradient
from breze_like.training.optimization import GuardedRmsProp
from breze_like.training.state import State

# What a killed process loses at most, besides the update or validation that it is at: far less than a minute
# of work, while writing a checkpoint takes a few dozen milliseconds.
CHECKPOINT_SECONDS = 20


class TrainingDiverged(RuntimeError):
    """Too many updates in a row met a loss or a gradient that is not finite."""


@dataclass(frozen=True)
class History:
    """What training did.

    Attributes
    ----------
    entries : list of dict
        One for each validation: ``update`` and ``epoch``, how many were done; ``train_loss``, mean since the
        last validation; ``valid_score``; ``kl_weight``; ``gradient_norm``, mean since the last validation,
        before clipping; ``n_skipped``, in all; ``seconds`` of training so far. What is not finite is None.
    best_score : float or None
        The lowest validation score; None if none was finite.
    best_epoch : int or None
        Number of epochs after which it was reached.
    """

    entries: list
    best_score: float | None
    best_epoch: int | None


def fit(model, train, valid, settings, rng, validate, run=None, progress=True):
    """Train a model. Afterwards its parameters are those with the best validation score.

    Parameters
    ----------
    model : Model
        With initial parameters.
    train, valid : list of ndarray, each (n_steps, n_features)
    settings : TrainingSettings
    rng : numpy.random.Generator
        For the order of the chunks and the noise.
    validate : callable
        Takes the chunks of `valid`, a list like it, and returns the score of the model's current parameters;
        lower is better. It must be deterministic.
    run : Run, optional
        Where to log and to save. If it has a checkpoint, training goes on from there, with the random numbers
        of then; if it is finished, nothing is left to do.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If there is no sequence, the settings are for latents that the model does not have, or the run's
        checkpoint is damaged or was written with another model, precision, settings or data.
    TrainingDiverged
        If too many updates in a row meet numbers that are not finite. As after any other error, the
        parameters are those after the last good update, and the run can be resumed from them.
    """
    chunks, valid_chunks = chunk(train, settings.chunk_length), chunk(valid, settings.chunk_length)
    _check(model, settings, train=chunks, valid=valid_chunks)
    n_steps = max(map(len, chunks))  # of every minibatch: each new shape costs a compilation
    n_batches = -(-len(chunks) // min(settings.batch_size, len(chunks)))
    n_updates = settings.n_epochs * n_batches

    setup = _setup(model, settings, chunks)
    if run and run.has_checkpoint:
        state = State.read(run, model.parameters, setup)
        rng.bit_generator.state = state.rng
    else:
        state = State.initial(model.parameters.data, rng)
        if run:
            state.write(run, model.parameters, setup)
    entries = []
    if run:
        run.truncate_log(state.n_validations)
        entries = run.read_log()
    if state.finished:
        return _finish(model, state, entries)

    optimizer = _optimizer(model, settings)
    optimizer.restore({name: getattr(state, name) for name in optimizer.state_fields})
    saved_at = time.monotonic()
    bar = tqdm(total=n_updates, initial=state.update, unit="update", disable=not progress)
    try:
        while not state.finished:
            started = time.monotonic()
            epoch, position = divmod(state.update, n_batches)
            kl_weight = settings.kl_weight(state.update)
            validation_due = position == 0 and state.n_validations < settings.n_validations(epoch)
            if validation_due:
                model.parameters.data[...] = state.parameters
                score = float(validate(valid_chunks))
                entries.append(_entry(state, epoch, score, kl_weight))
                if run:
                    run.append_log(entries[-1])
                state = state.validated(score, epoch, settings)
            else:
                order = state.order  # (n_batches, batch_size), the same until the epoch ends
                if position == 0:
                    order = np.stack(minibatches(len(chunks), settings.batch_size, rng))
                # observations: (n_steps, batch_size, n_features), mask: (n_steps, batch_size)
                observations, mask = pad([chunks[index] for index in order[position]], n_steps)
                noise = model.draw_noise(rng, n_steps, settings.n_draws * mask.shape[1])
                named = {"observations": observations, "mask": mask, "noise": noise, "kl_weight": kl_weight}
                inputs = [named[name] for name in model.training_inputs]
                outcome = optimizer.step(inputs, settings.scheduled_step_rate(state.update / n_updates))
                if outcome.skipped and state.n_skipped_in_a_row == settings.max_skipped:
                    raise TrainingDiverged(_divergence(state, epoch))
                state = state.stepped(outcome, order=order, rng=rng.bit_generator.state, **optimizer.state())
                bar.update()
            now = time.monotonic()
            state = replace(state, seconds=state.seconds + now - started)
            if run and (validation_due or now - saved_at >= CHECKPOINT_SECONDS):
                state.write(run, model.parameters, setup)
                saved_at = now
            bar.set_postfix_str(_summary(state, epoch, entries, kl_weight), refresh=False)
    except BaseException:  # Ctrl-C, divergence, an error in `validate`: what was learned so far is kept
        model.parameters.data[...] = state.parameters
        if run:
            state.write(run, model.parameters, setup)
        raise
    finally:
        bar.close()
    return _finish(model, state, entries)


def is_finished(run):
    """Whether the training of a run has come to its end; no model is needed to tell.

    Raises
    ------
    ValueError
        If the checkpoint is damaged.
    """
    if not run.has_checkpoint:
        return False
    _, attributes = run.read_checkpoint()
    return bool(attributes.get("state", {}).get("finished"))


def load_parameters(run, model):
    """Give a model the best parameters of a run.

    Parameters
    ----------
    run : Run
    model : Model
        Of the same shapes; it may compute in another precision.

    Raises
    ------
    ValueError
        If the checkpoint is missing, damaged or of another model, or has no validated parameters yet.
    """
    arrays, _ = run.read_checkpoint(model.parameters)
    if "best_parameters" not in arrays:
        raise ValueError(f"run must have been validated, got {run.folder} from before that")
    model.parameters.data[...] = arrays["best_parameters"]


def _check(model, settings, **splits):
    for name, chunks in splits.items():
        if not chunks:
            raise ValueError(f"{name} must hold a sequence with at least one step, got none")
    for name, value, needed in (("annealing_updates", 0, "kl_weight"), ("n_draws", 1, "noise")):
        given = getattr(settings, name)
        if given != value and needed not in model.training_inputs:
            raise ValueError(f"{name} must be {value} for a model without the input {needed!r}, got {given}")


def _setup(model, settings, chunks):
    """What must be the same when training goes on."""
    sizes = {"n_chunks": len(chunks), "n_train_steps": sum(map(len, chunks))}
    return {**asdict(settings), **sizes, "precision": model.parameters.data.dtype.name}


def _optimizer(model, settings):
    """On a GPU one whose parameters stay there, else climin's."""
    names = ("decay", "momentum", "max_gradient_norm")
    choices = {name: getattr(settings, name) for name in names}
    if model.backend == "jax" and accelerator():
        return DeviceRmsProp(model.parameters.data, pure_loss_and_gradient(model), **choices)
    function = model.function(list(model.training_inputs), ["loss", "gradient"])
    return GuardedRmsProp(model.parameters.data, function, **choices)


def _entry(state, epoch, score, kl_weight):
    return {
        "update": state.update,
        "epoch": epoch,
        "train_loss": state.mean(state.loss_sum),
        "valid_score": score if math.isfinite(score) else None,
        "kl_weight": kl_weight,
        "gradient_norm": state.mean(state.gradient_norm_sum),
        "n_skipped": state.n_skipped,
        "seconds": round(state.seconds, 2),
    }


def _divergence(state, epoch):
    return (
        f"loss or gradient was not finite {state.n_skipped_in_a_row + 1} times in a row, from update "
        f"{state.update - state.n_skipped_in_a_row} on, in epoch {epoch}: try a smaller step_rate"
    )


def _summary(state, epoch, entries, kl_weight):
    """The numbers beside the progress bar."""
    latest = entries[-1] if entries else {}
    train = state.mean(state.loss_sum)
    numbers = {
        "train": latest.get("train_loss") if train is None else train,
        "valid": latest.get("valid_score"),
        "best": state.best_score,
        "KL weight": kl_weight,
    }
    shown = [f"{name} {number:.3f}" for name, number in numbers.items() if number is not None]
    return ", ".join([f"epoch {epoch}", *shown, f"{state.n_skipped} skipped"])


def _finish(model, state, entries):
    best = state.parameters if state.best_parameters is None else state.best_parameters
    model.parameters.data[...] = best
    return History(entries, state.best_score, state.best_epoch)
