"""The study of a random search: its configurations, their attempts, and what became of them.

A configuration has a number, starting at 0, and goes from rung to rung, the last of which is the end of its
training; see `rungs`. On its way to each rung, it is in the study as one of Optuna's trials, called an
attempt; when the attempt's process dies, another attempt takes its place. For Optuna, an attempt that has
reached a rung before the last one is pruned; it has the configuration's score at that rung.

`queue` decides who works on attempts, and says what must hold whatever is killed.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.trial import TrialState

from experiments.search import rungs
from experiments.search.storage import (
    default_place,
    explained,
    file_of,
    lock_at,
    open_storage,
    without_password,
)

# What must be as it was when more is added to a study.
FIXED = ("dataset", "digests", "model", "procedure", "space", "seed", "sampler", "pruner", "budget")


class Outcome(NamedTuple):
    """What became of a configuration.

    Attributes
    ----------
    number : int
    params : dict
        Hyper-parameters by name; empty if a sampler has not chosen them yet.
    state : optuna.trial.TrialState
        COMPLETE, PRUNED and FAIL are final; RUNNING, and WAITING, be it for another attempt, or for others
        to come to the rung that it is at.
    value : float or None
        Validation score, nats per time step; of a pruned trial the last one, or that of its rung.
    run : str
        Name of the run's folder, below the study's.
    seconds : float or None
        That training has taken, in all attempts that ended; None if none did.
    reason : str or None
        Why it failed.
    rung : int
        The one that it has come to, or is on its way to.
    scores : tuple of float
        At the rungs that it has come to, but for the last one; see `worker.rung_score`.
    share : float
        Of its updates that were done, as far as it is known.
    """

    number: int
    params: dict
    state: TrialState
    value: float | None
    run: str
    seconds: float | None
    reason: str | None
    rung: int = 0
    scores: tuple = ()
    share: float = 0.0

    @property
    def n_ended(self):
        """The number of rungs that it has reached, or failed to reach."""
        return max(len(self.scores), self.rung + self.state.is_finished())

    @property
    def is_at_rung(self):
        """Whether it has reached a rung before the last, and has not continued (yet)."""
        return len(self.scores) > self.rung


def open_study(folder, storage, name, about, heartbeat, sampler, pruner, patient=False):
    """A study to work on, new or not.

    Parameters
    ----------
    folder : Path
        Of the study; made if it is not there.
    storage : str or None
        See `storage`; None: a file in the folder.
    name : str
        Of the study.
    about : dict
        What the study says of itself, ``user_attrs``.
    heartbeat : int
    sampler : optuna.samplers.BaseSampler
    pruner : optuna.pruners.BasePruner
    patient : bool
        As heartbeat, for `open_storage`.

    Raises
    ------
    ValueError
        If the study is there, and was made for something else.
    OSError
        If the folder can't be written to, or the storage does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = storage or default_place(folder)
    with explained(place), folder_lock(folder):
        opened = open_storage(place, heartbeat, patient)
        study = optuna.create_study(
            storage=opened, study_name=name, load_if_exists=True, sampler=sampler, pruner=pruner
        )
        attributes = study.user_attrs
        about = json.loads(json.dumps(about))
        for key, value in about.items():
            if key not in attributes:
                study.set_user_attr(key, value)
        if key := differing(attributes, about):
            raise ValueError(
                f"study {name} in {without_password(place)} must have {key} {_brief(about[key])}, "
                f"it was made with {_brief(attributes[key])}: choose another --out or --study"
            )
    return study


def differing(attributes, about, names=FIXED):
    """The first attribute in which a study differs from what it should be, or None.

    Data are known by their digests: the name of their file may have changed.
    """
    if "digests" in about and attributes.get("digests") == about["digests"]:
        names = [name for name in names if name != "dataset"]
    both = [name for name in names if name in attributes and name in about]
    return next((name for name in both if attributes[name] != about[name]), None)


