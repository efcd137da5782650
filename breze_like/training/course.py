"""The course of a model's training: which minibatch comes next, when it is validated, logged and saved."""

import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from breze_like.backends.process import n_cores
from breze_like.checks import check_rng
from breze_like.data import chunk, minibatches, pad
from breze_like.training.before import check_parameters, checked, warn_of_scale
from breze_like.training.history import History
from breze_like.training.state import State

# What a killed process loses at most, besides the update or validation that it is at: far less than a minute
# of work, while writing a checkpoint takes a few dozen milliseconds.
CHECKPOINT_SECONDS = 20


class TrainingDiverged(RuntimeError):
    """Too many updates in a row met a loss or a gradient that is not finite, or all scores are not finite.

    The message says whether the numbers were not finite from the start, or only the gradient, or only later
    on.
    """


class Minibatch(NamedTuple):
    """What an update takes: the inputs of the loss, and the step rate; and what it leaves in the `State`."""

    inputs: list
    step_rate: float
    order: np.ndarray
    rng: dict


class Course:
    """The course of one model's training, from the start or from a checkpoint.

    Parameters
    ----------
    model : Model
        Its parameters are neither read nor written.
    settings : TrainingSettings
        The attribute is `settled`.
    train, valid : list of ndarray, each (n_steps, n_features)
    rng : numpy.random.Generator
        For the order of the chunks and the noise.
    parameters : ndarray, shape (n_parameters,)
        The initial ones.
    run : Run, optional
        Where to log and to save, and whose checkpoint to continue from.

    Attributes
    ----------
    state : State
        Always the one between two updates, even after an interruption.
    entries : list of dict
        See `History`.
    valid_chunks : list of ndarray
    n_updates : int
        In all epochs.

    Raises
    ------
    ValueError
        See `fit`.
    """

    def __init__(self, model, settings, train, valid, rng, parameters, run=None):
        check_rng(rng)
        if not (run and run.has_checkpoint):
            check_parameters(model, parameters)
        self.rng = rng
        self.valid_chunks = chunk(checked(model, valid, "valid"), settings.chunk_length)
        self._model, self._run = model, run
        self._chunks = chunk(checked(model, train, "train"), settings.chunk_length)
        self._n_steps = max(map(len, self._chunks))  # of every minibatch: each new shape costs a compilation
        self._n_batches = n_batches(len(self._chunks), settings.batch_size)
        self.n_updates = settings.n_epochs * self._n_batches
        self.settings = settings = settings.settled(self.n_updates, "kl_weight" in model.training_inputs)

        self._setup = _setup(settings, self._chunks, parameters.dtype)
        if run:
            run.check_checkpoint()
        if run and run.has_checkpoint:
            _warn_of_other_cores(run)
            self.state = State.read(run, model.parameters, self._setup)
            try:
                rng.bit_generator.state = self.state.rng
            except Exception as error:  # NumPy raises whatever it stumbles over
                raise ValueError(
                    f"the checkpoint in {run.folder} is damaged: rng must be a state of the generator "
                    f"{type(rng.bit_generator).__name__}, {type(error).__name__}; restore a copy"
                ) from None
            if self.state.order is not None and self.state.order.max() >= len(self._chunks):
                raise ValueError(
                    f"the checkpoint in {run.folder} is damaged: order must have numbers of chunks; "
                    "restore a copy"
                )
        else:
            warn_of_scale(model, self._chunks)
            self.state = State.initial(parameters, rng)
            self.save()
        self.entries = []
        if run:
            run.truncate_log(self.state.n_validations)
            self.entries = run.read_log()
        self._saved_at = time.monotonic()

    @property
    def epoch(self):
        """Number of epochs that are finished."""
        return self.state.update // self._n_batches

    def has_come_to(self, share):
        """Whether so large a share of all updates is done, at least one; or training has come to its end."""
        if share == 1:
            return self.state.finished
        return self.state.finished or self.state.update >= max(1, round(share * self.n_updates))

    @property
    def validation_due(self):
        """Whether the next thing to do is a validation, not an update."""
        if self.state.update % self._n_batches or not self.settings.validates_after(self.epoch):
            return False
        return not self.entries or self.entries[-1]["epoch"] < self.epoch

    @property
    def history(self):
        """What was done so far."""
        return History(self.entries, self.state.best_score, self.state.best_epoch)

    @property
    def best_parameters(self):
        """Those with the best validation score; without any, the last ones."""
        best = self.state.best_parameters
        return np.asarray(self.state.parameters if best is None else best)

    def draw(self):
        """The `Minibatch` of the next update."""
        model, state = self._model, self.state
        position = state.update % self._n_batches
        order = state.order  # (n_batches, batch_size), the same until the epoch ends
        if position == 0:
            order = np.stack(minibatches(len(self._chunks), self.settings.batch_size, self.rng))
        # observations: (n_steps, batch_size, n_features), mask: (n_steps, batch_size)
        observations, mask = pad([self._chunks[index] for index in order[position]], self._n_steps)
        noise = model.draw_noise(self.rng, self._n_steps, self.settings.n_draws * mask.shape[1])
        kl_weight = self.settings.kl_weight(state.update)
        named = {"observations": observations, "mask": mask, "noise": noise, "kl_weight": kl_weight}
        inputs = [named[name] for name in model.training_inputs]
        step_rate = self.settings.scheduled_step_rate(state.update / self.n_updates)
        return Minibatch(inputs, step_rate, order, self.rng.bit_generator.state)

    def stepped(self, outcome, batch, optimizer_state):
        """Take note of an update.

        Parameters
        ----------
        outcome : StepOutcome
        batch : Minibatch
            What it took.
        optimizer_state : dict
            What it led to.

        Raises
        ------
        TrainingDiverged
            If it was skipped, after too many others; the state stays that of before the update.
        """
        state = self.state
        if outcome.skipped and state.n_skipped_in_a_row == self.settings.max_skipped:
            raise TrainingDiverged(_divergence(state, self.epoch, outcome))
        self.state = state.stepped(outcome, order=batch.order, rng=batch.rng, **optimizer_state)

    def validated(self, score):
        """Take note of a validation."""
        state, epoch = self.state, self.epoch
        self.entries.append(_entry(state, epoch, score, self.settings.kl_weight(state.update)))
        if self._run:
            self._run.append_log(self.entries[-1])
        # Off the device: the best parameters are kept for long.
        state = replace(state, parameters=np.asarray(state.parameters))
        self.state = state.validated(score, epoch, self.settings)

    @contextmanager
    def timed(self, share=1.0):
        """Count a share of the time that the block takes; save after a validation, or when it is due."""
        started, n_validations = time.monotonic(), self.state.n_validations
        yield
        now = time.monotonic()
        self.state = replace(self.state, seconds=self.state.seconds + share * (now - started))
        if self.state.n_validations > n_validations or now - self._saved_at >= CHECKPOINT_SECONDS:
            self.save()
            self._saved_at = now

    def save(self):
        """Write a checkpoint, if there is a run."""
        if self._run:
            self.state.write(self._run, self._model.parameters, self._setup)

    def summary(self):
        """The numbers next to a progress bar."""
        latest = self.entries[-1] if self.entries else {}
        train = self.state.mean(self.state.loss_sum)
        numbers = {
            "train": latest.get("train_loss") if train is None else train,
            "valid": latest.get("valid_score"),
            "best": self.state.best_score,
            "KL weight": self.settings.kl_weight(self.state.update),
        }
        shown = [f"{name} {number:.3f}" for name, number in numbers.items() if number is not None]
        return ", ".join([f"epoch {self.epoch}", *shown, f"{self.state.n_skipped} skipped"])


