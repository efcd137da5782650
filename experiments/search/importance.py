"""How much each hyper-parameter of a search matters for a good score, and how much it would by chance."""

import math
import warnings
from typing import NamedTuple

import numpy as np
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

# Trials are good if they are in the best quarter; with less than two of them there is nothing to compare.
GOOD = 0.25
LEAST_TRIALS = 8

# Below so many trials, of which five are good, the evaluator is said to be unsteady.
ENOUGH_TRIALS = 20

# Shuffles of the scores among the trials, and the share of them that stay below what is called chance.
N_SHUFFLES = 100
LEVEL = 0.95


class Importance(NamedTuple):
    """Of a hyper-parameter, as shares of the sum over all of them.

    Attributes
    ----------
    share : float
    by_chance : float
        What a hyper-parameter with these values that does not matter stays below, 19 times in 20.
    """

    share: float
    by_chance: float


def importances(study, rng):
    """PED-ANOVA: how differently a hyper-parameter is distributed in the best quarter of the trials.

    Only the order of the scores counts.

    Parameters
    ----------
    study : optuna.Study
        Its complete trials count.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to Importance
        By hyper-parameter, the most important first; without those that are the same in all trials. It is
        empty where there are less than `LEAST_TRIALS`.

    Reference
    ---------
    Watanabe, Bansal & Hutter (2023), *PED-ANOVA: Efficiently quantifying hyperparameter importance in
    arbitrary subspaces*. International Joint Conference on Artificial Intelligence.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = sorted(varied([trial.params for trial in trials]))
    if len(trials) < LEAST_TRIALS or not names:
        return {}
    scores = np.array([trial.value for trial in trials])
    evaluator = PedAnovaImportanceEvaluator(target_quantile=GOOD)

    def evaluate(scores):
        given = dict(zip([trial.number for trial in trials], scores, strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that low ones are taken to be good, as they are
            return evaluator.evaluate(study, names, target=lambda trial: given[trial.number])

    found = evaluate(scores)
    shuffled = [evaluate(rng.permutation(scores)) for _ in range(N_SHUFFLES)]
    by_chance = {name: np.quantile([each[name] for each in shuffled], LEVEL) for name in names}
    total = math.fsum(found.values()) or 1.0
    return {name: Importance(value / total, by_chance[name] / total) for name, value in found.items()}


def varied(all_params):
    """Names of those hyper-parameters that are not the same in all trials."""
    names = {name for params in all_params for name in params}
    return {name for name in names if len({repr(params.get(name)) for params in all_params}) > 1}
