"""The private names of Optuna that a search uses, which Optuna does not promise to keep.

If a later version has different ones, a test says which one is gone.
"""

from optuna.storages._heartbeat import get_heartbeat_thread, is_heartbeat_enabled
from optuna.trial import Trial

# Methods of a database that are transactions, too, beside the public ones of all storages.
TRANSACTIONS = (
    "_create_new_trial",
    "_get_best_trial_id",
    "_get_stale_trial_ids",
    "_get_trials",
    "_set_trial_param",
)


def set_state(study, trial, state):
    """Change a trial's state in the storage; whether no other process was faster.

    Raises
    ------
    optuna.exceptions.UpdateFinishedTrialError
        If the trial has ended.
    """
    return study._storage.set_trial_state_values(trial._trial_id, state)


def begun(study, trial):
    """A trial that was taken from the queue, as its worker has it."""
    return Trial(study, trial._trial_id)


def give_sign_of_life(study, trial):
    """Give one sign of life for the worker of a trial, if the storage supports this."""
    if is_heartbeat_enabled(study._storage):
        study._storage.record_heartbeat(trial._trial_id)


def signs_of_life(study, trial):
    """A context in which signs of life are given for the worker of a trial, if the storage supports this."""
    return get_heartbeat_thread(trial._trial_id, study._storage)