def n_batches(n_chunks, batch_size):
    """Number of minibatches in an epoch."""
    return -(-n_chunks // min(batch_size, n_chunks))


def _warn_of_other_cores(run):
    begun, here = run.config.get("versions", {}).get("cores"), str(n_cores())
    if begun not in (None, here):
        warnings.warn(
            f"{run.folder} was started on {begun} cores, and there are {here} here: sums are divided "
            "differently, so the last digits will differ from those of a training that was never "
            "interrupted",
            stacklevel=2,
        )


def _setup(settings, chunks, dtype):
    """What must be the same when training is continued."""
    sizes = {"n_chunks": len(chunks), "n_train_steps": sum(map(len, chunks))}
    return {**asdict(settings), **sizes, "precision": dtype.name}


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


def _divergence(state, epoch, outcome):
    """What happened, and what to do about it: if no update was made, the step rate is not the reason."""
    advice = "try a smaller step_rate"
    if not state.n_iter and math.isfinite(outcome.loss):
        advice = "only the gradient was not finite from the start: look at the data, or try another transfer"
    elif not state.n_iter:
        advice = (
            "the loss was not finite from the start: look for huge values in the data, or in the "
            "initialization"
        )
    return (
        f"loss or gradient was not finite {state.n_skipped_in_a_row + 1} times in a row, from update "
        f"{state.update - state.n_skipped_in_a_row} on, in epoch {epoch}: {advice}"
    )
