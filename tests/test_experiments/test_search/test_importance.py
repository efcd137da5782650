"""Importances: of what decides on the score, of what doesn't, and of nothing."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from experiments.search.importance import LEAST_TRIALS, importances, varied

CHOICES = {"decisive": [1, 2, 3, "all"], "other": [0.1, 0.2], "same": [7]}


def study_of(n_trials, score):
    """A study with scores that are a function of hyper-parameters and random numbers."""
    rng = np.random.default_rng(1)
    study = optuna.create_study()
    distributions = {name: CategoricalDistribution(choices) for name, choices in CHOICES.items()}
    for _ in range(n_trials):
        params = {name: choices[rng.integers(len(choices))] for name, choices in CHOICES.items()}
        study.add_trial(create_trial(params=params, distributions=distributions, value=score(params, rng)))
    return study


def test_what_decides_is_beyond_chance(rng):
    study = study_of(64, lambda params, noise: (params["decisive"] != 2) + 0.1 * noise.random())
    found = importances(study, rng)
    assert list(found) == ["decisive", "other"]
    assert sum(importance.share for importance in found.values()) == pytest.approx(1)
    assert found["decisive"].share > max(0.8, 2 * found["decisive"].by_chance)
    assert found["other"].share < found["other"].by_chance


def test_chance_is_exceeded_once_in_twenty():
    n_beyond = 0
    for seed in range(20):
        noise = np.random.default_rng(seed)
        found = importances(study_of(30, lambda params, _, noise=noise: noise.random()), noise)
        n_beyond += found["decisive"].share > found["decisive"].by_chance
    assert n_beyond <= 4  # of 20 with probability 0.05: more in 1 of 400 cases


def test_only_the_order_of_scores_counts():
    first, second = (
        importances(
            study_of(30, lambda params, noise, f=f: f((params["other"] == 0.1) + noise.random())),
            np.random.default_rng(0),
        )
        for f in (float, lambda score: float(np.exp(9 * score)))
    )
    assert first == second


@pytest.mark.parametrize("n_trials", [0, LEAST_TRIALS - 1])
def test_too_few_trials(n_trials, rng):
    assert importances(study_of(n_trials, lambda params, noise: noise.random()), rng) == {}


def test_without_scores_that_differ(rng):
    found = importances(study_of(LEAST_TRIALS, lambda params, noise: 1.0), rng)
    assert all(importance.share == 0 for importance in found.values())


def test_varied():
    assert varied([{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"b": 1}]) == {"a"}
    assert varied([{"a": 1}, {"a": True}, {}]) == {"a"}
    assert varied([]) == set()