def load_study(folder, storage=None, name=None):
    """A study to look at.

    Parameters
    ----------
    folder : str or path-like
        Of the study.
    storage : str, optional
        See `storage`; None: a file in the folder.
    name : str, optional
        Of the study, if there are several in the storage.

    Raises
    ------
    ValueError
        If there is none.
    OSError
        If the storage does not answer.
    """
    place = storage or default_place(folder)
    path = file_of(place)
    if path and not path.is_file():
        raise ValueError(
            f"there is no search in {folder}, since {path} is missing: give the folder of a search, or "
            "its --storage"
        )
    with explained(place):
        opened = open_storage(place)
        names = optuna.get_all_study_names(opened)
        if name is None and len(names) == 1:
            (name,) = names
        if name not in names:
            raise ValueError(
                f"--study must be one of those in {without_password(place)}, {names}, got {name}"
            )
        return optuna.load_study(study_name=name, storage=opened)


def folder_lock(folder):
    """The lock that processes hold while they add to a study of this folder."""
    return lock_at(Path(folder) / ".lock")


def _brief(value):
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def attempts(study):
    """Lists of the attempts at each configuration, by its number, in the order of Optuna's numbers."""
    found = defaultdict(list)
    for trial in study.get_trials(deepcopy=False):
        if "configuration" in trial.user_attrs:
            found[trial.user_attrs["configuration"]].append(trial)
    return dict(sorted(found.items()))


def is_void(attempt):
    """Whether an attempt failed without being the end of its configuration."""
    return attempt.state == TrialState.FAIL and "reason" not in attempt.user_attrs


def rung_of(attempt):
    """The rung to which an attempt leads."""
    return attempt.user_attrs.get("rung", 0)


def that_counts(tries):
    """Of a configuration's attempts, the one that counts, on the way to the last rung that it came near."""
    rung = max(map(rung_of, tries))
    latest = [attempt for attempt in tries if rung_of(attempt) == rung]
    return next((attempt for attempt in latest if not is_void(attempt)), latest[-1])


def shares_of(study):
    """The shares of a full training at which there are rungs."""
    return tuple(study.user_attrs.get("rungs", rungs.WHOLE))


def outcomes(study, n_trials=None):
    """What became of each configuration: a list of `Outcome`, in the order of their numbers.

    If not all of them count, those below `n_trials` do, be they in the study yet or not: who goes on from a
    rung depends on all of them.
    """
    tries = attempts(study)
    found = [_outcome(number, tries[number]) for number in tries if n_trials is None or number < n_trials]
    bound = bound_for(found, n_trials, len(shares_of(study)))
    return [_decided(outcome, bound) for outcome in found]


def bound_for(outcomes, n_trials, n_rungs):
    """Who goes to which rung, as `rungs.going_on` has it."""
    scores = dict.fromkeys(range(n_trials or 0), ()) | {o.number: o.scores for o in outcomes}
    failed = {outcome.number for outcome in outcomes if outcome.state == TrialState.FAIL}
    return rungs.going_on(scores, failed, n_rungs)


def _outcome(number, tries):
    attempt = that_counts(tries)
    attributes, state = attempt.user_attrs, TrialState.WAITING if is_void(attempt) else attempt.state
    return Outcome(
        number,
        attempt.params,
        state,
        attempt.value if state.is_finished() else None,
        attributes["run"],
        attributes.get("seconds"),
        attributes.get("reason") if state == TrialState.FAIL else None,
        rung_of(attempt),
        _scores(tries),
        attributes.get("share", 0.0),
    )


def _scores(tries):
    """Scores at the rungs that were reached, except the last one."""
    found = {}
    for attempt in tries:
        if attempt.state == TrialState.PRUNED and "score" in attempt.user_attrs:
            found.setdefault(rung_of(attempt), attempt.user_attrs["score"])
    return tuple(found[rung] for rung in sorted(found))


def _decided(outcome, bound):
    """An outcome that is at a rung before the last: whether it stays there, as far as it is known."""
    if not outcome.is_at_rung:
        return outcome
    following = bound[outcome.rung + 1 : outcome.rung + 2]
    stays = following and outcome.number not in following[0]
    return outcome._replace(
        state=TrialState.PRUNED if stays else TrialState.WAITING, value=outcome.scores[outcome.rung]
    )
