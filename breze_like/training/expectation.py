"""Expectation maximisation of hidden Markov models, with priors: MAP-EM.

>>> settings = EMSettings(n_epochs=30)
>>> history = fit_em(HiddenMarkov(88, 512), data.train, data.valid, settings, rng)

States start as the most frequent frames of the training set. An epoch computes the expected counts of the
whole training set, which are gradients of its log-likelihood, and turns them into probabilities, after adding
pseudo-counts, the parameters of Dirichlet and Beta priors. Validation scores decide when to stop.
"""

import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit, softmax

from breze_like.checks import check_rng
from breze_like.data import packed
from breze_like.initialize import Initialization
from breze_like.models import HiddenMarkov
from breze_like.models.base import check_observations
from breze_like.training.before import check_run, validation
from breze_like.training.course import TrainingDiverged
from breze_like.training.history import History
from breze_like.training.progress import Bar
from breze_like.training.rules import (
    FRACTION,
    POSITIVE,
    POSITIVE_COUNT,
    POSITIVE_COUNT_OR_NONE,
    check,
    setting,
)
from breze_like.training.state import Checkpointed

# Entries of an array over all steps, columns and states of a batch: bounds the memory, about ten such arrays.
MAX_ENTRIES = 2**25

COUNTS = ("expected/initial", "expected/transitions", "expected/on", "expected/off")


