"""The study of a random search: its configurations, their attempts, and what became of them.

A configuration has a number, from 0 on. It is in the study as one of Optuna's trials, an attempt; when the
attempt's process dies, another attempt takes its place. What must hold, whatever is killed at what time:

- A configuration whose attempts are all void, failed without a reason, gets another one (`replenish`).
- Of several attempts that are not void, the first one counts, and no other one is begun (`claim`): so it does
  no harm if two processes enqueue the same. Attempts are numbered in the order in which they became visible,
  and no void one comes to life again, so all processes agree on which is the first.
- Who works on an attempt holds the lock of its run's folder, and gives signs of life if the storage knows
  heartbeats. Without these, the attempt is failed, and so void (`fail_dead`); should its process be alive
  after all, the storage refuses its result.
"""

import json
import warnings
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.storages._heartbeat import is_heartbeat_enabled
from optuna.trial import TrialState, create_trial

from experiments.file_lock import FileLock
from experiments.search_storage import default_place, explained, file_of, open_storage, shown

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
        COMPLETE, PRUNED and FAIL are final; RUNNING, and WAITING, be it for another attempt.
    value : float or None
        Validation score, nats per time step; the last one of a pruned trial.
    run : str
        Name of the run's folder, below the study's.
    seconds : float or None
        That training took, in all attempts; None if it did not end.
    reason : str or None
        Why it failed.
    """

    number: int
    params: dict
    state: TrialState
    value: float | None
    run: str
    seconds: float | None
    reason: str | None


def open_study(folder, storage, name, about, heartbeat, sampler, pruner, patient=False):
    """A study to work on, new or not.

    Parameters
    ----------
    folder : Path
        Of the study; made if it is not there.
    storage : str or None
        See `search_storage`; None: a file in the folder.
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
        known = study.user_attrs
        about = json.loads(json.dumps(about))
        for key, value in about.items():
            if key not in known:
                study.set_user_attr(key, value)
            elif key in FIXED and known[key] != value:
                raise ValueError(
                    f"study {name} in {shown(place)} must be of {key} {_brief(value)}, "
                    f"it was made for {_brief(known[key])}: choose another --out or --study"
                )
    return study


def load_study(folder, storage=None, name=None):
    """A study to look at.

    Parameters
    ----------
    folder : str or path-like
        Of the study.
    storage : str, optional
        See `search_storage`; None: a file in the folder.
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
        raise ValueError(f"{folder} must be the folder of a search, there is no {path}")
    with explained(place):
        opened = open_storage(place)
        names = optuna.get_all_study_names(opened)
        if name is None and len(names) == 1:
            (name,) = names
        if name not in names:
            raise ValueError(f"--study must be one of those in {shown(place)}, {names}, got {name}")
        return optuna.load_study(study_name=name, storage=opened)


def folder_lock(folder):
    """The lock that those who add to a study of this folder hold."""
    return FileLock(Path(folder) / ".lock")


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


def that_counts(tries):
    """Of a configuration's attempts, the one that counts."""
    return next((attempt for attempt in tries if not is_void(attempt)), tries[-1])


def outcomes(study):
    """What became of each configuration: a list of `Outcome`, in the order of their numbers."""
    return [_outcome(number, that_counts(tries)) for number, tries in attempts(study).items()]


def _outcome(number, attempt):
    known, state = attempt.user_attrs, TrialState.WAITING if is_void(attempt) else attempt.state
    return Outcome(
        number,
        attempt.params,
        state,
        attempt.value if state.is_finished() else None,
        known["run"],
        known.get("seconds"),
        known.get("reason") if state == TrialState.FAIL else None,
    )


def replenish(study, folder, n_trials, params_of):
    """Have an attempt in the queue, or further on, for each of the configurations from 0 to `n_trials` - 1.

    Parameters
    ----------
    study : optuna.Study
    folder : Path
        Of the study.
    n_trials : int
    params_of : callable
        Hyper-parameters of the configuration of a number, and their distributions, two dicts; empty ones are
        left to the sampler.
    """
    with folder_lock(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        enqueue_again = RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)
        there = attempts(study)
        for number in range(n_trials):
            if number not in there:
                params, distributions = params_of(number)
                known = {"configuration": number, "run": f"trial_{number:04d}"}
                state = TrialState.WAITING
                study.add_trial(
                    create_trial(state=state, params=params, distributions=distributions, user_attrs=known)
                )
            elif all(map(is_void, there[number])):
                # Those of them that were begun have the scores so far.
                enqueue_again(study, max(there[number], key=lambda a: (len(a.intermediate_values), a.number)))


def claim(study, folder, n_trials):
    """Take an attempt from the queue: it and the lock of its run's folder, or None if there is none to take.

    It is one at a configuration below `n_trials`. Attempts that don't count are closed instead.
    """
    storage, found = study._storage, attempts(study)
    counting = {that_counts(tries).number for tries in found.values()}
    waiting_ones = [a for tries in found.values() for a in tries if a.state == TrialState.WAITING]
    for waiting in sorted(waiting_ones, key=lambda a: a.number):
        if waiting.number not in counting:
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_state_values(waiting._trial_id, TrialState.FAIL)
            continue
        if waiting.user_attrs["configuration"] >= n_trials:
            continue
        lock = run_lock(folder, waiting)
        if lock.acquire(wait=False):
            taken = False
            try:
                taken = _take(storage, waiting)
                if taken:
                    return optuna.trial.Trial(study, waiting._trial_id), lock
            finally:
                if not taken:
                    lock.release()
    return None


def _take(storage, waiting):
    """Let an attempt run; whether no other process was faster."""
    try:
        if is_heartbeat_enabled(storage):
            # Before it runs: an attempt that never gave a sign of life is never missed.
            storage.record_heartbeat(waiting._trial_id)
        return storage.set_trial_state_values(waiting._trial_id, TrialState.RUNNING)
    except UpdateFinishedTrialError:
        return False


def run_lock(folder, trial):
    """The lock that who works on an attempt holds."""
    run = Path(folder) / trial.user_attrs["run"]
    run.mkdir(parents=True, exist_ok=True)
    return FileLock(run / ".lock")


def fail_dead(study, folder, place):
    """Fail the attempts whose processes are dead: those that give no signs of life, by Optuna's own means.

    Where the storage is a file in the study's folder, all processes see the locks of the runs' folders, and a
    lock that is free says the same, at once.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    path = file_of(place)
    if path is None or path.resolve().parent != Path(folder).resolve():
        return
    for running in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if "run" not in running.user_attrs:
            continue
        lock = run_lock(folder, running)
        if lock.acquire(wait=False):
            try:
                with suppress(UpdateFinishedTrialError):
                    study.tell(running.number, state=TrialState.FAIL, skip_if_finished=True)
            finally:
                lock.release()
