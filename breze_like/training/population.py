"""Many models at once, with the same shapes, but each with its own settings, random numbers and parameters.

A small model leaves most of a GPU idle. Here, one program makes a step of all members of a population.

>>> members = []
>>> for seed, step_rate in enumerate([0.001, 0.003, 0.01]):
...     rng = np.random.default_rng(seed)
...     model.initialize(rng)
...     settings = TrainingSettings(n_epochs=300, step_rate=step_rate)
...     members.append(Member(settings, rng, model.parameters.data.copy()))
>>> trained = fit_population(model, members, data.train, data.valid)
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from breze_like.interrupts import deferred
from breze_like.runs import Run
from breze_like.training.before import check_run, check_settings, validation
from breze_like.training.course import Course, TrainingDiverged
from breze_like.training.device import PopulationRmsProp, pure_loss_and_gradient
from breze_like.training.history import History
from breze_like.training.optimization import GuardedRmsProp
from breze_like.training.progress import Bar
from breze_like.training.settings import TrainingSettings

# What the shapes of minibatches depend on.
SHARED = ("batch_size", "chunk_length", "n_draws")


@dataclass(frozen=True)
class Member:
    """One member of a population: the arguments that `fit` takes for a single model.

    Parameters
    ----------
    settings : TrainingSettings
    rng : numpy.random.Generator
        Not shared with any other member.
    parameters : ndarray, shape (n_parameters,)
        Initial values.
    run : Run, optional
    """

    settings: TrainingSettings
    rng: np.random.Generator
    parameters: np.ndarray
    run: Run | None = None


@dataclass(frozen=True)
class TrainedMember:
    """What became of a member.

    Attributes
    ----------
    history : History
    parameters : ndarray, shape (n_parameters,)
        Those with the best validation score; without any, the last ones.
    diverged : str or None
        Why it stopped early, if too many successive updates met numbers that are not finite.
    """

    history: History
    parameters: np.ndarray
    diverged: str | None


def fit_population(model, members, train, valid, validate=None, progress=True):
    """Train many models at once, each as `fit` would train it alone.

    A member that diverges or is finished stops; the others continue. Afterwards, the model has the parameters
    with the best validation score of all members.

    Parameters
    ----------
    model : Model
        Compiled by JAX.
    members : list of Member
        Minibatches must have the same shapes for all of them.
    train, valid, validate
        As for `fit`; the model has the parameters of one member after the other when it is validated.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of TrainedMember
        In the order of the members.

    Raises
    ------
    ValueError
        If the model is not compiled by JAX, or members do not fit together; or as for `fit`.
    """
    _check_members(model, members)
    validate = validation(validate, model, members[0].settings.n_draws)
    dtype = model.parameters.data.dtype
    for member in members:
        check_run(member.run)
    with ExitStack() as writing:
        for member in members:
            if member.run:
                writing.enter_context(member.run.locked())
        courses = [
            Course(model, m.settings, train, valid, m.rng, np.array(m.parameters, dtype), m.run)
            for m in members
        ]
        try:
            diverged = _train(model, courses, validate, progress)
        except BaseException:  # Ctrl-C, an error in `validate`: what was learned so far is kept
            for course in courses:
                course.save()
            raise
    scored = [c for c in courses if c.state.best_score is not None]
    if scored:
        model.parameters.data[...] = min(scored, key=lambda c: c.state.best_score).best_parameters
    return [TrainedMember(c.history, c.best_parameters, diverged.get(i)) for i, c in enumerate(courses)]


def _train(model, courses, validate, progress):
    """Go along all courses to their ends; why some members diverged, by number."""
    fields = GuardedRmsProp.state_fields
    states = [{name: getattr(course.state, name) for name in fields} for course in courses]
    settings = [course.settings for course in courses]
    optimizer = PopulationRmsProp(pure_loss_and_gradient(model), settings, states)
    running = {i: course for i, course in enumerate(courses) if not course.state.finished}
    diverged = {}
    counts = {"total": sum(c.n_updates for c in courses), "initial": sum(c.state.update for c in courses)}
    bar = Bar(progress, **counts, unit="update")
    with ThreadPoolExecutor() as pool, bar, deferred() as look:
        inputs = _Inputs(len(courses), model.parameters.data.dtype, pool)
        while running:
            look()
            for number, course in running.items():
                if course.validation_due:
                    with course.timed():
                        model.parameters.data[...] = course.state.parameters
                        course.validated(float(validate(course.valid_chunks)))
                        bar.validated(f"member {number}: {course.summary()}")
            running = {i: course for i, course in running.items() if not course.state.finished}
            if running:
                diverged |= _update(running, optimizer, inputs)
            bar.update(len(running))
            bar.set_postfix_str(_summary(courses, running, diverged), refresh=False)
            running = {i: course for i, course in running.items() if i not in diverged}
    return diverged


def _update(courses, optimizer, inputs):
    """Make an update of these courses, by number; why some of them diverged with it."""
    diverged = {}
    with ExitStack() as stack:
        for course in courses.values():
            stack.enter_context(course.timed(1 / len(courses)))
        batches = inputs.draw(courses)
        outcomes = optimizer.step(inputs.arrays, inputs.step_rates, inputs.active)
        for i, course in courses.items():
            try:
                course.stepped(outcomes[i], batches[i], optimizer.state(i))
            except TrainingDiverged as error:
                diverged[i] = str(error)
                course.save()
    return diverged


class _Inputs:
    """What the next update of all members takes, side by side, in memory that is used again and again.

    It is filled by threads: most of it is noise, and NumPy draws and copies that without holding up others.

    Attributes
    ----------
    arrays : list of ndarray, each (n_members, ...)
        Inputs of the loss; of those who don't take part any more, the last ones.
    step_rates, active : ndarray, shape (n_members,)
    """

    def __init__(self, n_members, dtype, pool):
        self.arrays = []
        self.step_rates, self.active = np.zeros(n_members, dtype), np.zeros(n_members, bool)
        self._pool = pool

    def draw(self, courses):
        """Draw for these courses, by number; the `Minibatch` of each."""
        batches = dict(zip(courses, self._pool.map(Course.draw, courses.values()), strict=True))
        if not self.arrays:
            shapes = [np.shape(array) for array in next(iter(batches.values())).inputs]
            self.arrays = [np.zeros((len(self.active), *s), self.step_rates.dtype) for s in shapes]
        list(self._pool.map(self._put, batches, batches.values()))
        self.active[:] = [i in batches for i in range(len(self.active))]
        return batches

    def _put(self, i, batch):
        self.step_rates[i] = batch.step_rate
        for array, value in zip(self.arrays, batch.inputs, strict=True):
            array[i] = value


def _summary(courses, running, diverged):
    """The numbers next to the progress bar."""
    scores = [c.state.best_score for c in courses if c.state.best_score is not None]
    best = [f"best {min(scores):.3f}"] if scores else []
    return ", ".join([f"{len(running)} of {len(courses)} running", *best, f"{len(diverged)} diverged"])


def _check_members(model, members):
    if model.backend != "jax":
        raise ValueError(f"model must be compiled by 'jax' for a population, got backend {model.backend!r}")
    if not members:
        raise ValueError("members must hold at least one, got none")
    for i, member in enumerate(members):
        check_settings(model, member.settings)
        if np.shape(member.parameters) != (model.parameters.size,):
            shape = np.shape(member.parameters)
            raise ValueError(f"parameters of member {i} must be {(model.parameters.size,)}, got {shape}")
        for name in SHARED:
            expected, given = (getattr(m.settings, name) for m in (members[0], member))
            if given != expected:
                raise ValueError(f"{name} must be {expected} for all members, got {given} for member {i}")
    if len({id(member.rng) for member in members}) < len(members):
        raise ValueError("rng must be a different one for each member, got the same one twice")
