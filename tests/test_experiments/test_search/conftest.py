"""Searches that say nothing, and train nothing."""

import optuna
import pytest
from optuna.trial import TrialState

from experiments.search import studies, worker
from experiments.search.rungs import SHARES


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def stub(monkeypatch):
    """Instead of training, let a function of number and rung give scores; a list of what was asked for."""

    def stub(score_of):
        asked = []

        def run(plan, dataset, study, trial):
            place = trial.user_attrs["configuration"], studies.rung_of(trial)
            asked.append(place)
            for name, choices in plan.space.items():
                trial.suggest_categorical(name, choices)
            score, share = score_of(*place), studies.shares_of(study)[place[1]]
            trial.report(score + 1, 1 + place[1])
            return {"values": score} if share == 1 else {"state": TrialState.PRUNED, "score": score}

        def progress(plan, trial):
            return {"share": SHARES[studies.rung_of(trial)], "seconds": 3.0 + studies.rung_of(trial)}

        monkeypatch.setattr(worker, "_run", run)
        monkeypatch.setattr(worker, "_progress", progress)
        return asked

    return stub