@dataclass(frozen=True)
class EMSettings:
    """How to train a hidden Markov model.

    Parameters
    ----------
    n_epochs : int
        Largest number of passes over the training set.
    patience : int or None
        Training ends after this number of epochs without improvement of the validation score; None: never.
    transition_count : float
        Total of the pseudo-counts of the initial state, and of the transitions from each state.
    emission_count : float
        Pseudo-counts of each key in each state: as if it had been seen in so many more frames, on as often as
        in the training set.
    sharing : float
        The share, in [0, 1), of a state's pseudo-counts that is not spread in this way but in proportion to
        the counts of similar states, under which its emissions are probable. With 0, each epoch improves the
        posterior density of the parameters.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    n_epochs: int = setting(30, POSITIVE_COUNT)
    patience: int | None = setting(3, POSITIVE_COUNT_OR_NONE)
    transition_count: float = setting(10.0, POSITIVE)
    emission_count: float = setting(1.0, POSITIVE)
    sharing: float = setting(0.9, FRACTION)

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class EMState(Checkpointed):
    """Where training is, between two epochs, each of which is an update; what is best is None at first."""

    arrays: ClassVar = ("parameters", "best_parameters")

    parameters: np.ndarray
    best_parameters: np.ndarray | None = None
    best_score: float | None = None
    best_epoch: int | None = None
    update: int = 0
    n_without_improvement: int = 0
    seconds: float = 0.0
    finished: bool = False

    def validated(self, parameters, score, seconds, settings):
        """The state after one more epoch, that led to these parameters and this score."""
        epoch, improved = self.update + 1, self.best_score is None or score < self.best_score
        waited = 0 if improved else self.n_without_improvement + 1
        best = {"best_parameters": parameters, "best_score": score, "best_epoch": epoch} if improved else {}
        return replace(
            self,
            parameters=parameters,
            update=epoch,
            n_without_improvement=waited,
            seconds=seconds,
            finished=epoch == settings.n_epochs or waited == settings.patience,
            **best,
        )


def fit_em(model, train, valid, settings, rng, validate=None, run=None, progress=True):
    """Train a hidden Markov model. Afterwards its parameters are those with the best validation score.

    Parameters
    ----------
    model : HiddenMarkov
        Its initial parameters are not used.
    train, valid : list of ndarray, each (n_steps, n_visible)
        Whole sequences.
    settings : EMSettings
    rng : numpy.random.Generator
        To distinguish states that start as the same frame.
    validate, run, progress
        As for `fit`; `validate` takes `valid`, whole sequences, and is by default the likelihood.

    Returns
    -------
    History
        With an entry for each epoch, whose ``train_loss`` belongs to the parameters before that epoch.

    Raises
    ------
    ValueError
        If there is no sequence, or one that is not binary; if `model`, `settings` or `rng` is of another
        kind; if the run's checkpoint is damaged or was written with another model, precision, settings or
        data, or another process trains the run.
    """
    if not isinstance(model, HiddenMarkov):
        raise ValueError(f"model must be a HiddenMarkov, got {model!r}: train others by fit")
    check_rng(rng)
    if not isinstance(settings, EMSettings):
        raise ValueError(f"settings must be EMSettings, got {settings!r}")
    check_run(run)
    train, valid = check_observations(model, train, "train"), check_observations(model, valid, "valid")
    validate = validation(validate, model)
    data = model.parameters.data
    sizes = {"n_chunks": len(train), "batch_size": len(train), "n_train_steps": sum(map(len, train))}
    setup = {**asdict(settings), **sizes, "precision": data.dtype.name}
    n_on, n_known = (sum(known) for known in zip(*map(_counted, train), strict=True))
    marginal = (n_on + 1) / (n_known + 2)
    with run.locked() if run else nullcontext():
        if run:
            run.check_checkpoint()
        if run and run.has_checkpoint:
            state = EMState.read(run, model.parameters, setup)
        else:
            start(model, train, marginal, settings, rng)
            state = EMState(data.copy())
        return _improve(model, state, setup, (train, valid), marginal, settings, validate, run, progress)


def _improve(model, state, setup, sequences, marginal, settings, validate, run, progress):
    """Go on from a state to the end of training; its `History`."""
    train, valid = sequences
    data, entries = model.parameters.data, []
    if run and not run.has_checkpoint:
        state.write(run, model.parameters, setup)
    if run:
        run.truncate_log(state.update)
        entries = run.read_log()
    bar = Bar(progress, total=settings.n_epochs, initial=state.update, unit="epoch")
    with bar:
        while not state.finished:
            data[...] = state.parameters
            started = time.monotonic()
            loss, counts = expect(model, train)
            maximize(model, counts, marginal, settings)
            score = float(validate(valid))
            if not (math.isfinite(loss) and math.isfinite(score)):
                raise TrainingDiverged(f"loss or validation score was not finite in epoch {state.update + 1}")
            seconds = state.seconds + time.monotonic() - started
            state = state.validated(data.copy(), score, seconds, settings)
            entries.append(_entry(state, loss, score))
            if run:
                run.append_log(entries[-1])
                state.write(run, model.parameters, setup)
            bar.update()
            summary = f"train {loss:.3f}, valid {score:.3f}, best {state.best_score:.3f}"
            bar.set_postfix_str(summary)
            bar.validated(f"epoch {state.update}, {summary}")
    data[...] = state.best_parameters
    return History(entries, state.best_score, state.best_epoch)


def start(model, sequences, marginal, settings, rng):
    """Give a model its first parameters: a state for each of the most frequent frames, once seen in it.

    If there are more states, they start anew with the most frequent one. The states of the same frame differ
    by random transitions. What is missing in a frame was not seen.
    """
    seen = np.nan_to_num(np.concatenate(sequences), nan=2)  # what is missing equals itself then
    frames, n_times = np.unique(seen, axis=0, return_counts=True)
    frames = frames[np.argsort(-n_times, kind="stable")]
    frames = frames[np.resize(np.arange(len(frames)), model.n_states)]
    on, off = (frames == 1).astype(float), (frames == 0).astype(float)
    model.states.initialize(rng, Initialization())
    model.emission.view("logits")[...] = posterior_logits(on, off, settings, marginal)


def expect(model, sequences):
    """The E-step: nats per time step, and the expected counts, by name, summed over sequences."""
    function = model.function(["observations", "mask"], ["emission/log_prob", *COUNTS])
    total, counts = 0.0, dict.fromkeys(COUNTS, 0.0)
    for batch, (x,) in packed(sequences, max_steps=max(1, MAX_ENTRIES // model.n_states)):
        log_prob, *of_batch = function(x, batch.mask)
        total += log_prob.sum(dtype=float)
        for name, count in zip(COUNTS, of_batch, strict=True):
            counts[name] = counts[name] + np.maximum(count, 0)  # a count of 0 may be rounded to below
    return -total / sum(map(len, sequences)), counts


def maximize(model, counts, marginal, settings):
    """The M-step: the most probable parameters given the expected counts."""
    initial, transitions, on, off = (counts[name] for name in COUNTS)
    even = np.full(model.n_states, 1 / model.n_states)
    next_state, probability = even, marginal
    if settings.sharing and model.n_states > 1:
        logits = model.emission.view("logits")
        seen = on + off  # for each key the same, but where it is missing
        visits = seen.max(axis=1) if model.missing.allowed else seen[:, 0]
        weights = similarity(logits, visits).astype(logits.dtype)
        similar = weights @ normalized(transitions + 1e-6 * even)
        share = settings.sharing
        next_state = share * similar + (1 - share) * even
        probability = share * (weights @ expit(logits)) + (1 - share) * marginal
    count = settings.transition_count
    model.states.view("initial")[...] = normalized(initial + count * even)
    model.states.view("transition")[...] = normalized(transitions + count * next_state)
    model.emission.view("logits")[...] = posterior_logits(on, off, settings, probability)


def posterior_logits(on, off, settings, probability):
    """Logits of the mode under a Beta(1 + c p, 1 + c (1 - p)) prior, with c pseudo-counts."""
    n = settings.emission_count
    on, off = on.astype(float), off.astype(float)  # beside many frames, a count is lost in single precision
    return logit((on + n * probability) / (on + off + n))


def similarity(logits, visits):
    """How much each state learns from each other one: a matrix whose rows add up to 1.

        s_ij ~ (visits_j + 1) exp(E[log p(x | z = j)] / 2),  x ~ p(x | z = i),  j != i

    The square root lets states take part whose frames are rare under the other state, but alike.
    """
    on = expit(logits).astype(float)
    log_prob = on @ -np.logaddexp(0, -logits.astype(float)).T + (1 - on) @ -np.logaddexp(0, logits).T
    weights = log_prob / 2 + np.log(visits + 1)
    np.fill_diagonal(weights, -np.inf)
    return softmax(weights, axis=1)


def _counted(sequence):
    """How often each key is 1, and how often it is known, (n_visible,) each."""
    return np.nansum(sequence, axis=0, dtype=float), (~np.isnan(sequence)).sum(axis=0)


def normalized(counts):
    """Counts as probabilities, in the last axis."""
    return counts / counts.sum(axis=-1, keepdims=True)


def _entry(state, loss, score):
    """In the form of other models' logs."""
    return {
        "update": state.update,
        "epoch": state.update,
        "train_loss": float(loss),
        "valid_score": score,
        "kl_weight": 1.0,
        "gradient_norm": None,
        "n_skipped": 0,
        "seconds": round(state.seconds, 2),
    }
