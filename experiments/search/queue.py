"""The queue of a random search: who works on which attempt, so that no configuration is lost or ended twice.

What must hold, whatever is killed at whatever time:

- An attempt that failed without a reason is void. If all attempts of a configuration on the way to a rung are
  void, it gets another one (`replenish`).
- Of several attempts on the way to a rung that are not void, the first one counts, and no other one is
  started (`claim`), so it does no harm if two processes enqueue the same. Attempts are numbered in the order
  in which they became visible, and void ones stay void, so all processes agree on which one is the first.
- The process that works on an attempt holds the lock of its run's folder, and gives signs of life if the
  storage supports heartbeats. Without these, the attempt is marked as failed, and so void (`fail_dead`);
  should its process be alive after all, the storage refuses its result.
"""

import warnings
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState, create_trial

from experiments.search.internals import begun, give_sign_of_life, set_state
from experiments.search.storage import file_of, lock_at, take
from experiments.search.studies import (
    attempts,
    bound_for,
    folder_lock,
    is_void,
    outcomes,
    rung_of,
    shares_of,
    that_counts,
)


def run_name(number):
    """Name of the folder of a configuration's run."""
    return f"trial_{number:04d}"


def replenish(study, folder, n_trials, params_of):
    """Make sure that each configuration from 0 to `n_trials` - 1 has an attempt, in the queue or beyond.

    Those that go on from a rung get another one, on the way to the next.

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
                attributes = {"configuration": number, "run": run_name(number), "rung": 0}
                state = TrialState.WAITING
                study.add_trial(
                    create_trial(
                        state=state, params=params, distributions=distributions, user_attrs=attributes
                    )
                )
            elif is_void(that_counts(there[number])):
                rung = rung_of(that_counts(there[number]))
                tries = [attempt for attempt in there[number] if rung_of(attempt) == rung]
                # Those of them that were begun have the scores so far.
                enqueue_again(study, max(tries, key=lambda a: (len(a.intermediate_values), a.number)))
        _promote(study, there, n_trials)


def _promote(study, there, n_trials):
    """Enqueue those that continue from a rung."""
    found = outcomes(study, n_trials)
    for rung, numbers in enumerate(bound_for(found, n_trials, len(shares_of(study)))):
        for number in sorted(numbers & set(there)):
            before = that_counts(there[number])
            if rung_of(before) == rung - 1:
                kept = ("configuration", "run", "seconds", "share")
                attributes = {name: before.user_attrs[name] for name in kept if name in before.user_attrs}
                study.add_trial(
                    create_trial(
                        state=TrialState.WAITING,
                        params=before.params,
                        distributions=before.distributions,
                        user_attrs={**attributes, "rung": rung},
                        intermediate_values=before.intermediate_values,
                    )
                )


def claim(study, folder, n_trials):
    """Take an attempt from the queue: it and the lock of its run's folder, or None if the queue is empty.

    It is one at a configuration below `n_trials`. Attempts that don't count are closed instead.
    """
    found = attempts(study)
    counting = {that_counts(tries).number for tries in found.values()}
    waiting_ones = [a for tries in found.values() for a in tries if a.state == TrialState.WAITING]
    for waiting in sorted(waiting_ones, key=lambda a: a.number):
        if waiting.number not in counting:
            with suppress(UpdateFinishedTrialError):
                set_state(study, waiting, TrialState.FAIL)
            continue
        if waiting.user_attrs["configuration"] >= n_trials:
            continue
        lock = run_lock(folder, waiting)
        if take(lock):
            taken = False
            try:
                taken = _take(study, waiting)
                if taken:
                    return begun(study, waiting), lock
            finally:
                if not taken:
                    lock.release()
    return None


def _take(study, waiting):
    """Let an attempt run; whether no other process was faster."""
    try:
        # Before it runs: an attempt that never gave a sign of life is never missed.
        give_sign_of_life(study, waiting)
        return set_state(study, waiting, TrialState.RUNNING)
    except UpdateFinishedTrialError:
        return False


def run_lock(folder, trial):
    """The lock that the worker of an attempt holds."""
    run = Path(folder) / trial.user_attrs["run"]
    run.mkdir(parents=True, exist_ok=True)
    return lock_at(run / ".lock")


def fail_dead(study, folder, place):
    """Fail the attempts whose processes are dead: those without signs of life, by Optuna's own means.

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
        if take(lock):
            try:
                with suppress(UpdateFinishedTrialError):
                    study.tell(running.number, state=TrialState.FAIL, skip_if_finished=True)
            finally:
                lock.release()
