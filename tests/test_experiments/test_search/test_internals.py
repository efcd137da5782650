"""Optuna still has the private names that a search takes of it."""

from importlib import import_module

import optuna
import pytest

from experiments.search.internals import TRANSACTIONS


def assert_has(owner, name):
    said = getattr(owner, "__name__", type(owner).__name__)
    assert hasattr(owner, name), (
        f"Optuna {optuna.__version__} has no {said}.{name}: experiments/search/internals.py needs what took "
        "its place, or setup.cfg a bound on Optuna's version"
    )


@pytest.mark.parametrize("name", ["get_heartbeat_thread", "is_heartbeat_enabled"])
def test_signs_of_life(name):
    assert_has(import_module("optuna.storages._heartbeat"), name)


@pytest.mark.parametrize("name", [*TRANSACTIONS, "record_heartbeat"])
def test_transactions(name):
    assert_has(optuna.storages.RDBStorage, name)


def test_what_studies_and_trials_are_made_of():
    study = optuna.create_study()
    assert_has(study, "_storage")
    assert_has(study.ask(), "_trial_id")
    assert_has(study.trials[0], "_trial_id")
